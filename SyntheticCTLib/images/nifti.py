"""What SimpleITK does not check in a NIfTI file: that it is whole and says one thing about its place."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from .geometry import Geometry
from .gzipped import GZIP_MARK, unpacked_bytes

FORM_TOLERANCE_MM = 0.1
"""A header may state its orientation twice (qform, sform); corners this far apart still count as agreeing."""

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


class Header(NamedTuple):
    """The fields of a NIfTI header (nifti1.h, nifti2.h; same names) that are looked at."""

    dim: tuple[int, ...]
    datatype: int
    bitpix: int
    pixdim: tuple[float, ...]
    vox_offset: float
    scl_slope: float
    scl_inter: float
    qform_code: int
    sform_code: int
    quatern: tuple[float, ...]
    qoffset: tuple[float, ...]
    srow: tuple[float, ...]
    byte_order: str


_NIFTI_1 = (
    (40, "8h"), (70, "h"), (72, "h"), (76, "8f"), (108, "f"), (112, "f"), (116, "f"), (252, "h"), (254, "h"),
    (256, "3f"), (268, "3f"), (280, "12f"),
)  # fmt: skip
_NIFTI_2 = (
    (16, "8q"), (12, "h"), (14, "h"), (104, "8d"), (168, "q"), (176, "d"), (184, "d"), (344, "i"), (348, "i"),
    (352, "3d"), (376, "3d"), (400, "12d"),
)  # fmt: skip
_LAYOUTS = {348: _NIFTI_1, 540: _NIFTI_2}
"""Offset and type of each field of `Header`, by the header length that a file begins with."""

_FLOATS = {16: "f4", 64: "f8"}
"""NIfTI data types that can hold values that are not numbers."""


def check_whole(path: Path) -> None:
    """Refuse a NIfTI file that holds fewer bytes than its header promises.

    ITK fills what is missing with zeros and reports nothing, both for a broken download and for a disk that
    ran full while writing. Checksums of a gzipped file are checked, too. Raises InputError.
    """
    header = read_header(path)
    voxels = int(np.prod([max(n, 1) for n in header.dim[1 : header.dim[0] + 1]]))
    expected = int(header.vox_offset) + voxels * header.bitpix // 8
    with path.open("rb") as stream:
        found = unpacked_bytes(stream) if _opener(path) is gzip.open else path.stat().st_size
    if found < expected:
        raise InputError(
            f"{path}: the file is cut short or damaged; it does not hold the {expected} bytes that its "
            "header promises. Copy or download it again."
        )


def check_place(path: Path, geometry: Geometry) -> tuple[str, ...]:
    """Refuse a header whose statements of orientation disagree with each other or with `geometry`, as read.

    Returns notes for the user: that the header says nothing about orientation. Raises InputError.
    """
    header = read_header(path)
    if header.scl_slope == 0 and header.scl_inter != 0:
        raise InputError(
            f"{path}: its header has the slope 0 with an intercept of {header.scl_inter:g}, so it is unclear "
            "whether its values are rescaled. Save it again without scaling."
        )
    forms = [form for form in (_sform(header), _qform(header)) if form is not None]
    if not forms:
        return (
            "its header says nothing about orientation; its axes were taken as left, posterior, superior",
        )
    index = np.array(np.meshgrid(*[[0, n - 1] for n in geometry.size], [1], indexing="ij")).reshape(4, -1)
    places = np.array([(form @ index)[:3] for form in (geometry.matrix(), *forms)])
    apart = float(np.linalg.norm(places[:, None] - places[None], axis=2).max())
    if apart > FORM_TOLERANCE_MM:
        raise InputError(
            f"{path}: the statements of orientation in its NIfTI header (qform, sform, voxel size) place the "
            f"volume up to {apart:.4g} mm apart. Decide which is right and save the file with that one only."
        )
    return ()


def not_numbers(path: Path) -> np.ndarray | None:
    """Where the stored values are NaN or infinite, boolean (K, J, I); None if nowhere.

    NaN marks padding in many files, and ITK's reader turns it into 0, the value of water, without a word.
    The file must hold one 3-D volume.
    """
    header = read_header(path)
    if header.datatype not in _FLOATS:
        return None
    with _opener(path)(path, "rb") as stream:
        stream.seek(int(header.vox_offset))
        size = [max(n, 1) for n in header.dim[1:4]]
        count = int(np.prod(size))
        kind = np.dtype(header.byte_order + _FLOATS[header.datatype])
        stored = np.frombuffer(stream.read(count * kind.itemsize), dtype=kind)
    broken = ~np.isfinite(stored)
    return broken.reshape(size[::-1]) if broken.any() else None


def read_header(path: Path) -> Header:
    """The header of a single-file NIfTI-1 or -2, gzipped or not, of either byte order. Raises InputError."""
    try:
        with _opener(path)(path, "rb") as stream:
            raw = stream.read(540)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: its header is cut short or damaged. Copy or download it again.") from error
    for order in "<>":
        length = struct.unpack_from(order + "i", raw.ljust(4, b"\0"))[0]
        if length in _LAYOUTS and len(raw) >= length:
            fields = [struct.unpack_from(order + kind, raw, offset) for offset, kind in _LAYOUTS[length]]
            magic = raw[4:7] if length == 540 else raw[344:347]
            if magic not in (b"n+1", b"n+2"):
                break
            return Header(*(field[0] if len(field) == 1 else field for field in fields), byte_order=order)
    raise InputError(
        f"{path}: it is not a single-file NIfTI (.hdr/.img pairs leave the orientation open); "
        "convert it to .nii.gz."
    )


def _opener(path: Path) -> Callable:
    with path.open("rb") as stream:
        return gzip.open if stream.read(2) == GZIP_MARK else open


def _sform(header: Header) -> np.ndarray | None:
    """(4, 4) index to LPS matrix of the sform; None if the header does not use it."""
    if header.sform_code <= 0:
        return None
    return _RAS_TO_LPS @ np.vstack([np.reshape(header.srow, (3, 4)), [0, 0, 0, 1]])


def _qform(header: Header) -> np.ndarray | None:
    """(4, 4) index to LPS matrix of the qform (quaternion, nifti1.h, method 2); None if not used."""
    if header.qform_code <= 0:
        return None
    b, c, d = header.quatern
    a = np.sqrt(max(0.0, 1.0 - b * b - c * c - d * d))
    rotation = np.array([
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ])  # fmt: skip
    handedness = -1 if header.pixdim[0] < 0 else 1
    form = np.eye(4)
    form[:3, :3] = rotation * np.multiply(header.pixdim[1:4], [1, 1, handedness])
    form[:3, 3] = header.qoffset
    return _RAS_TO_LPS @ form
