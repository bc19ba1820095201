"""Reading one CT series from a folder of DICOM files with GDCM, through SimpleITK."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import SimpleITK as sitk

from ..errors import InputError
from .files import quiet_itk, refuse_unreadable_name
from .slices import Slice, is_ct_file, read_slice
from .stacking import stack

MAX_FILES = 20_000
"""A folder with more files is not one study; looking into each would take minutes."""


class Series(NamedTuple):
    """Slices that belong to one volume: one Series Instance UID, one orientation, matrix and pixel size."""

    uid: str
    number: str
    description: str
    slices: tuple[Slice, ...]

    def describe(self) -> str:
        """What tells this series from the others; for the user's own terminal."""
        first = self.slices[0]
        spacing = " x ".join(f"{value:.3g}" for value in first.spacing)
        name = f', "{self.description}"' if self.description else ""
        thick = f", {first.thickness:g} mm thick" if first.thickness else ""
        return f"{len(self.slices)} slices of {first.size[0]} x {first.size[1]}, {spacing} mm{thick}{name}"


def read_folder(folder: Path, series: str | int | None = None) -> tuple[sitk.Image, tuple[str, ...]]:
    """The volume of one CT series in a folder or its subfolders, rescaled, and notes for the user.

    series: number in the list of series that the error message shows (1, 2, ...) or Series Instance UID;
        needed only if there are several.
    Localizers, other modalities and files that are no images are left out.
    Raises InputError if there is no CT, a choice is needed, or the slices do not form an even, upright stack.
    """
    slices = _find_slices(folder)
    found = _group(_only_ct(slices, folder))
    chosen = _choose(found, series, folder)
    try:
        placed = stack(chosen.slices)
        image = _read_voxels(placed.slices, folder)
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error
    placed.geometry.apply_to(image)
    return image, placed.notes


def _find_slices(folder: Path) -> list[Slice]:
    """The headers of all DICOM images below the folder, in the order of their paths."""
    files: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders.sort()
        files.extend(Path(root, name) for name in sorted(names))
        if len(files) > MAX_FILES:
            raise InputError(
                f"{folder}: it holds more than {MAX_FILES} files; give the folder of one series or study."
            )
    slices = []
    for file in files:
        refuse_unreadable_name(file)
        if not file.is_file():
            raise InputError(f"{file}: this link leads nowhere; fetch or copy the file it stands for.")
        with quiet_itk():
            header = read_slice(file)
        if header is not None:
            slices.append(header)
        elif is_ct_file(file):
            raise InputError(
                f"{file}: this CT slice cannot be read; it is cut short or damaged. "
                "Copy or export the series again."
            )
    if not slices:
        what = f"{len(files)} files, none of them a DICOM image" if files else "no files"
        raise InputError(
            f"{folder}: the folder holds {what}; give a folder with the DICOM files of a CT series, "
            "or a NIfTI, NRRD or MetaImage file."
        )
    return slices


def _only_ct(slices: Sequence[Slice], folder: Path) -> list[Slice]:
    images = [one for one in slices if one.modality == "CT" and not one.localizer]
    if not images:
        found = ", ".join(sorted({"localizer" if one.modality == "CT" else one.modality for one in slices}))
        raise InputError(f"{folder}: its DICOM images are no CT slices (found: {found}); give a CT series.")
    return images


def _group(slices: Sequence[Slice]) -> list[Series]:
    """Series in a stable order: by number, then UID; slices that cannot share a grid are kept apart."""
    groups: dict[tuple, list[Slice]] = {}
    for one in slices:
        looks = (one.size, one.frames > 1, *(round(v, 3) for v in (*one.spacing, *one.orientation)))
        groups.setdefault((one.series_uid, *looks), []).append(one)
    series = [
        Series(members[0].series_uid, members[0].series_number, members[0].description, tuple(members))
        for members in groups.values()
    ]
    return sorted(series, key=lambda s: (int(s.number) if s.number.isdigit() else 0, s.uid, -len(s.slices)))


def _choose(found: Sequence[Series], wanted: str | int | None, folder: Path) -> Series:
    listing = "".join(f"\n  {number}: {one.describe()}" for number, one in enumerate(found, start=1))
    if wanted is None:
        if len(found) == 1:
            return found[0]
        raise InputError(
            f"{folder}: the folder holds {len(found)} CT series; choose one by its number "
            f"(--series-source N or --series-target N; in Python series=N):{listing}"
        )
    wanted = str(wanted).strip()
    if wanted.isdigit() and 1 <= int(wanted) <= len(found):
        return found[int(wanted) - 1]
    with_uid = [one for one in found if one.uid == wanted]
    if len(with_uid) == 1:
        return with_uid[0]
    raise InputError(f"{folder}: there is no series {wanted}; choose one of these by its number:{listing}")


def _read_voxels(slices: Sequence[Slice], folder: Path) -> sitk.Image:
    """The slices as one volume, each with its own rescale slope and intercept applied by GDCM."""
    reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileNames([str(one.file) for one in slices])
    if len({(one.slope, one.intercept) for one in slices}) > 1:
        # ITK takes the pixel type of the first slice, which may not hold the rescaled values of the others
        reader.SetOutputPixelType(sitk.sitkFloat32)
    with quiet_itk():
        try:
            return reader.Execute()
        except RuntimeError as error:
            broken = next((one.file for one in slices if not _decodes(one.file)), None)
            name = f"the slice {broken.relative_to(folder)}" if broken else "one of the slices"
            raise InputError(
                f"the voxels of {name} cannot be read; it is cut short, damaged or compressed in an unusual "
                "way. Export the series again (uncompressed)."
            ) from error


def _decodes(file: Path) -> bool:
    try:
        sitk.ReadImage(str(file), imageIO="GDCMImageIO")
    except RuntimeError:
        return False
    return True
