"""The label map of a case as a DICOM segmentation, made by highdicom, one segment a label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ... import __version__
from .dicom_marks import MAKER, Person, mark
from .segment_codes import Code, segment_codes

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom.dataset import Dataset

SERIES_NUMBER = 2

SERIES = "seg"
"""What the series is called where its UIDs are made."""

NO_DATE, NO_TIME = "19000101", "000000"
"""Content Date and Time must have a value in a segmentation (PS3.3, C.7.6.16); this one is nobody's."""

MAX_LABEL = 64
"""Characters in a Segment Label (LO)."""

MAX_DESCRIPTION = 1024
"""Characters in a Segment Description (ST)."""


def write_seg(labels: np.ndarray, names: Sequence[str], slices: Sequence[Dataset], file: Path, person: Person) -> None:
    """Write a label map as a segmentation of a series.

    labels: (slices, rows, columns), unsigned, in the order of `slices`; the value n is the label ``names[n - 1]``.
    Each name becomes a segment of that number, whether it occurs or not, so that numbers mean the same in all cases.
    slices: headers of the series, as `dicom_ct.write_ct` returns them; nothing else is referred to.
    """
    segmentation = _segmentation(labels, names, slices, person)
    _make_repeatable(segmentation, person)
    segmentation.save_as(file, enforce_file_format=True)


def _segmentation(labels: np.ndarray, names: Sequence[str], slices: Sequence[Dataset], person: Person) -> Segmentation:
    from highdicom.seg import Segmentation, SegmentationTypeValues

    return Segmentation(
        source_images=slices,
        pixel_array=np.ascontiguousarray(labels),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _description(number, name, label)
            for number, (name, label) in enumerate(zip(names, segment_labels(names), strict=True), start=1)
        ],
        series_instance_uid=person.uid(SERIES),
        series_number=SERIES_NUMBER,
        series_description=f"SYNTHETIC {person.name} labels",
        sop_instance_uid=person.uid(SERIES, "1"),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=f"{MAKER} cohort",
        software_versions=__version__,
        device_serial_number="none",  # must not be empty (PS3.3, C.7.5.2)
        content_label="LABELS",
        content_description="Label map of a synthetic CT",
        content_date=NO_DATE,
        content_time=NO_TIME,
    )


def segment_labels(names: Sequence[str]) -> list[str]:
    """The names as DICOM takes them for labels of segments, no two alike: short ones as they are, of longer ones the
    beginning, "~" and the segment's number. A backslash, which would begin another value, becomes a slash."""
    labels: list[str] = []
    for number, name in enumerate(names, start=1):
        label, end = name.replace("\\", "/"), f"~{number}"
        while len(label) > MAX_LABEL or label in labels:
            label, end = label[: MAX_LABEL - len(end)] + end, f"~{end}"
        labels.append(label)
    return labels


def _description(number: int, name: str, label: str) -> SegmentDescription:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
    from highdicom.sr import CodedConcept

    codes = segment_codes(name)
    description = SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=_concept(codes.category),
        segmented_property_type=_concept(codes.type),
        # Whoever drew the source's label, this one was warped by a program.
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=f"{MAKER} warping of labels",
            family=CodedConcept("123111", "DCM", "Deformable Models"),
            version=__version__,
        ),
        anatomic_regions=[_concept(codes.region)] if codes.region else None,
    )
    if label != name:
        description.SegmentDescription = name[:MAX_DESCRIPTION]
    if codes.side:
        item = description.SegmentedPropertyTypeCodeSequence[0]
        item.SegmentedPropertyTypeModifierCodeSequence = [_concept(codes.side)]
    return description


def _concept(code: Code):
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, "SCT", code.meaning)


def _make_repeatable(segmentation: Segmentation, person: Person) -> None:
    """Put our marks in place of what highdicom has stamped: today's date, random UIDs, the equipment with the time."""
    mark(segmentation, person)
    for stamp in ("InstanceCreationDate", "InstanceCreationTime"):
        if stamp in segmentation:
            delattr(segmentation, stamp)
    organization = person.uid(SERIES, "dimension organization")
    for item in (*segmentation.DimensionOrganizationSequence, *segmentation.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization
