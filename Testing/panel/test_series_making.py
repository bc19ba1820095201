"""Subsection "Series" on the host: what it costs is said before; volumes, coarse volumes, transforms."""

from pathlib import Path

import pytest
import slicer
from clicks import User, nodes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def user(host):
    user = User(host, ROOT)
    user.choose_pair()
    user.have_path()
    return user


def test_memory_and_time_are_said_before_and_the_series_is_in_the_views_after(user):
    estimate = user.ui.seriesEstimateLabel
    assert estimate.text.startswith("11 volumes: 1 MB; time unknown")
    user.create(30)
    assert "at most" in estimate.text and "as the last scan was made" in estimate.text
    user.choose(user.ui.seriesKindComboBox, "Volumes at half the resolution")
    user.host.process_events(0.05)
    assert estimate.text.startswith("11 volumes: 0 MB")
    user.ui.createSeriesPushButton.click()
    assert user.ui.createSeriesPushButton.text == "Cancel" and not user.ui.createPushButton.enabled
    user.wait()
    (sequence,) = nodes("vtkMRMLSequenceNode")
    assert [sequence.GetNthIndexValue(n) for n in range(11)] == [str(percent) for percent in range(0, 101, 10)]
    shown = {node.GetBackgroundVolumeID() for node in nodes("vtkMRMLSliceCompositeNode")}
    assert {slicer.mrmlScene.GetNodeByID(node_id).GetName() for node_id in shown} == {"SYNTHETIC series"}
    assert user.panel.panel.marks.text_in("Red") == "SYNTHETIC"
    assert "scrub" in user.ui.seriesStatusLabel.text


def test_a_series_can_be_cancelled(user):
    before = slicer.mrmlScene.GetNumberOfNodes()
    user.ui.createSeriesPushButton.click()
    user.host.process_events(0.5)
    user.ui.createSeriesPushButton.click()
    assert slicer.mrmlScene.GetNumberOfNodes() == before and "Cancelled" in user.ui.seriesStatusLabel.text


def test_transforms_only(user):
    user.choose(user.ui.seriesKindComboBox, "Transforms only")
    user.ui.createSeriesPushButton.click()
    (sequence,) = nodes("vtkMRMLSequenceNode")
    assert sequence.GetNumberOfDataNodes() == 11
    assert sequence.GetNthDataNode(5).IsA("vtkMRMLGridTransformNode")
