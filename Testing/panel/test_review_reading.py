"""SyntheticCT Review on the host: a study is read with clicks and keys, interrupted, resumed, changed."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import slicer
from readers import MODULE, ROOT, Reader, cases, layout
from review_folders import answers_of, voxels_of

from SyntheticCTLib.review.reading import Reading
from SyntheticCTLib.review.study import open_study
from SyntheticCTLib.slicer_bridge.review_views import ReviewViews


@pytest.fixture
def reader(host, tmp_path):
    return Reader(host, tmp_path / "study")


def said(line: dict) -> tuple:
    return line["call"], line["confidence"], line["realism"]


def read_on(reader, *keys):
    """Answer cases with these keys, one after the other."""
    for each in keys:
        reader.press(*each, "Return")


def test_a_study_is_read_to_its_end_with_keys_practice_first(host, tmp_path):
    reader = Reader(host, tmp_path / "study", count=3, practice=2)
    assert reader.progress == "Practice case 1 of 2"
    for number in (1, 2):
        assert reader.progress == f"Practice case {number} of 2"
        assert reader.ui.reviewPracticeLabel.text == "For practice; it does not count."
        truth = reader.group()
        reader.press("R", "2", "5", "Return")
        assert reader.ui.reviewPracticeLabel.text == f"<b>This scan is {truth}.</b>"
        assert not reader.ui.reviewAnswerWidget.enabled and reader.ui.reviewNextPushButton.text == "Go on (Enter)"
        reader.press("Return")
    assert reader.progress == "Case 1 of 3" and not reader.ui.reviewPracticeLabel.visible
    for number, keys in enumerate((("S", "4", "1"), ("R", "1", "5"), ("R", "5", "3")), 1):
        assert reader.progress == f"Case {number} of 3"
        assert len(answers_of(reader.folder)) == number + 1  # all that were given are on disk before the next shows
        reader.press(*keys, "Return")
    assert reader.page == "End" and not cases()
    lines = answers_of(reader.folder)
    assert [said(line) for line in lines[2:]] == [("synthetic", 4, 1), ("real", 1, 5), ("real", 5, 3)]
    assert [line["trial"] for line in lines] == [list(trial.cases) for trial in reader.session.trials]
    assert reader.ui.reviewThanksLabel.text == "Thank you. All 3 cases are read."
    assert reader.session.reading.receipt in reader.ui.reviewReceiptLabel.text
    reader.ui.reviewClosePushButton.click()
    assert reader.page == "Start" and reader.ui.reviewStartStatusLabel.text == "Read: all 3 cases."


def test_the_same_with_the_mouse(reader):
    for _ in range(4):
        reader.ui.reviewSecondCallPushButton.click()
        reader.ui.reviewFirstRealism2PushButton.click()
        reader.ui.reviewConfidence3PushButton.click()
        reader.ui.reviewCommentPlainTextEdit.setPlainText("Gefäße enden")
        reader.ui.reviewNextPushButton.click()
    assert reader.page == "End"
    lines = answers_of(reader.folder)
    assert [said(line) for line in lines] == [("synthetic", 3, 2)] * 4
    assert {line["comment"] for line in lines} == {"Gefäße enden"}


def test_next_says_what_is_missing_and_waits_for_it(reader):
    button = reader.ui.reviewNextPushButton
    assert not button.enabled and button.toolTip == "Still to say: real or synthetic, confidence, realism."
    reader.press("Return")
    assert reader.progress == "Case 1 of 4" and not answers_of(reader.folder)
    reader.press("S", "2")
    assert not button.enabled and button.toolTip == "Still to say: realism."
    reader.press("4")
    assert button.enabled and button.toolTip == "Keeps the answer and goes on."


def test_digits_answer_the_marked_line_and_letters_choose_it(reader):
    reader.press("3", "2")
    assert [reader.panel._draft().confidence, *reader.panel._draft().realism] == [3, 2]
    reader.press("C", "5")
    assert reader.panel._draft().confidence == 5 and reader.ui.reviewConfidence5PushButton.checked
    assert "\u25b8" in reader.ui.reviewConfidenceScaleLabel.text
    reader.press("E")
    assert "\u25b8" in reader.ui.reviewFirstRealismScaleLabel.text
    assert "\u25b8" not in reader.ui.reviewConfidenceScaleLabel.text


def test_keys_are_letters_while_a_comment_is_typed(reader):
    reader.press("R", "K")
    comment = reader.ui.reviewCommentPlainTextEdit
    reader.press("S", "5", "W", "M", "Return", "Backspace", "Delete", "Home", "K")
    assert comment.plainText == "Ks5wm".replace("K", "k")
    assert reader.panel._draft().call == "real" and reader.panel._draft().confidence is None
    assert reader.progress == "Case 1 of 4" and not reader.panel._marking.waiting
    reader.press("Esc", "S")
    assert comment.plainText == "ks5wm" and reader.panel._draft().call == "synthetic"
    assert reader.panel._draft().comment == "ks5wm"


def test_going_back_shows_the_earlier_answer_and_a_change_keeps_its_history(reader):
    read_on(reader, ("R", "2", "4"), ("S", "5", "1"))
    reader.press("R", "1")  # half an answer to the third
    reader.press("Backspace", "Backspace")
    assert reader.progress == "Case 1 of 4" and not reader.ui.reviewBackPushButton.enabled
    assert reader.ui.reviewFirstCallPushButton.checked and reader.ui.reviewFirstRealism4PushButton.checked
    reader.press("S", "Return")
    assert reader.progress == "Case 2 of 4" and reader.ui.reviewConfidence5PushButton.checked
    reader.press("Return")  # nothing changed, so nothing is written
    assert reader.progress == "Case 3 of 4" and reader.ui.reviewConfidence1PushButton.checked
    lines = answers_of(reader.folder)
    assert [(line["number"], said(line)) for line in lines] == [
        (1, ("real", 2, 4)),
        (2, ("synthetic", 5, 1)),
        (1, ("synthetic", 2, 4)),
    ]
    assert [answer.call for answer in reader.session.reading.history(0)] == ["real", "synthetic"]


def test_an_answer_can_be_changed_at_the_end_and_the_receipt_changes(reader):
    read_on(reader, *[("R", "2", "4")] * 4)
    before = reader.ui.reviewReceiptLabel.text
    reader.press("Backspace")
    assert reader.page == "Reading" and reader.progress == "Case 4 of 4" and len(cases()) == 1
    reader.press("C", "5", "Return")
    assert reader.page == "End" and len(answers_of(reader.folder)) == 5
    assert reader.ui.reviewReceiptLabel.text != before


def test_a_reading_goes_on_at_the_same_case_the_next_day(reader):
    read_on(reader, ("R", "2", "4"), ("S", "5", "1"))
    shown = reader.session.trials[2].cases
    reader.ui.reviewPausePushButton.click()
    assert reader.page == "Start" and not cases()
    assert reader.ui.reviewStartStatusLabel.text.startswith("Read so far: 2 of 4 cases.")
    reader.reopen()
    assert reader.progress == "Case 3 of 4" and reader.session.trials[2].cases == shown
    assert np.array_equal(slicer.util.arrayFromVolume(cases()[0]), voxels_of(reader.folder, shown[0]))


CRASH = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[1].split("|")
from host import Host
from readers import Reader
reader = Reader(Host(), Path(sys.argv[2]), "A")
for keys in (("R", "2", "4"), ("S", "5", "1")):
    reader.press(*keys, "Return")
reader.press("R")
os._exit(9)
"""


