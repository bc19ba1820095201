"""The group `synthetic-ct lesion`: its arguments, the jobs that paint, place and list models, and what they write."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from random_models import random_model
from scipy import ndimage
from volumes import like, voxels

from SyntheticCTLib import cli
from SyntheticCTLib.errors import Cancelled, InputError
from SyntheticCTLib.images import Geometry, LabelLayer, write_layer
from SyntheticCTLib.jobs import JobDocument, run_here
from SyntheticCTLib.lesion.painting.inputs import Scan, read_mask

LIBRARY = Path(cli.__file__).parents[1]
GRID = Geometry((64, 60, 20), (0.8, 0.8, 2.5), (-20.0, 10.0, 5.0), tuple(np.eye(3).ravel()))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    """A folder with a network of random weights."""
    spacing = {"in_plane_mm": [0.5, 0.95], "slice_mm": [0.5, 5.0]}
    return str(random_model(tmp_path_factory.mktemp("models") / "random", spacing=spacing))


@pytest.fixture
def files(tmp_path) -> Path:
    """john_doe_scan.nii.gz: lung in a shell of soft tissue; beside it a lesion mask, organs, and shapes."""
    shape = GRID.size[::-1]
    k, j, i = np.indices(shape)
    lung = ((j - 30) ** 2 + (i - 32) ** 2 < 24**2) & (k > 0) & (k < 19)
    hu = np.where(lung, -850, 40) + 20 * np.random.default_rng(0).standard_normal(shape)
    image = sitk.GetImageFromArray(np.rint(hu).astype(np.int16))
    GRID.apply_to(image)
    ball = (3 * (k - 8)) ** 2 + (j - 30) ** 2 + (i - 30) ** 2
    labels = {"lesion": 2 * (ball < 36) + 5 * ((j > 44) & (ball < 1000) & lung), "organs": np.where(lung, 3, 1)}
    sitk.WriteImage(image, str(tmp_path / "john_doe_scan.nii.gz"))
    for name, values in labels.items():
        sitk.WriteImage(like(image, values.astype(np.uint8)), str(tmp_path / f"{name}.nii.gz"))
    (tmp_path / "shapes").mkdir()
    sitk.WriteImage(like(image, (ball < 60).astype(np.uint8)), str(tmp_path / "shapes" / "jane_lesion.nii.gz"))
    return tmp_path


def document(*arguments) -> JobDocument:
    """The job that a command line makes."""
    parsed = cli._parser().parse_args(["lesion", *map(str, arguments)])
    return parsed.make_job(parsed)


def paint(files: Path, model: str, *more) -> dict:
    lesion = [files / "john_doe_scan.nii.gz", files / "lesion.nii.gz", "--model", model, "--segment", "2"]
    output = [] if "-o" in more else ["-o", files / "out" / "new.nii.gz"]
    return run_here(document("paint", *lesion, *output, *more))


def write_overlapping(file: Path, grid: sitk.Image, parts: dict[str, np.ndarray]) -> None:
    """A segmentation with each part in a layer of its own, as Slicer saves those that overlap."""
    layers = [like(grid, part.astype(np.uint8)) for part in parts.values()]
    image = sitk.Compose(layers)
    for number, name in enumerate(parts):
        for key, value in {"Name": name, "LabelValue": "1", "Layer": str(number)}.items():
            image.SetMetaData(f"Segment{number}_{key}", value)
    sitk.WriteImage(image, str(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


# --- arguments


def test_a_command_line_makes_the_job_of_the_contract(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = document("paint", "a.nii", "m=b.nii", "-o", "c.nrrd", "--model", "lung-nodule", "--labels", "d.nii")
    assert job.kind == "lesion.paint"
    assert job.parameters == {
        "image": str(tmp_path / "a.nii"),
        "series": None,
        "mask": {"name": "m", "file": str(tmp_path / "b.nii")},
        "segments": None,
        "model": "lung-nodule",
        "density": "any",
        "seed": None,
        "output": str(tmp_path / "c.nrrd"),
        "labels": [{"name": None, "file": str(tmp_path / "d.nii")}],
        "overwrite": False,
    }
    more = ["--shapes", "s", "-n", "3", "--seed", "7", "-o", "d", "--model", "x", "--diameter", "8", "20"]
    job = document("place", "a.nii", "--organ", "o.nii", *more)
    assert (job.kind, job.parameters["count"], job.parameters["diameter_mm"]) == ("lesion.place", 3, [8.0, 20.0])
    assert document("train", "c.toml", "-o", "d").parameters["overwrite"] is False
    assert document("evaluate", "x", "data.npz", "-o", "d").kind == "lesion.evaluate"
    assert document("models").kind == "lesion.models"


@pytest.mark.parametrize(
    "line",
    [
        *(["-n", "0"], ["-n", "three"], ["--diameter", "9", "-1"], ["--margin", "nan"], ["--gap", "-1"]),
        *(["--hu", "-900"], ["--hu", "-900", "inf"], ["--shape-label", "0"], ["--lesion-label", "x"]),
    ],
)
def test_numbers_that_make_no_sense_are_refused_at_once(line, capsys):
    with pytest.raises(SystemExit) as caught:
        document("place", "a.nii", "--organ", "o.nii", "-o", "d", "--model", "x", *line)
    assert caught.value.code == 2 and "error" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "words"), [(["--hu", "-400", "-900"], "in this order"), (["--shape-label", "2"], "--shapes")]
)
def test_arguments_that_do_not_go_together_are_refused_at_once(line, words, capsys):
    assert cli.main(["lesion", "place", "a.nii", "--organ", "o.nii", "-o", "d", *line]) == 2
    assert words in capsys.readouterr().err


def test_the_group_alone_and_its_help_list_the_commands(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["lesion"])
    assert caught.value.code == 2
    alone = capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        cli.main(["lesion", "--help"])
    assert caught.value.code == 0
    listed = capsys.readouterr().out
    for name in ("paint", "place", "train", "evaluate", "models"):
        assert f"    {name} " in alone and f"    {name} " in listed


# --- lesion.paint


def test_a_painted_scan_comes_with_labels_and_records_and_is_marked(files, model):
    result = paint(files, model, "--seed", "5", "--labels", f"organs={files / 'organs.nii.gz'}")
    out = files / "out"
    assert set(contents(out)) == {*result["files"], "private/new.json"}
    assert sorted(result["files"]) == ["new.json", "new.nii.gz", "new_labels_lesion.nii.gz", "new_labels_organs.nii.gz"]
    before, after = (sitk.ReadImage(str(file)) for file in (files / "john_doe_scan.nii.gz", out / "new.nii.gz"))
    lesion = voxels(sitk.ReadImage(str(out / "new_labels_lesion.nii.gz")))
    assert set(np.unique(lesion)) == {0, 2}
    changed = voxels(before) != voxels(after)
    assert not changed[lesion == 0].any() and changed[lesion == 2].mean() > 0.9
    organs = voxels(sitk.ReadImage(str(out / "new_labels_organs.nii.gz")))
    assert np.array_equal(organs, voxels(sitk.ReadImage(str(files / "organs.nii.gz"))))
    public = json.loads((out / "new.json").read_text(encoding="utf-8"))
    for name in ("new.nii.gz", "new_labels_lesion.nii.gz"):
        assert sitk.ReadImage(str(out / name)).GetMetaData("ITK_FileNotes") == f"SYNTHETIC {public['id']}"
    assert result["lesions"] == public["lesions"] and public["lesions"][0]["label"] == 2


def test_the_public_record_tells_neither_source_nor_seed_and_the_private_one_both(files, model):
    paint(files, model, "--seed", "123456")
    public, private = ((files / "out" / name).read_text(encoding="utf-8") for name in ("new.json", "private/new.json"))
    for told in ("john", "123456", "seed", "content"):
        assert told not in public
        assert told in private
    assert (files / "out" / "private").stat().st_mode & 0o777 == 0o700
    assert json.loads(public)["id"] == json.loads(private)["id"]
    assert json.loads(public)["synthetic"] is True


def test_the_same_seed_gives_the_same_files_and_another_other_ones(files, model):
    outs = [files / name / "new.nii.gz" for name in ("first", "second", "third")]
    for out, seed in zip(outs, (5, 5, 6), strict=True):
        paint(files, model, "-o", out, "--seed", seed)
    first, second, third = (contents(out.parent) for out in outs)
    assert first == second
    assert first["new.nii.gz"] != third["new.nii.gz"]


def test_nrrd_comes_with_segmentations(files, model):
    result = paint(files, model, "-o", files / "new.nrrd")
    assert result["files"] == ["new.nrrd", "new_labels.seg.nrrd", "new.json"]
    assert sitk.ReadImage(str(files / "new.nrrd")).GetMetaData("SyntheticCT").startswith("SYNTHETIC ")
    assert sitk.ReadImage(str(files / "new_labels.seg.nrrd")).HasMetaDataKey("Segment0_Name")


def test_nothing_is_overwritten_unless_asked_for_and_then_no_leftovers_stay(files, model):
    paint(files, model, "--labels", files / "organs.nii.gz")
    before = contents(files / "out")
    with pytest.raises(InputError, match="--overwrite"):
        paint(files, model)
    assert contents(files / "out") == before
    paint(files, model, "--overwrite")
    assert set(contents(files / "out")) == {"new.nii.gz", "new_labels.nii.gz", "new.json", "private/new.json"}


@pytest.mark.parametrize("name", ["john_doe_scan.nii.gz", "lesion.nii.gz", "organs.nii.gz"])
def test_an_input_is_never_replaced(files, model, name):
    before = contents(files)
    with pytest.raises(InputError, match="which is an input"):
        paint(files, model, "-o", files / name, "--overwrite", "--labels", files / "organs.nii.gz")
    assert contents(files) == before


def test_an_input_called_like_the_labels_of_the_output_is_not_replaced(files, model):
    scan = files / "a_labels.nii.gz"
    (files / "john_doe_scan.nii.gz").rename(scan)
    before = scan.read_bytes()
    line = ["paint", scan, files / "lesion.nii.gz", "-o", files / "a.nii.gz", "--model", model]
    job = document(*line)
    job.parameters["overwrite"] = True
    with pytest.raises(InputError, match="is an input"):
        run_here(job)
    assert scan.read_bytes() == before and not (files / "a.nii.gz").exists()


def test_the_only_model_there_is_need_not_be_named(files, model, monkeypatch, tmp_path):
    import shutil

    monkeypatch.setattr("SyntheticCTLib.lesion.model_files._SHIPPED", tmp_path / "nothing")
    monkeypatch.setenv("SYNTHETIC_CT_MODELS", str(tmp_path / "models"))
    job = document("paint", files / "john_doe_scan.nii.gz", files / "lesion.nii.gz", "-o", files / "b.nii.gz")
    job.parameters["overwrite"] = False
    with pytest.raises(InputError, match="found: none"):
        run_here(job)
    shutil.copytree(model, tmp_path / "models" / "one")
    assert run_here(job)["lesions"]
    shutil.copytree(model, tmp_path / "models" / "two")
    job.parameters["overwrite"] = True
    with pytest.raises(InputError, match="found: random, random"):
        run_here(job)


def test_cancelling_leaves_nothing(files, model):
    told = []
    with pytest.raises(Cancelled):
        line = [files / "john_doe_scan.nii.gz", files / "lesion.nii.gz", "--model", model]
        job = document("paint", *line, "-o", files / "out" / "new.nii.gz")
        run_here(job, told.append, lambda: any("painting" in e.get("stage", "") for e in told))
    assert not (files / "out").exists()
    assert not [name for name in files.iterdir() if name.name.startswith(".")]


def test_inputs_that_cannot_be_used_are_refused_and_leave_nothing(files, model):
    scan, mask = files / "john_doe_scan.nii.gz", files / "lesion.nii.gz"

    def refused(match, image=scan, mask=mask, *more):
        with pytest.raises(InputError, match=match):
            run_here(document("paint", image, mask, "-o", files / "out" / "new.nii.gz", *(more or ["--model", model])))
        assert not (files / "out").exists()

    refused("no such file", files / "missing.nii.gz")
    refused("no voxel has the label 9", scan, mask, "--model", model, "--segment", "9")
    refused("There is no model", scan, mask, "--model", "no-such-model")
    nothing = sitk.ReadImage(str(mask)) * 0
    sitk.WriteImage(nothing, str(files / "empty.nii.gz"))
    refused("empty", scan, files / "empty.nii.gz")
    nothing.SetOrigin((500, 0, 0))
    sitk.WriteImage(nothing, str(files / "far.nii.gz"))
    refused("lies elsewhere", scan, files / "far.nii.gz")
    broken = np.full(GRID.size[::-1], np.nan, np.float32)
    sitk.WriteImage(like(nothing, broken), str(files / "nan.nii.gz"))
    refused("not numbers", files / "nan.nii.gz")
    with pytest.raises(InputError, match="ends in"):
        paint(files, model, "-o", files / "new.png")


def test_a_mask_on_another_grid_of_the_same_space_is_brought_onto_the_scan(files, model):
    mask = sitk.ReadImage(str(files / "lesion.nii.gz"))
    sitk.WriteImage(mask[10:60, 5:, :], str(files / "cropped_lesion.nii.gz"))
    line = [files / "john_doe_scan.nii.gz", files / "cropped_lesion.nii.gz", "--model", model, "--segment", "2"]
    told = []
    run_here(document("paint", *line, "-o", files / "out" / "new.nii.gz"), told.append)
    assert any("resampled onto the image's" in event.get("text", "") for event in told)
    lesion = voxels(sitk.ReadImage(str(files / "out" / "new_labels.nii.gz")))
    assert (lesion == 2).sum() == (voxels(mask) == 2).sum()


def test_scattered_nans_become_air_and_the_rest_is_painted(files, model):
    image = sitk.Cast(sitk.ReadImage(str(files / "john_doe_scan.nii.gz")), sitk.sitkFloat32)
    hu = voxels(image)
    hu[0, :5] = np.nan
    sitk.WriteImage(like(image, hu), str(files / "john_doe_scan.nii.gz"))
    paint(files, model)
    assert (voxels(sitk.ReadImage(str(files / "out" / "new.nii.gz")))[0, :5] == -1024).all()


def test_of_a_segmentation_what_is_called_a_lesion_is_painted_and_a_note_says_so(files, model):
    organs = sitk.ReadImage(str(files / "organs.nii.gz"))
    values = np.where(voxels(sitk.ReadImage(str(files / "lesion.nii.gz"))) == 2, 2, voxels(organs)).astype(np.uint8)
    write_layer(LabelLayer("all", like(organs, values), {1: "soft", 2: "nodule", 3: "lung"}), files / "all.seg.nrrd")
    told = []
    line = ["paint", files / "john_doe_scan.nii.gz", files / "all.seg.nrrd", "--model", model]
    result = run_here(document(*line, "-o", files / "out" / "new.nii.gz"), told.append)
    assert {one["label"] for one in result["lesions"]} == {2}
    assert any("painted is label 2 (nodule)" in event.get("text", "") for event in told)


def test_a_segmentation_of_organs_is_not_painted_unless_a_label_is_chosen(files, model):
    organs = sitk.ReadImage(str(files / "organs.nii.gz"))
    values = np.where(voxels(organs) == 3, 3, 0).astype(np.uint8)
    values[3, 30:34, 30:34] = 6
    write_layer(LabelLayer("all", like(organs, values), {3: "lung", 6: "trachea"}), files / "all.seg.nrrd")
    line = ["paint", files / "john_doe_scan.nii.gz", files / "all.seg.nrrd", "--model", model]
    line += ["-o", files / "out" / "new.nii.gz"]
    with pytest.raises(InputError, match=r"none of its labels is called a lesion.*--segment.*label 3 \(lung\)"):
        run_here(document(*line))
    assert not (files / "out").exists()
    assert {one["label"] for one in run_here(document(*line, "--segment", "6"))["lesions"]} == {6}


def test_a_mask_as_wide_as_an_organ_is_refused_unless_something_calls_it_a_lesion(tmp_path):
    values = np.zeros((3, 64, 64), np.uint8)
    values[1, 4:60, 4:60], values[1, 61, 61] = 3, 1
    grid = Geometry((64, 64, 3), (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), tuple(np.eye(3).ravel()))
    image = sitk.GetImageFromArray(values)
    grid.apply_to(image)
    sitk.WriteImage(image, str(tmp_path / "mask.nii.gz"))
    scan, context = Scan(image, (), "scan.nii.gz", ""), SimpleNamespace(note=print)
    file = str(tmp_path / "mask.nii.gz")
    for name in (None, "liver"):
        with pytest.raises(InputError, match=r"label 3 is \d+ mm wide.*--segment"):
            read_mask({"name": name, "file": file}, None, scan, context)
    assert read_mask({"name": None, "file": file}, [3], scan, context).values == (3,)
    assert read_mask({"name": "lesion", "file": file}, None, scan, context).values == (1, 3)


def test_weights_that_are_not_the_cards_are_not_loaded(files, model, tmp_path):
    damaged = Path(shutil.copytree(model, tmp_path / "damaged"))
    weights = bytearray((damaged / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (damaged / "weights.safetensors").write_bytes(weights)
    with pytest.raises(InputError, match="SHA-256"):
        paint(files, str(damaged))


# --- lesion.place, lesion.models, the program


@pytest.mark.parametrize("shapes", [True, False])
def test_placed_lesions_are_painted_inside_the_organ(files, model, shapes):
    line = ["place", files / "john_doe_scan.nii.gz", "--organ", files / "organs.nii.gz", "--organ-label", "3"]
    line += ["-n", "2", "--seed", "7", "--diameter", "5", "8", "--model", model, "-o", files / "out"]
    result = run_here(document(*line, *(["--shapes", files / "shapes"] if shapes else [])))
    assert len(result["lesions"]) == 2 and "placed.nii.gz" in result["files"]
    lesions = voxels(sitk.ReadImage(str(files / "out" / "placed_labels_lesions.nii.gz")))
    assert set(np.unique(lesions)) == {0, 1, 2}
    organ = voxels(sitk.ReadImage(str(files / "organs.nii.gz")))
    assert (organ[lesions > 0] == 3).all()
    before, after = (sitk.ReadImage(str(f)) for f in (files / "john_doe_scan.nii.gz", files / "out" / "placed.nii.gz"))
    assert np.array_equal(voxels(before)[lesions == 0], voxels(after)[lesions == 0])
    public = (files / "out" / "placed.json").read_text(encoding="utf-8")
    assert "jane" not in public and "tries" not in public
    assert "tries" in (files / "out" / "private" / "placed.json").read_text(encoding="utf-8")


def placing(files: Path, model: str, *more) -> list:
    """A command line that places one small lesion; `more` begins with the organ's file."""
    line = ["place", files / "john_doe_scan.nii.gz", "--diameter", "5", "6", "--margin", "0", "--model", model]
    return [*line, "-o", files / "out", "--organ", *more]


