"""The four attacks on voxels, read off the line-ups, and what changes them.

Attack 5, the search of the public files, needs no line-up: see `leaks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .lineups import LineUp, LineUps
from .statistics import Estimate, Measured, NotMeasurable, separation, share

WHO = ("sources of attacked outputs", "held-out persons")


@dataclass(frozen=True)
class Closeness:
    """Attack 1. outputs, held_out: distance to the nearest original that was planned for morphs, of each attacked
    output and of each held-out scan. nearer: how likely an output is nearer than a held-out scan; 0.5 is what a new
    person would have. copies: how many outputs are nearer than the nearest held-out scan."""

    outputs: tuple[float, ...]
    held_out: tuple[float, ...]
    nearer: Measured
    copies: int


@dataclass(frozen=True)
class Averaging:
    """Attack 3 with `count` outputs of one source. single, averaged: how often the same sources are found with one and
    with the mean of `count`. gain: how much likeness to the true source grows, on average."""

    count: int
    single: Measured
    averaged: Measured
    gain: float


@dataclass(frozen=True)
class Membership:
    """Attack 4. members, strangers: likeness of the most alike output, of each source of an attacked output and of each
    held-out person. area: under the ROC curve."""

    members: tuple[float, ...]
    strangers: tuple[float, ...]
    area: Measured


def closeness(found: LineUps, seed: int) -> Closeness:
    """Attack 1: is an output nearer to an original than a new person would be?"""
    nearest = [_nearest_planned(one, set(found.held_out)) for one in found.all]
    strangers = dict(sorted(found.strangers.items()))
    persons = [*found.sources, *strangers]
    nearer = separation([-value for value in nearest], [-value for value in strangers.values()], persons, seed, WHO)
    least = min(strangers.values(), default=0.0)
    return Closeness(tuple(nearest), tuple(strangers.values()), nearer, sum(value < least for value in nearest))


def first_rank(line_ups: Sequence[LineUp], count: int = 1) -> Measured:
    """Attack 2 (3 with a higher count): how often the true source comes first. Line-ups of one say nothing."""
    counted = [one for one in line_ups if one.averaged >= count and len(one.candidates) > 1]
    return share(
        [one.found(count) for one in counted], [one.source for one in counted], [one.chance for one in counted]
    )


def averaging(line_ups: Sequence[LineUp]) -> list[Averaging]:
    """Attack 3, for every number of outputs that could be averaged."""
    results = []
    for count in range(2, max((one.averaged for one in line_ups), default=1) + 1):
        able = [one for one in line_ups if one.averaged >= count]
        column = [one.candidates.index(one.source) for one in able]
        gains = [one.likenesses[count - 1, at] - one.likenesses[0, at] for one, at in zip(able, column, strict=True)]
        results.append(Averaging(count, first_rank(able), first_rank(able, count), float(np.mean(gains))))
    return results


def membership(line_ups: Sequence[LineUp], held_out: Sequence[str], seed: int) -> Membership:
    """Attack 4: does the most alike output tell who was used?

    Sources whose outputs were not attacked are in neither group: their outputs were not looked at.
    """
    best: dict[str, float] = {}
    for one in line_ups:
        for candidate in one.candidates:
            best[candidate] = max(best.get(candidate, -1.0), one.likeness_to(candidate))
    members = sorted({one.source for one in line_ups})
    strangers = sorted(set(held_out) & set(best))
    scores = [best[one] for one in members], [best[one] for one in strangers]
    return Membership(tuple(scores[0]), tuple(scores[1]), separation(*scores, [*members, *strangers], seed, WHO))


def grid_rank(line_ups: Sequence[LineUp]) -> Measured:
    """How often the voxel grid alone (size, spacing, tilt) names the source; among equals the attacker guesses."""
    counted = [one for one in line_ups if len(one.candidates) > 1]
    if not counted:
        return NotMeasurable("n = 0 attacked outputs")
    named = [_named_by_grid(one) for one in counted]
    return share(named, [one.source for one in counted], [one.chance for one in counted])


def _named_by_grid(one: LineUp) -> float:
    """How likely a guess among the candidates with the output's grid (among all if none has it) names the source."""
    equals = sum(one.same_grid)
    return one.same_grid[one.candidates.index(one.source)] / equals if equals else one.chance


def _nearest_planned(one: LineUp, held_out: set[str]) -> float:
    return float(min(d for d, name in zip(one.distances, one.candidates, strict=True) if name not in held_out))


def is_estimate(measured: Measured) -> bool:
    """Whether there is a number."""
    return isinstance(measured, Estimate)
