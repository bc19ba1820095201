"""`dataset.json`: nnU-Net's description of a data set (documentation/dataset_format.md of nnU-Net v2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...jobs.records import to_text
from .files import write_text
from .layout import FILE_ENDING, Layout
from .survey import Survey

if TYPE_CHECKING:
    from ..planning.plan import Plan

CHANNEL_NAME = "CT"
"""nnU-Net normalises a channel of this name as CT: clipped and scaled by the HU of the data set's foreground."""


def write_description(layout: Layout, plan: Plan, found: Survey) -> None:
    """Write `dataset.json`."""
    write_text(layout.description, to_text(description(plan, found)))


def description(plan: Plan, found: Survey) -> dict[str, Any]:
    """The entries nnU-Net asks for, and which reader its images were checked with.

    Labels are whole numbers without a gap, 0 is the background; `numTraining` counts the images in `imagesTr`.
    """
    return {
        "channel_names": {"0": CHANNEL_NAME},
        "labels": {"background": 0, **{name: value for value, name in enumerate(plan.label_names, start=1)}},
        "numTraining": found.made - found.unlabelled,
        "file_ending": FILE_ENDING,
        "overwrite_image_reader_writer": "SimpleITKIO",
        "description": "SYNTHETIC CT scans of bodies that do not exist, made by SyntheticCT; see README.md",
    }
