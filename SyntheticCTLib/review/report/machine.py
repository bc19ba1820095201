"""What a machine has said, as tables like a reader's; it is never put into one table with people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...cohort.privacy.statistics import Estimate
from ..study import PAIRS
from .gather import Readings
from .judgements import Table

if TYPE_CHECKING:
    from ..machine.record import Machine
    from .content import Skillfulness

MACHINE = "the machine"
"""What its rows are called."""

CALLED_SYNTHETIC = 0.5
"""A case with a higher score is called synthetic; the groups it was trained on are equally large."""

TOLD = 6
"""Features named on the page: those with the largest weights."""


@dataclass(frozen=True)
class MachineSkill:
    """How well a machine told the groups apart. read: in this study. validated: on its own training patients, each
    judged by a classifier trained on the others; its ROC area is of ranks within the folds."""

    record: Machine
    read: Skillfulness
    validated: Skillfulness

    @property
    def learned(self) -> bool:
        """Whether it tells its training patients' groups apart, beyond the interval."""
        return isinstance(self.validated.area, Estimate) and self.validated.area.succeeds

    @property
    def strongest(self) -> list[tuple[str, float]]:
        """The features it goes by most, and their weights."""
        return sorted(self.record.weights.items(), key=lambda item: (-abs(item[1]), item[0]))[:TOLD]


def study_table(machine: Machine, readings: Readings) -> Table:
    """The machine's calls on what counts in the study; of two cases it takes the one with the higher score."""
    cases = sorted(readings.counted)
    scores = machine.scores
    if readings.study.mode == PAIRS:
        beside = {one: other for trial in readings.study.trials for one, other in (trial, trial[::-1])}
        margin = np.array([scores[case] - scores[beside[case]] for case in cases])
        return _table(cases, np.ones(len(cases), bool), margin, 0.0)
    synthetic = np.array([readings.key.cases[case].group == "synthetic" for case in cases], bool)
    return _table(cases, synthetic, np.array([scores[case] for case in cases]), CALLED_SYNTHETIC)


def validation_table(machine: Machine) -> Table:
    """The calls on the training patients; the scores are ranks within a fold, for folds do not compare."""
    cases = [str(number) for number in range(len(machine.validation))]
    truth = np.array([one.synthetic for one in machine.validation], bool)
    table = _table(cases, truth, np.array([one.score for one in machine.validation]), CALLED_SYNTHETIC)
    ranks = np.array([[one.rank for one in machine.validation]])
    return Table(table.readers, table.cases, table.synthetic, table.right, ranks, table.calls)


def _table(cases: list[str], synthetic: np.ndarray, score: np.ndarray, limit: float) -> Table:
    calls = score > limit
    return Table((MACHINE,), tuple(cases), synthetic, (calls == synthetic)[None], score[None], calls[None])
