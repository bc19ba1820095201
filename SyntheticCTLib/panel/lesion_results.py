"""Before and after: the scan and what was painted from it, one click apart, and on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

if TYPE_CHECKING:
    from ..slicer_bridge.lesion_painting import Painted


class BeforeAndAfter:
    """The button that shows the scan without the lesion, and the one that goes on to morph the painted one.

    Args:
        panel: the panel whose section this belongs to.
    """

    def __init__(self, panel) -> None:
        self._panel = panel
        self._ui = panel.ui
        self._latest = ""
        self._hidden: list[str] = []
        self._shown: list[str] = []
        self.shows_after = False
        self._ui.showBeforePushButton.connect("toggled(bool)", self.on_before)
        self._ui.useAsSourcePushButton.connect("clicked()", self.on_use)

    def after(self, volume) -> Any:
        """What was painted last from a volume node; None if nothing was, or it is gone."""
        if volume is None:
            return None
        from ..slicer_bridge.derived import painted_from

        made = painted_from(slicer.mrmlScene, volume)
        return next((node for node in made if node.GetID() == self._latest), made[-1] if made else None)

    def why_not(self, after) -> str:
        """Why nothing can be done with what was painted last, in a sentence; "" if it can."""
        return _("Paint a lesion first.") if after is None else ""

    def update(self, parameters, after) -> None:
        """Show what can be pressed."""
        before, reason = self._ui.showBeforePushButton, self.why_not(after)
        before.enabled = not reason
        before.toolTip = reason or _("Shows the scan without the lesion; press again for the one with it.")
        use, source = self._ui.useAsSourcePushButton, parameters.sourceVolume
        if after is not None and source is not None and source.GetID() == after.GetID():
            reason = _("It is the source already.")
        use.enabled = not reason
        use.toolTip = reason or _("Makes the painted scan the source; paths from the scan before lead from it too.")

    def take(self, painted: Painted) -> None:
        """Show a scan that was just painted, with its own labels as outlines, so that they hide no texture."""
        from ..slicer_bridge.slice_views import hide_overlays

        self._latest = painted.volume.GetID()
        display = painted.segmentation.GetDisplayNode()
        if display is not None:
            display.SetVisibility2DFill(False)
        others = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        hidden = hide_overlays([node for node in others if node is not painted.segmentation])
        self._hidden += [display_id for display_id in hidden if display_id not in self._shown]
        if display is not None:
            self._shown.append(display.GetID())  # out of sight for good with the next one
        self._show(painted.volume)
        self.shows_after = True
        self._ui.showBeforePushButton.checked = False

    def on_before(self, checked: bool) -> None:
        """Show the scan without the lesion, or with it."""
        parameters = self._panel.parameters
        if parameters is None or parameters.lesionVolume is None:
            return
        shown = parameters.lesionVolume if checked else self.after(parameters.lesionVolume)
        if shown is not None:
            self._show(shown)
            self.shows_after = not checked

    def on_use(self) -> None:
        """The painted scan becomes the source, its labels the source's; the path stays."""
        parameters = self._panel.parameters
        after = self.after(parameters.lesionVolume)
        if after is None:
            return
        role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
        labels = [
            node
            for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
            if node.GetNodeReferenceID(role) == after.GetID()
        ]
        parameters.sourceVolume = after
        if labels:
            parameters.sourceLabels = labels[0]

    def show_before(self, parameters) -> None:
        """Show the scan that is painted in."""
        if self.shows_after:
            self._ui.showBeforePushButton.checked = True  # which shows it

    def show_volume(self, volume) -> None:
        """Another scan was chosen: show it."""
        self.shows_after = False
        self._ui.showBeforePushButton.checked = False
        self._show(volume)

    def give_back(self) -> None:
        """Labels of other scans that were put out of sight come back."""
        hidden, self._hidden = self._hidden, []
        for display_id in hidden:
            display = slicer.mrmlScene.GetNodeByID(display_id)
            if display is not None:
                display.SetVisibility(True)

    def forget(self) -> None:
        """The scene has gone."""
        self._latest, self._hidden, self._shown, self.shows_after = "", [], [], False
        self._ui.showBeforePushButton.checked = False

    def _show(self, volume) -> None:
        from ..slicer_bridge.slice_views import show_in_slices

        self._panel.give_views_back()
        show_in_slices(slicer.mrmlScene, volume)
