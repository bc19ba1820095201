"""The report on a reading: what stands in it, what it refuses, and what follows from it."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import shutil
import stat
from pathlib import Path

import pytest
from cohort_folders import export, write_cohort
from review_scans import body, plan, report, simulate, write_group

from SyntheticCTLib.cohort.export.selection import read_review
from SyntheticCTLib.cohort.privacy.statistics import Estimate, NotMeasurable
from SyntheticCTLib.errors import InputError, SyntheticCTError
from SyntheticCTLib.review.answers import Answer
from SyntheticCTLib.review.key import KeyCase, read_key
from SyntheticCTLib.review.reading import Reading
from SyntheticCTLib.review.report import acting, content
from SyntheticCTLib.review.report.gather import gather
from SyntheticCTLib.review.report.page import page_of
from SyntheticCTLib.review.study import open_study
from SyntheticCTLib.review.trials import reader_folder


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Real scans, and a cohort of five synthetic cases."""
    folder = tmp_path_factory.mktemp("scans")
    real = write_group(folder / "real", "real", 5)
    cases = {f"synthct_{number:04d}": (body(100 + number), None) for number in range(1, 6)}
    cohort = write_cohort(folder / "cohort", [body(7), body(8)], cases)
    rows = [f"synthct_{number:04d},P{number}" for number in range(1, 6)]  # else all are of one source
    (cohort / "patients.csv").write_text("\n".join(["file,patient", *rows]), encoding="utf-8")
    return real, cohort


@pytest.fixture(scope="module")
def planned(scans, tmp_path_factory):
    """A study of ten cases and its key, not to be changed."""
    folder = tmp_path_factory.mktemp("planned")
    plan(*scans, folder / "study", cases=10)
    return folder / "study", folder / "study.key.json"


@pytest.fixture
def study(planned, tmp_path):
    """A study that nobody has read, and its key."""
    return shutil.copytree(planned[0], tmp_path / "study"), Path(shutil.copy(planned[1], tmp_path / "study.key.json"))


@pytest.fixture(scope="module")
def read_once(planned, tmp_path_factory):
    """A study read by two, the report on it, and what the job told; not to be changed."""
    folder = tmp_path_factory.mktemp("read")
    study = shutil.copytree(planned[0], folder / "study"), Path(shutil.copy(planned[1], folder / "study.key.json"))
    told = simulate(*study, accuracy=1.0)
    return folder, told, report(*study, folder / "report", receipts=told["receipts"])


def test_the_page_stands_alone_and_its_numbers_are_those_of_the_files(read_once):
    folder, _, result = read_once
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"<script|https?://|src=\"(?!data:)|@import|url\(", page)
    assert page.count("data:image/png;base64,") == 9 and "NOT FOR READERS" in page
    numbers = json.loads((folder / "report" / "results.json").read_text(encoding="utf-8"))
    assert numbers["together"]["accuracy"]["value"] == 1.0 == result["together"]["accuracy"]["value"]
    assert f"{numbers['together']['area']['low']:.2f} to 1.00" in page
    assert [reader["receipt_agrees"] for reader in numbers["readers"]] == [True, True]
    assert {(group["kind"], group["name"]) for group in numbers["groups"]} >= {("percentage", "above 20 to 40 %")}
    rows = list(csv.DictReader((folder / "report" / "results.csv").open(encoding="utf-8")))
    assert len(rows) == 20 and {row["right"] for row in rows} == {"1"}
    assert "n = 0 cases whose measures of the gate are known" in page


def test_the_same_answers_give_the_same_report(read_once, tmp_path):
    folder, _, _ = read_once
    report(folder / "study", folder / "study.key.json", tmp_path / "again")
    again = (tmp_path / "again" / "results.csv").read_bytes()
    assert again == (folder / "report" / "results.csv").read_bytes()
    pages = [(place / "report.html").read_text(encoding="utf-8") for place in (folder / "report", tmp_path / "again")]
    assert pages[0].replace(", agrees", ", not compared") == pages[1]


