"""Events of a job: small JSON objects, in the order in which things happen.

- {"event": "stage", "stage": text, "elapsed": seconds, "done": 0..1, "remaining": seconds}
  `done` and `remaining` (of this stage) are there only where the job counts its work.
- {"event": "note", "text": text, "elapsed": seconds}
- the last one: {"event": "result", "result": {...}}, {"event": "cancelled"} or
  {"event": "error", "kind": name, "exit_code": number, "message": sentence}, perhaps with "log": file name.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..errors import Cancelled, SyntheticCTError

Event = dict[str, Any]
Emit = Callable[[Event], None]

FINAL_EVENTS = ("result", "error", "cancelled")

_MIN_INTERVAL = 0.1
"""Seconds between two events of one stage: a fast loop must not flood the reader."""

_MIN_MEASURED = 1.0
"""Seconds a stage must have run before its remaining time is extrapolated."""


class EventWriter:
    """Turns what a job reports into events.

    Args:
        emit: takes each event.
        clock: seconds, monotonic.
    """

    def __init__(self, emit: Emit, clock: Callable[[], float] = time.monotonic) -> None:
        self._emit = emit
        self._clock = clock
        self._start = clock()
        self._stage: str | None = None
        self._stage_start = self._start
        self._last = self._start

    def stage(self, stage: str, done: float | None = None) -> None:
        """Say what is going on; `done` (0..1) only where it has been counted."""
        now = self._clock()
        if stage != self._stage:
            self._stage, self._stage_start = stage, now
        elif now - self._last < _MIN_INTERVAL and done != 1.0:
            return
        self._last = now
        event: Event = {"event": "stage", "stage": stage, "elapsed": round(now - self._start, 2)}
        if done is not None:
            done = min(max(float(done), 0.0), 1.0)
            event["done"] = round(done, 4)
            if done > 0 and now - self._stage_start >= _MIN_MEASURED:
                event["remaining"] = round((now - self._stage_start) * (1 - done) / done, 1)
        self._emit(event)

    def note(self, text: str) -> None:
        """Tell the user something that is no error, such as values that were clamped on reading."""
        self._emit({"event": "note", "text": text, "elapsed": round(self._clock() - self._start, 2)})

    def result(self, result: dict[str, Any]) -> None:
        """The job is done and its outputs are in place."""
        self._emit({"event": "result", "result": result, "elapsed": round(self._clock() - self._start, 2)})

    def error(self, error: SyntheticCTError) -> None:
        """The job has ended with an error that was raised on purpose."""
        self._emit(cancelled_event() if isinstance(error, Cancelled) else error_event(error))


def error_event(error: SyntheticCTError) -> Event:
    """The event that tells of an error."""
    return {
        "event": "error",
        "kind": type(error).__name__,
        "exit_code": error.exit_code,
        "message": str(error),
    }


def cancelled_event() -> Event:
    """The event that ends a cancelled job."""
    return {"event": "cancelled", "exit_code": Cancelled.exit_code}
