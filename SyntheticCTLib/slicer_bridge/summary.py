"""What a chosen volume is, in a line, and whether a pair of them makes sense; quick enough for every click."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import SyntheticCTError
from .volumes import state_of
from .world import is_empty

COARSE_MM = 5.0
"""The region is guessed from every n-th voxel, about this far apart."""

LEAST_OVERLAP = 0.05
"""Two scans that share less than this of the smaller one's box are said not to overlap."""


@dataclass(frozen=True)
class Summary:
    """What a volume node holds.

    size: voxels (i, j, k). spacing: mm. hu: lowest and highest value of the scan itself. regions: parts of the body,
    guessed (`morph.region`). bounds: RAS box (low, high) in the world. problem: why it is no CT, "" if it is one.
    """

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    hu: tuple[int, int]
    regions: tuple[str, ...]
    bounds: tuple[np.ndarray, np.ndarray]
    problem: str


class Summaries:
    """Summaries of volume nodes, each made once for as long as the node stays as it is."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple, Summary]] = {}

    def of(self, node) -> Summary | None:
        """The summary of a volume node; None for an empty one."""
        if is_empty(node):
            return None
        state = state_of(node)
        known = self._known.get(node.GetID())
        if known is None or known[0] != state:
            known = (state, summarize(node))
            self._known[node.GetID()] = known
        return known[1]


def summarize(node) -> Summary:
    """Look at every n-th voxel of a volume node."""
    from ..images.geometry import Geometry
    from ..images.hu import to_hu
    from ..morph.region import guess_regions
    from .frames import geometry_of, sitk_image, voxels
    from .world import own_matrix, to_world

    array = voxels(node.GetImageData())
    linear = to_world(node)
    fine = geometry_of(array.shape[2::-1], (linear if linear is not None else np.eye(4)) @ own_matrix(node))
    steps = [max(1, round(COARSE_MM / spacing)) for spacing in fine.spacing]
    few = np.ascontiguousarray(array[:: steps[2], :: steps[1], :: steps[0]])
    spacing = tuple(s * step for s, step in zip(fine.spacing, steps, strict=True))
    coarse = Geometry(few.shape[2::-1], spacing, fine.origin, fine.direction)
    low, high = node.GetImageData().GetScalarRange()
    problem, regions = "", ()
    try:
        image, _ = to_hu(sitk_image(few, coarse), node.GetName())
        regions = guess_regions(image)
    except SyntheticCTError as error:
        problem = str(error)
    return Summary(fine.size, fine.spacing, (round(low), round(high)), regions, _bounds(node), problem)


def pair_problems(source: Summary, target: Summary) -> list[str]:
    """Why two volumes make no sense as a pair, in a sentence each; both may still be registered."""
    problems = [summary.problem for summary in (source, target) if summary.problem]
    if problems:
        return problems
    if source.regions and target.regions and not set(source.regions) & set(target.regions):
        problems.append(
            f"The source seems to show {_and(source.regions)}, the target {_and(target.regions)}: there is no way from "
            "one to the other. Choose two scans of the same part of the body."
        )
    if overlap(source, target) < LEAST_OVERLAP:
        problems.append(
            "The two scans do not overlap in space. They are laid over each other by what they show; check the result."
        )
    return problems


def overlap(source: Summary, target: Summary) -> float:
    """Share of the smaller scan's box that lies in the other's, in the world."""
    low = np.maximum(source.bounds[0], target.bounds[0])
    high = np.minimum(source.bounds[1], target.bounds[1])
    common = np.prod(np.maximum(high - low, 0))
    smaller = min(np.prod(each.bounds[1] - each.bounds[0]) for each in (source, target))
    return float(common / smaller) if smaller > 0 else 0.0


def _bounds(node) -> tuple[np.ndarray, np.ndarray]:
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    return np.array(bounds[::2]), np.array(bounds[1::2])


def _and(words: tuple[str, ...]) -> str:
    return " and ".join(words)
