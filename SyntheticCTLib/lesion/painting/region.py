"""The part of a scan that a painter sees for one lesion, brought to axial slices of a spacing it knows, and back.

Everything here works on arrays in the *body's order*: slices along the patient's superior, rows along posterior,
columns along left, as an axial CT is shown. A scan that is stored in another order is only looked at differently
(axes permuted and flipped, no interpolation); only regions are ever resampled, never a scan.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from ...images.geometry import Geometry

AXIAL_WITHIN_DEGREES = 20.0
"""Slices whose normal is at most this far from the body's long axis count as axial and are used as they are."""

SQUARE_WITHIN = 1.1
"""Largest ratio of row to column spacing at which pixels still count as square."""

SPLINE_ORDER = 3
"""Of the B-spline; linear interpolation would take away nearly half of the noise."""

_SPLINE_REACH = 4
"""Voxels round a place that decide about its interpolated value, as far as anybody could see."""

_RESAMPLED_SLICES = 2
"""Slices beyond the lesion's that a resampled region has, so that it can be interpolated back."""

_MAX_PARTS = 8
"""Samples averaged along one axis where the grid sampled for is the coarser one."""

_BODY_AXES = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""Superior, posterior, left in LPS: the directions of slices, rows and columns."""

Box = tuple[slice, slice, slice]


_TRACE = 1e-3
"""A share of a voxel that is not just rounding."""

_COVERED = 0.9
"""Share of a lesion that must come from painted voxels."""


@dataclass(frozen=True)
class BodyOrder:
    """How a scan's array (K, J, I) is turned into the body's order, and where its voxels are then.

    axes: for slices, rows, columns the axis of the stored array. flipped: whether it runs the other way.
    spacing: mm along slices, rows, columns. matrix: (4, 4) from index (slice, row, column, 1) to LPS mm.
    tilt: degrees between the slices' normal and the body's long axis.
    """

    axes: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]
    spacing: tuple[float, float, float]
    matrix: np.ndarray
    tilt: float

    @classmethod
    def of(cls, geometry: Geometry) -> BodyOrder:
        """The order for a scan of this geometry: every axis goes to the body's axis it is nearest to."""
        stored = np.reshape(geometry.direction, (3, 3)).T[::-1]  # row n: direction of array axis n
        shape, steps = geometry.size[::-1], geometry.spacing[::-1]
        cosines = _BODY_AXES @ stored.T
        axes = max(itertools.permutations(range(3)), key=lambda p: sum(abs(cosines[n, p[n]]) for n in range(3)))
        flipped = tuple(bool(cosines[n, axes[n]] < 0) for n in range(3))
        matrix = np.eye(4)
        matrix[:3, 3] = geometry.origin
        for n, axis in enumerate(axes):
            step = stored[axis] * steps[axis]
            matrix[:3, n] = -step if flipped[n] else step
            if flipped[n]:
                matrix[:3, 3] += step * (shape[axis] - 1)
        tilt = math.degrees(math.acos(min(1.0, abs(cosines[0, axes[0]]))))
        return cls(axes, flipped, tuple(float(steps[axis]) for axis in axes), matrix, tilt)

    def turn(self, stored: np.ndarray) -> np.ndarray:
        """A view of a stored array (K, J, I) in the body's order."""
        return stored.transpose(self.axes)[self._flips()]

    def turned_box(self, stored: Box, shape: tuple[int, ...]) -> Box:
        """Where a box of the stored array lies in the turned array of this shape."""
        turned = [
            slice(shape[n] - stored[axis].stop, shape[n] - stored[axis].start) if self.flipped[n] else stored[axis]
            for n, axis in enumerate(self.axes)
        ]
        return turned[0], turned[1], turned[2]

    def _flips(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flipped)


