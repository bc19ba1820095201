"""Models on disk: only whole ones whose hash is the card's are loaded; and how a loaded one paints."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.lesion.model_files import find_model, list_models, load_model, save_model, user_folder
from SyntheticCTLib.lesion.network.pix2pix import build_nets
from SyntheticCTLib.lesion.painting.painter import Painter
from SyntheticCTLib.lesion.presets import DEFAULT, PAPER

TINY = replace(DEFAULT, generator={**DEFAULT.generator, "stem": 8, "widths": (8, 8)})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model of random weights in the user's own folder, which lies in a temporary one."""
    monkeypatch.setenv("SYNTHETIC_CT_MODELS", str(tmp_path))
    place = tmp_path / "tiny"
    place.mkdir()
    torch.manual_seed(1)
    save_model(place, card(), build_nets(TINY))
    return place


def card(**changes):
    return {
        "name": "tiny",
        "region": "lung",
        "lesion": "nodule",
        "units": "hu",
        "window": [-1024, 576],
        "spacing": {"in_plane_mm": [0.5, 1.0], "slice_mm": None},
        "network": TINY.to_dict(),
        "data": {"patients": {"train": 5}},
        "limits": ["none known"],
        **changes,
    }


def rewrite(folder, **changes):
    file = folder / "card.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


