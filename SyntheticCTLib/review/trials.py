"""Who reads, and in which order: each reader sees the trials in an order of his own."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass

from ..errors import InputError
from .study import Study

MAX_CODE = 64
"""Characters of a reader's code."""

_FOLDER_DIGITS = 16


@dataclass(frozen=True)
class Trial:
    """What a reader sees at one time. number: its place in this reader's order, from 1. cases: one or two ids, left to
    right. practice: it does not count. truth: of a practice trial, "real" or "synthetic", or the synthetic one's side;
    else None."""

    number: int
    cases: tuple[str, ...]
    practice: bool
    truth: str | None


def plain_code(code: str) -> str:
    """A reader's code as it is kept: composed (NFC), without outer blanks.

    Raises InputError if there is nothing to be seen of it, it is too long, or has characters that break a line.
    """
    plain = unicodedata.normalize("NFC", code).strip()
    if not _folded(plain):
        raise InputError("The reader code is empty; enter the code that you were given, or initials.")
    if len(plain) > MAX_CODE:
        raise InputError(f"The reader code has {len(plain)} characters; expected at most {MAX_CODE}.")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in plain):
        raise InputError(f"The reader code {plain!r} has characters that cannot be seen; enter it again.")
    return plain


def reader_folder(code: str) -> str:
    """The name of the folder of a reader's answers; any file system can hold it, whatever the code.

    Codes that look alike have one folder: neither capitals nor the number and kind of blanks make another reader.
    """
    return hashlib.sha256(_folded(plain_code(code)).encode("utf-8")).hexdigest()[:_FOLDER_DIGITS]


def _folded(code: str) -> str:
    """What two codes have in common that are typed alike."""
    seen = "".join(c for c in unicodedata.normalize("NFKC", code) if unicodedata.category(c) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


def is_reader_folder(name: str) -> bool:
    """Whether `reader_folder` could have given this name."""
    return len(name) == _FOLDER_DIGITS and set(name) <= set("0123456789abcdef")


def trials_of(study: Study, code: str) -> tuple[Trial, ...]:
    """The study's trials as this reader sees them: practice first, then the others in an order drawn for the reader.

    Of two cases the sides are the study's, where half of the synthetic ones are on the left, or for about every second
    reader all the other way round: half are on the left for each reader, and each case is on either side for some.
    """
    reader = reader_folder(code)

    def draw(purpose: str, cases: tuple[str, ...]) -> str:
        text = "|".join((study.order, reader, purpose, *sorted(cases)))
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    trials = [Trial(number + 1, one.cases, True, one.answer) for number, one in enumerate(study.practice)]
    mirrored = int(draw("side", ())[:8], 16) % 2
    for cases in sorted(study.trials, key=lambda cases: draw("place", cases)):
        trials.append(Trial(len(trials) + 1, cases[::-1] if mirrored else cases, False, None))
    return tuple(trials)
