"""A cohort as DICOM: a folder for each case, with the series of CT images and the segmentation of its labels.

dicom/NAME/ct/00001.dcm ..., dicom/NAME/seg/labels.dcm
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from .checked import check_unchanged, public_record

if TYPE_CHECKING:
    from ...jobs import JobContext
    from ..dataset.cases import Case, Cohort

PATTERNS = ("dicom/*/ct/*.dcm", "dicom/*/seg/*.dcm")
"""What an export in this format consists of, relative to its folder."""

_PACKAGES = ("pydicom", "highdicom")


def check_packages() -> None:
    """Refuse to begin without what writes DICOM. Raises InputError."""
    import importlib.util

    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"Writing DICOM needs {' and '.join(missing)}, not installed here; install it with "
            "`pip install 'syntheticct[cohort]'`, or export as msd."
        )


def write_dicom(cohort: Cohort, cases: Sequence[Case], folder: Path, context: JobContext) -> None:
    """Write the cases into `folder`; one is in memory at a time.

    Raises InputError if a file is no longer what the run wrote, or a case cannot be described in DICOM.
    """
    for number, case in enumerate(cases):
        context.report("writing DICOM", number / len(cases))
        check_unchanged(case)
        _write_case(cohort, case, folder)


def place(case: Case) -> tuple[str, str]:
    """Where series and segmentation of a case lie in the export; "" for no segmentation."""
    folder = f"dicom/{case.name}"
    return f"{folder}/ct", "" if case.label is None else f"{folder}/seg/labels.dcm"


def _write_case(cohort: Cohort, case: Case, folder: Path) -> None:
    from ...images.geometry import Geometry
    from ...images.hashing import content_hash
    from ...images.reading import read_ct
    from .dicom_ct import in_slice_order, write_ct
    from .dicom_marks import Person
    from .dicom_seg import write_seg

    image = read_ct(case.image).image
    series, segmentation = place(case)
    person = Person(case.name, public_record(case)["region"], cohort.plan.identity, content_hash(image))
    slices = write_ct(image, folder / series, person)
    if case.label is not None:
        labels = in_slice_order(_read_labels(case, image), Geometry.of(image))
        file = folder / segmentation
        file.parent.mkdir()
        write_seg(labels, cohort.plan.label_names, slices, file, person)


def _read_labels(case: Case, image: sitk.Image) -> np.ndarray:
    """The label map of a case, (K, J, I)."""
    from ...images.labels import read_layers

    return sitk.GetArrayFromImage(read_layers([("labels", str(case.label))], image)[0].image)
