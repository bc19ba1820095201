"""Section "Inspect" on the host: three scans side by side, and the user's own views back."""

from pathlib import Path

import numpy as np
import pytest
import slicer
from clicks import User, nodes, synthetic_volumes

from SyntheticCTLib.slicer_bridge.path_nodes import read_path

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ("Source", "Synthetic", "Target")


@pytest.fixture
def user(host):
    user = User(host, ROOT)
    user.choose_pair()
    user.have_path()
    slicer.util.setSliceViewerLayers(background=user.parameters.sourceVolume)
    return user


def composite(column, plane="Axial"):
    (node,) = [
        node for node in nodes("vtkMRMLSliceCompositeNode") if node.GetLayoutName() == f"SyntheticCT{column}{plane}"
    ]
    return node


def shown(column, plane="Axial"):
    """The volume in the background of a column."""
    return slicer.mrmlScene.GetNodeByID(composite(column, plane).GetBackgroundVolumeID() or "")


def pixels(user, column, plane="Axial"):
    return user.host.slice_pixels(f"SyntheticCT{column}{plane}")


def compare(user):
    user.ui.comparePushButton.click()
    user.host.process_events(0.1)


def test_one_click_shows_three_scans_in_linked_views_and_another_gives_mine_back(user):
    layout = slicer.app.layoutManager().layout
    volumes = len(nodes("vtkMRMLScalarVolumeNode"))
    compare(user)
    assert slicer.app.layoutManager().layout != layout and user.ui.comparePushButton.text == "Back to my views"
    for column in COLUMNS:
        for plane in ("Axial", "Coronal"):
            assert shown(column, plane) is not None
            assert composite(column, plane).GetLinkedControl() and composite(column, plane).GetHotLinkedControl()
            node = slicer.mrmlScene.GetSingletonNode(f"SyntheticCT{column}{plane}", "vtkMRMLSliceNode")
            assert node.GetOrientation() == plane and node.GetViewGroup() == 5731
    assert len({shown(column).GetDisplayNodeID() for column in COLUMNS}) == 1  # one window for all
    assert not slicer.util.getNode("A labels").GetDisplayNode().GetVisibility()
    user.ui.comparePushButton.click()
    assert slicer.app.layoutManager().layout == layout
    assert len(nodes("vtkMRMLScalarVolumeNode")) == volumes
    assert slicer.util.getNode("A labels").GetDisplayNode().GetVisibility()


def test_the_live_body_in_the_middle_follows_the_slider(user):
    compare(user)
    user.ui.percentSliderWidget.value = 0.0
    source, live = pixels(user, "Source"), pixels(user, "Synthetic")
    assert np.array_equal(source, live)
    user.ui.percentSliderWidget.value = 100.0
    assert np.abs(pixels(user, "Synthetic").astype(int) - live).max() > 50
    assert np.array_equal(pixels(user, "Source"), source)


def test_a_created_scan_takes_the_middle_and_the_slider_brings_the_live_one_back(user):
    compare(user)
    user.create(60)
    (created,) = [node for node in synthetic_volumes() if not node.GetHideFromEditors()]
    assert user.parameters.inspectedVolume is created
    assert shown("Synthetic").GetName() == created.GetName()
    user.ui.percentSliderWidget.value = 20.0
    assert user.parameters.inspectedVolume is None and shown("Synthetic").GetName() == "SYNTHETIC, live"


def test_the_target_is_laid_over_the_source_unless_asked_otherwise(user):
    compare(user)
    pose = user.parameters.path.GetNodeReferenceID("SyntheticCT.pose")
    assert shown("Target").GetTransformNodeID() == pose
    assert user.parameters.targetVolume.GetTransformNodeID() is None
    user.ui.alignTargetCheckBox.click()
    assert shown("Target").GetTransformNodeID() is None


def test_a_window_preset_changes_all_views_and_no_scan_of_the_user(user):
    before = [(node.GetDisplayNode().GetWindow(), node.GetDisplayNode().GetLevel()) for node in user_volumes(user)]
    compare(user)
    user.choose(user.ui.windowComboBox, "Lung")
    for column in COLUMNS:
        display = shown(column).GetDisplayNode()
        assert (display.GetWindow(), display.GetLevel()) == (1500, -600)
    user.choose(user.ui.windowComboBox, "As the source is shown")
    source = user.parameters.sourceVolume.GetDisplayNode()
    display = shown("Target").GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel()) == (source.GetWindow(), source.GetLevel())
    after = [(node.GetDisplayNode().GetWindow(), node.GetDisplayNode().GetLevel()) for node in user_volumes(user)]
    assert after == before


