"""The live morph: a hidden, unsaved volume that shares the source's voxels and is bent by the scene's own pipeline.

The fields of nine knots of the path are worked out once; between them they are blended, and the displacements of one
grid transform node are rewritten in place. Slicer re-slices its views from that; no voxel is resampled.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
import slicer
from vtk.util.numpy_support import vtk_to_numpy

from ..images.geometry import Geometry
from ..morph.path import MorphPath, coarse_over, positions
from .frames import ijk_to_ras, place_grid, vtk_image
from .results import SYNTHETIC
from .stand_ins import add_display, add_stand_in, hide, remove

KNOTS = 9
"""At t = 0, 1/8 ... 1; between two of them the field is blended linearly, which errs by 0.003 mm on average."""

SPACING_MM = 5.0
"""Grid of the previewed field: nine of them for a chest take 15 to 35 MB."""


INVERSE_STEPS = 8
"""Of the fixed-point iteration that undoes a small flow; each leaves a tenth of the error, or less."""


class LivePreview:
    """The body some percent of the way, live.

    Args:
        scene: where the preview lives.
        path: the path to follow.
        source: the volume node it begins with; its display is copied, itself left alone.
        image: its CT in the world, whose voxels are shown where the source's own cannot be (parent transforms that
            are not linear).
    """

    def __init__(self, scene, path: MorphPath, source, image: sitk.Image) -> None:
        self._scene = scene
        self._grid = coarse_over(Geometry.of(image), SPACING_MM)
        self._knots = _displacements(path, self._grid)
        self._to_index = np.linalg.inv(ijk_to_ras(self._grid))
        self._scratch = np.empty_like(self._knots[0])
        self._field = vtk_image(self._knots[0], vector=True)
        self._array = vtk_to_numpy(self._field.GetPointData().GetScalars()).reshape(self._knots[0].shape)
        self.transform = self._add_transform()
        self.volume = add_stand_in(scene, source, image, "Morph preview")
        self.volume.SetAttribute(SYNTHETIC, "live")
        self._display = add_display(scene, source)
        self.volume.SetAndObserveDisplayNodeID(self._display.GetID())
        self.volume.SetAndObserveTransformNodeID(self.transform.GetID())

    def show(self, percent: float) -> None:
        """Move to `percent` (0 to 100) of the way; the views follow by themselves."""
        place = min(max(float(percent), 0.0), 100.0) / 100 * (KNOTS - 1)
        first = min(int(place), KNOTS - 2)
        share = np.float32(place - first)
        np.multiply(self._knots[first], 1 - share, out=self._array)
        np.multiply(self._knots[first + 1], share, out=self._scratch)
        self._array += self._scratch
        self._field.GetPointData().GetScalars().Modified()
        self._field.Modified()
        self._bent.Modified()

    def pull_back(self, share: float, point: np.ndarray) -> np.ndarray:
        """The source point seen at a `point` of the body `share` (0 to 1) of the way; RAS mm, (3,) each."""
        whole, rest = divmod(min(max(share, 0.0), 1.0) * (KNOTS - 1), 1)
        found = point + self._displacement(self._knots[int(whole)], point)
        return found + rest * self._displacement(self._knots[1], found)

    def push_forward(self, share: float, point: np.ndarray) -> np.ndarray:
        """Where a source `point` lies in the body `share` (0 to 1) of the way; RAS mm, (3,) each.

        The small flow to the first knot is undone as often as it takes; a fixed-point iteration finds it at once.
        """
        whole, rest = divmod(min(max(share, 0.0), 1.0) * (KNOTS - 1), 1)
        for step in [1.0] * int(whole) + [rest]:
            reached = point
            for _ in range(INVERSE_STEPS):
                reached = point - step * self._displacement(self._knots[1], reached)
            point = reached
        return point

    def _displacement(self, field: np.ndarray, point: np.ndarray) -> np.ndarray:
        """A field (k, j, i, 3) at an RAS point, tri-linear, the edge's value beyond the grid."""
        i, j, k = (self._to_index @ [*point, 1])[:3]
        place = np.clip([k, j, i], 0, np.array(field.shape[:3]) - 1)
        low = np.minimum(place.astype(int), np.maximum(np.array(field.shape[:3]) - 2, 0))
        share = place - low
        value = np.zeros(3)
        for corner in np.ndindex(2, 2, 2):
            weight = np.prod(np.where(corner, share, 1 - share))
            value += weight * field[tuple(np.minimum(low + corner, np.array(field.shape[:3]) - 1))]
        return value

    def remove(self) -> None:
        """Take the preview out of the scene; harmless when that has happened."""
        remove(self._scene, self.volume, self._display, self.transform)
        self.volume = self.transform = self._display = None

    def _add_transform(self):
        self._bent = slicer.vtkOrientedGridTransform()
        self._bent.SetDisplacementGridData(self._field)
        place_grid(self._field, self._bent, self._grid)
        node = slicer.vtkMRMLGridTransformNode()
        hide(node, "Morph preview transform")
        node.SetAndObserveTransformFromParent(self._bent)
        return self._scene.AddNode(node)


def _displacements(path: MorphPath, grid: Geometry) -> np.ndarray:
    """The pull-back displacements at the knots in RAS, (knot, k, j, i, 3) float32.

    Every knot goes on from the one before, by the same small flow: on a path, s and then t is s + t.
    """
    start = positions(grid)
    fields = np.zeros((KNOTS, *start.shape[1:], 3), np.float32)
    reached = start
    for knot in range(1, KNOTS):
        reached = path.pull_back(1 / (KNOTS - 1), reached)
        fields[knot] = np.moveaxis(reached - start, 0, -1) * [-1, -1, 1]
    return fields
