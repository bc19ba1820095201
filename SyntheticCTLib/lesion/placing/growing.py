"""Growing lesion shapes from nothing: ellipsoids, bent, lobed and sometimes spiculated."""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from .elastic import rotation_matrix, smooth_displacement
from .shapes import GROWN, Shape, largest_part, tight_box

GROWN_DIAMETER_MM = 20.0
"""Longest axial diameter of a shape as grown; `vary` gives it any other."""

_VOXELS = 64
_REACH = 2.0
"""The shape grows on a cube of _VOXELS a side, from -_REACH to _REACH in units of its mean radius."""

_AXES = (0.58, 1.25)
"""Range of the ellipsoid's half axes, in mean radii."""

_LOBES = 5
_LOBE_SIZE = (0.3, 0.55)
_LOBE_PLACE = (0.6, 1.0)
"""Lobes: fewer than this many balls, their radius, and how far out their centers lie (mean radii)."""

_JOINT = 0.12
"""How softly lobes join the body, mean radii: the length over which a smooth maximum goes from one to the other."""

_BENDS = ((4, 0.10), (8, 0.06), (18, 0.045))
"""(nodes, strength in mean radii) of the displacements: the whole, its outline, its edge."""

_SPICULATED_SHARE = 0.4
_SPICULES = (8, 26)
_SPICULE_LENGTH = (0.1, 0.5)
_SPICULE_SHARPNESS = (15.0, 70.0)
"""Of the shapes that are spiculated: how many spicules, how long (mean radii), how narrow (von Mises-Fisher)."""


def grow(rng: np.random.Generator, roughness: float | None = None) -> Shape:
    """A lesion-like shape that comes from no patient, `GROWN_DIAMETER_MM` across, one connected component.

    An ellipsoid of random axes and tilt under random elastic deformation, as in Hu et al. 2023 ("Label-free liver
    tumor segmentation"). Two things were added so that outlines are as uneven as those that readers draw:
    lobes (balls that bulge out of the ellipsoid) and spicules (spikes of its radius in random directions).

    roughness: strength of the elastic deformation and of the spicules, and how much lobes stand out; 0 gives a
        bent smooth ellipsoid, 1 the usual, at most 2. None: 0.6 to 1.6, spicules for about a third of the shapes.
    Raises InputError for a roughness outside 0..2.
    """
    if roughness is not None and not 0 <= roughness <= 2:
        raise InputError(f"roughness {roughness}: a number from 0 (smooth) to 2 (very rough) is needed.")
    spicules = roughness or 0.0
    if roughness is None:
        roughness = float(rng.uniform(0.6, 1.6))
        spicules = float(rng.uniform(0.5, 1.2)) if rng.random() < _SPICULATED_SHARE else 0.0
    steps = np.linspace(-_REACH, _REACH, _VOXELS, dtype=np.float32)
    points = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"))
    for scale, (nodes, strength) in enumerate(_BENDS):
        points += strength * (roughness if scale else 1.0) * smooth_displacement(rng, _VOXELS, nodes)
    depth = _lobed(_ellipsoid(points, rng, spicules), points, rng, roughness)
    mask = largest_part(depth > 0)
    mask = np.ascontiguousarray(mask[tight_box(mask)])
    edge = GROWN_DIAMETER_MM / Shape(mask, (1.0, 1.0, 1.0), GROWN).diameter_mm
    return Shape(mask, (edge, edge, edge), GROWN, {"roughness": round(roughness, 2), "spicules": round(spicules, 2)})


def _ellipsoid(points: np.ndarray, rng: np.random.Generator, spicules: float) -> np.ndarray:
    """How deep points (3, ...) lie in a tilted, perhaps spiculated ellipsoid: mean radii, negative outside."""
    axes = rng.uniform(*_AXES, 3)
    turned = np.tensordot(rotation_matrix(tuple(rng.uniform(0, 180, 3))) / axes[:, None], points, axes=1)
    distance = np.linalg.norm(turned, axis=0)
    return 1.0 + spicules * _spikes(rng, turned / np.maximum(distance, 1e-6)) - distance


def _lobed(depth: np.ndarray, points: np.ndarray, rng: np.random.Generator, roughness: float) -> np.ndarray:
    """The depth in a body together with its lobes: a smooth maximum, so that they grow out of it."""
    for _ in range(int(rng.integers(_LOBES))):
        way = rng.standard_normal(3)
        center = way / np.linalg.norm(way) * rng.uniform(*_LOBE_PLACE)
        radius = float(rng.uniform(*_LOBE_SIZE)) * min(1.0, roughness)
        ball = radius - np.linalg.norm(points - center.reshape(3, 1, 1, 1), axis=0)
        depth = _JOINT * np.logaddexp(depth / _JOINT, ball / _JOINT)
    return depth


def _spikes(rng: np.random.Generator, directions: np.ndarray) -> np.ndarray:
    """How much longer than 1 the radius is in unit directions (3, ...): narrow peaks at random directions."""
    count = int(rng.integers(*_SPICULES))
    peaks = rng.standard_normal((count, 3))
    peaks /= np.linalg.norm(peaks, axis=1, keepdims=True)
    lengths = rng.uniform(*_SPICULE_LENGTH, count)
    sharpness = rng.uniform(*_SPICULE_SHARPNESS, count)
    longer = np.zeros(directions.shape[1:], np.float32)
    for peak, length, narrow in zip(peaks, lengths, sharpness, strict=True):
        cosine = np.tensordot(peak, directions, axes=1)
        longer = np.maximum(longer, length * np.exp(narrow * (cosine - 1)))
    return longer