@dataclass(frozen=True)
class WorkingGrid:
    """On what grid a scan's regions are painted.

    native: whether that is the scan's own. spacing: mm along slices, rows, columns. to_scan: (3, 3) steps of one
    working voxel along each axis, in voxels of the turned scan (columns: slices, rows, columns).
    """

    native: bool
    spacing: tuple[float, float, float]
    to_scan: np.ndarray

    @classmethod
    def of(cls, order: BodyOrder, in_plane_mm: tuple[float, float] | None) -> WorkingGrid:
        """The scan's own grid if it is axial and its pixels are square and within `in_plane_mm` (None: any size),
        else the nearest one that is: with the scan's own slices if they are axial, else along the body's axes."""
        axial = order.tilt <= AXIAL_WITHIN_DEGREES
        rows, columns = order.spacing[1:]
        low, high = in_plane_mm or (0.0, math.inf)
        square = max(rows, columns) <= SQUARE_WITHIN * min(rows, columns)
        if axial and square and low <= min(rows, columns) and max(rows, columns) <= high:
            return cls(True, order.spacing, np.eye(3))
        # The finer of the scan's spacings, so that nothing is lost: a coronal scan has its slices in our rows.
        in_plane = float(np.clip(min(rows, columns), low, high))
        spacing = (order.spacing[0], in_plane, in_plane)
        if axial:
            return cls(False, spacing, np.diag(np.divide(spacing, order.spacing)))
        steps = _BODY_AXES.T * np.asarray(spacing)
        return cls(False, spacing, np.linalg.inv(order.matrix[:3, :3]) @ steps)


@dataclass(frozen=True)
class Region:
    """What is handed to a painter: HU (K, J, I) float32 and the lesion's mask, and the way back.

    to_scan: (3, 4) affine from an index of the region to one of the turned scan.
    """

    hu: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, float, float]
    to_scan: np.ndarray


def cut_region(scan: np.ndarray, mask: np.ndarray, box: Box, grid: WorkingGrid, margin_mm: float) -> Region:
    """The surroundings of one lesion on the working grid.

    scan: the whole scan, turned (a view). mask: the lesion, bool, on `box` of it. margin_mm: what is shown beyond the
    lesion's box in the plane. Beyond the end of the scan the region is mirrored.
    """
    start, size = _extent(box, grid, margin_mm)
    if grid.native:
        start = start.astype(int)
        inside = np.zeros(size, bool)
        inside[tuple(slice(b.start - n, b.stop - n) for b, n in zip(box, start, strict=True))] = mask
        hu = cut(scan, start, start + size).astype(np.float32)
        return Region(hu, inside, grid.spacing, np.column_stack([np.eye(3), start]))
    to_scan = np.column_stack([grid.to_scan, start])
    points = _affine(to_scan, np.indices(tuple(size)).reshape(3, -1))
    hu = _sampled_scan(scan, points, grid.to_scan).reshape(size)
    inside = _mask_on(tuple(size), to_scan, points, mask, box)
    return Region(hu, inside, grid.spacing, to_scan)


def bring_back(painted: np.ndarray, region: Region, where: np.ndarray) -> np.ndarray:
    """HU of a painted region at voxels of the turned scan, `where` (3, n); (n,) float32."""
    index = where - region.to_scan[:, 3:]
    if np.array_equal(region.to_scan[:, :3], np.eye(3)):
        return painted[tuple(index.astype(np.int64))]
    back = np.linalg.inv(region.to_scan[:, :3])
    return _sampled(painted, back @ index, back)


