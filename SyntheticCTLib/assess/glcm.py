"""Grey-level co-occurrence (Haralick 1973) of the voxels of a lesion alone."""

from __future__ import annotations

import numpy as np

LEVELS = 32
"""Grey levels that a lesion's range is requantised to, at most."""

GLCM_NAMES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation", "entropy")

_ANGLES = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)


def glcm_features(values: np.ndarray, mask: np.ndarray, bin_width: float) -> np.ndarray:
    """(6,) GLCM_NAMES of one lesion, at a distance of one voxel, averaged over the four directions in a slice.

    values: (K, J, I). mask: (K, J, I) bool. bin_width: width of a grey level, in the unit of the values (fixed, as the
    Image Biomarker Standardisation Initiative advises for CT); the lesion's lowest value starts the first bin, and what
    lies beyond LEVELS bins falls into the last.

    A pair counts only if both voxels lie in the lesion: everything else is level 0, whose row and column are struck
    out. Entropy is in bits. nan for a lesion without a single pair; correlation is 1 where all levels are equal.
    """
    from skimage.feature import graycomatrix, graycoprops

    levels = np.zeros(values.shape, np.uint8)
    inside = values[mask]
    levels[mask] = 1 + np.minimum((inside - inside.min()) / bin_width, LEVELS - 1).astype(np.uint8)
    counts = np.zeros((LEVELS + 1, LEVELS + 1, 1, len(_ANGLES)))
    for plane in levels[mask.any(axis=(1, 2))]:
        counts += graycomatrix(_box(plane), [1], _ANGLES, levels=LEVELS + 1, symmetric=True)
    pairs = counts[1:, 1:].sum(axis=3, keepdims=True)
    if not pairs.any():
        return np.full(len(GLCM_NAMES), np.nan)
    share = pairs / pairs.sum()
    named = [float(graycoprops(share, name)[0, 0]) for name in GLCM_NAMES[:-1]]
    present = share[share > 0]
    return np.array([*named, -float((present * np.log2(present)).sum())])


def _box(plane: np.ndarray) -> np.ndarray:
    """The part of a plane that holds its lesion."""
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    return plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
