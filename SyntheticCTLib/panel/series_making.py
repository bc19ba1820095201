"""Subsection "Series": the path in steps of ten percent, to scrub through with Slicer's own sequence browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import slicer
from slicer.i18n import tr as _

from .errors import errors_shown
from .parameters import SeriesKind
from .texts import colored, progress_text, verdict_text

if TYPE_CHECKING:
    from ..slicer_bridge.scene_jobs import SceneJob

STEPS = 11
"""0, 10 ... 100 percent."""


class SeriesSection:
    """One button that makes the series, and cancels while it does; what it will cost is said before.

    Args:
        panel: the panel this is a section of.
    """

    def __init__(self, panel) -> None:
        self._panel = panel
        self._ui = panel.ui
        self._ui.createSeriesPushButton.connect("clicked()", self.on_create)

    def update(self, parameters) -> None:
        """Show whether the button can be pressed, and what it will cost."""
        button = self._ui.createSeriesPushButton
        if self._panel.jobs.runs_for(self):
            button.text, button.enabled = _("Cancel"), True
            button.toolTip = _("Ends it at once; the scene stays as it is.")
            return
        reason = self._panel.morph.why_not(parameters) or self._panel.busy_reason()
        button.text = _("Create the series")
        button.enabled = not reason
        button.toolTip = reason or _("Makes the bodies at 0, 10 ... 100 percent as a sequence.")
        self._ui.seriesEstimateLabel.text = "" if reason else self._estimate(parameters)

    def on_create(self) -> None:
        """Start, or cancel what runs."""
        if self._panel.jobs.runs_for(self):
            self._panel.jobs.cancel()
            return
        parameters = self._panel.parameters
        with errors_shown(_("The series could not be made.")):
            if parameters.seriesKind is SeriesKind.TRANSFORMS:
                self._show(self._panel.session.create_transform_series(parameters.path))
                return
            job = self._panel.session.start_series(parameters.path, coarse=parameters.seriesKind is SeriesKind.COARSE)
            self._panel.jobs.run(self, _("the series"), job)
            self._say(_("Starting..."))

    def forget(self) -> None:
        """The scene has gone, and the job with it."""
        self._say("")

    def _estimate(self, parameters) -> str:
        if parameters.seriesKind is SeriesKind.TRANSFORMS:
            return _("{count} transforms: some seconds, some megabytes.").format(count=STEPS)
        from ..slicer_bridge.series import series_megabytes

        coarse = parameters.seriesKind is SeriesKind.COARSE
        memory = series_megabytes(parameters.sourceVolume, STEPS, coarse) if parameters.sourceVolume else 0.0
        measured = self._panel.morph.last_seconds
        time = (
            _("at most {minutes:.1f} minutes, as the last scan was made").format(minutes=STEPS * measured / 60)
            if measured
            else _("time unknown until a scan of this path has been created")
        )
        return _("{count} volumes: {memory:.0f} MB; {time}.").format(count=STEPS, memory=memory, time=time)

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
            self._show(job.value)

    def _show(self, series) -> None:
        """Put the first item into the views; the sequence toolbar scrubs through it."""
        from ..slicer_bridge.slice_views import show_in_slices

        if not series.verdict:
            text = _("{name}: put the source under it and scrub in the toolbar.")
            self._say(text.format(name=series.proxy.GetName()))
            return
        self._panel.give_views_back()
        show_in_slices(slicer.mrmlScene, series.proxy)
        text = _("{name}: scrub in the toolbar. Worst of all: {verdict}.").format(
            name=series.sequence.GetName(), verdict=verdict_text(series.verdict)
        )
        self._say(colored(text, series.verdict))

    def _say(self, text: str) -> None:
        self._ui.seriesStatusLabel.text = text
