"""A reading study as its readers get it: a folder with cases under opaque names, and nothing that tells the groups."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError

STUDY_TITLE = "SyntheticCT reading study"
"""What `study.json` says it is."""

STUDY_VERSION = 2
"""2: a reader's folder and order no longer depend on capitals and blanks in the code, and sides are the study's, so
readings of 1 would not be found again."""

STUDY_FILE = "study.json"

UNBLINDED_FILE = "SYNTHETIC.txt"
"""In a study whose key was applied: which cases are synthetic."""

CASES_FOLDER = "cases"

READINGS_FOLDER = "readings"

READINGS_MODE = 0o1777
"""Of that folder: everybody can create a folder in it, and nobody can remove another's."""

RATE, PAIRS = "rate", "pairs"
"""How cases are shown: one at a time (real or synthetic?), or two side by side (which one is synthetic?)."""

ARTEFACTS = ("smear", "blur", "double contour", "wrong anatomy", "lesion border", "lesion texture", "other")
"""What a reader can mark in a case."""

@dataclass(frozen=True)
class Window:
    """A display window of the study, HU."""

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class PracticeTrial:
    """A trial whose truth the reader is told. cases: one or two ids. answer: "real" or "synthetic"; of two cases,
    "left" or "right", the synthetic one."""

    cases: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Study:
    """A study folder.

    mode: `RATE` or `PAIRS`. order: token that the readers' orders are made of. windows: display windows, the study's
    own first. artefacts: kinds a reader can mark. size, spacing: voxels and mm of every case, i, j, k. hashes: SHA-256
    of the file of each case, by id. trials: the one or two ids of each, left and right. practice: trials that come
    first and do not count.
    """

    folder: Path
    id: str
    mode: str
    order: str
    windows: tuple[Window, ...]
    artefacts: tuple[str, ...]
    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    hashes: Mapping[str, str]
    trials: tuple[tuple[str, ...], ...]
    practice: tuple[PracticeTrial, ...]

    @property
    def cases(self) -> tuple[str, ...]:
        """Ids of all cases, practice included, in order."""
        return tuple(sorted(self.hashes))

    @property
    def unblinded(self) -> bool:
        """Whether the key was applied to this folder: it tells the groups, and is read no more."""
        return os.path.exists(self.folder / UNBLINDED_FILE)  # which is False, too, where the share has gone

    @property
    def readings(self) -> Path:
        """Where the answers are, a folder for each reader."""
        return self.folder / READINGS_FOLDER

    def image_file(self, case_id: str) -> Path:
        """The file of a case. Raises InputError if there is no such case."""
        if case_id not in self.hashes:
            raise InputError(f"{self.folder}: the study has no case {case_id!r}.")
        return self.folder / CASES_FOLDER / f"{case_id}.nrrd"

    def check(self, case_id: str) -> None:
        """Raise InputError if the file of a case is not the one that was planned."""
        file = self.image_file(case_id)
        try:
            found = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError as error:
            raise InputError(
                f"{file}: this case cannot be read ({error.strerror}). Copy the study folder again."
            ) from error
        if found != self.hashes[case_id]:
            raise InputError(
                f"{file}: this case is not the one that was planned; it was changed or damaged since. Copy the study "
                "folder again from where it was made."
            )


def open_study(folder: str | Path) -> Study:
    """Open a study folder. Raises InputError if it is none, or parts of it are missing or damaged."""
    folder = Path(folder)
    file = folder / STUDY_FILE
    if not file.is_file():
        raise InputError(
            f"{folder}: this is no reading study (there is no {STUDY_FILE} in it); choose a folder that "
            "`synthetic-ct review plan` has written."
        )
    try:
        text = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: it cannot be read ({error}). Copy the study folder again.") from error
    if not isinstance(text, dict) or text.get("study") != STUDY_TITLE:
        raise InputError(f"{file}: this describes no reading study; choose another folder.")
    if text.get("version") != STUDY_VERSION:
        raise InputError(
            f"{file}: the study is of version {text.get('version')}, and this program knows {STUDY_VERSION}. Read it "
            "with the program that planned it."
        )
    try:
        study = _study(folder, text)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{file}: it is damaged ({error!r}). Copy the study folder again.") from error
    missing = [case for case in study.cases if not study.image_file(case).is_file()]
    if missing:
        raise InputError(
            f"{folder}: {len(missing)} of its {len(study.cases)} cases are missing ({missing[0]} is the first). Copy "
            "the study folder again."
        )
    return study


def _study(folder: Path, text: Mapping[str, Any]) -> Study:
    study = Study(
        folder=folder,
        id=_hex(text["id"]),
        mode=text["mode"],
        order=_hex(text["order"]),
        windows=tuple(Window(str(one["name"]), float(one["low"]), float(one["high"])) for one in text["windows"]),
        artefacts=tuple(str(kind) for kind in text["artefacts"]),
        size=tuple(int(n) for n in text["geometry"]["size"]),
        spacing=tuple(float(mm) for mm in text["geometry"]["spacing"]),
        hashes={_hex(one["id"]): _hex(one["sha256"]) for one in text["cases"]},
        trials=tuple(tuple(trial) for trial in text["trials"]),
        practice=tuple(PracticeTrial(tuple(one["cases"]), str(one["answer"])) for one in text["practice"]),
    )
    if study.mode not in (RATE, PAIRS) or not study.windows or not study.trials:
        raise ValueError("mode, windows or trials are not as expected")
    shown = [*study.trials, *(one.cases for one in study.practice)]
    listed = [case for trial in shown for case in trial]
    if len(set(listed)) < len(listed) or set(listed) != set(study.hashes):
        raise ValueError("the trials do not show each case once")
    if any(len(trial) != (1 if study.mode == RATE else 2) for trial in shown):
        raise ValueError("a trial has the wrong number of cases")
    return study


def _hex(text: str) -> str:
    """A token, which may become part of a path. Raises ValueError."""
    if not re.fullmatch(r"[0-9a-f]{4,64}", text):
        raise ValueError(f"{text!r} is no hexadecimal token")
    return text
