"""SyntheticCT Review on the host: nothing tells which case is which, and nothing is lost, whatever happens."""

import logging
import re

import numpy as np
import pytest
import slicer
from PySide6.QtCore import Qt
from readers import Reader, cases, layout
from review_folders import answers_of

from SyntheticCTLib.panel.review.clock import ReadingClock
from SyntheticCTLib.panel.review.keys import letters_for
from SyntheticCTLib.review.study import ARTEFACTS
from SyntheticCTLib.review.trials import reader_folder

ANSWER = ("R", "2", "4", "Return")


@pytest.fixture
def reader(host, tmp_path):
    return Reader(host, tmp_path / "study")


def traces() -> dict:
    """All that the scene says about what is in it, but the voxels: of each node what nobody needs to number."""
    found = {}
    for number in range(slicer.mrmlScene.GetNumberOfNodes()):
        node = slicer.mrmlScene.GetNthNode(number)
        attributes = {name: node.GetAttribute(name) for name in node.GetAttributeNames()}
        storage = node.GetStorageNode() if node.IsA("vtkMRMLStorableNode") else None
        undo = node.GetUndoEnabled()
        found[f"{node.GetClassName()} {node.GetSingletonTag()} {node.GetName()}"] = (attributes, storage, undo)
    return found


def geometry(node) -> tuple:
    return node.GetImageData().GetDimensions(), node.GetSpacing(), node.GetOrigin(), node.GetImageData().GetScalarType()


def plain_print(node) -> str:
    """What the node prints about itself, without addresses, times and the numbers of ids."""
    return re.sub(r"0x[0-9a-f]+|\d{3,}|Node\d+", "", str(node))


def test_nothing_in_the_scene_or_on_the_screen_tells_the_groups(reader):
    seen = {}
    for _ in range(4):
        (node,) = cases()
        labels = reader.ui.reviewReadingWidget._qt.findChildren(type(reader.ui.reviewKeysLabel._qt))
        texts = sorted(label.text() for label in labels if not label.text().startswith("Case "))
        seen.setdefault(reader.group(), []).append((traces(), geometry(node), plain_print(node), texts))
        assert node.GetName() == "Case" and node.GetStorageNode() is None and not node.GetSaveWithScene()
        reader.press(*ANSWER)
    assert len(seen["real"]) == len(seen["synthetic"]) == 2
    assert all(one == seen["real"][0] for one in (*seen["real"], *seen["synthetic"]))


def test_the_cases_are_not_saved_and_cannot_be_chosen_elsewhere(reader, tmp_path):
    saved = reader.host.save_scene(tmp_path / "scene")
    text = saved.read_text(encoding="utf-8")
    assert not re.search("<Volume|VolumeDisplay|Case", text)
    assert not list(tmp_path.glob("scene/**/*.nrrd"))
    assert cases()[0].GetHideFromEditors()


@pytest.mark.parametrize("mode", ["rate", "pairs"])
def test_the_bars_of_the_views_have_no_selectors(host, tmp_path, mode):
    Reader(host, tmp_path / "study", count=2, mode=mode)
    manager = slicer.app.layoutManager()
    bars = {name: manager.sliceWidget(name).sliceController() for name in manager.sliceViewNames() if "Review" in name}
    assert len(bars) == (3 if mode == "rate" else 6)
    assert all(bar.pinButton().isHidden() for bar in bars.values())
    assert {name for name, bar in bars.items() if bar.isHidden()} == {
        name for name in bars if mode == "pairs" and "Axial" not in name
    }


def test_only_one_case_is_there_at_a_time(reader):
    ids = [cases()[0].GetID()]
    for _ in range(3):
        reader.press(*ANSWER)
        assert len(cases()) == 1
        ids.append(cases()[0].GetID())
    reader.press(*ANSWER)
    assert not cases() and not [node for node in traces() if "Case" in node]


