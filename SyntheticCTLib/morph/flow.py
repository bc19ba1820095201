"""Flows of stationary velocity fields, in the index space of one grid.

The velocity at x is ``generator @ x + velocity(x)``: an affine part that holds everywhere and a field on the
grid. Its flow at time t is kept the same way, as an affine matrix and a residual on the grid, so that the
affine part stays exact however far a point travels. Arrays are (3, nk, nj, ni) float32 in voxels; component
and point order is (k, j, i), numpy's. Fields continue with their edge value outside the grid.

Method: scaling and squaring, Arsigny et al., "A Log-Euclidean framework for statistics on diffeomorphisms"
(MICCAI 2006).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .threads import thread_count

#: The first, small step of a flow moves no point further than this, in voxels.
FIRST_STEP = 0.5

#: Never fewer squarings than this, so that also slow flows follow the curvature of their path.
FEWEST_SQUARINGS = 4


@dataclass(frozen=True)
class Flow:
    """A map of points: ``affine @ x + residual(x)``."""

    affine: np.ndarray
    residual: np.ndarray

    def at_nodes(self) -> np.ndarray:
        """Where the nodes of the grid go, (3, nk, nj, ni)."""
        return transform(self.affine, nodes(self.residual.shape[1:])) + self.residual

    def at(self, points: np.ndarray) -> np.ndarray:
        """Where `points` (3, ...) go."""
        return transform(self.affine, points) + sample(self.residual, points)

    def gradient(self) -> np.ndarray:
        """Derivative of the map at the nodes, (3, 3, nk, nj, ni): [c, d] = d(component c) / d(axis d)."""
        out = np.empty((3, *self.residual.shape), np.float32)
        for c in range(3):
            for d in range(3):
                along = _difference(self.residual[c], d)
                out[c, d] = along + np.float32(self.affine[c, d])
        return out

    def determinant(self) -> np.ndarray:
        """Jacobian determinant of the map at the nodes, (nk, nj, ni)."""
        (a, b, c), (d, e, f), (g, h, i) = self.gradient()
        return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def flow(
    velocity: np.ndarray,
    generator: np.ndarray,
    t: float,
    on_half: Callable[[Flow], None] | None = None,
    squarings: int | None = None,
) -> Flow:
    """The flow for time `t` (any sign) of ``generator @ x + velocity(x)``; t = 0 is the identity, exactly.

    velocity: (3, nk, nj, ni) voxels per unit of time. generator: (4, 4) affine velocity (last row zero).
    on_half: called with the flow for t/2, which scaling and squaring passes through on its way.
    squarings: how often the first step is doubled; chosen from the largest velocity if not given.
    """
    from scipy.linalg import expm

    if squarings is None:
        squarings = squarings_for(velocity, t)
    step = t / 2**squarings
    affine = expm(step * generator)
    # Midpoint rule for the first step: the velocity half a step ahead.
    ahead = nodes(velocity.shape[1:]) + np.float32(step / 2) * (_velocity_at_nodes(velocity, generator))
    residual = np.float32(step) * sample(velocity, ahead)
    for doubling in range(squarings):
        if on_half is not None and doubling == squarings - 1:
            on_half(Flow(affine, residual))
        middle = transform(affine, nodes(velocity.shape[1:])) + residual
        residual = linear(affine, residual) + sample(residual, middle)
        affine = affine @ affine
    return Flow(affine, residual)


def squarings_for(velocity: np.ndarray, t: float) -> int:
    """How often to double a first step of at most `FIRST_STEP` voxels to reach time `t`."""
    furthest = abs(t) * float(np.abs(velocity).max(initial=0.0))
    return max(FEWEST_SQUARINGS, int(np.ceil(np.log2(max(furthest / FIRST_STEP, 1e-9)))))


def transform(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """`points` (3, ...) under a (4, 4) matrix, float32."""
    moved = linear(matrix, points)
    moved += matrix[:3, 3].astype(np.float32).reshape((3,) + (1,) * (points.ndim - 1))
    return moved


def linear(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """`vectors` (3, ...) under the linear part of a (4, 4) matrix, float32."""
    return np.tensordot(matrix[:3, :3].astype(np.float32), vectors, 1)


@lru_cache(maxsize=2)
def nodes(shape: tuple[int, ...]) -> np.ndarray:
    """Positions of the nodes of a grid, (3, nk, nj, ni) float32, read-only."""
    grid = np.stack(np.meshgrid(*[np.arange(n, dtype=np.float32) for n in shape], indexing="ij"))
    grid.flags.writeable = False
    return grid


def sample(fields: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Fields (c, nk, nj, ni) at `points` (3, n, ...) in voxels, tri-linear, edge values outside; float32."""
    from scipy import ndimage

    out = np.empty((len(fields), *points.shape[1:]), np.float32)
    workers = min(thread_count(), points.shape[1])
    bounds = np.linspace(0, points.shape[1], workers + 1).astype(int)
    parts = [(c, slice(*ends)) for ends in zip(bounds[:-1], bounds[1:], strict=True) for c in range(len(fields))]

    def read(part: tuple[int, slice]) -> None:
        c, rows = part
        ndimage.map_coordinates(fields[c], points[:, rows], order=1, mode="nearest", output=out[c, rows])

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(read, parts))
    return out


def _velocity_at_nodes(velocity: np.ndarray, generator: np.ndarray) -> np.ndarray:
    return transform(generator, nodes(velocity.shape[1:])) + velocity


def _difference(values: np.ndarray, axis: int) -> np.ndarray:
    """Central difference along `axis`, one-sided at the ends; zero along an axis of one voxel."""
    if values.shape[axis] == 1:
        return np.zeros_like(values)
    return np.gradient(values, axis=axis)
