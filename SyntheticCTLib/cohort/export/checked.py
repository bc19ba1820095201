"""The files of a case must be what the run wrote: an export vouches for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...jobs.records import file_hash

if TYPE_CHECKING:
    from ..dataset.cases import Case


def private_record(case: Case) -> dict[str, Any]:
    """The private record, not kept in memory with the case: a large cohort's records would not fit."""
    return replace(case).private


def public_record(case: Case) -> dict[str, Any]:
    """The public record, not kept in memory with the case."""
    return replace(case).public


def check_unchanged(case: Case) -> None:
    """Refuse a case whose files have changed or vanished since the run. Raises InputError."""
    for name, written in private_record(case)["files"].items():
        file = case.layout.folder / name
        found = file_hash(file) if file.is_file() else "missing"
        if found != written["sha256"]:
            what = "is missing" if found == "missing" else "has changed since the run wrote it"
            raise InputError(
                f"{file}: this file of the case {case.name} {what}. Put it back; or remove the record "
                f"{case.layout.private_record(case.name)} and give the command of `synthetic-ct cohort run` again."
            )
