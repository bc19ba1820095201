"""The job "cohort.export": a finished cohort, or the part of it that may leave, in a format others read."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import InputError
from ...jobs import JobContext, job_kind
from ...jobs.records import spare_inputs
from . import card, dicom, msd
from .selection import Selection, check_min_distance, describe, select

if TYPE_CHECKING:
    from ..dataset.cases import Case, Cohort


class Format(NamedTuple):
    """patterns: its files, relative to the export. check: whether it can be written here. write: writes the cases
    that were selected. place: where image and labels of a case lie, "" for no labels."""

    patterns: tuple[str, ...]
    check: Callable[[], None]
    write: Callable[[Cohort, Selection, Path, JobContext], None]
    place: Callable[[Case], tuple[str, str]]


@job_kind("cohort.export")
def export_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write a finished cohort in another format, without what is too near to an original or culled.

    Parameters: folder (the cohort's), format ("msd" or "dicom"), output (a folder), min_distance (0..1 or None: see
    `privacy.nearness`), exclude (a CSV table with the column `case`, or None: see `selection.read_review`), overwrite
    (whether an earlier export in the folder is replaced).
    Result: folder, format, exported, culled, near (numbers of cases), too_near (their names), distances (smallest,
    median and largest of all cases that are not culled; None if none were asked for).
    """
    from ..dataset.cases import read_cohort

    format = _format(parameters["format"])
    check_min_distance(parameters["min_distance"])
    format.check()
    output = Path(parameters["output"])
    review = Path(parameters["exclude"]) if parameters["exclude"] else None
    context.report("reading the cohort")
    cohort = read_cohort(Path(parameters["folder"]))
    _spare_inputs(cohort, review, output)
    _refuse_strangers(output)
    with context.staging(output, parameters["overwrite"], _all_patterns()) as folder:
        selection = select(cohort, parameters["min_distance"], review, context)
        format.write(cohort, selection, folder, context)
        context.report("writing the data card")
        card.write_papers(cohort, selection, parameters["format"], folder, format.place)
    context.note(describe(selection))
    return {
        "folder": str(output),
        "format": parameters["format"],
        "exported": len(selection.chosen),
        "culled": len(selection.culled),
        "near": len(selection.near),
        "too_near": list(selection.near),
        "distances": _spread(selection),
    }


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise InputError(f"The format is {name!r}; expected one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def _spare_inputs(cohort: Cohort, review: Path | None, output: Path) -> None:
    """Refuse to write into the cohort or an original study, or where an original or the review lies."""
    subjects = (*cohort.plan.subjects, *cohort.plan.held_out)
    labels = [label.file for subject in subjects for label in subject.labels]
    inputs = [cohort.folder, *(subject.image for subject in subjects), *labels, *([review] if review else [])]
    spare_inputs([str(file) for file in inputs], output, ())
    folder = output.resolve()
    inside = next((file for file in inputs if folder in file.resolve().parents), None)
    if inside is not None:
        raise InputError(f"{output} holds {inside}, which is an input. Choose an empty or a new folder.")


def _refuse_strangers(output: Path) -> None:
    """Refuse a folder that holds something else: another data set's files would pass for ours, or be replaced."""
    if not output.is_dir() or not any(output.iterdir()):
        return
    mark = output / card.SUMMARY
    try:
        ours = mark.is_file() and json.loads(mark.read_text(encoding="utf-8")).get("export") == card.EXPORT
    except (OSError, ValueError, AttributeError):
        ours = False
    if not ours:
        raise InputError(f"{output} holds something that is no export of a cohort; choose an empty or a new folder.")


def _all_patterns() -> tuple[str, ...]:
    """Whatever an export of either format may have left there."""
    return (*card.PATTERNS, *(pattern for format in FORMATS.values() for pattern in format.patterns))


def _spread(selection: Selection) -> dict[str, float] | None:
    values = list(selection.distances.values())
    if not values:
        return None
    spread = {"smallest": min(values), "median": statistics.median(values), "largest": max(values)}
    return {name: round(value, 4) for name, value in spread.items()}


def _write_msd(cohort: Cohort, selection: Selection, folder: Path, context: JobContext) -> None:
    msd.write_msd(cohort, selection.chosen, folder, card.about(cohort, selection), context)


def _write_dicom(cohort: Cohort, selection: Selection, folder: Path, context: JobContext) -> None:
    dicom.write_dicom(cohort, selection.chosen, folder, context)


FORMATS = {
    "msd": Format(msd.PATTERNS, lambda: None, _write_msd, msd.place),
    "dicom": Format(dicom.PATTERNS, dicom.check_packages, _write_dicom, dicom.place),
}
