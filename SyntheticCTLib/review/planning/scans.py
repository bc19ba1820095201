"""The scans in a folder, whatever kind of folder it is, with what is known about each."""

from __future__ import annotations

import csv
import glob
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ...cohort.dataset.cases import Case, read_cohort
from ...cohort.dataset.layout import Layout
from ...cohort.planning.subjects import Subject, plain_region, read_subjects
from ...errors import InputError
from ...images.files import is_dicom_file
from ...images.labels import says_lesion
from ...images.reading import read_ct
from ...jobs.records import PRIVATE

SUBJECTS_FILE = "subjects.csv"
PATIENTS_FILE = "patients.csv"

UNKNOWN = "unknown"
"""A region nobody has told and nothing in the scan shows."""

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")

_MASK = re.compile(r"_(auto)?(labels?|lesions?|masks?|organs?|seg\d*|segmentations?)(_|\d|$)", re.IGNORECASE)
"""In the name of a file that lies beside a scan and is none."""

_MORPH = re.compile(r"morph_\d{3}(\.\d+)?")
"""What `synthetic-ct morph` calls its outputs."""


@dataclass(frozen=True)
class Scan:
    """One scan of a folder.

    name: unlike all others of the folder; a cohort's name of the case. file: a volume or a folder of DICOM files.
    patient: whose scan it is; of a synthetic one, whose voxels it shows. region: as told, or "" for not told. percent,
    verdict, gate: of a synthetic one, how far it was morphed, what the quality gate said and measured. lesion: whether
    a lesion is known to be in it; None: nothing is known. made_of, originals: of a synthetic one, as far as known, the
    patients of the scans it was made from, source and target, and the hashes of their voxels.
    """

    name: str
    file: Path
    patient: str
    region: str = ""
    series: str | int | None = None
    percent: float | None = None
    verdict: str | None = None
    lesion: bool | None = None
    gate: Mapping[str, float] = field(default_factory=dict)
    made_of: tuple[str, ...] = ()
    originals: tuple[str, ...] = ()

    def read(self) -> sitk.Image:
        """The CT. Raises InputError if it cannot be read."""
        return read_ct(self.file, self.series).image


