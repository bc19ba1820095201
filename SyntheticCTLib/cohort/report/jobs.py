"""The job "cohort.report": measure a finished cohort, attack it, and write the page."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...jobs import JobContext, job_kind
from ...jobs.records import plain, spare_inputs

if TYPE_CHECKING:
    from ..dataset.cases import Cohort

DEFAULT_NAME = "report.html"
"""What the page is called inside the cohort's private folder, where no other name is given."""


@job_kind("cohort.report")
def report_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write the report on a cohort.

    Parameters: folder (of a finished cohort), output (an HTML file; None: `private/report.html` of the cohort),
    attacked (outputs to attack at most), seed, overwrite.
    Result: file, attacked, and the attacks' numbers: found_first, found_averaged (by number averaged), membership,
    nearer_than_strangers, found_by_grid (each value, low, high, chance, n, or the reason why there is none), leaks (how
    many).
    """
    from ..dataset.cases import read_cohort
    from .content import gather
    from .page import page_of

    cohort = read_cohort(parameters["folder"])
    output = Path(parameters["output"] or cohort.layout.private / DEFAULT_NAME)
    _check(parameters["attacked"], output, cohort.folder, cohort.layout.private)
    spare_inputs(_originals(cohort), output.parent, [glob.escape(output.name)])
    with context.staging(output.parent, parameters["overwrite"], [glob.escape(output.name)]) as folder:
        content = gather(cohort, parameters["attacked"], parameters["seed"], context.report)
        for one, why in content.line_ups.unread.items():
            context.note(f"{one} could not be read and was left out of the attacks: {why}")
        context.report("drawing")
        (folder / output.name).write_text(page_of(content), encoding="utf-8")
    return {
        "file": str(output),
        "attacked": len(content.line_ups.all),
        "found_first": plain(vars(content.first)),
        "found_averaged": {str(one.count): plain(vars(one.averaged)) for one in content.averaging},
        "membership": plain(vars(content.membership.area)),
        "nearer_than_strangers": plain(vars(content.closeness.nearer)),
        "found_by_grid": plain(vars(content.grid)),
        "leaks": len(content.search.leaks),
    }


def _originals(cohort: Cohort) -> list[str]:
    """The files and folders of all subjects: nothing is written into or over these."""
    subjects = (*cohort.plan.subjects, *cohort.plan.held_out)
    labels = [label.file for subject in subjects for label in subject.labels]
    files = [*(subject.image for subject in subjects), *(subject.metadata for subject in subjects), *labels]
    return [str(file) for file in files if file is not None]


def _check(attacked: int, output: Path, folder: Path, private: Path) -> None:
    if attacked < 1:
        raise InputError(f"attacked is {attacked}; expected how many outputs are attacked at most, 1 or more.")
    if output.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"The report would be written to {output.name}; expected a name that ends in .html.")
    place = output.resolve()
    if folder.resolve() in place.parents and private.resolve() not in place.parents:
        raise InputError(
            f"{output}: the report names subjects, and this folder is for publication. Write it to {private} or "
            "elsewhere."
        )
