"""Jobs in a child process: progress, noise, crashes, cancel, a dead parent, Windows by fakes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from fake_rooms import make_library

from SyntheticCTLib.errors import Cancelled, InputError, SyntheticCTError
from SyntheticCTLib.jobs import ChildJob, JobDocument, supervisor
from SyntheticCTLib.jobs.event_pipe import EventReader, ThreadedSource
from SyntheticCTLib.jobs.process_group import end_group, group_arguments
from SyntheticCTLib.jobs.workspace import Workspace

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups of POSIX")

FAKE_JOBS = """
import ctypes, os, signal, subprocess, sys, time
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.jobs import job_kind

@job_kind("fake.write")
def write(parameters, context):
    with context.staging(parameters["folder"]) as folder:
        for name in parameters["names"]:
            (folder / name).write_text("x")
            context.report("writing", 0.5)
    context.note("all written")
    return {"folder": parameters["folder"], "threads": os.environ.get("FAKE_THREADS")}

@job_kind("fake.slow")
def slow(parameters, context):
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with context.staging(parameters["folder"]) as folder:
        context.report(f"started {os.getpid()} {helper.pid} {context.workspace}")
        for number in range(6000):
            (folder / f"{number}.txt").write_text("x")
            context.report("writing", number / 6000)
            time.sleep(0.01)
    return {}

@job_kind("fake.compiled")
def compiled(parameters, context):
    context.report(f"started {os.getpid()} {os.getpid()} {context.workspace}")
    ctypes.PyDLL(None).sleep(60)  # keeps Python's lock, as compiled code does
    return {}

@job_kind("fake.noisy")
def noisy(parameters, context):
    print('{"event": "result", "result": {"fake": true}}', flush=True)
    os.write(1, b"C++ says hello\\n")
    os.write(2, b"C++ warns\\n")
    context.report("working")
    return {"real": True}

@job_kind("fake.end")
def end(parameters, context):
    how = parameters["how"]
    if how == "input error":
        raise InputError("scan.nii is not a CT.")
    if how == "unexpected":
        raise ValueError("operands could not be broadcast")
    if how == "hang at exit":
        import atexit
        atexit.register(time.sleep, 60)
        return {"done": True}
    print("last words", flush=True)
    os.kill(os.getpid(), getattr(signal, how))
"""


@pytest.fixture
def library(tmp_path):
    return make_library(tmp_path / "library with spaces é肺", fake=FAKE_JOBS)


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path, monkeypatch):
    folder = tmp_path / "system temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def start(library, kind, environment=None, **parameters):
    return ChildJob(JobDocument(kind, parameters), library=library, environment=environment).start()


def wait_for(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail(f"nothing came within {seconds} s")


def started_processes(job):
    """Process ids (worker, what it started) that the fake job told in its first event."""
    event = wait_for(lambda: next((event for event in job.poll() if event["event"] == "stage"), None))
    return [int(word) for word in event["stage"].split()[1:3]]


def runs(pid):
    """Whether a process runs; one that has ended but was not collected by its parent does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_job_runs_in_a_child_and_its_outputs_lie_under_non_ascii_names(library, tmp_path, temporary_folder):
    folder, events = tmp_path / "Ausgänge 肺", []
    job = start(library, "fake.write", {"FAKE_THREADS": "1"}, folder=str(folder), names=["ä.txt"])
    result = job.wait(events.append)
    assert result == {"folder": str(folder), "threads": "1"} == job.result
    assert os.listdir(folder) == ["ä.txt"]
    assert [event["event"] for event in events] == ["stage", "note", "result"]
    assert os.listdir(temporary_folder) == []


def test_polling_never_waits(library, tmp_path):
    job = start(library, "fake.slow", folder=str(tmp_path / "out"))
    begin = time.monotonic()
    for _ in range(100):
        job.poll()
    assert time.monotonic() - begin < 0.5
    job.cancel()


def test_what_libraries_print_does_not_disturb_the_events(library):
    events = []
    assert start(library, "fake.noisy").wait(events.append) == {"real": True}
    assert [event["event"] for event in events] == ["stage", "result"]


def test_an_input_error_crosses_the_process_border(library):
    with pytest.raises(InputError, match=r"^scan\.nii is not a CT\.$"):
        start(library, "fake.end", how="input error").wait()


def test_an_unexpected_error_is_one_sentence_and_its_log_is_kept(library, temporary_folder):
    job = start(library, "fake.end", how="unexpected")
    with pytest.raises(SyntheticCTError, match="unexpectedly: ValueError: operands could not be broadcast"):
        job.wait()
    assert job.final["exit_code"] == 1
    assert "Traceback" not in job.final["message"]
    with open(job.final["log"], encoding="utf-8") as file:
        assert "Traceback" in file.read()
    assert os.listdir(temporary_folder) == [os.path.basename(job.final["log"])]


@posix_only
@pytest.mark.parametrize(
    "how, words", [("SIGKILL", "memory"), ("SIGSEGV", "compiled code"), ("SIGTERM", "from outside")]
)
def test_a_job_that_is_killed_or_crashes_is_told_in_a_sentence(library, how, words):
    job = start(library, "fake.end", how=how)
    with pytest.raises(SyntheticCTError, match=words):
        job.wait()
    assert job.final["kind"] == "ProcessDied"


