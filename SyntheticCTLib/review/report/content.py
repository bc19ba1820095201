"""Everything the report tells, measured; no words yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from ...cohort.privacy.statistics import Measured, NotMeasurable
from ..answers import HIGHEST
from ..key import REAL, SYNTHETIC, KeyCase
from ..study import PAIRS
from . import statistics
from .acting import Cull, CullRule, Proposal, culls, proposals
from .gather import Reader, Readings
from .judgements import Judgement, Table, tabulate
from .machine import MACHINE, MachineSkill, study_table, validation_table

if TYPE_CHECKING:
    from ..machine.record import Machine

PERCENT_BINS = (0, 20, 40, 60, 80, 100)
"""Edges of the groups by percentage; a bin holds its upper edge."""


@dataclass(frozen=True)
class Skillfulness:
    """How well somebody told the groups apart. who: a reader's code, or "" for all who have finished. n: trials."""

    who: str
    n: int
    accuracy: Measured
    sensitivity: Measured | None
    specificity: Measured | None
    area: Measured | None
    pair_test: statistics.PairTest | NotMeasurable | None


@dataclass(frozen=True)
class Group:
    """A part of the cases. kind: what they were grouped by. synthetic, real: how many. The measures are those of the
    readers who have finished; `area` is against the group's real cases, or all where only synthetic ones have what they
    were grouped by. realism: mean grade of synthetic cases."""

    kind: str
    name: str
    synthetic: int
    real: int
    sensitivity: Measured
    specificity: Measured | None
    area: Measured | None
    realism: float | None


@dataclass(frozen=True)
class Content:
    """What was found. realism: how often each grade 1 to 5 was given, by group. graded: how well the grades of realism
    alone tell the groups apart. artefacts: by kind, how many cases of each group somebody marked. kappas: of each two
    readers. machine: what a machine did, beside the readers and in nothing else; None without one."""

    readings: Readings
    seed: int
    table: Table
    each: tuple[Skillfulness, ...]
    together: Skillfulness
    kappas: dict[tuple[str, str], Measured]
    fleiss: Measured
    realism: dict[str, list[int]]
    graded: Measured | None
    artefacts: dict[str, dict[str, int]]
    shown: dict[str, int]
    groups: tuple[Group, ...]
    rule: CullRule
    culls: tuple[Cull, ...]
    proposals: tuple[Proposal, ...]
    machine: MachineSkill | None = None

    @property
    def pairs(self) -> bool:
        """Whether two cases were shown at a time."""
        return self.readings.study.mode == PAIRS


def measure(readings: Readings, rule: CullRule, seed: int, machine: Machine | None = None) -> Content:
    """Measure it all. seed: of every bootstrap. machine: one that has read the study."""
    judged, pairs = readings.judgements, readings.study.mode == PAIRS
    table = tabulate(judged, readings.counted)
    return Content(
        readings=readings,
        seed=seed,
        table=table,
        each=tuple(_of_reader(reader, pairs, seed) for reader in readings.readers),
        together=_skill("", table, pairs, seed),
        kappas={
            pair: statistics.cohen(_shared(judged, pair), *pair, seed)
            for pair in combinations([reader.code for reader in readings.readers], 2)
        },
        fleiss=statistics.fleiss(table, seed) if table.readers else NotMeasurable("n = 0 readers who have finished"),
        realism=_grades(readings),
        graded=None if pairs else statistics.area(_by_realism(table, judged), seed),
        artefacts=_artefacts(readings),
        shown=_shown(readings),
        groups=tuple(_groups(readings, table, seed)),
        rule=rule,
        culls=tuple(culls(readings, rule)),
        proposals=tuple(proposals(readings, seed)),
        machine=None if machine is None else _of_machine(machine, readings, seed),
    )


# --- readers


def _of_reader(reader: Reader, pairs: bool, seed: int) -> Skillfulness:
    return _skill(reader.code, tabulate(reader.judgements, [one.case for one in reader.judgements]), pairs, seed)


def _of_machine(machine: Machine, readings: Readings, seed: int) -> MachineSkill:
    read = _skill(MACHINE, study_table(machine, readings), readings.study.mode == PAIRS, seed)
    return MachineSkill(machine, read, _skill(MACHINE, validation_table(machine), False, seed))


def _skill(who: str, table: Table, pairs: bool, seed: int) -> Skillfulness:
    if not table.readers:
        nobody = NotMeasurable("n = 0 readers who have finished")
        return Skillfulness(who, 0, nobody, *([None if pairs else nobody] * 3), nobody if pairs else None)
    right = statistics.accuracy(table, seed)
    if pairs:
        return Skillfulness(who, len(table.cases), right, None, None, None, statistics.pair_test(table))
    found, spared = statistics.sensitivity(table, seed), statistics.specificity(table, seed)
    return Skillfulness(who, len(table.cases), right, found, spared, statistics.area(table, seed), None)


