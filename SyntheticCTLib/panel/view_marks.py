"""The word SYNTHETIC in the corner of every slice view that shows a scan of nobody."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from slicer.util import VTKObservationMixin

from .inspecting import SYNTHETIC_ATTRIBUTE

COMPOSITE = "vtkMRMLSliceCompositeNode"

COLOR = (1.0, 0.62, 0.15)
"""Orange: seen on dark lung and on bright bone."""

class ViewMarks(VTKObservationMixin):
    """Marks the slice views for as long as the module lives, whoever chose what they show."""

    def __init__(self) -> None:
        VTKObservationMixin.__init__(self)
        self._marks: dict[str, Any] = {}
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.NodeAddedEvent, self._on_node_added)
        for event in (scene.EndImportEvent, scene.EndBatchProcessEvent):
            self.addObserver(scene, event, self._on_scene_changed)  # views may have been set before their volumes came
        for composite in slicer.util.getNodesByClass(COMPOSITE):
            self._follow(composite)

    def end(self) -> None:
        """Stop marking."""
        self.removeObservers()
        self._marks.clear()

    def text_in(self, view_name: str) -> str:
        """What is written in a view's corner now."""
        mark = self._marks.get(view_name)
        return mark.GetInput() if mark is not None and mark.GetVisibility() else ""

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_node_added(self, caller, event, node) -> None:
        if node is not None and node.IsA(COMPOSITE):
            self._follow(node)

    def _on_scene_changed(self, caller, event) -> None:
        for composite in slicer.util.getNodesByClass(COMPOSITE):
            self._on_composite(composite)

    def _follow(self, composite) -> None:
        self.addObserver(composite, vtk.vtkCommand.ModifiedEvent, self._on_composite)
        self._on_composite(composite)

    def _on_composite(self, composite, event=None) -> None:
        view = _view(composite.GetLayoutName())
        if view is None:
            return
        mark = self._marks.get(composite.GetLayoutName())
        shows = _shows_synthetic(composite)
        if mark is None and not shows:
            return
        if mark is None:
            mark = self._marks[composite.GetLayoutName()] = _new_mark(view)
        if bool(mark.GetVisibility()) != shows:
            mark.SetVisibility(shows)
            view.scheduleRender()


def _shows_synthetic(composite) -> bool:
    """Whether the background, or a foreground that can be seen, is a synthetic volume or the live preview."""
    shown = [composite.GetBackgroundVolumeID()]
    if composite.GetForegroundOpacity() > 0:
        shown.append(composite.GetForegroundVolumeID())
    nodes = [slicer.mrmlScene.GetNodeByID(node_id) for node_id in shown if node_id]
    return any(node is not None and node.GetAttribute(SYNTHETIC_ATTRIBUTE) is not None for node in nodes)


def _view(name: str):
    manager = slicer.app.layoutManager()
    if manager is None or name not in manager.sliceViewNames():
        return None
    widget = manager.sliceWidget(name)
    return widget.sliceView() if widget is not None else None


def _new_mark(view) -> Any:
    """A text in the upper right corner; Slicer's own annotations use the others and rewrite theirs at every change."""
    actor = vtk.vtkTextActor()
    actor.SetInput("SYNTHETIC")
    actor.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
    actor.SetPosition(0.985, 0.98)
    style = actor.GetTextProperty()
    style.SetJustificationToRight()
    style.SetVerticalJustificationToTop()
    style.SetColor(*COLOR)
    style.SetFontSize(14)
    style.BoldOn()
    style.ShadowOn()
    actor.SetVisibility(False)
    view.renderWindow().GetRenderers().GetFirstRenderer().AddViewProp(actor)
    return actor
