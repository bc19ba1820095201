"""The velocity field whose flow is a given map: the logarithm of a registration's result.

Registration gives a displacement, a path needs a velocity. It is found as the root of
``flow(velocity, 1) = map``. A correction measured at the end of the flow is carried back to the middle of the
flow before it is added: the end moves by the integral over the flow of the carried-along correction, and the
middle stands for that integral to second order. (Adding the end's error as it is, as Bossa and Olmos propose in
"A new algorithm for the computation of the group logarithm of diffeomorphisms", MFCA 2008, stalls above a
millimeter on bodies as different as two patients.) Anderson's mixing (Walker and Ni, "Anderson acceleration
for fixed-point iterations", SIAM J. Numer. Anal. 49, 2011) finishes what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .flow import Flow, flow, sample, squarings_for

#: Earlier corrections that Anderson's mixing combines.
MEMORY = 4

#: Once 99 % of the body is within this many voxels, mixing goes by the error instead of the corrections.
CLOSE = 1.0

#: An iteration near the solution that gains less than this part is the last.
LEAST_GAIN = 0.05

#: An error's 99th percentile weighs this much less than its mean.
TAIL = 15.0

#: Weight of a node outside the body: its error counts little, but it must not run away.
OUTSIDE_WEIGHT = 0.1

#: Determinants below this are kept from blowing up a correction where the map nearly folds.
SMALLEST_DETERMINANT = 0.05

#: Added to the diagonal of the mixing's normal equations, as a part of their trace.
REGULARIZATION = 1e-8


@dataclass(frozen=True)
class Fit:
    """A velocity (3, nk, nj, ni) in voxels, and how far its flow ends from the map, in voxels in the body."""

    velocity: np.ndarray
    mean_error: float
    p99_error: float

    @property
    def badness(self) -> float:
        """What fits are compared by, in voxels."""
        return self.mean_error + self.p99_error / TAIL


def logarithm(
    residual: np.ndarray,
    generator: np.ndarray,
    body: np.ndarray,
    iterations: int,
    start: np.ndarray | None = None,
    good_enough: float = 0.0,
) -> Fit:
    """The velocity v so that the flow of ``generator @ x + v(x)`` for time 1 is ``expm(generator) @ x + residual``.

    residual: (3, nk, nj, ni) float32 in voxels. generator: (4, 4). body: (nk, nj, ni) bool, where the fit must
    be good. iterations: corrections at most; the best velocity seen is returned. start: a first guess (the
    residual itself if not given). good_enough: `Fit.badness` at which it stops; it also stops where an iteration
    gains next to nothing.
    """
    velocity = residual.copy() if start is None else start
    mixing = _Mixing(np.where(body, 1.0, OUTSIDE_WEIGHT).astype(np.float32))
    best, middle, close = None, None, False
    for iteration in range(iterations + 1):
        half: list[Flow] = []
        squarings = squarings_for(velocity, 1.0)
        whole = flow(velocity, generator, 1.0, on_half=half.append, squarings=squarings)
        error = residual - whole.residual
        fit = _judged(velocity, error, body)
        stalled = best is not None and fit.badness > (1 - LEAST_GAIN) * best.badness
        if best is None or fit.badness < best.badness:
            best = fit
        if iteration == iterations or (stalled and close) or fit.badness <= good_enough:
            break
        close = fit.p99_error < CLOSE
        if middle is None or not close:
            middle = _Middle.of(half[0], flow(velocity, generator, -0.5, squarings=squarings - 1))
        velocity = mixing.next(velocity, middle.correction(error), error, close)
    return best


def _judged(velocity: np.ndarray, error: np.ndarray, body: np.ndarray) -> Fit:
    length = np.sqrt((error**2).sum(axis=0))[body]
    if not length.size:
        return Fit(velocity, 0.0, 0.0)
    return Fit(velocity, float(length.mean()), float(np.percentile(length, 99)))


@dataclass(frozen=True)
class _Middle:
    """The middle of a flow, to which errors at its end are carried back.

    Near the solution it hardly moves any more: it is then kept, which halves the cost of an iteration.
    """

    started_at: np.ndarray
    gradient: np.ndarray

    @classmethod
    def of(cls, half: Flow, back: Flow) -> _Middle:
        """From the flows for time 1/2 and -1/2."""
        return cls(back.at_nodes(), half.gradient())

    def correction(self, error: np.ndarray) -> np.ndarray:
        """An error at the end of the flow as the correction of the velocity in the middle of it."""
        return _solved(self.gradient, sample(error, self.started_at))


def _solved(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """x with ``matrices @ x = vectors`` at every node, by Cramer's rule; (3, 3, ...) and (3, ...)."""
    first, second, third = matrices[:, 0], matrices[:, 1], matrices[:, 2]
    rows = (
        np.cross(second, third, axis=0),
        np.cross(third, first, axis=0),
        np.cross(first, second, axis=0),
    )
    determinant = (first * rows[0]).sum(axis=0)
    determinant = np.maximum(determinant, np.float32(SMALLEST_DETERMINANT))
    return np.stack([(row * vectors).sum(axis=0) for row in rows]) / determinant


class _Mixing:
    """Anderson's mixing of the corrections.

    Far from the solution the combination is chosen by the corrections, as Anderson has it. Near it, by what they
    did to the error at the end of the flow, weighted towards the body: that goes on improving where a
    registration's map is the flow of no velocity and an exact solution does not exist.
    """

    def __init__(self, weight: np.ndarray) -> None:
        self._weight = weight
        self._last: tuple[np.ndarray, ...] | None = None
        self._steps: list[tuple[np.ndarray, ...]] = []

    def next(self, velocity: np.ndarray, correction: np.ndarray, error: np.ndarray, close: bool) -> np.ndarray:
        """The next velocity, from this one, its plain correction and the error it leaves."""
        here = (velocity, correction, error)
        if self._last is not None:
            self._steps.append(tuple(now - before for now, before in zip(here, self._last, strict=True)))
            self._steps = self._steps[-MEMORY:]
        self._last = here
        following = velocity + correction
        judge = 2 if close else 1
        shares = self._shares(here[judge], [step[judge] for step in self._steps])
        for share, (moved, changed, _) in zip(shares, self._steps, strict=True):
            following -= np.float32(share) * (moved + changed)
        return following

    def _shares(self, wanted: np.ndarray, changes: list[np.ndarray]) -> np.ndarray:
        """The combination of the remembered changes that comes nearest to what is wanted."""
        if not changes:
            return np.empty(0)
        weighted = [(one * self._weight).ravel() for one in (*changes, wanted)]
        normal = np.array([[np.dot(a, b) for b in weighted] for a in weighted[:-1]], dtype=float)
        normal, right = normal[:, :-1], normal[:, -1]
        normal += np.eye(len(changes)) * REGULARIZATION * max(np.trace(normal), 1e-30)
        return np.linalg.solve(normal, right)
