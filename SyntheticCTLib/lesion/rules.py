"""What settings may be, as rules that find every fault at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError


@dataclass(frozen=True)
class Rule:
    """What a setting may be. words: end the sentence "expected is ..."."""

    holds: Callable[[Any], bool]
    words: str

    @classmethod
    def flag(cls) -> Rule:
        """True or false."""
        return cls(lambda value: isinstance(value, bool), "true or false")

    @classmethod
    def choice(cls, *names: str) -> Rule:
        """One of these words."""
        return cls(lambda value: value in names, f"one of {', '.join(names)}")

    @classmethod
    def whole(cls, least: int) -> Rule:
        """A whole number from `least` on."""
        return cls(lambda value: type(value) is int and value >= least, f"a whole number from {least} on")

    @classmethod
    def number(cls, words: str, holds: Callable[[float], bool]) -> Rule:
        """A finite number for which something holds, in words too."""
        return cls(lambda value: _is_number(value) and holds(value), f"a number {words}")

    def or_none(self) -> Rule:
        """The same, or nothing."""
        return Rule(lambda value: value is None or self.holds(value), f"{self.words}, or nothing")

    def each(self, least: int = 1) -> Rule:
        """A list of `least` or more such values."""
        return Rule(
            lambda value: isinstance(value, tuple) and len(value) >= least and all(map(self.holds, value)),
            f"a list of which each is {self.words}",
        )


BELOW_ONE = Rule.number("from 0 to below 1", lambda value: 0 <= value < 1)


def refuse(faults: list[str]) -> None:
    """Raise InputError that lists the faults, if there are any."""
    if faults:
        raise InputError("; ".join(faults) + ".")


def broken(section: str, settings: Any, rules: Mapping[str, Rule]) -> list[str]:
    """What is wrong with the settings of a section (optimisation, generator, discriminator), by its rules."""
    values = {name: getattr(settings, name) for name in rules}
    return [
        f"{section}.{name} is {shown(values[name])}; expected is {rule.words}"
        for name, rule in rules.items()
        if not rule.holds(values[name])
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def shown(value: Any) -> str:
    """A setting's value as the file would have it."""
    return "nothing" if value is None else repr(_lists(value))


def _lists(value: Any) -> Any:
    """The same with lists for tuples, as the file has it."""
    return [_lists(one) for one in value] if isinstance(value, tuple) else value
