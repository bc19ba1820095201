"""Paints one lesion, slice by slice from the middle outwards, each in view of its painted neighbour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..conditions import ABSENT, TRAITS, Slices, conditions
from ..densities import Densities
from ..density_kinds import FORETOLD, check_density

if TYPE_CHECKING:
    import torch

    from ..model_files import Model

LIKELY_SEED = 0
"""Seed of the texture of the most likely lesion."""

HALO = 2
"""Pixels of a mask, from its border inwards, that a lesion's blurred rim takes where nothing was before."""

_BOUND = 2.0
"""Traits are drawn within this many standard deviations: what is plausible, not what is possible."""


class Painter:
    """A loaded model that paints.

    Args:
        model: what `model_files.load_model` returned.
        halo: by how many pixels masks are wider than the lesion, so that its blurred rim finds room in them; 0 for
            outlines that readers drew tightly round a lesion that was there.
        density: one of `density_kinds.DENSITIES`. "foretold" goes by what is seen round the mask, as is right where a
            lesion was; where none was, nothing there tells, and "any" draws one as real lesions have.

    Raises InputError if there is no such density, or the model knows none of its kind.
    """

    def __init__(self, model: Model, halo: int = HALO, density: str = FORETOLD) -> None:
        check_density(density)
        self.model = model
        self._halo = halo
        self._densities = None if density == FORETOLD else Densities(model.card, density)
        self._inputs = model.preset.inputs
        self._stride = model.preset.unet_settings().stride

    def paint(self, hu: np.ndarray, mask: np.ndarray, seed: int | None = None, *, chain: bool = True) -> np.ndarray:
        """The region with a lesion in its mask.

        Args:
            hu: (K, J, I) Hounsfield units of a region at the model's in-plane spacing, its slices axial.
            mask: (K, J, I) bool, of one lesion.
            seed: which of the plausible lesions; None for the most likely one.
            chain: whether each slice is painted in view of its painted neighbour, which is right where slices lie as
                close as those the model has seen.

        Returns:
            (K, J, I) float32 HU; outside the mask those that came in.
        """
        import torch

        result = np.array(hu, dtype=np.float32)
        image, mask = self._padded(self.model.window.encode(hu), mask)
        painted = image.copy()
        drawn = _Draws(seed, mask.shape)
        density = self._density(mask, drawn)
        done: set[int] = set()
        with torch.inference_mode():
            for group in _outwards(mask):
                beside = [_neighbour(k, done) if chain else None for k in group]
                painted[group] = self._paint_slices(painted, mask, group, beside, drawn, density)
                done.update(group)
        rows, columns = hu.shape[1:]
        inside = mask[:, :rows, :columns]
        result[inside] = self.model.window.decode(painted[:, :rows, :columns][inside])
        return result

    def _padded(self, image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns made a multiple of the network's stride, by repeating the edge."""
        rows, columns = (-size % self._stride for size in image.shape[1:])
        pad = ((0, 0), (0, rows), (0, columns))
        return np.pad(image, pad, mode="edge"), np.pad(mask.astype(bool), pad)

    def _density(self, mask: np.ndarray, drawn: _Draws) -> np.ndarray | None:
        """Traits of the whole lesion (`TRAITS`,); None where they are foretold slice by slice."""
        if not self._densities:
            return None
        radius = np.sqrt(mask.sum(axis=(1, 2)).max() / np.pi) - self._halo
        return self._densities.draw(np.pi * max(radius, 1.0) ** 2, drawn.choice())

    def _paint_slices(
        self,
        painted: np.ndarray,
        mask: np.ndarray,
        group: list[int],
        beside: list[int | None],
        drawn: _Draws,
        density: np.ndarray | None,
    ) -> np.ndarray:
        """The slices of a group (n, H, W), encoded; all see the image as painted so far."""
        import torch

        none = np.full(painted.shape[1:], ABSENT, np.float32)
        here = mask[group].astype(np.float32)
        slices = Slices(
            painted[group],
            here,
            np.stack([none if k is None else painted[k] for k in beside]),
            np.stack([np.zeros_like(none) if k is None else mask[k].astype(np.float32) for k in beside]),
            here,
            np.full(len(group), self._halo, np.float32),
        )
        context = slices.context(self._inputs)
        traits = self._traits(context, drawn.traits(beside))
        if density is not None:  # the others are told by their painted neighbour
            traits[[k is None for k in beside]] = density
        given = torch.from_numpy(conditions(context, drawn.noise(group), traits, self._inputs))
        output = self.model.nets["generator"](given.contiguous(memory_format=torch.channels_last))[:, 0].numpy()
        return np.where(mask[group], output, painted[group])

    def _traits(self, context: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """(n, `TRAITS`): the traits foretold, moved by what was drawn (standard normal)."""
        import torch

        if "traits" not in self.model.nets:
            return np.zeros((len(context), TRAITS), np.float32)
        mean, factor = self.model.nets["traits"](torch.from_numpy(context))
        moved: torch.Tensor = mean + (factor @ torch.from_numpy(drawn)[:, :, None])[:, :, 0]
        return moved.numpy()


class _Draws:
    """What is left to chance, by slice."""

    def __init__(self, seed: int | None, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._likely = seed is None
        self._seed = LIKELY_SEED if seed is None else seed

    def noise(self, group: list[int]) -> np.ndarray:
        """(n, H, W) float32, standard normal."""
        return np.stack([self._rng(k, 0).standard_normal(self._shape[1:], dtype=np.float32) for k in group])

    def traits(self, beside: list[int | None]) -> np.ndarray:
        """(n, `TRAITS`) float32, standard normal within bounds, for slices beside these.

        One draw serves the whole lesion: for its first slice, and for all that are painted on their own. Those painted
        in view of a neighbour take what is foretold from it, or densities would jump from slice to slice (those of the
        crops do, as each has an intensity scale of its own). For the most likely lesion all is zero.
        """
        drawn = np.clip(self._rng(0, 1).standard_normal(TRAITS, dtype=np.float32), -_BOUND, _BOUND)
        free = [k is None and not self._likely for k in beside]
        return np.where(np.reshape(free, (-1, 1)), drawn, np.float32(0))

    def choice(self) -> np.random.Generator | None:
        """What chooses among real lesions' densities; None for the most likely lesion."""
        return None if self._likely else self._rng(0, 2)

    def _rng(self, k: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, purpose, k])


def _outwards(mask: np.ndarray) -> Iterator[list[int]]:
    """Slices that show the mask: the one with most of it, then the next above and below, and so on."""
    areas = mask.sum(axis=(1, 2))
    middle = int(np.argmax(areas))
    yield [middle]
    for distance in range(1, len(mask)):
        group = [k for k in (middle - distance, middle + distance) if 0 <= k < len(mask) and areas[k]]
        if group:
            yield group


def _neighbour(k: int, done: set[int]) -> int | None:
    """The painted slice next to slice k."""
    return next((n for n in (k - 1, k + 1) if n in done), None)
