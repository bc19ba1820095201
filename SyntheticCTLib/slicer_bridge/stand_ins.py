"""Volumes that stand in for the user's in a view: hidden, never saved, with the same voxels in the same place.

What is shown of a scan can then be bent, moved and windowed without touching the scan's own node.
"""

from __future__ import annotations

from typing import Any

import SimpleITK as sitk
import slicer

from ..images.geometry import Geometry
from .frames import ijk_to_ras, to_matrix, vtk_image
from .world import is_direct

STAND_IN = "SyntheticCT.standIn"
"""Attribute of nodes that are only there to be looked at."""


def hide(node, name: str) -> None:
    """Keep a node out of selectors and out of saved scenes."""
    node.SetName(name)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    node.SetAttribute(STAND_IN, "1")


def add_stand_in(scene, volume, image: sitk.Image, name: str):
    """A volume node that shows a CT where it lies in the world; it has no display node yet.

    volume: the node it stands in for, whose voxels it shares where they lie in the world as they are. image: the CT in
    the world, used where they do not.
    """
    node = slicer.vtkMRMLScalarVolumeNode()
    hide(node, name)
    node.SetIJKToRASMatrix(to_matrix(ijk_to_ras(Geometry.of(image))))
    shared = is_direct(volume)
    node.SetAndObserveImageData(volume.GetImageData() if shared else vtk_image(sitk.GetArrayViewFromImage(image)))
    return scene.AddNode(node)


def add_display(scene, like) -> Any:
    """A hidden display node with window and colors of another volume's."""
    node = slicer.vtkMRMLScalarVolumeDisplayNode()
    hide(node, "SyntheticCT view")
    model = like.GetDisplayNode()
    if model is not None:
        node.SetAndObserveColorNodeID(model.GetColorNodeID())
        node.SetAutoWindowLevel(0)
        node.SetWindowLevel(model.GetWindow(), model.GetLevel())
        node.SetInterpolate(model.GetInterpolate())
    else:
        node.SetDefaultColorMap()
    return scene.AddNode(node)


def remove(scene, *nodes) -> None:
    """Take nodes out of the scene; those that are gone already, or None, are skipped."""
    for node in nodes:
        if node is not None and scene.IsNodePresent(node):
            scene.RemoveNode(node)
