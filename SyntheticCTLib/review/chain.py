"""The answers as they stand on disk: one JSON object a line, each with the hash of the line before it.

So a line that was edited or moved by hand, or removed before another one, is found. The chain is no seal: lines taken
from the end, and a chain computed anew, are found by the receipt only, the hash of the last line, which the reader
sends apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from .answers import CALLS, SIDES, Answer
from .study import RATE, Study
from .trials import Trial, reader_folder, trials_of

_RECEIPT_DIGITS = 12


class Tampered(InputError):  # noqa: N818, what was done to the answers
    """Answers that are not as they were written. line: number of the first such line, from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line


@dataclass(frozen=True)
class Entry:
    """One line. trial: what was answered. at: time of writing, ISO 8601, UTC. hash: of the line, which names the one
    before it. text: the line itself, with its end."""

    trial: Trial
    answer: Answer
    at: str
    hash: str
    text: bytes


@dataclass(frozen=True)
class Answers:
    """A reader's answers. entries: in the order of writing; the last one to a trial counts. torn: bytes at the end
    that are no whole line, for the program or the machine stopped while writing them."""

    entries: tuple[Entry, ...]
    torn: bytes = b""


def beginning(study: Study, code: str) -> str:
    """What the first line names as the hash before it: it binds the answers to a study and a reader."""
    return hashlib.sha256(f"{study.id}|{reader_folder(code)}".encode("ascii")).hexdigest()


def make_entry(trial: Trial, answer: Answer, at: str, previous: str) -> Entry:
    """The line for an answer. previous: hash of the line before, or the `beginning`."""
    fields = {"number": trial.number, "trial": list(trial.cases), **answer.to_dict(), "at": at, "previous": previous}
    digest = _hash(fields)
    line = json.dumps({**fields, "hash": digest}, allow_nan=False)
    return Entry(trial, answer, at, digest, line.encode("ascii") + b"\n")


def read_answers(data: bytes, study: Study, code: str, previous: str | None = None) -> Answers:
    """Read lines and check each.

    previous: hash of what stands before the first line, if it is not the beginning.
    Raises Tampered for the first line that is not as it was written.
    """
    trials = {trial.number: trial for trial in trials_of(study, code)}
    whole, mark, torn = data.rpartition(b"\n")
    if not mark:
        whole, torn = b"", data
    lines = whole.split(b"\n") if mark else []
    if lines and b"\0" in lines[-1]:  # what a power cut leaves where the length was written before the content
        torn = lines.pop() + b"\n" + torn
    entries: list[Entry] = []
    expected = previous or beginning(study, code)
    for number, line in enumerate(lines, 1):
        entries.append(_read_line(number, line, trials, study, expected))
        expected = entries[-1].hash
    return Answers(tuple(entries), torn)


def receipt_of(digest: str) -> str:
    """A hash short enough to be written down."""
    short = digest[:_RECEIPT_DIGITS]
    return "-".join(short[at : at + 4] for at in range(0, len(short), 4))


def misfit(answer: Answer, trial: Trial, study: Study) -> str | None:
    """Why an answer does not belong to a trial of the study, or None."""
    calls = CALLS if study.mode == RATE else SIDES
    if answer.call not in calls:
        return f"the call is {answer.call!r}; this study's are {' and '.join(calls)}"
    for one in answer.artefacts:
        if one.kind not in study.artefacts:
            return f"the artefact {one.kind!r} is none of the study's"
        if one.case not in trial.cases:
            return f"an artefact lies in case {one.case!r}, which the trial does not show"
    return None


def last_hash(entries: Sequence[Entry], study: Study, code: str) -> str:
    """The hash that the next line names."""
    return entries[-1].hash if entries else beginning(study, code)


def _read_line(number: int, line: bytes, trials: Mapping[int, Trial], study: Study, expected: str) -> Entry:
    try:
        fields = json.loads(line)
        digest = fields.pop("hash")
        answer = Answer.from_dict(fields)
        trial = trials.get(fields["number"])
        shown, at, previous = tuple(fields["trial"]), str(fields["at"]), fields["previous"]
        found = _hash(fields)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, InputError) as error:
        raise Tampered(number, f"it is no answer of this program ({error})") from error
    if found != digest:
        raise Tampered(number, "it was changed after it was written")
    if previous != expected:
        raise Tampered(number, "the line before it was changed, removed or moved, or belongs to another reading")
    if trial is None or trial.cases != shown:
        raise Tampered(number, "it answers a trial that this reader does not have")
    fault = misfit(answer, trial, study)
    if fault:
        raise Tampered(number, fault)
    return Entry(trial, answer, at, digest, line + b"\n")


def _hash(fields: Mapping[str, Any]) -> str:
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
