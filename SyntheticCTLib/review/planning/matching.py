"""Choosing as many real as synthetic scans that are alike in region, spacing and field of view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import InputError
from .candidates import Candidate
from .scans import UNKNOWN

OTHER_REGION, PARTLY_OTHER_REGION = 4.0, 1.0
"""What a difference in region counts, compared with a doubling of the spacing along one axis, which counts 1."""

EXTENT_WEIGHT = 0.5
"""What a field of view of twice the size along one axis counts."""

SAME_PATIENT = 20.0
"""A scan beside the one it was made from shows what was done to it rather than whether it looks real."""

SPACING_TOLERANCE, EXTENT_TOLERANCE = 1.25, 1.5
"""Two matched scans whose spacings or fields of view differ by more than this factor are told."""

Pair = tuple[Candidate, Candidate]


def match(
    real: Sequence[Candidate], synthetic: Sequence[Candidate], count: int, apart: bool, rng: np.random.Generator
) -> list[Pair]:
    """`count` pairs (real, synthetic) with the smallest sum of differences; each patient at most once in each group,
    and in one group only where there are patients enough.

    apart: avoid pairs whose synthetic scan was made from the patient of the real one. The pairs come in random order.
    Raises InputError if a scan of one group is a copy of one of the other.
    """
    _refuse_copies(real, synthetic)
    owners = [list(dict.fromkeys(one.scan.patient for one in group)) for group in (real, synthetic)]
    cost = np.full([len(names) for names in owners], np.inf)
    best: dict[tuple[int, int], Pair] = {}
    for one in real:
        for other in synthetic:
            at = owners[0].index(one.scan.patient), owners[1].index(other.scan.patient)
            value = difference(one, other) + SAME_PATIENT * (apart and one.scan.patient == other.scan.patient)
            if value < cost[at]:
                cost[at], best[at] = value, (one, other)
    chosen = [best[at] for at in _assign_apart(cost, owners, count)]
    return [chosen[at] for at in rng.permutation(len(chosen))]


def practice_first(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """The pairs in another order, the first `count` for practice: as far as can be, no patient of theirs is in one of
    the others."""
    if not count:
        return list(pairs)
    first: list[Pair] = []
    rest: list[Pair] = []
    for linked in sorted(_linked(pairs), key=len):
        (first if len(first) + len(linked) <= count else rest).extend(linked)
    return first + rest


def difference(one: Candidate, other: Candidate) -> float:
    """How unlike two scans are before anybody looks at them; 0 for two of one protocol."""
    spacing = np.abs(np.log2(np.divide(one.spacing, other.spacing))).sum()
    extent = np.abs(np.log2(one.extent / other.extent)).sum()
    return float(_region_difference(one.region, other.region) + spacing + EXTENT_WEIGHT * extent)


def describe(pairs: Sequence[Pair], read: tuple[int, int], there: tuple[int, int]) -> dict[str, Any]:
    """What was balanced and what was not, for the key and the report. read: how many scans of each group were read to
    choose from. there: how many patients each group has."""
    groups = {"real": [pair[0] for pair in pairs], "synthetic": [pair[1] for pair in pairs]}
    shared = {one.scan.patient for one in groups["real"]} & {one.scan.patient for one in groups["synthetic"]}
    return {
        "balanced": {name: _summary(group) for name, group in groups.items()},
        "not_matched": [*_region_faults(pairs), *_size_faults(pairs), *_guesses(groups), *_shared(len(shared))],
        "patients_in_both": len(shared),
        "scans_considered": {"real": read[0], "synthetic": read[1]},
        "patients": {"real": there[0], "synthetic": there[1]},
    }


def _refuse_copies(real: Sequence[Candidate], synthetic: Sequence[Candidate]) -> None:
    voxels = {one.content: one for one in real}
    for other in synthetic:
        if other.content in voxels:
            raise InputError(
                f"The synthetic scan {other.scan.name} is the real scan {voxels[other.content].scan.name}, voxel for "
                "voxel. Take it out of one of the folders."
            )


def _assign_apart(cost: np.ndarray, owners: Sequence[Sequence[str]], count: int) -> list[tuple[int, int]]:
    """The same as `_assign`, and few patients in both groups.

    Who is chosen in both is replaced in one of them by somebody who is in none, the most alike first; but not by a scan
    that is as unlike as another region is, for that would tell the groups apart. cost: (R, S), one row and column for
    each of the owners.
    """
    found = dict(_assign(cost, count))
    swap = _cheapest_swap(cost, owners, found)
    while swap is not None and swap[0] < OTHER_REGION:
        _, (row, column), (new_row, new_column) = swap
        del found[row]
        found[new_row] = new_column
        swap = _cheapest_swap(cost, owners, found)
    rows, columns = sorted(found), sorted(found.values())
    return [(rows[row], columns[column]) for row, column in _assign(cost[np.ix_(rows, columns)], count)]


def _cheapest_swap(
    cost: np.ndarray, owners: Sequence[Sequence[str]], found: dict[int, int]
) -> tuple[float, tuple[int, int], tuple[int, int]] | None:
    """What it costs to take a patient out of one of two groups, the pair to give up, and the one to have instead; None
    if nobody is in both or there is nobody to take the place."""
    partners = {column: row for row, column in found.items()}
    chosen = {owners[0][row] for row in found} | {owners[1][column] for column in partners}
    rows = [row for row, name in enumerate(owners[0]) if name not in chosen]
    columns = [column for column, name in enumerate(owners[1]) if name not in chosen]
    both = {owners[0][row] for row in found} & {owners[1][column] for column in partners}
    swaps = []
    for row, column in found.items():
        if rows and owners[0][row] in both:
            new = rows[int(cost[rows, column].argmin())]
            swaps.append((float(cost[new, column] - cost[row, column]), (row, column), (new, column)))
        if columns and owners[1][column] in both:
            new = columns[int(cost[row, columns].argmin())]
            swaps.append((float(cost[row, new] - cost[row, column]), (row, column), (row, new)))
    return min(swaps, default=None)


def _linked(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """The pairs in parts that share no patient with each other."""
    parts: list[tuple[set[str], list[Pair]]] = []
    for pair in pairs:
        names = {one.scan.patient for one in pair}
        touched = [part for part in parts if names & part[0]]
        parts = [part for part in parts if not names & part[0]]
        members = [one for part in touched for one in part[1]]
        parts.append((names.union(*(part[0] for part in touched)), [*members, pair]))
    return [part[1] for part in parts]


def _shared(count: int) -> list[str]:
    return [f"patients: {count} are in both groups, once in each"] if count else []


def _assign(cost: np.ndarray, count: int) -> list[tuple[int, int]]:
    """`count` cells of the matrix, no two in a row or column, with the smallest sum.

    Rows and columns that stand for nobody take up what is not wanted, at no cost.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = cost.shape
    worst = 1e6
    padded = np.zeros((rows + columns - count,) * 2)
    padded[:rows, :columns] = np.where(np.isfinite(cost), cost, worst)
    padded[rows:, columns:] = worst
    found = zip(*linear_sum_assignment(padded), strict=True)
    return [(int(row), int(column)) for row, column in found if row < rows and column < columns]


