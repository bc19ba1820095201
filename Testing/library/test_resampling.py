"""Reading a CT and its labels between the voxels: order 3, kept within the local range, labels by largest share."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from SyntheticCTLib.morph import resampling
from SyntheticCTLib.morph.resampling import ImageSampler, LabelSampler, Slab


def read(voxels, index):
    """HU and outside mask of a volume (K, J, I) at points (3, k, j, i) in voxels."""
    source = sitk.GetImageFromArray(voxels)
    image, outside = np.empty(index.shape[1:], np.int16), np.empty(index.shape[1:], np.uint8)
    ImageSampler(source).fill(image, outside, Slab(slice(0, len(image)), index.astype(np.float32)))
    return image, outside


def vote(voxels, index):
    """Labels at points (3, k, j, i) in voxels."""
    labels = np.empty(index.shape[1:], voxels.dtype)
    source = sitk.GetImageFromArray(voxels)
    LabelSampler(source).fill(labels, Slab(slice(0, len(labels)), index.astype(np.float32)))
    return labels


def within(shape, margin=0.0, count=(6, 7, 8), seed=0):
    """Random points in a volume of this shape, up to `margin` voxels beyond its outermost centers."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.uniform(-margin, n - 1 + margin, count) for n in shape])


def noise(shape=(24, 30, 32), deviation=60):
    return np.rint(np.random.default_rng(1).normal(0, deviation, shape)).astype(np.int16)


def shifted(shape, shift, margin=4):
    """The nodes of a volume, a margin away from its faces, moved by `shift` voxels."""
    nodes = np.indices(shape)[(slice(None), *(slice(margin, -margin),) * 3)]
    return nodes + np.reshape(shift, (3, 1, 1, 1)), nodes


# --- the image


def test_at_the_voxel_centers_it_gives_the_voxels():
    voxels = np.random.default_rng(0).integers(-1024, 3072, (5, 6, 7)).astype(np.int16)
    image, outside = read(voxels, np.indices(voxels.shape))
    assert np.array_equal(image, voxels)
    assert not outside.any()


def test_a_smooth_volume_is_read_as_by_an_order_three_spline():
    k, j, i = np.indices((16, 17, 18)) / 3.0
    voxels = np.rint(600 * np.sin(k) * np.cos(j) + 400 * np.sin(i + j)).astype(np.int16)
    points = within(voxels.shape, count=(10, 10, 10))
    spline = ndimage.map_coordinates(voxels.astype(float), points, order=3, mode="mirror")
    linear = ndimage.map_coordinates(voxels.astype(float), points, order=1)
    image, _ = read(voxels, points)
    assert np.abs(image - spline).mean() < 2  # rounding, and the clamp at the tops
    assert np.abs(linear - spline).mean() > 6  # linear is told apart


def test_a_step_edge_does_not_ring():
    voxels = np.full((8, 8, 20), -1000, np.int16)
    voxels[:, :, 10:] = 1200
    points = np.stack(np.meshgrid([3.3, 4.0], [2.0, 4.7], np.linspace(0, 19, 400), indexing="ij"))
    image, _ = read(voxels, points)
    assert (image.min(), image.max()) == (-1000, 1200)
    spline = ndimage.map_coordinates(voxels.astype(float), points, order=3, mode="mirror")
    assert spline.min() < -1100 and spline.max() > 1300  # without the clamp it would


def test_every_value_lies_within_its_eight_voxels():
    voxels = noise((7, 8, 9), 700)
    points = within(voxels.shape)
    image, _ = read(voxels, points)
    low = np.minimum(points.astype(int), np.reshape(voxels.shape, (3, 1, 1, 1)) - 2)
    corners = np.stack([voxels[tuple(low + np.reshape(c, (3, 1, 1, 1)))] for c in itertools.product((0, 1), repeat=3)])
    assert (image >= corners.min(axis=0)).all()
    assert (image <= corners.max(axis=0)).all()


def test_the_scale_of_ct_is_never_left():
    voxels = np.where(noise((8, 8, 8)) > 0, 3071, -1024).astype(np.int16)
    image, _ = read(voxels, within(voxels.shape))
    assert image.min() >= -1024
    assert image.max() <= 3071


@pytest.mark.parametrize(
    ("shift", "kept"),
    [((0.5, 0, 0), 0.80), ((0, 0.5, 0), 0.80), ((0, 0.5, 0.5), 0.70), ((0.5, 0.5, 0.5), 0.62), ((0.25,) * 3, 0.77)],
)
def test_noise_survives_a_shift(shift, kept):
    voxels = noise()
    points, nodes = shifted(voxels.shape, shift)
    image, _ = read(voxels, points)
    ratio = image.std() / voxels[tuple(nodes)].std()
    linear = ndimage.map_coordinates(voxels.astype(float), points, order=1).std() / voxels.std()
    assert kept < ratio < 1
    assert ratio > linear * 1.15


def test_the_clamp_costs_hardly_any_noise():
    voxels = noise((32, 32, 32))
    axis = np.linspace(0, 1, 24)
    k, j, i = np.meshgrid(axis, axis, axis, indexing="ij")
    points = np.indices((24, 24, 24)) + 3 + np.stack([2.3 * k + j, 1.7 * j - i, 1.9 * i - 1.1 * k])
    image, _ = read(voxels, points)
    free = ndimage.map_coordinates(voxels.astype(float), points, order=3, mode="mirror")
    assert image.std() > 0.97 * free.std()
    assert image.std() > 0.78 * voxels.std()


