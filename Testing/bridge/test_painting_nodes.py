"""A mask becomes a lesion in a new volume, which keeps the paths of the scan it was painted from. The job is a fake."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from fake_painting import use_fake_painting
from pieces import linear, untouched
from trunks import LIVER, LUNG, known_path, trunk

from SyntheticCTLib.errors import InputError, SyntheticCTError
from SyntheticCTLib.slicer_bridge import MorphSession
from SyntheticCTLib.slicer_bridge.derived import PAINTED_FROM
from SyntheticCTLib.slicer_bridge.lesion_masks import drop_lesion, ensure_mask
from SyntheticCTLib.slicer_bridge.lesion_painting import next_seed
from SyntheticCTLib.slicer_bridge.path_nodes import add_path, read_path
from SyntheticCTLib.slicer_bridge.results import RECORD, SYNTHETIC
from SyntheticCTLib.slicer_bridge.segmentations import Segment, add_segmentation, read_segments
from SyntheticCTLib.slicer_bridge.volumes import add_volume, read_world_ct

PATIENT = "Doe^John"
POINT = (30.0, 4.0, 20.0)
"""RAS, in a lung."""


class Case:
    """Two trunks with a path, organs of the first and a mask with a ball in its lung, all under a parent transform."""

    def __init__(self, scene):
        self.scene, self.session = scene, MorphSession(scene)
        image, organs = trunk()
        other, _ = trunk(width=1.08, lung=1.1)
        self.source, self.target = add_volume(scene, image, PATIENT), add_volume(scene, other, "Roe^Jane")
        looks = {LUNG: Segment("lung", (0.1, 0.2, 0.9)), LIVER: Segment("liver"), 3: Segment("spine")}
        self.labels = add_segmentation(scene, PATIENT, [organs], [looks])
        self.parent = linear(scene, [[0, -1, 0, 12], [1, 0, 0, -7], [0, 0, 1, 30], [0, 0, 0, 1]])
        for node in (self.source, self.labels):
            node.SetAndObserveTransformNodeID(self.parent.GetID())
        worlds = [read_world_ct(node).image for node in (self.source, self.target)]
        self.path = add_path(scene, known_path(*worlds), self.source, self.target)
        self.mask = ensure_mask(scene, self.source)
        shown = self.parent.GetTransformToParent().TransformPoint(POINT)
        drop_lesion(self.mask, self.source, shown, 24, False)

    def paint(self, **options):
        return self.session.paint(self.source, self.mask, "any", labels=self.labels, **options)


@pytest.fixture
def case(scene, monkeypatch, tmp_path):
    use_fake_painting(monkeypatch, tmp_path)
    return Case(scene)


def array(volume):
    return slicer.util.arrayFromVolume(volume).astype(int)


def segments_of(node, volume) -> dict[str, np.ndarray]:
    """Each segment of a node by name, on the grid of a volume in the world."""
    segments = read_segments(node, read_world_ct(volume).image)
    return {
        segment.name: sitk.GetArrayFromImage(layer.image) == value
        for layer, look in zip(segments.layers, segments.looks, strict=True)
        for value, segment in look.items()
    }


def test_the_lesion_and_nothing_else_changes_in_a_new_volume(case):
    before = [untouched(node) for node in (case.source, case.labels, case.mask)]
    painted = case.paint(seed=3)
    change = array(painted.volume) - array(case.source)
    inside = segments_of(case.mask, case.source)["lesion"]
    assert inside.sum() > 60 and (change[inside] == 80).all() and not change[~inside].any()
    assert painted.volume.GetTransformNodeID() is None  # it lies where the source is seen
    assert read_world_ct(painted.volume).bound.geometry.same_as(read_world_ct(case.source).bound.geometry)
    assert [untouched(node) for node in (case.source, case.labels, case.mask)] == before
    assert painted.warnings == ("This is a fake.",) and painted.lesions[0]["diameter_mm"] == 15.0


def test_the_new_segmentation_is_the_inputs_and_the_lesion(case):
    painted = case.paint()
    ours, theirs = segments_of(painted.segmentation, painted.volume), segments_of(case.labels, case.source)
    assert list(ours) == ["lung", "liver", "spine", "lesion"]
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert np.array_equal(ours["lesion"], segments_of(case.mask, case.source)["lesion"])
    assert (ours["lesion"] & ours["lung"]).any()  # it does not eat the organ it lies in
    segmentation = painted.segmentation.GetSegmentation()
    lesion = segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName("lesion"))
    assert "Mass" in lesion.GetTerminology() and lesion.GetColor() != (0, 0, 0)


def test_it_says_synthetic_and_names_nobody(case):
    painted = case.paint()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(case.scene)
    for node in (painted.volume, painted.segmentation):
        assert node.GetAttribute(SYNTHETIC) == "0000fa7e0000" and node.GetName().startswith("SYNTHETIC 0000fa7e0000")
        study = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))
        assert hierarchy.GetItemName(study) == "Lesion"
        assert hierarchy.GetItemName(hierarchy.GetItemParent(study)).startswith("SYNTHETIC")
    attributes = [painted.volume.GetAttribute(name) for name in painted.volume.GetAttributeNames()]
    assert not [text for text in attributes if PATIENT in text]


def test_a_painted_source_keeps_the_path_and_its_morph_carries_the_lesion(case):
    painted = case.paint()
    session = case.session
    assert session.leads_between(case.path, painted.volume, case.target)
    assert session.why_stale(case.path, source=painted.volume) == ""
    plain = session.create(case.path, 100, labels=case.labels)
    made = session.create(case.path, 100, labels=painted.segmentation, source=painted.volume)
    change = array(made.volume) - array(plain.volume)
    lesion = segments_of(made.segmentation, made.volume)["lesion"]
    assert lesion.sum() > 60
    voxels = sitk.GetImageFromArray(lesion.astype(np.uint8))
    core = sitk.GetArrayFromImage(sitk.BinaryErode(voxels, [1, 1, 1])) == 1
    near = sitk.GetArrayFromImage(sitk.BinaryDilate(voxels, [4, 4, 4])) == 1
    assert change[core].mean() == pytest.approx(77, abs=6)
    assert np.abs(change[~near]).max() <= 2  # splines ring; nothing else has changed
    # and it went along with the body: it is where the path takes the painted place
    place = np.argwhere(segments_of(case.mask, case.source)["lesion"]).mean(axis=0)[::-1]
    geometry = read_world_ct(case.source).bound.geometry
    start = (geometry.matrix() @ [*place, 1])[:3]
    expected = read_path(case.path).push_forward(1.0, start.astype(np.float32)[:, None])[:, 0]
    found = (geometry.matrix() @ [*np.argwhere(lesion).mean(axis=0)[::-1], 1])[:3]
    assert np.linalg.norm(expected - start) > 2 and np.linalg.norm(found - expected) < 1


def test_a_lesion_painted_into_a_painted_scan_keeps_the_path_too_even_if_the_first_is_deleted(case):
    first = case.paint()
    mask = ensure_mask(case.scene, first.volume)
    drop_lesion(mask, first.volume, (-20, 20, 30), 20, False)
    second = case.session.paint(first.volume, mask, "any", labels=first.segmentation)
    segmentation = second.segmentation.GetSegmentation()
    names = [segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())]
    assert names == ["lung", "liver", "spine", "lesion", "lesion 2"]
    case.scene.RemoveNode(first.volume)
    case.scene.RemoveNode(case.source)
    assert case.session.why_stale(case.path, source=second.volume) == ""
    assert "no longer in the scene" in case.session.why_stale(case.path)


@pytest.mark.parametrize("change", ["voxels", "place"])
def test_a_painted_scan_that_was_changed_afterwards_loses_the_path(case, change):
    painted = case.paint()
    if change == "voxels":
        slicer.util.arrayFromVolume(painted.volume)[3, 3, 3] += 50
        slicer.util.arrayFromVolumeModified(painted.volume)
    else:
        painted.volume.SetOrigin(1, 2, 3)
    assert "Register again" in case.session.why_stale(case.path, source=painted.volume)
    with pytest.raises(InputError, match="Register again"):
        case.session.create(case.path, 40, source=painted.volume)
    assert case.session.why_stale(case.path) == ""


def test_a_volume_painted_from_another_scan_is_no_end_of_the_path(case):
    mask = ensure_mask(case.scene, case.target)
    drop_lesion(mask, case.target, POINT, 24, False)
    painted = case.session.paint(case.target, mask, "any")
    assert not case.session.leads_between(case.path, painted.volume, case.target)
    assert case.session.leads_between(case.path, case.source, painted.volume)
    assert case.session.why_stale(case.path, source=painted.volume)


def test_a_painted_source_can_be_previewed_compared_and_made_a_series_of(case):
    painted = case.paint()
    ends = {"source": painted.volume}
    preview = case.session.preview(case.path, **ends)
    assert np.array_equal(array(preview.volume), array(painted.volume))
    preview.remove()
    comparison = case.session.compare(case.path, **ends)
    comparison.show_volume(painted.volume, case.session.world_image(painted.volume))
    assert comparison.share == 0.0
    comparison.end()
    sequences = slicer.vtkSlicerSequencesLogic()
    sequences.SetMRMLScene(case.scene)
    series = case.session.start_series(case.path, [0, 50], **ends).wait()
    first = series.sequence.GetNthDataNode(0)
    assert np.array_equal(array(first), array(painted.volume))  # 0 % is the source, lesion and all


def test_the_path_and_what_was_painted_survive_saving_and_loading(app, case, tmp_path):
    case.paint(seed=2)
    app.load(app.save(tmp_path / "saved"))
    scene = case.scene
    volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    volume = next(node for node in volumes if node.GetAttribute(SYNTHETIC))
    assert volume.GetNodeReference(PAINTED_FROM).GetName() == PATIENT
    path = scene.GetFirstNodeByClass("vtkMRMLGridTransformNode")
    assert MorphSession(scene).why_stale(path, source=volume) == ""
    assert next_seed(scene, volume.GetNodeReference(PAINTED_FROM)) == 3


def test_seeds_go_on_from_what_is_in_the_scene(case):
    assert next_seed(case.scene, case.source) is None
    case.paint()
    assert next_seed(case.scene, case.source) == 1
    painted = case.paint(seed=1)
    assert next_seed(case.scene, case.source) == 2
    assert json.loads(painted.volume.GetAttribute(RECORD))["id"] == "0000fa7e0001"


def test_an_empty_mask_a_missing_model_and_a_removed_scan_leave_the_scene_as_it_was(case):
    case.mask.GetSegmentation().RemoveAllSegments()
    ensure_mask(case.scene, case.source)
    count = case.scene.GetNumberOfNodes()
    with pytest.raises(InputError, match="empty"):
        case.paint()
    drop_lesion(case.mask, case.source, (0, 0, 30), 24, False)
    with pytest.raises(SyntheticCTError, match="choose another"):
        case.session.paint(case.source, case.mask, "broken")
    job = case.session.start_painting(case.source, case.mask, "any")
    case.scene.RemoveNode(case.target)
    slicer.util.arrayFromVolume(case.source)[0, 0, 0] += 1
    slicer.util.arrayFromVolumeModified(case.source)
    with pytest.raises(InputError, match="changed or moved"):
        job.wait()
    assert case.scene.GetNumberOfNodes() <= count


def test_nothing_is_painted_with_a_mask_of_another_grid(case):
    case.source.SetOrigin(1, 2, 3)
    count = case.scene.GetNumberOfNodes()
    with pytest.raises(InputError, match="moved or resampled"):
        case.paint()
    assert case.scene.GetNumberOfNodes() == count


def test_a_hardened_scan_is_painted_where_it_was_before(case):
    before = segments_of(case.mask, case.source)["lesion"]
    for node in (case.source, case.labels):
        node.HardenTransform()
    painted = case.paint()
    change = array(painted.volume) - array(case.source)
    assert np.array_equal(change > 0, before)


def test_painting_can_be_cancelled(case):
    job = case.session.start_painting(case.source, case.mask, "slow")
    count = case.scene.GetNumberOfNodes()
    job.cancel()
    assert job.cancelled and case.scene.GetNumberOfNodes() == count
