"""What is laid over a synthetic scan, by numbers known beforehand."""

import numpy as np
import pytest
import SimpleITK as sitk
from trunks import blob, known_path, trunk

from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.morph.body import body_mask
from SyntheticCTLib.morph.warping import morph
from SyntheticCTLib.slicer_bridge.overlays import (
    CELL_MM,
    CHANGE_UNIT,
    HIDDEN,
    checkerboard,
    difference,
    furthest_point,
    volume_change,
)


def test_the_difference_is_synthetic_minus_source_wherever_the_synthetic_one_lies():
    image, _ = trunk()
    brighter = sitk.Cast(image + 70, sitk.sitkInt16)
    assert np.abs(sitk.GetArrayFromImage(difference(brighter, image, np.eye(4))) - 70).max() <= 1  # rounding
    shift = np.eye(4)
    shift[:3, 3] = (8.0, -4.0, 12.0)  # where the source is, seen from the synthetic scan
    ball, moved = (blob(Geometry.of(image), at) for at in ((0, 0, 0), (-8, 4, -12)))
    inner = sitk.GetArrayFromImage(difference(moved, ball, shift))[6:-6, 6:-6, 6:-6]
    assert np.abs(inner).max() <= 1


@pytest.mark.parametrize("grid", ["source", "target"])
def test_the_change_of_volume_is_the_jacobian_in_the_pose_the_scan_lies_in(grid):
    image, _ = trunk()
    path = known_path(image, image)
    made = morph(image, path, 0.5, grid=grid).image
    change = volume_change(path, 0.5, made, grid == "target")
    expected = 1 / sitk.GetArrayFromImage(path.jacobian(0.5, Geometry.of(change), grid))
    assert np.allclose(sitk.GetArrayFromImage(change) / CHANGE_UNIT, np.log2(expected), atol=0.006)
    assert np.abs(sitk.GetArrayFromImage(change)).max() > 5


def test_the_checkerboard_shows_every_other_square_of_the_target():
    image, _ = trunk()
    board = sitk.GetArrayFromImage(checkerboard(image, image, np.eye(4)))
    shown = board != HIDDEN
    assert 0.4 < shown.mean() < 0.6
    assert np.abs(board[shown] - sitk.GetArrayFromImage(image)[shown]).max() <= 1  # rounding
    cell = int(CELL_MM / image.GetSpacing()[0])
    assert shown[0, 0, 0] and not shown[0, 0, cell + 1] and shown[0, cell + 1, cell + 1]


def test_the_furthest_point_is_in_the_body_and_moves_most():
    image, _ = trunk()
    path = known_path(image, image)
    point = furthest_point(path, image)
    moved = np.linalg.norm(path.push_forward(1.0, point.reshape(3, 1).astype(np.float32))[:, 0] - point)
    others = np.random.default_rng(2).uniform(-30, 30, (3, 400)).astype(np.float32)
    assert moved > np.linalg.norm(path.push_forward(1.0, others) - others, axis=0).max() - 0.5
    inside = sitk.GetArrayViewFromImage(body_mask(image)).astype(bool)
    i, j, k = image.TransformPhysicalPointToIndex(point.tolist())
    assert inside[k, j, i]
