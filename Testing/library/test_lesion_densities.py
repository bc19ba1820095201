"""Densities kept on a card, and drawn from it."""

from __future__ import annotations

import numpy as np
import pytest

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.lesion.conditions import measure_traits
from SyntheticCTLib.lesion.densities import KEPT, Densities, density_rows
from SyntheticCTLib.lesion.density_kinds import ANY, KINDS
from SyntheticCTLib.lesion.window import HUWindow

WINDOW = HUWindow(-1024, 576)


def card(rows):
    return {"name": "tiny", "window": [WINDOW.low, WINDOW.high], "densities": rows}


def hu_of(traits):
    return float(WINDOW.decode(traits[:1])[0])


SMALL = [[20 + n, -700 + 10 * n, 60] for n in range(70)]  # -700 to -10 HU
LARGE = [[900 + n, -100 + n, 120] for n in range(70)]


def test_a_card_keeps_lesions_of_all_sizes():
    lesions = [(area, -100.4, 99.6) for area in range(1, 1001)]
    rows = density_rows(lesions)
    assert len(rows) == KEPT and rows[0] == [1, -100, 100] and rows[-1][0] == 1000
    assert np.diff([row[0] for row in rows]).max() <= 5
    assert density_rows(lesions[:3]) == [[1, -100, 100], [2, -100, 100], [3, -100, 100]]


def test_what_is_drawn_is_a_real_lesion_of_about_the_size():
    known = Densities(card(SMALL + LARGE))
    rng = np.random.default_rng(0)
    drawn = [hu_of(known.draw(950, rng)) for _ in range(50)]
    assert min(drawn) > -101 and max(drawn) < -29 and len(set(drawn)) > 20
    again = np.random.default_rng(0)
    assert [hu_of(known.draw(950, again)) for _ in range(50)] == drawn


def test_the_likeliest_is_one_from_the_middle():
    known = Densities(card(SMALL))
    middle = known.draw(50, None)
    assert hu_of(middle) == pytest.approx(-355, abs=60)
    assert np.array_equal(middle, known.draw(50, None))


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_kept_to(kind):
    known, rng = Densities(card(SMALL), kind), np.random.default_rng(1)
    low, high = KINDS[kind]
    drawn = [hu_of(known.draw(1, rng)) for _ in range(30)]
    assert min(drawn) > low - 1 and max(drawn) < high + 1


def test_traits_are_those_a_lesion_of_this_density_would_have():
    rng = np.random.default_rng(2)
    hu = (-100 + 120 * rng.standard_normal((1, 60, 60))).astype(np.float32)
    measured = measure_traits(WINDOW.encode(hu), np.ones_like(hu))[0]
    kept = Densities(card([[3600, round(float(hu.mean())), round(float(hu.std()))]])).draw(3600, None)
    assert np.allclose(kept, measured, atol=0.01)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(InputError, match="expected is one of any, solid, part-solid, ground-glass, foretold"):
        Densities(card(SMALL), "hard")
    with pytest.raises(InputError, match="tiny has seen no lesion that is ground-glass"):
        Densities(card(LARGE), "ground-glass")
    for rows in ([[1, 2]], [["a", 0, 1]], [[0, -100, 50]], {"solid": 1}):
        with pytest.raises(InputError, match="card of tiny are malformed"):
            Densities(card(rows))
    assert not Densities({"name": "old", "window": [-1024, 576]}, ANY)
