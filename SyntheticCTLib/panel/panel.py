"""The panel as a whole: its sections, the parameter node they share, and what happens when the scene comes and goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from .inputs import InputsSection
from .inspecting import InspectSection
from .job_runner import JobRunner
from .lesion import LesionSection
from .morphing import PATH_ATTRIBUTE, PATH_CLASS, MorphSection
from .registration import RegistrationSection
from .series_making import SeriesSection
from .view_marks import ViewMarks

if TYPE_CHECKING:
    from ..slicer_bridge import MorphSession
    from .parameters import SyntheticCTParameterNode


SETTLE_MS = 200
"""A changed volume is looked at when it has been left alone so long; its voxels are read then."""

WATCHED = (
    "ModifiedEvent",
    slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent,
    slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
)
"""What may make a path stale, or a line about a volume wrong."""


class Panel(VTKObservationMixin):
    """Everything behind the widgets of `SyntheticCT.ui`.

    Args:
        ui: the widgets by name.
        make_session: makes a `MorphSession` on the current scene; called when it is first needed.
        resource_path: the path of a file in the module's Resources.
    """

    def __init__(self, ui, make_session: Callable[[], MorphSession], resource_path: Callable[[str], str]) -> None:
        VTKObservationMixin.__init__(self)
        self.ui = ui
        self.resource_path = resource_path
        self.parameters: SyntheticCTParameterNode | None = None
        self.quiet = False
        self._make_session = make_session
        self._session: MorphSession | None = None
        self.jobs = JobRunner(self.update)
        self.inputs = InputsSection(ui)
        self.registration = RegistrationSection(self)
        self.morph = MorphSection(self)
        self.series = SeriesSection(self)
        self.inspect = InspectSection(self)
        self.lesion = LesionSection(self)
        self.marks = ViewMarks()
        self._sections = (
            ui.inputsCollapsibleButton,
            ui.registerCollapsibleButton,
            ui.morphCollapsibleButton,
            ui.lesionCollapsibleButton,
        )
        self._gui_tag = None
        self._watched: list[str] = []
        self._soon = qt.QTimer()
        self._soon.setInterval(SETTLE_MS)
        self._soon.connect("timeout()", self._on_settled)

    @property
    def session(self) -> MorphSession:
        """The work on this scene, without any widget."""
        if self._session is None:
            self._session = self._make_session()
        return self._session

    def attach(self, parameters: SyntheticCTParameterNode) -> None:
        """Show a parameter node and follow it."""
        self.detach()
        self.parameters = parameters
        self.addObserver(parameters.parameterNode, "ModifiedEvent", self._on_modified)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeRemovedEvent, self._on_node_removed)
        self.quiet = True  # widgets that take their values from a loaded scene are not being clicked
        try:
            self._gui_tag = parameters.connectGui(self.ui)
            self.inspect.mend(parameters)
            self.update()
        finally:
            self.quiet = False
        if not self.lesion.open:
            self.open_section(self._next_section())

    def detach(self) -> None:
        """Let go of the parameter node; the preview goes with it."""
        if self.parameters is None:
            return
        self.leave()
        self.removeObservers()
        self.parameters.disconnectGui(self._gui_tag)
        self.parameters, self._gui_tag = None, None

    def update(self) -> None:
        """Show what is chosen, what can be pressed, and why not."""
        if self.parameters is None:
            return
        self._watch_volumes()
        self.inputs.update(self.parameters)
        self.registration.update(self.parameters)
        self.morph.update(self.parameters)
        self.series.update(self.parameters)
        self.inspect.update(self.parameters)
        self.lesion.update(self.parameters)

    def leave(self) -> None:
        """The module is left: give everything back, and look away from the volumes; a running job goes on."""
        self.lesion.leave()
        self.give_views_back()
        self.morph.bring_labels_back()
        self.removeObservers(self._on_volume_modified)
        self._watched = []
        self._soon.stop()

    def give_views_back(self) -> None:
        """End comparison and preview: the module is left, or the scene is closed."""
        self.inspect.stop()
        self.morph.stop_preview()

    def why_not(self, parameters) -> str:
        """Why nothing can be registered now, in a sentence; "" if it can."""
        return self.inputs.missing(parameters) or self.busy_reason()

    def busy_reason(self) -> str:
        """What everything else has to wait for; "" if nothing runs."""
        return _("Wait for {job} to finish, or cancel it.").format(job=self.jobs.busy_with) if self.jobs.busy else ""

    def open_section(self, section) -> None:
        """Open one section and close the others, so that it is clear what to do next; "Inspect" goes with "Morph"."""
        for each in self._sections:
            each.collapsed = each is not section
        self.ui.inspectCollapsibleButton.collapsed = section is not self.ui.morphCollapsibleButton

    def close_scene(self) -> None:
        """The scene is about to close: end the job, the preview, and everything known of the scene."""
        self.jobs.abandon()
        self.detach()
        self.lesion.forget()
        self.ui.lesionCollapsibleButton.collapsed = True
        self.registration.forget()
        self.morph.forget()
        self.series.forget()
        self.inputs.forget()
        self._session = None

    def end(self) -> None:
        """The panel is going away: Slicer closes, or the module is reloaded."""
        if self.ui.registerPushButton:  # a widget that Slicer has destroyed already is False
            self.detach()
            self.lesion.end()
        self.parameters = None
        self.removeObservers()
        self.marks.end()
        self.jobs.abandon()

    def _on_modified(self, caller=None, event=None) -> None:
        self.update()

    def _watch_volumes(self) -> None:
        """Follow the volumes that are chosen now, and those of the path."""
        nodes = {node.GetID(): node for node in self._volumes() if node is not None}
        if sorted(nodes) == self._watched:
            return
        self.removeObservers(self._on_volume_modified)
        for node in nodes.values():
            for event in WATCHED:
                self.addObserver(node, event, self._on_volume_modified)
        self._watched = sorted(nodes)

    def _volumes(self) -> list:
        chosen = [self.parameters.sourceVolume, self.parameters.targetVolume, self.parameters.lesionVolume]
        if self.parameters.path is None:
            return chosen
        from ..slicer_bridge.path_nodes import ends_of

        return [*chosen, *ends_of(self.parameters.path)]

    def _on_volume_modified(self, caller=None, event=None) -> None:
        self._soon.start()  # anew, if it runs: whoever drags a transform or paints changes the volume many times

    def _on_settled(self) -> None:
        self._soon.stop()
        self.update()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_node_removed(self, caller, event, node) -> None:
        self.lesion.on_node_removed(node)
        if node is not None and node.IsA(PATH_CLASS) and node.GetAttribute(PATH_ATTRIBUTE):
            from ..slicer_bridge.path_nodes import remove_orphans

            remove_orphans(slicer.mrmlScene)

    def _next_section(self):
        if self.parameters.path is not None:
            return self.ui.morphCollapsibleButton
        if self.inputs.missing(self.parameters):
            return self.ui.inputsCollapsibleButton
        return self.ui.registerCollapsibleButton
