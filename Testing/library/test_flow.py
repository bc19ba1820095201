"""Flows of stationary velocity fields, against flows known on paper."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from SyntheticCTLib.morph import flow as flows
from SyntheticCTLib.morph.flow import Flow, flow, nodes, sample, transform

SHAPE = (22, 24, 26)
MIDDLE = (np.array(SHAPE) - 1) / 2
STILL = np.zeros((3, *SHAPE), np.float32)
NOTHING = np.zeros((4, 4))


def vortex(turn=np.pi / 2, reach=9.0):
    """A rotation in the (j, i) plane by up to `turn` that dies away with the radius; its flow is exact.

    A point at radius r turns by turn * exp(-(r / reach)^2) per unit of time: returns velocity and flow(points, t).
    """

    def parts(points):
        j, i = points[1] - MIDDLE[1], points[2] - MIDDLE[2]
        return j, i, turn * np.exp(-(j**2 + i**2) / reach**2)

    j, i, speed = parts(nodes(SHAPE).astype(float))
    velocity = np.stack([np.zeros_like(j), -speed * i, speed * j]).astype(np.float32)

    def moved(points, t):
        j, i, speed = parts(points)
        c, s = np.cos(speed * t), np.sin(speed * t)
        return np.stack([points[0], MIDDLE[1] + c * j - s * i, MIDDLE[2] + s * j + c * i])

    return velocity, moved


def waves(depth=3.0):
    """A smooth velocity that is no flow known on paper."""
    k, j, i = (nodes(SHAPE) - MIDDLE.reshape(3, 1, 1, 1)) / 6
    return (depth * np.stack([np.sin(j + 0.4) * np.cos(i), np.cos(k), np.sin(k - i)])).astype(np.float32)


def affine_generator():
    """An affine velocity that turns, stretches, shears and shifts."""
    generator = np.zeros((4, 4))
    generator[:3] = [[0.10, 0.30, 0.00, -2.0], [-0.25, -0.05, 0.10, 1.0], [0.05, 0.00, 0.15, 0.5]]
    return generator


def inner(values, margin=7):
    """Nodes whose way stays within the grid."""
    return values[(..., *(slice(margin, -margin),) * 3)]


def distances(a, b):
    return np.sqrt(((np.asarray(a, float) - b) ** 2).sum(axis=0))


def test_time_zero_is_the_identity_to_the_last_bit():
    result = flow(waves(), affine_generator(), 0.0)
    assert np.array_equal(result.affine, np.eye(4))
    assert not result.residual.any()
    assert np.array_equal(result.at_nodes(), nodes(SHAPE))


@pytest.mark.parametrize("t", [1.0, 0.37, -0.8])
def test_an_affine_velocity_flows_as_the_matrix_exponential(t):
    result = flow(STILL, affine_generator(), t)
    truth = expm(t * affine_generator())
    far = np.array([[-300.0, 40.0, 900.0], [5.0, -80.0, 7.0], [11.0, 2.0, -450.0]], np.float32)
    assert distances(result.at(far), transform(truth, far)).max() < 1e-3  # also far outside the grid
    assert np.allclose(result.determinant(), np.exp(t * np.trace(affine_generator())), rtol=1e-4)


@pytest.mark.parametrize("turn", [np.pi / 2, np.pi])
def test_a_vortex_turns_every_point_by_its_angle(turn):
    velocity, moved = vortex(turn)
    whole = flow(velocity, NOTHING, 1.0).at_nodes()
    truth = moved(nodes(SHAPE).astype(float), 1.0)
    assert np.abs(truth - nodes(SHAPE)).max() > 5  # the truth does move
    assert distances(whole, truth).mean() < 0.03 * turn**1.5  # what a grid of this coarseness allows
    backward = moved(nodes(SHAPE).astype(float), -1.0)
    assert distances(whole, backward).max() > 5  # the other direction is far off


def test_a_vortex_keeps_its_volume():
    velocity, _ = vortex(np.pi)
    determinant = inner(flow(velocity, NOTHING, 1.0).determinant(), 4)
    assert 0.85 < determinant.min()
    assert determinant.max() < 1.15
    assert abs(determinant.mean() - 1) < 0.03


def test_the_determinant_is_that_of_a_radial_shrinking_known_on_paper():
    a, reach = 0.3, 10.0
    gap = nodes(SHAPE).astype(float) - MIDDLE.reshape(3, 1, 1, 1)
    radius = np.sqrt((gap**2).sum(axis=0))
    velocity = -a * gap * np.maximum(1 - (radius / reach) ** 2, 0)
    found = flow(velocity.astype(np.float32), NOTHING, 1.0).determinant()

    def after(r):  # d r / d t = -a r (1 - r^2 / R^2), solved by separating the variables
        ratio = np.exp(-a) * r / np.sqrt(reach**2 - r**2)
        return reach * ratio / np.sqrt(1 + ratio**2)

    inside = (radius > 0.5) & (radius < 0.8 * reach)
    r = radius[inside]
    slope = (after(r + 1e-4) - after(r - 1e-4)) / 2e-4
    truth = slope * (after(r) / r) ** 2
    assert np.abs(found[inside] / truth - 1).mean() < 0.03
    assert np.ptp(truth) > 0.4


def test_going_to_s_and_on_by_t_is_going_to_s_plus_t():
    generator = affine_generator() / 4
    first, second, whole = (flow(waves(), generator, t) for t in (0.4, 0.35, 0.75))
    start = nodes(SHAPE)
    apart = inner(distances(second.at(first.at(start)), whole.at(start)))
    assert apart.mean() < 0.03
    assert inner(distances(whole.at(start), start)).mean() > 1.0


def test_going_back_undoes_going_forth():
    generator = affine_generator() / 4
    forth, back = flow(waves(), generator, 0.9), flow(waves(), generator, -0.9)
    start = nodes(SHAPE)
    assert inner(distances(back.at(forth.at(start)), start)).mean() < 0.05
    assert inner(distances(forth.at(start), start)).mean() > 1.0


def test_the_way_passes_through_its_middle():
    halves = []
    flow(waves(), affine_generator(), 0.8, on_half=halves.append)
    assert len(halves) == 1
    alone = flow(waves(), affine_generator(), 0.4)
    assert np.allclose(halves[0].affine, alone.affine)
    assert distances(halves[0].residual, alone.residual).mean() < 0.02


def test_fast_velocities_get_more_and_smaller_steps():
    assert flows.squarings_for(waves(0.0), 1.0) == flows.FEWEST_SQUARINGS
    slow, fast = flows.squarings_for(waves(20.0), 1.0), flows.squarings_for(waves(40.0), 1.0)
    assert fast == slow + 1
    assert np.abs(waves(40.0)).max() / 2**fast <= flows.FIRST_STEP
    assert flows.squarings_for(waves(40.0), -0.5) == slow


def test_fields_are_read_linearly_and_continue_with_their_edge():
    field = np.random.default_rng(0).normal(size=(2, 4, 5, 6)).astype(np.float32)
    points = np.array([[1.0, 1.5, -3.0, 9.0], [2.0, 2.0, 2.0, 9.0], [3.0, 3.0, 3.0, 9.0]], np.float32)
    read = sample(field, points)
    assert np.allclose(read[:, 0], field[:, 1, 2, 3], atol=1e-6)
    assert np.allclose(read[:, 1], (field[:, 1, 2, 3] + field[:, 2, 2, 3]) / 2, atol=1e-6)
    assert np.allclose(read[:, 2], field[:, 0, 2, 3], atol=1e-6)
    assert np.allclose(read[:, 3], field[:, 3, 4, 5], atol=1e-6)


def test_the_number_of_processors_does_not_change_a_bit(monkeypatch):
    results = []
    for processors in (1, 2, 7, 64):
        monkeypatch.setattr(flows, "thread_count", lambda n=processors: n)
        results.append(flow(waves(), affine_generator(), 0.7).residual)
    assert all(np.array_equal(result, results[0]) for result in results)


def test_a_grid_of_one_voxel_has_a_flow():
    result = flow(np.full((3, 1, 1, 1), 2.0, np.float32), NOTHING, 0.5)
    assert np.allclose(result.at(np.zeros((3, 1), np.float32)), 1.0)
    assert np.allclose(result.determinant(), 1.0)


def test_a_flow_is_read_the_same_at_its_nodes_and_between():
    result = flow(waves(), affine_generator(), 0.6)
    assert isinstance(result, Flow)
    assert np.allclose(result.at(nodes(SHAPE)), result.at_nodes(), atol=1e-4)
