"""The shape of a lesion, free of any scan, and its way onto the grid of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import InputError
from ...images import Geometry
from ..masks import Box, largest_diameter

GROWN = "grown"
"""Origin of a shape that was made, not taken from a patient."""

_ROUNDING_VOXELS = 0.6
"""Standard deviation, in voxels of the shape, by which its distance map is smoothed: the stairs of its voxels
are an accident of its grid, not its outline."""

_AROUND = 2
"""Voxels of background kept round a shape, so that its distance map has an outside on every side."""


@dataclass(frozen=True, eq=False)
class Shape:
    """What a lesion's outline is, in mm, along the patient's axes.

    mask: (K, J, I) bool, where K runs to the head, J to the back and I to the patient's left (LPS); its middle is
        the shape's center. spacing: mm along I, J, K. origin: `GROWN`, or "harvested" and an opaque number.
    changes: what was done to it since, for the record. source: the file it was harvested from, for private records
        only; what is made of the shape does not know it.
    Raises InputError if the mask is not 3-D or empty, or the spacing is not positive.
    """

    mask: np.ndarray = field(repr=False)
    spacing: tuple[float, float, float]
    origin: str
    changes: dict = field(default_factory=dict)
    source: Path | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.mask.ndim != 3 or not self.mask.any():
            raise InputError(f"A lesion shape of {self.mask.shape} voxels: a 3-D mask that is not empty is needed.")
        if not (np.isfinite(self.spacing).all() and min(self.spacing) > 0):
            raise InputError(f"A lesion shape with a spacing of {self.spacing} mm: it must be above 0.")

    @cached_property
    def diameter_mm(self) -> float:
        """Longest distance within one axial slice."""
        return largest_diameter(self.mask, self.spacing[::-1])

    @cached_property
    def signed_distance(self) -> np.ndarray:
        """(K, J, I) float32 mm to the outline, positive inside, on the mask's voxels and `_AROUND` more each way.

        Between slices it is what shape-based interpolation interpolates (Raya and Udupa 1990): outlines then
        change smoothly from slice to slice, where a copied mask would have steps as high as a slice.
        """
        from scipy import ndimage

        mask = np.pad(self.mask, _AROUND)
        sampling = self.spacing[::-1]
        inside = ndimage.distance_transform_edt(mask, sampling)
        outside = ndimage.distance_transform_edt(~mask, sampling)
        smooth = ndimage.gaussian_filter(inside - outside, _ROUNDING_VOXELS, mode="nearest")
        return smooth.astype(np.float32)

    def sampled(self, offsets: np.ndarray, order: int = 1) -> np.ndarray:
        """Signed distance in mm, float32, at offsets (3, ...) in mm LPS from the shape's center.

        Beyond its voxels it falls with the distance to them, so that nothing there counts as inside.
        order: of the spline between voxels.
        """
        from scipy import ndimage

        middle = (np.asarray(self.signed_distance.shape) - 1) / 2
        index = np.stack([offsets[2 - a] / self.spacing[2 - a] + middle[a] for a in range(3)])
        last = 2 * middle
        beyond = np.maximum(np.maximum(-index, index - last.reshape(3, *[1] * (index.ndim - 1))), 0)
        values = ndimage.map_coordinates(self.signed_distance, index, order=order, mode="nearest", output=np.float32)
        if beyond.any():
            steps = np.reshape(self.spacing[::-1], (3, *[1] * (index.ndim - 1)))
            values -= np.linalg.norm(beyond * steps, axis=0).astype(np.float32)
        return values


class Placed(NamedTuple):
    """A lesion's mask on a scan's grid. box: where in the scan's array (K, J, I). mask: (K, J, I) bool of it."""

    box: Box
    mask: np.ndarray


def onto_grid(shape: Shape, geometry: Geometry, center_lps: tuple[float, float, float], scale: float = 1.0) -> Placed:
    """The voxels of a scan whose centers a shape covers when its center lies at a point of the patient.

    geometry: the scan's grid, of any spacing and orientation. center_lps: mm. scale: of the shape, 1 as it is.
    One connected component is kept, the largest. A shape too thin to cover any voxel's center gets the voxel at
    its deepest point. What lies beyond the grid is cut off. The mask fills its box.
    Raises InputError if no part of the shape lies on the grid.
    """
    to_index = np.linalg.inv(geometry.matrix())
    half = (np.asarray(shape.mask.shape[::-1]) / 2) * shape.spacing * scale
    corners = np.array(np.meshgrid(*[(-1, 1)] * 3, indexing="ij")).reshape(3, -1) * half[:, None]
    reach = np.abs(to_index[:3, :3] @ corners).max(axis=1)
    center = to_index[:3, :3] @ np.asarray(center_lps, float) + to_index[:3, 3]
    low = np.maximum(np.floor(center - reach), 0).astype(int)
    high = np.minimum(np.ceil(center + reach), np.asarray(geometry.size) - 1).astype(int)
    if (low > high).any():
        raise InputError(_beyond(center_lps, geometry))
    index = np.meshgrid(*[np.arange(a, b + 1) for a, b in zip(low[::-1], high[::-1], strict=True)], indexing="ij")
    steps = np.stack(index[::-1]) - center.reshape(3, 1, 1, 1)
    offsets = np.tensordot(geometry.matrix()[:3, :3], steps, axes=1) / scale
    depth = shape.sampled(offsets)
    mask = depth > 0
    if not mask.any():
        _refuse_missed(shape, geometry, center_lps, scale)
        mask.flat[depth.argmax()] = True
    return _tight(largest_part(mask), low[::-1])


def largest_part(mask: np.ndarray) -> np.ndarray:
    """The largest connected component (26 neighbors) of a mask (K, J, I); the first of several as large."""
    from scipy import ndimage

    numbers, count = ndimage.label(mask, structure=np.ones((3, 3, 3), bool))
    if count <= 1:
        return mask
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    return numbers == sizes.argmax()


def tight_box(mask: np.ndarray) -> Box:
    """The smallest box that holds a mask (K, J, I), which must not be empty."""
    ends = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {a})))[[0, -1]] for a in range(3)]
    return tuple(slice(int(a), int(b) + 1) for a, b in ends)


def _tight(mask: np.ndarray, start: np.ndarray) -> Placed:
    inner = tight_box(mask)
    box = tuple(slice(int(s) + i.start, int(s) + i.stop) for s, i in zip(start, inner, strict=True))
    return Placed(box, np.ascontiguousarray(mask[inner]))


def _refuse_missed(shape: Shape, geometry: Geometry, center_lps, scale: float) -> None:
    """Refuse a shape that covers no voxel's center because it lies beyond the grid, not because it is thin."""
    deepest = np.argwhere(shape.signed_distance == shape.signed_distance.max())[0]
    middle = (np.asarray(shape.signed_distance.shape) - 1) / 2
    point = np.asarray(center_lps) + (deepest - middle)[::-1] * shape.spacing * scale
    to_index = np.linalg.inv(geometry.matrix())
    index = to_index[:3, :3] @ point + to_index[:3, 3]
    if (index < -0.5).any() or (index > np.asarray(geometry.size) - 0.5).any():
        raise InputError(_beyond(center_lps, geometry))


def _beyond(center_lps, geometry: Geometry) -> str:
    at = ", ".join(f"{mm:.1f}" for mm in center_lps)
    return f"A lesion at ({at}) mm LPS lies outside the scan ({geometry.describe()}); choose a point inside it."
