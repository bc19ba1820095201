"""Small bodies made of ellipsoids, and deformations known on paper, for the tests of the morph."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.images.labels import LabelLayer
from SyntheticCTLib.morph.path import Bound, MorphPath, positions
from SyntheticCTLib.morph.register import Deformation, path_along

LUNG, LIVER, SPINE = 1, 2, 3
IDENTITY = tuple(np.eye(3).ravel())

PLAIN = Geometry((44, 36, 40), (4.0, 4.0, 4.0), (-86.0, -70.0, -78.0), IDENTITY)
"""A child's trunk fits in here; its middle is the zero of the coordinates."""


def trunk(geometry: Geometry = PLAIN, width=1.0, lung=1.0, liver=1.0, noise=10.0, place=None):
    """A trunk with lungs, liver and spine: image (int16 HU) and one layer of labels.

    width, lung, liver: how large the body and its organs are. place: (4, 4) rigid matrix from the body's own
    coordinates to LPS mm; the body is the same wherever it lies and whatever the grid is.
    """
    x, y, z = _own_coordinates(geometry, place)
    body = (x / (78 * width)) ** 2 + (y / (58 * width)) ** 2
    soft = np.sqrt(body) * 58 - 58
    parts = {
        LUNG: [_ellipsoid(x, y, z, (s * 34 * width, -4, 22), (27 * lung, 38 * lung, 44 * lung)) for s in (-1, 1)],
        LIVER: [_ellipsoid(x, y, z, (-26 * width, -6, -44), (38 * liver, 36 * liver, 24 * liver))],
        SPINE: [np.hypot(x, y - 40 * width) - 11],
    }
    hu = _blend(np.full(x.shape, -1000.0, np.float32), soft, 30)
    labels = np.zeros(x.shape, np.uint8)
    for value, level in ((LIVER, 140), (LUNG, -850), (SPINE, 600)):
        for distance in parts[value]:
            distance = np.maximum(distance, soft + 3)
            hu = _blend(hu, distance, level)
            labels[distance < 0] = value
    for at in np.random.default_rng(3).uniform(-1, 1, (14, 3)) * (20, 28, 34):  # vessels, to hold on to
        for side in (-1, 1):
            middle = (side * 34 * width + at[0], -4 + at[1] * lung, 22 + at[2] * lung)
            hu = _blend(hu, _ellipsoid(x, y, z, middle, (5, 5, 8)), 0)
    hu += np.random.default_rng(7).normal(0, noise, hu.shape) if noise else 0
    image = _image(np.clip(np.rint(hu), -1024, 3071).astype(np.int16), geometry)
    return image, LabelLayer("organs", _image(labels, geometry), {LUNG: "lung", LIVER: "liver", SPINE: "spine"})


def blob(geometry: Geometry, at, radius=12.0):
    """Air with one soft ball of 1000 HU above water, 2000 above air, at an LPS place."""
    gap = positions(geometry) - np.reshape(np.asarray(at, np.float32), (3, 1, 1, 1))
    return _image(np.rint(-1000 + 2000 * np.exp(-(gap**2).sum(axis=0) / radius**2)).astype(np.int16), geometry)


def center_of_mass(image: sitk.Image) -> np.ndarray:
    """Where what is brighter than -900 HU has its middle, LPS mm."""
    weight = np.maximum(sitk.GetArrayFromImage(image).astype(float) + 900, 0)
    return (positions(Geometry.of(image)) * weight).sum(axis=(1, 2, 3)) / weight.sum()


def swirl(points, depth=7.0, wave=70.0):
    """A smooth displacement of up to about `depth` mm, (3, ...) for (3, ...) LPS mm; no closed form of its flow."""
    x, y, z = points / wave
    along = np.sin(y + 0.3) * np.cos(z) + np.sin(2 * x)
    across = np.sin(z - 0.2) * np.cos(x) + np.sin(2 * y - 0.5)
    return depth * np.stack([along, across, 0.7 * np.sin(x) * np.cos(y)])


def deformation(displacement, affine=None, geometry: Geometry = PLAIN) -> Deformation:
    """The deformation ``y -> affine (y + displacement(y))`` on a grid of 4 mm well over `geometry`."""
    middle = geometry.corners().mean(axis=0)
    half = np.ptp(geometry.corners(), axis=0) / 2 + 40
    cells = tuple(int(n) for n in np.ceil(half / 2) + 1)
    over = Geometry(cells, (4.0,) * 3, tuple(middle - (np.array(cells) - 1) * 2), IDENTITY)
    vectors = np.moveaxis(displacement(positions(over).astype(float)), 0, -1)
    warp = sitk.GetImageFromArray(np.ascontiguousarray(vectors), isVector=True)
    over.apply_to(warp)
    return Deformation(warp, np.eye(4) if affine is None else affine, {"backend": "paper"})


def known_path(source: sitk.Image, target: sitk.Image, displacement=swirl, affine=None) -> MorphPath:
    """The path along a displacement known on paper."""
    return path_along(deformation(displacement, affine, Geometry.of(target)), source, target)


def still_path(source: sitk.Image, target: sitk.Image, stretch=None, pose=None) -> MorphPath:
    """A path without any velocity: the identity, or only a stretch and a pose."""
    grid = Geometry((5, 5, 5), (60.0,) * 3, (-120.0,) * 3, IDENTITY)
    velocity = sitk.Image([5, 5, 5], sitk.sitkVectorFloat32, 3)
    grid.apply_to(velocity)
    eye = np.eye(4)
    return MorphPath(
        velocity,
        eye if stretch is None else stretch,
        eye if pose is None else pose,
        Bound.to(source),
        Bound.to(target),
        {"backend": "paper"},
    )


def rigid(degrees=(0.0, 0.0, 0.0), shift=(0.0, 0.0, 0.0)) -> np.ndarray:
    """(4, 4) matrix that turns about x, y, z and then shifts."""
    from volumes import rotation

    matrix = np.eye(4)
    matrix[:3, :3] = rotation(*degrees)
    matrix[:3, 3] = shift
    return matrix


def dice(a: sitk.Image, b: sitk.Image, value: int) -> float:
    """Overlap of one label of two maps on one grid."""
    first, second = (sitk.GetArrayViewFromImage(image) == value for image in (a, b))
    return 2 * float((first & second).sum()) / float(first.sum() + second.sum())


def _own_coordinates(geometry: Geometry, place) -> np.ndarray:
    points = positions(geometry)
    if place is None:
        return points
    home = np.linalg.inv(place)
    return (np.tensordot(home[:3, :3], points, 1) + home[:3, 3].reshape(3, 1, 1, 1)).astype(np.float32)


def _ellipsoid(x, y, z, middle, radii):
    """Roughly the distance in mm from an ellipsoid's surface, negative inside."""
    scaled = np.sqrt(sum(((v - m) / r) ** 2 for v, m, r in zip((x, y, z), middle, radii, strict=True)))
    return (scaled - 1) * min(radii)


def _blend(hu, distance, level):
    """`hu` with `level` inside a surface, blurred over about 4 mm as a scanner does."""
    inside = 1 / (1 + np.exp(np.clip(distance / 1.2, -30, 30)))
    return (hu * (1 - inside) + level * inside).astype(np.float32)


def _image(values: np.ndarray, geometry: Geometry) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    geometry.apply_to(image)
    return image
