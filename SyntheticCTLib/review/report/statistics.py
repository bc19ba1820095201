"""The numbers of the report, each with its interval.

One reader's answers to different cases are independent: Wilson's interval. Answers of several readers to one case are
not: for all readers together, and for every ROC area, cases and readers are both drawn anew ("bootstrap over cases and
readers"). How far the replicates spread tells as how many independent answers the readings count, and Wilson's interval
for that many is given: the plain percentiles are too narrow near 1, and a point at 1. It is careful: where readers do
not differ at all, it is too wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...cohort.privacy.statistics import Estimate, Measured, NotMeasurable
from .judgements import Table

CONFIDENCE = 0.95

REPLICATES = 1000

FEWEST = 5
"""With fewer cases, nothing is said about them."""

CHANCE = 0.5


def share(hits: int, n: int) -> Measured:
    """A share of independent answers, with Wilson's interval."""
    from statsmodels.stats.proportion import proportion_confint

    if n < FEWEST:
        return too_few(n)
    low, high = proportion_confint(hits, n, 1 - CONFIDENCE, "wilson")
    return Estimate(hits / n, float(low), float(high), CHANCE, n)


def accuracy(table: Table, seed: int) -> Measured:
    """Share of right calls; n counts cases."""
    return _share_of(table, seed)


def sensitivity(table: Table, seed: int) -> Measured:
    """Share of synthetic cases called synthetic."""
    return _share_of(table.of(table.synthetic), seed)


def specificity(table: Table, seed: int) -> Measured:
    """Share of real cases called real."""
    return _share_of(table.of(~table.synthetic), seed)


def area(table: Table, seed: int) -> Measured:
    """The area under the ROC curve of call and confidence, the readers' mean, with a bootstrap interval."""
    from sklearn.metrics import roc_auc_score

    real, synthetic = np.flatnonzero(~table.synthetic), np.flatnonzero(table.synthetic)
    if min(len(real), len(synthetic)) < FEWEST or not table.readers:
        return NotMeasurable(
            f"n = {len(real)} real and {len(synthetic)} synthetic cases of {len(table.readers)} readers (at least "
            f"{FEWEST} of each are needed)"
        )
    value = float(np.mean([roc_auc_score(table.synthetic, row) for row in table.score]))
    rng = np.random.default_rng(seed)
    drawn = [group[rng.integers(len(group), size=(REPLICATES, len(group)))] for group in (synthetic, real)]
    areas = np.array([_areas(row[drawn[0]], row[drawn[1]]) for row in table.score])
    readers = _reader_weights(len(table.readers), rng)
    spread = float((readers * areas.T).sum(axis=1).var())
    return _wilson(value, spread, table.right.size, min(len(real), len(synthetic)), len(table.cases))


class PairTest(NamedTuple):
    """hits of so many pairs, and p of the exact test against guessing. ties: pairs left out, which as many readers got
    right as wrong. readers: how many there were."""

    hits: int
    pairs: int
    p: float
    ties: int
    readers: int


def pair_test(table: Table) -> PairTest | NotMeasurable:
    """Exact test of "as good as guessing" on pairs.

    Of several readers, a pair counts as hit if more than half of them were right; pairs with a tie are left out.
    """
    from scipy.stats import binomtest

    right = table.right.mean(axis=0) if table.readers else np.empty(0)
    decided = right[right != CHANCE]
    if len(decided) < FEWEST:
        return NotMeasurable(f"n = {len(decided)} pairs (at least {FEWEST} are needed)")
    hits = int((decided > CHANCE).sum())
    p = float(binomtest(hits, len(decided), CHANCE).pvalue)
    return PairTest(hits, len(decided), p, len(right) - len(decided), len(table.readers))


def cohen(table: Table, one: str, other: str, seed: int) -> Measured:
    """Cohen's kappa of two readers' calls, with a bootstrap over cases; chance is 0."""
    from sklearn.metrics import cohen_kappa_score

    calls = np.concatenate([table.of_reader(reader).calls for reader in (one, other)]).astype(int)
    n = calls.shape[1]
    if n >= FEWEST and calls.min() != calls.max() and (calls.min(axis=1) == calls.max(axis=1)).any():
        return NotMeasurable(f"n = {n} cases, to all of which one reader gave the same call: kappa cannot be judged")
    return _agreement(calls, lambda drawn: cohen_kappa_score(drawn[0], drawn[1], labels=[0, 1]), seed)