def test_a_reading_goes_on_at_the_same_case_after_a_crash(host, tmp_path):
    folders = "|".join(str(ROOT / each) for each in ("Testing/host", "Testing/library", "Testing/panel", "."))
    done = subprocess.run(
        [sys.executable, "-c", CRASH, folders, str(tmp_path / "study")], env={**os.environ}, capture_output=True
    )
    assert done.returncode == 9, done.stderr
    reader = Reader(host, tmp_path / "study", "A")
    assert reader.progress == "Case 3 of 4" and len(answers_of(reader.folder)) == 2
    assert not reader.ui.reviewFirstCallPushButton.checked


def test_two_readers_share_a_study_and_one_code_has_one_seat(reader, tmp_path):
    read_on(reader, ("R", "2", "4"))
    study = open_study(reader.folder)
    with Reading.open(study, "another", tmp_path / "spare") as other:
        assert other.first_open() == 0
    reader.ui.reviewPausePushButton.click()
    with Reading.open(study, reader.code, tmp_path / "spare"):
        reader.start()
        assert reader.page == "Start"
    (message,) = reader.host.messages
    assert message[0] == "error" and "Traceback" not in message[1]


def test_pairs_are_read_side_by_side(host, tmp_path):
    reader = Reader(host, tmp_path / "study", count=2, mode="pairs")
    assert [node.GetName() for node in cases()] == ["Left", "Right"]
    assert reader.ui.reviewQuestionLabel.text == "Which of the two is synthetic?"
    left, right = reader.session.trials[0].cases
    for node, case in zip(cases(), (left, right), strict=True):
        assert np.array_equal(slicer.util.arrayFromVolume(node), voxels_of(reader.folder, case))
    reader.press("L", "4", "3")
    assert reader.ui.reviewNextPushButton.toolTip == "Still to say: realism of the right scan."
    reader.press("1", "T")
    reader.click_in("SyntheticCTReviewRightCoronal", (10.0, 20.0, 30.0))
    reader.press("Return")
    (line,) = answers_of(reader.folder)
    assert said(line) == ("left", 4, [3, 1])
    assert line["artefacts"] == [{"kind": "lesion texture", "position": [-10.0, -20.0, 30.0], "case": right}]
    reader.press("R", "1", "5", "D", "2", "E", "4", "Return")
    assert reader.page == "End" and said(answers_of(reader.folder)[1]) == ("right", 1, [4, 2])