def cut(scan: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The voxels from `first` up to `last`, mirrored where that is beyond the scan; a view where it is not."""
    shape = np.array(scan.shape)
    inner = scan[tuple(slice(a, b) for a, b in zip(np.clip(first, 0, shape), np.clip(last, 0, shape), strict=True))]
    beyond = np.column_stack([np.maximum(0, -first), np.maximum(0, last - shape)])
    return np.pad(inner, beyond, mode="symmetric") if beyond.any() else inner


def _extent(box: Box, grid: WorkingGrid, margin_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Where the region begins, in (continuous) voxels of the turned scan, and its size in working voxels."""
    low = np.array([b.start for b in box], float)
    high = np.array([b.stop - 1 for b in box], float)
    slices = 0 if grid.native else _RESAMPLED_SLICES
    steps = np.array([slices, *(np.ceil(margin_mm / np.array(grid.spacing[1:]) - 1e-6))])
    # From the middle of the lesion's box, the corners of the box (outer borders) along the working axes.
    half = np.array(list(itertools.product((-1, 1), repeat=3))).T * ((high - low + 1) / 2)[:, None]
    reach = np.abs(np.linalg.inv(grid.to_scan) @ half).max(axis=1) - 0.5
    own = np.diag(grid.to_scan) == 1  # along these axes voxels are the scan's own; along others there is room
    reach = np.where(own, reach, np.ceil(reach)) + steps
    return (low + high) / 2 - grid.to_scan @ reach, np.rint(2 * reach + 1).astype(int)


def _mask_on(
    size: tuple[int, ...], to_scan: np.ndarray, points: np.ndarray, mask: np.ndarray, box: Box
) -> np.ndarray:
    """The lesion on the region's grid: where at least half of a linear interpolation says so.

    A lesion not much thicker than the grid (on a single slice of an oblique scan, say) would come back mixed with what
    lies beside it; then wherever the interpolation finds any of it. One so small that it lies between the grid's voxels
    would fall through; then those nearest to its own are added.
    """
    from scipy import ndimage

    start = np.array([[b.start] for b in box])
    share = ndimage.map_coordinates(
        np.pad(mask, 1).astype(np.float32), points - start + 1, order=1, mode="constant", prefilter=False
    ).reshape(size)
    own = np.argwhere(mask).T + start
    places = np.linalg.inv(to_scan[:, :3]) @ (own - to_scan[:, 3:])
    inside = share >= 0.5
    if _coverage(inside, places) < _COVERED:
        inside = share > _TRACE
    if _coverage(inside, places) < _COVERED:
        inside[tuple(np.clip(np.rint(places).astype(int), 0, np.reshape(size, (3, 1)) - 1))] = True
    return inside


def _coverage(inside: np.ndarray, places: np.ndarray) -> float:
    """How much of what is interpolated from the region at `places` (3, n) was painted, on average."""
    from scipy import ndimage

    return float(ndimage.map_coordinates(inside.astype(np.float32), places, order=1, mode="nearest").mean())


def _sampled_scan(scan: np.ndarray, points: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """As `_sampled`, of a whole scan of which only what lies round the points is read."""
    reach = _SPLINE_REACH + np.abs(steps).max()
    first = np.floor(points.min(axis=1) - reach).astype(int)
    last = np.ceil(points.max(axis=1) + reach).astype(int) + 1
    return _sampled(cut(scan, first, last).astype(np.float32), points - first[:, None], steps)


def _sampled(values: np.ndarray, points: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Cubic B-spline of `values` at `points` (3, n), each within the range of the eight voxels round it.

    steps: (3, 3), one voxel of the grid sampled for along each of its axes, in voxels of `values`. Where that is
    longer than a voxel, several samples along it are averaged, as a thicker slice does.
    """
    from scipy import ndimage

    values = values.astype(np.float32, copy=False)
    coefficients = ndimage.spline_filter(values, SPLINE_ORDER, output=np.float32, mode="mirror")
    low, high = (extreme(values, size=2, origin=-1) for extreme in (ndimage.minimum_filter, ndimage.maximum_filter))
    parts = [min(_MAX_PARTS, max(1, round(float(np.linalg.norm(steps[:, n])) - 0.25))) for n in range(3)]
    total = np.zeros(points.shape[1], np.float32)
    for part in np.ndindex(*parts):
        offset = steps @ ((np.array(part) + 0.5) / parts - 0.5)
        at = np.clip(points + offset[:, None], 0, np.reshape(values.shape, (3, 1)) - 1)
        one = ndimage.map_coordinates(coefficients, at, order=SPLINE_ORDER, mode="mirror", prefilter=False)
        cell = tuple(at.astype(np.int32))
        total += np.clip(one, low[cell], high[cell])
    return total / math.prod(parts)


def _affine(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return matrix[:, :3] @ points + matrix[:, 3:]
