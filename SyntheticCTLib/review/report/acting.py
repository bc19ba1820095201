"""What follows from a reading: cases to cull, and limits for the quality gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import InputError
from ..answers import HIGHEST, LOWEST
from ..key import SYNTHETIC
from ..planning.leaks import chance_of
from .gather import Readings
from .judgements import Judgement

FEWEST_EACH = 10
"""A limit is proposed only with so many cases that fooled nobody, and so many that fooled somebody."""

LEVEL = 0.05
"""A measure says something if chance separates as well less often than this, over all measures."""


@dataclass(frozen=True)
class CullRule:
    """A synthetic case is culled if at least this share of its readers recognised it, and their mean grade of realism
    is at most this. Raises InputError if that cannot be."""

    share: float = 0.75
    realism: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or not LOWEST <= self.realism <= HIGHEST:
            raise InputError(
                f"The rule for culling is a share of {self.share:g} and a realism of {self.realism:g}; expected a "
                f"share above 0 and at most 1, and a realism from {LOWEST} to {HIGHEST}."
            )

    def describe(self) -> str:
        """The rule in words."""
        return (
            f"A synthetic case is culled if at least {self.share:.0%} of its readers recognised it and graded its "
            f"realism {self.realism:g} or lower on average."
        )


@dataclass(frozen=True)
class Cull:
    """What was said about a synthetic case. case: its opaque id. name: in its own folder. artefacts: kinds somebody
    marked in it. cull: whether the rule says so."""

    case: str
    name: str
    recognised: int
    readers: int
    realism: float
    artefacts: tuple[str, ...]
    cull: bool


@dataclass(frozen=True)
class Proposal:
    """A measure of the gate on the cases that fooled nobody (caught) and those that fooled somebody (fooling).

    limit: it and what lies beyond would be rejected; above: whether beyond is above. rejected: how many of each that
    would be. p: of a test whether the measure separates them. reason: why no limit is proposed, or "".
    """

    measure: str
    caught: tuple[float, ...]
    fooling: tuple[float, ...]
    p: float | None = None
    limit: float | None = None
    above: bool = False
    rejected: tuple[int, int] = (0, 0)
    reason: str = ""


def culls(readings: Readings, rule: CullRule) -> Iterator[Cull]:
    """Every synthetic case that somebody has read, by name."""
    found = []
    for case, judged in _by_case(readings).items():
        recognised = sum(one.right for one in judged)
        realism = float(np.mean([one.realism[case] for one in judged]))
        marks = {mark.kind for one in judged for mark in one.answer.artefacts if mark.case == case}
        bad = recognised >= rule.share * len(judged) - 1e-9 and realism <= rule.realism
        name = readings.key.cases[case].name
        found.append(Cull(case, name, recognised, len(judged), realism, tuple(sorted(marks)), bad))
    yield from sorted(found, key=lambda one: one.name)


def proposals(readings: Readings, seed: int) -> Iterator[Proposal]:
    """Each measure of the gate, by name; a limit only where there are cases enough and the measure separates them."""
    caught, fooling = _by_success(readings)
    about = readings.key.cases
    names = sorted({name for case in (*caught, *fooling) for name in about[case].gate})
    for name in names:
        values = [[about[case].gate.get(name) for case in cases] for cases in (caught, fooling)]
        known = [[value for value in part if value is not None] for part in values]
        yield _propose(name, *known, LEVEL / len(names), seed)


def _by_case(readings: Readings) -> dict[str, list[Judgement]]:
    found: dict[str, list[Judgement]] = {}
    for one in readings.judgements:
        if readings.key.cases[one.case].group == SYNTHETIC:
            found.setdefault(one.case, []).append(one)
    return found


def _by_success(readings: Readings) -> tuple[list[str], list[str]]:
    """Cases that every reader recognised, and the others."""
    cases = _by_case(readings)
    caught = [case for case, judged in cases.items() if all(one.right for one in judged)]
    return sorted(caught), sorted(set(cases) - set(caught))


def _propose(name: str, caught: Sequence[float], fooling: Sequence[float], level: float, seed: int) -> Proposal:
    from sklearn.metrics import roc_auc_score, roc_curve

    plain = Proposal(name, tuple(caught), tuple(fooling))
    if min(len(caught), len(fooling)) < FEWEST_EACH:
        reason = (
            f"not measurable here: n = {len(caught)} that fooled nobody and {len(fooling)} that fooled somebody (at "
            f"least {FEWEST_EACH} of each are needed)"
        )
        return replace(plain, reason=reason)
    values, truth = np.r_[caught, fooling], np.r_[np.ones(len(caught), bool), np.zeros(len(fooling), bool)]
    p = chance_of(values.tolist(), truth, seed)
    if p >= level:
        return replace(plain, p=p, reason="it does not separate them")
    above = roc_auc_score(truth, values) > 0.5
    misses, hits, limits = roc_curve(truth, values if above else -values)
    best = int(np.argmax((hits - misses)[1:])) + 1  # the first limit is infinite
    limit = float(limits[best] if above else -limits[best])
    beyond = (lambda value: value >= limit) if above else (lambda value: value <= limit)
    rejected = tuple(sum(map(beyond, part)) for part in (caught, fooling))
    return replace(plain, p=p, limit=limit, above=bool(above), rejected=rejected)

