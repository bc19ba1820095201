"""Reading studies on real MRML, without a window: what comes into the scene, and what an answer becomes."""

import numpy as np
import pytest
import slicer
from review_folders import answers_of, voxels_of, write_study

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.slicer_bridge.review_marks import Mark
from SyntheticCTLib.slicer_bridge.review_session import ReviewSession
from SyntheticCTLib.slicer_bridge.review_views import PLANES, SIDES, view_name


def add_views(scene, count):
    """What the layout manager makes of the layout."""
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene)
    for side in SIDES[count]:
        for plane in PLANES:
            for kind in ("vtkMRMLSliceNode", "vtkMRMLSliceCompositeNode"):
                node = scene.CreateNodeByClass(kind)
                node.UnRegister(None)
                node.SetSingletonTag(view_name(side, plane))
                node.SetLayoutName(view_name(side, plane))
                scene.AddNode(node)


def volumes(scene):
    count = scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode")
    return [scene.GetNthNodeByClass(number, "vtkMRMLVolumeNode") for number in range(count)]


@pytest.fixture
def open_session(scene, tmp_path):
    opened = []

    def open_it(mode="rate", **study):
        write_study(tmp_path / "study", mode=mode, **study)
        add_views(scene, 2 if mode == "pairs" else 1)
        opened.append(ReviewSession.open(scene, tmp_path / "study", "A", tmp_path / "spare"))
        return opened[0]

    yield open_it
    for session in opened:
        session.close()


def test_a_case_has_its_voxels_its_place_and_nothing_else(scene, open_session, tmp_path):
    session = open_session()
    session.show(1)
    (node,) = volumes(scene)
    (case,) = session.trials[1].cases
    assert np.array_equal(slicer.util.arrayFromVolume(node), voxels_of(tmp_path / "study", case))
    assert node.GetSpacing() == (4.0, 4.0, 4.0) and node.GetImageData().GetScalarTypeAsString() == "short"
    assert node.GetName() == "Case" and node.GetStorageNode() is None and node.GetDescription() is None
    assert not node.GetSaveWithScene() and node.GetHideFromEditors() and not node.GetUndoEnabled()
    session.hide()
    assert not volumes(scene) and not session.shown


def test_the_three_planes_are_linked_whole_and_in_the_middle(scene, open_session):
    session = open_session()
    session.show(0)
    (node,) = volumes(scene)
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    for plane, axis in (("Axial", 2), ("Coronal", 1), ("Sagittal", 0)):
        view = scene.GetSingletonNode(view_name("", plane), "vtkMRMLSliceNode")
        assert view.GetOrientation() == plane
        assert view.GetOrientationMarkerEnabled() and view.GetRulerEnabled()  # which side is which, and how large
        middle = view.GetSliceToRAS().GetElement(axis, 3)
        assert middle == pytest.approx((bounds[2 * axis] + bounds[2 * axis + 1]) / 2, abs=1e-6)
        across, along = sorted({0, 1, 2} - {axis})
        field = view.GetFieldOfView()
        assert field[0] >= bounds[2 * across + 1] - bounds[2 * across]
        assert field[1] >= bounds[2 * along + 1] - bounds[2 * along]
        composite = scene.GetSingletonNode(view_name("", plane), "vtkMRMLSliceCompositeNode")
        assert composite.GetBackgroundVolumeID() == node.GetID()
        assert composite.GetLinkedControl() and composite.GetHotLinkedControl()
    session.views.go_to((-40.0, -30.0, 20.0))
    assert scene.GetSingletonNode(view_name("", "Axial"), "vtkMRMLSliceNode").GetSliceOffset() == pytest.approx(20.0)


def test_an_answer_goes_to_disk_in_lps_and_comes_back_as_it_was(open_session, tmp_path):
    session = open_session("pairs", count=1)
    draft = session.draft(0)
    assert not draft.complete
    draft.call, draft.confidence, draft.realism, draft.comment = "right", 2, [5, 1], "ß"
    draft.marks.append(Mark("blur", (1.0, 2.0, 3.0), 1))
    draft.seconds = 3.14
    assert draft.complete and session.changed(0) and session.save(0)
    (line,) = answers_of(tmp_path / "study")
    assert line["artefacts"] == [{"kind": "blur", "position": [-1.0, -2.0, 3.0], "case": session.trials[0].cases[1]}]
    assert line["seconds"] == 3.1
    again = session.draft(0)
    assert again.says_the_same_as(draft) and again.seconds == 0 and not session.changed(0)
    assert session.save(0) and len(answers_of(tmp_path / "study")) == 1  # nothing was changed


def test_an_incomplete_answer_is_refused(open_session, tmp_path):
    session = open_session()
    session.draft(0).call = "real"
    with pytest.raises(InputError):
        session.save(0)
    assert not answers_of(tmp_path / "study") and session.draft(0).call == "real"


def test_pairs_have_two_nodes_in_one_window_and_marks_in_their_own_views(scene, open_session):
    session = open_session("pairs", count=1)
    session.show(0)
    left, right = volumes(scene)
    assert (left.GetName(), right.GetName()) == ("Left", "Right")
    assert left.GetDisplayNode() is right.GetDisplayNode()
    session.set_window(session.study.windows[1])
    assert (left.GetDisplayNode().GetWindow(), left.GetDisplayNode().GetLevel()) == (400, 40)
    session.draft(0).marks[:] = [Mark("blur", (1.0, 2.0, 3.0), 0), Mark("smear", (4.0, 5.0, 6.0), 1)]
    session.show_marks(0)
    for side, number in (("Left", "1"), ("Right", "2")):
        views = {scene.GetSingletonNode(view_name(side, plane), "vtkMRMLSliceNode").GetID() for plane in PLANES}
        (node,) = [
            each
            for each in (scene.GetNthNodeByClass(n, "vtkMRMLMarkupsFiducialNode") for n in (0, 1))
            if set(each.GetDisplayNode().GetViewNodeIDs()) == views
        ]
        assert node.GetNthControlPointLabel(0) == number
    session.hide()
    assert not scene.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode")


@pytest.mark.parametrize("how", ["gone", "no image"])
def test_a_case_that_cannot_be_read_is_an_input_error_and_leaves_nothing(scene, open_session, tmp_path, how):
    session = open_session()
    session.show(0)
    file = session.study.image_file(session.trials[1].cases[0])
    file.unlink() if how == "gone" else file.write_bytes(b"NRRD0004\n")
    with pytest.raises(InputError):
        session.show(1)
    assert not volumes(scene)
    session.show(0)
    assert len(volumes(scene)) == 1
