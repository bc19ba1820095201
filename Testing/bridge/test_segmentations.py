"""Segmentations and label maps of a scene: overlaps, looks, places, and names that stay behind."""

import numpy as np
import pytest
import SimpleITK as sitk
from pieces import GRIDS, bulging, linear, untouched
from trunks import LIVER, LUNG, SPINE, trunk

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images.labels import LabelLayer
from SyntheticCTLib.slicer_bridge.segmentations import Segment, add_segmentation, read_segments
from SyntheticCTLib.slicer_bridge.terminology import safe_terminology
from SyntheticCTLib.slicer_bridge.volumes import add_volume, fill_volume, read_world_ct

FAR = [[1, 0, 0, 500], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
TERM = "Segmentation category and type~SCT^123037004^Anatomical Structure~SCT^39607008^Lung~^^~Anatomic codes~^^~^^"
LOOKS = {
    LUNG: Segment("lung", (0.1, 0.2, 0.9), TERM),
    LIVER: Segment("liver", (0.9, 0.2, 0.1)),
    SPINE: Segment("spine", (0.9, 0.9, 0.1)),
}


def two_layers(grid):
    """A trunk with organs, and a lesion that overlaps an organ."""
    image, organs = trunk(GRIDS[grid])
    lesion = sitk.Cast(organs.image == LUNG, sitk.sitkUInt8)
    values = sitk.GetArrayFromImage(lesion)
    values[:20] = 0
    lesion = sitk.GetImageFromArray(values)
    lesion.CopyInformation(image)
    return image, [organs, LabelLayer("lesions", lesion)], [LOOKS, {1: Segment("lesion", (1, 0, 1))}]


@pytest.mark.parametrize("grid", GRIDS)
def test_overlapping_segments_go_into_the_scene_and_back(scene, grid):
    image, layers, looks = two_layers(grid)
    node = add_segmentation(scene, "labels", layers, looks)
    assert node.GetSegmentation().GetNumberOfSegments() == 4
    assert node.GetSegmentation().GetNumberOfLayers("Binary labelmap") == 2
    back = read_segments(node, image)
    assert back.looks[0][LUNG] == LOOKS[LUNG]
    assert [look.name for look in back.looks[0].values()] == ["lung", "liver", "spine"]
    for layer, given in zip(back.layers, layers, strict=True):
        assert np.array_equal(sitk.GetArrayViewFromImage(layer.image), sitk.GetArrayViewFromImage(given.image))


def test_segments_follow_their_own_parent_and_the_volumes(scene):
    image, layers, looks = two_layers("oblique")
    volume = add_volume(scene, image, "volume")
    node = add_segmentation(scene, "labels", layers, looks)
    parent = linear(scene, [[0, -1, 0, 12], [1, 0, 0, -7], [0, 0, 1, 30], [0, 0, 0, 1]])
    for each in (volume, node):
        each.SetAndObserveTransformNodeID(parent.GetID())
    before = untouched(node)
    back = read_segments(node, read_world_ct(volume).image)
    assert untouched(node) == before
    for layer, given in zip(back.layers, layers, strict=True):
        assert np.array_equal(sitk.GetArrayViewFromImage(layer.image), sitk.GetArrayViewFromImage(given.image))


def test_segments_follow_a_parent_that_bends(scene):
    image, layers, looks = two_layers("plain")
    volume = add_volume(scene, image, "volume")
    node = add_segmentation(scene, "labels", layers, looks)
    parent = bulging(scene)
    for each in (volume, node):
        each.SetAndObserveTransformNodeID(parent.GetID())
    world = read_world_ct(volume)
    back = read_segments(node, world.image)
    hu = sitk.GetArrayViewFromImage(world.image)
    lung = sitk.GetArrayViewFromImage(back.layers[0].image) == LUNG
    assert lung.sum() > 2000
    assert np.median(hu[lung]) < -750  # the labels lie on the bent lungs, but for partial volume


def test_a_segmentation_of_surfaces_is_read_and_left_as_it_is(scene):
    image, layers, looks = two_layers("plain")
    node = add_segmentation(scene, "labels", layers[:1], looks[:1])
    node.CreateClosedSurfaceRepresentation()
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    node.GetSegmentation().RemoveRepresentation("Binary labelmap")
    back = read_segments(node, image)
    assert not node.GetSegmentation().ContainsRepresentation("Binary labelmap")
    found, given = (sitk.GetArrayViewFromImage(one.image) == LUNG for one in (back.layers[0], layers[0]))
    assert 2 * (found & given).sum() / (found.sum() + given.sum()) > 0.95


def test_a_label_map_brings_names_and_colors_of_its_table(scene):
    image, layers, _ = two_layers("flipped")
    node = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "map")
    fill_volume(node, layers[0].image)
    colors = scene.AddNewNodeByClass("vtkMRMLColorTableNode", "colors")
    colors.SetTypeToUser()
    colors.SetNumberOfColors(4)
    colors.SetColor(LUNG, "lung", 0.25, 0.5, 0.75, 1)
    colors.SetColor(LIVER, "Doe^John", 1, 0, 0, 1)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAndObserveColorNodeID(colors.GetID())
    back = read_segments(node, image)
    assert back.looks[0][LUNG].name == "lung"
    assert np.allclose(back.looks[0][LUNG].color, (0.25, 0.5, 0.75), atol=0.01)
    assert back.looks[0][LIVER].name == "Segment 1"