def _region_difference(one: str, other: str) -> float:
    if one == other:
        return 0.0
    alike = UNKNOWN in (one, other) or set(one.split("-")) & set(other.split("-"))
    return PARTLY_OTHER_REGION if alike else OTHER_REGION


def _summary(group: Sequence[Candidate]) -> dict[str, Any]:
    spacing = np.array([one.spacing for one in group])
    extent = np.array([one.extent for one in group])
    return {
        "cases": len(group),
        "regions": dict(sorted(Counter(one.region for one in group).items())),
        "spacing_mm": {"smallest": _row(spacing.min(axis=0)), "largest": _row(spacing.max(axis=0))},
        "field_of_view_mm": {"smallest": _row(extent.min(axis=0)), "largest": _row(extent.max(axis=0))},
    }


def _row(values: np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in values]


def _region_faults(pairs: Sequence[Pair]) -> list[str]:
    counts = [Counter(pair[side].region for pair in pairs) for side in (0, 1)]
    return [
        f"region {name}: {counts[0][name]} real and {counts[1][name]} synthetic scans"
        for name in sorted(set(counts[0]) | set(counts[1]))
        if counts[0][name] != counts[1][name]
    ]


def _size_faults(pairs: Sequence[Pair]) -> list[str]:
    def beyond(ratio: Callable[[Pair], np.ndarray], limit: float) -> int:
        return sum(bool(np.abs(np.log(ratio(pair))).max() > np.log(limit)) for pair in pairs)

    spacing = beyond(lambda pair: np.divide(pair[0].spacing, pair[1].spacing), SPACING_TOLERANCE)
    extent = beyond(lambda pair: pair[0].extent / pair[1].extent, EXTENT_TOLERANCE)
    faults = []
    if spacing:
        faults.append(f"spacing: {spacing} of {len(pairs)} matches differ by more than {SPACING_TOLERANCE:g} times")
    if extent:
        faults.append(f"field of view: {extent} of {len(pairs)} matches differ by more than {EXTENT_TOLERANCE:g} times")
    return faults


def _guesses(groups: dict[str, Sequence[Candidate]]) -> list[str]:
    lines = []
    for name, group in groups.items():
        guessed, unknown = sum(one.guessed for one in group), sum(one.region == UNKNOWN for one in group)
        lines += [f"region: guessed from {guessed} of the {len(group)} {name} scans"] if guessed else []
        lines += [f"region: unknown of {unknown} of the {len(group)} {name} scans"] if unknown else []
    return lines
