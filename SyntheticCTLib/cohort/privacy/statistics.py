"""What an attack's numbers are worth: values with 95 % intervals, the value of chance, and how many they rest on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...assess.intervals import CONFIDENCE, MIN_PATIENTS, bootstrap

FEWEST_EACH = 5
"""Two groups are compared only with at least so many persons in each."""


@dataclass(frozen=True)
class Estimate:
    """A measured number. low, high: its 95 % interval. chance: what it would be if the attacker knew nothing. n: how
    many independent persons it rests on."""

    value: float
    low: float
    high: float
    chance: float
    n: int

    @property
    def succeeds(self) -> bool:
        """Whether the attack works: even the lower end of the interval lies above chance."""
        return self.low > self.chance

    def text(self, digits: int = 2) -> str:
        """As written on the page."""
        return f"{self.value:.{digits}f} (95 % interval {self.low:.{digits}f} to {self.high:.{digits}f})"


@dataclass(frozen=True)
class NotMeasurable:
    """Why there is no number. reason: begins with the n that was found."""

    reason: str

    @property
    def succeeds(self) -> bool:
        """Nothing is known; that is no success and no comfort."""
        return False

    def text(self, digits: int = 2) -> str:
        """As written on the page."""
        return f"not measurable here: {self.reason}"


Measured = Estimate | NotMeasurable


def share(hits: Sequence[float], sources: Sequence[str], chances: Sequence[float]) -> Measured:
    """How often an attack hit, with a Wilson interval.

    hits, sources, chances: of each attacked output whether (or how likely) the attack hit, whom the output was made
    from, and how likely a blind guess was to hit. Outputs of one person are alike, so the persons are counted: each
    contributes the share of his or her outputs that were hit, and the interval is that of so many throws as there are
    persons (a fraction of a hit is rounded outwards).
    """
    from scipy.stats import binomtest

    persons = sorted(set(sources))
    if not persons:
        return NotMeasurable("n = 0 attacked outputs")
    rates = [np.mean([hit for hit, source in zip(hits, sources, strict=True) if source == one]) for one in persons]
    total, n = float(np.sum(rates)), len(persons)
    low = binomtest(math.floor(total + 1e-9), n).proportion_ci(CONFIDENCE, "wilson").low
    high = binomtest(math.ceil(total - 1e-9), n).proportion_ci(CONFIDENCE, "wilson").high
    return Estimate(total / n, float(low), float(high), float(np.mean(chances)), n)


def separation(
    positives: Sequence[float], negatives: Sequence[float], persons: Sequence[str], seed: int, names: tuple[str, str]
) -> Measured:
    """The area under the ROC curve: how likely a positive scores above a negative; 0.5 is chance.

    persons: of each positive, then of each negative, whose it is; the bootstrap draws persons. names: what the two
    groups are called, for the reason why there is no number. A perfect separation has the interval 1 to 1: no draw from
    it contains a mistake, however few there are.
    """
    from sklearn.metrics import roc_auc_score

    truth = np.r_[np.ones(len(positives), int), np.zeros(len(negatives), int)]
    scores = np.r_[np.asarray(positives, float), np.asarray(negatives, float)]
    counts = [len(set(np.asarray(persons, str)[truth == group])) for group in (1, 0)]
    if min(counts) < FEWEST_EACH or sum(counts) < MIN_PATIENTS:
        return NotMeasurable(
            f"n = {counts[0]} {names[0]} and {counts[1]} {names[1]} (at least {FEWEST_EACH} of each and {MIN_PATIENTS} "
            "together are needed)"
        )

    def area(weights: np.ndarray) -> float:
        drawn = weights > 0
        if len(set(truth[drawn])) < 2:
            return float("nan")
        return float(roc_auc_score(truth[drawn], scores[drawn], sample_weight=weights[drawn]))

    found = bootstrap(area, list(persons), seed)
    return Estimate(found.value, found.low, found.high, 0.5, sum(counts))
