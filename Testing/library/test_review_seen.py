"""End slices that a morph has filled with air are not shown; whatever was seen is."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from volumes import like, rotation, voxels

from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.images.hu import AIR_HU
from SyntheticCTLib.images.phantoms import make_phantom
from SyntheticCTLib.morph.body import body_mask, shrunk
from SyntheticCTLib.review.planning.seen import seen_bounds

SLICE_MM = 6.0


@pytest.fixture(scope="module")
def scan() -> sitk.Image:
    return make_phantom(3, spacing=(5.0, 5.0, SLICE_MM), region="chest").image


def bounds(image: sitk.Image):
    coarse = shrunk(image)
    return seen_bounds(coarse, body_mask(coarse), *Geometry.of(image).bounds())


def blanked(image: sitk.Image, rows: slice, columns: slice = slice(None)) -> sitk.Image:
    """The scan with pure air in some slices (or in a part of these)."""
    hu = voxels(image).copy()
    hu[rows, :, columns] = AIR_HU
    return like(image, hu)


def test_a_scan_that_was_seen_everywhere_keeps_its_box(scan):
    low, high = Geometry.of(scan).bounds()
    assert np.array_equal(bounds(scan), (low, high))


def test_blank_slices_at_either_end_are_left_out(scan):
    low, high = Geometry.of(scan).bounds()
    kept_low, kept_high = bounds(blanked(blanked(scan, slice(0, 2)), slice(-3, None)))
    assert np.allclose(kept_low - low, (0, 0, 2 * SLICE_MM), atol=0.01)
    assert np.allclose(high - kept_high, (0, 0, 3 * SLICE_MM), atol=0.01)


def test_a_slice_of_which_a_part_is_blank_is_left_out_too(scan):
    low, _ = Geometry.of(scan).bounds()
    width = scan.GetSize()[0]
    kept_low, _ = bounds(blanked(scan, slice(0, 1), slice(width // 3, width // 2)))
    assert kept_low[2] - low[2] == pytest.approx(SLICE_MM, abs=0.01)


def test_a_flipped_scan_is_trimmed_where_it_is_blank(scan):
    cut = blanked(scan, slice(0, 2))
    flipped = sitk.Flip(cut, [False, False, True])
    assert np.allclose(bounds(flipped), bounds(cut), atol=0.01)


def test_a_scan_whose_slices_run_along_another_axis_is_trimmed_alike(scan):
    cut = blanked(scan, slice(0, 2))
    assert np.allclose(bounds(sitk.PermuteAxes(cut, [2, 0, 1])), bounds(cut), atol=0.01)


def test_a_tilted_scan_is_trimmed_to_the_box_round_what_is_left(scan):
    tilted = sitk.Image(scan)
    tilted.SetDirection(tuple(rotation(12, 0, 0).ravel()))
    low, high = bounds(blanked(tilted, slice(0, 3)))
    left_low, left_high = Geometry.of(tilted[:, :, 3:]).bounds()
    whole_low, whole_high = Geometry.of(tilted).bounds()
    assert low[2] == pytest.approx(left_low[2], abs=0.01) and left_low[2] > whole_low[2] + SLICE_MM
    assert high[2] == pytest.approx(left_high[2], abs=0.01)
    assert np.allclose((low[:2], high[:2]), (whole_low[:2], whole_high[:2]))


def test_blank_slices_between_others_and_too_many_of_them_change_nothing(scan):
    whole = Geometry.of(scan).bounds()
    middle = scan.GetSize()[2] // 2
    assert np.array_equal(bounds(blanked(scan, slice(middle, middle + 1))), whole)
    assert np.array_equal(bounds(blanked(scan, slice(0, int(0.4 * scan.GetSize()[2])))), whole)
