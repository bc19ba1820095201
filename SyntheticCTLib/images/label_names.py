"""Names of layers and labels that can go into public files: they must not carry a patient's name or id."""

from __future__ import annotations

import re
from collections.abc import Container

from .terms import is_known, is_known_name

_SEPARATORS = re.compile(r"[ _.\-]+")
_SUFFIXES = (".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
EXPLICIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")
"""What a user may call a layer; it becomes part of a file name."""


def layer_name(file_name: str, source_name: str) -> str:
    """A name for the layer in a label file, made from what its name says beyond the scan's name.

    The stem is cut at space, underscore, dot and hyphen. Parts that also occur in `source_name` and parts that
    are no known term (`terms.is_known`) are dropped, since both may identify a patient. May be empty.
    """
    source = {part.lower() for part in _parts(source_name)}
    return "_".join(part for part in _parts(file_name) if part.lower() not in source and is_known(part))


def numbered(name: str, taken: Container[str]) -> str:
    """The name itself if it is free, else with the first free number behind it; "layer1", ... for no name."""
    if name and name not in taken:
        return name
    number = 2 if name else 1
    while f"{name or 'layer'}{number}" in taken:
        number += 1
    return f"{name or 'layer'}{number}"


def safe_label_name(name: str) -> str:
    """A label's name from a header, on one line; "" unless all its words are known terms (`terms`)."""
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return name if is_known_name(name) else ""


def _parts(file_name: str) -> list[str]:
    """The parts of a file name without its suffix, each with letters and digits only."""
    lower = file_name.lower()
    suffix = next((one for one in _SUFFIXES if lower.endswith(one)), "")
    stem = file_name[: len(file_name) - len(suffix)]
    cleaned = ("".join(c for c in part if c.isalnum()) for part in _SEPARATORS.split(stem))
    return [part for part in cleaned if part]
