"""The files that describe the data set as a whole, made of its records when a run has ended.

They depend on the records alone, so they are the same whoever made which case, in however many runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .card import write_card
from .dataset_json import write_description
from .layout import Layout
from .survey import survey
from .table import write_table

if TYPE_CHECKING:
    from ..planning.plan import Plan


def write_summaries(layout: Layout, plan: Plan) -> None:
    """Write `metadata.csv`, `README.md` and, last, `dataset.json`; earlier ones are replaced."""
    found = survey(layout, plan)
    write_table(layout, plan, found.metadata_keys)
    write_card(layout, plan, found)
    write_description(layout, plan, found)
