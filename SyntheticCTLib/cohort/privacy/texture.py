"""How alike the fine content of two scans is that lie on each other: vessels and mottling, block by block.

Both scans are high-passed (edges clipped: everybody has ribs in about the same places), cut into small blocks, and each
block of the one is correlated with the same block of the other, which may move by a voxel each way: a registration on a
coarse grid is not more exact. The mean of the blocks' best correlations is the likeness. Two persons have no texture in
common, so theirs is what chance gives; a morph and its source share most of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

HIGH_PASS_VOXELS = 1.5
"""Standard deviation of the Gaussian mean that is taken away."""

CLIP_HU = 75.0
"""Steeper content is cut off here: skin, ribs and the heart's border are alike in all of us once registered."""

BRIGHTEST_HU = 400.0
BLOCK = 6
"""Voxels along the side of a block."""

REACH = 1
"""Voxels that a block may move each way."""

FILLED = 0.7
"""Share of a block that must be body known in both scans."""

MOST_BLOCKS = 2000
"""Blocks that are compared, evenly over the body; more say the same."""

LEAST_SPREAD_HU = 1.0
"""A block flatter than this has no texture to be compared."""

UNKNOWN = -1.0
"""Likeness of scans that share no block."""


def likeness(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    """Mean correlation of the blocks of two scans on one grid, -1 to 1.

    a, b: (K, J, I) HU. where: bool, the voxels that are body and known in both.
    """
    weight = _blocks(where.astype(np.float32), 0)
    full = np.flatnonzero(weight.sum(axis=1) >= FILLED * BLOCK**3)
    if not len(full):
        return UNKNOWN
    chosen = full[np.unique(np.linspace(0, len(full) - 1, MOST_BLOCKS).round().astype(int))]
    weight, n = weight[chosen], weight[chosen].sum(axis=1)
    fine_a, around_b = _blocks(_detail(a, where), 0)[chosen], _blocks(_detail(b, where), REACH)[chosen]
    sum_a = fine_a.sum(axis=1)
    spread_a = (fine_a * fine_a).sum(axis=1) - sum_a**2 / n
    best = np.full(len(chosen), UNKNOWN, np.float32)
    for moved in _moves(around_b):
        fine_b = moved * weight
        sum_b = fine_b.sum(axis=1)
        spread_b = (fine_b * fine_b).sum(axis=1) - sum_b**2 / n
        shared = (fine_a * fine_b).sum(axis=1) - sum_a * sum_b / n
        textured = np.minimum(spread_a, spread_b) > n * LEAST_SPREAD_HU**2
        found = np.where(textured, shared / np.sqrt(np.where(textured, spread_a * spread_b, 1)), UNKNOWN)
        best = np.maximum(best, found)
    counted = best > UNKNOWN
    return float(best[counted].mean(dtype=np.float64)) if counted.any() else UNKNOWN


def _detail(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The high-passed, clipped values; the mean is taken over `where` alone, outside it is 0."""
    from scipy.ndimage import gaussian_filter

    weight = where.astype(np.float32)
    calm = np.clip(values, -1024, BRIGHTEST_HU).astype(np.float32) * weight
    mean = gaussian_filter(calm, HIGH_PASS_VOXELS) / np.maximum(gaussian_filter(weight, HIGH_PASS_VOXELS), 1e-3)
    return np.clip(calm - mean, -CLIP_HU, CLIP_HU) * weight


def _moves(blocks: np.ndarray) -> Iterator[np.ndarray]:
    """(N, BLOCK^3) middles of blocks with a rim of REACH, moved by up to REACH voxels along every axis."""
    side = BLOCK + 2 * REACH
    whole = blocks.reshape(-1, side, side, side)
    steps = range(2 * REACH + 1)
    for k, j, i in product(steps, steps, steps):
        yield whole[:, k : k + BLOCK, j : j + BLOCK, i : i + BLOCK].reshape(len(whole), -1)


def _blocks(values: np.ndarray, rim: int) -> np.ndarray:
    """(N, (BLOCK + 2 rim)^3) the blocks a volume is cut into, each with `rim` voxels of its neighbors round it.

    Zeros lie outside the volume; what is left over at the far ends is filled up with them.
    """
    padded = np.pad(values, [(rim, rim + -n % BLOCK) for n in values.shape])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (BLOCK + 2 * rim,) * 3)
    picked = windows[::BLOCK, ::BLOCK, ::BLOCK]
    return picked.reshape(-1, (BLOCK + 2 * rim) ** 3)
