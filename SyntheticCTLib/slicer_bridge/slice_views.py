"""Showing a volume in the slice views for a while, and giving the views back as they were."""

from __future__ import annotations

from typing import Any

_COMPOSITE = "vtkMRMLSliceCompositeNode"


class BorrowedViews:
    """Slice views that show one volume, and label overlays that are out of sight meanwhile.

    Args:
        scene: whose slice views.
        volume: what they show in the background until `give_back`.
        overlays: segmentation nodes to hide until then.
    """

    def __init__(self, scene, volume, overlays: list[Any]) -> None:
        self._scene = scene
        self._volume_id = volume.GetID()
        self._before: dict[str, tuple[str | None, str | None]] = {}
        for composite in composites(scene):
            self._before[composite.GetID()] = (composite.GetBackgroundVolumeID(), composite.GetLabelVolumeID())
            composite.SetBackgroundVolumeID(self._volume_id)
            composite.SetLabelVolumeID(None)
        self._hidden = hide_overlays(overlays)

    def give_back(self) -> None:
        """Restore what was shown, in views that the user has not given anything else meanwhile."""
        for composite_id, (background, labels) in self._before.items():
            composite = self._scene.GetNodeByID(composite_id)
            if composite is None:
                continue
            if composite.GetBackgroundVolumeID() == self._volume_id:
                composite.SetBackgroundVolumeID(self._present(background))
            if composite.GetLabelVolumeID() is None:
                composite.SetLabelVolumeID(self._present(labels))
        for display_id in self._hidden:
            display = self._scene.GetNodeByID(display_id)
            if display is not None:
                display.SetVisibility(True)
        self._before, self._hidden = {}, []

    def _present(self, node_id: str | None) -> str | None:
        return node_id if node_id and self._scene.GetNodeByID(node_id) is not None else None


def hide_overlays(nodes: list[Any]) -> list[str]:
    """Take segmentation nodes out of sight; return the ids of the display nodes that were in it."""
    hidden = []
    for node in nodes:
        display = node.GetDisplayNode() if node is not None and node.IsA("vtkMRMLSegmentationNode") else None
        if display is not None and display.GetVisibility():
            display.SetVisibility(False)
            hidden.append(display.GetID())
    return hidden


def show_in_slices(scene, volume) -> None:
    """Show a volume in the background of all slice views."""
    for composite in composites(scene):
        composite.SetBackgroundVolumeID(volume.GetID())


def fill_empty_views(scene, volume) -> None:
    """Show a volume in the slice views if none of them shows anything."""
    shown = [composite.GetBackgroundVolumeID() for composite in composites(scene)]
    if not any(node_id and scene.GetNodeByID(node_id) is not None for node_id in shown):
        show_in_slices(scene, volume)


def composites(scene) -> list[Any]:
    """The nodes that say what each slice view shows."""
    return [scene.GetNthNodeByClass(number, _COMPOSITE) for number in range(scene.GetNumberOfNodesByClass(_COMPOSITE))]


def fit_view(node, extent, plane: str) -> None:
    """Make a slice node's view show a box of `extent` (RAS, mm) whole, whatever the shape of its window."""
    across, along = {"Axial": (0, 1), "Coronal": (0, 2), "Sagittal": (1, 2)}[plane]
    width, height, _ = node.GetDimensions()
    if width < 2 or height < 2:  # not laid out yet
        width = height = 256
    scale = max(extent[across] / width, extent[along] / height)
    node.SetFieldOfView(scale * width, scale * height, node.GetFieldOfView()[2])
