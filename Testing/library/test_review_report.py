"""The report on a reading: its numbers against known ones, what it refuses, and what follows from it."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from cohort_folders import export, write_cohort
from review_scans import body, plan, report, simulate, write_group

from SyntheticCTLib.cohort.export.selection import read_review
from SyntheticCTLib.cohort.privacy.statistics import Estimate, NotMeasurable
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.review.answers import Answer
from SyntheticCTLib.review.key import KeyCase, read_key
from SyntheticCTLib.review.reading import Reading
from SyntheticCTLib.review.report import acting, content, statistics
from SyntheticCTLib.review.report.gather import gather
from SyntheticCTLib.review.report.judgements import judge, tabulate
from SyntheticCTLib.review.report.page import page_of
from SyntheticCTLib.review.simulated import Skill, answer_to, expected
from SyntheticCTLib.review.study import open_study
from SyntheticCTLib.review.trials import Trial, reader_folder

# --- readings that need no study


def cases_of(count):
    """Half of them synthetic: groups by opaque id."""
    return {f"{number:04x}": "synthetic" if number % 2 else "real" for number in range(count)}


def table_of(skill, groups, readers, seed):
    """What simulated readers answer, in memory."""
    trials = [Trial(number, (case,), False, None) for number, case in enumerate(groups, 1)]
    judged = []
    for reader in range(readers):
        rng = np.random.default_rng([seed, reader])
        judged += [judge(f"R{reader}", trial, answer_to(trial, groups, skill, rng), groups) for trial in trials]
    return tabulate(judged, list(groups))


def said(calls, groups=None, confidence=3):
    """A table of given calls: for each reader a text of s and r, a case each; cases alternate real, synthetic."""
    groups = groups or cases_of(len(calls[0]))
    judged = []
    for reader, text in enumerate(calls):
        for number, (case, call) in enumerate(zip(groups, text, strict=True), 1):
            answer = Answer("synthetic" if call == "s" else "real", confidence, 3)
            judged.append(judge(f"R{reader}", Trial(number, (case,), False, None), answer, groups))
    return tabulate(judged, list(groups))


def pairs_said(calls):
    """A table of pairs: for each reader a text of R (right) and W (wrong)."""
    groups, judged = {}, []
    for number in range(len(calls[0])):
        groups |= {f"{number:02x}a0": "real", f"{number:02x}b0": "synthetic"}
    for reader, text in enumerate(calls):
        for number, one in enumerate(text):
            trial = Trial(number + 1, (f"{number:02x}a0", f"{number:02x}b0"), False, None)
            judged.append(judge(f"R{reader}", trial, Answer("right" if one == "R" else "left", 3, (3, 3)), groups))
    return tabulate(judged, sorted({one.case for one in judged}))


# --- statistics


@pytest.mark.parametrize(("accuracy", "bias", "readers"), [(0.7, 0.1, 2), (0.9, -0.05, 1)])
def test_over_100_seeds_the_intervals_cover_what_was_put_in(accuracy, bias, readers):
    skill, groups = Skill(accuracy, bias), cases_of(60)
    truth = expected(skill)
    measures = {
        "accuracy": statistics.accuracy,
        "sensitivity": statistics.sensitivity,
        "specificity": statistics.specificity,
        "auc": statistics.area,
    }
    covered = dict.fromkeys(measures, 0)
    for seed in range(100):
        table = table_of(skill, groups, readers, seed)
        for name, measure in measures.items():
            found = measure(table, seed)
            covered[name] += found.low <= truth[name] <= found.high
    assert min(covered.values()) >= 90, covered


def test_what_is_put_in_is_what_comes_out_of_an_endless_reading():
    skill = Skill(0.7, 0.1)
    table, truth = table_of(skill, cases_of(3000), 1, 0), expected(skill)
    assert truth["sensitivity"] == pytest.approx(0.8) and truth["specificity"] == pytest.approx(0.6)
    assert statistics.area(table, 0).value == pytest.approx(truth["auc"], abs=0.02)
    assert statistics.sensitivity(table, 0).value == pytest.approx(0.8, abs=0.025)
    assert statistics.specificity(table, 0).value == pytest.approx(0.6, abs=0.025)


@pytest.mark.parametrize(("accuracy", "bias"), [(1.1, 0), (0.9, 0.2), (0.5, -0.6)])
def test_a_reader_who_cannot_be_is_refused(accuracy, bias):
    with pytest.raises(InputError, match="cannot be"):
        Skill(accuracy, bias)


def test_one_reader_has_wilsons_interval():
    found = statistics.accuracy(said(["rsrsrsrssr"]), 0)  # the last two are wrong
    assert (found.value, found.n) == (0.8, 10)
    assert (found.low, found.high) == pytest.approx((0.490, 0.943), abs=0.001)


def test_readers_who_say_the_same_are_no_more_evidence_than_one():
    one, five = said(["rsrsrsrssr" * 2]), said(["rsrsrsrssr" * 2] * 5)
    alone, together = statistics.accuracy(one, 0), statistics.accuracy(five, 0)
    assert together.value == alone.value
    assert together.high - together.low > 0.9 * (alone.high - alone.low)


def test_an_interval_round_a_perfect_reading_is_no_point():
    table = said(["rs" * 10] * 3)
    for measure in (statistics.accuracy, statistics.sensitivity, statistics.area):
        found = measure(table, 0)
        assert found.value == pytest.approx(found.high) == 1 and 0.6 < found.low < 0.95


def test_the_area_uses_the_confidence_and_is_the_readers_mean():
    groups = cases_of(10)
    scores = {"R0": [1, 2, -3, 4, -5, 1, -2, 3, -1, 5], "R1": [5, 4, 3, 2, 1, -1, -2, -3, -4, -5]}
    judged = []
    for reader, row in scores.items():
        for number, (case, score) in enumerate(zip(groups, row, strict=True), 1):
            answer = Answer("synthetic" if score > 0 else "real", abs(score), 3)
            judged.append(judge(reader, Trial(number, (case,), False, None), answer, groups))
    found = statistics.area(tabulate(judged, list(groups)), 0)

    def by_counting(row):
        real, synthetic = row[::2], row[1::2]
        return np.mean([(s > r) + 0.5 * (s == r) for s in synthetic for r in real])

    assert found.value == pytest.approx(np.mean([by_counting(row) for row in scores.values()]))
    assert found.low < found.value < found.high


def test_few_cases_are_no_number():
    assert isinstance(statistics.accuracy(said(["rsrs"]), 0), NotMeasurable)
    assert "n = 2 real and 2 synthetic" in statistics.area(said(["rsrs"]), 0).reason
    assert "n = 4 pairs" in statistics.pair_test(pairs_said(["RRRR"])).reason


def test_pairs_are_tested_exactly_and_ties_are_left_out():
    assert statistics.pair_test(pairs_said(["RRRRR"])) == (5, 5, 0.0625)
    hits, n, p = statistics.pair_test(pairs_said(["RRRRRRWWR", "RRRRRRWRW"]))
    assert (hits, n) == (6, 7) and p == pytest.approx(0.125)


def test_agreement_is_beyond_chance_or_not_measurable():
    same, other = "rrssrrssrs", "ssrrssrrsr"
    assert statistics.cohen(said([same, same]), "R0", "R1", 0).value == 1
    assert statistics.cohen(said([same, other]), "R0", "R1", 0).value == -1
    found = statistics.fleiss(said([same, same, "rsssrrssrs"]), 0)
    assert 0.8 < found.value < 1 and found.low < found.value <= found.high
    assert "one and the same call" in statistics.fleiss(said(["s" * 10] * 2), 0).reason
    assert isinstance(statistics.fleiss(said([same]), 0), NotMeasurable)
    assert statistics.cohen(pairs_said(["RRRRRWWRRR", "RRRRRWWRRR"]), "R0", "R1", 0) is not None


def test_only_readers_who_have_answered_all_are_pooled():
    groups = cases_of(6)
    judged = []
    for reader, count in (("A", 6), ("B", 5)):
        for number, case in enumerate(list(groups)[:count], 1):
            judged.append(judge(reader, Trial(number, (case,), False, None), Answer("real", 3, 3), groups))
    assert tabulate(judged, list(groups)).readers == ("A",)


# --- limits for the gate


def limits(caught, fooling):
    return acting._propose("noise.ratio", caught, fooling, 0.05, 0)


def test_a_limit_is_proposed_from_cases_that_fooled_nobody():
    found = limits([0.5 + 0.01 * n for n in range(12)], [0.6 + 0.02 * n for n in range(12)])
    assert not found.above and 0.55 < found.limit < 0.66 and found.p < 0.05
    assert found.rejected == (sum(v <= found.limit for v in found.caught), sum(v <= found.limit for v in found.fooling))
    assert found.rejected[0] >= 9 and found.rejected[1] <= 3
    assert limits([2.0] * 12, [1.0 + 0.01 * n for n in range(12)]).above


def test_no_limit_from_few_cases_or_a_measure_that_says_nothing():
    few = limits([0.1] * 9, [0.9] * 30)
    assert few.limit is None and "n = 9 that fooled nobody and 30" in few.reason
    blind = limits([0.1 * (n % 5) for n in range(20)], [0.1 * (n % 5) for n in range(20)])
    assert blind.limit is None and "does not separate" in blind.reason


# --- the report on a study


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Real scans, and a cohort of five synthetic cases."""
    folder = tmp_path_factory.mktemp("scans")
    real = write_group(folder / "real", "real", 5)
    cases = {f"synthct_{number:04d}": (body(100 + number), None) for number in range(1, 6)}
    cohort = write_cohort(folder / "cohort", [body(7), body(8)], cases)
    rows = [f"synthct_{number:04d},P{number}" for number in range(1, 6)]  # else all are of one source
    (cohort / "patients.csv").write_text("\n".join(["file,patient", *rows]))
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
    numbers = json.loads((folder / "report" / "results.json").read_text())
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
    pages = [(place / "report.html").read_text() for place in (folder / "report", tmp_path / "again")]
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
    assert found["readers"] == 1 and "Left out on request: simulated 2" in (tmp_path / "r" / "report.html").read_text()
    with pytest.raises(InputError, match="no reader 'nobody'"):
        report(*study, tmp_path / "s", without=["nobody"])


