"""Carrying a plan out in this process: what comes out, what is refused, what fails alone, and going on."""

from __future__ import annotations

import errno
import json
import shutil
import stat
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import cohort_runs
import numpy as np
import pytest
import SimpleITK as sitk
from volumes import voxels

from SyntheticCTLib.cohort.dataset.cases import read_cohort
from SyntheticCTLib.cohort.dataset.layout import Layout
from SyntheticCTLib.cohort.dataset.places import center_of
from SyntheticCTLib.cohort.planning.plan import read_plan, write_plan
from SyntheticCTLib.cohort.running import claim
from SyntheticCTLib.errors import InputError, SyntheticCTError
from SyntheticCTLib.images.reading import read_ct
from SyntheticCTLib.morph.metadata import interpolate_metadata, read_record

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    return cohort_runs.inputs(tmp_path_factory)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A cohort that nothing disturbed."""
    return cohort_runs.finished(tmp_path_factory)


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    """A copy of the finished cohort, as deep in the file system."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


@pytest.fixture
def own_inputs(inputs, tmp_path) -> Path:
    """A copy of the inputs, to be spoiled."""
    return Path(shutil.copytree(inputs, tmp_path / "inputs"))


def record(folder: Path, name: str) -> dict:
    return json.loads(Layout(folder).private_record(name).read_text(encoding="utf-8"))


def no_cluster(monkeypatch):
    """Let a run fail if it asks for workers."""
    monkeypatch.setattr("SyntheticCTLib.cohort.running.jobs.connected", None)


# --- what comes out


def test_every_output_has_its_files_and_records(finished):
    result = json.loads((finished.parent / "result.json").read_text(encoding="utf-8"))
    assert {key: result[key] for key in ("total", "made", "rejected", "failed", "worked_on")} == {
        "total": 8, "made": 8, "rejected": 0, "failed": 0, "worked_on": 8
    }  # fmt: skip
    for n in range(1, 9):
        name = f"synthct_{n:04d}"
        for file in (f"imagesTr/{name}_0000.nii.gz", f"labelsTr/{name}.nii.gz", f"records/{name}.json"):
            assert (finished / file).is_file()
        assert set(record(finished, name)["files"]) == {
            f"imagesTr/{name}_0000.nii.gz", f"labelsTr/{name}.nii.gz", f"records/{name}.json"
        }  # fmt: skip
    assert {file.name for file in finished.iterdir()} == {
        "README.md", "dataset.json", "imagesTr", "labelsTr", "metadata.csv", "private", "records"
    }  # fmt: skip


def test_the_private_record_tells_how_the_output_was_made(finished):
    found = record(finished, "synthct_0002")
    assert (found["source"], found["target"], found["percent"], found["seed"]) == ("anna-1", "anna-0", 32.17, 982451655)
    assert [one["percent"] for one in found["tries"]] == [32.17]
    assert found["report"]["verdict"] in ("pass", "warn") and found["method"]["repeatable"] is True
    assert "seconds" not in json.dumps(found)


def test_a_published_grid_is_centered_and_its_place_is_known_in_private_only(finished):
    cohort = read_cohort(finished)
    for case in cohort.cases[:3]:
        source = read_ct(cohort.plan.subject(case.private["source"]).image).image
        for file in (case.image, case.label):
            image = sitk.ReadImage(str(file))
            assert np.allclose(center_of(image), 0, atol=1e-3)
            assert image.GetSpacing() == pytest.approx(source.GetSpacing()) and image.GetSize() == source.GetSize()
        assert case.read().GetOrigin() == pytest.approx(source.GetOrigin(), abs=1e-3)
        assert not np.allclose(source.GetOrigin(), sitk.ReadImage(str(case.image)).GetOrigin(), atol=1)
        assert "center" not in json.dumps(case.public)


def test_public_metadata_do_not_tell_the_exact_percentage(finished):
    cohort, told_apart = read_cohort(finished), 0
    for case in cohort.cases:
        ends = [read_record(cohort.plan.subject(case.private[role]).metadata) for role in ("source", "target")]
        percents = case.public["percent_about"], case.private["percent"]
        told, exact = (interpolate_metadata(*ends, percent / 100)[0] for percent in percents)
        assert case.public["metadata"] == told
        told_apart += told != exact
    assert told_apart


def test_each_pair_is_registered_once_for_both_directions(finished):
    paths = {file.stem for file in Layout(finished).paths.iterdir()}
    used = [record(finished, f"synthct_{n:04d}")["parameters"]["registration"] for n in range(1, 9)]
    assert len(paths) == 3 and paths == set(used) and used[0] == used[1] == used[2]