def find_scans(folder: Path) -> list[Scan]:
    """The scans in a folder, in order of names; no voxel is read.

    A cohort gives its cases, a folder with `subjects.csv` its subjects; any other folder its volume files, its
    sub-folders with DICOM files, and what `synthetic-ct morph` has written into it or its sub-folders. `patients.csv`
    (columns file, patient and, where wanted, region) tells which scans are of one patient.
    Raises InputError if there are none, or a table does not fit.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; give one with scans.")
    if Layout(folder).plan.is_file():
        scans = [_of_case(case) for case in read_cohort(folder, unfinished_ok=True).cases]
    elif (folder / SUBJECTS_FILE).is_file():
        scans = [_of_subject(subject) for subject in _subjects(folder / SUBJECTS_FILE)]
    else:
        scans = list(_loose(folder))
    if not scans:
        raise InputError(
            f"{folder}: no scan was found; expected are volume files ({', '.join(SUFFIXES)}), a {SUBJECTS_FILE}, "
            "sub-folders with DICOM files, or a cohort."
        )
    if (folder / PATIENTS_FILE).is_file():
        scans = _with_patients(scans, folder / PATIENTS_FILE)
    return sorted(scans, key=lambda scan: scan.name)


def stem(file: Path) -> str:
    """The name of a volume file without its suffix, or of a folder."""
    name = file.name
    suffix = next((one for one in SUFFIXES if name.lower().endswith(one)), "")
    return name[: len(name) - len(suffix)]


# --- kinds of folders


def _of_case(case: Case) -> Scan:
    record = case.private
    parents = record["source"], record["target"]
    return Scan(case.name, case.image, parents[0], record["region"], made_of=parents, **_made(record))


def _subjects(table: Path) -> list[Subject]:
    subjects, faults = read_subjects(table)
    if faults:
        raise InputError(f"{table}: this table cannot be used; correct it:\n  - " + "\n  - ".join(faults[:50]))
    return subjects


def _of_subject(subject: Subject) -> Scan:
    named = [says_lesion(label.name or label.file.name) for label in subject.labels]
    return Scan(
        name=subject.id,
        file=subject.image,
        patient=subject.id,
        region=subject.region,
        series=subject.series,
        lesion=any(named) if named else None,
    )


def _loose(folder: Path) -> Iterator[Scan]:
    files = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    volumes = [file for file in files if file.is_file() and file.name.lower().endswith(SUFFIXES)]
    yield from (_of_file(file, stem(file)) for file in volumes if not _is_mask(file))
    for below in (one for one in files if one.is_dir() and one.name != PRIVATE):
        inside = sorted(one for one in below.iterdir() if one.is_file())
        morphs = [one for one in inside if one.name.lower().endswith(SUFFIXES) and _MORPH.fullmatch(stem(one))]
        yield from (_of_file(file, f"{below.name}/{stem(file)}") for file in morphs)
        if not morphs and any(is_dicom_file(one) for one in inside):
            yield Scan(name=below.name, file=below, patient=below.name)


def _is_mask(file: Path) -> bool:
    return file.name.lower().endswith(".seg.nrrd") or bool(_MASK.search(stem(file)))


def _of_file(file: Path, name: str) -> Scan:
    plain = stem(file)
    beside = [other for other in file.parent.glob(f"{glob.escape(plain)}_*") if says_lesion(other.name)]
    scan = Scan(name=name, file=file, patient=name, lesion=True if beside else None)
    record = file.parent / PRIVATE / f"{plain}.json"
    if not (_MORPH.fullmatch(plain) and record.is_file()):
        return scan
    try:
        text = json.loads(record.read_text(encoding="utf-8"))
        parents = tuple(stem(Path(one["file"])) for one in _parents(text))
        return replace(scan, patient=parents[0], made_of=parents, **_made(text))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(
            f"{record}: this record of a morph cannot be read ({error!r}). Make the morph again."
        ) from error


def _made(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a private record tells about a synthetic scan, and how it was made."""
    layers = record["labels"].items()
    names = [name for layer, labels in layers for name in (layer, *labels.values())]
    measures = record["report"]["measures"].items()
    values = {name: measure["value"] for name, measure in measures}
    numbers = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
    return {
        "percent": float(record["percent"]),
        "verdict": record["report"]["verdict"],
        "gate": numbers,
        "lesion": any(map(says_lesion, names)) if names else None,
        "originals": tuple(one["content"] for one in _parents(record) if "content" in one),
    }


def _parents(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a private record tells about the source and, if there is one, the target."""
    inputs = record["inputs"]
    return [inputs[name] for name in ("source", "target") if name in inputs]


# --- patients


def _with_patients(scans: list[Scan], table: Path) -> list[Scan]:
    rows = {}
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            for row in csv.DictReader(stream):
                cells = {(name or "").strip().lower(): (cell or "").strip() for name, cell in row.items() if name}
                rows[cells["file"]] = cells["patient"], plain_region(cells.get("region", ""))
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise InputError(
            f"{table}: it cannot be read ({error}); expected is a CSV file in UTF-8 with the columns file and patient."
        ) from error
    known = {name: scan for scan in scans for name in (scan.name, scan.file.name)}
    strangers = sorted(name for name, (patient, _) in rows.items() if name not in known or not patient)
    if strangers:
        raise InputError(
            f"{table}: {strangers[0]!r} and {len(strangers) - 1} more lines name no scan of this folder or no patient; "
            "correct them."
        )
    found = []
    for scan in scans:
        patient, region = rows.get(scan.name) or rows.get(scan.file.name) or (scan.patient, "")
        found.append(replace(scan, patient=patient, region=region or scan.region))
    return found
