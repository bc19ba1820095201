"""Source, synthetic and target side by side, each in two planes, at the same place, in the same window.

All three are stand-ins that share one display node, so that whoever changes window and level in one view changes it
in all; the user's nodes keep theirs. The views are linked by Slicer's own linking.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .path_nodes import POSE
from .results import RECORD, SYNTHETIC
from .slice_views import composites, hide_overlays
from .stand_ins import add_display, add_stand_in, remove

COLUMNS = ("Source", "Synthetic", "Target")
PLANES = ("Axial", "Coronal")

LABELS = {"Source": "S", "Synthetic": "M", "Target": "T"}
"""In the views' own bars, which have room for one letter; the names stand in the corner."""

VIEW_GROUP = 5731
"""Linked views are those of one group."""

MARGIN = 1.1
"""The views show this much more than the scan."""


def view_name(column: str, plane: str) -> str:
    """Singleton tag of a view, by which the layout manager knows it."""
    return f"SyntheticCT{column}{plane}"


VIEW_NAMES = tuple(view_name(column, plane) for plane in PLANES for column in COLUMNS)


def layout_description() -> str:
    """The layout, in the XML that vtkMRMLLayoutNode takes: a row for each plane, a column for each scan."""
    rows = "".join(
        f'<item><layout type="horizontal">{"".join(_view(column, plane) for column in COLUMNS)}</layout></item>'
        for plane in PLANES
    )
    return f'<layout type="vertical">{rows}</layout>'


def _view(column: str, plane: str) -> str:
    properties = {"orientation": plane, "viewlabel": LABELS[column], "viewgroup": VIEW_GROUP}
    inside = "".join(
        f'<property name="{name}" action="default">{value}</property>' for name, value in properties.items()
    )
    return f'<item><view class="vtkMRMLSliceNode" singletontag="{view_name(column, plane)}">{inside}</view></item>'


class Comparison:
    """Three scans side by side for as long as it lasts; `end` gives everything back.

    The views of the layout must exist (the layout manager makes them) before `arrange` is called.

    Args:
        scene: whose views.
        path: the path node that leads from source to target.
        source, target: their volume nodes.
        source_image, target_image: their CTs in the world.
        overlays: segmentation nodes to keep out of sight meanwhile.
    """

    def __init__(self, scene, path, source, target, source_image, target_image, overlays: list[Any]) -> None:
        self._scene = scene
        self._pose_id = path.GetNodeReferenceID(POSE)
        self._display = add_display(scene, source)
        self._begun_with = (source, source_image)
        self._source = self._add(source, source_image, "Source")
        self._target = self._add(target, target_image, "Target")
        self._synthetic = None
        self._hidden = hide_overlays(overlays)
        self._on_target_grid = False
        self._aligned = True
        self.align(True)

    def show_preview(self, preview) -> None:
        """Show a `LivePreview` in the middle; it moves as the preview does."""
        remove(self._scene, self._synthetic)
        self._synthetic = self._add(*self._begun_with, "SYNTHETIC, live")
        self._synthetic.SetAttribute(SYNTHETIC, "live")
        self._synthetic.SetAndObserveTransformNodeID(preview.transform.GetID())
        self._on_target_grid = False
        self._assign()

    def show_volume(self, volume, image) -> None:
        """Show a synthetic volume node, whose CT in the world is `image`, in the middle."""
        remove(self._scene, self._synthetic)
        self._synthetic = self._add(volume, image, volume.GetName())
        self._synthetic.SetAttribute(SYNTHETIC, volume.GetAttribute(SYNTHETIC) or "unknown")
        record = json.loads(volume.GetAttribute(RECORD) or "{}")
        self._on_target_grid = record.get("grid") == "target"
        self.align(self._aligned)
        self._assign()

    def align(self, aligned: bool) -> None:
        """Lay the target over the source by the path's pose, or show it where it is."""
        self._aligned = aligned
        pose = self._pose_id if aligned else None
        self._target.SetAndObserveTransformNodeID(pose)
        if self._on_target_grid and self._synthetic is not None:
            self._synthetic.SetAndObserveTransformNodeID(pose)

    def set_window(self, window: float, level: float) -> None:
        """Window and level in HU, in all views."""
        self._display.SetAutoWindowLevel(0)
        self._display.SetWindowLevel(window, level)

    def fade(self, to: str, opacity: float) -> None:
        """Lay the source or the target ("Source", "Target") over the synthetic scan with an opacity of 0 to 1."""
        above = self._target if to == "Target" else self._source
        for plane in PLANES:
            composite = self._composite(view_name("Synthetic", plane))
            if composite is not None:
                composite.SetForegroundVolumeID(above.GetID() if opacity > 0 else None)
                composite.SetForegroundOpacity(float(opacity))

    def arrange(self) -> None:
        """Put the scans into their views, all at the middle of the source and equally large, and link them."""
        self._assign()
        bounds = [0.0] * 6
        self._source.GetRASBounds(bounds)
        low, high = np.array(bounds[::2]), np.array(bounds[1::2])
        for column in COLUMNS:
            for plane in PLANES:
                node = self._slice_node(view_name(column, plane))
                if node is None:
                    continue
                node.SetOrientation(plane)
                node.JumpSliceByCentering(*((low + high) / 2))
                _fit(node, (high - low) * MARGIN, plane)
        for name in VIEW_NAMES:
            composite = self._composite(name)
            if composite is not None:
                composite.SetLinkedControl(True)
                composite.SetHotLinkedControl(True)

    def end(self) -> None:
        """Take everything back; harmless when that has happened."""
        for name in VIEW_NAMES:
            composite = self._composite(name)
            if composite is not None:
                composite.SetForegroundOpacity(0.0)
                for clear in (composite.SetBackgroundVolumeID, composite.SetForegroundVolumeID):
                    clear(None)
        remove(self._scene, self._source, self._synthetic, self._target, self._display)
        for display_id in self._hidden:
            display = self._scene.GetNodeByID(display_id)
            if display is not None:
                display.SetVisibility(True)
        self._hidden, self._source, self._synthetic, self._target = [], None, None, None

    def _add(self, volume, image, name: str):
        node = add_stand_in(self._scene, volume, image, name)
        node.SetAndObserveDisplayNodeID(self._display.GetID())
        return node

    def _assign(self) -> None:
        shown = {"Source": self._source, "Synthetic": self._synthetic, "Target": self._target}
        for column, volume in shown.items():
            for plane in PLANES:
                composite = self._composite(view_name(column, plane))
                if composite is not None:
                    composite.SetDoPropagateVolumeSelection(False)
                    composite.SetBackgroundVolumeID(volume.GetID() if volume is not None else None)
                    composite.SetLabelVolumeID(None)

    def _composite(self, name: str):
        return next((node for node in composites(self._scene) if node.GetLayoutName() == name), None)

    def _slice_node(self, name: str):
        return self._scene.GetSingletonNode(name, "vtkMRMLSliceNode")


def _fit(node, extent: np.ndarray, plane: str) -> None:
    """Make a view show a box of `extent` (RAS, mm) whole, whatever the shape of its window."""
    across, along = (extent[0], extent[1]) if plane == "Axial" else (extent[0], extent[2])
    width, height, _ = node.GetDimensions()
    if width < 2 or height < 2:  # not laid out yet
        width = height = 256
    scale = max(across / width, along / height)
    node.SetFieldOfView(scale * width, scale * height, node.GetFieldOfView()[2])
