"""Answers that were edited, refused or lost, and who may read in a study's folder."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat

import pytest
from review_studies import answer_to, answers_file, lose, numbers, read_all, write_study

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.review.reading import Reading
from SyntheticCTLib.review.simulated import Skill, read
from SyntheticCTLib.review.store import Store
from SyntheticCTLib.review.study import open_study


@pytest.fixture
def study(tmp_path):
    return open_study(write_study(tmp_path / "study"))


@pytest.fixture
def spare(tmp_path):
    return tmp_path / "spare"


def rewritten(line, **changed):
    """A line of the answers with other content; text in the place of a value goes in as it is."""
    fields = {name: json.dumps(value) for name, value in json.loads(line).items()}
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in {**fields, **changed}.items()) + "}\n").encode()


@pytest.mark.parametrize(
    "changed",
    [
        {"seconds": "NaN"},
        {"seconds": "Infinity"},
        {"seconds": "1e400"},
        {"seconds": "1" + "0" * 400},
        {"at": "NaN"},
        {"artefacts": '[{"kind": "smear", "position": [1' + "0" * 400 + ', 0, 0], "case": "a"}]'},
        {"extra": "[" * 100_000 + "]" * 100_000},
        {"number": "[1]"},
    ],
    ids=lambda changed: f"{next(iter(changed))} {next(iter(changed.values()))[:10]}",
)
def test_lines_that_no_program_writes_are_told_as_tampering(study, spare, changed):
    read_all(study, spare)
    file = answers_file(study)
    lines = file.read_bytes().splitlines(keepends=True)
    lines[1] = rewritten(lines[1], **changed)
    file.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match="line 2: .*tampered with"):
        Reading.open(study, "A", spare)


def test_lines_taken_from_the_end_change_the_receipt_and_nothing_else(study, spare):
    receipt = read_all(study, spare)
    file = answers_file(study)
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-2]))
    with Reading.open(study, "A", spare) as reading:
        assert reading.first_open() == 4 and reading.receipt != receipt


def test_people_and_simulated_readers_never_read_in_one_folder(study, spare, tmp_path):
    groups = {case: ("real", "synthetic")[number % 2] for number, case in enumerate(study.cases)}
    copy = open_study(shutil.copytree(study.folder, tmp_path / "trial"))
    read(copy, groups, "simulated 1", Skill(0.8), (1, 1), spare)
    about = json.loads((answers_file(copy, "simulated 1").parent / "reader.json").read_text(encoding="utf-8"))
    assert about == {"reader": "simulated 1", "simulated": True}
    for code in ("A", "simulated 1"):
        with pytest.raises(InputError, match="'simulated 1', who knows the key, has read here"):
            Reading.open(copy, code, spare)
    read_all(study, spare)
    with pytest.raises(InputError, match="'A' reads here.*Simulate on a copy"):
        read(study, groups, "simulated 1", Skill(0.8), (1, 1), spare)
    assert len(list(study.readings.iterdir())) == len(list(copy.readings.iterdir())) == 1


def test_a_simulated_reader_whose_answers_do_not_arrive_is_an_error(study, spare, monkeypatch):
    monkeypatch.setattr(Store, "_write_waiting", refuse)
    with pytest.raises(InputError, match="6 answers of 'simulated 1' could not be written"):
        read(study, dict.fromkeys(study.cases, "real"), "simulated 1", Skill(0.8), (1, 1), spare)


def refuse(*_):
    raise OSError(errno.EIO, "Input/output error")


def test_an_answer_that_is_refused_after_it_was_written_does_not_stay(study, spare, monkeypatch):
    with Reading.open(study, "A", spare) as reading:
        reading.save(0, answer_to(reading.trials[0]))
        spare.write_text("a file where the folder would be", encoding="utf-8")
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", refuse)
            with pytest.raises(InputError, match="kept nowhere"):
                reading.save(1, answer_to(reading.trials[1]))
        assert reading.waiting == 0 and reading.first_open() == 1
        assert reading.save(1, answer_to(reading.trials[1], "synthetic"))
    assert numbers(answers_file(study)) == [1, 2]


@pytest.mark.skipif(os.name != "posix", reason="locks are those of POSIX")
@pytest.mark.parametrize("number", [errno.EACCES, errno.EAGAIN])
def test_a_lock_that_is_taken_is_told_whatever_the_share_calls_it(study, spare, monkeypatch, number):
    def taken(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", taken)
    with pytest.raises(InputError, match="being read by 'A' elsewhere"):
        Reading.open(study, "A", spare)


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_a_copy_without_the_folder_of_readings_gets_it_open_for_all(study, spare):
    assert not study.readings.exists()
    Reading.open(study, "A", spare).close()
    assert stat.S_IMODE(study.readings.stat().st_mode) == 0o1777
    gone = lose(study)
    with pytest.raises(InputError, match="cannot be written there"):
        Reading.open(study, "A", spare)
    assert not study.folder.exists() and gone.is_dir()


def test_no_answer_is_kept_after_the_key_was_applied(study, spare):
    reading = Reading.open(study, "A", spare)
    reading.save(0, answer_to(reading.trials[0]))
    (study.folder / "SYNTHETIC.txt").touch()
    with pytest.raises(InputError, match="nobody reads it blinded"):
        reading.save(1, answer_to(reading.trials[1]))
    reading.close()
    assert numbers(answers_file(study)) == [1]
