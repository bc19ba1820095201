"""The losses of pix2pix (Isola et al. 2017), each weighted to where something was painted."""

from __future__ import annotations

import torch
from torch.nn import functional


def adversarial(logits: list[torch.Tensor], real: bool, kind: str, mask: torch.Tensor | None) -> torch.Tensor:
    """How far the judgements are from "real" or "painted", averaged over the judges.

    kind: "vanilla" (cross entropy; Goodfellow et al. 2014) or "least-squares" (Mao et al. 2017).
    mask: (N, 1, H, W), 1 where painted; judgements count where they see some of it. None: all count alike.
    """
    total = torch.zeros((), dtype=torch.float32, device=logits[0].device)
    for judged in logits:
        judged = judged.float()
        wanted = torch.full_like(judged, float(real))
        if kind == "vanilla":
            loss = functional.binary_cross_entropy_with_logits(judged, wanted, reduction="none")
        else:
            loss = (judged - wanted).square()
        total = total + (loss.mean() if mask is None else _where_painted(loss, mask))
    return total / len(logits)


def _where_painted(loss: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean over each image's judgements that see a painted pixel, then over images, so that small lesions count."""
    weight = functional.adaptive_max_pool2d(mask, loss.shape[-2:])
    return ((loss * weight).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3)).clamp_min(1)).mean()


def absolute(painted: torch.Tensor, real: torch.Tensor, mask: torch.Tensor | None, blur: float) -> torch.Tensor:
    """Mean absolute difference of (N, 1, H, W) images; inside `mask`, each image alike, if one is given.

    blur: standard deviation in pixels of a Gaussian the difference goes through first. Noise cannot be foretold, and a
    plain L1 punishes whoever paints some; blurred, it judges the density and leaves texture to the discriminator.
    """
    difference = painted - real
    if mask is not None:
        difference = difference * mask
    if blur > 0:
        difference = gaussian_blur(difference, blur)
    if mask is None:
        return difference.abs().mean()
    return (difference.abs().sum(dim=(1, 2, 3)) / mask.sum(dim=(1, 2, 3)).clamp_min(1)).mean()


def gaussian_blur(images: torch.Tensor, sigma: float) -> torch.Tensor:
    """(N, 1, H, W) blurred by a Gaussian of `sigma` pixels; float32, under autocast too."""
    radius = max(1, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32, device=images.device)
    kernel = torch.exp(-0.5 * (offsets / sigma).square())
    kernel = kernel / kernel.sum()
    with torch.autocast(images.device.type, enabled=False):  # bfloat16 keeps 8 bits, too few for a small difference
        images = functional.conv2d(images.float(), kernel.view(1, 1, 1, -1), padding=(0, radius))
        return functional.conv2d(images, kernel.view(1, 1, -1, 1), padding=(radius, 0))


def gradient_penalty(logits: list[torch.Tensor], real: torch.Tensor) -> torch.Tensor:
    """Squared gradient of the judgements at real images (R1; Mescheder et al. 2018), mean over images."""
    (gradient,) = torch.autograd.grad(
        sum(judged.float().mean(dim=(1, 2, 3)).sum() for judged in logits), real, create_graph=True
    )
    return gradient.square().sum(dim=(1, 2, 3)).mean()
