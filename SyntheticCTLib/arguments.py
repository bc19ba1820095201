"""What the commands share: how a command is described, and the kinds of arguments."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

_NAMED_FILE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)=(.+)", re.DOTALL)
"""NAME=FILE; the name becomes part of file names."""


class Command(NamedTuple):
    """One command. add_arguments: gets its parser; sets `make_job` and `summarize` on it. overwrite: what
    --overwrite does; None for a command that writes nothing."""

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    overwrite: str | None = "replace files of these names that exist"


class Group(NamedTuple):
    """Several commands under one name: `synthetic-ct NAME COMMAND`."""

    name: str
    help: str
    commands: tuple[Command, ...]


def seed(text: str) -> int:
    """A whole number that is not negative."""
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0 to 999999999")
    return int(text)


def count(text: str) -> int:
    """A whole number above 0."""
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to 99999")
    return int(text)


def series(text: str) -> str | int:
    """A series is called by its UID or by its number in the list that the error message shows."""
    return int(text) if re.fullmatch(r"\d{1,3}", text, re.ASCII) else text


def named_file(text: str) -> dict[str, str | None]:
    """Split NAME=FILE, unless a file of that very name exists."""
    match = None if os.path.exists(text) else _NAMED_FILE.fullmatch(text)
    name, file = match.groups() if match else (None, text)
    return {"name": name, "file": os.path.abspath(file)}


def chosen(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Some of the arguments, as a job's parameters of the same names."""
    return {name: getattr(arguments, name) for name in names}
