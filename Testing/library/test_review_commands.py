"""The group `synthetic-ct review`: its arguments, and a study planned, read and reported from the command line."""

from __future__ import annotations

import json

import pytest
from review_scans import write_group

from SyntheticCTLib import cli
from SyntheticCTLib.jobs import JobDocument
from SyntheticCTLib.review.trials import reader_folder


def document(*arguments) -> JobDocument:
    """The job that a command line makes."""
    parsed = cli._parser().parse_args(["review", *map(str, arguments)])
    return parsed.make_job(parsed)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_plan(here):
    job = document("plan", "--real", "r", "--synthetic", "s", "-o", "study", "--cases", 40, "--seed", 3)
    assert job.kind == "review.plan"
    assert job.parameters == {
        "real": str(here / "r"),
        "synthetic": str(here / "s"),
        "output": str(here / "study"),
        "key": None,
        "cases": 40,
        "seed": 3,
        "mode": "rate",
        "practice": 0,
        "spacing": None,
        "windows": None,
    }
    places = ["--real", "r", "--synthetic", "s", "-o", "study", "--key", "k.json"]
    more = ["--mode", "pairs", "--practice", 4, "--spacing", 1, 1, "2.5", "--window", "bone", "lung"]
    job = document("plan", *places, "--cases", 8, *more)
    assert job.parameters["key"] == str(here / "k.json") and job.parameters["windows"] == ["bone", "lung"]
    assert (job.parameters["mode"], job.parameters["practice"], job.parameters["spacing"]) == ("pairs", 4, [1, 1, 2.5])


def test_simulate_and_report(here):
    skill = ["--accuracy", "0.7", "--bias", "-0.1"]
    job = document("simulate", "study", "--key", "k", "--readers", 3, *skill, "--seed", 5)
    assert job.kind == "review.simulate"
    assert job.parameters == {
        "folder": str(here / "study"),
        "key": str(here / "k"),
        "readers": 3,
        "accuracy": 0.7,
        "bias": -0.1,
        "seed": 5,
    }
    some = ["--without", "A", "--without", "B", "--receipt", "Zoë=1=ab-cd", "--cull-share", 1, "--cull-realism", 3]
    job = document("report", "study", "--key", "k", *some, "--unblind", "--overwrite")
    assert job.kind == "review.report"
    assert job.parameters == {
        "folder": str(here / "study"),
        "key": str(here / "k"),
        "output": None,
        "without": ["A", "B"],
        "receipts": {"Zoë=1": "ab-cd"},
        "machine": None,
        "cull_share": 1.0,
        "cull_realism": 3.0,
        "seed": 0,
        "unblind": True,
        "overwrite": True,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        ["report", "study", "--key", "k", "--receipt", "abc"],
        ["report", "study", "--key", "k", "--cull-share", "most"],
        ["report", "study"],
        ["plan", "--real", "r", "--synthetic", "s", "-o", "o", "--cases", "8", "--window", "brain"],
        ["plan", "--real", "r", "--synthetic", "s", "-o", "o", "--cases", "8", "--overwrite"],
        ["plan", "--real", "r", "--synthetic", "s", "-o", "o", "--cases", "8", "--spacing", "1", "1", "0"],
    ],
)
def test_wrong_usage_is_told(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        cli._parser().parse_args(["review", *wrong])
    assert ended.value.code == 2 and capsys.readouterr().err


def test_a_study_is_planned_read_and_reported(here, capsys):
    write_group(here / "r", "real", 5)
    write_group(here / "s", "synthetic", 5)
    assert cli.main(["review", "plan", "--real", "r", "--synthetic", "s", "-o", "study", "--cases", "10"]) == 0
    assert "leaks      none found" in capsys.readouterr().out
    read = ["study", "--key", "study.key.json"]
    assert cli.main(["review", "simulate", *read, "--accuracy", "0.8"]) == 0
    assert "receipt" in capsys.readouterr().out
    assert cli.main(["review", "report", *read, "-o", "report"]) == 0
    assert "synthetic recognised" in capsys.readouterr().out
    numbers = json.loads((here / "report" / "results.json").read_text(encoding="utf-8"))
    assert len(numbers["readers"]) == 2
    file = here / "study" / "readings" / reader_folder("simulated 1") / "answers.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"confidence": 1', b'"confidence": 5').replace(b": 2,", b": 3,"))
    assert cli.main(["review", "report", *read, "-o", "again"]) == 2
    assert "tampered" in capsys.readouterr().err and not (here / "again").exists()
