"""Opaque ids for the cases, drawn so that their order tells nothing about the groups."""

from __future__ import annotations

import numpy as np

from .leaks import chance_of

ID_BYTES = 5

FAIR = 0.5
"""Ids are drawn again until chance alone would separate the groups by their order better than they do at least so
often."""


def draw_ids(pairs: int, practice: int, stream: np.random.SeedSequence) -> list[tuple[str, str]]:
    """An id for the real and for the synthetic scan of each pair; the first `practice` pairs do not count.

    Neither a case's place in the sorted list nor which of a pair's ids comes first tells its group.
    """
    rng = np.random.default_rng(stream)
    while True:
        ids: dict[str, None] = {}
        while len(ids) < 2 * pairs:
            ids[rng.bytes(ID_BYTES).hex()] = None
        drawn = list(ids)
        found = list(zip(drawn[::2], drawn[1::2], strict=True))
        if _is_fair(found[practice:]):
            return found


def _is_fair(pairs: list[tuple[str, str]]) -> bool:
    synthetic = {pair[1] for pair in pairs}
    ordered = sorted(case for pair in pairs for case in pair)
    truth = np.array([case in synthetic for case in ordered])
    if chance_of(list(range(len(ordered))), truth, 0) < FAIR:
        return False
    first = sum(real < made for real, made in pairs)
    return abs(first - len(pairs) / 2) <= max(1.0, np.sqrt(len(pairs)) / 2)
