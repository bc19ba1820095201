"""Section "Lesion": a painted mask becomes a lesion in a new scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from .errors import errors_shown
from .installing import offer_painting
from .job_section import JobSection
from .lesion_advice import Advice
from .lesion_drop import OneClick
from .lesion_editor import LesionEditor
from .lesion_models import ModelChooser
from .lesion_results import BeforeAndAfter
from .parameters import LesionShape
from .texts import colored, first_of, tooltip

if TYPE_CHECKING:
    from ..slicer_bridge.lesion_models import ModelChoice
    from ..slicer_bridge.lesion_painting import Painted

SETTLE_MS = 250
"""A mask is measured when it has been left alone so long."""

MASK_EVENTS = (
    slicer.vtkSegmentation.SourceRepresentationModified,
    slicer.vtkSegmentation.SegmentModified,
    slicer.vtkSegmentation.SegmentRemoved,
)
"""The first comes from whoever paints, the second alone from the editor's undo, the third from other modules."""


class LesionSection(JobSection, VTKObservationMixin):
    """Choose a scan, paint or drop a lesion mask, choose a model, paint; then look at before and after.

    The mask, and the editor for it, are made when the section is open and a scan is chosen. The scan is only read.

    Args:
        panel: the panel this is a section of.
    """

    def __init__(self, panel) -> None:
        JobSection.__init__(self, panel, panel.ui.paintLesionPushButton, panel.ui.lesionStatusLabel)
        VTKObservationMixin.__init__(self)
        self._editor = LesionEditor(self._ui.lesionEditorWidget)
        self._models = ModelChooser(self._ui, self._on_model)
        self._results = BeforeAndAfter(panel)
        self._click = OneClick(self._on_click, self._on_click_ended)
        self._advice = Advice()
        self._mask: Any = None
        self._labels: Any = None
        self._measured: tuple[Any, Any] = ((), None)
        self._volume_seen: str | None = None
        self._choice: ModelChoice | None = None
        self._soon = qt.QTimer()
        self._soon.setInterval(SETTLE_MS)
        self._soon.connect("timeout()", self._on_settled)
        self._ui.lesionCollapsibleButton.connect("contentsCollapsed(bool)", self._on_collapsed)
        self._ui.dropLesionPushButton.connect("toggled(bool)", self.on_drop)
        self._ui.paintVariationPushButton.connect("clicked()", self.on_variation)

    @property
    def open(self) -> bool:
        """Whether the section is open, and so at work."""
        return not self._ui.lesionCollapsibleButton.collapsed

    def update(self, parameters) -> None:
        """Show what is chosen, how large the mask is, and what can be pressed."""
        if not self.open:
            return
        self._follow_volume(parameters)
        self._choice = self._models.show(parameters.lesionModel, self._parts(parameters.lesionVolume))
        place = self._why_no_scan(parameters.lesionVolume) or self._why_astray(parameters.lesionVolume)
        self._models.warn(self._problems(parameters.lesionVolume, place))
        self._show_tools(place or self._why_no_drop(parameters.lesionVolume), place)
        self._show_measures()
        reason = place or self._why_no_mask() or self._models.why_not(self._choice) or self._panel.busy_reason()
        self.update_button(_("Paint lesion"), _("Makes a new scan with the lesion; this one stays as it is."), reason)
        variation = self._ui.paintVariationPushButton
        after = self._results.after(parameters.lesionVolume)
        reason = reason or self._results.why_not(after)
        variation.enabled = not reason
        variation.toolTip = reason or _("Paints the same mask anew: another lesion, as plausible.")
        self._results.update(parameters, after)

    def on_variation(self) -> None:
        """Paint the same mask with the next seed."""
        from ..slicer_bridge.lesion_painting import next_seed

        self._paint(next_seed(slicer.mrmlScene, self._panel.parameters.lesionVolume))

    def on_drop(self, checked: bool) -> None:
        """The button for one click was pressed, or released."""
        if checked:
            self._results.show_before(self._panel.parameters)
            self._show_mask(True)
            self._editor.pause()  # its Escape would be in the way of this one
            self._click.start()
            self._ui.dropLesionPushButton.shortcut = qt.QKeySequence("Esc")  # presses it again; Slicer has none here
        else:
            self._click.stop()

    def start(self) -> None:
        """Paint what is in the mask."""
        self._paint(None)

    def _paint(self, seed: int | None) -> None:
        """Start the job; first ask about PyTorch and safetensors, where they are missing."""
        missing = offer_painting()
        if missing:
            self.say(colored(missing, "warn"))
            slicer.util.errorDisplay(missing)
            return
        parameters = self._panel.parameters
        self._click.stop()
        self._editor.pause()
        with errors_shown(_("The lesion could not be painted.")):
            job = self._panel.session.start_painting(
                parameters.lesionVolume,
                self._mask,
                self._choice.key,
                seed=seed,
                density=parameters.lesionDensity.value,
                labels=parameters.lesionLabels,
            )
            self.run(_("painting a lesion"), job)

    def take(self, painted: Painted) -> None:
        """Show the painted scan in the place of the one before."""
        self._show_mask(False)
        self._results.take(painted)
        if painted.seed is None:
            text = _("{name}: the likeliest lesion.").format(name=painted.volume.GetName())
        else:
            text = _("{name}: variation {seed}.").format(name=painted.volume.GetName(), seed=painted.seed)
        if painted.warnings:
            text = colored(f"{text} {first_of(painted.warnings)}", "warn")
        self.say(text, tooltip(painted.warnings))

    def leave(self) -> None:
        """The module is left: give mouse, keyboard and views back."""
        self._click.stop()
        self._editor.pause()
        self._results.give_back()

    def forget(self) -> None:
        """The scene has gone, and everything in it."""
        super().forget()
        self.leave()
        self._soon.stop()
        self._editor.forget()
        self._results.forget()
        self._advice.forget()
        self._watch(None)
        self.removeObservers()
        self._volume_seen, self._choice, self._labels = None, None, None
        self._ui.lesionMeasuresLabel.text = ""

    def end(self) -> None:
        """The panel goes away."""
        self.forget()
        self._models.close()

    def on_node_removed(self, node) -> None:
        """A node was deleted by hand; where it was the mask, an empty one is made when the scene has settled."""
        if node is not None and node is self._mask:
            self._soon.start()

    def _follow_volume(self, parameters) -> None:
        """Where another scan was chosen, its own mask, labels and views come with it."""
        volume = parameters.lesionVolume
        now = volume.GetID() if volume is not None else ""
        changed, self._volume_seen = now != self._volume_seen, now
        if volume is None or self._why_no_scan(volume):
            self._click.stop()
            self._editor.pause()
            self._watch(None)
            return
        from ..slicer_bridge.lesion_masks import SEGMENT_ID, ensure_mask

        mask = ensure_mask(slicer.mrmlScene, volume)
        self._watch(mask)
        self._editor.edit(mask, volume, SEGMENT_ID)
        if not self._click.waiting:
            self._editor.listen()
        self._watch_editor()
        if changed and not self._panel.quiet:
            self._results.show_volume(volume)
            self._show_mask(True)
        self._follow_labels(parameters, changed)

    def _follow_labels(self, parameters, changed: bool) -> None:
        """A scan comes with the labels that were chosen for it by hand, or else with its own."""
        from ..slicer_bridge.lesion_masks import remember_labels, remembered_labels

        if changed and not self._panel.quiet:
            chosen, labels = remembered_labels(self._mask)
            self._labels = labels if chosen else self._own_labels(parameters, parameters.lesionVolume)
            if self._labels is not parameters.lesionLabels:
                parameters.lesionLabels = self._labels
        elif parameters.lesionLabels is not self._labels:
            deleted = self._labels is not None and not slicer.mrmlScene.IsNodePresent(self._labels)
            self._labels = parameters.lesionLabels
            if not changed and not deleted:
                remember_labels(self._mask, self._labels)

    def _own_labels(self, parameters, volume):
        """The labels that belong to a scan: those of the input, or those that were made with it; None if unknown."""
        for end, labels in (
            (parameters.sourceVolume, parameters.sourceLabels),
            (parameters.targetVolume, parameters.targetLabels),
        ):
            if end is not None and end.GetID() == volume.GetID() and labels is not None:
                return labels
        role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
        from ..slicer_bridge.lesion_masks import MASK

        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            if node.GetNodeReferenceID(role) == volume.GetID() and not node.GetAttribute(MASK):
                return node
        return None

    def _watch(self, mask) -> None:
        """Follow a mask, whoever paints in it."""
        if mask is self._mask:
            return
        self.removeObservers(self._on_mask_modified)
        self._mask = mask
        if mask is not None:
            for event in MASK_EVENTS:
                self.addObserver(mask, event, self._on_mask_modified)
        self._measure()

    def _watch_editor(self) -> None:
        node = self._editor.node
        if node is not None and not self.hasObserver(node, vtk.vtkCommand.ModifiedEvent, self._on_editor_modified):
            self.removeObservers(self._on_editor_modified)
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._on_editor_modified)

    def _on_editor_modified(self, caller, event=None) -> None:
        """A tool was taken up: whoever paints wants to see the scan without a lesion, and the mask."""
        if caller.GetActiveEffectName() and self._results.shows_after:
            self._results.show_before(self._panel.parameters)
            self._show_mask(True)

    def _on_mask_modified(self, caller=None, event=None) -> None:
        self._soon.start()  # anew, if it runs

    def _on_settled(self) -> None:
        self._soon.stop()
        self._measure()
        self._panel.update()

    def _measure(self) -> None:
        self._measured = ((), None)
        if self._mask is not None and slicer.mrmlScene.IsNodePresent(self._mask):
            from ..slicer_bridge.lesion_masks import lesions_of

            self._measured = lesions_of(self._mask)

    def _show_tools(self, no_drop: str, no_brush: str) -> None:
        """Show what a mask can be drawn with, or why it cannot, in a sentence each."""
        self._ui.dropLesionPushButton.enabled = not no_drop
        self._ui.dropLesionPushButton.toolTip = no_drop or _("The next click in a view puts a lesion there.")
        self._ui.lesionEditorWidget.enabled = not no_brush
        if no_drop:
            self._click.stop()

    def _show_measures(self) -> None:
        lesions = self._measured[0]
        text = ""
        if len(lesions) == 1:
            text = _("One lesion: {diameter:.1f} mm across, {volume:.2f} ml.").format(
                diameter=lesions[0].diameter_mm, volume=lesions[0].volume_ml
            )
        elif lesions:
            text = _("{count} lesions: {low:.1f} to {high:.1f} mm across, {volume:.2f} ml together.").format(
                count=len(lesions),
                low=min(one.diameter_mm for one in lesions),
                high=max(one.diameter_mm for one in lesions),
                volume=sum(one.volume_ml for one in lesions),
            )
        self._ui.lesionMeasuresLabel.text = text or _("Nothing is painted yet.")

    def _show_mask(self, visible: bool) -> None:
        if self._mask is not None and self._mask.GetDisplayNode() is not None:
            self._mask.GetDisplayNode().SetVisibility(visible)

    def _on_click(self, point) -> None:
        """A place was clicked: put a lesion there."""
        parameters = self._panel.parameters
        if parameters is None or parameters.lesionVolume is None:
            return
        with errors_shown(_("The lesion could not be put there.")):
            from ..slicer_bridge.lesion_masks import drop_lesion

            irregular = parameters.lesionShape is LesionShape.IRREGULAR
            self._editor.remember()
            drop_lesion(self._mask, parameters.lesionVolume, point, parameters.lesionDiameter, irregular)
        self._on_settled()

    def _on_click_ended(self) -> None:
        self._ui.dropLesionPushButton.shortcut = qt.QKeySequence()
        self._ui.dropLesionPushButton.checked = False
        self._editor.listen()

    def _on_collapsed(self, collapsed: bool) -> None:
        if collapsed:
            self.leave()
        elif self._panel.parameters is not None:
            parameters = self._panel.parameters
            self._panel.give_views_back()
            self._models.refresh()
            self._volume_seen = None
            if parameters.lesionVolume is None and parameters.sourceVolume is not None:
                parameters.lesionVolume = parameters.sourceVolume  # which shows it
            else:
                self._panel.update()

    def _on_model(self, key: str) -> None:
        self._panel.parameters.lesionModel = key

    def _why_no_scan(self, volume) -> str:
        if volume is None:
            return _("Choose a scan.")
        summary = self._panel.inputs.summary(volume)
        if summary is None:
            return _("{name} is empty; choose another volume.").format(name=volume.GetName())
        return summary.problem

    def _why_astray(self, volume) -> str:
        from ..slicer_bridge.lesion_following import why_astray

        return why_astray(self._mask, volume)

    def _why_no_drop(self, volume) -> str:
        from ..slicer_bridge.lesion_masks import why_no_drop

        return why_no_drop(volume)

    def _why_no_mask(self) -> str:
        return "" if self._measured[0] else _("Paint a lesion mask first, or drop a lesion into a view.")

    def _parts(self, volume) -> tuple[str, ...]:
        summary = self._panel.inputs.summary(volume) if volume is not None else None
        return summary.regions if summary is not None else ()

    def _problems(self, volume, place: str) -> list[str]:
        """What is wrong with the chosen model, or with the scan and mask for it; `place`: why nothing can be drawn."""
        choice = self._choice
        if choice is None or choice.fault:
            return [self._models.why_not(choice)]
        if place:
            return [] if self._why_no_scan(volume) else [place]
        return self._advice.on(self._panel.session, choice, volume, self._parts(volume), self._measured)
