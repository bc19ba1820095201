"""The whole story on two real chests: choose, register, slide, create, inspect, save, reload, go on."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from clicks import User, synthetic_volumes

from SyntheticCTLib.images.labels import LabelLayer
from SyntheticCTLib.images.reading import read_ct
from SyntheticCTLib.slicer_bridge.segmentations import Segment, add_segmentation, read_segments
from SyntheticCTLib.slicer_bridge.volumes import add_display_like, add_volume, read_world_ct

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "volumes"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there: no real scans on this machine")


def load(name):
    """A real chest with the labels that belong to it."""
    image = read_ct(DATA / f"{name}.nii.gz").image
    volume = add_volume(slicer.mrmlScene, image, name)
    add_display_like(volume, None)
    labels = sitk.Cast(sitk.ReadImage(str(DATA / f"{name}_autolabels.nii.gz")), sitk.sitkUInt8)
    looks = {1: Segment("body"), 2: Segment("lung"), 3: Segment("bone")}
    return volume, add_segmentation(slicer.mrmlScene, f"{name} labels", [LabelLayer("labels", labels)], [looks])


def lung_of(volume, labels) -> np.ndarray:
    """The HU within the segment "lung"."""
    image = read_world_ct(volume).image
    segments = read_segments(labels, image)
    inside = sitk.GetArrayViewFromImage(segments.layers[0].image) == 2
    assert segments.looks[0][2].name == "lung" and inside.sum() > 100_000
    return sitk.GetArrayViewFromImage(image)[inside]


def test_from_two_real_chests_to_a_scan_of_nobody_and_on(host, tmp_path):
    user = User(host, ROOT)
    ui = user.ui
    source, labels = load("pyrad-lung1")
    target, _ = load("pyrad-lung2")
    ui.sourceVolumeSelector.setCurrentNode(source)
    ui.targetVolumeSelector.setCurrentNode(target)
    ui.sourceLabelsSelector.setCurrentNode(labels)
    host.process_events(0.1)
    assert "512 × 388 × 48 voxels" in ui.sourceSummaryLabel.text and "chest" in ui.sourceSummaryLabel.text
    slicer.util.setSliceViewerLayers(background=source)

    ui.registerPushButton.click()  # with ANTs, where it is installed
    user.wait()
    assert '"backend": "ants"' in user.parameters.path.GetAttribute("SyntheticCT.path")
    slicer.app.applicationLogic().FitSliceToAll()
    pictures = []
    for percent in (0.0, 50.0, 100.0):
        ui.percentSliderWidget.value = percent
        pictures.append(host.slice_pixels("Red").astype(int))
    moved = [np.abs(one - other).mean() for one, other in zip(pictures[:-1], pictures[1:], strict=True)]
    assert min(moved) > 1

    user.create(50)
    (made,) = synthetic_volumes()
    assert made.GetAttribute("SyntheticCT.verdict") in ("pass", "warn")
    made_labels = slicer.util.getNode(f"{made.GetName()} labels")
    assert abs(np.median(lung_of(made, made_labels)) - np.median(lung_of(source, labels))) < 10
    changed = np.abs(slicer.util.arrayFromVolume(made).astype(int) - slicer.util.arrayFromVolume(source))
    assert changed.mean() > 50
    assert user.panel.panel.marks.text_in("Red") == "SYNTHETIC"

    ui.comparePushButton.click()
    host.process_events(0.1)
    views = [host.slice_pixels(f"SyntheticCT{column}Axial") for column in ("Source", "Synthetic", "Target")]
    assert all(view[..., :3].std() > 20 for view in views)  # each shows a body
    ui.comparePushButton.click()

    folder = tmp_path / "saved"
    folder.mkdir()
    host.save_scene(folder)
    (saved,) = folder.glob("*.mrml")
    host.close_scene()
    host.load_scene(str(saved))
    host.process_events(0.2)
    assert ui.pathStatusLabel.text == "" and ui.percentSliderWidget.enabled
    ui.percentSliderWidget.value = 75.0
    user.create(75)
    assert len({node.GetName() for node in synthetic_volumes() if not node.GetHideFromEditors()}) == 2
    assert host.messages == []
