"""What a grid that all outputs of a plan share means for its subjects: where there will be air, and what would fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .checking import Checked, some_of
from .settings import PlanSettings

TOLERATED_VOXELS = 1
"""A scan that is smaller by no more has no air that anybody would see."""


def grid_notes(checked: Sequence[Checked], settings: PlanSettings) -> list[str]:
    """Sentences on the common grid of a plan, for those who take part; none if every output has a grid of its own."""
    if settings.spacing is None:
        return []
    spacing = np.array(settings.spacing)
    fits = np.floor(np.min([one.extent for one in checked], axis=0) / spacing + 1e-3).astype(int)
    fitting = f"--size {' '.join(map(str, fits))} is what every scan fills"
    if settings.size is None:
        return [f"the extent of an output is that of a real scan and may tell which; {fitting}"]
    wanted = (np.array(settings.size) - TOLERATED_VOXELS) * spacing
    smaller = tuple(one.subject.id for one in checked if (np.array(one.extent) < wanted).any())
    if not smaller:
        return []
    reach = " x ".join(f"{mm:.0f}" for mm in np.array(settings.size) * spacing)
    return [
        f"the outputs reach over {reach} mm, and the scans of {some_of(smaller)} do not: their outputs will have "
        f"air round them, which may tell whose they are; {fitting}"
    ]
