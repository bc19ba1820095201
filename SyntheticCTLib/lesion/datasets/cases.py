"""A case of a training set: one scan with its lesions, the patient it is of, and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from ...errors import InputError
from ...images import Geometry, read_ct
from ...images.files import open_volume, quiet_itk

VOLUME_SUFFIXES = (".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
"""Endings of files that can be read as a scan or a label map; the longest match counts."""


@dataclass(frozen=True)
class Case:
    """One scan of a training set.

    name: unique within the set. image: a volume file, or a folder with a DICOM series. label: a label map on the
    image's grid. lesion_labels: the values in it that mean lesion; None: every value but 0. patient: whom the scan
    shows; a set is split by patient, so two scans of one person must carry one name here.
    """

    name: str
    image: Path
    label: Path
    lesion_labels: tuple[int, ...] | None
    patient: str


def volume_stem(name: str) -> str | None:
    """A file name without the ending of a volume file; None for other files and hidden ones (macOS leaves `._x`)."""
    if name.startswith("."):
        return None
    suffix = next((one for one in VOLUME_SUFFIXES if name.lower().endswith(one)), None)
    return name[: -len(suffix)] if suffix else None


def case_faults(cases: Sequence[Case]) -> list[str]:
    """What is wrong with the cases, one sentence each; reads headers, and label maps until every value was seen.

    Looked for: missing files, files that cannot be opened, a label map on another grid than its image, two cases of
    one name or one image, label values that occur in no map. A single map without lesions is no fault.
    """
    faults = [*_doubles(cases)]
    whole = []
    for case in cases:
        missing = [path for path in (case.image, case.label) if not path.exists()]
        faults += [f"case {case.name}: {path} does not exist" for path in missing]
        if not missing:
            found = _grid_fault(case)
            faults += [found] if found else []
            whole += [] if found else [case]
    return faults + _absent_values(whole)


def _doubles(cases: Iterable[Case]) -> list[str]:
    faults, names, images = [], {}, {}
    for case in cases:
        first = names.setdefault(case.name, case)
        if first is not case:
            faults.append(f"case {case.name} is there twice: {first.image} and {case.image}")
        first = images.setdefault(case.image, case)
        if first is not case and first.name != case.name:
            faults.append(f"cases {first.name} and {case.name} have the same image: {case.image}")
    return faults


def _grid_fault(case: Case) -> str | None:
    """Why the image and label map of a case cannot be opened or do not lie on one grid; None if they do."""
    try:
        image, label = _geometry(case.image), _geometry(case.label)
    except InputError as error:
        return f"case {case.name}: {error}"
    if label.same_as(image):
        return None
    return (
        f"case {case.name}: its label map lies on another grid than its image"
        f" (label: {label.describe()}; image: {image.describe()})"
    )


def _geometry(path: Path) -> Geometry:
    """The grid of a volume from its header alone; whatever is unusual is opened, which says what is wrong."""
    if path.is_dir():
        return Geometry.of(read_ct(path).image)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with quiet_itk():
            reader.ReadImageInformation()
    except RuntimeError:
        return Geometry.of(open_volume(path)[0])
    if reader.GetDimension() != 3:
        return Geometry.of(open_volume(path)[0])
    return Geometry(reader.GetSize(), reader.GetSpacing(), reader.GetOrigin(), reader.GetDirection())


def _absent_values(cases: Sequence[Case]) -> list[str]:
    """Values that mean lesion but occur in no map, and maps that cannot be read on the way to that finding."""
    if not cases:
        return []
    wanted = cases[0].lesion_labels
    faults, sought = [], set(wanted or ())
    for case in cases:
        try:
            stored, _ = open_volume(case.label)
        except InputError as error:
            faults.append(f"case {case.name}: {error}")
            continue
        voxels = sitk.GetArrayViewFromImage(stored)
        if wanted is None and voxels.any():
            return faults
        sought -= {value for value in sought if (voxels == value).any()}
        if wanted is not None and not sought:
            return faults
    if wanted is None:
        return [*faults, f"no voxel is labeled in any of the {len(cases)} label maps"]
    return faults + [
        f"the lesion label {value} occurs in none of the {len(cases)} label maps" for value in sorted(sought)
    ]
