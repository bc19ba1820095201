"""The whole way on plain MRML: register, create, look at what is in the scene; cancel; and nobody's name anywhere."""

import gzip
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from pieces import linear, untouched
from trunks import LIVER, LUNG, known_path, trunk

from SyntheticCTLib.errors import Cancelled, InputError, SyntheticCTError
from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.images.labels import LabelLayer
from SyntheticCTLib.slicer_bridge import MorphSession
from SyntheticCTLib.slicer_bridge.path_nodes import add_path, is_path, read_path
from SyntheticCTLib.slicer_bridge.results import RECORD, SYNTHETIC, VERDICT
from SyntheticCTLib.slicer_bridge.segmentations import Segment, add_segmentation, read_segments, shared_layers
from SyntheticCTLib.slicer_bridge.tables import add_table, read_record
from SyntheticCTLib.slicer_bridge.volumes import add_volume, read_world_ct

PATIENT = "Doe^John"
TERM = "Segmentation category and type~SCT^123037004^Anatomical Structure~SCT^39607008^Lung~^^~Anatomic codes~^^~^^"


class Pair:
    """Two trunks in the scene, each with a patient's name wherever Slicer keeps one."""

    def __init__(self, scene):
        self.scene = scene
        image, organs = trunk()
        other, _ = trunk(width=1.08, lung=1.1)
        self.source, self.target = add_volume(scene, image, PATIENT), add_volume(scene, other, "Roe^Jane")
        half = sitk.Cast(organs.image == LIVER, sitk.sitkUInt8)
        looks = [
            {LUNG: Segment("lung", (0.1, 0.2, 0.9), TERM), LIVER: Segment("liver"), 3: Segment(PATIENT)},
            {1: Segment("lesion", (1, 0, 1))},
        ]
        self.labels = add_segmentation(scene, PATIENT, [organs, LabelLayer("lesions", half)], looks)
        self.parent = linear(scene, [[0, -1, 0, 12], [1, 0, 0, -7], [0, 0, 1, 30], [0, 0, 0, 1]])
        for node in (self.source, self.labels):
            node.SetAndObserveTransformNodeID(self.parent.GetID())
            node.SetAttribute("DICOM.instanceUIDs", "1.2.840.113619.2.55.3")
            node.SetDescription(PATIENT)
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
        self.patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), PATIENT)
        hierarchy.SetItemAttribute(self.patient, "DICOM.PatientName", PATIENT)
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(self.source), self.patient)
        fields = [("patient_name", PATIENT), ("age", "60"), ("sex", "M"), ("study_date", "20260102")]
        self.metadata = add_table(scene, PATIENT, ("field", "value"), fields)
        self.target_metadata = add_table(scene, "Roe^Jane", ("field", "value"), [("age", "40"), ("sex", "F")])

    def path(self):
        """A known path between them, without a registration."""
        worlds = [read_world_ct(node).image for node in (self.source, self.target)]
        return add_path(self.scene, known_path(*worlds), self.source, self.target)


@pytest.fixture
def pair(scene):
    return Pair(scene)


def workspaces() -> set[str]:
    """Temporary folders of this process's jobs; the name holds the process."""
    return {folder.name for folder in Path(tempfile.gettempdir()).glob(f"synthetic-ct-*-{os.getpid()}-*")}


def test_registering_puts_a_path_into_the_scene_that_fits(pair):
    before = untouched(pair.source), untouched(pair.target), workspaces()
    session = MorphSession()
    stages = []
    job = session.start_registration(pair.source, pair.target, backend="simpleitk")
    path = job.wait(stages.append)
    assert is_path(path) and session.why_stale(path) == ""
    assert read_path(path).method["backend"] == "simpleitk"
    assert any(event["event"] == "stage" and event["elapsed"] >= 0 for event in stages)
    assert (untouched(pair.source), untouched(pair.target), workspaces()) == before