def test_nobody_else_may_look_into_the_private_folder_and_nothing_unfinished_is_left(finished):
    assert stat.S_IMODE((finished / "private").stat().st_mode) == 0o700
    assert {file.name for file in (finished / "private").iterdir()} == {
        "failures.json", "lock", "paths", "plan.json", "records", "rejected", "times.csv"
    }  # fmt: skip


def test_the_time_of_every_task_is_logged(finished):
    rows = [line.split(",") for line in Layout(finished).times.read_text(encoding="utf-8").splitlines()]
    assert rows[0] == ["task", "name", "state", "seconds"]
    assert Counter((row[0], row[2]) for row in rows[1:]) == {("register", "registered"): 3, ("output", "made"): 8}
    assert all(float(row[3]) > 0 for row in rows[1:])


def test_the_run_reports_its_progress_and_the_dashboard(finished):
    events = json.loads((finished.parent / "events.json").read_text(encoding="utf-8"))
    stages = [event["stage"] for event in events if event["event"] == "stage"]
    assert any("of 8 done" in text and "running" in text and "rejected" in text for text in stages)
    running = {text.split(", ")[1] for text in stages if "of 8 done" in text}
    assert "1 running" in running and running <= {"0 running", "1 running"}  # there is one worker; the next task waits
    assert any("dashboard: http://127.0.0.1:" in event.get("text", "") for event in events)


# --- going on


def test_the_same_command_again_does_nothing(copy, inputs, finished, monkeypatch):
    no_cluster(monkeypatch)
    before = cohort_runs.records(copy)
    assert cohort_runs.run(inputs / "plan.json", copy)["worked_on"] == 0
    assert cohort_runs.records(copy) == before and cohort_runs.contents(copy) == cohort_runs.contents(finished)


def test_what_is_lost_or_cut_short_is_made_again(copy, inputs, finished):
    (copy / "imagesTr" / "synthct_0003_0000.nii.gz").unlink()
    (copy / "labelsTr" / "synthct_0005.nii.gz").write_bytes(b"half")
    Layout(copy).private_record("synthct_0008").write_text('{"entry": "', encoding="utf-8")
    path = min(Layout(copy).paths.iterdir())
    path.write_bytes(path.read_bytes()[:500])  # each pair has one of the three
    assert cohort_runs.run(inputs / "plan.json", copy)["worked_on"] == 3
    assert cohort_runs.contents(copy) == cohort_runs.contents(finished)


def test_leftovers_of_killed_runs_are_removed(copy, inputs, finished, monkeypatch):
    no_cluster(monkeypatch)
    left = Layout(copy).scratch / "0123" / "imagesTr"
    left.mkdir(parents=True)
    (left / "half.nii.gz").write_bytes(b"half")
    (copy / ".metadata.csv.1234.part").write_text("half", encoding="utf-8")
    (copy / "private" / "records" / ".synthct_0001.json.1234.part").write_text("half", encoding="utf-8")
    Layout(copy).lock.touch()
    cohort_runs.run(inputs / "plan.json", copy)
    assert cohort_runs.contents(copy) == cohort_runs.contents(finished)


def test_a_folder_of_a_run_that_was_killed_at_once_is_taken(inputs, tmp_path):
    layout = Layout(tmp_path / "out")
    layout.private.mkdir(parents=True)
    layout.lock.touch()
    plan = cohort_runs.variant(inputs / "plan.json", "one.json", outputs=1)
    assert cohort_runs.run(plan, layout.folder)["made"] == 1


def test_inputs_may_move_between_two_runs(copy, own_inputs, finished):
    (copy / "records" / "synthct_0001.json").unlink()
    assert cohort_runs.run(own_inputs / "plan.json", copy)["worked_on"] == 1
    ours, theirs = cohort_runs.contents(copy), cohort_runs.contents(finished)
    assert {name for name in ours if ours[name] != theirs.get(name)} == {"private/plan.json"}


# --- what is refused


def test_the_folder_of_another_plan_is_refused(finished, inputs):
    other = cohort_runs.variant(inputs / "plan.json", "other.json", outputs=3)
    with pytest.raises(InputError, match="another plan"):
        cohort_runs.run(other, finished)


def test_a_folder_with_something_else_is_refused(inputs, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="thesis.txt"):
        cohort_runs.run(inputs / "plan.json", tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_a_second_run_in_the_same_folder_is_refused(copy, inputs):
    fcntl = pytest.importorskip("fcntl")
    with Layout(copy).lock.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="Another run"):
            cohort_runs.run(inputs / "plan.json", copy)


