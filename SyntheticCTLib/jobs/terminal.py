"""Shows the events of a job to a person: a line that is drawn over on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from .events import Event

_BAR_WIDTH = 20
"""Characters of the bar, which is drawn only where the share done is measured."""

_TICK = 1.0
"""Seconds between two drawings while nothing is reported."""

_NEWS = 60.0
"""Seconds after which a log file is told how much of a long stage is done."""

_ERASE_LINE = "\r\x1b[K"


class Display(Protocol):
    """Shows events as they come; `tick` is called all the time, so that a clock can go on between them."""

    def show(self, event: Event) -> None: ...

    def tick(self) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """Writes each event as one line of JSON."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, event: Event) -> None:
        """Write the event."""
        print(json.dumps(event), file=self._stream, flush=True)

    def tick(self) -> None:
        """Nothing moves between events."""

    def close(self) -> None:
        """Nothing is left open."""


class PlainLines:
    """Writes one line for each stage, for log files, and one each minute for a stage whose share done is measured."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._stage: str | None = None
        self._told = 0.0

    def show(self, event: Event) -> None:
        """Write the event where it begins a stage or is a note."""
        if event["event"] == "note":
            print(f"note: {event['text']}", file=self._stream, flush=True)
        elif event["event"] == "stage" and event["stage"] != self._stage:
            self._stage, self._told = event["stage"], event["elapsed"]
            print(f"{event['elapsed']:7.1f} s  {self._stage}", file=self._stream, flush=True)
        elif event["event"] == "stage" and "done" in event and event["elapsed"] >= self._told + _NEWS:
            self._told = event["elapsed"]
            print(f"{event['elapsed']:7.1f} s  {self._stage}, {event['done']:.0%}", file=self._stream, flush=True)

    def tick(self) -> None:
        """Nothing moves between events."""

    def close(self) -> None:
        """Nothing is left open."""


class Bar:
    """Draws the current stage over and over on one line of a terminal.

    Args:
        stream: the terminal.
        clock: seconds, monotonic.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._event: Event | None = None
        self._came = self._drawn = clock()

    def show(self, event: Event) -> None:
        """Redraw the line, or write a note above it."""
        if event["event"] == "note":
            print(f"{_ERASE_LINE}note: {event['text']}", file=self._stream, flush=True)
        elif event["event"] == "stage":
            self._event, self._came = event, self._clock()
            self._draw()

    def tick(self) -> None:
        """Let the elapsed time go on through a stage that reports nothing."""
        if self._event is not None and self._clock() - self._drawn >= _TICK:
            self._draw()

    def _draw(self) -> None:
        self._drawn = self._clock()
        waited = self._drawn - self._came
        shown = {**self._event, "elapsed": self._event["elapsed"] + waited}
        if "remaining" in shown:
            shown["remaining"] = max(0, shown["remaining"] - waited)
        width = shutil.get_terminal_size().columns - 1
        print(_ERASE_LINE + bar_line(shown)[:width], end="", file=self._stream, flush=True)

    def close(self) -> None:
        """Clear the line, for what is written next."""
        print(_ERASE_LINE, end="", file=self._stream, flush=True)


def bar_line(event: Event) -> str:
    """Elapsed time and stage of an event; bar, percent and remaining time only where they are measured."""
    line = f"{_clock(event['elapsed'])}  {event['stage']}"
    if "done" in event:
        filled = round(_BAR_WIDTH * event["done"])
        line += f"  [{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {event['done']:4.0%}"
    if "remaining" in event:
        line += f"  {_clock(event['remaining'])} left"
    return line


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def display_for(as_json: bool, out: TextIO, err: TextIO) -> Display:
    """The display that fits: JSON on standard output when asked for, else standard error for a person."""
    if as_json:
        return JsonLines(out)
    return Bar(err) if err.isatty() else PlainLines(err)
