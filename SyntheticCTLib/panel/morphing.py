"""Section "Morph": the live slider, and the exact scan at one place of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import slicer
from slicer.i18n import tr as _

from .errors import errors_shown
from .job_section import JobSection
from .texts import colored, tooltip, verdict_text

PATH_CLASS = "vtkMRMLGridTransformNode"
PATH_ATTRIBUTE = "SyntheticCT.path"
"""What tells a path node from other transforms (`slicer_bridge.path_nodes`, which is too heavy to load here)."""

if TYPE_CHECKING:
    from ..slicer_bridge.preview import LivePreview
    from ..slicer_bridge.results import Created
    from ..slicer_bridge.slice_views import BorrowedViews


class MorphSection(JobSection):
    """Slider, live preview and *Create*. `last_seconds` is what the last created scan took, 0 if there was none.

    The preview is a guest in the slice views: it comes when the slider is moved or its box is checked, and goes when
    the box is unchecked, the module is left or the scene is closed. It is never saved.

    Args:
        panel: the panel this is a section of.
    """

    def __init__(self, panel) -> None:
        super().__init__(panel, panel.ui.createPushButton, panel.ui.createStatusLabel)
        self.last_seconds = 0.0
        self._began = 0.0
        self._hidden: list[str] = []
        self._preview: LivePreview | None = None
        self._views: BorrowedViews | None = None
        self._previewed_way: tuple[str, ...] = ()
        self._path_seen = ""
        self._percent_seen = 0.0
        self._report = None
        self._ui.morphPathSelector.addAttribute(PATH_CLASS, PATH_ATTRIBUTE)
        self._show_report_button(None)
        self._ui.livePreviewCheckBox.connect("toggled(bool)", self.on_live_preview)
        self._ui.showReportPushButton.connect("clicked()", self.on_show_report)

    def update(self, parameters) -> None:
        """Show whether the path still fits, and what can be pressed."""
        self._follow_path(parameters)
        reason = self.why_not(parameters)
        ready = not reason
        if self._preview is not None and (not ready or self.way(parameters) != self._previewed_way):
            self._panel.give_views_back()
        self._ui.percentSliderWidget.enabled = ready
        self._ui.livePreviewCheckBox.enabled = ready and not self._panel.inspect.active
        self._follow_percent(parameters, ready)
        self._ui.pathStatusLabel.text = colored(reason, "warn") if parameters.path is not None and reason else reason
        self._ui.pathStatusLabel.visible = bool(reason)
        self.update_button(
            _("Create the synthetic CT"),
            _("Makes the exact scan at this percentage, with labels and metadata, as new nodes."),
            reason or self._panel.busy_reason(),
        )

    def on_live_preview(self, checked: bool) -> None:
        """The preview was asked for, or sent away."""
        if not checked:
            self._end_preview()
        elif self._preview is None:
            with errors_shown(_("The preview could not be made.")):
                self._show_preview_in_slices()

    def start(self) -> None:
        """Make the exact scan at the slider's percentage."""
        parameters = self._panel.parameters
        with errors_shown(_("The synthetic CT could not be made.")):
            job = self._panel.session.start_morph(
                parameters.path,
                parameters.percent,
                labels=parameters.sourceLabels,
                metadata=parameters.sourceMetadata,
                target_metadata=parameters.targetMetadata,
                grid=parameters.grid.value,
                source=parameters.sourceVolume,
                target=parameters.targetVolume,
            )
            self._began = time.monotonic()
            self._show_report_button(None)
            self.run(_("a synthetic CT"), job)

    def on_show_report(self) -> None:
        """Show the quality report of the last scan in a table view."""
        report = slicer.mrmlScene.GetNodeByID(self._report or "")
        if report is None:
            return
        if slicer.app.layoutManager() is not None:  # first, for only a view that exists takes the table
            slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpTableView)
        slicer.app.applicationLogic().GetSelectionNode().SetActiveTableID(report.GetID())
        slicer.app.applicationLogic().PropagateTableSelection()

    def stop_preview(self) -> None:
        """Send the preview away and give the views back; harmless when there is none."""
        if self._ui.livePreviewCheckBox.checked:
            self._ui.livePreviewCheckBox.checked = False  # which ends it
        self._end_preview()

    def bring_labels_back(self) -> None:
        """Show the labels again that were put out of sight for a created scan."""
        hidden, self._hidden = self._hidden, []
        for display_id in hidden:
            display = slicer.mrmlScene.GetNodeByID(display_id)
            if display is not None:
                display.SetVisibility(True)

    def forget(self) -> None:
        """The scene has gone, and everything in it."""
        super().forget()
        self.stop_preview()
        self.last_seconds = 0.0
        self._show_report_button(None)

    def _follow_path(self, parameters) -> None:
        """Where another path was chosen, the volumes it leads from and to become the inputs."""
        seen, self._path_seen = self._path_seen, _id(parameters.path)
        if parameters.path is None or seen == self._path_seen or self._panel.quiet:
            return
        from ..slicer_bridge.path_nodes import ends_of

        source, target = ends_of(parameters.path)
        if source is not None and target is not None:
            parameters.sourceVolume, parameters.targetVolume = source, target

    def _follow_percent(self, parameters, ready: bool) -> None:
        """Where the percentage has changed, the live body goes there; it comes into view if it was not.

        This follows the parameter and not the slider: a slot of the slider that wrote another parameter would have
        the old percentage put back before the new one was written.
        """
        seen, self._percent_seen = self._percent_seen, parameters.percent
        if parameters.percent == seen or not ready or self._panel.quiet:
            return
        if self._panel.inspect.active:
            if parameters.inspectedVolume is not None:
                parameters.inspectedVolume = None
        elif self._preview is None:
            self._ui.livePreviewCheckBox.checked = True  # which starts it
        if self._preview is not None:
            self._preview.show(parameters.percent)

    def why_not(self, parameters) -> str:
        """Why the path cannot be walked now, in a sentence; "" if it can."""
        if parameters.path is None:
            return _("Register first, or choose a path.")
        chosen = (parameters.sourceVolume, parameters.targetVolume)
        if None not in chosen and not self._panel.session.leads_between(parameters.path, *chosen):
            return _("This path leads between other volumes than the chosen ones. Register again.")
        return self._panel.session.why_stale(parameters.path, *chosen)

    def way(self, parameters) -> tuple[str, ...]:
        """Ids of the path and of the volumes it is walked between, which need not be its own (`derived`)."""
        return tuple(_id(node) for node in (parameters.path, parameters.sourceVolume, parameters.targetVolume))

    def ensure_preview(self) -> LivePreview:
        """The preview of the chosen path, at the slider's percentage; made if there is none."""
        parameters = self._panel.parameters
        if self._preview is None:
            ends = {"source": parameters.sourceVolume, "target": parameters.targetVolume}
            self._preview = self._panel.session.preview(parameters.path, **ends)
            self._previewed_way = self.way(parameters)
        self._preview.show(parameters.percent)
        return self._preview

    def _show_preview_in_slices(self) -> None:
        from ..slicer_bridge.slice_views import BorrowedViews

        preview = self.ensure_preview()
        # Labels of any body but this one would deceive, and this one's are only known once it is created.
        labels = list(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"))
        self._views = BorrowedViews(slicer.mrmlScene, preview.volume, labels)

    def _end_preview(self) -> None:
        if self._views is not None:
            self._views.give_back()
        if self._preview is not None:
            self._preview.remove()
        self._preview, self._views, self._previewed_way = None, None, ()

    def take(self, made: Created) -> None:
        """Show the new scan and its verdict."""
        self.last_seconds = time.monotonic() - self._began
        parameters = self._panel.parameters
        if self._panel.inspect.active:
            parameters.inspectedVolume = made.volume
        else:
            from ..slicer_bridge.slice_views import hide_overlays, show_in_slices

            self.stop_preview()
            show_in_slices(slicer.mrmlScene, made.volume)
            # Labels of another body over this one would deceive; they come back when the module is left.
            others = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
            self._hidden += hide_overlays([node for node in others if node is not made.segmentation])
            parameters.inspectedVolume = made.volume
        text = _("{name}: {verdict}").format(name=made.volume.GetName(), verdict=verdict_text(made.verdict))
        self.say(colored(text, made.verdict), tooltip(made.reasons))
        self._show_report_button(made.report)

    def _show_report_button(self, report) -> None:
        self._report = report.GetID() if report is not None else None
        self._ui.showReportPushButton.visible = report is not None


def _id(node) -> str:
    return node.GetID() if node is not None else ""
