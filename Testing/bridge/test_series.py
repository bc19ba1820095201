"""A path as a sequence: indices, scrubbing, memory foretold, transforms alone."""

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from trunks import known_path, trunk

from SyntheticCTLib.morph.warping import morph
from SyntheticCTLib.slicer_bridge import MorphSession
from SyntheticCTLib.slicer_bridge.path_nodes import add_path
from SyntheticCTLib.slicer_bridge.series import series_megabytes
from SyntheticCTLib.slicer_bridge.volumes import add_volume

PERCENTS = (0, 50, 100)


@pytest.fixture
def pair(app):
    sequences = slicer.vtkSlicerSequencesLogic()
    sequences.SetMRMLScene(app.scene)
    image, _ = trunk()
    source, target = (add_volume(app.scene, image, name) for name in ("Doe^John", "Roe^Jane"))
    path = known_path(image, image)
    yield app, image, source, path, add_path(app.scene, path, source, target), sequences


def scrub(browser, sequences, item):
    browser.SetSelectedItemNumber(item)
    sequences.UpdateProxyNodesFromSequences(browser)


def test_a_series_is_the_exact_morphs_by_percentage(pair):
    app, image, _, path, node, sequences = pair
    series = MorphSession(app.scene).start_series(node, PERCENTS).wait()
    sequence = series.sequence
    assert [sequence.GetNthIndexValue(item) for item in range(3)] == ["0", "50", "100"]
    assert (sequence.GetIndexName(), sequence.GetIndexUnit()) == ("morph", "%")
    for item, percent in enumerate(PERCENTS):
        scrub(series.browser, sequences, item)
        expected = sitk.GetArrayFromImage(morph(image, path, percent / 100).image)
        assert np.array_equal(slicer.util.arrayFromVolume(series.proxy), expected)
    assert series.verdict in ("pass", "warn", "reject")
    assert "Doe" not in sequence.GetName() + series.proxy.GetName() + series.browser.GetName()
    assert series.proxy.GetAttribute("SyntheticCT.synthetic") == "series"


def test_a_coarse_series_takes_the_memory_that_was_foretold(pair):
    app, _, source, _, node, _ = pair
    series = MorphSession(app.scene).start_series(node, PERCENTS, coarse=True).wait()
    held = sum(series.sequence.GetNthDataNode(n).GetImageData().GetNumberOfPoints() * 2 for n in range(3)) / 2**20
    assert held == pytest.approx(series_megabytes(source, 3, coarse=True), rel=0.01)
    assert series_megabytes(source, 3, coarse=False) == pytest.approx(8 * held, rel=0.01)


def test_a_series_of_transforms_moves_whatever_is_put_under_it(pair):
    app, _, source, path, node, sequences = pair
    series = MorphSession(app.scene).create_transform_series(node, PERCENTS)
    scrub(series.browser, sequences, 2)
    lps = np.array([[20.0], [10.0], [15.0]], np.float32)
    from_parent = series.proxy.GetTransformFromParent()
    found = np.array(from_parent.TransformPoint(-20.0, -10.0, 15.0))
    assert np.allclose(found * [-1, -1, 1], path.pull_back(1.0, lps)[:, 0], atol=0.2)


def test_a_series_survives_saving_and_loading(pair, tmp_path):
    app, _, _, _, node, _ = pair
    MorphSession(app.scene).start_series(node, (0, 100)).wait()
    app.load(app.save(tmp_path / "saved"))
    (sequence,) = slicer.util.getNodesByClass("vtkMRMLSequenceNode")
    assert [sequence.GetNthIndexValue(item) for item in range(2)] == ["0", "100"]
