"""One grid for all cases of a study, and the one resampling that takes both groups there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ...cohort.dataset.places import centered
from ...errors import InputError
from ...images.geometry import Geometry
from ...morph.flow import transform
from ...morph.path import KJI, positions
from ...morph.resampling import ImageSampler, Slab
from ..study import Window
from .candidates import Candidate

FEWEST_VOXELS = 8
"""Along each axis; with fewer there is nothing to look at."""

_UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

_SLAB_VOXELS = 1 << 21

RESAMPLED = (
    "Both groups were resampled once onto the study's grid, by the same cubic B-splines. Real scans come as they were "
    "reconstructed; a synthetic scan was resampled once before, when it was made: that difference is part of what is "
    "judged."
)


@dataclass(frozen=True)
class Grid:
    """size: voxels, spacing: mm, both along the patient's axes (LPS)."""

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]


def common_grid(candidates: Sequence[Candidate], spacing: Sequence[float] | None = None) -> Grid:
    """The grid that every candidate fills: the coarsest spacing along each axis unless given, the smallest field of
    view. Raises InputError if that is too small to be looked at."""
    step = np.array(spacing if spacing else np.max([one.spacing for one in candidates], axis=0), float)
    step = np.round(step, 3)
    extents = np.array([one.extent for one in candidates])
    smallest = extents.min(axis=0)
    size = np.floor(smallest / step + 1e-6).astype(int)
    if size.min() < FEWEST_VOXELS:
        axis = int(size.argmin())
        least = candidates[int(extents[:, axis].argmin())].scan
        raise InputError(
            f"All cases get one grid, and {least.name} ({least.file}) reaches over {smallest[axis]:.0f} mm only along "
            f"{'xyz'[axis]}: {size[axis]} voxels of {step[axis]:g} mm. Take it out of its folder, or give a smaller "
            "--spacing."
        )
    return Grid(tuple(map(int, size)), tuple(map(float, step)))


def place(grid: Grid, candidate: Candidate) -> Geometry:
    """Where the grid lies in a scan: round the middle of the body, moved to where the scan was seen."""
    half = np.multiply(grid.size, grid.spacing) / 2
    low, high = np.asarray(candidate.low) + half, np.asarray(candidate.high) - half
    middle = np.clip(candidate.middle, low, np.maximum(low, high))
    origin = middle - half + np.asarray(grid.spacing) / 2
    return Geometry(grid.size, grid.spacing, tuple(map(float, origin)), _UPRIGHT)


def resample(image: sitk.Image, geometry: Geometry, limits: tuple[float, float]) -> sitk.Image:
    """The scan on a grid, within limits (HU), centred on 0 and with an empty header."""
    sampler = ImageSampler(image)
    to_index = np.linalg.inv(Geometry.of(image).matrix() @ KJI)
    voxels = np.empty(geometry.size[::-1], np.int16)
    outside = np.empty(geometry.size[::-1], np.uint8)
    depth = max(1, _SLAB_VOXELS // (geometry.size[0] * geometry.size[1]))
    for first in range(0, geometry.size[2], depth):
        rows = slice(first, min(first + depth, geometry.size[2]))
        sampler.fill(voxels, outside, Slab(rows, transform(to_index, positions(_rows(geometry, rows)))))
    result = sitk.GetImageFromArray(np.clip(voxels, *limits).astype(np.int16))
    geometry.apply_to(result)
    return centered(result)


def union(windows: Sequence[Window]) -> tuple[float, float]:
    """The HU that can be told apart in any of the windows."""
    return min(one.low for one in windows), max(one.high for one in windows)


def _rows(geometry: Geometry, rows: slice) -> Geometry:
    size = (*geometry.size[:2], rows.stop - rows.start)
    origin = (*geometry.origin[:2], geometry.origin[2] + rows.start * geometry.spacing[2])
    return Geometry(size, geometry.spacing, origin, geometry.direction)
