"""The three randomisations of a plan: which subjects, which directed pairs (edges) of them, what percentage each time.

Each one draws from a stream of its own, a child of the plan's seed, and works on the subjects in the order of their
ids. So a change of one setting leaves the others' draws as they were, and the order of a table plays no part.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from .lesions import draw_lesions
from .plan import PlannedOutput
from .settings import PERCENT_STEP, PlanSettings

Edge = tuple[str, str]
"""Ids of source and target."""

_SETTINGS_BRANCH = 2**32 - 1
"""Child of the plan's seed below which the draws for the whole plan lie; output n has child n, and none gets here."""

_SUBJECTS, _EDGES, _FILLING, _ORDER = range(4)
"""The streams below that branch."""

_SEED_BITS = 53
"""Bits of an output's seed: what every reader of JSON keeps (some hold all numbers as 64-bit floats)."""

_MIN_DIGITS = 4


@dataclass(frozen=True)
class EdgeSet:
    """Directed pairs between subjects, as positions in a list of ids.

    ids: in order. source, target: (n,) int32 positions in `ids`.
    """

    ids: Sequence[str]
    source: np.ndarray
    target: np.ndarray

    def __len__(self) -> int:
        return len(self.source)

    def take(self, chosen: np.ndarray) -> EdgeSet:
        """The edges of these numbers (or of this mask)."""
        return EdgeSet(self.ids, self.source[chosen], self.target[chosen])

    def pairs(self) -> Iterator[Edge]:
        """The edges as ids."""
        return ((self.ids[s], self.ids[t]) for s, t in zip(self.source.tolist(), self.target.tolist(), strict=True))


def draw_subjects(regions: Mapping[str, str], share: float, seed: int) -> list[str]:
    """Ids of the subjects that take part, in order: of each region about `share` (rounded) of its subjects.

    regions: the region of each subject, by id.
    """
    rng = _stream(seed, _SUBJECTS)
    chosen: list[str] = []
    for _, ids in sorted(_by_region(regions).items()):
        order = rng.permutation(len(ids))
        chosen += [ids[number] for number in order[: _rounded(share * len(ids))]]
    return sorted(chosen)


def draw_edges(
    regions: Mapping[str, str], share: float, seed: int, excluded: Collection[Edge] = ()
) -> tuple[EdgeSet, EdgeSet]:
    """The edges that may be drawn, and those that the draw left out, each ordered by source, then target.

    All directed pairs within a region that are not in `excluded`; of these, about `share` (rounded) in each region.
    """
    ids = sorted(regions)
    place = {one: number for number, one in enumerate(ids)}
    barred = {(place[s], place[t]) for s, t in excluded if s in place and t in place}
    rng = _stream(seed, _EDGES)
    kept, left = [], []
    for _, members in sorted(_by_region(regions).items()):
        possible = _all_pairs(np.array([place[one] for one in members], dtype=np.int32), barred)
        chosen = np.zeros(len(possible), dtype=bool)
        chosen[rng.permutation(len(possible))[: _rounded(share * len(possible))]] = True
        kept.append(possible[chosen])
        left.append(possible[~chosen])
    return _edge_set(ids, kept), _edge_set(ids, left)


