"""Cuts regions out of axial slices: square pixels of a wanted size, and room for random patches round a lesion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

SAME_SPACING = 0.02
"""Pixel sizes that differ by no more than this share count as equal: nothing is resampled for less."""

_SPLINE_REACH = 12
"""Pixels round a region that a cubic spline's coefficients depend on (they decay by 0.27 a pixel)."""


class Axis(NamedTuple):
    """Where the pixels of a region lie along one axis of a slice.

    positions: (n,) in pixels of the slice, not yet limited to it. step: size of the region's pixels in pixels of
    the slice; 1 means that pixels are taken as they are.
    """

    positions: np.ndarray
    step: float

    def inside(self, size: int) -> np.ndarray:
        """(n,) bool: which of them lie on a slice of so many pixels."""
        return (self.positions >= -0.5) & (self.positions <= size - 0.5)


class PixelSize(NamedTuple):
    """The pixels to cut: their size in mm, and their step along rows' and columns' axis in pixels of the slice."""

    mm: float
    steps: tuple[float, float]

    @property
    def resampled(self) -> bool:
        """Whether values have to be interpolated."""
        return self.steps != (1.0, 1.0)


def pixel_size(row_mm: float, column_mm: float, wanted_mm: float | None) -> PixelSize:
    """What pixels to cut from slices whose rows and columns lie so far apart.

    Pixels within 2 % of the wanted size (None: of each other) are taken as they are. Else they become squares of the
    wanted size; None: of the smaller of the two distances.
    """
    wanted = min(row_mm, column_mm) if wanted_mm is None else wanted_mm
    steps = (wanted / row_mm, wanted / column_mm)
    if all(abs(1 / step - 1) <= SAME_SPACING for step in steps):
        return PixelSize(float(np.sqrt(row_mm * column_mm)), (1.0, 1.0))
    return PixelSize(float(wanted), steps)


def room_for_patches(start: int, stop: int, step: float, patch: int | None, size: int) -> Axis:
    """Pixels along one axis, so that patches round a lesion at `start`..`stop` (pixels of the slice) can be drawn.

    Every patch of so many pixels that holds the lesion from end to end fits, and every one whose middle lies on it.
    patch None: the slice from end to end.
    """
    if patch is None:
        count = max(1, int(np.rint(size / step)))
        return Axis((np.arange(count) - (count - 1) / 2) * step + (size - 1) / 2, step)
    length = int(np.ceil((stop - start) / step - 1e-6))
    margin = max(patch - length, (patch + 1) // 2)
    first = start - 0.5 if step == 1 else (start + stop) / 2 - 0.5 - length * step / 2
    return Axis(first + (np.arange(length + 2 * margin) - margin + 0.5) * step, step)


def slabs(start: int, stop: int, most: int | None) -> Iterator[slice]:
    """Runs of slices from `start` to `stop` of nearly equal length, none longer than `most` (None: one run)."""
    count = 1 if most is None else -(-(stop - start) // most)
    ends = np.linspace(start, stop, count + 1).round().astype(int)
    for first, last in zip(ends[:-1], ends[1:], strict=True):
        yield slice(int(first), int(last))


def cut_hu(slices: np.ndarray, rows: Axis, columns: Axis) -> np.ndarray:
    """Whole HU (K, H, W) float32 of a region of slices (K, J, I); beyond their border their edge goes on.

    Where pixels are resampled: Gaussian against aliasing if they become larger (sigma half of the excess), then cubic
    splines, limited to the values of the nearest pixel and its neighbors, because splines ring at bone and air.
    """
    if rows.step == columns.step == 1:
        return _taken(slices, rows, columns).astype(np.float32)
    from scipy import ndimage

    cut = np.empty((len(slices), len(rows.positions), len(columns.positions)), np.float32)
    part, places = _near(slices.shape, rows, columns)
    near = tuple(np.rint(place).astype(int) for place in places)
    grid = np.meshgrid(*places, indexing="ij")
    for k, plane in enumerate(slices):
        smooth = _smoothed(plane[part], rows, columns)
        values = ndimage.map_coordinates(smooth, grid, order=3, mode="nearest")
        low = ndimage.minimum_filter(smooth, 3, mode="nearest")[np.ix_(*near)]
        high = ndimage.maximum_filter(smooth, 3, mode="nearest")[np.ix_(*near)]
        cut[k] = np.rint(np.clip(values, low, high))
    return cut


def cut_mask(slices: np.ndarray, rows: Axis, columns: Axis) -> np.ndarray:
    """A region (K, H, W) of a mask (K, J, I), bool; nothing is marked beyond the border.

    Where pixels are resampled one is marked if at least half of it is; in a slice where this would leave none, those
    that hold the most of the mask.
    """
    beyond = ~(rows.inside(slices.shape[1])[:, None] & columns.inside(slices.shape[2])[None])
    if rows.step == columns.step == 1:
        return _taken(slices, rows, columns) & ~beyond
    from scipy import ndimage

    cut = np.zeros((len(slices), *beyond.shape), bool)
    part, places = _near(slices.shape, rows, columns)
    grid = np.meshgrid(*places, indexing="ij")
    for k, plane in enumerate(slices):
        if plane[part].any():
            share = ndimage.map_coordinates(_smoothed(plane[part], rows, columns), grid, order=1, mode="nearest")
            share[beyond] = 0
            cut[k] = (share >= min(0.5, float(share.max()))) & (share > 0)
    return cut


def _taken(slices: np.ndarray, rows: Axis, columns: Axis) -> np.ndarray:
    """Pixels as they are, the edge going on beyond the border."""
    j, i = (
        np.clip(np.rint(axis.positions).astype(int), 0, size - 1)
        for axis, size in zip((rows, columns), slices.shape[1:], strict=True)
    )
    return slices[:, j[:, None], i[None]]


def _near(shape: tuple[int, ...], rows: Axis, columns: Axis) -> tuple[tuple[slice, slice], list[np.ndarray]]:
    """The part of the slices that a region depends on, and the positions within it, limited to the slices."""
    part, places = [], []
    for axis, size in zip((rows, columns), shape[1:], strict=True):
        limited = np.clip(axis.positions, 0, size - 1)
        reach = _SPLINE_REACH + int(np.ceil(2 * axis.step))
        first = max(0, int(limited[0]) - reach)
        part.append(slice(first, min(size, int(limited[-1]) + reach + 2)))
        places.append(limited - first)
    return (part[0], part[1]), places


def _smoothed(plane: np.ndarray, rows: Axis, columns: Axis) -> np.ndarray:
    from scipy import ndimage

    sigmas = [max(0.0, (axis.step - 1) / 2) for axis in (rows, columns)]
    return ndimage.gaussian_filter(plane.astype(np.float32), sigmas, mode="nearest")
