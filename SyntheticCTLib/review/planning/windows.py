"""The display windows of a study: fixed, so that no reader turns a knob that gives the groups away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...errors import InputError
from ..study import Window

WINDOWS = {
    "lung": Window("lung", -1350, 150),
    "soft tissue": Window("soft tissue", -160, 240),
    "bone": Window("bone", -450, 1050),
}

_CHEST = frozenset({"chest", "thorax", "lung", "lungs"})
_BELOW = frozenset({"abdomen", "pelvis", "torso"})


def choose_windows(names: Sequence[str] | None, regions: Sequence[str]) -> tuple[Window, ...]:
    """The windows of these names, the study's own first; without names all, the one for most of the regions first.

    Raises InputError for a name that is none.
    """
    if names:
        unknown = [name for name in names if name not in WINDOWS]
        if unknown or len(set(names)) < len(names):
            raise InputError(f"The windows are {', '.join(names)}; expected each at most once: {', '.join(WINDOWS)}.")
        return tuple(WINDOWS[name] for name in names)
    words = [set(region.split("-")) for region in regions]
    chest = Counter(bool(_CHEST & one) and not _BELOW & one for one in words)
    first = "lung" if chest[True] >= chest[False] else "soft tissue"
    return (WINDOWS[first], *(window for name, window in WINDOWS.items() if name != first))