def test_who_comes_too_late_for_the_lock_asks_again_whose_folder_it_is(inputs, tmp_path, monkeypatch):
    """Between the first question and the lock, another command made its whole cohort there."""
    layout = Layout(tmp_path / "out")
    ours = read_plan(inputs / "plan.json")
    theirs = read_plan(cohort_runs.variant(inputs / "plan.json", "theirs.json", outputs=2))
    locked = claim._lock

    def late(lock, layout):
        write_plan(theirs, layout.plan)
        locked(lock, layout)

    monkeypatch.setattr(claim, "_lock", late)
    with pytest.raises(InputError, match="another plan"), claim.claimed(layout, ours):
        pass
    assert read_plan(layout.plan).identity == theirs.identity


def test_who_waited_for_the_lock_has_the_one_that_others_find(inputs, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    layout, plan = Layout(tmp_path / "out"), read_plan(inputs / "plan.json")
    with claim.claimed(layout, plan):
        waiting = layout.lock.open("ab")
    with waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(InputError, match="Another run"), claim.claimed(layout, plan):
            pass
    with claim.claimed(layout, plan):  # and the file that stays is in nobody's way
        assert layout.plan.is_file()


def test_workers_and_a_scheduler_exclude_each_other(inputs, tmp_path):
    with pytest.raises(InputError, match="not both"):
        cohort_runs.run(inputs / "plan.json", tmp_path / "out", workers=2, scheduler="tcp://127.0.0.1:1")


def test_a_scheduler_that_does_not_answer_is_told(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr("SyntheticCTLib.cohort.running.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(InputError, match="No scheduler answers at tcp://127.0.0.1:9"):
        cohort_runs.run(inputs / "plan.json", tmp_path / "out", scheduler="tcp://127.0.0.1:9")


def test_without_dask_the_user_is_told_what_to_install(inputs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match="syntheticct\\[cohort\\]"):
        cohort_runs.run(inputs / "plan.json", tmp_path / "out")


# --- what fails alone


def test_a_failing_subject_fails_its_own_edges_only_and_is_tried_again(own_inputs, finished, tmp_path):
    plan = own_inputs / "plan.json"
    (own_inputs / "smith_0.nii.gz").rename(tmp_path / "kept.nii.gz")
    result = cohort_runs.run(plan, tmp_path / "out")
    assert (result["made"], result["failed"]) == (2, 6)
    failed = json.loads(Layout(tmp_path / "out").failures.read_text(encoding="utf-8"))["failed"]
    assert set(failed) == {f"synthct_{n:04d}" for n in (1, 2, 3, 6, 7, 8)}
    assert all("subject anna-0" in reason and "is not there" in reason for reason in failed.values())
    (tmp_path / "kept.nii.gz").rename(own_inputs / "smith_0.nii.gz")
    before = cohort_runs.records(tmp_path / "out")
    assert cohort_runs.run(plan, tmp_path / "out")["made"] == 8
    after = cohort_runs.records(tmp_path / "out")
    assert {name: after[name] for name in before} == before
    ours, theirs = cohort_runs.contents(tmp_path / "out"), cohort_runs.contents(finished)
    assert {name for name in ours if ours[name] != theirs.get(name)} == {"private/plan.json"}


@pytest.mark.parametrize("spoiled", ["smith_1.nii.gz", "smith_1_organs.seg.nrrd", "smith_1.json"])
def test_a_file_that_has_changed_since_the_plan_is_not_used(own_inputs, tmp_path, spoiled):
    other = spoiled.replace("smith_1", "smith_0")
    shutil.copy(own_inputs / other, own_inputs / spoiled)
    plan = cohort_runs.variant(own_inputs / "plan.json", "one.json", outputs=1)
    with pytest.raises(SyntheticCTError, match=f"None of the 1 .*{spoiled} has changed since the plan was made"):
        cohort_runs.run(plan, tmp_path / "out")
    assert not any((tmp_path / "out" / "imagesTr").iterdir())


# --- rejects


@pytest.fixture
def strict_gate(monkeypatch):
    """The gate rejects what its list says, in turn; the rest it lets through."""
    from SyntheticCTLib.morph import gate
    from SyntheticCTLib.morph.gate import QualityReport

    assess, verdicts = gate.assess, []

    def judge(*arguments):
        if verdicts and verdicts.pop(0) == "reject":
            return QualityReport("reject", ("It is a test.",), {})
        return assess(*arguments)

    monkeypatch.setattr(gate, "assess", judge)
    return verdicts


def test_a_reject_draws_the_next_percentage_of_its_own_stream(inputs, tmp_path, strict_gate):
    from SyntheticCTLib.cohort.planning.drawing import percents
    from SyntheticCTLib.cohort.planning.plan import read_plan

    plan_file = cohort_runs.variant(inputs / "plan.json", "one.json", outputs=1)
    strict_gate += ["reject", "reject"]
    assert cohort_runs.run(plan_file, tmp_path / "out")["made"] == 1
    found = record(tmp_path / "out", "synthct_0001")
    plan = read_plan(plan_file)
    drawn = list(percents(plan.outputs[0], plan.settings))
    assert [Decimal(str(one["percent"])) for one in found["tries"]] == drawn[:3]
    assert [one["verdict"] for one in found["tries"]][:2] == ["reject", "reject"]
    assert found["percent"] == float(drawn[2])
    assert "1 of those here were rejected at first" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_an_output_rejected_each_time_is_reported_with_every_try(inputs, tmp_path, strict_gate, monkeypatch):
    plan = cohort_runs.variant(inputs / "plan.json", "two.json", outputs=2)
    strict_gate += ["reject"] * 4
    result = cohort_runs.run(plan, tmp_path / "out")
    assert (result["made"], result["rejected"], result["failed"]) == (1, 1, 0)
    found = json.loads(Layout(tmp_path / "out").rejection("synthct_0001").read_text(encoding="utf-8"))
    assert len(found["tries"]) == 4 and found["tries"][3]["reasons"] == ["It is a test."]
    assert not (tmp_path / "out" / "imagesTr" / "synthct_0001_0000.nii.gz").exists()
    no_cluster(monkeypatch)  # a rejection is finished work too
    assert cohort_runs.run(plan, tmp_path / "out")["worked_on"] == 0


def test_a_plan_may_give_all_outputs_one_grid(inputs, finished, tmp_path):
    settings = replace(read_plan(inputs / "plan.json").settings, spacing=(7.0, 7.0, 9.0), size=(48, 40, 24))
    plan = cohort_runs.variant(inputs / "plan.json", "grid.json", outputs=2, settings=settings)
    assert read_plan(plan).settings == settings and read_plan(plan).identity != read_plan(inputs / "plan.json").identity
    assert cohort_runs.run(plan, tmp_path / "out")["made"] == 2
    for file in (tmp_path / "out").rglob("synthct_*.nii.gz"):
        image = sitk.ReadImage(str(file))
        assert image.GetSize() == (48, 40, 24) and image.GetSpacing() == (7.0, 7.0, 9.0)
        assert image.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1) and voxels(image).any()
    assert record(tmp_path / "out", "synthct_0002")["parameters"]["size"] == [48, 40, 24]
    for name in ("synthct_0001", "synthct_0002"):  # what a grid cuts off or leaves empty is no fault of the morph
        here, there = (record(folder, name) for folder in (tmp_path / "out", finished))
        assert (here["tries"], here["report"]) == (there["tries"], there["report"])


# --- a full disk


def test_a_disk_that_fills_up_stops_the_run_cleanly(inputs, finished, tmp_path, monkeypatch):
    from SyntheticCTLib.images import writing

    flush, written = writing._flush, []

    def fills_up(path):
        written.append(path)
        if len(written) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(path)

    monkeypatch.setattr(writing, "_flush", fills_up)
    with pytest.raises(SyntheticCTError, match="no space left on device.*same command again"):
        cohort_runs.run(inputs / "plan.json", tmp_path / "out")
    assert len(cohort_runs.records(tmp_path / "out")) == 2
    assert len(list((tmp_path / "out" / "imagesTr").iterdir())) == 2
    assert not Layout(tmp_path / "out").scratch.exists()
    monkeypatch.undo()
    assert cohort_runs.run(inputs / "plan.json", tmp_path / "out")["worked_on"] == 6
    assert cohort_runs.contents(tmp_path / "out") == cohort_runs.contents(finished)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_really_full_disk_stops_the_run_cleanly_and_more_room_lets_it_go_on(inputs, finished, small_disk):
    folder = small_disk / "out"
    with pytest.raises(SyntheticCTError, match="nothing can be written there|disk is full"):
        cohort_runs.run(inputs / "plan.json", folder)
    made = len(cohort_runs.records(folder))
    assert made < 8 and not Layout(folder).scratch.exists()
    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    assert cohort_runs.run(inputs / "plan.json", folder)["worked_on"] == 8 - made
    ours, theirs = cohort_runs.contents(folder), cohort_runs.contents(finished)
    assert {name for name in ours if ours[name] != theirs.get(name)} <= {"private/plan.json"}
