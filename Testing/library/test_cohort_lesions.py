"""Lesions in a cohort: what a plan says and draws, what a run paints and leaves alone, what the records tell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cohort_runs
import numpy as np
import pytest
import SimpleITK as sitk
from cohort_tables import plan as planned
from cohort_tables import write_scan, write_table
from random_models import random_model
from volumes import GRIDS, ct, like, voxels

from SyntheticCTLib.cohort.dataset.layout import Layout
from SyntheticCTLib.cohort.dataset.painted import LESION
from SyntheticCTLib.cohort.planning import read_plan
from SyntheticCTLib.cohort.planning.lesions import LesionSettings, ShapeFile, with_lesion
from SyntheticCTLib.cohort.running import versions
from SyntheticCTLib.cohort.running.lesions import add_lesions
from SyntheticCTLib.cohort.running.orders import LesionOrder
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import LabelLayer, write_layer
from SyntheticCTLib.jobs.records import file_hash
from SyntheticCTLib.morph.warping import Morphed

torch = pytest.importorskip("torch")
pytest.importorskip("distributed")

NUMBERS = (2, 0, 1)
"""Lesions of the first outputs."""

LIMIT = "Paints noise; for tests only."


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A folder with a network of random weights."""
    return random_model(tmp_path_factory.mktemp("models") / "random", diameter_mm=[3, 60], limits=[LIMIT])


@pytest.fixture(scope="module")
def settings(model) -> LesionSettings:
    weights = json.loads((model / "card.json").read_text(encoding="utf-8"))["sha256"]
    return LesionSettings(str(model), weights, (0, 3), ("lung_right", "lung_left"), (), (40.0, 56.0))


@pytest.fixture(scope="module")
def shape_file(tmp_path_factory) -> Path:
    """A label map with one lesion, a ball."""
    index = np.indices((20, 20, 20)) - 9.5
    image = sitk.GetImageFromArray(((index**2).sum(axis=0) < 36).astype(np.uint8))
    file = tmp_path_factory.mktemp("shapes") / "smith_tumor.nii.gz"
    sitk.WriteImage(image, str(file))
    return file


def plan_with(inputs: Path, name: str, settings: LesionSettings, numbers=NUMBERS) -> Path:
    """The plan of the phantoms with lesions in its first outputs, and no others."""
    plan = read_plan(inputs / "plan.json")
    outputs = [replace(one, lesions=n, lesion_seed=50 + n) for one, n in zip(plan.outputs, numbers, strict=False)]
    return cohort_runs.variant(
        inputs / "plan.json",
        name,
        settings=replace(plan.settings, lesions=settings),
        label_names=with_lesion(plan.label_names),
        outputs=tuple(outputs),
    )


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    return cohort_runs.inputs(tmp_path_factory)


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """A cohort without lesions; its first outputs are those of `made`."""
    return cohort_runs.finished(tmp_path_factory)


@pytest.fixture(scope="module")
def made(inputs, settings, shape_file, tmp_path_factory) -> Path:
    """A cohort with lesions, shaped like the one in a file."""
    shapes = (ShapeFile("anna-2", shape_file, file_hash(shape_file)),)
    plan = plan_with(inputs, "lesions.json", replace(settings, shapes=shapes))
    folder = tmp_path_factory.mktemp("lesions") / "out"
    assert cohort_runs.run(plan, folder)["made"] == len(NUMBERS)
    return folder


