"""Attack 5: read every public file for what must not be in it.

Searched are names of files and folders, text files, and the headers of NIfTI files (their text fields, extensions and
the gzip header), for two kinds of things: what this cohort's plan and records say is secret (ids, file names, hashes,
seeds, exact percentages) and what looks like a date, a clock time, a UID or an absolute path, whosever it is. Ids and
names that are made of words which every cohort's files hold (`own_words`) are not looked for where these stand.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...jobs.records import PRIVATE
from ..dataset.cases import iterate_cases
from ..dataset.layout import CHANNEL, FILE_ENDING
from .own_words import is_own, kind_of

if TYPE_CHECKING:
    from ..dataset.cases import Cohort

SHORTEST = 3
"""Ids, names and stems with fewer characters are in every text by chance; they are not looked for."""

SHORTEST_SEED = 6
"""The same for the digits of seeds."""

HASH_DIGITS = 12
"""So many first digits of a hash betray it."""

LARGEST_TEXT = 64 << 20
"""Of a larger file only so many bytes are read."""

NAMES = ("an original's file name", "a subject's id", "a series")
"""Kinds of secrets that people have chosen, and that may be ordinary words."""

PATTERNS = {
    "a date": re.compile(r"(?<![\d.])(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])(?![\d.])"),
    "a date, day first": re.compile(
        r"(?<![\d.])(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|1[0-2])[-/.](?:19|20)\d\d(?![\d.])"
    ),
    "a DICOM date": re.compile(r"(?<![\w.])(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?![\w.])"),
    "a clock time": re.compile(r"(?<![\d.:])(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\d.:])"),
    "a UID": re.compile(r"(?<![\w.])[0-2](?:\.(?:0|[1-9]\d*)){5,}(?![\w.])"),
    "an absolute path": re.compile(
        r"(?<![\w/.:])/(?:home|Users|mnt|data|media|tmp|work|root|opt|srv|var)/\S+|\b[A-Z]:\\\S+"
    ),
}

_NIFTI_TEXTS = {"data_type": (4, 14), "db_name": (14, 32), "descrip": (148, 228), "aux_file": (228, 252)}
_NIFTI_TEXTS |= {"intent_name": (328, 344)}
_NIFTI_HEADER = 348
_NIFTI_VOXELS = 352
_GZIP_NAME, _GZIP_HEADER = 8, 10


@dataclass(frozen=True)
class Leak:
    """Something that must not be there. file: relative to the cohort's folder. what: the kind. text: as found."""

    file: str
    what: str
    text: str


@dataclass(frozen=True)
class Search:
    """What was looked for and where. skipped: secrets that were not looked for anywhere, because they are too short or
    are what outputs are called. own: names that were not looked for in files which hold their words anyway."""

    leaks: tuple[Leak, ...]
    files: int
    secrets: int
    skipped: int
    own: int


def search(cohort: Cohort) -> Search:
    """Search everything in the cohort's folder but `private/`."""
    secrets, percents = _secrets(cohort)
    common, skipped = _worth_a_look(secrets, cohort)
    by_kind: dict[str, dict[str, str]] = {}
    own: set[str] = set()
    leaks: list[Leak] = []
    files = 0
    for file in sorted(path for path in cohort.folder.rglob("*") if path.is_file()):
        place = file.relative_to(cohort.folder)
        if place.parts[0] == PRIVATE:
            continue
        files += 1
        text = f"{place.as_posix()}\n{_readable(file)}"
        kind = kind_of(place)
        if kind not in by_kind:
            by_kind[kind] = {text: what for text, what in common.items() if what not in NAMES or not is_own(text, kind)}
            own |= common.keys() - by_kind[kind].keys()
        wanted = {**by_kind[kind], **percents.get(_case_name(file), {})}
        leaks += [Leak(place.as_posix(), what, found) for what, found in _found(text, wanted)]
    leaks += _in_rows(cohort.layout.table, percents)
    return Search(tuple(leaks), files, len(common) + sum(map(len, percents.values())), skipped, len(own))


def _secrets(cohort: Cohort) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """What must not occur -> what it is: anywhere, and by case in the case's own files."""
    secrets: dict[str, str] = {str(cohort.plan.seed): "the plan's seed"}
    for subject in (*cohort.plan.subjects, *cohort.plan.held_out):
        files = [subject.image, subject.metadata, *(label.file for label in subject.labels)]
        for file in filter(None, files):
            secrets |= _names(Path(file))
        if subject.series is not None:
            secrets[str(subject.series)] = "a series"
        hashes = [subject.content, subject.metadata_sha256, *(label.sha256 for label in subject.labels)]
        secrets |= {digest[:HASH_DIGITS]: "a hash of an original" for digest in hashes if digest}
    lesions = cohort.plan.settings.lesions
    for shape in lesions.shapes if lesions else ():
        secrets |= _names(shape.file) | {shape.sha256[:HASH_DIGITS]: "a hash of a lesion's shape"}
    seeds = [seed for output in cohort.plan.outputs for seed in (output.seed, output.lesion_seed)]
    secrets |= {str(seed): "an output's seed" for seed in seeds if seed is not None}
    secrets |= {subject.id: "a subject's id" for subject in (*cohort.plan.subjects, *cohort.plan.held_out)}
    percents = {}
    for case in iterate_cases(cohort.layout, cohort.plan):
        hashes = _hashes(case.private.get("inputs"))
        secrets |= {digest[:HASH_DIGITS]: "a hash of an original" for digest in hashes}
        percents[case.name] = _percent(float(case.private["percent"]))
    return secrets, percents


