"""Bodies and deformations whose truth is known on paper, for the tests of the quality gate."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk

from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.images.labels import LabelLayer

SPACING = (1.6, 1.6, 2.0)
SIZE = (150, 112, 68)
NODULE = (52.5, -7.5, 15.0)

SCALE = 0.75
"""The torso is that of a child, three quarters of an adult's, to keep the tests fast."""


@dataclass(frozen=True)
class RadialPath:
    """Everything within `reach` mm of `center` is moved along the ray from it; the rest stays.

    `pull(r)` gives, for a radius in the result, the radius in the source it is pulled from. So the exact
    Jacobian is pull'(r) * (pull(r) / r)^2 and the way back is the inverse of one monotonous function.
    """

    center: tuple[float, float, float]
    pull: object
    reach: float = 400.0
    pose: np.ndarray = field(default_factory=lambda: np.eye(4))

    def _radii(self, t):
        r = np.linspace(0, self.reach, 4001)
        return r, r + t * (self.pull(r) - r)

    def _at(self, geometry):
        index = np.indices(geometry.size[::-1])[::-1].reshape(3, -1).T
        matrix = geometry.matrix()
        points = index @ matrix[:3, :3].T + matrix[:3, 3] - np.array(self.center)
        return points, np.linalg.norm(points, axis=1)

    def _displacement(self, table, geometry):
        points, radius = self._at(geometry)
        moved = np.where(radius < self.reach, np.interp(radius, *table), radius)
        scale = np.where(radius > 0, moved / np.maximum(radius, 1e-9), 1.0)
        vectors = (points * (scale - 1)[:, None]).reshape(*geometry.size[::-1], 3)
        return _image(vectors.astype(np.float32), geometry, vector=True)

    def _determinant(self, table, geometry):
        _, radius = self._at(geometry)
        r, moved = table
        slope = np.interp(radius, r, np.gradient(moved, r))
        ratio = np.interp(radius, r[1:], moved[1:] / r[1:])
        value = np.where(radius < self.reach, slope * ratio**2, 1.0)
        return _image(value.reshape(geometry.size[::-1]).astype(np.float32), geometry)

    def field(self, t, geometry, grid="source"):
        return self._displacement(self._radii(t), geometry)

    def jacobian(self, t, geometry, grid="source"):
        return self._determinant(self._radii(t), geometry)

    def inverse_field(self, t, geometry, grid="source"):
        r, moved = self._radii(t)
        order = np.argsort(moved)
        return self._displacement((moved[order], r[order]), geometry)

    def inverse_jacobian(self, t, geometry, grid="source"):
        r, moved = self._radii(t)
        even = np.linspace(0, self.reach, 4001)
        order = np.argsort(moved)
        return self._determinant((even, np.interp(even, moved[order], r[order])), geometry)


@dataclass
class Result:
    """What `morph.warping.morph` returns, made here by hand so that it can be spoiled."""

    image: sitk.Image
    layers: list
    outside: sitk.Image
    t: float = 1.0
    grid: str = "source"


@functools.cache
def torso(seed=0):
    """A torso with lungs, vessels, a spine, a liver and a lung nodule: (image, [organs, lesions])."""
    rng = np.random.default_rng(seed)
    nx, ny, nz = SIZE
    z, y, x = np.indices((nz, ny, nx), dtype=np.float32)
    x, y, z = ((v - n / 2) * d / SCALE for v, n, d in zip((x, y, z), SIZE, SPACING, strict=True))
    hu = np.full((nz, ny, nx), -1000, np.float32)
    organs = np.zeros(hu.shape, np.uint8)
    body = (x / 148) ** 2 + (y / 108) ** 2 < 1
    hu[body] = 40
    for side in (-1, 1):
        lung = ((x - side * 70) / 48) ** 2 + ((y + 5) / 70) ** 2 + ((z - 25) / 80) ** 2 < 1
        hu[lung], organs[lung] = -860, 1
        for _ in range(60):
            at = rng.uniform(-1, 1, 3) * (35, 55, 55) + (side * 70, -5, 25)
            along = rng.normal(size=3)
            along /= np.linalg.norm(along)
            gap = np.stack([x - at[0], y - at[1], z - at[2]])
            run = np.tensordot(along, gap, 1)
            off = np.sqrt(np.maximum((gap**2).sum(0) - run**2, 0))
            hu[lung & (off < 3) & (abs(run) < 25)] = 30
    liver = ((x + 60) / 55) ** 2 + (y / 65) ** 2 + ((z + 70) / 30) ** 2 < 1
    hu[liver & (organs == 0)], organs[liver & (organs == 0)] = 90, 2
    spine = x**2 + (y - 70) ** 2 < 18**2
    hu[spine], organs[spine] = 350, 3
    lesion = (x - 70) ** 2 + (y + 10) ** 2 + (z - 20) ** 2 < 11**2
    hu[lesion], organs[lesion] = 45, 1
    smooth = sitk.DiscreteGaussian(_image(hu), 1.0)
    noisy = sitk.GetArrayFromImage(smooth) + rng.normal(0, 18, hu.shape)
    image = _image(np.clip(np.rint(noisy), -1024, 3071).astype(np.int16))
    layers = [
        LabelLayer("organs", _image(organs), {1: "lung", 2: "liver", 3: "spine"}),
        LabelLayer("lesions", _image(lesion.astype(np.uint8)), {1: "nodule"}),
    ]
    return image, layers


def warp(source, layers, path, t=1.0, interpolator=sitk.sitkBSpline3):
    """Morph by SimpleITK alone, on the source's grid."""
    displacement = path.field(t, Geometry.of(source))
    way = sitk.DisplacementFieldTransform(sitk.Cast(displacement, sitk.sitkVectorFloat64))
    image = sitk.Resample(source, source, way, interpolator, -1024, sitk.sitkInt16)
    inside = sitk.Resample(source * 0 + 1, source, way, sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
    moved = [
        LabelLayer(
            layer.name, sitk.Resample(layer.image, layer.image, way, sitk.sitkNearestNeighbor), layer.names
        )
        for layer in layers
    ]
    return Result(sitk.Clamp(image, sitk.sitkInt16, -1024, 3071), moved, 1 - inside, t)


def growth(factor, width, reach=400.0):
    """pull(r) that enlarges a ball of `width` mm by `factor` in length and dies away outside it."""

    def pull(r):
        inner = np.minimum(r, width) / factor
        # outside the ball the gap to the unmoved border is taken up evenly
        outer = np.maximum(r - width, 0) * (reach - width / factor) / (reach - width)
        return np.where(r < reach, inner + outer, r)

    return pull


def gentle(depth=8.0, center=(20.0, 10.0, 0.0), pose=None):
    """A smooth path that moves tissue by up to `depth` mm toward the rim of a ball of 150 mm."""

    def pull(r):
        return r - depth * np.sin(np.pi * np.minimum(r, 150) / 150) ** 2

    return RadialPath(center, pull, pose=np.eye(4) if pose is None else pose)


STILL = RadialPath((0.0, 0.0, 0.0), lambda r: r)


def _image(array, geometry=None, vector=False):
    image = sitk.GetImageFromArray(array, isVector=vector)
    if geometry is not None:
        geometry.apply_to(image)
        return image
    image.SetSpacing(SPACING)
    image.SetOrigin([-n / 2 * s for n, s in zip(SIZE, SPACING, strict=True)])
    return image
