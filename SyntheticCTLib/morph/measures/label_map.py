"""Counting in a label map: boxes, voxels per block, connected parts, without a second map in memory."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import SimpleITK as sitk

from ...images.geometry import Geometry
from ..body import shrink_factors
from .comparison import WORK_SPACING_MM, physical

#: Pieces smaller than this (mm3, a ball of 2.7 mm) are specks of a noisy segmentation, not parts.
SPECK_MM3 = 10.0

Box = tuple[slice, ...]


class LabelMap:
    """A label map, also seen as whole-voxel blocks of about WORK_SPACING_MM, the last of them partly empty.

    `voxel_mm3`: volume of a voxel. `geometry`: the grid of the block centers.
    """

    def __init__(self, image: sitk.Image):
        self.image = image
        self.array = sitk.GetArrayViewFromImage(image)
        self.voxel_mm3 = float(np.prod(image.GetSpacing()))
        self._factors = np.array(shrink_factors(image.GetSpacing(), WORK_SPACING_MM)[::-1])
        size = -(-np.array(self.array.shape) // self._factors)
        origin = physical(image, ((self._factors - 1) / 2)[None])[0]
        self.geometry = Geometry(
            tuple(int(n) for n in size[::-1]),
            tuple(float(s * f) for s, f in zip(image.GetSpacing(), self._factors[::-1], strict=True)),
            tuple(float(v) for v in origin),
            image.GetDirection(),
        )

    @cached_property
    def boxes(self) -> dict[int, Box]:
        """Non-zero values present, each with the box of array indices it fills."""
        from scipy import ndimage

        found = ndimage.find_objects(self.array)
        return {number + 1: box for number, box in enumerate(found) if box is not None}

    def box_voxels(self, value: int) -> int:
        """Number of voxels in a label's box."""
        return int(np.prod([side.stop - side.start for side in self.boxes[value]]))

    def count(self, value: int) -> tuple[np.ndarray, Box]:
        """Voxels of a label per block, int32, and the box of blocks that they are given for."""
        box = self.boxes[value]
        first = [side.start // f for side, f in zip(box, self._factors, strict=True)]
        last = [-(-side.stop // f) for side, f in zip(box, self._factors, strict=True)]
        blocks = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        _, fj, fi = self._factors
        rows, columns = last[1] - first[1], last[2] - first[2]
        counts = np.empty((last[0] - first[0], rows, columns), np.int32)
        plane = np.zeros((rows * fj, columns * fi), np.uint16)
        # Only the label's own box is looked at; the margin of the plane up to whole blocks stays zero.
        inner = tuple(
            slice(side.start - a * f, side.stop - a * f)
            for side, a, f in zip(box[1:], first[1:], (fj, fi), strict=True)
        )
        for number, block in enumerate(range(first[0], last[0])):
            low = max(block * self._factors[0], box[0].start)
            high = min((block + 1) * self._factors[0], box[0].stop)
            plane[inner] = (self.array[low:high, box[1], box[2]] == value).sum(axis=0, dtype=np.uint16)
            counts[number] = plane.reshape(rows, fj, columns, fi).sum(axis=(1, 3))
        return counts, blocks

    def parts(self, value: int, counts: np.ndarray, fine: bool) -> int:
        """Connected components (26 neighbors) that are not specks, of voxels or else of the blocks in `counts`."""
        from scipy import ndimage

        voxels = (self.array[self.boxes[value]] == value).astype(np.int32) if fine else counts
        number, _ = ndimage.label(voxels > 0, structure=np.ones((3, 3, 3)))
        sizes = np.bincount(number.ravel(), weights=voxels.ravel())[1:] * self.voxel_mm3
        # A label that is nothing but specks is still there.
        return max(1, int(np.count_nonzero(sizes >= SPECK_MM3)))
