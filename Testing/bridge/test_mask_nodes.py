"""The mask a lesion is painted in: its grid, its segment, what is dropped into it and what is measured."""

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from pieces import GRIDS, bulging, linear
from trunks import trunk

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.images.hu import AIR_HU
from SyntheticCTLib.slicer_bridge.lesion_following import why_astray
from SyntheticCTLib.slicer_bridge.lesion_masks import (
    SEGMENT_ID,
    drop_lesion,
    ensure_mask,
    lesions_of,
    mask_of,
    remember_labels,
    remembered_labels,
    why_no_drop,
)
from SyntheticCTLib.slicer_bridge.segmentations import read_segments
from SyntheticCTLib.slicer_bridge.volumes import add_volume, read_world_ct

FINE = Geometry((90, 80, 60), (1.0, 1.0, 1.5), (-40.0, -30.0, -20.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def volume_on(scene, grid):
    image = grid.new_image(sitk.sitkInt16, AIR_HU)
    image[0, 0, 0] = 40
    return add_volume(scene, image, "A")


def painted(mask, volume) -> np.ndarray:
    """Where a mask is painted, on the grid of its volume in the world."""
    segments = read_segments(mask, read_world_ct(volume).image)
    return sitk.GetArrayFromImage(segments.layers[0].image) != 0


def test_a_mask_has_the_grid_of_its_volume_before_anything_is_painted_and_one_lesion_segment(scene):
    volume = volume_on(scene, GRIDS["oblique"])
    mask = ensure_mask(scene, volume)
    assert ensure_mask(scene, volume) is mask and mask_of(scene, volume) is mask
    name = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    text = mask.GetSegmentation().GetConversionParameter(name)
    image = slicer.vtkOrientedImageData()
    assert slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, image, False)
    assert image.GetDimensions() == GRIDS["oblique"].size
    assert mask.GetNodeReference(mask.GetReferenceImageGeometryReferenceRole()) is volume
    segment = mask.GetSegmentation().GetSegment(SEGMENT_ID)
    assert mask.GetSegmentation().GetNumberOfSegments() == 1
    assert "Morphologically Altered Structure" in segment.GetTerminology() and segment.GetName() == "lesion"
    assert lesions_of(mask) == ((), None)


def test_each_volume_has_a_mask_of_its_own_and_an_empty_one_has_none(scene):
    first, second = volume_on(scene, FINE), volume_on(scene, FINE)
    assert ensure_mask(scene, first) is not ensure_mask(scene, second)
    with pytest.raises(InputError, match="empty"):
        ensure_mask(scene, scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "nothing"))


@pytest.mark.parametrize("grid", ["plain", "oblique", "flipped", "anisotropic"])
@pytest.mark.parametrize("moved", [False, True])
def test_a_ball_lies_where_it_was_dropped_whatever_the_grid_and_the_transform(scene, grid, moved):
    volume = volume_on(scene, GRIDS[grid])
    if moved:
        parent = linear(scene, [[0, -1, 0, 12], [1, 0, 0, -7], [0, 0, 1, 30], [0, 0, 0, 1]])
        volume.SetAndObserveTransformNodeID(parent.GetID())
    mask = ensure_mask(scene, volume)
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    point = np.add(bounds[::2], bounds[1::2]) / 2 + (5, -3, 7)
    drop_lesion(mask, volume, point, 40.0, irregular=False)
    image = read_world_ct(volume).image
    index = np.argwhere(painted(mask, volume))[:, ::-1]
    middle = Geometry.of(image).matrix() @ [*index.mean(axis=0), 1]
    assert np.allclose(middle[:3] * (-1, -1, 1), point, atol=1.0)
    ((lesion,), _) = lesions_of(mask)
    assert lesion.volume_ml == pytest.approx(4 / 3 * np.pi * 2**3 * 1, rel=0.06)  # 20 mm radius: 33.5 ml
    assert lesion.diameter_mm == pytest.approx(40, abs=max(GRIDS[grid].spacing[:2]))
    assert np.allclose(np.multiply(lesion.center_lps, (-1, -1, 1)), point, atol=1.0)


