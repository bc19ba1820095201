"""Lesion masks: components, their measures, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from volumes import GRIDS, like, voxels

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import Geometry, LabelLayer, read_layers
from SyntheticCTLib.lesion.masks import (
    hu_array,
    largest_diameter,
    lesions_in,
    lesions_of_scan,
    with_lesions,
)

EYE = tuple(np.eye(3).ravel())
GRID = Geometry((60, 50, 40), (0.8, 0.8, 2.0), (-20.0, 30.0, -100.0), EYE)


def layer(values, grid=GRID, name="lesions", names=None):
    image = sitk.GetImageFromArray(values.astype(np.uint8))
    grid.apply_to(image)
    return LabelLayer(name, image, names or {})


def empty(grid=GRID):
    return np.zeros(grid.size[::-1], np.uint8)


def chest(grid=GRID):
    """A body of 40 HU in air, with a lung that it encloses: an image, (K, J, I) shape of `grid`."""
    hu = np.full(grid.size[::-1], -1000, np.int16)
    hu[:, 10:45, 10:50] = 40
    hu[:, 15:40, 20:45] = -980  # emphysema, so that only what encloses it tells it from room air
    image = sitk.GetImageFromArray(hu)
    grid.apply_to(image)
    return image


def refusal(call, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return str(caught.value)


def ball(grid, center, radius):
    """Voxels (K, J, I) of a grid within `radius` mm of an index i, j, k."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.size], indexing="ij"))
    steps = (index - np.reshape(center, (3, 1, 1, 1))) * np.reshape(grid.spacing, (3, 1, 1, 1))
    return (np.linalg.norm(steps, axis=0) <= radius).transpose(2, 1, 0)


def test_voxels_that_touch_by_a_corner_are_one_lesion_and_a_gap_makes_two():
    mask = empty()
    mask[5, 5, 5] = mask[6, 6, 6] = 1
    mask[5, 5, 8] = 1
    lesions = lesions_in(layer(mask))
    assert [one.mask.sum() for one in lesions] == [2, 1]
    assert lesions[0].box == (slice(5, 7), slice(5, 7), slice(5, 7))


def test_lesions_of_different_labels_stay_apart_and_only_those_chosen_are_found():
    mask = empty()
    mask[5, 5, 5:8], mask[5, 5, 8:10], mask[9, 9, 9] = 2, 3, 9
    lesions = lesions_in(layer(mask), [3, 2])
    assert [(one.number, one.label, int(one.mask.sum())) for one in lesions] == [(1, 2, 3), (2, 3, 2)]


def test_measures_of_a_ball():
    (lesion,) = lesions_in(layer(ball(GRID, (30, 25, 20), 10.0)))
    assert lesion.diameter_mm == pytest.approx(20, abs=0.8)
    assert lesion.sphere_mm == pytest.approx(20, abs=0.4)
    assert lesion.volume_ml == pytest.approx(4.19, rel=0.05)
    assert lesion.center_lps == pytest.approx((-20 + 30 * 0.8, 30 + 25 * 0.8, -100 + 20 * 2.0))


@pytest.mark.parametrize("grid", GRIDS)
def test_one_voxel_is_as_wide_as_its_pixel_in_the_plane_that_is_most_nearly_axial(grid):
    grid = GRIDS[grid]
    mask = empty(grid)
    mask[0, 3, 4] = 1
    (lesion,) = lesions_in(layer(mask, grid))
    head_foot = int(np.argmax(np.abs(np.reshape(grid.direction, (3, 3))[2])))
    in_plane = [mm for axis, mm in enumerate(grid.spacing) if axis != head_foot]
    assert lesion.diameter_mm == pytest.approx(max(in_plane))
    assert lesion.volume_ml == pytest.approx(np.prod(grid.spacing) / 1000)
    expected = grid.matrix() @ (4, 3, 0, 1)
    assert lesion.center_lps == pytest.approx(expected[:3])


def test_the_diameter_runs_within_a_slice_not_across_slices():
    tall = np.ones((30, 3, 4), bool)
    assert largest_diameter(tall, (1, 1, 1)) == pytest.approx(np.hypot(2, 4))  # from edge middle to edge middle
    assert largest_diameter(tall, (1, 1, 1), axis=2) > 29
    assert largest_diameter(np.zeros((2, 2, 2), bool), (1, 1, 1)) == 0


def test_a_concave_outline_is_measured_across_its_gap():
    ring = np.zeros((1, 21, 21), bool)
    ring[0, 10, [0, 20]] = True
    assert largest_diameter(ring, (1, 1, 1)) == pytest.approx(21)


def test_a_thousand_lesions():
    grid = Geometry((100, 100, 100), (1, 1, 1), (0, 0, 0), EYE)
    mask = empty(grid)
    mask[2::10, 2::10, 2::10] = 1
    mask[3::10, 2::10, 2::10] = 1
    lesions = lesions_in(layer(mask, grid))
    assert [one.number for one in lesions] == list(range(1, 1001))
    assert all(one.mask.shape == (2, 1, 1) for one in lesions)


