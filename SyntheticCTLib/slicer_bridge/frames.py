"""Between the two ways to write a position: RAS in MRML, LPS in the library; and between the arrays of both."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ..images.geometry import Geometry

FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Takes an RAS position to LPS and back."""


def to_array(matrix: vtk.vtkMatrix4x4) -> np.ndarray:
    """The (4, 4) array of a vtkMatrix4x4."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def to_matrix(array: np.ndarray) -> vtk.vtkMatrix4x4:
    """The vtkMatrix4x4 of a (4, 4) array."""
    matrix = vtk.vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            matrix.SetElement(row, column, float(array[row, column]))
    return matrix


def changed_frame(matrix: np.ndarray) -> np.ndarray:
    """A (4, 4) map of positions in the other frame: from LPS to RAS, or back."""
    return FLIP @ matrix @ FLIP


def ijk_to_ras(geometry: Geometry) -> np.ndarray:
    """The (4, 4) matrix MRML calls IJKToRAS."""
    return FLIP @ geometry.matrix()


def geometry_of(size: tuple[int, int, int], matrix: np.ndarray) -> Geometry:
    """The geometry of a grid of `size` voxels whose IJKToRAS is `matrix`; its axes need not be at right angles."""
    lps = FLIP @ matrix
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    return Geometry(
        tuple(int(n) for n in size),
        tuple(float(s) for s in spacing),
        tuple(float(x) for x in lps[:3, 3]),
        tuple(float(x) for x in (lps[:3, :3] / spacing).ravel()),
    )


def voxels(image: vtk.vtkImageData) -> np.ndarray:
    """A view of the voxels: (k, j, i), or (k, j, i, component) for several components."""
    values = vtk_to_numpy(image.GetPointData().GetScalars())
    return values.reshape(*image.GetDimensions()[::-1], *values.shape[1:])


def vtk_image(array: np.ndarray, vector: bool = False) -> vtk.vtkImageData:
    """Voxels (k, j, i) or, for a `vector`, (k, j, i, component), copied into a vtkImageData of origin 0, spacing 1."""
    array = np.ascontiguousarray(array)
    components = array.shape[-1] if vector else 1
    image = vtk.vtkImageData()
    image.SetDimensions(*array.shape[2::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(array.reshape(-1, components), deep=True))
    return image


def grid_transform(field: sitk.Image):
    """A vector field in mm (LPS) as a vtkOrientedGridTransform in RAS."""
    geometry = Geometry.of(field)
    image = vtk_image(sitk.GetArrayFromImage(field) * np.array([-1, -1, 1], np.float32), vector=True)
    transform = slicer.vtkOrientedGridTransform()
    transform.SetDisplacementGridData(image)
    place_grid(image, transform, geometry)
    return transform


def place_grid(image: vtk.vtkImageData, transform, geometry: Geometry) -> None:
    """Say where the displacements of a grid transform lie."""
    matrix = ijk_to_ras(geometry)
    directions = np.eye(4)
    directions[:3, :3] = matrix[:3, :3] / geometry.spacing
    image.SetSpacing(geometry.spacing)
    image.SetOrigin(matrix[:3, 3])
    transform.SetGridDirectionMatrix(to_matrix(directions))


def sitk_image(array: np.ndarray, geometry: Geometry) -> sitk.Image:
    """Voxels (k, j, i) on a grid, copied into a SimpleITK image."""
    image = sitk.GetImageFromArray(array)
    geometry.apply_to(image)
    return image
