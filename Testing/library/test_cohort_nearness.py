"""The distance of an output to an original: what it sees, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from trunks import PLAIN, known_path, rigid, trunk
from volumes import like, voxels

from SyntheticCTLib.cohort.privacy.nearness import FAR, coarse, distance, nearest
from SyntheticCTLib.images import Geometry
from SyntheticCTLib.morph.warping import Warper

EYE = np.eye(4)


def of(*arguments, **settings):
    return coarse(trunk(*arguments, **settings)[0])


@pytest.fixture(scope="module")
def anna():
    return of()


@pytest.fixture(scope="module")
def bert():
    return of(width=1.15, lung=0.85, liver=1.1)


def test_a_scan_is_at_no_distance_from_itself(anna):
    assert distance(anna, anna, EYE) == pytest.approx(0, abs=1e-6)
    assert distance(anna, anna) == pytest.approx(0, abs=1e-6)


def test_noise_does_not_hide_a_copy(anna, bert):
    noisy = of(noise=40.0)  # in each block of 4 mm, where a scan has a few HU
    assert distance(noisy, anna, EYE) < 0.02 < distance(noisy, bert)


def test_brightness_does_not_hide_a_copy(anna):
    image, _ = trunk()
    brighter = like(image, np.clip(voxels(image) + 40, -1024, 3071).astype(np.int16))
    assert distance(coarse(brighter), anna, EYE) < 0.02


def test_another_body_is_further_away_than_a_copy(anna, bert):
    assert 0.05 < distance(anna, bert) < 0.8
    assert distance(anna, bert) == pytest.approx(distance(bert, anna), abs=0.05)


def test_the_distance_to_the_source_grows_with_the_percentage(anna):
    source, target = trunk()[0], trunk(width=1.15, lung=0.85, liver=1.1)[0]
    path = known_path(source, target)
    warper = Warper(source)
    morphs = [coarse(warper.morph(path, t).image) for t in (0.0, 0.3, 0.6, 0.9)]
    distances = [distance(morph, anna, EYE) for morph in morphs]
    assert distances[0] < 0.001
    assert distances == sorted(distances)
    assert distances[-1] > 0.02


def test_the_pose_is_undone_where_it_is_known(anna):
    place = rigid((8, -5, 12), (15.0, -20.0, 30.0))
    wide = Geometry((60, 54, 60), (4.0,) * 3, (-118.0, -128.0, -88.0), PLAIN.direction)
    moved = of(wide, place=place)
    to_original = np.linalg.inv(place)  # from the moved body's space to the body's own
    assert distance(moved, anna, to_original) < 0.03 < distance(moved, anna)


def test_a_shifted_copy_is_found_without_a_pose(anna):
    shifted = of(Geometry(PLAIN.size, PLAIN.spacing, (100.0, 50.0, -900.0), PLAIN.direction), place=_shift(PLAIN))
    assert distance(shifted, anna) < 0.02


def test_another_field_of_view_does_not_hide_a_copy(anna):
    upper = sitk.RegionOfInterest(trunk()[0], [44, 36, 22], [0, 0, 18])
    moved = sitk.Image(upper)
    moved.SetOrigin((0.0, 0.0, 500.0))
    assert distance(coarse(moved), anna) < 0.02
    assert distance(anna, coarse(moved)) < 0.02


def test_another_voxel_grid_does_not_hide_a_copy(anna):
    finer = of(Geometry((88, 72, 80), (2.0,) * 3, (-87.0, -71.0, -79.0), PLAIN.direction))
    assert distance(finer, anna, EYE) < 0.02


def test_a_flipped_grid_is_the_same_body(anna):
    flipped = sitk.Flip(trunk()[0], [True, True, False])
    assert distance(coarse(flipped), anna, EYE) < 0.01


def test_scans_that_share_no_part_of_the_body_are_far_apart(anna):
    apart = EYE.copy()
    apart[2, 3] = 155.0
    assert distance(anna, anna, apart) == FAR


def test_a_scan_without_a_body_is_far_from_everything(anna):
    air = coarse(like(trunk()[0], np.full(PLAIN.size[::-1], -1000, np.int16)))
    assert distance(air, anna) == distance(anna, air) == FAR


def test_the_nearest_of_several_is_named(anna, bert):
    position, found = nearest(of(noise=30.0), [bert, anna])
    assert position == 1
    assert found < 0.02
    assert nearest(anna, []) == (-1, FAR)


def _shift(plain: Geometry) -> np.ndarray:
    place = np.eye(4)
    place[:3, 3] = np.subtract((100.0, 50.0, -900.0), plain.origin)
    return place
