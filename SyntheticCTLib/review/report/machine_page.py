"""The part of the page about the machine: what it could tell here, whether it had learned anything, from whom."""

from __future__ import annotations

from collections.abc import Iterator

from ...cohort.privacy.statistics import Estimate
from ...cohort.report.html import bullets, heading, paragraph, table
from ..key import REAL, SYNTHETIC
from .content import Content
from .machine import MachineSkill
from .wording import said, skill_cells, skill_head


def machine_part(content: Content) -> list[str]:
    """Markup; nothing without a machine."""
    found = content.machine
    if found is None:
        return []
    return [
        heading("And a machine?"),
        paragraph(
            "A classifier was trained on other patients' scans, brought onto the study's grid and limits as its cases "
            "were, and read the same cases. It is no reader: it is in no number above but its own row, not in the "
            "agreement, and culls nothing."
        ),
        *_tables(found, content.pairs),
        paragraph(_verdict(found), "" if found.learned else "notice"),
        paragraph(
            "The intervals are over cases; another choice of training patients would give another machine, and no "
            "interval tells by how much."
        ),
        *_basis(found),
    ]


def _tables(found: MachineSkill, pairs: bool) -> Iterator[str]:
    """In this study, then on the training patients; one table where both have the same columns."""
    here = ["this study", str(found.read.n), *skill_cells(found.read, pairs)]
    trained = ["its training patients, cross-validated", str(found.validated.n), *skill_cells(found.validated, False)]
    if not pairs:
        yield table(["read by the machine", "cases", *skill_head(False)], [here, trained])
        return
    yield table(["read by the machine", "pairs", *skill_head(True)], [here])
    yield table(["read by the machine", "cases", *skill_head(False)], [trained])


def _verdict(found: MachineSkill) -> str:
    area = found.validated.area
    if not isinstance(area, Estimate):
        return f"Whether it learned anything: {said(area)}."
    if not found.learned:
        return (
            f"It did not learn to tell its own training patients apart (ROC area {area.text()}, each judged by a "
            "classifier trained on the others), so what it says of this study means nothing, for or against."
        )
    return (
        "It learned something: it tells its training patients' groups apart, each judged by a classifier trained on "
        f"the others (ROC area {area.text()}). Where it does worse in this study, beyond the intervals, the study's "
        "cases differ from those it was trained on."
    )


def _basis(found: MachineSkill) -> list[str]:
    training = found.record.training
    patients, strongest = training["patients"], found.strongest
    rows = [[name, f"{weight:+.2f}", SYNTHETIC if weight > 0 else REAL] for name, weight in strongest]
    out = [
        f"{number} {group} scans left out: {reason}."
        for group in (REAL, SYNTHETIC)
        for reason, number in training["left_out"][group].items()
        if number
    ]
    return [
        heading("What it goes by, and what it learned from", 3),
        paragraph(
            f"{len(found.record.weights)} numbers about noise, texture and edges, in a logistic regression. It sees no "
            "anatomy. Those with the largest weights, each for one standard deviation more:"
        ),
        table(("feature", "log odds of being synthetic", "more of it speaks for"), rows),
        paragraph(
            f"It was trained on {patients[REAL]} real and {patients[SYNTHETIC]} synthetic scans, each patient once in "
            f"a group, matched as the study's cases were; {training['patients_in_both']} patients are in both groups. "
            "None is a patient of the study, or made from the scan of one, by name or by voxels."
        ),
        bullets([*out, *(f"Not matched: {line}." for line in training["not_matched"])] or ["Nothing was left out."]),
    ]
