"""What a lesion's voxels say about it: level, spread, texture, noise, edge, as radiomics counts them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .glcm import GLCM_NAMES, glcm_features
from .regions import box, ring

HIGH_PASS = 1.0
"""Standard deviation, in pixels, of the Gaussian mean that is taken away to leave the noise and the finest texture."""

FIRST_ORDER_NAMES = (
    "mean",
    "standard deviation",
    "skewness",
    "kurtosis",
    "5th percentile",
    "25th percentile",
    "median",
    "75th percentile",
    "95th percentile",
    "entropy",
    "gradient",
    "high-pass noise",
)

FEATURE_NAMES = (*FIRST_ORDER_NAMES, *(f"GLCM {name}" for name in GLCM_NAMES))
"""The 18 radiomics features that real and painted lesions are compared by."""

CONTEXT_NAMES = (
    "rim mean",
    "core mean",
    "rim spread",
    "core noise",
    "edge step",
    "edge gradient",
    "ring mean",
    "ring spread",
    "ring noise",
    "noise over ring noise",
    "mean over ring mean",
    "row correlation",
    "column correlation",
    "log area",
)
"""What a suspicious reader would look at besides: border against middle, lesion against surroundings."""

_MARGIN = 8


def features(values: np.ndarray, mask: np.ndarray, bin_width: float) -> np.ndarray:
    """(18,) FEATURE_NAMES of one lesion.

    values: (K, J, I) grey levels or HU. mask: (K, J, I) bool, the lesion, not empty. bin_width: width of a grey level
    for entropy and co-occurrence, in the unit of the values.

    Gradient: mean magnitude of the in-slice gradient, between voxels of the lesion alone. High-pass noise: standard
    deviation of the values minus their Gaussian mean (HIGH_PASS pixels), the mean taken over lesion voxels alone, so
    that the edge of the lesion is not taken for noise. Features that a lesion is too small for are 0.
    """
    inside = box(mask, 0)
    values, mask = np.asarray(values[inside], dtype=np.float32), mask[inside]
    voxels = values[mask]
    found = [*_moments(voxels), *np.percentile(voxels, [5, 25, 50, 75, 95]), _entropy(voxels, bin_width)]
    found += [_gradient(values, mask), float(high_pass(values, mask)[mask].std())]
    return np.nan_to_num(np.array([*found, *glcm_features(values, mask, bin_width)]))


def context_features(values: np.ndarray, mask: np.ndarray, spacing: Sequence[float] | None = None) -> np.ndarray:
    """(14,) CONTEXT_NAMES of one lesion in its surroundings; arguments as for `features`."""
    from scipy.ndimage import binary_dilation, binary_erosion

    part = box(mask, _MARGIN)
    values, mask = np.asarray(values[part], dtype=np.float32), mask[part]
    cross = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], dtype=bool)
    core = binary_erosion(mask, cross)
    rim, around = mask & ~core, ring(mask, spacing)
    core = core if core.any() else mask
    first = binary_dilation(mask, cross) & ~mask
    edge = np.hypot(*np.gradient(values, axis=(1, 2)))[rim if rim.any() else core].mean()
    around, first = (around, first) if first.any() else (mask, mask)  # a lesion may fill its whole region
    noise = high_pass(values, mask)
    noises = noise[core].std(), _spread(high_pass(values, around)[around])
    return np.array(
        [
            values[rim].mean() if rim.any() else values[mask].mean(),
            values[core].mean(),
            values[rim].std() if rim.any() else 0.0,
            noises[0],
            values[rim if rim.any() else core].mean() - values[first].mean(),
            edge,
            values[around].mean(),
            values[around].std(),
            noises[1],
            noises[0] / (noises[1] + 1e-3),
            values[mask].mean() - np.median(values[around]),
            neighbor_correlation(noise, core, 2),
            neighbor_correlation(noise, core, 1),
            np.log(mask.sum()),
        ]
    )


def high_pass(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Values minus their Gaussian mean in the slice, taken over the voxels of the mask alone; 0 outside it."""
    from scipy.ndimage import gaussian_filter

    width = (0, HIGH_PASS, HIGH_PASS)
    level = float(values[mask].mean()) if mask.any() else 0.0  # taken off first: float32 has few digits
    total = gaussian_filter(np.where(mask, values - level, 0).astype(np.float32), width, mode="constant")
    weight = gaussian_filter(mask.astype(np.float32), width, mode="constant")
    return np.where(mask, values - level - total / np.maximum(weight, 1e-6), 0)


def _moments(voxels: np.ndarray) -> tuple[float, float, float, float]:
    """Mean, standard deviation, skewness and excess kurtosis; the last two are 0 for constant voxels."""
    mean, spread = float(voxels.mean()), float(voxels.std())
    if spread < 1e-6:
        return mean, spread, 0.0, 0.0
    unit = (voxels - mean) / spread
    return mean, spread, float((unit**3).mean()), float((unit**4).mean() - 3)


def _entropy(voxels: np.ndarray, bin_width: float) -> float:
    """Bits per voxel of the histogram with bins of that width."""
    _, counts = np.unique(np.floor((voxels - voxels.min()) / bin_width), return_counts=True)
    share = counts / counts.sum()
    return -float((share * np.log2(share)).sum())


def _gradient(values: np.ndarray, mask: np.ndarray) -> float:
    """Root mean square of the steps between in-slice neighbors that both lie in the lesion."""
    steps = []
    for axis in (1, 2):
        both = _behind(mask, axis) & _ahead(mask, axis)
        steps.append((_ahead(values, axis) - _behind(values, axis))[both])
    every = np.concatenate(steps)
    return float(np.sqrt((every**2).mean())) if every.size else 0.0


def neighbor_correlation(noise: np.ndarray, mask: np.ndarray, axis: int) -> float:
    """How alike the noise of neighbors along an axis is: white noise is not, that of a scanner is."""
    both = _behind(mask, axis) & _ahead(mask, axis)
    a, b = _behind(noise, axis)[both], _ahead(noise, axis)[both]
    if a.size < 3 or a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(((a - a.mean()) * (b - b.mean())).mean() / (a.std() * b.std()))


def _behind(array: np.ndarray, axis: int) -> np.ndarray:
    return array.take(range(array.shape[axis] - 1), axis)


def _ahead(array: np.ndarray, axis: int) -> np.ndarray:
    return array.take(range(1, array.shape[axis]), axis)


def _spread(values: np.ndarray) -> float:
    """Standard deviation as told by the median absolute deviation: a vessel in the ring does not count."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) if values.size else 0.0
