"""The arithmetic of attacks: who is chosen, what an interval is, what a setting would change."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from SyntheticCTLib.cohort.privacy.attacks import averaging, first_rank, grid_rank, membership
from SyntheticCTLib.cohort.privacy.choosing import MOST_CANDIDATES, choose_outputs, companions, line_up
from SyntheticCTLib.cohort.privacy.lineups import LineUp, LineUps
from SyntheticCTLib.cohort.privacy.statistics import Estimate, NotMeasurable, separation, share
from SyntheticCTLib.cohort.privacy.tradeoffs import by_crowd, by_distance, by_percent, by_redraws, by_source_cap

SOURCES = {f"out{n:02d}": f"s{n % 4}" for n in range(20)}


def one_line_up(number, rank, percent=50.0, candidates=8, averaged=None, apart=0.1):
    """A line-up in which the true source has this rank; averaged: ranks with 2, 3 ... outputs averaged."""
    ids = tuple(f"s{n}" for n in range(candidates))
    rows = []
    for place in (rank, *(averaged or ())):
        row = np.full(candidates, 0.1)
        row[number % candidates] = 0.5
        others = [n for n in range(candidates) if n != number % candidates]
        row[others[: place - 1]] = 0.7
        rows.append(row)
    same = tuple(n == number % candidates for n in range(candidates))
    distances = np.full(candidates, 0.3)
    distances[number % candidates] = apart
    return LineUp(f"out{number:02d}", ids[number % candidates], percent, ids, np.array(rows), distances, same)


def all_of(line_ups, held_out=()):
    return LineUps(tuple(line_ups), tuple(held_out), {}, {}, (), 0)


def test_outputs_are_spread_over_the_sources_and_chosen_by_the_seed():
    chosen = choose_outputs(SOURCES, SOURCES, 6, seed=3)
    assert chosen == sorted(chosen) and len(set(chosen)) == 6
    assert sorted(Counter(SOURCES[name] for name in chosen).values()) == [1, 1, 2, 2]
    assert (
        chosen == choose_outputs(reversed(list(SOURCES)), SOURCES, 6, seed=3) != choose_outputs(SOURCES, SOURCES, 6, 4)
    )
    assert len(choose_outputs(SOURCES, SOURCES, 100, 0)) == 20
    assert choose_outputs([], SOURCES, 5, 0) == []


def test_companions_have_the_same_source():
    found = companions("out05", SOURCES, SOURCES, 0)
    assert len(found) == 3 and "out05" not in found and {SOURCES[name] for name in found} == {"s1"}


def test_a_line_up_holds_the_sources_then_strangers_and_others_up_to_the_limit():
    everyone = [f"p{n:03d}" for n in range(500)]
    found = line_up({"p003", "p004"}, everyone[300:], everyone[:300], 0)
    assert len(found) == len(set(found)) == MOST_CANDIDATES and {"p003", "p004"} <= set(found)
    assert sum(one >= "p300" for one in found) == (MOST_CANDIDATES - 2) // 2
    assert line_up({"a"}, ["c"], ["b", "a"], 0) == ["a", "b", "c"]
    few = line_up({"p000"}, everyone[300:], ["p000", "p001"], 0)  # few others: strangers take their room
    assert len(few) == MOST_CANDIDATES and "p001" in few


def test_a_share_is_wilsons_over_persons():
    found = share([True] * 6, list("abcdef"), [0.1] * 6)
    assert (found.value, found.n, found.chance) == (1, 6, pytest.approx(0.1))
    assert found.low == pytest.approx(0.6097, abs=1e-3) and found.high == 1
    alike = share([True] * 12, list("abcdef") * 2, [0.1] * 12)  # two outputs each: no more is known
    assert (alike.low, alike.n) == (found.low, 6)
    half = share([True, False, False, False], ["a", "a", "b", "c"], [0.5] * 4)
    assert half.value == pytest.approx(1 / 6) and half.low == pytest.approx(0, abs=1e-9)  # a sixth, rounded outwards
    assert not half.succeeds
    assert share([], [], []).text() == "not measurable here: n = 0 attacked outputs"


def test_a_separation_needs_persons_on_both_sides():
    names = ("ones", "others")
    apart = separation([0.9] * 6, [0.1] * 6, [str(n) for n in range(12)], 0, names)
    assert (apart.value, apart.low, apart.high, apart.chance) == (1, 1, 1, 0.5)
    rng = np.random.default_rng(0)
    mixed = separation(rng.random(30), rng.random(30), [str(n) for n in range(60)], 0, names)
    assert mixed.low < 0.5 < mixed.high and not mixed.succeeds
    assert mixed == separation(*np.split(np.random.default_rng(0).random(60), 2), [str(n) for n in range(60)], 0, names)
    few = separation([1.0] * 20, [0.0] * 4, [str(n) for n in range(24)], 0, names)
    assert isinstance(few, NotMeasurable) and "n = 20 ones and 4 others" in few.text()


def test_ranks_and_averages_are_read_off_the_line_ups():
    found = [one_line_up(0, 1, averaged=(1,)), one_line_up(1, 2, averaged=(1, 1)), one_line_up(2, 3)]
    assert [one.rank() for one in found] == [1, 2, 3]
    assert first_rank(found).value == pytest.approx(1 / 3)
    results = averaging(found)
    assert [(one.count, one.single.value, one.averaged.value, one.averaged.n) for one in results] == [
        (2, 0.5, 1, 2),
        (3, 0, 1, 1),
    ]
    assert grid_rank(found).value == 1
    assert isinstance(first_rank([one_line_up(0, 1, candidates=1)]), NotMeasurable)


def test_an_output_that_could_not_be_laid_on_anybody_is_no_find():
    unseen = replace(one_line_up(0, 1), likenesses=np.full_like(one_line_up(0, 1).likenesses, -1.0))
    assert unseen.rank() == len(unseen.candidates) and not unseen.found()


def test_membership_compares_sources_with_held_out_persons_only():
    found = [one_line_up(number, 1, candidates=20) for number in range(6)]
    result = membership(found, [f"s{n}" for n in range(12, 18)], 0)
    assert len(result.members) == len(result.strangers) == 6
    assert result.area.value == 1 and result.area.n == 12


def test_a_crowd_is_the_mean_over_all_smaller_line_ups():
    found = [one_line_up(0, 3, candidates=6), one_line_up(1, 1, candidates=6)]
    points = {point.candidates: point for point in by_crowd(found)}
    assert set(points) == {2, 4, 6}
    for size in points:
        rates = []
        for one in found:
            draws = list(combinations(one.others(), size - 1))
            rates.append(np.mean([max(draw) <= one.likeness_to(one.source) for draw in draws]))
        assert points[size].rate == pytest.approx(np.mean(rates)) and points[size].chance == 1 / size


def test_what_t_min_would_change_is_counted_over_the_whole_cohort():
    edge = [one_line_up(n, 1, percent=26, candidates=30, apart=0.02) for n in range(10)]
    middle = [one_line_up(10 + n, 9, percent=48, candidates=30, apart=0.2) for n in range(10)]
    percents = {one.name: one.percent for one in (*edge, *middle)} | {f"more{n}": 50.0 for n in range(80)}
    trade = by_percent(all_of(edge + middle), percents, 0.25, 0)
    rows = {row.setting: row for row in trade.rows}
    assert list(rows) == ["t_min 0.25", "t_min 0.3", "t_min 0.35", "t_min 0.4", "t_min 0.45"]
    assert (rows["t_min 0.25"].remaining, rows["t_min 0.3"].remaining, rows["t_min 0.3"].of) == (100, 90, 100)
    assert rows["t_min 0.25"].rate.value == 0.5 and rows["t_min 0.3"].rate.value == 0
    assert rows["t_min 0.3"].distance == pytest.approx(0.2) and trade.best.setting == "t_min 0.3"


def test_a_setting_that_changes_nothing_beyond_doubt_has_no_best_row():
    found = all_of([one_line_up(n, 1, percent=26 + 3 * n, apart=0.01 * n) for n in range(8)])
    percents = {one.name: one.percent for one in found.all}
    assert by_percent(found, percents, 0.25, 0).best is None and by_distance(found).best is None


def test_caps_redraws_and_distances():
    found = all_of([one_line_up(n, 2, averaged=(1, 1), apart=0.1 * n) for n in range(4)])
    caps = by_source_cap(found, ["s0"] * 5 + ["s1"] * 2 + ["s2"])
    assert [(row.setting, row.remaining) for row in caps.rows] == [
        ("as it is, 3 averaged", 8),
        ("per_source 2", 5),
        ("per_source 1", 3),
    ]
    assert [row.rate.value for row in caps.rows] == [1, 1, 0]
    tries = {"out00": 1, "out01": 3, "out02": 1, "out03": 1, "more": 2}
    assert [(row.setting, row.remaining, row.attacked) for row in by_redraws(found, tries, 3).rows] == [
        ("redraws 3", 5, 4),
        ("redraws 0", 3, 3),
    ]
    assert [(row.remaining, row.of) for row in by_distance(found).rows] == [(4, 4), (3, 4), (2, 4), (1, 4)]


def test_nothing_attacked_is_said_not_hidden():
    nothing = all_of([])
    assert by_distance(nothing).rows == () and by_crowd(nothing.all) == [] and averaging(nothing.all) == []
    assert isinstance(first_rank(nothing.all), NotMeasurable)
    assert isinstance(by_percent(nothing, {}, 0.25, 0).rows[0].rate, NotMeasurable)
    assert Estimate(0.4, 0.3, 0.5, 0.3, 9).succeeds is False
