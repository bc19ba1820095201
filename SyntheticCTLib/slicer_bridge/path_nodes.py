"""A morph path as nodes of the scene, saved and loaded with it.

The velocity is a grid transform node, which stands for the whole path: it refers to a linear transform node for the
stretch and one for the pose (which, as a parent transform, lays the target over the source), and to the two volume
nodes. No name of a volume is written into any of them.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
import vtk

from ..errors import InputError
from ..morph.path import Bound, MorphPath
from ..morph.path_file import bound_from_record, bound_record
from .frames import changed_frame, geometry_of, grid_transform, to_array, to_matrix, voxels

CLASS = "vtkMRMLGridTransformNode"
"""Class of the node that stands for a path."""

ATTRIBUTE = "SyntheticCT.path"
"""Only path nodes have it; its value is what the path is bound to and how it was found, as JSON."""

STRETCH, POSE, SOURCE, TARGET = (f"SyntheticCT.{role}" for role in ("stretch", "pose", "source", "target"))
"""Roles of the nodes a path node refers to."""

PART = "SyntheticCT.part"
"""Attribute of the hidden parts."""

_BASE_NAME = "Morph path"


def is_path(node) -> bool:
    """Whether a node stands for a morph path."""
    return node is not None and node.IsA(CLASS) and bool(node.GetAttribute(ATTRIBUTE))


def paths_in(scene) -> list[Any]:
    """All path nodes of a scene, oldest first."""
    nodes = (scene.GetNthNodeByClass(number, CLASS) for number in range(scene.GetNumberOfNodesByClass(CLASS)))
    return [node for node in nodes if is_path(node)]


def add_path(scene, path: MorphPath, source, target):
    """Put a path between two volume nodes into the scene; return the node that stands for it."""
    name = scene.GenerateUniqueName(_BASE_NAME)
    node = slicer.vtkMRMLGridTransformNode()
    node.SetName(name)
    node.SetAndObserveTransformFromParent(grid_transform(path.velocity))
    record = {
        "source": bound_record(path.source),
        "target": bound_record(path.target),
        "method": dict(path.method),
    }
    node.SetAttribute(ATTRIBUTE, json.dumps(record, sort_keys=True))
    for role, matrix in ((STRETCH, path.stretch), (POSE, path.pose)):
        part = slicer.vtkMRMLLinearTransformNode()
        part.SetName(f"{name} {role.rpartition('.')[2]}")
        part.SetHideFromEditors(True)
        part.SetAttribute(PART, role)
        part.SetMatrixTransformToParent(to_matrix(changed_frame(matrix)))
        node.SetNodeReferenceID(role, scene.AddNode(part).GetID())
    node.SetNodeReferenceID(SOURCE, source.GetID())
    node.SetNodeReferenceID(TARGET, target.GetID())
    return scene.AddNode(node)


def is_whole(node) -> bool:
    """Whether the parts of a path are still in the scene."""
    return node.GetNodeReference(STRETCH) is not None and node.GetNodeReference(POSE) is not None


def remove_orphans(scene) -> None:
    """Take the hidden parts of paths that were deleted out of the scene."""
    used = {path.GetNodeReferenceID(role) for path in paths_in(scene) for role in (STRETCH, POSE)}
    kind = "vtkMRMLLinearTransformNode"
    parts = [scene.GetNthNodeByClass(number, kind) for number in range(scene.GetNumberOfNodesByClass(kind))]
    for part in parts:
        if part.GetAttribute(PART) and part.GetID() not in used:
            scene.RemoveNode(part)


def read_path(node) -> MorphPath:
    """The path a node stands for. Raises InputError where parts of it are missing or damaged."""
    try:
        record = json.loads(node.GetAttribute(ATTRIBUTE))
        matrices = [_matrix_of(node.GetNodeReference(role)) for role in (STRETCH, POSE)]
        bounds = [bound_from_record(record[side]) for side in ("source", "target")]
        return MorphPath(_velocity_of(node), *matrices, *bounds, dict(record["method"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{node.GetName()} is damaged or a part of it was deleted; register again.") from error


def ends_of(node) -> tuple[Any, Any]:
    """The source and the target volume node of a path; None for one that was removed."""
    return node.GetNodeReference(SOURCE), node.GetNodeReference(TARGET)


def bounds_of(node) -> tuple[Bound, Bound]:
    """What the two ends of a path were when it was found. Raises InputError where that is damaged."""
    try:
        record = json.loads(node.GetAttribute(ATTRIBUTE))
        return bound_from_record(record["source"]), bound_from_record(record["target"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{node.GetName()} is damaged; register again.") from error


def _velocity_of(node) -> sitk.Image:
    transform = node.GetTransformFromParentAs("vtkOrientedGridTransform")
    image = transform.GetDisplacementGrid()
    directions = transform.GetGridDirectionMatrix()
    matrix = to_array(directions) if directions is not None else np.eye(4)
    matrix[:3, :3] = matrix[:3, :3] * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    vectors = (voxels(image) * [-1, -1, 1]).astype(np.float32)
    if not np.isfinite(vectors).all():
        raise ValueError("the velocities are not finite")
    velocity = sitk.GetImageFromArray(vectors, isVector=True)
    geometry_of(image.GetDimensions(), matrix).apply_to(velocity)
    return velocity


def _matrix_of(node) -> np.ndarray:
    matrix = vtk.vtkMatrix4x4()
    node.GetMatrixTransformToParent(matrix)
    return changed_frame(to_array(matrix))
