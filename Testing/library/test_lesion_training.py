"""Training from a configuration: curves, samples, card; killed and gone on with; and what cannot be used."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from lesion_trainings import write_config
from miniature_sets import write_csv, write_lits, write_msd, write_nnunet
from torch.backends import cudnn

from SyntheticCTLib.cli import main
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.jobs import JobDocument, run_here
from SyntheticCTLib.lesion.model_files import load_model
from SyntheticCTLib.lesion.training import jobs
from SyntheticCTLib.lesion.training.config import read_config
from SyntheticCTLib.lesion.training.loop import pace, steady_convolutions

ROOT = Path(__file__).resolve().parents[2]

FILES = ("losses.csv", "model/card.json", "model/card.md", "model/weights.safetensors")


def run(config, output, overwrite=False, notes=None):
    """The job's result; `notes` takes what it tells the user."""
    document = JobDocument("lesion.train", {"config": str(config), "output": str(output), "overwrite": overwrite})
    heard = [] if notes is None else notes
    return run_here(document, lambda event: heard.append(event["text"]) if event["event"] == "note" else None)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A configuration and the folder of a training that nothing disturbed."""
    folder = tmp_path_factory.mktemp("training")
    config = write_config(folder)
    result = run(config, folder / "out")
    assert result["steps"] == 40
    return config, folder / "out"


def test_a_training_writes_curves_samples_weights_and_card(undisturbed):
    _, out = undisturbed
    table = np.genfromtxt(out / "losses.csv", delimiter=",", names=True)
    assert table["step"].tolist() == [20, 40] and np.isfinite(table["l1"]).all()
    for picture in ("losses.png", "samples.png"):
        assert (out / picture).read_bytes().startswith(b"\x89PNG")
    card = json.loads((out / "model" / "card.json").read_text(encoding="utf-8"))
    assert card["data"]["patients"] == {"train": 5, "validation": 2, "test": 3}
    assert card["units"] == "crop" and "HU per level" in card["hu_map"]["text"]
    assert card["data"]["licence"] == "CC0" and card["sha256"] in (out / "model" / "card.md").read_text(
        encoding="utf-8"
    )
    assert load_model(out / "model").name == "tiny"


def test_a_training_killed_in_the_middle_ends_with_the_same_bytes(undisturbed, tmp_path):
    config, out = undisturbed
    document = JobDocument("lesion.train", {"config": str(config), "output": str(tmp_path / "out"), "overwrite": False})
    code = "import sys; from SyntheticCTLib.jobs import *; run_here(JobDocument.from_json(sys.argv[1]))"
    child = subprocess.Popen([sys.executable, "-c", code, document.to_json()], stdout=subprocess.DEVNULL)
    waited = time.monotonic() + 120
    while not (tmp_path / "out" / "checkpoint.pt").exists():
        assert child.poll() is None and time.monotonic() < waited
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "out" / "model").exists()
    notes = []
    run(config, tmp_path / "out", notes=notes)
    assert notes == ["went on from step 20"]
    for name in FILES:
        assert (tmp_path / "out" / name).read_bytes() == (out / name).read_bytes(), name


def test_a_finished_training_run_again_changes_nothing(undisturbed, tmp_path):
    config, out = undisturbed
    shutil.copytree(out, tmp_path / "out")
    run(config, tmp_path / "out")
    for name in FILES:
        assert (tmp_path / "out" / name).read_bytes() == (out / name).read_bytes(), name


@pytest.mark.parametrize("lost", ["losses.csv", "model"])
def test_what_a_kill_after_the_last_step_left_undone_is_made_up_for(undisturbed, tmp_path, lost):
    config, out = undisturbed
    shutil.copytree(out, tmp_path / "out")
    place = tmp_path / "out" / lost
    shutil.rmtree(place) if place.is_dir() else place.write_text("step\n", encoding="utf-8")
    notes = []
    run(config, tmp_path / "out", notes=notes)
    assert notes == ["went on from step 40"]
    for name in FILES:
        assert (tmp_path / "out" / name).read_bytes() == (out / name).read_bytes(), name


def test_beginning_anew_leaves_nothing_of_the_old_training_and_survives_a_kill(undisturbed, tmp_path, monkeypatch):
    config, out = undisturbed
    shutil.copytree(out, tmp_path / "out")

    class KilledError(Exception):
        pass

    def kill(*arguments):
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "read_training_data", kill)
        with pytest.raises(KilledError):
            run(config, tmp_path / "out", overwrite=True)
    assert not list((tmp_path / "out").iterdir())
    notes = []
    run(config, tmp_path / "out", notes=notes)
    assert notes == [] and (tmp_path / "out" / FILES[-1]).read_bytes() == (out / FILES[-1]).read_bytes()


def test_another_configuration_does_not_go_on_from_a_checkpoint(undisturbed, tmp_path):
    _, out = undisturbed
    shutil.copytree(out, tmp_path / "out")
    other = write_config(tmp_path, seed="seed = 4")
    with pytest.raises(InputError, match="another configuration"):
        run(other, tmp_path / "out")
    run(other, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / FILES[-1]).read_bytes() != (out / FILES[-1]).read_bytes()


def test_a_folder_with_other_files_and_a_broken_checkpoint_are_refused(undisturbed, tmp_path):
    config, _ = undisturbed
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="other files"):
        run(config, tmp_path)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "checkpoint.pt").write_bytes(b"PK half a checkpoint")
    with pytest.raises(InputError, match="cannot be read"):
        run(config, broken)


def test_all_faults_of_a_configuration_are_told_at_once(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text(
        'name = "x"\nregion = 3\nwindow = [200, -100]\npreset = "huge"\nstepz = 4\ncheckpoint_every = 30\n'
        '[data]\nlayout = "folders"\n[spacing]\nslice_mm = [5, 1]\n',
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        read_config(file)
    for word in ("region", "lesion", "window", "huge", "stepz", "folders", "data.path", "slice_mm", "checkpoint_every"):
        assert word in str(caught.value), word


@pytest.mark.parametrize("limits", ["[30, 3]", '["three", 30]', "[3]", "[0, 30]", "[true, 30]"])
def test_a_range_of_diameters_must_be_one(tmp_path, limits):
    file = tmp_path / "bad.toml"
    file.write_text(f"diameter_mm = {limits}\n{PLAIN}", encoding="utf-8")
    with pytest.raises(InputError, match="diameter_mm is .*; expected are two lengths in mm"):
        read_config(file)


PLAIN = """
name = "x"
region = "lung"
lesion = "nodule"
window = [-1024, 576]
[data]
layout = "crops"
path = "crops.npz"
"""


def with_settings(folder: Path, section: str, lines: str) -> Path:
    """A configuration of the default preset with some settings changed."""
    file = folder / "changed.toml"
    file.write_text(f"{PLAIN}[{section}]\n{lines}\n", encoding="utf-8")
    return file


NONSENSE = {
    "generator": [
        *('norm = "bacth"', 'norm = ["batch"]', 'upsample = "foo"', "dropout = 1.5", "dropout = -0.1", "detail = 1"),
        *("widths = 48", "widths = []", "widths = [48, 0]", "widths = [48.0]", 'widths = "48"', "stem = -1"),
        *("stem = true", "convolutions = 0"),
    ],
    "discriminator": [
        *("judges = [4]", "judges = []", "judges = [-1]", "judges = 1", 'norm = "grup"', "judge_kernel = 0"),
        *("layers = []", "layers = [[32, 3]]", "layers = [32, 3, 1]", "layers = [[32, 3, 1, 1]]", "detailed = [5]"),
        *("layers = [[32, 3, 0], [32, 3, 1], [32, 3, 1], [32, 3, 1]]", "detailed = [0.5]"),
    ],
    "optimisation": [
        *('adversarial = "lsgan"', "steps = 0", 'steps = "many"', "steps = 10.5", "epochs = -1", "epochs = 0"),
        *("batch = 0", "batch = 2.5", "batch = true", "ema = 1.5", "ema = -0.1", "decay = 1.1", "decay = -0.1"),
        *("beta1 = 1.0", "learning_rate = 0", "learning_rate = nan", "learning_rate = inf", "judging_rate = -1e-4"),
        *("patches = []", "patches = 48", "patches = [48.0]", "patches = [0]", "patches = [80, 48]", "patches = [52]"),
        *("margin = -1", "halo = -1", "halo = 1.5", "penalty = -1", "penalty_every = 0", 'l1_weight = "10"'),
        *("l1_blur = -1", 'lesion_only = "yes"', "steps = 5\nepochs = 3"),
    ],
}


@pytest.mark.parametrize(("section", "line"), [(section, line) for section in NONSENSE for line in NONSENSE[section]])
def test_nonsense_in_the_networks_settings_is_refused_by_name(tmp_path, section, line):
    file = with_settings(tmp_path, section, line)
    with pytest.raises(InputError, match=rf"cannot be used: .*{section}\.{line.split(' = ')[0]} is .*expected"):
        read_config(file)


def test_norm_by_groups_needs_channels_that_can_be_grouped(tmp_path):
    lines = "layers = [[30, 3, 1], [36, 4, 2]]\njudges = [1]"
    with pytest.raises(InputError, match="multiples of 8"):
        read_config(with_settings(tmp_path, "discriminator", lines))
    assert read_config(with_settings(tmp_path, "discriminator", lines + '\nnorm = "none"'))


def test_faults_of_all_networks_are_told_at_once_and_unknown_settings_with_the_known_ones(tmp_path):
    file = with_settings(tmp_path, "generator", 'norms = "batch"\nstem = -1\nupsample = "foo"')
    with file.open("a", encoding="utf-8") as stream:
        stream.write("[discriminator]\njugdes = [1]\n[optimisation]\nbatches = 4\nema = 2\n")
    with pytest.raises(InputError) as caught:
        read_config(file)
    for words in (
        "generator.norms is not known; known are stem, widths, convolutions, norm, dropout, upsample, detail",
        "generator.stem is -1; expected is a whole number from 0 on",
        "generator.upsample is 'foo'; expected is one of transposed, nearest",
        "discriminator.jugdes is not known; known are layers, judges",
        "optimisation.batches is not known; known are adversarial",
        "optimisation.ema is 2; expected is a number from 0 to below 1",
    ):
        assert words in str(caught.value), words


@pytest.mark.parametrize("section", ["generator", "discriminator", "optimisation", "data"])
def test_a_section_that_is_no_table_is_refused(tmp_path, section):
    file = tmp_path / "flat.toml"
    file.write_text(f"{section} = 3\n{PLAIN.replace('[data]', '')}", encoding="utf-8")
    with pytest.raises(InputError, match=f"{section} is 3; expected is a table"):
        read_config(file)


def test_the_command_ends_with_the_code_of_a_wrong_input(tmp_path, capfd):
    file = with_settings(tmp_path, "generator", 'norm = "bacth"')
    assert main(["lesion", "train", str(file), "-o", str(tmp_path / "out")]) == 2
    assert "generator.norm is 'bacth'; expected is one of batch, pixel, none" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_steps_replace_epochs_and_epochs_steps(tmp_path):
    for lines, expected in (("steps = 5", (5, None)), ("epochs = 3", (None, 3))):
        settings = read_config(with_settings(tmp_path, "optimisation", lines)).preset.optimisation
        assert (settings.steps, settings.epochs) == expected


def test_what_is_no_configuration_is_refused(tmp_path):
    (tmp_path / "a.toml").write_text("name = ", encoding="utf-8")
    for file, word in ((tmp_path / "a.toml", "TOML"), (tmp_path / "none.toml", "cannot be read")):
        with pytest.raises(InputError, match=word):
            read_config(file)


def test_the_learning_rate_falls_in_the_last_part_only():
    assert [pace(number, 10, 0.4) for number in (0, 5, 6, 8, 9)] == pytest.approx([1, 1, 1, 0.5, 0.25])
    assert pace(9, 10, 0) == 1


def test_on_cuda_convolutions_are_done_the_same_way_every_time_and_later_as_before(monkeypatch):
    monkeypatch.setattr(cudnn, "benchmark", True)
    for device, expected in (("cuda", (True, False)), ("cpu", (False, True))):
        with steady_convolutions(device):
            assert (cudnn.deterministic, cudnn.benchmark) == expected
        assert (cudnn.deterministic, cudnn.benchmark) == (False, True)


def test_too_few_patients_are_refused(tmp_path):
    from lesion_trainings import write_crops

    config = write_config(tmp_path)
    write_crops(tmp_path / "crops.npz", patients=2)
    with pytest.raises(InputError, match="patients"):
        run(config, tmp_path / "out")


def test_the_lits_recipe_runs_on_a_miniature_of_that_layout(tmp_path):
    recipe = (ROOT / "Resources" / "recipes" / "lits-paper.toml").read_text(encoding="utf-8")
    write_lits(tmp_path / "lits", cases=4)
    config = tmp_path / "recipe.toml"
    shares = recipe.replace("held_out = 0.2", "held_out = 0.25").replace("validation = 0.05", "validation = 0.25")
    config.write_text(shares + "\n[optimisation]\nsteps = 2\n", encoding="utf-8")
    result = run(config, tmp_path / "out")
    card = json.loads((tmp_path / "out" / "model" / "card.json").read_text(encoding="utf-8"))
    assert result["steps"] == 2 and card["units"] == "hu" and card["network"]["name"] == "paper"
    assert card["spacing"]["slice_mm"] == [2.5, 2.5] and "Bilic" in card["data"]["attribution"]


@pytest.mark.parametrize(
    ("layout", "write", "labels"),
    [("msd", write_msd, ["cancer"]), ("nnunet", write_nnunet, ["tumor"]), ("csv", write_csv, [2])],
)
def test_every_layout_can_be_trained_on(tmp_path, layout, write, labels):
    write(tmp_path / "set", cases=8 if layout == "csv" else 4)  # there with two scans of each patient
    place = next(tmp_path.glob("set/*.csv")).relative_to(tmp_path) if layout == "csv" else "set"
    config = write_config(tmp_path, steps=2, layout=f'layout = "{layout}"\nlesion_labels = {json.dumps(labels)}')
    text = (
        config.read_text(encoding="utf-8").replace("crops.npz", str(place)).replace("held_out = 0.3", "held_out = 0.25")
    )
    config.write_text(text.replace("validation = 0.2", "validation = 0.25"), encoding="utf-8")
    run(config, tmp_path / "out")
    card = load_model(tmp_path / "out" / "model").card
    assert card["data"]["patients"] == {"train": 2, "validation": 1, "test": 1} and card["data"]["lesions"] >= 2
