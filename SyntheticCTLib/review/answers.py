"""What a reader says about a trial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError

CALLS = ("real", "synthetic")
"""What one case is called."""

SIDES = ("left", "right")
"""Which of two cases is taken for the synthetic one."""

LOWEST, HIGHEST = 1, 5
"""Of confidence and realism."""

MAX_COMMENT = 4000
"""Characters in a comment."""


@dataclass(frozen=True)
class Artefact:
    """Something a reader has marked. kind: one of the study's. position: LPS mm in the case. case: its opaque id.

    Raises InputError if it is not so.
    """

    kind: str
    position: tuple[float, float, float]
    case: str

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or not self.kind or not isinstance(self.case, str) or not self.case:
            raise InputError(f"An artefact has the kind {self.kind!r} in case {self.case!r}; both are needed.")
        try:
            position = tuple(float(at) for at in self.position)
        except (TypeError, ValueError, OverflowError):
            position = ()
        if len(position) != 3 or not all(map(math.isfinite, position)):
            raise InputError(f"An artefact lies at {self.position!r}; expected three numbers, mm.")
        object.__setattr__(self, "position", position)


@dataclass(frozen=True)
class Answer:
    """The answer to one trial.

    call: "real" or "synthetic" of one case; "left" or "right" of two, the one taken for synthetic. confidence: 1
    (guessed) to 5 (certain). realism: 1 (cannot be real) to 5 (could be real); of two cases left and right.
    artefacts: what was marked. comment: free text. seconds: reading time.
    Raises InputError if it is not so.
    """

    call: str
    confidence: int
    realism: int | tuple[int, int]
    artefacts: tuple[Artefact, ...] = ()
    comment: str = ""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.call not in (*CALLS, *SIDES):
            raise InputError(f"The call is {self.call!r}; expected one of {', '.join((*CALLS, *SIDES))}.")
        _check_grade("confidence", self.confidence)
        object.__setattr__(self, "realism", self._checked_realism())
        object.__setattr__(self, "artefacts", tuple(self.artefacts))
        if not all(isinstance(one, Artefact) for one in self.artefacts):
            raise InputError("The artefacts of an answer are something else; expected a tuple of Artefact.")
        if not isinstance(self.comment, str) or len(self.comment) > MAX_COMMENT:
            raise InputError(f"The comment is too long; expected a text of at most {MAX_COMMENT} characters.")
        # half of a character, as broken input methods hand in, cannot be written as UTF-8
        object.__setattr__(self, "comment", self.comment.encode("utf-8", "replace").decode("utf-8"))
        if not _is_time(self.seconds):
            raise InputError(f"The reading time is {self.seconds!r}; expected seconds, 0 or more.")

    def _checked_realism(self) -> int | tuple[int, int]:
        if self.call in CALLS:
            _check_grade("realism", self.realism)
            return self.realism
        if not isinstance(self.realism, tuple | list) or len(self.realism) != 2:
            raise InputError(f"The realism is {self.realism!r}; of two cases, expected one grade for each.")
        for grade in self.realism:
            _check_grade("realism", grade)
        return tuple(self.realism)

    def realism_of(self, position: int) -> int:
        """The grade of the case at this position of the trial."""
        return self.realism[position] if isinstance(self.realism, tuple) else self.realism

    def to_dict(self) -> dict[str, Any]:
        """The answer in JSON's types."""
        return {
            "call": self.call,
            "confidence": self.confidence,
            "realism": list(self.realism) if isinstance(self.realism, tuple) else self.realism,
            "artefacts": [
                {"kind": one.kind, "position": list(one.position), "case": one.case} for one in self.artefacts
            ],
            "comment": self.comment,
            "seconds": self.seconds,
        }

    @classmethod
    def from_dict(cls, text: Mapping[str, Any]) -> Answer:
        """What `to_dict` gave. Raises InputError, KeyError, TypeError if it is not so."""
        realism = text["realism"]
        return cls(
            call=text["call"],
            confidence=text["confidence"],
            realism=tuple(realism) if isinstance(realism, list) else realism,
            artefacts=tuple(Artefact(one["kind"], tuple(one["position"]), one["case"]) for one in text["artefacts"]),
            comment=text["comment"],
            seconds=text["seconds"],
        )


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, int | float) and math.isfinite(value) and value >= 0
    except OverflowError:  # a whole number beyond every float
        return False


def _check_grade(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not LOWEST <= value <= HIGHEST:
        raise InputError(f"The {name} is {value!r}; expected a whole number from {LOWEST} to {HIGHEST}.")