def fill_edges(
    edges: EdgeSet, count: int, seed: int, per_edge: int | None = None, per_source: int | None = None
) -> np.ndarray:
    """How often each edge is drawn, (n,) int64: `count` draws in all, or as many as the caps allow.

    Edges are filled evenly: each gets the same number, one more, or what the caps leave it. The draws that are left
    over after the last full round go round the sources, so that these are as even as they can be.
    """
    limits = np.bincount(edges.source, minlength=len(edges.ids))  # edges of each source
    source_cap = np.full(len(edges.ids), count if per_source is None else per_source, dtype=np.int64)
    edge_cap = count if per_edge is None else min(per_edge, count)

    def drawn(level: int) -> int:
        return int(np.minimum(limits * min(level, edge_cap), source_cap).sum())

    count = min(count, drawn(edge_cap))
    low, high = 0, edge_cap  # the highest level that can be filled whole
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if drawn(middle) <= count else (low, middle - 1)
    rank, order = _turns(edges, _stream(seed, _FILLING))
    size, cap = limits[edges.source], source_cap[edges.source]
    draws = np.minimum(np.int64(low), cap // size + (rank < cap % size))
    room = (np.minimum(low + 1, cap // size + (rank < cap % size)) - draws > 0) & (draws < edge_cap)
    more = order[room[order]][: count - int(draws.sum())]
    draws[more] += 1
    return draws


def draw_outputs(edges: EdgeSet, draws: np.ndarray, seed: int, settings: PlanSettings) -> Iterator[PlannedOutput]:
    """The outputs, named and numbered in random order, so that a number tells nothing about its source.

    draws: how often each edge is drawn, from `fill_edges`.
    """
    repeated = np.repeat(np.arange(len(edges)), draws)
    order = _stream(seed, _ORDER).permutation(repeated)
    digits = max(_MIN_DIGITS, len(str(len(order))))
    for number, (source, target) in enumerate(edges.take(order).pairs()):
        own = output_seed(seed, number)
        percent = next(_drawn_percents(own, settings))
        lesions = () if settings.lesions is None else draw_lesions(seed, number, settings.lesions)
        yield PlannedOutput(f"synthct_{number + 1:0{digits}d}", source, target, percent, own, *lesions)


def output_seed(seed: int, number: int) -> int:
    """The seed of output `number` (from 0): the first word of that child of the plan's seed."""
    child = np.random.SeedSequence(seed, spawn_key=(number,))  # what spawn() would give
    return int(child.generate_state(1, np.uint64)[0]) >> (64 - _SEED_BITS)


def percents(output: PlannedOutput, settings: PlanSettings) -> Iterator[Decimal]:
    """The percentages to try for an output, one after the other until one is not rejected.

    First the one that is written in the plan, which may have been edited; then `settings.redraws` more, the following
    numbers of the output's own stream. They depend on nothing else, neither on the machine nor on other outputs.
    """
    yield output.percent
    further = _drawn_percents(output.seed, settings)
    next(further)  # the one that was drawn for the plan
    for _ in range(settings.redraws):
        yield next(further)


def _drawn_percents(seed: int, settings: PlanSettings) -> Iterator[Decimal]:
    rng = np.random.default_rng(seed)
    low, high = settings.percent_steps()
    while True:
        yield int(rng.integers(low, high, endpoint=True)) * PERCENT_STEP


def _stream(seed: int, which: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_SETTINGS_BRANCH, which)))


def _by_region(regions: Mapping[str, str]) -> dict[str, list[str]]:
    """The ids of each region, in order."""
    members: dict[str, list[str]] = {}
    for one in sorted(regions):
        members.setdefault(regions[one], []).append(one)
    return members


def _rounded(number: float) -> int:
    """The nearest whole number, halves up: 0.5 of 3 subjects are 2 whatever the parity."""
    return int(np.floor(number + 0.5))


def _all_pairs(members: np.ndarray, barred: Collection[tuple[int, int]]) -> np.ndarray:
    """(n, 2) positions of every directed pair of different members that is not barred."""
    source, target = (axis.ravel() for axis in np.meshgrid(members, members, indexing="ij"))
    pairs = np.column_stack([source, target])[source != target]
    if not barred:
        return pairs
    return pairs[[(s, t) not in barred for s, t in pairs.tolist()]]


def _edge_set(ids: Sequence[str], parts: Sequence[np.ndarray]) -> EdgeSet:
    pairs = np.concatenate(parts) if parts else np.zeros((0, 2), dtype=np.int32)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return EdgeSet(ids, pairs[:, 0], pairs[:, 1])


def _turns(edges: EdgeSet, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(rank, order), (n,) each: an edge's random turn (0, 1, ...) among its source's, and the edges by turn.

    Within one turn, in which every source has one edge at most, the order is random too.
    """
    shuffled = rng.permutation(len(edges))
    grouped = shuffled[np.argsort(edges.source[shuffled], kind="stable")]
    starts = np.searchsorted(edges.source[grouped], edges.source[grouped], side="left")
    rank = np.empty(len(edges), dtype=np.int64)
    rank[grouped] = np.arange(len(edges)) - starts
    return rank, shuffled[np.argsort(rank[shuffled], kind="stable")]