def test_creating_makes_volume_segmentation_table_and_report(pair):
    session = MorphSession(pair.scene)
    path = pair.path()
    before = untouched(pair.source), untouched(pair.labels), workspaces()
    made = session.create(
        path, 50, labels=pair.labels, metadata=pair.metadata, target_metadata=pair.target_metadata
    )
    assert (untouched(pair.source), untouched(pair.labels), workspaces()) == before
    from SyntheticCTLib.morph.warping import morph

    source = read_world_ct(pair.source)
    segments = read_segments(pair.labels, source.image)
    exact = morph(source.image, read_path(path), 0.5, segments.layers)
    found = read_world_ct(made.volume)
    assert np.array_equal(sitk.GetArrayViewFromImage(found.image), sitk.GetArrayViewFromImage(exact.image))
    assert np.allclose(found.bound.geometry.matrix(), Geometry.of(source.image).matrix(), atol=1e-9)
    assert made.volume.GetParentTransformNode() is None
    back = read_segments(made.segmentation, found.image)
    for layer, expected in zip(back.layers, exact.layers, strict=True):
        assert np.array_equal(sitk.GetArrayViewFromImage(layer.image), sitk.GetArrayViewFromImage(expected.image))
    assert back.looks[0][LUNG] == Segment("lung", (0.1, 0.2, 0.9), TERM)
    names = [segment.name for look in back.looks for segment in look.values()]
    assert names == ["lung", "liver", "Segment 1", "lesion"]  # one was called like the patient
    assert read_record(made.metadata) == {"age": "50", "sex": "M"}
    assert made.verdict in ("pass", "warn", "reject")
    assert read_record_of_report(made.report)["verdict"] == made.verdict


def test_a_synthetic_scan_stands_under_a_subject_of_its_own_and_says_what_it_is(pair):
    made = MorphSession(pair.scene).create(pair.path(), 50, labels=pair.labels)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(pair.scene)
    item = hierarchy.GetItemByDataNode(made.volume)
    study = hierarchy.GetItemParent(item)
    subject = hierarchy.GetItemParent(study)
    assert hierarchy.GetItemName(subject) == f"SYNTHETIC {made.id}" == made.volume.GetName()
    assert hierarchy.GetItemParent(subject) == hierarchy.GetSceneItemID()
    assert hierarchy.GetItemLevel(subject) == "Patient" and hierarchy.GetItemLevel(study) == "Study"
    for one in (item, study, subject):
        names = hierarchy.GetItemAttributeNames(one)
        assert not [name for name in names if name.startswith("DICOM")]
        assert not hierarchy.GetItemUID(one, "DICOM")
    record = json.loads(made.volume.GetAttribute(RECORD))
    assert record["synthetic"] is True and record["id"] == made.id == made.volume.GetAttribute(SYNTHETIC)
    assert made.volume.GetAttribute(VERDICT) == made.verdict
    assert "seed" not in json.dumps(record) and read_path_hash(pair) not in json.dumps(record)


def test_the_same_twice_are_two_nodes_with_the_same_voxels(pair):
    session, path = MorphSession(pair.scene), pair.path()
    first, second = session.create(path, 25), session.create(path, 25)
    assert first.volume.GetName() != second.volume.GetName() and first.id == second.id
    assert np.array_equal(
        slicer.util.arrayFromVolume(first.volume), slicer.util.arrayFromVolume(second.volume)
    )


def test_nobodys_name_is_in_what_is_saved_once_the_originals_are_gone(app, pair, tmp_path):
    made = MorphSession(app.scene).create(
        pair.path(), 50, labels=pair.labels, metadata=pair.metadata, target_metadata=pair.target_metadata
    )
    made.volume.CreateDefaultStorageNode()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(app.scene)
    hierarchy.RemoveItem(pair.patient)
    for node in (pair.source, pair.target, pair.labels, pair.metadata, pair.target_metadata):
        app.scene.RemoveNode(node)
    file = app.save(tmp_path / "saved")
    written = [path for path in file.parent.rglob("*") if path.is_file()]
    assert len(written) >= 5
    for path in written:
        content = path.read_bytes()
        head, _, body = content.partition(b"\n\n")
        plain = content + (gzip.decompress(body) if b"encoding: gzip" in head else b"")
        for trace in (b"Doe", b"Roe", b"1.2.840", b"20260102", b"DICOM."):
            assert trace not in plain, f"{path.name} holds {trace}"
        assert "Doe" not in path.name


def test_cancelling_ends_the_job_and_leaves_the_scene_as_it_was(pair):
    nodes, before = pair.scene.GetNumberOfNodes(), workspaces()
    job = MorphSession(pair.scene).start_registration(pair.source, pair.target, backend="simpleitk")
    job.poll()
    job.cancel()
    job.cancel()
    assert job.finished and job.cancelled and job.poll() == []
    assert (pair.scene.GetNumberOfNodes(), workspaces()) == (nodes, before)
    with pytest.raises(Cancelled):
        job.wait()


