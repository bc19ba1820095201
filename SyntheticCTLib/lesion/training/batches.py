"""Draws the batches a training sees: squares round lesions, flipped, with the slice beside them.

They are flipped along rows and columns but never turned: noise and sharpness of real slices differ between the two
directions, and a network trained on turned ones paints alike in both, which a judge notices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..conditions import ABSENT, Slices

_ALONE = 0.35
"""Share of slices whose neighbour is withheld, as it is for the first slice of every lesion painted."""

_LARGE_SHARE = 0.35
"""Share of batches with the larger squares, whose lesions are rare but what clinicians paint."""

_GAIN, _SHIFT = 0.05, 0.03
"""Each square's encoded values are stretched and shifted by up to this much."""


@dataclass(frozen=True, eq=False)
class Stack:
    """The slices of one lesion.

    image: (K, H, W) float32, encoded to -1..1. mask: (K, H, W) bool. consecutive: whether the slices lie next to each
    other.
    """

    image: np.ndarray
    mask: np.ndarray
    patient: str
    consecutive: bool


@dataclass(frozen=True)
class _Place:
    """One slice of one stack, and the box of its mask: first row and column, last row and column + 1."""

    stack: int
    slice: int
    box: tuple[int, int, int, int]


class Batches:
    """Batches by number: the same number, the same batch.

    Args:
        stacks: what to train on.
        patches: sides of the squares, ascending; a lesion goes into the smallest that holds it with `margin`, into the
            largest if none does (then a part of it is shown).
        batch: slices of the smallest square; fewer of larger ones, for about as many pixels.
        halo: masks are widened by up to so many pixels. A lesion's blurred rim reaches beyond its outline and tells how
            dense it is; where a lesion is to be painted there is no rim, and a network that always saw one would take
            that for a faint lesion. With part of the masks widened, and told by how much, it learns to paint the rim.
        seed: with the number it decides everything.
    """

    def __init__(
        self, stacks: Sequence[Stack], patches: Sequence[int], margin: int, batch: int, halo: int, seed: int
    ) -> None:
        self._stacks = stacks
        self._patches = tuple(patches)
        self._batch = batch
        self._halo = halo
        self._seed = seed
        self._places: dict[int, list[_Place]] = {patch: [] for patch in self._patches}
        for number, stack in enumerate(stacks):
            for k, mask in enumerate(stack.mask):
                if mask.any():
                    box = _box(mask)
                    extent = max(box[2] - box[0], box[3] - box[1]) + 2 * margin
                    patch = next((side for side in self._patches if extent <= side), self._patches[-1])
                    self._places[patch].append(_Place(number, k, box))

    @property
    def slices(self) -> int:
        """Slices with a lesion, which is what an epoch counts."""
        return sum(map(len, self._places.values()))

    def draw(self, number: int) -> Slices:
        """The batch of this number."""
        rng = np.random.default_rng([self._seed, number, 0])
        side = self._side(rng)
        count = max(1, round(self._batch * (self._patches[0] / side) ** 2))
        places = self._places[side]
        squares = [self._square(places[rng.integers(len(places))], side, rng) for _ in range(count)]
        return Slices(*(np.stack(parts).astype(np.float32) for parts in zip(*squares, strict=True)))

    def _side(self, rng: np.random.Generator) -> int:
        filled = [side for side in self._patches if self._places[side]]
        if len(filled) == 1:
            return filled[0]
        return filled[0] if rng.random() > _LARGE_SHARE else filled[1 + rng.integers(len(filled) - 1)]

    def _square(self, place: _Place, side: int, rng: np.random.Generator) -> tuple[np.ndarray | int, ...]:
        """What `Slices` holds, arrays of (side, side) and a number."""
        stack = self._stacks[place.stack]
        corner = [_start(place.box[axis], place.box[axis + 2], side, rng) for axis in (0, 1)]
        flips = tuple(slice(None, None, -1 if rng.integers(2) else 1) for _ in (0, 1))
        gain, shift = 1 + _GAIN * rng.uniform(-1, 1), _SHIFT * rng.uniform(-1, 1)

        def cut(array: np.ndarray, edge: str) -> np.ndarray:
            return _cut(array, corner, side, edge)[flips]

        def shown(image: np.ndarray) -> np.ndarray:
            return np.clip(gain * cut(image, "edge") + shift, -1, 1)

        image, core = shown(stack.image[place.slice]), cut(stack.mask[place.slice], "constant")
        if not core.any():  # a part of a large lesion that misses its mask
            return self._square(place, side, rng)
        widened = int(rng.integers(self._halo + 1))
        beside = self._beside(stack, place.slice, rng)
        if beside is None:
            return image, _widened(core, widened), np.full_like(image, ABSENT), np.zeros_like(core), core, widened
        beside_mask = _widened(cut(stack.mask[beside], "constant"), widened)
        return image, _widened(core, widened), shown(stack.image[beside]), beside_mask, core, widened

    def _beside(self, stack: Stack, k: int, rng: np.random.Generator) -> int | None:
        """A neighbouring slice that shows the lesion too, most of the time."""
        near = [n for n in (k - 1, k + 1) if 0 <= n < len(stack.mask) and stack.mask[n].any()]
        if not stack.consecutive or not near or rng.random() < _ALONE:
            return None
        return near[rng.integers(len(near))]


def _widened(mask: np.ndarray, pixels: int) -> np.ndarray:
    from scipy.ndimage import binary_dilation

    return binary_dilation(mask, iterations=pixels) if pixels else mask


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _start(first: int, end: int, side: int, rng: np.random.Generator) -> int:
    """Where a square begins along one axis: anywhere that holds the lesion, or a part of one that is larger."""
    low, high = sorted((end - side, first))
    room = 3 if high - low > 6 else 0
    return int(rng.integers(low + room, high - room + 1))


def _cut(array: np.ndarray, corner: Sequence[int], side: int, edge: str) -> np.ndarray:
    """A square of an array (H, W); beyond its border its edge is repeated, or nothing is there ("constant")."""
    before = [max(0, -start) for start in corner]
    after = [max(0, start + side - size) for start, size in zip(corner, array.shape, strict=True)]
    rows, columns = (slice(max(0, start), start + side) for start in corner)
    if not any(before + after):
        return array[rows, columns]
    return np.pad(array[rows, columns], list(zip(before, after, strict=True)), mode=edge)