def test_culled_cases_are_left_out_of_the_next_export(scans, read_once, tmp_path):
    folder, _, result = read_once
    rows = list(csv.DictReader((folder / "report" / "review.csv").open(encoding="utf-8")))
    assert len(rows) == 5 and [row["case"] for row in rows] == [f"synthct_{number:04d}" for number in range(1, 6)]
    culled = {row["case"] for row in rows if row["verdict"] == "cull"}
    assert len(culled) == result["culled"] == sum(float(row["realism"]) <= 2 for row in rows) and 0 < len(culled) < 5
    known = frozenset(row["case"] for row in rows)
    assert read_review(folder / "report" / "review.csv", known) == culled
    made = export(scans[1], tmp_path / "out", exclude=str(folder / "report" / "review.csv"))
    assert (made["exported"], made["culled"]) == (5 - len(culled), len(culled))


def test_the_rule_for_culling_can_be_changed(read_once, tmp_path):
    folder, _, _ = read_once
    found = report(folder / "study", folder / "study.key.json", tmp_path / "a", cull_realism=5.0)
    assert found["culled"] == 5
    with pytest.raises(InputError, match="rule for culling"):
        report(folder / "study", folder / "study.key.json", tmp_path / "b", cull_share=0.0)


def test_simulated_readers_answer_the_same_for_the_same_seed(read_once, study):
    told = simulate(*study, accuracy=1.0)
    assert told["receipts"] == read_once[1]["receipts"]
    assert len(set(told["receipts"].values())) == 2


def read_by(study, code, count, realism=3, **given):
    """A person calls the first cases real; returns the receipt."""
    with Reading.open(open_study(study[0]), code, study[0].with_name("spare")) as reading:
        for index in range(count):
            reading.save(index, Answer("real", 2, realism, **given))
        return reading.receipt


def gathered(study, **chosen):
    return gather(open_study(study[0]), read_key(study[1]), **chosen)


def answers_file(study, code="simulated 2"):
    return study[0] / "readings" / reader_folder(code) / "answers.jsonl"


def test_tampered_answers_are_named_with_reader_and_line_and_can_be_left_out(study, tmp_path):
    simulate(*study)
    file = answers_file(study)
    lines = file.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b'"comment": ""', b'"comment": "x"')
    file.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match="line 5: .*'simulated 2' were tampered with.*--without"):
        report(*study, tmp_path / "r")
    assert not (tmp_path / "r").exists()
    found = report(*study, tmp_path / "r", without=["simulated 2"])
    assert found["readers"] == 1 and "Left out on request: simulated 2" in (tmp_path / "r" / "report.html").read_text(
        encoding="utf-8"
    )
    with pytest.raises(InputError, match="no reader 'nobody'"):
        report(*study, tmp_path / "s", without=["nobody"])


def test_a_receipt_finds_answers_that_were_all_computed_anew(study, tmp_path):
    receipts = simulate(*study)["receipts"]
    answers_file(study).unlink()
    opened = open_study(study[0])
    with Reading.open(opened, "simulated 2", tmp_path / "spare", simulated=True) as reading:
        for index in range(10):
            reading.save(index, Answer("real", 3, 3))
    report(*study, tmp_path / "unseen")
    with pytest.raises(InputError, match="receipt of reader 'simulated 2'"):
        report(*study, tmp_path / "r", receipts=receipts)
    report(*study, tmp_path / "r", receipts={"simulated 1": receipts["simulated 1"].upper()})


def test_a_foreign_key_and_a_changed_study_are_refused(scans, study, tmp_path):
    simulate(*study)
    plan(*scans, tmp_path / "other", cases=8, seed=9)
    with pytest.raises(InputError, match="key belongs to the study"):
        report(study[0], tmp_path / "other.key.json", tmp_path / "r")
    with pytest.raises(InputError, match="no key of a reading study"):
        report(study[0], study[0] / "study.json", tmp_path / "r")
    with pytest.raises(InputError, match="readers see this folder"):
        report(*study, study[0] / "report")
    file = study[0] / "study.json"
    whole = file.read_text(encoding="utf-8")
    file.write_text(
        whole.replace('"low": -1350', '"low": -1300').replace('"low": -1350.0', '"low": -1300.0'), encoding="utf-8"
    )
    with pytest.raises(InputError, match="changed after the study was planned"):
        report(*study, tmp_path / "r")
    file.write_text(whole, encoding="utf-8")
    opened = open_study(study[0])
    image = opened.image_file(opened.cases[0])
    image.write_bytes(image.read_bytes()[:-1] + b"\1")
    with pytest.raises(InputError, match="not the one that was planned"):
        report(*study, tmp_path / "r")


