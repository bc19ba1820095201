"""Which part of a scan was seen: not the end slices that a morph has filled with air, for its source ended there.

Pure -1024 HU where the slices beside it show the body is the first thing a reader learns to look for; it would judge
the field of view and not the picture. The same rule is used for real scans, and trims hardly any of them.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ...images.geometry import Geometry
from ...images.hu import AIR_HU
from ...morph.body import axial_axis

TOLERATED = 0.02
"""A slice is padded if this much more of the body's outline is pure air there than in the median slice."""

LEAST_LEFT = 2 / 3
"""A scan of which less than this share of its slices would be left keeps them all: its background was blanked."""


def seen_bounds(coarse: sitk.Image, body: sitk.Image, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, ...]:
    """The box (LPS mm) without padded end slices, across the axis that runs from head to foot.

    coarse: block means of the scan, in which air that was measured is never pure. body: its mask. low, high: the box
    of the whole scan.
    """
    axis = axial_axis(coarse)
    padded = _padded(coarse, body, 2 - axis)
    first, last = _ends(padded)
    if (first, last) == (0, len(padded)):
        return low, high
    slices = [slice(None)] * 3
    slices[axis] = slice(first, last)
    kept_low, kept_high = Geometry.of(coarse[tuple(slices)]).bounds()
    low, high = low.copy(), high.copy()
    low[2], high[2] = max(low[2], kept_low[2]), min(high[2], kept_high[2])
    return low, high


def _padded(coarse: sitk.Image, body: sitk.Image, axis: int) -> np.ndarray:
    """Share of the body's outline, seen along a numpy axis, that is pure air in each slice."""
    outline = sitk.GetArrayViewFromImage(body).any(axis=axis)
    pure = np.moveaxis(sitk.GetArrayViewFromImage(coarse) == AIR_HU, axis, 0)
    return pure[:, outline].mean(axis=1) if outline.any() else np.zeros(len(pure))


def _ends(padded: np.ndarray) -> tuple[int, int]:
    """First slice that stays, and the one behind the last."""
    stays = np.flatnonzero(padded <= np.median(padded) + TOLERATED)
    first, last = int(stays[0]), int(stays[-1]) + 1
    return (first, last) if last - first >= LEAST_LEFT * len(padded) else (0, len(padded))
