"""The real job "lesion.paint", in a real child, with a network of random weights: what it writes is what we read."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from trunks import LIVER, LUNG, trunk

from SyntheticCTLib.errors import SyntheticCTError
from SyntheticCTLib.lesion.model_files import save_model
from SyntheticCTLib.lesion.presets import DEFAULT
from SyntheticCTLib.slicer_bridge import MorphSession
from SyntheticCTLib.slicer_bridge.lesion_masks import drop_lesion, ensure_mask
from SyntheticCTLib.slicer_bridge.results import RECORD
from SyntheticCTLib.slicer_bridge.segmentations import Segment, add_segmentation, read_segments
from SyntheticCTLib.slicer_bridge.volumes import add_volume, read_world_ct

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

CARD = {
    "name": "random",
    "region": "lung",
    "lesion": "nodule",
    "units": "hu",
    "window": [-1000, 400],
    "spacing": {"in_plane_mm": [0.5, 0.95], "slice_mm": [0.5, 5.0]},
}


@pytest.fixture
def model(tmp_path, monkeypatch):
    """The name of a model in the user's folder."""
    from SyntheticCTLib.lesion.network.pix2pix import build_nets

    preset = replace(DEFAULT, generator={**DEFAULT.generator, "stem": 4, "widths": (4, 8)})
    torch.manual_seed(1)
    folder = tmp_path / "models" / "random"
    folder.mkdir(parents=True)
    save_model(folder, {**CARD, "network": preset.to_dict()}, build_nets(preset))
    monkeypatch.setenv("SYNTHETIC_CT_MODELS", str(folder.parent))
    return "random"


def test_the_real_job_paints_the_mask_and_nothing_else_and_a_seed_makes_another_lesion(scene, model):
    image, organs = trunk()
    source = add_volume(scene, image, "Doe^John")
    looks = {LUNG: Segment("lung"), LIVER: Segment("liver"), 3: Segment("spine")}
    labels = add_segmentation(scene, "labels", [organs], [looks])
    mask = ensure_mask(scene, source)
    drop_lesion(mask, source, (30.0, 4.0, 20.0), 24.0, irregular=True)
    session = MorphSession(scene)
    first = session.paint(source, mask, model, labels=labels)
    second = session.paint(source, mask, model, labels=labels, seed=1)
    before = slicer.util.arrayFromVolume(source)
    segments = read_segments(first.segmentation, read_world_ct(first.volume).image)
    inside = sitk.GetArrayFromImage(segments.layers[-1].image) != 0
    for painted in (first, second):
        after = slicer.util.arrayFromVolume(painted.volume)
        assert np.array_equal(after[~inside], before[~inside]) and (after[inside] != before[inside]).mean() > 0.9
    assert not np.array_equal(*(slicer.util.arrayFromVolume(each.volume) for each in (first, second)))
    (lesion,) = first.lesions
    assert lesion["diameter_mm"] == pytest.approx(24, abs=5) and lesion["volume_ml"] > 1
    assert any("4.00 x 4.00 mm" in warning for warning in first.warnings)
    assert "random" in first.volume.GetAttribute(RECORD) and "Doe" not in first.volume.GetAttribute(RECORD)


def test_a_mask_in_the_air_and_a_missing_model_are_refused_in_the_librarys_words(scene, model):
    source = add_volume(scene, trunk()[0], "A")
    mask = ensure_mask(scene, source)
    drop_lesion(mask, source, (80.0, 64.0, 60.0), 12.0, irregular=False)
    count = scene.GetNumberOfNodes()
    session = MorphSession(scene)
    with pytest.raises(SyntheticCTError, match="outside the body"):
        session.paint(source, mask, model)
    with pytest.raises(SyntheticCTError, match="There is no model 'nobody'"):
        session.paint(source, mask, "nobody")
    assert scene.GetNumberOfNodes() == count