def test_a_name_that_may_be_a_patients_stays_behind(scene):
    image, layers, _ = two_layers("plain")
    node = add_segmentation(scene, "labels", layers[:1], [{LUNG: Segment("Doe, John left lung")}])
    assert [segment.name for segment in read_segments(node, image).looks[0].values()] == ["Segment 1"]


def test_labels_of_another_body_and_images_given_as_labels_are_refused(scene):
    image, layers, looks = two_layers("plain")
    node = add_segmentation(scene, "Far away", layers, looks)
    node.SetAndObserveTransformNodeID(linear(scene, FAR).GetID())
    with pytest.raises(InputError, match="Far away"):
        read_segments(node, image)
    wrong = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "A CT")
    fill_volume(wrong, image)
    with pytest.raises(InputError, match="A CT.*given as labels"):
        read_segments(wrong, image)


def test_nothing_given_and_nothing_painted(scene):
    image, _, _ = two_layers("plain")
    assert read_segments(None, image).layers == []
    empty = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "empty")
    assert read_segments(empty, image).layers == []
    empty.GetSegmentation().AddEmptySegment("one", "lesion")
    assert [layer.values for layer in read_segments(empty, image).layers] == [()]


def test_segments_without_a_safe_name_are_numbered_over_all_layers(scene):
    image, layers, _ = two_layers("plain")
    node = add_segmentation(scene, "labels", layers, [{LUNG: Segment("Doe")}, {1: Segment("Roe")}])
    assert [look[value].name for look, value in zip(read_segments(node, image).looks, (LUNG, 1), strict=True)] == [
        "Segment 1",
        "Segment 2",
    ]


def test_an_empty_label_map_is_refused_by_name(scene):
    image, _, _ = two_layers("plain")
    with pytest.raises(InputError, match="Nothing in it is empty"):
        read_segments(scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Nothing in it"), image)


@pytest.mark.parametrize(
    ("entry", "kept"),
    [
        (TERM, TERM),
        ("a~SCT^123037004^Doe~SCT^39607008^Doe~^^~b~^^~^^", "~SCT^123037004^~SCT^39607008^lung~^^~~^^~^^"),
        ("Doe's list~SCT^123037004^Tissue~SCT^39607008^Lung of Doe~SCT^7771000^Left~Doe~^^~^^", None),
        ("x~99DOE^19700101^Tissue~99DOE^19700101^Lung~^^~x~^^~^^", ""),
        ("nonsense", ""),
    ],
)
def test_a_terminology_entry_keeps_public_codes_and_known_words_only(entry, kept):
    found = safe_terminology(entry, "lung")
    if kept is None:
        kept = "~SCT^123037004^Tissue~SCT^39607008^lung~SCT^7771000^Left~~^^~^^"
    assert found == kept and "Doe" not in found and "1970" not in found
