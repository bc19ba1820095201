"""The machine that reads a study beside the people: from whom it learns, what it recognises, what it counts for."""

from __future__ import annotations

import json
import re
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from review_scans import body, plan, report, simulate
from trunks import PLAIN

from SyntheticCTLib import cli
from SyntheticCTLib.cohort.privacy.statistics import Estimate
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import Geometry, write_image
from SyntheticCTLib.jobs import JobDocument, run_here
from SyntheticCTLib.review.key import Key, KeyCase, read_key
from SyntheticCTLib.review.machine.classifier import FOLDS, Classifier, validate
from SyntheticCTLib.review.machine.features import MACHINE_FEATURES, case_features
from SyntheticCTLib.review.machine.record import Machine, read_machine
from SyntheticCTLib.review.machine.training import others
from SyntheticCTLib.review.planning.scans import Scan
from SyntheticCTLib.review.report.machine import study_table, validation_table
from SyntheticCTLib.review.report.statistics import accuracy, area
from SyntheticCTLib.review.study import open_study

COARSE = Geometry((24, 20, 22), (7.0, 7.0, 7.0), (-80.5, -66.5, -73.5), PLAIN.direction)

CASES = 10
"""In the study; five patients of each group. At least twenty more of each group are left to train on."""


def blurred(image: sitk.Image) -> sitk.Image:
    """Soft tissue and lung smoothed over a voxel; air and bone as they were, for extreme values would be a leak."""
    smooth = sitk.Cast(sitk.Round(sitk.SmoothingRecursiveGaussian(image, 6.0)), sitk.sitkInt16)
    kept = sitk.Cast((image < -950) | (image > 400), sitk.sitkInt16)
    return smooth * (1 - kept) + image * kept


def rows_of(numbers, change=lambda image: image) -> np.ndarray:
    """Features of some patients' bodies."""
    return np.stack([case_features(change(body(number, COARSE))) for number in numbers])


def machine_on(rows, truth, seed=0) -> Machine:
    """A machine that has validated itself on rows, each of another patient, and has read nothing."""
    found = validate(rows, truth, [str(number) for number in range(len(rows))], seed)
    return Machine("00", seed, {}, found, {}, {}, {})


# --- what it can learn


def test_it_recognises_a_group_that_differs_evidently():
    real, made = rows_of(range(20)), rows_of(range(100, 120), blurred)
    rows, truth = np.concatenate([real, made]), np.repeat([False, True], 20)
    table = validation_table(machine_on(rows, truth))
    assert accuracy(table, 0).value == 1.0 and area(table, 0).succeeds
    seen = Classifier(rows, truth).scores(np.concatenate([rows_of([20, 21]), rows_of([120, 121], blurred)]))
    assert np.all((seen > 0.5) == [False, False, True, True])


def test_where_the_groups_are_alike_it_does_no_better_than_chance():
    rows = rows_of(range(40))
    for seed in range(2):
        truth = np.random.default_rng(seed).permutation(40) < 20
        found = area(validation_table(machine_on(rows, truth, seed)), 0)
        assert isinstance(found, Estimate) and found.low < 0.5 < found.high
    won = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        noise = rng.normal(size=(40, len(MACHINE_FEATURES)))
        won += area(validation_table(machine_on(noise, np.repeat([False, True], 20), seed)), 0).succeeds
    assert won <= 1


