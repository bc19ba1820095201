"""CT volume nodes in, as the library's images; synthetic images out, as new volume nodes."""

from __future__ import annotations

from dataclasses import dataclass

import SimpleITK as sitk
import slicer

from ..errors import InputError
from ..images.geometry import Geometry
from ..images.hu import AIR_HU, to_hu
from ..morph.path import Bound
from .frames import geometry_of, ijk_to_ras, to_matrix, vtk_image
from .world import is_direct, is_empty, own_matrix, placed, to_world


@dataclass(frozen=True)
class WorldCT:
    """A CT where it lies in the world: image (int16 HU, LPS), what the path binds to, notes on what was changed."""

    image: sitk.Image
    bound: Bound
    notes: tuple[str, ...]


class WorldCTs:
    """The CTs of a scene's volume nodes, each read once for as long as node and parent transforms stay as they are."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[tuple, WorldCT]] = {}

    def of(self, node) -> WorldCT:
        """The CT of a volume node. Raises InputError if it is none."""
        present = node.GetScene()
        self._read = {key: kept for key, kept in self._read.items() if present.GetNodeByID(key) is not None}
        state = state_of(node)
        known = self._read.get(node.GetID())
        if known is None or known[0] != state:
            known = (state, read_world_ct(node))
            self._read[node.GetID()] = known
        return known[1]


def read_world_ct(node) -> WorldCT:
    """The CT of a volume node with its parent transforms applied and the HU rules of `images.hu`; the node is only
    read. Raises InputError if it holds no CT."""
    if is_empty(node):
        raise InputError(f"{node.GetName()} is empty; load its voxels first or choose another volume.")
    image = placed(node.GetImageData(), own_matrix(node), node, outside=AIR_HU)
    image, notes = to_hu(image, node.GetName())
    return WorldCT(image, Bound.to(image), notes)


def world_geometry(node) -> Geometry | None:
    """Where a volume node's voxels lie in the world, without reading them; None where they must be resampled."""
    if is_empty(node) or not is_direct(node):
        return None
    return geometry_of(node.GetImageData().GetDimensions(), to_world(node) @ own_matrix(node))


def state_of(node) -> tuple:
    """Changes whenever voxels, geometry or parent transforms of a volume node do. Nothing is read, so it is quick."""
    image = node.GetImageData()
    linear = to_world(node)
    place = tuple((linear @ own_matrix(node)).ravel()) if linear is not None else _chain_state(node)
    if image is None:
        return (place,)
    scalars = image.GetPointData().GetScalars()
    return (image.GetAddressAsString(""), image.GetMTime(), scalars.GetMTime() if scalars is not None else 0, place)


def _chain_state(node) -> tuple:
    times = list(own_matrix(node).ravel())
    transform = node.GetParentTransformNode()
    while transform is not None:
        times.append(transform.GetTransformToWorldMTime())
        transform = transform.GetParentTransformNode()
    return tuple(times)


def add_volume(scene, image: sitk.Image, name: str):
    """A new scalar volume node that holds an image, without display nodes."""
    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetName(name)
    fill_volume(node, image)
    return scene.AddNode(node)


def fill_volume(node, image: sitk.Image) -> None:
    """Put an image's voxels and geometry into a volume node."""
    node.SetIJKToRASMatrix(to_matrix(ijk_to_ras(Geometry.of(image))))
    node.SetAndObserveImageData(vtk_image(sitk.GetArrayViewFromImage(image)))


def add_display_like(volume, like) -> None:
    """Give a volume a display node of its own, with window and colors of another's where that has any."""
    volume.CreateDefaultDisplayNodes()
    if like is not None and like.GetDisplayNode() is not None:
        display, model = volume.GetDisplayNode(), like.GetDisplayNode()
        display.SetAndObserveColorNodeID(model.GetColorNodeID())
        display.SetAutoWindowLevel(0)
        display.SetWindowLevel(model.GetWindow(), model.GetLevel())
        display.SetInterpolate(model.GetInterpolate())
