"""Which cases of a cohort may leave: not those a reviewer has culled, and not those too near to an original."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError

if TYPE_CHECKING:
    from ...jobs import JobContext
    from ..dataset.cases import Case, Cohort

KEEP = frozenset({"", "keep", "accept", "accepted", "pass", "passed", "warn", "ok", "good", "no", "false", "0"})
"""What a reviewer writes about a case that stays, in lower case; nothing at all is such a word."""

CULL = frozenset(
    {"cull", "culled", "exclude", "excluded", "reject", "rejected", "remove", "fail", "failed", "bad", "yes", "true"}
    | {"1", "x"}
)
"""What a reviewer writes about a case that must not leave."""

OPINIONS = ("verdict", "exclude")
"""Columns of a review that say something about a case; without any of them, being listed is enough."""

_LISTED_FAULTS = 50


@dataclass(frozen=True)
class Selection:
    """chosen: the cases to export, in order of names. culled: names that the reviewer left out. near: names left out
    for lying nearer to an original than allowed, though not culled. distances: of all cases that are not culled, by
    name; empty if none were asked for. min_distance: what was asked for."""

    chosen: tuple[Case, ...]
    culled: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    distances: Mapping[str, float] = field(default_factory=dict)
    min_distance: float | None = None


def select(cohort: Cohort, min_distance: float | None, review: Path | None, context: JobContext) -> Selection:
    """Choose the cases to export.

    min_distance: cases nearer to any original (0..1, see `privacy.nearness`) stay behind; None: no case does.
    review: a table that names the cases to leave out (`read_review`), or None.
    Raises InputError if the table is faulty, the originals cannot be read, or nothing is left.
    """
    check_min_distance(min_distance)
    culled = read_review(review, _known_names(cohort)) if review is not None else frozenset()
    kept = tuple(case for case in cohort.cases if case.name not in culled)
    distances = _distances(cohort, kept, context) if kept and min_distance is not None else {}
    near = tuple(name for name, distance in distances.items() if distance < min_distance)
    too_near = frozenset(near)
    chosen = tuple(case for case in kept if case.name not in too_near)
    gone = tuple(case.name for case in cohort.cases if case.name in culled)
    selection = Selection(chosen, gone, near, distances, min_distance)
    if not chosen:
        raise InputError(f"No case is left to export: {describe(selection)}. {_way_out(selection)}")
    return selection


def describe(selection: Selection) -> str:
    """How many cases are exported and how many stay behind, why; half a sentence."""
    total = len(selection.chosen) + len(selection.culled) + len(selection.near)
    parts = [f"{len(selection.chosen)} of {total} cases exported", f"{len(selection.culled)} culled by the reviewer"]
    if selection.min_distance is not None:
        parts.append(f"{len(selection.near)} nearer than {selection.min_distance:g} to an original")
    return ", ".join(parts)


def check_min_distance(value: float | None) -> None:
    """Refuse a limit that means nothing. Raises InputError."""
    if value is not None and not 0 < value <= 1:
        raise InputError(
            f"min_distance is {value:g}; expected a number above 0 (the same scan) and at most 1 (nothing in common). "
            "The result of an export with a small one, such as 0.001, tells the distances of your cases."
        )


def read_review(file: Path, known: frozenset[str]) -> frozenset[str]:
    """The names of the cases that a review leaves out.

    file: a CSV table with the column `case`; where it has a column `verdict` or `exclude`, a case is left out if one
    of them says so (`CULL`), without them every listed case is. known: names that may occur.
    Raises InputError that lists all faults: no such column, unknown names, words that are not understood.
    """
    rows, columns = _read_table(file)
    if "case" not in columns:
        raise InputError(
            f"{file}: the column case is missing; found are {', '.join(columns) or 'none'}. The first line of a review "
            "names its columns: case, and verdict or exclude where listed cases may also stay."
        )
    opinions = [column for column in OPINIONS if column in columns]
    culled, faults = set(), []
    for line, row in rows:
        name, said = row["case"], [row[column].lower() for column in opinions]
        faults += [f"line {line}: there is no case {name!r} in this cohort"] if name not in known else []
        faults += [f"line {line}: {word!r} says neither keep nor exclude" for word in said if word not in KEEP | CULL]
        if not opinions or CULL.intersection(said):
            culled.add(name)
    if faults:
        more = len(faults) - _LISTED_FAULTS
        lines = [*faults[:_LISTED_FAULTS], *([f"and {more} more"] if more > 0 else [])]
        raise InputError(f"{file}: this review cannot be used; correct it:\n  - " + "\n  - ".join(lines))
    return frozenset(culled)


def _known_names(cohort: Cohort) -> frozenset[str]:
    """Names of all planned outputs: one may be reviewed, or its row kept, though it was rejected or failed later."""
    return frozenset(output.name for output in cohort.plan.outputs)


def _distances(cohort: Cohort, cases: Sequence[Case], context: JobContext) -> dict[str, float]:
    from .distances import nearest_originals

    found = nearest_originals(cohort, cases, context.report)
    return {name: nearest.distance for name, nearest in found.items()}


def _way_out(selection: Selection) -> str:
    if selection.near:
        farthest = max(selection.distances.values())
        return f"The largest distance is {farthest:.3f}; choose a smaller --min-distance, or plan with a larger t_min."
    return "Cull fewer of them, or run a larger plan."


def _read_table(file: Path) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """Line number and stripped fields of each row that is not empty, and the columns in lower case."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = [name.strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            rows = [(reader.line_num, {column: (row[column] or "").strip() for column in columns}) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: it cannot be read as a table ({error}); expected is a CSV file in UTF-8.") from error
    return [(line, row) for line, row in rows if any(row.values())], columns
