"""The jobs of planning: "cohort.plan", and "cohort.phantoms", which makes subjects to try things on."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...jobs import JobContext, job_kind
from ...jobs.records import spare_inputs
from ..phantom_set import EARLIER_FILES, write_phantom_set
from .checking import Checked, check_subjects, label_notes
from .draw import Draw
from .extents import grid_faults, grid_notes
from .lesion_request import settle
from .plan import Plan, write_plan
from .regions import shows_face
from .settings import PlanSettings, setting_faults
from .subjects import Subject, read_edges, read_subjects
from .values import is_whole

MAX_COUNT = 10_000_000
"""More outputs than that are a slip of the finger."""


@job_kind("cohort.plan")
def plan_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Check all subjects, make the three draws, and write the plan.

    Parameters: subjects (a CSV file), output (a .json file), count, seed, exclude_edges (a CSV file or None),
    overwrite, and the settings: subject_share, edge_share, per_edge, per_source, t_min, redraws, grid, spacing, size,
    backend, guided, allow_face, lesions (None, or what `lesion_request.settle` takes).
    Result: file, outputs, subjects, held_out, regions, labels, per_source, lesions (how many in all; None for none).
    Raises InputError with everything that is wrong with table, settings and subjects.
    """
    output = Path(parameters["output"])
    if output.suffix.lower() != ".json":
        raise InputError(f"The plan would be written to {output.name}; expected a name that ends in .json.")
    own = [glob.escape(output.name)]
    tables = [parameters["subjects"], *([parameters["exclude_edges"]] if parameters["exclude_edges"] else [])]
    spare_inputs(tables, output.parent, own)
    with context.staging(output.parent, parameters["overwrite"], own) as folder:
        subjects, faults = read_subjects(parameters["subjects"])
        spare_inputs([str(file) for subject in subjects for file in _files(subject)], output.parent, own)
        excluded: list[tuple[str, str]] = []
        if parameters["exclude_edges"]:
            excluded, wrong = read_edges(parameters["exclude_edges"], [subject.id for subject in subjects])
            faults += wrong
        faults += _parameter_faults(parameters) + _face_faults(subjects, parameters["allow_face"])
        draw = None
        if not faults:
            draw = Draw(subjects, excluded, parameters["count"], parameters["seed"], _settings(parameters))
            faults += draw.faults
        checked, wrong = check_subjects(subjects, context.report)
        faults += wrong
        faults += grid_faults(checked, _settings(parameters)) if draw is not None else []
        lesions = None
        if parameters["lesions"] is not None and draw is not None:
            context.report("looking at model and shapes of the lesions")
            lesions = settle(parameters["lesions"], draw.taking_part(checked))
            faults += lesions.faults
        if faults or draw is None:
            raise InputError(
                f"{parameters['subjects']}: nothing was planned; correct this first:\n  - " + "\n  - ".join(faults)
            )
        plan = draw.plan(checked, lesions.settings if lesions else None)
        part = draw.taking_part(checked)
        notes = [*_reading_notes(checked), *draw.notes, *label_notes(part), *grid_notes(part, plan.settings)]
        for note in (*notes, *(lesions.notes if lesions else ())):
            context.note(note)
        context.report("writing the plan")
        write_plan(plan, folder / output.name, output.parent)
        (folder / output.name).chmod(0o600)  # it names the sources
    return _result(output, plan)


@job_kind("cohort.phantoms")
def phantoms_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write phantom patients and the table that lists them, ready to be planned with.

    Parameters: count, seed (of the first; the others follow), lesions, region, spacing_mm (three numbers or None),
    output (a folder), overwrite. Result: folder, subjects (the table), count.
    """
    with context.staging(parameters["output"], parameters["overwrite"], EARLIER_FILES) as folder:
        table = write_phantom_set(
            folder,
            parameters["count"],
            seed=parameters["seed"],
            lesions=parameters["lesions"],
            region=parameters["region"],
            spacing_mm=parameters["spacing_mm"],
            progress=context.report,
        )
    output = Path(parameters["output"])
    return {"folder": str(output), "subjects": str(output / table.name), "count": parameters["count"]}


def _settings(parameters: dict[str, Any]) -> PlanSettings:
    return PlanSettings(**_setting_values(parameters))


def _setting_values(parameters: dict[str, Any]) -> dict[str, Any]:
    """The settings' values; those of lesions are known when the subjects have been read."""
    return {**{field.name: parameters[field.name] for field in fields(PlanSettings)}, "lesions": None}


def _parameter_faults(parameters: dict[str, Any]) -> list[str]:
    faults = setting_faults(_setting_values(parameters))
    if not is_whole(parameters["count"], 1, MAX_COUNT):
        faults.append(f"count is {parameters['count']!r}; expected a whole number from 1 to {MAX_COUNT}")
    if not is_whole(parameters["seed"], 0):
        faults.append(f"seed is {parameters['seed']!r}; expected a whole number from 0 up")
    return faults


def _face_faults(subjects: Sequence[Subject], allowed: bool) -> list[str]:
    if allowed:
        return []
    return [
        f"subject {subject.id!r} shows a face (region {subject.region}), by which a person can be recognised; remove "
        "the face, leave the subject out, or accept that with --allow-face"
        for subject in subjects
        if shows_face(subject.region)
    ]


def _files(subject: Subject) -> list[Path]:
    return [subject.image, *(label.file for label in subject.labels), *([subject.metadata] if subject.metadata else [])]


def _reading_notes(checked: Sequence[Checked]) -> Iterator[str]:
    return (f"{one.subject.id}: {note}" for one in checked for note in one.notes)


def _result(output: Path, plan: Plan) -> dict[str, Any]:
    sources = Counter(output.source for output in plan.outputs)
    regions: dict[str, dict[str, int]] = {}
    for subject in plan.subjects:
        regions.setdefault(subject.region, {"subjects": 0, "pairs": 0, "outputs": 0})["subjects"] += 1
    for source, _ in {(one.source, one.target) for one in plan.outputs}:
        regions[plan.subject(source).region]["pairs"] += 1
    for one in plan.outputs:
        regions[plan.subject(one.source).region]["outputs"] += 1
    return {
        "file": str(output),
        "outputs": len(plan.outputs),
        "subjects": len(plan.subjects),
        "held_out": len(plan.held_out),
        "regions": regions,
        "labels": list(plan.label_names),
        "per_source": [min(sources.values()), max(sources.values())],
        "lesions": None if plan.settings.lesions is None else sum(one.lesions for one in plan.outputs),
    }
