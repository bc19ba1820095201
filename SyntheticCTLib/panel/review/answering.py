"""What is asked about a case: the call, confidence, realism, a comment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from .texts import call_texts, chosen_text, question_text

if TYPE_CHECKING:
    from ...slicer_bridge.review_session import Draft

GRADES = (1, 2, 3, 4, 5)


class Scale:
    """Five buttons of which one is chosen.

    Args:
        ui: the widgets by name.
        name: the part of their names that is this scale's.
        chosen: called with the grade when a button is pressed.
    """

    def __init__(self, ui, name: str, chosen: Callable[[int], None]) -> None:
        self._label = getattr(ui, f"review{name}ScaleLabel")
        self._row = getattr(ui, f"review{name}ScaleWidget")
        self._buttons = {grade: getattr(ui, f"review{name}{grade}PushButton") for grade in GRADES}
        for grade, button in self._buttons.items():
            button.connect("clicked()", lambda grade=grade: chosen(grade))

    def show(self, grade: int | None, title: str, current: bool) -> None:
        """Show a grade. current: whether the digits on the keyboard go here."""
        for each, button in self._buttons.items():
            button.checked = each == grade
            button.text = chosen_text(str(each), each == grade)
        self._label.text = f"<b>\u25b8 {title}</b>" if current else title

    def press(self, grade: int) -> None:
        """Press a button."""
        self._buttons[grade].click()

    def offer(self, offered: bool) -> None:
        """Show the scale or hide it."""
        self._row.visible = offered


class AnswerForm:
    """Shows a draft and writes into it what is clicked.

    The digits of the keyboard answer one line at a time, which is marked; answering it goes on to the next.

    Args:
        ui: the widgets by name.
        changed: called when anything was said.
    """

    def __init__(self, ui, changed: Callable[[], None]) -> None:
        self._ui = ui
        self._changed = changed
        self._draft: Draft | None = None
        self._line = 0
        self._calls = (ui.reviewFirstCallPushButton, ui.reviewSecondCallPushButton)
        self._scales = [
            Scale(ui, name, lambda grade, line=line: self._on_grade(line, grade))
            for line, name in enumerate(("Confidence", "FirstRealism", "SecondRealism"))
        ]
        for number, button in enumerate(self._calls):
            button.connect("clicked()", lambda number=number: self._on_call(number))
        ui.reviewCommentPlainTextEdit.connect("textChanged()", self._on_comment)
        ui.reviewCommentPlainTextEdit.placeholderText = _("Comment (K); Esc ends typing")

    def open(self, sides: int) -> None:
        """Ask about one case at a time, or two."""
        self._sides = sides
        self._ui.reviewQuestionLabel.text = question_text(sides)
        self._scales[2].offer(sides == 2)

    def keys(self) -> dict[str, Callable[[], None]]:
        """What each key does."""
        pressed = {str(grade): lambda grade=grade: self._scales[self._line].press(grade) for grade in GRADES}
        for button, (_text, key) in zip(self._calls, call_texts(self._sides).values(), strict=True):
            pressed[key] = button.click
        for line, key in enumerate(("C", "E", "D")[: self._sides + 1]):
            pressed[key] = lambda line=line: self._go_to(line)
        pressed["K"] = self._ui.reviewCommentPlainTextEdit.setFocus
        return pressed

    def show(self, draft: Draft, enabled: bool) -> None:
        """Show a draft from its first line on. enabled: whether it may be changed."""
        self._draft = None  # what is put into the widgets is not being said
        self._ui.reviewCommentPlainTextEdit.setPlainText(draft.comment)
        self._ui.reviewCommentPlainTextEdit.clearFocus()
        self._draft, self._line = draft, 0
        self._ui.reviewAnswerWidget.enabled = enabled
        self._refresh()

    def leave_comment(self) -> None:
        """End typing."""
        self._ui.reviewCommentPlainTextEdit.clearFocus()

    def _go_to(self, line: int) -> None:
        self._line = line
        self._refresh()

    def _on_call(self, number: int) -> None:
        if self._draft is not None:
            self._draft.call = list(call_texts(self._sides))[number]
            self._said()

    def _on_grade(self, line: int, grade: int) -> None:
        if self._draft is None:
            return
        if line == 0:
            self._draft.confidence = grade
        else:
            self._draft.realism[line - 1] = grade
        open_lines = [each for each, value in enumerate(self._values()) if value is None]
        self._line = open_lines[0] if open_lines else line
        self._said()

    def _on_comment(self) -> None:
        if self._draft is not None:
            self._draft.comment = str(self._ui.reviewCommentPlainTextEdit.plainText)
            self._changed()

    def _said(self) -> None:
        self._refresh()
        self._changed()

    def _values(self) -> list[int | None]:
        return [self._draft.confidence, *self._draft.realism]

    def _refresh(self) -> None:
        for button, (call, (text, _key)) in zip(self._calls, call_texts(self._sides).items(), strict=True):
            button.checked = call == self._draft.call
            button.text = chosen_text(text, call == self._draft.call)
        for line, (scale, value, title) in enumerate(zip(self._scales, self._values(), self._titles(), strict=False)):
            scale.show(value, title, line == self._line)

    def _titles(self) -> list[str]:
        if self._sides == 1:
            realism = [_("Realism (E): 1 cannot be real, 5 could be real")]
        else:
            realism = [
                _("Realism left (E): 1 cannot be real, 5 could be real"),
                _("Realism right (D): 1 cannot be real, 5 could be real"),
            ]
        return [_("Confidence (C): 1 guessed, 5 certain"), *realism]
