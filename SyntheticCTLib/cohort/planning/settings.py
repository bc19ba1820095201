"""The settings of a plan: how many of the subjects and of their pairs are drawn, how far a morph goes, on what grid."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from ...errors import InputError
from .lesions import LesionSettings, lesion_faults
from .values import is_number, is_whole

GRIDS = ("source", "target", "fit")
"""On whose grid an output may lie; see `morph.warping`."""

BACKENDS = ("auto", "ants", "simpleitk")
"""What may register; auto is ants where it is installed."""

PERCENT_STEP = Decimal("0.01")
"""Percentages are drawn and written to this step."""

LATER = ("lesions", "spacing", "size")
"""Settings that came after the first plans; one that lacks them is read as if they were null."""

SPACINGS_MM = (0.1, 20.0)
"""Of the outputs: no scanner has smaller voxels, and a body in larger ones shows nothing."""

MAX_VOXELS = 1 << 30
"""Of an output; a scan of 512 x 512 slices has a quarter of that with a thousand of them."""

SIZES = (16, 4096)
"""Fewest and most voxels of an output along an axis."""

MAX_REDRAWS = 100
"""An output rejected so often will not be better for more tries."""


@dataclass(frozen=True)
class PlanSettings:
    """What decides about the draws of a plan and about the morphs it asks for.

    subject_share: share (0..1] of the subjects of each region that take part; the others are held out.
    edge_share: share (0..1] of the directed pairs of each region that may be drawn.
    per_edge, per_source: at most so many outputs of one pair, of one source; None: no cap.
    t_min: percentages lie in [t_min, 1 - t_min], t_min in (0, 0.5]; near 0 an output is a copy of its source.
    redraws: so many further percentages are tried for an output that the quality gate rejects.
    grid: whose grid the outputs have, one of `GRIDS`. spacing: mm of the voxels that all outputs have instead, along
    the LPS axes; size: how many of them each has, round the middle of its own grid (None: as its own grid takes).
    backend: what registers, one of `BACKENDS`.
    guided: whether labels that both subjects have guide the registration; each costs about as much time as the scan.
    allow_face: whether regions that show a face are accepted. lesions: which are painted; None: none.

    Raises InputError, with all faults, for values of no meaning.
    """

    subject_share: float = 1.0
    edge_share: float = 1.0
    per_edge: int | None = None
    per_source: int | None = None
    t_min: float = 0.25
    redraws: int = 3
    grid: str = "source"
    backend: str = "auto"
    guided: bool = False
    allow_face: bool = False
    lesions: LesionSettings | None = None
    spacing: tuple[float, float, float] | None = None
    size: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        faults = setting_faults(self.to_dict())
        if faults:
            raise InputError("The settings of the plan cannot be used: " + "; ".join(faults) + ".")

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("spacing", "size"):
            values[name] = values[name] and list(values[name])
        return {**values, "lesions": None if self.lesions is None else self.lesions.to_dict()}

    def percent_steps(self) -> tuple[int, int]:
        """Lowest and highest percentage that may be drawn, in units of `PERCENT_STEP`."""
        lowest = Decimal(str(self.t_min)) * 100
        low = (lowest / PERCENT_STEP).to_integral_value(ROUND_CEILING)
        high = ((100 - lowest) / PERCENT_STEP).to_integral_value(ROUND_FLOOR)
        return int(low), int(high)


def setting_faults(values: Mapping[str, Any]) -> list[str]:
    """What is wrong with settings as they stand in a plan, one phrase each.

    Missing ones are faults too, but for those which older plans do not have.
    """
    known = [field.name for field in fields(PlanSettings)]
    faults = [f"there is no setting {name!r} (known are {', '.join(known)})" for name in values if name not in known]
    faults += [f"the setting {name!r} is missing" for name in known if name not in values and name not in LATER]
    for name, (good, expected) in _RULES.items():
        if name in values and not good(values[name]):
            faults.append(f"{name} is {_as_written(values[name])}; expected {expected}")
    if values.get("size") is not None and values.get("spacing") is None:
        faults.append("size is given but spacing is not; expected both, or spacing alone")
    return faults + lesion_faults(values.get("lesions"))


def _as_written(value: Any) -> str:
    """A value as it stands in a plan, in which numbers are read as decimals."""
    return json.dumps(value, default=float) if isinstance(value, list) else repr(value)


def _share(value: Any) -> bool:
    return is_number(value) and 0 < value <= 1


def _cap(value: Any) -> bool:
    return value is None or is_whole(value, 1)


def _three(value: Any, good: Callable[[Any], bool]) -> bool:
    return value is None or (isinstance(value, list) and len(value) == 3 and all(map(good, value)))


_RULES = {
    "subject_share": (_share, "a number above 0, at most 1"),
    "edge_share": (_share, "a number above 0, at most 1"),
    "per_edge": (_cap, "a whole number from 1 up, or null for no cap"),
    "per_source": (_cap, "a whole number from 1 up, or null for no cap"),
    "t_min": (
        lambda value: is_number(value) and Decimal("0.0001") <= Decimal(str(value)) <= Decimal("0.5"),
        "a number from 0.0001 to 0.5 (percentages are drawn from [t_min, 1 - t_min])",
    ),
    "redraws": (lambda value: is_whole(value, 0, MAX_REDRAWS), f"a whole number from 0 to {MAX_REDRAWS}"),
    "grid": (lambda value: value in GRIDS, f"one of {', '.join(GRIDS)}"),
    "backend": (lambda value: value in BACKENDS, f"one of {', '.join(BACKENDS)}"),
    "guided": (lambda value: isinstance(value, bool), "true or false"),
    "allow_face": (lambda value: isinstance(value, bool), "true or false"),
    "spacing": (
        lambda value: _three(value, lambda mm: is_number(mm) and SPACINGS_MM[0] <= mm <= SPACINGS_MM[1]),
        "null, or three numbers from {:g} to {:g} (mm)".format(*SPACINGS_MM),
    ),
    "size": (
        lambda value: _three(value, lambda n: is_whole(n, *SIZES)) and math.prod(value or ()) <= MAX_VOXELS,
        "null, or three whole numbers from {} to {}, at most {:.1e} voxels in all".format(*SIZES, MAX_VOXELS),
    ),
}
"""For each setting, whether a value is good, and what is expected."""