def test_an_error_says_the_librarys_sentence_and_leaves_the_scene_as_it_was(pair):
    nodes, before = pair.scene.GetNumberOfNodes(), workspaces()
    with pytest.raises(SyntheticCTError, match="nonsense"):
        MorphSession(pair.scene).register(pair.source, pair.target, backend="nonsense")
    assert (pair.scene.GetNumberOfNodes(), workspaces()) == (nodes, before)


def test_a_volume_edited_while_it_was_registered_gets_no_path(pair):
    job = MorphSession(pair.scene).start_registration(pair.source, pair.target, backend="simpleitk")
    slicer.util.arrayFromVolume(pair.source)[3, 4, 5] += 1
    slicer.util.arrayFromVolumeModified(pair.source)
    with pytest.raises(InputError, match="voxels"):
        job.wait()
    assert not pair.scene.GetFirstNodeByName("Morph path")


@pytest.mark.parametrize("percent", [-1, 101, float("nan")])
def test_a_percentage_that_is_none_is_refused(pair, percent):
    with pytest.raises(InputError, match="0 to 100"):
        MorphSession(pair.scene).create(pair.path(), percent)


def test_labels_of_one_side_alone_and_tables_of_another_shape_are_refused(pair):
    session = MorphSession(pair.scene)
    with pytest.raises(InputError, match="one side alone"):
        session.start_registration(pair.source, pair.target, source_labels=pair.labels)
    odd = add_table(pair.scene, "Odd table", ("a", "b", "c"), [(1, 2, 3), (4, 5, 6)])
    with pytest.raises(InputError, match="Odd table has 2 rows and 3 columns"):
        session.create(pair.path(), 50, metadata=odd)


def read_record_of_report(table) -> dict[str, str]:
    rows = table.GetTable()
    return {rows.GetValue(row, 0).ToString(): rows.GetValue(row, 1).ToString() for row in range(rows.GetNumberOfRows())}


def read_path_hash(pair) -> str:
    return read_world_ct(pair.source).bound.content


def test_a_volume_removed_while_it_was_registered_gets_no_path(pair):
    job = MorphSession(pair.scene).start_registration(pair.source, pair.target, backend="simpleitk")
    pair.scene.RemoveNode(pair.target)
    with pytest.raises(InputError, match="removed meanwhile"):
        job.wait()
    assert not pair.scene.GetFirstNodeByName("Morph path")


def test_a_defect_while_the_result_is_taken_is_an_error_and_no_success(pair, monkeypatch):
    from SyntheticCTLib.slicer_bridge import path_nodes

    def broken(*arguments):
        raise RuntimeError("boom")

    monkeypatch.setattr(path_nodes, "add_path", broken)
    before = workspaces()
    with pytest.raises(SyntheticCTError, match="could not be put into the scene .boom."):
        MorphSession(pair.scene).register(pair.source, pair.target, backend="simpleitk")
    assert workspaces() == before


def test_labels_of_both_sides_guide_the_registration_by_name_and_not_by_value(pair):
    other, organs = trunk(width=1.08, lung=1.1)
    looks = [{LUNG: Segment("Liver"), LIVER: Segment("left arm"), 3: Segment("lung")}]
    target_labels = add_segmentation(pair.scene, "target labels", [organs], looks)
    before = workspaces()
    path = MorphSession(pair.scene).register(
        pair.source, pair.target, backend="simpleitk", source_labels=pair.labels, target_labels=target_labels
    )
    assert read_path(path).method["guiding_labels"] == ["shared1:1", "shared2:1"] and workspaces() == before
    segments = [
        read_segments(node, read_world_ct(volume).image)
        for node, volume in ((pair.labels, pair.source), (target_labels, pair.target))
    ]
    ours, theirs = shared_layers(*segments)
    values = sitk.GetArrayViewFromImage(segments[1].layers[0].image)
    assert np.array_equal(sitk.GetArrayViewFromImage(theirs[0].image) == 1, values == 3)  # what they call lung
    assert np.array_equal(sitk.GetArrayViewFromImage(theirs[1].image) == 1, values == LUNG)  # what they call Liver
    assert len(ours) == 2


def test_labels_without_a_common_name_cannot_guide(pair):
    _, organs = trunk(width=1.08, lung=1.1)
    strangers = add_segmentation(pair.scene, "strangers", [organs], [{LUNG: Segment("spleen")}])
    with pytest.raises(InputError, match="no segment of the same name"):
        MorphSession(pair.scene).start_registration(
            pair.source, pair.target, source_labels=pair.labels, target_labels=strangers
        )
