"""Smooth random displacements: what makes an ellipsoid a lesion, and one lesion another."""

from __future__ import annotations

import numpy as np


def smooth_displacement(rng: np.random.Generator, size: int, nodes: int) -> np.ndarray:
    """(3, size, size, size) float32: a random displacement with a mean square of 1 per component.

    Independent normal numbers on a lattice of `nodes` points along each axis (at least 4), joined by cubic splines:
    with few nodes it bends the whole, with many it makes lobes and notches.
    """
    from scipy.interpolate import make_interp_spline

    lattice = rng.standard_normal((3, nodes, nodes, nodes))
    weights = make_interp_spline(np.arange(nodes), np.eye(nodes), k=3)(np.linspace(0, nodes - 1, size))
    field = np.einsum("ndef,kd,je,if->nkji", lattice, weights, weights, weights, optimize=True)
    return (field / np.sqrt(np.mean(field**2))).astype(np.float32)


def rotation_matrix(degrees: tuple[float, float, float]) -> np.ndarray:
    """(3, 3) rotation about x, then y, then z, by angles in degrees."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        first, second = (other for other in range(3) if other != axis)
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix
