"""Slicer's terminology entries without anything that is no known term.

An entry is "context~category~type~type modifier~anatomic context~region~region modifier"; the five in the middle and
at the end are codes, "scheme^value^meaning". Codes of public schemes say what a segment is and are kept; meanings and
context names are free text, which may hold a patient's name.
"""

from __future__ import annotations

import re

from ..images.terms import is_known_name

SCHEMES = frozenset({"SCT", "SRT", "DCM", "FMA", "UMLS", "NCIt", "RADLEX"})
"""Public coding schemes; a private one (99...) may code anything."""

CONTEXTS = frozenset(
    {
        "Segmentation category and type - 3D Slicer General Anatomy list",
        "Segmentation category and type - DICOM master list",
        "Segmentation category and type - Total Segmentator",
        "Segmentation category and type",
        "Anatomic codes - DICOM master list",
        "Anatomic codes",
    }
)
"""The contexts that come with Slicer."""

CATEGORIES = frozenset(
    {
        "Anatomical Structure",
        "Body Substance",
        "Morphologically Altered Structure",
        "Physical object",
        "Tissue",
        "Spatial and Relational Concept",
        "Function",
    }
)
"""Meanings of SNOMED's categories; of the words in them only some are anatomy."""

_VALUE = re.compile(r"[A-Za-z]{0,3}-?[0-9A-F]{2,18}", re.ASCII)
_CODES = (1, 2, 3, 5, 6)
_CONTEXT_NAMES = (0, 4)


def safe_terminology(entry: str, name: str) -> str:
    """The entry with public codes and known words only; "" if its type is not coded publicly.

    name: a safe name of the segment, which stands in for a meaning that is not known to be harmless.
    """
    parts = entry.split("|")[0].split("~")
    if len(parts) != 7:
        return ""
    for place in _CONTEXT_NAMES:
        parts[place] = parts[place] if parts[place] in CONTEXTS else ""
    for place in _CODES:
        parts[place] = _safe_code(parts[place], name if place == 2 else "")
    return "~".join(parts) if parts[2].strip("^") else ""


def _safe_code(code: str, stand_in: str) -> str:
    scheme, _, rest = code.partition("^")
    value, _, meaning = rest.partition("^")
    if scheme not in SCHEMES or not _VALUE.fullmatch(value):
        return "^^"
    if meaning not in CATEGORIES and not is_known_name(meaning):
        meaning = stand_in
    return f"{scheme}^{value}^{meaning}"