def test_half_a_voxel_beyond_the_last_centers_the_scan_ends():
    voxels = np.full((4, 5, 6), 100, np.int16)
    for axis, length in enumerate(voxels.shape):
        for place, missing in ((-0.51, 1), (-0.49, 0), (length - 0.51, 0), (length - 0.49, 1), (1e6, 1), (-1e6, 1)):
            point = np.full((3, 1, 1, 1), 2.0)
            point[axis] = place
            image, outside = read(voxels, point)
            assert outside[0, 0, 0] == missing
            assert image[0, 0, 0] == (-1024 if missing else 100)


def test_a_slab_that_lies_outside_altogether_is_air():
    image, outside = read(noise((6, 6, 6)), np.full((3, 2, 3, 4), 50.0))
    assert (image == -1024).all()
    assert outside.all()


def test_padding_alone_is_read_as_padding():
    image, outside = read(np.full((6, 6, 6), -1024, np.int16), within((6, 6, 6)))
    assert (image == -1024).all()
    assert not outside.any()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 20, 20), (20, 1, 3), (2, 2, 2), (3, 3, 3), (1, 1, 9)])
def test_thin_and_tiny_volumes_are_read(shape):
    voxels = np.random.default_rng(2).integers(-1000, 2000, shape).astype(np.int16)
    image, outside = read(voxels, np.indices(shape))
    assert np.array_equal(image, voxels)
    image, outside = read(voxels, within(shape, margin=0.4))
    assert not outside.any()
    assert image.min() >= voxels.min() and image.max() <= voxels.max()
    labels = (voxels > 0).astype(np.uint8) * 7
    assert np.array_equal(vote(labels, np.indices(shape)), labels)
    assert set(np.unique(vote(labels, within(shape, margin=0.4)))) <= {0, 7}


def test_threads_and_bands_change_no_voxel(monkeypatch):
    voxels = noise((12, 40, 15), 400)
    labels = np.random.default_rng(3).integers(0, 5, voxels.shape).astype(np.uint8)
    points = within(voxels.shape, margin=2, count=(3, 50, 20))
    whole = read(voxels, points), vote(labels, points)
    for processors, lines in ((1, 7), (5, 1), (3, 1000)):
        monkeypatch.setattr(resampling, "thread_count", lambda n=processors: n)
        monkeypatch.setattr(resampling, "BAND_LINES", lines, raising=False)
        again = read(voxels, points), vote(labels, points)
        assert np.array_equal(whole[0][0], again[0][0])
        assert np.array_equal(whole[0][1], again[0][1])
        assert np.array_equal(whole[1], again[1])


def test_a_sampler_outlives_the_image_it_was_made_of():
    voxels = noise((20, 64, 64))
    sampler, labels = ImageSampler(sitk.GetImageFromArray(voxels)), LabelSampler(sitk.GetImageFromArray(voxels % 3))
    _clutter = [sitk.Image([64, 64, 20], sitk.sitkInt16) + 77 for _ in range(20)]
    index = np.indices(voxels.shape).astype(np.float32)
    image, outside = np.empty(voxels.shape, np.int16), np.empty(voxels.shape, np.uint8)
    sampler.fill(image, outside, Slab(slice(0, 20), index))
    assert np.array_equal(image, voxels)
    found = np.empty(voxels.shape, np.int16)
    labels.fill(found, Slab(slice(0, 20), index))
    assert np.array_equal(found, voxels % 3)


def test_copies_of_the_image_that_come_and_go_do_no_harm():
    voxels = noise((20, 64, 64))
    source = sitk.GetImageFromArray(voxels)
    sampler = ImageSampler(source)
    copy = sitk.Image(source)
    sitk.GetArrayViewFromImage(source)  # SimpleITK now gives one of the two other memory
    del copy
    _clutter = [sitk.Image([64, 64, 20], sitk.sitkInt16) + 77 for _ in range(20)]
    image, outside = np.empty(voxels.shape, np.int16), np.empty(voxels.shape, np.uint8)
    sampler.fill(image, outside, Slab(slice(0, 20), np.indices(voxels.shape).astype(np.float32)))
    assert np.array_equal(image, voxels)


# --- the labels


def brute_force(voxels, points):
    """The label with the largest tri-linear share, by resampling a mask of each."""
    values = np.unique(voxels)
    shares = [
        ndimage.map_coordinates((voxels == v).astype(float), points, order=1, mode="nearest") for v in values
    ]
    best = np.sort(shares, axis=0)
    clear = best[-1] - best[-2] > 1e-4 if len(values) > 1 else np.ones(points.shape[1:], bool)
    return values[np.argmax(shares, axis=0)], clear


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_label_with_the_largest_share_wins(dtype):
    voxels = np.random.default_rng(4).integers(0, 5, (7, 8, 9)).astype(dtype) * (60 if dtype is np.uint8 else 9000)
    points = within(voxels.shape, margin=0.45, count=(9, 10, 11))
    truth, clear = brute_force(voxels, points)
    assert clear.mean() > 0.95
    assert np.array_equal(vote(voxels, points)[clear], truth[clear])


def test_the_vote_is_not_the_nearest_voxel():
    voxels = np.random.default_rng(5).integers(0, 3, (7, 8, 9)).astype(np.uint8)
    points = within(voxels.shape, count=(9, 10, 11))
    nearest = ndimage.map_coordinates(voxels, points, order=0)
    assert (vote(voxels, points) != nearest).mean() > 0.02


def test_outside_the_scan_there_is_no_label():
    assert not vote(np.full((4, 4, 4), 3, np.uint8), np.full((3, 1, 1, 1), 4.0)).any()
    assert vote(np.full((4, 4, 4), 3, np.uint8), np.full((3, 1, 1, 1), 3.4)).all()