def test_a_thousand_label_values():
    grid = Geometry((100, 100, 20), (1, 1, 1), (0, 0, 0), EYE)
    mask = np.zeros(grid.size[::-1], np.uint16)
    mask[5:10, ::4, ::4] = np.arange(1, 626).reshape(25, 25)
    image = sitk.GetImageFromArray(mask)
    grid.apply_to(image)
    assert [one.label for one in lesions_in(LabelLayer("lesions", image))] == list(range(1, 626))


def test_an_empty_mask_is_refused_and_so_is_a_label_that_does_not_occur():
    assert "it is empty" in refusal(lesions_in, layer(empty()))
    mask = empty()
    mask[5, 5, 5] = 4
    message = refusal(lesions_in, layer(mask), [1, 2])
    assert "label 1 or 2" in message and "it holds 4" in message


def test_a_mask_outside_the_body_is_refused_and_said_where():
    mask = empty()
    mask[10:12, 2:4, 2:4] = 1
    mask[20:22, 25:28, 30:33] = 1
    message = refusal(lesions_of_scan, layer(mask), chest())
    assert "1 of its 2 lesions lie in the air outside the body" in message
    assert "(-18, 32, -79) mm LPS" in message


def test_air_inside_the_body_and_its_surface_are_no_room_air():
    mask = empty()
    mask[20:22, 25:28, 30:33] = 1  # emphysema
    mask[10:12, 8:12, 20:24] = 1  # across the skin
    mask[30, 20, 14] = 1
    assert len(lesions_of_scan(layer(mask), chest())) == 3


@pytest.mark.parametrize("order", ["LPS", "RAI", "SAL", "PSR"])
def test_outside_and_inside_are_told_apart_whichever_way_the_axes_run(order):
    mask = empty()
    mask[10:12, 2:4, 2:4] = 1
    turned = sitk.DICOMOrient(layer(mask).image, order)
    image = sitk.DICOMOrient(chest(), order)
    assert "outside the body" in refusal(lesions_of_scan, LabelLayer("lesions", turned), image)
    lung = empty()
    lung[20:22, 25:28, 30:33] = 1
    turned = sitk.DICOMOrient(layer(lung).image, order)
    (lesion,) = lesions_of_scan(LabelLayer("lesions", turned), image)
    (plain,) = lesions_of_scan(layer(lung), chest())
    assert lesion.diameter_mm == pytest.approx(plain.diameter_mm)
    assert lesion.center_lps == pytest.approx(plain.center_lps)


def test_a_mask_on_another_grid_is_refused():
    other = Geometry(GRID.size, GRID.spacing, (0.0, 30.0, -100.0), EYE)
    mask = empty()
    mask[20, 25, 30] = 1
    message = refusal(lesions_of_scan, layer(mask, other), chest())
    assert "another grid" in message and "origin (0, 30, -100)" in message


def test_a_mask_with_nan_is_refused_on_reading(tmp_path):
    values = empty().astype(np.float32)
    values[20, 25, 30], values[0, 0, 0] = 1, np.nan
    path = tmp_path / "lesion.nrrd"
    sitk.WriteImage(like(chest(), values), str(path))
    assert "nan" in refusal(read_layers, [path], chest())


def test_a_map_that_is_no_label_map_and_an_image_with_nan_are_refused():
    image = sitk.GetImageFromArray(np.full((3, 3, 3), np.nan, np.float32))
    assert "32-bit float" in refusal(lesions_in, LabelLayer("lesions", image))
    assert "NaN" in refusal(hu_array, image)


def test_the_lesions_join_the_layers_of_the_input_and_no_other_value_changes():
    rng = np.random.default_rng(5)
    organs = [layer(rng.integers(0, 9, GRID.size[::-1]), name=name, names={1: "lung"}) for name in ("a", "lesions")]
    before = [voxels(one.image) for one in organs]
    mask = empty()
    mask[20, 25, 30] = 1
    joined = with_lesions(organs, layer(mask, names={1: "lesion 1"}))
    assert [one.name for one in joined] == ["a", "lesions", "lesions2"]
    assert all(one is organ for one, organ in zip(joined, organs, strict=False))
    assert all(voxels(one.image).tobytes() == old.tobytes() for one, old in zip(joined, before, strict=False))
    assert np.array_equal(voxels(joined[2].image), mask) and joined[2].names == {1: "lesion 1"}


def test_lesions_on_another_grid_than_the_layers_are_refused():
    other = Geometry(GRID.size, (1.0, 1.0, 1.0), GRID.origin, EYE)
    assert "another grid" in refusal(with_lesions, [layer(empty())], layer(empty(other), other))
