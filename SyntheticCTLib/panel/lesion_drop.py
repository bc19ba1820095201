"""One click in a view that says where something is or shall be, by Slicer's own way of placing points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.util import VTKObservationMixin

POINT_CLASS = "vtkMRMLMarkupsFiducialNode"


class OneClick(VTKObservationMixin):
    """Waits for one click in any view. The right button and any other tool end the waiting.

    Args:
        clicked: called with the place, RAS mm, when nothing waits any more.
        ended: called whenever the waiting has ended, in whatever way, before `clicked`.
        name: of the point, which Slicer may show beside the cursor.
    """

    def __init__(
        self,
        clicked: Callable[[tuple[float, float, float]], None],
        ended: Callable[[], None],
        name: str = "Lesion here",
    ) -> None:
        VTKObservationMixin.__init__(self)
        self._clicked = clicked
        self._ended = ended
        self._name = name
        self._point: Any = None
        self._soon = qt.QTimer()
        self._soon.setInterval(0)
        self._soon.connect("timeout()", self._settle)

    @property
    def waiting(self) -> bool:
        """Whether the next click is ours."""
        return self._point is not None

    def start(self) -> None:
        """Wait for a click."""
        from ..slicer_bridge.stand_ins import hide

        self.stop()
        logic = slicer.app.applicationLogic()
        selection, interaction = logic.GetSelectionNode(), logic.GetInteractionNode()
        point = slicer.vtkMRMLMarkupsFiducialNode()
        hide(point, self._name)
        self._point = slicer.mrmlScene.AddNode(point)
        self._point.CreateDefaultDisplayNodes()
        hide(self._point.GetDisplayNode(), f"{self._name} view")
        selection.SetReferenceActivePlaceNodeClassName(POINT_CLASS)
        selection.SetActivePlaceNodeID(self._point.GetID())
        interaction.SetPlaceModePersistence(0)
        interaction.SetCurrentInteractionMode(interaction.Place)
        self.addObserver(self._point, self._point.PointPositionDefinedEvent, self._on_change)
        self.addObserver(interaction, interaction.InteractionModeChangedEvent, self._on_change)

    def stop(self) -> None:
        """Wait no more; harmless if nothing waits."""
        self._soon.stop()
        self.removeObservers()
        point, self._point = self._point, None
        if point is None:
            return
        logic = slicer.app.applicationLogic()
        selection, interaction = logic.GetSelectionNode(), logic.GetInteractionNode()
        if selection is not None and selection.GetActivePlaceNodeID() == point.GetID():
            selection.SetActivePlaceNodeID(None)
            if interaction.GetCurrentInteractionMode() == interaction.Place:
                interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        if slicer.mrmlScene.IsNodePresent(point):
            slicer.mrmlScene.RemoveNode(point.GetDisplayNode())
            slicer.mrmlScene.RemoveNode(point)
        self._ended()

    def _on_change(self, caller, event) -> None:
        self._soon.start()  # Slicer is still at work on the click, and a node cannot be removed in the middle of it

    def _settle(self) -> None:
        self._soon.stop()
        if self._point is None:
            return
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        place = None
        if self._point.GetNumberOfDefinedControlPoints():
            place = [0.0, 0.0, 0.0]
            self._point.GetNthControlPointPositionWorld(0, place)
        elif interaction.GetCurrentInteractionMode() == interaction.Place:
            return
        self.stop()
        if place is not None:
            self._clicked(tuple(place))
