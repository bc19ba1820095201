"""The segmentation that a lesion is painted in: made for one volume, on its grid, and what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk

from ..errors import InputError
from .frames import geometry_of, ijk_to_ras, sitk_image, to_array, to_matrix, voxels, vtk_image
from .lesion_following import follow, why_astray
from .segmentations import BINARY, ensure_converters
from .world import is_direct, is_empty, own_matrix, to_world

if TYPE_CHECKING:
    from ..images.geometry import Geometry
    from ..lesion.masks import Lesion

MASK = "SyntheticCT.lesionMask"
"""Attribute of the segmentation nodes that are painted in."""

VOLUME = "SyntheticCT.lesionVolume"
"""Role of the volume node that a mask was made for."""

SEGMENT_ID = "SyntheticCTLesion"
"""A mask has this one segment; its connected components are the lesions."""

NAME = "lesion"

LABELS = "SyntheticCT.lesionLabels"
"""Role of the labels that were chosen by hand for the volume of a mask."""

NO_LABELS = "SyntheticCT.noLesionLabels"
"""Attribute of a mask for whose volume it was chosen by hand to have no labels."""

COLOR = (0.93, 0.33, 0.31)

TERMINOLOGY = (
    "Segmentation category and type - DICOM master list~SCT^49755003^Morphologically Altered Structure"
    "~SCT^4147007^Mass~^^~Anatomic codes - DICOM master list~^^~^^"
)
"""What Slicer writes for a mass; its lists have no plain "lesion"."""

_DROPS = "SyntheticCT.drops"
"""Attribute of a mask: how many lesions were dropped into it, so that each has another shape."""

_VOXELS_ACROSS = 32
"""Of a dropped ball; between its voxels the distance to its surface is interpolated."""


def mask_of(scene, volume) -> Any:
    """The mask that was made for a volume node; None if there is none."""
    kind = "vtkMRMLSegmentationNode"
    nodes = (scene.GetNthNodeByClass(number, kind) for number in range(scene.GetNumberOfNodesByClass(kind)))
    made = (node for node in nodes if node.GetAttribute(MASK) and node.GetNodeReferenceID(VOLUME) == volume.GetID())
    return next(made, None)


def ensure_mask(scene, volume) -> Any:
    """The mask of a volume node; an empty one is made if there is none.

    It lies under the volume's parent transform and has the volume's grid before anything is painted; what is painted
    follows the volume (`lesion_following`). Raises InputError if the volume is empty.
    """
    if is_empty(volume):
        raise InputError(f"{volume.GetName()} is empty; load its voxels first or choose another volume.")
    mask = mask_of(scene, volume)
    if mask is None:
        ensure_converters(scene)
        name = scene.GenerateUniqueName(f"{volume.GetName()} lesion mask")
        mask = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        mask.SetAttribute(MASK, "1")
        mask.SetNodeReferenceID(VOLUME, volume.GetID())
        mask.CreateDefaultDisplayNodes()
        mask.GetSegmentation().SetSourceRepresentationName(BINARY)
    follow(mask, volume)
    if mask.GetSegmentation().GetSegment(SEGMENT_ID) is None:
        mask.GetSegmentation().AddEmptySegment(SEGMENT_ID, NAME, COLOR)
        mask.GetSegmentation().GetSegment(SEGMENT_ID).SetTerminology(TERMINOLOGY)
    return mask


def remember_labels(mask, labels) -> None:
    """Keep with a mask which labels, or None, were chosen by hand for its volume."""
    if labels is not None and labels.GetAttribute(MASK):
        return  # no labels: the selector falls back on any segmentation when the chosen one is deleted
    mask.SetAttribute(NO_LABELS, "1" if labels is None else None)
    mask.SetNodeReferenceID(LABELS, labels.GetID() if labels is not None else None)


def remembered_labels(mask) -> tuple[bool, Any]:
    """Whether labels were chosen by hand for the volume of a mask, and which; those that were deleted do not count."""
    labels = mask.GetNodeReference(LABELS)
    return labels is not None or bool(mask.GetAttribute(NO_LABELS)), labels


def lesions_of(mask) -> tuple[tuple[Lesion, ...], Geometry | None]:
    """The lesions of a mask node, and the grid that their boxes count in: the part of the mask that is painted.

    Nothing and None for a mask in which nothing is painted. Under a parent transform that is not linear they are
    measured as they lie below it.
    """
    from ..images.labels import LabelLayer
    from ..lesion.masks import lesions_in

    segment = mask.GetSegmentation().GetSegment(SEGMENT_ID)
    data = segment.GetRepresentation(BINARY) if segment is not None else None
    if data is None or not data.GetNumberOfPoints() or data.GetPointData().GetScalars() is None:
        return (), None
    painted = voxels(data) == segment.GetLabelValue()
    ends = [np.flatnonzero(painted.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    if not len(ends[0]):
        return (), None
    low = np.array([end[0] for end in ends])
    part = painted[tuple(slice(end[0], end[-1] + 1) for end in ends)]
    grid = _grid_of_part(data, mask, low, part.shape)
    return lesions_in(LabelLayer(NAME, sitk_image(part.astype(np.uint8), grid))), grid


def drop_lesion(mask, volume, point, diameter_mm: float, irregular: bool) -> None:
    """Add a lesion to a mask.

    volume: the volume node the mask was made for. point: RAS mm, its center. diameter_mm: longest, in an axial slice.
    irregular: grown by chance, each one other than the ones before it; a ball if not.
    Raises InputError if the point lies outside the volume, for volumes in which nothing can be dropped (`why_no_drop`)
    and for masks that lie elsewhere.
    """
    from ..lesion.placing.shapes import onto_grid

    follow(mask, volume)
    reason = why_no_drop(volume) or why_astray(mask, volume)
    if reason:
        raise InputError(reason)
    drops = int(mask.GetAttribute(_DROPS) or 0)
    linear = to_world(volume)
    grid = geometry_of(volume.GetImageData().GetDimensions(), linear @ own_matrix(volume))
    shape = _grown(diameter_mm, drops) if irregular else _ball(diameter_mm)
    placed = onto_grid(shape, grid, (-float(point[0]), -float(point[1]), float(point[2])))
    _add(mask, placed, np.linalg.inv(linear) @ ijk_to_ras(grid))
    mask.SetAttribute(_DROPS, str(drops + 1))


def why_no_drop(volume) -> str:
    """Why no shape can be dropped into a volume node, and what to do, in a sentence; "" if it can."""
    if is_direct(volume):
        return ""
    name = volume.GetName()
    if to_world(volume) is None:
        return (
            f"{name} lies under a transform that bends it, and a dropped shape would be bent too. Paint the lesion "
            "with the brush, or harden the transform first (module Transforms)."
        )
    if geometry_of((1, 1, 1), own_matrix(volume)).is_orthogonal():
        return (
            f"{name} lies under a transform that shears it, and a dropped shape would be sheared too. Paint the lesion "
            "with the brush, or take the scan out of that transform (module Transforms)."
        )
    return (
        f"The axes of {name} are not at right angles (a tilted gantry, or a hardened transform that shears), and a "
        "dropped shape would be sheared. Paint the lesion with the brush, or resample the scan onto right angles first "
        "(module Crop Volume, with interpolation) and choose the result."
    )


def _grid_of_part(data, mask, low: np.ndarray, shape: tuple[int, ...]) -> Geometry:
    """Where a part of a label map lies in the world; `low`: its first voxel (k, j, i), counted from the data's own."""
    own = vtk.vtkMatrix4x4()
    data.GetImageToWorldMatrix(own)
    linear = to_world(mask)
    shift = np.eye(4)
    shift[:3, 3] = low[::-1] + np.asarray(data.GetExtent()[::2])
    return geometry_of(shape[::-1], (np.eye(4) if linear is None else linear) @ to_array(own) @ shift)