def _names(file: Path) -> dict[str, str]:
    """A file's name and what is left of it without its suffixes."""
    return dict.fromkeys((file.name, file.name.split(".")[0]), "an original's file name")


def _hashes(value: object) -> Iterator[str]:
    """Every run of 64 hexadecimal digits in a record."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _hashes(part)
    elif isinstance(value, list):
        for part in value:
            yield from _hashes(part)
    elif isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
        yield value


def _worth_a_look(secrets: Mapping[str, str], cohort: Cohort) -> tuple[dict[str, str], int]:
    """The secrets that are long enough and are no output's name, and how many others there are.

    Originals that are synthetic themselves may be called as the outputs are.
    """
    outputs = {output.name.casefold() for output in cohort.plan.outputs}
    kept = {
        text: what
        for text, what in secrets.items()
        if len(text) >= (SHORTEST_SEED if "seed" in what else SHORTEST)
        and not (what in NAMES and _case_name(Path(text.casefold())) in outputs)
    }
    return kept, len(secrets) - len(kept)


def _percent(percent: float) -> dict[str, str]:
    """An exact percentage, unless it is a whole number (which the rounded one may be, and much else)."""
    return {} if percent == int(percent) else {f"{percent:.2f}".rstrip("0"): "the exact percentage"}


def _case_name(file: Path) -> str:
    name = file.name.removesuffix(".json").removesuffix(FILE_ENDING)
    return name.removesuffix(CHANNEL)


def _in_rows(table: Path, percents: Mapping[str, Mapping[str, str]]) -> Iterator[Leak]:
    """Exact percentages in the table, each looked for in the row of its own case alone."""
    if table.is_file():
        with table.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                secrets = percents.get(line.partition(",")[0], {})
                yield from (Leak(table.name, what, found) for what, found in _contained(line, secrets))


def _found(text: str, secrets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from _contained(text, secrets)
    for what, pattern in PATTERNS.items():
        yield from ((what, found) for found in sorted(set(pattern.findall(text))))


def _contained(text: str, secrets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The secrets that occur as words of their own, whatever the case of their letters; one of digits only as a whole
    number, not as a part of 0.101 or 1.101.2."""
    folded = text.casefold()
    for secret, what in secrets.items():
        plain = secret.casefold()
        if plain not in folded:
            continue
        start, end = r"(?<![a-z0-9])", "" if "hash" in what else r"(?![a-z0-9])"
        if plain.isdigit():
            start, end = rf"{start}(?<!\d\.)", rf"{end}(?!\.\d)"
        if re.search(f"{start}{re.escape(plain)}{end}", folded):
            yield what, secret


def _readable(file: Path) -> str:
    """What a file says in words; of a NIfTI file its header, of a table or text everything."""
    if file.name.endswith((".nii", ".nii.gz")):
        return _nifti_words(file)
    with file.open("rb") as stream:
        return stream.read(LARGEST_TEXT).decode("utf-8", errors="replace")


def _nifti_words(file: Path) -> str:
    opener = gzip.open if file.suffix == ".gz" else Path.open
    with opener(file, "rb") as stream:
        header = stream.read(_NIFTI_VOXELS)
        start = int(_number(header, 108))
        extension = stream.read(max(start - _NIFTI_VOXELS, 0)) if len(header) == _NIFTI_VOXELS else b""
    words = [header[low:high] for low, high in _NIFTI_TEXTS.values()] + [extension]
    if file.suffix == ".gz":
        with file.open("rb") as stream:
            packed = stream.read(1024)
        if packed[3] & _GZIP_NAME:
            words.append(packed[_GZIP_HEADER:].split(b"\0")[0])
    return "\n".join(word.replace(b"\0", b" ").decode("latin-1") for word in words)


def _number(header: bytes, at: int) -> float:
    """A float of the header, whose byte order shows in its first number, the header's size."""
    import struct

    order = "<" if struct.unpack("<i", header[:4])[0] == _NIFTI_HEADER else ">"
    return struct.unpack(f"{order}f", header[at : at + 4])[0]
