"""The discriminator: conditional PatchGAN, with a judgement at one or several depths."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ..rules import Rule, broken, refuse
from .detail import detail

_GROUPS = 8
"""Channels are normalised in so many groups."""


@dataclass(frozen=True)
class DiscriminatorSettings:
    """What a discriminator looks like.

    layers: (channels, kernel, stride) of each convolution. judges: after which layers (counted from 0) a map of logits
    is drawn, by a convolution of the kernel given in `judge_kernel`. norm: "batch" (not after the first), "spectral"
    (Miyato et al. 2018), "group" (of 8, not after the first; Wu and He 2018) or "none". detailed: channels whose detail
    is shown as well, see `detail.py`.

    Raises InputError, with all faults found, if a setting cannot be used.
    """

    layers: tuple[tuple[int, int, int], ...]
    judges: tuple[int, ...]
    judge_kernel: int = 4
    norm: str = "batch"
    detailed: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        faults = broken("discriminator", self, _RULES)
        refuse(faults or self._misfits())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def _misfits(self) -> list[str]:
        """Where settings that are right on their own do not go together."""
        faults, last = [], len(self.layers) - 1
        if max(self.judges) > last:
            faults.append(f"discriminator.judges is {list(self.judges)}; expected are layers from 0 to {last}")
        widths = [width for width, _, _ in self.layers]
        if self.norm == "group" and any(width % _GROUPS for width in widths[1:]):
            faults.append(
                f"discriminator.layers has {widths} channels; expected are multiples of {_GROUPS} after the first, as "
                "discriminator.norm is 'group'"
            )
        return faults


_RULES = {
    "layers": Rule(
        lambda value: Rule.whole(1).each(3).holds(value) and len(value) == 3, "a list of channels, kernel and stride"
    ).each(),
    "judges": Rule.whole(0).each(),
    "judge_kernel": Rule.whole(1),
    "norm": Rule.choice("batch", "spectral", "group", "none"),
    "detailed": Rule.whole(0).each(0),
}


class PatchDiscriminator(nn.Module):
    """Tells real patches from painted ones (Isola et al. 2017).

    (N, inputs, H, W) to a list of logit maps (N, 1, h, w), one for each judge.
    """

    def __init__(self, inputs: int, settings: DiscriminatorSettings) -> None:
        super().__init__()
        self.settings = settings
        self.layers, self.judges = nn.ModuleList(), nn.ModuleDict()
        before = inputs + len(settings.detailed)
        for number, (width, kernel, stride) in enumerate(settings.layers):
            steps = [_convolution(before, width, kernel, stride, settings.norm)]
            if settings.norm == "batch" and number:
                steps.append(nn.BatchNorm2d(width))
            if settings.norm == "group" and number:
                steps.append(nn.GroupNorm(_GROUPS, width))
            self.layers.append(nn.Sequential(*steps, nn.LeakyReLU(0.2)))
            if number in settings.judges:
                self.judges[str(number)] = _convolution(width, 1, settings.judge_kernel, 1, settings.norm)
            before = width

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """See the class."""
        logits = []
        x = torch.cat([x, *(detail(x[:, n : n + 1]) for n in self.settings.detailed)], dim=1)
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if str(number) in self.judges:
                logits.append(self.judges[str(number)](x))
        return logits


def _convolution(before: int, after: int, kernel: int, stride: int, norm: str) -> nn.Module:
    layer = nn.Conv2d(before, after, kernel, stride=stride, padding=(kernel - 1) // 2)
    nn.init.kaiming_normal_(layer.weight, a=0.2)
    return spectral_norm(layer) if norm == "spectral" else layer
