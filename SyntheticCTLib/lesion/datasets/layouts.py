"""Finds the scans and lesion maps of a training set in the folder layouts that are in use."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError
from .cases import Case, case_faults, volume_stem
from .dataset_json import read_dataset_json

LESION_SUFFIX = "_lesion"
"""In the layout `pairs` the map of `NAME.nii.gz` is called `NAME_lesion.nii.gz`."""

LITS_LABELS = {"liver": 1, "tumor": 2, "tumour": 2}
"""Label values of the LiTS challenge (Bilic et al. 2023)."""

_LISTED = 100
"""So many faults are listed in one message."""


class Found(NamedTuple):
    """What a layout makes of a folder: cases whose labels and patients are still open, label names, faults.

    label_names: values that each name stands for; empty where the layout names no labels.
    """

    cases: list[Case]
    label_names: dict[str, tuple[int, ...]]
    faults: list[str]


def find_cases(
    layout: str,
    path: str | os.PathLike[str],
    lesion_labels: Sequence[int | str] | None = None,
    patients: str | os.PathLike[str] | None = None,
) -> list[Case]:
    """The cases of a training set, ordered by name; every fault of the set is told at once.

    layout, path and the patient of a case:
      "nnunet"  an nnU-Net raw folder (`DatasetXXX_Name`): dataset.json, imagesTr/CASE_0000.EXT, labelsTr/CASE.EXT; with
                several channels the one called CT. Every case is a patient of its own.
      "msd"     a Medical Segmentation Decathlon task (`TaskXX_Name`): the list `training` in its dataset.json.
                Every case is a patient of its own.
      "lits"    the LiTS challenge as downloaded: volume-N.nii with segmentation-N.nii, in one folder or in any folders
                below. Every volume is a patient of its own.
      "csv"     a table with the columns image, label and patient, and case if the image's file name does not do;
                paths are relative to the table. An image may be a folder with a DICOM series.
      "pairs"   NAME.nii.gz with NAME_lesion.nii.gz. Every NAME is a patient of its own; other files are left alone.
    lesion_labels: the values, or names in dataset.json, that mean lesion. None: every label in "csv" and "pairs", the
        tumor (2) in "lits"; in "nnunet" and "msd" they must be given.
    patients: a table with the columns case and patient, for sets that hold several scans of one person.
    Raises InputError, which lists all that is missing, double, unknown or on another grid.
    """
    if layout not in LAYOUTS:
        raise InputError(f"layout {layout!r}: there is no such layout; choose one of {', '.join(LAYOUTS)}.")
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder; check where the training set lies.")
    cases, names, faults = LAYOUTS[layout](path)
    values, unknown = _label_values(layout, names, lesion_labels)
    cases = sorted((replace(case, lesion_labels=values) for case in cases), key=lambda case: case.name)
    faults += unknown
    if patients is not None:
        cases, without = _with_patients(cases, Path(patients), layout)
        faults += without
    if not cases and not faults:
        faults.append(f"it holds no case; expected are {_EXPECTED[layout]}")
    faults += case_faults(cases) if not unknown else case_faults([replace(case, lesion_labels=None) for case in cases])
    if faults:
        raise InputError(_all_faults(path, layout, faults))
    return cases


def _nnunet(path: Path) -> Found:
    """See MIC-DKFZ/nnUNet, documentation/dataset_format.md; version 1's `modality` is understood, too."""
    document = read_dataset_json(path)
    if document.listed:
        cases, faults = [], []
        for name, entry in document.listed.items():
            images = [image for image in entry.images[document.ct_channel :][:1] if document.ct_channel is not None]
            cases += [_case(name, image, entry.label) for image in images]
            if not images and document.ct_channel is not None:
                faults.append(f"case {name}: dataset.json lists no image of channel {document.ct_channel} for it")
    else:
        cases, faults = _nnunet_folders(document.folder, document.ct_channel, document.file_ending)
    return Found(cases, document.label_names, document.faults + faults + _count_fault(document.count, len(cases)))


def _nnunet_folders(folder: Path, channel: int | None, ending: str) -> tuple[list[Case], list[str]]:
    images, labels = folder / "imagesTr", folder / "labelsTr"
    faults = [f"the folder {part} is missing" for part in (images, labels) if not part.is_dir()]
    if faults or channel is None:
        return [], faults
    tail = f"_{channel:04d}{ending}"
    shown = {file.name[: -len(tail)] for file in _visible(images) if file.name.endswith(tail)}
    labeled = {file.name[: -len(ending)] for file in _visible(labels) if file.name.endswith(ending)}
    return [_case(name, images / f"{name}{tail}", labels / f"{name}{ending}") for name in shown | labeled], []


def _msd(path: Path) -> Found:
    """See medicaldecathlon.com: dataset.json with `training`, a list of images and labels relative to itself."""
    document = read_dataset_json(path)
    faults = list(document.faults)
    if not document.training:
        faults.append('dataset.json has no list "training" of objects with "image" and "label"')
    cases = [_case(volume_stem(image.name) or image.name, image, label) for image, label in document.training]
    return Found(cases, document.label_names, faults + _count_fault(document.count, len(cases)))