def test_a_study_nobody_has_read_is_no_report(study, tmp_path):
    with pytest.raises(InputError, match="nobody has answered"):
        report(*study, tmp_path / "r")


def test_unfinished_readers_are_told_apart_and_not_pooled(study, tmp_path):
    read_by(study, "Zoë", 6, comment="<b>Rippe</b>", realism=1)
    read_by(study, "A", 10, realism=3)
    Reading.open(open_study(study[0]), "Nobody", tmp_path / "spare").close()
    found = report(*study, tmp_path / "r")
    assert (found["readers"], found["finished"]) == (2, 1)
    numbers = json.loads((tmp_path / "r" / "results.json").read_text(encoding="utf-8"))
    assert [reader["finished"] for reader in numbers["readers"]] == [True, False]
    assert {group["realism"] for group in numbers["groups"]} == {3.0}  # as the shares beside it: of who has finished
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "Zoë" in page and "&lt;b&gt;Rippe" in page and "<b>Rippe" not in page
    assert "2 readers were shown up to 10 cases" in page and "have no answer that counts: Nobody." in page


def test_while_nobody_has_finished_the_report_says_so(study, tmp_path):
    read_by(study, "A", 6)
    found = report(*study, tmp_path / "r")
    assert (found["readers"], found["finished"]) == (1, 0)
    numbers = json.loads((tmp_path / "r" / "results.json").read_text(encoding="utf-8"))
    assert numbers["groups"] == [] and "0 readers" in numbers["together"]["accuracy"]["reason"]
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") >= 3 and "not measurable here: n = 0 readers who have finished" in page


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_the_report_is_for_its_owner_alone(read_once):
    folder = read_once[0] / "report"
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_people_and_simulated_readers_are_never_in_one_report(study, read_once, tmp_path):
    read_by(study, "A", 10)
    for folder in (read_once[0] / "study" / "readings").iterdir():
        shutil.copytree(folder, study[0] / "readings" / folder.name)
    with pytest.raises(InputError, match="people .A. and simulated readers.*--without 'simulated 1'"):
        report(*study, tmp_path / "r")
    assert not gathered(study, without=["simulated 1", "simulated 2"]).simulated
    assert "readers are simulated" in (read_once[0] / "report" / "report.html").read_text(encoding="utf-8")


def test_answers_that_are_gone_are_told_and_a_stray_folder_can_be_moved_out(study, tmp_path):
    read_by(study, "A", 10)
    read_by(study, "B", 10)
    answers_file(study, "B").unlink()
    with pytest.raises(InputError, match="reader 'B' are gone.*--without 'B'"):
        report(*study, tmp_path / "r")
    assert [reader.code for reader in gathered(study, without=["b "]).readers] == ["A"]
    (answers_file(study, "B").parent / "reader.json").unlink()
    with pytest.raises(InputError, match="whose answers these are.*Move this folder out of readings/"):
        gathered(study)
    answers_file(study, "B").parent.rename(tmp_path / "moved")
    (study[0] / "readings" / "@eaDir").mkdir()
    assert [reader.code for reader in gathered(study).readers] == ["A"]


def test_the_time_of_a_changed_answer_is_that_of_all_its_readings(study, tmp_path):
    read_by(study, "A", 10, seconds=20.0)
    with Reading.open(open_study(study[0]), "A", tmp_path / "spare") as reading:
        reading.save(3, Answer("synthetic", 3, 3, seconds=1.5))
    judged = gathered(study).judgements
    assert sorted(one.answer.seconds for one in judged) == [20.0] * 9 + [21.5]
    assert [one.changed for one in judged].count(1) == 1


