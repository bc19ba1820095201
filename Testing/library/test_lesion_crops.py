"""Crops with grey values of their own: are the Hounsfield units found again?"""

from __future__ import annotations

import numpy as np
import pytest
from lesion_trainings import write_crops

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.lesion.datasets.crops import TYPICAL_SLOPE, fit_scale, nodules, read_crops


def test_the_line_from_grey_to_hu_is_found_from_lung_and_soft_tissue(tmp_path):
    for crop in read_crops(write_crops(tmp_path / "crops.npz")):
        assert crop.scale.fitted
        lung, nodule = crop.hu[20:100, 10:40], crop.hu[crop.mask]
        assert abs(np.median(lung) + 870) < 15
        assert abs(np.median(nodule) - 20) < 30
        assert np.array_equal(crop.to_grey(crop.hu), crop.grey)


def test_fat_beside_muscle_is_not_taken_for_it():
    rng = np.random.default_rng(0)
    hu = np.full((128, 128), -870.0)
    hu[:, 60:100], hu[:, 100:] = -105, 40
    hu += 15 * rng.standard_normal(hu.shape)
    grey = np.rint((hu + 1000) / 8).astype(np.uint8)
    assert fit_scale(grey).slope == pytest.approx(8, rel=0.05)


def test_a_crop_without_soft_tissue_gets_the_typical_slope():
    grey = np.full((128, 128), 20, np.uint8)
    grey[60:64, 60:64] = 110
    scale = fit_scale(grey)
    assert not scale.fitted and scale.slope == TYPICAL_SLOPE
    assert scale.to_hu(np.array(20)) == pytest.approx(-870)


def test_slices_of_a_nodule_come_in_order(tmp_path):
    crops = read_crops(write_crops(tmp_path / "crops.npz", patients=2))
    found = nodules(list(reversed(crops)))
    assert [[crop.slice for crop in slices] for slices in found.values()] == [[1, 2, 3]] * 2


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_what_is_no_archive_is_refused(tmp_path, content):
    file = tmp_path / "crops.npz"
    file.write_bytes(content)
    with pytest.raises(InputError, match="archive of nodule crops"):
        read_crops(file)


def test_the_real_crops_are_read_whole(data):
    crops = read_crops(data / "lidc_nodules.npz")
    assert len(crops) == 2963 and len({crop.patient for crop in crops}) == 631
    assert np.mean([crop.scale.fitted for crop in crops]) > 0.85
    stacks = [slices for slices in nodules(crops).values() if slices[0].stack]
    assert all(b.slice == a.slice + 1 for slices in stacks for a, b in zip(slices, slices[1:], strict=False))
