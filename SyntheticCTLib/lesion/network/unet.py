"""The generator: a U-Net whose size and habits are settings, so that the paper's and the compact one are one class."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from ..rules import BELOW_ONE, Rule, broken, refuse
from .detail import detail


@dataclass(frozen=True)
class UNetSettings:
    """What a U-Net looks like.

    stem: channels of two convolutions at full resolution whose result is skipped to the end; 0 for none.
    widths: channels after each halving. convolutions: per level, the halving one included.
    norm: "batch" (none at the first level and at the bottleneck, where a batch of one 1 x 1 map would become all
    zeros), "pixel" (over the channels of each pixel, so a result does not depend on the region's size) or "none".
    dropout: probability in the three deepest levels of the way up. upsample: "transposed" or "nearest" (followed by a
    convolution, which leaves no checkerboard; Odena et al. 2016). detail: whether the detail of channel 0 where the
    mask in channel 1 is 0 is shown beside it, see `detail.py`.

    Raises InputError, with all faults found, if a setting cannot be used.
    """

    stem: int
    widths: tuple[int, ...]
    convolutions: int = 1
    norm: str = "batch"
    dropout: float = 0.0
    upsample: str = "transposed"
    detail: bool = False

    def __post_init__(self) -> None:
        refuse(broken("generator", self, _RULES))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "widths": list(self.widths)}

    @property
    def stride(self) -> int:
        """Rows and columns of an input must be a multiple of this."""
        return 2 ** len(self.widths)


_RULES = {
    "stem": Rule.whole(0),
    "widths": Rule.whole(1).each(),
    "convolutions": Rule.whole(1),
    "norm": Rule.choice("batch", "pixel", "none"),
    "dropout": BELOW_ONE,
    "upsample": Rule.choice("transposed", "nearest"),
    "detail": Rule.flag(),
}


class PixelNorm(nn.Module):
    """Divides by the root mean square over the channels of each pixel (Karras et al. 2018), with a learned gain."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to the same."""
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-6) * self.gain


class UNet(nn.Module):
    """U-Net with skips and a tanh at the end (Ronneberger et al. 2015; Isola et al. 2017).

    (N, inputs, H, W), H and W multiples of `settings.stride`, to (N, 1, H, W) from -1 to 1.
    """

    def __init__(self, inputs: int, settings: UNetSettings) -> None:
        super().__init__()
        self.settings = settings
        widths = settings.widths
        inputs += settings.detail
        first = settings.stem or inputs
        self.stem = nn.Sequential(*_convolutions(inputs, settings.stem, 2, settings.norm)) if settings.stem else None
        ins = (first, *widths[:-1])
        self.down = nn.ModuleList(
            _Down(before, after, settings, level, len(widths))
            for level, (before, after) in enumerate(zip(ins, widths, strict=True))
        )
        outs = (*reversed(ins[1:]), settings.stem or widths[0])
        skips = (*reversed(ins[1:]), settings.stem)
        self.up = nn.ModuleList()
        before = widths[-1]
        for step, (after, skip) in enumerate(zip(outs, skips, strict=True)):
            self.up.append(_Up(before, after, skip, settings, dropped=step < 3))
            before = after + skip if settings.convolutions == 1 else after
        self.last = nn.Conv2d(before, 1, 3, padding=1)
        self.apply(_initialise)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        if self.settings.detail:
            x = torch.cat([x, detail(x[:, :1], 1 - x[:, 1:2])], dim=1)
        x = self.stem(x) if self.stem else x
        skips = [x if self.stem else None]
        for level in self.down:
            x = level(x)
            skips.append(x)
        for level, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = level(x, skip)
        return torch.tanh(self.last(x))


class _Down(nn.Sequential):
    """Halves by a 4 x 4 convolution; `convolutions` - 1 of 3 x 3 follow."""

    def __init__(self, before: int, after: int, settings: UNetSettings, level: int, levels: int) -> None:
        bare = settings.norm == "batch" and level in (0, levels - 1)
        norm = "none" if bare else settings.norm
        super().__init__(
            nn.Conv2d(before, after, 4, stride=2, padding=1),
            *_norm(after, norm),
            nn.LeakyReLU(0.2),
            *_convolutions(after, after, settings.convolutions - 1, norm),
        )


class _Up(nn.Module):
    """Doubles, joins the skip, and lets `convolutions` - 1 of 3 x 3 follow."""

    def __init__(self, before: int, after: int, skip: int, settings: UNetSettings, dropped: bool) -> None:
        super().__init__()
        if settings.upsample == "transposed":
            grow: list[nn.Module] = [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)]
        else:
            grow = [nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(before, after, 3, padding=1)]
        drop = [nn.Dropout(settings.dropout)] if dropped and settings.dropout else []
        self.grow = nn.Sequential(*grow, *_norm(after, settings.norm), *drop, nn.LeakyReLU(0.2))
        self.refine = nn.Sequential(*_convolutions(after + skip, after, settings.convolutions - 1, settings.norm))

    def forward(self, x: torch.Tensor, skip: torch.Tensor | None) -> torch.Tensor:
        """(N, before, H, W) and the skip (N, skip, 2H, 2W) to (N, after, 2H, 2W)."""
        x = self.grow(x)
        return self.refine(x if skip is None else torch.cat([x, skip], dim=1))


def _convolutions(before: int, after: int, count: int, norm: str) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for number in range(count):
        layers += [nn.Conv2d(after if number else before, after, 3, padding=1), *_norm(after, norm), nn.LeakyReLU(0.2)]
    return layers


def _norm(channels: int, kind: str) -> list[nn.Module]:
    if kind == "none":
        return []
    return [nn.BatchNorm2d(channels) if kind == "batch" else PixelNorm(channels)]


def _initialise(layer: nn.Module) -> None:
    """He's initialisation for leaky rectifiers; keeps the scale of signals where nothing normalises them."""
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(layer.weight, a=0.2)
        nn.init.zeros_(layer.bias)
