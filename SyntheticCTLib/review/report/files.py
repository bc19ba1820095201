"""The report's other files: every answer as a table, every number as JSON, and the cases to cull."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ...cohort.privacy.statistics import Estimate, Measured, NotMeasurable
from ...jobs.records import plain, to_text
from .content import Content
from .machine import MachineSkill
from .statistics import PairTest

ANSWER_COLUMNS = (
    "reader",
    "number",
    "case",
    "name",
    "group",
    "call",
    "right",
    "confidence",
    "realism",
    "seconds",
    "changed",
    "artefacts",
    "comment",
    "region",
    "percent",
    "verdict",
    "lesion",
)

REVIEW_COLUMNS = ("case", "verdict", "recognised", "readers", "realism", "artefacts")
"""Of review.csv; `cohort export --exclude` needs the first two."""


def answers_table(content: Content) -> str:
    """results.csv: a line for each case of each answered trial (two for a pair)."""
    about = content.readings.key.cases
    rows = []
    for one in content.readings.judgements:
        for case in one.trial.cases:
            marks = [mark.kind for mark in one.answer.artefacts if mark.case == case]
            known = about[case]
            rows.append(
                [one.reader, one.trial.number, case, known.name, known.group, one.answer.call, int(one.right)]
                + [one.answer.confidence, one.realism[case], one.answer.seconds, one.changed, "; ".join(marks)]
                + [one.answer.comment, known.region, known.percent, known.verdict, known.lesion]
            )
    return _table(ANSWER_COLUMNS, rows)


def review_table(content: Content) -> str:
    """review.csv: the synthetic cases that were read, with "cull" or "keep"."""
    rows = [
        [one.name, "cull" if one.cull else "keep", one.recognised, one.readers, round(one.realism, 2)]
        + ["; ".join(one.artefacts)]
        for one in content.culls
    ]
    return _table(REVIEW_COLUMNS, rows)


def results(content: Content) -> str:
    """results.json: every number of the page."""
    readings = content.readings
    text = {
        "report": "SyntheticCT reading study, report: tells which case is synthetic, not for readers",
        "study": readings.study.id,
        "mode": readings.study.mode,
        "seed": content.seed,
        "left_out": readings.left_out,
        "no_answers": readings.silent,
        "simulated": readings.simulated,
        "readers": [
            {**_skill(skill), "receipt": one.receipt, "receipt_agrees": one.checked, "finished": one.finished}
            for one, skill in zip(readings.readers, content.each, strict=True)
        ],
        "together": _skill(content.together),
        "kappa": [
            {"readers": list(pair), **measured_dict(found)} for pair, found in sorted(content.kappas.items())
        ],
        "fleiss_kappa": measured_dict(content.fleiss),
        "realism": content.realism,
        "realism_area": measured_dict(content.graded),
        "artefacts": content.artefacts,
        "cases_shown": content.shown,
        "groups": [
            {name: measured_dict(value) if _is_measured(value) else value for name, value in vars(one).items()}
            for one in content.groups
        ],
        "cull_rule": asdict(content.rule),
        "cases": [asdict(one) for one in content.culls],
        "gate_limits": [asdict(one) for one in content.proposals],
        "machine": _machine(content.machine),
        "matching": readings.key.matching,
        "pixel_findings": readings.key.findings,
        "resampled": readings.key.resampled,
    }
    return to_text(plain(text))


def measured_dict(found: Measured | None) -> dict[str, Any] | None:
    """A number with its interval, or {"reason": why there is none}."""
    return None if found is None else dict(vars(found))


def _skill(skill) -> dict[str, Any]:
    test = skill.pair_test
    if isinstance(test, PairTest):
        test = test._asdict()
    elif test is not None:
        test = measured_dict(test)
    numbers = {name: measured_dict(getattr(skill, name)) for name in ("accuracy", "sensitivity", "specificity", "area")}
    return {"who": skill.who or "all who finished", "trials": skill.n, **numbers, "pair_test": test}


def _machine(found: MachineSkill | None) -> dict[str, Any] | None:
    """What it could tell and what it was trained on, without the names of its patients."""
    if found is None:
        return None
    record = found.record
    return {
        "this_study": _skill(found.read),
        "training_patients_cross_validated": _skill(found.validated),
        "learned": found.learned,
        "seed": record.seed,
        "scores": record.scores,
        "features": record.weights,
        "training": record.training,
    }


def _is_measured(value: object) -> bool:
    return isinstance(value, Estimate | NotMeasurable)


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return stream.getvalue()


def _cell(value: Any) -> Any:
    """Nothing as nothing, yes and no in words; a text that a spreadsheet would take for a formula gets a quote."""
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
