"""A job of the library on nodes of the scene: export, child process, import.

The scene is read when the job starts and written when its result is there, both in the thread that polls; what lies
between happens in a child process, so a window stays alive.
"""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import Cancelled, InputError, SyntheticCTError
from ..jobs import ChildJob, JobDocument
from ..jobs.workspace import Workspace

Event = Mapping[str, Any]

_POLL_INTERVAL = 0.05
"""Seconds between two looks in `wait`."""


class SceneJob:
    """One job on the scene.

    Args:
        kind: the library's job, such as "morph.register".
        export: writes the job's input files into a folder (mode 0700) and returns the job's parameters.
        take: puts the result into the scene; called with that folder and the job's result.

    `start()`, then `poll()` from a timer until `finished`; or `wait()`. After a success `value` is what `take`
    returned. `cancel()` may come at any time, ends the process with all its children and removes every file.
    """

    def __init__(
        self,
        kind: str,
        export: Callable[[Path], Mapping[str, Any]],
        take: Callable[[Path, Mapping[str, Any]], Any],
    ) -> None:
        self.kind = kind
        self.value: Any = None
        self.error: SyntheticCTError | None = None
        self.finished = False
        self.cancelled = False
        self._export = export
        self._take = take
        self._workspace: Workspace | None = None
        self._child: ChildJob | None = None

    def start(self) -> SceneJob:
        """Export the nodes and start the child. Raises InputError where that cannot be done."""
        self._workspace = Workspace.create()
        try:
            parameters = dict(self._export(self._workspace.scratch))
            self._child = ChildJob(JobDocument(self.kind, parameters), python=interpreter()).start()
        except BaseException:  # Ctrl-C too: whatever ends the export, the exported scans must not stay on the disk
            self._end()
            raise
        return self

    def poll(self) -> list[Event]:
        """The events since the last call; with the last of them the result is in the scene."""
        if self.finished:
            return []
        events = self._child.poll()
        if self._child.finished:
            self._settle()
        return events

    def wait(
        self, on_event: Callable[[Event], None] = lambda event: None, on_wait: Callable[[], None] = lambda: None
    ) -> Any:
        """Wait for the end and return `value`.

        on_event: takes each event. on_wait: called many times a second, such as `slicer.app.processEvents`.
        Raises the error the job ended with, `Cancelled` if it was cancelled.
        """
        try:
            while not self.finished:
                for event in self.poll():
                    on_event(event)
                on_wait()
                time.sleep(_POLL_INTERVAL)
        finally:
            self.cancel()
        if self.error is not None:
            raise self.error
        if self.cancelled:
            raise Cancelled("The job was cancelled; the scene is as it was.")
        return self.value

    def cancel(self) -> None:
        """End the job now; harmless when it has ended."""
        if self.finished:
            return
        self.cancelled = True
        if self._child is not None:
            self._child.cancel()
        self._end()

    def _settle(self) -> None:
        """Take the result of the child that has ended, or its error."""
        try:
            if self._child.result is not None:
                self.value = self._take(self._workspace.scratch, self._child.result)
            elif self._child.final["event"] == "cancelled":
                self.cancelled = True
            else:
                self.error = SyntheticCTError(self._child.final["message"])
        except SyntheticCTError as error:
            self.error = error
        except Exception as error:  # a defect of ours; whoever waits must hear of it, and the log must have it
            logging.exception("SyntheticCT: the result of a job could not be put into the scene")
            self.error = SyntheticCTError(f"The result could not be put into the scene ({error}).")
        finally:
            self._end()

    def _end(self) -> None:
        self.finished = True
        if self._workspace is not None:
            self._workspace.remove()


def interpreter() -> str:
    """The Python that runs jobs: Slicer's PythonSlicer, elsewhere the running one.

    Raises InputError where there is none (some builds of Slicer lack it).
    """
    found = shutil.which("PythonSlicer") or sys.executable
    if not found:
        raise InputError(
            "PythonSlicer was not found beside Slicer, and jobs run in it; install Slicer again, or put the folder "
            "of PythonSlicer on the PATH."
        )
    return found
