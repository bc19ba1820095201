"""Bringing a label map onto the grid of its image, if both lie in the same space."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from .geometry import SAME_GRID_TOLERANCE_MM, Geometry

MIN_INSIDE = 0.9
"""Share of the labeled voxels that must lie inside the image: less, and the map belongs to another scan."""

NOTED_COVERAGE = 0.98
"""A map that covers less of the image than this is mentioned in a note."""

_LATTICE = 50
"""Points along each axis by which coverage is estimated."""


def onto_grid(labels: sitk.Image, grid: Geometry, name: str) -> tuple[sitk.Image, tuple[str, ...]]:
    """The label map on `grid`, and notes if it had to be resampled (nearest neighbor).

    The same space means: at least 90 % of the labeled voxels lie inside the image (an empty map: of all its
    voxels). Labels that cover only a part of the image are welcome and noted. Not accepted is a map with the
    image's first voxel, spacing and direction but another number of voxels: cropped files whose origin was
    forgotten look just like that, and their labels would land on the wrong anatomy.
    Raises InputError, with both geometries, if the map lies elsewhere. name: the file, for the message.
    """
    own = Geometry.of(labels)
    if own.same_as(grid):
        grid.apply_to(labels)
        return labels, ()
    both = f"\n  labels: {own.describe()}\n  image:  {grid.describe()}"
    if _shares_corner_only(own, grid):
        raise InputError(
            f"{name}: the label map begins at the image's first voxel but has another number of voxels, as a "
            "cropped file does whose origin was not written, so its labels may lie elsewhere. "
            f"Save it on the image's grid.{both}"
        )
    inside = _share_inside(labels, grid)
    if inside < MIN_INSIDE:
        raise InputError(
            f"{name}: the label map lies elsewhere: {inside:.0%} of its labeled voxels are inside the image, "
            f"at least {MIN_INSIDE:.0%} are needed. Give the labels of this image, or crop them to it.{both}"
        )
    like = grid.new_image(sitk.sitkUInt8)
    moved = sitk.Resample(labels, like, sitk.Transform(), sitk.sitkNearestNeighbor, 0, labels.GetPixelID())
    grid.apply_to(moved)
    return moved, tuple(_notes(labels, moved, inside))


def values_present(labels: np.ndarray) -> tuple[int, ...]:
    """Values in an array (K, J, I) of 8 or 16 bits without sign; slice by slice to stay small in memory."""
    seen = np.zeros(np.iinfo(labels.dtype).max + 1, dtype=bool)
    for part in labels:
        seen[part.ravel()] = True
    return tuple(int(value) for value in np.flatnonzero(seen))


def _shares_corner_only(own: Geometry, grid: Geometry) -> bool:
    if tuple(own.size) == tuple(grid.size):
        return False
    resized = Geometry(grid.size, own.spacing, own.origin, own.direction)
    return bool(
        np.linalg.norm(np.subtract(own.origin, grid.origin)) <= SAME_GRID_TOLERANCE_MM
        and resized.same_as(grid)
    )


def _share_inside(labels: sitk.Image, grid: Geometry) -> float:
    """Share of the labeled voxels (all voxels if none is) whose centers lie inside `grid`; slice by slice."""
    voxels = sitk.GetArrayViewFromImage(labels)
    everything = not voxels.any()
    to_grid = np.linalg.inv(grid.matrix()) @ Geometry.of(labels).matrix()
    if not everything and _within(to_grid[:3, :3] @ _box_corners(voxels) + to_grid[:3, 3:], grid).all():
        return 1.0
    total = inside = 0
    for k, part in enumerate(voxels):
        j, i = np.nonzero(np.ones_like(part) if everything else part)
        index = to_grid[:3, :3] @ np.stack([i, j, np.full_like(i, k)]) + to_grid[:3, 3:]
        total += len(i)
        inside += int(_within(index, grid).sum())
    return inside / total


def _box_corners(voxels: np.ndarray) -> np.ndarray:
    """(3, 8) indices i, j, k of the corner voxels of the box round the labels in an array (K, J, I)."""
    planes = np.array([part.any() for part in voxels])
    rows, columns = np.zeros(voxels.shape[1], bool), np.zeros(voxels.shape[2], bool)
    for part in voxels[planes]:
        rows |= part.any(axis=1)
        columns |= part.any(axis=0)
    ends = [np.flatnonzero(axis)[[0, -1]] for axis in (columns, rows, planes)]
    return np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1)


def _share_covered(grid: Geometry, own: Geometry) -> float:
    """Share of the image's volume that the label map's grid covers, from a lattice of points."""
    steps = (np.arange(_LATTICE) + 0.5) / _LATTICE
    fractions = np.stack(np.meshgrid(steps, steps, steps, indexing="ij")).reshape(3, -1)
    index = fractions * np.reshape(grid.size, (3, 1)) - 0.5
    to_own = np.linalg.inv(own.matrix()) @ grid.matrix()
    return float(_within(to_own[:3, :3] @ index + to_own[:3, 3:], own).mean())


def _within(index: np.ndarray, grid: Geometry) -> np.ndarray:
    """For continuous indices (3, n), whether each lies on the grid, outer half voxels included."""
    return ((index >= -0.5) & (index <= np.reshape(grid.size, (3, 1)) - 0.5)).all(axis=0)


def _notes(before: sitk.Image, after: sitk.Image, inside: float) -> list[str]:
    notes = ["the label map had another grid and was resampled onto the image's (nearest neighbor)"]
    covered = _share_covered(Geometry.of(after), Geometry.of(before))
    if covered < NOTED_COVERAGE:
        notes.append(
            f"the label map covers only about {covered:.0%} of the image; the rest counts as background"
        )
    if inside < 1:
        notes.append(f"{1 - inside:.1%} of its labeled voxels lie outside the image and were dropped")
    kept = values_present(sitk.GetArrayViewFromImage(after))
    lost = sorted(set(values_present(sitk.GetArrayViewFromImage(before))) - set(kept))
    if lost:
        notes.append(f"labels lost in resampling: {', '.join(map(str, lost))}")
    return notes