def test_answers_taken_from_the_end_are_found_by_the_receipt(study):
    receipt = read_by(study, "Anna", 10)
    file = answers_file(study, "Anna")
    assert gathered(study, receipts={"ANNA ": receipt}).readers[0].checked
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    assert not gathered(study).readers[0].finished
    with pytest.raises(InputError, match="receipt of reader 'Anna'"):
        gathered(study, receipts={"anna": receipt})


def test_the_mark_goes_again_if_the_report_does_not_arrive(study, tmp_path, monkeypatch):
    read_by(study, "A", 10)

    def fail(staging):
        assert open_study(study[0]).unblinded
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("SyntheticCTLib.jobs.staging.Staging.publish", fail)
    with pytest.raises(SyntheticCTError, match="nothing was left behind"):
        report(*study, tmp_path / "r", unblind=True)
    assert not open_study(study[0]).unblinded and not list(study[0].glob(".SYNTHETIC*"))


def test_an_unblinded_study_is_marked_and_read_no_more(study, tmp_path):
    simulate(*study)
    assert not report(*study, tmp_path / "r")["unblinded"]
    assert report(*study, tmp_path / "s", unblind=True)["unblinded"]
    text = (study[0] / "SYNTHETIC.txt").read_text(encoding="utf-8")
    groups = {case: about.group for case, about in read_key(study[1]).cases.items()}
    assert {case for case in groups if case in text} == {case for case in groups if groups[case] == "synthetic"}
    with pytest.raises(InputError, match="nobody reads it blinded"):
        Reading.open(open_study(study[0]), "A", tmp_path / "spare")
    assert report(*study, tmp_path / "t")["unblinded"]


def test_pairs_are_reported_as_pairs(scans, tmp_path):
    plan(*scans, tmp_path / "study", cases=10, mode="pairs")
    study = tmp_path / "study", tmp_path / "study.key.json"
    simulate(*study, readers=3, accuracy=0.95)
    found = report(*study, tmp_path / "r")
    assert found["together"]["sensitivity"] is None and found["together"]["accuracy"]["n"] == 5
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "of 5 pairs, p = " in page and "ROC curves of call" not in page


def test_groups_are_made_by_lesion_verdict_and_percentage(study, tmp_path):
    simulate(*study, accuracy=0.9)
    text = json.loads(study[1].read_text(encoding="utf-8"))
    for number, about in enumerate(text["cases"].values()):
        about["lesion"] = number % 2 == 0
        if about["group"] == "synthetic":
            about["verdict"], about["percent"] = ("pass", "warn")[number % 3 == 0], 10.0 * number
            about["gate"] = {"noise.ratio": 0.7 + number / 100}
    study[1].write_text(json.dumps(text), encoding="utf-8")
    opened, key = open_study(study[0]), read_key(study[1])
    found = content.measure(gather(opened, key), acting.CullRule(), 0)
    kinds = {kind: [one for one in found.groups if one.kind == kind] for kind in ("percentage", "lesion", "verdict")}
    assert sum(one.synthetic for one in kinds["percentage"]) == sum(one.synthetic for one in kinds["verdict"]) == 5
    assert [one.name for one in kinds["lesion"]] == ["with a lesion", "without a lesion"]
    assert sum(one.real for one in kinds["lesion"]) == 5 and all(one.real == 5 for one in kinds["verdict"])
    assert {one.measure for one in found.proposals} == {"noise.ratio"}
    assert page_of(found).count("not measurable here: n = 3 that fooled nobody and 2") == 1
    for one in found.groups:
        assert isinstance(one.sensitivity, Estimate if one.synthetic >= 5 else NotMeasurable)


def test_a_key_keeps_what_was_written(study):
    key = read_key(study[1])
    assert all(isinstance(about, KeyCase) for about in key.cases.values())
    assert {about.percent for about in key.cases.values()} == {None, 40.0}
    study[1].write_text(study[1].read_text(encoding="utf-8").replace('"seed": 3', '"sead": 3'), encoding="utf-8")
    with pytest.raises(InputError, match="damaged"):
        read_key(study[1])
