"""Artefacts: a button for each kind, a click into a view, a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from ..lesion_drop import OneClick
from .keys import letters_for
from .texts import kind_text, mark_text, marking_text

if TYPE_CHECKING:
    from ...slicer_bridge.review_session import Draft, ReviewSession

COLUMNS = 3
"""Of the buttons."""


class MarkingTools:
    """Puts marks into the draft of the case that is shown, and takes them out again.

    Args:
        ui: the widgets by name.
        changed: called when marks were added or removed.
    """

    def __init__(self, ui, changed: Callable[[], None]) -> None:
        self._ui = ui
        self._changed = changed
        self._buttons: list[Any] = []
        self._keys: list[str] = []
        self._kinds: tuple[str, ...] = ()
        self._session: ReviewSession | None = None
        self._draft: Draft | None = None
        self._kind = ""
        self._click = OneClick(self._on_click, self._on_click_ended, "?")
        ui.reviewMarksListWidget.connect("currentRowChanged(int)", self._on_row)
        ui.reviewRemoveMarkPushButton.connect("clicked()", self.remove)

    def open(self, session: ReviewSession) -> None:
        """Offer the kinds of a study."""
        self.close()
        self._session, self._kinds = session, session.study.artefacts
        self._keys = letters_for(kind_text(kind) for kind in self._kinds)
        grid = self._ui.reviewKindsWidget.layout()
        for number, (kind, key) in enumerate(zip(self._kinds, self._keys, strict=True)):
            button = qt.QPushButton(f"{kind_text(kind)} ({key})")
            button.checkable = True
            button.connect("clicked(bool)", lambda pressed, kind=kind: self._on_kind(kind, pressed))
            grid.addWidget(button, number // COLUMNS, number % COLUMNS)
            self._buttons.append(button)

    def close(self) -> None:
        """The study is closed."""
        self.stop()
        for button in self._buttons:
            button.delete()
        self._buttons, self._session, self._draft = [], None, None

    def keys(self) -> dict[str, Callable[[], None]]:
        """What each kind's key does."""
        return {key: lambda n=n: self._buttons[n].click() for n, key in enumerate(self._keys)}

    @property
    def waiting(self) -> bool:
        """Whether the next click into a view sets a mark."""
        return self._click.waiting

    def stop(self) -> None:
        """Wait for no click."""
        self._click.stop()

    def show(self, draft: Draft, enabled: bool) -> None:
        """Show the marks of a draft. enabled: whether they may be changed."""
        self.stop()
        self._draft = draft
        for button, kind in zip(self._buttons, self._kinds, strict=True):
            button.enabled = enabled
            button.toolTip = _("The next click into a view marks it: {kind}.").format(kind=kind_text(kind).lower())
        self._ui.reviewMarksListWidget.enabled = enabled
        self._list()

    def remove(self) -> None:
        """Take the chosen mark out."""
        row = self._ui.reviewMarksListWidget.currentRow
        if self._draft is not None and 0 <= row < len(self._draft.marks):
            del self._draft.marks[row]
            self._list()
            self._changed()

    def _list(self) -> None:
        marks = self._ui.reviewMarksListWidget
        marks.clear()
        sides = self._session.sides
        for number, mark in enumerate(self._draft.marks, 1):
            marks.addItem(mark_text(number, mark.kind, mark.side, sides))
        self._on_row(marks.currentRow)

    def _on_row(self, row: int) -> None:
        """A mark was chosen: go there."""
        chosen = self._draft is not None and 0 <= row < len(self._draft.marks)
        self._ui.reviewRemoveMarkPushButton.enabled = chosen and self._ui.reviewMarksListWidget.enabled
        if chosen:
            self._session.views.go_to(self._draft.marks[row].position)

    def _on_kind(self, kind: str, pressed: bool) -> None:
        self._click.stop()  # which releases the button
        if pressed:
            self._kind = kind
            self._show_pressed(kind)
            self._click.start()

    def _on_click(self, point) -> None:
        """A place was clicked."""
        if self._session is None or self._draft is None:
            return
        from ...slicer_bridge.review_marks import Mark

        self._draft.marks.append(Mark(self._kind, point, self._session.views.side_under_cursor()))
        self._list()
        self._changed()

    def _on_click_ended(self) -> None:
        self._show_pressed("")

    def _show_pressed(self, pressed: str) -> None:
        for button, kind in zip(self._buttons, self._kinds, strict=False):
            if button:  # Slicer may have destroyed it already
                button.checked = kind == pressed
        self._ui.reviewArtefactsLabel.text = marking_text(pressed)
