"""Nothing is lost: whatever is killed, the same command goes on, repeats nothing, and ends with the same bytes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import cohort_runs
import pytest

from SyntheticCTLib.cohort.dataset.layout import Layout
from SyntheticCTLib.morph.path import MorphPath

pytest.importorskip("distributed")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills processes as POSIX does")


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> Path:
    return cohort_runs.inputs(tmp_path_factory) / "plan.json"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, str]:
    """Hashes of all files of a run that nothing disturbed, in one process."""
    return cohort_runs.contents(cohort_runs.finished(tmp_path_factory))


@pytest.fixture
def processes():
    """Processes that are ended with the test."""
    held = []
    yield held
    for process in held:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_killed_worker_loses_nothing(plan, undisturbed, processes, tmp_path):
    cohort_runs.primed(plan, tmp_path / "out")
    command = cohort_runs.started(plan, tmp_path / "out", "--workers", "2")
    processes.append(command)
    cohort_runs.wait_for(lambda: cohort_runs.records(tmp_path / "out"))
    for worker in cohort_runs.workers_of(command)[:1]:
        os.kill(worker, signal.SIGKILL)
    code, messages = cohort_runs.ended(command)
    assert code == 0, messages
    assert cohort_runs.contents(tmp_path / "out") == undisturbed


def test_a_worker_killed_while_it_registers_loses_nothing(processes, tmp_path):
    """With real registrations, of small scans: the one road on which a path is made by a worker and read by others."""
    (tmp_path / "inputs").mkdir()
    cohort_runs.write_plan_of_phantoms(tmp_path / "inputs", 2, edges=((0, 1), (1, 0)), size=(24, 20, 14))
    plan = tmp_path / "inputs" / "plan.json"
    command = cohort_runs.started(plan, tmp_path / "out", "--workers", "2")
    processes.append(command)
    scratch = Layout(tmp_path / "out").private / "records"
    cohort_runs.wait_for(lambda: scratch.is_dir() and len(cohort_runs.workers_of(command)) == 2)
    worker = cohort_runs.busiest(cohort_runs.workers_of(command))
    assert not any(Layout(tmp_path / "out").paths.iterdir())
    os.kill(worker, signal.SIGKILL)
    code, messages = cohort_runs.ended(command)
    assert code == 0, messages
    cohort_runs.run(plan, tmp_path / "calm", quick=False)
    assert cohort_runs.contents(tmp_path / "out") == cohort_runs.contents(tmp_path / "calm")
    (path,) = Layout(tmp_path / "calm").paths.iterdir()
    method = MorphPath.load(path).method
    assert method["repeatable"] and method["guiding_labels"]


def test_a_killed_command_goes_on_where_it_was(plan, undisturbed, processes, tmp_path):
    cohort_runs.primed(plan, tmp_path / "out")
    command = cohort_runs.started(plan, tmp_path / "out", "--workers", "2")
    processes.append(command)
    cohort_runs.wait_for(lambda: len(cohort_runs.records(tmp_path / "out")) >= 2)
    workers = cohort_runs.workers_of(command)
    cohort_runs.killed(command)
    before = cohort_runs.records(tmp_path / "out")
    assert len(before) < 8
    again = cohort_runs.started(plan, tmp_path / "out")
    processes.append(again)
    code, messages = cohort_runs.ended(again)
    assert code == 0, messages
    after = cohort_runs.records(tmp_path / "out")
    assert {name: after[name] for name in before} == before
    assert cohort_runs.contents(tmp_path / "out") == undisturbed
    assert not any(_runs(worker) for worker in workers)  # they end themselves when nobody holds them any more


def test_a_killed_scheduler_ends_the_command_with_a_message_and_loses_nothing(plan, undisturbed, processes, tmp_path):
    file, folder = tmp_path / "scheduler.json", cohort_runs.primed(plan, tmp_path / "out")
    first = cohort_runs.scheduler(file)
    workers = [cohort_runs.worker(file) for _ in range(2)]
    processes += [first, *workers]
    command = cohort_runs.started(plan, folder, "--scheduler", cohort_runs.address(file))
    processes.append(command)
    cohort_runs.wait_for(lambda: cohort_runs.records(folder))
    cohort_runs.killed(workers[0])  # the other one takes over
    done = len(cohort_runs.records(folder))
    cohort_runs.wait_for(lambda: len(cohort_runs.records(folder)) > done)
    cohort_runs.killed(first)
    code, messages = cohort_runs.ended(command)
    assert code == 1
    assert "connection to the scheduler is lost" in messages and "same command" in messages
    before = cohort_runs.records(folder)
    assert len(before) < 8

    processes.append(cohort_runs.scheduler(file))
    processes.append(cohort_runs.worker(file))
    again = cohort_runs.started(plan, folder, "--scheduler", cohort_runs.address(file))
    processes.append(again)
    code, messages = cohort_runs.ended(again)
    assert code == 0, messages
    after = cohort_runs.records(folder)
    assert {name: after[name] for name in before} == before
    assert cohort_runs.contents(folder) == undisturbed


def test_an_output_that_kills_its_workers_is_failed_and_the_others_are_made(plan, tmp_path, monkeypatch):
    from SyntheticCTLib.cohort.dataset.cases import read_cohort
    from SyntheticCTLib.cohort.running import cluster, driver

    monkeypatch.setattr(driver, "make_output", cohort_runs.deadly_output)
    monkeypatch.setitem(cluster.CONFIGURATION, "distributed.scheduler.allowed-failures", 0)
    few = cohort_runs.variant(plan, "few.json", outputs=4)
    cohort_runs.primed(few, tmp_path / "out")
    result = cohort_runs.run(few, tmp_path / "out", workers=2)
    assert (result["made"], result["failed"]) == (3, 1)
    cohort = read_cohort(tmp_path / "out")
    assert list(cohort.failed) == [cohort_runs.DEADLY] and "killed each time" in cohort.failed[cohort_runs.DEADLY]
    assert not Layout(tmp_path / "out").scratch.exists()


def _runs(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
