"""The batches a training sees: the same for the same number, whole lesions in them, masks widened but not traits."""

from __future__ import annotations

import numpy as np
import pytest

from SyntheticCTLib.lesion.conditions import ABSENT, Inputs
from SyntheticCTLib.lesion.training.batches import Batches, Stack


def stack(radius: float, slices: int = 3, side: int = 96, consecutive: bool = True, patient: str = "a") -> Stack:
    """A cylinder of 0.5 in -0.8; rows are ramped a little so that flips can be told."""
    rows, columns = np.mgrid[:side, :side]
    mask = (rows - side // 2) ** 2 + (columns - side // 2) ** 2 < radius**2
    image = np.where(mask, 0.5, -0.8 + 0.001 * rows).astype(np.float32)
    return Stack(np.stack([image] * slices), np.stack([mask] * slices), patient, consecutive)


def batches(*stacks, halo=0, seed=1, patches=(32, 64)):
    return Batches(stacks, patches, margin=4, batch=8, halo=halo, seed=seed)


def test_the_same_number_gives_the_same_batch_in_any_order():
    one, other = batches(stack(6), stack(20)), batches(stack(6), stack(20))
    numbers = [5, 0, 3]
    drawn = {number: one.draw(number) for number in numbers}
    for number in reversed(numbers):
        again = other.draw(number)
        for name in ("image", "mask", "beside", "beside_mask", "core"):
            assert np.array_equal(getattr(drawn[number], name), getattr(again, name))
    assert not np.array_equal(drawn[0].image, drawn[3].image)
    assert not np.array_equal(batches(stack(6), stack(20), seed=2).draw(0).image, drawn[0].image)


def test_a_lesion_goes_into_the_smallest_square_that_holds_it():
    drawn = [batches(stack(6), stack(20)).draw(number) for number in range(20)]
    sides = {batch.image.shape[1] for batch in drawn}
    assert sides == {32, 64}
    for batch in drawn:
        area = batch.mask.sum(axis=(1, 2))
        expected = stack(6 if batch.image.shape[1] == 32 else 20).mask[0].sum()
        assert (area == expected).all()
    assert {len(batch.image) for batch in drawn} == {8, 2}


def test_a_lesion_larger_than_all_squares_is_shown_in_part():
    for number in range(10):
        batch = batches(stack(45), patches=(32,)).draw(number)
        assert batch.image.shape[1:] == (32, 32) and batch.core.any(axis=(1, 2)).all()


def test_two_in_three_slices_have_their_neighbour_beside_them_and_single_ones_never():
    there = np.concatenate([(batches(stack(6)).draw(n).beside > ABSENT).any(axis=(1, 2)) for n in range(40)])
    assert 0.55 < there.mean() < 0.75
    alone = batches(stack(6, consecutive=False)).draw(0)
    assert (alone.beside == ABSENT).all() and not alone.beside_mask.any()


def test_neighbours_are_flipped_and_cut_alike():
    batch = batches(stack(6)).draw(0)
    there = (batch.beside > ABSENT).any(axis=(1, 2))
    assert there.any() and np.allclose(batch.beside[there], batch.image[there])
    assert np.array_equal(batch.beside_mask[there], batch.mask[there])


def test_squares_are_flipped_but_never_turned():
    directions = set()
    for number in range(30):
        batch = batches(stack(6)).draw(number)
        for image, mask in zip(batch.image, batch.mask, strict=True):
            lung = np.where(mask > 0, np.nan, image)
            down = np.nanmean(np.diff(lung, axis=0))
            assert abs(np.nanmean(np.diff(lung, axis=1))) < 1e-6 < abs(down)
            directions.add(down > 0)
    assert directions == {True, False}


def test_masks_are_widened_by_up_to_the_halo_while_traits_stay_those_of_the_lesion():
    areas = {n: set() for n in (0, 2)}
    for halo, seen in areas.items():
        for number in range(15):
            batch = batches(stack(6), halo=halo).draw(number)
            assert (batch.mask >= batch.core).all()
            assert (batch.core.sum(axis=(1, 2)) == stack(6).mask[0].sum()).all()
            seen |= set(batch.mask.sum(axis=(1, 2)).tolist())
    assert len(areas[0]) == 1 and len(areas[2]) == 3


def test_the_network_is_told_by_how_much_each_mask_was_widened():
    batch = batches(stack(6), halo=2).draw(0)
    area = {halo: set(batch.mask.sum(axis=(1, 2))[batch.halo == halo]) for halo in (0, 1, 2)}
    assert all(len(sizes) == 1 for sizes in area.values()) and max(area[0]) < max(area[1]) < max(area[2])
    told = batch.context(Inputs(halo=True))[:, -1]
    assert [set(np.unique(one[mask > 0])) for one, mask in zip(told, batch.mask, strict=True)] == [
        {np.float32(halo) * np.float32(1 / 3)} for halo in batch.halo
    ]
    assert not told[batch.mask == 0].any()


@pytest.mark.parametrize("number", [0, 1])
def test_values_stay_encoded(number):
    batch = batches(stack(6)).draw(number)
    assert batch.image.dtype == np.float32 and np.abs(batch.image).max() <= 1
