"""Writing volumes: complete or not at all, and nothing in the header that was not put there on purpose."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import SimpleITK as sitk

from ..errors import InputError
from .files import check_written
from .labels import LabelLayer
from .segments import segment_header

SUFFIXES = (".nii.gz", ".nii", ".nrrd")
"""What can be written; the longest match names the format."""

MAX_DESCRIPTION = 79
"""Characters in a description: the NIfTI field `descrip` holds 80 bytes, the last one zero."""

NIFTI_DESCRIPTION = "ITK_FileNotes"
"""Metadata key whose value ITK's NIfTI writer puts into the field `descrip`."""

NRRD_DESCRIPTION = "SyntheticCT"
"""Key of the description in a NRRD header."""


def write_image(image: sitk.Image, path: str | os.PathLike[str], description: str = "") -> None:
    """Write a volume as NIfTI (.nii, .nii.gz) or NRRD (.nrrd, gzipped inside); the same bytes every time.

    Of the header only geometry, pixel type and `description` are written, never the image's metadata.
    description: one line of at most 79 printable ASCII characters, for every synthetic volume one that says
        SYNTHETIC; it goes to `descrip` (NIfTI) or the key `SyntheticCT` (NRRD).
    An existing file is replaced. The file appears complete or not at all: it is written under a temporary
    name in the same folder, read back, then renamed. Raises InputError if the name, the folder, or the disk
    does not allow it, ValueError for a description that does not fit.
    """
    _write(image, Path(path), description, {})


def write_layer(layer: LabelLayer, path: str | os.PathLike[str], description: str = "") -> None:
    """Write a label layer, as `write_image` does; a name ending in .seg.nrrd keeps the labels' names.

    A .seg.nrrd file opens in 3D Slicer as a segmentation.
    """
    path = Path(path)
    names = segment_header(layer.values, layer.names) if path.name.lower().endswith(".seg.nrrd") else {}
    _write(layer.image, path, description, names)


def _write(image: sitk.Image, path: Path, description: str, header: Mapping[str, str]) -> None:
    suffix = next((one for one in SUFFIXES if path.name.lower().endswith(one)), None)
    if suffix is None:
        raise InputError(f"{path}: a volume is written as {', '.join(SUFFIXES)}; choose a name that ends so.")
    if len(description) > MAX_DESCRIPTION or not (
        description.isascii() and (description + " ").isprintable()
    ):
        raise ValueError(
            f"a description is one line of at most {MAX_DESCRIPTION} ASCII characters: {description!r}"
        )
    if not path.parent.is_dir():
        raise InputError(
            f"{path.parent}: there is no such folder to write {path.name} into; create it first."
        )
    clean = _with_header(image, {**header, **_description(suffix, description)})
    # the temporary name keeps the suffix, from which ITK takes the format
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part{suffix}")
    try:
        _save(clean, temporary)
        _flush(temporary)
        check_written(temporary)
        os.replace(temporary, path)
    except (RuntimeError, OSError, InputError) as error:
        raise InputError(
            f"{path.parent}: {path.name} could not be written there ({_reason(path.parent, error)}); "
            "nothing was left behind. Make room or choose another folder."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _description(suffix: str, description: str) -> dict[str, str]:
    if not description:
        return {}
    return {NRRD_DESCRIPTION if suffix == ".nrrd" else NIFTI_DESCRIPTION: description}


def _with_header(image: sitk.Image, header: Mapping[str, str]) -> sitk.Image:
    """The same voxels and geometry with this metadata and no other; the original is left as it is."""
    clean = sitk.Image(image)
    clean.MakeUnique()  # or erasing from the copy would erase from the original too
    for key in clean.GetMetaDataKeys():
        clean.EraseMetaData(key)
    for key, value in header.items():
        clean.SetMetaData(key, value)
    return clean


def _save(image: sitk.Image, path: Path) -> None:
    sitk.WriteImage(image, str(path), useCompression=True)


def _flush(path: Path) -> None:
    """Force the bytes to the disk: network drives report a full disk or quota only then."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(folder: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if not os.access(folder, os.W_OK):
        return "the folder is read-only"
    return "the disk is probably full"
