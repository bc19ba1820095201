"""How dense lesions are: what a model's card keeps of those it was trained on, and densities drawn from that.

A painter that is shown a mask round a real lesion can tell the lesion's density from its rim. In healthy tissue nothing
tells it, so a density is drawn from those of real lesions of about the same size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from .conditions import traits_of
from .density_kinds import ANY, KINDS, check_density
from .window import HUWindow

KEPT = 240
"""Lesions whose densities a card keeps, spread evenly over all sizes."""

_ALIKE = 60
"""So many of the lesions nearest in size are drawn from."""


class Densities:
    """Densities of real lesions, as a model's card keeps them.

    Args:
        card: its "densities" are rows of area (pixels of the largest slice), mean and standard deviation (HU).
        kind: one of `density_kinds.DENSITIES`.

    Raises InputError if the kind is unknown, or the card keeps none of it, or is malformed.
    """

    def __init__(self, card: Mapping[str, Any], kind: str = ANY) -> None:
        check_density(kind)
        rows = _rows(card)
        low, high = KINDS.get(kind, (-np.inf, np.inf))
        self._rows = rows[(rows[:, 1] >= low) & (rows[:, 1] < high)]
        self._window = HUWindow(*card["window"])
        if kind in KINDS and not len(self._rows):
            raise InputError(
                f"The model {card['name']} has seen no lesion that is {kind}, or its card does not tell; ask for the "
                f"density {ANY!r}, or use another model."
            )

    def __bool__(self) -> bool:
        """Whether there is any to draw from."""
        return bool(len(self._rows))

    def draw(self, area: float, rng: np.random.Generator | None) -> np.ndarray:
        """Traits (`conditions.TRAITS`,) of a real lesion of about this area in pixels; the median one without rng."""
        nearest = np.argsort(np.abs(np.log(self._rows[:, 0]) - np.log(max(area, 1.0))), kind="stable")[:_ALIKE]
        traits = traits_of(self._rows[nearest, 1], self._rows[nearest, 2], self._window)
        if rng is not None:
            return traits[rng.integers(len(traits))]
        from_middle = (traits - np.median(traits, axis=0)) / (traits.std(axis=0) + 1e-6)
        return traits[np.argmin(np.square(from_middle).sum(axis=1))]


def _rows(card: Mapping[str, Any]) -> np.ndarray:
    """(N, 3) what the card keeps; N is 0 for cards that keep none."""
    kept = card.get("densities") or np.zeros((0, 3))
    try:
        rows = np.array(kept, dtype=float)
    except (TypeError, ValueError):
        rows = np.zeros(0)
    if rows.ndim != 2 or rows.shape[1] != 3 or not np.isfinite(rows).all() or (rows[:, [0, 2]] <= 0).any():
        raise InputError(
            f"The densities on the card of {card['name']} are malformed; expected are rows of area, mean and standard "
            "deviation. Copy or train the model again."
        )
    return rows


def density_rows(lesions: Sequence[tuple[int, float, float]]) -> list[list[int]]:
    """What a card keeps of lesions given as area, mean and standard deviation: at most `KEPT` rows, by size."""
    rows = sorted([round(value) for value in lesion] for lesion in lesions)
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(KEPT, len(rows))).round().astype(int))
    return [rows[number] for number in chosen]
