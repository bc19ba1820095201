"""The views of a reading: three linked planes of one case, or of two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .slice_views import composites, fit_view

PLANES = ("Axial", "Coronal", "Sagittal")

LOOKS = {"Axial": ("A", "#F34A33"), "Coronal": ("C", "#6EB04B"), "Sagittal": ("S", "#EDD54C")}
"""Letter and color of a view's bar, those that Slicer's own views of the plane have."""

SIDES = {1: ("",), 2: ("Left", "Right")}
"""The columns of views, by how many cases are shown at a time."""

VIEW_GROUP = 5741
"""Linked views are those of one group."""

MAIN_SHARE = 620
"""Of 1000, what the axial view takes beside the other two."""

MARGIN = 1.05
"""The views show this much more than the scan."""


def view_name(side: str, plane: str) -> str:
    """Singleton tag of a view, by which the layout manager knows it."""
    return f"SyntheticCTReview{side}{plane}"


def layout_description(count: int) -> str:
    """The layout for one case or two, in the XML that vtkMRMLLayoutNode takes.

    One case: the axial plane large, the other two beside it. Two: each has its axial plane above its other two.
    """
    if count == 1:
        others = _box("vertical", _view("", "Coronal"), _view("", "Sagittal"))
        return _box("horizontal", _view("", "Axial"), others, first=MAIN_SHARE)
    columns = []
    for side in SIDES[2]:
        others = _box("horizontal", _view(side, "Coronal"), _view(side, "Sagittal"))
        columns.append(_box("vertical", _view(side, "Axial"), others, first=MAIN_SHARE))
    return _box("horizontal", *columns)


def _box(kind: str, *inside: str, first: int = 500) -> str:
    """Two parts beside or above each other; the first takes so much of 1000."""
    items = zip((first, 1000 - first), inside, strict=True)
    parts = "".join(f'<item splitSize="{size}">{each}</item>' for size, each in items)
    return f'<layout type="{kind}" split="true">{parts}</layout>'


def _view(side: str, plane: str) -> str:
    label, color = LOOKS[plane]
    properties = {"orientation": plane, "viewlabel": side[:1] + label, "viewcolor": color, "viewgroup": VIEW_GROUP}
    inside = "".join(
        f'<property name="{name}" action="default">{value}</property>' for name, value in properties.items()
    )
    return f'<view class="vtkMRMLSliceNode" singletontag="{view_name(side, plane)}">{inside}</view>'


class ReviewViews:
    """The slice views of the layout, which the layout manager must have made before anything is shown in them.

    Args:
        scene: whose views.
        count: how many cases are shown at a time, 1 or 2.
    """

    def __init__(self, scene, count: int) -> None:
        self._scene = scene
        self._sides = SIDES[count]

    def show(self, volumes: Sequence[Any]) -> None:
        """Show a volume node in each column: whole, from its middle, linked, and nothing else over it."""
        for side, volume in zip(self._sides, volumes, strict=True):
            bounds = [0.0] * 6
            volume.GetRASBounds(bounds)
            low, high = np.array(bounds[::2]), np.array(bounds[1::2])
            for plane in PLANES:
                self._show_in(view_name(side, plane), volume.GetID())
                node = self._slice_node(side, plane)
                if node is not None:
                    node.SetOrientation(plane)
                    node.SetOrientationMarkerType(node.OrientationMarkerTypeAxes)
                    large = plane == "Axial" and len(self._sides) == 1
                    node.SetOrientationMarkerSize(
                        node.OrientationMarkerSizeSmall if large else node.OrientationMarkerSizeMedium
                    )
                    node.SetRulerType(node.RulerTypeThin)
                    node.JumpSliceByCentering(*((low + high) / 2))
                    fit_view(node, (high - low) * MARGIN, plane)

    def clear(self) -> None:
        """Show nothing."""
        for side in self._sides:
            for plane in PLANES:
                self._show_in(view_name(side, plane), None)

    def go_to(self, point: Sequence[float]) -> None:
        """Bring a point (RAS, mm) into all views."""
        for node in self._slice_nodes():
            node.JumpSliceByOffsetting(*point)

    def step(self, mm: float) -> None:
        """Move the axial planes along the body: up for a positive number."""
        for side in self._sides:
            node = self._slice_node(side, "Axial")
            if node is not None:
                node.SetSliceOffset(node.GetSliceOffset() + mm)

    def side_under_cursor(self) -> int:
        """Which case the mouse is over: 0, or 1 for the right one of two."""
        crosshair = self._scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        node = crosshair.GetCursorPositionXYZ([0.0, 0.0, 0.0]) if crosshair is not None else None
        name = node.GetLayoutName() if node is not None else ""
        names = [{view_name(side, plane) for plane in PLANES} for side in self._sides]
        return next((number for number, known in enumerate(names) if name in known), 0)

    def ids(self, side: int) -> list[str]:
        """The ids of the views that show the case of a side."""
        nodes = [self._slice_node(self._sides[side], plane) for plane in PLANES]
        return [node.GetID() for node in nodes if node is not None]

    def _show_in(self, name: str, volume_id: str | None) -> None:
        for composite in composites(self._scene):
            if composite.GetLayoutName() == name:
                composite.SetDoPropagateVolumeSelection(False)
                composite.SetLinkedControl(True)
                composite.SetHotLinkedControl(True)
                composite.SetForegroundVolumeID(None)
                composite.SetLabelVolumeID(None)
                composite.SetBackgroundVolumeID(volume_id)

    def _slice_node(self, side: str, plane: str):
        return self._scene.GetSingletonNode(view_name(side, plane), "vtkMRMLSliceNode")

    def _slice_nodes(self) -> list[Any]:
        found = [self._slice_node(side, plane) for side in self._sides for plane in PLANES]
        return [node for node in found if node is not None]
