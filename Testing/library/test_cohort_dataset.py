"""The data set a run leaves: nnU-Net's rules, table, card, what is public and what is not, and reading it again."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import cohort_runs
import numpy as np
import pytest
import SimpleITK as sitk

from SyntheticCTLib.cohort.dataset.card import card
from SyntheticCTLib.cohort.dataset.cases import read_cohort
from SyntheticCTLib.cohort.dataset.files import replacing
from SyntheticCTLib.cohort.dataset.label_map import label_map, label_name, lesion_names
from SyntheticCTLib.cohort.dataset.layout import Layout
from SyntheticCTLib.cohort.dataset.painted import LESION
from SyntheticCTLib.cohort.dataset.survey import survey
from SyntheticCTLib.cohort.planning.lesions import LesionSettings, with_lesion
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.images.labels import LabelLayer

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    return cohort_runs.inputs(tmp_path_factory)


@pytest.fixture(scope="module")
def folder(inputs, tmp_path_factory) -> Path:
    """A small finished cohort, in which the third subject has no labels."""
    from SyntheticCTLib.cohort.planning.plan import read_plan

    subjects = read_plan(inputs / "plan.json").subjects
    subjects = (*subjects[:2], replace(subjects[2], labels=()))
    outputs = read_plan(inputs / "plan.json").outputs[1:4]
    plan = cohort_runs.variant(inputs / "plan.json", "unlabelled.json", subjects=subjects, outputs=outputs)
    folder = tmp_path_factory.mktemp("dataset") / "out"
    cohort_runs.run(plan, folder)
    return folder


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "out"))


# --- nnU-Net's documented rules (documentation/dataset_format.md)


def test_the_description_has_the_entries_that_nnunet_asks_for(folder):
    found = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    assert found["channel_names"] == {"0": "CT"} and found["file_ending"] == ".nii.gz"
    assert found["numTraining"] == len(list((folder / "imagesTr").iterdir())) == 2
    assert found["labels"]["background"] == 0
    assert sorted(found["labels"].values()) == list(range(len(found["labels"])))  # whole numbers without a gap


def test_every_training_image_has_a_label_map_on_its_grid_with_known_values_only(folder):
    known = set(json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["labels"].values())
    images = sorted((folder / "imagesTr").iterdir())
    labels = sorted((folder / "labelsTr").iterdir())
    assert [re.fullmatch(r"(.+)_0000\.nii\.gz", file.name)[1] + ".nii.gz" for file in images] == [
        file.name for file in labels
    ]
    for image, label in zip(map(sitk.ReadImage, images), map(sitk.ReadImage, labels), strict=True):
        assert Geometry.of(image).same_as(Geometry.of(label))
        assert image.GetPixelID() == sitk.sitkInt16 and label.GetPixelID() == sitk.sitkUInt8
        assert len(np.unique(sitk.GetArrayViewFromImage(label))) == 5
        assert set(np.unique(sitk.GetArrayViewFromImage(label)).tolist()) <= known


def test_an_image_without_labels_is_no_training_image(folder):
    assert [file.name for file in (folder / "imagesTs").iterdir()] == ["synthct_0004_0000.nii.gz"]
    assert "1 scans whose source has no labels" in (folder / "README.md").read_text(encoding="utf-8")


def test_a_cohort_without_any_labels_has_a_background_only(inputs, tmp_path):
    from SyntheticCTLib.cohort.planning.plan import read_plan

    subjects = tuple(replace(one, labels=()) for one in read_plan(inputs / "plan.json").subjects)
    plan = cohort_runs.variant(inputs / "plan.json", "bare.json", subjects=subjects, label_names=(), outputs=1)
    cohort_runs.run(plan, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "dataset.json").read_text(encoding="utf-8"))["labels"] == {"background": 0}
    assert not (tmp_path / "out" / "labelsTr").exists() and not (tmp_path / "out" / "imagesTs").exists()
    assert read_cohort(tmp_path / "out").cases[0].image.is_file()


# --- table and card


def test_the_table_has_a_row_for_each_case_with_interpolated_metadata(folder):
    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    assert list(rows) == ["synthct_0002", "synthct_0003", "synthct_0004"]
    row = rows["synthct_0002"]  # 32.17 % of the way from the subject of 48 years to that of 41
    assert row["age"] == "46" and row["sex"] == "F" and row["percent_about"] == "30" and row["region"] == "chest"
    assert row["image"] == "imagesTr/synthct_0002_0000.nii.gz" and row["label"] == "labelsTr/synthct_0002.nii.gz"
    assert "heart" in row["labels"].split("; ")
    assert rows["synthct_0004"]["label"] == ""


def test_the_card_says_what_how_how_good_what_not_and_how_to_cite(folder):
    text = (folder / "README.md").read_text(encoding="utf-8")
    for heading in ("## What", "## How", "## Quality", "## Limits", "## Licence", "## How to cite"):
        assert heading in text
    assert "SYNTHETIC" in text and "from 3 scans" in text and "license: unknown" in text
    assert "| noise kept |" in text


def test_a_licence_that_somebody_wrote_into_the_card_stays(copy, inputs):
    text = (copy / "README.md").read_text(encoding="utf-8")
    (copy / "README.md").write_text(text.replace("license: unknown", "license: CC-BY-4.0"), encoding="utf-8")
    cohort_runs.run(inputs / "unlabelled.json", copy)
    text = (copy / "README.md").read_text(encoding="utf-8")
    assert "license: CC-BY-4.0" in text and "CC-BY-4.0; see" in text and "Not chosen yet" not in text


def test_the_card_of_a_cohort_with_nothing_in_it_can_be_written(folder, tmp_path):
    cohort = read_cohort(folder)
    empty = Layout(tmp_path)
    assert "0 synthetic CT scans" in card(cohort.plan, survey(empty, cohort.plan))


@pytest.mark.parametrize(
    ("grid", "told"),
    [
        ("source", "spacing, size and tilt of the first real scan's"),
        ("target", "spacing, size and tilt of the second real scan's"),
        ("fit", "spacing and tilt of the first real scan's; its size fits"),
    ],
)
def test_the_card_says_whose_grid_a_scan_has(folder, grid, told):
    cohort = read_cohort(folder)
    plan = replace(cohort.plan, settings=replace(cohort.plan.settings, grid=grid))
    assert f"The voxel grid of a scan has the {told}" in card(plan, survey(cohort.layout, plan))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"spacing": (1.5, 1.5, 3.0)}, "1.5 x 1.5 x 3 mm along the axes of the body; the extent of a scan is the"),
        ({"spacing": (1.5, 1.5, 3.0), "size": (256, 256, 96)}, "256 x 256 x 96 of them: the grid tells nothing"),
    ],
)
def test_the_card_says_that_all_scans_have_one_grid(folder, settings, told):
    cohort = read_cohort(folder)
    plan = replace(cohort.plan, settings=replace(cohort.plan.settings, **settings))
    text = card(plan, survey(cohort.layout, plan))
    assert told in text and "on a grid of its own and in whole" in text
    assert f"grid of the result: one {'for all' if 'size' in settings else 'spacing for all, over the extent'}" in text


def test_the_card_tells_the_range_of_percentages_as_it_was_drawn_from(folder):
    cohort = read_cohort(folder)
    plan = replace(cohort.plan, settings=replace(cohort.plan.settings, t_min=0.125))
    assert "from 12.5 to 87.5 %" in card(plan, survey(cohort.layout, plan))


def test_the_card_does_not_call_a_scan_without_painted_lesions_badly_labelled(folder):
    plan, found = read_cohort(folder).plan, survey(Layout(folder), read_cohort(folder).plan)
    found.label_cases.update(dict.fromkeys(plan.label_names, found.made))
    lesions = LesionSettings("model", "0" * 64, (0, 1), plan.label_names[:1])
    painted = replace(plan, settings=replace(plan.settings, lesions=lesions), label_names=with_lesion(plan.label_names))
    found.label_cases[LESION] = 1
    assert "Not every labelled scan" not in card(painted, found)
    found.label_cases[plan.label_names[0]] = 1
    assert "Not every labelled scan" in card(painted, found)


def test_the_card_lists_all_versions_that_occurred(copy):
    file = Layout(copy).public_record("synthct_0002")  # the first of three
    record = json.loads(file.read_text(encoding="utf-8"))
    record["method"]["software"].update(numpy="1.0.1", syntheticct="0.0.9")
    record["method"]["registration"] = {"backend": "ants", "versions": {"antspyx": "0.4.2"}}
    file.write_text(json.dumps(record), encoding="utf-8")
    cohort = read_cohort(copy)
    text = card(cohort.plan, survey(cohort.layout, cohort.plan))
    assert f"numpy 1.0.1 and {np.__version__}" in text and "antspyx 0.4.2" in text
    assert text.count("SyntheticCT 0.0.9 and ") == 2 and "registration: ants and quick" in text


# --- what is public


def test_no_public_file_holds_an_identifier_of_a_source(folder):
    """Ids, file names, hashes, seeds, exact percentages, paths, keys of registrations; unpacked, in text and header."""
    cohort = read_cohort(folder)
    secrets = {
        str(cohort.plan.seed),
        "982451",
        "anna",
        "smith",
        str(folder),
        folder.parent.name,
        "/tmp",
        "cohort-inputs",
    }
    for subject in cohort.plan.subjects:
        secrets |= {subject.id, subject.image.name, subject.content, subject.metadata_sha256}
        secrets |= {label.sha256 for label in subject.labels}
    for case in cohort.cases:
        private = case.private
        secrets |= {str(private["seed"]), f"{private['percent']:.2f}", private["entry"]}
        secrets |= {private["parameters"]["registration"], *(one["sha256"] for one in private["files"].values())}
    secrets |= {cohort.plan.identity, *(secret[:12] for secret in secrets if re.fullmatch("[0-9a-f]{64}", secret))}
    public = [file for file in folder.rglob("*") if file.is_file() and "private" not in file.relative_to(folder).parts]
    assert len(public) == 3 + 3 + 2 + 3
    for file in public:
        raw = file.read_bytes()
        raw = gzip.decompress(raw) if file.name.endswith(".gz") else raw
        head = raw[:4096] if file.name.endswith(".gz") else raw  # voxels may happen to spell a short number
        for secret in secrets:
            assert secret.encode() not in (raw if len(secret) > 11 else head), f"{secret} in {file.name}"
    with gzip.open(folder / "imagesTr" / "synthct_0002_0000.nii.gz") as stream:
        assert b"SYNTHETIC" in stream.read(352)


def test_gzipped_files_carry_no_name_and_no_time(folder):
    for file in folder.rglob("*.nii.gz"):
        head = file.read_bytes()[:10]
        assert head[3] & 0b1000 == 0 and head[4:8] == b"\0\0\0\0"  # RFC 1952: FNAME flag, MTIME


# --- reading it again


def test_a_cohort_is_read_with_its_records(folder):
    cohort = read_cohort(folder)
    assert [case.name for case in cohort.cases] == ["synthct_0002", "synthct_0003", "synthct_0004"]
    assert all(case.image.is_file() for case in cohort.cases)
    assert [case.label is None for case in cohort.cases] == [False, False, True]
    case = cohort.case("synthct_0003")
    assert case.private["source"] == "anna-0" and case.private["id"] == case.public["id"]
    assert case.metadata == case.public["metadata"] and cohort.rejected == () and cohort.failed == {}
    with pytest.raises(InputError, match="no case"):
        cohort.case("synthct_0001")


def test_a_folder_that_is_no_cohort_is_refused(tmp_path):
    with pytest.raises(InputError, match="no cohort"):
        read_cohort(tmp_path)


def test_an_unfinished_cohort_is_refused_unless_asked_for(copy):
    Layout(copy).private_record("synthct_0003").unlink()
    with pytest.raises(InputError, match="not finished: 1 of its 3"):
        read_cohort(copy)
    cohort = read_cohort(copy, unfinished_ok=True)
    assert cohort.missing == ("synthct_0003",) and len(cohort.cases) == 2


def test_a_damaged_record_is_told_when_it_is_read(copy):
    Layout(copy).public_record("synthct_0002").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="synthct_0002.json"):
        _ = read_cohort(copy).cases[0].public


# --- pieces


def test_a_label_map_has_the_values_of_the_data_set_and_later_names_win():
    organs = LabelLayer("organs", _image([0, 1, 2, 2, 7]), {1: "lung", 2: "liver"})
    lesions = LabelLayer("lesions", _image([0, 0, 0, 3, 3]), {3: "lesion"})
    found = label_map([lesions, organs], ["liver", "lung", "lesion"], Geometry.of(organs.image))
    assert sitk.GetArrayFromImage(found.image).ravel().tolist() == [0, 2, 1, 3, 3]
    assert found.names == {1: "liver", 2: "lung", 3: "lesion"} and found.image.GetPixelID() == sitk.sitkUInt8
    without = label_map([lesions, organs], ["liver", "lung", "lesion"], Geometry.of(organs.image), {"lesion"})
    assert sitk.GetArrayFromImage(without.image).ravel().tolist() == [0, 2, 1, 1, 0]
    assert lesion_names([organs, lesions]) == {"lesion"}


def test_a_label_without_a_name_is_called_by_its_layer_and_value():
    layer = LabelLayer("organs", _image([0, 4]), {})
    found = label_map([layer], [label_name(layer, 4)], Geometry.of(layer.image))
    assert sitk.GetArrayFromImage(found.image).ravel().tolist() == [0, 1]


@pytest.mark.parametrize(
    ("layer", "names", "expected"),
    [
        ("lesions", {1: "lesion 1", 2: "lesion 2", 5: "lesion"}, {"lesion"}),
        ("lesions", {1: "lung nodule 3", 2: "lung nodule #4", 5: "rib 5"}, {"lung nodule", "rib 5"}),
        ("lesions", {1: "lesion1", 2: "lesion (2)", 5: "lesion_5"}, {"lesion"}),
        ("lesions", {1: "label 1"}, {"lesion"}),
        ("metastases2", {}, {"metastasis"}),
        ("Lesions", {}, {"lesion"}),
        ("Metastases", {}, {"metastasis"}),
        ("kidney_tumor", {1: "kidney", 2: "tumor"}, {"kidney", "tumor", "kidney_tumor 5"}),
        ("organs", {1: "lesion segment 4", 2: "rib 4"}, {"lesion segment 4", "rib 4", "organs 5"}),
    ],
)
def test_lesions_are_one_class_however_they_are_numbered(layer, names, expected):
    found = LabelLayer(layer, _image([0, 1, 2, 5]), names)
    assert {label_name(found, value) for value in found.values} == expected


def test_numbered_lesions_have_one_value_in_the_map():
    layer = LabelLayer("lesions", _image([0, 1, 2, 5]), {1: "lesion 1", 2: "lesion 2"})
    found = label_map([layer], ["lesion"], Geometry.of(layer.image))
    assert sitk.GetArrayFromImage(found.image).ravel().tolist() == [0, 1, 1, 1]
    assert lesion_names([layer]) == {"lesion"}


def test_more_than_255_labels_take_16_bits():
    layer = LabelLayer("many", _image([0, 300]), {})
    found = label_map([layer], [f"many {n}" for n in range(1, 301)], Geometry.of(layer.image))
    assert found.image.GetPixelID() == sitk.sitkUInt16 and sitk.GetArrayFromImage(found.image).max() == 300


def test_a_text_that_cannot_be_written_to_the_end_leaves_the_old_one(tmp_path):
    (tmp_path / "kept.txt").write_text("old", encoding="utf-8")
    with pytest.raises(OSError), replacing(tmp_path / "kept.txt") as stream:
        stream.write("new")
        raise OSError("the disk is full")
    assert (tmp_path / "kept.txt").read_text(encoding="utf-8") == "old" and len(list(tmp_path.iterdir())) == 1


def _image(values: list[int]) -> sitk.Image:
    return sitk.GetImageFromArray(np.array(values, np.uint16).reshape(1, 1, -1))
