"""Noise: how strong it is, how it is correlated, and whether a painted lesion has that of its surroundings after."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from SyntheticCTLib.lesion.painting.noise import Surroundings, eroded, immerkaer, inner_voxels, noise_level
from SyntheticCTLib.lesion.painting.noise_match import match_noise
from SyntheticCTLib.lesion.painting.noise_texture import Grain

SHAPE = (6, 104, 104)
SLICE, ROW, COLUMN = np.indices(SHAPE)
BALL = ((ROW - 52) ** 2 + (COLUMN - 52) ** 2 < 19**2) & (SLICE >= 1) & (SLICE <= 4)
CORE = eroded(BALL, 4)
"""Where nothing is faded any more."""


def noise(sigma: float, blur: float = 0.0, between: float = 0.0, seed: int = 0) -> np.ndarray:
    """Noise of a standard deviation, blurred within slices by a Gaussian, and between them."""
    values = np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)
    values = ndimage.gaussian_filter(values, (between, blur, blur), mode="wrap")
    return sigma * values / values.std()


def ratios(out: np.ndarray, hu: np.ndarray) -> np.ndarray:
    """Noise in the lesion's core over that of the tissue round it, fine and coarse."""
    return np.divide(noise_level(out, CORE), noise_level(hu, eroded(~BALL, 3)))


def neighbors(values: np.ndarray, where: np.ndarray, axis: int) -> float:
    """Correlation of neighboring voxels along an axis."""
    values = values - values[where].mean()
    both = where & np.roll(where, 1, axis)
    return float((values * np.roll(values, 1, axis))[both].mean() / values[where].var())


def test_white_noise_is_measured_as_it_is_and_slopes_and_edges_are_not():
    hu = 40 + noise(20) + 3.0 * ROW - 2.0 * COLUMN + 400 * (COLUMN > 50)
    fine, coarse = noise_level(hu, np.ones(SHAPE, bool))
    assert fine == pytest.approx(20, rel=0.03) and coarse == pytest.approx(20, rel=0.03)
    assert np.abs(immerkaer(3.0 * ROW - 2.0 * COLUMN + 400.0 * (COLUMN > 50))).max() < 1e-3


def test_noise_of_soft_tissue_is_told_from_that_of_lung_and_not_raised_by_vessels():
    lung = COLUMN > 40
    vessels = lung & (((COLUMN - 60) % 20) < 3)
    hu = np.where(lung, -850.0, 50.0) + np.where(lung, noise(60), noise(15))
    hu = np.where(vessels, 40 + noise(15), hu)
    around = Surroundings(hu, np.zeros(SHAPE, bool))
    assert noise_level(around.hu, around.like(40)).fine == pytest.approx(15, rel=0.1)
    assert noise_level(around.hu, around.like(-800)).fine == pytest.approx(60, rel=0.1)


def test_a_solid_lesion_in_lung_alone_is_compared_with_lung_and_none_with_too_little_tissue():
    around = Surroundings(-850 + noise(40), BALL)
    assert noise_level(around.hu, around.like(40)).fine == pytest.approx(40, rel=0.1)
    assert not (around.like(40) & BALL).any()
    assert Surroundings(np.full((1, 12, 12), -850.0), np.zeros((1, 12, 12), bool)).like(40) is None


@pytest.mark.parametrize("blur", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("grain", [0.0, 0.5])
def test_a_lesion_that_lacks_noise_gets_that_of_its_surroundings(blur, grain):
    hu = 40 + noise(20, blur, 0.5)
    painted = np.where(BALL, 60 + grain * noise(20, blur, 0.5, seed=1), hu)
    out, found = match_noise(painted, BALL, Surroundings(hu, BALL), np.random.default_rng(2))
    assert found.added == pytest.approx(np.sqrt(1 - grain**2), abs=0.1)
    assert (0.85 < ratios(out, hu)).all() and (ratios(out, hu) < 1.2).all()
    assert 0.8 < out[CORE].std() / 20 < 1.15
    assert np.array_equal(out[~BALL], painted[~BALL])
    for axis in range(3):
        assert neighbors(out, CORE, axis) == pytest.approx(neighbors(hu, ~BALL, axis), abs=0.12)


@pytest.mark.parametrize("blur", [0.7, 1.0])
def test_a_lesion_too_crisp_for_the_scan_is_softened_as_its_kernel_would(blur):
    hu = 40 + noise(15, blur)
    painted = np.where(BALL, 60 + noise(18, seed=1), hu)
    out, found = match_noise(painted, BALL, Surroundings(hu, BALL), np.random.default_rng(2))
    assert ratios(painted, hu)[0] > 3
    assert (0.85 < ratios(out, hu)).all() and (ratios(out, hu) < 1.2).all()
    assert found.softened < 1.2 * blur
    assert np.array_equal(out[~BALL], painted[~BALL])


def test_a_lesion_with_enough_noise_is_left_alone():
    hu = 40 + noise(20, 0.6)
    painted = np.where(BALL, 60 + noise(20, 0.6, seed=1), hu)
    out, found = match_noise(painted, BALL, Surroundings(hu, BALL), np.random.default_rng(2))
    assert out is painted and found.added == 0 and found.softened == 0


def test_a_scan_without_noise_gives_a_lesion_without_noise():
    hu = np.full(SHAPE, 40, np.float32)
    painted = np.where(BALL, 60, hu).astype(np.float32)
    out, found = match_noise(painted, BALL, Surroundings(hu, BALL), np.random.default_rng(2))
    assert np.array_equal(out, painted) and found.surroundings == (0, 0)


def test_added_noise_fades_towards_the_border():
    hu = 40 + noise(20)
    painted = np.where(BALL, 60, hu)
    around = Surroundings(hu, BALL)
    many = [match_noise(painted, BALL, around, np.random.default_rng(seed))[0] for seed in range(5)]
    spread = np.std(many, axis=0, ddof=1)
    rim = BALL & ~eroded(BALL, 1)
    assert spread[rim].mean() == pytest.approx(20 / 3, rel=0.15)
    assert spread[CORE].mean() == pytest.approx(20, rel=0.15)


def test_the_same_seed_gives_the_same_noise_and_another_other_noise():
    hu = 40 + noise(20)
    painted, around = np.where(BALL, 60, hu), Surroundings(hu, BALL)
    first, again, other = (match_noise(painted, BALL, around, np.random.default_rng(n))[0] for n in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_lesion_of_few_voxels_is_left_as_it_is():
    dot = np.zeros(SHAPE, bool)
    dot[2, 50:53, 50:53] = True
    hu = 40 + noise(20)
    painted = np.where(dot, 60, hu)
    assert inner_voxels(dot) is None
    assert match_noise(painted, dot, Surroundings(hu, dot), np.random.default_rng(0))[0] is painted


@pytest.mark.parametrize("blur", [0.4, 0.8, 1.2])
def test_the_kernel_is_read_off_the_noise(blur):
    around = Surroundings(40 + noise(20, blur), BALL)
    assert Grain.of(around, around.like(40)).blur == pytest.approx(blur, rel=0.25)


def test_clipped_air_is_not_taken_for_quiet_tissue():
    hu = np.maximum(-1000 + noise(60), -1024)
    around = Surroundings(hu, np.zeros(SHAPE, bool))
    assert around.like(-1000) is None
