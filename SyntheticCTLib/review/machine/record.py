"""What a machine has said about a study, and what it was trained on, in one file. It names patients: keep it as the key
is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...jobs.records import plain, to_text
from ..study import Study
from .classifier import Validated

MACHINE_TITLE = "SyntheticCT reading study, read by a machine: names its training patients, not for readers"


@dataclass(frozen=True)
class Machine:
    """study: its id. seed: of the choice of training scans and of the folds. scores: how likely each case is synthetic,
    0 to 1, by opaque id. validation: the training scans, each judged by a classifier that had none of its patient.
    weights: by feature, what a standard deviation more of it adds to the log odds. training: how many patients and
    scans, what was left out and why, what could not be matched. trained_on: names of the training scans by group."""

    study: str
    seed: int
    scores: Mapping[str, float]
    validation: tuple[Validated, ...]
    weights: Mapping[str, float]
    training: Mapping[str, Any]
    trained_on: Mapping[str, list[str]]

    def check(self, study: Study) -> None:
        """Raise InputError if it has read another study."""
        if self.study != study.id or set(self.scores) != set(study.cases):
            raise InputError(
                f"This machine has read the study {self.study}, and {study.folder} is {study.id}. Let one read it: "
                "`synthetic-ct review machine`."
            )

    def to_text(self) -> str:
        """As it is written into a file."""
        return to_text(plain({"machine": MACHINE_TITLE, **asdict(self)}))


def read_machine(file: Path) -> Machine:
    """Read what `Machine.to_text` made. Raises InputError if it is something else."""
    try:
        text = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: what the machine said cannot be read ({error.strerror}); check the path.") from error
    except ValueError as error:
        raise InputError(f"{file}: no machine has written this file.") from error
    if not isinstance(text, dict) or text.get("machine") != MACHINE_TITLE:
        raise InputError(f"{file}: no machine has written this file; `synthetic-ct review machine` makes one.")
    try:
        fields = {name: value for name, value in text.items() if name != "machine"}
        return Machine(**{**fields, "validation": tuple(Validated(**one) for one in fields["validation"])})
    except (KeyError, TypeError) as error:
        raise InputError(f"{file}: it is damaged ({error!r}). Let the machine read the study again.") from error
