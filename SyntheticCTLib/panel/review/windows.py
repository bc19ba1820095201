"""The display windows of a study: a button for each; no other can be chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from .texts import window_text

if TYPE_CHECKING:
    from ...slicer_bridge.review_session import ReviewSession


class WindowButtons:
    """Shows which window is in use and changes it.

    Args:
        ui: the widgets by name.
    """

    def __init__(self, ui) -> None:
        self._row = ui.reviewWindowsWidget
        self._buttons: list[Any] = []
        self._session: ReviewSession | None = None

    def open(self, session: ReviewSession) -> None:
        """Offer the windows of a study."""
        self.close()
        self._session = session
        for number, window in enumerate(session.study.windows):
            button = qt.QPushButton(window_text(window.name))
            button.checkable = True
            button.toolTip = _("{low:g} to {high:g} HU (W: next window)").format(low=window.low, high=window.high)
            button.connect("clicked()", lambda number=number: self._choose(number))
            self._row.layout().addWidget(button)
            self._buttons.append(button)
        self._row.visible = len(self._buttons) > 1
        self.show()

    def close(self) -> None:
        """The study is closed."""
        for button in self._buttons:
            button.delete()
        self._buttons, self._session = [], None

    def show(self) -> None:
        """Mark the window in use."""
        current = self._session.study.windows.index(self._session.window)
        for number, button in enumerate(self._buttons):
            button.checked = number == current

    def next(self) -> None:
        """Take the next window, after the last one the first."""
        if self._session is not None:
            windows = self._session.study.windows
            self._choose((windows.index(self._session.window) + 1) % len(windows))

    def _choose(self, number: int) -> None:
        self._session.set_window(self._session.study.windows[number])
        self.show()
