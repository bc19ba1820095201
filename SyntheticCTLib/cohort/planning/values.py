"""What a value of a plan's JSON may be asked: whether it is a number, a whole one, a text, a hash."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a finite number; true and false are none."""
    if isinstance(value, float | Decimal):
        return math.isfinite(value)
    return type(value) is int


def is_whole(value: Any, low: int, high: int | None = None) -> bool:
    """Whether a value of JSON is a whole number from `low` to `high`."""
    return type(value) is int and value >= low and (high is None or value <= high)


def is_text(value: Any) -> bool:
    """Whether a value is a text that is not blank, and may be a path."""
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def is_hash(value: Any) -> bool:
    """Whether a value is a SHA-256 in hexadecimal digits."""
    return isinstance(value, str) and bool(_SHA256.fullmatch(value))
