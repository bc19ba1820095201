"""The same anatomical point in three bodies: found along the path, in whatever pose they are shown."""

import numpy as np
import pytest
import slicer
from pieces import GRIDS
from trunks import known_path, trunk

from SyntheticCTLib.slicer_bridge import MorphSession
from SyntheticCTLib.slicer_bridge.comparison import COLUMNS, PLANES, layout_description, view_name
from SyntheticCTLib.slicer_bridge.path_nodes import add_path, read_path
from SyntheticCTLib.slicer_bridge.volumes import add_display_like, add_volume

LPS = np.array([-1.0, -1.0, 1.0])


@pytest.fixture
def compared(app):
    """A comparison with its views, its preview and its path."""
    scene = app.scene
    layout = slicer.vtkMRMLLayoutLogic()
    layout.SetMRMLScene(scene)
    image, _ = trunk(GRIDS["oblique"])
    source, target = add_volume(scene, image, "source"), add_volume(scene, image, "target")
    add_display_like(source, None)
    node = add_path(scene, known_path(image, image), source, target)
    session = MorphSession(scene)
    comparison = session.compare(node)
    layout.GetLayoutNode().AddLayoutDescription(5731, layout_description())
    layout.GetLayoutNode().SetViewArrangement(5731)
    preview = session.preview(node)
    comparison.show_preview(preview)
    comparison.arrange()
    yield scene, comparison, preview, read_path(node)
    comparison.end()
    preview.remove()


def place(scene, column, plane):
    """Where a view's slice is, along its normal (RAS, mm)."""
    node = scene.GetSingletonNode(view_name(column, plane), "vtkMRMLSliceNode")
    matrix = node.GetSliceToRAS()
    axis = {"Axial": 2, "Coronal": 1}[plane]
    return matrix.GetElement(axis, 3)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_the_preview_knows_where_points_go_as_the_path_does(compared, share):
    _, _, preview, path = compared
    for point in np.random.default_rng(5).uniform(-45, 45, (20, 3)):
        lps = (point * LPS).reshape(3, 1).astype(np.float32)
        assert np.allclose(preview.push_forward(share, point), path.push_forward(share, lps)[:, 0] * LPS, atol=0.3)
        assert np.allclose(preview.pull_back(share, point), path.pull_back(share, lps)[:, 0] * LPS, atol=0.3)
        there = preview.push_forward(share, point)
        assert np.allclose(preview.pull_back(share, there), point, atol=0.3)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("picked_in", COLUMNS)
def test_all_views_go_to_the_same_anatomical_point_from_wherever_it_was_picked(compared, aligned, picked_in):
    scene, comparison, preview, path = compared
    comparison.align(aligned)
    source = np.array([22.0, 14.0, 18.0])
    lps = (source * LPS).reshape(3, 1).astype(np.float32)
    target = path.push_forward(1.0, lps, "source" if aligned else "target")[:, 0] * LPS
    expected = {"Source": source, "Synthetic": path.push_forward(0.5, lps)[:, 0] * LPS, "Target": target}
    comparison.go_to(picked_in, expected[picked_in], preview, 0.5)
    for column in COLUMNS:
        for plane in PLANES:
            axis = {"Axial": 2, "Coronal": 1}[plane]
            assert place(scene, column, plane) == pytest.approx(expected[column][axis], abs=0.4)
        mark = slicer.util.getNode(f"SyntheticCT point {column}")
        assert np.allclose(mark.GetNthControlPointPosition(0), expected[column], atol=0.4)
        views = [mark.GetDisplayNode().GetNthViewNodeID(n) for n in range(2)]
        assert [scene.GetNodeByID(view).GetLayoutName() for view in views] == [view_name(column, p) for p in PLANES]
    assert np.linalg.norm(expected["Target"] - source) > 1  # the points are not the same place


def test_views_of_another_layout_change_nothing_and_the_end_leaves_nothing(compared):
    scene, comparison, preview, _ = compared
    before = [place(scene, column, "Axial") for column in COLUMNS]
    comparison.go_to(None, (1, 2, 3), preview, 0.5)
    assert [place(scene, column, "Axial") for column in COLUMNS] == before
    comparison.end()
    assert not [node for node in slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")]
    assert not [node for node in slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialDisplayNode")]
