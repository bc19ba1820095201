"""Looking for a place for one lesion, and counting what refused the places that were tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...errors import InputError
from .fitting import Fitted, fit
from .growing import grow
from .organ import LARGE_MM, Centers, Organ
from .shapes import Shape
from .varying import vary

TRIES = 600
"""Centers tried for one shape."""

SHAPES = 12
"""Shapes tried for one lesion."""

_FIRST = 2000
"""About how many voxels of a lesion are looked at before all are; most places that are refused are by these."""

_SIMILAR = 2.0
"""Shapes are taken from lesions whose size is within this factor of the one asked for, if there are any."""


class Stamp(NamedTuple):
    """A shape drawn on the scan's grid; offsets (n, 3) of voxels (K, J, I) from its center voxel.

    lesion: its voxels. with_margin, with_gap: those and all voxels nearer than the margin or the gap.
    clearance_mm: radius of the ball round the center that with_margin holds.
    """

    shape: Shape
    lesion: np.ndarray
    with_margin: np.ndarray
    with_gap: np.ndarray
    clearance_mm: float


class Search:
    """Looks for a place for one lesion, and counts what refused the places tried."""

    def __init__(
        self,
        room: Organ,
        shapes: Sequence[Shape],
        diameter: float,
        margin: float,
        gap: float,
        rng: np.random.Generator,
    ) -> None:
        self._room, self._rng = room, rng
        self._spacing = np.asarray(room.geometry.spacing[::-1])
        self._diameter, self._margin, self._gap = diameter, margin, gap
        alike = [one for one in shapes if 1 / _SIMILAR <= one.diameter_mm / diameter <= _SIMILAR]
        self._shapes = alike or shapes
        self._refused: Counter[str] = Counter()

    @property
    def tries(self) -> int:
        """Places tried so far; a shape for which the organ has no place at all counts as one."""
        return sum(self._refused.values()) + 1

    def run(self, what: str) -> tuple[Stamp, np.ndarray]:
        """The shape as drawn and its center voxel in the organ's arrays; InputError if there is no place."""
        for _ in range(SHAPES):
            shape = self._shape()
            rough = self._rough_centers(shape)
            if not len(rough):
                self._refused["organ"] += 1
                continue
            fitted = fit(shape, self._room.geometry, self._diameter)
            if not fitted.agrees_with(self._diameter):
                self._refused["size"] += 1
                continue
            stamp = _stamped(shape, fitted, self._spacing, self._margin, self._gap)
            centers = rough if self._is_large else self._room.centers(stamp.clearance_mm)
            if not len(centers):
                self._refused["organ"] += 1
                continue
            for _ in range(TRIES):
                center = centers.voxel(self._rng)
                reason = self._reason(stamp, center)
                if reason is None:
                    return stamp, center
                self._refused[reason] += 1
        raise InputError(self._failure(what))

    def _shape(self) -> Shape:
        base = self._shapes[self._rng.integers(len(self._shapes))] if self._shapes else grow(self._rng)
        return vary(base, self._rng, self._diameter)

    @property
    def _is_large(self) -> bool:
        return self._diameter >= LARGE_MM

    def _rough_centers(self, shape: Shape) -> Centers:
        """Where a shape may fit in the organ, told without drawing it on voxels: where there is none, that is in
        vain. Of a small shape only the ball inside it is asked."""
        if self._is_large:
            return self._room.centers_of(shape, self._margin)
        half_voxel = float(np.linalg.norm(self._spacing)) / 2
        return self._room.centers(float(shape.signed_distance.max()) + self._margin - half_voxel)

    def _reason(self, stamp: Stamp, center: np.ndarray) -> str | None:
        """The first rule that refuses a place, None if all agree."""
        room = self._room
        if not _all(room.inside, stamp.with_margin, center):
            return "organ"
        if room.occupied[tuple((stamp.with_gap + center).T)].any():
            return "lesions"
        covered = tuple((stamp.lesion + center).T)
        if room.excluded[covered].any():
            return "excluded"
        if room.untypical[covered].mean() > room.rule.share:
            return "tissue"
        return None

    def _failure(self, what: str) -> str:
        room, rule = self._room, self._room.rule
        said = {
            "organ": f"reached outside the organ {room.name!r} minus its margin of {self._margin:g} mm",
            "lesions": f"came nearer than {self._gap:g} mm to another lesion",
            "excluded": "touched an excluded layer",
            "tissue": f"covered more than {rule.share:.0%} of voxels {rule.describe()} (vessels, bone, other tissue)",
            "size": "could not be drawn with this diameter on the scan's voxels",
        }
        voxel = " x ".join(f"{mm:.2g}" for mm in room.geometry.spacing)
        advice = {
            "organ": "Ask for smaller lesions or a smaller margin; the largest ball that fits in the organ is about "
            f"{room.widest_ball_mm:.0f} mm across, without margin",
            "lesions": "Ask for fewer or smaller lesions, or a smaller gap",
            "excluded": "Ask for smaller lesions, or exclude less",
            "tissue": "Ask for smaller lesions, choose a wider HU rule, or check that the organ's labels fit the scan",
            "size": f"Ask for lesions that are several pixels across; the scan's voxels have {voxel} mm",
        }
        counts = "; ".join(f"{n} {said[reason]}" for reason, n in self._refused.most_common())
        most = self._refused.most_common(1)[0][0]
        return f"{what}: no place found. Of {self.tries - 1} tries with {SHAPES} shapes, {counts}. {advice[most]}."


def _stamped(shape: Shape, fitted: Fitted, spacing: np.ndarray, margin: float, gap: float) -> Stamp:
    from scipy import ndimage

    pad = np.ceil(max(margin, gap) / spacing).astype(int) + 1
    wide = np.pad(fitted.mask, [(int(n), int(n)) for n in pad])
    distance = ndimage.distance_transform_edt(~wide, spacing)
    first = fitted.start - pad
    free = np.argwhere(distance > margin) + first
    return Stamp(
        shape=replace(shape, changes={**shape.changes, "fitted": round(fitted.scale, 3)}),
        lesion=np.argwhere(wide) + first,
        with_margin=np.argwhere(distance <= margin) + first,
        with_gap=np.argwhere(distance <= gap) + first,
        clearance_mm=float(np.linalg.norm(free * spacing, axis=1).min()),
    )


def _all(values: np.ndarray, offsets: np.ndarray, center: np.ndarray) -> bool:
    """Whether all voxels at these offsets from the center lie in the array and are True."""
    for some in (offsets[:: len(offsets) // _FIRST + 1], offsets):
        index = some + center
        if (index.min(axis=0) < 0).any() or (index.max(axis=0) >= values.shape).any():
            return False
        if not values[tuple(index.T)].all():
            return False
    return True
