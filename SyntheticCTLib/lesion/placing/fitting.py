"""Drawing a shape on a scan's voxels with the diameter that was asked for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...images import Geometry
from ..masks import axial_axis, largest_diameter
from .shapes import Shape, onto_grid

DIAMETER_TOLERANCE = 0.10
"""The diameter measured on the scan's grid differs from the one asked for by at most this share."""

_CLOSE_ENOUGH = 0.02
_STEPS = 12
_DAMPING = 0.8
"""Power of the ratio of diameters by which the scale changes; less than 1, since voxels make steps of it. What that
leaves of the range between a scale that is too small and one that is too large is halved."""


class Fitted(NamedTuple):
    """A shape on voxels. mask: (K, J, I) bool. start: (3,) offset (K, J, I) of its first voxel from the voxel that
    the shape's center lies in. scale: of the shape. diameter_mm: as measured on the voxels."""

    mask: np.ndarray
    start: np.ndarray
    scale: float
    diameter_mm: float

    def agrees_with(self, diameter_mm: float) -> bool:
        """Whether it has this diameter within `DIAMETER_TOLERANCE`."""
        return abs(self.diameter_mm / diameter_mm - 1) <= DIAMETER_TOLERANCE


def fit(shape: Shape, geometry: Geometry, diameter_mm: float) -> Fitted:
    """The shape drawn round the center of a voxel of a grid, as near as can be to a longest axial diameter.

    Thick slices miss the widest part of a shape and pixels round its outline, so its scale is fitted. A diameter
    of few pixels may not be reached: ask `Fitted.agrees_with`.
    """
    widest = 2 * np.linalg.norm(np.multiply(shape.mask.shape[::-1], shape.spacing))
    reach = np.ceil(widest * max(1.0, diameter_mm / shape.diameter_mm) / geometry.spacing).astype(int)
    local = Geometry(tuple(int(n) for n in 2 * reach + 1), geometry.spacing, (0.0, 0.0, 0.0), geometry.direction)
    center = tuple(local.matrix()[:3, :3] @ reach)
    scale, too_small, too_large = diameter_mm / shape.diameter_mm, 0.0, np.inf
    best: Fitted | None = None
    for _ in range(_STEPS):
        placed = onto_grid(shape, local, center, scale)
        found = largest_diameter(placed.mask, geometry.spacing[::-1], axial_axis(geometry))
        if best is None or abs(found - diameter_mm) < abs(best.diameter_mm - diameter_mm):
            start = np.array([part.start for part in placed.box]) - reach[::-1]
            best = Fitted(placed.mask, start, scale, found)
        if abs(found / diameter_mm - 1) <= _CLOSE_ENOUGH:
            break
        too_small, too_large = (scale, too_large) if found < diameter_mm else (too_small, scale)
        scale *= float(np.clip((diameter_mm / found) ** _DAMPING, 0.5, 2.0))
        if not too_small < scale < too_large:
            scale = (too_small + too_large) / 2
    return best
