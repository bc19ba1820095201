"""Cuts through volumes the way radiologists look at them, whichever way the volume's own axes run.

Every cut is resampled in a plane of the patient (LPS), so flipped, permuted and oblique volumes look alike:
patient's right on the left of the picture, head up; in sagittal cuts the front of the body on the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk


@dataclass(frozen=True)
class Plane:
    """A standard plane: which LPS axis runs to the right of the picture, which one down, and which way."""

    name: str
    across: int
    down: int
    down_sign: int
    edges: tuple[str, str, str, str]
    """Letters at the left, right, upper and lower edge."""

    @property
    def normal(self) -> int:
        """The LPS axis the plane is cut across."""
        return 3 - self.across - self.down


AXIAL = Plane("Axial", 0, 1, 1, ("R", "L", "A", "P"))
CORONAL = Plane("Coronal", 0, 2, -1, ("R", "L", "H", "F"))
SAGITTAL = Plane("Sagittal", 1, 2, -1, ("A", "P", "H", "F"))
PLANES = (AXIAL, CORONAL, SAGITTAL)


@dataclass(frozen=True)
class Box:
    """What the pictures show: an LPS box in mm, and the size of a square pixel in mm."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    pixel: float

    def extent(self, plane: Plane) -> tuple[float, float]:
        """(width, height) in mm of a picture of the plane."""
        size = np.subtract(self.high, self.low)
        return float(size[plane.across]), float(size[plane.down])


@dataclass(frozen=True)
class Window:
    """A CT display window, HU."""

    name: str
    level: float
    width: float

    @property
    def limits(self) -> tuple[float, float]:
        """HU shown black and HU shown white."""
        return self.level - self.width / 2, self.level + self.width / 2

    def __str__(self) -> str:
        return f"{self.name} window, level {self.level:g} HU, width {self.width:g} HU"


LUNG_WINDOW = Window("Lung", -400, 1300)
"""Wide enough that the mediastinum keeps some detail beside the lungs, with air black."""

SOFT_WINDOW = Window("Soft tissue", 40, 400)

LUNG_BELOW_HU = -500
LUNG_SHARE = 0.15
"""A body of which more than this share is below LUNG_BELOW_HU is a chest: real chests have 0.3, abdomens less
than 0.1."""


def window_for(values: np.ndarray) -> Window:
    """The window that suits a body, from the HU inside it."""
    if values.size and np.mean(values < LUNG_BELOW_HU) > LUNG_SHARE:
        return LUNG_WINDOW
    return SOFT_WINDOW


def cut(
    image: sitk.Image,
    plane: Plane,
    point: tuple[float, float, float],
    box: Box,
    transform: sitk.Transform | None = None,
    fill: float = -1024,
    nearest: bool = False,
) -> np.ndarray:
    """(rows, columns) float32 picture of the plane through `point` (LPS mm), row 0 at the top of the picture.

    transform: takes a point of the picture to the point of `image` that is shown there (the pose between two
    scans); none for an image that lies there already. fill: value where the image does not reach.
    nearest: for label maps.
    """
    width, height = box.extent(plane)
    size = [max(1, round(width / box.pixel)), max(1, round(height / box.pixel)), 1]
    axes = np.zeros((3, 3))
    axes[plane.across, 0] = 1
    axes[plane.down, 1] = plane.down_sign
    axes[:, 2] = np.cross(axes[:, 0], axes[:, 1])
    origin = np.array(point, float)
    origin[plane.across] = box.low[plane.across] + box.pixel / 2
    top = box.low if plane.down_sign > 0 else box.high
    origin[plane.down] = top[plane.down] + plane.down_sign * box.pixel / 2
    picture = sitk.Resample(
        image,
        size,
        transform or sitk.Transform(),
        sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear,
        origin.tolist(),
        [box.pixel] * 3,
        axes.ravel().tolist(),
        fill,
        sitk.sitkFloat32,
    )
    return sitk.GetArrayFromImage(picture)[0]
