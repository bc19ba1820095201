"""Lesions in a plan: which model paints them, how many, into which organs, with whose shapes; and each output's draw.

An output's number and seed are a child of its own seed sequence, so a plan draws the same pairs and percentages with
lesions as without.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...lesion.density_kinds import ANY, DENSITIES
from ..dataset.painted import LESION
from .values import is_hash, is_number, is_text, is_whole

GROWN = "grown"
"""In place of shape files: irregular drops that come from no patient."""

MAX_LESIONS = 100
"""More in one body are a slip of the finger."""

_CHILD = 0
"""The child of an output's seed sequence that its lesions are drawn from."""

_SEED_BITS = 53
"""As of all seeds in a plan: what every reader of JSON keeps."""

_SHAPE = ("subject", "file", "sha256")


@dataclass(frozen=True)
class ShapeFile:
    """A label map whose lesions lend their shapes. subject: whose it is (id); None: nobody's in the cohort. sha256: of
    its bytes when the plan was made."""

    subject: str | None
    file: Path
    sha256: str


@dataclass(frozen=True)
class LesionSettings:
    """What decides about the lesions of a cohort.

    model: its name, or its folder. weights: SHA-256 of its weights when the plan was made. number: lowest and highest
    of an output. organs: names of labels. shapes: label maps whose lesions lend their shapes; none: shapes are grown.
    diameter_mm: lowest and highest; None: about the shapes' own. density: one of `density_kinds.DENSITIES`.
    """

    model: str
    weights: str
    number: tuple[int, int]
    organs: tuple[str, ...]
    shapes: tuple[ShapeFile, ...] = ()
    diameter_mm: tuple[float, float] | None = None
    density: str = ANY

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values, paths absolute, the shapes last."""
        shapes = [{"subject": one.subject, "file": one.file.as_posix(), "sha256": one.sha256} for one in self.shapes]
        return {"model": self.model, **self._common(), "shapes": shapes or GROWN}

    def deciding(self) -> dict[str, Any]:
        """What of them decides about the results: neither names of files nor that of the model."""
        return {**self._common(), "shapes": [one.sha256 for one in self.shapes]}

    def _common(self) -> dict[str, Any]:
        return {
            "weights": self.weights,
            "number": list(self.number),
            "organs": list(self.organs),
            "diameter_mm": None if self.diameter_mm is None else list(self.diameter_mm),
            "density": self.density,
        }


def settings_of(entry: Mapping[str, Any]) -> LesionSettings:
    """The settings from what `to_dict` returned, and has no fault."""
    shapes = () if entry["shapes"] == GROWN else entry["shapes"]
    diameter = entry["diameter_mm"]
    return LesionSettings(
        model=entry["model"],
        weights=entry["weights"],
        number=tuple(entry["number"]),
        organs=tuple(entry["organs"]),
        shapes=tuple(ShapeFile(one["subject"], Path(one["file"]), one["sha256"]) for one in shapes),
        diameter_mm=None if diameter is None else tuple(map(float, diameter)),
        density=entry["density"],
    )


def draw_lesions(seed: int, number: int, settings: LesionSettings) -> tuple[int, int]:
    """How many lesions output `number` (from 0) of a plan with this seed gets, and their seed."""
    child = np.random.SeedSequence(seed, spawn_key=(number, _CHILD))  # what spawn() of the output's own would give
    rng = np.random.default_rng(child)
    own = int(rng.integers(2**_SEED_BITS))
    return int(rng.integers(*settings.number, endpoint=True)), own


def with_lesion(label_names: Sequence[str]) -> tuple[str, ...]:
    """The names of labels with the painted lesions' as the last, unless the sources have one of that name."""
    return (*label_names, *((LESION,) if LESION not in label_names else ()))


def lesion_faults(entry: Any) -> list[str]:
    """What is wrong with the block `lesions` of a plan's settings, one phrase each."""
    if entry is None:
        return []
    if not isinstance(entry, dict):
        return [f"lesions is {entry!r}; expected {', '.join(_RULES)}, or null for no lesions"]
    known = ", ".join(_RULES)
    faults = [f"lesions: there is no setting {name!r} (known are {known})" for name in entry if name not in _RULES]
    faults += [f"lesions: the setting {name!r} is missing" for name in _RULES if name not in entry]
    for name, (good, expected) in _RULES.items():
        if name in entry and not good(entry[name]):
            faults.append(f"lesions: {name} is {entry[name]!r}; expected {expected}")
    return faults


def name_faults(entry: Mapping[str, Any], label_names: Sequence[str]) -> list[str]:
    """What a sound block `lesions` asks for that a plan's labels lack."""
    faults = [
        f"lesions: no label is called {organ!r}; known are {', '.join(label_names)}"
        for organ in entry["organs"]
        if organ not in label_names
    ]
    if LESION not in label_names:
        faults.append(f"lesions: label_names holds no {LESION!r}, which painted lesions are called; add it as the last")
        return faults
    behind = label_names[label_names.index(LESION) :]
    hiding = [organ for organ in entry["organs"] if organ in behind]
    if hiding:
        faults.append(
            f"lesions: in label_names {', '.join(map(repr, hiding))} stands behind {LESION!r}, and later names win; "
            "painted lesions would have no label"
        )
    return faults


def lender_faults(entry: Mapping[str, Any], ids: Collection[str]) -> list[str]:
    """Who lends a shape though no subject of that id takes part."""
    shapes = () if entry["shapes"] == GROWN else entry["shapes"]
    lenders = dict.fromkeys(one["subject"] for one in shapes if one["subject"] is not None)
    return [
        f"lesions: shapes come from {name!r}, and no such subject takes part" for name in lenders if name not in ids
    ]


def number_faults(output: Mapping[str, Any], entry: Mapping[str, Any]) -> list[str]:
    """What is wrong with the number of lesions of a sound output."""
    low, high = entry["number"]
    if low <= output["lesions"] <= high:
        return []
    return [f"lesions is {output['lesions']}, outside {low}..{high} (number in the settings' lesions)"]


def _pair(good) -> Any:
    return lambda value: isinstance(value, list) and len(value) == 2 and all(map(good, value)) and value[0] <= value[1]


def _shapes(value: Any) -> bool:
    return value == GROWN or (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(one, dict)
            and set(one) == set(_SHAPE)
            and (one["subject"] is None or is_text(one["subject"]))
            and is_text(one["file"])
            and is_hash(one["sha256"])
            for one in value
        )
    )


_RULES = {
    "model": (is_text, "a model's name or folder"),
    "weights": (is_hash, "the 64 hexadecimal digits of the SHA-256 of the model's weights; for others, plan again"),
    "number": (
        _pair(lambda value: is_whole(value, 0, MAX_LESIONS)),
        f"two whole numbers from 0 to {MAX_LESIONS}, the lowest and the highest",
    ),
    "organs": (
        lambda value: isinstance(value, list) and bool(value) and all(map(is_text, value)),
        "a list of labels' names",
    ),
    "diameter_mm": (
        lambda value: value is None or _pair(lambda mm: is_number(mm) and mm > 0)(value),
        "two lengths in mm, the lowest and the highest, or null for the shapes' own",
    ),
    "density": (lambda value: value in DENSITIES, f"one of {', '.join(DENSITIES)}"),
    "shapes": (_shapes, f"{GROWN!r}, or a list of label maps with subject, file and sha256"),
}
"""For each entry, whether a value is good, and what is expected."""
