"""A lesion mask goes with the voxels of its scan: under another transform, and when a transform is hardened.

What a scan's grid was when the mask was drawn, the mask itself remembers: it is its reference geometry. From that and
the scan as it is now follows what has happened. Where that is not plain the mask stays where it is, and `why_astray`
says what to do; nothing is painted with it until then.
"""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from ..images.geometry import Geometry
from .frames import FLIP, geometry_of, to_array
from .world import own_matrix, surface_in_world, to_world

HARDENED_WITHIN = 2.0
"""Voxels. Slicer hardens a bending transform onto a grid that covers the bent scan; this much more or less."""


def follow(mask, volume) -> None:
    """Bring a mask node to where the voxels of its volume node are now; it stays where that is not plain."""
    grid, foreign = grid_of(mask), mask.GetNodeReference(_role(mask)) is not volume
    if grid is None or foreign or is_blank(mask):
        mask.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
        if grid is None or foreign or not grid.same_as(_own_grid(volume)):
            mask.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    elif mask.GetTransformNodeID() != volume.GetTransformNodeID():
        _follow_transform(mask, volume, grid)


def why_astray(mask, volume) -> str:
    """Why what is drawn in a mask node may lie elsewhere in its volume node now, and what to do; "" if it does not."""
    if is_blank(mask):
        return ""
    scan, name = volume.GetName(), mask.GetName()
    if mask.GetTransformNodeID() != volume.GetTransformNodeID():
        return (
            f"{scan} was taken out of a transform, or hardened, and its mask could not follow. If the scan was only "
            f"taken out, take the segmentation {name} out too (module Transforms). If it was hardened, delete {name} "
            "(module Data) and draw it anew."
        )
    grid = grid_of(mask)
    if grid is None or grid.same_as(_own_grid(volume)):
        return ""
    return (
        f"{scan} was moved or resampled since its mask was drawn, so the mask may lie elsewhere in it now. If it "
        f'still lies right, choose {name} in the module Segment Editor and give it the geometry of {scan} ("Specify '
        f'geometry"). If not, delete {name} (module Data) and draw it anew.'
    )


def grid_of(mask) -> Geometry | None:
    """The grid that a mask node was drawn on, in the coordinates of its parent transform; None if it has none."""
    image = slicer.vtkOrientedImageData()
    text = grid_text(mask)
    if not text or not slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, image, False):
        return None
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    shift = np.eye(4)
    shift[:3, 3] = image.GetExtent()[::2]
    return geometry_of(image.GetDimensions(), to_array(matrix) @ shift)


def grid_text(mask) -> str:
    """The same as Slicer keeps it; changes whenever the mask was brought to another grid."""
    name = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    return mask.GetSegmentation().GetConversionParameter(name) or ""


def is_blank(mask) -> bool:
    """Whether nothing is drawn in a mask node."""
    segmentation = mask.GetSegmentation()
    segments = [segmentation.GetNthSegment(number) for number in range(segmentation.GetNumberOfSegments())]
    return not any(_is_drawn(segment) for segment in segments)


def _is_drawn(segment) -> bool:
    name = slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
    data = segment.GetRepresentation(name)
    if data is None or not data.GetNumberOfPoints() or data.GetPointData().GetScalars() is None:
        return False
    return data.GetScalarRange()[1] > 0


def _follow_transform(mask, volume, grid: Geometry) -> None:
    own, linear = _own_grid(volume), to_world(mask)
    if linear is None:
        hardened = volume.GetTransformNodeID() is None and not own.same_as(grid) and _covers(own, mask, grid)
        taken = volume.GetTransformNodeID() is not None and own.same_as(grid)
    else:
        hardened = own.same_as(geometry_of(grid.size, linear @ FLIP @ grid.matrix()))
        taken = own.same_as(grid)
    if hardened and not taken:
        mask.HardenTransform()
        mask.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    if hardened or taken:
        mask.SetAndObserveTransformNodeID(volume.GetTransformNodeID())


def _covers(own: Geometry, mask, grid: Geometry) -> bool:
    """Whether a grid is the smallest box round the one a mask was drawn on, as the mask's transform bends that."""
    places = surface_in_world(grid, mask)
    index = np.linalg.inv(own.matrix()) @ np.vstack([places.T, np.ones(len(places))])
    low, high = index[:3].min(axis=1), index[:3].max(axis=1)
    return bool(np.abs(low).max() < HARDENED_WITHIN and np.abs(high - own.size + 1).max() < HARDENED_WITHIN)


def _own_grid(volume) -> Geometry:
    return geometry_of(volume.GetImageData().GetDimensions(), own_matrix(volume))


def _role(mask) -> str:
    return mask.GetReferenceImageGeometryReferenceRole()