def test_all_scans_of_a_patient_are_judged_by_a_classifier_that_has_seen_none_of_them():
    """Both scans of a patient are alike and of both groups: who has seen one would take the other for its group."""
    patients = [str(number // 2) for number in range(60)]
    own = np.repeat(np.random.default_rng(0).normal(size=(30, len(MACHINE_FEATURES))), 2, axis=0)
    found = validate(own, np.tile([False, True], 30), patients, 0)
    ranks = np.array([one.rank for one in found]).reshape(30, 2)
    assert np.allclose(ranks[:, 0], ranks[:, 1]) and FOLDS * 2 < 30


def test_a_tissue_that_is_not_there_is_unknown_and_does_no_harm():
    rows = rows_of(range(4))
    soft = sitk.Maximum(body(4, COARSE), 20)
    found = case_features(soft)
    assert len(found) == len(MACHINE_FEATURES) and np.isfinite(rows).all()
    unknown = {name for name, value in zip(MACHINE_FEATURES, found, strict=True) if np.isnan(value)}
    assert unknown and all(name.startswith("lung: ") for name in unknown)
    rows = np.concatenate([rows, [found]])
    assert np.isfinite(Classifier(rows, np.array([0, 1, 0, 1, 1])).scores(rows)).all()


# --- from whom it learns


def test_a_scan_made_from_a_patient_of_the_study_is_left_out():
    cases = {
        "aa": KeyCase("real", "r", "r", "anna", "chest", "0"),
        "bb": KeyCase("synthetic", "s", "s", "P1", "chest", "0", made_of=("bert", "carl")),
    }
    key = Key("00", 0, "", cases, {}, (), "")
    made = {"own": ("dora", "emil"), "source": ("anna", "emil"), "target": ("dora", "carl"), "P1": ()}
    scans = [Scan(name, None, parents[0] if parents else "P1", made_of=parents) for name, parents in made.items()]
    real = [Scan(name, None, name) for name in ("anna", "bert", "carl", "dora")]
    assert [scan.name for scan in others([*scans, *real], key)] == ["own", "dora"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Scans of 26 patients and of 25 patients; the synthetic ones are blurred."""
    folder = tmp_path_factory.mktemp("scans")
    for group, first, count in (("real", 0, 26), ("synthetic", 100, 25)):
        (folder / group).mkdir()
        for number in range(first, first + count):
            image = body(number, COARSE)
            image = image if group == "real" else blurred(image)
            write_image(image, folder / group / f"{group}_patient_{number:03d}.nii.gz", f"of {group} {number}")
    return folder / "real", folder / "synthetic"


@pytest.fixture(scope="module")
def planned(folders, tmp_path_factory):
    """A study of some of these patients, read by two; not to be changed."""
    folder = tmp_path_factory.mktemp("planned")
    plan(*folders, folder / "study", cases=CASES)
    simulate(folder / "study", folder / "study.key.json", accuracy=0.7)
    return folder / "study", folder / "study.key.json"


def let_read(planned, folders, output: Path | None, **parameters) -> dict:
    """Run the job."""
    places = dict(zip(("folder", "key", "real", "synthetic"), map(str, (*planned, *folders)), strict=True))
    given = {**places, "output": output and str(output), "seed": 0, "overwrite": False, **parameters}
    return run_here(JobDocument("review.machine", given), lambda event: None)


@pytest.fixture(scope="module")
def read_once(planned, folders):
    """What the job told, and the file it wrote beside the study; not to be changed."""
    return let_read(planned, folders, None), planned[0].with_name("study.machine.json")


def test_it_learns_from_other_patients_only_and_recognises_what_is_blurred(planned, read_once):
    result, file = read_once
    assert result["file"] == str(file) and stat.S_IMODE(file.stat().st_mode) == 0o600
    machine, key, study = read_machine(file), read_key(planned[1]), open_study(planned[0])
    shown = {about.name for about in key.cases.values()}
    trained = {name for names in machine.trained_on.values() for name in names}
    assert len(shown) == 10 and len(trained) == 40 and not shown & trained
    assert result["patients"] == {"real": 20, "synthetic": 20}
    why = "of the study's patients, or made from one of theirs"
    assert result["left_out"] == {"real": {why: 5}, "synthetic": {why: 5}}
    assert result["area"]["low"] > 0.5
    calls = {case: machine.scores[case] > 0.5 for case in study.cases}
    assert calls == {case: about.group == "synthetic" for case, about in key.cases.items()}


def test_it_refuses_19_patients_and_knows_a_scan_of_the_study_by_its_voxels(planned, folders, tmp_path):
    key = read_key(planned[1])
    less = tmp_path / "less"
    shutil.copytree(folders[0], less)
    shown = sorted(about.name for about in key.cases.values() if about.group == "real")
    renamed = (less / f"{shown[0]}.nii.gz").rename(less / "somebody_else.nii.gz")
    told = "real scans .* of 19 patients who are not in the study, and at least 20 .* in each group.*left out: {}"
    kept = sorted({file.name for file in less.iterdir()} - {f"{name}.nii.gz" for name in shown} - {renamed.name})
    for name in kept[:2]:
        (less / name).unlink()
    with pytest.raises(InputError, match=told.format("5 of the study's patients")):  # by name 4, by voxels 1
        let_read(planned, (less, folders[1]), tmp_path / "m.json")
    renamed.unlink()
    with pytest.raises(InputError, match=told.format("4 of the study's patients")):
        let_read(planned, (less, folders[1]), tmp_path / "m.json")
    assert [file.name for file in tmp_path.iterdir()] == ["less"]


def test_the_same_seed_gives_the_same_bytes(planned, folders, read_once, tmp_path):
    let_read(planned, folders, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == read_once[1].read_bytes()
    with pytest.raises(InputError, match="already holds again.json"):
        let_read(planned, folders, tmp_path / "again.json")


def test_places_that_would_give_the_answers_away_or_replace_the_key_are_refused(planned, folders):
    with pytest.raises(InputError, match="readers see this folder"):
        let_read(planned, folders, planned[0] / "m.json")
    with pytest.raises(InputError, match="would replace"):
        let_read(planned, folders, planned[1], overwrite=True)


# --- the report


def test_it_is_one_more_line_of_the_report_and_changes_nothing_else(planned, read_once, tmp_path):
    report(*planned, tmp_path / "without")
    found = report(*planned, tmp_path / "with", machine=str(read_once[1]))
    assert found["machine"]["accuracy"]["value"] == 1.0 > found["together"]["accuracy"]["value"]
    numbers = [
        json.loads((tmp_path / name / "results.json").read_text(encoding="utf-8")) for name in ("without", "with")
    ]
    said = numbers[1].pop("machine")
    assert numbers[0].pop("machine") is None and numbers[0] == numbers[1]
    for name in ("results.csv", "review.csv"):
        assert (tmp_path / "without" / name).read_bytes() == (tmp_path / "with" / name).read_bytes()
    assert said["this_study"]["specificity"]["n"] == 5 and said["learned"]
    assert said["training"]["patients"] == {"real": 20, "synthetic": 20} and len(said["features"]) > 30
    page = (tmp_path / "with" / "report.html").read_text(encoding="utf-8")
    assert "And a machine?" in page and "It learned something" in page
    row = re.search(r"<tr><td>the machine</td>.*?</tr>", page)[0]
    assert "1.00 (95 % interval 0.72 to 1.00)" in row
    trained = {name for names in read_machine(read_once[1]).trained_on.values() for name in names}
    text = page + (tmp_path / "with" / "results.json").read_text(encoding="utf-8")
    assert not [name for name in trained if name in text]


def test_a_machine_that_has_learned_nothing_is_told_as_such(planned, read_once, tmp_path):
    text = json.loads(read_once[1].read_text(encoding="utf-8"))
    for number, one in enumerate(text["validation"]):
        one["score"] = one["rank"] = (number // 2 % 5) / 5
    file = tmp_path / "m.json"
    file.write_text(json.dumps(text), encoding="utf-8")
    report(*planned, tmp_path / "r", machine=str(file))
    assert "did not learn to tell its own training patients apart" in (tmp_path / "r" / "report.html").read_text(
        encoding="utf-8"
    )
    text["study"] = "ffff"
    file.write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(InputError, match="has read the study ffff"):
        report(*planned, tmp_path / "s", machine=str(file))
    with pytest.raises(InputError, match="no machine has written"):
        report(*planned, tmp_path / "s", machine=str(planned[1]))


def test_of_a_pair_it_takes_the_likelier_one():
    trials = (("a1", "b1"), ("b2", "a2"), ("a3", "b3"))
    groups = {case: "synthetic" if case[0] == "b" else "real" for trial in trials for case in trial}

    class Readings:
        class study:  # noqa: N801
            mode = "pairs"

        counted = ("b1", "b2", "b3")

    Readings.study.trials = trials
    scores = {"a1": 0.6, "b1": 0.7, "a2": 0.4, "b2": 0.3, "a3": 0.1, "b3": 0.2}
    table = study_table(Machine("00", 0, scores, (), {}, {}, {}), Readings)
    assert table.right.tolist() == [[True, False, True]] and set(groups) == set(scores)


def test_the_command_makes_the_job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = ["review", "machine", "study", "--key", "k", "--real", "r", "--synthetic", "s", "--seed", "5"]
    parsed = cli._parser().parse_args(line)
    job = parsed.make_job(parsed)
    places = {name: str(tmp_path / short) for name, short in (("folder", "study"), ("key", "k"), ("real", "r"))}
    more = {"synthetic": str(tmp_path / "s"), "output": None, "seed": 5, "overwrite": False}
    assert job.kind == "review.machine" and job.parameters == {**places, **more}
    parsed = cli._parser().parse_args(["review", "report", "study", "--key", "k", "--machine", "m.json"])
    assert parsed.make_job(parsed).parameters["machine"] == str(tmp_path / "m.json")
