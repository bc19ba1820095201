"""Reading a CT and its labels at points between the voxels."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..images.hu import AIR_HU, MAX_HU
from .threads import thread_count

#: Order of the B-spline: cubic keeps 0.82 of the noise of a scan, linear only 0.55.
ORDER = 3


#: Lines of a slab that one thread handles at once.
BAND_LINES = 128


@dataclass(frozen=True)
class Slab:
    """Some slices of the output. rows: which. index: (3, rows, nj, ni) float32, the place of each voxel in the
    source in voxels, (k, j, i)."""

    rows: slice
    index: np.ndarray


class ImageSampler:
    """Cubic B-spline sampling of a CT, kept within the range of the eight voxels round each sample.

    Beside the source it holds its spline coefficients: one float32 volume.
    """

    def __init__(self, image: sitk.Image) -> None:
        self._image = image
        self._voxels = sitk.GetArrayViewFromImage(image)
        self._coefficients = _spline_coefficients(self._voxels)

    def fill(self, image: np.ndarray, outside: np.ndarray, slab: Slab) -> None:
        """Write the slab's slices of the HU and of the mask of what lies outside the source."""
        self._voxels = sitk.GetArrayViewFromImage(self._image)  # copies of the image made since may have moved it
        _in_parts(slab, lambda rows, index: self._fill(image[rows], outside[rows], index))

    def _fill(self, image: np.ndarray, outside: np.ndarray, index: np.ndarray) -> None:
        from scipy import ndimage

        box, cell = _cells(index, self._voxels.shape)
        low = _over_cells(self._voxels[box], np.minimum).ravel()[cell]
        high = _over_cells(self._voxels[box], np.maximum).ravel()[cell]
        missing = _outside(index, self._voxels.shape)
        image[:] = low  # where all eight voxels are alike, as in padding, this is the answer
        open_ = (low != high) & ~missing
        values = ndimage.map_coordinates(
            self._coefficients, index[:, open_], order=ORDER, mode="mirror", prefilter=False, output=np.float32
        )
        np.clip(values, low[open_], high[open_], out=values)
        image[open_] = np.clip(np.rint(values, out=values), AIR_HU, MAX_HU, out=values)
        image[missing] = AIR_HU
        outside[:] = missing


class LabelSampler:
    """Sampling of a label map: the label with the largest share in the eight voxels round each sample.

    Where all eight agree, which is nearly everywhere, there is nothing to vote about.
    """

    def __init__(self, labels: sitk.Image) -> None:
        self._image = labels
        self._voxels = sitk.GetArrayViewFromImage(labels)

    def fill(self, labels: np.ndarray, slab: Slab) -> None:
        """Write the slab's slices; 0 outside the source."""
        self._voxels = sitk.GetArrayViewFromImage(self._image)  # as above
        _in_parts(slab, lambda rows, index: self._fill(labels[rows], index))

    def _fill(self, labels: np.ndarray, index: np.ndarray) -> None:
        box, cell = _cells(index, self._voxels.shape)
        low = _over_cells(self._voxels[box], np.minimum)
        torn = (low != _over_cells(self._voxels[box], np.maximum)).ravel()[cell]
        labels[:] = low.ravel()[cell]
        if torn.any():
            labels[torn] = self._voted(index[:, torn])
        labels[_outside(index, self._voxels.shape)] = 0

    def _voted(self, points: np.ndarray) -> np.ndarray:
        """The winning label at `points` (3, n); of equal shares the one met first."""
        last = np.array(self._voxels.shape)[:, None] - 1
        points = np.clip(points, 0, last)
        low = np.minimum(points.astype(np.int32), np.maximum(last - 1, 0))
        high = np.minimum(low + 1, last)
        part = points - low
        candidates, shares = [], []
        for corner in np.ndindex(2, 2, 2):
            at = [high[d] if corner[d] else low[d] for d in range(3)]
            candidates.append(self._voxels[tuple(at)])
            weight = [part[d] if corner[d] else 1 - part[d] for d in range(3)]
            shares.append(weight[0] * weight[1] * weight[2])
        winner, largest = candidates[0], np.full(points.shape[1], -1.0, np.float32)
        for candidate in candidates:
            total = sum(np.where(other == candidate, share, 0) for other, share in zip(candidates, shares, strict=True))
            better = total > largest
            winner = np.where(better, candidate, winner)
            largest = np.where(better, total, largest)
        return winner


def _spline_coefficients(voxels: np.ndarray) -> np.ndarray:
    """Cubic B-spline coefficients, float32; axis by axis, each in as many parts as there are processors."""
    from scipy import ndimage

    coefficients = voxels.astype(np.float32)
    for axis, length in enumerate(voxels.shape):
        if length == 1:
            continue
        across = 1 if axis == 0 else 0
        bounds = np.linspace(0, voxels.shape[across], thread_count() + 1).astype(int)

        def filter_part(ends: tuple[int, int], axis: int = axis, across: int = across) -> None:
            part = coefficients[(slice(None),) * across + (slice(*ends),)]
            if part.size:
                part[:] = ndimage.spline_filter1d(part, ORDER, axis, output=np.float32, mode="mirror")

        with ThreadPoolExecutor(len(bounds) - 1) as pool:
            list(pool.map(filter_part, zip(bounds[:-1], bounds[1:], strict=True)))
    return coefficients


def _over_cells(voxels: np.ndarray, reduce: Callable) -> np.ndarray:
    """Minimum or maximum over the eight corners of each cell, kept at its first corner; the last layer repeats."""
    out = voxels.copy()
    for axis in range(3):
        first = (slice(None),) * axis + (slice(None, -1),)
        second = (slice(None),) * axis + (slice(1, None),)
        reduce(out[first], out[second], out=out[first])
    return out


def _cells(index: np.ndarray, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], np.ndarray]:
    """The box of the source that the points need, and the flat index in it of the cell each point lies in.

    Points outside the source count to the nearest cell.
    """
    box, flat = [], np.zeros(index.shape[1:], np.int32)
    for axis, length in enumerate(shape):
        first = np.clip(index[axis], 0, max(length - 2, 0)).astype(np.int32)
        start = int(first.min())
        stop = min(int(first.max()) + 2, length)
        box.append(slice(start, stop))
        first -= start
        flat *= stop - start
        flat += first
    return tuple(box), flat


def _outside(index: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """True where a point lies more than half a voxel beyond the outermost voxel centers."""
    missing = np.zeros(index.shape[1:], bool)
    for axis, length in enumerate(shape):
        missing |= (index[axis] < -0.5) | (index[axis] > length - 0.5)
    return missing


def _in_parts(slab: Slab, work: Callable[[tuple[slice, slice], np.ndarray], None]) -> None:
    """Run `work` on bands of the slab's lines, as many at once as there are processors."""
    lines = slab.index.shape[2]
    bands = [slice(first, min(first + BAND_LINES, lines)) for first in range(0, lines, BAND_LINES)]
    with ThreadPoolExecutor(thread_count()) as pool:
        list(pool.map(lambda band: work((slab.rows, band), slab.index[:, :, band]), bands))