def test_fade_and_flicker(user):
    compare(user)
    user.ui.fadeSliderWidget.value = 40.0
    middle = composite("Synthetic")
    assert middle.GetForegroundOpacity() == pytest.approx(0.4)
    assert slicer.mrmlScene.GetNodeByID(middle.GetForegroundVolumeID()).GetName() == "Target"
    user.choose(user.ui.aboveComboBox, "Source")
    assert slicer.mrmlScene.GetNodeByID(middle.GetForegroundVolumeID()).GetName() == "Source"
    user.ui.flickerCheckBox.click()
    seen = set()
    for _ in range(30):
        user.host.process_events(0.1)
        seen.add(round(middle.GetForegroundOpacity(), 1))
        if {0.0, 1.0} <= seen:
            break
    assert {0.0, 1.0} <= seen
    user.ui.flickerCheckBox.click()
    assert middle.GetForegroundOpacity() == pytest.approx(0.4)


def test_a_synthetic_scan_says_so_in_the_corner_of_its_views_and_others_do_not(user):
    marks = user.panel.panel.marks
    assert marks.text_in("Red") == ""
    user.ui.percentSliderWidget.value = 30.0
    assert marks.text_in("Red") == "SYNTHETIC"
    compare(user)
    assert [marks.text_in(f"SyntheticCT{column}Axial") for column in COLUMNS] == ["", "SYNTHETIC", ""]
    user.ui.comparePushButton.click()
    user.create(30)
    assert marks.text_in("Red") == "SYNTHETIC"
    slicer.util.setSliceViewerLayers(background=user.parameters.targetVolume)
    assert marks.text_in("Red") == ""


@pytest.mark.parametrize("how", ["leave", "close", "remove the path"])
def test_leaving_closing_and_losing_the_path_end_the_comparison(user, how):
    layout = slicer.app.layoutManager().layout
    compare(user)
    if how == "leave":
        user.host.leave(user.panel)
    elif how == "close":
        user.host.close_scene()
    else:
        slicer.mrmlScene.RemoveNode(user.parameters.path)
        user.host.process_events(0.1)
    assert slicer.app.layoutManager().layout == layout
    assert not [node for node in nodes("vtkMRMLScalarVolumeNode") if node.GetAttribute("SyntheticCT.standIn")]
    assert not user.panel.panel.inspect.active


def test_a_scene_saved_while_comparing_holds_no_stand_in_and_opens_with_views_that_show_something(user, tmp_path):
    compare(user)
    (tmp_path / "saved").mkdir()
    user.host.save_scene(tmp_path / "saved")
    (saved,) = (tmp_path / "saved").glob("*.mrml")
    assert "SYNTHETIC, live" not in saved.read_text(encoding="utf-8")
    user.host.close_scene()
    user.host.load_scene(str(saved))
    user.host.process_events(0.2)
    assert slicer.app.layoutManager().layout == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    red = [node for node in nodes("vtkMRMLSliceCompositeNode") if node.GetLayoutName() == "Red"][0]
    assert slicer.mrmlScene.GetNodeByID(red.GetBackgroundVolumeID()).GetName() == "A"
    compare(user)
    assert shown("Synthetic").GetName() == "SYNTHETIC, live"


def test_the_percentage_stays_where_it_was_put_while_a_created_scan_is_compared(user):
    compare(user)
    user.create(60)
    user.ui.percentSliderWidget.value = 25.0
    assert user.parameters.percent == 25.0 and user.ui.percentSliderWidget.value == 25.0


def user_volumes(user):
    return [user.parameters.sourceVolume, user.parameters.targetVolume]


def test_moving_the_mouse_with_shift_takes_all_views_to_the_same_anatomical_point(user):
    compare(user)
    user.ui.percentSliderWidget.value = 50.0
    crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    assert crosshair is not None
    view = slicer.mrmlScene.GetSingletonNode("SyntheticCTSourceAxial", "vtkMRMLSliceNode")
    crosshair.SetCursorPositionXYZ([100.0, 100.0, 0.0], view)
    crosshair.SetCrosshairRAS([30.0, 8.0, 21.0])  # as Slicer does while Shift is held
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 30.0, 8.0, 21.0)  # and then this
    user.host.process_events(0.2)
    points = {
        column: slicer.util.getNode(f"SyntheticCT point {column}").GetNthControlPointPosition(0) for column in COLUMNS
    }
    assert points["Source"] == (30.0, 8.0, 21.0)
    path = read_path(user.parameters.path)
    lps = np.array([[-30.0], [-8.0], [21.0]], np.float32)
    for column, share in (("Synthetic", 0.5), ("Target", 1.0)):
        x, y, z = path.push_forward(share, lps)[:, 0]
        assert np.allclose(points[column], (-x, -y, z), atol=0.4)
        node = slicer.mrmlScene.GetSingletonNode(f"SyntheticCT{column}Axial", "vtkMRMLSliceNode")
        assert node.GetSliceOffset() == pytest.approx(z, abs=0.4)
    assert np.linalg.norm(np.subtract(points["Target"], points["Source"])) > 0.5
    compare(user)  # back
    assert not slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")


