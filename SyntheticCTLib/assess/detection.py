"""Does a segmenter that knows real lesions only find painted ones as often as real ones?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .intervals import Interval, mean_interval
from .patches import PatchPairs
from .segmenter import Segmenter

FOUND_SHARE = 0.5
"""A lesion counts as found if at least this share of its pixels is marked."""


@dataclass(frozen=True)
class Detection:
    """Shares of lesions found; difference is painted minus real, lesion by lesion.

    false_marks: share of the pixels outside real lesions that the segmenter marks; a segmenter that marks everything
    finds every lesion, so this has to be small. dice: mean overlap with the real lesions.
    """

    real: Interval
    painted: Interval
    difference: Interval
    false_marks: float
    dice: float
    n: int
    patients: int


def detection(segmenter: Segmenter, pairs: PatchPairs, seed: int = 0) -> Detection:
    """Compare how often real and painted lesions are found.

    pairs: patches of held-out patients that hold the lesion somewhere, as `segmenter.shifted_center` places them; every
    mask has at least one pixel.
    """
    marked, painted_marked = (segmenter.find(patches) >= 0.5 for patches in (pairs.real, pairs.painted))
    size = pairs.mask.sum((1, 2))
    hits, painted_hits = ((m & pairs.mask).sum((1, 2)) / size >= FOUND_SHARE for m in (marked, painted_marked))
    overlap = 2 * (marked & pairs.mask).sum((1, 2)) / np.maximum(marked.sum((1, 2)) + size, 1)
    return Detection(
        mean_interval(hits, pairs.patients, seed),
        mean_interval(painted_hits, pairs.patients, seed),
        mean_interval(painted_hits.astype(float) - hits, pairs.patients, seed),
        float(marked[~pairs.mask].mean()),
        float(overlap.mean()),
        len(pairs),
        len(set(pairs.patients)),
    )
