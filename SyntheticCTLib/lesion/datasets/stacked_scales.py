"""Hounsfield units of neighboring crops: lines that agree from slice to slice, and how well single ones do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .crops import Crop, Scale

_KEPT_PERCENT = 70
"""Share of the pixels that a line between two slices is fitted to; the rest are vessels and ribs that moved."""


@dataclass(frozen=True)
class ScaleError:
    """How far the HU of nodules are off, told by neighboring slices that were scaled each on its own.

    hu: standard deviation of one estimate, from the median of what two estimates of the same tissue differ by (so that
    a few mistaken tissues do not count). tenth: a tenth of the estimates are off by more than this. Both leave out what
    is off in all slices of a person alike, such as lungs denser than the level assumed. pairs: of slices.
    """

    hu: float
    tenth: float
    pairs: int


def common_scales(slices: Sequence[Crop]) -> tuple[Scale, ...]:
    """Lines from grey levels to HU that agree from slice to slice.

    Each slice was scaled to 8 bits on its own, and estimating its HU on its own leaves a jitter that the lesion does
    not have. Neighboring slices show nearly the same surroundings, so the line from one to the next is fitted there;
    the slice in the middle gives the HU.
    """
    middle = len(slices) // 2
    scales = {middle: slices[middle].scale}
    for k in [*range(middle + 1, len(slices)), *range(middle - 1, -1, -1)]:
        known = k - 1 if k > middle else k + 1
        slope, offset = _line(slices[k], slices[known])
        base = scales[known]
        scales[k] = Scale(base.slope * slope, base.offset + base.slope * offset, base.fitted)
    return tuple(scales[k] for k in range(len(slices)))


def scale_error(stacks: Iterable[Sequence[Crop]]) -> ScaleError | None:
    """The error of estimated HU at the level of the nodules; None without neighboring slices.

    For each pair of slices the mean of a nodule is turned into HU by the slice's own line, and by its neighbor's after
    the line between the two; both are estimates of the same thing.
    """
    differences = []
    for slices in stacks:
        for crop, beside in zip(slices, slices[1:], strict=False):
            if beside.slice != crop.slice + 1:
                continue
            slope, offset = _line(crop, beside)
            level = float(crop.grey[crop.mask].mean())
            differences.append(float(crop.scale.to_hu(level) - beside.scale.to_hu(slope * level + offset)))
    if not differences:
        return None
    single = np.abs(differences) / np.sqrt(2)
    return ScaleError(1.4826 * float(np.median(single)), float(np.percentile(single, 90)), len(differences))


def _line(crop: Crop, beside: Crop) -> tuple[float, float]:
    """Slope and offset from one slice's grey levels to its neighbor's, by least squares over what did not change.

    Trimmed three times over, see `_KEPT_PERCENT`.
    """
    outside = ~(crop.mask | beside.mask)
    x, y = crop.grey[outside].astype(float), beside.grey[outside].astype(float)
    slope, offset = 1.0, float(np.median(y - x))
    for _ in range(3):
        rest = np.abs(y - slope * x - offset)
        kept = rest <= np.percentile(rest, _KEPT_PERCENT)
        if x[kept].std() < 1:
            break
        slope, offset = (float(v) for v in np.polyfit(x[kept], y[kept], 1))
    return slope, offset
