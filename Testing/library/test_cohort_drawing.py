"""The three randomisations: which subjects, which edges, which percentages; each from a stream of its own."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import islice

import numpy as np
import pytest

from SyntheticCTLib.cohort.planning import PlannedOutput, PlanSettings, percents
from SyntheticCTLib.cohort.planning.drawing import (
    draw_edges,
    draw_outputs,
    draw_subjects,
    fill_edges,
    output_seed,
)
from SyntheticCTLib.errors import InputError

CHEST = {f"c{number:02d}": "chest" for number in range(10)}
BOTH = {**CHEST, **{f"a{number:02d}": "abdomen" for number in range(4)}}
SETTINGS = PlanSettings()


def outputs(regions, count, seed=7, settings=SETTINGS, excluded=()) -> list[PlannedOutput]:
    edges, _ = draw_edges(regions, settings.edge_share, seed, excluded)
    draws = fill_edges(edges, count, seed, settings.per_edge, settings.per_source)
    return list(draw_outputs(edges, draws, seed, settings))


def pairs(found: list[PlannedOutput]) -> Counter:
    return Counter((output.source, output.target) for output in found)


# --- subjects


def test_the_share_of_subjects_holds_in_each_region():
    kept = draw_subjects(BOTH, 0.5, seed=1)
    assert Counter(BOTH[one] for one in kept) == {"chest": 5, "abdomen": 2}
    assert kept == sorted(kept)
    assert draw_subjects(BOTH, 1.0, seed=1) == sorted(BOTH)


def test_another_seed_draws_other_subjects_and_every_subject_is_as_likely():
    drawn = Counter(one for seed in range(400) for one in draw_subjects(CHEST, 0.3, seed))
    assert sum(drawn.values()) == 400 * 3
    assert all(80 < drawn[one] < 160 for one in CHEST)  # 120 expected, a standard deviation is 9


# --- edges


def test_all_directed_pairs_of_a_region_and_none_across_regions():
    edges, left = draw_edges(BOTH, 1.0, seed=3)
    found = list(edges.pairs())
    assert len(found) == len(set(found)) == 10 * 9 + 4 * 3
    assert all(s != t and BOTH[s] == BOTH[t] for s, t in found)
    assert found == sorted(found)
    assert len(left) == 0


def test_the_share_of_edges_holds_in_each_region_and_the_others_are_told():
    edges, left = draw_edges(BOTH, 0.5, seed=3)
    assert Counter(BOTH[s] for s, _ in edges.pairs()) == {"chest": 45, "abdomen": 6}
    everything, _ = draw_edges(BOTH, 1.0, seed=3)
    assert sorted([*edges.pairs(), *left.pairs()]) == list(everything.pairs())


def test_excluded_edges_are_not_drawn_though_their_reverse_may_be():
    edges, left = draw_edges(CHEST, 1.0, seed=3, excluded=[("c00", "c01"), ("c05", "nobody")])
    assert ("c00", "c01") not in [*edges.pairs(), *left.pairs()]
    assert ("c01", "c00") in list(edges.pairs())
    assert len(edges) == 89


# --- filling


@pytest.mark.parametrize("count", [1, 7, 89, 90, 91, 200, 1000])
def test_edges_and_sources_are_filled_evenly(count):
    edges, _ = draw_edges(CHEST, 1.0, seed=3)
    draws = fill_edges(edges, count, seed=3)
    assert draws.sum() == count
    assert draws.max() - draws.min() <= 1
    per_source = np.bincount(edges.source, draws)
    assert per_source.max() - per_source.min() <= 1


def test_sources_with_fewer_edges_still_get_as_many_draws_of_each_edge():
    regions = {"a": "chest", "b": "chest", "c": "chest"}
    edges, _ = draw_edges(regions, 1.0, seed=0, excluded=[("a", "b")])
    draws = fill_edges(edges, 12, seed=0)
    assert sorted(draws) == [2, 2, 2, 3, 3]


def test_caps_hold_and_what_they_do_not_allow_is_left_out():
    edges, _ = draw_edges(CHEST, 1.0, seed=3)
    draws = fill_edges(edges, 1000, seed=3, per_source=12)
    assert np.bincount(edges.source, draws).tolist() == [12] * 10
    assert set(draws.tolist()) == {1, 2}
    assert fill_edges(edges, 1000, seed=3, per_edge=2).tolist() == [2] * 90
    both = fill_edges(edges, 50, seed=3, per_edge=1, per_source=4)
    assert both.max() == 1 and np.bincount(edges.source, both).tolist() == [4] * 10


def test_a_cap_of_one_source_leaves_its_share_to_the_others():
    regions = {"a": "chest", "b": "chest", **{f"k{n}": "knee" for n in range(3)}}
    edges, _ = draw_edges(regions, 1.0, seed=0)
    draws = fill_edges(edges, 20, seed=0, per_source=5)
    assert draws.sum() == 20
    assert np.bincount(edges.source, draws).max() <= 5
    whole = fill_edges(edges, 100, seed=0, per_source=5)
    assert np.bincount(edges.source, whole).tolist() == [5] * 5


def test_random_caps_are_filled_as_far_as_they_allow():
    rng = np.random.default_rng(0)
    for seed in range(200):
        regions = {f"s{n}": f"r{rng.integers(3)}" for n in range(rng.integers(2, 9))}
        edges, _ = draw_edges(regions, float(rng.uniform(0.3, 1)), seed)
        if not len(edges):
            continue
        per_edge, per_source = (int(cap) if cap else None for cap in rng.integers(0, 6, 2))
        count = int(rng.integers(1, 60))
        draws = fill_edges(edges, count, seed, per_edge, per_source)
        own = np.bincount(edges.source, minlength=len(edges.ids))
        limits = own * (per_edge or count)
        room = int(np.minimum(limits, per_source or count * len(edges)).sum())
        assert draws.sum() == min(count, room)
        assert draws.min() >= 0 and (per_edge is None or draws.max() <= per_edge)
        assert per_source is None or np.bincount(edges.source, draws).max() <= per_source


def test_very_many_draws_of_two_edges_take_no_time():
    edges, _ = draw_edges({"a": "chest", "b": "chest"}, 1.0, seed=0)
    assert sorted(fill_edges(edges, 1_000_001, seed=0)) == [500_000, 500_001]


# --- outputs


def test_names_are_numbered_and_their_order_tells_nothing_about_the_source():
    found = outputs(CHEST, 900)
    assert [output.name for output in found] == [f"synthct_{n:04d}" for n in range(1, 901)]
    place = np.array([int(output.source[1:]) for output in found])
    assert abs(np.corrcoef(place, np.arange(900))[0, 1]) < 0.1
    assert sum(a == b for a, b in zip(place, place[1:], strict=False)) < 150  # 90 expected
    assert outputs(CHEST, 12_000)[0].name == "synthct_00001"


def test_seeds_are_those_of_the_children_that_numpy_spawns():
    children = np.random.SeedSequence(7).spawn(3)
    words = [int(child.generate_state(1, np.uint64)[0]) >> 11 for child in children]
    assert [output_seed(7, number) for number in range(3)] == words
    assert [output.seed for output in outputs(CHEST, 3)] == words
    assert max(words) < 2**53


def test_percentages_fill_their_range_evenly_with_two_decimals():
    found = [output.percent for output in outputs(CHEST, 2000)]
    assert all(25 <= percent <= 75 and percent.as_tuple().exponent == -2 for percent in found)
    counts, _ = np.histogram([float(percent) for percent in found], bins=5, range=(25, 75))
    assert (counts > 330).all()  # 400 expected, a standard deviation is 18
    half = outputs(CHEST, 5, settings=PlanSettings(t_min=0.5))
    assert {output.percent for output in half} == {Decimal("50.00")}
    odd = outputs(CHEST, 500, settings=PlanSettings(t_min=0.49999))
    assert {output.percent for output in odd} == {Decimal("50.00")}


def test_tries_begin_with_the_percentage_as_written_and_go_on_in_the_outputs_own_stream():
    settings = PlanSettings(redraws=4)
    first = outputs(CHEST, 3, settings=settings)[1]
    tries = list(percents(first, settings))
    assert len(tries) == 5 and tries[0] == first.percent
    assert len(set(tries)) == 5 and all(25 <= percent <= 75 for percent in tries)
    edited = PlannedOutput(first.name, first.source, first.target, Decimal("33.30"), first.seed)
    assert list(percents(edited, settings)) == [Decimal("33.30"), *tries[1:]]
    assert list(percents(first, PlanSettings(redraws=0))) == [first.percent]
    assert list(islice(percents(first, PlanSettings(redraws=9)), 5)) == tries


# --- independence


def test_the_order_of_the_subjects_does_not_matter():
    backwards = dict(reversed(BOTH.items()))
    assert draw_subjects(backwards, 0.4, 5) == draw_subjects(BOTH, 0.4, 5)
    assert outputs(backwards, 40) == outputs(BOTH, 40)


def test_one_setting_does_not_change_what_the_others_draw():
    before = outputs(CHEST, 40)
    other_range = outputs(CHEST, 40, settings=PlanSettings(t_min=0.4))
    assert [(o.name, o.source, o.target, o.seed) for o in other_range] == [
        (o.name, o.source, o.target, o.seed) for o in before
    ]
    assert [o.percent for o in other_range] != [o.percent for o in before]
    fewer, _ = draw_edges(CHEST, 0.5, 7)
    assert [o.percent for o in outputs(CHEST, 40, settings=PlanSettings(edge_share=0.5))] == [o.percent for o in before]
    assert set(pairs(outputs(CHEST, 40, settings=PlanSettings(edge_share=0.5)))) <= set(fewer.pairs())


def test_another_seed_changes_everything():
    first, second = outputs(CHEST, 40, seed=1), outputs(CHEST, 40, seed=2)
    assert pairs(first) != pairs(second)
    assert not {output.seed for output in first} & {output.seed for output in second}


# --- settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subject_share", 0),
        ("subject_share", 1.5),
        ("edge_share", -0.1),
        ("edge_share", float("nan")),
        ("edge_share", True),
        ("per_edge", 0),
        ("per_source", 2.5),
        ("t_min", 0),
        ("t_min", 0.51),
        ("t_min", "0.3"),
        ("redraws", -1),
        ("redraws", None),
        ("grid", "fine"),
        ("backend", None),
        ("guided", "yes"),
        ("allow_face", 1),
        ("spacing", (1.0, 1.0)),
        ("spacing", (1.0, 1.0, 0)),
        ("spacing", (1.0, 1.0, 30.0)),
        ("spacing", (1.0, 0.05, 1.0)),
    ],
)
def test_settings_of_no_meaning_are_refused(name, value):
    with pytest.raises(InputError, match=name):
        PlanSettings(**{name: value})


def test_all_faults_of_settings_are_told_at_once():
    with pytest.raises(InputError, match=r"t_min(.|\n)*grid"):
        PlanSettings(t_min=0.7, grid="mine")
