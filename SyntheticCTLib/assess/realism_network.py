"""The network that tries to tell painted from real lesions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .learning_rate import rate_at
from .patches import PatchPairs


@dataclass(frozen=True)
class NetworkTraining:
    """How the network is trained: Adam, the rate rising then falling, pairs of the same lesion in one batch.

    side: pixels in the middle of a patch that it looks at; what was painted lies there but for one nodule in a hundred.
    """

    epochs: int = 12
    pairs: int = 24
    rate: float = 3e-3
    widths: tuple[int, int] = (32, 64)
    decay: float = 1e-3
    side: int = 48


def network_scores(
    train: PatchPairs, test: PatchPairs, use_mask: bool, seed: int, training: NetworkTraining | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Train on some patients' lesions and score others': logits (N,) of the real and of the painted ones.

    The higher a score, the more the lesion is taken for painted. use_mask: tell the network where the lesion lies, and
    pool over it; otherwise it sees the patch alone.
    """
    import torch

    setting = training or NetworkTraining()
    train, test = (_middle(pairs, setting.side) for pairs in (train, test))
    # The state of torch's global generator is the caller's; only the initial weights are drawn from it.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build_network(setting.widths, use_mask)
    _train(net, train, use_mask, setting, np.random.default_rng(seed))
    return tuple(_score(net, patches, test.mask, use_mask) for patches in (test.real, test.painted))


def build_network(widths: tuple[int, int], use_mask: bool):
    """Two stages of residual-free convolutions with group norm; means over lesion and patch feed one linear layer."""
    import torch
    from torch import nn
    from torch.nn import functional

    def stage(inputs: int, outputs: int) -> nn.Sequential:
        layers = []
        for n in (inputs, outputs):
            layers += [nn.Conv2d(n, outputs, 3, padding=1, bias=False), nn.GroupNorm(8, outputs), nn.SiLU()]
        return nn.Sequential(*layers)

    class Classifier(nn.Module):
        """(B, C, P, P) channels and (B, 1, P, P) weights -> (B,) logits."""

        def __init__(self) -> None:
            super().__init__()
            # Four pixels become four channels: nothing is lost, and every convolution costs a quarter.
            self.fine = nn.Sequential(nn.PixelUnshuffle(2), stage(4 * (3 if use_mask else 2), widths[0]))
            self.coarse = stage(widths[0], widths[1])
            self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * sum(widths), 1))

        def forward(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
            fine = self.fine(x)
            coarse = self.coarse(functional.avg_pool2d(fine, 2))
            pooled = [_pool(fine, functional.avg_pool2d(weights, 2)), _pool(coarse, functional.avg_pool2d(weights, 4))]
            return self.head(torch.cat(pooled, 1)).squeeze(1)

    def _pool(maps: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        total = weights.sum((2, 3)).clamp_min(1e-3)
        return torch.cat([(maps * weights).sum((2, 3)) / total, maps.amax((2, 3))], 1)

    return Classifier()


def _train(net, pairs: PatchPairs, use_mask: bool, setting: NetworkTraining, rng: np.random.Generator) -> None:
    """Fit the network in place; every batch holds both versions of its lesions, turned and lit alike."""
    import torch
    from torch.nn import functional

    steps = setting.epochs * -(-len(pairs) // setting.pairs)
    optimizer = torch.optim.AdamW(net.parameters(), lr=setting.rate, weight_decay=setting.decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, steps))
    # Dropout draws from the generator of the network's own.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        net.train()
        for _ in range(setting.epochs):
            for chosen in np.array_split(rng.permutation(len(pairs)), -(-len(pairs) // setting.pairs)):
                turn = int(rng.integers(8))
                gain, offset = rng.uniform(0.85, 1.15), rng.uniform(-12, 12)
                images = np.concatenate([pairs.real[chosen], pairs.painted[chosen]]) * gain + offset
                masks = np.concatenate([pairs.mask[chosen]] * 2)
                channels, weights = _inputs(_turned(images, turn), _turned(masks, turn), use_mask)
                truth = torch.tensor([0.0] * len(chosen) + [1.0] * len(chosen))
                loss = functional.binary_cross_entropy_with_logits(net(channels, weights), truth)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()


def _score(net, patches: np.ndarray, masks: np.ndarray, use_mask: bool) -> np.ndarray:
    """Logits, averaged over four of the eight ways to lay a patch."""
    import torch

    net.eval()
    total = np.zeros(len(patches))
    with torch.no_grad():
        for turn in (0, 2, 5, 7):
            for at in range(0, len(patches), 128):
                part = slice(at, at + 128)
                inputs = _inputs(_turned(patches[part], turn), _turned(masks[part], turn), use_mask)
                total[part] += net(*inputs).numpy()
    return total / 4


def _middle(pairs: PatchPairs, side: int) -> PatchPairs:
    margin = max((pairs.mask.shape[1] - side) // 2, 0)
    part = (slice(None), *[slice(margin, pairs.mask.shape[1] - margin)] * 2)
    return PatchPairs(pairs.real[part], pairs.painted[part], pairs.mask[part], pairs.patients)


def _turned(stack: np.ndarray, turn: int) -> np.ndarray:
    """(N, P, P) in one of the eight ways a square can be laid."""
    turned = np.rot90(stack, turn % 4, axes=(1, 2))
    return turned[:, :, ::-1] if turn >= 4 else turned


def _inputs(patches: np.ndarray, masks: np.ndarray, use_mask: bool):
    """The channels (N, 2 or 3, P, P) and the weights (N, 1, P, P) that features are averaged with.

    Channels: the patch, the patch minus its 3 x 3 mean (noise and finest texture), and the mask. Weights: the lesion
    and two pixels round it, where a seam would be; without the mask everything.
    """
    import torch
    from torch.nn import functional

    values = torch.from_numpy(np.array(patches, dtype=np.float32))[:, None]
    mask = torch.from_numpy(np.array(masks, dtype=np.float32))[:, None]
    fine = values - functional.avg_pool2d(functional.pad(values, (1, 1, 1, 1), mode="replicate"), 3, 1)
    channels = [values / 64 - 2, fine / 8]
    if use_mask:
        return torch.cat([*channels, mask], 1), functional.max_pool2d(mask, 5, 1, padding=2)
    return torch.cat(channels, 1), torch.ones_like(mask)
