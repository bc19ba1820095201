"""A reader without a person, whose skill is known: what the report finds can be compared with what was put in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .answers import CALLS, HIGHEST, LOWEST, SIDES, Answer, Artefact
from .key import SYNTHETIC
from .reading import Reading
from .study import Study
from .trials import Trial

if TYPE_CHECKING:
    import numpy as np

CONFIDENCE_RIGHT = (0.05, 0.15, 0.3, 0.3, 0.2)
CONFIDENCE_WRONG = (0.25, 0.3, 0.25, 0.15, 0.05)
"""How often each confidence, 1 to 5, is given with a right and with a wrong call."""

_BEGIN = datetime(2000, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Skill:
    """accuracy: share of right calls where half of the cases are synthetic. bias: how much more often synthetic cases
    are found, and real ones taken for synthetic; of two cases, how much more often the left one is taken.

    Raises InputError if there is no such reader.
    """

    accuracy: float
    bias: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.accuracy <= 1 or abs(self.bias) > min(self.accuracy, 1 - self.accuracy) + 1e-9:
            raise InputError(
                f"A reader with accuracy {self.accuracy:g} and bias {self.bias:g} cannot be; expected an accuracy from "
                "0 to 1 and a bias that leaves accuracy + bias and accuracy - bias there."
            )

    def chance_right(self, positive: bool) -> float:
        """How likely the call is right; positive: whether "synthetic" (or "left") is the right one."""
        return self.accuracy + (self.bias if positive else -self.bias)


def expected(skill: Skill) -> dict[str, float]:
    """What an endless reading one case at a time would give: accuracy, sensitivity, specificity, auc."""
    import numpy as np

    shares = []
    for positive in (True, False):  # how likely each score is, from -5 (certainly real) to 5 (certainly synthetic)
        right = skill.chance_right(positive)
        toward, away = right * np.array(CONFIDENCE_RIGHT), (1 - right) * np.array(CONFIDENCE_WRONG)
        shares.append(np.r_[away[::-1], toward] if positive else np.r_[toward[::-1], away])
    above = np.tril(np.ones((2 * HIGHEST,) * 2), -1) + 0.5 * np.eye(2 * HIGHEST)
    return {
        "accuracy": skill.accuracy,
        "sensitivity": skill.chance_right(True),
        "specificity": skill.chance_right(False),
        "auc": float(shares[0] @ above @ shares[1]),
    }


def answer_to(
    trial: Trial, groups: Mapping[str, str], skill: Skill, rng: np.random.Generator, study: Study | None = None
) -> Answer:
    """What this reader says. groups: "real" or "synthetic" by case. study: for marks, which are left out without it."""
    synthetic = [groups[case] == SYNTHETIC for case in trial.cases]
    pair = len(trial.cases) == 2
    positive = synthetic[0]  # "synthetic", or of two cases "left", is right
    right = bool(rng.random() < skill.chance_right(positive))
    says_positive = positive if right else not positive
    calls = SIDES if pair else CALLS[::-1]
    confidence = int(rng.choice(HIGHEST, p=CONFIDENCE_RIGHT if right else CONFIDENCE_WRONG)) + LOWEST
    taken = [says_positive, not says_positive] if pair else [says_positive]
    grades = [int(rng.integers(1, 4) if synthetic else rng.integers(3, 6)) for synthetic in taken]
    marks = ()
    if study is not None and any(taken):
        half = [size * step / 2 for size, step in zip(study.size, study.spacing, strict=True)]
        position = tuple(round(float(rng.uniform(-at, at)), 1) for at in half)
        marks = (Artefact(str(rng.choice(study.artefacts)), position, trial.cases[taken.index(True)]),)
    seconds = round(float(rng.lognormal(3, 0.5)), 1)
    return Answer(
        calls[0] if says_positive else calls[1], confidence, tuple(grades) if pair else grades[0], marks, "", seconds
    )


def read(study: Study, groups: Mapping[str, str], code: str, skill: Skill, seed: tuple[int, ...], spare: Path) -> str:
    """Read a study to its end, the way a person does; returns the receipt.

    code: of the reader; a reading of this code is gone on with. seed: the same one answers the same way.
    Raises InputError as `Reading` does, or if answers could not be written into the study's folder.
    """
    import numpy as np

    rng, time = np.random.default_rng(list(seed)), [_BEGIN]
    with Reading.open(study, code, spare, now=lambda: time[0], simulated=True) as reading:
        for index, trial in enumerate(reading.trials):
            answer = answer_to(trial, groups, skill, rng, study)
            time[0] += timedelta(seconds=answer.seconds)
            if reading.answer(index) is None:
                reading.save(index, answer)
        if reading.waiting:
            raise InputError(
                f"{study.folder}: {reading.waiting} answers of {code!r} could not be written there and are lost. Check "
                "that the folder can be reached and written to, then simulate again on a fresh copy."
            )
        return reading.receipt