def read(folder: Path, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Voxels of an output's CT and label map."""
    layout, name = Layout(folder), f"synthct_{n:04d}"
    return tuple(sitk.GetArrayFromImage(sitk.ReadImage(str(f))) for f in (layout.image(name), layout.label(name)))


def records(folder: Path, n: int) -> tuple[dict, dict]:
    """Private and public record of an output."""
    layout, name = Layout(folder), f"synthct_{n:04d}"
    return tuple(
        json.loads(file.read_text(encoding="utf-8"))
        for file in (layout.private_record(name), layout.public_record(name))
    )


# --- the run


@pytest.mark.parametrize("n", [1, 3])
def test_only_voxels_of_the_lesions_change(made, plain, n):
    (ct_after, labels_after), (ct_before, labels_before) = read(made, n), read(plain, n)
    names = json.loads((made / "dataset.json").read_text(encoding="utf-8"))["labels"]
    assert names[LESION] == max(names.values()) == labels_after.max()
    lesion = labels_after == names[LESION]
    assert np.array_equal(ct_after[~lesion], ct_before[~lesion])
    assert np.array_equal(labels_after[~lesion], labels_before[~lesion])
    assert (ct_after[lesion] != ct_before[lesion]).mean() > 0.9
    assert np.isin(labels_before[lesion], [0, names["lung_right"], names["lung_left"]]).all()


def test_an_output_without_lesions_is_to_the_byte_what_it_is_without_the_block(made, plain):
    for file in ("imagesTr/synthct_0002_0000.nii.gz", "labelsTr/synthct_0002.nii.gz", "records/synthct_0002.json"):
        assert (made / file).read_bytes() == (plain / file).read_bytes()
    assert (made / "imagesTr/synthct_0001_0000.nii.gz").read_bytes() != (
        plain / "imagesTr/synthct_0001_0000.nii.gz"
    ).read_bytes()


def test_the_leak_search_knows_every_word_of_the_records_own(made):
    from SyntheticCTLib.cohort.privacy.own_words import _LESION_WORDS

    block = next(told for told in (records(made, n)[1].get("lesions") for n in (1, 2)) if told and told["painted"])
    keys = {"lesions", *block, *block["model"], *block["lesions"][0]}
    assert keys <= set(_LESION_WORDS.split())


def test_the_public_record_tells_model_number_and_sizes_and_the_private_one_seed_and_origin(made, settings):
    for n, number in ((1, 2), (3, 1)):
        private, public = records(made, n)
        told = public["lesions"]
        assert (told["asked"], told["painted"], len(told["lesions"])) == (number, number, number)
        assert told["model"]["name"] == "random" and told["model"]["sha256"] == settings.weights
        assert told["model"]["limits"] == [LIMIT] and told["torch"] == torch.__version__
        assert all(36 <= one["diameter_mm"] <= 62 and one["volume_ml"] > 5 for one in told["lesions"])
        for secret in ("anna", "smith", "seed", "center", "harvested"):
            assert secret not in json.dumps(public)
        assert private["lesions"]["seed"] == private["parameters"]["lesions"]["seed"] == 50 + number
        assert {one["shape_source"]["subject"] for one in private["lesions"]["lesions"]} == {"anna-2"}
        assert private["report"]["measures"]["lesions.painted"]["value"] == number


def test_the_card_tells_how_many_by_which_model_with_what_limits(made, plain):
    card = (made / "README.md").read_text(encoding="utf-8")
    assert "3 lesions that never existed" in card and "0 in 1 scans, 1 in 1 scans, 2 in 1 scans" in card
    assert "random (nodule in the lung)" in card and LIMIT in card
    assert "Painted lesions" not in (plain / "README.md").read_text(encoding="utf-8")


def test_worker_processes_make_the_same_bytes(inputs, settings, tmp_path):
    plan = plan_with(inputs, "grown.json", settings, (1, 1))
    found = [cohort_runs.primed(plan, tmp_path / name) for name in ("here", "they")]
    cohort_runs.run(plan, found[0])
    cohort_runs.run(plan, found[1], workers=2, quick=False)
    assert cohort_runs.contents(found[0]) == cohort_runs.contents(found[1])
    assert records(found[0], 1)[1]["lesions"]["painted"] == 1


def test_where_a_lesion_finds_no_place_there_are_fewer_and_the_record_says_so(
    inputs, settings, shape_file, plain, tmp_path, monkeypatch
):
    monkeypatch.setattr("SyntheticCTLib.lesion.placing.search.SHAPES", 2)
    shapes = (ShapeFile(None, shape_file, file_hash(shape_file)),)
    plan = plan_with(inputs, "huge.json", replace(settings, diameter_mm=(400.0, 400.0), shapes=shapes), (1,))
    assert cohort_runs.run(plan, tmp_path / "out")["made"] == 1
    private, public = records(tmp_path / "out", 1)
    assert (public["lesions"]["asked"], public["lesions"]["painted"]) == (1, 0)
    assert len(private["lesions"]["missing"]) == 1 and "no place found" in private["lesions"]["missing"][0]
    assert all(map(np.array_equal, read(tmp_path / "out", 1), read(plain, 1)))
    assert "1 of 1 that were planned found no place" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_a_body_without_the_organ_gets_no_lesions(settings):
    image = ct(GRIDS["anisotropic"], 1)
    liver = LabelLayer("organs", like(image, np.ones_like(voxels(image), np.uint8)), {1: "liver"})
    morphed = Morphed(image, [liver], image, 0.5, "source")
    order = LesionOrder(2, 3, settings, versions.lesion_versions(settings))
    after, lesions = add_lesions(morphed, order)
    assert after is morphed and lesions.public["painted"] == 0
    assert lesions.private["missing"] == ["none of the organs is there"] * 2


# --- what a worker lacks


def refused(plan: Path, folder: Path, match: str) -> None:
    """A run is refused before anything is written."""
    versions.lesion_versions.cache_clear()
    with pytest.raises(InputError, match=match):
        cohort_runs.run(plan, folder)
    versions.lesion_versions.cache_clear()
    assert not folder.exists()


def test_a_missing_package_or_model_or_other_weights_are_told_before_anything_starts(
    inputs, settings, tmp_path, monkeypatch
):
    gone = plan_with(inputs, "gone.json", replace(settings, model="no-such-model"))
    refused(gone, tmp_path / "out", "There is no model 'no-such-model'")
    other = plan_with(inputs, "other.json", replace(settings, weights="0" * 64))
    refused(other, tmp_path / "out", "other weights than when the plan was made")

    def none_of_them(name: str):
        raise versions.packages.PackageNotFoundError(name)

    plan = plan_with(inputs, "good.json", settings)
    monkeypatch.setattr(versions.packages, "version", none_of_them)
    refused(plan, tmp_path / "out", "needs torch")


def test_a_worker_with_other_packages_paints_nothing(settings):
    order = LesionOrder(1, 3, settings, (("torch", "0.1"),))
    with pytest.raises(InputError, match="other packages for lesions"):
        add_lesions(Morphed(None, [], None, 0.5, "source"), order)


def test_a_shape_that_has_changed_fails_its_outputs_with_the_reason(inputs, settings, shape_file, tmp_path):
    shapes = (ShapeFile(None, shape_file, "0" * 64),)
    plan = plan_with(inputs, "changed.json", replace(settings, shapes=shapes), (0, 1))
    result = cohort_runs.run(plan, tmp_path / "out")
    assert (result["made"], result["failed"]) == (1, 1)
    assert "lends shapes to lesions, has changed or gone" in next(iter(result["reasons"]))


# --- the plan


@pytest.fixture
def table(tmp_path) -> Path:
    rows = [write_scan(tmp_path, name, n, {1: "Liver", 2: "spleen"}) for n, name in enumerate(("a", "b", "c"))]
    return write_table(tmp_path / "subjects.csv", rows)


def request(model: Path, **changes) -> dict:
    """What the command line asks for."""
    asked = {"number": [1, 3], "organs": ["liver"], "shapes": None, "diameter_mm": [8.0, 20.0], "density": "any"}
    return {"model": str(model), **asked, **changes}


def test_a_plan_draws_number_and_seed_of_each_output_and_all_else_as_without(table, model, shape_file, tmp_path):
    notes: list[str] = []
    planned(table, tmp_path / "plain.json", count=40)
    result = planned(
        table, tmp_path / "plan.json", notes, count=40, lesions=request(model, shapes=str(shape_file.parent))
    )
    plan, plain = read_plan(tmp_path / "plan.json"), read_plan(tmp_path / "plain.json")
    assert [replace(one, lesions=None, lesion_seed=None) for one in plan.outputs] == list(plain.outputs)
    assert {one.lesions for one in plan.outputs} == {1, 2, 3} and len({one.lesion_seed for one in plan.outputs}) == 40
    assert result["lesions"] == sum(one.lesions for one in plan.outputs)
    lesions = plan.settings.lesions
    assert lesions.organs == ("Liver",) and lesions.shapes == (ShapeFile(None, shape_file, file_hash(shape_file)),)
    assert plan.label_names == (*plain.label_names, LESION) and plan.source_label_names == plain.label_names
    assert plan.identity != plain.identity
    assert any("was trained on lung only" in note for note in notes)


def test_subjects_lend_the_shapes_of_their_own_lesions(table, model, tmp_path):
    image = sitk.ReadImage(str(tmp_path / "b.nii.gz"))
    labels = np.zeros(image.GetSize()[::-1], np.uint8)
    labels[2:4, 2:6, 2:7] = 1
    write_layer(LabelLayer("own", like(image, labels), {1: "tumor"}), tmp_path / "b_own.seg.nrrd")
    rows = table.read_text(encoding="utf-8").replace(
        "organs=b_organs.seg.nrrd", "organs=b_organs.seg.nrrd;own=b_own.seg.nrrd"
    )
    table.write_text(rows, encoding="utf-8")
    planned(table, tmp_path / "plan.json", lesions=request(model, shapes="subjects"))
    (shape,) = read_plan(tmp_path / "plan.json").settings.lesions.shapes
    assert (shape.subject, shape.file) == ("b", tmp_path / "b_own.seg.nrrd")
    assert '"file": "b_own.seg.nrrd"' in (tmp_path / "plan.json").read_text(encoding="utf-8")


def test_all_that_is_wrong_with_the_request_is_told_at_once(table, tmp_path):
    with pytest.raises(InputError) as told:
        planned(table, tmp_path / "plan.json", lesions=request("nobody", organs=["heart"], shapes="subjects"))
    for part in ("no model 'nobody'", "a label called 'heart'", "its labels are Liver, spleen", "lesion of its own"):
        assert part in str(told.value)
    assert not (tmp_path / "plan.json").exists()


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('"number": [0, 3]', '"number": [3, 0]', "lesions: number is"),
        ('"density": "any"', '"density": "hard"', "lesions: density is 'hard'"),
        ('["lung_right", "lung_left"]', '["lung"]', "no label is called 'lung'"),
        (f', "{LESION}"]', "]", "holds no 'lesion'"),
        ('"lesions": 2,', '"lesions": 9,', "lesions is 9, outside 0..3"),
        ('"lesions": 2,', "", "'lesions' is missing"),
        ('"shapes": "grown"', '"shapes": [{"file": "x"}]', "lesions: shapes is"),
        ('"weights": ', '"weight": ', "there is no setting 'weight'"),
        (
            '"shapes": "grown"',
            f'"shapes": [{{"subject": "carl-9", "file": "x.nii.gz", "sha256": "{"0" * 64}"}}]',
            "shapes come from 'carl-9', and no such subject takes part",
        ),
    ],
)
def test_an_edited_plan_is_checked_again(inputs, settings, tmp_path, old, new, match):
    text = plan_with(inputs, "edit.json", settings).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "plan.json").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=match):
        read_plan(tmp_path / "plan.json")


def test_a_plan_whose_organs_would_hide_the_painted_labels_is_refused(inputs, settings, tmp_path):
    text = plan_with(inputs, "order.json", settings).read_text(encoding="utf-8").replace(f', "{LESION}"]', "]", 1)
    (tmp_path / "plan.json").write_text(
        text.replace('"label_names": [', f'"label_names": ["{LESION}", ', 1), encoding="utf-8"
    )
    with pytest.raises(InputError, match=f"'lung_right', 'lung_left' stands behind '{LESION}'"):
        read_plan(tmp_path / "plan.json")


@pytest.mark.parametrize("later", ['"lesions": null', '"spacing": null, "size": null'])
def test_a_plan_from_before_there_was_a_setting_is_still_the_same_plan(inputs, tmp_path, later):
    plan = inputs / "plan.json"
    text = plan.read_text(encoding="utf-8")
    assert f", {later}" in text
    older = plan.with_name("older.json")
    older.write_text(text.replace(f", {later}", ""), encoding="utf-8")
    assert read_plan(older).identity == read_plan(plan).identity
