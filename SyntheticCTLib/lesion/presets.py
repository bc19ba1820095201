"""The two pix2pix of this project, as settings: the paper's, and the compact one the shipped weights use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .conditions import Inputs
from .rules import BELOW_ONE, Rule, broken, refuse, shown

if TYPE_CHECKING:
    from .network.discriminator import DiscriminatorSettings
    from .network.unet import UNetSettings


@dataclass(frozen=True)
class Optimisation:
    """How a model is trained.

    adversarial: "vanilla" or "least-squares". l1_weight: against the adversarial loss's 1. l1_blur: see
    `network.losses.absolute`. lesion_only: losses count where something is painted, instead of the whole image.
    penalty, penalty_every: weight of R1, 0 for none, and every how many steps it is taken. judging_rate: the
    discriminator's learning rate; None for the same. decay: share of the steps, the last ones, over which both rates
    fall to zero in a straight line. ema: decay of the running mean of the generator's weights, which
    is what is saved. patches: sides in pixels of the squares trained on, ascending; a lesion goes into the smallest
    that holds it with `margin`. halo: see `Batches`. batch: slices of the smallest square; fewer of the larger ones.
    epochs, steps: how long; one of the two.

    Raises InputError, with all faults found, if a setting cannot be used.
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

    def __post_init__(self) -> None:
        faults = broken("optimisation", self, _RULES)
        if (self.steps is None) == (self.epochs is None):
            faults.append(
                f"optimisation.steps is {shown(self.steps)} and optimisation.epochs is {shown(self.epochs)}; "
                "expected is one of the two"
            )
        if not faults and list(self.patches) != sorted(set(self.patches)):
            faults.append(f"optimisation.patches is {shown(self.patches)}; expected are sides in ascending order")
        refuse(faults)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "patches": list(self.patches)}


_POSITIVE = Rule.number("above 0", lambda value: value > 0)
_NOT_NEGATIVE = Rule.number("from 0 on", lambda value: value >= 0)

_RULES = {
    "adversarial": Rule.choice("vanilla", "least-squares"),
    "l1_weight": _NOT_NEGATIVE,
    "l1_blur": _NOT_NEGATIVE,
    "lesion_only": Rule.flag(),
    "penalty": _NOT_NEGATIVE,
    "penalty_every": Rule.whole(1),
    "learning_rate": _POSITIVE,
    "judging_rate": _POSITIVE.or_none(),
    "decay": Rule.number("from 0 to 1", lambda value: 0 <= value <= 1),
    "beta1": BELOW_ONE,
    "ema": BELOW_ONE,
    "batch": Rule.whole(1),
    "patches": Rule.whole(1).each(),
    "margin": Rule.whole(0),
    "halo": Rule.whole(0),
    "epochs": Rule.whole(1).or_none(),
    "steps": Rule.whole(1).or_none(),
}


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

        return UNetSettings(**_tuples(self.generator))

    def discriminator_settings(self) -> DiscriminatorSettings:
        """The discriminator's settings."""
        from .network.discriminator import DiscriminatorSettings

        return DiscriminatorSettings(**_tuples(self.discriminator))


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
        return _assembled(values)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"The network's description is malformed ({error}). Copy or train the model again.") from error
    except InputError as error:
        raise InputError(f"The network's description cannot be used: {error} Copy or train the model again.") from error


def changed_preset(start: Preset, changes: Mapping[str, Any]) -> Preset:
    """A preset with some settings changed. Raises InputError, with all faults found, if it cannot be used then.

    changes: by section (generator, discriminator, optimisation) the settings that differ. Steps given replace the
    epochs of `start`, and epochs its steps.
    """
    values = start.to_dict()
    for section, given in changes.items():
        changed = dict(values[section])
        if section == "optimisation" and {"steps", "epochs"} & set(given):
            changed |= {"steps": None, "epochs": None}
        values[section] = changed | given
    return _assembled(values)


def _assembled(values: Mapping[str, Any]) -> Preset:
    """A preset from the values `Preset.to_dict` gave, or such with changes. Raises InputError that lists all faults."""
    from .network.discriminator import DiscriminatorSettings
    from .network.unet import UNetSettings

    faults: list[str] = []
    inputs = _made(Inputs, "inputs", values["inputs"], faults)
    unet = _made(UNetSettings, "generator", values["generator"], faults)
    judge = _made(DiscriminatorSettings, "discriminator", values["discriminator"], faults)
    optimisation = _made(Optimisation, "optimisation", values["optimisation"], faults)
    if not faults:
        faults = _misfits(inputs, unet, judge, optimisation)
    refuse(faults)
    return Preset(str(values["name"]), inputs, dict(values["generator"]), dict(values["discriminator"]), optimisation)


def _made(kind: type, section: str, values: Mapping[str, Any], faults: list[str]) -> Any:
    """The settings of a section; what is wrong with them is added to the faults."""
    known = [one.name for one in fields(kind)]
    for name in sorted(set(values) - set(known)):
        faults.append(f"{section}.{name} is not known; known are {', '.join(known)}")
    try:
        return kind(**_tuples({name: value for name, value in values.items() if name in known}))
    except InputError as error:
        faults.append(str(error).rstrip("."))
        return None


def _misfits(inputs: Inputs, unet: UNetSettings, judge: DiscriminatorSettings, optimisation: Optimisation) -> list[str]:
    """Where settings that are right on their own do not go together."""
    faults = []
    if any(side % unet.stride for side in optimisation.patches):
        faults.append(
            f"optimisation.patches is {shown(optimisation.patches)}; expected are multiples of {unet.stride}, as "
            f"generator.widths halves {len(unet.widths)} times"
        )
    if any(channel >= inputs.judged for channel in judge.detailed):
        faults.append(
            f"discriminator.detailed is {shown(judge.detailed)}; expected are channels from 0 to {inputs.judged - 1}"
        )
    return faults


def _tuples(value: Any) -> Any:
    """The same with tuples for the lists of a file, however deep."""
    if isinstance(value, dict):
        return {name: _tuples(one) for name, one in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value
