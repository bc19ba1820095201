"""The networks: their shapes, what they are told, and that a step teaches them something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.lesion.conditions import Inputs, Slices, conditions, measure_traits
from SyntheticCTLib.lesion.network.detail import detail
from SyntheticCTLib.lesion.network.discriminator import DiscriminatorSettings, PatchDiscriminator
from SyntheticCTLib.lesion.network.losses import absolute, adversarial
from SyntheticCTLib.lesion.network.pix2pix import Pix2Pix, build_nets
from SyntheticCTLib.lesion.network.traits import TraitNet, surprise
from SyntheticCTLib.lesion.network.unet import UNet, UNetSettings
from SyntheticCTLib.lesion.presets import DEFAULT, PAPER, Optimisation, preset, preset_from_dict
from SyntheticCTLib.lesion.window import HUWindow


def slices(count: int, side: int, seed: int = 0) -> Slices:
    """Bright squares in dark noise, encoded; the mask covers the square."""
    rng = np.random.default_rng(seed)
    image = (-0.8 + 0.03 * rng.standard_normal((count, side, side))).astype(np.float32)
    mask = np.zeros_like(image)
    mask[:, side // 3 : 2 * side // 3, side // 3 : 2 * side // 3] = 1
    image += 0.9 * mask
    return Slices.alone(image, mask)


def tiny(**changes):
    """The default preset, small."""
    small = replace(
        DEFAULT,
        generator={**DEFAULT.generator, "stem": 8, "widths": (8, 8)},
        discriminator={**DEFAULT.discriminator, "layers": ((8, 3, 1), (8, 4, 2)), "judges": (1,)},
    )
    return replace(small, optimisation=replace(small.optimisation, **changes))


def test_the_papers_networks_have_the_papers_shapes():
    unet = UNet(PAPER.inputs.channels, PAPER.unet_settings()).eval()
    deepest = []
    unet.down[-1].register_forward_hook(lambda *call: deepest.append(tuple(call[2].shape)))
    assert unet(torch.zeros(1, 3, 512, 512)).shape == (1, 1, 512, 512)
    assert deepest == [(1, 1024, 1, 1)]
    judge = PatchDiscriminator(PAPER.inputs.judged, PAPER.discriminator_settings()).eval()
    assert [logits.shape for logits in judge(torch.zeros(1, 2, 512, 512))] == [(1, 1, 30, 30)]
    assert sum(layer[0].stride == (2, 2) for layer in judge.layers) == 4


def test_the_papers_settings_are_the_papers():
    settings = PAPER.optimisation
    assert (settings.adversarial, settings.l1_weight, settings.learning_rate) == ("vanilla", 100, 2e-4)
    assert (settings.beta1, settings.ema, settings.batch, settings.epochs) == (0.5, 0.99, 1, 10)
    unet = UNet(PAPER.inputs.channels, PAPER.unet_settings())
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in unet.down[-1])
    assert any(isinstance(layer, torch.nn.BatchNorm2d) for layer in unet.down[-2])
    assert [layer.p for layer in unet.modules() if isinstance(layer, torch.nn.Dropout)] == [0.5] * 3


def test_the_papers_network_learns_in_twenty_steps():
    net = Pix2Pix(PAPER, seed=1)
    batch = slices(1, 512)
    losses = [net.step(batch, number) for number in range(20)]
    assert np.isfinite([list(row.values()) for row in losses]).all()
    assert np.mean([row["l1"] for row in losses[-3:]]) < 0.5 * np.mean([row["l1"] for row in losses[:3]])


def test_whitening_hides_what_is_in_the_mask():
    batch = slices(2, 24)
    hidden = Slices.alone(np.where(batch.mask > 0, 0.3, batch.image).astype(np.float32), batch.mask)
    for inputs in (PAPER.inputs, DEFAULT.inputs):
        assert np.array_equal(batch.context(inputs), hidden.context(inputs))
    assert (batch.whitened()[batch.mask > 0] == 1).all()
    assert np.array_equal(batch.whitened()[batch.mask == 0], batch.image[batch.mask == 0])


def test_the_generator_is_told_mask_noise_and_traits_in_channels_of_their_own():
    batch = slices(2, 24)
    inputs = Inputs(noise=True, neighbour=False, traits=True)
    noise = np.random.default_rng(0).standard_normal(batch.image.shape).astype(np.float32)
    traits = measure_traits(batch.image, batch.mask)
    given = conditions(batch.context(inputs), noise, traits, inputs)
    assert given.shape == (2, inputs.channels, 24, 24)
    assert np.array_equal(given[:, 1], batch.mask) and np.array_equal(given[:, 2], noise)
    assert np.allclose(given[:, 3][batch.mask > 0], traits[0, 0], atol=0.05) and not given[:, 3:][:, :, 0].any()


def test_traits_are_mean_and_spread_inside_the_mask():
    rng = np.random.default_rng(0)
    image, mask = np.zeros((1, 60, 60), np.float32), np.zeros((1, 60, 60), np.float32)
    mask[0, 10:50, 10:50] = 1
    image[0, 10:50, 10:50] = 0.2 + 0.05 * rng.standard_normal((40, 40))
    mean, spread = measure_traits(image, mask)[0]
    assert mean == pytest.approx(0.2, abs=0.01)
    assert np.exp(spread - 3) == pytest.approx(0.051, abs=0.003)


@pytest.mark.parametrize("kind", ["vanilla", "least-squares"])
def test_adversarial_losses_prefer_the_right_judgement_where_something_was_painted(kind):
    mask = torch.zeros(1, 1, 16, 16)
    mask[:, :, 4:8, 4:8] = 1
    right, wrong = torch.full((1, 1, 8, 8), -3.0), torch.full((1, 1, 8, 8), -3.0)
    right[:, :, 2:4, 2:4], wrong[:, :, 2:4, 2:4] = 1.0, -1.0
    assert adversarial([right], True, kind, mask) < adversarial([wrong], True, kind, mask)
    elsewhere = right.clone()
    elsewhere[:, :, 6:, 6:] = 9.0
    assert adversarial([right], True, kind, mask) == adversarial([elsewhere], True, kind, mask)


def test_l1_counts_small_lesions_as_large_ones_and_ignores_what_is_outside():
    real, mask = torch.zeros(2, 1, 32, 32), torch.zeros(2, 1, 32, 32)
    mask[0, 0, 10:12, 10:12], mask[1, 0, 4:28, 4:28] = 1, 1
    painted = real + 0.5 * mask
    assert absolute(painted, real, mask, 0) == pytest.approx(0.5)
    assert absolute(painted + 7 * (1 - mask), real, mask, 0) == pytest.approx(0.5)


def test_a_blurred_l1_forgives_noise_but_not_density():
    generator = torch.Generator().manual_seed(0)
    real, mask = torch.zeros(1, 1, 64, 64), torch.ones(1, 1, 64, 64)
    noisy = 0.1 * torch.randn(real.shape, generator=generator)
    assert absolute(noisy, real, mask, 1.0) < 0.4 * absolute(noisy, real, mask, 0)
    assert absolute(real + 0.1, real, mask, 1.0) > 0.9 * 0.1


def test_detail_and_blurred_l1_are_computed_in_float32_under_autocast_too():
    generator = torch.Generator().manual_seed(0)
    image, other = 0.02 * torch.randn(2, 2, 1, 24, 24, generator=generator) - 0.8
    known = (torch.rand(image.shape, generator=generator) > 0.2).float()

    def computed():
        return detail(image), detail(image, known), absolute(image, other, known, 1.0)

    exact = computed()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = computed()
        assert torch.nn.functional.conv2d(image, torch.ones(1, 1, 1, 1)).dtype == torch.bfloat16
    for wanted, got in zip(exact, mixed, strict=True):
        assert got.dtype == torch.float32 and torch.equal(wanted, got)


def test_the_trait_net_learns_a_distribution():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    net = TraitNet(2, width=8)
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    context = torch.from_numpy(slices(64, 16).context(Inputs()))
    for _ in range(150):
        drawn = torch.from_numpy(rng.normal([0.3, -0.4], [0.2, 0.1], (64, 2)).astype(np.float32))
        loss = surprise(drawn, *net(context))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    mean, factor = net(context)
    assert mean[0].tolist() == pytest.approx([0.3, -0.4], abs=0.06)
    covariance = (factor @ factor.transpose(1, 2))[0]
    assert torch.diagonal(covariance).sqrt().tolist() == pytest.approx([0.2, 0.1], rel=0.3)


def test_the_result_does_not_depend_on_the_size_of_the_region():
    torch.manual_seed(0)
    settings = UNetSettings(8, (8, 8), convolutions=2, norm="pixel", upsample="nearest", detail=True)
    unet = UNet(2, settings).eval()
    large = torch.from_numpy(slices(1, 96).context(Inputs()))[:, :2]
    with torch.no_grad():
        whole, part = unet(large), unet(large[:, :, 16:80, 16:80])
    assert torch.allclose(whole[:, :, 40:56, 40:56], part[:, :, 24:40, 24:40], atol=1e-5)


def test_presets_survive_a_card_and_unknown_ones_are_refused():
    for one in (PAPER, DEFAULT):
        again = preset_from_dict(one.to_dict())
        assert again.to_dict() == one.to_dict()
        assert [net.state_dict().keys() for net in build_nets(again).values()] == [
            net.state_dict().keys() for net in build_nets(one).values()
        ]
    with pytest.raises(InputError, match="paper, default"):
        preset("papr")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: UNetSettings(8, (8, 8), norm="bacth"), "generator.norm is 'bacth'.*batch, pixel, none"),
        (lambda: DiscriminatorSettings(((8, 3, 1),), judges=(1,)), r"discriminator.judges is \[1\].*from 0 to 0"),
        (lambda: Optimisation(adversarial="lsgan"), "optimisation.adversarial is 'lsgan'.*vanilla, least-squares"),
        (lambda: Optimisation(steps=5, epochs=5), "steps is 5 and optimisation.epochs is 5; expected is one"),
        (lambda: Optimisation(steps=None, epochs=None), "steps is nothing and .* is nothing; expected is one"),
        (lambda: Inputs(noise="yes"), "inputs.noise is 'yes'; expected is true or false"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_where_they_are_made(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize("kind", ["vanilla", "least-squares"])
def test_steps_of_the_default_bring_the_density_nearer(kind):
    net = Pix2Pix(tiny(adversarial=kind), seed=1)
    losses = [net.step(slices(4, 32, seed=number), number) for number in range(40)]
    assert np.mean([row["l1"] for row in losses[-5:]]) < 0.75 * np.mean([row["l1"] for row in losses[:5]])
    assert set(losses[0]) == {"discriminator", "adversarial", "l1", "traits"}


def test_at_no_pace_nothing_is_learned():
    net = Pix2Pix(tiny(), seed=1)
    before = [weight.clone() for weight in net.nets["generator"].parameters()]
    net.set_pace(0.0)
    net.step(slices(2, 32), 0)
    assert all(torch.equal(a, b) for a, b in zip(before, net.nets["generator"].parameters(), strict=True))
    net.set_pace(1.0)
    net.step(slices(2, 32), 1)
    assert not all(torch.equal(a, b) for a, b in zip(before, net.nets["generator"].parameters(), strict=True))


def test_the_window_is_invertible_and_clips():
    window = HUWindow(-1024, 576)
    hu = np.linspace(-1024, 576, 1601, dtype=np.float32)
    assert np.abs(window.decode(window.encode(hu)) - hu).max() < 1e-3
    assert window.encode(np.array([-3000, 3000])).tolist() == [-1, 1]
    for low, high in ((0, 0), (100, -100), (-5000, 100), (0, 9000)):
        with pytest.raises(InputError, match="window"):
            HUWindow(low, high)
