"""A small U-Net that finds lesions in patches; trained on real lesions only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .learning_rate import rate_at
from .patches import PATCH, center_of, cut, cut_mask

MAX_SHIFT = 22
"""Pixels by which patches are moved off the lesion's middle, so that "in the middle" is no way to find one."""


@dataclass(frozen=True)
class SegmenterTraining:
    """How the segmenter is trained: Adam, the rate rising then falling; an epoch has one patch of each slice."""

    epochs: int = 14
    batch: int = 24
    rate: float = 3e-3
    width: int = 16


class Segmenter:
    """Finds lesions in (N, PATCH, PATCH) uint8 patches; made by `train_segmenter`."""

    def __init__(self, net) -> None:
        self._net = net

    def find(self, patches: np.ndarray) -> np.ndarray:
        """(N, P, P) float32: the probability of lesion at every pixel."""
        import torch

        self._net.eval()
        with torch.no_grad():
            parts = [
                torch.sigmoid(self._net(_channel(patches[at : at + 64])))[:, 0].numpy()
                for at in range(0, len(patches), 64)
            ]
        return np.concatenate(parts)


def train_segmenter(
    planes: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    seed: int = 0,
    training: SegmenterTraining | None = None,
) -> Segmenter:
    """A segmenter of real lesions.

    planes: uint8 slices (J, I) with a lesion near the middle. masks: the lesions, bool. Takes about two minutes for
    2,000 slices on one core. The same seed gives the same segmenter on the same machine.
    """
    import torch
    from torch.nn import functional

    setting = training or SegmenterTraining()
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build_unet(setting.width)
    batches = -(-len(planes) // setting.batch)
    optimizer = torch.optim.Adam(net.parameters(), lr=setting.rate)
    steps = setting.epochs * batches
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, steps))
    net.train()
    for _ in range(setting.epochs):
        for chosen in np.array_split(rng.permutation(len(planes)), batches):
            centers = {int(n): shifted_center(masks[n], rng) for n in chosen}
            patches = np.stack([cut(planes[n], center, PATCH) for n, center in centers.items()])
            truth = np.stack([cut_mask(masks[n], center, PATCH) for n, center in centers.items()])
            images, wanted = _turned(patches, truth, rng)
            odds = net(_channel(images))[:, 0]
            target = torch.from_numpy(wanted)
            found = torch.sigmoid(odds)
            overlap = 2 * (found * target).sum() + 1
            loss = functional.binary_cross_entropy_with_logits(odds, target)
            loss = loss + 1 - overlap / (found.sum() + target.sum() + 1)  # soft Dice (Milletari et al. 2016)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return Segmenter(net)


def build_unet(width: int):
    """A U-Net (Ronneberger et al. 2015) of three levels on patches folded 2 x 2 into channels."""
    import torch
    from torch import nn
    from torch.nn import functional

    def block(inputs: int, outputs: int) -> nn.Sequential:
        layers = []
        for n in (inputs, outputs):
            layers += [nn.Conv2d(n, outputs, 3, padding=1, bias=False), nn.GroupNorm(8, outputs), nn.SiLU()]
        return nn.Sequential(*layers)

    class UNet(nn.Module):
        """(B, 1, P, P) -> (B, 1, P, P) logits; P is a multiple of 8."""

        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList([block(4, width), block(width, 2 * width), block(2 * width, 4 * width)])
            self.up = nn.ModuleList([block(6 * width, 2 * width), block(3 * width, width)])
            self.last = nn.Conv2d(width, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            first = self.down[0](functional.pixel_unshuffle(x, 2))
            second = self.down[1](functional.max_pool2d(first, 2))
            third = self.down[2](functional.max_pool2d(second, 2))
            joined = self.up[0](torch.cat([functional.interpolate(third, scale_factor=2), second], 1))
            joined = self.up[1](torch.cat([functional.interpolate(joined, scale_factor=2), first], 1))
            return functional.pixel_shuffle(self.last(joined), 2)

    return UNet()


def shifted_center(mask: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """A center for a patch that holds the lesion's middle, but not in its own."""
    row, column = center_of(mask)
    return row + rng.uniform(-MAX_SHIFT, MAX_SHIFT), column + rng.uniform(-MAX_SHIFT, MAX_SHIFT)


def _turned(images: np.ndarray, masks: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The batch in one of the eight ways a square can be laid, lit a little differently."""
    turn = int(rng.integers(8))
    both = [np.rot90(stack, turn % 4, axes=(1, 2)).astype(np.float32) for stack in (images, masks)]
    images, masks = (stack[:, :, ::-1].copy() if turn >= 4 else stack.copy() for stack in both)
    return images * np.float32(rng.uniform(0.85, 1.15)) + np.float32(rng.uniform(-12, 12)), masks


def _channel(patches: np.ndarray):
    import torch

    return torch.from_numpy(np.array(patches, dtype=np.float32))[:, None] / 64 - 2
