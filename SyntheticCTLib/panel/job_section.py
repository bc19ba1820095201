"""What the sections with a job have in common: a button that starts and cancels, a line that says how it goes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from .texts import colored, progress_text

if TYPE_CHECKING:
    from ..slicer_bridge.scene_jobs import SceneJob


class JobSection(ABC):
    """A section with a job. Subclasses write `start`, which hands a job to `run`, and `take`, which shows its result.

    Args:
        panel: the panel this is a section of.
        button: starts the job, and cancels it while it runs.
        status: the label under it.
    """

    def __init__(self, panel, button, status) -> None:
        self._panel = panel
        self._ui = panel.ui
        self._button = button
        self._status = status
        button.connect("clicked()", self.on_button)

    @abstractmethod
    def start(self) -> None:
        """Start the job."""

    @abstractmethod
    def take(self, value: Any) -> None:
        """Show what the job has made."""

    def on_button(self) -> None:
        """Start, or cancel what runs."""
        if self._panel.jobs.runs_for(self):
            self._panel.jobs.cancel()
        else:
            self.start()

    def run(self, what: str, job: SceneJob) -> None:
        """Watch a started job; `what` is its name for the user, such as "the registration"."""
        self._panel.jobs.run(self, what, job)
        self.say(_("Starting..."))

    def update_button(self, text: str, tooltip: str, reason: str) -> None:
        """Show the button as it is now: `text` to start, gray with the `reason` if there is one; or to cancel."""
        running = self._panel.jobs.runs_for(self)
        self._button.text = _("Cancel") if running else text
        self._button.enabled = running or not reason
        if running:
            tooltip, reason = _("Ends it at once; the scene stays as it is."), ""
        self._button.toolTip = reason or tooltip

    def on_event(self, event) -> None:
        """The job says how far it is."""
        if event["event"] == "stage":
            self.say(progress_text(event))

    def on_end(self, job: SceneJob) -> None:
        """The job has ended, in whatever way."""
        if job.error is not None:
            self.say(colored(str(job.error), "reject"))
            slicer.util.errorDisplay(str(job.error))
        elif job.cancelled:
            self.say(_("Cancelled; the scene is as it was."))
        else:
            self.take(job.value)

    def forget(self) -> None:
        """The scene has gone, and the job with it."""
        self.say("")

    def say(self, text: str, more: str = "") -> None:
        """Write under the button; `more` is for the tooltip."""
        self._status.text = text
        self._status.toolTip = more
