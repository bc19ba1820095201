"""The body regions that a subject may have.

The region goes into public records, so it is made of words of this list only: in a free text a name could stand.
"""

from __future__ import annotations

import re

OTHER = "other"

_SIDES = ("left", "right", "upper", "lower")
_PARTS = ("whole-body", "head", "skull", "brain", "face", "orbits", "sinuses", "jaw", "neck", "torso", "chest", "heart")
_PARTS += ("lung", "breast", "abdomen", "liver", "kidneys", "pelvis", "spine", "shoulder", "arm", "elbow", "wrist")
_PARTS += ("hand", "hip", "leg", "thigh", "knee", "ankle", "foot", OTHER)

REGIONS = (*_SIDES, *_PARTS)
"""The words, in the order in which a region names them; "left", "right", "upper" and "lower" never stand alone."""

_SAME = {
    "abdominal": "abdomen", "cervical": "neck", "cranium": "head", "eye": "orbits", "feet": "foot", "forearm": "arm",
    "hands": "hand", "hips": "hip", "kidney": "kidneys", "knees": "knee", "legs": "leg", "lungs": "lung",
    "mandible": "jaw", "orbit": "orbits", "pelvic": "pelvis", "sinus": "sinuses", "thoracic": "chest",
    "thorax": "chest", "trunk": "torso",
}  # fmt: skip
"""Other words for the same."""

_FACE = frozenset(("whole-body", "head", "skull", "brain", "face", "orbits", "sinuses", "jaw", "neck"))
"""Whole bodies have a head too."""

_WHOLE_BODY = re.compile(r"\b(?:whole|total|full)-?body\b")


def plain_region(text: str) -> str | None:
    """A region as it is compared and published: words of `REGIONS`, in their order, joined by "-"; None if the text
    holds any other word, or no part of the body. "Abdomen & Thorax" is "chest-abdomen"."""
    plain = _WHOLE_BODY.sub("wholebody", re.sub(r"[\W_]+", "-", text.strip().lower()))
    words = {"whole-body" if word == "wholebody" else _SAME.get(word, word) for word in plain.split("-")}
    words -= {"", "and"}
    if not words.issubset(REGIONS) or words.isdisjoint(_PARTS):
        return None
    return "-".join(sorted(words, key=REGIONS.index))


def shows_face(region: str) -> bool:
    """Whether scans of this region, as `plain_region` has it, show a face, which anyone recognises by its surface."""
    return any(re.search(rf"(?:^|-){part}(?:-|$)", region) for part in _FACE)


def expected_regions() -> str:
    """What may stand there, for messages."""
    return (
        f"one or more of {', '.join(_PARTS)}, joined by '-', {', '.join(_SIDES[:-1])} or {_SIDES[-1]} before them; "
        "nothing else, as the region is published"
    )
