"""The job "review.plan": make a study folder and its key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...jobs import JobContext, job_kind
from ...jobs.records import spare_inputs


@job_kind("review.plan")
def plan_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Plan a reading study.

    Parameters: real, synthetic (folders of scans), output (a folder that does not exist), key (a file that does not
    exist; None: the folder's name with .key.json), cases, seed, mode, practice, spacing (three numbers, mm, or None),
    windows (names, or None).
    Result: folder, key, cases, practice, mode, size, spacing, not_matched (sentences), findings (the pixel statistics
    that separate the groups best).
    """
    from ..key import write_key
    from ..study import open_study
    from .planner import Wish, plan

    output = Path(parameters["output"])
    key_file = key_beside(output) if parameters["key"] is None else Path(parameters["key"])
    wish = Wish(
        real=Path(parameters["real"]),
        synthetic=Path(parameters["synthetic"]),
        cases=parameters["cases"],
        seed=parameters["seed"],
        mode=parameters["mode"],
        practice=parameters["practice"],
        spacing=tuple(parameters["spacing"]) if parameters["spacing"] else None,
        windows=tuple(parameters["windows"]) if parameters["windows"] else None,
    )
    _check_places(wish.real, wish.synthetic, output, key_file)
    with context.staging(output) as folder:
        key = plan(wish, folder, context.report)
        study = open_study(folder)
        write_key(key, key_file)
        context.wrote_beside(key_file)
    for line in key.matching["not_matched"]:
        context.note(f"not matched: {line}")
    return {
        "folder": str(output),
        "key": str(key_file),
        "cases": wish.cases,
        "practice": wish.practice,
        "mode": wish.mode,
        "size": list(study.size),
        "spacing": list(study.spacing),
        "not_matched": key.matching["not_matched"],
        "findings": list(key.findings[:3]),
    }


def key_beside(study: Path) -> Path:
    """Where a study's key lies unless chosen otherwise."""
    return study.with_name(f"{study.name}.key.json")


def _check_places(real: Path, synthetic: Path, output: Path, key_file: Path) -> None:
    for place in (output, key_file):
        if os.path.lexists(place):
            raise InputError(f"{place} exists already; a study and its key are never replaced. Choose another name.")
    if output.resolve() in key_file.resolve().parents:
        raise InputError(f"{key_file}: the key would lie in the folder that the readers get. Choose another place.")
    if not key_file.parent.is_dir():
        raise InputError(f"{key_file.parent}: there is no such folder to write the key into; create it first.")
    for place in (output, key_file.parent):
        spare_inputs([str(real), str(synthetic)], place, ())
