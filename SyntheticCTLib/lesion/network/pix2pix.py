"""The pix2pix as a whole: generator, discriminator and trait net, one step of their training, what is kept of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ..conditions import Slices, conditions, measure_traits
from ..presets import Preset
from .discriminator import PatchDiscriminator
from .losses import absolute, adversarial, gradient_penalty
from .traits import TraitNet, surprise
from .unet import UNet

_TRAIT_JITTER = 0.02
"""Standard deviation of what is added to the traits told, so that near values paint near lesions."""


def build_nets(preset: Preset) -> dict[str, torch.nn.Module]:
    """The nets that paint, by name: "generator", and "traits" where the preset has them."""
    nets: dict[str, torch.nn.Module] = {"generator": UNet(preset.inputs.channels, preset.unet_settings())}
    if preset.inputs.traits:
        nets["traits"] = TraitNet(preset.inputs.known)
    return nets


class Pix2Pix:
    """A pix2pix in training (Isola et al. 2017, with the "whitening" of Meng et al. 2020).

    On the processor the same seed, data and number of threads give the same weights (on CUDA that is not promised);
    `step` draws all it needs from (seed, step), so a run taken up again from `state()` goes on as if it had never
    stopped.
    """

    def __init__(self, preset: Preset, seed: int, device: str = "cpu") -> None:
        torch.manual_seed(seed)
        self.preset = preset
        self.seed = seed
        self.device = torch.device(device)
        self.nets = {name: net.to(self.device) for name, net in build_nets(preset).items()}
        self.averaged = {name: copy.deepcopy(net).eval().requires_grad_(False) for name, net in self.nets.items()}
        settings = preset.discriminator_settings()
        self.discriminator = PatchDiscriminator(preset.inputs.judged, settings).to(self.device)
        for net in (*self.nets.values(), self.discriminator):
            net.to(memory_format=torch.channels_last)
        rate, betas = preset.optimisation.learning_rate, (preset.optimisation.beta1, 0.999)
        painting = [weight for net in self.nets.values() for weight in net.parameters()]
        self.optimisers = {
            "painting": torch.optim.Adam(painting, rate, betas),
            "judging": torch.optim.Adam(
                self.discriminator.parameters(), preset.optimisation.judging_rate or rate, betas
            ),
        }
        self._mixed = self.device.type == "cuda"

    def step(self, slices: Slices, number: int) -> dict[str, float]:
        """Train on a batch; return the losses.

        number: of the step, from 0; noise and dropout are drawn from it.
        """
        rng = np.random.default_rng([self.seed, number, 1])
        torch.manual_seed(int(rng.integers(2**63)))
        inputs = self.preset.inputs
        context = slices.context(inputs)
        noise = rng.standard_normal(slices.image.shape, dtype=np.float32)
        traits = measure_traits(slices.image, slices.core)
        told = traits + _TRAIT_JITTER * rng.standard_normal(traits.shape, dtype=np.float32)
        given = self._tensor(conditions(context, noise, told, inputs))
        image, mask = self._tensor(slices.image[:, None]), self._tensor(slices.mask[:, None])
        judged = self._tensor(slices.judged(inputs))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._mixed):
            painted = self._painted(given, image, mask)
            losses = self._judge(image, painted.detach(), judged, mask, number)
            losses |= self._paint(image, painted, judged, mask, self._foretell(context, traits))
        self._average(number)
        return losses

    def set_pace(self, share: float) -> None:
        """Learn at this share (0..1) of the preset's rates."""
        settings = self.preset.optimisation
        rates = {"painting": settings.learning_rate, "judging": settings.judging_rate or settings.learning_rate}
        for name, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = share * rates[name]

    def state(self) -> dict[str, Any]:
        """All there is to go on from, as tensors and plain values."""
        return {
            "nets": {name: net.state_dict() for name, net in self.nets.items()},
            "averaged": {name: net.state_dict() for name, net in self.averaged.items()},
            "discriminator": self.discriminator.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name in self.nets:
            self.nets[name].load_state_dict(state["nets"][name])
            self.averaged[name].load_state_dict(state["averaged"][name])
        self.discriminator.load_state_dict(state["discriminator"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])

    def _painted(self, given: torch.Tensor, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The generator's pictures; where only the lesion counts, the real image stands round it."""
        output = self.nets["generator"](given).float()
        return output * mask + image * (1 - mask) if self.preset.optimisation.lesion_only else output

    def _judge(
        self, image: torch.Tensor, painted: torch.Tensor, judged: torch.Tensor, mask: torch.Tensor, number: int
    ) -> dict[str, float]:
        """Train the discriminator."""
        settings = self.preset.optimisation
        where = mask if settings.lesion_only else None
        penalised = settings.penalty > 0 and number % settings.penalty_every == 0
        shown = image.detach().requires_grad_(penalised)
        logits = self.discriminator(torch.cat([shown, judged], dim=1))
        loss = adversarial(logits, True, settings.adversarial, where)
        loss = loss + adversarial(
            self.discriminator(torch.cat([painted, judged], dim=1)), False, settings.adversarial, where
        )
        total = loss
        if penalised:
            total = loss + settings.penalty * settings.penalty_every * gradient_penalty(logits, shown)
        self._descend("judging", total)
        return {"discriminator": float(loss.detach()) / 2}

    def _paint(
        self,
        image: torch.Tensor,
        painted: torch.Tensor,
        judged: torch.Tensor,
        mask: torch.Tensor,
        foretold: torch.Tensor | None,
    ) -> dict[str, float]:
        """Train generator and trait net."""
        settings = self.preset.optimisation
        where = mask if settings.lesion_only else None
        self.discriminator.requires_grad_(False)
        logits = self.discriminator(torch.cat([painted, judged], dim=1))
        fooled = adversarial(logits, True, settings.adversarial, where)
        l1 = absolute(painted, image, where, settings.l1_blur)
        total = fooled + settings.l1_weight * l1
        losses = {"adversarial": float(fooled.detach()), "l1": float(l1.detach())}
        if foretold is not None:
            total = total + foretold
            losses["traits"] = float(foretold.detach())
        self._descend("painting", total)
        self.discriminator.requires_grad_(True)
        return losses

    def _foretell(self, context: np.ndarray, traits: np.ndarray) -> torch.Tensor | None:
        if "traits" not in self.nets:
            return None
        mean, factor = self.nets["traits"](self._tensor(context))
        return surprise(self._tensor(traits), mean.float(), factor.float())

    def _descend(self, optimiser: str, loss: torch.Tensor) -> None:
        self.optimisers[optimiser].zero_grad(set_to_none=True)
        loss.backward()
        self.optimisers[optimiser].step()

    @torch.no_grad()
    def _average(self, number: int) -> None:
        """Take the weights into their running mean, which at first is short."""
        decay = min(self.preset.optimisation.ema, (1 + number) / (10 + number))
        for name, net in self.nets.items():
            for mean, now in zip(self.averaged[name].parameters(), net.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)
            for kept, now in zip(self.averaged[name].buffers(), net.buffers(), strict=True):
                kept.copy_(now)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
