"""The judge that tells painted from real, and the segmenter that knows real lesions only, on lesions of a formula."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("skimage")
pytest.importorskip("sklearn")

from SyntheticCTLib.assess.detection import detection
from SyntheticCTLib.assess.patches import PatchPairs, cut, cut_mask
from SyntheticCTLib.assess.realism import _auc, _ranked, realism
from SyntheticCTLib.assess.realism_network import NetworkTraining, network_scores
from SyntheticCTLib.assess.segmenter import SegmenterTraining, shifted_center, train_segmenter
from SyntheticCTLib.errors import InputError

LESIONS, PATIENTS = 72, 18


def scene(rng: np.random.Generator, side: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """A bright, softly edged disk in smooth noise, and where it is."""
    from scipy.ndimage import gaussian_filter

    j, i = np.mgrid[:side, :side] - side // 2
    mask = j**2 + i**2 <= rng.uniform(5, 11) ** 2
    noise = gaussian_filter(rng.normal(0, 1, (side, side)), 1.0)
    plane = 40 + 120 * gaussian_filter(mask.astype(float), 1.0) + 25 * noise
    return np.clip(plane, 0, 255).astype(np.uint8), mask


@pytest.fixture(scope="module")
def real_lesions() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    planes, masks = zip(*(scene(rng) for _ in range(LESIONS)), strict=True)
    return np.stack(planes), np.stack(masks), np.array([str(n % PATIENTS) for n in range(LESIONS)])


def pairs(real_lesions, painted: np.ndarray) -> PatchPairs:
    planes, masks, patients = real_lesions
    middle = (48, 48)
    real, fake = (np.stack([cut(plane, middle) for plane in stack]) for stack in (planes, painted))
    return PatchPairs(real, fake, np.stack([cut_mask(mask, middle) for mask in masks]), patients)


def flat(real_lesions) -> np.ndarray:
    planes, masks, _ = real_lesions
    white = np.random.default_rng(1).normal(150, 8, planes.shape)
    return np.where(masks, white, planes).clip(0, 255).astype(np.uint8)


def redrawn(real_lesions) -> np.ndarray:
    """As good as paint can be: other lesions of the same formula and masks."""
    from scipy.ndimage import gaussian_filter

    planes, masks, _ = real_lesions
    rng = np.random.default_rng(2)
    noise = np.stack([gaussian_filter(rng.normal(0, 1, plane.shape), 1.0) for plane in planes])
    clean = np.stack([gaussian_filter(mask.astype(float), 1.0) for mask in masks])
    return np.where(masks, 40 + 120 * clean + 25 * noise, planes).clip(0, 255).astype(np.uint8)


def test_the_judge_finds_out_a_flat_lesion_and_not_the_real_thing(real_lesions):
    training = NetworkTraining(epochs=1, side=32, widths=(16, 16))
    caught = realism(pairs(real_lesions, flat(real_lesions)), training=training)
    fooled = realism(pairs(real_lesions, real_lesions[0]), training=training)
    assert caught.auc.value >= 0.95 and caught.auc.low >= 0.9
    assert fooled.auc.value == pytest.approx(0.5, abs=0.02)  # the very same patches
    assert (caught.n, caught.patients) == (LESIONS, PATIENTS)


def test_good_paint_is_judged_better_than_bad_paint(real_lesions):
    training = NetworkTraining(epochs=1, side=32, widths=(16, 16))
    good = realism(pairs(real_lesions, redrawn(real_lesions)), training=training)
    assert good.auc.value < 0.85


def test_the_network_alone_learns_and_the_same_seed_gives_the_same_scores(real_lesions):
    judged = pairs(real_lesions, flat(real_lesions))
    training = NetworkTraining(epochs=4, pairs=8, side=32, widths=(16, 16))
    real, painted = network_scores(judged, judged, True, 3, training)
    assert (painted > np.median(real)).mean() > 0.9
    again = network_scores(judged, judged, True, 3, training)
    np.testing.assert_array_equal(real, again[0])
    other = network_scores(judged, judged, True, 4, training)
    assert not np.array_equal(real, other[0])


def test_without_the_mask_the_judge_does_not_look_at_it(real_lesions):
    judged = pairs(real_lesions, flat(real_lesions))
    elsewhere = PatchPairs(judged.real, judged.painted, np.roll(judged.mask, 20, axis=1), judged.patients)
    training = NetworkTraining(epochs=1, side=32, widths=(8, 8))
    first, moved = (network_scores(judged, test, False, 0, training) for test in (judged, elsewhere))
    np.testing.assert_array_equal(first, moved)


def test_judging_leaves_torchs_own_random_numbers_alone(real_lesions):
    import torch

    judged = pairs(real_lesions, flat(real_lesions))
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    network_scores(judged, judged, True, 0, NetworkTraining(epochs=1, side=32, widths=(8, 8)))
    assert torch.equal(torch.rand(3), expected)


def test_a_judge_needs_a_few_patients(real_lesions):
    judged = pairs(real_lesions, flat(real_lesions))
    three = judged.patients < "11"
    few = PatchPairs(judged.real[three], judged.painted[three], judged.mask[three], judged.patients[three])
    with pytest.raises(InputError, match="at least 4"):
        realism(few)


def test_the_segmenter_finds_lesions_and_misses_those_that_were_wiped_out(real_lesions):
    rng = np.random.default_rng(7)
    planes, masks = zip(*(scene(rng) for _ in range(96)), strict=True)
    segmenter = train_segmenter(planes, masks, 0, SegmenterTraining(epochs=8, batch=8, width=8))
    held, where, patients = real_lesions
    wiped = np.where(where, 40, held).astype(np.uint8)
    centers = [shifted_center(mask, rng) for mask in where]
    patches = [np.stack([cut(p, c) for p, c in zip(stack, centers, strict=True)]) for stack in (held, wiped)]
    marked = np.stack([cut_mask(mask, c) for mask, c in zip(where, centers, strict=True)])
    found = detection(segmenter, PatchPairs(*patches, marked, patients))
    assert found.real.value > 0.9 and found.painted.value < 0.2
    assert found.difference.value == pytest.approx(found.painted.value - found.real.value)
    assert found.false_marks < 0.12 and found.dice > 0.5


def test_patches_for_the_segmenter_are_not_centered_on_the_lesion():
    rng = np.random.default_rng(0)
    mask = scene(rng)[1]
    centers = np.array([shifted_center(mask, rng) for _ in range(200)])
    assert centers.std(axis=0).min() > 8
    assert min(cut_mask(mask, center).sum() for center in centers) > mask.sum() / 2


def test_judges_of_different_folds_are_not_ranked_against_each_other():
    rng = np.random.default_rng(0)
    parts = np.arange(2000) % 4
    scores = np.stack([rng.normal(0, 1, 2000), rng.normal(1, 1, 2000)])
    fair = _auc(_ranked(scores, parts))
    assert fair == pytest.approx(_auc(scores), abs=0.005)
    shifted = scores + 3 * parts
    assert _auc(_ranked(shifted, parts)) == pytest.approx(fair) and _auc(shifted) < fair - 0.1
