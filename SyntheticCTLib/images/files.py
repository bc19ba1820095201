"""Opening one volume file (NIfTI, NRRD, MetaImage) so that neither its voxels nor its place can be wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from . import nifti
from .geometry import Geometry
from .gzipped import unpacked_bytes

FORMATS = {"NiftiImageIO": "NIfTI", "NrrdImageIO": "NRRD", "MetaImageIO": "MetaImage"}
"""SimpleITK's names of the readers that are used, and what their format is called."""

EXPECTED = "expected is a NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr) or MetaImage (.mha, .mhd) file"

_META_HEADER_BYTES = 1 << 16
"""No MetaImage header is longer."""

_META_DATA = re.compile(rb"^ElementDataFile *= *(.+?)\r?\n", re.MULTILINE)
"""The last line of the header: the file that holds the data, or LOCAL, where they follow."""

_META_COMPRESSED = re.compile(rb"^CompressedData *= *True", re.MULTILINE | re.IGNORECASE)


def open_volume(path: Path) -> tuple[sitk.Image, tuple[str, ...]]:
    """The 3-D volume in a file as stored, with its header as metadata, and notes for the user.

    The image may have any pixel type and several components per voxel; rescaling in the header is applied.
    Raises InputError if the file is missing, of another format, cut short, damaged, not 3-D, or sheared.
    """
    reader = _reader(path)
    with quiet_itk():
        try:
            reader.ReadImageInformation()
            if FORMATS[reader.GetImageIO()] == "NIfTI":
                nifti.check_whole(path)
            image = reader.Execute()
        except RuntimeError as error:
            raise InputError(_unreadable(path, reader, str(error))) from error
    if FORMATS[reader.GetImageIO()] == "MetaImage":
        _check_meta_whole(image, path)
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    _refuse_shape(image, path)
    notes = ()
    if FORMATS[reader.GetImageIO()] == "NIfTI":
        notes = nifti.check_place(path, Geometry.of(image))
        image = _with_not_numbers(image, path)
    if not Geometry.of(image).is_orthogonal():
        raise InputError(f"{path}: {_SHEARED}")
    return image, notes


def check_written(path: Path) -> None:
    """Refuse a file just written by ITK that is not whole: a full disk is reported for NRRD only.

    Raises InputError, RuntimeError.
    """
    reader = _reader(path)
    with quiet_itk():
        if FORMATS[reader.GetImageIO()] == "NIfTI":
            nifti.check_whole(path)
        else:
            reader.Execute()


@contextmanager
def quiet_itk() -> Iterator[None]:
    """Keep ITK's warnings, which name no remedy, off the terminal; our own checks speak instead."""
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)


def refuse_unreadable_name(path: Path) -> None:
    """Refuse a path whose bytes are no UTF-8: SimpleITK takes the whole process down over it."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{os.fspath(path)!r}: this name is not valid UTF-8; rename the file or folder.") from error


def is_dicom_file(path: Path) -> bool:
    """Whether the file carries the mark of a DICOM file (PS3.10, 7.1): "DICM" after 128 bytes."""
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


_SHEARED = (
    "its axes are not at right angles (sheared), so spacing, origin and direction cannot describe where its "
    "voxels lie. Resample it onto an ordinary grid first."
)


def _reader(path: Path) -> sitk.ImageFileReader:
    """A reader set to the file's format; refuses what cannot be opened as one of `FORMATS`."""
    if not path.exists():
        raise InputError(f"{path}: there is no such file; check the path.")
    if not path.is_file():
        raise InputError(f"{path}: this is a folder or a device; {EXPECTED}.")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty; {EXPECTED}.")
    try:
        single_slice = is_dicom_file(path)
    except OSError as error:
        raise InputError(
            f"{path}: the file cannot be opened ({error.strerror}); check its permissions."
        ) from error
    if single_slice:
        raise InputError(
            f"{path}: this is a single DICOM file; give the folder that holds all slices of the series."
        )
    with quiet_itk():
        try:
            found = sitk.ImageFileReader.GetImageIOFromFileName(str(path))
        except RuntimeError:
            found = ""
    if found not in FORMATS:
        raise InputError(
            f"{path}: no reader recognizes it as a volume (or its header is damaged); {EXPECTED}."
        )
    reader = sitk.ImageFileReader()
    reader.SetImageIO(found)
    reader.SetFileName(str(path))
    return reader


def _unreadable(path: Path, reader: sitk.ImageFileReader, reason: str) -> str:
    if "orthonormal" in reason:
        return f"{path}: {_SHEARED}"
    return (
        f"{path}: its {FORMATS[reader.GetImageIO()]} data cannot be read; the file is cut short, damaged, or "
        "parts that belong to it are missing. Copy or download it again."
    )


def _refuse_shape(image: sitk.Image, path: Path) -> None:
    if image.GetDimension() != 3:
        size = " x ".join(str(n) for n in image.GetSize())
        raise InputError(
            f"{path}: the image has {image.GetDimension()} dimensions ({size}); one 3-D volume is needed. "
            "Export a single volume."
        )
    if 0 in image.GetSize():
        raise InputError(f"{path}: the volume has no voxels (size {image.GetSize()}); export it again.")


def _with_not_numbers(image: sitk.Image, path: Path) -> sitk.Image:
    """The image of a NIfTI file with NaN put back where ITK's reader has replaced it by 0."""
    broken = nifti.not_numbers(path) if image.GetNumberOfComponentsPerPixel() == 1 else None
    if broken is None:
        return image
    values = sitk.GetArrayFromImage(image)
    values[broken] = np.nan
    restored = sitk.GetImageFromArray(values)
    Geometry.of(image).apply_to(restored)
    return restored


def _check_meta_whole(image: sitk.Image, path: Path) -> None:
    """Refuse compressed MetaImage data with a wrong byte, which ITK reads without an error."""
    with path.open("rb") as stream:
        head = stream.read(_META_HEADER_BYTES)
    mark = _META_DATA.search(head)
    if not mark or not _META_COMPRESSED.search(head[: mark.start()]):
        return
    local = mark[1] == b"LOCAL"
    data = path if local else path.parent / os.fsdecode(mark[1])
    if not data.is_file():  # a list or a numbered series of files: each has its own end to run into
        return
    with data.open("rb") as stream:
        stream.seek(mark.end() if local else 0)
        found = unpacked_bytes(stream)
    components = image.GetNumberOfPixels() * image.GetNumberOfComponentsPerPixel()
    if found < components * image.GetSizeOfPixelComponent():
        raise InputError(f"{path}: its compressed data are damaged. Copy or download it again.")