def test_a_lost_share_loses_no_answer(reader, tmp_path):
    reader.press(*ANSWER)
    away = reader.folder.rename(tmp_path / "away")
    reader.press("S", "5", "1", "Return")
    assert "Answers kept on this computer: 1." in reader.ui.reviewStorageLabel.text
    assert reader.progress == "Case 3 of 4" and not reader.ui.reviewAnswerWidget.visible and not cases()
    assert "cannot be read" in reader.ui.reviewProblemLabel.text and not reader.host.messages
    assert len(answers_of(away)) == 1
    reader.ui.reviewRetryPushButton.click()  # it is not back yet
    assert not cases()
    away.rename(reader.folder)
    reader.ui.reviewRetryPushButton.click()
    assert len(cases()) == 1 and reader.ui.reviewAnswerWidget.visible and not reader.ui.reviewProblemLabel.visible
    assert not reader.ui.reviewStorageLabel.visible
    assert [line["call"] for line in answers_of(reader.folder)] == ["real", "synthetic"]
    reader.press(*ANSWER)
    assert len(answers_of(reader.folder)) == 3


def test_answers_that_wait_outlive_slicer(reader, tmp_path):
    reader.press(*ANSWER)
    away = reader.folder.rename(tmp_path / "away")
    reader.press(*ANSWER)
    reader.ui.reviewPausePushButton.click()
    assert "Answers still kept on this computer: 1." in reader.ui.reviewStartStatusLabel.text
    away.rename(reader.folder)
    reader.reopen()
    assert reader.progress == "Case 3 of 4" and len(answers_of(reader.folder)) == 2


def test_a_share_that_comes_back_is_seen_without_a_click(reader, tmp_path):
    reader.panel._retry.setInterval(10)
    away = reader.folder.rename(tmp_path / "away")
    reader.press(*ANSWER)
    assert not cases()
    away.rename(reader.folder)
    reader.host.process_events(2.0, until=cases)
    assert len(cases()) == 1 and len(answers_of(reader.folder)) == 1 and not reader.panel._retry.active


def test_a_damaged_case_is_told_skipped_and_named_at_the_end(reader):
    (case,) = reader.session.trials[1].cases
    file = reader.folder / "cases" / f"{case}.nrrd"
    file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    reader.press(*ANSWER)
    assert "changed or damaged" in reader.ui.reviewProblemLabel.text and not cases()
    assert reader.ui.reviewNextPushButton.text == "Skip this case"
    reader.press("S", "1", "2", "M")  # there is nothing to answer
    assert not reader.panel._marking.waiting
    reader.press("Return", *ANSWER, *ANSWER)
    assert reader.ui.reviewThanksLabel.text == "3 of 4 cases are read; without an answer: 2."
    assert [line["number"] for line in answers_of(reader.folder)] == [1, 3, 4]


def test_a_file_that_is_no_image_is_told_too(reader):
    (case,) = reader.session.trials[1].cases
    (reader.folder / "cases" / f"{case}.nrrd").unlink()
    reader.press(*ANSWER)
    assert "cannot be read" in reader.ui.reviewProblemLabel.text and not cases() and not reader.host.messages


