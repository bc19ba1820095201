"""What a job writes about its work: records as JSON, opaque ids, hashes of inputs, versions; and what it must spare.

A synthetic scan has two records. The private one holds all that is needed to make it again (names and content hashes
of the inputs, seed, versions, parameters) and lies in `PRIVATE`; the public one is built from an allow-list and knows
none of it. Neither holds a clock time: the same work gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata as packages
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import InputError

PRIVATE = "private"
"""Folder (mode 0700) of what is not to be published."""

RECORD_VERSION = 1

ID_DIGITS = 12
"""Hexadecimal digits of the opaque id: in a million scans, two share one with a chance of 1 in 500."""

_PACKAGES = ("numpy", "SimpleITK", "scipy")
"""Packages whose version decides about the voxels of every job."""


def opaque_id(record: Mapping[str, Any]) -> str:
    """The first digits of the SHA-256 of the record's canonical JSON (sorted keys, no blanks).

    It cannot be undone, but who holds the inputs can do the work again and compare the ids, as well as the voxels; a
    random one would differ from run to run.
    """
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:ID_DIGITS]


def to_text(record: Mapping[str, Any]) -> str:
    """The record as it is written into a file."""
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def file_hash(file: Path) -> str:
    """SHA-256 of a file's bytes, for inputs that are no CT images."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def software_versions(*more: str) -> dict[str, str]:
    """Versions of this program and of the packages that decide about the voxels; `more`: further ones."""
    versions = {"syntheticct": __version__}
    for name in (*_PACKAGES, *more):
        try:
            versions[name] = packages.version(name)
        except packages.PackageNotFoundError:  # Slicer's SimpleITK comes without package data
            continue
    return versions


def plain(value: Any) -> Any:
    """The value in JSON's own types; numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # a number or an array of numpy
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def spare_inputs(inputs: Iterable[str], folder: Path, outputs: Sequence[str]) -> None:
    """Refuse to write into a folder that is an input (a study), or over an input file.

    inputs: files and folders that a job reads. outputs: names or patterns, relative to `folder`, of what may be
    written or replaced there.
    """
    folder = folder.resolve()
    for file in map(Path, inputs):
        given = file.resolve()
        if given.is_dir() and (folder == given or given in folder.parents):
            raise InputError(
                f"The output would go into {file}, which is an input; nothing is ever written into an original "
                "study. Choose another folder."
            )
        if any(given in (found.resolve() for found in folder.glob(pattern)) for pattern in outputs):
            raise InputError(f"The output would replace {file}, which is an input. Choose another name.")