def _shared(judged: Sequence[Judgement], pair: tuple[str, str]) -> Table:
    """What both readers have answered."""
    answered = [{one.case for one in judged if one.reader == reader} for reader in pair]
    return tabulate([one for one in judged if one.reader in pair], sorted(answered[0] & answered[1]))


# --- what was said


def _grades(readings: Readings) -> dict[str, list[int]]:
    counts = {REAL: [0] * HIGHEST, SYNTHETIC: [0] * HIGHEST}
    for one in readings.judgements:
        for case, grade in one.realism.items():
            counts[readings.key.cases[case].group][grade - 1] += 1
    return counts


def _by_realism(table: Table, judged: Sequence[Judgement]) -> Table:
    """The table with how unreal a case was graded as its score."""
    grades = {(one.reader, one.case): one.realism[one.case] for one in judged}
    score = [[HIGHEST + 1 - grades[reader, case] for case in table.cases] for reader in table.readers]
    return replace(table, score=np.array(score, int).reshape(table.score.shape))


def _artefacts(readings: Readings) -> dict[str, dict[str, int]]:
    marked: dict[str, set[str]] = {kind: set() for kind in readings.study.artefacts}
    for one in readings.judgements:
        for mark in one.answer.artefacts:
            marked[mark.kind].add(mark.case)
    groups = {case: about.group for case, about in readings.key.cases.items()}
    return {
        kind: {group: sum(groups[case] == group for case in cases) for group in (REAL, SYNTHETIC)}
        for kind, cases in marked.items()
    }


def _shown(readings: Readings) -> dict[str, int]:
    """How many cases of each group somebody has seen."""
    seen = {case for one in readings.judgements for case in one.trial.cases}
    return {group: sum(readings.key.cases[case].group == group for case in seen) for group in (REAL, SYNTHETIC)}


# --- groups of cases


def _groups(readings: Readings, table: Table, seed: int) -> Iterator[Group]:
    """Nothing while nobody has finished: the table then has no answers to group."""
    about = readings.key.cases
    if not table.readers:
        return

    def made(kind: str, name: str, belongs: Callable[[KeyCase], bool], both: bool) -> Group | None:
        mine = np.array([belongs(about[case]) for case in table.cases], bool)
        if not (mine & table.synthetic).any() and not (both and mine.any()):
            return None
        return _group(readings, table, kind, name, mine, both, seed)

    found = []
    for low, high in zip(PERCENT_BINS[:-1], PERCENT_BINS[1:], strict=True):
        name = f"above {low} to {high} %" if low else f"0 to {high} %"
        found.append(made("percentage", name, lambda one, ends=(low, high): _within(one.percent, *ends), False))
    found.append(made("percentage", "not known", lambda one: one.percent is None, False))
    for lesion, name in ((True, "with a lesion"), (False, "without a lesion"), (None, "not known")):
        found.append(made("lesion", name, lambda one, lesion=lesion: one.lesion is lesion, True))
    for verdict in sorted({one.verdict or "" for one in about.values() if one.group == SYNTHETIC}):
        name = verdict or "not known"
        found.append(made("verdict", name, lambda one, verdict=verdict: (one.verdict or "") == verdict, False))
    yield from (one for one in found if one is not None)


def _within(percent: float | None, low: float, high: float) -> bool:
    return percent is not None and (low < percent <= high or percent == low == 0)


def _group(
    readings: Readings, table: Table, kind: str, name: str, mine: np.ndarray, both: bool, seed: int
) -> Group:
    synthetic, real = mine & table.synthetic, ~table.synthetic & (mine if both else True)
    pairs = len(table.readers) == 0 or readings.study.mode == PAIRS
    chosen = {case for case, kept in zip(table.cases, synthetic, strict=True) if kept}
    grades = [
        one.realism[one.case]
        for one in readings.judgements
        if one.case in chosen and one.reader in table.readers  # as in the measures beside it
    ]
    return Group(
        kind=kind,
        name=name,
        synthetic=int(synthetic.sum()),
        real=int(real.sum()),
        sensitivity=statistics.sensitivity(table.of(synthetic), seed),
        specificity=statistics.specificity(table.of(real), seed) if both and not pairs else None,
        area=None if pairs else statistics.area(table.of(synthetic | real), seed),
        realism=float(np.mean(grades)) if grades else None,
    )
