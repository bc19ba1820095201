"""SyntheticCT Review on the host: an answer is kept however its case is left, and a reading that goes on says so."""

import logging
import shutil

import pytest
import slicer
from readers import Reader, cases
from review_folders import answers_of

from SyntheticCTLib.review.reading import Reading
from SyntheticCTLib.review.study import open_study
from SyntheticCTLib.slicer_bridge import review_session

ANSWER = ("R", "2", "4", "Return")


@pytest.fixture
def reader(host, tmp_path):
    return Reader(host, tmp_path / "study")


def calls(reader) -> list[tuple]:
    return [(line["number"], line["call"]) for line in answers_of(reader.folder)]


def pause(reader):
    reader.ui.reviewPausePushButton.click()


def quit_slicer():
    slicer.app._qt.aboutToQuit.emit()


def status(reader) -> str:
    return reader.ui.reviewStartStatusLabel.text


def cut_off(reader, tmp_path, monkeypatch):
    """Take the study away, and the folder on this computer too. Returns what brings the study back."""
    nowhere = tmp_path / "settings"
    pause(reader)
    monkeypatch.setattr("SyntheticCTLib.panel.review.panel.spare_folder", lambda: nowhere / "spare")
    reader.start()
    nowhere.write_text("a file where the folder should be", encoding="utf-8")
    away = reader.folder.rename(tmp_path / "away")
    return lambda: away.rename(reader.folder)


def test_changed_answers_survive_back_back_pause_and_the_next_day(reader):
    reader.press(*ANSWER, *ANSWER, *ANSWER)
    reader.press("Backspace", "S", "Backspace")
    assert calls(reader)[3:] == [(3, "synthetic")]  # on disk before the case before is shown
    reader.press("S", "Backspace")
    reader.press("S")
    pause(reader)
    assert calls(reader)[3:] == [(3, "synthetic"), (2, "synthetic"), (1, "synthetic")]
    assert status(reader) == "Read so far: 3 of 4 cases. Start with the same code to go on."
    reader.reopen()
    assert reader.progress == "Case 4 of 4"
    for _ in range(3):
        reader.press("Backspace")
        assert reader.ui.reviewSecondCallPushButton.checked and reader.ui.reviewConfidence2PushButton.checked
    assert [len(reader.session.reading.history(index)) for index in range(4)] == [2, 2, 2, 0]


@pytest.mark.parametrize("leave", [pause, lambda _reader: quit_slicer()], ids=["pause", "quit"])
def test_a_whole_answer_is_kept_when_the_study_is_closed_without_next(reader, leave):
    reader.press(*ANSWER, "S", "5", "M")
    reader.click_in("SyntheticCTReviewAxial", (-60.0, -50.0, 40.0))
    reader.press("1", "K", "A")
    leave(reader)
    line = answers_of(reader.folder)[1]
    assert (line["call"], line["confidence"], line["realism"], line["comment"]) == ("synthetic", 5, 1, "a")
    assert line["artefacts"][0]["kind"] == "smear" and not cases()
    reader.reopen()
    assert reader.progress == "Case 3 of 4"


def test_looking_back_without_a_change_writes_nothing(host, tmp_path):
    reader = Reader(host, tmp_path / "study", practice=1)
    reader.press(*ANSWER, "Return", *ANSWER)  # the first for practice, whose truth was told
    before = answers_of(reader.folder)
    reader.press("Backspace", "Backspace", "S", "5")  # what was told is not answered again
    assert reader.progress == "Practice case 1 of 1"
    pause(reader)
    assert answers_of(reader.folder) == before and len(before) == 2


def test_pause_says_which_answers_were_not_complete_and_writes_nothing_of_them(host, tmp_path):
    reader = Reader(host, tmp_path / "study", practice=1)
    reader.press("S", "5")
    pause(reader)
    assert status(reader).endswith("to go on. Not kept, as the answer was not complete: practice case 1.")
    reader.start()
    reader.press(*ANSWER, "Return", *ANSWER, "S", "5", "Backspace", "S")
    pause(reader)
    assert status(reader).startswith("Read so far: 1 of 4 cases.")
    assert status(reader).endswith("Not kept, as the answer was not complete: case 2.")
    assert calls(reader) == [(1, "real"), (2, "real"), (2, "synthetic")]
    reader.start()
    assert reader.progress == "Case 2 of 4" and not reader.ui.reviewSecondCallPushButton.checked
    pause(reader)
    assert "Not kept" not in status(reader)


