"""The table of subjects, the check that reads every one of them, and the job "cohort.plan" that does both."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from cohort_tables import plan, write_scan, write_table
from volumes import GRIDS, ct, like

from SyntheticCTLib.cohort.planning import LabelFile, extents, read_plan
from SyntheticCTLib.cohort.planning.checking import check_subjects
from SyntheticCTLib.cohort.planning.regions import plain_region, shows_face
from SyntheticCTLib.cohort.planning.subjects import read_subjects
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import content_hash, read_ct
from SyntheticCTLib.jobs.records import file_hash


@pytest.fixture
def rows(tmp_path) -> list[dict[str, str]]:
    """Four chests with labels and records, as lines of the table."""
    return [write_scan(tmp_path, name, seed) for seed, name in enumerate(("anna", "bert", "cora", "dirk"))]


@pytest.fixture
def table(tmp_path, rows) -> Path:
    return write_table(tmp_path / "subjects.csv", rows)


def faults(table: Path, **changes) -> list[str]:
    """What the job refuses to plan with; nothing may be left behind."""
    output = table.parent / "refused.json"
    with pytest.raises(InputError) as caught:
        plan(table, output, **changes)
    assert not output.exists()
    return str(caught.value).split("\n  - ")[1:]


# --- the table


def test_a_table_may_have_its_columns_in_any_order_and_its_paths_relative(tmp_path, monkeypatch):
    scans = tmp_path / "scans"
    scans.mkdir()
    row = write_scan(scans, "anna", 0)
    (scans / "odd=name.nii").touch()
    (scans / "study").mkdir()
    lines = [
        {"region": "Head & Neck", "labels": "", "image": "study", "series": "1.2.840.7", "id": "b.1"},
        {"region": "head_neck", "labels": "", "image": "study", "series": "12", "id": "c-2"},
        {
            "region": " Chest ",
            "labels": f"organs={row['labels'][7:]}; odd=name.nii ;",
            "image": row["image"],
            "id": "a",
        },
    ]
    monkeypatch.chdir(tmp_path)
    file = write_table(scans / "t.csv", lines)
    text = file.read_text(encoding="utf-8").replace("region", "\ufeff REGION ", 1)
    file.write_text(text + "\n,,,,\n", encoding="utf-8")
    subjects, wrong = read_subjects("scans/t.csv")
    assert not wrong
    assert [(one.id, one.region, one.series) for one in subjects] == [
        ("a", "chest", None),
        ("b.1", "head-neck", "1.2.840.7"),
        ("c-2", "head-neck", 12),
    ]
    assert subjects[0].image == scans / "anna.nii.gz"
    assert subjects[0].labels == (
        LabelFile("organs", scans / "anna_organs.seg.nrrd"),
        LabelFile(None, scans / "odd=name.nii"),
    )
    assert subjects[0].metadata is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id,region\na,chest\n",
        "id,image,region,imagee\na,b,c,d\n",
        "id,image,region,id\na,b,c,d\n",
        "id;image;region\na;b;c\n",
        "id,image,region\na,b\0,c\n" * 2 + '"',
        b"id,image,region\n\xff\xfe,b,c\n",
    ],
)
def test_what_is_no_such_table_is_refused_with_the_columns_it_needs(tmp_path, text):
    file = tmp_path / "subjects.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        _, wrong = read_subjects(file)
    except InputError as error:
        wrong = [str(error)] if str(file) in str(error) and "expected" in str(error) else []
    assert wrong


def test_damaged_tables_are_refused_in_words_or_read(table):
    rng = np.random.default_rng(0)
    whole = table.read_bytes()
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole), size=rng.integers(1, 6)):
            damaged[place] = rng.integers(256)
        table.write_bytes(damaged[: rng.integers(1, len(whole) + 1)])
        with contextlib.suppress(InputError):
            read_subjects(table)


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="absent.csv"):
        read_subjects(tmp_path / "absent.csv")


def test_every_line_with_a_fault_is_told(tmp_path, rows):
    rows += [
        {"id": "anna", "image": "anna.nii.gz", "region": "chest"},
        {"id": "BERT", "image": "bert.nii.gz", "region": "chest"},
        {"id": "../x", "image": "anna.nii.gz", "region": "chest"},
        {"id": "", "image": "", "region": "", "series": "3"},
        {"id": "e", "image": "gone.nii.gz", "region": "chest", "metadata": "gone.json", "labels": "a b=anna.json"},
        {"id": "f", "image": "anna.nii.gz", "region": "chest", "labels": "organs=gone.nrrd", "series": "3"},
        {"id": "g", "image": "anna.nii.gz", "region": "chest of Mr Smith"},
    ]
    file = write_table(tmp_path / "subjects.csv", rows)
    with file.open("a", encoding="utf-8") as stream:
        stream.write("g,anna.nii.gz,chest,,,,too,much\n")
    subjects, wrong = read_subjects(file)
    found = "\n".join(wrong)
    for expected in (
        "2 subjects have the id 'anna'",
        "2 subjects have the id 'BERT / bert'",
        "line 8: the id '../x' cannot be used",
        "line 9: the id is missing",
        "the region is missing",
        "the image is missing",
        "line 10: subject 'e': the labels 'a b=anna.json'",
        f"there is no file {tmp_path / 'gone.nii.gz'}",
        f"there is no file {tmp_path / 'gone.json'}",
        f"there is no file {tmp_path / 'gone.nrrd'}",
        "series '3' is given",
        "subject 'g': 'chest of Mr Smith' is no known region; expected one or more of whole-body, head",
        "line 13: 8 cells",
    ):
        assert expected in found, expected
    assert [one.id for one in subjects] == ["BERT", "anna", "anna", "bert", "cora", "dirk"]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  Upper  Abdomen ", "upper-abdomen"),
        ("upper_abdomen", "upper-abdomen"),
        ("Thorax", "chest"),
        ("Pelvis, abdomen and CHEST", "chest-abdomen-pelvis"),
        ("knee (left)", "left-knee"),
        ("Whole Body", "whole-body"),
        ("total-body", "whole-body"),
        ("Other", "other"),
        ("chest Anna Smith", None),
        ("left", None),
        ("", None),
        ("ward 3", None),
    ],
)
def test_a_region_is_made_of_known_words_and_written_one_way(text, plain):
    assert plain_region(text) == plain
    assert plain is None or plain_region(plain) == plain


def test_regions_with_a_face_are_known():
    for region in ("Head", "head and neck", "NECK", "brain", "face", "whole body", "skull", "neck/chest"):
        assert shows_face(plain_region(region))
    for region in ("chest", "torso", "pelvis", "hand", "legs", "other"):
        assert not shows_face(plain_region(region))


# --- the check


def test_a_plan_holds_the_hashes_and_labels_of_what_was_read(tmp_path, table):
    notes = []
    result = plan(table, tmp_path / "plan.json", notes)
    found = read_plan(tmp_path / "plan.json")
    assert [one.id for one in found.subjects] == ["anna", "bert", "cora", "dirk"]
    for one in found.subjects:
        assert one.content == content_hash(read_ct(one.image).image)
        assert [label.sha256 for label in one.labels] == [file_hash(label.file) for label in one.labels]
        assert one.metadata_sha256 == file_hash(one.metadata)
    assert found.label_names == ("liver", "spleen")  # the larger one first
    assert result["outputs"] == len(found.outputs) == 12
    assert result["per_source"] == [3, 3] and result["regions"] == {
        "chest": {"subjects": 4, "pairs": 12, "outputs": 12}
    }
    assert not notes
    if os.name == "posix":
        assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o600


def test_the_order_of_the_table_does_not_matter_and_another_seed_does(tmp_path, table, rows):
    plan(table, tmp_path / "a.json")
    plan(write_table(tmp_path / "turned.csv", rows[::-1]), tmp_path / "b.json")
    plan(table, tmp_path / "c.json", seed=8)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert (tmp_path / "a.json").read_bytes() != (tmp_path / "c.json").read_bytes()
    (tmp_path / "folder").mkdir()
    plan(table, tmp_path / "folder" / "d.json")
    assert read_plan(tmp_path / "folder" / "d.json") == read_plan(tmp_path / "a.json")


def test_all_faults_of_all_subjects_are_listed_at_once(tmp_path, rows):
    (tmp_path / "anna.nii.gz").write_bytes((tmp_path / "anna.nii.gz").read_bytes()[:400])
    elsewhere = ct(GRIDS["oblique"], 1)
    moved = like(elsewhere, np.ones(GRIDS["oblique"].size[::-1], dtype=np.uint8))
    sitk.WriteImage(moved, str(tmp_path / "moved.nii.gz"))
    sitk.WriteImage(elsewhere, str(tmp_path / "image.nii.gz"))
    rows[1]["labels"] += ";moved=moved.nii.gz;grey=image.nii.gz"
    (tmp_path / "cora.json").write_text("[1]", encoding="utf-8")
    rows[3]["image"] = "gone.nii.gz"
    rows.append({"id": "head", "image": "bert.nii.gz", "region": "Head"})
    found = faults(write_table(tmp_path / "subjects.csv", rows), t_min=0.7, count=0)
    assert len(found) == 8, found
    text = "\n".join(found)
    for expected in (
        "there is no file " + str(tmp_path / "gone.nii.gz"),
        "t_min is 0.7",
        "count is 0",
        "subject 'head' shows a face (region head)",
        "--allow-face",
        f"subject 'anna': {tmp_path / 'anna.nii.gz'}",
        f"subject 'bert': {tmp_path / 'moved.nii.gz'}: the label map lies elsewhere",
        f"subject 'bert': {tmp_path / 'image.nii.gz'}",
        "subject 'cora': ",
        "cora.json",
    ):
        assert expected in text, expected


def test_the_same_scan_under_two_ids_is_refused(tmp_path, rows):
    shutil.copy(tmp_path / "anna.nii.gz", tmp_path / "copy.nii.gz")
    rows[2]["image"] = "copy.nii.gz"
    assert "'anna' and 'cora' have the same voxels" in faults(write_table(tmp_path / "s.csv", rows))[0]


def test_faces_are_taken_when_they_are_allowed(tmp_path, rows):
    for row in rows:
        row["region"] = "head"
    table = write_table(tmp_path / "subjects.csv", rows)
    assert len(faults(table)) == 4
    plan(table, tmp_path / "plan.json", allow_face=True)
    assert read_plan(tmp_path / "plan.json").settings.allow_face


def test_labels_that_some_lack_are_noted_and_names_are_joined_with_lesions_last(tmp_path, rows):
    rows.append(write_scan(tmp_path, "emil", 9, {1: "spleen", 4: "lung nodule", 7: "aorta"}))
    rows.append({"id": "fay", "image": "fay.nii.gz", "region": "chest"})
    write_scan(tmp_path, "fay", 10)
    notes = []
    plan(write_table(tmp_path / "subjects.csv", rows), tmp_path / "plan.json", notes)
    assert read_plan(tmp_path / "plan.json").label_names == ("liver", "spleen", "aorta", "lung nodule")
    assert any(note.startswith("no labels come with 1 subject (fay) of region chest") for note in notes)
    many, one = (note for note in notes if note.startswith("missing in"))
    assert "4 subjects (anna, bert, cora, dirk) of 5" in many and "aorta, lung nodule" in many
    assert "1 subject (emil) of 5" in one and "liver" in one


def test_of_a_grid_for_all_it_is_said_what_every_scan_fills(tmp_path, table):
    def told(**settings):
        notes = []
        plan(table, tmp_path / "plan.json", notes, overwrite=True, spacing=[0.35, 0.45, 2.0], **settings)
        return notes

    (note,) = told()
    assert "may tell which" in note and "--size 18 16 17 is what every scan fills" in note
    assert told(size=[18, 16, 17]) == []
    (note,) = told(size=[32, 16, 17])
    assert "reach over 11 x 7 x 34 mm" in note and "4 subjects (anna, bert, cora, dirk)" in note
    assert "--size 18 16 17" in note


def test_what_a_tilted_scan_fills_lies_within_it(tmp_path, rows):
    image = ct(GRIDS["oblique"])
    sitk.WriteImage(image, str(tmp_path / rows[0]["image"]))
    rows[0]["labels"] = ""
    (checked, *_), faults = check_subjects(read_subjects(write_table(tmp_path / "t.csv", rows))[0])
    assert not faults
    low, high = GRIDS["oblique"].bounds()
    assert checked.extent == pytest.approx(high - low)
    half = np.array(checked.filled) / 2
    corners = np.array(np.meshgrid(*np.transpose([-half, half]))).reshape(3, -1).T + (low + high) / 2
    index = [image.TransformPhysicalPointToContinuousIndex(corner.tolist()) for corner in corners]
    assert np.min(index) >= -0.5 - 1e-6 and (np.max(index, axis=0) <= np.array(image.GetSize()) - 0.5 + 1e-6).all()
    assert np.isclose(np.min(index), -0.5) or np.isclose(np.max(index, axis=0), np.array(image.GetSize()) - 0.5).any()


def test_a_spacing_that_makes_outputs_of_too_many_voxels_is_refused(tmp_path, table, monkeypatch):
    monkeypatch.setattr(extents, "MAX_VOXELS", 400)
    with pytest.raises(InputError, match=r"spacing of 1 x 1 x 1 mm an output of subject .* would have 1.6e\+03 voxels"):
        plan(table, tmp_path / "plan.json", spacing=[1.0, 1.0, 1.0])
    plan(table, tmp_path / "plan.json", spacing=[2.0, 2.0, 2.0])


def test_notes_of_reading_name_the_subject(tmp_path, rows):
    image = 3 * ct(GRIDS["anisotropic"], 3, sitk.sitkInt32)
    sitk.WriteImage(image, str(tmp_path / "dirk.nii.gz"))
    notes = []
    plan(write_table(tmp_path / "subjects.csv", rows), tmp_path / "plan.json", notes)
    assert any(note.startswith("dirk: ") for note in notes)


# --- draws that leave nothing, or little


def test_one_subject_alone_is_refused(tmp_path, rows):
    assert "a morph needs two subjects" in faults(write_table(tmp_path / "s.csv", rows[:1]))[0]
    rows[1]["region"] = "abdomen"
    (fault,) = faults(write_table(tmp_path / "s.csv", rows[:2]))
    assert "abdomen: 1, chest: 1" in fault and "same word" in fault


def test_an_empty_table_is_refused(tmp_path):
    file = tmp_path / "s.csv"
    file.write_text("id,image,region\n", encoding="utf-8")
    assert "it lists no subject" in faults(file)[0]


@pytest.mark.parametrize(
    ("changes", "setting"),
    [({"subject_share": 0.2}, "--subject-share"), ({"edge_share": 0.02}, "--edge-share")],
)
def test_where_no_pair_remains_the_setting_to_loosen_is_named(table, changes, setting):
    (fault,) = faults(table, **changes)
    assert "no pair of subjects remains" in fault and f"raise {setting}" in fault


def test_excluded_pairs_are_left_out_and_listed(tmp_path, table):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("target,source\nbert,anna\ncora,anna\n", encoding="utf-8")
    plan(table, tmp_path / "plan.json", exclude_edges=str(pairs), count=40, edge_share=0.8)
    found = read_plan(tmp_path / "plan.json")
    drawn = {(output.source, output.target) for output in found.outputs}
    assert {("anna", "bert"), ("anna", "cora")} <= set(found.excluded_edges)
    assert len(drawn) == 8 and len(found.excluded_edges) == 4 and not drawn & set(found.excluded_edges)
    ids = ("anna", "bert", "cora", "dirk")
    with pairs.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("source", "target"), *((a, b) for a in ids for b in ids if a != b)])
    assert "--exclude-edges excludes every one" in faults(table, exclude_edges=str(pairs))[0]
    pairs.write_text("source,target\nanna,zoe\n", encoding="utf-8")
    assert "pairs.csv, line 2: there is no subject 'zoe'" in faults(table, exclude_edges=str(pairs))[0]


def test_a_region_with_one_subject_is_noted_and_the_others_are_planned(tmp_path, rows):
    rows[3]["region"] = "Abdomen"
    notes = []
    plan(write_table(tmp_path / "s.csv", rows), tmp_path / "plan.json", notes)
    assert any("region abdomen has one subject only" in note for note in notes)
    found = read_plan(tmp_path / "plan.json")
    assert Counter(output.source for output in found.outputs) == {"anna": 4, "bert": 4, "cora": 4}


def test_subjects_left_out_are_held_out_and_lend_no_labels(tmp_path, rows):
    rows.append(write_scan(tmp_path, "emil", 9, {1: "aorta"}))
    plan(write_table(tmp_path / "s.csv", rows), tmp_path / "plan.json", subject_share=0.6)
    found = read_plan(tmp_path / "plan.json")
    kept, held_out = ({one.id for one in part} for part in (found.subjects, found.held_out))
    assert len(kept) == 3 and len(held_out) == 2 and not kept & held_out
    assert {end for output in found.outputs for end in (output.source, output.target)} == kept
    assert ("aorta" in found.label_names) == ("emil" in kept)
    assert all(one.content for one in found.held_out)


def test_caps_that_allow_fewer_outputs_are_noted(tmp_path, table):
    notes = []
    result = plan(table, tmp_path / "plan.json", notes, count=100, per_source=5, per_edge=9)
    assert result["outputs"] == 20
    assert notes == ["only 20 of the 100 outputs are planned: --per-edge 9 and --per-source 5 allow no more"]


# --- files in the way


def test_neither_a_plan_nor_an_input_is_written_over(tmp_path, table):
    plan(table, tmp_path / "plan.json")
    before = (tmp_path / "plan.json").read_bytes()
    with pytest.raises(InputError, match="--overwrite"):
        plan(table, tmp_path / "plan.json", seed=8)
    assert (tmp_path / "plan.json").read_bytes() == before
    plan(table, tmp_path / "plan.json", seed=8, overwrite=True)
    assert json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))["seed"] == 8
    with pytest.raises(InputError, match="input"):
        plan(table, tmp_path / "anna.json", overwrite=True)
    with pytest.raises(InputError, match="ends in .json"):
        plan(table, tmp_path / "plan.txt")
