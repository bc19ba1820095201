"""The panel of SyntheticCT Review: open a study, read it case by case, end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import qt
import slicer
from slicer.i18n import tr as _

from ...errors import SyntheticCTError
from ..errors import errors_shown
from .answering import AnswerForm
from .clock import ReadingClock
from .ending import EndPage
from .keys import ESCAPE, Keys
from .layout import BorrowedLayout
from .marking import MarkingTools
from .starting import StartPage, may_clear_scene, spare_folder
from .texts import goes_on_text, keys_text, missing_text, storage_text, truth_text, unfinished_text
from .windows import WindowButtons

if TYPE_CHECKING:
    from ...slicer_bridge.review_session import Draft, ReviewSession

RETRY_MS = 10_000
"""How often answers that wait are tried again, and a case that could not be read."""


class ReviewPanel:
    """Everything behind the widgets of `SyntheticCTReview.ui`.

    Args:
        ui: the widgets by name.
        open_session: opens a `ReviewSession` on the current scene: (study folder, reader code, spare folder).
    """

    def __init__(self, ui, open_session) -> None:
        self.ui = ui
        self.session: ReviewSession | None = None
        self.index = 0
        self._open_session = open_session
        self._told = False
        self._found = 0
        self._entered = False
        self._at_end = False
        self.clock = ReadingClock()
        self._layout = BorrowedLayout()
        self._keys = Keys(ui.reviewReadingWidget)
        self._end_keys = Keys(ui.reviewEndWidget)
        self._form = AnswerForm(ui, self._on_changed)
        self._marking = MarkingTools(ui, self._on_marks)
        self._windows = WindowButtons(ui)
        self._start = StartPage(ui, self.start)
        self._end = EndPage(ui)
        self._retry = _timer(RETRY_MS, self._on_retry)
        self._settle = _timer(0, self._on_settled)
        self._connect()
        self._show_page()

    # --- the life of module and scene

    def enter(self) -> None:
        """The module is shown: go on where it was left."""
        self._entered = True
        self._start.update()
        if self.session is not None:
            self._settle.start()

    def leave(self) -> None:
        """Another module is shown: nothing of the study stays in the scene, and nobody reads."""
        self._entered = False
        self._settle.stop()
        self._put_away()

    def close_scene(self) -> None:
        """The scene is about to close."""
        self._put_away()

    def scene_closed(self) -> None:
        """The scene is empty: show the case again, with what was said about it."""
        if self._entered and self.session is not None:
            self._settle.start()

    def end(self) -> None:
        """The panel goes away: Slicer closes, or the module is reloaded."""
        self._settle.stop()
        self._retry.stop()
        slicer.app.disconnect("applicationStateChanged(Qt::ApplicationState)", self._on_application_state)
        if self.session is not None:
            for close in (self._keep, self._put_away, self.session.close):
                try:
                    close()
                except SyntheticCTError as error:
                    logging.error(str(error))  # nobody is there any more to read a message box
            self.session = None
        for keys in (self._keys, self._end_keys):
            keys.clear()

    # --- what is clicked

    def start(self) -> None:
        """Open the study and show the first case without an answer."""
        if self.session is not None or self._start.why_not() or not may_clear_scene():
            return
        with errors_shown(_("The study could not be opened.")):
            self.session = self._open_session(self._start.folder, self._start.code, spare_folder())
        if self.session is None:
            return
        self._start.opened()
        self._found = self._answers()
        self.ui.reviewGoesOnLabel.text = goes_on_text(self.session.reading.code, *self.session.reading.progress)
        self._form.open(self.session.sides)
        self._marking.open(self.session)
        self._windows.open(self.session)
        self._make_keys()
        first = self.session.reading.first_open()
        self._go_to(len(self.session.trials) if first is None else first)

    def next(self) -> None:
        """Keep the answer and show the next case; after a practice case first what it was."""
        if self.session is None or self._at_end or not self.ui.reviewNextPushButton.enabled:
            return
        if not self.session.shown or self._told:
            if self._kept():
                self._go_to(self.index + 1)
            return
        self._draft_timed()
        kept = False
        with errors_shown(_("The answer could not be kept.")):
            self.session.save(self.index)
            kept = True
        self._update_storage()
        if not kept:
            return
        if self.session.trials[self.index].practice:
            self._show_answer()
        else:
            self._go_to(self.index + 1)

    def back(self) -> None:
        """Keep what was changed and show the case before, with its answer."""
        if self.session is not None and self.index > 0 and self._kept():
            self._go_to(self.index - 1)

    def stop(self) -> None:
        """Keep what was changed and close the study; it can be gone on with another time."""
        if self.session is None or not self._may_close():
            return
        self._put_away()
        session, self.session = self.session, None
        done, total = session.reading.progress
        with errors_shown(_("The study could not be closed.")):
            session.close()
        waiting = session.reading.waiting
        practice = sum(trial.practice for trial in session.trials)
        self._retry.stop()
        self._marking.close()
        self._windows.close()
        for keys in (self._keys, self._end_keys):
            keys.clear()
        self._start.stopped(done, total, waiting, unfinished_text(session.unfinished(), practice))
        self._show_page()

    # --- one case

    def _go_to(self, index: int) -> None:
        self._draft_timed()
        self._marking.stop()
        self.index = index
        self._at_end = index >= len(self.session.trials)
        if self._at_end:
            self._put_away()
            self._show_end()
        elif self._entered:
            self._show_trial()

    def _show_trial(self) -> None:
        """Show a case, or that it cannot be shown."""
        self._show_page()  # it is wider than the one before, and the views narrower; the case is fitted into them
        self._show_answer(self._put_up())

    def _show_answer(self, problem: str = "") -> None:
        """Show what was said about the case, what can be said, or the `problem` with it."""
        session, trial = self.session, self.session.trials[self.index]
        self._told = trial.practice and session.answered(self.index)
        draft = session.draft(self.index)
        editable = not problem and not self._told
        self._form.show(draft, editable)
        self._marking.show(draft, editable)
        self._show_progress(trial)
        self.ui.reviewProblemLabel.text = problem
        for widget in (self.ui.reviewProblemLabel, self.ui.reviewRetryPushButton):
            widget.visible = bool(problem)
        self.ui.reviewAnswerWidget.visible = not problem
        self.clock.take()
        self.clock.show(editable)
        self._show_page()
        self.ui.reviewReadingWidget.setFocus()  # Qt has given it to whatever came next, a text perhaps
        self._update()
        self._update_storage()

    def _put_up(self) -> str:
        """Put the case into views and scene. Returns why that is not possible, in a sentence; "" if it is done."""
        try:
            with slicer.util.WaitCursor():
                self._layout.take(self.session.sides)
                self.session.show(self.index)
        except SyntheticCTError as error:
            self.session.hide()
            return str(error)
        self._windows.show()
        return ""

    def _put_away(self) -> None:
        """Take the case out of scene and views, and stop the clock; drafts stay."""
        if self.session is None:
            return
        self._marking.stop()
        self._draft_timed()
        self.clock.show(False)
        self._enable_keys(False)
        self.session.hide()
        self._layout.give_back()

    def _keep(self) -> None:
        """Save what was changed about the case that is shown, if it is a whole answer. Raises InputError."""
        self._draft_timed()
        if not self._at_end and not self._told:
            self.session.keep(self.index)

    def _kept(self) -> bool:
        """Do so; whether the case can be left. What goes wrong is shown."""
        kept = False
        with errors_shown(_("The answer could not be kept.")):
            self._keep()
            kept = True
        return kept

    def _may_close(self) -> bool:
        """Do so; whether the study can be closed. Asks if the answer can be kept nowhere: that may never change."""
        try:
            self._keep()
        except SyntheticCTError as error:
            question = _("{problem}\n\nClose the study all the same? Your answer to this case is lost then.")
            return slicer.util.confirmOkCancelDisplay(question.format(problem=error))
        return True

    def _draft_timed(self) -> None:
        """Add the time that has passed to the draft of the case that is shown."""
        seconds = self.clock.take()
        if self.session is not None and not self._at_end and seconds:
            self._draft().seconds += seconds

    def _draft(self) -> Draft:
        return self.session.draft(self.index)

    def _answers(self) -> int:
        """How many trials have an answer, practice included."""
        return sum(self.session.answered(index) for index in range(len(self.session.trials)))

    def _show_progress(self, trial) -> None:
        practice = sum(each.practice for each in self.session.trials)
        total = len(self.session.trials) - practice
        text = _("Practice case {number} of {total}") if trial.practice else _("Case {number} of {total}")
        number = self.index + 1 if trial.practice else self.index + 1 - practice
        self.ui.reviewProgressLabel.text = text.format(number=number, total=practice if trial.practice else total)
        bar, done = self.ui.reviewProgressBar, self.session.reading.progress[0]
        bar.maximum, bar.value = total, done
        label = self.ui.reviewPracticeLabel
        label.visible = trial.practice
        if trial.practice:
            label.text = f"<b>{truth_text(trial.truth)}</b>" if self._told else _("For practice; it does not count.")

    def _update(self) -> None:
        """Show what can be pressed, and why not."""
        button = self.ui.reviewNextPushButton
        reason = ""
        if not self.session.shown:
            button.text = _("Skip this case")
        elif self._told:
            button.text = _("Go on (Enter)")
        else:
            button.text = _("Next (Enter)")
            reason = missing_text(self._draft())
        button.enabled = not reason
        button.toolTip = reason or _("Keeps the answer and goes on.")
        self.ui.reviewBackPushButton.enabled = self.index > 0
        self._enable_keys(self._entered)

    def _update_storage(self) -> None:
        """Say where answers are, and try again as long as something is amiss."""
        waiting = self.session.reading.waiting
        for label in (self.ui.reviewStorageLabel, self.ui.reviewEndStorageLabel):
            label.text = storage_text(waiting)
            label.visible = bool(waiting)
        if waiting or (self._entered and not self._at_end and not self.session.shown):
            self._retry.start()
        else:
            self._retry.stop()

    def _show_end(self) -> None:
        self._end.show(self.session)
        self._show_page()
        self._update_storage()
        self._end_keys.enable(self._entered)

    def _show_page(self) -> None:
        """Show one of the three pages, and until the first answer of today above it that there were earlier ones."""
        pages = (self.ui.reviewStartWidget, self.ui.reviewReadingWidget, self.ui.reviewEndWidget)
        current = 0 if self.session is None else 2 if self._at_end else 1
        for number, page in enumerate(pages):
            page.visible = number == current
        self.ui.reviewGoesOnLabel.visible = self.session is not None and 0 < self._found == self._answers()

    # --- what happens around

    def _connect(self) -> None:
        ui = self.ui
        ui.reviewNextPushButton.connect("clicked()", self.next)
        ui.reviewBackPushButton.connect("clicked()", self.back)
        ui.reviewRetryPushButton.connect("clicked()", self._on_retry)
        ui.reviewPausePushButton.connect("clicked()", self.stop)
        ui.reviewLookAgainPushButton.connect("clicked()", self.back)
        ui.reviewClosePushButton.connect("clicked()", self.stop)
        ui.reviewKeysLabel.text = keys_text()
        slicer.app.connect("applicationStateChanged(Qt::ApplicationState)", self._on_application_state)

    def _make_keys(self) -> None:
        keys = {**self._form.keys(), **self._marking.keys(), "W": self._windows.next}
        keys |= {"Return": self.next, "Enter": self.next, "Backspace": self.back}
        keys["Delete"] = self.ui.reviewRemoveMarkPushButton.click
        keys |= {ESCAPE: self._on_escape, "PgUp": lambda: self._step(1), "PgDown": lambda: self._step(-1)}
        keys["Home"] = self.session.fit
        for key, pressed in keys.items():
            self._keys.add(key, pressed)
        self._end_keys.add("Backspace", self.back)

    def _enable_keys(self, enabled: bool) -> None:
        self._keys.enable(enabled and not self._at_end)
        self._end_keys.enable(enabled and self._at_end)

    def _step(self, slices: int) -> None:
        if self.session is not None:
            self.session.step(slices)

    def _on_escape(self) -> None:
        if self._marking.waiting:
            self._marking.stop()
        else:
            self._form.leave_comment()

    def _on_changed(self) -> None:
        self._update()

    def _on_marks(self) -> None:
        self.session.show_marks(self.index)
        self._update()

    def _on_application_state(self, state) -> None:
        """Slicer came to the front, or another application did."""
        self.clock.in_front(int(state) == int(qt.Qt.ApplicationActive))

    def _on_settled(self) -> None:
        """Slicer has done with closing the scene, or with changing modules."""
        self._settle.stop()
        if self.session is None:
            return
        if self._at_end:
            self._show_end()
        else:
            self._show_trial()

    def _on_retry(self) -> None:
        """Write what waits and show what could not be shown."""
        if self.session is None:
            return
        try:
            self.session.reading.flush()
        except SyntheticCTError as error:
            self._retry.stop()
            slicer.util.errorDisplay(str(error))
            return
        if self._entered and not self._at_end and not self.session.shown:
            self._show_trial()
        self._update_storage()


def _timer(interval_ms: int, function) -> qt.QTimer:
    timer = qt.QTimer()
    timer.setInterval(interval_ms)
    timer.connect("timeout()", function)
    return timer