def _lits(path: Path) -> Found:
    volumes: dict[str, list[Path]] = {}
    maps: dict[str, list[Path]] = {}
    for file in sorted(_below(path)):
        stem = volume_stem(file.name) or ""
        kind, _, number = stem.partition("-")
        if number.isdigit() and kind in ("volume", "segmentation"):
            (volumes if kind == "volume" else maps).setdefault(number, []).append(file)
    faults = [f"volume-{number} has no segmentation-{number} beside it" for number in volumes if number not in maps]
    faults += [f"segmentation-{number} has no volume-{number} beside it" for number in maps if number not in volumes]
    cases = []
    for number in volumes.keys() & maps.keys():
        for found in (volumes[number], maps[number]):
            if len(found) > 1:
                faults.append(f"case {number} is there twice: {found[0]} and {found[1]}")
        cases.append(_case(f"volume-{number}", volumes[number][0], maps[number][0]))
    return Found(cases, {name: (value,) for name, value in LITS_LABELS.items()}, faults)


def _pairs(path: Path) -> Found:
    files = {stem: file for file in sorted(_visible(path)) if (stem := volume_stem(file.name))}
    cases, faults = [], []
    for stem, label in files.items():
        if not stem.endswith(LESION_SUFFIX):
            continue
        name = stem[: -len(LESION_SUFFIX)]
        if name in files:
            cases.append(_case(name, files[name], label))
        else:
            faults.append(f"{label.name} has no image {name}.nii.gz beside it")
    return Found(cases, {}, faults)


def _csv(path: Path) -> Found:
    cases, faults = [], []
    for line, row in _table(path, ("image", "label", "patient")):
        empty = [column for column in ("image", "label", "patient") if not row[column]]
        if empty:
            faults.append(f"line {line}: {' and '.join(empty)} missing")
            continue
        image, label = path.parent / row["image"], path.parent / row["label"]
        name = row.get("case") or volume_stem(image.name) or image.name
        cases.append(Case(name, image, label, None, row["patient"]))
    return Found(cases, {}, faults)


LAYOUTS: dict[str, Callable[[Path], Found]] = {
    "nnunet": _nnunet,
    "msd": _msd,
    "lits": _lits,
    "csv": _csv,
    "pairs": _pairs,
}

_EXPECTED = {
    "nnunet": "imagesTr/CASE_0000 and labelsTr/CASE files",
    "msd": "entries in the list `training` of dataset.json",
    "lits": "files volume-N.nii and segmentation-N.nii",
    "csv": "lines below the column names",
    "pairs": f"files NAME.nii.gz and NAME{LESION_SUFFIX}.nii.gz",
}


def _case(name: str, image: Path, label: Path) -> Case:
    return Case(name, image, label, None, name)


def _count_fault(said: int | None, found: int) -> list[str]:
    return [] if said in (None, found) else [f"dataset.json says numTraining = {said}, found are {found} cases"]


def _label_values(
    layout: str, names: dict[str, tuple[int, ...]], wanted: Sequence[int | str] | None
) -> tuple[tuple[int, ...] | None, list[str]]:
    """Label values for values or names, and a fault for each that means nothing here."""
    known = ", ".join(f"{name} ({' '.join(map(str, values))})" for name, values in names.items())
    if wanted is None or not len(wanted):
        if layout in ("nnunet", "msd"):
            return None, [f"lesion_labels must be given for this layout; its labels are {known}"]
        return ((LITS_LABELS["tumor"],) if layout == "lits" else None), []
    values: list[int] = []
    faults = []
    lower = {name.lower(): found for name, found in names.items()}
    for one in wanted:
        if isinstance(one, str) and one.lower() in lower:
            values += lower[one.lower()]
        elif isinstance(one, str):
            hint = f"its labels are {known}" if known else "this layout names no labels, so give the value"
            faults.append(f"lesion label {one!r} is unknown; {hint}")
        elif one < 1:
            faults.append(f"lesion label {one} is not a label value; 0 is the background")
        else:
            values.append(int(one))
    return tuple(sorted(set(values))), faults


def _with_patients(cases: list[Case], table: Path, layout: str) -> tuple[list[Case], list[str]]:
    if layout == "csv":
        raise InputError(f"{table}: the layout csv names patients in its own table; leave out `patients`.")
    named = {row["case"]: row["patient"] for _, row in _table(table, ("case", "patient"))}
    without = [case.name for case in cases if not named.get(case.name)]
    faults = [f"{table} names no patient for case {name}" for name in without]
    return [replace(case, patient=named.get(case.name) or case.name) for case in cases], faults


def _table(path: Path, columns: Iterable[str]) -> list[tuple[int, dict[str, str]]]:
    """Line number and stripped fields of every line of a CSV table. Raises InputError if a column is missing."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = [
                (reader.line_num, {key.strip(): (value or "").strip() for key, value in row.items() if key})
                for row in reader
            ]
            found = [name.strip() for name in reader.fieldnames or ()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: it cannot be read as a table ({error}); expected is a CSV file in UTF-8.") from error
    missing = [column for column in columns if column not in found]
    if missing:
        raise InputError(
            f"{path}: the column {' and '.join(missing)} is missing; found are {', '.join(found) or 'none'}. The first "
            "line of a CSV table names its columns, separated by commas."
        )
    return rows


def _visible(folder: Path) -> list[Path]:
    """Files of a folder but the hidden ones, which macOS leaves beside every file of an archive."""
    if not folder.is_dir():
        raise InputError(f"{folder}: this is a file; this layout needs the folder of the training set.")
    return [file for file in folder.iterdir() if not file.name.startswith(".")]


def _below(folder: Path) -> list[Path]:
    _visible(folder)
    return [file for file in folder.rglob("*") if not file.name.startswith(".")]


def _all_faults(path: Path, layout: str, faults: Sequence[str]) -> str:
    lines = [f"  - {fault}" for fault in faults[:_LISTED]]
    if len(faults) > _LISTED:
        lines.append(f"  - and {len(faults) - _LISTED} more")
    count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
    return f"{path}: this {layout} training set has {count}; mend the set or its description:\n" + "\n".join(lines)
