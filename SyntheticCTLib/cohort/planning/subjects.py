"""The subjects of a cohort: who they are, and the table (CSV) they are listed in."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ...images.label_names import EXPLICIT_NAME
from .regions import expected_regions, plain_region

REQUIRED = ("id", "image", "region")
COLUMNS = (*REQUIRED, "labels", "metadata", "series")
"""Columns of the table; their order is free."""

SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
"""What a subject may be called; it becomes part of (private) file names."""

MAX_TABLE_BYTES = 1 << 28
"""A larger file is no table of subjects."""

_SERIES_NUMBER = re.compile(r"\d{1,3}", re.ASCII)


@dataclass(frozen=True)
class LabelFile:
    """A label map of a subject. name: of its layer; None: taken from the file. sha256: of the file's bytes, once it
    has been checked."""

    name: str | None
    file: Path
    sha256: str = ""


@dataclass(frozen=True)
class Subject:
    """One patient's scan, with absolute paths.

    id: safe in file names. image: a volume file or a folder of DICOM files. region: what part of the body it shows, as
    `plain_region` has it; only subjects of one region are morphed into each other. labels: its label maps.
    metadata: its record (JSON).
    series: which one of a DICOM folder. content, metadata_sha256: hash of the image's voxels and of the record's
    bytes, once they have been checked.
    """

    id: str
    image: Path
    region: str
    labels: tuple[LabelFile, ...] = ()
    metadata: Path | None = None
    series: str | int | None = None
    content: str = ""
    metadata_sha256: str | None = None


def read_subjects(file: str | os.PathLike[str]) -> tuple[list[Subject], list[str]]:
    """The subjects in a table, in order of ids, and what is wrong with it; no scan is opened.

    The table is a CSV file (UTF-8) with a header; see `COLUMNS`. `labels` holds FILE or NAME=FILE, several separated
    by ";". Relative paths start at the table's folder. Lines with faults are left out of the subjects.
    Raises InputError if the file is no such table.
    """
    file = Path(file)
    base = Path(os.path.abspath(file.parent))
    rows, faults = _table(file, COLUMNS, REQUIRED)
    if not rows and not faults:
        faults.append("it lists no subject")
    subjects: list[Subject] = []
    for line, row in rows:
        found = list(_row_faults(row, base))
        faults += [f"line {line}: {fault}" for fault in found]
        if not found:
            subjects.append(_subject(row, base))
    faults += _twins([row["id"] for _, row in rows])
    return sorted(subjects, key=lambda subject: subject.id), faults


def read_edges(file: str | os.PathLike[str], known: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """The pairs (source, target) in a table with these two columns, and what is wrong with it.

    known: all subjects' ids. Raises InputError if the file is no such table.
    """
    file = Path(file)
    ids = set(known)
    rows, wrong = _table(file, ("source", "target"), ("source", "target"))
    edges, faults = [], [f"{file.name}, {fault}" for fault in wrong]
    for line, row in rows:
        edge = row["source"], row["target"]
        unknown = [end for end in edge if end not in ids]
        faults += [f"{file.name}, line {line}: there is no subject {end!r}" for end in unknown]
        if not unknown:
            edges.append(edge)
    return sorted(set(edges)), faults


def _table(
    file: Path, columns: Sequence[str], required: Sequence[str]
) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """(number of the line, cell by column) for each line of a table that is not empty, and lines that do not fit.

    Cells come without outer blanks; columns that the table lacks are empty.
    """
    expected = f"expected is a CSV file with the columns {', '.join(columns)} (needed: {', '.join(required)})"
    reader = csv.reader(io.StringIO(_text(file, expected), newline=""))
    rows: list[tuple[int, dict[str, str]]] = []
    faults: list[str] = []
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if set(header) - set(columns) or set(required) - set(header) or len(set(header)) < len(header):
            raise InputError(f"{file}: its first line is {', '.join(header)[:200]!r}; {expected}.")
        for cells in reader:
            if len(cells) > len(header):
                faults.append(
                    f"line {reader.line_num}: {len(cells)} cells under {len(header)} columns; put names that hold a "
                    "comma into quotation marks"
                )
            elif any(cell.strip() for cell in cells):
                row = dict.fromkeys(columns, "")
                row.update(zip(header, (cell.strip() for cell in cells), strict=False))
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise InputError(f"{file}, line {reader.line_num}: {error}; {expected}.") from error
    return rows, faults


def _text(file: Path, expected: str) -> str:
    try:
        if file.stat().st_size > MAX_TABLE_BYTES:
            raise InputError(f"{file}: {file.stat().st_size} bytes are no table; {expected}.")
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{file}: it cannot be read ({error.strerror}); {expected}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: it is no text in UTF-8; {expected}. Save it again as CSV UTF-8.") from error


def _row_faults(row: Mapping[str, str], base: Path) -> Iterator[str]:
    name = row["id"]
    if not SAFE_ID.fullmatch(name):
        yield (
            f"the id {name!r} cannot be used; expected up to 64 letters, digits, - _ and ., a letter or digit first"
            if name
            else "the id is missing"
        )
    where = f"subject {name!r}: "
    if plain_region(row["region"]) is None:
        found = f"{row['region']!r} is no known region" if row["region"] else "the region is missing"
        yield f"{where}{found}; expected {expected_regions()}"
    if not row["image"]:
        yield where + "the image is missing"
    try:
        labels = _labels(row["labels"], base)
    except InputError as error:
        yield where + str(error)
        labels = ()
    files = [row["image"], row["metadata"]]
    paths = [_absolute(file, base) for file in files if file] + [label.file for label in labels]
    for path in paths:
        if not path.exists():
            yield where + f"there is no file {path}"
    if row["series"] and row["image"] and not _absolute(row["image"], base).is_dir():
        yield where + f"series {row['series']!r} is given, but only folders of DICOM files hold series"


def _subject(row: Mapping[str, str], base: Path) -> Subject:
    series = row["series"] or None
    return Subject(
        id=row["id"],
        image=_absolute(row["image"], base),
        region=plain_region(row["region"]),
        labels=_labels(row["labels"], base),
        metadata=_absolute(row["metadata"], base) if row["metadata"] else None,
        series=int(series) if series and _SERIES_NUMBER.fullmatch(series) else series,
    )


def _labels(cell: str, base: Path) -> tuple[LabelFile, ...]:
    """The label files in a cell. Raises InputError for a name that cannot be used."""
    found = []
    for entry in filter(None, (part.strip() for part in cell.split(";"))):
        name, equals, rest = entry.partition("=")
        if not equals or _absolute(entry, base).exists():
            found.append(LabelFile(None, _absolute(entry, base)))
        elif not EXPLICIT_NAME.fullmatch(name.strip()) or not rest.strip():
            raise InputError(f"the labels {entry!r} cannot be read; expected NAME=FILE with letters, digits, - and _")
        else:
            found.append(LabelFile(name.strip(), _absolute(rest.strip(), base)))
    return tuple(found)


def _absolute(path: str, base: Path) -> Path:
    return Path(os.path.normpath(base / os.path.expanduser(path)))


def _twins(ids: Sequence[str]) -> list[str]:
    """Ids that stand there more than once; "A" and "a" are one, as some disks cannot tell them apart."""
    seen: dict[str, list[str]] = {}
    for name in filter(None, ids):
        seen.setdefault(name.lower(), []).append(name)
    return [
        f"{len(names)} subjects have the id {' / '.join(sorted(set(names)))!r}; each needs its own"
        for names in seen.values()
        if len(names) > 1
    ]
