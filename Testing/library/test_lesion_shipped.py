"""The weights that ship: whole, small, described, and painting what they say they paint."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

pytest.importorskip("torch")

from SyntheticCTLib import inpaint
from SyntheticCTLib.images.phantoms import make_phantom
from SyntheticCTLib.lesion.model_files import list_models, load_model

SHIPPED = [entry for entry in list_models() if entry.shipped]
MOST_BYTES = 8e6
RADIUS_MM = 8.0


@pytest.fixture(scope="module")
def chest():
    """A phantom chest, and a ball in the right lung as mask."""
    phantom = make_phantom(3, spacing=(1.0, 1.0, 2.0), region="chest")
    organs = phantom.layers[0]
    lung = next(value for value, name in organs.names.items() if "lung" in name)
    depth = sitk.SignedMaurerDistanceMap(organs.image == lung, True, False, True)
    deepest = np.unravel_index(np.argmax(sitk.GetArrayFromImage(depth)), depth.GetSize()[::-1])
    seeds = sitk.Image(phantom.image.GetSize(), sitk.sitkUInt8)
    seeds.CopyInformation(phantom.image)
    seeds[[int(at) for at in deepest[::-1]]] = 1
    return phantom.image, sitk.SignedMaurerDistanceMap(seeds, False, False, True) <= RADIUS_MM


def painted(chest, seed, density="any"):
    image, mask = chest
    return sitk.GetArrayFromImage(inpaint(image, mask, "lung-nodule", seed=seed, density=density))


def test_the_nodule_painter_ships():
    assert [entry.name for entry in SHIPPED] == ["lung-nodule"]


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_what_ships_is_whole_small_and_described(entry):
    assert not entry.fault
    assert (entry.folder / "weights.safetensors").stat().st_size <= MOST_BYTES
    card = load_model(entry.name).card
    assert card["data"]["licence"] and card["data"]["attribution"] and card["limits"] and card["metrics"]
    assert card["made_by"]["command"].startswith("synthetic-ct lesion train")
    assert len(card["diameter_mm"]) == 2  # who paints larger or smaller ones is warned
    if card["units"] == "crop":
        assert "HU" in card["hu_map"]["error"]
    page = (entry.folder / "card.md").read_text(encoding="utf-8")
    assert card["sha256"] in page and card["data"]["attribution"] in page


def test_a_nodule_is_painted_that_stands_out_of_the_lung(chest):
    image, mask = (sitk.GetArrayFromImage(volume) for volume in chest)
    inside = mask > 0
    result = painted(chest, 1)
    assert np.array_equal(result[~inside], image[~inside])
    assert image[inside].mean() < -700  # it was lung
    middle = sitk.GetArrayFromImage(sitk.BinaryErode(chest[1], [3, 3, 1])) > 0
    assert -650 < result[middle].mean() < 250
    assert result[middle].std() > 10


def test_one_seed_paints_the_same_bytes_and_another_another_nodule(chest):
    inside = sitk.GetArrayFromImage(chest[1]) > 0
    first, again, other = painted(chest, 1), painted(chest, 1), painted(chest, 2)
    assert np.array_equal(first, again)
    assert np.abs(first[inside].astype(int) - other[inside]).mean() > 10


def test_the_density_asked_for_is_painted(chest):
    middle = sitk.GetArrayFromImage(sitk.BinaryErode(chest[1], [4, 4, 2])) > 0
    levels = {
        kind: np.mean([painted(chest, seed, kind)[middle].mean() for seed in (1, 2, 3)])
        for kind in ("solid", "part-solid", "ground-glass")
    }
    assert levels["solid"] > -200
    assert levels["solid"] > levels["part-solid"] + 80 and levels["part-solid"] > levels["ground-glass"] + 80
    assert -800 < levels["ground-glass"] < -400