def test_lesions_add_up_touching_nothing_else_and_irregular_ones_differ(scene):
    volume = volume_on(scene, FINE)
    mask = ensure_mask(scene, volume)
    drop_lesion(mask, volume, (20, 10, 5), 14.0, irregular=True)
    first = painted(mask, volume)
    drop_lesion(mask, volume, (-20, -20, 40), 14.0, irregular=True)
    both = painted(mask, volume)
    assert (both & first).sum() == first.sum()
    lesions, grid = lesions_of(mask)
    assert len(lesions) == 2 and all(12 < one.diameter_mm < 16 for one in lesions)
    assert lesions[0].mask.shape != lesions[1].mask.shape or (lesions[0].mask != lesions[1].mask).any()
    index = grid.matrix()[:3, :3] @ [part.start for part in lesions[0].box[::-1]] + grid.matrix()[:3, 3]
    assert np.linalg.norm(index - lesions[0].center_lps) < 20


def test_the_mask_goes_with_the_voxels_when_the_volume_is_moved(scene):
    volume = volume_on(scene, FINE)
    mask = ensure_mask(scene, volume)
    drop_lesion(mask, volume, (0, 0, 20), 12.0, irregular=False)
    before = painted(mask, volume)
    shifted = np.eye(4)
    shifted[0, 3] = 33
    volume.SetAndObserveTransformNodeID(linear(scene, shifted).GetID())
    ensure_mask(scene, volume)
    assert np.array_equal(painted(mask, volume), before)


