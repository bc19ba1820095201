"""The one job that may run at a time, watched from a timer so that the window stays alive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt

if TYPE_CHECKING:
    from ..slicer_bridge.scene_jobs import SceneJob

POLL_MS = 100


class JobRunner:
    """Runs one `SceneJob` and tells the section that owns it how it goes.

    `busy_with` is the job's name for the user, such as "the registration"; "" while nothing runs.

    Args:
        changed: called whenever a job has started or ended, so that all sections can show it.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.busy_with = ""
        self._changed = changed
        self._owner: Any = None
        self._job: SceneJob | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self._poll)

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return self._job is not None

    def runs_for(self, section) -> bool:
        """Whether the job that runs is this section's."""
        return self._job is not None and self._owner is section

    def run(self, section, what: str, job: SceneJob) -> None:
        """Watch a started job.

        section: its `on_event` takes each event of the job; its `on_end` is called once, when nothing runs any more,
        with `job.value`, `job.error` or `job.cancelled` set. what: the job's name for the user.
        """
        self.busy_with, self._job, self._owner = what, job, section
        self._timer.start()
        self._changed()

    def cancel(self) -> None:
        """End the job now, with its whole process tree; harmless when none runs."""
        if self._job is not None:
            self._job.cancel()
            self._finish()

    def abandon(self) -> None:
        """End the job without telling anybody: the scene or the application is going away."""
        self._owner = None
        self.cancel()

    def _poll(self) -> None:
        job = self._job
        if job is None:
            return
        try:
            for event in job.poll():
                self._owner.on_event(event)
        finally:
            if job.finished and self._job is job:
                self._finish()

    def _finish(self) -> None:
        job, owner = self._job, self._owner
        self._timer.stop()
        self.busy_with, self._job, self._owner = "", None, None
        try:
            if owner is not None:
                owner.on_end(job)
        finally:  # whatever happened to the result: nothing runs any more, and the buttons must say so
            self._changed()
