"""Source, target and result side by side on one coarse grid: what all measures start from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk

from ...images.geometry import Geometry
from ..body import body_mask, shrunk

#: Measures that need no fine detail (Jacobian, body, similarity) are taken on a grid of about this, mm.
WORK_SPACING_MM = 3.0

#: At most so many points of the body are looked at one by one; more would not change a percentile.
MAX_POINTS = 150_000


@dataclass(frozen=True)
class Comparison:
    """A result and where it came from. Arrays are in numpy order (k, j, i) on the work grid.

    Attributes:
        source, result: the CT images at full resolution, HU.
        small_source, small_target: block means of source and target (None without one), in their own space.
        small: block means of the result; its geometry is the work grid (about WORK_SPACING_MM).
        frame: "source" or "target", the pose the result lies in.
        field: (k, j, i, 3) pull-back displacement in mm, LPS: result(x) is source(x + field(x)).
        rest: the same at t = 0: zero in the source's frame, the pose alone in the target's frame.
        jacobian: (k, j, i) determinant of d(x + field)/dx: source volume per volume of the result.
        expected_body: where the path puts the source's body. Beyond the source's field of view the body is
            taken to go on as it is at the border, so that a body cut off there is still counted as body.
        seen_body: the body found in the result itself.
        outside: where the result was pulled from outside the source's field of view.
    """

    source: sitk.Image
    result: sitk.Image
    small_source: sitk.Image
    small_target: sitk.Image | None
    small: sitk.Image
    frame: str
    t: float
    path: object
    field: np.ndarray
    rest: np.ndarray
    jacobian: np.ndarray
    expected_body: np.ndarray
    seen_body: np.ndarray
    outside: np.ndarray

    @cached_property
    def nodes(self) -> np.ndarray:
        """(N, 3) numpy indices of body points of the work grid that have a source, at most MAX_POINTS."""
        where = np.flatnonzero(self.expected_body & ~self.outside)
        step = max(1, -(-len(where) // MAX_POINTS))
        return np.stack(np.unravel_index(where[::step], self.expected_body.shape), axis=1)

    @cached_property
    def gradient_of_map(self) -> np.ndarray:
        """(N, 3, 3) derivative of the pull-back x + field(x) at the nodes, physical axes."""
        axes = []
        for axis in range(3):
            if self.field.shape[axis] > 1:
                axes.append(_difference_at(self.field, axis, self.nodes))
            else:
                axes.append(np.zeros((len(self.nodes), 3), np.float32))
        per_index = np.stack(axes[::-1], axis=2)  # [..., component, index axis i j k]
        to_index = (directions(self.small) / np.array(self.small.GetSpacing())).T
        return np.eye(3) + per_index @ to_index


def compare(source: sitk.Image, target: sitk.Image | None, morphed, path) -> Comparison:
    """Bring a result, its source and its target together; `morphed`, `path` as in `morph.warping.morph`."""
    t = float(morphed.t)
    frame = "target" if morphed.grid == "target" else "source"
    small = shrunk(morphed.image, WORK_SPACING_MM)
    small_source = shrunk(source, WORK_SPACING_MM)
    grid = Geometry.of(small)
    field = path.field(t, grid, grid=frame)
    displacement = sitk.GetArrayFromImage(field).astype(np.float32, copy=False)
    rest = np.zeros_like(displacement)
    if frame == "target":
        rest = sitk.GetArrayFromImage(path.field(0.0, grid, grid=frame)).astype(np.float32, copy=False)
    expected = sitk.Resample(
        body_mask(small_source),
        small,
        as_transform(field),
        sitk.sitkNearestNeighbor,
        0,
        sitk.sitkUInt8,
        # A body goes on beyond a scan that cuts it off, and is missed there; only the grid "fit" ends with the
        # scan, and its margin is meant to be air.
        morphed.grid != "fit",
    )
    outside = sitk.Resample(morphed.outside, small, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    return Comparison(
        source=source,
        result=morphed.image,
        small_source=small_source,
        small_target=None if target is None else shrunk(target, WORK_SPACING_MM),
        small=small,
        frame=frame,
        t=t,
        path=path,
        field=displacement,
        rest=rest,
        jacobian=sitk.GetArrayFromImage(path.jacobian(t, grid, grid=frame)),
        expected_body=sitk.GetArrayViewFromImage(expected) > 0,
        seen_body=sitk.GetArrayFromImage(body_mask(small)) > 0,
        outside=sitk.GetArrayViewFromImage(outside) > 0,
    )


def as_transform(field: sitk.Image) -> sitk.Transform:
    """A displacement image (mm) as a transform; the image itself stays usable."""
    return sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64))


def directions(image: sitk.Image) -> np.ndarray:
    """(3, 3) matrix whose columns are the physical directions of the index axes i, j, k."""
    return np.reshape(image.GetDirection(), (3, 3))


def physical(image: sitk.Image, index_kji: np.ndarray) -> np.ndarray:
    """(N, 3) numpy indices (k, j, i) to (N, 3) LPS millimeters."""
    matrix = Geometry.of(image).matrix()
    return _affine(matrix[:3, 2::-1], matrix[:3, 3], index_kji)


def index(image: sitk.Image, points: np.ndarray) -> np.ndarray:
    """(N, 3) LPS millimeters to (N, 3) continuous numpy indices (k, j, i)."""
    matrix = np.linalg.inv(Geometry.of(image).matrix())
    return _affine(matrix[2::-1, :3], matrix[2::-1, 3], points)


def _affine(matrix: np.ndarray, shift: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N, 3) points times a (3, 3) matrix plus a shift. Written out: BLAS is slow on three columns."""
    out = np.empty((len(points), 3))
    for row in range(3):
        out[:, row] = shift[row]
        for column in range(3):
            if matrix[row, column]:
                out[:, row] += matrix[row, column] * points[:, column]
    return out


def sample(image: sitk.Image, points: np.ndarray) -> np.ndarray:
    """(N,) values at (N, 3) LPS points, linear between voxels, the border value beyond the border."""
    from scipy import ndimage

    return ndimage.map_coordinates(
        sitk.GetArrayViewFromImage(image),
        index(image, points).T,
        output=np.float32,
        order=1,
        mode="nearest",
    )


def _difference_at(field: np.ndarray, axis: int, nodes: np.ndarray) -> np.ndarray:
    """(N, 3) derivative of the field per index step along `axis`, one-sided at the border."""
    below, above = nodes.copy(), nodes.copy()
    below[:, axis] = np.maximum(nodes[:, axis] - 1, 0)
    above[:, axis] = np.minimum(nodes[:, axis] + 1, field.shape[axis] - 1)
    width = (above - below)[:, axis, None]
    return (field[tuple(above.T)] - field[tuple(below.T)]) / width
