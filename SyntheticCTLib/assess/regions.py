"""Where a painted lesion is looked at: in it, round it, everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RING_MM = 5.0
"""Width of the ring round a lesion where the spacing is known."""

RING_PIXELS = 7
"""Width of the ring where it is not: 5 mm at 0.7 mm per pixel, usual for a chest."""


def ring(mask: np.ndarray, spacing: Sequence[float] | None = None) -> np.ndarray:
    """The voxels round a lesion, (K, J, I) bool: within RING_MM of it, or RING_PIXELS in a slice without a spacing.

    mask: (K, J, I) bool. spacing: mm along K, J, I.
    """
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return np.zeros_like(mask)
    if spacing is not None:
        return (distance_transform_edt(~mask, sampling=spacing) <= RING_MM) & ~mask
    near = [distance_transform_edt(~plane) <= RING_PIXELS if plane.any() else np.zeros_like(plane) for plane in mask]
    return np.stack(near) & ~mask


def box(mask: np.ndarray, margin: int) -> tuple[slice, slice, slice]:
    """The box of a lesion's voxels, `margin` wider in a slice where the array allows it."""
    where = np.nonzero(mask)
    sides = [(int(at.min()), int(at.max()) + 1) for at in where]
    wide = [(max(a - margin, 0), min(b + margin, n)) for (a, b), n in zip(sides[1:], mask.shape[1:], strict=True)]
    return tuple(slice(a, b) for a, b in (sides[0], *wide))
