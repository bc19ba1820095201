"""Small CT-like volumes and awkward grids that the tests of reading and writing share."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from SyntheticCTLib.images import Geometry


def rotation(*degrees: float) -> np.ndarray:
    """(3, 3) rotation about x, then y, then z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        first, second = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


GRIDS = {
    "plain": Geometry((9, 8, 7), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), tuple(np.eye(3).ravel())),
    "anisotropic": Geometry((9, 8, 7), (0.7, 0.9, 5.0), (-120.5, 33.25, 900.125), tuple(np.eye(3).ravel())),
    "oblique": Geometry(
        (9, 8, 7), (0.8, 0.8, 2.5), (10.0, -20.0, 30.0), tuple(rotation(12, -25, 40).ravel())
    ),
    "flipped": Geometry((9, 8, 7), (1.0, 2.0, 3.0), (90.0, 80.0, -70.0), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0)),
    "left-handed": Geometry((9, 8, 7), (1.0, 2.0, 3.0), (9.0, 8.0, 7.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, -1.0)),
    "sagittal": Geometry((9, 8, 7), (1.0, 2.0, 3.0), (9.0, 8.0, 7.0), (0, 0, 1.0, 1.0, 0, 0, 0, 1.0, 0)),
    "single slice": Geometry((9, 8, 1), (0.7, 0.7, 5.0), (1.0, 2.0, 3.0), tuple(np.eye(3).ravel())),
}


def ct(geometry: Geometry = GRIDS["plain"], seed: int = 0, pixel_id: int = sitk.sitkInt16) -> sitk.Image:
    """A volume of noise over the range that a CT of a body has."""
    values = np.random.default_rng(seed).integers(-1024, 1500, size=geometry.size[::-1])
    image = sitk.Cast(sitk.GetImageFromArray(values.astype(np.int32)), pixel_id)
    geometry.apply_to(image)
    return image


def like(image: sitk.Image, values: np.ndarray) -> sitk.Image:
    """An image with these voxels (K, J, I) on the grid of another."""
    result = sitk.GetImageFromArray(values)
    Geometry.of(image).apply_to(result)
    return result


def voxels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)
