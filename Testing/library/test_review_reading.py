"""A reader's way through a study: nothing is lost, doubled or changed unseen, whatever happens to the disk."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from review_studies import answer_to, answers_file, lose, numbers, read_all, ticking, write_study

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.review.answers import Answer, Artefact
from SyntheticCTLib.review.reading import Reading
from SyntheticCTLib.review.study import STUDY_VERSION, open_study
from SyntheticCTLib.review.trials import reader_folder, trials_of


@pytest.fixture
def study(tmp_path):
    return open_study(write_study(tmp_path / "study"))


@pytest.fixture
def spare(tmp_path):
    return tmp_path / "spare"


# --- the study


def test_a_folder_that_is_no_study_or_is_damaged_is_refused(tmp_path, study):
    with pytest.raises(InputError, match="no reading study"):
        open_study(tmp_path)
    study.image_file(study.cases[2]).write_bytes(b"another")
    study.check(study.cases[0])
    with pytest.raises(InputError, match="not the one that was planned"):
        study.check(study.cases[2])
    study.image_file(study.cases[1]).unlink()
    with pytest.raises(InputError, match="1 of its 6 cases are missing"):
        open_study(study.folder)
    (study.folder / "study.json").write_text(
        json.dumps({"study": "SyntheticCT reading study", "version": STUDY_VERSION}),
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="damaged"):
        open_study(study.folder)


def test_a_study_cannot_point_out_of_its_folder(study):
    file = study.folder / "study.json"
    text = json.loads(file.read_text(encoding="utf-8"))
    text["cases"][0]["id"] = "../../abcd"
    file.write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(InputError, match="damaged"):
        open_study(study.folder)


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_a_reader_alone_can_change_his_answers_and_all_can_read_them(study, spare, umask):
    before = os.umask(umask)
    try:
        read_all(study, spare)
    finally:
        os.umask(before)
    folder = answers_file(study).parent
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (folder, *folder.iterdir())}
    assert modes.pop(folder.name) == 0o755 and modes["answers.jsonl"] == modes["reader.json"] == 0o644


# --- order


def test_each_reader_has_an_order_of_his_own_that_stays(study):
    orders = [[trial.cases for trial in trials_of(study, code)] for code in ("A", "B", "A")]
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(study.trials)
    assert [trial.number for trial in trials_of(study, "A")] == [1, 2, 3, 4, 5, 6]


def test_practice_comes_first_and_alone_tells_the_truth(tmp_path, spare):
    study = open_study(write_study(tmp_path / "s", practice=2))
    with Reading.open(study, "A", spare) as reading:
        assert [trial.practice for trial in reading.trials] == [True, True, False, False, False, False]
        assert [trial.truth for trial in reading.trials] == ["synthetic"] * 2 + [None] * 4
        reading.save(0, answer_to(reading.trials[0]))
        assert reading.progress == (0, 4) and reading.first_open() == 1


def test_sides_of_pairs_are_the_studys_or_all_mirrored(tmp_path):
    study = open_study(write_study(tmp_path / "s", cases=40, mode="pairs"))
    shown = {code: {trial.cases for trial in trials_of(study, code)} for code in "ABCDEFGH"}
    mirrored = {trial[::-1] for trial in study.trials}
    assert {frozenset(one) for one in shown.values()} == {frozenset(study.trials), frozenset(mirrored)}


# --- answers


@pytest.mark.parametrize(
    "wrong",
    [
        {"call": "fake"},
        {"confidence": 0},
        {"confidence": True},
        {"realism": 6},
        {"realism": (3, 3)},
        {"comment": "x" * 5000},
        {"seconds": float("nan")},
        {"artefacts": ("smear",)},
    ],
)
def test_what_is_no_answer_is_refused(wrong):
    with pytest.raises(InputError):
        Answer(**{"call": "real", "confidence": 3, "realism": 3, **wrong})


def test_pairs_need_a_side_and_two_grades(tmp_path, spare):
    study = open_study(write_study(tmp_path / "s", mode="pairs"))
    with pytest.raises(InputError, match="one grade for each"):
        Answer("left", 3, 3)
    with Reading.open(study, "A", spare) as reading:
        with pytest.raises(InputError, match="left and right"):
            reading.save(0, Answer("real", 3, 3))
        assert reading.save(0, answer_to(reading.trials[0], "right"))
        assert reading.answer(0).realism == (4, 2)


def test_an_artefact_of_another_case_or_kind_is_refused(study, spare):
    with Reading.open(study, "A", spare) as reading:
        other = reading.trials[1].cases[0]
        for mark in (Artefact("smear", (0, 0, 0), other), Artefact("ghost", (0, 0, 0), reading.trials[0].cases[0])):
            with pytest.raises(InputError, match="cannot be kept"):
                reading.save(0, answer_to(reading.trials[0], artefacts=(mark,)))
        assert reading.first_open() == 0


def test_a_reading_goes_on_where_it_was_and_keeps_its_history(study, spare):
    with Reading.open(study, "A", spare) as reading:
        first = answer_to(reading.trials[0])
        reading.save(0, first)
        reading.save(1, answer_to(reading.trials[1]))
        changed = answer_to(reading.trials[0], "synthetic", comment="double rib")
        reading.save(0, changed)
    with Reading.open(open_study(study.folder), "A", spare) as reading:
        assert reading.first_open() == 2 and reading.progress == (2, 6)
        assert reading.history(0) == (first, changed) and reading.answer(0) == changed
        assert reading.history(5) == () and reading.answer(5) is None
    assert numbers(answers_file(study)) == [1, 2, 1]


def test_the_answer_is_on_disk_when_the_process_is_killed_right_after(study, spare):
    code = (
        "import os, sys; from review_studies import answer_to; from SyntheticCTLib.review.reading import Reading;"
        "from SyntheticCTLib.review.study import open_study;"
        "r = Reading.open(open_study(sys.argv[1]), 'A', sys.argv[2]); r.save(0, answer_to(r.trials[0]));"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(study.folder), str(spare)], env=_env())
    assert done.returncode == -9
    with Reading.open(study, "A", spare) as reading:
        assert reading.first_open() == 1


def _env():
    here = Path(__file__).resolve()
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parents[2]), str(here.parent)])}


# --- readers


def test_unicode_codes_are_one_however_they_are_typed(study, spare):
    composed, decomposed = unicodedata.normalize("NFC", "Zoë 読影"), unicodedata.normalize("NFD", "Zoë 読影")
    assert composed != decomposed
    with Reading.open(study, decomposed, spare) as reading:
        reading.save(0, answer_to(reading.trials[0]))
    with Reading.open(study, f"  {composed} ", spare) as reading:
        assert reading.first_open() == 1 and reading.code == composed
    (folder,) = study.readings.iterdir()
    assert json.loads((folder / "reader.json").read_text(encoding="utf-8"))["reader"] == composed
    assert folder.name.isascii()


@pytest.mark.parametrize(
    "typed", ["anna k", "ANNA  K", "Anna\u00a0K", "\uff21nna K", "An\u200bna K", "\ufeffAnna K", " Anna \u2003K "]
)
def test_codes_that_look_alike_are_one_reader(study, typed):
    assert reader_folder(typed) == reader_folder("Anna K") != reader_folder("AnnaK")
    assert trials_of(study, typed) == trials_of(study, "Anna K")


@pytest.mark.parametrize("code", ["", "  ", "\u200b", "\ufeff \u00a0", "x" * 65, "a\nb", "a\ud800"])
def test_codes_that_cannot_be_used_are_refused(study, spare, code):
    with pytest.raises(InputError, match="reader code"):
        Reading.open(study, code, spare)


def test_two_readers_read_at_once_but_not_under_one_code(study, spare):
    one, two = Reading.open(study, "A", spare), Reading.open(study, "B", spare)
    with pytest.raises(InputError, match="being read by 'A' elsewhere"):
        Reading.open(study, "A", spare)
    for index in range(6):
        assert one.save(index, answer_to(one.trials[index]))
        assert two.save(index, answer_to(two.trials[index], "synthetic"))
    one.close()
    two.close()
    assert numbers(answers_file(study, "A")) == numbers(answers_file(study, "B")) == [1, 2, 3, 4, 5, 6]
    assert one.receipt != two.receipt
    Reading.open(study, "A", spare).close()


# --- a lost share


def test_answers_wait_while_the_share_is_lost_and_are_written_in_order_when_it_is_back(study, spare):
    with Reading.open(study, "A", spare) as reading:
        assert reading.save(0, answer_to(reading.trials[0]))
        gone = lose(study)
        assert not reading.save(1, answer_to(reading.trials[1]))
        assert not reading.save(2, answer_to(reading.trials[2])) and not reading.flush()
        assert reading.waiting == 2 and reading.first_open() == 3
        assert len(list(spare.iterdir())) == 1
        gone.rename(study.folder)
        assert reading.save(3, answer_to(reading.trials[3]))
        assert reading.waiting == 0 and not list(spare.iterdir())
    assert numbers(answers_file(study)) == [1, 2, 3, 4]


def test_a_file_in_the_place_of_the_share_is_no_better(study, spare):
    with Reading.open(study, "A", spare) as reading:
        gone = lose(study)
        study.folder.write_text("not a folder", encoding="utf-8")
        assert not reading.save(0, answer_to(reading.trials[0]))
        study.folder.unlink()
        gone.rename(study.folder)
        assert reading.flush()
    assert numbers(answers_file(study)) == [1]


def test_answers_wait_over_a_restart(study, spare):
    reading = Reading.open(study, "A", spare)
    reading.save(0, answer_to(reading.trials[0]))
    gone = lose(study)
    reading.save(1, answer_to(reading.trials[1]))
    reading.save(0, answer_to(reading.trials[0], "synthetic"))
    reading.close()
    gone.rename(study.folder)
    with Reading.open(open_study(study.folder), "A", spare) as reading:
        assert reading.waiting == 0 and reading.first_open() == 2
        assert reading.answer(0).call == "synthetic" and len(reading.history(0)) == 2
    assert numbers(answers_file(study)) == [1, 2, 1]


def test_a_line_that_arrived_though_the_share_reported_an_error_is_not_doubled(study, spare):
    reading = Reading.open(study, "A", spare)
    gone = lose(study)
    reading.save(0, answer_to(reading.trials[0]))
    reading.save(1, answer_to(reading.trials[1]))
    gone.rename(study.folder)
    (waiting,) = spare.iterdir()
    first, second = waiting.read_bytes().splitlines(keepends=True)
    answers_file(study).write_bytes(first + second[:30])  # the second one arrived in part
    assert reading.flush()
    assert answers_file(study).read_bytes() == first + second
    waiting.write_bytes(first + second)  # as if the machine had stopped before the spare file was removed
    reading.close()
    with Reading.open(study, "A", spare) as reading:
        assert reading.waiting == 0 and [len(reading.history(index)) for index in range(3)] == [1, 1, 0]
    assert numbers(answers_file(study)) == [1, 2]


def test_with_no_place_left_the_answer_is_refused_and_not_counted(study, spare):
    spare.write_text("a file where the folder would be", encoding="utf-8")
    with Reading.open(study, "A", spare.with_name("elsewhere")) as other:
        other.save(0, answer_to(other.trials[0]))
    reading = Reading.open(study, "B", spare.parent / "later")
    (spare.parent / "later").write_text("a file", encoding="utf-8")
    gone = lose(study)
    with pytest.raises(InputError, match="kept nowhere"):
        reading.save(0, answer_to(reading.trials[0]))
    assert reading.waiting == 0 and reading.first_open() == 0
    gone.rename(study.folder)
    assert reading.save(0, answer_to(reading.trials[0]))
    reading.close()
    assert numbers(answers_file(study, "B")) == [1]


def test_answers_that_wait_for_a_reading_that_went_on_elsewhere_are_not_mixed_in(study, spare, tmp_path):
    reading = Reading.open(study, "A", spare)
    gone = lose(study)
    reading.save(0, answer_to(reading.trials[0]))
    reading.close()
    gone.rename(study.folder)
    with Reading.open(study, "A", tmp_path / "another machine") as other:
        other.save(0, answer_to(other.trials[0], "synthetic"))
    with pytest.raises(InputError, match="went on elsewhere"):
        Reading.open(study, "A", spare)
    assert len(list(spare.iterdir())) == 1


# --- crashes and tampering


def test_a_torn_last_line_is_put_aside_and_its_case_shown_again(study, spare):
    read_all(study, spare)
    file = answers_file(study)
    whole = file.read_bytes()
    for torn in (whole[:-1], whole[:-40], whole[: whole.rindex(b"{")] + b"\0" * 64 + b"\n"):
        file.write_bytes(torn)
        with Reading.open(study, "A", spare, ticking()) as reading:
            assert reading.first_open() == 5
            reading.save(5, answer_to(reading.trials[5]))
        assert numbers(file) == [1, 2, 3, 4, 5, 6]
    assert (file.parent / "answers.torn").read_bytes().count(b'"number": 6') == 3


def test_any_other_change_is_found_with_its_line(study, spare):
    read_all(study, spare)
    file = answers_file(study)
    lines = file.read_bytes().splitlines(keepends=True)
    spoiled = {
        3: [*lines[:2], lines[2].replace(b'"confidence": 3', b'"confidence": 5'), *lines[3:]],
        2: [lines[0], *lines[2:]],
        4: [*lines[:3], lines[4], lines[3], lines[5]],
        1: [b"{}\n", *lines[1:]],
        6: [*lines[:5], lines[5][:-20] + b"\n"],
        7: [*lines, lines[5]],
    }
    for number, text in spoiled.items():
        file.write_bytes(b"".join(text))
        with pytest.raises(InputError, match=f"line {number}: .*tampered with"):
            Reading.open(study, "A", spare)
    file.write_bytes(b"".join(lines))
    Reading.open(study, "A", spare).close()


def test_answers_of_another_reader_do_not_pass_for_ones_own(study, spare):
    read_all(study, spare, "A")
    read_all(study, spare, "B")
    answers_file(study, "B").write_bytes(answers_file(study, "A").read_bytes())
    with pytest.raises(InputError, match="line 1: .*tampered"):
        Reading.open(study, "B", spare)


def test_a_change_while_reading_is_found_with_the_next_answer(study, spare):
    with Reading.open(study, "A", spare) as reading:
        reading.save(0, answer_to(reading.trials[0]))
        file = answers_file(study)
        before = file.read_bytes()
        file.write_bytes(before.replace(b'"confidence": 3', b'"confidence": 1'))
        with pytest.raises(InputError, match="somebody else"):
            reading.save(1, answer_to(reading.trials[1]))
        file.write_bytes(before)
        assert reading.save(1, answer_to(reading.trials[1]))


def test_the_receipt_tells_a_chain_computed_anew(study, spare):
    receipt = read_all(study, spare)
    with Reading.open(study, "A", spare) as reading:
        assert reading.receipt == receipt
    answers_file(study).unlink()
    with Reading.open(study, "A", spare, ticking()) as reading:
        for index, trial in enumerate(reading.trials):
            reading.save(index, answer_to(trial, "synthetic" if index == 2 else None))
        assert reading.receipt != receipt


def test_reading_loads_nothing_but_python_itself():
    code = (
        "import sys; import SyntheticCTLib.review.reading, SyntheticCTLib.review.study;"
        "print(sorted({'numpy', 'SimpleITK', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_env())
    assert done.stdout.strip() == "[]"
