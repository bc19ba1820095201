"""Collecting what all readers have answered, each file checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import InputError
from ..answers import Answer
from ..chain import Answers, Tampered, last_hash, read_answers, receipt_of
from ..key import Key
from ..store import ANSWERS_FILE, read_code, reader_folders
from ..study import Study
from ..trials import Trial, plain_code, reader_folder
from .judgements import Judgement, judge


@dataclass(frozen=True)
class Reader:
    """code: of the reader. judgements: the last answers, practice left out, each with the reading time of all answers
    to its trial. receipt: of the answers file. checked: whether the reader's own receipt was given, and agrees.
    finished: whether all trials are answered. torn: whether the last answer was lost in a crash, or is being written
    now."""

    code: str
    judgements: tuple[Judgement, ...]
    receipt: str
    checked: bool
    finished: bool
    torn: bool


@dataclass(frozen=True)
class Readings:
    """A study, its key and what was read. left_out: codes of the readers who were to be left out. silent: codes of
    those who have opened the study, and have no answer that counts. simulated: whether its readers are no people."""

    study: Study
    key: Key
    readers: tuple[Reader, ...]
    left_out: tuple[str, ...]
    silent: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def judgements(self) -> list[Judgement]:
        """Of all readers."""
        return [one for reader in self.readers for one in reader.judgements]

    @property
    def counted(self) -> tuple[str, ...]:
        """What `Judgement.case` can be: a case of each trial that counts, in order."""
        practised = {case for case, about in self.key.cases.items() if about.practice}
        cases = [case for case in self.study.cases if case not in practised]
        pairs = len(self.study.trials[0]) == 2
        return tuple(case for case in cases if not pairs or self.key.cases[case].group == "synthetic")


def gather(study: Study, key: Key, without: Sequence[str] = (), receipts: Mapping[str, str] | None = None) -> Readings:
    """Read all answers of a study.

    without: codes of readers to leave out. receipts: by code, what readers have sent apart. Codes are compared as
    reading compares them: "anna " is "Anna".
    Raises InputError if the key is another study's, a case was changed, answers were tampered with (the message names
    reader and line) or are gone, a receipt differs, people and simulated readers are mixed, or nobody has answered
    anything.
    """
    key.check(study)
    for case in study.cases:
        study.check(case)
    folders = _folders(study)
    known = {name: read_code(folder) for name, folder in folders.items()}
    skipped = {_known(code, study, known) for code in without}
    wanted = {_known(code, study, known): text for code, text in (receipts or {}).items()}
    kept = [name for name in folders if name not in skipped]
    _refuse_mix(study, [known[name] for name in kept])
    readers = [_reader(study, key, known[name][0], folders[name], wanted.get(name)) for name in kept]
    answered = tuple(sorted((reader for reader in readers if reader.judgements), key=lambda reader: reader.code))
    if not answered:
        raise InputError(f"{study.folder}: nobody has answered a case that counts yet; there is nothing to report.")
    return Readings(
        study,
        key,
        answered,
        tuple(sorted(known[name][0] for name in skipped)),
        tuple(sorted(reader.code for reader in readers if not reader.judgements)),
        any(known[name][1] for name in kept),
    )


def _folders(study: Study) -> dict[str, Path]:
    try:
        return {folder.name: folder for folder in reader_folders(study)}
    except OSError as error:
        raise InputError(f"{study.readings}: the answers cannot be reached ({error.strerror}).") from error


def _known(code: str, study: Study, known: Mapping[str, tuple[str, bool]]) -> str:
    """The name of the folder of a reader who was asked for."""
    name = reader_folder(code)
    if name not in known:
        found = ", ".join(sorted(one for one, _ in known.values())) or "none"
        raise InputError(f"{study.readings}: no reader {plain_code(code)!r} is there; found {found}.")
    return name


def _refuse_mix(study: Study, readers: Sequence[tuple[str, bool]]) -> None:
    codes = {kind: sorted(code for code, simulated in readers if simulated is kind) for kind in (True, False)}
    if codes[True] and codes[False]:
        raise InputError(
            f"{study.readings}: people ({', '.join(codes[False])}) and simulated readers, who know the key "
            f"({', '.join(codes[True])}), are never put into one report. Leave one kind out: "
            f"{' '.join(f'--without {code!r}' for code in codes[True])}."
        )


def _reader(study: Study, key: Key, code: str, folder: Path, receipt: str | None) -> Reader:
    answers = _answers(study, code, folder / ANSWERS_FILE)
    found = receipt_of(last_hash(answers.entries, study, code))
    if receipt is not None and _plain(receipt) != _plain(found):
        raise InputError(
            f"{folder / ANSWERS_FILE}: the receipt of reader {code!r} is {receipt}, and the answers there have "
            f"{found}: they were changed after the reader had finished, or the reader went on. Ask the reader, put the "
            "file's backup in its place, or leave the reader out (--without)."
        )
    groups = {case: about.group for case, about in key.cases.items()}
    given: dict[Trial, list[Answer]] = {}
    for entry in answers.entries:
        given.setdefault(entry.trial, []).append(entry.answer)
    judged = [
        judge(code, trial, _with_all_time(given[trial]), groups, len(given[trial]) - 1)
        for trial in sorted(given, key=lambda trial: trial.number)
        if not trial.practice
    ]
    finished = len(judged) == len(study.trials)
    return Reader(code, tuple(judged), found, receipt is not None, finished, bool(answers.torn))


def _with_all_time(given: Sequence[Answer]) -> Answer:
    """The answer that counts, the last one, with the time of all: each tells only the time since the one before."""
    return replace(given[-1], seconds=round(sum(one.seconds for one in given), 3))


def _answers(study: Study, code: str, file: Path) -> Answers:
    try:
        return read_answers(file.read_bytes(), study, code)
    except Tampered as error:
        raise InputError(
            f"{file}, {error}. The answers of reader {code!r} were tampered with. Put the file's backup in its place, "
            f"or report without them: --without {code!r}."
        ) from error
    except FileNotFoundError as error:
        raise InputError(
            f"{file}: the answers of reader {code!r} are gone. Put the file's backup in its place, or report without "
            f"them: --without {code!r}."
        ) from error
    except OSError as error:
        raise InputError(f"{file}: it cannot be read ({error.strerror}).") from error


def _plain(receipt: str) -> str:
    return re.sub(r"[^0-9a-f]", "", receipt.lower())
