"""A cohort in the layout of the Medical Segmentation Decathlon (medicaldecathlon.com).

Cases without a label map go to imagesTs and the list `test`, as the Decathlon's own do.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...jobs.records import to_text
from .checked import check_unchanged

if TYPE_CHECKING:
    from ...jobs import JobContext
    from ..dataset.cases import Case, Cohort

PATTERNS = ("dataset.json", "imagesTr/*.nii.gz", "imagesTs/*.nii.gz", "labelsTr/*.nii.gz")
"""What an export in this format consists of, relative to its folder."""

RELEASE = "1.0"
"""The Decathlon puts a date behind it; ours tell none."""


def write_msd(
    cohort: Cohort, cases: Sequence[Case], folder: Path, about: Mapping[str, str], context: JobContext
) -> None:
    """Write the cases into `folder`. about: "name", "description", "reference" and "licence" of the data set.

    The files are the cohort's own, byte for byte. Raises InputError if one is no longer what the run wrote.
    """
    for number, case in enumerate(cases):
        context.report("copying the cases", number / len(cases))
        check_unchanged(case)
        image, label = place(case)
        _copy(case.image, folder / image)
        if case.label is not None:
            _copy(case.label, folder / label)
    (folder / "dataset.json").write_text(to_text(_description(cohort, cases, about)), encoding="utf-8")


def place(case: Case) -> tuple[str, str]:
    """Where image and label map of a case lie in the export; "" for no label map."""
    if case.label is None:
        return f"imagesTs/{case.name}.nii.gz", ""
    return f"imagesTr/{case.name}.nii.gz", f"labelsTr/{case.name}.nii.gz"


def _description(cohort: Cohort, cases: Sequence[Case], about: Mapping[str, str]) -> dict[str, Any]:
    training = [case for case in cases if case.label is not None]
    test = [case for case in cases if case.label is None]
    labels = ("background", *cohort.plan.label_names)
    return {
        **about,
        "release": RELEASE,
        "tensorImageSize": "3D",
        "modality": {"0": "CT"},
        "labels": {str(value): name for value, name in enumerate(labels)},
        "numTraining": len(training),
        "numTest": len(test),
        "training": [{"image": f"./{image}", "label": f"./{label}"} for image, label in map(place, training)],
        "test": [f"./{image}" for image, _ in map(place, test)],
    }


def _copy(file: Path, copy: Path) -> None:
    copy.parent.mkdir(exist_ok=True)
    shutil.copyfile(file, copy)
