"""A path as nodes: exact, bound, saved with the scene."""

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from pieces import GRIDS, bulging, linear
from trunks import known_path, trunk

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.slicer_bridge import MorphSession
from SyntheticCTLib.slicer_bridge.path_nodes import (
    POSE,
    STRETCH,
    add_path,
    ends_of,
    is_path,
    is_whole,
    paths_in,
    read_path,
    remove_orphans,
)
from SyntheticCTLib.slicer_bridge.volumes import add_volume


def a_path(scene, grid="oblique"):
    image, _ = trunk(GRIDS[grid])
    other, _ = trunk(GRIDS["flipped"], width=1.1)
    source, target = add_volume(scene, image, "Doe^John"), add_volume(scene, other, "Roe^Jane")
    path = known_path(image, other)
    return source, target, path, add_path(scene, path, source, target)


def test_a_path_comes_back_with_every_digit(scene):
    _, _, path, node = a_path(scene)
    back = read_path(node)
    assert np.array_equal(sitk.GetArrayViewFromImage(back.velocity), sitk.GetArrayViewFromImage(path.velocity))
    assert np.allclose(back.stretch, path.stretch, atol=1e-12) and np.allclose(back.pose, path.pose, atol=1e-12)
    assert (back.source, back.target, dict(back.method)) == (path.source, path.target, dict(path.method))
    points = np.random.default_rng(1).uniform(-60, 60, (3, 50)).astype(np.float32)
    assert np.allclose(back.pull_back(0.6, points), path.pull_back(0.6, points), atol=1e-4)


def test_a_path_is_saved_and_loaded_with_the_scene(app, tmp_path):
    source, target, path, node = a_path(app.scene)
    name = node.GetName()
    file = app.save(tmp_path / "saved")
    app.load(file)
    (again,) = paths_in(app.scene)
    assert again.GetName() == name
    assert [end.GetName() for end in ends_of(again)] == ["Doe^John", "Roe^Jane"]
    points = np.random.default_rng(1).uniform(-60, 60, (3, 50)).astype(np.float32)
    assert np.allclose(read_path(again).pull_back(1.0, points), path.pull_back(1.0, points), atol=1e-3)
    assert MorphSession(app.scene).why_stale(again) == ""


def test_the_nodes_name_no_volume_and_the_parts_are_hidden(scene):
    _, _, _, node = a_path(scene)
    for each in (node, node.GetNodeReference(STRETCH), node.GetNodeReference(POSE)):
        assert "Doe" not in each.GetName() + str(each.GetAttribute("SyntheticCT.path"))
    assert node.GetNodeReference(STRETCH).GetHideFromEditors()
    assert node.GetNodeReference(POSE).GetHideFromEditors()
    assert is_path(node) and not is_path(node.GetNodeReference(POSE)) and not is_path(None)


def test_the_pose_lays_the_target_over_the_source(scene):
    _, target, path, node = a_path(scene)
    target.SetAndObserveTransformNodeID(node.GetNodeReference(POSE).GetID())
    point = [0.0, 0.0, 0.0]
    target.TransformPointToWorld([10.0, 20.0, 30.0], point)
    expected = path.pose @ [-10, -20, 30, 1]
    assert np.allclose(point, [-expected[0], -expected[1], expected[2]])


def test_several_paths_have_names_of_their_own(scene):
    source, target, path, first = a_path(scene)
    second = add_path(scene, path, source, target)
    assert len({node.GetName() for node in paths_in(scene)}) == 2
    assert paths_in(scene) == [first, second]


def test_a_path_whose_part_was_deleted_is_refused_by_name(scene):
    *_, node = a_path(scene)
    scene.RemoveNode(node.GetNodeReference(STRETCH))
    with pytest.raises(InputError, match="Morph path is damaged.*register again"):
        read_path(node)


@pytest.mark.parametrize("role", ["source", "target"])
def test_a_path_is_stale_once_a_volume_was_moved_edited_or_removed(scene, role):
    source, target, _, node = a_path(scene)
    session = MorphSession(scene)
    volume = source if role == "source" else target
    assert session.why_stale(node) == ""
    parent = linear(scene, [[1, 0, 0, 5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    volume.SetAndObserveTransformNodeID(parent.GetID())
    assert session.why_stale(node) == f"The {role} has been moved since this path was found. Register again."
    volume.SetAndObserveTransformNodeID(bulging(scene).GetID())
    assert "moved" in session.why_stale(node)
    volume.SetAndObserveTransformNodeID(None)
    assert session.why_stale(node) == ""
    slicer.util.arrayFromVolume(volume)[3, 4, 5] += 1
    slicer.util.arrayFromVolumeModified(volume)
    assert "voxels" in session.why_stale(node)
    scene.RemoveNode(volume)
    assert f"{role} of this path is no longer" in session.why_stale(node)
    with pytest.raises(InputError, match="Register again"):
        session.preview(node)


def test_parts_of_a_deleted_path_can_be_swept_and_those_of_others_stay(scene):
    source, target, path, first = a_path(scene)
    second = add_path(scene, path, source, target)
    users_own = linear(scene, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    scene.RemoveNode(first)  # as the Data module does
    remove_orphans(scene)
    assert scene.GetNumberOfNodesByClass("vtkMRMLLinearTransformNode") == 3
    assert is_whole(second) and scene.IsNodePresent(users_own)


def test_a_path_with_a_part_missing_is_stale(scene):
    *_, node = a_path(scene)
    scene.RemoveNode(node.GetNodeReference(POSE))
    assert MorphSession(scene).why_stale(node) == "A part of this path was deleted. Register again."
