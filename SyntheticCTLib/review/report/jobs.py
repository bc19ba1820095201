"""The jobs "review.report" and "review.simulate": apply the key to what was read, and read without people."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...jobs import JobContext, job_kind
from ...jobs.records import plain
from ..key import PRIVATE_FOLDER_MODE, SYNTHETIC, Key, read_key, write_private
from ..study import UNBLINDED_FILE, Study, open_study

if TYPE_CHECKING:
    from .content import Skillfulness

PAGE, ANSWERS, NUMBERS, REVIEW = "report.html", "results.csv", "results.json", "review.csv"


@job_kind("review.report")
def report_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Report on a reading study.

    Parameters: folder (of the study), key (a file), output (a folder outside the study; None: beside it), without
    (codes of readers to leave out), receipts (by code), machine (a file of "review.machine", or None), cull_share,
    cull_realism (see `acting.CullRule`), seed (of the bootstraps), unblind (whether the study's folder is marked and
    closed for reading), overwrite.
    Result: folder, files, readers, finished, together (accuracy, sensitivity, specificity, area: value, low, high,
    chance, n, or the reason why there is none), machine (the same of the machine, or None), culled, of, limits
    (proposals for the gate), unblinded.
    """
    from ..machine.record import read_machine
    from .acting import CullRule
    from .content import measure
    from .files import answers_table, results, review_table
    from .gather import gather
    from .page import page_of

    study, key = open_study(parameters["folder"]), read_key(Path(parameters["key"]))
    output = report_beside(study.folder) if parameters["output"] is None else Path(parameters["output"])
    refuse_inside(study, output)
    machine = read_machine(Path(parameters["machine"])) if parameters["machine"] else None
    if machine is not None:
        machine.check(study)
    rule = CullRule(parameters["cull_share"], parameters["cull_realism"])
    files = (PAGE, ANSWERS, NUMBERS, REVIEW)
    with context.staging(output, parameters["overwrite"], files) as folder:
        context.report("checking cases and answers")
        readings = gather(study, key, parameters["without"], parameters["receipts"])
        context.report("measuring")
        content = measure(readings, rule, parameters["seed"], machine)
        context.report("drawing")
        for name, text in zip(
            files, (page_of(content), answers_table(content), results(content), review_table(content)), strict=True
        ):
            write_private(folder / name, text)
        folder.chmod(PRIVATE_FOLDER_MODE)  # goes with a new folder; one that is there keeps the mode it has
    if parameters["unblind"]:
        _unblind(study, key, context)
    return {
        "folder": str(output),
        "files": list(files),
        "readers": len(readings.readers),
        "finished": len(content.table.readers),
        "together": _numbers(content.together),
        "machine": None if content.machine is None else _numbers(content.machine.read),
        "culled": sum(one.cull for one in content.culls),
        "of": len(content.culls),
        "limits": sum(one.limit is not None for one in content.proposals),
        "unblinded": study.unblinded,
    }


@job_kind("review.simulate")
def simulate_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Let simulated readers read a study to its end, the way people do; refused where people read.

    Parameters: folder (of the study), key (a file), readers (how many), accuracy, bias (see `simulated.Skill`), seed.
    Result: folder, receipts (by code).
    """
    from ..simulated import Skill, read

    study, key = open_study(parameters["folder"]), read_key(Path(parameters["key"]))
    key.check(study)
    skill = Skill(parameters["accuracy"], parameters["bias"])
    groups = {case: about.group for case, about in key.cases.items()}
    receipts = {}
    for number in range(1, parameters["readers"] + 1):
        context.report(f"reader {number} of {parameters['readers']}", (number - 1) / parameters["readers"])
        code = f"simulated {number}"
        receipts[code] = read(study, groups, code, skill, (parameters["seed"], number), context.workspace)
    return {"folder": str(study.folder), "receipts": receipts}


def report_beside(study: Path) -> Path:
    """Where a report goes unless chosen otherwise."""
    return study.with_name(f"{study.name}.report")


def refuse_inside(study: Study, output: Path) -> None:
    """Raise InputError if an output would lie in the study's folder."""
    inside = output.resolve()
    if study.folder.resolve() in (inside, *inside.parents):
        raise InputError(
            f"{output}: this tells which case is synthetic, and readers see this folder. Choose a place outside "
            f"{study.folder}."
        )


def _numbers(skill: Skillfulness) -> dict[str, Any]:
    from .files import measured_dict

    names = ("accuracy", "sensitivity", "specificity", "area")
    return {name: plain(measured_dict(getattr(skill, name))) for name in names}


def _unblind(study: Study, key: Key, context: JobContext) -> None:
    """Mark the study's folder as one that holds synthetic scans, and which they are; it is read no more.

    The mark goes again if the report does not arrive.
    """
    synthetic = [case for case, about in sorted(key.cases.items()) if about.group == SYNTHETIC]
    lines = ["SYNTHETIC: these cases show bodies that do not exist.", *(f"cases/{case}.nrrd" for case in synthetic)]
    file, before = study.folder / UNBLINDED_FILE, study.unblinded
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        draft.write_text("\n".join([*lines, ""]), encoding="ascii")
        os.replace(draft, file)
        if not before:
            context.wrote_beside(file)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise InputError(f"{study.folder}: it cannot be marked ({error.strerror}).") from error
