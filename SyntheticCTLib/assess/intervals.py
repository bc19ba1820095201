"""Confidence intervals by patient: slices of one patient are alike, so patients are drawn, not slices.

Every statistic here takes one weight per item. A bootstrap replicate (Efron 1979) draws as many patients as there are,
with replacement; an item's weight is how often its patient was drawn. So a replicate costs one weighted statistic, and
two painters are compared on the same draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
"""Share of replicates inside an interval."""

REPLICATES = 400
"""Replicates drawn for an interval."""

MIN_PATIENTS = 10
"""With fewer patients an interval says nothing that can be trusted; it is not made."""

Statistic = Callable[[np.ndarray], float]
"""Weights (N,) -> value; the weights are all 1 for the value itself."""


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % confidence interval; low and high are None where there were too few patients for one."""

    value: float
    low: float | None = None
    high: float | None = None

    def text(self, digits: int = 2, sign: bool = False) -> str:
        """The interval as written in reports, such as "0.71 (0.65 to 0.77)"."""
        form = f"{'+' if sign else ''}.{digits}f"
        value = format(self.value, form)
        return value if self.low is None else f"{value} ({self.low:{form}} to {self.high:{form}})"


def patient_weights(patients: Sequence[str], count: int = REPLICATES, seed: int = 0) -> np.ndarray:
    """(count, N) float32: how often each item's patient was drawn in each replicate.

    patients: the patient of each of the N items.
    """
    names, which = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=count)
    return drawn[:, which].astype(np.float32)


def bootstrap(statistic: Statistic, patients: Sequence[str], seed: int = 0, basic: bool = False) -> Interval:
    """A statistic with its interval over patients.

    basic: mirror the replicates about the value (the "basic" bootstrap; never below 0). For distances, which can only
        grow when items are drawn twice: the plain percentiles would lie above the value itself.
    """
    return interval(statistic(np.ones(len(patients), np.float32)), replicates(statistic, patients, seed), basic)


def replicates(statistic: Statistic, patients: Sequence[str], seed: int = 0) -> np.ndarray:
    """The statistic of every replicate; empty with fewer than MIN_PATIENTS patients."""
    if len(set(patients)) < MIN_PATIENTS:
        return np.empty(0)
    return np.array([statistic(weights) for weights in patient_weights(patients, seed=seed)])


def interval(value: float, drawn: np.ndarray, basic: bool = False) -> Interval:
    """The interval of a value from its replicates, those that could not be measured (nan) left out."""
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return Interval(float(value))
    low, high = np.percentile(drawn, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    if basic:
        low, high = max(2 * value - high, 0.0), max(2 * value - low, 0.0)
    return Interval(float(value), float(low), float(high))


def mean_interval(values: np.ndarray, patients: Sequence[str], seed: int = 0) -> Interval:
    """The mean of values (N,) with its interval over patients."""
    values = np.asarray(values, dtype=float)
    return bootstrap(lambda weights: float(np.average(values, weights=weights)), patients, seed)