def test_a_library_that_hangs_at_exit_does_not_hold_up_the_result(library):
    begin = time.monotonic()
    assert start(library, "fake.end", how="hang at exit").wait() == {"done": True}
    assert time.monotonic() - begin < 10


@posix_only
@pytest.mark.parametrize("kind", ["fake.slow", "fake.compiled"])
def test_cancel_ends_everything_at_once_and_leaves_nothing(library, tmp_path, temporary_folder, kind):
    job = start(library, kind, folder=str(tmp_path / "out"))
    processes = started_processes(job)
    begin = time.monotonic()
    job.cancel()
    assert time.monotonic() - begin < 2
    assert job.poll()[-1]["event"] == "cancelled"
    assert job.finished and job.result is None
    wait_for(lambda: not any(map(runs, processes)))
    assert not (tmp_path / "out").exists()
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []
    assert os.listdir(temporary_folder) == []


@posix_only
def test_waiting_for_a_cancelled_job_raises_cancelled_and_a_second_cancel_is_harmless(library, tmp_path):
    job = start(library, "fake.slow", folder=str(tmp_path / "out"))
    job.cancel()
    job.cancel()
    with pytest.raises(Cancelled):
        job.wait()


def test_an_exception_of_the_listener_cancels_the_job(library, tmp_path, temporary_folder):
    def listener(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(library, "fake.slow", folder=str(tmp_path / "out")).wait(listener)
    assert os.listdir(temporary_folder) == []


@posix_only
@pytest.mark.parametrize("kind", ["fake.slow", "fake.compiled"])
def test_the_child_ends_itself_when_its_parent_is_killed(library, tmp_path, temporary_folder, kind):
    program = (
        "import sys, time, tempfile; tempfile.tempdir = sys.argv[2]\n"
        "from SyntheticCTLib.jobs import ChildJob, JobDocument\n"
        "job = ChildJob(JobDocument(sys.argv[4], {'folder': sys.argv[3]}), library=sys.argv[1]).start()\n"
        "while True:\n"
        "    for event in job.poll(): print(event['stage'], flush=True)\n"
        "    time.sleep(0.02)\n"
    )
    arguments = [str(library), str(temporary_folder), str(tmp_path / "out"), kind]
    parent = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)
    processes = [int(word) for word in parent.stdout.readline().split()[1:3]]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not any(map(runs, processes)))
    wait_for(lambda: os.listdir(temporary_folder) == [])
    assert not (tmp_path / "out").exists()
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


def test_an_interpreter_that_does_not_exist_is_named(library, temporary_folder):
    with pytest.raises(InputError, match="no-python-here"):
        ChildJob(JobDocument("fake.write", {}), python="/no-python-here", library=library).start()
    assert os.listdir(temporary_folder) == []


# --- Windows, by fakes


class FakeProcess:
    pid = 4711

    def __init__(self, ends_after_waits=0):
        self.code = None
        self.waits_left = ends_after_waits

    def poll(self):
        return self.code

    def wait(self, timeout=None):
        if self.waits_left and timeout is not None:
            self.waits_left -= 1
            raise subprocess.TimeoutExpired("fake", timeout)
        self.code = 1
        return 1


def test_on_windows_the_whole_tree_is_ended_by_taskkill():
    calls = []
    process = FakeProcess()
    end_group(process, "win32", run=lambda command, **more: calls.append(command))
    assert calls == [["taskkill", "/T", "/F", "/PID", "4711"]]
    assert process.code is not None


def test_on_windows_a_new_group_is_made_without_a_console_window():
    assert group_arguments("win32") == {"creationflags": 0x00000200 | 0x08000000}
    assert group_arguments("linux") == {"start_new_session": True}


@posix_only
def test_a_group_that_ignores_the_polite_signal_gets_the_other_one():
    signals = []
    end_group(FakeProcess(1), "linux", kill_group=lambda group, number: signals.append((group, number)))
    assert signals == [(4711, signal.SIGTERM), (4711, signal.SIGKILL)]


def test_a_pipe_that_cannot_answer_at_once_is_read_by_a_thread():
    read_end, write_end = os.pipe()
    reader = EventReader(ThreadedSource(read_end))
    assert reader.read() == []
    os.write(write_end, b'noise\n{"event": "note", "te')
    os.write(write_end, b'xt": "\\u80ba"}\n')
    assert wait_for(reader.read) == [{"event": "note", "text": "肺"}]
    os.close(write_end)


def test_without_fork_a_thread_ends_the_process_when_the_parent_has_gone(monkeypatch, tmp_path):
    left = []
    monkeypatch.setattr(supervisor.os, "_exit", left.append)
    read_end, write_end = os.pipe()

    def work():
        assert left == []
        os.close(write_end)
        return wait_for(lambda: left)[0]

    assert supervisor.supervise(work, Workspace(tmp_path), read_end, "win32") == 1
    os.close(read_end)