def test_artefacts_are_marked_by_a_click_listed_and_removed(reader):
    marks = reader.ui.reviewMarksListWidget
    assert marks.visible and marks.count == 0  # it is there from the start, so that no button moves when it fills
    reader.press("M")
    assert "Smear" in reader.ui.reviewArtefactsLabel.text
    reader.click_in("SyntheticCTReviewAxial", (-60.0, -50.0, 40.0))
    reader.press("O")
    reader.click_in("SyntheticCTReviewSagittal", (-70.0, -55.0, 80.0))
    assert [marks._qt.item(row).text() for row in range(marks.count)] == ["1  Smear", "2  Double contour"]
    (points,) = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
    assert points.GetNumberOfControlPoints() == 2 and points.GetLocked()
    marks.currentRow = 1  # goes there
    axial = slicer.mrmlScene.GetSingletonNode("SyntheticCTReviewAxial", "vtkMRMLSliceNode")
    assert axial.GetSliceOffset() == pytest.approx(80.0, abs=2.1)
    marks.currentRow = 0
    reader.press("Delete")
    assert [marks._qt.item(row).text() for row in range(marks.count)] == ["1  Double contour"]
    reader.press("B", "Esc")  # not now
    assert not reader.panel._marking.waiting and "press a kind" in reader.ui.reviewArtefactsLabel.text
    reader.press("S", "4", "2", "Return")
    assert not slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
    (line,) = answers_of(reader.folder)
    case = reader.session.trials[0].cases[0]
    assert line["artefacts"] == [{"kind": "double contour", "position": [70.0, 55.0, 80.0], "case": case}]
    reader.press("Backspace")
    assert marks.count == 1 and len(slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")) == 1


def test_the_window_is_one_of_the_study_s_whatever_the_mouse_does(reader):
    display = cases()[0].GetDisplayNode()

    def window():
        return display.GetWindowLevelMin(), display.GetWindowLevelMax()

    assert window() == (-1350, 150)
    reader.press("W")
    assert window() == (-160, 240)
    display.SetWindowLevel(50, 900)  # what dragging does
    display.SetAutoWindowLevel(True)
    assert window() == (-160, 240) and not display.GetAutoWindowLevel()
    reader.press("R", "3", "3", "Return")  # the next case comes in the same window
    display = cases()[0].GetDisplayNode()
    assert window() == (-160, 240)


def test_keys_move_through_the_slices_and_back_to_the_whole(reader):
    axial = slicer.mrmlScene.GetSingletonNode("SyntheticCTReviewAxial", "vtkMRMLSliceNode")
    start, whole = axial.GetSliceOffset(), tuple(axial.GetFieldOfView())
    reader.press("PgUp", "PgUp", "PgDown")
    assert axial.GetSliceOffset() == pytest.approx(start + 4.0)
    axial.SetFieldOfView(10.0, 10.0, 1.0)
    reader.press("Home")
    assert axial.GetSliceOffset() == pytest.approx(start) and tuple(axial.GetFieldOfView())[:2] == whole[:2]


def test_the_page_of_the_reading_has_its_room_before_a_case_is_fitted_into_the_views(host, tmp_path, monkeypatch):
    pages, show = [], ReviewViews.show

    def noted(views, volumes):
        pages.append(slicer.modules.SyntheticCTReviewWidget.ui.reviewReadingWidget.visible)
        show(views, volumes)

    monkeypatch.setattr(ReviewViews, "show", noted)
    reader = Reader(host, tmp_path / "study")
    reader.press("R", "2", "4", "Return")
    assert pages == [True, True]


def test_every_key_is_shown(reader):
    ui = reader.ui
    texts = [ui.reviewKeysLabel.text, ui.reviewConfidenceScaleLabel.text, ui.reviewFirstRealismScaleLabel.text]
    texts.append(ui.reviewCommentPlainTextEdit.placeholderText)
    texts += [each.text() for each in ui.reviewReadingWidget._qt.findChildren(type(ui.reviewNextPushButton._qt))]
    shown = " ".join(texts)
    names = {"PgUp": "Page Up", "PgDown": "Page Down", "Return": "Enter", "Del": "Delete"}
    for shortcut in reader.panel._keys._shortcuts:
        key = shortcut._qt.key().toString()
        if not re.fullmatch("[1-5]|D", key):  # D is for pairs only
            assert re.search(rf"\b{names.get(key, key)}\b", shown), key


def test_setup_survives_without_window_and_views(host, tmp_path):
    host.reset(main_window=False, layout_manager=False)
    widget = host.open_module(MODULE)
    widget.ui.reviewStudyPathLineEdit.currentPath = str(tmp_path)
    widget.ui.reviewReaderCodeLineEdit.text = "A"
    assert not widget.ui.reviewStartPushButton.enabled
    assert widget.ui.reviewStartPushButton.toolTip == "There are no views to read in."


def test_the_layout_of_the_user_comes_back_and_the_data_probe_with_its_exact_hu(host, tmp_path):
    before = layout()
    reader = Reader(host, tmp_path / "study")
    assert layout() != before and host.data_probe.isHidden()
    reader.ui.reviewPausePushButton.click()
    assert layout() == before and not host.data_probe.isHidden()
