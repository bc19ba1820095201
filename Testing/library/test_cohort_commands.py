"""The group `synthetic-ct cohort`: its arguments, and a set of phantoms that is made and planned with."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cohort_tables import DEFAULTS, write_scan, write_table

from SyntheticCTLib import cli
from SyntheticCTLib.cohort.planning import read_plan
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import read_ct, read_layers
from SyntheticCTLib.jobs import JobDocument, run_here

LIBRARY = Path(cli.__file__).parents[1]


def document(*arguments) -> JobDocument:
    """The job that a command line makes."""
    parsed = cli._parser().parse_args(["cohort", *map(str, arguments)])
    return parsed.make_job(parsed)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- arguments


def test_phantoms(here):
    job = document("phantoms", "-n", 3, "-o", "p", "--lesions", 2, "--region", "chest", "--spacing", 3, "3.5", 4)
    assert job.kind == "cohort.phantoms"
    assert job.parameters == {
        "count": 3,
        "seed": 0,
        "lesions": 2,
        "region": "chest",
        "spacing_mm": [3.0, 3.5, 4.0],
        "output": str(here / "p"),
        "overwrite": False,
    }
    assert document("phantoms", "-n", 3, "-o", "p").parameters["spacing_mm"] is None


def test_plan(here):
    job = document("plan", "s.csv", "-o", "plan.json", "--count", 12, "--seed", 7)
    assert job.kind == "cohort.plan"
    assert job.parameters == {**DEFAULTS, "subjects": str(here / "s.csv"), "output": str(here / "plan.json")}
    shares = ["--subject-share", "0.5", "--edge-share", "0.25", "--t-min", "0.5", "--exclude-edges", "e.csv"]
    whole = ["--per-edge", 2, "--per-source", 9, "--redraws", 0, "--grid", "fit", "--backend", "simpleitk"]
    common = ["--spacing", "1.5", "1.5", 3, "--size", 256, 200, 96, "--allow-face", "--overwrite"]
    job = document("plan", "s.csv", "-o", "p.json", "-n", 100_000, *shares, *whole, *common)
    assert job.parameters == {
        "subjects": str(here / "s.csv"),
        "output": str(here / "p.json"),
        "count": 100_000,
        "seed": 0,
        "subject_share": 0.5,
        "edge_share": 0.25,
        "per_edge": 2,
        "per_source": 9,
        "t_min": 0.5,
        "redraws": 0,
        "grid": "fit",
        "spacing": [1.5, 1.5, 3.0],
        "size": [256, 200, 96],
        "backend": "simpleitk",
        "exclude_edges": str(here / "e.csv"),
        "guided": False,
        "allow_face": True,
        "lesions": None,
        "overwrite": True,
    }


def test_run(here):
    job = document("run", "plan.json", "-o", "set")
    assert job.kind == "cohort.run"
    plain = {"plan": str(here / "plan.json"), "output": str(here / "set"), "workers": None, "scheduler": None}
    plain["slurm"] = None
    assert job.parameters == plain
    assert document("run", "plan.json", "-o", "set", "--workers", 4).parameters == {**plain, "workers": 4}
    address = "tcp://node1:8786"
    job = document("run", "plan.json", "-o", "set", "--scheduler", address)
    assert job.parameters == {**plain, "scheduler": address}
    job = document("run", "plan.json", "-o", "set", "--slurm", "slurm.toml", "--workers", 64)
    assert job.parameters == {**plain, "slurm": str(here / "slurm.toml"), "workers": 64}
    job = document("slurm", "slurm.toml")
    assert (job.kind, job.parameters) == ("cohort.slurm", {"slurm": str(here / "slurm.toml")})


def test_export(here):
    job = document("export", "set", "-o", "msd", "--format", "msd")
    assert job.kind == "cohort.export"
    assert job.parameters == {
        "folder": str(here / "set"),
        "format": "msd",
        "output": str(here / "msd"),
        "min_distance": None,
        "exclude": None,
        "overwrite": False,
    }
    more = document("export", "set", "-o", "d", "--format", "dicom", "--min-distance", "0.2", "--exclude", "r.csv")
    assert (more.parameters["min_distance"], more.parameters["exclude"]) == (0.2, str(here / "r.csv"))


def test_report(here):
    job = document("report", "set")
    assert job.kind == "cohort.report"
    assert job.parameters == {
        "folder": str(here / "set"),
        "output": str(here / "set" / "private" / "report.html"),
        "attacked": 20,
        "seed": 0,
        "overwrite": False,
    }
    job = document("report", "set", "-o", "r.html", "--attacked", 5, "--seed", 3)
    assert (job.parameters["output"], job.parameters["attacked"]) == (str(here / "r.html"), 5)


@pytest.mark.parametrize(
    "arguments",
    [
        ["phantoms", "-n", "0", "-o", "p"],
        ["phantoms", "-n", "2", "-o", "p", "--spacing", "1", "1", "nan"],
        ["phantoms", "-n", "2", "-o", "p", "--region", "head"],
        ["plan", "s.csv", "-o", "p.json"],
        ["plan", "s.csv", "-o", "p.json", "-n", "many"],
        ["plan", "s.csv", "-o", "p.json", "-n", "5", "--t-min", "0.6"],
        ["plan", "s.csv", "-o", "p.json", "-n", "5", "--t-min", "0"],
        ["plan", "s.csv", "-o", "p.json", "-n", "5", "--edge-share", "1.1"],
        ["plan", "s.csv", "-o", "p.json", "-n", "5", "--subject-share", "half"],
        ["plan", "s.csv", "-o", "p.json", "-n", "5", "--per-edge", "0"],
        ["run", "p.json", "-o", "d", "--workers", "2", "--scheduler", "tcp://a:1"],
        ["run", "p.json", "-o", "d", "--scheduler", "here"],
        ["run", "p.json"],
        ["export", "d", "-o", "e"],
        ["export", "d", "-o", "e", "--format", "bids"],
        ["export", "d", "-o", "e", "--format", "msd", "--min-distance", "2"],
        ["report", "d", "--attacked", "0"],
    ],
)
def test_arguments_of_no_meaning_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["cohort", *arguments])
    assert ended.value.code == 2
    assert "usage: synthetic-ct cohort" in capsys.readouterr().err


# --- summaries of the jobs whose work other tests look at


def told(capsys, result: dict, *arguments) -> str:
    """What a command prints when its job has this result."""
    cli._parser().parse_args(["cohort", *arguments]).summarize(result)
    return capsys.readouterr().out


def test_a_run_tells_what_failed_and_why(capsys):
    result = {"made": 7, "total": 10, "rejected": 1, "failed": 2, "reasons": {"no scan": 2}, "folder": "/d"}
    text = told(capsys, {**result, "files": ["README.md"]}, "run", "p.json", "-o", "d")
    assert "made       7 of 10" in text and "2: no scan" in text and "README.md" in text and "private/" in text


def test_an_export_tells_what_was_left_out(capsys):
    spread = {"smallest": 0.1, "median": 0.2, "largest": 0.3}
    result = {"exported": 3, "format": "msd", "culled": 1, "near": 1, "too_near": ["synthct_0004"], "folder": "/e"}
    text = told(capsys, {**result, "distances": spread}, "export", "d", "-o", "e", "--format", "msd")
    assert "1 culled by the reviewer, 1 too near" in text and "synthct_0004" in text and "median 0.2000" in text


def test_a_report_tells_each_attack_with_its_interval_or_why_there_is_no_number(capsys):
    number = {"value": 0.5, "low": 0.2, "high": 0.8, "chance": 0.25, "n": 8}
    attacks = {"found_first": number, "found_averaged": {"4": number}, "membership": {"reason": "n = 0 held out"}}
    attacks["found_by_grid"] = {**number, "value": 0.75}
    result = {"file": "/r.html", "attacked": 8, "nearer_than_strangers": number, "leaks": 0, **attacks}
    text = told(capsys, result, "report", "d")
    assert re.search(r"by its voxel grid alone +0\.75 \(0\.20 to", text)
    assert "0.50 (0.20 to 0.80; chance 0.25; n = 8)" in text and "not measurable here: n = 0 held out" in text


# --- phantoms, and a plan with them


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory) -> Path:
    """A folder with three small phantoms, made as a user makes them."""
    folder = tmp_path_factory.mktemp("phantoms") / "set"
    coarse = ["--region", "chest", "--spacing", "9", "9", "9", "--lesions", "3", "--seed", "4"]
    run_here(document("phantoms", "-n", "3", "-o", folder, *coarse))
    return folder


def test_a_set_of_phantoms_is_a_table_of_scans_labels_and_records(phantoms):
    with (phantoms / "subjects.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == ["phantom-004", "phantom-005", "phantom-006"]
    for row in rows:
        image = read_ct(phantoms / row["image"]).image
        assert row["region"] == "chest" and (phantoms / row["metadata"]).is_file()
        organs, lesions = read_layers([phantoms / entry.split("=")[1] for entry in row["labels"].split(";")], image)
        assert "liver" in organs.names.values()
        assert set(lesions.names.values()) <= {"lung nodule", "liver lesion"}  # kinds, without numbers


def test_phantoms_are_planned_with_as_they_are(phantoms, tmp_path):
    result = run_here(document("plan", phantoms / "subjects.csv", "-o", tmp_path / "plan.json", "-n", "9"))
    found = read_plan(tmp_path / "plan.json")
    assert result["outputs"] == len(found.outputs) == 9
    assert "heart" in found.label_names and found.label_names[-1] in ("lung nodule", "liver lesion")


def test_phantoms_that_exist_are_not_written_over(phantoms):
    with pytest.raises(InputError, match="--overwrite"):
        run_here(document("phantoms", "-n", "1", "-o", phantoms))


# --- as a process


def synthetic_ct(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "SyntheticCTLib", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_a_plan_from_the_shell_says_what_it_holds_and_faults_end_with_exit_code_2(tmp_path):
    rows = [write_scan(tmp_path, name, seed) for seed, name in enumerate(("anna", "bert"))]
    table = write_table(tmp_path / "subjects.csv", rows)
    done = synthetic_ct("cohort", "plan", table, "-o", tmp_path / "plan.json", "--count", 5)
    assert done.returncode == 0, done.stderr
    assert "outputs    5, 2 to 3 from each source" in done.stdout
    assert "chest: 5 of 2 pairs of 2 subjects" in done.stdout
    assert "do not publish" in done.stdout
    rows[0]["image"], rows[1]["labels"] = "gone.nii", "gone.nrrd"
    done = synthetic_ct("cohort", "plan", write_table(table, rows), "-o", tmp_path / "other.json", "--count", 5)
    assert done.returncode == 2
    assert "gone.nii" in done.stderr and "gone.nrrd" in done.stderr
    assert not (tmp_path / "other.json").exists()
