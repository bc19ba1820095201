"""The nodes that show `overlays` over a synthetic scan: hidden, unsaved, made when they are first looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
import vtk

from .overlays import CHANGE_UNIT, HIDDEN, checkerboard, difference, volume_change
from .path_nodes import read_path
from .stand_ins import hide, remove
from .volumes import fill_volume

KINDS = ("Difference", "Volume change", "Checkerboard")

DIFFERENCE_WINDOW_HU = 1000.0
"""Blue is 500 HU less than the source, red 500 HU more."""

_COLD, _NEUTRAL, _WARM = (0.13, 0.35, 0.85), (0.92, 0.92, 0.92), (0.85, 0.20, 0.13)


class ExtraOverlays:
    """The overlays of one synthetic scan.

    Args:
        scene: where their nodes live.
    """

    def __init__(self, scene) -> None:
        self._scene = scene
        self._nodes: dict[str, Any] = {}
        self._colors = None

    def node(self, kind: str, images: Mapping[str, sitk.Image], path_node, share: float, on_target_grid: bool):
        """The volume node of one of `KINDS`.

        images: the CTs "Source", "Synthetic" and "Target" in the world. share: how far along the path the synthetic
        one is, 0 to 1. on_target_grid: whether it lies in the target's pose. Raises ValueError for another kind.
        """
        if kind not in KINDS:
            raise ValueError(f"there is no overlay {kind!r}; expected one of {', '.join(KINDS)}")
        if kind not in self._nodes:
            path = read_path(path_node)
            to_source = path.pose if on_target_grid else np.eye(4)
            synthetic = images["Synthetic"]
            if kind == "Difference":
                image = difference(synthetic, images["Source"], to_source)
            elif kind == "Volume change":
                image = volume_change(path, share, synthetic, on_target_grid)
            else:
                image = checkerboard(images["Target"], synthetic, np.linalg.inv(path.pose) @ to_source)
            self._nodes[kind] = self._add(kind, image)
        return self._nodes[kind]

    def show_as(self, display) -> None:
        """Give the checkerboard, which shows HU, the window and colors of the scans."""
        node = self._nodes.get("Checkerboard")
        if node is not None:
            own = node.GetDisplayNode()
            own.SetAndObserveColorNodeID(display.GetColorNodeID())
            own.SetWindowLevel(display.GetWindow(), display.GetLevel())

    def forget(self) -> None:
        """Take all of them out of the scene."""
        for node in self._nodes.values():
            remove(self._scene, node.GetDisplayNode(), node)
        remove(self._scene, self._colors)
        self._nodes, self._colors = {}, None

    def _add(self, kind: str, image: sitk.Image):
        node = slicer.vtkMRMLScalarVolumeNode()
        hide(node, kind)
        fill_volume(node, image)
        self._scene.AddNode(node)
        display = slicer.vtkMRMLScalarVolumeDisplayNode()
        hide(display, f"{kind} view")
        display.SetAutoWindowLevel(0)
        self._scene.AddNode(display)
        if kind == "Checkerboard":
            display.SetThreshold(HIDDEN + 1, 32767)
            display.SetApplyThreshold(True)
            display.SetInterpolate(False)  # between a hidden voxel and its neighbor there is nothing to see
        else:
            window = DIFFERENCE_WINDOW_HU if kind == "Difference" else 2 * CHANGE_UNIT
            display.SetWindowLevel(window, 0.0)
            display.SetAndObserveColorNodeID(self._diverging().GetID())
        node.SetAndObserveDisplayNodeID(display.GetID())
        return node

    def _diverging(self):
        """Blue for less, red for more, light gray for the same."""
        if self._colors is None:
            self._colors = slicer.vtkMRMLColorTableNode()
            hide(self._colors, "SyntheticCT less and more")
            self._colors.SetTypeToUser()
            self._colors.SetNumberOfColors(256)
            table = vtk.vtkColorTransferFunction()
            for place, color in ((0, _COLD), (127.5, _NEUTRAL), (255, _WARM)):
                table.AddRGBPoint(place, *color)
            for entry in range(256):
                self._colors.SetColor(entry, f"{entry}", *table.GetColor(entry), 1.0)
            self._scene.AddNode(self._colors)
        return self._colors
