"""The command line: arguments, messages, exit codes, Ctrl-C at any moment, what importing costs."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_rooms import make_library

import SyntheticCTLib
from SyntheticCTLib import cli
from SyntheticCTLib.jobs.terminal import Bar, PlainLines, bar_line

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal of POSIX")
LIBRARY = Path(SyntheticCTLib.__file__).parents[1]

FAKE_JOBS = """
import json, os, subprocess, sys, time
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.jobs import job_kind

@job_kind("morph.register")
def register(parameters, context):
    name = os.path.basename(parameters["source"])
    if name == "bad.nii":
        raise InputError("bad.nii is cut short.")
    if name == "bug.nii":
        raise ZeroDivisionError("division by zero")
    return {"file": parameters["output"], "parameters": parameters,
            "threads": os.environ.get("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")}

@job_kind("morph.morph")
def morph(parameters, context):
    if os.path.basename(parameters["source"]) == "slow.nii":
        return slow(parameters, context)
    context.report("registering")
    context.note("clamped")
    context.report("warping", 0.5)
    verdict = "reject" if "99" in parameters["percents"] else "warn"
    with context.staging(parameters["output"], parameters["overwrite"]) as folder:
        (folder / "morph_050.nii.gz").write_text("x")
    withheld = parameters["strict"] and verdict == "reject"
    morphs = [{"name": "morph_050", "verdict": verdict, "reasons": ["It is rather stretched."],
               "files": [] if withheld else ["morph_050.nii.gz"]}]
    return {"folder": parameters["output"], "morphs": morphs, "parameters": parameters,
            "strictly_rejected": ["morph_050"] if withheld else []}

def slow(parameters, context):
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", parameters["output"]])
    with context.staging(parameters["output"], parameters["overwrite"]) as folder:
        context.report("started")
        for number in range(40):
            (folder / f"{number}.txt").write_text("x")
            time.sleep(0.01)
    helper.kill()
    return {"folder": parameters["output"], "morphs": [], "strictly_rejected": []}
