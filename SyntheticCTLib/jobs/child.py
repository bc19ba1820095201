"""A job in a child process: start it, poll it from a timer, cancel it at any moment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .. import errors
from ..errors import Cancelled, InputError, SyntheticCTError
from .document import JobDocument
from .event_pipe import EventReader, open_source
from .events import FINAL_EVENTS, Event, cancelled_event
from .obituary import describe_death
from .process_group import end_group, end_leftovers, group_arguments
from .workspace import Workspace

_PACKAGE, _, _ROOM = __package__.partition(".")
_LIBRARY = Path(__file__).absolute().parents[2]

_POLL_INTERVAL = 0.05
"""Seconds between two looks in `wait`."""


class ChildJob:
    """A job that runs in a process of its own.

    `start()` makes a private temporary folder, writes the document there and starts Python with the library
    on its path. `poll()` gives the events that have come since and never blocks; the last one is always
    "result", "error" or "cancelled", and then the process, all it started and the folder are gone. `cancel()`
    may be called at any moment, from the thread that polls; it ends the process even inside compiled code. If
    this process dies instead, the child notices and ends itself.

    Args:
        document: what to do; paths in its parameters are absolute, for the child has its own working folder.
        python: the interpreter; the running one unless given (in Slicer: PythonSlicer).
        library: the folder that holds the package; the running one's unless given.
        environment: environment variables to add, such as a number of threads.

    Example:
        >>> job = ChildJob(JobDocument("morph.register", parameters)).start()
        >>> result = job.wait(on_event=print)
    """

    def __init__(
        self,
        document: JobDocument,
        python: str | os.PathLike[str] | None = None,
        library: str | os.PathLike[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.document = document
        self.result: dict[str, Any] | None = None
        self.final: Event | None = None
        self._python = os.fspath(python or sys.executable)
        self._library = os.fspath(library or _LIBRARY)
        self._environment = dict(environment or {})
        self._pending: list[Event] = []
        self._said: Event | None = None  # the child's own last event; its process may still be ending
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def finished(self) -> bool:
        """Whether the job has ended, in whatever way; `final` is its last event then."""
        return self.final is not None

    def start(self) -> ChildJob:
        """Start the process and return the job itself.

        Raises:
            InputError: the interpreter cannot be started, or a parameter is not a JSON value.
        """
        text = self.document.to_json()
        self._workspace = Workspace.create()
        try:
            self._workspace.document.write_text(text, encoding="ascii")
            self._process = self._launch()
        except OSError as error:
            self._workspace.remove()
            raise InputError(
                f"The job could not be started with {self._python} ({error}). "
                "Check that this interpreter exists and that the temporary folder has room."
            ) from error
        self._reader = EventReader(open_source(self._process.stdout.fileno()))
        return self

    def poll(self) -> list[Event]:
        """The events since the last call; returns at once."""
        if self._process is None:
            raise RuntimeError("poll() was called before start().")
        if not self.finished:
            code = self._process.poll()  # before reading: what was written before the end is then all read
            self._receive()
            if code is not None:
                end_leftovers(self._process)
                self._close(lambda: describe_death(code, self._workspace.log))
        events, self._pending = self._pending, []
        return events

    def wait(self, on_event: Callable[[Event], None] = lambda event: None) -> dict[str, Any]:
        """Wait for the end and return the result.

        Args:
            on_event: takes each event.

        Raises:
            SyntheticCTError: the error the job ended with, of the class it was raised with; `Cancelled` when
                it was cancelled. Any other exception here (Ctrl-C) cancels the job before it goes on.
        """
        try:
            while True:
                for event in self.poll():
                    on_event(event)
                if self.finished:
                    break
                time.sleep(_POLL_INTERVAL)
        finally:
            self.cancel()
        return self._outcome()

    def cancel(self) -> None:
        """End the job now, with all it started, and remove what it has written.

        Harmless when the job has ended. A job that was just moving its finished outputs into place is let
        finish; its last event is then "result" all the same.
        """
        if self._process is None or self.finished:
            return
        end_group(self._process)
        self._receive()
        self._close(cancelled_event)

    def _launch(self) -> subprocess.Popen[bytes]:
        scratch = os.fspath(self._workspace.scratch)
        path = os.pathsep.join(filter(None, [self._library, os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": scratch, "TEMP": scratch, "TMP": scratch}
        with open(self._workspace.log, "wb") as log:
            return subprocess.Popen(
                [self._python, "-m", f"{_PACKAGE}.{_ROOM}.child_main", os.fspath(self._workspace.folder)],
                stdin=subprocess.PIPE,  # never written to: its end tells the child that this process has died
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=scratch,
                env={**environment, **self._environment},
                bufsize=0,
                **group_arguments(),
            )

    def _receive(self) -> None:
        for event in self._reader.read():
            self._pending.append(event)
            if event["event"] in FINAL_EVENTS:
                self._said = event

    def _close(self, last_word: Callable[[], Event]) -> None:
        """Settle how the job ended; `last_word` is asked where the child did not say so itself."""
        final = self._said
        if final is None:
            final = last_word()
            self._pending.append(final)
        self.result = final.get("result")
        self._process.stdin.close()
        self._process.stdout.close()
        self._workspace.remove()
        self.final = final

    def _outcome(self) -> dict[str, Any]:
        if self.result is not None:
            return self.result
        if self.final["event"] == "cancelled":
            raise Cancelled("The job was cancelled; nothing was left behind.")
        kind = getattr(errors, self.final["kind"], SyntheticCTError)
        raise kind(self.final["message"])
