"""Source, synthetic and target side by side, each in two planes, at the same place, in the same window.

All three are stand-ins that share one display node, so that whoever changes window and level in one view changes it
in all; the user's nodes keep theirs. The views are linked by Slicer's own linking.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import slicer
import vtk

from .derived import claims_body
from .extra_overlays import ExtraOverlays
from .frames import to_array
from .path_nodes import POSE, bounds_of
from .results import RECORD, SYNTHETIC
from .slice_views import composites, fit_view, hide_overlays
from .stand_ins import add_display, add_stand_in, hide, remove

COLUMNS = ("Source", "Synthetic", "Target")
PLANES = ("Axial", "Coronal")

LABELS = {"Source": "S", "Synthetic": "M", "Target": "T"}
"""In the views' own bars, which have room for one letter; the names stand in the corner."""

VIEW_GROUP = 5731
"""Linked views are those of one group."""

MARK_COLOR = (0.2, 0.9, 1.0)

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

    The views of the layout must exist (the layout manager makes them) before `arrange` is called. `share` is how far
    along the path a created scan in the middle is, 0 to 1, as its public record tells (to 5 %); 0 or 1 for one that was
    painted from the path's source or target; None for the live one.

    Args:
        scene: whose views.
        path: the path node that leads from source to target.
        source, target: their volume nodes.
        source_image, target_image: their CTs in the world.
        overlays: segmentation nodes to keep out of sight meanwhile.
    """

    def __init__(self, scene, path, source, target, source_image, target_image, overlays: list[Any]) -> None:
        self._scene = scene
        self._path = path
        self._images = {"Source": source_image, "Target": target_image}
        self._extra = ExtraOverlays(scene)
        self._pose_id = path.GetNodeReferenceID(POSE)
        self._display = add_display(scene, source)
        self._begun_with = (source, source_image)
        self._source = self._add(source, source_image, "Source")
        self._target = self._add(target, target_image, "Target")
        self._synthetic = None
        self._hidden = hide_overlays(overlays)
        self._on_target_grid = False
        self._aligned = True
        self._pose = _matrix_of(path.GetNodeReference(POSE))
        self._marks: dict[str, Any] = {}
        self.share: float | None = None
        self.align(True)

    def show_preview(self, preview) -> None:
        """Show a `LivePreview` in the middle; it moves as the preview does."""
        remove(self._scene, self._synthetic)
        self._synthetic = self._add(*self._begun_with, "SYNTHETIC, live")
        self._synthetic.SetAttribute(SYNTHETIC, "live")
        self._synthetic.SetAndObserveTransformNodeID(preview.transform.GetID())
        self._extra.forget()
        self._images.pop("Synthetic", None)
        self._on_target_grid = False
        self.share = None
        self._assign()

    def show_volume(self, volume, image) -> None:
        """Show a synthetic volume node, whose CT in the world is `image`, in the middle."""
        remove(self._scene, self._synthetic)
        self._synthetic = self._add(volume, image, volume.GetName())
        self._synthetic.SetAttribute(SYNTHETIC, volume.GetAttribute(SYNTHETIC) or "unknown")
        record = json.loads(volume.GetAttribute(RECORD) or "{}")
        self._on_target_grid = record.get("grid") == "target"
        self.share = record["percent_about"] / 100 if "percent_about" in record else self._share_of_end(volume)
        self._extra.forget()
        self._images["Synthetic"] = image
        self.align(self._aligned)
        self._assign()

    def _share_of_end(self, volume) -> float | None:
        """0 or 1 for a volume that was painted from the path's source or target, None for others."""
        ends = zip((0.0, 1.0), bounds_of(self._path), strict=True)
        return next((share for share, bound in ends if claims_body(volume, bound)), None)

    def align(self, aligned: bool) -> None:
        """Lay the target over the source by the path's pose, or show it where it is."""
        self._aligned = aligned
        pose = self._pose_id if aligned else None
        self._target.SetAndObserveTransformNodeID(pose)
        if self._on_target_grid and self._synthetic is not None:
            self._synthetic.SetAndObserveTransformNodeID(pose)

    def go_to(self, column: str, point, preview, share: float) -> None:
        """Bring the same anatomical point into all views and mark it there.

        column: where the `point` (RAS, mm) was picked, one of `COLUMNS`; None for a view of another layout, and then
        nothing happens. preview: the `LivePreview` of the path, which knows where points go. share: how far along the
        path the scan in the middle is, 0 to 1.
        """
        if column not in self._marks:
            return
        source = self._to_source(column, np.asarray(point, float), preview, share)
        places = {
            "Source": source,
            "Synthetic": self._from_path_pose(preview.push_forward(share, source), self._on_target_grid),
            "Target": self._from_path_pose(preview.push_forward(1.0, source), True),
        }
        places[column] = np.asarray(point, float)  # the cursor is there, to the last digit
        for each, place in places.items():
            mark = self._marks[each]
            mark.SetNthControlPointPosition(0, *place)
            mark.GetDisplayNode().SetVisibility(True)
            for plane in PLANES:
                node = self._slice_node(view_name(each, plane))
                if node is not None:
                    node.JumpSliceByOffsetting(*place)

    def column_of(self, slice_node) -> str | None:
        """Which column a slice node belongs to; None for a view of another layout."""
        name = slice_node.GetLayoutName() if slice_node is not None else ""
        return next((c for c in COLUMNS if name in {view_name(c, plane) for plane in PLANES}), None)

    def _to_source(self, column: str, point: np.ndarray, preview, share: float) -> np.ndarray:
        if column == "Source":
            return point
        in_target_pose = not self._aligned and (column == "Target" or self._on_target_grid)
        if in_target_pose:
            point = (self._pose @ [*point, 1])[:3]
        return preview.pull_back(1.0 if column == "Target" else share, point)

    def _from_path_pose(self, point: np.ndarray, on_target_grid: bool) -> np.ndarray:
        """Where a point of the path's own pose, the source's, is shown in a column."""
        if self._aligned or not on_target_grid:
            return point
        return (np.linalg.inv(self._pose) @ [*point, 1])[:3]

    def set_window(self, window: float, level: float) -> None:
        """Window and level in HU, in all views."""
        self._display.SetAutoWindowLevel(0)
        self._display.SetWindowLevel(window, level)
        self._extra.show_as(self._display)

    def fade(self, to: str, opacity: float) -> None:
        """Lay something over the synthetic scan with an opacity of 0 to 1.

        to: "Source", "Target", or one of `extra_overlays.KINDS`, which need a created scan: over the live one they
        show nothing.
        """
        above = self._above(to) if opacity > 0 else None
        for plane in PLANES:
            composite = self._composite(view_name("Synthetic", plane))
            if composite is not None:
                composite.SetForegroundVolumeID(above.GetID() if above is not None else None)
                composite.SetForegroundOpacity(float(opacity))

    def _above(self, to: str):
        """The node that is laid over the synthetic scan; made when it is first wanted. None if there is none."""
        if to in ("Source", "Target"):
            return self._source if to == "Source" else self._target
        if "Synthetic" not in self._images:
            return None
        node = self._extra.node(to, self._images, self._path, self.share or 0.0, self._on_target_grid)
        node.SetAndObserveTransformNodeID(self._synthetic.GetTransformNodeID())
        self._extra.show_as(self._display)
        return node

    def arrange(self) -> None:
        """Put the scans into their views, all at the middle of the source and equally large, and link them."""
        self._assign()
        self._marks = {column: self._add_mark(column) for column in COLUMNS}
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
                fit_view(node, (high - low) * MARGIN, plane)
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
        self._extra.forget()
        for mark in self._marks.values():
            remove(self._scene, mark.GetDisplayNode(), mark)
        self._marks = {}
        for display_id in self._hidden:
            display = self._scene.GetNodeByID(display_id)
            if display is not None:
                display.SetVisibility(True)
        self._hidden, self._source, self._synthetic, self._target = [], None, None, None

    def _add(self, volume, image, name: str):
        node = add_stand_in(self._scene, volume, image, name)
        node.SetAndObserveDisplayNodeID(self._display.GetID())
        return node

    def _add_mark(self, column: str):
        """A point that only the views of one column show, once there is something to mark."""
        node = slicer.vtkMRMLMarkupsFiducialNode()
        hide(node, f"SyntheticCT point {column}")
        node.SetLocked(True)
        self._scene.AddNode(node)
        node.AddControlPoint(0.0, 0.0, 0.0)
        node.SetNthControlPointLabel(0, "")
        display = slicer.vtkMRMLMarkupsFiducialDisplayNode()
        hide(display, f"SyntheticCT point {column} view")
        display.SetVisibility(False)
        display.SetSelectedColor(*MARK_COLOR)
        display.SetGlyphTypeFromString("CrossDot2D")
        self._scene.AddNode(display)
        for plane in PLANES:
            slice_node = self._slice_node(view_name(column, plane))
            if slice_node is not None:
                display.AddViewNodeID(slice_node.GetID())
        node.SetAndObserveDisplayNodeID(display.GetID())
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


def _matrix_of(transform) -> np.ndarray:
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToParent(matrix)
    return to_array(matrix)
