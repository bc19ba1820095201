"""The header keys by which 3D Slicer keeps a segmentation in a NRRD file (.seg.nrrd)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .label_names import safe_label_name

_KEY = re.compile(r"Segment(\d+)_(Name|LabelValue|Layer)")


def segment_header(values: Iterable[int], names: Mapping[int, str]) -> dict[str, str]:
    """NRRD keys for the labels of one layer; a label without a name is called by its number."""
    header = {}
    for number, value in enumerate(values):
        header[f"Segment{number}_ID"] = f"Segment_{value}"
        header[f"Segment{number}_Name"] = names.get(value, _default_name(value))
        header[f"Segment{number}_LabelValue"] = str(value)
        header[f"Segment{number}_Layer"] = "0"
    return header


def _default_name(value: int) -> str:
    return f"label {value}"


def segment_names(header: Mapping[str, str]) -> list[dict[int, str]]:
    """For each layer in a segmentation's header the names of its labels; empty if there are no such keys.

    Files of Slicer before 4.11 state neither label value nor layer: their segments are numbered from 1.
    Names with a word that is no known term (`terms`) are left out: they may name a patient.
    """
    segments: dict[int, dict[str, str]] = {}
    for key, value in header.items():
        match = _KEY.fullmatch(key)
        if match:
            segments.setdefault(int(match[1]), {})[match[2]] = value
    layers: dict[int, dict[int, str]] = {}
    for number, segment in sorted(segments.items()):
        label = int(segment.get("LabelValue", number + 1))
        names = layers.setdefault(int(segment.get("Layer", 0)), {})
        name = segment.get("Name", "")
        if name != _default_name(label):
            name = safe_label_name(name)
        if name:
            names[label] = name
    return [layers.get(layer, {}) for layer in range(max(layers, default=-1) + 1)]
