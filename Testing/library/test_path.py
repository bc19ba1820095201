"""The morph path, against deformations known on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from trunks import IDENTITY, PLAIN, blob, center_of_mass, deformation, known_path, rigid, still_path, swirl, trunk
from volumes import rotation, voxels

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.morph.path import coarse_over, positions
from SyntheticCTLib.morph.register import split_affine
from SyntheticCTLib.morph.warping import morph

STRETCH = np.array([[1.10, 0.04, 0.0, 6.0], [0.02, 0.93, 0.03, -5.0], [0.0, -0.05, 1.05, 8.0], [0, 0, 0, 1]])
POSE = rigid((6, -9, 14), (25, -40, 130))


@pytest.fixture(scope="module")
def ends():
    """Two trunks, the second one turned and shifted."""
    lying = np.linalg.inv(POSE)
    corner = np.array([-86, -70, -78]) + lying[:3, 3]
    return trunk()[0], trunk(Geometry(PLAIN.size, PLAIN.spacing, tuple(corner), IDENTITY), place=lying)[0]


@pytest.fixture(scope="module")
def path(ends):
    """Swirl, stretch and pose at once."""
    return known_path(*ends, affine=STRETCH @ POSE)


def in_body(rng=0, count=2000):
    """Points of the trunk, (3, count) LPS mm."""
    return np.random.default_rng(rng).uniform(-1, 1, (3, count)) * np.reshape((50, 35, 55), (3, 1))


def distances(a, b):
    return np.sqrt(((np.asarray(a, float) - b) ** 2).sum(axis=0))


# --- the direction of the pull-back


def test_the_ball_goes_where_the_target_has_it_and_not_to_the_mirrored_place():
    source, target = blob(PLAIN, (10, -5, 0)), blob(PLAIN, (22, -5, 0))
    # The target point y shows the source point y + u(y), so a ball that lies 12 mm to the left needs u = -12.
    shift = np.reshape((-12.0, 0, 0), (3, 1, 1, 1))
    path = known_path(source, target, lambda y: shift * np.exp(-((y / 60) ** 2).sum(axis=0) ** 3))
    # (the shift fades a little over the ball: even an exact path takes its middle 0.28 mm less far)
    assert np.allclose(center_of_mass(morph(source, path, 1.0).image), (22, -5, 0), atol=0.4)
    assert np.allclose(center_of_mass(morph(source, path, 0.5).image), (16, -5, 0), atol=0.4)
    assert np.allclose(center_of_mass(morph(source, path, 0.25).image), (13, -5, 0), atol=0.4)
    assert path.field(0.5, PLAIN)[22, 16, 20][0] == pytest.approx(-6, abs=0.3)
    assert path.inverse_field(0.5, PLAIN)[22, 16, 20][0] == pytest.approx(6, abs=0.3)


def test_the_target_pose_puts_the_ball_where_the_target_has_it():
    home, away = (10.0, -5.0, 4.0), np.linalg.inv(POSE) @ (10.0, -5.0, 4.0, 1)
    there = Geometry(PLAIN.size, PLAIN.spacing, tuple(away[:3] - (80, 70, 75)), IDENTITY)
    source, target = blob(PLAIN, home), blob(there, away[:3])
    path = still_path(source, target, pose=POSE)
    assert np.allclose(center_of_mass(morph(source, path, 0.5, grid="target").image), away[:3], atol=0.3)
    assert np.allclose(center_of_mass(morph(source, path, 0.5, grid="source").image), home, atol=0.3)


def test_a_stretch_makes_the_ball_smaller_where_the_jacobian_is_above_one():
    source = blob(PLAIN, (0, 0, 0), 26)
    grown = still_path(source, source, stretch=np.diag([1.4, 1.4, 1.4, 1]))

    def volume(t):
        return np.maximum(voxels(morph(source, grown, t).image) + 990.0, 0).sum()

    assert volume(1.0) == pytest.approx(volume(0.0) / 1.4**3, rel=0.05)
    assert volume(0.5) == pytest.approx(volume(0.0) / 1.4**1.5, rel=0.05)
    assert np.allclose(voxels(grown.jacobian(0.5)), 1.4**1.5, rtol=1e-4)
    assert np.allclose(voxels(grown.inverse_jacobian(0.5)), 1.4**-1.5, rtol=1e-4)


# --- its ends


def test_at_zero_nothing_moves_to_the_last_bit(path):
    for field in (path.field(0), path.inverse_field(0), path.field(0, PLAIN), path.inverse_field(0, PLAIN)):
        assert not voxels(field).any()
    assert (voxels(path.jacobian(0)) == 1).all()
    assert (voxels(path.inverse_jacobian(0)) == 1).all()


def test_at_zero_in_the_target_pose_only_the_pose_is_left(path):
    field = voxels(path.field(0, path.target.geometry, grid="target"))
    start = positions(path.target.geometry).astype(float)
    # the path's own pose is that of the affine part: the stretch that is left over is symmetric
    pose, _ = split_affine(STRETCH @ POSE, path.source.geometry)
    truth = np.tensordot(pose[:3, :3], start, 1) + pose[:3, 3].reshape(3, 1, 1, 1) - start
    assert np.abs(np.moveaxis(field, -1, 0) - truth).max() < 1e-3


def test_at_one_it_is_the_deformation_it_was_made_along(ends, path):
    found = deformation(swirl, STRETCH @ POSE, Geometry.of(ends[1]))
    points = np.linalg.inv(POSE)[:3, :3] @ in_body() + np.linalg.inv(POSE)[:3, 3:]
    apart = distances(path.pull_back(1, points, "target"), found.source_points(points))
    assert apart.mean() < 0.1
    assert np.percentile(apart, 99) < 0.5
    assert distances(found.source_points(points), points).mean() > 20


def test_the_fit_is_recorded(path):
    assert 0 < path.method["fit_mean_mm"] < 0.1
    assert path.method["fit_p99_mm"] < 0.5
    assert path.method["backend"] == "paper"


def test_the_pose_is_rigid_and_the_stretch_symmetric_about_the_middle_of_the_source(ends):
    geometry = Geometry.of(ends[0])
    pose, stretch = split_affine(STRETCH @ POSE, geometry)
    assert np.allclose(stretch @ pose, STRETCH @ POSE)
    assert np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3))
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
    assert np.allclose(stretch[:3, :3], stretch[:3, :3].T)
    middle = geometry.corners().mean(axis=0)
    assert np.allclose(stretch[:3, :3] @ middle + stretch[:3, 3], middle)


def test_a_mirroring_affine_is_refused(ends):
    with pytest.raises(ValueError, match="mirror"):
        split_affine(np.diag([-1.0, 1, 1, 1]), Geometry.of(ends[0]))


# --- on the way


def test_going_to_s_and_on_by_t_is_going_to_s_plus_t(path):
    start = in_body()
    for s, t in ((0.3, 0.4), (0.5, 0.5)):
        apart = distances(path.pull_back(s, path.pull_back(t, start)), path.pull_back(s + t, start))
        assert apart.mean() < 0.05
    assert distances(path.pull_back(0.7, start), start).mean() > 5


@pytest.mark.parametrize("grid", ["source", "target"])
def test_the_inverse_undoes_the_path(path, grid):
    start = in_body()
    if grid == "target":
        start = np.linalg.inv(POSE)[:3, :3] @ start + np.linalg.inv(POSE)[:3, 3:]
    for t in (0.25, 1.0):
        there = path.pull_back(t, start, grid)
        assert distances(path.push_forward(t, there, grid), start).mean() < 0.05
        assert distances(there, start).mean() > 1


def test_field_and_inverse_field_are_the_pull_back_and_the_push_forward(path):
    start = positions(PLAIN)
    pulled = path.pull_back(0.6, start) - start
    assert np.allclose(voxels(path.field(0.6, PLAIN)), np.moveaxis(pulled, 0, -1), atol=1e-3)
    pushed = path.push_forward(0.6, start, "target") - start
    assert np.allclose(voxels(path.inverse_field(0.6, PLAIN, "target")), np.moveaxis(pushed, 0, -1), atol=1e-3)


def test_fields_are_vector_images_on_the_grid_asked_for(path):
    oblique = Geometry((9, 8, 7), (8.0, 9.0, 5.0), (-30.0, -20.0, 10.0), tuple(rotation(20, -30, 10).ravel()))
    for image in (path.field(0.5, oblique), path.inverse_field(0.5, oblique)):
        assert image.GetPixelID() == sitk.sitkVectorFloat32
        assert Geometry.of(image).same_as(oblique)
    assert path.jacobian(0.5, oblique).GetPixelID() == sitk.sitkFloat32
    assert Geometry.of(path.jacobian(0.5, oblique)).same_as(oblique)
    assert Geometry.of(path.inverse_jacobian(0.5, oblique)).same_as(oblique)


def test_the_grid_a_field_is_read_on_does_not_matter(path):
    oblique = Geometry((9, 8, 7), (8.0, 9.0, 5.0), (-30.0, -20.0, 10.0), tuple(rotation(20, -30, 10).ravel()))
    point = oblique.matrix() @ (3, 2, 4, 1)
    index = (np.linalg.inv(PLAIN.matrix()) @ point)[:3]
    read = np.array(path.field(0.5, PLAIN).EvaluateAtContinuousIndex(index.tolist()))
    assert np.abs(np.array(path.field(0.5, oblique)[3, 2, 4]) - read).max() < 0.2


@pytest.mark.parametrize("grid", ["source", "target"])
def test_the_jacobian_is_the_derivative_of_the_field(path, grid):
    geometry = PLAIN if grid == "source" else path.target.geometry
    field = path.field(0.7, geometry, grid)
    by_itk = voxels(sitk.DisplacementFieldJacobianDeterminant(sitk.Cast(field, sitk.sitkVectorFloat64)))
    own = voxels(path.jacobian(0.7, geometry, grid))
    inside = (slice(4, -4),) * 3
    assert np.abs(own[inside] - by_itk[inside]).mean() < 0.02
    assert own[inside].std() > 0.08


def test_the_inverse_jacobian_is_one_over_the_jacobian_at_the_same_tissue(path):
    inverse = path.inverse_jacobian(0.8, PLAIN)
    there = path.push_forward(0.8, positions(PLAIN))
    for index in ((20, 18, 20), (14, 12, 26), (30, 20, 12)):
        at = Geometry((1, 1, 1), (4.0,) * 3, tuple(there[(slice(None), *index[::-1])].tolist()), IDENTITY)
        assert inverse[index] * path.jacobian(0.8, at)[0, 0, 0] == pytest.approx(1, abs=0.03)


def test_the_stretch_goes_on_outside_the_grid(path):
    far = np.array([[2000.0, -1500.0], [0.0, 900.0], [500.0, -3000.0]], np.float32)
    stretch = path.stretch
    truth = stretch[:3, :3] @ far + stretch[:3, 3:]
    assert distances(path.pull_back(1, far), truth).max() < 15  # no more than the swirl moves
    assert distances(truth, far).min() > 100


def test_the_coarse_grid_lies_over_the_scan_it_belongs_to(path):
    for grid, bound in (("source", path.source), ("target", path.target)):
        geometry = path.coarse_geometry(grid)
        index = np.linalg.inv(geometry.matrix()) @ np.c_[bound.geometry.corners(), np.ones(8)].T
        assert index[:3].min() > -0.6
        assert (index[:3].max(axis=1) < np.array(geometry.size) - 0.4).all()
        assert max(geometry.spacing) <= 4


def test_a_coarse_grid_of_a_single_slice_has_room_for_it():
    flat = Geometry((30, 20, 1), (1.0, 1.0, 5.0), (0.0, 0.0, 0.0), IDENTITY)
    over = coarse_over(flat, 4.0)
    assert over.size == (9, 6, 3)
    assert np.allclose(np.mean(over.corners(), axis=0), np.mean(flat.corners(), axis=0))


# --- the other way round


def test_reversed_leads_from_the_target_to_the_source(path):
    back = path.reversed()
    start = np.linalg.inv(POSE)[:3, :3] @ in_body() + np.linalg.inv(POSE)[:3, 3:]
    there = path.pull_back(1, start, "target")  # a target point and the source point it shows
    assert distances(back.push_forward(1, start, "target"), there).mean() < 0.02
    assert distances(back.pull_back(1, there, "target"), start).mean() < 0.1
    assert (back.source, back.target) == (path.target, path.source)


def test_the_halves_from_both_ends_meet(path):
    back = path.reversed()
    start = np.linalg.inv(POSE)[:3, :3] @ in_body() + np.linalg.inv(POSE)[:3, 3:]
    partner = path.pull_back(1, start, "target")
    apart = distances(path.push_forward(0.3, partner), back.push_forward(0.7, start, "target"))
    assert apart.mean() < 0.1
    assert distances(partner, start).mean() > 20


def test_reversed_twice_is_the_path_again(path):
    again = path.reversed().reversed()
    start = in_body()
    assert distances(again.pull_back(0.6, start), path.pull_back(0.6, start)).max() < 1e-2
    assert np.allclose(again.pose, path.pose)
    assert np.allclose(again.stretch, path.stretch)


# --- what it is bound to


def test_its_own_images_pass_the_check(ends, path):
    path.check(*ends)
    path.check(ends[0])


def test_another_source_is_refused(ends, path):
    with pytest.raises(InputError, match=r"another source: it was made for 44 x 36 x 40 voxels.*register again"):
        path.check(sitk.Image(ends[0])[:, :, 1:])
    moved = sitk.Image(ends[0])
    moved.SetOrigin([o + 1 for o in moved.GetOrigin()])
    with pytest.raises(InputError, match="another source"):
        path.check(moved)


def test_a_single_changed_voxel_is_noticed(ends, path):
    changed = sitk.Image(ends[0])
    changed[3, 4, 5] = changed[3, 4, 5] + 1
    with pytest.raises(InputError, match="voxels are not"):
        path.check(changed)
    with pytest.raises(InputError, match="another target"):
        path.check(ends[0], trunk(width=0.9)[0])


@pytest.mark.parametrize("t", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_time_off_the_path_is_refused(path, t):
    for call in (path.field, path.inverse_field, path.jacobian, path.inverse_jacobian):
        with pytest.raises(ValueError, match="from 0 .source. to 1"):
            call(t)


def test_an_unknown_grid_is_refused(path):
    for call in (path.field, path.inverse_field, path.jacobian, path.inverse_jacobian):
        with pytest.raises(ValueError, match="source, target"):
            call(0.5, PLAIN, grid="sideways")


def test_what_one_asks_first_does_not_change_what_comes_later(path):
    one, other = replace(path), replace(path)
    for t in (0.9, 0.1, 0.2, 0.3):
        one.field(t)
    assert np.array_equal(voxels(one.field(0.9)), voxels(other.field(0.9)))
