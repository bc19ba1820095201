"""Do the slices of a lesion belong together?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import Interval, mean_interval

MIN_COMMON = 12
"""Pixels that two neighboring slices of a lesion must share for a correlation to mean anything."""


@dataclass(frozen=True)
class Consistency:
    """Steps from slice to slice inside the pixels that both slices of a lesion hold.

    step: mean absolute difference. jump: absolute difference of the two means, so flicker of the whole lesion.
    correlation: of the two slices over the common pixels, so whether texture goes on. n: pairs of slices; patients.
    """

    step: Interval
    jump: Interval
    correlation: Interval
    n: int
    patients: int


def consistency(
    volumes: Sequence[np.ndarray], masks: Sequence[np.ndarray], patients: Sequence[str], seed: int = 0
) -> Consistency | None:
    """Measure lesions of several consecutive slices, (K, J, I) each; None if no pair of slices shares enough pixels."""
    rows = [
        (*_pair(volume[k][common], volume[k + 1][common]), patient)
        for volume, mask, patient in zip(volumes, masks, patients, strict=True)
        for k in range(len(mask) - 1)
        if np.count_nonzero(common := mask[k] & mask[k + 1]) >= MIN_COMMON
    ]
    if not rows:
        return None
    steps, jumps, correlations, names = zip(*rows, strict=True)
    found = (mean_interval(np.array(values), names, seed) for values in (steps, jumps, correlations))
    return Consistency(*found, len(rows), len(set(names)))


def _pair(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    a, b = a.astype(float), b.astype(float)
    flat = min(a.std(), b.std()) < 1e-6
    correlation = 0.0 if flat else float(np.corrcoef(a, b)[0, 1])
    return float(np.abs(a - b).mean()), abs(float(a.mean() - b.mean())), correlation
