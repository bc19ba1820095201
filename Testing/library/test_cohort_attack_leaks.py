"""Attack 5: whatever identifies someone is found in public files, and what is harmless is not."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest
from cohort_crowds import Output, body, subject_id, write_crowd

from SyntheticCTLib.cohort.privacy.leaks import search
from SyntheticCTLib.images import write_image


@pytest.fixture
def cohort(tmp_path):
    """Two outputs, one subject held out; nothing leaks."""
    made = [Output("synthct_0001", subject_id(1), subject_id(2), "41.27", body(20))]
    made.append(Output("synthct_0002", subject_id(2), subject_id(1), "60", body(21)))
    return write_crowd(tmp_path, (1, 2), (3,), made)


def finds(cohort):
    return {(leak.file, leak.what) for leak in search(cohort).leaks}


def add(file, **more):
    record = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**record, **more}), encoding="utf-8")


def test_a_clean_cohort_has_no_leak_and_says_what_was_read(cohort):
    found = search(cohort)
    assert found.leaks == ()
    assert found.files == 2 * 3 + 3  # image, labels and record of each; description, table, card
    assert found.secrets > 15


@pytest.mark.parametrize(
    "text, what",
    [
        ("made of Walker-002", "a subject's id"),
        ("held out: walker-003", "a subject's id"),
        ("from walker-001_organs.seg.nrrd", "an original's file name"),
        ("seed 555000112", "an output's seed"),
        ("planned with 987654321", "the plan's seed"),
        ("at 41.27 percent", "the exact percentage"),
        ("scanned 2021-03-04", "a date"),
        ("scanned 4.3.2021", "a date, day first"),
        ("StudyDate 20210304", "a DICOM date"),
        ("at 14:03:21", "a clock time"),
        ("1.2.840.113619.2.55.3.604688119", "a UID"),
        ("see /home/anna/scans/one.nii", "an absolute path"),
        ("see C:\\scans\\one.nii", "an absolute path"),
    ],
)
def test_what_must_not_be_told_is_found_in_a_record(cohort, text, what):
    file = cohort.layout.public_record("synthct_0001")
    add(file, comment=text)
    assert ("records/synthct_0001.json", what) in finds(cohort)


@pytest.mark.parametrize("text", ["41.27", "walker-0011", "version 2.5.7", "1.15.3", "20211", "12:5", "n = 555"])
def test_what_only_looks_like_it_is_left_alone(cohort, text):
    add(cohort.layout.public_record("synthct_0002"), comment=text)  # 41.27 is the other one's percentage
    assert finds(cohort) == set()


def test_hashes_are_known_by_their_beginning(cohort):
    digest = cohort.plan.subjects[0].content
    add(cohort.layout.public_record("synthct_0002"), comment=f"made of {digest[:16]}")
    assert finds(cohort) == {("records/synthct_0002.json", "a hash of an original")}


def called(cohort, *, id=None, image=None, metadata=None):
    """The cohort, with another id or other file names for the first of its subjects."""
    first, *others = cohort.plan.subjects
    changed = {"id": id, "image": image and first.image.with_name(image)}
    changed["metadata"] = metadata and first.image.with_name(metadata)
    renamed = replace(first, **{name: value for name, value in changed.items() if value})
    plan = replace(cohort.plan, subjects=(renamed, *others))
    return replace(cohort, plan=plan)


@pytest.mark.parametrize("image", ["image.nii.gz", "scan.nii.gz", "Labels.nii.gz", "lung_mask.nii.gz", "chest.nii.gz"])
def test_originals_called_by_words_of_every_public_file_are_no_leak(cohort, image):
    renamed = called(cohort, image=image, metadata="metadata.json")
    assert finds(renamed) == set()
    assert search(renamed).own >= 2


def test_originals_called_like_outputs_are_no_leak(cohort):
    assert finds(called(cohort, image="synthct_0002_0000.nii.gz")) == set()


@pytest.mark.parametrize(
    ("renamed", "file", "what"),
    [
        ({"id": "May"}, "records/synthct_0001.json", "a subject's id"),  # "may" stands in every card, in no record
        ({"id": "chest-7"}, "records/synthct_0001.json", "a subject's id"),
        ({"image": "Image_Smith.nii.gz"}, "records/synthct_0001.json", "an original's file name"),
        ({"image": "Young.nii.gz"}, "README.md", "an original's file name"),
        ({"image": "labels_12.nii.gz"}, "dataset.json", "an original's file name"),
    ],
)
def test_a_name_is_still_found_where_its_words_are_not_our_own(cohort, renamed, file, what):
    renamed = called(cohort, **renamed)
    subject = renamed.plan.subjects[0]
    name = subject.id if "id" in what else subject.image.name.split(".")[0]
    with (cohort.folder / file).open("a", encoding="utf-8") as stream:
        stream.write(f"\n{name}\n")
    assert finds(renamed) == {(file, what)}


def test_an_id_of_digits_is_a_number_of_its_own(cohort):
    renamed = called(cohort, id="317")
    add(cohort.layout.public_record("synthct_0002"), comment="0.317, 1.317.2, 4317")
    assert finds(renamed) == set()
    add(cohort.layout.public_record("synthct_0002"), comment="Made of 317.")
    assert finds(renamed) == {("records/synthct_0002.json", "a subject's id")}


def test_names_tables_and_headers_are_read_too(cohort):
    (cohort.folder / "walker-001.txt").write_text("nothing", encoding="utf-8")
    table = cohort.layout.table
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("synthct_0001,", "synthct_0001,41.27,"), encoding="utf-8")
    write_image(body(20).image, cohort.layout.image("synthct_0001"), "SYNTHETIC walker-002")
    assert finds(cohort) == {
        ("walker-001.txt", "a subject's id"),
        ("metadata.csv", "the exact percentage"),
        ("imagesTr/synthct_0001_0000.nii.gz", "a subject's id"),
    }


def test_the_name_in_a_gzip_header_is_read(cohort):
    file = cohort.layout.label("synthct_0002")
    voxels = gzip.decompress(file.read_bytes())
    with file.open("wb") as stream, gzip.GzipFile("walker-003.nii", "wb", fileobj=stream, mtime=0) as packed:
        packed.write(voxels)
    assert ("labelsTr/synthct_0002.nii.gz", "a subject's id") in finds(cohort)


def test_the_private_folder_is_not_searched(cohort):
    (cohort.layout.private / "note.txt").write_text("walker-001 2021-03-04", encoding="utf-8")
    assert finds(cohort) == set()
