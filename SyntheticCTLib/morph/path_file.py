"""The file of a morph path: its velocity grid as a NRRD vector volume, everything else as key/value pairs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..images.files import check_written, open_volume
from ..images.geometry import Geometry
from .path import Bound, MorphPath

FORMAT = "SyntheticCT morph path 1"
"""Value of the key `SyntheticCT_format`; the number changes when older readers would go wrong."""

_RIGID_TOLERANCE = 1e-6
"""How far the rotation of a pose may be from orthogonal; `save` writes every digit."""

_PREFIX = "SyntheticCT_"
_KEYS = ("format", "stretch", "pose", "source", "target", "method")


def save(path: MorphPath, file: str | os.PathLike[str]) -> None:
    """Write `path` to a .nrrd file; the same path gives the same bytes.

    It is written under a temporary name and renamed. Raises InputError if the name or folder does not allow it.
    """
    file = Path(file)
    if file.suffix.lower() != ".nrrd":
        raise InputError(f"{file}: a morph path is written as .nrrd; choose a name that ends so.")
    if not file.parent.is_dir():
        raise InputError(f"{file.parent}: there is no such folder to write {file.name} into; create it first.")
    image = sitk.Image(path.velocity)
    image.MakeUnique()  # or erasing from the copy would erase from the original too
    for key in image.GetMetaDataKeys():
        image.EraseMetaData(key)
    values = (FORMAT, path.stretch.tolist(), path.pose.tolist(), bound_record(path.source), bound_record(path.target))
    for key, value in zip(_KEYS, (*values, dict(path.method)), strict=True):
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        image.SetMetaData(_PREFIX + key, text)
    temporary = file.with_name(f".{file.stem}.{os.getpid()}.part.nrrd")
    try:
        sitk.WriteImage(image, str(temporary), useCompression=True)
        check_written(temporary)
        os.replace(temporary, file)
    except (RuntimeError, OSError) as error:
        raise InputError(
            f"{file}: the path could not be written; check that the folder can be written to and the disk "
            "has room."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def load(file: str | os.PathLike[str]) -> MorphPath:
    """Read a path written by `save`. Raises InputError if there is no such file or it holds something else."""
    file = Path(file)
    image, _ = open_volume(file)
    header = {
        key: image.GetMetaData(_PREFIX + key) for key in _KEYS if image.HasMetaDataKey(_PREFIX + key)
    }
    if header.get("format") != FORMAT or image.GetNumberOfComponentsPerPixel() != 3:
        found = header.get("format", "an ordinary volume")
        raise InputError(
            f"{file}: this is no morph path (found {found}, expected {FORMAT}); give a file written by "
            "`synthetic-ct register`."
        )
    try:
        content = {key: json.loads(header[key]) for key in _KEYS[1:]}
        stretch, pose = (_matrix_from(content[key]) for key in ("stretch", "pose"))
        if not np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=_RIGID_TOLERANCE):
            raise ValueError("the pose is not rigid")
        bounds = [bound_from_record(content[key]) for key in ("source", "target")]
        method = dict(content["method"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file}: the header of this morph path is damaged; register again.") from error
    if not np.isfinite(sitk.GetArrayViewFromImage(image)).all():
        raise InputError(f"{file}: the velocities of this morph path are damaged; register again.")
    for key in image.GetMetaDataKeys():
        image.EraseMetaData(key)
    return MorphPath(sitk.Cast(image, sitk.sitkVectorFloat32), stretch, pose, *bounds, method)


def _matrix_from(rows: list[list[float]]) -> np.ndarray:
    matrix = np.array(rows, dtype=float).reshape(4, 4)
    if not np.isfinite(matrix).all() or matrix[3].tolist() != [0, 0, 0, 1] or np.linalg.det(matrix) <= 0:
        raise ValueError("this is no affine matrix that keeps bodies whole")
    return matrix


def bound_record(bound: Bound) -> dict[str, object]:
    """What a path is bound to, as JSON values; every digit is kept."""
    geometry = bound.geometry
    return {
        "size": list(geometry.size),
        "spacing": list(geometry.spacing),
        "origin": list(geometry.origin),
        "direction": list(geometry.direction),
        "content": bound.content,
    }


def bound_from_record(record: dict[str, object]) -> Bound:
    """Read what `bound_record` made. Raises KeyError, TypeError or ValueError if it is something else."""
    parts = [tuple(record[key]) for key in ("size", "spacing", "origin", "direction")]
    if [len(part) for part in parts] != [3, 3, 3, 9] or not np.isfinite(np.concatenate(parts)).all():
        raise ValueError("this is no geometry")
    return Bound(Geometry(*parts), str(record["content"]))