def test_a_receipt_finds_answers_that_were_all_computed_anew(study, tmp_path):
    receipts = simulate(*study)["receipts"]
    answers_file(study).unlink()
    opened = open_study(study[0])
    with Reading.open(opened, "simulated 2", tmp_path / "spare") as reading:
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
    whole = file.read_text()
    file.write_text(whole.replace('"low": -1350', '"low": -1300').replace('"low": -1350.0', '"low": -1300.0'))
    with pytest.raises(InputError, match="changed after the study was planned"):
        report(*study, tmp_path / "r")
    file.write_text(whole)
    opened = open_study(study[0])
    image = opened.image_file(opened.cases[0])
    image.write_bytes(image.read_bytes()[:-1] + b"\1")
    with pytest.raises(InputError, match="not the one that was planned"):
        report(*study, tmp_path / "r")


def test_a_study_nobody_has_read_is_no_report(study, tmp_path):
    with pytest.raises(InputError, match="nobody has answered"):
        report(*study, tmp_path / "r")


def test_unfinished_readers_are_told_apart_and_not_pooled(study, tmp_path):
    simulate(*study, readers=1)
    opened = open_study(study[0])
    with Reading.open(opened, "Zoë", tmp_path / "spare") as reading:
        for index in range(6):
            reading.save(index, Answer("real", 2, 3, comment="<b>Rippe</b>"))
    found = report(*study, tmp_path / "r")
    assert (found["readers"], found["finished"]) == (2, 1)
    numbers = json.loads((tmp_path / "r" / "results.json").read_text())
    assert [reader["finished"] for reader in numbers["readers"]] == [False, True]
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "Zoë" in page and "&lt;b&gt;Rippe" in page and "<b>Rippe" not in page


def test_an_unblinded_study_is_marked_and_read_no_more(study, tmp_path):
    simulate(*study)
    assert not report(*study, tmp_path / "r")["unblinded"]
    assert report(*study, tmp_path / "s", unblind=True)["unblinded"]
    text = (study[0] / "SYNTHETIC.txt").read_text()
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
    text = json.loads(study[1].read_text())
    for number, about in enumerate(text["cases"].values()):
        about["lesion"] = number % 2 == 0
        if about["group"] == "synthetic":
            about["verdict"], about["percent"] = ("pass", "warn")[number % 3 == 0], 10.0 * number
            about["gate"] = {"noise.ratio": 0.7 + number / 100}
    study[1].write_text(json.dumps(text))
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
    study[1].write_text(study[1].read_text().replace('"seed": 3', '"sead": 3'))
    with pytest.raises(InputError, match="damaged"):
        read_key(study[1])
