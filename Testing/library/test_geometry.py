"""The grid of a volume: index to patient, comparison, description."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import SimpleITK as sitk
from volumes import GRIDS, ct, rotation

from SyntheticCTLib.images import Geometry, content_hash


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_the_matrix_places_voxels_where_simpleitk_does(grid):
    image = ct(grid)
    for index in [(0, 0, 0), (8, 7, 0), (3, 5, grid.size[2] - 1)]:
        expected = image.TransformIndexToPhysicalPoint(index)
        assert (Geometry.of(image).matrix() @ [*index, 1])[:3] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_corners_are_half_a_voxel_outside_the_outer_centers(grid):
    image = ct(grid)
    corners = grid.corners()
    last = np.array(grid.size) - 0.5
    assert corners.shape == (8, 3)
    for index in ([-0.5, -0.5, -0.5], last.tolist(), [-0.5, last[1], -0.5]):
        place = image.TransformContinuousIndexToPhysicalPoint(index)
        assert np.linalg.norm(corners - place, axis=1).min() < 1e-9
    low, high = grid.bounds()
    assert np.allclose(low, corners.min(axis=0)) and np.allclose(high, corners.max(axis=0))


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_a_new_image_has_the_grid_and_the_fill(grid):
    image = grid.new_image(sitk.sitkInt16, -1024)
    assert Geometry.of(image) == grid
    assert image.GetPixelID() == sitk.sitkInt16
    assert set(sitk.GetArrayFromImage(image).ravel()) == {-1024}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_an_upright_grid_holds_the_other_round_the_same_middle(grid):
    upright = grid.upright((1.5, 2.0, 4.0))
    assert upright.spacing == (1.5, 2.0, 4.0) and np.array_equal(upright.matrix()[:3, :3], np.diag(upright.spacing))
    (low, high), (least, most) = grid.bounds(), upright.bounds()
    assert np.allclose(low + high, least + most)
    assert (least <= low + 0.005).all() and (most - least < high - low + upright.spacing).all()
    chosen = grid.upright((1.5, 2.0, 4.0), (20, 30, 16))
    assert chosen.size == (20, 30, 16) and np.allclose(np.add(*chosen.bounds()), low + high)


@pytest.mark.parametrize("name", ["plain", "anisotropic", "flipped", "left-handed"])
def test_an_upright_grid_of_the_same_spacing_has_the_same_voxels(name):
    grid = GRIDS[name]
    upright = grid.upright(grid.spacing)
    assert upright.size == grid.size and np.allclose(upright.bounds(), grid.bounds())


def test_rounding_in_a_header_keeps_a_grid_the_same():
    grid = GRIDS["oblique"]
    rounded = dataclasses.replace(grid, origin=tuple(np.float32(v) + 1e-3 for v in grid.origin))
    assert grid.same_as(rounded) and rounded.same_as(grid)


@pytest.mark.parametrize(
    "change",
    [
        {"size": (9, 8, 6)},
        {"origin": (10.0, -20.0, 30.2)},
        {"spacing": (0.8, 0.8, 2.52)},
        {"direction": tuple(rotation(12, -25, 41).ravel())},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_size_place_spacing_or_direction_is_another_grid(change):
    assert not GRIDS["oblique"].same_as(dataclasses.replace(GRIDS["oblique"], **change))


def test_sheared_axes_are_not_orthogonal():
    assert all(grid.is_orthogonal() for grid in GRIDS.values())
    sheared = dataclasses.replace(GRIDS["plain"], direction=(1, 0.001, 0, 0, 1, 0, 0, 0, 1))
    assert not sheared.is_orthogonal()


def test_the_description_is_one_line_with_all_four_facts():
    text = GRIDS["flipped"].describe()
    assert (
        text == "9 x 8 x 7 voxels of 1 x 2 x 3 mm, origin (90, 80, -70) mm, direction (-1 0 0; 0 -1 0; 0 0 1)"
    )


def test_a_grid_is_not_given_to_an_image_of_another_size():
    with pytest.raises(ValueError, match="does not fit"):
        GRIDS["single slice"].apply_to(ct(GRIDS["plain"]))


def test_the_content_hash_follows_the_voxels_and_nothing_else():
    image = ct(GRIDS["plain"])
    moved = ct(GRIDS["oblique"])
    moved.SetMetaData("anything", "else")
    assert content_hash(image) == content_hash(moved)
    image[0, 0, 0] += 1
    assert content_hash(image) != content_hash(moved)
    # the value of a known volume, so that hashes in saved paths stay valid
    known = sitk.GetImageFromArray(np.arange(-4, 4, dtype=np.int16).reshape(2, 2, 2))
    assert content_hash(known) == "eebf62ed1d18b8a447bbdcc8cc48e72da27539760e5135fc376c16e1a1c75de7"


def test_only_a_ct_image_has_a_content_hash():
    with pytest.raises(ValueError, match="16-bit"):
        content_hash(sitk.Image([2, 2, 2], sitk.sitkFloat32))
