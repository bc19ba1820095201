"""The panel as a radiologist uses it; what counts is what is in the scene afterwards."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import slicer
from clicks import User, nodes, synthetic_volumes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def user(host):
    return User(host, ROOT)


def backgrounds() -> set:
    return {node.GetBackgroundVolumeID() for node in nodes("vtkMRMLSliceCompositeNode")}


def workspaces() -> set[str]:
    """Temporary folders of this process's jobs; the name holds the process."""
    return {folder.name for folder in Path(tempfile.gettempdir()).glob(f"synthetic-ct-*-{os.getpid()}-*")}


def test_an_empty_panel_says_what_to_do_and_lets_nothing_be_pressed(user):
    ui = user.ui
    assert not ui.inputsCollapsibleButton.collapsed
    assert ui.registerCollapsibleButton.collapsed and ui.morphCollapsibleButton.collapsed
    assert not ui.registerPushButton.enabled and ui.registerPushButton.toolTip == "Choose the source CT."
    assert not ui.createPushButton.enabled and "Register first" in ui.createPushButton.toolTip
    assert not ui.percentSliderWidget.enabled and not ui.showReportPushButton.visible


def test_chosen_scans_are_summarized_and_can_be_registered(user):
    source, target, _ = user.choose_pair()
    ui = user.ui
    assert "44 × 36 × 40 voxels of 4 × 4 × 4 mm" in ui.sourceSummaryLabel.text
    assert "chest" in ui.targetSummaryLabel.text
    assert ui.registerPushButton.enabled
    ui.targetVolumeSelector.setCurrentNode(source)
    assert not ui.registerPushButton.enabled and "same volume" in ui.registerPushButton.toolTip
    assert user.parameters.sourceVolume is source


