"""Which outputs are attacked and who stands in the line-up: drawn with a seed, and spread over the sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

MOST_CANDIDATES = 100
"""Originals of one region that an output is compared with; each costs a registration."""

MOST_AVERAGED = 4
"""Outputs of one source that are averaged."""


def choose_outputs(names: Iterable[str], sources: Mapping[str, str], count: int, seed: int) -> list[str]:
    """At most `count` names, in order of names: one of every source, then a second of every source, and so on.

    sources: whom each output is made from. Outputs of one source are alike; spread widely, few say most.
    """
    rng = np.random.default_rng([seed, 1])
    waiting: dict[str, list[str]] = {}
    for name in shuffled(names, rng):
        waiting.setdefault(sources[name], []).append(name)
    queue = shuffled(waiting, rng)
    chosen: list[str] = []
    turn = 0
    while len(chosen) < count and any(len(waiting[source]) > turn for source in queue):
        chosen += [waiting[source][turn] for source in queue if len(waiting[source]) > turn]
        turn += 1
    return sorted(chosen[:count])


def companions(chosen: str, names: Iterable[str], sources: Mapping[str, str], seed: int) -> list[str]:
    """Up to MOST_AVERAGED - 1 other outputs of the same source."""
    others = [name for name in names if name != chosen and sources[name] == sources[chosen]]
    rng = np.random.default_rng([seed, 2, *chosen.encode("utf-8")])
    return sorted(shuffled(others, rng)[: MOST_AVERAGED - 1])


def line_up(wanted: Iterable[str], held_out: Sequence[str], others: Sequence[str], seed: int) -> list[str]:
    """The originals of one region that outputs are compared with, in order of ids.

    wanted: sources of the attacked outputs; they are always there. held_out: up to half of the rest are of these, who
    were never used. others: all others of the region.
    """
    kept = sorted(set(wanted))
    rng = np.random.default_rng([seed, 3])
    room = max(MOST_CANDIDATES - len(kept), 0)
    rest = [one for one in others if one not in set(kept)]
    strangers = shuffled(held_out, rng)[: max(room - len(rest), room - room // 2)]
    return sorted([*kept, *strangers, *shuffled(rest, rng)[: room - len(strangers)]])


def shuffled(names: Iterable[str], rng: np.random.Generator) -> list[str]:
    """The names in random order, whatever order they came in."""
    ordered = sorted(names)
    return [ordered[place] for place in rng.permutation(len(ordered))]