def _add(mask, placed, to_own: np.ndarray) -> None:
    """Put voxels into a mask beside what is there. to_own: from the index of the volume to the mask's coordinates."""
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    shift = np.eye(4)
    shift[:3, 3] = [part.start for part in placed.box[::-1]]
    data = slicer.vtkOrientedImageData()
    data.ShallowCopy(vtk_image(placed.mask.astype(np.uint8)))
    data.SetGeometryFromImageToWorldMatrix(to_matrix(to_own @ shift))
    if not logic.SetBinaryLabelmapToSegment(data, mask, SEGMENT_ID, logic.MODE_MERGE_MAX):
        raise InputError("The lesion could not be put into the mask; convert it to a binary label map and try again.")


def _grown(diameter_mm: float, seed: int):
    from ..lesion.placing.growing import grow
    from ..lesion.placing.varying import vary

    rng = np.random.default_rng(seed)
    return vary(grow(rng), rng, diameter_mm)


def _ball(diameter_mm: float):
    from ..lesion.placing.shapes import GROWN, Shape

    steps = (np.arange(_VOXELS_ACROSS) + 0.5) / _VOXELS_ACROSS * 2 - 1
    k, j, i = np.meshgrid(steps, steps, steps, indexing="ij", sparse=True)
    edge = diameter_mm / _VOXELS_ACROSS
    return Shape(k**2 + j**2 + i**2 < 1, (edge, edge, edge), GROWN)
