"""Section "Lesion" on the host. The mask is painted through MRML and dropped by placing a point: no mouse is tested
here, and no brush. Where painting itself does not matter the job is a fake that paints in an instant."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk
from clicks import User, nodes, synthetic_volumes
from fake_painting import use_fake_painting

from SyntheticCTLib.panel import installing
from SyntheticCTLib.slicer_bridge.lesion_masks import SEGMENT_ID, lesions_of, mask_of

ROOT = Path(__file__).resolve().parents[2]
LUNG_POINT = (30.0, 4.0, 20.0)
"""RAS, in a lung of the trunk."""

CARD = {
    "version": 1,
    "region": "lung",
    "lesion": "nodule",
    "units": "hu",
    "window": [-1000, 400],
    "spacing": {"in_plane_mm": [3.0, 5.0], "slice_mm": [2.0, 5.0]},
    "network": {},
}


def add_model(folder, name, **more):
    """A model that can be chosen; only the fake job can paint with it."""
    place = folder / name
    place.mkdir(parents=True)
    (place / "weights.safetensors").write_bytes(b"weights")
    card = {**CARD, "name": name, "sha256": hashlib.sha256(b"weights").hexdigest(), **more}
    (place / "card.json").write_text(json.dumps(card), encoding="utf-8")
    (place / "card.md").write_text(f"# {name}\n\nPaints nodules.\n", encoding="utf-8")


@pytest.fixture
def models(monkeypatch, tmp_path):
    """A folder with one model for the lung; none are shipped."""
    folder = tmp_path / "models"
    monkeypatch.setenv("SYNTHETIC_CT_MODELS", str(folder))
    monkeypatch.setattr("SyntheticCTLib.lesion.model_files._SHIPPED", tmp_path / "none")
    add_model(folder, "lung-test")
    return folder


@pytest.fixture
def user(host, models, monkeypatch, tmp_path):
    use_fake_painting(monkeypatch, tmp_path)
    user = User(host, ROOT)
    user.choose_pair()
    return user


def open_section(user):
    user.ui.lesionCollapsibleButton.collapsed = False
    user.host.process_events(0.05)
    return mask_of(slicer.mrmlScene, user.parameters.lesionVolume)


def reopen_section(user):
    user.ui.lesionCollapsibleButton.collapsed = True
    user.host.process_events(0.05)
    return open_section(user)


def name_of(node):
    return None if node is None else node.GetName()


def editor(user):
    return user.panel.panel.lesion._editor._widget


def brush(widget) -> dict:
    node = widget.mrmlSegmentEditorNode()
    return {name: node.GetAttribute(f"Brush{name}") for name in ("Sphere", "DiameterIsRelative", "AbsoluteDiameter")}


def click_in_a_view(user, point=LUNG_POINT):
    """What Slicer does at a click in place mode: a point of the active list gets its place, and the mode ends."""
    logic = slicer.app.applicationLogic()
    place = slicer.mrmlScene.GetNodeByID(logic.GetSelectionNode().GetActivePlaceNodeID())
    place.AddControlPointWorld(*point)
    logic.GetInteractionNode().SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.ViewTransform)
    user.host.process_events(0.5)


def drop(user, point=LUNG_POINT):
    user.ui.dropLesionPushButton.click()
    click_in_a_view(user, point)


def paint(user, button=None):
    (button or user.ui.paintLesionPushButton).click()
    user.wait()


def backgrounds() -> set:
    shown = {node.GetBackgroundVolumeID() for node in nodes("vtkMRMLSliceCompositeNode")}
    return {slicer.mrmlScene.GetNodeByID(node_id).GetName() for node_id in shown if node_id}


def test_a_closed_section_does_nothing_and_an_open_one_takes_the_source(user):
    assert user.ui.lesionCollapsibleButton.collapsed and editor(user) is None
    segmentations = len(nodes("vtkMRMLSegmentationNode"))
    mask = open_section(user)
    assert user.parameters.lesionVolume.GetName() == "A" and user.parameters.lesionLabels.GetName() == "A labels"
    assert len(nodes("vtkMRMLSegmentationNode")) == segmentations + 1
    assert mask.GetNodeReference(mask.GetReferenceImageGeometryReferenceRole()).GetName() == "A"
    assert backgrounds() == {"A"}
    assert user.ui.lesionMeasuresLabel.text == "Nothing is painted yet."
    assert not user.ui.paintLesionPushButton.enabled and "mask first" in user.ui.paintLesionPushButton.toolTip


def test_the_editor_paints_balls_in_mm_and_offers_four_tools_only(user):
    mask = open_section(user)
    widget = editor(user)
    node = widget.mrmlSegmentEditorNode()
    assert node.GetSingletonTag() == "SyntheticCTLesion"
    assert widget.effectNameOrder() == ("Paint", "Draw", "Erase", "Islands") and not widget.unorderedEffectsVisible
    assert not widget.segmentationNodeSelectorVisible and not widget.addRemoveSegmentButtonsVisible
    assert widget.undoEnabled and widget.maximumNumberOfUndoStates == 10
    assert brush(widget) == {"Sphere": "1", "DiameterIsRelative": "0", "AbsoluteDiameter": "10"}
    assert widget.segmentationNode() is mask and widget.currentSegmentID() == SEGMENT_ID
    assert node.GetOverwriteMode() == node.OverwriteNone


def test_one_click_drops_a_lesion_of_the_chosen_size(user):
    mask = open_section(user)
    user.ui.lesionDiameterSliderWidget.value = 24.0
    user.choose(user.ui.lesionShapeComboBox, "Ball")
    drop(user)
    ((found,), _) = lesions_of(mask)
    assert np.allclose(np.multiply(found.center_lps, (-1, -1, 1)), LUNG_POINT, atol=2)
    assert found.diameter_mm == pytest.approx(24, abs=4)
    assert user.ui.lesionMeasuresLabel.text.startswith("One lesion: 2")
    assert not user.ui.dropLesionPushButton.checked and not nodes("vtkMRMLMarkupsFiducialNode")
    assert user.ui.paintLesionPushButton.enabled
    user.choose(user.ui.lesionShapeComboBox, "Irregular, each one another")
    drop(user, (-30.0, 10.0, 40.0))
    assert user.ui.lesionMeasuresLabel.text.startswith("2 lesions: ")
    assert editor(user)._qt.saved_states == 2  # the editor's own undo takes them back


@pytest.mark.parametrize("how", ["escape", "button", "another tool", "leave", "close"])
def test_waiting_for_a_click_can_be_ended_and_leaves_nothing(user, how):
    open_section(user)
    user.ui.dropLesionPushButton.click()
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    if how == "escape":
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)
    elif how == "button":
        user.ui.dropLesionPushButton.click()
    elif how == "another tool":
        editor(user).setActiveEffectByName("Paint")
    elif how == "leave":
        user.host.leave(user.panel)
    else:
        user.host.close_scene()
    user.host.process_events(0.1)
    assert not user.ui.dropLesionPushButton.checked and not nodes("vtkMRMLMarkupsFiducialNode")
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform


def test_whoever_paints_sees_the_measures_follow(user):
    mask = open_section(user)
    values = np.zeros(slicer.util.arrayFromVolume(user.parameters.lesionVolume).shape, np.uint8)
    values[24:28, 16:20, 14:18] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(values, mask, SEGMENT_ID, user.parameters.lesionVolume)
    user.host.process_events(0.6)
    assert "4.10 ml" in user.ui.lesionMeasuresLabel.text and user.ui.paintLesionPushButton.enabled
    mask.GetSegmentation().GetSegment(SEGMENT_ID).RemoveAllRepresentations()  # the editor's undo puts segments back so
    user.host.process_events(0.6)
    assert user.ui.lesionMeasuresLabel.text == "Nothing is painted yet."


def test_painting_makes_a_new_scan_shows_it_and_before_is_one_click_away(user):
    open_section(user)
    drop(user)
    source = user.parameters.lesionVolume
    before = slicer.util.arrayFromVolume(source).copy()
    paint(user)
    (made,) = synthetic_volumes()
    assert np.array_equal(slicer.util.arrayFromVolume(source), before)
    change = slicer.util.arrayFromVolume(made).astype(int) - before
    assert set(np.unique(change)) == {0, 77} and user.panel.panel.marks.text_in("Red") == "SYNTHETIC"
    labels = slicer.util.getNode(f"{made.GetName()} labels").GetSegmentation()
    assert [labels.GetNthSegment(n).GetName() for n in range(4)] == ["lung", "liver", "spine", "lesion"]
    assert "This is a fake." in user.ui.lesionStatusLabel.text
    assert backgrounds() == {made.GetName()}
    user.ui.showBeforePushButton.click()
    assert backgrounds() == {"A"}
    user.ui.showBeforePushButton.click()
    assert backgrounds() == {made.GetName()}
    mask = mask_of(slicer.mrmlScene, source)
    assert not mask.GetDisplayNode().GetVisibility()
    editor(user).setActiveEffectByName("Paint")
    assert backgrounds() == {"A"} and mask.GetDisplayNode().GetVisibility()
    assert user.host.messages == []


def test_another_variation_is_another_scan_with_the_next_seed(user):
    open_section(user)
    assert not user.ui.paintVariationPushButton.enabled
    drop(user)
    paint(user)
    paint(user, user.ui.paintVariationPushButton)
    paint(user, user.ui.paintVariationPushButton)
    before = slicer.util.arrayFromVolume(user.parameters.lesionVolume).astype(int)
    changes = [(slicer.util.arrayFromVolume(made) - before).max() for made in synthetic_volumes()]
    assert changes == [77, 78, 79] and "variation 2" in user.ui.lesionStatusLabel.text
    assert backgrounds() == {synthetic_volumes()[-1].GetName()}


def test_a_running_painting_is_one_job_and_can_be_cancelled(user, models):
    add_model(models, "slow")
    open_section(user)
    drop(user)
    user.choose(user.ui.lesionModelComboBox, "slow (nodule in the lung)")
    user.host.process_events(0.1)
    before = slicer.mrmlScene.GetNumberOfNodes()
    user.ui.paintLesionPushButton.click()
    user.host.process_events(20, until=lambda: "50%" in user.ui.lesionStatusLabel.text)
    assert user.ui.paintLesionPushButton.text == "Cancel" and "painting a lesion" in user.ui.registerPushButton.toolTip
    user.ui.paintLesionPushButton.click()
    assert user.ui.paintLesionPushButton.text == "Paint lesion" and "Cancelled" in user.ui.lesionStatusLabel.text
    assert slicer.mrmlScene.GetNumberOfNodes() == before and synthetic_volumes() == []


def test_models_their_cards_their_limits_and_where_there_is_none(user, models):
    add_model(models, "lung-fine", spacing={"in_plane_mm": [0.5, 1.0], "slice_mm": [0.5, 3.0]})
    open_section(user)
    drop(user)
    combo = user.ui.lesionModelComboBox
    user.choose(combo, "lung-fine (nodule in the lung)")
    user.host.process_events(0.1)
    assert "4.00" in user.ui.modelWarningLabel.text and user.ui.paintLesionPushButton.enabled
    user.choose(combo, "lung-test (nodule in the lung)")
    user.host.process_events(0.1)
    assert user.parameters.lesionModel == "lung-test"
    assert not user.ui.modelWarningLabel.visible or "4.00" not in user.ui.modelWarningLabel.text
    user.ui.modelCardPushButton.click()
    page = user.panel.panel.lesion._models._page
    assert page.plainText.startswith("lung-test") and "Paints nodules." in page.plainText
    user.choose(combo, "liver: no model yet")
    user.host.process_events(0.1)
    assert "no model for liver yet; train one" in user.ui.modelWarningLabel.text
    assert not user.ui.paintLesionPushButton.enabled and "train one" in user.ui.paintLesionPushButton.toolTip
    assert not user.ui.modelCardPushButton.enabled


def test_a_lesion_outside_the_lung_and_a_model_for_another_region_are_warned_about(user, models):
    add_model(models, "liver-test", region="liver", lesion="metastasis")
    open_section(user)
    drop(user, (0.0, -40.0, 0.0))  # beside the spine
    user.choose(user.ui.lesionModelComboBox, "lung-test (nodule in the lung)")
    user.host.process_events(0.1)
    assert "seems not to lie in the lung" in user.ui.modelWarningLabel.text


def test_without_any_model_the_section_says_so(host, monkeypatch, tmp_path):
    monkeypatch.setenv("SYNTHETIC_CT_MODELS", str(tmp_path / "nothing"))
    monkeypatch.setattr("SyntheticCTLib.lesion.model_files._SHIPPED", tmp_path / "none")
    user = User(host, ROOT)
    user.choose_pair()
    open_section(user)
    drop(user)
    assert not user.ui.paintLesionPushButton.enabled
    assert "No model was found" in user.ui.paintLesionPushButton.toolTip
    assert "No model was found" in user.ui.modelWarningLabel.text


@pytest.mark.parametrize("extension", ["missing", "declined", "installs"])
def test_without_torch_it_is_offered_through_the_extension_at_the_press(user, monkeypatch, extension):
    import sys
    import types

    asked = []

    class Logic:
        def installTorch(self, askConfirmation=False, forceComputationBackend=None):  # noqa: N802, N803
            asked.append(askConfirmation)
            installed.append(extension == "installs")

    installed = [False]
    monkeypatch.setattr(installing, "has_torch", lambda: installed[-1])
    if extension == "missing":
        monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    else:
        monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=Logic))
    open_section(user)
    drop(user)
    assert asked == [] and user.ui.paintLesionPushButton.enabled
    paint(user)
    assert asked == ([] if extension == "missing" else [True])
    assert len(synthetic_volumes()) == (extension == "installs")
    if extension != "installs":
        ((_, text),) = user.host.messages
        assert "Extensions Manager" in text if extension == "missing" else "not installed" in text
    assert user.register() is not None  # everything else works


def test_without_safetensors_it_is_offered_at_the_press(user, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "safetensors" else find(name))
    asked = []
    monkeypatch.setattr(slicer.packaging, "pip_ensure", lambda what, **more: asked.append(what))
    open_section(user)
    drop(user)
    paint(user)
    assert asked == ["safetensors>=0.5"] and not synthetic_volumes()
    ((_, text),) = user.host.messages
    assert "safetensors" in text


def test_a_painted_source_goes_on_along_the_path_without_registering_again(user):
    path = user.register()
    open_section(user)
    drop(user)
    paint(user)
    (painted,) = synthetic_volumes()
    user.ui.useAsSourcePushButton.click()
    user.host.process_events(0.1)
    ui = user.ui
    assert user.parameters.sourceVolume is painted and user.parameters.path is path
    assert user.parameters.sourceLabels.GetName() == f"{painted.GetName()} labels"
    assert ui.pathStatusLabel.text == "" and ui.percentSliderWidget.enabled
    ui.percentSliderWidget.value = 20.0
    preview = slicer.mrmlScene.GetFirstNodeByName("Morph preview")
    assert np.array_equal(slicer.util.arrayFromVolume(preview), slicer.util.arrayFromVolume(painted))
    user.create(50)
    made = synthetic_volumes()[-1]
    assert made is not painted and made.GetAttribute("SyntheticCT.verdict") is not None
    labels = slicer.util.getNode(f"{made.GetName()} labels").GetSegmentation()
    names = [labels.GetNthSegment(n).GetName() for n in range(labels.GetNumberOfSegments())]
    assert names == ["lung", "liver", "spine", "lesion"]
    slicer.util.arrayFromVolume(painted)[2, 2, 2] += 1
    slicer.util.arrayFromVolumeModified(painted)
    user.host.process_events(0.6)
    assert "Register again" in ui.pathStatusLabel.text


def test_choosing_another_scan_brings_its_own_mask_and_views(user):
    first = open_section(user)
    drop(user)
    user.ui.lesionVolumeSelector.setCurrentNode(user.parameters.targetVolume)
    user.host.process_events(0.1)
    second = mask_of(slicer.mrmlScene, user.parameters.lesionVolume)
    assert second is not first and editor(user).segmentationNode() is second
    assert user.ui.lesionMeasuresLabel.text == "Nothing is painted yet." and backgrounds() == {"B"}
    assert user.parameters.lesionLabels is None
    user.ui.lesionVolumeSelector.setCurrentNode(user.parameters.sourceVolume)
    user.host.process_events(0.1)
    assert user.ui.lesionMeasuresLabel.text.startswith("One lesion")


@pytest.mark.parametrize("chosen", ["other labels", None])
def test_labels_chosen_by_hand_stay_when_the_section_or_the_scene_is_opened_again(user, tmp_path, chosen):
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "other labels")
    open_section(user)
    assert user.parameters.lesionLabels.GetName() == "A labels"
    user.ui.lesionLabelsSelector.setCurrentNode(other if chosen else None)
    user.host.process_events(0.05)
    reopen_section(user)
    assert name_of(user.parameters.lesionLabels) == chosen
    user.ui.lesionVolumeSelector.setCurrentNode(user.parameters.targetVolume)
    user.host.process_events(0.05)
    user.ui.lesionVolumeSelector.setCurrentNode(user.parameters.sourceVolume)
    user.host.process_events(0.05)
    assert name_of(user.parameters.lesionLabels) == chosen
    saved = user.host.save_scene(tmp_path / "saved")
    user.host.close_scene()
    user.host.load_scene(saved)
    user.host.process_events(0.3)
    open_section(user)
    assert name_of(user.parameters.lesionLabels) == chosen


def test_labels_that_were_deleted_give_way_to_the_scans_own(user):
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "other labels")
    open_section(user)
    user.ui.lesionLabelsSelector.setCurrentNode(other)
    user.host.process_events(0.05)
    slicer.mrmlScene.RemoveNode(other)
    user.host.process_events(0.05)
    reopen_section(user)
    assert name_of(user.parameters.lesionLabels) == "A labels"


def test_a_hardened_scan_keeps_its_mask_but_not_the_undo_from_before(user):
    mask = open_section(user)
    drop(user)
    volume = user.parameters.lesionVolume
    shift = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 25.0)
    shift.SetMatrixTransformToParent(matrix)
    volume.SetAndObserveTransformNodeID(shift.GetID())
    user.host.process_events(0.6)
    drop(user, (-20.0, 10.0, 40.0))
    assert editor(user)._qt.saved_states == 2 and user.ui.lesionMeasuresLabel.text.startswith("2 lesions")
    volume.HardenTransform()
    user.host.process_events(0.6)
    centers = [np.multiply(found.center_lps, (-1, -1, 1)) for found in lesions_of(mask)[0]]
    expected = [np.add(LUNG_POINT, (25, 0, 0)), (-20.0, 10.0, 40.0)]
    assert all(min(np.linalg.norm(each - one) for each in centers) < 4 for one in expected)
    assert mask.GetTransformNodeID() is None and user.ui.paintLesionPushButton.enabled
    assert editor(user)._qt.saved_states == 0 and editor(user).segmentationNode() is mask


def test_a_scan_that_was_moved_otherwise_is_not_painted_until_the_mask_is_right(user):
    mask = open_section(user)
    drop(user)
    volume = user.parameters.lesionVolume
    volume.SetOrigin(1, 2, 3)
    user.host.process_events(0.6)
    ui = user.ui
    for button in (ui.paintLesionPushButton, ui.dropLesionPushButton):
        assert not button.enabled and "moved or resampled" in button.toolTip
    assert "moved or resampled" in ui.modelWarningLabel.text and not ui.lesionEditorWidget.enabled
    slicer.mrmlScene.RemoveNode(mask)  # as it says
    user.host.process_events(0.6)
    assert ui.dropLesionPushButton.enabled and ui.lesionMeasuresLabel.text == "Nothing is painted yet."
    drop(user, (-60.0, -40.0, 60.0))
    assert ui.paintLesionPushButton.enabled and mask_of(slicer.mrmlScene, volume) is not mask


def test_where_nothing_can_be_dropped_the_button_says_why(user):
    open_section(user)
    shear = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 1, 0.3)
    shear.SetMatrixTransformToParent(matrix)
    user.parameters.lesionVolume.SetAndObserveTransformNodeID(shear.GetID())
    user.host.process_events(0.6)
    button = user.ui.dropLesionPushButton
    assert not button.enabled and "shears" in button.toolTip and "brush" in button.toolTip
    assert user.ui.lesionEditorWidget.enabled


def test_scan_and_mask_are_looked_at_again_only_where_they_have_changed(user, monkeypatch):
    import SyntheticCTLib.slicer_bridge.lesion_models as module

    looked = []
    original = module.lesion_problems
    monkeypatch.setattr(module, "lesion_problems", lambda *each: looked.append(1) or original(*each))
    open_section(user)
    drop(user)
    looked.clear()
    for _ in range(5):
        user.panel.panel.update()
    assert looked == []
    drop(user, (-30.0, 10.0, 40.0))
    assert looked == [1]
    slicer.util.arrayFromVolume(user.parameters.lesionVolume)[0, 0, 0] += 1
    slicer.util.arrayFromVolumeModified(user.parameters.lesionVolume)
    user.host.process_events(5, until=lambda: len(looked) > 1)
    assert looked == [1, 1]


def test_a_mask_or_a_segment_that_was_deleted_elsewhere_is_made_anew(user):
    mask = open_section(user)
    drop(user)
    mask.GetSegmentation().RemoveSegment(SEGMENT_ID)
    editor(user).setCurrentSegmentID("")
    user.host.process_events(0.6)
    assert not user.ui.paintLesionPushButton.enabled and editor(user).currentSegmentID() == SEGMENT_ID
    drop(user)
    slicer.mrmlScene.RemoveNode(mask)
    user.host.process_events(0.6)
    assert not user.ui.paintLesionPushButton.enabled
    assert user.ui.lesionMeasuresLabel.text == "Nothing is painted yet."
    assert editor(user).segmentationNode() is mask_of(slicer.mrmlScene, user.parameters.lesionVolume)


def test_what_was_painted_right_before_the_module_was_left_counts(user):
    mask = open_section(user)
    values = np.zeros(slicer.util.arrayFromVolume(user.parameters.lesionVolume).shape, np.uint8)
    values[24:28, 16:20, 14:18] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(values, mask, SEGMENT_ID, user.parameters.lesionVolume)
    user.host.leave(user.panel)
    user.host.process_events(0.6)
    user.host.enter(user.panel)
    assert "4.10 ml" in user.ui.lesionMeasuresLabel.text and user.ui.paintLesionPushButton.enabled


def test_buttons_for_a_painted_scan_say_that_there_is_none_yet(user):
    open_section(user)
    drop(user)
    for button in (user.ui.paintVariationPushButton, user.ui.showBeforePushButton, user.ui.useAsSourcePushButton):
        assert not button.enabled and button.toolTip == "Paint a lesion first."


def test_leaving_entering_closing_and_loading(user, tmp_path):
    open_section(user)
    drop(user)
    widget = editor(user)
    widget.setActiveEffectByName("Paint")
    assert widget._qt.observed and widget._qt.shortcuts
    user.host.leave(user.panel)
    assert not widget._qt.observed and not widget._qt.shortcuts
    assert not widget.mrmlSegmentEditorNode().GetActiveEffectName()
    user.host.enter(user.panel)
    assert widget._qt.shortcuts and not user.ui.lesionCollapsibleButton.collapsed
    before = brush(widget)
    saved = user.host.save_scene(tmp_path / "saved")
    user.host.close_scene()
    user.host.process_events(0.3)
    assert widget.mrmlSegmentEditorNode() is None and user.ui.lesionCollapsibleButton.collapsed
    user.host.load_scene(saved)
    user.host.process_events(0.3)
    open_section(user)
    assert user.parameters.lesionVolume.GetName() == "A"
    assert user.ui.lesionMeasuresLabel.text.startswith("One lesion")
    assert brush(widget) == before  # a closed scene takes it away
    paint(user)
    assert len(synthetic_volumes()) == 1


def test_the_scene_may_be_closed_while_it_paints_and_the_panel_unloaded(user, models):
    add_model(models, "slow")
    open_section(user)
    drop(user)
    user.choose(user.ui.lesionModelComboBox, "slow (nodule in the lung)")
    user.host.process_events(0.1)
    user.ui.paintLesionPushButton.click()
    user.host.process_events(0.5)
    user.host.close_scene()
    user.host.process_events(0.5)
    assert not user.panel.panel.jobs.busy and user.ui.lesionStatusLabel.text == ""
    user.panel.cleanup()
