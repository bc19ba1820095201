"""The artefacts that a reader has marked, as points in the views of the case they are in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import slicer

from .review_views import ReviewViews
from .stand_ins import hide, remove

COLOR = (1.0, 0.85, 0.1)
"""Yellow: seen on dark lung and on bright bone."""


@dataclass(frozen=True)
class Mark:
    """An artefact: what kind, where (RAS, mm), and in which case (0, or 1 for the right one of two)."""

    kind: str
    position: tuple[float, float, float]
    side: int = 0


class ShownMarks:
    """Points for the marks of one answer, which nobody can drag.

    Args:
        scene: where they are shown.
        views: the views of the reading.
    """

    def __init__(self, scene, views: ReviewViews) -> None:
        self._scene = scene
        self._views = views
        self._nodes: list[Any] = []

    def show(self, marks: Sequence[Mark]) -> None:
        """Show these marks in the place of those before; each is numbered as in the list beside the views."""
        self.remove()
        for side in sorted({mark.side for mark in marks}):
            node, display = slicer.vtkMRMLMarkupsFiducialNode(), slicer.vtkMRMLMarkupsFiducialDisplayNode()
            hide(node, "Marks")
            hide(display, "Marks view")
            node.SetLocked(True)
            self._scene.AddNode(node)
            display.SetSelectedColor(*COLOR)
            display.SetGlyphTypeFromString("CrossDot2D")
            self._scene.AddNode(display)
            for view_id in self._views.ids(side):
                display.AddViewNodeID(view_id)
            node.SetAndObserveDisplayNodeID(display.GetID())
            self._nodes += [node, display]
            for number, mark in enumerate(marks, 1):
                if mark.side == side:
                    at = node.AddControlPoint(*mark.position)
                    node.SetNthControlPointLabel(at, str(number))

    def remove(self) -> None:
        """Take the points out of the scene."""
        remove(self._scene, *self._nodes)
        self._nodes = []
