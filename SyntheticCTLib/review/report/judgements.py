"""The answers of all readers with the key applied, as records and as tables that the statistics work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..answers import SIDES, Answer
from ..key import SYNTHETIC
from ..trials import Trial

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Judgement:
    """One reader's last answer to one trial. case: whose trial it is; of two cases the synthetic one. right: whether
    the call was. score: the confidence, negative for the call "real" (of two cases: for the wrong one). changed: how
    often the answer was changed."""

    reader: str
    trial: Trial
    answer: Answer
    case: str
    synthetic: bool
    right: bool
    score: int
    changed: int = 0

    @property
    def called_first(self) -> bool:
        """Whether the call is "synthetic", or the one of two cases whose id comes first."""
        if len(self.trial.cases) == 1:
            return self.answer.call == SYNTHETIC
        return self.trial.cases[SIDES.index(self.answer.call)] == min(self.trial.cases)

    @property
    def realism(self) -> dict[str, int]:
        """The grade of each case shown."""
        return {case: self.answer.realism_of(at) for at, case in enumerate(self.trial.cases)}


def judge(
    reader: str, trial: Trial, answer: Answer, groups: Mapping[str, str], changed: int = 0
) -> Judgement:
    """Apply the key to an answer. groups: "real" or "synthetic" by case."""
    synthetic = [groups[case] == SYNTHETIC for case in trial.cases]
    if len(trial.cases) == 2:
        right = synthetic[SIDES.index(answer.call)]
        case = trial.cases[synthetic.index(True)]
        return Judgement(reader, trial, answer, case, True, right, answer.confidence * (1 if right else -1), changed)
    says = answer.call == SYNTHETIC
    score = answer.confidence * (1 if says else -1)
    return Judgement(reader, trial, answer, trial.cases[0], synthetic[0], says == synthetic[0], score, changed)


@dataclass(frozen=True, eq=False)
class Table:
    """All answers of readers who have answered all of these cases. synthetic: (N,) bool. right: (R, N) bool. score:
    (R, N) int, see `Judgement`. calls: (R, N) bool, see `Judgement.called_first`."""

    readers: tuple[str, ...]
    cases: tuple[str, ...]
    synthetic: np.ndarray
    right: np.ndarray
    score: np.ndarray
    calls: np.ndarray

    def of(self, chosen: Sequence[bool]) -> Table:
        """Some of the cases."""
        import numpy as np

        mask = np.asarray(chosen, bool)
        cases = tuple(case for case, kept in zip(self.cases, mask, strict=True) if kept)
        rows = (self.right[:, mask], self.score[:, mask], self.calls[:, mask])
        return Table(self.readers, cases, self.synthetic[mask], *rows)

    def of_reader(self, reader: str) -> Table:
        """One of the readers."""
        row = slice(self.readers.index(reader), self.readers.index(reader) + 1)
        return Table((reader,), self.cases, self.synthetic, self.right[row], self.score[row], self.calls[row])


def tabulate(judgements: Sequence[Judgement], cases: Sequence[str]) -> Table:
    """The table of these cases and all readers who have answered every one of them."""
    import numpy as np

    by_reader: dict[str, dict[str, Judgement]] = {}
    for one in judgements:
        by_reader.setdefault(one.reader, {})[one.case] = one
    finished = [reader for reader, answered in by_reader.items() if set(cases) <= set(answered)]
    ordered = sorted(cases)
    rows = [[by_reader[reader][case] for case in ordered] for reader in sorted(finished)]
    shape = len(rows), len(ordered)
    any_reader = rows[0] if rows else []
    return Table(
        tuple(sorted(finished)),
        tuple(ordered),
        np.array([one.synthetic for one in any_reader], bool),
        np.array([[one.right for one in row] for row in rows], bool).reshape(shape),
        np.array([[one.score for one in row] for row in rows], int).reshape(shape),
        np.array([[one.called_first for one in row] for row in rows], bool).reshape(shape),
    )