"""


@pytest.fixture
def library(tmp_path):
    return make_library(tmp_path / "library", morph=FAKE_JOBS)


@pytest.fixture
def temporary_folder(tmp_path):
    folder = tmp_path / "system temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def command(library, temporary_folder, tmp_path):
    """Runs the command line on the fake room: command("register", "a.nii", ...)."""
    environment = {**os.environ, "PYTHONPATH": str(library), "TMPDIR": str(temporary_folder)}

    def run(*arguments, start=False, **more):
        line = [sys.executable, "-m", "SyntheticCTLib", *map(str, arguments)]
        options = {"env": environment, "cwd": tmp_path, "text": True, **more}
        if start:
            return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        return subprocess.run(line, capture_output=True, timeout=60, **options)

    return run


def parse(*arguments):
    """The document that a command line makes."""
    parsed = cli._parser().parse_args([*map(str, arguments)])
    return parsed.make_job(parsed)


# --- arguments


def test_relative_names_reach_the_job_as_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parameters = parse("morph", "ä b.nii", "b.nii", "-o", "out", "--percent", "50", "--labels", "l.nii").parameters
    assert parameters["source"] == str(tmp_path / "ä b.nii")
    assert parameters["output"] == str(tmp_path / "out")
    assert parameters["labels"] == [{"name": None, "file": str(tmp_path / "l.nii")}]


def test_a_label_map_may_be_given_a_name_unless_the_file_itself_is_called_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd=file.nii").write_text("", encoding="utf-8")
    more = ["--percent", "50", "--labels", "lobes=l.nii", "odd=file.nii"]
    parameters = parse("morph", "a.nii", "b.nii", "-o", "out", *more).parameters
    assert parameters["labels"] == [
        {"name": "lobes", "file": str(tmp_path / "l.nii")},
        {"name": None, "file": str(tmp_path / "odd=file.nii")},
    ]


def test_percentages_reach_the_job_exactly():
    parameters = parse("morph", "a", "b", "-o", "out", "--percent", "12.5", "0", "100").parameters
    assert parameters["percents"] == ["12.5", "0", "100"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--percent", "150"], "'150'"),
        (["--percent", "-5"], "'-5'"),
        (["--percent", "50", "50.0"], "twice"),
        (["--percent", "50", "--path", "p.nrrd", "--seed", "3"], "--seed"),
        (["--percent", "50", "--metadata-rules", "r.json"], "--metadata"),
    ],
)
def test_arguments_that_make_no_sense_end_with_2_and_a_sentence(capsys, arguments, words):
    assert cli.main(["morph", "a.nii", "b.nii", "-o", "out", *arguments]) == 2
    captured = capsys.readouterr()
    assert words in captured.err and captured.err.startswith("synthetic-ct: ")
    assert captured.out == ""


@pytest.mark.parametrize(
    "arguments", [[], ["morph"], ["morph", "a", "b", "-o", "x"], ["phantom", "-o", "x", "--seed", "-1"]]
)
def test_a_wrong_usage_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_help_tells_the_exit_codes_and_what_strict_does(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["morph", "--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in ("130 cancelled", "only its private report", "not for diagnosis"):
        assert words in text


# --- running


def test_a_morph_ends_with_0_and_a_summary(command, tmp_path, temporary_folder):
    done = command("morph", "a.nii", "b.nii", "-o", "out", "--percent", "50")
    assert done.returncode == 0
    assert "morph_050    warn    morph_050.nii.gz" in done.stdout
    assert "It is rather stretched." in done.stdout
    assert [line.split("  ")[-1] for line in done.stderr.splitlines()] == [
        "registering",
        "note: clamped",
        "warping",
    ]
    assert os.listdir(tmp_path / "out") == ["morph_050.nii.gz"]
    assert os.listdir(temporary_folder) == []


def test_json_is_a_stream_of_events_that_ends_with_the_result(command):
    done = command("morph", "a.nii", "b.nii", "-o", "out", "--percent", "50", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["stage", "note", "stage", "result"]
    assert events[-1]["result"]["morphs"][0]["verdict"] == "warn"
    assert done.stderr == ""


def test_strict_ends_with_3_only_when_something_is_rejected(command):
    strict = ["morph", "a.nii", "b.nii", "--strict", "--percent"]
    assert command(*strict, "50", "-o", "fine").returncode == 0
    done = command(*strict, "99", "-o", "bad")
    assert done.returncode == 3
    assert "not delivered" in done.stdout


def test_bad_input_found_by_the_job_ends_with_2_and_its_sentence(command):
    done = command("register", "bad.nii", "b.nii", "-o", "p.nrrd")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "synthetic-ct: bad.nii is cut short.\n")


def test_an_error_in_json_mode_is_an_event(command):
    done = command("register", "bad.nii", "b.nii", "-o", "p.nrrd", "--json")
    assert done.returncode == 2
    (event,) = map(json.loads, done.stdout.splitlines())
    assert event["event"] == "error" and event["message"] == "bad.nii is cut short."


def test_an_unexpected_error_ends_with_1_in_a_sentence_that_names_the_log(command, temporary_folder):
    done = command("register", "bug.nii", "b.nii", "-o", "p.nrrd")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr
    (log,) = temporary_folder.iterdir()
    assert str(log) in done.stderr
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_name_that_exists_is_refused_without_overwrite(command, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "morph_050.nii.gz").write_text("old", encoding="utf-8")
    line = ["morph", "a.nii", "b.nii", "-o", "out", "--percent", "50"]
    done = command(*line)
    assert done.returncode == 2 and "--overwrite" in done.stderr
    assert (tmp_path / "out" / "morph_050.nii.gz").read_text(encoding="utf-8") == "old"
    assert command(*line, "--overwrite").returncode == 0


def test_a_repeatable_run_has_one_thread(command):
    line = ["register", "a.nii", "b.nii", "-o", "p.nrrd", "--json"]
    result = json.loads(command(*line, "--repeatable").stdout.splitlines()[-1])["result"]
    assert result["threads"] == "1"
    assert json.loads(command(*line).stdout.splitlines()[-1])["result"]["threads"] is None


def test_a_reader_that_goes_away_ends_the_job_quietly(command, tmp_path):
    process = command("morph", "slow.nii", "b.nii", "-o", "out", "--percent", "50", "--json", start=True)
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=20) == 1
    process.stderr.close()
    assert not (tmp_path / "out").exists()


# --- Ctrl-C


def processes_with(words):
    """Command lines of running processes that contain the words."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if words in line and str(folder.name) != str(os.getpid()):
            found.append(line)
    return found


def assert_nothing_remains(tmp_path, temporary_folder):
    deadline = time.monotonic() + 5
    while (remaining := processes_with(str(tmp_path))) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert remaining == []
    assert os.listdir(temporary_folder) == []
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


