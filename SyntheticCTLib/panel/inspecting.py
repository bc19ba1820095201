"""Section "Inspect": source, synthetic and target side by side, for the radiologist to judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from .errors import errors_shown

if TYPE_CHECKING:
    from ..slicer_bridge.comparison import Comparison

SYNTHETIC_ATTRIBUTE = "SyntheticCT.synthetic"
"""What tells a synthetic volume from a scan (`slicer_bridge.results`, which is too heavy to load here)."""

LAYOUT_ID = 5731
"""Slicer's own layouts have ids up to 100, users' and other modules' any other; this one is ours."""

FLICKER_MS = 700
"""How long each of two scans is seen: slow enough to look, fast enough to see what jumps."""


class InspectSection(VTKObservationMixin):
    """One button that goes to the comparison and back; everything else changes what is compared.

    While it lasts, moving the mouse with Shift takes all views to the same anatomical point.

    Args:
        panel: the panel this is a section of.
    """

    def __init__(self, panel) -> None:
        VTKObservationMixin.__init__(self)
        self._panel = panel
        self._ui = panel.ui
        self._comparison: Comparison | None = None
        self._way: tuple[str, ...] = ()
        self._shown = ""
        self._window = None
        self._layout_before = 0
        self._above_seen = False
        self._flicker = qt.QTimer()
        self._flicker.setInterval(FLICKER_MS)
        self._flicker.connect("timeout()", self._swap)
        self._picked: tuple[str, tuple[float, ...]] | None = None
        self._soon = qt.QTimer()
        self._soon.setInterval(0)
        self._soon.connect("timeout()", self._go_to_picked)
        self._ui.inspectedVolumeSelector.addAttribute("vtkMRMLScalarVolumeNode", SYNTHETIC_ATTRIBUTE)
        self._ui.comparePushButton.connect("toggled(bool)", self.on_compare)
        self._ui.furthestPushButton.connect("clicked()", self.on_furthest)
        self._ui.flickerCheckBox.connect("toggled(bool)", self.on_flicker)

    @property
    def active(self) -> bool:
        """Whether the views show the comparison."""
        return self._comparison is not None

    def update(self, parameters) -> None:
        """Show whether a comparison is possible, and bring a running one up to date."""
        reason = self._panel.morph.why_not(parameters)
        if self.active and (reason or self._panel.morph.way(parameters) != self._way):
            self.stop()  # what it shows is no longer true
        if not reason and slicer.app.layoutManager() is None:
            reason = _("There are no slice views to compare in.")
        button = self._ui.comparePushButton
        button.enabled = not reason
        button.toolTip = reason or _("Shows the three scans in linked views; press again to get your own views back.")
        button.text = _("Back to my views") if self.active else _("Compare source | synthetic | target")
        live = parameters.inspectedVolume is None and parameters.above.needs_created()
        self._ui.aboveComboBox.enabled = self.active
        for widget in (self._ui.fadeSliderWidget, self._ui.flickerCheckBox):
            widget.enabled = self.active and not live
            widget.toolTip = _("Create the synthetic CT first, or choose one above.") if live else ""
        self._ui.furthestPushButton.enabled = self.active
        if self.active:
            with errors_shown(_("The comparison could not be shown.")):
                self._bring_up_to_date(parameters)

    def on_compare(self, checked: bool) -> None:
        """The button was pressed, or released."""
        if not checked:
            self.stop()
        elif not self.active:
            with errors_shown(_("The comparison could not be shown.")):
                self._start()
            if not self.active:
                self._ui.comparePushButton.checked = False
        self._panel.update()

    def on_flicker(self, checked: bool) -> None:
        """Show the two scans in turns, or stop that."""
        if checked and self.active:
            self._flicker.start()
        else:
            self._flicker.stop()
            self._fade(self._panel.parameters)

    def on_furthest(self) -> None:
        """Go to the point of the body that moves furthest between source and target."""
        if self._comparison is None:
            return
        with errors_shown(_("The largest deformation could not be found.")):
            parameters = self._panel.parameters
            ends = {"source": parameters.sourceVolume, "target": parameters.targetVolume}
            self._picked = ("Source", self._panel.session.furthest_point(parameters.path, **ends))
            self._go_to_picked()

    def mend(self, parameters) -> None:
        """Put views right that a scene brought along which was saved during a comparison or a preview.

        Slicer announces no saving (5.13), so nothing could be given back before; what was shown was not saved.
        """
        from ..slicer_bridge.slice_views import fill_empty_views

        manager = slicer.app.layoutManager()
        if manager is not None and manager.layout == LAYOUT_ID and not self.active:
            manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        if parameters.sourceVolume is not None:
            fill_empty_views(slicer.mrmlScene, parameters.sourceVolume)

    def stop(self) -> None:
        """Give the user's own views back; harmless when no comparison is shown."""
        self._flicker.stop()
        self._soon.stop()
        self.removeObservers()
        self._ui.flickerCheckBox.checked = False
        if self._comparison is None:
            return
        comparison, self._comparison, self._shown = self._comparison, None, ""
        comparison.end()
        self._panel.morph.stop_preview()
        manager = slicer.app.layoutManager()
        if manager is not None and manager.layout == LAYOUT_ID:
            manager.setLayout(self._layout_before)
        self._ui.comparePushButton.checked = False

    def _start(self) -> None:
        from ..slicer_bridge.comparison import layout_description

        parameters = self._panel.parameters
        self._panel.morph.stop_preview()
        overlays = list(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"))
        ends = {"source": parameters.sourceVolume, "target": parameters.targetVolume}
        comparison = self._panel.session.compare(parameters.path, overlays, **ends)
        manager = slicer.app.layoutManager()
        layout = manager.layoutLogic().GetLayoutNode()
        if not layout.IsLayoutDescription(LAYOUT_ID):
            layout.AddLayoutDescription(LAYOUT_ID, layout_description())
        self._layout_before = manager.layout
        manager.setLayout(LAYOUT_ID)
        slicer.app.processEvents()  # the views get their size only then
        self._comparison, self._window, self._way = comparison, None, self._panel.morph.way(parameters)
        self._bring_up_to_date(parameters)
        comparison.arrange()
        crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        if crosshair is not None:
            self.addObserver(crosshair, vtk.vtkCommand.ModifiedEvent, self._on_crosshair)

    def _on_crosshair(self, crosshair, event=None) -> None:
        """The crosshair was moved (Shift): go there a moment later, when Slicer has moved all views to its point."""
        column = self._comparison.column_of(crosshair.GetCursorPositionXYZ([0.0, 0.0, 0.0]))
        picked = (column, tuple(crosshair.GetCrosshairRAS()))
        if column is not None and picked != self._picked:
            self._picked = picked
            self._soon.start()

    def _go_to_picked(self) -> None:
        self._soon.stop()
        if self._comparison is None or self._picked is None:
            return
        column, point = self._picked
        share = self._comparison.share
        if share is None:
            share = self._panel.parameters.percent / 100
        self._comparison.go_to(column, point, self._panel.morph.ensure_preview(), share)

    def _bring_up_to_date(self, parameters) -> None:
        inspected = parameters.inspectedVolume
        shown = inspected.GetID() if inspected is not None else "live"
        if shown != self._shown:
            self._shown = shown
            if inspected is None:
                self._comparison.show_preview(self._panel.morph.ensure_preview())
            else:
                self._comparison.show_volume(inspected, self._panel.session.world_image(inspected))
        if parameters.window is not self._window:
            self._window = parameters.window
            self._set_window(parameters)
        self._comparison.align(parameters.alignTarget)
        if not self._flicker.active:
            self._fade(parameters)

    def _set_window(self, parameters) -> None:
        chosen = parameters.window.window_and_level()
        display = parameters.sourceVolume.GetDisplayNode() if parameters.sourceVolume is not None else None
        if chosen is None and display is not None:
            chosen = (display.GetWindow(), display.GetLevel())
        if chosen is not None:
            self._comparison.set_window(*chosen)

    def _fade(self, parameters) -> None:
        if self._comparison is not None and parameters is not None:
            self._comparison.fade(parameters.above.value, parameters.fade / 100)

    def _swap(self) -> None:
        """The other of the two scans, while flickering."""
        self._above_seen = not self._above_seen
        if self._comparison is not None and self._panel.parameters is not None:  # Slicer may be closing
            self._comparison.fade(self._panel.parameters.above.value, float(self._above_seen))
