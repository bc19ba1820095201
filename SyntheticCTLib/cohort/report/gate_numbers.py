"""What the quality gate said about the outputs of a cohort."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..dataset.cases import iterate_cases

if TYPE_CHECKING:
    from ..dataset.cases import Cohort

SHOWN_MEASURES = {
    "jacobian.p01": "Jacobian, 1st percentile",
    "jacobian.p99": "Jacobian, 99th percentile",
    "outside.percent": "body outside the scan, %",
    "noise.ratio": "noise, output / source",
    "smear.sharpness": "sharpness, output / foretold",
    "similarity.source": "correlation with the source",
}
"""Measures of the gate that are drawn, with their names on the page."""

MOST_REASONS = 8


@dataclass(frozen=True)
class GateNumbers:
    """Counts of a cohort. verdicts: of the outputs that were made. rejected, failed: how many outputs were not.
    rejected_tries: percentages that the gate refused, those of finished outputs included. reasons: the most frequent
    ones with their counts, numbers in them replaced by "...". measures: values of each of SHOWN_MEASURES. percents,
    tries: of every output, by name."""

    planned: int
    verdicts: dict[str, int]
    rejected: int
    failed: dict[str, int]
    rejected_tries: int
    reasons: tuple[tuple[str, int], ...]
    measures: dict[str, np.ndarray]
    percents: dict[str, float]
    tries: dict[str, int]


def gate_numbers(cohort: Cohort) -> GateNumbers:
    """Read the private records of a cohort."""
    verdicts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    values: dict[str, list[float]] = {name: [] for name in SHOWN_MEASURES}
    percents, tries = {}, {}
    refused = 0
    for case in iterate_cases(cohort.layout, cohort.plan):
        record = case.private
        verdicts[record["report"]["verdict"]] += 1
        reasons.update({plain_reason(reason) for reason in record["report"]["reasons"]})
        percents[case.name] = float(record["percent"])
        tries[case.name] = len(record["tries"])
        refused += len(record["tries"]) - 1
        for name, found in values.items():
            value = record["report"]["measures"].get(name, {}).get("value")
            found += [value] if value is not None else []
    refused += len(cohort.rejected) * (1 + cohort.plan.settings.redraws)
    return GateNumbers(
        len(cohort.plan.outputs),
        dict(verdicts),
        len(cohort.rejected),
        dict(Counter(plain_reason(reason) for reason in cohort.failed.values())),
        refused,
        tuple(reasons.most_common(MOST_REASONS)),
        {name: np.array(found, float) for name, found in values.items()},
        percents,
        tries,
    )


def plain_reason(reason: str) -> str:
    """A reason without its numbers, so that equal ones can be counted."""
    return re.sub(r"[-+]?\d+(?:[.,]\d+)*", "...", reason)
