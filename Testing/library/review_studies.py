"""Study folders for the tests of reading: cases are a few bytes, for nobody looks at them."""

from __future__ import annotations

import hashlib
import itertools
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

from SyntheticCTLib.review.answers import Answer, Artefact
from SyntheticCTLib.review.reading import Reading
from SyntheticCTLib.review.study import ARTEFACTS, STUDY_TITLE, STUDY_VERSION, Study
from SyntheticCTLib.review.trials import reader_folder

ORDER = "5eed0f0de4"


def write_study(folder: Path, cases: int = 6, mode: str = "rate", practice: int = 0) -> Path:
    """A study folder; the first `practice` trials are practice ones."""
    each = 1 if mode == "rate" else 2
    ids = [hashlib.sha256(f"{mode}{number}".encode()).hexdigest()[:10] for number in range(cases)]
    (folder / "cases").mkdir(parents=True)
    for case in ids:
        (folder / "cases" / f"{case}.nrrd").write_bytes(case.encode())
    trials = [list(ids[at : at + each]) for at in range(0, cases, each)]
    answer = "synthetic" if mode == "rate" else "left"
    text = {
        "study": STUDY_TITLE,
        "version": STUDY_VERSION,
        "id": hashlib.sha256(f"{mode}{cases}".encode()).hexdigest()[:16],
        "mode": mode,
        "order": ORDER,
        "windows": [{"name": "lung", "low": -1350, "high": 150}],
        "geometry": {"size": [4, 4, 2], "spacing": [1, 1, 2]},
        "artefacts": list(ARTEFACTS),
        "cases": [{"id": case, "sha256": hashlib.sha256(case.encode()).hexdigest()} for case in sorted(ids)],
        "trials": trials[practice:],
        "practice": [{"cases": trial, "answer": answer} for trial in trials[:practice]],
    }
    (folder / "study.json").write_text(json.dumps(text), encoding="utf-8")
    return folder


def answer_to(trial, call: str | None = None, **changed) -> Answer:
    """An answer that fits a trial."""
    pair = len(trial.cases) == 2
    mark = Artefact("smear", (1.0, -2.5, 3.0), trial.cases[0])
    grades = {"confidence": 3, "realism": (4, 2) if pair else 4}
    given = {**grades, "artefacts": (mark,), "comment": "Gefäß", "seconds": 2.5, **changed}
    return Answer(call or ("left" if pair else "real"), **given)


def ticking():
    """A clock that goes on by a second each time it is asked."""
    begin, seconds = datetime(2026, 1, 1, tzinfo=timezone.utc), itertools.count()
    return lambda: begin + timedelta(seconds=next(seconds))


def answers_file(study: Study, code: str = "A") -> Path:
    """Where a reader's answers are."""
    return study.readings / reader_folder(code) / "answers.jsonl"


def read_all(study: Study, spare: Path, code: str = "A") -> str:
    """Read a study to its end; returns the receipt."""
    with Reading.open(study, code, spare, ticking()) as reading:
        while (index := reading.first_open()) is not None:
            assert reading.save(index, answer_to(reading.trials[index]))
        return reading.receipt


def numbers(file: Path) -> list[int]:
    """Of the trials that were answered, line by line."""
    return [json.loads(line)["number"] for line in file.read_text(encoding="utf-8").splitlines()]


def lose(study: Study) -> Path:
    """What a disconnected share looks like: its path leads nowhere."""
    return study.folder.rename(study.folder.with_name("gone"))
