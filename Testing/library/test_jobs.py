"""The jobs room in one process: documents, kinds, workspaces, complete-or-nothing outputs, events."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile

import pytest

from SyntheticCTLib.errors import Cancelled, InputError, SyntheticCTError
from SyntheticCTLib.jobs import JobDocument, job_kind, ownership, run_here, staging
from SyntheticCTLib.jobs.events import EventWriter
from SyntheticCTLib.jobs.ownership import is_alive, owned_name
from SyntheticCTLib.jobs.registry import find_kind
from SyntheticCTLib.jobs.staging import STAGING_PREFIX, Staging, discard
from SyntheticCTLib.jobs.workspace import WORKSPACE_PREFIX, Workspace


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path, monkeypatch):
    folder = tmp_path / "system temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def contents(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@job_kind("fake.write")
def write_files(parameters, context):
    (context.workspace / "scratch.bin").write_bytes(b"x")
    with context.staging(parameters["folder"], overwrite=parameters.get("overwrite", False)) as folder:
        for name in parameters["names"]:
            (folder / name).parent.mkdir(exist_ok=True, mode=0o700)
            (folder / name).write_text(f"new {name}", encoding="utf-8")
            context.report("writing")
        if parameters.get("fail"):
            raise InputError("scan.nii is not a CT.")
    return {"names": parameters["names"], "workspace": str(context.workspace)}


def write_job(folder, *names, **more):
    return JobDocument("fake.write", {"folder": str(folder), "names": names, **more})


# --- documents and kinds


def test_a_document_survives_json_with_non_ascii_paths():
    document = JobDocument("morph.register", {"source": "/données/Müller 肺.nii.gz"})
    assert JobDocument.from_json(document.to_json()) == document
    assert document.to_json().isascii()


@pytest.mark.parametrize("kind", ["morph", "morph.register.x", "os.path;", "../x.y", "Morph.register", "morph. x", 3])
def test_a_kind_that_is_no_pair_of_identifiers_is_refused(kind):
    with pytest.raises(InputError, match=r"room\.name"):
        JobDocument(kind, {})


def test_a_document_of_another_version_or_with_unknown_fields_is_refused():
    fields = json.loads(JobDocument("a.b", {}).to_json())
    with pytest.raises(InputError, match="version 99"):
        JobDocument.from_json(json.dumps({**fields, "version": 99}))
    with pytest.raises(InputError, match="surprise"):
        JobDocument.from_json(json.dumps({**fields, "surprise": 1}))


def test_parameters_that_json_cannot_hold_are_refused():
    with pytest.raises(InputError, match="morph.register"):
        JobDocument("morph.register", {"value": float("nan")}).to_json()


def test_an_unknown_kind_is_refused_by_name():
    with pytest.raises(InputError, match=r"'norooms\.here'"):
        find_kind("norooms.here")


# --- complete output or none


def test_outputs_reach_a_new_folder_together_and_nothing_else_is_left(tmp_path, temporary_folder):
    destination = tmp_path / "new" / "oüt put"
    result = run_here(write_job(destination, "a.txt", "private/b.txt"))
    assert result["names"] == ["a.txt", "private/b.txt"] or result["names"] == ("a.txt", "private/b.txt")
    assert contents(destination) == ["a.txt", "private", "private/b.txt"]
    assert contents(temporary_folder) == []
    assert contents(destination.parent) == ["oüt put", *[f"oüt put/{name}" for name in contents(destination)]]


def test_outputs_join_what_an_existing_folder_holds(tmp_path):
    destination = tmp_path / "out"
    destination.mkdir()
    (destination / "old.txt").write_text("old", encoding="utf-8")
    run_here(write_job(destination, "a.txt", "private/b.txt"))
    assert contents(destination) == ["a.txt", "old.txt", "private", "private/b.txt"]
    assert (destination / "private").stat().st_mode & 0o777 == 0o700


def test_an_existing_name_is_refused_and_stays_unless_overwriting_is_allowed(tmp_path):
    destination = tmp_path / "out"
    destination.mkdir()
    (destination / "a.txt").write_text("old", encoding="utf-8")
    with pytest.raises(InputError, match=r"already holds a\.txt.*--overwrite"):
        run_here(write_job(destination, "a.txt", "b.txt"))
    assert contents(destination) == ["a.txt"]
    assert (destination / "a.txt").read_text(encoding="utf-8") == "old"
    run_here(write_job(destination, "a.txt", "b.txt", overwrite=True))
    assert (destination / "a.txt").read_text(encoding="utf-8") == "new a.txt"
    assert contents(destination) == ["a.txt", "b.txt"]


def test_superseded_files_are_refused_at_once_and_go_when_overwriting(tmp_path):
    (tmp_path / "morph_050_labels.nii.gz").write_text("old", encoding="utf-8")
    with pytest.raises(InputError, match="morph_050_labels"):
        Staging(tmp_path, supersedes=["morph_050_labels*.nii.gz"])
    stage = Staging(tmp_path, overwrite=True, supersedes=["morph_050_labels*.nii.gz"])
    (stage.folder / "morph_050_labels_lobes.nii.gz").write_text("new", encoding="utf-8")
    stage.publish()
    assert "morph_050_labels.nii.gz" not in contents(tmp_path)
    assert (tmp_path / "morph_050_labels_lobes.nii.gz").read_text(encoding="utf-8") == "new"


def test_a_job_that_fails_leaves_neither_outputs_nor_folders(tmp_path, temporary_folder):
    with pytest.raises(InputError, match="not a CT"):
        run_here(write_job(tmp_path / "new" / "out", "a.txt", fail=True))
    assert not (tmp_path / "new").exists()
    assert contents(temporary_folder) == []
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


def test_a_full_disk_is_told_in_a_sentence_and_undoes_the_moves(tmp_path, monkeypatch):
    destination = tmp_path / "out"
    destination.mkdir()
    (destination / "a.txt").write_text("old", encoding="utf-8")
    replace = os.replace

    def fail_at_b(source, target):
        if str(target).endswith("out/b.txt"):
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr(staging.os, "replace", fail_at_b)
    with pytest.raises(SyntheticCTError, match="disk is full"):
        run_here(write_job(destination, "a.txt", "b.txt", overwrite=True))
    assert contents(destination) == ["a.txt"]
    assert (destination / "a.txt").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("crash_before", ["a.txt", "private/b.txt", "z.txt", None])
@pytest.mark.parametrize("exists", [True, False])
def test_a_crash_amid_the_moves_is_undone_by_the_next_clean_up(tmp_path, monkeypatch, crash_before, exists):
    class Crash(BaseException):
        pass

    destination = tmp_path / "deep" / "out"
    if exists:
        destination.mkdir(parents=True)
        (destination / "a.txt").write_text("old", encoding="utf-8")
    stage = Staging(destination, overwrite=True)
    (stage.folder / "private").mkdir()
    for name in ("a.txt", "private/b.txt", "z.txt"):
        (stage.folder / name).write_text("new", encoding="utf-8")
    replace, unlink = os.replace, staging.Path.unlink

    def crash_at(source, target):
        if crash_before and str(target).endswith(f"out/{crash_before}"):
            raise Crash
        replace(source, target)

    def crash_at_journal(path, *rest):
        raise Crash

    monkeypatch.setattr(staging.os, "replace", crash_at)
    monkeypatch.setattr(staging.Path, "unlink", crash_at_journal)
    with pytest.raises(Crash):
        stage.publish()
    monkeypatch.setattr(staging.os, "replace", replace)
    monkeypatch.setattr(staging.Path, "unlink", unlink)
    discard(stage.root)
    if exists:
        assert contents(destination) == ["a.txt"]
        assert (destination / "a.txt").read_text(encoding="utf-8") == "old"
    else:
        assert contents(tmp_path) == ["system temporary"]


def test_the_next_job_removes_staging_folders_of_dead_processes_only(tmp_path, dead_pid):
    abandoned = tmp_path / owned_name(STAGING_PREFIX).replace(f"-{os.getpid()}-", f"-{dead_pid}-")
    alive = tmp_path / owned_name(STAGING_PREFIX)
    foreign = tmp_path / f"{STAGING_PREFIX}-00000000-{dead_pid}-00000000"
    for folder in (abandoned, alive, foreign):
        folder.mkdir()
    run_here(write_job(tmp_path, "a.txt"))
    assert not abandoned.exists()
    assert alive.exists() and foreign.exists()


def test_a_folder_that_is_a_file_and_a_folder_in_a_file_are_refused(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    for folder in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(InputError, match="is a file"):
            run_here(write_job(folder, "a.txt"))


def test_a_read_only_folder_is_refused_before_the_work(tmp_path, monkeypatch):
    def forbidden(path, *rest, **more):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patch:  # root, as in CI, may write everywhere
        patch.setattr(staging.Path, "mkdir", forbidden)
        with pytest.raises(InputError, match="Nothing can be written into"):
            Staging(tmp_path)


def test_only_folders_this_library_named_are_ever_discarded(tmp_path):
    (tmp_path / "precious").mkdir()
    discard(tmp_path / "precious")
    assert (tmp_path / "precious").exists()


# --- workspace


def test_the_workspace_is_private_and_gone_after_success_and_cancel(temporary_folder, tmp_path):
    seen = []

    @job_kind("fake.look")
    def look(parameters, context):
        seen.append(context.workspace.parent.stat().st_mode & 0o777)
        context.report("looking")
        return {}

    run_here(JobDocument("fake.look", {}))
    with pytest.raises(Cancelled):
        run_here(JobDocument("fake.look", {}), should_stop=lambda: True)
    assert seen == [0o700, 0o700]
    assert contents(temporary_folder) == []


def test_the_next_start_removes_the_workspace_of_a_dead_process_with_its_outputs(temporary_folder, tmp_path, dead_pid):
    workspace = Workspace.create()
    stage = Staging(tmp_path / "elsewhere", announce=workspace.announce_staging)
    renamed = temporary_folder / workspace.folder.name.replace(f"-{os.getpid()}-", f"-{dead_pid}-")
    workspace.folder.rename(renamed)
    living = Workspace.create()
    assert not renamed.exists() and not stage.root.exists()
    assert contents(temporary_folder)[0] == living.folder.name


def test_a_link_with_the_name_of_a_workspace_is_not_followed(temporary_folder, tmp_path, dead_pid):
    (tmp_path / "precious").mkdir()
    link = temporary_folder / owned_name(WORKSPACE_PREFIX).replace(f"-{os.getpid()}-", f"-{dead_pid}-")
    link.symlink_to(tmp_path / "precious")
    Workspace.create()
    assert (tmp_path / "precious").exists()


def test_processes_are_told_alive_from_dead(dead_pid):
    assert is_alive(os.getpid()) and not is_alive(dead_pid)


def test_windows_is_never_asked_by_a_signal_that_would_end_the_process(monkeypatch):
    monkeypatch.setattr(ownership.os, "kill", lambda *arguments: pytest.fail("os.kill ends processes on Windows"))
    monkeypatch.setattr(ownership, "_is_alive_on_windows", lambda pid: pid == 7)
    assert is_alive(7, "win32") and not is_alive(8, "win32")


# --- events


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_remaining_time_is_told_only_where_work_is_counted_and_some_time_has_passed():
    events, clock = [], Clock()
    writer = EventWriter(events.append, clock)
    writer.stage("registering")
    clock.now += 5
    writer.stage("warping", 0.0)
    clock.now += 0.5
    writer.stage("warping", 0.25)
    clock.now += 1.5
    writer.stage("warping", 0.5)
    assert events[0] == {"event": "stage", "stage": "registering", "elapsed": 0.0}
    assert "remaining" not in events[1] and "remaining" not in events[2]
    assert events[3] == {"event": "stage", "stage": "warping", "elapsed": 7.0, "done": 0.5, "remaining": 2.0}


def test_a_fast_loop_does_not_flood_but_its_end_is_told():
    events, clock = [], Clock()
    writer = EventWriter(events.append, clock)
    for step in range(1, 1001):
        clock.now += 0.001
        writer.stage("warping", step / 1000)
    assert len(events) < 15
    assert events[-1]["done"] == 1.0


def test_an_error_raised_on_purpose_is_the_last_event(tmp_path):
    events = []
    with pytest.raises(InputError):
        run_here(write_job(tmp_path / "out", "a.txt", fail=True), on_event=events.append)
    assert events[-1] == {
        "event": "error",
        "kind": "InputError",
        "exit_code": 2,
        "message": "scan.nii is not a CT.",
    }


def test_a_job_may_deliver_into_one_folder_only(tmp_path):
    @job_kind("fake.twice")
    def twice(parameters, context):
        for name in ("a", "b"):
            with context.staging(tmp_path / name):
                pass
        return {}

    with pytest.raises(RuntimeError, match="one folder"):
        run_here(JobDocument("fake.twice", {}))
    assert not (tmp_path / "a").exists()


def test_signals_wait_until_the_outputs_lie_in_place(tmp_path, monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    publish = Staging.publish

    def interrupted(stage):
        os.kill(os.getpid(), signal.SIGINT)
        publish(stage)

    monkeypatch.setattr(Staging, "publish", interrupted)
    run_here(write_job(tmp_path / "out", "a.txt"))
    assert contents(tmp_path / "out") == ["a.txt"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)
