"""Collecting what all readers have answered, each file checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ..chain import Answers, Tampered, last_hash, read_answers, receipt_of
from ..key import Key
from ..store import ANSWERS_FILE, read_code
from ..study import Study
from ..trials import plain_code
from .judgements import Judgement, judge


@dataclass(frozen=True)
class Reader:
    """code: of the reader. judgements: the last answers, practice left out. receipt: of the answers file. checked:
    whether the reader's own receipt was given, and agrees. finished: whether all trials are answered. torn: whether the
    last answer was lost in a crash, or is being written now."""

    code: str
    judgements: tuple[Judgement, ...]
    receipt: str
    checked: bool
    finished: bool
    torn: bool


@dataclass(frozen=True)
class Readings:
    """A study, its key and what was read. left_out: codes of the readers who were to be left out."""

    study: Study
    key: Key
    readers: tuple[Reader, ...]
    left_out: tuple[str, ...]

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

    without: codes of readers to leave out. receipts: by code, what readers have sent apart.
    Raises InputError if the key is another study's, a case was changed, answers were tampered with (the message names
    reader and line), a receipt differs, or nobody has answered anything.
    """
    key.check(study)
    for case in study.cases:
        study.check(case)
    skipped = {plain_code(code) for code in without}
    wanted = {plain_code(code): text for code, text in (receipts or {}).items()}
    folders = {read_code(folder): folder for folder in sorted(_folders(study))}
    strangers = sorted((skipped | set(wanted)) - set(folders))
    if strangers:
        known = ", ".join(folders) or "none"
        raise InputError(f"{study.readings}: no reader {strangers[0]!r} is there; found {known}.")
    readers = [
        _reader(study, key, code, folder, wanted.get(code))
        for code, folder in sorted(folders.items())
        if code not in skipped
    ]
    readers = [reader for reader in readers if reader.judgements]
    if not readers:
        raise InputError(f"{study.folder}: nobody has answered a case that counts yet; there is nothing to report.")
    return Readings(study, key, tuple(readers), tuple(sorted(skipped)))


def _folders(study: Study) -> list[Path]:
    if not study.readings.is_dir():
        return []
    return [folder for folder in study.readings.iterdir() if (folder / ANSWERS_FILE).is_file()]


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
    last, times = {}, {}
    for entry in answers.entries:
        last[entry.trial] = entry.answer
        times[entry.trial] = times.get(entry.trial, -1) + 1
    judged = [
        judge(code, trial, answer, groups, times[trial])
        for trial, answer in sorted(last.items(), key=lambda item: item[0].number)
        if not trial.practice
    ]
    finished = len(judged) == len(study.trials)
    return Reader(code, tuple(judged), found, receipt is not None, finished, bool(answers.torn))


def _answers(study: Study, code: str, file: Path) -> Answers:
    try:
        return read_answers(file.read_bytes(), study, code)
    except Tampered as error:
        raise InputError(
            f"{file}, {error}. The answers of reader {code!r} were tampered with. Put the file's backup in its place, "
            f"or report without them: --without {code!r}."
        ) from error
    except OSError as error:
        raise InputError(f"{file}: it cannot be read ({error.strerror}).") from error


def _plain(receipt: str) -> str:
    return re.sub(r"[^0-9a-f]", "", receipt.lower())
