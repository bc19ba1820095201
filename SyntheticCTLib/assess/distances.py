"""How far two sets of feature vectors lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import Interval, interval, replicates

MAX_DEVIATION = 5.0
"""Standardised features are cut here: one odd lesion must not decide a distance."""

VECTORS_PER_FEATURE = 3
"""A covariance, which the Frechet distance needs, takes at least this many lesions for each feature."""

HALVINGS = 20
"""Random halvings of the patients that the floor of a distance is averaged over."""


@dataclass(frozen=True)
class FeatureDistance:
    """Real against painted lesions.

    frechet, energy: between all real and all painted lesions, of the same patients. frechet_half: between the real
    lesions of one half of the patients and the painted ones of the other; frechet_floor: the same with real lesions on
    both sides, which no painter can undercut. frechet_replicates: for differences between painters. frechet is None
    where there are too few lesions for a covariance (energy needs none). n, patients: how many were compared.
    """

    frechet: Interval | None
    energy: Interval
    frechet_half: float | None
    frechet_floor: float | None
    n: int
    patients: int
    frechet_replicates: np.ndarray


def feature_distance(real: np.ndarray, painted: np.ndarray, patients: Sequence[str], seed: int = 0) -> FeatureDistance:
    """The distances between real and painted lesions, row by row of the same patients.

    real, painted: (N, F) features. Both are standardised by mean and standard deviation of the real ones, so a distance
    is in standard deviations (energy) or their square (Frechet, after Heusel et al. 2017 and, with radiomics features,
    Osuala et al. 2024).
    """
    a, b = standardised(real, painted)
    names = np.asarray(patients, dtype=str)
    pairs = _PairDistances(a, b)
    energy = interval(pairs.energy(np.ones(len(a))), replicates(pairs.energy, names, seed), basic=True)
    if len(a) < VECTORS_PER_FEATURE * a.shape[1]:
        return FeatureDistance(None, energy, None, None, len(a), len(set(names)), np.empty(0))
    drawn = replicates(lambda weights: frechet(a, b, weights), names, seed)
    half, floor = _halved(a, b, names, seed)
    return FeatureDistance(
        interval(frechet(a, b), drawn, basic=True), energy, half, floor, len(a), len(set(names)), drawn
    )


def standardised(real: np.ndarray, painted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sets in units of the real one's mean and standard deviation, cut at MAX_DEVIATION."""
    mean, spread = real.mean(axis=0), real.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1)
    cut = [np.clip((rows - mean) / spread, -MAX_DEVIATION, MAX_DEVIATION) for rows in (real, painted)]
    return cut[0], cut[1]


def frechet(a: np.ndarray, b: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Squared Frechet distance between the normal distributions fitted to two sets (Dowson and Landau 1982).

    a: (N, F). b: (M, F). weights: (N,) for both where N = M.
    """
    (mean_a, cov_a), (mean_b, cov_b) = _normal(a, weights), _normal(b, weights)
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_b @ root), 0)).sum()
    distance = ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * cross
    return max(float(distance), 0.0)


def _normal(rows: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    return np.average(rows, axis=0, weights=weights), np.cov(rows, rowvar=False, aweights=weights, ddof=0)


def _halved(a: np.ndarray, b: np.ndarray, names: np.ndarray, seed: int) -> tuple[float, float]:
    """Mean Frechet distance from real to painted, and from real to real, lesions of the other half of the patients."""
    rng, patients = np.random.default_rng(seed), np.unique(names)
    half, floor = [], []
    for _ in range(HALVINGS):
        first = np.isin(names, rng.permutation(patients)[: len(patients) // 2])
        half.append(frechet(a[first], b[~first]))
        floor.append(frechet(a[first], a[~first]))
    return float(np.mean(half)), float(np.mean(floor))


class _PairDistances:
    """The distances between all vectors, once, so that every replicate is three products."""

    def __init__(self, a: np.ndarray, b: np.ndarray):
        self._across, self._within_a, self._within_b = _distances(a, b), _distances(a, a), _distances(b, b)

    def energy(self, weights: np.ndarray) -> float:
        """Energy distance (Szekely and Rizzo 2013), its square root: in standard deviations."""
        w = weights / weights.sum()
        squared = 2 * w @ self._across @ w - w @ self._within_a @ w - w @ self._within_b @ w
        return float(np.sqrt(max(squared, 0.0)))


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.sqrt(np.maximum(squared, 0))
