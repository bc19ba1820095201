"""Which scans of a study are put together, how they are named and told apart, and the grid they come to lie on."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from review_scans import body, plan, write_group
from trunks import PLAIN

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import Geometry, write_image
from SyntheticCTLib.review.planning.candidates import Candidate, look_at, with_one_name, with_regions_alike
from SyntheticCTLib.review.planning.grid import Grid, common_grid, place, resample
from SyntheticCTLib.review.planning.matching import describe, match, practice_first
from SyntheticCTLib.review.planning.scans import Scan, find_scans
from SyntheticCTLib.review.planning.windows import choose_windows


def test_voxel_copies_that_leave_too_few_patients_are_named(tmp_path):
    real, made = write_group(tmp_path / "real", "real", 3), write_group(tmp_path / "made", "synthetic", 4)
    shutil.copy(real / "real_patient_000.nii.gz", real / "twin.nii.gz")
    with pytest.raises(InputError, match="of 3 patients, for some are copies.*(twin is|is twin).*4 are needed"):
        plan(real, made, tmp_path / "study")


def candidate(name, region="chest", spacing=(1, 1, 2), size=300.0):
    half = (size / 2,) * 3
    low, high = tuple(-at for at in half), half
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Candidate(Scan(name, None, name.partition("@")[0]), region, False, digest, spacing, low, high, (0, 0, 0))


def test_a_patient_has_one_name_in_both_groups():
    real = [candidate("file_7@r"), candidate("file_8@r")]
    made = [candidate("anna@s"), candidate("bert@s")]
    of = replace(made[0], scan=replace(made[0].scan, originals=(real[1].content, real[0].content)))
    named = with_one_name(real, [of, made[1]], 2)
    assert [one.scan.patient for one in named] == ["file_8", "bert"] and named[0].scan.name == "anna@s"
    pairs = match(real, named, 2, True, np.random.default_rng(0))
    assert all(one.scan.patient != other.scan.patient for one, other in pairs)
    assert describe([(real[1], named[0])], (2, 2), (2, 2))["patients_in_both"] == 1
    twice = replace(made[1], scan=replace(made[1].scan, originals=(real[1].content,)))
    with pytest.raises(InputError, match="show 1 of the patients of the real group, and 2 are needed"):
        with_one_name(real, [of, twice], 2)


def test_a_real_scan_has_the_region_of_what_was_made_of_it():
    bare = replace(candidate("anna@r", "chest-abdomen"), guessed=True, shows="chest-abdomen")
    case = replace(candidate("anna@s"), shows="chest")
    case = replace(case, scan=replace(case.scan, region="chest", originals=(bare.content, "0" * 64)))
    (real,), (made,) = with_regions_alike([bare], [case], [case.scan])
    assert (real.region, real.guessed) == ("chest", False) and made is case
    table = replace(bare, scan=replace(bare.scan, region="abdomen"), region="abdomen", guessed=False)
    assert with_regions_alike([table], [case], [case.scan])[0] == [table]  # the table knows better


def test_guessed_regions_are_not_compared_with_told_ones():
    bare = replace(candidate("anna@r", "chest-abdomen"), guessed=True, shows="chest-abdomen")
    nothing = candidate("bert@r", "other")
    told = replace(candidate("carl@s"), scan=replace(candidate("carl@s").scan, region="chest"), shows="chest-abdomen")
    real, made = with_regions_alike([bare, nothing], [told], [told.scan])
    assert [(one.region, one.guessed) for one in (*real, *made)] == [
        ("chest-abdomen", True),
        ("unknown", False),
        ("chest-abdomen", True),
    ]


def test_scans_of_one_protocol_are_matched(tmp_path):
    real = [candidate("r1"), candidate("r2", "abdomen"), candidate("r3", spacing=(1, 1, 5)), candidate("r4", size=150)]
    made = [candidate(f"s{at}", one.region, one.spacing, float(one.extent[0])) for at, one in enumerate(real, 1)]
    pairs = match(real, made[::-1], 4, False, np.random.default_rng(0))
    assert sorted((one.scan.name, other.scan.name) for one, other in pairs) == [(f"r{n}", f"s{n}") for n in range(1, 5)]
    assert describe(pairs, (4, 4), (4, 4))["not_matched"] == []


def test_the_best_of_many_are_taken_and_what_does_not_match_is_said():
    real = [candidate("r1"), candidate("r2", "abdomen", (1, 1, 5), 150)]
    made = [candidate(f"s{at}", "abdomen", (0.5, 0.5, 5)) for at in range(5)] + [candidate("s9")]
    pairs = match(real, made, 2, False, np.random.default_rng(0))
    assert ("r1", "s9") in {(one.scan.name, other.scan.name) for one, other in pairs}
    told = describe(pairs, (2, 6), (2, 6))
    assert any("spacing: 1 of 2" in line for line in told["not_matched"])
    assert any("field of view: 1 of 2" in line for line in told["not_matched"])


def test_no_scan_of_another_region_is_taken_to_keep_the_patients_apart():
    people = {"a": "abdomen", "b": "abdomen", "c": "chest", "d": "chest", "e": "chest"}
    real, made = ([candidate(f"{name}@{side}", region) for name, region in people.items()] for side in "rs")
    for seed in range(5):
        pairs = match(real, made, 4, True, np.random.default_rng(seed))
        assert all(one.region == other.region and one.scan.patient != other.scan.patient for one, other in pairs)


def test_of_two_side_by_side_one_is_not_made_from_the_other():
    real = [candidate("anna@r"), candidate("bert@r")]
    made = [candidate("anna@s"), candidate("bert@s")]
    pairs = match(real, made, 2, True, np.random.default_rng(0))
    assert all(one.scan.patient != other.scan.patient for one, other in pairs)


def patients_of(pairs):
    return [{pair[side].scan.patient for pair in pairs} for side in (0, 1)]


@pytest.mark.parametrize("apart", [False, True])
def test_no_patient_is_in_both_groups_where_there_are_enough(apart):
    names = [f"p{number}" for number in range(8)]
    real, made = [candidate(f"{name}@r") for name in names], [candidate(f"{name}@s") for name in names]
    pairs = match(real, made, 4, apart, np.random.default_rng(0))
    assert len(pairs) == 4 and not set.intersection(*patients_of(pairs))
    assert describe(pairs, (8, 8), (8, 8))["not_matched"] == []
    pairs = match(real, made, 6, apart, np.random.default_rng(0))
    shared = set.intersection(*patients_of(pairs))
    assert len(pairs) == 6 and len(shared) == 4
    assert describe(pairs, (8, 8), (8, 8))["not_matched"] == ["patients: 4 are in both groups, once in each"]


def test_practice_shares_no_patient_with_what_counts_where_that_can_be():
    def pair(one, other):
        return candidate(f"{one}@r"), candidate(f"{other}@s")

    pairs = [pair("a", "b"), pair("b", "c"), pair("d", "d"), pair("e", "f"), pair("c", "g")]
    found = practice_first(pairs, 2)
    trained, counted = set.union(*patients_of(found[:2])), set.union(*patients_of(found[2:]))
    assert trained == {"d", "e", "f"} and not trained & counted and len(found) == 5
    assert practice_first(pairs, 0) == pairs and sorted(map(id, practice_first(pairs, 3))) == sorted(map(id, pairs))


def test_the_grid_is_the_coarsest_and_smallest_and_lies_where_each_scan_was_seen(tmp_path):
    wide = Geometry((60, 50, 40), (4.0, 4.0, 4.0), (-40.0, -70.0, -78.0), PLAIN.direction)  # cut at the left
    flipped = Geometry(PLAIN.size, PLAIN.spacing, (86.0, 70.0, -78.0), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0))
    for number, geometry in enumerate((PLAIN, wide, flipped)):
        write_image(body(number, geometry), tmp_path / f"{number}.nii.gz")
    seen = [look_at(scan) for scan in find_scans(tmp_path)]
    grid = common_grid(seen, None)
    assert grid == Grid((44, 36, 40), (4.0, 4.0, 4.0))
    for one in seen:
        low, high = place(grid, one).bounds()
        assert np.all(low >= np.subtract(one.low, 1e-6)) and np.all(high <= np.add(one.high, 1e-6))
    same = resample(find_scans(tmp_path)[2].read(), place(grid, seen[2]), (-1350, 1050))
    upright = sitk.GetArrayFromImage(body(2, flipped))[:, ::-1, ::-1]
    assert np.abs(sitk.GetArrayFromImage(same) - np.clip(upright, -1350, 1050)).max() <= 1


def test_the_study_window_follows_the_region():
    assert [one.name for one in choose_windows(None, ["chest", "chest", "abdomen"])][0] == "lung"
    assert choose_windows(None, ["chest", "chest-abdomen", "chest-abdomen"])[0].name == "soft tissue"
    assert [one.name for one in choose_windows(None, ["abdomen", "unknown"])] == ["soft tissue", "lung", "bone"]
    assert [one.name for one in choose_windows(["bone"], ["chest"])] == ["bone"]
