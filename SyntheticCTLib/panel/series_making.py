"""Subsection "Series": the path in steps of ten percent, to scrub through with Slicer's own sequence browser."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from .errors import errors_shown
from .job_section import JobSection
from .parameters import SeriesKind
from .texts import colored, verdict_text

STEPS = 11
"""0, 10 ... 100 percent."""


class SeriesSection(JobSection):
    """One button that makes the series, and cancels while it does; what it will cost is said before.

    Args:
        panel: the panel this is a section of.
    """

    def __init__(self, panel) -> None:
        super().__init__(panel, panel.ui.createSeriesPushButton, panel.ui.seriesStatusLabel)

    def update(self, parameters) -> None:
        """Show whether the button can be pressed, and what it will cost."""
        reason = self._panel.morph.why_not(parameters) or self._panel.busy_reason()
        tooltip = _("Makes the bodies at 0, 10 ... 100 percent as a sequence.")
        self.update_button(_("Create the series"), tooltip, reason)
        self._ui.seriesEstimateLabel.text = "" if reason else self._estimate(parameters)

    def start(self) -> None:
        """Make the series that is chosen."""
        parameters = self._panel.parameters
        with errors_shown(_("The series could not be made.")):
            session, ends = self._panel.session, (parameters.sourceVolume, parameters.targetVolume)
            if parameters.seriesKind is SeriesKind.TRANSFORMS:
                self.take(session.create_transform_series(parameters.path, source=ends[0], target=ends[1]))
                return
            coarse = parameters.seriesKind is SeriesKind.COARSE
            job = session.start_series(parameters.path, coarse=coarse, source=ends[0], target=ends[1])
            self.run(_("the series"), job)

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

    def take(self, series) -> None:
        """Put the first item into the views; the sequence toolbar scrubs through it."""
        from ..slicer_bridge.slice_views import show_in_slices

        if not series.verdict:
            text = _("{name}: put the source under it and scrub in the toolbar.")
            self.say(text.format(name=series.proxy.GetName()))
            return
        self._panel.give_views_back()
        show_in_slices(slicer.mrmlScene, series.proxy)
        text = _("{name}: scrub in the toolbar. Worst of all: {verdict}.").format(
            name=series.sequence.GetName(), verdict=verdict_text(series.verdict)
        )
        self.say(colored(text, series.verdict))
