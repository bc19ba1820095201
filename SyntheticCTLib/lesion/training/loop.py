"""Trains a pix2pix to paint lesions, step by step, in such a way that it can be stopped and taken up again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from .batches import Batches, Stack
from .checkpoints import binding, load_checkpoint, save_checkpoint
from .config import LOSSES_EVERY, TrainConfig

if TYPE_CHECKING:
    from ..network.pix2pix import Pix2Pix

LOSSES = "losses.csv"

Report = Callable[[str, float | None], None]
"""Told the stage and the share done; may raise to stop."""


@dataclass(frozen=True)
class Trained:
    """A training that came to its end. steps: done in all; resumed_at: where this run took up."""

    pix2pix: Pix2Pix
    losses: list[list[float]]
    columns: tuple[str, ...]
    steps: int
    resumed_at: int
    device: str


def train(stacks: Sequence[Stack], config: TrainConfig, folder: Path, report: Report) -> Trained:
    """Train to the end, from the beginning or from the checkpoint in `folder`.

    On the processor the same configuration, data and number of threads give the same bytes, stopped or not. On CUDA
    they do not for sure, only cuDNN's choices are the same every time; on MPS nothing is done about it.

    Args:
        stacks: lesions to train on.
        config: the training.
        folder: exists; the checkpoint and the table of losses go there.
        report: progress.

    Raises:
        InputError: nothing to train on, a checkpoint of another training, or a device that is not there.
    """
    from ..network.pix2pix import Pix2Pix

    if not any(stack.mask.any() for stack in stacks):
        raise InputError("There is no lesion to train on; check the data's lesion_labels and the split.")
    device = pick_device(config.device)
    settings = config.preset.optimisation
    batches = Batches(stacks, settings.patches, settings.margin, settings.batch, settings.halo, config.seed)
    steps = settings.steps or settings.epochs * -(-batches.slices // settings.batch)
    bound = binding(config.to_dict(), data_hash(stacks))
    with _threads(config.threads), steady_convolutions(device):
        pix2pix = Pix2Pix(config.preset, config.seed, device)
        kept = load_checkpoint(folder, bound)
        if kept:
            pix2pix.restore(kept["state"])
        start, columns, losses = (kept["step"], kept["columns"], kept["losses"]) if kept else (0, [], [])
        if kept:  # the table may be of the checkpoint before
            _write_losses(folder, columns, losses)
        recent: list[dict[str, float]] = []
        for number in range(start, steps):
            pix2pix.set_pace(pace(number, steps, settings.decay))
            recent.append(pix2pix.step(batches.draw(number), number))
            columns = list(recent[-1])
            done = number + 1
            if done % LOSSES_EVERY == 0 or done == steps:
                losses.append([done, *(float(np.mean([row[name] for row in recent])) for name in columns)])
                recent = []
                report(f"step {done} of {steps}", done / steps)
            if done % config.checkpoint_every == 0 or done == steps:
                save_checkpoint(folder, bound, done, pix2pix.state(), columns, losses)
                _write_losses(folder, columns, losses)
    return Trained(pix2pix, losses, tuple(columns), steps, start, device)


def pace(number: int, steps: int, decay: float) -> float:
    """The share of the learning rate at a step: 1, and in the last `decay` of the steps straight down towards 0."""
    return min(1.0, (steps - number) / (decay * steps)) if decay else 1.0


def pick_device(name: str) -> str:
    """The device to train on: "auto" takes CUDA, then MPS, then the processor.

    Raises InputError if the device asked for is not there.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, found in there.items() if found)
    if not there[name]:
        raise InputError(f"device is {name!r}, which torch does not find here; use 'auto' or 'cpu'.")
    return name


@contextmanager
def steady_convolutions(device: str) -> Iterator[None]:
    """On CUDA, let cuDNN take the same algorithms every time, and only those that sum in a fixed order."""
    from torch.backends import cudnn

    before = cudnn.deterministic, cudnn.benchmark
    if device == "cuda":
        cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before


def data_hash(stacks: Sequence[Stack]) -> str:
    """A hash of everything that is trained on."""
    whole = hashlib.sha256()
    for stack in stacks:
        whole.update(f"{stack.patient} {stack.consecutive} {stack.image.shape}".encode())
        whole.update(np.ascontiguousarray(stack.image).data)
        whole.update(np.ascontiguousarray(stack.mask).data)
    return whole.hexdigest()


def _write_losses(folder: Path, columns: Sequence[str], losses: Sequence[Sequence[float]]) -> None:
    rows = [",".join(("step", *columns)), *(",".join(f"{value:.6g}" for value in row) for row in losses)]
    waiting = folder / f"{LOSSES}.part"
    waiting.write_text("\n".join(rows) + "\n", encoding="utf-8")
    os.replace(waiting, folder / LOSSES)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Use so many threads (0: as many as torch likes); sums depend on it in their last digits."""
    import torch

    before: Any = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
