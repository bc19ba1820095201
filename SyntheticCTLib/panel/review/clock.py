"""How long a case is looked at."""

from __future__ import annotations

import time
from collections.abc import Callable


class ReadingClock:
    """Counts the seconds while a case is shown and Slicer is in front; either alone does not count.

    Args:
        now: tells the time in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._counted = 0.0
        self._since: float | None = None
        self._shown = False
        self._in_front = True

    def show(self, shown: bool) -> None:
        """Say whether a case is shown."""
        self._shown = shown
        self._update()

    def in_front(self, in_front: bool) -> None:
        """Say whether Slicer is the application that the reader is at."""
        self._in_front = in_front
        self._update()

    def take(self) -> float:
        """The seconds since this was asked the last time."""
        self._settle()
        taken, self._counted = self._counted, 0.0
        return taken

    def _update(self) -> None:
        self._settle()
        if not (self._shown and self._in_front):
            self._since = None
        elif self._since is None:
            self._since = self._now()

    def _settle(self) -> None:
        """Count what has passed until now."""
        if self._since is not None:
            now = self._now()
            self._counted += now - self._since
            self._since = now