@pytest.mark.parametrize("kind", ["Difference", "Volume change", "Checkerboard"])
def test_more_can_be_laid_over_a_created_scan_and_nothing_of_it_stays(user, kind):
    entries = {
        "Difference": "Difference to the source (blue -500, red +500 HU)",
        "Volume change": "Change of volume (blue halved, red doubled)",
        "Checkerboard": "Checkerboard with the target",
    }
    compare(user)
    user.choose(user.ui.aboveComboBox, entries[kind])
    assert not user.ui.fadeSliderWidget.enabled  # over the live body there is nothing to show
    user.create(60)
    assert user.ui.fadeSliderWidget.enabled
    plain = pixels(user, "Synthetic").copy()
    user.ui.fadeSliderWidget.value = 100.0
    above = slicer.mrmlScene.GetNodeByID(composite("Synthetic").GetForegroundVolumeID())
    assert above.GetName() == kind and above.GetHideFromEditors()
    assert np.abs(pixels(user, "Synthetic").astype(int) - plain).mean() > 1
    compare(user)  # back
    assert not [node for node in nodes("vtkMRMLScalarVolumeNode") if node.GetName() == kind]
    assert not [node for node in nodes("vtkMRMLColorTableNode") if node.GetName().startswith("SyntheticCT")]


def test_the_button_goes_to_the_point_that_moves_furthest(user):
    compare(user)
    user.ui.furthestPushButton.click()
    points = [
        np.array(slicer.util.getNode(f"SyntheticCT point {column}").GetNthControlPointPosition(0))
        for column in ("Source", "Target")
    ]
    assert np.linalg.norm(points[1] - points[0]) > 3


@pytest.mark.parametrize("change", ["another path", "a changed volume"])
def test_a_comparison_ends_when_what_it_shows_is_no_longer_true(user, change):
    first = user.parameters.path
    user.create(40)
    if change == "another path":
        user.ui.sourceVolumeSelector.setCurrentNode(first.GetNodeReference("SyntheticCT.target"))
        user.ui.targetVolumeSelector.setCurrentNode(first.GetNodeReference("SyntheticCT.source"))
        user.register()
        user.ui.morphPathSelector.setCurrentNode(first)
    compare(user)
    assert user.panel.panel.inspect.active and shown("Synthetic").GetName().startswith("SYNTHETIC")
    if change == "another path":
        (other,) = [node for node in nodes("vtkMRMLGridTransformNode") if node.GetName() == "Morph path_1"]
        user.ui.morphPathSelector.setCurrentNode(other)
    else:
        slicer.util.arrayFromVolume(user.parameters.sourceVolume)[2, 2, 2] += 1
        slicer.util.arrayFromVolumeModified(user.parameters.sourceVolume)
    user.host.process_events(0.5)
    assert not user.panel.panel.inspect.active and not user.ui.comparePushButton.checked
    assert user.ui.comparePushButton.enabled == (change == "another path")


def test_a_loaded_scene_that_shows_a_synthetic_scan_says_so(user, tmp_path):
    user.create(40)
    (tmp_path / "saved").mkdir()
    user.host.save_scene(tmp_path / "saved")
    (saved,) = (tmp_path / "saved").glob("*.mrml")
    user.host.close_scene()
    assert user.panel.panel.marks.text_in("Red") == ""
    user.host.load_scene(str(saved))
    user.host.process_events(0.2)
    assert user.panel.panel.marks.text_in("Red") == "SYNTHETIC"


@pytest.mark.parametrize("what", ["preview", "comparison", "flicker"])
def test_unloading_the_module_leaves_nothing_in_views_and_scene(user, what):
    layout = slicer.app.layoutManager().layout
    if what == "preview":
        user.ui.percentSliderWidget.value = 30.0
    else:
        compare(user)
        user.ui.flickerCheckBox.checked = what == "flicker"
    user.panel.cleanup()
    user.host.process_events(1)
    assert slicer.app.layoutManager().layout == layout
    assert not [node for node in nodes("vtkMRMLScalarVolumeNode") if node.GetAttribute("SyntheticCT.standIn")]
    assert slicer.util.getNode("A labels").GetDisplayNode().GetVisibility()


def test_labels_of_other_bodies_come_back_when_the_module_is_left(user):
    labels = slicer.util.getNode("A labels").GetDisplayNode()
    user.create(40)
    assert not labels.GetVisibility()
    user.host.leave(user.panel)
    assert labels.GetVisibility()