def test_closing_the_scene_loses_nothing(reader):
    reader.press(*ANSWER, "S", "5", "M")
    reader.click_in("SyntheticCTReviewAxial", (-60.0, -50.0, 40.0))
    reader.host.close_scene()
    reader.settle()
    assert reader.progress == "Case 2 of 4" and len(cases()) == 1
    assert reader.ui.reviewSecondCallPushButton.checked and reader.ui.reviewConfidence5PushButton.checked
    assert len(slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")) == 1
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    shown = [node for node in composites if node.GetBackgroundVolumeID() == cases()[0].GetID()]
    assert len(shown) == 3
    reader.press("E", "1", "Return")
    assert len(answers_of(reader.folder)) == 2


def test_another_module_never_sees_a_case_and_the_draft_waits(reader):
    reader.press("S", "5")
    before = layout()
    reader.host.leave(reader.widget)
    assert not cases() and layout() != before
    reader.press("R", "Return")  # no key works meanwhile
    reader.host.enter(reader.widget)
    reader.settle()
    assert len(cases()) == 1 and layout() == before
    assert reader.ui.reviewSecondCallPushButton.checked and reader.ui.reviewConfidence5PushButton.checked


def test_other_data_must_go_before_a_reading_begins(host, tmp_path):
    slicer.util.addVolumeFromArray(np.zeros((4, 4, 4), np.int16), name="synthetic_007")
    reader = Reader(host, tmp_path / "study")
    assert reader.page == "Start" and host.messages[0][0] == "question"
    host.answers.append(True)
    reader.start()
    assert reader.page == "Reading" and [node.GetName() for node in cases()] == ["Case"]


@pytest.mark.parametrize("how", ["no study", "tampered", "code", "damaged"])
def test_what_cannot_be_opened_is_a_message_and_no_reading(reader, tmp_path, how):
    reader.press(*ANSWER)
    reader.ui.reviewPausePushButton.click()
    answers = reader.folder / "readings" / reader_folder(reader.code) / "answers.jsonl"
    if how == "no study":
        reader.folder = tmp_path / "nothing"
    elif how == "tampered":
        answers.write_text(answers.read_text(encoding="utf-8").replace('"real"', '"synthetic"'), encoding="utf-8")
    elif how == "damaged":
        (reader.folder / "study.json").write_text("{", encoding="utf-8")
    else:
        reader.code = "x" * 100
    reader.start()
    assert reader.page == "Start" and not cases()
    ((kind, text),) = reader.host.messages
    assert kind == "error" and len(text) > 20


def test_an_answer_that_can_be_kept_nowhere_stays_on_the_screen(reader, tmp_path, monkeypatch):
    settings = tmp_path / "settings"
    reader.ui.reviewPausePushButton.click()
    monkeypatch.setattr("SyntheticCTLib.panel.review.panel.spare_folder", lambda: settings / "spare")
    reader.start()
    away = reader.folder.rename(tmp_path / "away")
    settings.write_text("a file where the folder should be", encoding="utf-8")
    reader.press("S", "5", "1", "Return")
    ((kind, text),) = reader.host.messages
    assert kind == "error" and "kept nowhere" in text
    assert reader.progress == "Case 1 of 4" and reader.ui.reviewSecondCallPushButton.checked
    away.rename(reader.folder)
    reader.press("Return")
    assert reader.progress == "Case 2 of 4" and answers_of(reader.folder)[0]["call"] == "synthetic"


def test_slicer_closes_in_the_middle_and_the_study_is_free_again(reader, caplog):
    reader.press(*ANSWER, "S")
    with caplog.at_level(logging.ERROR):
        slicer.app._qt.aboutToQuit.emit()
    assert not cases() and not caplog.records
    reader.reopen()
    assert reader.progress == "Case 2 of 4"


def test_time_stands_still_while_slicer_is_not_in_front(reader):
    now = [100.0]
    reader.panel.clock._now = lambda: now[0]
    reader.panel.clock._since = 100.0
    reader.panel.clock.take()
    states = slicer.app._qt.applicationStateChanged
    now[0] += 7.0
    states.emit(Qt.ApplicationState.ApplicationInactive)
    now[0] += 1000.0
    states.emit(Qt.ApplicationState.ApplicationActive)
    now[0] += 5.0
    reader.host.leave(reader.widget)  # neither while another module is open
    now[0] += 500.0
    reader.host.enter(reader.widget)
    reader.settle()
    reader.press("S", "5", "1")
    now[0] += 3.0
    reader.press("Return")
    assert answers_of(reader.folder)[0]["seconds"] == pytest.approx(15.0, abs=0.2)
    now[0] += 4.0
    reader.press("Backspace", "R")
    now[0] += 2.0
    reader.press("Return", *ANSWER)
    lines = answers_of(reader.folder)
    assert [line["seconds"] for line in lines[1:]] == pytest.approx([2.0, 4.0], abs=0.2)


def test_the_clock_counts_only_while_shown_and_in_front():
    now = [0.0]
    clock = ReadingClock(lambda: now[0])
    now[0] = 5.0
    assert clock.take() == 0
    clock.show(True)
    now[0] = 8.0
    clock.in_front(False)
    now[0] = 20.0
    clock.in_front(True)
    now[0] = 21.0
    assert clock.take() == 4.0 and clock.take() == 0
    clock.show(False)
    now[0] = 30.0
    assert clock.take() == 0


def test_every_kind_has_a_key_of_its_own():
    keys = letters_for(ARTEFACTS)
    assert keys == ["M", "B", "O", "N", "I", "T", "H"]
    assert letters_for(["rsl", "smear", "m"]) == ["F1", "M", "F3"]
