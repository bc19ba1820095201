"""Volumes and transforms for the tests of the bridge, on grids as scanners and users leave them."""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from SyntheticCTLib.images.geometry import Geometry

TURN = np.deg2rad(20)
OBLIQUE = (np.cos(TURN), -np.sin(TURN), 0, np.sin(TURN), np.cos(TURN), 0, 0, 0, 1)
FLIPPED = (-1, 0, 0, 0, 1, 0, 0, 0, -1)

GRIDS = {
    "plain": Geometry((44, 36, 40), (4.0, 4.0, 4.0), (-86.0, -70.0, -78.0), (1, 0, 0, 0, 1, 0, 0, 0, 1)),
    "oblique": Geometry((44, 36, 40), (4.0, 4.0, 4.0), (-57.0, -95.0, -78.0), OBLIQUE),
    "flipped": Geometry((44, 36, 40), (4.0, 4.0, 4.0), (86.0, -70.0, 78.0), FLIPPED),
    "anisotropic": Geometry((60, 48, 20), (3.0, 3.0, 8.0), (-88.5, -70.5, -76.0), (1, 0, 0, 0, 1, 0, 0, 0, 1)),
}


def linear(scene, matrix):
    """A linear transform node of a (4, 4) RAS matrix."""
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    values = vtk.vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            values.SetElement(row, column, float(matrix[row][column]))
    node.SetMatrixTransformToParent(values)
    return node


def bulging(scene, reach=14.0):
    """A smooth non-linear transform node: a thin plate spline that pulls one side out."""
    before, after = vtk.vtkPoints(), vtk.vtkPoints()
    for corner in np.ndindex(2, 2, 2):
        place = (np.array(corner) - 0.5) * 240
        before.InsertNextPoint(*place)
        after.InsertNextPoint(*place)
    before.InsertNextPoint(50, 10, 0)
    after.InsertNextPoint(50 + reach, 10 - reach / 2, 0)
    spline = vtk.vtkThinPlateSplineTransform()
    spline.SetSourceLandmarks(before)
    spline.SetTargetLandmarks(after)
    spline.SetBasisToR()
    node = slicer.vtkMRMLTransformNode()
    node.SetAndObserveTransformToParent(spline)
    return scene.AddNode(node)


def untouched(node):
    """What must be the same before and after: content, place and look of a node, and its parent."""
    state = [node.GetName(), node.GetTransformNodeID(), node.GetNumberOfDisplayNodes()]
    if node.IsA("vtkMRMLVolumeNode"):
        state += [node.GetImageData().GetMTime(), str(node.GetOrigin()), str(node.GetSpacing())]
    else:
        state += [node.GetSegmentation().GetMTime(), node.GetSegmentation().GetNumberOfSegments()]
    return state
