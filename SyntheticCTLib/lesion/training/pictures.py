"""Pictures of a training: curves of its losses, and lesions of patients it has not seen, real and painted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..painting.painter import Painter
from .batches import Stack

SHOWN = 12
"""Lesions on a sample sheet."""

_SIDE = 64
"""Pixels of the square shown."""

_SMOOTHED = 15
"""Rows of the table of losses over which curves are averaged."""


def draw_curves(columns: Sequence[str], losses: Sequence[Sequence[float]], file: Path) -> None:
    """Write a PNG with one curve for each column of the table of losses (rows: step, values)."""
    from matplotlib.figure import Figure

    table = np.asarray(losses)
    figure = Figure(figsize=(3.2 * len(columns), 2.6), layout="constrained")
    for axes, name, values in zip(
        figure.subplots(1, len(columns), squeeze=False)[0], columns, table[:, 1:].T, strict=True
    ):
        axes.plot(table[:, 0], values, color="0.8", linewidth=0.8)
        width = min(_SMOOTHED, len(values))
        axes.plot(table[width - 1 :, 0], np.convolve(values, np.ones(width) / width, "valid"), color="C0")
        axes.set(title=name, xlabel="step")
    figure.savefig(file, dpi=90)


def draw_samples(stacks: Sequence[Stack], painter: Painter, file: Path, seed: int = 0) -> None:
    """Write a PNG: the middle slice of some lesions as it is, whitened, as most likely, and as two variations."""
    from matplotlib.figure import Figure

    order = np.random.default_rng(seed).permutation(len(stacks))[:SHOWN]
    figure = Figure(figsize=(7, 1.4 * len(order)), layout="constrained")
    rows = figure.subplots(len(order), 5, squeeze=False)
    for row, number in zip(rows, order, strict=True):
        pictures = _versions(stacks[int(number)], painter)
        low, high = float(pictures[0].min()), float(np.percentile(pictures[0], 99.5))
        for axes, picture in zip(row, pictures, strict=True):
            axes.imshow(picture, cmap="gray", vmin=low, vmax=max(high, low + 1))
            axes.set_axis_off()
    for axes, title in zip(rows[0], ("real", "whitened", "most likely", "seed 1", "seed 2"), strict=True):
        axes.set_title(title, fontsize=9)
    figure.savefig(file, dpi=90)


def _versions(stack: Stack, painter: Painter) -> list[np.ndarray]:
    """Squares round the lesion, in HU: real, whitened, painted without a seed and with two."""
    k = int(np.argmax(stack.mask.sum(axis=(1, 2))))
    window = painter.model.window
    hu, mask = window.decode(stack.image[k : k + 1]), stack.mask[k : k + 1]
    whitened = np.where(mask, window.high, hu)
    painted = [painter.paint(hu, mask, seed) for seed in (None, 1, 2)]
    rows, columns = (_around(mask[0].any(axis=axis), mask.shape[axis_of]) for axis, axis_of in ((1, 1), (0, 2)))
    return [array[0, rows, columns] for array in (hu, whitened, *painted)]


def _around(filled: np.ndarray, size: int) -> slice:
    """A run of `_SIDE` indices round the filled ones, as far as there are that many."""
    places = np.flatnonzero(filled)
    start = int(np.clip((places[0] + places[-1] + 1 - _SIDE) // 2, 0, max(0, size - _SIDE)))
    return slice(start, start + _SIDE)