def test_a_pair_without_sense_is_warned_about(user):
    import numpy as np

    source, target, _ = user.choose_pair()
    target.SetOrigin(5000, 0, 0)
    user.host.process_events(0.4)
    assert "do not overlap" in user.ui.pairWarningLabel.text and user.ui.registerPushButton.enabled
    values = slicer.util.arrayFromVolume(target)
    slicer.util.updateVolumeFromArray(target, np.clip(values // 16 + 64, 0, 255).astype(np.uint8))
    user.host.process_events(0.4)
    assert user.ui.targetSummaryLabel.text == "This is no CT."
    assert not user.ui.registerPushButton.enabled and "8-bit" in user.ui.registerPushButton.toolTip


def test_the_whole_way_with_the_mouse(user):
    source, target, labels = user.choose_pair()
    path = user.register()
    ui = user.ui
    assert path is not None and path.GetNodeReference("SyntheticCT.source") is source
    assert not ui.morphCollapsibleButton.collapsed and ui.inputsCollapsibleButton.collapsed
    assert ui.percentSliderWidget.enabled and ui.pathStatusLabel.text == ""
    user.create(50)
    (made,) = synthetic_volumes()
    assert made.GetName().startswith("SYNTHETIC") and made.GetName() in ui.createStatusLabel.text
    assert backgrounds() == {made.GetID()}
    assert not ui.livePreviewCheckBox.checked and not slicer.mrmlScene.GetFirstNodeByName("Morph preview")
    segmentations = [node.GetName() for node in nodes("vtkMRMLSegmentationNode")]
    assert segmentations == ["A labels", f"{made.GetName()} labels"]
    ui.showReportPushButton.click()
    table = slicer.app.applicationLogic().GetSelectionNode().GetActiveTableID()
    assert slicer.mrmlScene.GetNodeByID(table).GetName() == f"{made.GetName()} quality"
    assert user.host.messages == []


def test_a_running_registration_can_be_cancelled_and_leaves_nothing(user):
    user.choose_pair()
    before, folders = slicer.mrmlScene.GetNumberOfNodes(), workspaces()
    user.ui.registerPushButton.click()
    user.host.process_events(3, until=lambda: " s" in user.ui.registerStatusLabel.text)
    assert user.ui.registerPushButton.text == "Cancel"
    assert not user.ui.createPushButton.enabled
    user.ui.registerPushButton.click()
    assert user.ui.registerPushButton.text == "Register" and "Cancelled" in user.ui.registerStatusLabel.text
    assert slicer.mrmlScene.GetNumberOfNodes() == before and user.parameters.path is None
    assert workspaces() == folders


def test_one_job_at_a_time_and_the_other_button_names_it(user):
    user.choose_pair()
    user.have_path()
    user.ui.createPushButton.click()
    assert user.ui.createPushButton.text == "Cancel"
    assert not user.ui.registerPushButton.enabled
    assert user.ui.registerPushButton.toolTip == "Wait for a synthetic CT to finish, or cancel it."
    user.ui.createPushButton.click()
    assert synthetic_volumes() == [] and user.ui.registerPushButton.enabled


def test_the_scene_may_be_closed_in_the_middle_of_a_job(user):
    folders = workspaces()
    user.choose_pair()
    user.ui.registerPushButton.click()
    user.host.process_events(0.5)
    user.host.close_scene()
    user.host.process_events(1)
    assert not user.panel.panel.jobs.busy and workspaces() == folders
    assert user.ui.registerStatusLabel.text == "" and user.ui.sourceVolumeSelector.currentNode() is None
    assert not user.ui.registerPushButton.enabled and user.parameters.sourceVolume is None


def test_a_second_scene_begins_without_a_trace_of_the_first(user):
    user.choose_pair()
    user.register()
    user.create(30)
    user.host.close_scene()
    user.host.process_events(0.1)
    ui = user.ui
    assert ui.createStatusLabel.text == "" and not ui.showReportPushButton.visible
    assert user.parameters.percent == 50 and user.parameters.path is None
    user.choose_pair()
    assert user.register() is not None
    user.create(75)
    assert len(synthetic_volumes()) == 1


def test_quitting_ends_the_job(user):
    folders = workspaces()
    user.choose_pair()
    user.ui.registerPushButton.click()
    user.host.process_events(0.5)
    user.panel.panel.end()
    assert workspaces() == folders


def test_dragging_shows_the_preview_hides_the_labels_and_leaving_gives_the_views_back(user):
    source, target, labels = user.choose_pair()
    user.have_path()
    slicer.util.setSliceViewerLayers(background=target)
    user.ui.percentSliderWidget.value = 20.0
    preview = slicer.mrmlScene.GetFirstNodeByName("Morph preview")
    assert user.ui.livePreviewCheckBox.checked and backgrounds() == {preview.GetID()}
    assert not labels.GetDisplayNode().GetVisibility()
    grid = preview.GetParentTransformNode()
    before = slicer.util.arrayFromGridTransform(grid).copy()
    user.ui.percentSliderWidget.value = 80.0
    assert abs(slicer.util.arrayFromGridTransform(grid) - before).max() > 1
    assert user.parameters.percent == 80.0
    user.host.leave(user.panel)
    assert backgrounds() == {target.GetID()} and labels.GetDisplayNode().GetVisibility()
    assert not slicer.mrmlScene.GetFirstNodeByName("Morph preview")


def test_the_preview_is_not_saved_and_a_scene_saved_under_it_opens_with_the_source_in_view(user, tmp_path):
    source, _, _ = user.choose_pair()
    user.have_path()
    slicer.util.setSliceViewerLayers(background=source)
    user.ui.percentSliderWidget.value = 20.0
    folder = tmp_path / "saved"
    folder.mkdir()
    user.host.save_scene(folder)
    (saved,) = folder.glob("*.mrml")
    assert "Morph preview" not in saved.read_text(encoding="utf-8")
    user.host.close_scene()
    user.host.load_scene(str(saved))
    user.host.process_events(0.2)
    assert {slicer.mrmlScene.GetNodeByID(shown).GetName() for shown in backgrounds()} == {"A"}


def test_everything_chosen_survives_saving_and_loading(user, tmp_path):
    source, target, labels = user.choose_pair()
    user.register()
    user.ui.percentSliderWidget.value = 62.5
    user.choose(user.ui.gridComboBox, "Pose of the source, room for the whole body")
    folder = tmp_path / "saved"
    folder.mkdir()
    user.host.save_scene(folder)
    (saved,) = folder.glob("*.mrml")
    user.host.close_scene()
    user.host.load_scene(str(saved))
    user.host.process_events(0.2)
    parameters, ui = user.parameters, user.ui
    assert parameters.sourceVolume.GetName() == "A" and ui.sourceVolumeSelector.currentNode().GetName() == "A"
    assert parameters.sourceLabels.GetName() == "A labels" and parameters.percent == 62.5
    assert parameters.grid.value == "fit" and parameters.method.value == "simpleitk"
    assert ui.pathStatusLabel.text == "" and ui.percentSliderWidget.enabled and ui.percentSliderWidget.value == 62.5
    assert not ui.livePreviewCheckBox.checked  # nobody has moved the slider in this scene
    user.create(62.5)
    assert len(synthetic_volumes()) == 1


@pytest.mark.parametrize("change", ["voxels", "place", "removed"])
def test_a_changed_volume_disables_the_slider_and_says_register_again(user, change):
    source, target, _ = user.choose_pair()
    user.have_path()
    user.ui.percentSliderWidget.value = 20.0
    if change == "voxels":
        slicer.util.arrayFromVolume(target)[2, 2, 2] += 1
        slicer.util.arrayFromVolumeModified(target)
    elif change == "place":
        source.SetOrigin(1, 2, 3)
    else:
        slicer.mrmlScene.RemoveNode(target)
    user.host.process_events(0.4)
    assert not user.ui.percentSliderWidget.enabled and "Register again" in user.ui.pathStatusLabel.text
    assert not user.ui.createPushButton.enabled
    assert not slicer.mrmlScene.GetFirstNodeByName("Morph preview")


def test_several_paths_and_choosing_one_chooses_its_volumes(user):
    source, target, _ = user.choose_pair()
    first = user.register()
    user.ui.sourceVolumeSelector.setCurrentNode(target)
    user.ui.targetVolumeSelector.setCurrentNode(source)
    assert "other volumes" in user.ui.pathStatusLabel.text and not user.ui.percentSliderWidget.enabled
    second = user.register()
    assert second is not first and user.ui.percentSliderWidget.enabled
    user.ui.morphPathSelector.setCurrentNode(first)
    assert user.parameters.sourceVolume is source and user.parameters.targetVolume is target
    assert user.ui.percentSliderWidget.enabled
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode", "Somebody's own")
    assert user.ui.morphPathSelector.nodeCount() == 2


@pytest.mark.parametrize("answer", ["declined", "impossible"])
def test_without_antspyx_it_is_offered_and_simpleitk_does_it(user, monkeypatch, answer):
    from SyntheticCTLib.panel import installing, registration

    asked = []

    def refuse(requirements, **options):
        asked.append(([str(requirement) for requirement in requirements], options))
        raise RuntimeError("declined") if answer == "declined" else OSError("no network")

    for module in (installing, registration):
        monkeypatch.setattr(module, "has_ants", lambda: False)
    monkeypatch.setattr(slicer.packaging, "pip_ensure", refuse)
    user.choose_pair()
    user.ui.registerPushButton.click()
    user.wait()
    assert asked == [(["antspyx>=0.6.3"], {"skip_packages": ["numpy", "scipy"], "requester": "SyntheticCT"})]
    assert '"backend": "simpleitk"' in user.parameters.path.GetAttribute("SyntheticCT.path")
    assert "SimpleITK did it" in user.ui.registerStatusLabel.text


def test_an_error_of_the_job_is_shown_in_the_librarys_words(user):
    source, _, _ = user.choose_pair()
    values = slicer.util.arrayFromVolume(source)
    values[:] = -1000
    values[0, 0, 0] = -600  # nothing there is dense enough to be a body
    slicer.util.arrayFromVolumeModified(source)
    user.host.process_events(0.05)
    before = slicer.mrmlScene.GetNumberOfNodes()
    user.register()
    ((_, text),) = user.host.messages
    assert "source" in text and "body" in text and "Traceback" not in text
    assert slicer.mrmlScene.GetNumberOfNodes() == before and not user.panel.panel.jobs.busy


def test_the_module_loads_nothing_heavy_and_the_panel_opens_without_window_and_packages():
    code = """
import sys
sys.path[:0] = [{host!r}, {root!r}]
for missing in ("ants", "torch", "matplotlib"):
    sys.modules[missing] = None
from host import Host
host = Host(main_window=False, layout_manager=False)
panel = host.open_module({module!r})
heavy = {{"SimpleITK", "scipy", "ants", "torch", "matplotlib", "pydicom"}}
print(sorted(name for name in heavy if sys.modules.get(name)))
print(panel.ui.registerPushButton.toolTip, host.slot_errors, host.messages)
host.quit()
"""
    code = code.format(
        host=str(ROOT / "Testing" / "host"), root=str(ROOT), module=str(ROOT / "SyntheticCT" / "SyntheticCT.py")
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["[]", "Choose the source CT. [] []"]


def test_the_phantoms_are_sample_data_made_here(user):
    sources = slicer.modules.sampleDataSources["SyntheticCT"]
    assert [source.sampleName for source in sources] == ["SyntheticCT phantom A", "SyntheticCT phantom B"]
    node = sources[0].customDownloader(sources[0])
    assert node.GetName() == "SyntheticCT phantom A"
    (labels,) = nodes("vtkMRMLSegmentationNode")
    names = [labels.GetSegmentation().GetNthSegment(n).GetName() for n in range(15)]
    assert "liver" in names and "liver lesion 1" in names
    assert nodes("vtkMRMLTableNode")[0].GetName() == "SyntheticCT phantom A metadata"
    assert backgrounds() == {node.GetID()}


def test_the_logic_does_the_same_without_the_panel(user):
    source, target, labels = user.load_pair()
    logic = user.panel.logic
    path = logic.register(source, target, backend="simpleitk")
    made = logic.create(path, 40, labels=labels)
    assert made.volume in synthetic_volumes() and made.segmentation is not None
    job = logic.create(path, 60, waitForCompletion=False)

    def ended():
        job.poll()
        return job.finished

    assert user.host.process_events(60, until=ended) and job.value.volume in synthetic_volumes()


def test_the_readmes_script_for_slicer_without_a_window_runs_as_written(user, capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "SyntheticCTLogic()" in block]
    exec(compile(code, "morph.py", "exec"), {})
    assert re.search(r"^SYNTHETIC [0-9a-f]{12} (pass|warn)$", capsys.readouterr().out, re.MULTILINE)
    assert len(synthetic_volumes()) == 1


def test_a_path_deleted_elsewhere_takes_its_hidden_parts_along(user):
    user.choose_pair()
    path = user.have_path()

    def parts():
        return [node for node in nodes("vtkMRMLLinearTransformNode") if node.GetAttribute("SyntheticCT.part")]

    assert len(parts()) == 2
    slicer.mrmlScene.RemoveNode(path)
    user.host.process_events(0.05)
    assert parts() == [] and user.parameters.path is None


def test_buttons_come_back_even_if_a_result_cannot_be_shown(user, monkeypatch):
    user.choose_pair()
    monkeypatch.setattr(user.panel.panel, "open_section", lambda section: 1 / 0)
    user.register()
    assert user.ui.registerPushButton.text == "Register" and user.ui.registerPushButton.enabled
    assert [type(error) for error in user.host.slot_errors] == [ZeroDivisionError]
    user.host.slot_errors.clear()
