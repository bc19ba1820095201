"""The voxel grid of a phantom, and smooth fields that are worked out coarsely and read finely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813

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

    @property
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

    def index_box(self, low, high) -> list[slice]:
        """Slices over (i, j, k) that hold a box given by its scanner corners, cut to the volume."""
        corners = np.array([[c[a] for a, c in enumerate(pick)] for pick in _corner_picks(low, high)])
        index = np.linalg.solve(self.step, (corners - np.asarray(self.origin)).T).T
        first = np.maximum(np.floor(index.min(axis=0)), 0).astype(int)
        last = np.minimum(np.ceil(index.max(axis=0)) + 1, self.size).astype(int)
        return [slice(a, max(a, b)) for a, b in zip(first, last, strict=True)]

    def image_of(self, voxels: np.ndarray) -> sitk.Image:
        """A SimpleITK image of voxels (k, j, i) on this grid."""
        image = sitk.GetImageFromArray(voxels)
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(tuple(self.direction.ravel()))
        return image


def _corner_picks(low, high):
    for bits in range(8):
        yield [(high if bits >> axis & 1 else low) for axis in range(3)]


class CoarseAxis:
    """Nodes along one axis of a volume and the cubic weights that read values between them."""

    def __init__(self, count: int, spacing: float):
        self.stride = max(COARSE_MM / spacing, 1.0)
        self.count = int(np.ceil((count - 1) / self.stride)) + 1 + 2 * PADDING
        self.nodes = (np.arange(self.count) - PADDING) * self.stride

    def weights(self, index) -> np.ndarray:
        """Rows of weights (len(index), nodes): Catmull-Rom interpolation at voxel indices."""
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
        rows = np.zeros((len(place), self.count), dtype=np.float32)
        for tap in range(4):
            rows[np.arange(len(place)), base - 1 + tap] += taps[:, tap]
        return rows


class CoarseGrid:
    """Coarse nodes that cover a grid; holds named fields (arrays over k, j, i nodes)."""

    def __init__(self, grid: Grid):
        self.grid = grid
        self.axes = [CoarseAxis(n, s) for n, s in zip(grid.size, grid.spacing, strict=True)]
        self.spacing = [axis.stride * s for axis, s in zip(self.axes, grid.spacing, strict=True)]
        self.shape = tuple(axis.count for axis in reversed(self.axes))
        self.fields: dict[str, np.ndarray] = {}
        self._boxes: dict[str, list[slice]] = {}

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

    def read(self, name: str, i, j, k) -> np.ndarray:
        """The field at voxel index vectors, as an array (k, j, i)."""
        wi, wj, wk = (axis.weights(index) for axis, index in zip(self.axes, (i, j, k), strict=True))
        return read_field(self.fields[name], wi, wj, wk)

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
    """Interpolate a coarse field (k, j, i) with one matrix of weights per axis."""
    used = np.nonzero(weights_k.any(axis=0))[0]
    if len(used) == 0:
        return np.empty((0, len(weights_j), len(weights_i)), dtype=np.float32)
    planes = np.tensordot(weights_k[:, used], field[used[0] : used[-1] + 1][used - used[0]], axes=1)
    return np.matmul(np.matmul(weights_j, planes), weights_i.T)
