"""Text files that are complete or not there, also after the machine has stopped."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO


@contextmanager
def replacing(file: Path) -> Iterator[TextIO]:
    """Give a text stream (UTF-8) whose content is in `file` when the block has ended without an exception."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(file: Path, text: str) -> None:
    """Write a text file; it appears complete or not at all."""
    with replacing(file) as stream:
        stream.write(text)


def remember_names(folder: Path) -> None:
    """Force the names in a folder to the disk, so that a record never survives a power cut without its files."""
    if os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_record(file: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None if there is no such file or it is damaged."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
