"""Making other lesions of one shape: flipped, turned, stretched, bent, and of the size that is asked for."""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from .elastic import rotation_matrix, smooth_displacement
from .shapes import Shape, largest_part, tight_box

FREE_TILT_RATIO = 1.5
"""Shapes whose slices are further apart than this many times their pixels are tilted a little only: what
happens between two slices is interpolated, and turned into the axial plane it would look so."""

SMALL_TILT_DEGREES = 12.0

_STRETCH = (0.88, 1.14)
_BENDS = ((4, 0.04), (8, 0.015))
"""(nodes, strength as a share of the diameter) of the elastic deformation."""

SIZE_RANGE = (0.8, 1.25)
"""Change of size where no diameter is asked for."""

_VOXELS = 64
"""Voxels a side of the cube the varied shape is cut out of."""

_ROOM = 1.25
"""How much wider than the shape, in any direction, that cube is, to have room for stretching and bending."""


def vary(shape: Shape, rng: np.random.Generator, diameter_mm: float | None = None, *, elastic: float = 1.0) -> Shape:
    """Another lesion of the same kind, on isotropic voxels; one connected component.

    Flips along each axis; a free turn about the head-foot axis; tilts about the others, free for isotropic
    shapes, small for those from thick slices; a stretch per axis; an elastic deformation; then its size.

    diameter_mm: longest axial diameter of the result; None: 0.8 to 1.25 times the shape's own.
    elastic: strength of the elastic deformation, 1 the usual, 0 none.
    Raises InputError for a diameter that is not above 0 or an elasticity outside 0..3.
    """
    if diameter_mm is not None and not (np.isfinite(diameter_mm) and diameter_mm > 0):
        raise InputError(f"diameter {diameter_mm} mm: a lesion's diameter must be above 0.")
    if not 0 <= elastic <= 3:
        raise InputError(f"elastic {elastic}: a number from 0 (rigid) to 3 is needed.")
    flips = rng.random(3) < 0.5
    turns = _turns(shape, rng)
    stretch = rng.uniform(*_STRETCH, 3)
    size = float(rng.uniform(*SIZE_RANGE)) * shape.diameter_mm if diameter_mm is None else float(diameter_mm)
    pull = rotation_matrix(turns) @ np.diag(stretch * np.where(flips, -1.0, 1.0))
    mask, edge = _drawn(shape, np.linalg.inv(pull), rng, elastic)
    drawn = Shape(mask, (edge, edge, edge), shape.origin)
    edge *= size / drawn.diameter_mm
    changes = {
        **shape.changes,
        "flipped": "".join(name for name, flip in zip("xyz", flips, strict=True) if flip),
        "turned_degrees": [round(float(angle), 1) for angle in turns],
        "stretched": [round(float(factor), 3) for factor in stretch],
        "elastic": elastic,
        "scaled": round(size / drawn.diameter_mm, 3),
    }
    return Shape(mask, (edge, edge, edge), shape.origin, changes)


def _has_thick_slices(shape: Shape) -> bool:
    return shape.spacing[2] > FREE_TILT_RATIO * max(shape.spacing[:2])


def _turns(shape: Shape, rng: np.random.Generator) -> tuple[float, float, float]:
    tilt = SMALL_TILT_DEGREES if _has_thick_slices(shape) else 180.0
    return (float(rng.uniform(-tilt, tilt)), float(rng.uniform(-tilt, tilt)), float(rng.uniform(-180, 180)))


def _drawn(shape: Shape, to_shape: np.ndarray, rng: np.random.Generator, elastic: float) -> tuple[np.ndarray, float]:
    """The bent shape as a tight mask on isotropic voxels, and their size in mm.

    to_shape: (3, 3), takes an offset in mm from the new shape's center to one from the shape's own.
    """
    extent = np.asarray(shape.mask.shape[::-1]) * shape.spacing
    reach = 0.5 * _ROOM * _widest(shape, to_shape, extent)
    steps = np.linspace(-reach, reach, _VOXELS, dtype=np.float32)
    z, y, x = np.meshgrid(steps, steps, steps, indexing="ij")
    points = np.stack([x, y, z])
    for nodes, strength in _BENDS:
        bend = strength * elastic * shape.diameter_mm
        points += bend * smooth_displacement(rng, _VOXELS, nodes)
    # Splines between thick slices: straight lines from slice to slice would show as edges in the outline.
    depth = shape.sampled(np.tensordot(to_shape, points, axes=1), order=3 if _has_thick_slices(shape) else 1)
    mask = depth > 0
    if not mask.any():
        mask.flat[depth.argmax()] = True
    mask = largest_part(mask)
    return np.ascontiguousarray(mask[tight_box(mask)]), float(steps[1] - steps[0])


def _widest(shape: Shape, to_shape: np.ndarray, extent: np.ndarray) -> float:
    """Longest side in mm of the box round the turned and stretched box of the shape."""
    return float((np.abs(np.linalg.inv(to_shape)) @ extent).max())
