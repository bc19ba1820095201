"""The one job that may run at a time, watched from a timer so that the window stays alive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt

if TYPE_CHECKING:
    from ..slicer_bridge.scene_jobs import SceneJob

POLL_MS = 100


class JobRunner:
    """Runs one `SceneJob` and tells a section how it goes.

    Args:
        changed: called whenever a job starts or ends, so that all sections can show it.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.busy_with = ""
        self._changed = changed
        self._job: SceneJob | None = None
        self._on_event: Callable[[dict[str, Any]], None] | None = None
        self._on_end: Callable[[SceneJob], None] | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self._poll)

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return self._job is not None

    def run(
        self,
        what: str,
        job: SceneJob,
        on_event: Callable[[dict[str, Any]], None],
        on_end: Callable[[SceneJob], None],
    ) -> None:
        """Watch a started job. what: its name for the user, such as "the registration". on_end: called once, with
        `job.value`, `job.error` or `job.cancelled` set."""
        self.busy_with, self._job, self._on_event, self._on_end = what, job, on_event, on_end
        self._timer.start()
        self._changed()

    def cancel(self) -> None:
        """End the job now, with its whole process tree; harmless when none runs."""
        if self._job is not None:
            self._job.cancel()
            self._finish()

    def abandon(self) -> None:
        """End the job without telling anybody: the scene or the application is going away."""
        self._on_end = None
        self.cancel()

    def _poll(self) -> None:
        job = self._job
        if job is None:
            return
        try:
            for event in job.poll():
                self._on_event(event)
        finally:
            if job.finished and self._job is job:
                self._finish()

    def _finish(self) -> None:
        job, on_end = self._job, self._on_end
        self._timer.stop()
        self.busy_with, self._job, self._on_event, self._on_end = "", None, None, None
        self._changed()
        if on_end is not None:
            on_end(job)
