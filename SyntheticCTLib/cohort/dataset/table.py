"""`metadata.csv`: one row per case, made of the public records only."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .cases import Case, iterate_cases
from .files import replacing
from .label_map import MAP_NAME
from .layout import Layout

if TYPE_CHECKING:
    from ..planning.plan import Plan

COLUMNS = ("name", "id", "image", "label", "region", "percent_about", "verdict", "labels")
"""Columns that every cohort has; the metadata's keys follow."""


def write_table(layout: Layout, plan: Plan, metadata_keys: Sequence[str]) -> None:
    """Write the table. metadata_keys: columns of the metadata; a case that lacks one has an empty cell there."""
    keys = [key if key not in COLUMNS else f"metadata.{key}" for key in metadata_keys]
    with replacing(layout.table) as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow([*COLUMNS, *keys])
        for case in iterate_cases(layout, plan):
            rows.writerow([*_fixed(case), *(_cell(case.metadata.get(key)) for key in metadata_keys)])


def _fixed(case: Case) -> list[Any]:
    public = case.public
    folder = case.layout.folder
    return [
        case.name,
        public["id"],
        case.image.relative_to(folder).as_posix(),
        case.label.relative_to(folder).as_posix() if case.label else "",
        public["region"],
        public["percent_about"],
        public["verdict"],
        "; ".join(public["labels"].get(MAP_NAME, {}).values()),
    ]


def _cell(value: Any) -> str:
    """A value as text: lists and objects as JSON, nothing as nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
