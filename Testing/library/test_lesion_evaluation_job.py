"""The job "lesion.evaluate", on a small model fresh from its training."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("skimage")
pytest.importorskip("sklearn")

from lesion_trainings import write_config, write_crops

import SyntheticCTLib.lesion.evaluation.jobs  # noqa: F401, importing registers the job
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.jobs import JobDocument, run_here
from SyntheticCTLib.lesion.model_files import load_model


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a model, and its set."""
    folder = tmp_path_factory.mktemp("training")
    config = write_config(folder, steps=20)
    run_here(JobDocument("lesion.train", {"config": str(config), "output": str(folder / "out"), "overwrite": False}))
    return folder / "out" / "model", folder / "crops.npz"


def run(model, data, output, overwrite=False, card=False):
    names = {"model": str(model), "data": str(data), "output": str(output), "seed": 0, "overwrite": overwrite}
    return run_here(JobDocument("lesion.evaluate", {**names, "patients": None, "card": card}))


def test_a_model_is_measured_on_the_patients_it_has_not_seen(trained, tmp_path):
    model, data = trained
    result = run(model, data, tmp_path / "report")
    assert {file.name for file in (tmp_path / "report").iterdir()} == set(result["files"])
    found = json.loads((tmp_path / "report" / "evaluation.json").read_text(encoding="utf-8"))
    assert found["n"] == {"lesions": 3, "items": 9, "patients": 3}
    assert list(found["painters"])[-1] == "tiny" and set(found["baselines"]) == set(found["painters"]) - {"tiny"}
    ring = found["painters"]["tiny"]["likely"]["ring"]
    assert ring["mae"]["value"] == 0  # not one voxel changed outside
    assert found["not_measurable"]["AUC of an independent judge"].startswith("n = 3 patients")
    with pytest.raises(InputError, match="overwrite"):
        run(model, data, tmp_path / "report")
    run(model, data, tmp_path / "report", overwrite=True)


@pytest.mark.parametrize("change", ["more patients", "one patient exchanged"])
def test_another_set_than_the_models_own_is_refused(trained, tmp_path, change):
    model, data = trained
    other = tmp_path / "other.npz"
    if change == "more patients":
        write_crops(other, patients=14)
    else:  # as many, but another split
        with np.load(data) as archive:
            kept = dict(archive)
        kept["name"] = np.array([name.replace("P-001", "Q-001") for name in kept["name"]])
        np.savez(other, **kept)
    with pytest.raises(InputError, match="not the patients that tiny was trained and tested on"):
        run(model, other, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_a_card_that_does_not_tell_the_split_is_refused(trained, tmp_path):
    model, data = trained
    copy = tmp_path / "model"
    shutil.copytree(model, copy)
    card = json.loads((copy / "card.json").read_text(encoding="utf-8"))
    del card["data"]["shares"]
    (copy / "card.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(InputError, match="does not tell how patients were divided"):
        run(copy, data, tmp_path / "report")


def test_measures_go_on_the_card_when_asked_and_the_weights_stay_loadable(trained, tmp_path):
    model, data = trained
    copy = tmp_path / "model"
    shutil.copytree(model, copy)
    run(copy, data, tmp_path / "report")
    assert "metrics" not in json.loads((copy / "card.json").read_text(encoding="utf-8"))
    run(copy, data, tmp_path / "report", overwrite=True, card=True)
    metrics = json.loads((copy / "card.json").read_text(encoding="utf-8"))["metrics"]
    assert metrics["on"].startswith("9 slices of 3 patients it was not trained on")
    found = json.loads((tmp_path / "report" / "evaluation.json").read_text(encoding="utf-8"))
    error = found["painters"]["tiny"]["likely"]["lesion"]["mae"]["value"]
    assert metrics["mean absolute error in the lesion, grey levels of 255"].startswith(f"{error:.1f} ")
    assert metrics["AUC of an independent judge"] == "not measurable here: n = 3 patients, at least 40 are needed"
    assert f"- AUC of an independent judge: {metrics['AUC of an independent judge']}" in (
        (copy / "card.md").read_text(encoding="utf-8")
    )
    assert load_model(copy).name == "tiny"
    assert sorted(file.name for file in copy.iterdir()) == sorted(file.name for file in model.iterdir())
