"""Reading a CT scan, whatever it is stored as."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import SimpleITK as sitk

from ..errors import InputError
from .dicom import read_folder
from .files import open_volume, refuse_unreadable_name
from .hu import to_hu


class CT(NamedTuple):
    """A CT volume as everything behind the reader expects it.

    image: 3-D, sitkInt16 Hounsfield units in -1024..3071, LPS mm, no metadata.
    notes: sentences for the user on what was changed or guessed while reading.
    """

    image: sitk.Image
    notes: tuple[str, ...]


def read_ct(path: str | os.PathLike[str], series: str | int | None = None) -> CT:
    """Read a CT scan from a NIfTI, NRRD or MetaImage file or from a folder with DICOM files.

    series: which DICOM series if the folder holds several: its number in the list that the error message
        shows (1, 2, ...), or its Series Instance UID.
    Padding of any depth becomes -1024 HU, values beyond -1024..3071 are clamped, fractions rounded.
    Raises InputError if the path cannot be read as one CT scan in HU with a known place in space.
    """
    path = Path(path)
    refuse_unreadable_name(path)
    if path.is_dir():
        stored, notes = read_folder(path, series)
    elif series is not None:
        raise InputError(
            f"{path}: series {series} was asked for, but only DICOM folders hold series; leave it out."
        )
    else:
        stored, notes = open_volume(path)
    image, changes = to_hu(stored, str(path))
    return CT(image, (*notes, *changes))
