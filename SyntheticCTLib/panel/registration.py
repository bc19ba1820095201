"""Section "Register": finds the path between the two bodies, in a job that can be cancelled."""

from __future__ import annotations

from slicer.i18n import tr as _

from .errors import errors_shown
from .installing import has_ants, offer_ants
from .job_section import JobSection
from .parameters import Method


class RegistrationSection(JobSection):
    """One button that registers, and cancels while it does.

    Args:
        panel: the panel this is a section of.
    """

    def __init__(self, panel) -> None:
        super().__init__(panel, panel.ui.registerPushButton, panel.ui.registerStatusLabel)
        self._fell_back = False

    def update(self, parameters) -> None:
        """Show whether the button can be pressed, and if not, what is missing."""
        tooltip = _("Finds the smooth way from the source body to the target body.")
        self.update_button(_("Register"), tooltip, self._panel.why_not(parameters))
        both = None not in (parameters.sourceLabels, parameters.targetLabels)
        self._ui.labelsGuideCheckBox.enabled = both
        self._ui.labelsGuideCheckBox.toolTip = (
            _("Segments that both scans have, by name, guide the registration.")
            if both
            else _("Choose labels for the source and for the target first.")
        )

    def start(self) -> None:
        """Register the chosen scans; first ask about antspyx, where it is missing."""
        parameters = self._panel.parameters
        backend = self._backend(parameters.method)
        guide = parameters.labelsGuide and None not in (parameters.sourceLabels, parameters.targetLabels)
        with errors_shown(_("The registration could not be started.")):
            job = self._panel.session.start_registration(
                parameters.sourceVolume,
                parameters.targetVolume,
                source_labels=parameters.sourceLabels if guide else None,
                target_labels=parameters.targetLabels if guide else None,
                backend=backend,
            )
            self.run(_("the registration"), job)

    def take(self, path) -> None:
        """Choose the new path and open the next section."""
        self._panel.parameters.path = path
        text = _("Registered. Move the slider below.")
        if self._fell_back:
            text += " " + _("antspyx is not installed, so SimpleITK did it, less exactly.")
        self.say(text)
        self._panel.open_section(self._ui.morphCollapsibleButton)

    def _backend(self, method: Method) -> str:
        """Which backend registers; the user is asked about antspyx where that is missing."""
        wanted = method is not Method.SIMPLEITK
        available = wanted and (has_ants() or offer_ants(self._panel.resource_path("requirements.txt")))
        self._fell_back = wanted and not available
        return "ants" if available else "simpleitk"
