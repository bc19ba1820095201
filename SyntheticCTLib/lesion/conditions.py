"""What a network is told about the slice it paints: whitened image, mask, noise, neighbour, density.

"Whitening" (Meng et al. 2020): the masked voxels of the image are set to the top of the window, so nothing of what was
there is seen. To that come the mask itself, noise to make variations from, and, if the model wants them, the slice
beside it as already painted (so that slices agree) and the lesion's traits (its density and how much it varies).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from .window import HUWindow

WHITE = 1.0
"""Top of the window, as encoded."""

ABSENT = -1.0
"""What stands for a slice that is not there."""

TRAITS = 2
"""Numbers that describe a lesion: mean of its encoded values, logarithm of their standard deviation."""

_LOG_SPREAD = (-3.0, 1.0)
"""Centre and scale that bring the logarithm of a standard deviation (in a window of -1..1) to about -1..1."""

_LEAST_SPREAD = 1e-3

_HALO_SCALE = 1 / 3
"""Brings a halo of a few pixels to about 0..1."""


@dataclass(frozen=True)
class Inputs:
    """Which conditions a model takes.

    neighbour: the slice beside it, as painted, its mask, and whether there is one. traits: see `TRAITS`. halo: by how
    much the mask is wider than the lesion, see `Slices`.
    """

    noise: bool = True
    neighbour: bool = False
    traits: bool = False
    halo: bool = False

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, bool):
                raise InputError(f"inputs.{name} is {value!r}; expected is true or false.")

    @property
    def known(self) -> int:
        """Channels of what is known before anything is drawn."""
        return 2 + 3 * self.neighbour + self.halo

    @property
    def channels(self) -> int:
        """Channels of the generator's input."""
        return self.known + self.noise + TRAITS * self.traits

    @property
    def judged(self) -> int:
        """Channels of the discriminator's input: the picture to judge, the mask, and the neighbour's."""
        return 2 + 3 * self.neighbour


@dataclass(frozen=True, eq=False)
class Slices:
    """A batch of slices; all arrays float32 of shape (N, H, W), images encoded to -1..1.

    image: the real slices, or as they are round the mask. mask: 1 inside the lesion. beside, beside_mask: the slice
    above or below with its lesion in it; `ABSENT` and 0 where there is none. core: the part of the mask whose traits
    count, when the mask was widened. halo: (N,), by how many pixels it was.
    """

    image: np.ndarray
    mask: np.ndarray
    beside: np.ndarray
    beside_mask: np.ndarray
    core: np.ndarray
    halo: np.ndarray

    @classmethod
    def alone(cls, image: np.ndarray, mask: np.ndarray) -> Slices:
        """Slices without neighbours, whose masks are as wide as the lesion."""
        return cls(image, mask, np.full_like(image, ABSENT), np.zeros_like(mask), mask, np.zeros(len(mask), np.float32))

    def whitened(self) -> np.ndarray:
        """The images with the masked pixels at the top of the window."""
        return np.where(self.mask > 0, np.float32(WHITE), self.image)

    def context(self, inputs: Inputs) -> np.ndarray:
        """(N, inputs.known, H, W): what is known before anything is drawn: whitened image, mask, neighbour, halo."""
        halo = [self.mask * np.float32(_HALO_SCALE) * self.halo[:, None, None]] if inputs.halo else []
        return np.stack([self.whitened(), self.mask, *self._neighbour(inputs), *halo], axis=1)

    def judged(self, inputs: Inputs) -> np.ndarray:
        """(N, channels, H, W): what the discriminator sees beside the picture: mask and neighbour."""
        return np.stack([self.mask, *self._neighbour(inputs)], axis=1)

    def _neighbour(self, inputs: Inputs) -> Sequence[np.ndarray]:
        if not inputs.neighbour:
            return []
        there = (self.beside > ABSENT).any(axis=(1, 2), keepdims=True)
        return [self.beside, self.beside_mask, np.broadcast_to(there, self.beside.shape).astype(np.float32)]


def conditions(context: np.ndarray, noise: np.ndarray, traits: np.ndarray, inputs: Inputs) -> np.ndarray:
    """The generator's input.

    Args:
        context: from `Slices.context`.
        noise: (N, H, W), standard normal.
        traits: (N, `TRAITS`), see `measure_traits`.
        inputs: what the model takes.

    Returns:
        (N, inputs.channels, H, W) float32.
    """
    parts = [context]
    if inputs.noise:
        parts.append(noise[:, None])
    if inputs.traits:
        parts.append(traits[:, :, None, None] * context[:, 1:2])
    return np.concatenate(parts, axis=1).astype(np.float32)


def measure_traits(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(N, `TRAITS`) float32: mean and scaled log standard deviation of the encoded images inside the masks."""
    weight = mask.sum(axis=(1, 2))
    mean = (image * mask).sum(axis=(1, 2)) / weight
    variance = ((image - mean[:, None, None]) ** 2 * mask).sum(axis=(1, 2)) / weight
    return _traits(mean, np.sqrt(variance))


def traits_of(mean_hu: np.ndarray, spread_hu: np.ndarray, window: HUWindow) -> np.ndarray:
    """(N, `TRAITS`) float32: traits of lesions with these means and standard deviations in HU."""
    return _traits(window.encode(mean_hu), np.asarray(spread_hu) * (2 / window.width))


def _traits(mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    centre, scale = _LOG_SPREAD
    return np.stack([mean, (np.log(spread + _LEAST_SPREAD) - centre) / scale], axis=1).astype(np.float32)
