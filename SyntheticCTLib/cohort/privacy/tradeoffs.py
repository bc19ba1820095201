"""What each setting would change, measured on this very cohort: the success of the attack against what would remain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from .attacks import Membership, first_rank, is_estimate, membership
from .lineups import LineUp, LineUps
from .statistics import Measured, NotMeasurable

PERCENT_LIMITS = (25.0, 30.0, 35.0, 40.0, 45.0)
"""Values of t_min, in percent, that are tried."""

DISTANCE_QUANTILES = (0.25, 0.5, 0.75)
"""Of the attacked outputs' distances; each is tried as a limit."""


@dataclass(frozen=True)
class Row:
    """One value of a setting. setting: such as "t_min 0.35". remaining, of: outputs of the cohort that would be left
    (of the attacked ones, where only these are known). attacked: attacked outputs among them. rate: how often their
    source is found. distance: median from output to source. area: of the membership attack on them, None where not
    asked.
    """

    setting: str
    remaining: int
    of: int
    attacked: int
    rate: Measured
    distance: float | None
    area: Measured | None = None


@dataclass(frozen=True)
class TradeOff:
    """A setting (its name in the plan or on the command line) and its rows, the cohort as it is first."""

    setting: str
    rows: tuple[Row, ...]

    @property
    def best(self) -> Row | None:
        """The row with the lowest rate that lies below the first row's beyond doubt (the intervals do not overlap)."""
        first = self.rows[0].rate if self.rows else None
        if first is None or not is_estimate(first):
            return None
        lower = [row for row in self.rows[1:] if is_estimate(row.rate) and row.rate.high < first.low]
        return min(lower, key=lambda row: row.rate.value, default=None)


def by_percent(found: LineUps, percents: Mapping[str, float], t_min: float, seed: int) -> TradeOff:
    """t_min: outputs whose percentage is in the middle only. percents: of every output of the cohort, by name."""
    rows = []
    for limit in (round(100 * t_min, 6), *(limit for limit in PERCENT_LIMITS if limit > 100 * t_min)):
        kept = [one for one in found.all if limit <= one.percent <= 100 - limit]
        remaining = sum(limit <= percent <= 100 - limit for percent in percents.values())
        tested: Membership = membership(kept, found.held_out, seed)
        rows.append(_row(f"t_min {limit / 100:g}", kept, remaining, len(percents), area=tested.area))
    return TradeOff("t_min", tuple(rows))


def by_source_cap(found: LineUps, sources: Sequence[str]) -> TradeOff:
    """per_source: what averaging yields with so many outputs of a source. sources: of every output of the cohort."""
    outputs = Counter(sources)
    rows = []
    for count in range(max((one.averaged for one in found.all), default=1), 0, -1):
        kept = [one for one in found.all if one.averaged >= count]
        remaining = len(sources) if not rows else sum(min(count, n) for n in outputs.values())
        rows.append(
            _row(f"per_source {count}" if rows else f"as it is, {count} averaged", kept, remaining, len(sources), count)
        )
    return TradeOff("per_source", tuple(rows))


def by_distance(found: LineUps) -> TradeOff:
    """min-distance: only outputs at least so far from their source. Known for the attacked ones alone."""
    apart = [one.distance_to_source for one in found.all]
    limits = [0.0, *np.unique(np.quantile(apart, DISTANCE_QUANTILES).round(3))] if apart else []
    rows = []
    for limit in limits:
        kept = [one for one in found.all if one.distance_to_source >= limit]
        rows.append(_row(f"min-distance {limit:g}", kept, len(kept), len(found.all)))
    return TradeOff("min-distance", tuple(rows))


def by_redraws(found: LineUps, tries: Mapping[str, int], redraws: int) -> TradeOff:
    """redraws: only outputs that were content with fewer tries. tries: of every output of the cohort, by name."""
    rows = []
    for allowed in sorted({redraws, 0}, reverse=True):
        kept = [one for one in found.all if tries[one.name] <= allowed + 1]
        remaining = sum(n <= allowed + 1 for n in tries.values())
        rows.append(_row(f"redraws {allowed}", kept, remaining, len(tries)))
    return TradeOff("redraws", tuple(rows))


@dataclass(frozen=True)
class CrowdPoint:
    """How often the source would be found among `candidates` originals, and what chance would be."""

    candidates: int
    rate: float
    chance: float


def by_crowd(found: Sequence[LineUp]) -> list[CrowdPoint]:
    """More subjects: the expected rank-1 rate among random line-ups of 2, 4, 8 ... candidates drawn from the real ones.

    Exact: of n candidates with b before the true source, a draw of m with the source in it leaves all b out with
    probability C(n - 1 - b, m - 1) / C(n - 1, m - 1).
    """
    most = min((len(one.candidates) for one in found), default=0)
    sizes = sorted({size for size in (2, 4, 8, 16, 32, 64) if size < most} | ({most} if most > 1 else set()))
    points = []
    for size in sizes:
        rates = [
            comb(len(one.candidates) - one.rank(), size - 1) / comb(len(one.candidates) - 1, size - 1) for one in found
        ]
        points.append(CrowdPoint(size, float(np.mean(rates)), 1 / size))
    return points


def _row(
    setting: str, kept: Sequence[LineUp], remaining: int, of: int, count: int = 1, area: Measured | None = None
) -> Row:
    rate = first_rank(kept, count) if kept else NotMeasurable("n = 0 attacked outputs")
    apart = float(np.median([one.distance_to_source for one in kept])) if kept else None
    return Row(setting, remaining, of, len(kept), rate, apart, area)