def private_lesions(folder: Path) -> list[dict]:
    return json.loads((folder / "private" / "placed.json").read_text(encoding="utf-8"))["lesions"]


def test_the_shapes_are_those_of_the_labels_chosen_and_only_the_private_record_names_their_file(files, model):
    image = sitk.ReadImage(str(files / "shapes" / "jane_lesion.nii.gz"))
    values = voxels(image)
    values[:, :6], values[:, -6:, 20:30] = 7, 8
    sitk.WriteImage(like(image, values), str(files / "shapes" / "jane.nii.gz"))
    (files / "shapes" / "jane_lesion.nii.gz").unlink()
    line = placing(files, model, files / "organs.nii.gz", "--organ-label", "3", "--shapes", files / "shapes")
    with pytest.raises(InputError, match="none is called a lesion"):
        run_here(document(*line))
    run_here(document(*line, "--shape-label", "1"))
    (lesion,) = private_lesions(files / "out")
    assert lesion["shape"] == "harvested 1" and lesion["shape_source"]["file"] == "jane.nii.gz"
    assert len(lesion["shape_source"]["sha256"]) == 64
    assert "jane" not in (files / "out" / "placed.json").read_text(encoding="utf-8")


def test_lesions_go_where_the_hu_are_those_asked_for_with_the_gap_asked_for(files, model):
    image = sitk.ReadImage(str(files / "john_doe_scan.nii.gz"))
    hu = voxels(image)
    hu[:, :, :34][hu[:, :, :34] < -500] += 200
    sitk.WriteImage(like(image, hu), str(files / "john_doe_scan.nii.gz"))
    line = placing(files, model, files / "organs.nii.gz", "--organ-label", "3", "-n", "2")
    run_here(document(*line, "--hu", "-1000", "-750", "--gap", "9"))
    labels = voxels(sitk.ReadImage(str(files / "out" / "placed_labels_lesions.nii.gz")))
    assert (hu[labels > 0] < -750).mean() >= 0.97
    apart = ndimage.distance_transform_edt(labels != 1, GRID.spacing[::-1])
    assert apart[labels == 2].min() > 9