def fleiss(table: Table, seed: int) -> Measured:
    """Fleiss' kappa of all readers' calls, with a bootstrap over cases; chance is 0."""
    from statsmodels.stats.inter_rater import fleiss_kappa

    def kappa(calls: np.ndarray) -> float:
        positive = calls.sum(axis=0)
        return fleiss_kappa(np.stack([positive, len(calls) - positive], axis=1))

    if len(table.readers) < 2:
        return NotMeasurable(f"n = {len(table.readers)} readers who have finished (at least 2 are needed)")
    return _agreement(table.calls.astype(int), kappa, seed)


def too_few(n: int, what: str = "cases") -> NotMeasurable:
    """That there is no number."""
    return NotMeasurable(f"n = {n} {what} (at least {FEWEST} are needed)")


def _share_of(table: Table, seed: int) -> Measured:
    """Of one reader Wilson's interval; of several the same for as many answers as the replicates spread like."""
    n = len(table.cases)
    if n < FEWEST or not table.readers:
        return too_few(n) if table.readers else NotMeasurable("n = 0 readers who have finished")
    if len(table.readers) == 1:
        return share(int(table.right.sum()), n)
    value = float(table.right.mean())
    rng = np.random.default_rng(seed)
    readers = _reader_weights(len(table.readers), rng)
    cases = np.concatenate([_weights((table.synthetic == group).sum(), rng) for group in (False, True)], axis=1)
    ordered = np.concatenate([table.right[:, ~table.synthetic], table.right[:, table.synthetic]], axis=1)
    spread = float(np.einsum("br,rn,bn->b", readers, ordered.astype(float), cases, optimize=True).var() / n**2)
    return _wilson(value, spread, table.right.size, n, n)


def _wilson(value: float, spread: float, most: int, without_spread: int, n: int) -> Estimate:
    """Wilson's interval for so many independent answers as would have this variance.

    most: answers given; there are never more. without_spread: answers counted where all replicates are equal.
    """
    from statsmodels.stats.proportion import proportion_confint

    alike = min(value * (1 - value) / spread, most) if spread > 0 else without_spread
    low, high = proportion_confint(value * alike, alike, 1 - CONFIDENCE, "wilson")
    return Estimate(value, float(low), float(high), CHANCE, n)


def _weights(count: int, rng: np.random.Generator) -> np.ndarray:
    """(REPLICATES, count): how often each of `count` was drawn in each replicate."""
    if count == 0:
        return np.zeros((REPLICATES, 0))
    return rng.multinomial(count, np.full(count, 1 / count), size=REPLICATES).astype(float)


def _reader_weights(count: int, rng: np.random.Generator) -> np.ndarray:
    """(REPLICATES, count) shares that sum to 1 in each replicate."""
    return _weights(count, rng) / count


def _areas(synthetic: np.ndarray, real: np.ndarray) -> np.ndarray:
    """The area of each replicate: U / (n m) of Mann and Whitney."""
    from scipy.stats import mannwhitneyu

    found = mannwhitneyu(synthetic, real, axis=1, method="asymptotic")
    return found.statistic / (synthetic.shape[1] * real.shape[1])


def _agreement(calls: np.ndarray, kappa, seed: int) -> Measured:
    n = calls.shape[1]
    if n < FEWEST:
        return too_few(n)
    if calls.min() == calls.max():
        return NotMeasurable(f"n = {n} cases, to all of which the readers gave one and the same call")
    rng = np.random.default_rng(seed)
    drawn = [calls[:, rng.integers(n, size=n)] for _ in range(REPLICATES // 4)]
    values = np.array([kappa(one) for one in drawn if one.min() != one.max()])
    if len(values) == 0 or np.nanmax(values) - np.nanmin(values) < 1e-9:
        return NotMeasurable(f"n = {n} cases, kappa {kappa(calls):.2f} and no interval: all draws alike")
    low, high = _percentiles(values)
    return Estimate(float(kappa(calls)), low, high, 0.0, n)


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.nanpercentile(values, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return float(low), float(high)
