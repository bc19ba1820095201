"""Lines from grey levels to HU of neighboring crops, and their error, where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from SyntheticCTLib.lesion.datasets.crops import Crop, Scale
from SyntheticCTLib.lesion.datasets.stacked_scales import common_scales, scale_error


def stack(lines, nodule_hu=0.0):
    """Slices of the same tissue with a nodule, each stored with a line of its own."""
    rng = np.random.default_rng(3)
    tissue = np.clip(rng.normal(-600, 300, (128, 128)), -1000, 200)
    mask = np.zeros((128, 128), bool)
    mask[50:70, 50:70] = True
    crops = []
    for number, (slope, offset) in enumerate(lines):
        hu = np.where(mask, nodule_hu, tissue)
        grey = np.clip(np.rint((hu - offset) / slope), 0, 255).astype(np.uint8)
        crops.append(Crop(grey, mask, "p", "n", number, True))
    return crops


def test_slices_that_were_scaled_on_their_own_get_one_scale():
    """The same tissue in three windows: after the fit, their HU agree, the lesion that differs aside."""
    crops = stack([(8.0, -1000.0), (9.5, -1040.0), (7.0, -1010.0)])
    planes = [scale.to_hu(crop.grey) for scale, crop in zip(common_scales(crops), crops, strict=True)]
    for plane in (planes[0], planes[2]):
        assert np.abs(plane - planes[1])[~crops[0].mask].mean() < 6  # rounding alone makes some 4


def with_line(crop, slope, offset):
    """The crop with a line that is believed, in place of the one fitted to it."""
    changed = Crop(crop.grey, crop.mask, crop.patient, crop.nodule, crop.slice, crop.stack)
    changed.__dict__["scale"] = Scale(slope, offset)
    return changed


def test_the_error_is_what_two_estimates_of_one_nodule_differ_by():
    first, second = stack([(8.0, -1000.0), (8.0, -1000.0)])
    right = [with_line(first, 8.0, -1000.0), with_line(second, 8.0, -1000.0)]
    assert scale_error([right]).hu == pytest.approx(0, abs=0.1)
    off = [right[0], with_line(second, 8.0, -950.0)]
    found = scale_error([off])
    assert found.pairs == 1 and found.hu == pytest.approx(1.4826 * 50 / np.sqrt(2), rel=0.01)
    assert found.tenth == pytest.approx(50 / np.sqrt(2), rel=0.01)
    assert scale_error([right] * 3 + [off]).hu == pytest.approx(0, abs=0.1)  # a mistaken tissue does not count


def test_slices_that_are_no_neighbors_tell_no_error():
    first, _, third = stack([(8.0, -1000.0)] * 3)
    assert scale_error([[first, third]]) is None and scale_error([]) is None
