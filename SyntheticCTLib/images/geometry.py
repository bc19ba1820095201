"""Where a volume lies: the grid of voxels in the patient, in LPS millimeters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

SAME_GRID_TOLERANCE_MM = 0.05
"""Two grids of one size are the same if no corner voxel differs by more than this.

File formats round (NIfTI keeps 32-bit floats, some tools six digits); that moves a corner by micrometers,
while a real shift is a good part of a voxel.
"""

ORTHOGONALITY_TOLERANCE = 2e-4
"""Largest dot product of two axes that still counts as a right angle: 0.1 mm over a 500 mm body."""


@dataclass(frozen=True)
class Geometry:
    """The grid of a volume.

    size: voxels along i, j, k. spacing: mm between voxel centers along i, j, k. origin: LPS position in mm of
    the center of voxel (0, 0, 0). direction: nine floats, row-major; column d is the unit vector of axis d.
    """

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image) -> Geometry:
        """The geometry of a 3-D image."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    def new_image(self, pixel_id: int, fill: float = 0) -> sitk.Image:
        """A scalar image on this grid, of the given SimpleITK pixel type, `fill` everywhere."""
        image = sitk.Image(list(self.size), pixel_id)
        self.apply_to(image)
        return image + fill if fill else image

    def apply_to(self, image: sitk.Image) -> None:
        """Give `image`, which must have this size, exactly this spacing, origin and direction."""
        if tuple(image.GetSize()) != tuple(self.size):
            raise ValueError(f"an image of {image.GetSize()} voxels does not fit a grid of {self.size}")
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)

    def matrix(self) -> np.ndarray:
        """(4, 4) matrix from voxel index (i, j, k, 1) to LPS position in mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.reshape(self.direction, (3, 3)) * np.asarray(self.spacing)
        matrix[:3, 3] = self.origin
        return matrix

    def corners(self) -> np.ndarray:
        """(8, 3) LPS positions in mm of the outer corners of the grid (half a voxel outside the centers)."""
        low = np.full(3, -0.5)
        return self._positions(low, np.asarray(self.size) - 0.5)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest LPS coordinate, (3,) each in mm, of the axis-aligned box round the grid."""
        corners = self.corners()
        return corners.min(axis=0), corners.max(axis=0)

    def same_as(self, other: Geometry) -> bool:
        """Whether both have one size and all corner voxels agree within `SAME_GRID_TOLERANCE_MM`."""
        if tuple(self.size) != tuple(other.size):
            return False
        last = np.asarray(self.size) - 1
        apart = np.linalg.norm(
            self._positions(np.zeros(3), last) - other._positions(np.zeros(3), last), axis=1
        )
        return bool(apart.max() <= SAME_GRID_TOLERANCE_MM)

    def upright(
        self, spacing: tuple[float, float, float], size: tuple[int, int, int] | None = None
    ) -> Geometry:
        """The grid along the LPS axes that has this spacing (mm) and the middle of this one.

        size: its voxels; by default as many as it takes to hold this grid.
        """
        low, high = self.bounds()
        if size is None:
            # Less by a thousandth of a voxel: rounding in a header must not add a layer of air.
            size = tuple(max(1, int(n)) for n in np.ceil((high - low) / spacing - 1e-3))
        first = (low + high) / 2 - (np.asarray(size) - 1) / 2 * np.asarray(spacing)
        return Geometry(size, tuple(spacing), tuple(float(at) for at in first), tuple(np.eye(3).ravel().tolist()))

    def is_orthogonal(self) -> bool:
        """Whether the axes are at right angles and of unit length within `ORTHOGONALITY_TOLERANCE`."""
        axes = np.reshape(self.direction, (3, 3))
        return bool(np.abs(axes.T @ axes - np.eye(3)).max() <= ORTHOGONALITY_TOLERANCE)

    def describe(self) -> str:
        """One line for messages: size, spacing, origin, direction."""
        size = " x ".join(str(n) for n in self.size)
        spacing = " x ".join(_short(value) for value in self.spacing)
        origin = ", ".join(_short(value) for value in self.origin)
        rows = np.reshape(self.direction, (3, 3))
        direction = "; ".join(" ".join(_short(value) for value in row) for row in rows)
        return f"{size} voxels of {spacing} mm, origin ({origin}) mm, direction ({direction})"

    def _positions(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """(8, 3) LPS positions of the corners of the index box from `low` to `high`."""
        picks = np.array(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij")).reshape(3, -1).T
        index = np.where(picks == 1, high, low)
        matrix = self.matrix()
        return index @ matrix[:3, :3].T + matrix[:3, 3]


def _short(value: float) -> str:
    """At most three decimals, without trailing zeros or a minus sign before 0."""
    return f"{round(value, 3) + 0.0:.3f}".rstrip("0").rstrip(".")
