"""What a grid that all outputs of a plan share means for its subjects: where there will be air, and what would fit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .checking import Checked, some_of
from .settings import MAX_VOXELS, SIZES, PlanSettings

TOLERATED_VOXELS = 1
"""A scan that is smaller by no more has no air that anybody would see."""


def grid_faults(checked: Sequence[Checked], settings: PlanSettings) -> list[str]:
    """The fault of a spacing that would make an output of more voxels than can be held."""
    if settings.spacing is None or settings.size is not None or not checked:
        return []
    largest = max(checked, key=lambda one: math.prod(one.extent))
    voxels = math.prod(mm / step for mm, step in zip(largest.extent, settings.spacing, strict=True))
    if voxels <= MAX_VOXELS:
        return []
    return [
        f"at a spacing of {' x '.join(f'{mm:g}' for mm in settings.spacing)} mm an output of subject "
        f"{largest.subject.id!r} would have {voxels:.1e} voxels, and at most {MAX_VOXELS:.1e} can be made; give larger "
        "ones, or --size"
    ]


def grid_notes(checked: Sequence[Checked], settings: PlanSettings) -> list[str]:
    """Sentences on the common grid of a plan, for those who take part; none if every output has a grid of its own."""
    if settings.spacing is None:
        return []
    spacing = np.array(settings.spacing)
    fits = np.floor(np.min([one.filled for one in checked], axis=0) / spacing + 1e-3).astype(int)
    fitting = ""
    if SIZES[0] <= fits.min() and fits.max() <= SIZES[1]:
        fitting = f"; --size {' '.join(map(str, fits))} is what every scan fills"
    if settings.size is None:
        whose = "its new body" if settings.grid == "fit" else "a real scan"
        return [f"the extent of an output is that of {whose} and may tell which it was made from{fitting}"]
    wanted = (np.array(settings.size) - TOLERATED_VOXELS) * spacing
    smaller = tuple(one.subject.id for one in checked if (np.array(one.filled) < wanted).any())
    if not smaller:
        return []
    reach = " x ".join(f"{mm:.0f}" for mm in np.array(settings.size) * spacing)
    return [
        f"the outputs reach over {reach} mm, and the scans of {some_of(smaller)} do not: their outputs will have air "
        f"round them, which may tell whose they are{fitting}"
    ]