def test_a_case_that_vanishes_after_its_answer_is_skipped_with_it(reader):
    reader.press("S", "5", "1")
    (case,) = reader.session.trials[0].cases
    (reader.folder / "cases" / f"{case}.nrrd").unlink()
    reader.host.close_scene()
    reader.settle()
    assert reader.ui.reviewNextPushButton.text == "Skip this case" and not answers_of(reader.folder)
    reader.press("Return")
    assert reader.progress == "Case 2 of 4" and calls(reader) == [(1, "synthetic")]


def test_a_change_that_can_be_kept_nowhere_is_not_left(reader, tmp_path, monkeypatch):
    reader.press(*ANSWER)
    bring_back = cut_off(reader, tmp_path, monkeypatch)
    reader.press("S", "5", "1", "Backspace")
    ((kind, text),) = reader.host.messages
    assert kind == "error" and "kept nowhere" in text and reader.progress == "Case 2 of 4"
    pause(reader)  # the host answers No
    assert reader.host.messages[1][0] == "question" and "is lost" in reader.host.messages[1][1]
    assert reader.page == "Reading" and reader.ui.reviewSecondCallPushButton.checked
    bring_back()
    pause(reader)
    assert reader.page == "Start" and calls(reader) == [(1, "real"), (2, "synthetic")]


def test_a_study_whose_answers_somebody_changed_can_still_be_closed(reader, tmp_path):
    reader.press(*ANSWER, "S", "5", "1")
    (answers,) = reader.folder.glob("readings/*/answers.jsonl")
    changed = answers.read_bytes().replace(b'"real"', b'"fake"')
    answers.write_bytes(changed)
    reader.host.answers.append(True)
    pause(reader)
    assert "somebody else has changed" in reader.host.messages[0][1].lower()
    assert reader.page == "Start" and answers.read_bytes() == changed
    shutil.rmtree(answers.parent)
    with Reading.open(open_study(reader.folder), reader.code, tmp_path / "spare") as again:  # nobody holds it
        assert again.first_open() == 0


def test_slicer_closes_on_an_answer_that_can_be_kept_nowhere_and_the_log_says_so(reader, tmp_path, monkeypatch, caplog):
    bring_back = cut_off(reader, tmp_path, monkeypatch)
    reader.press("S", "5", "1")
    with caplog.at_level(logging.ERROR):
        quit_slicer()
    assert "kept nowhere" in caplog.text and not cases() and not reader.host.messages
    bring_back()
    with Reading.open(open_study(reader.folder), reader.code, tmp_path / "spare") as again:
        assert again.first_open() == 0


def test_a_reading_that_goes_on_says_so_until_its_first_answer(reader):
    label = reader.ui.reviewGoesOnLabel
    assert not label.visible
    reader.press(*ANSWER, *ANSWER)
    assert not label.visible
    reader.code = "A <b> & B"  # somebody else
    pause(reader)
    reader.start()
    assert reader.progress == "Case 1 of 4" and not label.visible
    reader.press(*ANSWER)
    pause(reader)
    assert not label.visible
    reader.start()
    said = "<b>Goes on: 1 of 4 answered</b> under the code <b>A &lt;b&gt; &amp; B</b>."
    assert label.visible and label.text.startswith(said)
    reader.press(*ANSWER)
    assert not label.visible and reader.progress == "Case 3 of 4"


def test_a_finished_reading_that_is_opened_says_so_too(reader):
    reader.press(*ANSWER * 4)
    assert reader.page == "End" and not reader.ui.reviewGoesOnLabel.visible
    reader.reopen()
    assert reader.page == "End" and reader.ui.reviewGoesOnLabel.visible
    assert reader.ui.reviewGoesOnLabel.text.startswith("<b>Goes on: 4 of 4 answered</b>")
    assert len(answers_of(reader.folder)) == 4


def test_nobody_is_locked_out_by_a_reading_that_could_not_be_shown(reader, tmp_path, monkeypatch):
    reader.press(*ANSWER)
    pause(reader)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError) as kept:  # its traceback holds what was opened
        patch.setattr(review_session.ReviewViews, "__init__", _no_views)
        review_session.ReviewSession.open(slicer.mrmlScene, reader.folder, reader.code, tmp_path / "spare")
    reader.start()
    assert str(kept.value) == "no views" and not reader.host.messages
    assert reader.page == "Reading" and reader.progress == "Case 2 of 4"


def _no_views(_views, _scene, _sides):
    raise RuntimeError("no views")
