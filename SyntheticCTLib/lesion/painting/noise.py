"""How strong noise is, measured alike in a painted lesion and in the tissue round it that is most like it.

Noise is measured after Immerkaer ("Fast noise variance estimation", Computer Vision and Image Understanding 64(2),
1996): the difference of two Laplacians, the mask [1 -2 1; -2 4 -2; 1 -2 1] / 6 within each slice, answers to noise
and hardly to edges and slopes, and leaves the standard deviation of white noise as it is. In place of its mean
absolute answer stands the median absolute deviation, which vessels and borders do not move either. Of the soft noise
of most scans the mask sees the fine part only; the same mask over every other pixel sees the coarser part. So the
numbers compare places of one scan, not scanners.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ...images.hu import AIR_HU

COMPARABLE_HU = 150.0
"""Tissue of this much more or less HU than the lesion is compared with it first."""

SOLID_HU = (-200.0, 300.0)
"""Soft tissue and blood: what a lesion above SOLID_ABOVE_HU is compared with next."""

LUNG_HU = (-1000.0, -600.0)
"""Lung: what others are compared with next."""

SOLID_ABOVE_HU = -350.0

SMOOTH_PIXELS = 1.5
"""Gaussian sigma of the smoothed slices by which tissue is told apart."""

BORDER_PIXELS = 2
"""Voxels this near to another tissue, or to the lesion's border, do not count: the masks reach as far."""

MIN_TISSUE = 300
"""Fewer voxels of a tissue give no noise level."""

MIN_LESION = 12
"""A lesion with fewer inner voxels shows no noise that could be told from its shape."""

MAD_TO_SIGMA = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""


class NoiseLevel(NamedTuple):
    """Robust standard deviation, HU: of what differs from pixel to pixel, and over every other pixel."""

    fine: float
    coarse: float


@dataclass(frozen=True)
class Surroundings:
    """Slices of a scan round a lesion, before painting. hu: (K, J, I). lesion: bool, what is not to be measured."""

    hu: np.ndarray
    lesion: np.ndarray

    @cached_property
    def _smooth(self) -> np.ndarray:
        return smoothed(self.hu.astype(np.float32, copy=False))

    @cached_property
    def _usable(self) -> np.ndarray:
        # Where the scanner cut the values off at the bottom of its range, noise is not what it was.
        return ~self.lesion & (self.hu > AIR_HU)

    def like(self, level: float) -> np.ndarray | None:
        """Voxels (K, J, I) of the tissue most like a lesion of `level` HU; None if there is no tissue enough."""
        solid, lung = SOLID_HU, LUNG_HU
        next_best = [solid, lung] if level > SOLID_ABOVE_HU else [lung, solid]
        for low, high in [(level - COMPARABLE_HU, level + COMPARABLE_HU), *next_best]:
            inner = eroded(self._usable & (self._smooth > low) & (self._smooth < high), BORDER_PIXELS)
            if np.count_nonzero(inner) >= MIN_TISSUE:
                return inner
        return None


def noise_level(hu: np.ndarray, where: np.ndarray) -> NoiseLevel:
    """The noise of slices (K, J, I) where `where` is true; the outermost two rows and columns never count."""
    return NoiseLevel(*(_spread(immerkaer(hu, step), where[:, step:-step, step:-step]) for step in (1, 2)))


def immerkaer(hu: np.ndarray, step: int = 1) -> np.ndarray:
    """Immerkaer's mask over each slice, over every `step`-th pixel; (K, J, I) less `step` pixels all round."""
    hu = hu.astype(np.float32, copy=False)
    across = hu[:, : -2 * step] - 2 * hu[:, step:-step] + hu[:, 2 * step :]
    return (across[:, :, : -2 * step] - 2 * across[:, :, step:-step] + across[:, :, 2 * step :]) / 6




def inner_voxels(mask: np.ndarray) -> np.ndarray | None:
    """The voxels of a lesion (K, J, I) whose noise can be measured: off its border, as far as enough are left.

    None if the lesion is too small or thin. There must be two pixels round it in the plane.
    """
    for pixels in (BORDER_PIXELS, 1):
        inner = eroded(mask, pixels)
        if np.count_nonzero(inner) >= MIN_LESION:
            return inner
    return None


def eroded(mask: np.ndarray, pixels: int) -> np.ndarray:
    """(K, J, I) mask without what is nearer than `pixels` to its border in the slice; the frame counts as border."""
    out = mask
    for axis in (1, 2):
        room = [(0, 0), (pixels, pixels), (0, 0)] if axis == 1 else [(0, 0), (0, 0), (pixels, pixels)]
        wide, length = np.pad(out, room), out.shape[axis]
        parts = [wide[(slice(None),) * axis + (slice(n, n + length),)] for n in range(2 * pixels + 1)]
        out = np.logical_and.reduce(parts)
    return out


def smoothed(hu: np.ndarray, pixels: float = SMOOTH_PIXELS) -> np.ndarray:
    """Each slice of (K, J, I) after a Gaussian of this sigma."""
    from scipy import ndimage

    return ndimage.gaussian_filter(hu, (0, pixels, pixels), mode="nearest", truncate=3.0)


def _spread(answer: np.ndarray, where: np.ndarray) -> float:
    values = answer[where]
    return float(MAD_TO_SIGMA * np.median(np.abs(values - np.median(values)))) if len(values) else 0.0
