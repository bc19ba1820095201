"""Where a node's voxels lie in the world: its own matrix and whatever parent transforms are above it.

The user's nodes are only read. A linear transform is folded into the grid and no voxel changes. Under a non-linear
one (DICOM's acquisition transforms are), or a linear one that shears, the voxels are resampled onto a right-angled
grid that covers them.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ..images.geometry import Geometry
from .frames import FLIP, geometry_of, sitk_image, to_array, voxels

FIELD_STEP_MM = 3.0
"""A non-linear transform is looked up on a grid this fine across the slices; along them, at every slice."""


def to_world(node) -> np.ndarray | None:
    """(4, 4) RAS matrix from the node's own coordinates to the world; None where that is not linear."""
    transform = node.GetParentTransformNode()
    if transform is None:
        return np.eye(4)
    if not transform.IsTransformToWorldLinear():
        return None
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    return to_array(matrix)


def placed(image: vtk.vtkImageData, own: np.ndarray, node, outside: float, nearest: bool = False) -> sitk.Image:
    """The voxels of `image`, which belongs to `node`, where they lie in the world, in LPS.

    own: IJKToRAS (4, 4) of the image in the node's coordinates. outside: value beyond the voxels where they must be
    resampled. nearest: whether they are labels (nearest neighbor) or a CT (cubic B-splines).
    """
    linear = to_world(node)
    first = np.asarray(image.GetExtent()[::2], float)
    own = own @ _shifted(first)  # a label map's extent may begin anywhere
    array = voxels(image)
    if linear is not None:
        grid = geometry_of(image.GetDimensions(), linear @ own)
        if grid.is_orthogonal():
            return sitk_image(array, grid)
    inner = geometry_of(image.GetDimensions(), own)
    return _resampled(sitk_image(array, inner), node, outside, nearest)


def is_empty(node) -> bool:
    """Whether a volume node holds no voxels."""
    image = node.GetImageData()
    return image is None or not image.GetNumberOfPoints() or image.GetPointData().GetScalars() is None


def is_direct(node) -> bool:
    """Whether the voxels of a volume node lie in the world as they are, on a grid of right angles."""
    linear = to_world(node)
    return linear is not None and geometry_of((1, 1, 1), linear @ own_matrix(node)).is_orthogonal()


def own_matrix(volume) -> np.ndarray:
    """IJKToRAS (4, 4) of a volume node, in the coordinates of its parent transform."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return to_array(matrix)


def surface_in_world(grid: Geometry, node) -> np.ndarray:
    """LPS points (n, 3) in the world on the faces of a grid that lies in a node's own coordinates."""
    forward = vtk.vtkGeneralTransform()
    if node.GetParentTransformNode() is not None:
        node.GetParentTransformNode().GetTransformToWorld(forward)
    return _moved(_surface(grid), forward)


def _shifted(first: np.ndarray) -> np.ndarray:
    shift = np.eye(4)
    shift[:3, 3] = first
    return shift


def _resampled(image: sitk.Image, node, outside: float, nearest: bool) -> sitk.Image:
    """The image of a node as its non-linear, or shearing, parent transform shows it."""
    forward, back = vtk.vtkGeneralTransform(), vtk.vtkGeneralTransform()
    parent = node.GetParentTransformNode()
    if parent is not None:  # else the volume's own axes shear, as those of a tilted gantry do
        parent.GetTransformToWorld(forward)
        parent.GetTransformFromWorld(back)
    grid = _covering(Geometry.of(image), forward)
    steps = [
        max(1, int(FIELD_STEP_MM / spacing)) if axis != _slice_axis(grid) else 1
        for axis, spacing in enumerate(grid.spacing)
    ]
    field = _pull_back_field(grid, steps, back)
    return sitk.Resample(
        image,
        grid.new_image(image.GetPixelID()),
        sitk.DisplacementFieldTransform(field),
        sitk.sitkNearestNeighbor if nearest else sitk.sitkBSpline3,
        outside,
        image.GetPixelID(),
    )


def _slice_axis(grid: Geometry) -> int:
    return int(np.argmax(grid.spacing))


def _covering(own: Geometry, forward: vtk.vtkAbstractTransform) -> Geometry:
    """A right-angled grid, as fine as `own`, over all the places its voxels are taken to.

    Its axes are the right-angled ones nearest to the scan's own after the transform's linear part in the middle.
    """
    surface = _moved(_surface(own), forward)
    middle = own.matrix() @ [*(np.asarray(own.size) - 1) / 2, 1]
    around = np.stack([middle[:3], *(middle[:3] + own.matrix()[:3, axis] for axis in range(3))])
    moved = _moved(around, forward)
    left, _, right = np.linalg.svd((moved[1:] - moved[0]).T)
    axes = left @ right
    along = surface @ axes
    low, high = along.min(axis=0), along.max(axis=0)
    size = np.maximum(np.ceil((high - low) / np.asarray(own.spacing) - 1e-6).astype(int), 0) + 1
    return Geometry(tuple(int(n) for n in size), own.spacing, tuple(axes @ low), tuple(axes.ravel()))


def _surface(grid: Geometry, points: int = 24) -> np.ndarray:
    """LPS points (n, 3) on the six faces of a grid."""
    steps = [np.linspace(0, n - 1, points) for n in grid.size]
    index = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3)
    ends = np.asarray(grid.size) - 1
    index = index[((index == 0) | (index == ends)).any(axis=1)]
    return index @ grid.matrix()[:3, :3].T + grid.matrix()[:3, 3]


def _pull_back_field(grid: Geometry, steps: list[int], back: vtk.vtkAbstractTransform) -> sitk.Image:
    """Displacement from world points to the node's own coordinates, both LPS, on every `steps`-th node of a grid."""
    size = [int(np.ceil((n - 1) / step)) + 1 for n, step in zip(grid.size, steps, strict=True)]
    spacing = [s * step for s, step in zip(grid.spacing, steps, strict=True)]
    coarse = Geometry(tuple(size), tuple(spacing), grid.origin, grid.direction)
    k, j, i = (np.arange(n) for n in size[::-1])
    index = np.stack(np.meshgrid(k, j, i, indexing="ij"), -1)[..., ::-1].reshape(-1, 3)
    points = index @ coarse.matrix()[:3, :3].T + coarse.matrix()[:3, 3]
    moved = _moved(points, back) - points
    field = sitk.GetImageFromArray(moved.reshape(*size[::-1], 3), isVector=True)
    coarse.apply_to(field)
    return sitk.Cast(field, sitk.sitkVectorFloat64)


def _moved(points: np.ndarray, transform: vtk.vtkAbstractTransform) -> np.ndarray:
    """LPS points (n, 3) under an RAS transform."""
    flip = np.diag(FLIP)[:3]
    before, after = vtk.vtkPoints(), vtk.vtkPoints()
    before.SetDataTypeToDouble()
    after.SetDataTypeToDouble()
    before.SetData(numpy_to_vtk(np.ascontiguousarray(points * flip), deep=True))
    transform.TransformPoints(before, after)
    return vtk_to_numpy(after.GetData()) * flip
