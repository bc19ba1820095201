"""Painters without a network: each does what its name says, and touches nothing else."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("skimage")

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.lesion.evaluation.baselines import (
    BiharmonicFill,
    ConstantPlusNoise,
    HandCraftedTexture,
    LaplaceFill,
    TrueMean,
    baselines,
    lesion_levels,
    surrounding_noise,
)

NOISE = 30.0


@pytest.fixture
def a_region() -> tuple[np.ndarray, np.ndarray]:
    """Two slices of noisy lung at -850 HU, and a lesion of 300 pixels in each."""
    rng = np.random.default_rng(0)
    j, i = np.mgrid[:64, :64]
    mask = np.repeat(((j - 30) ** 2 + (i - 34) ** 2 < 100)[None], 2, axis=0)
    return rng.normal(-850, NOISE, mask.shape).astype(np.float32), mask


@pytest.fixture
def levels():
    """Three training lesions of -400, -200 and 0 HU with a spread of 50."""
    rng = np.random.default_rng(1)
    mask = np.zeros((1, 40, 40), bool)
    mask[:, 5:35, 5:35] = True
    return lesion_levels([(np.where(mask, rng.normal(mean, 50, mask.shape), -850), mask) for mean in (-400, -200, 0)])


def test_levels_are_those_of_the_training_lesions(levels):
    assert levels.means == pytest.approx((-400, -200, 0), abs=6)
    assert levels.spread == pytest.approx(50, rel=0.05)
    with pytest.raises(InputError, match="no lesion"):
        lesion_levels([(np.zeros((1, 4, 4)), np.zeros((1, 4, 4), bool))])


def test_no_baseline_changes_the_outside_and_the_same_seed_gives_the_same_bytes(a_region, levels):
    hu, mask = a_region
    for painter in baselines(levels):
        painted = painter(hu, mask, 4)
        assert painted.dtype == np.float32 and painted.shape == hu.shape, painter.name
        np.testing.assert_array_equal(painted[~mask], hu[~mask], err_msg=painter.name)
        np.testing.assert_array_equal(painted, painter(hu, mask, 4), err_msg=painter.name)
        assert np.isfinite(painted).all() and not np.array_equal(painted, hu), painter.name


def test_no_baseline_but_the_one_that_says_so_looks_under_the_mask(a_region, levels):
    hu, mask = a_region
    other = np.where(mask, np.float32(500), hu)
    for painter in baselines(levels):
        peeks = not np.array_equal(painter(hu, mask, 1), painter(other, mask, 1))
        assert peeks == getattr(painter, "needs_truth", False), painter.name


def test_another_seed_is_another_lesion_for_those_that_draw(a_region, levels):
    hu, mask = a_region
    for painter in (ConstantPlusNoise(levels), HandCraftedTexture(levels)):
        means = {round(float(painter(hu, mask, seed)[mask].mean()), -2) for seed in range(12)}
        assert len(means) >= 3, painter.name
        assert painter(hu, mask, None)[mask].mean() < -150  # the mean of all, not one that was drawn


def test_constant_plus_noise_has_the_level_and_the_noise_it_says(a_region, levels):
    hu, mask = a_region
    painted = ConstantPlusNoise(levels)(hu, mask)
    assert painted[mask].mean() == pytest.approx(-200, abs=10)
    assert painted[mask].std() == pytest.approx(NOISE, rel=0.15)


def test_the_noise_of_the_surroundings_is_not_that_of_a_vessel_in_them(a_region):
    hu, mask = a_region
    assert surrounding_noise(hu, mask) == pytest.approx(NOISE, rel=0.1)
    hu[:, 10:14, :] = 40
    assert surrounding_noise(hu, mask) == pytest.approx(NOISE, rel=0.15)


def test_the_harmonic_fill_continues_a_ramp_exactly():
    """A plane is harmonic: Laplace's fill and the biharmonic one give it back."""
    j, i = np.mgrid[:48, :48].astype(np.float32)
    hu = (3 * j - 2 * i)[None]
    mask = np.zeros(hu.shape, bool)
    mask[0, 15:30, 12:33] = True
    for painter in (LaplaceFill(), BiharmonicFill()):
        np.testing.assert_allclose(painter(hu, mask), hu, atol=0.05, err_msg=painter.name)


def test_the_biharmonic_fill_keeps_the_slope_of_the_rim_and_the_harmonic_one_does_not():
    """A parabola has no fourth derivative, but a second."""
    hu = np.broadcast_to(np.arange(48, dtype=np.float32)[:, None] ** 2 / 4, (1, 48, 48)).copy()
    mask = np.zeros(hu.shape, bool)
    mask[0, 15:30, 12:33] = True
    np.testing.assert_allclose(BiharmonicFill()(hu, mask), hu, atol=0.5)
    assert np.abs(LaplaceFill()(hu, mask) - hu)[mask].max() > 5


def test_a_lesion_at_the_border_of_the_region_is_filled(levels):
    hu = np.full((1, 32, 32), -850, np.float32)
    mask = np.zeros(hu.shape, bool)
    mask[0, :9, :7] = True
    np.testing.assert_allclose(LaplaceFill()(hu, mask)[mask], -850, atol=0.01)
    assert np.isfinite(HandCraftedTexture(levels)(hu, mask, 0)).all()


def test_a_slice_without_a_rim_is_refused():
    with pytest.raises(InputError, match="no rim"):
        LaplaceFill()(np.zeros((1, 8, 8), np.float32), np.ones((1, 8, 8), bool))


def test_the_texture_formula_has_a_soft_edge_and_blobs_in_the_middle(a_region, levels):
    hu, mask = a_region
    painted = HandCraftedTexture(levels)(hu, mask)
    distance = np.hypot(*(np.mgrid[:64, :64] - np.array([30, 34])[:, None, None]))
    rim, core = painted[0][(distance > 9) & mask[0]].mean(), painted[0][distance < 5].mean()
    assert -850 < rim < core - 50 and core == pytest.approx(-200, abs=60)


def test_the_true_mean_is_the_lesions_own(a_region):
    hu, mask = a_region
    painted = TrueMean()(hu, mask)
    assert np.ptp(painted[mask]) == 0 and painted[mask][0] == pytest.approx(hu[mask].mean(), abs=1e-2)
