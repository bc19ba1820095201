"""The logarithm of a map, against velocities that are known."""

from __future__ import annotations

import numpy as np
import pytest
from test_flow import NOTHING, SHAPE, STILL, affine_generator, distances, inner, vortex, waves

from SyntheticCTLib.morph import logarithm as module
from SyntheticCTLib.morph.flow import flow, nodes
from SyntheticCTLib.morph.logarithm import logarithm

WHOLE = np.ones(SHAPE, bool)


def body():
    """The nodes that stay well within the grid."""
    mask = np.zeros(SHAPE, bool)
    inner(mask, 4)[...] = True
    return mask


def faded(velocity):
    """A velocity that dies away toward the border, as every registration's does."""
    gap = np.abs(nodes(SHAPE) - (np.reshape(SHAPE, (3, 1, 1, 1)) - 1) / 2)
    gap /= np.reshape(SHAPE, (3, 1, 1, 1)) / 2
    return (velocity * np.prod(np.cos(np.pi / 2 * np.minimum(gap, 1)) ** 2, axis=0)).astype(np.float32)


def plain_fixed_point(residual, generator, iterations):
    """Bossa and Olmos' iteration: the error at the end is added as it is."""
    velocity = residual.copy()
    for _ in range(iterations):
        velocity = velocity + residual - flow(velocity, generator, 1.0).residual
    return velocity


def test_the_flow_of_the_logarithm_is_the_map():
    truth = flow(faded(waves(7.0)), NOTHING, 1.0)
    fit = logarithm(truth.residual, NOTHING, body(), 12)
    again = flow(fit.velocity, NOTHING, 1.0)
    error = distances(again.residual, truth.residual)[body()]
    assert error.mean() < 0.02
    assert fit.mean_error == pytest.approx(error.mean(), rel=1e-3)
    assert fit.p99_error == pytest.approx(np.percentile(error, 99), rel=1e-3)


def test_the_logarithm_finds_the_velocity_itself():
    velocity = faded(waves(5.0))
    fit = logarithm(flow(velocity, NOTHING, 1.0).residual, NOTHING, body(), 15)
    assert distances(fit.velocity, velocity)[body()].mean() < 0.05
    assert distances(velocity, STILL)[body()].mean() > 1.0


def test_an_affine_part_is_taken_into_account():
    generator = affine_generator() / 4
    truth = flow(faded(waves(5.0)), generator, 1.0)
    fit = logarithm(truth.residual, generator, body(), 12)
    again = flow(fit.velocity, generator, 1.0)
    assert distances(again.at_nodes(), truth.at_nodes())[body()].mean() < 0.03


def test_a_still_map_has_no_velocity():
    fit = logarithm(STILL, NOTHING, WHOLE, 5)
    assert not fit.velocity.any()
    assert fit.mean_error == fit.p99_error == 0


def test_it_converges_better_than_the_plain_fixed_point():
    velocity, _ = vortex(np.pi * 0.8)
    residual = flow(velocity, NOTHING, 1.0).residual
    plain = flow(plain_fixed_point(residual, NOTHING, 8), NOTHING, 1.0).residual
    plain_error = distances(plain, residual)[body()].mean()
    fit = logarithm(residual, NOTHING, body(), 8)
    assert fit.mean_error < 0.1
    assert not fit.mean_error > plain_error / 3  # the plain one may run away to nan


def test_the_best_velocity_seen_is_returned():
    velocity, _ = vortex(np.pi)
    residual = flow(velocity, NOTHING, 1.0).residual
    errors = [logarithm(residual, NOTHING, body(), n) for n in (0, 1, 3, 8)]
    total = [fit.mean_error + fit.p99_error for fit in errors]
    assert total == sorted(total, reverse=True)
    assert total[-1] < total[0] / 3


def test_it_stops_once_the_fit_is_good_enough():
    residual = flow(faded(waves(4.0)), NOTHING, 1.0).residual
    badness = [logarithm(residual, NOTHING, body(), n).badness for n in range(4)]
    fit = logarithm(residual, NOTHING, body(), 30, good_enough=badness[1])
    assert fit.badness == badness[1] > 2 * badness[3]


def test_it_stops_where_an_iteration_gains_nothing(monkeypatch):
    calls = []
    monkeypatch.setattr(module, "flow", lambda *a, **k: calls.append(1) or flow(*a, **k))
    torn = flow(faded(waves(5.0)), NOTHING, 1.0).residual
    torn += np.random.default_rng(0).normal(0, 0.3, torn.shape).astype(np.float32)  # the flow of no velocity
    fit = logarithm(torn, NOTHING, body(), 40)
    assert len(calls) < 25
    assert 0 < fit.mean_error < 0.6


def test_a_good_start_saves_the_way():
    velocity = faded(waves(5.0))
    residual = flow(velocity, NOTHING, 1.0).residual
    given = velocity.copy()
    fit = logarithm(residual, NOTHING, body(), 0, start=given)
    assert fit.mean_error < 1e-4
    assert np.array_equal(given, velocity)  # what was handed in is not changed


def test_only_the_body_is_judged():
    residual = flow(faded(waves(5.0)), NOTHING, 1.0).residual
    torn = residual.copy()
    torn[:, :2] = np.random.default_rng(0).normal(0, 3, torn[:, :2].shape)  # outside the body, no flow ends there
    fit = logarithm(torn, NOTHING, body(), 12)
    assert fit.p99_error < 0.2
    assert np.isfinite(fit.velocity).all()


def test_a_body_that_is_nowhere_gives_a_finite_velocity():
    fit = logarithm(flow(waves(2.0), NOTHING, 1.0).residual, NOTHING, ~WHOLE, 3)
    assert np.isfinite(fit.velocity).all()


def test_a_map_that_folds_gives_a_finite_velocity():
    residual = np.zeros((3, *SHAPE), np.float32)
    residual[2] = 14 * np.sin(nodes(SHAPE)[2] / 2.5)  # slope below -1: no flow can do this
    fit = logarithm(residual, NOTHING, body(), 10)
    assert np.isfinite(fit.velocity).all()
    assert flow(fit.velocity, NOTHING, 1.0).determinant()[body()].min() > -0.5