def region(slices=5, side=40):
    """Lung with noise, and a ball as mask."""
    rng = np.random.default_rng(0)
    hu = (-870 + 20 * rng.standard_normal((slices, side, side))).astype(np.float32)
    k, j, i = np.indices(hu.shape)
    mask = ((k - slices // 2) * 4) ** 2 + (j - side // 2) ** 2 + (i - side // 2) ** 2 < (side / 4) ** 2
    return hu, mask


def test_a_saved_model_is_listed_found_and_loaded(folder):
    (entry,) = [entry for entry in list_models() if not entry.shipped]
    assert (entry.name, entry.folder, entry.fault) == ("tiny", folder, "")
    assert find_model("tiny") == folder == find_model(folder)
    model = load_model("tiny")
    torch.manual_seed(1)
    for name, net in build_nets(TINY).items():
        for key, value in net.state_dict().items():
            assert torch.equal(model.nets[name].state_dict()[key], value.half().float()), key
    text = (folder / "card.md").read_text(encoding="utf-8")
    assert "slices unknown" in text and "none known" in text and model.card["sha256"] in text


def test_weights_with_another_hash_are_not_loaded(folder):
    file = folder / "weights.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(InputError, match="SHA-256"):
        load_model("tiny")
    assert "SHA-256" in next(entry for entry in list_models() if entry.name == "tiny").fault


def test_weights_that_do_not_fit_the_card_are_not_loaded(folder):
    rewrite(folder, network=replace(TINY, generator={**TINY.generator, "stem": 16}).to_dict())
    with pytest.raises(InputError, match="do not fit"):
        load_model("tiny")


def test_weights_that_are_no_safetensors_are_not_loaded_even_with_the_right_hash(folder):
    import hashlib

    data = b"\x80\x04 a pickle"
    (folder / "weights.safetensors").write_bytes(data)
    rewrite(folder, sha256=hashlib.sha256(data).hexdigest())
    with pytest.raises(InputError, match="do not fit"):
        load_model("tiny")


@pytest.mark.parametrize(("change", "words"), [({"version": 99}, "version 99"), ({"window": [9, 1]}, "window")])
def test_a_card_that_cannot_be_used_is_refused(folder, change, words):
    rewrite(folder, **change)
    with pytest.raises(InputError, match=words):
        load_model("tiny")


@pytest.mark.parametrize(
    ("section", "change", "words"),
    [
        ("generator", {"norm": "bacth"}, "generator.norm is 'bacth'; expected is one of batch, pixel, none"),
        ("generator", {"norms": "batch"}, "generator.norms is not known; known are stem"),
        ("discriminator", {"judges": [9]}, r"discriminator.judges is \[9\]; expected are layers from 0 to 3"),
        ("optimisation", {"adversarial": "lsgan"}, "optimisation.adversarial is 'lsgan'"),
        ("inputs", {"noise": 3}, "inputs.noise is 3"),
    ],
)
def test_a_card_whose_network_is_nonsense_is_refused(folder, section, change, words):
    network = TINY.to_dict()
    rewrite(folder, network={**network, section: {**network[section], **change}})
    with pytest.raises(InputError, match=f"description cannot be used: {words}"):
        load_model("tiny")


@pytest.mark.parametrize("value", [3, "unet", [], {}])
def test_a_card_whose_network_is_no_description_is_refused(folder, value):
    rewrite(folder, network={**TINY.to_dict(), "generator": value})
    with pytest.raises(InputError, match="description is malformed"):
        load_model("tiny")


def test_a_card_that_is_no_card_is_refused_and_listed_with_its_fault(folder):
    (folder / "card.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="card"):
        load_model(folder)
    assert "cannot be read" in next(entry for entry in list_models() if entry.name == "tiny").fault


def test_an_unknown_name_lists_what_there_is(folder):
    with pytest.raises(InputError, match="known are .*tiny"):
        load_model("liver")


def test_a_name_must_be_a_name(folder):
    with pytest.raises(InputError, match="small letters"):
        save_model(folder, card(name="../x"), {})


def test_the_users_folder_can_be_moved(tmp_path, monkeypatch):
    monkeypatch.delenv("SYNTHETIC_CT_MODELS", raising=False)
    assert user_folder().parts[-2:] == ("SyntheticCT", "models")
    monkeypatch.setenv("SYNTHETIC_CT_MODELS", str(tmp_path))
    assert user_folder() == tmp_path


def test_painting_changes_only_the_mask_and_depends_on_the_seed_alone(folder):
    painter = Painter(load_model("tiny"))
    hu, mask = region()
    once, again, other = painter.paint(hu, mask, 5), painter.paint(hu, mask, 5), painter.paint(hu, mask, 6)
    assert once.tobytes() == again.tobytes()
    assert np.array_equal(once[~mask], hu[~mask])
    assert (once[mask] != hu[mask]).mean() > 0.99 and (once[mask] != other[mask]).mean() > 0.9
    assert np.isfinite(once).all() and once[mask].min() >= -1024 and once[mask].max() <= 576


def test_the_most_likely_lesion_needs_no_seed(folder):
    painter = Painter(load_model("tiny"))
    hu, mask = region()
    assert painter.paint(hu, mask).tobytes() == painter.paint(hu, mask).tobytes()


@pytest.mark.parametrize("shape", [(1, 40, 40), (3, 33, 47), (2, 7, 5), (4, 160, 160)])
def test_any_size_of_region_is_painted(folder, shape):
    hu = np.full(shape, -870, np.float32)
    mask = np.zeros(shape, bool)
    mask[:, shape[1] // 4 : -1, shape[2] // 4 : -1] = True
    painted = Painter(load_model("tiny")).paint(hu, mask, 1)
    assert painted.shape == shape and np.array_equal(painted[~mask], hu[~mask]) and (painted[mask] != -870).all()


def test_what_the_mask_hides_does_not_matter(folder):
    painter = Painter(load_model("tiny"))
    hu, mask = region()
    hidden = np.where(mask, 300, hu).astype(np.float32)
    assert np.array_equal(painter.paint(hu, mask, 1)[mask], painter.paint(hidden, mask, 1)[mask])


def test_slices_see_their_painted_neighbour_only_in_a_chain(folder):
    painter = Painter(load_model("tiny"))
    hu, mask = region()
    middle = 2
    chained, apart = painter.paint(hu, mask, 1), painter.paint(hu, mask, 1, chain=False)
    assert np.array_equal(chained[middle], apart[middle])
    assert not np.array_equal(chained[middle + 1][mask[middle + 1]], apart[middle + 1][mask[middle + 1]])


def test_a_mask_with_an_empty_slice_between_is_painted(folder):
    painter = Painter(load_model("tiny"))
    hu, mask = region()
    mask[3] = False
    painted = painter.paint(hu, mask, 1)
    assert np.array_equal(painted[3], hu[3]) and (painted[4][mask[4]] != hu[4][mask[4]]).all()


def test_counters_of_batch_norm_are_kept_whole(folder):
    paper = replace(PAPER, generator={**PAPER.generator, "widths": (8, 8, 8)})
    nets = build_nets(paper)
    for name, buffer in nets["generator"].named_buffers():
        if name.endswith("num_batches_tracked"):
            buffer.fill_(100_001)  # half precision ends at 65,504
    save_model(folder, card(network=paper.to_dict()), nets)
    kept = [
        int(buffer)
        for name, buffer in load_model("tiny").nets["generator"].named_buffers()
        if name.endswith("num_batches_tracked")
    ]
    assert kept and set(kept) == {100_001}
