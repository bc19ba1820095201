"""Foretells a lesion's traits (density, variation) from what surrounds it, as a distribution to draw from."""

from __future__ import annotations

import math

import torch
from torch import nn

from ..conditions import TRAITS
from .detail import detail
from .unet import PixelNorm

_LEAST_SIGMA = 0.02


class TraitNet(nn.Module):
    """Mean and covariance of the traits, given whitened image, mask and neighbour.

    (N, channels, H, W) to mean (N, 2) and lower Cholesky factor (N, 2, 2). What is seen in the lesion's mask and round
    it is averaged over the mask, so the result does not depend on the region's size.
    """

    def __init__(self, inputs: int, width: int = 24) -> None:
        super().__init__()
        widths = (width, 2 * width, 2 * width)
        layers: list[nn.Module] = []
        before = inputs + 1
        for after in widths:
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), PixelNorm(after), nn.LeakyReLU(0.2)]
            before = after
        self.features = nn.Sequential(*layers, nn.Conv2d(before, before, 3, padding=1), nn.LeakyReLU(0.2))
        self.head = nn.Sequential(nn.Linear(before + 1, 48), nn.LeakyReLU(0.2), nn.Linear(48, TRAITS + 3))

    def forward(self, context: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See the class."""
        mask = context[:, 1:2]
        features = self.features(torch.cat([context, detail(context[:, :1], 1 - mask)], dim=1))
        weight = nn.functional.adaptive_max_pool2d(mask, features.shape[-2:])
        pooled = (features * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3)).clamp_min(1)
        area = mask.sum(dim=(1, 2, 3)).clamp_min(1).log()[:, None] / math.log(1000)
        raw = self.head(torch.cat([pooled, area], dim=1))
        mean = raw[:, :TRAITS]
        sigma = nn.functional.softplus(raw[:, TRAITS : TRAITS + 2]) + _LEAST_SIGMA
        factor = torch.zeros(len(raw), 2, 2, dtype=raw.dtype, device=raw.device)
        factor[:, 0, 0], factor[:, 1, 1], factor[:, 1, 0] = sigma[:, 0], sigma[:, 1], raw[:, TRAITS + 2]
        return mean, factor


def surprise(traits: torch.Tensor, mean: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """Negative log likelihood of (N, 2) traits, mean over the batch, without the constant."""
    distance = torch.linalg.solve_triangular(factor, (traits - mean)[:, :, None], upper=False)
    return (0.5 * distance.square().sum(dim=(1, 2)) + torch.diagonal(factor, dim1=1, dim2=2).log().sum(dim=1)).mean()
