"""The two pix2pix of this project, as settings: the paper's, and the compact one the shipped weights use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .conditions import Inputs

if TYPE_CHECKING:
    from .network.discriminator import DiscriminatorSettings
    from .network.unet import UNetSettings


@dataclass(frozen=True)
class Optimisation:
    """How a model is trained.

    adversarial: "vanilla" or "least-squares". l1_weight: against the adversarial loss's 1. l1_blur: see
    `network.losses.absolute`. lesion_only: losses count where something is painted, instead of the whole image.
    penalty, penalty_every: weight of R1 and every how many steps it is taken; 0 for none. judging_rate: the
    discriminator's learning rate; None for the same. decay: share of the steps, the last ones, over which both rates
    fall to zero in a straight line. ema: decay of the running mean of the generator's weights, which
    is what is saved. patches: sides in pixels of the squares trained on; a lesion goes into the smallest that holds it
    with `margin`. halo: see `Batches`. batch: slices of the smallest square; fewer of the larger ones.
    """

    adversarial: str = "vanilla"
    l1_weight: float = 100.0
    l1_blur: float = 0.0
    lesion_only: bool = False
    penalty: float = 0.0
    penalty_every: int = 16
    learning_rate: float = 2e-4
    judging_rate: float | None = None
    decay: float = 0.0
    beta1: float = 0.5
    ema: float = 0.99
    batch: int = 1
    patches: tuple[int, ...] = (512,)
    margin: int = 0
    halo: int = 0
    epochs: int | None = 10
    steps: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "patches": list(self.patches)}


@dataclass(frozen=True)
class Preset:
    """A whole pix2pix. generator, discriminator: keyword arguments of `UNetSettings` and `DiscriminatorSettings`."""

    name: str
    inputs: Inputs
    generator: dict[str, Any]
    discriminator: dict[str, Any]
    optimisation: Optimisation = field(default_factory=Optimisation)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `preset_from_dict` takes them back."""
        return {**asdict(self), "optimisation": self.optimisation.to_dict()}

    def unet_settings(self) -> UNetSettings:
        """The generator's settings."""
        from .network.unet import UNetSettings

        return UNetSettings(**{**self.generator, "widths": tuple(self.generator["widths"])})

    def discriminator_settings(self) -> DiscriminatorSettings:
        """The discriminator's settings."""
        from .network.discriminator import DiscriminatorSettings

        layers = tuple(tuple(layer) for layer in self.discriminator["layers"])
        return DiscriminatorSettings(**{**self.discriminator, "layers": layers})


PAPER = Preset(
    name="paper",
    inputs=Inputs(),
    generator={
        "stem": 0,
        "widths": (64, 128, 256, 512, 512, 512, 512, 512, 1024),
        "convolutions": 1,
        "norm": "batch",
        "dropout": 0.5,
        "upsample": "transposed",
    },
    discriminator={
        "layers": ((64, 4, 2), (128, 4, 2), (256, 4, 2), (512, 4, 2), (512, 4, 1)),
        "judges": (4,),
        "judge_kernel": 4,
        "norm": "batch",
    },
)
"""Meng et al. 2020: 512 x 512 down to 1 x 1 x 1024 and back; PatchGAN of 30 x 30; batch 1, 10 epochs."""

DEFAULT = Preset(
    name="default",
    inputs=Inputs(noise=True, neighbour=True, traits=True, halo=True),
    generator={
        "stem": 24,
        "widths": (48, 96, 128),
        "convolutions": 2,
        "norm": "pixel",
        "dropout": 0.0,
        "upsample": "nearest",
        "detail": True,
    },
    discriminator={
        "layers": ((32, 3, 1), (64, 4, 2), (128, 4, 2), (128, 4, 2)),
        "judges": (1, 2, 3),
        "judge_kernel": 3,
        "norm": "group",
        "detailed": (0, 2),
    },
    optimisation=Optimisation(
        adversarial="vanilla",
        l1_weight=10.0,
        l1_blur=1.0,
        lesion_only=True,
        penalty=0.05,
        penalty_every=8,
        learning_rate=2e-4,
        judging_rate=4e-4,
        decay=0.4,
        beta1=0.5,
        ema=0.999,
        batch=16,
        patches=(48, 80),
        margin=9,
        halo=3,
        epochs=None,
        steps=6000,
    ),
)
"""Compact and 2.5-D: each slice is painted in view of its painted neighbour, so that slices agree."""

_PRESETS = {preset.name: preset for preset in (PAPER, DEFAULT)}


def preset(name: str) -> Preset:
    """The preset of this name. Raises InputError if there is none."""
    if name not in _PRESETS:
        raise InputError(f"There is no preset {name!r}; expected is one of {', '.join(_PRESETS)}.")
    return _PRESETS[name]


def preset_from_dict(values: Mapping[str, Any]) -> Preset:
    """A preset from the values `Preset.to_dict` gave. Raises InputError if they are none."""
    try:
        optimisation = dict(values["optimisation"])
        optimisation["patches"] = tuple(optimisation["patches"])
        return Preset(
            str(values["name"]),
            Inputs(**values["inputs"]),
            dict(values["generator"]),
            dict(values["discriminator"]),
            Optimisation(**optimisation),
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"The network's description is malformed ({error}). Copy or train the model again.") from error