@posix_only
@pytest.mark.parametrize("moment", range(12))
def test_ctrl_c_at_any_moment_leaves_all_or_nothing(command, tmp_path, temporary_folder, moment):
    # From the interpreter's start to beyond the job's end; the folder exists in half of the cases.
    exists, delay = moment % 2 == 0, random.Random(moment).uniform(0.0, 1.2)
    if exists:
        (tmp_path / "out").mkdir()
    process = command("morph", "slow.nii", "b.nii", "-o", tmp_path / "out", "--percent", "50", start=True)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    # Before our first line and after our last one Python itself ends, by the signal.
    assert process.returncode in (0, 130, 1, -signal.SIGINT), errors
    delivered = os.listdir(tmp_path / "out") if (tmp_path / "out").exists() else []
    assert len(delivered) in {0: [40], 130: [0], 1: [0]}.get(process.returncode, [0, 40])
    assert (tmp_path / "out").exists() == (exists or delivered != [])
    assert_nothing_remains(tmp_path, temporary_folder)


@posix_only
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_started_job_is_cancelled_with_130_and_a_word(command, tmp_path, temporary_folder, number):
    process = command("morph", "slow.nii", "b.nii", "-o", tmp_path / "out", "--percent", "50", start=True)
    assert "started" in process.stderr.readline()
    begin = time.monotonic()
    process.send_signal(getattr(signal, number))
    output, errors = process.communicate(timeout=20)
    assert time.monotonic() - begin < 2
    assert (process.returncode, output) == (130, "")
    assert errors == "synthetic-ct: Cancelled; nothing was left behind.\n"
    assert not (tmp_path / "out").exists()
    assert_nothing_remains(tmp_path, temporary_folder)


@posix_only
def test_a_command_line_that_is_killed_leaves_nothing(command, tmp_path, temporary_folder):
    process = command("morph", "slow.nii", "b.nii", "-o", tmp_path / "out", "--percent", "50", start=True)
    assert "started" in process.stderr.readline()
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 5
    while os.listdir(temporary_folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not (tmp_path / "out").exists()
    assert_nothing_remains(tmp_path, temporary_folder)


# --- what is shown


def test_bar_and_remaining_time_are_drawn_only_where_they_are_measured():
    assert bar_line({"stage": "registering", "elapsed": 65.2}) == "1:05  registering"
    line = bar_line({"stage": "warping", "elapsed": 5, "done": 0.5, "remaining": 61})
    assert line == "0:05  warping  [##########..........]  50%  1:01 left"


def test_a_log_file_hears_once_a_minute_how_much_of_a_long_stage_is_done():
    stream = io.StringIO()
    lines = PlainLines(stream)
    for elapsed in (5.0, 40.0, 64.0, 65.0, 66.0, 124.0, 126.0):
        lines.show({"event": "stage", "stage": "undoing", "elapsed": elapsed, "done": elapsed / 200})
    lines.show({"event": "stage", "stage": "writing", "elapsed": 130.0})
    lines.show({"event": "stage", "stage": "writing", "elapsed": 500.0})
    assert stream.getvalue().splitlines() == [
        "    5.0 s  undoing",
        "   65.0 s  undoing, 32%",
        "  126.0 s  undoing, 63%",
        "  130.0 s  writing",
    ]


def test_the_clock_goes_on_through_a_stage_that_reports_nothing():
    now, screen = [0.0], io.StringIO()
    bar = Bar(screen, clock=lambda: now[0])
    bar.tick()
    bar.show({"event": "stage", "stage": "registering", "elapsed": 58.0})
    for now[0] in (0.5, 1.0, 1.5, 2.0):
        bar.tick()
    assert screen.getvalue().split("\r\x1b[K")[1:] == [f"{t}  registering" for t in ("0:58", "0:59", "1:00")]


def test_a_note_stands_above_the_line():
    screen = io.StringIO()
    Bar(screen).show({"event": "note", "text": "clamped"})
    assert screen.getvalue() == "\r\x1b[Knote: clamped\n"


# --- importing


def test_importing_the_library_is_fast_and_loads_nothing_heavy():
    program = (
        "import sys, time; begin = time.perf_counter(); import SyntheticCTLib\n"
        "seconds = time.perf_counter() - begin\n"
        "heavy = {'ants', 'torch', 'scipy', 'matplotlib', 'dask', 'vtk', 'numpy', 'SimpleITK'}\n"
        "print(seconds, *(heavy & set(sys.modules)))"
    )
    times = []
    for _ in range(3):
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=LIBRARY, check=True)
        seconds, *loaded = run.stdout.split()
        assert loaded == []
        times.append(float(seconds))
    assert min(times) < 0.2


def test_the_command_line_starts_without_anything_heavy():
    program = "import sys, SyntheticCTLib.cli; print(*({'numpy', 'SimpleITK', 'scipy', 'ants'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=LIBRARY, check=True)
    assert run.stdout.split() == []


def test_an_unknown_name_of_the_library_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = SyntheticCTLib.no_such_name
    assert {"read_ct", "register", "morph_ct"} <= set(dir(SyntheticCTLib))
