"""The voxel grid of a phantom, and smooth fields that are worked out coarsely and read finely."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk

COARSE_MM = 3.0
"""Spacing at which smooth shapes are evaluated; finer voxels read them by cubic interpolation."""

PADDING = 2
"""Coarse nodes beyond the volume's edge, so that cubic interpolation has its four neighbors."""


@dataclass(frozen=True)
class Grid:
    """Size (i, j, k), spacing in mm, origin in mm (LPS) and direction matrix of a volume."""

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: np.ndarray

    @cached_property
    def step(self) -> np.ndarray:
        """Columns: the way in mm from a voxel to the next along i, j, k."""
        return self.direction * np.asarray(self.spacing)

    def points(self, i, j, k):
        """Scanner coordinates (x, y, z) of indices, which broadcast; axes without effect stay length one."""
        found = []
        for row in range(3):
            total = np.float64(self.origin[row])
            for column, index in enumerate((i, j, k)):
                if abs(self.step[row, column]) > 1e-9:
                    total = total + self.step[row, column] * index
            found.append(np.asarray(total))
        return tuple(found)

    def index_boxes(self, centers, reaches) -> tuple[np.ndarray, np.ndarray]:
        """First and last + 1 voxel index (n, 3) of boxes round scanner points (n, 3), cut to the volume."""
        inverse = np.linalg.inv(self.step)
        middle = (np.asarray(centers) - np.asarray(self.origin)) @ inverse.T
        reach = np.asarray(reaches) @ np.abs(inverse).T
        first = np.clip(np.floor(middle - reach), 0, self.size).astype(int)
        last = np.clip(np.ceil(middle + reach) + 1, 0, self.size).astype(int)
        return first, last

    def image_of(self, voxels: np.ndarray) -> sitk.Image:
        """A SimpleITK image of voxels (k, j, i) on this grid."""
        image = sitk.GetImageFromArray(voxels)
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(tuple(self.direction.ravel()))
        return image


class CoarseAxis:
    """Nodes along one axis of a volume and the cubic weights that read values between them."""

    def __init__(self, count: int, spacing: float):
        self.stride = max(COARSE_MM / spacing, 1.0)
        self.count = int(np.ceil((count - 1) / self.stride)) + 1 + 2 * PADDING
        self.nodes = (np.arange(self.count) - PADDING) * self.stride

    def weights(self, index):
        """Sparse rows of weights (len(index), nodes): Catmull-Rom interpolation at voxel indices.

        Sparse also because matrix products of dense arrays run on several threads, which slow each other down
        on a busy machine and may round differently from run to run.
        """
        from scipy.sparse import csr_array

        place = np.asarray(index, dtype=float) / self.stride + PADDING
        base = np.clip(np.floor(place).astype(int), 1, self.count - 3)
        t = place - base
        taps = np.stack(
            [
                0.5 * (-t + 2 * t**2 - t**3),
                0.5 * (2 - 5 * t**2 + 3 * t**3),
                0.5 * (t + 4 * t**2 - 3 * t**3),
                0.5 * (t**3 - t**2),
            ],
            axis=1,
        )
        nodes = base[:, None] + np.arange(-1, 3)
        starts = np.arange(len(place) + 1) * 4
        shape = (len(place), self.count)
        return csr_array((taps.astype(np.float32).ravel(), nodes.ravel(), starts), shape=shape)


class CoarseGrid:
    """Coarse nodes that cover a grid; holds named fields (arrays over k, j, i nodes)."""

    def __init__(self, grid: Grid):
        self.grid = grid
        self.axes = [CoarseAxis(n, s) for n, s in zip(grid.size, grid.spacing, strict=True)]
        self.spacing = [axis.stride * s for axis, s in zip(self.axes, grid.spacing, strict=True)]
        self.shape = tuple(axis.count for axis in reversed(self.axes))
        self.fields: dict[str, np.ndarray] = {}
        self._boxes: dict[str, list[slice]] = {}
        self._weights: dict = {}

    def points(self):
        """Scanner coordinates of all nodes."""
        i, j, k = (axis.nodes for axis in self.axes)
        return self.grid.points(i[None, None, :], j[None, :, None], k[:, None, None])

    def add(self, name: str, field, reach_mm: float = 4.0, distance: bool = True) -> None:
        """Keep a field. A distance is divided by its slope, so that it is in mm near its surface;
        it is read only where it is below `reach_mm`."""
        field = np.broadcast_to(np.asarray(field, dtype=np.float32), self.shape)
        if distance:
            field = self._in_mm(field)
        self.fields[name] = np.ascontiguousarray(field)
        self._boxes[name] = (
            self._box_below(field, reach_mm) if distance else [slice(0, n) for n in self.grid.size]
        )

    def box(self, name: str) -> list[slice]:
        """Voxel slices (i, j, k) outside of which the field is above its reach."""
        return self._boxes[name]

    def weights(self, axis: int):
        """Interpolation weights at every voxel along axis 0 (i), 1 (j) or 2 (k)."""
        if axis not in self._weights:
            self._weights[axis] = self.axes[axis].weights(np.arange(self.grid.size[axis]))
        return self._weights[axis]

    def _in_mm(self, field: np.ndarray) -> np.ndarray:
        slope2 = np.zeros(field.shape, dtype=np.float32)
        for axis, spacing in enumerate(reversed(self.spacing)):
            slope2 += np.gradient(field, spacing, axis=axis).astype(np.float32) ** 2
        return field / np.clip(np.sqrt(slope2), 0.4, 2.5)

    def _box_below(self, field: np.ndarray, reach_mm: float) -> list[slice]:
        inside = field < reach_mm
        slices = []
        for axis, count in zip((2, 1, 0), self.grid.size, strict=True):
            hit = np.nonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))[0]
            if len(hit) == 0:
                return [slice(0, 0)] * 3
            nodes = self.axes[2 - axis].nodes
            first = max(int(np.floor(nodes[max(hit[0] - 1, 0)])), 0)
            last = min(int(np.ceil(nodes[min(hit[-1] + 1, len(nodes) - 1)])) + 1, count)
            slices.append(slice(first, max(first, last)))
        return slices


def read_field(field, weights_i, weights_j, weights_k):
    """Interpolate a coarse field (k, j, i) with one sparse matrix of weights per axis."""
    planes, rows, columns = weights_k.shape[0], weights_j.shape[0], weights_i.shape[0]
    depth = (weights_k @ field.reshape(len(field), -1)).reshape(planes * field.shape[1], field.shape[2])
    wide = np.ascontiguousarray((weights_i @ np.ascontiguousarray(depth.T)).T)
    wide = wide.reshape(planes, field.shape[1], columns)
    fine = np.empty((planes, rows, columns), dtype=np.float32)
    for plane in range(planes):
        fine[plane] = weights_j @ wide[plane]
    return fine
