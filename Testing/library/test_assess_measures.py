"""Measures of painted lesions: each is held against a case whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from SyntheticCTLib.assess.consistency import consistency
from SyntheticCTLib.assess.distances import feature_distance, frechet
from SyntheticCTLib.assess.glcm import GLCM_NAMES, glcm_features
from SyntheticCTLib.assess.image_metrics import gain_by_copying, region_errors, summarize
from SyntheticCTLib.assess.intervals import bootstrap, mean_interval, patient_weights
from SyntheticCTLib.assess.patches import PatchPairs, cut, cut_mask
from SyntheticCTLib.assess.radiomics import CONTEXT_NAMES, FEATURE_NAMES, context_features, features, high_pass
from SyntheticCTLib.assess.regions import RING_PIXELS, ring
from SyntheticCTLib.errors import InputError


@pytest.fixture
def a_disk() -> np.ndarray:
    """One slice, a lesion of radius 9 in the middle of 64 x 64."""
    j, i = np.mgrid[:64, :64]
    return ((j - 32) ** 2 + (i - 32) ** 2 <= 81)[None]


@pytest.fixture
def some_noise() -> np.ndarray:
    return np.random.default_rng(5).normal(100, 10, (1, 64, 64)).astype(np.float32)


def test_a_ring_is_as_wide_as_it_says_in_pixels_and_in_millimetres(a_disk):
    columns = np.flatnonzero(ring(a_disk)[0, 32])
    assert columns.min() == 32 - 9 - RING_PIXELS and columns.max() == 32 + 9 + RING_PIXELS
    assert not (ring(a_disk) & a_disk).any()
    in_mm = np.flatnonzero(ring(a_disk, (1.0, 2.0, 2.5))[0, 32])  # 5 mm are two columns
    assert in_mm.min() == 32 - 9 - 2


def test_errors_are_those_of_a_known_offset(a_disk, some_noise):
    painted = some_noise + np.where(a_disk, 4, 0).astype(np.float32)
    found = region_errors(some_noise, painted, a_disk, 255.0)
    assert found["lesion"].mae == pytest.approx(4, abs=1e-4) and found["lesion"].rmse == pytest.approx(4, abs=1e-4)
    assert found["lesion"].psnr == pytest.approx(20 * np.log10(255 / 4), abs=1e-3)
    assert found["ring"].mae == 0 and found["ring"].psnr == float("inf")
    assert found["lesion"].ssim < found["ring"].ssim < 1  # the windows of the ring reach into the lesion


def test_copying_lifts_the_psnr_of_the_whole_image_by_the_share_of_the_lesion(a_disk, some_noise):
    painted = np.where(a_disk, 90, some_noise)
    found = region_errors(some_noise, painted, a_disk, 255.0)
    assert found["whole"].psnr - found["lesion"].psnr == pytest.approx(gain_by_copying(a_disk), abs=1e-6)
    wider = np.pad(a_disk, ((0, 0), (32, 32), (32, 32)))
    assert gain_by_copying(wider) - gain_by_copying(a_disk) == pytest.approx(6.02, abs=0.01)


def test_an_identical_region_has_no_psnr_in_the_summary(a_disk, some_noise):
    rows = [region_errors(some_noise, np.where(a_disk, level, some_noise), a_disk, 255.0) for level in (90, 95)]
    found = summarize(rows, ["a", "b"])
    assert found["ring"].psnr is None and found["ring"].identical == 2
    assert found["lesion"].psnr.low is None  # two patients make no interval


def test_patients_are_drawn_not_lesions():
    weights = patient_weights(["a", "a", "b", "c"], count=200, seed=1)
    assert (weights[:, 0] == weights[:, 1]).all() and (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_the_interval_of_a_mean_is_that_of_the_patients_means():
    """Ten lesions of a patient that are all alike tell no more than one."""
    rng = np.random.default_rng(0)
    of_patient = rng.normal(0, 1, 50)
    once = mean_interval(of_patient, [str(n) for n in range(50)])
    tenfold = mean_interval(np.repeat(of_patient, 10), [str(n) for n in range(50) for _ in range(10)])
    assert tenfold.low == pytest.approx(once.low) and tenfold.high == pytest.approx(once.high)
    assert once.high - once.low == pytest.approx(2 * 1.96 * of_patient.std() / np.sqrt(50), rel=0.15)


def test_the_same_seed_gives_the_same_interval():
    values, names = np.arange(30.0), [str(n % 15) for n in range(30)]
    first, again = (bootstrap(lambda w: float(np.average(values, weights=w)), names, seed=3) for _ in range(2))
    assert first == again
    assert first != bootstrap(lambda w: float(np.average(values, weights=w)), names, seed=4)


def test_cooccurrence_counts_pairs_inside_the_lesion_only():
    """A checkered lesion in a bright surrounding: every straight pair differs by one level, diagonal ones by none."""
    j, i = np.mgrid[:8, :8]
    values = np.where((j + i) % 2, 10.0, 20.0)
    mask = (j >= 2) & (j < 6) & (i >= 2) & (i < 6)
    values = np.where(mask, values, 1000.0)[None]
    found = dict(zip(GLCM_NAMES, glcm_features(values, mask[None], 10.0), strict=True))
    straight, diagonal = 2 * 12, 2 * 9
    assert found["contrast"] == pytest.approx(straight / (straight + diagonal))
    assert found["correlation"] == pytest.approx((diagonal - straight) / (straight + diagonal), abs=1e-9)


def test_cooccurrence_of_a_single_voxel_is_not_a_number():
    mask = np.zeros((1, 4, 4), bool)
    mask[0, 1, 1] = True
    assert np.isnan(glcm_features(np.ones((1, 4, 4)), mask, 1.0)).all()


def test_features_see_the_lesion_and_nothing_else(a_disk, some_noise):
    found = dict(zip(FEATURE_NAMES, features(some_noise, a_disk, 4.0), strict=True))
    elsewhere = features(np.where(a_disk, some_noise, -1000), a_disk, 4.0)
    np.testing.assert_allclose(elsewhere, list(found.values()), rtol=1e-5)
    inside = some_noise[a_disk]
    assert found["mean"] == pytest.approx(inside.mean(), rel=1e-5)
    assert found["median"] == pytest.approx(np.median(inside), rel=1e-5)
    assert found["gradient"] == pytest.approx(10 * np.sqrt(2), rel=0.15)  # of white noise
    assert abs(found["GLCM correlation"]) < 0.15


def test_features_of_the_smallest_lesion_are_numbers():
    mask = np.zeros((1, 16, 16), bool)
    mask[0, 8, 8] = True
    values = np.arange(256, dtype=np.float32).reshape(1, 16, 16)
    assert np.isfinite(features(values, mask, 4.0)).all()
    around = context_features(values, mask)
    assert np.isfinite(around).all() and len(around) == len(CONTEXT_NAMES)


def test_high_pass_noise_is_not_told_by_a_ramp_or_an_edge(a_disk, some_noise):
    smooth = np.broadcast_to(np.arange(64, dtype=np.float32), (1, 64, 64)) + np.where(a_disk, 300, 0)
    assert high_pass(smooth, a_disk)[a_disk].std() < 0.6
    assert high_pass(some_noise, a_disk)[a_disk].std() == pytest.approx(9.0, rel=0.15)


def test_frechet_distance_is_that_of_two_normal_distributions():
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 1, (40_000, 3)), rng.normal([1, 0, 0], [1, 2, 1], (40_000, 3))
    assert frechet(a, b) == pytest.approx(1 + 1, abs=0.08)  # (shift of 1)^2 + (2 - 1)^2
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)


def test_distances_of_like_sets_lie_at_the_floor_and_of_unlike_ones_above():
    rng = np.random.default_rng(3)
    names = [str(n // 5) for n in range(300)]
    real, alike = rng.normal(0, 1, (2, 300, 6))
    near, far = feature_distance(real, alike, names), feature_distance(real, alike + 1, names)
    assert near.frechet_half == pytest.approx(near.frechet_floor, rel=0.4)
    assert far.frechet.low > near.frechet.high and far.energy.low > near.energy.high
    assert far.frechet.low < far.frechet.value < far.frechet.high
    few = feature_distance(real[:12], alike[:12], names[:12])
    assert few.frechet is None and few.n == 12 and np.isfinite(few.energy.value)


def test_slices_that_agree_are_told_from_slices_that_do_not(a_disk):
    rng = np.random.default_rng(4)
    texture = rng.normal(0, 20, (64, 64))
    mask = np.repeat(a_disk, 4, axis=0)
    together = texture[None] + rng.normal(0, 2, (4, 64, 64))
    apart = rng.normal(0, 20, (4, 64, 64)) + np.array([0, 30, 0, 30])[:, None, None]
    good, bad = (consistency([volume], [mask], ["a"]) for volume in (together, apart))
    assert good.correlation.value > 0.95 and abs(bad.correlation.value) < 0.2
    assert bad.jump.value == pytest.approx(30, abs=3) and good.jump.value < 1
    assert good.n == 3 and consistency([together[:1]], [mask[:1]], ["a"]) is None


def test_a_patch_at_the_border_repeats_the_edge_but_not_the_lesion():
    plane = np.arange(100.0).reshape(10, 10)
    patch = cut(plane, (0, 5), 8)
    assert (patch[:5] == patch[4]).all() and patch[4, 4] == 5
    assert cut_mask(np.ones((10, 10), bool), (0, 5), 8).sum() == 4 * 8


def test_patches_that_do_not_fit_are_refused():
    stack = np.zeros((3, 64, 64), np.uint8)
    with pytest.raises(InputError, match="N patients"):
        PatchPairs(stack, stack, stack.astype(bool), np.array(["a"]))
    with pytest.raises(InputError, match="multiple of 8"):
        PatchPairs(stack[:, 1:, 1:], stack[:, 1:, 1:], stack[:, 1:, 1:] > 0, np.array(["a", "b", "c"]))
