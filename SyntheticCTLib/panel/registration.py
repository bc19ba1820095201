"""Section "Register": finds the path between the two bodies, in a job that can be cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import slicer
from slicer.i18n import tr as _

from .errors import errors_shown
from .installing import has_ants, offer_ants
from .parameters import Method
from .texts import colored, progress_text

if TYPE_CHECKING:
    from ..slicer_bridge.scene_jobs import SceneJob


class RegistrationSection:
    """One button that registers, and cancels while it does.

    Args:
        panel: the panel this is a section of.
    """

    def __init__(self, panel) -> None:
        self._panel = panel
        self._ui = panel.ui
        self._fell_back = False
        self._ui.registerPushButton.connect("clicked()", self.on_register)

    def update(self, parameters) -> None:
        """Show whether the button can be pressed, and if not, what is missing."""
        button = self._ui.registerPushButton
        if self._panel.jobs.runs_for(self):
            button.text = _("Cancel the registration")
            button.toolTip = _("Ends it at once; the scene stays as it is.")
            button.enabled = True
            return
        reason = self._panel.why_not(parameters)
        button.text = _("Register")
        button.enabled = not reason
        button.toolTip = reason or _("Finds the smooth way from the source body to the target body.")
        both = parameters.sourceLabels is not None and parameters.targetLabels is not None
        self._ui.labelsGuideCheckBox.enabled = both
        self._ui.labelsGuideCheckBox.toolTip = (
            _("Labels that both scans have join the registration.")
            if both
            else _("Choose labels for the source and for the target first.")
        )

    def on_register(self) -> None:
        """Start, or cancel what runs."""
        if self._panel.jobs.runs_for(self):
            self._panel.jobs.cancel()
            return
        parameters = self._panel.parameters
        backend = self._backend(parameters.method)
        with errors_shown(_("The registration could not be started.")):
            guide = parameters.labelsGuide and None not in (parameters.sourceLabels, parameters.targetLabels)
            job = self._panel.session.start_registration(
                parameters.sourceVolume,
                parameters.targetVolume,
                source_labels=parameters.sourceLabels if guide else None,
                target_labels=parameters.targetLabels if guide else None,
                backend=backend,
            )
            self._panel.jobs.run(self, _("the registration"), job)
            self._say(_("Starting..."))

    def forget(self) -> None:
        """The scene has gone, and the job with it."""
        self._say("")

    def _backend(self, method: Method) -> str:
        """Which backend registers; the user is asked about antspyx where that is missing."""
        wanted = method is not Method.SIMPLEITK
        available = wanted and (has_ants() or offer_ants(self._panel.resource_path("requirements.txt")))
        self._fell_back = wanted and not available
        return "ants" if available else "simpleitk"

    def on_event(self, event) -> None:
        """The job says how far it is."""
        if event["event"] == "stage":
            self._say(progress_text(event))

    def on_end(self, job: SceneJob) -> None:
        """The job has ended, in whatever way."""
        if job.error is not None:
            self._say(colored(str(job.error), "reject"))
            slicer.util.errorDisplay(str(job.error))
        elif job.cancelled:
            self._say(_("Cancelled; the scene is as it was."))
        else:
            self._panel.parameters.path = job.value
            text = _("Registered. Move the slider below.")
            if self._fell_back:
                text += " " + _("antspyx is not installed, so SimpleITK did it, less exactly.")
            self._say(text)
            self._panel.open_section(self._ui.morphCollapsibleButton)

    def _say(self, text: str) -> None:
        self._ui.registerStatusLabel.text = text
