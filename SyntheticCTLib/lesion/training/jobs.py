"""The job "lesion.train": from a configuration to a model that can be painted with."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from ... import __version__
from ...errors import InputError
from ...jobs import JobContext, job_kind
from ..model_files import Model, save_model
from .checkpoints import CHECKPOINT
from .config import TrainConfig, read_config
from .data import CACHE, TrainingData, read_training_data, shares
from .loop import LOSSES

MODEL = "model"
"""Folder of the finished model within the training's."""

CURVES, SAMPLES = "losses.png", "samples.png"


@job_kind("lesion.train")
def train_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Train a model, or go on with a training that was interrupted.

    Parameters: config (a TOML file), output (a folder), overwrite (begin anew). Unlike other jobs this one writes into
    its folder as it goes, each file whole or not at all, so that nothing is lost when it is killed.
    Result: folder, files, steps, seconds.
    """
    from ..painting.painter import Painter
    from .loop import train
    from .pictures import draw_curves, draw_samples

    config = read_config(parameters["config"])
    folder = Path(parameters["output"])
    _claim(folder, parameters["overwrite"])
    started = time.monotonic()
    data = read_training_data(config, folder, context.report)
    trained = train(data.train, config, folder, context.report)
    if trained.resumed_at:
        context.note(f"went on from step {trained.resumed_at}")
    context.report("drawing")
    model = _finished(config, data, trained, folder)
    _replaced(folder / CURVES, lambda file: draw_curves(trained.columns, trained.losses, file))
    shown = data.validation or data.test
    if len(shown):
        _replaced(folder / SAMPLES, lambda file: draw_samples(shown, Painter(model, halo=0), file))
    files = [LOSSES, CURVES, SAMPLES, *(f"{MODEL}/{file.name}" for file in sorted(model.folder.iterdir()))]
    return {
        "folder": str(folder),
        "files": [file for file in files if (folder / file).exists()],
        "steps": trained.steps,
        "seconds": round(time.monotonic() - started, 1),
    }


def _claim(folder: Path, anew: bool) -> None:
    """Make the folder, or find a training in it; refuse one that holds anything else."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: this is a file; expected is a folder for the training.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / CHECKPOINT).exists() and not _only_ours(folder):
        raise InputError(f"{folder}: this folder holds other files; choose an empty one for the training.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be made ({error.strerror}).") from error
    if anew:
        shutil.rmtree(folder / MODEL, ignore_errors=True)
        for name in (CHECKPOINT, LOSSES, CURVES, SAMPLES):
            (folder / name).unlink(missing_ok=True)


def _only_ours(folder: Path) -> bool:
    """Whether all there is is what a training leaves before its first checkpoint."""
    return all(entry.name == CACHE or entry.suffix == ".part" for entry in folder.iterdir())


def _finished(config: TrainConfig, data: TrainingData, trained: Any, folder: Path) -> Model:
    """Write the model with its card; return it."""
    waiting = folder / f"{MODEL}.part"
    shutil.rmtree(waiting, ignore_errors=True)
    waiting.mkdir()
    nets = trained.pix2pix.averaged
    card = save_model(waiting, _card(config, data, trained), nets)
    shutil.rmtree(folder / MODEL, ignore_errors=True)
    os.replace(waiting, folder / MODEL)
    return Model(
        config.name, folder / MODEL, card, config.preset, config.window, {name: net.cpu() for name, net in nets.items()}
    )


def _card(config: TrainConfig, data: TrainingData, trained: Any) -> dict[str, Any]:
    """What the card says of the training; nothing was measured yet."""
    import torch

    facts = dict(data.facts)
    last = trained.losses[-1]
    card: dict[str, Any] = {
        "name": config.name,
        "region": config.region,
        "lesion": config.lesion,
        "units": "crop" if config.data.layout == "crops" else "hu",
        "window": [config.window.low, config.window.high],
        "spacing": {**facts.pop("spacing"), **config.spacing},
        **({"diameter_mm": list(config.diameter_mm)} if config.diameter_mm else {}),
        "densities": facts.pop("densities"),
        "network": config.preset.to_dict(),
    }
    if "hu_map" in facts:
        card["hu_map"] = facts.pop("hu_map")
    return card | {
        "data": {
            "set": Path(config.data.path).name,
            "layout": config.data.layout,
            "lesion_labels": list(config.data.lesion_labels),
            "in_plane_mm": config.data.in_plane_mm,
            **facts,
            "shares": shares(config),
            "seed": config.seed,
            "licence": config.data.licence,
            "attribution": config.data.attribution,
        },
        "made_by": {
            "command": f"synthetic-ct lesion train {config.source}",
            "steps": trained.steps,
            "seed": config.seed,
            "device": trained.device,
            "syntheticct": __version__,
            "torch": torch.__version__,
            "last_losses": {name: round(value, 4) for name, value in zip(trained.columns, last[1:], strict=True)},
        },
        "limits": list(config.limits),
    }


def _replaced(file: Path, draw: Any) -> None:
    """Draw into a file beside it, then put it in its place."""
    waiting = file.with_name(f"part-{file.name}")
    draw(waiting)
    os.replace(waiting, file)
