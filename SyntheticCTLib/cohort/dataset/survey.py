"""What is to be said about all cases together, gathered from their records, one record in memory at a time."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .cases import iterate_cases, names_in, read_failures
from .label_map import MAP_NAME
from .layout import Layout
from .painted import PaintedLesions

if TYPE_CHECKING:
    from ..planning.plan import Plan

MEASURES = {
    "similarity.source": "correlation with its source",
    "similarity.target": "correlation with its target",
    "displacement.mean": "displacement in the body, mean",
    "jacobian.p01": "local volume change, 1st percentile",
    "jacobian.p99": "local volume change, 99th percentile",
    "outside.percent": "body outside the source's field of view",
    "noise.ratio": "noise kept",
    "smear.sharpness": "sharpness kept",
}
"""The gate's measures whose distribution is told, and what they are called there."""


@dataclass
class Survey:
    """Numbers about a cohort. Cases are counted by `verdicts`, by `regions`, and by whether they have each label.

    software: all versions that occurred, by package; a cohort may have been made in several runs. backends: all that
    registered.
    """

    planned: int
    rejected: int
    failed: int
    verdicts: Counter[str] = field(default_factory=Counter)
    regions: Counter[str] = field(default_factory=Counter)
    label_cases: Counter[str] = field(default_factory=Counter)
    unlabelled: int = 0
    tries: Counter[int] = field(default_factory=Counter)
    measures: dict[str, array] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    units: dict[str, str] = field(default_factory=dict)
    software: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    backends: set[str] = field(default_factory=set)
    metadata_keys: list[str] = field(default_factory=list)
    lesions: PaintedLesions = field(default_factory=PaintedLesions)

    @property
    def made(self) -> int:
        """Number of cases."""
        return self.verdicts.total()


def survey(layout: Layout, plan: Plan) -> Survey:
    """Read every record once."""
    made = names_in(layout.private_records)
    found = Survey(
        planned=len(plan.outputs),
        rejected=len(names_in(layout.rejections) - made),
        failed=len(set(read_failures(layout)) - made),
    )
    keys: set[str] = set()
    for case in iterate_cases(layout, plan):
        _add(found, case.private)
        keys.update(case.metadata)
        found.unlabelled += bool(plan.label_names) and case.label is None
        _add_method(found, case.public["method"])
    found.metadata_keys = sorted(keys)
    return found


def _add_method(found: Survey, method: Mapping[str, Any]) -> None:
    registration = method["registration"]
    found.backends.update([registration["backend"]] if "backend" in registration else [])
    for name, version in (*method["software"].items(), *registration.get("versions", {}).items()):
        found.software[name].add(version)


def _add(found: Survey, record: Mapping[str, Any]) -> None:
    found.verdicts[record["report"]["verdict"]] += 1
    found.regions[record["region"]] += 1
    found.label_cases.update(record["labels"].get(MAP_NAME, {}).values())
    found.tries[len(record["tries"])] += 1
    found.lesions.add(record)
    for name in MEASURES:
        measure = record["report"]["measures"].get(name, {})
        if measure.get("value") is not None:
            found.measures[name].append(measure["value"])
            found.units[name] = measure["unit"]
