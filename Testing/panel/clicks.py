"""A radiologist at the panel, for the tests: chooses, presses, drags, waits."""

from __future__ import annotations

import slicer
from trunks import LIVER, LUNG, SPINE, trunk

from SyntheticCTLib.slicer_bridge.path_nodes import add_path, read_path
from SyntheticCTLib.slicer_bridge.segmentations import Segment, add_segmentation
from SyntheticCTLib.slicer_bridge.volumes import add_display_like, add_volume

MODULE = "SyntheticCT/SyntheticCT.py"
LONGEST_JOB = 90.0

_registered = []  # the path of the pair, once somebody asked for it


class User:
    """Opens the module on an application with two small trunks in the scene."""

    def __init__(self, host, root):
        self.host = host
        self.panel = host.open_module(str(root / MODULE))
        self.ui = self.panel.ui

    @property
    def parameters(self):
        return self.panel.panel.parameters

    def load_pair(self):
        """Two small trunks, the first with labels."""
        image, organs = trunk()
        other, _ = trunk(width=1.08, lung=1.1)
        source, target = (add_volume(slicer.mrmlScene, each, name) for each, name in ((image, "A"), (other, "B")))
        for volume in (source, target):
            add_display_like(volume, None)
        looks = {LUNG: Segment("lung"), LIVER: Segment("liver"), SPINE: Segment("spine")}
        labels = add_segmentation(slicer.mrmlScene, "A labels", [organs], [looks])
        return source, target, labels

    def choose_pair(self):
        """Load the pair and choose it."""
        source, target, labels = self.load_pair()
        self.ui.sourceVolumeSelector.setCurrentNode(source)
        self.ui.targetVolumeSelector.setCurrentNode(target)
        self.ui.sourceLabelsSelector.setCurrentNode(labels)
        self.host.process_events(0.05)
        return source, target, labels

    def choose(self, combo, text):
        """Choose an entry of a combo box by its text."""
        combo.currentIndex = combo.findText(text)
        assert combo.currentText == text

    def register(self, cancel=False):
        """Press Register with SimpleITK and wait for the path."""
        self.choose(self.ui.methodComboBox, "SimpleITK demons (always there)")
        self.ui.registerPushButton.click()
        self.wait()
        return self.parameters.path

    def have_path(self):
        """The path that `register` finds for the pair: registered by the first who asks, kept for the others, who get
        it as from a loaded scene."""
        if not _registered:
            _registered.append(read_path(self.register()))
        else:
            ends = self.parameters.sourceVolume, self.parameters.targetVolume
            self.ui.morphPathSelector.setCurrentNode(add_path(slicer.mrmlScene, _registered[0], *ends))
            self.host.process_events(0.05)
        return self.parameters.path

    def create(self, percent=50.0):
        """Drag to a percentage, press Create and wait."""
        self.ui.percentSliderWidget.value = float(percent)
        self.ui.createPushButton.click()
        self.wait()

    def wait(self):
        """Until no job runs."""
        self.host.process_events(LONGEST_JOB, until=lambda: not self.panel.panel.jobs.busy)
        assert not self.panel.panel.jobs.busy, "the job did not end"
        self.host.process_events(0.05)


def nodes(kind: str) -> list:
    """All nodes of a class in the scene."""
    return list(slicer.util.getNodesByClass(kind))


def synthetic_volumes() -> list:
    """What the panel has created."""
    return [node for node in nodes("vtkMRMLScalarVolumeNode") if node.GetAttribute("SyntheticCT.synthetic")]
