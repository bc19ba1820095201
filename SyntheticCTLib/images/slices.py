"""The header of one DICOM image file, as far as placing it in a volume needs it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import SimpleITK as sitk

_CT_STORAGE = (b"1.2.840.10008.5.1.4.1.1.2", b"1.2.840.10008.5.1.4.1.1.2.1")
"""CT Image Storage and Enhanced CT Image Storage (PS3.4, B.5), as bytes in a file."""

_META_BYTES = 1024
"""The file meta information lies within the first bytes of a file."""


class Slice(NamedTuple):
    """One DICOM image.

    size: columns, rows. spacing: mm between columns, between rows (attribute 0028,0030 swapped).
    position: LPS mm of the first pixel's center (0020,0032), None if the file does not say.
    orientation: unit vectors along a row and along a column (0020,0037), six floats, empty if not said.
    thickness: mm, None if not said. instance: SOP Instance UID, the same in two copies of a file.
    """

    file: Path
    instance: str
    series_uid: str
    series_number: str
    description: str
    modality: str
    localizer: bool
    frames: int
    size: tuple[int, int]
    spacing: tuple[float, ...]
    position: tuple[float, ...] | None
    orientation: tuple[float, ...]
    thickness: float | None
    slope: float
    intercept: float


def read_slice(file: Path) -> Slice | None:
    """The header of a DICOM image; None for files that are not DICOM or hold no image (reports, plans)."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return None

    def text(tag: str) -> str:
        return reader.GetMetaData(tag).strip(" \0") if reader.HasMetaDataKey(tag) else ""

    position = _numbers(text("0020|0032"))
    size = reader.GetSize()
    return Slice(
        file=file,
        instance=text("0008|0018"),
        series_uid=text("0020|000e"),
        series_number=text("0020|0011"),
        description=text("0008|103e"),
        modality=text("0008|0060") or "unknown",
        localizer="LOCALIZER" in text("0008|0008").upper(),
        frames=max(size[2] if len(size) > 2 else 1, int(next(iter(_numbers(text("0028|0008"))), 1))),
        size=(size[0], size[1]),
        spacing=_numbers(text("0028|0030"))[::-1],
        position=position if len(position) == 3 else None,
        orientation=_numbers(text("0020|0037")),
        thickness=next(iter(_numbers(text("0018|0050"))), None),
        slope=next(iter(_numbers(text("0028|1053"))), 1.0),
        intercept=next(iter(_numbers(text("0028|1052"))), 0.0),
    )


def is_ct_file(file: Path) -> bool:
    """Whether a file says at its beginning that it holds a CT image, even if the rest is missing.

    The file meta information (PS3.10, 7.1) names the kind of object; a padded UID ends with a zero byte.
    """
    with file.open("rb") as stream:
        head = stream.read(_META_BYTES)
    return head[128:132] == b"DICM" and any(uid + b"\0" in head for uid in _CT_STORAGE)


def _numbers(text: str) -> tuple[float, ...]:
    """The values of a decimal string attribute (PS3.5, 6.2, DS); empty if one of them is no number."""
    try:
        return tuple(float(part) for part in text.split("\\")) if text else ()
    except ValueError:
        return ()