SHEAR = [[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
TURNED = [[0, -1, 0, 12], [1, 0, 0, -7], [0, 0, 1, 30], [0, 0, 0, 1]]


def dropped(scene):
    """A trunk with a ball of 3 cm in its mask, and where that lies (RAS)."""
    volume = add_volume(scene, trunk()[0], "A")
    mask = ensure_mask(scene, volume)
    drop_lesion(mask, volume, (30, 4, 20), 30.0, irregular=False)
    return volume, mask, center(mask)


def center(mask) -> np.ndarray:
    ((lesion,), _) = lesions_of(mask)
    return np.multiply(lesion.center_lps, (-1, -1, 1))


@pytest.mark.parametrize("kind", ["turned", "sheared", "bent"])
def test_a_transform_that_is_hardened_takes_the_mask_along(scene, kind):
    volume, mask, before = dropped(scene)
    parent = bulging(scene) if kind == "bent" else linear(scene, TURNED if kind == "turned" else SHEAR)
    volume.SetAndObserveTransformNodeID(parent.GetID())
    ensure_mask(scene, volume)
    shown = painted(mask, volume)
    volume.HardenTransform()
    assert ensure_mask(scene, volume) is mask and mask.GetTransformNodeID() is None
    assert why_astray(mask, volume) == ""
    expected = [0.0, 0.0, 0.0]
    if kind == "bent":
        assert np.allclose(center(mask), before + (10, -5, 0), atol=6)
    else:
        parent.GetTransformToParent().TransformPoint(before, expected)
        assert np.allclose(center(mask), expected, atol=0.01)
        assert kind == "sheared" or np.array_equal(painted(mask, volume), shown)  # sheared voxels are resampled
    assert abs(int(painted(mask, volume).sum()) - int(shown.sum())) < 0.1 * shown.sum()


def test_a_mask_follows_a_hardened_scan_that_has_been_put_under_the_next_transform_meanwhile(scene):
    volume, mask, _ = dropped(scene)
    volume.SetAndObserveTransformNodeID(linear(scene, TURNED).GetID())
    ensure_mask(scene, volume)
    before = painted(mask, volume)
    volume.HardenTransform()
    volume.SetAndObserveTransformNodeID(linear(scene, TURNED).GetID())
    ensure_mask(scene, volume)
    assert np.array_equal(painted(mask, volume), before)


def test_a_mask_is_still_on_its_grid_when_it_was_hardened_by_hand_or_comes_from_a_file(app, scene, tmp_path):
    volume, mask, _ = dropped(scene)
    volume.SetAndObserveTransformNodeID(linear(scene, TURNED).GetID())
    ensure_mask(scene, volume)
    volume.HardenTransform()
    mask.HardenTransform()
    before = painted(mask, volume)
    app.load(app.save(tmp_path / "saved"))
    volume = scene.GetFirstNodeByName("A")
    mask = ensure_mask(scene, volume)
    assert why_astray(mask, volume) == "" and np.array_equal(painted(mask, volume), before)
    volume.SetOrigin(1, 2, 3)
    assert "moved or resampled" in why_astray(ensure_mask(scene, volume), volume)


def test_where_it_is_not_plain_what_happened_the_mask_stays_and_it_says_what_to_do(scene):
    volume, mask, _ = dropped(scene)
    origin = volume.GetOrigin()
    volume.SetOrigin(1, 2, 3)
    ensure_mask(scene, volume)
    reason = why_astray(mask, volume)
    assert "moved or resampled" in reason and "Specify geometry" in reason and "draw it anew" in reason
    with pytest.raises(InputError, match="moved or resampled"):
        drop_lesion(mask, volume, (0, 0, 20), 12.0, irregular=False)
    volume.SetOrigin(origin)
    assert why_astray(mask, volume) == ""
    volume.SetAndObserveTransformNodeID(bulging(scene).GetID())
    ensure_mask(scene, volume)
    volume.SetAndObserveTransformNodeID(None)
    ensure_mask(scene, volume)
    assert "taken out" in why_astray(mask, volume)
    mask.SetAndObserveTransformNodeID(None)  # as it says
    assert why_astray(mask, volume) == ""


def test_specifying_the_geometry_or_drawing_anew_brings_a_mask_back(scene):
    volume, mask, _ = dropped(scene)
    volume.SetOrigin(1, 2, 3)
    mask.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    assert why_astray(mask, volume) == ""
    volume.SetOrigin(4, 5, 6)
    scene.RemoveNode(mask)
    assert why_astray(ensure_mask(scene, volume), volume) == ""


def test_a_mask_in_which_nothing_is_drawn_takes_any_grid(scene):
    volume = volume_on(scene, FINE)
    mask = ensure_mask(scene, volume)
    volume.SetOrigin(1, 2, 3)
    assert why_astray(ensure_mask(scene, volume), volume) == ""
    drop_lesion(mask, volume, (-20, -20, 20), 12.0, irregular=False)
    assert why_astray(mask, volume) == ""


@pytest.mark.parametrize("kind", ["own axes", "sheared", "bent"])
def test_why_nothing_can_be_dropped_says_what_is_wrong_and_what_to_do(scene, kind):
    volume = volume_on(scene, FINE)
    assert why_no_drop(volume) == ""
    parent = bulging(scene) if kind == "bent" else linear(scene, SHEAR)
    volume.SetAndObserveTransformNodeID(parent.GetID())
    wrong, remedy = {"bent": ("bends", "harden"), "sheared": ("shears it", "take the scan out")}.get(kind, ("", ""))
    if kind == "own axes":
        volume.HardenTransform()
        wrong, remedy = "axes of A are not at right angles", "Crop Volume"
    reason = why_no_drop(volume)
    assert wrong in reason and remedy in reason and "brush" in reason
    with pytest.raises(InputError, match=wrong):
        drop_lesion(ensure_mask(scene, volume), volume, (0, 0, 20), 12.0, irregular=False)


def test_labels_chosen_by_hand_are_remembered_until_they_are_deleted(scene):
    mask = ensure_mask(scene, volume_on(scene, FINE))
    assert remembered_labels(mask) == (False, None)
    labels = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "labels")
    remember_labels(mask, labels)
    assert remembered_labels(mask) == (True, labels)
    remember_labels(mask, None)
    assert remembered_labels(mask) == (True, None)
    remember_labels(mask, labels)
    scene.RemoveNode(labels)
    assert remembered_labels(mask) == (False, None)


def test_outside_the_volume_and_under_a_bent_transform_nothing_is_dropped(scene):
    volume = volume_on(scene, FINE)
    mask = ensure_mask(scene, volume)
    with pytest.raises(InputError, match="outside the scan"):
        drop_lesion(mask, volume, (500, 0, 0), 12.0, irregular=False)
    volume.SetAndObserveTransformNodeID(bulging(scene).GetID())
    with pytest.raises(InputError, match="brush"):
        drop_lesion(mask, volume, (0, 0, 20), 12.0, irregular=False)
    assert lesions_of(mask) == ((), None)


def test_the_mask_is_saved_with_the_scene_and_found_again(app, scene, tmp_path):
    image, _ = trunk()
    volume = add_volume(scene, image, "A")
    drop_lesion(ensure_mask(scene, volume), volume, (30, 0, 20), 20.0, irregular=True)
    before = painted(mask_of(scene, volume), volume)
    app.load(app.save(tmp_path / "saved"))
    volume = scene.GetFirstNodeByName("A")
    mask = ensure_mask(scene, volume)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1
    assert np.array_equal(painted(mask, volume), before)
