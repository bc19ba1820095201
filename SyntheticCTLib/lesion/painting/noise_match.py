"""Gives a painted lesion the noise of its surroundings: softens what is too fine for the scan, adds what is missing.

A painter has the grain of the scans it was trained on. In a scan of a softer kernel its lesions look too crisp; and
what is brought back from another grid has lost noise. Both are put right by measurement, inside the lesion only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .noise import (
    BORDER_PIXELS,
    COMPARABLE_HU,
    MIN_LESION,
    NoiseLevel,
    Surroundings,
    eroded,
    inner_voxels,
    noise_level,
    smoothed,
)
from .noise_texture import Grain

SUFFICIENT = 0.9
"""A lesion with at least this share of the surroundings' noise gets none."""

TOO_FINE = 1.15
"""Fine noise may exceed the surroundings' by this factor (and so much more of it than of coarse noise)."""

_HALVINGS = 6
"""Steps in which the softening is found."""


@dataclass(frozen=True)
class NoiseMatch:
    """What was measured and done.

    surroundings, painted, matched: noise of the tissue round it, of the lesion as painted, and as it is now; None
    where it could not be measured. softened: sigma of a Gaussian, pixels. added: share of the surroundings' noise.
    """

    surroundings: NoiseLevel | None = None
    painted: NoiseLevel | None = None
    matched: NoiseLevel | None = None
    softened: float = 0.0
    added: float = 0.0


def match_noise(
    painted: np.ndarray, mask: np.ndarray, around: Surroundings, rng: np.random.Generator
) -> tuple[np.ndarray, NoiseMatch]:
    """A painted lesion with the noise of its surroundings, and what was done.

    painted: (K, J, I) float32 HU, the lesion with three pixels or more of the scan round it in the plane. mask: bool,
    the lesion. around: its surroundings, some slices of them. Voxels outside the mask stay what they are.
    Added noise has the correlation found in the surroundings, within slices and between them, and fades towards the
    lesion's border. A lesion too small to show noise is left as it is.
    """
    inner = inner_voxels(mask)
    if inner is None:
        return painted, NoiseMatch()
    level = float(np.median(painted[inner]))
    alike = inner & (np.abs(smoothed(painted) - level) < COMPARABLE_HU)
    inner = alike if np.count_nonzero(alike) >= MIN_LESION else inner
    own = noise_level(painted, inner)
    tissue = around.like(level)
    if tissue is None:
        return painted, NoiseMatch(painted=own)
    wanted = noise_level(around.hu, tissue)
    if not _too_fine(own, wanted) and _share(own, wanted) >= SUFFICIENT:
        return painted, NoiseMatch(wanted, own, own)
    grain = Grain.of(around, tissue)
    sigma = _softening(painted, mask, inner, wanted, grain.blur) if _too_fine(own, wanted) else 0.0
    result = _softened(painted, mask, sigma)
    share = _share(noise_level(result, inner), wanted)
    added = float(np.sqrt(1 - share**2)) if share < SUFFICIENT else 0.0
    if added:
        result = result + added * _fade(mask) * grain.draw(painted.shape, rng)
    return result, NoiseMatch(wanted, own, noise_level(result, inner), sigma, added)


def _too_fine(own: NoiseLevel, wanted: NoiseLevel) -> bool:
    """Whether the fine noise is beyond the surroundings', or beyond what goes with the coarse noise that is there."""
    coarse = own.coarse / wanted.coarse if wanted.coarse else 1.0
    return own.fine > TOO_FINE * wanted.fine * min(1.0, coarse)


def _softening(
    painted: np.ndarray, mask: np.ndarray, inner: np.ndarray, wanted: NoiseLevel, limit: float
) -> float:
    """The least Gaussian after which noise is not too fine any more; at most `limit`, which is the scan's own kernel.

    The limit matters for small lesions, whose shape the measure takes for noise.
    """
    low, high = 0.0, limit
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        still = _too_fine(noise_level(_softened(painted, mask, middle), inner), wanted)
        low, high = (middle, high) if still else (low, middle)
    return high


def _softened(painted: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    return np.where(mask, smoothed(painted, sigma), painted) if sigma > 0 else painted


def _share(own: NoiseLevel, wanted: NoiseLevel) -> float:
    """How much of the wanted noise is there, as a mean over both scales.

    A scale counts up to what is wanted of it: a lesion's own structure, which is coarse, makes up for no fine noise.
    """
    powers = [min(1.0, a / b) ** 2 for a, b in zip(own, wanted, strict=True) if b > 0]
    return float(np.sqrt(np.mean(powers))) if powers else 1.0


def _fade(mask: np.ndarray) -> np.ndarray:
    """1 inside the lesion, less towards its border in the slice, 0 beyond: by the distance to it."""
    steps = [mask, *(eroded(mask, pixels) for pixels in range(1, BORDER_PIXELS + 1))]
    return np.mean(steps, axis=0, dtype=np.float32)