@pytest.mark.parametrize("how", ["said", "named", "overlapping", "excluded"])
def test_lesions_already_there_are_kept_off_with_the_gap(files, model, how):
    image = sitk.ReadImage(str(files / "organs.nii.gz"))
    organs = voxels(image)
    old = (organs == 3) & (np.indices(organs.shape)[2] < 32)
    values = np.where(old, 4, organs).astype(np.uint8)
    more = ["--organ-label", "3", "--gap", "3"]
    file = files / ("all.seg.nrrd" if how in ("named", "overlapping") else "all.nii.gz")
    if how == "said":
        sitk.WriteImage(like(image, values), str(file))
        more += ["--lesion-label", "4"]
    elif how == "named":
        write_layer(LabelLayer("all", like(image, values), {1: "soft", 3: "lung", 4: "nodule"}), file)
    elif how == "overlapping":
        write_overlapping(file, image, {"lung": organs == 3, "nodule": old})
        more[1] = "1"
    else:
        sitk.WriteImage(like(image, organs), str(file))
        sitk.WriteImage(like(image, old.astype(np.uint8)), str(files / "old_nodules.nii.gz"))
        more += ["--exclude", files / "old_nodules.nii.gz"]
    run_here(document(*placing(files, model, file, *more)))
    labels = voxels(sitk.ReadImage(str(files / "out" / "placed_labels_lesions.nii.gz")))
    assert ndimage.distance_transform_edt(~old, GRID.spacing[::-1])[labels > 0].min() > 3


def test_models_are_listed_with_what_is_wrong(model, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("SYNTHETIC_CT_MODELS", str(tmp_path))
    for name in ("good", "bad"):
        shutil.copytree(model, tmp_path / name)
    (tmp_path / "bad" / "weights.safetensors").write_bytes(b"")
    result = run_here(document("models"))
    own = {Path(one["folder"]).name: one for one in result["models"] if not one["shipped"]}
    assert own["good"]["fault"] == "" and "SHA-256" in own["bad"]["fault"]
    assert result["folder"] == str(tmp_path)
    cli._parser().parse_args(["lesion", "models"]).summarize(result)
    assert "nodule in the lung" in capsys.readouterr().out


def test_the_program_paints(files, model):
    line = ["lesion", "paint", "john_doe_scan.nii.gz", "lesion.nii.gz", "-o", "new.nii.gz", "--model", model]
    done = subprocess.run(
        [sys.executable, "-m", "SyntheticCTLib", *line],
        cwd=files,
        env={**os.environ, "PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "label 2 of lesion" in done.stdout and "do not publish" in done.stdout
    assert (files / "new.nii.gz").exists()
