"""The job "review.machine": train a classifier on other patients and let it read a study."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Any

from ...jobs import JobContext, job_kind
from ...jobs.records import plain, spare_inputs
from ..key import REAL, SYNTHETIC, read_key, write_private
from ..study import open_study


@job_kind("review.machine")
def machine_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Train a machine and let it read a study.

    Parameters: folder (of the study), key (a file), real, synthetic (folders of scans to train on), output (a file
    outside the study; None: the study's name with .machine.json), seed, overwrite.
    Result: file, patients (trained on, of each group), left_out (scans by reason, by group), not_matched (sentences),
    area (ROC area on the training patients, cross-validated: value, low, high, chance, n, or the reason).
    """
    from ..report.files import measured_dict
    from ..report.jobs import refuse_inside
    from ..report.machine import validation_table
    from ..report.statistics import area
    from .training import train_and_read

    study, key = open_study(parameters["folder"]), read_key(Path(parameters["key"]))
    output = machine_beside(study.folder) if parameters["output"] is None else Path(parameters["output"])
    refuse_inside(study, output)
    folders = {group: Path(parameters[group]) for group in (REAL, SYNTHETIC)}
    spare_inputs([*map(str, folders.values()), parameters["key"]], output.parent, (output.name,))
    with context.staging(output.parent, parameters["overwrite"], (glob.escape(output.name),)) as folder:
        found = train_and_read(study, key, *folders.values(), parameters["seed"], context.report)
        write_private(folder / output.name, found.to_text())
    return {
        "file": str(output),
        "patients": found.training["patients"],
        "left_out": found.training["left_out"],
        "not_matched": found.training["not_matched"],
        "area": plain(measured_dict(area(validation_table(found), parameters["seed"]))),
    }


def machine_beside(study: Path) -> Path:
    """Where what a machine said is kept unless chosen otherwise."""
    return study.with_name(f"{study.name}.machine.json")
