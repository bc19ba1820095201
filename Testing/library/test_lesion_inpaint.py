"""Painting: only masked voxels change, whatever the grid; seeds; many lesions; what is refused; warnings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from lesion_painters import SmoothPainter
from scipy import ndimage
from volumes import like, rotation, voxels

from SyntheticCTLib.errors import InputError, SyntheticCTError
from SyntheticCTLib.images import Geometry, LabelLayer, read_ct
from SyntheticCTLib.lesion.painting.inpaint import inpaint, paint_lesions
from SyntheticCTLib.lesion.painting.noise import eroded, noise_level
from SyntheticCTLib.lesion.painting.region import BodyOrder

PLAIN = Geometry((90, 80, 14), (0.7, 0.7, 2.5), (-30.0, 12.0, 100.0), tuple(np.eye(3).ravel()))


def chest(geometry: Geometry = PLAIN, sigma: float = 25.0, blur: float = 0.0, seed: int = 0) -> sitk.Image:
    """Lung, and soft tissue in the last quarter of the rows, with noise."""
    shape = geometry.size[::-1]
    grain = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    grain = ndimage.gaussian_filter(grain, (0, blur, blur))
    hu = np.where(np.arange(shape[1])[:, None] > 0.75 * shape[1], 40.0, -860.0) + sigma * grain / grain.std()
    image = sitk.GetImageFromArray(np.rint(hu).astype(np.int16))
    geometry.apply_to(image)
    return image


def ball(image: sitk.Image, center: tuple[float, float, float], radius: float) -> sitk.Image:
    """Mask of a ball; center: of its (continuous) voxel index i, j, k; radius in mm."""
    geometry = Geometry.of(image)
    index = np.indices(geometry.size[::-1])[::-1] - np.reshape(center, (3, 1, 1, 1))
    distance = np.tensordot(geometry.matrix()[:3, :3], index, 1)
    return like(image, ((distance**2).sum(axis=0) <= radius**2).astype(np.uint8))


def both(*masks: sitk.Image) -> sitk.Image:
    return like(masks[0], np.max([voxels(mask) for mask in masks], axis=0))


def assert_only_inside(before: sitk.Image, after: sitk.Image, mask: sitk.Image) -> None:
    changed = voxels(before) != voxels(after)
    assert not changed[voxels(mask) == 0].any()
    assert changed[voxels(mask) > 0].mean() > 0.9
    assert after.GetPixelID() == sitk.sitkInt16
    assert Geometry.of(after) == Geometry.of(before)


# --- only what is masked


def test_outside_the_mask_every_voxel_of_a_real_scan_stays_what_it_was(data):
    scan = read_ct(data / "volumes" / "CRLM-CT-1004.nii.gz").image
    mask = ball(scan, tuple(n / 2 for n in scan.GetSize()), 12)
    before = voxels(scan)
    painted = inpaint(scan, mask, SmoothPainter(), seed=1)
    assert_only_inside(scan, painted, mask)
    assert np.array_equal(voxels(scan), before)  # nor was the original touched


def test_values_that_no_painter_knows_survive_beside_a_lesion():
    image = chest()
    hu = voxels(image)
    hu[6, 30:34, 30:60] = 3071
    hu[7, 30:34, 30:60] = -3024
    image, mask = like(image, hu), ball(chest(), (45, 40, 7), 6)
    painted = voxels(inpaint(image, mask, SmoothPainter(level=9000)))
    outside = voxels(mask) == 0
    assert np.array_equal(painted[outside], hu[outside])
    assert painted[~outside].max() == 3071


def test_views_of_the_original_stay_what_they_are():
    image = chest()
    view, before = sitk.GetArrayViewFromImage(image), voxels(image)
    inpaint(image, ball(image, (45, 40, 7), 6), SmoothPainter())
    assert np.array_equal(view, before)


# --- grids


@pytest.mark.parametrize("code", ["RAI", "LPI", "PIR", "SLA", "ASR", "IRP"])
def test_the_order_in_which_voxels_are_stored_makes_no_difference(code):
    image = chest()
    mask = ball(image, (45, 40, 7), 6)
    expected = inpaint(image, mask, SmoothPainter(grain=5), seed=4)
    turned = inpaint(sitk.DICOMOrient(image, code), sitk.DICOMOrient(mask, code), SmoothPainter(grain=5), seed=4)
    assert np.array_equal(voxels(sitk.DICOMOrient(turned, "LPS")), voxels(expected))


@pytest.mark.parametrize("degrees", [(0, 0, 0), (12, -8, 35)])
def test_near_axial_voxels_are_used_as_they_are(degrees):
    image = chest(replace(PLAIN, direction=tuple(rotation(*degrees).ravel())))
    painter = SmoothPainter()
    assert_only_inside(image, inpaint(image, mask := ball(image, (45, 40, 7), 6), painter), mask)
    (seen,) = painter.seen
    assert np.isin(seen["hu"], voxels(image)).all()
    assert seen["mask"].sum() == voxels(mask).sum()


OTHER_GRIDS = {
    "oblique": Geometry((80, 80, 50), (0.8, 0.8, 1.2), (5.0, 6.0, 7.0), tuple(rotation(35, 10, 20).ravel())),
    "coarse": replace(PLAIN, size=(60, 60, 14), spacing=(1.6, 1.6, 2.5)),
    "fine": replace(PLAIN, size=(180, 170, 12), spacing=(0.3, 0.3, 2.5)),
    "oblong pixels": replace(PLAIN, spacing=(0.6, 0.9, 2.5)),
    "coronal": Geometry((80, 70, 16), (0.8, 0.8, 3.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 0, 1, 0, -1, 0)),
}


@pytest.mark.parametrize("name", OTHER_GRIDS)
def test_on_other_grids_the_region_is_resampled_and_the_lesion_lies_where_it_was_painted(name):
    image = chest(OTHER_GRIDS[name], sigma=10)
    geometry = Geometry.of(image)
    mask = ball(image, tuple((n - 1) / 2 for n in geometry.size), 9)
    painter = SmoothPainter()
    painting = paint_lesions(image, mask, painter)
    assert_only_inside(image, painting.image, mask)
    (seen,) = painter.seen
    core = voxels(ball(image, tuple((n - 1) / 2 for n in geometry.size), 5)) > 0
    assert voxels(painting.image)[core].mean() == pytest.approx(40, abs=8)
    in_plane = min(max(min(order_spacing(geometry)[1:]), 0.5), 0.95)
    volume = seen["mask"].sum() * in_plane**2 * order_spacing(geometry)[0]
    assert volume == pytest.approx(voxels(mask).sum() * np.prod(geometry.spacing), rel=0.1)


@pytest.mark.parametrize("degrees", [25, 34, 45])
def test_a_lesion_on_one_slice_of_an_oblique_scan_is_painted_whole(degrees):
    turn = np.radians(degrees)
    direction = (1, 0, 0, 0, np.cos(turn), -np.sin(turn), 0, np.sin(turn), np.cos(turn))
    image = sitk.Image(90, 90, 12, sitk.sitkInt16) - 800
    image.SetSpacing((0.7, 0.7, 5.0))
    image.SetDirection(direction)
    rows, columns = np.mgrid[:90, :90]
    voxels_of = np.zeros((12, 90, 90), np.uint8)
    voxels_of[6] = (rows - 45) ** 2 + (columns - 45) ** 2 < 12**2
    mask = sitk.GetImageFromArray(voxels_of)
    mask.CopyInformation(image)
    painted = voxels(inpaint(image, mask, _Constant()))[voxels_of > 0]
    assert (painted < -200).mean() < 0.05 and painted.mean() > -30  # with half as the limit: 26 %, -131


class _Constant(SmoothPainter):
    """Paints 40 HU from border to border."""

    def paint(self, hu, mask, seed=None, *, chain=True):
        return np.where(mask, 40, hu).astype(np.float32)


def order_spacing(geometry: Geometry) -> tuple[float, ...]:
    """mm along slices, rows, columns of the body."""
    return BodyOrder.of(geometry).spacing


def test_resampling_finds_the_places_it_should():
    """A scan whose HU are a linear function of the place comes out as that function on the region's grid."""
    geometry = OTHER_GRIDS["oblique"]
    matrix = geometry.matrix()
    index = np.indices(geometry.size[::-1])[::-1]
    place = np.tensordot(matrix[:3, :3], index, 1) + matrix[:3, 3].reshape(3, 1, 1, 1)
    image = sitk.GetImageFromArray(np.rint(10 * place[2] - 500).astype(np.int16))
    geometry.apply_to(image)
    painter = SmoothPainter()
    inpaint(image, ball(image, (40, 40, 25), 6), painter)
    hu = painter.seen[0]["hu"]
    assert np.abs(hu - hu[:, :1, :1])[:, 10:-10, 10:-10].max() < 1.5  # slices are level
    assert np.diff(hu[:, 20, 20]) == pytest.approx(12, abs=1)  # 1.2 mm apart


# --- extremes


def test_a_lesion_at_the_corner_of_the_volume():
    image = chest()
    mask = ball(image, (0, 0, 0), 8)
    painter = SmoothPainter()
    assert_only_inside(image, inpaint(image, mask, painter), mask)
    (seen,) = painter.seen
    hu = voxels(image)
    assert np.array_equal(seen["hu"][0, 20:40, 20:40], hu[0, :20, :20])
    assert np.array_equal(seen["hu"][0, 19::-1, 20], hu[0, :20, 0])  # mirrored


@pytest.mark.parametrize("slices", [1, 14])
def test_a_lesion_on_one_slice(slices):
    image = chest(replace(PLAIN, size=(90, 80, slices)))
    chosen = (np.arange(slices) == slices // 2)[:, None, None]
    mask = like(image, (voxels(ball(image, (45, 40, slices // 2), 6)) * chosen).astype(np.uint8))
    assert_only_inside(image, inpaint(image, mask, SmoothPainter()), mask)


@pytest.mark.parametrize("name", OTHER_GRIDS)
def test_a_lesion_of_one_voxel_or_one_slice_does_not_fall_through_another_grid(name):
    image = chest(OTHER_GRIDS[name])
    hu = np.zeros(image.GetSize()[::-1], np.uint8)
    hu[6, 30, 30] = 1
    hu[9, 30:40, 30:40] = 1
    painter = SmoothPainter()
    inpaint(image, like(image, hu), painter)
    assert [bool(seen["mask"].any()) for seen in painter.seen] == [True, True]


def test_a_lesion_far_larger_than_what_networks_are_trained_on():
    image = chest(replace(PLAIN, size=(360, 340, 3)))
    mask = ball(image, (180, 170, 1), 105)
    painter = SmoothPainter()
    assert_only_inside(image, inpaint(image, mask, painter), mask)
    assert painter.seen[0]["hu"].shape[1] > 320


def test_a_thousand_lesions():
    image = chest(replace(PLAIN, size=(200, 180, 20)))
    mask = np.zeros(image.GetSize()[::-1], np.uint8)
    for k in range(1, 20, 2):
        for j in range(10):
            mask[k, 5 + 12 * j : 7 + 12 * j, 5::20] = mask[k, 5 + 12 * j : 7 + 12 * j, 6::20] = 1
    painter = SmoothPainter()
    painting = paint_lesions(image, like(image, mask), painter)
    assert len(painting.lesions) == len(painter.seen) == 1000
    assert_only_inside(image, painting.image, like(image, mask))


# --- seeds


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_lesion():
    image = chest()
    mask = ball(image, (45, 40, 7), 6)
    first, again, other, likeliest = (voxels(inpaint(image, mask, SmoothPainter(), seed)) for seed in (1, 1, 2, None))
    inside = voxels(mask) > 0
    assert np.array_equal(first, again)
    assert not np.array_equal(first[inside], other[inside])
    assert not np.array_equal(first[inside], likeliest[inside])


@pytest.mark.parametrize("center", [(20, 20, 3), (45, 25, 7), (70, 60, 11)])
def test_another_lesion_does_not_alter_the_first_one(center):
    image = chest()
    mask, more = ball(image, (45, 40, 7), 6), ball(image, center, 4)
    alone = voxels(inpaint(image, mask, SmoothPainter(grain=9), seed=3))
    together = voxels(inpaint(image, both(mask, more), SmoothPainter(grain=9), seed=3))
    inside = voxels(mask) > 0
    assert np.array_equal(alone[inside], together[inside])


def test_two_lesions_of_one_shape_differ():
    image = chest(sigma=0.01)
    masks = [ball(image, center, 5) for center in ((25, 30, 7), (65, 30, 7))]
    painted = voxels(inpaint(image, both(*masks), SmoothPainter(), seed=3))
    first, second = (painted[voxels(mask) > 0] for mask in masks)
    assert abs(int(np.median(first)) - int(np.median(second))) > 0


# --- noise in whole scans


@pytest.mark.parametrize("name", ["plain", "oblique", "coarse"])
@pytest.mark.parametrize("blur", [0.0, 0.8])
def test_a_lesion_painted_without_noise_has_that_of_the_scan(name, blur):
    size = (96, 96, 10) if name != "oblique" else (90, 90, 26)
    geometry = replace({"plain": PLAIN, **OTHER_GRIDS}[name], size=size)
    image = chest(geometry, sigma=20, blur=blur)
    mask = voxels(ball(image, (48, 36, size[2] // 2), 15 * geometry.spacing[0])) > 0
    painting = paint_lesions(image, like(image, mask.astype(np.uint8)), SmoothPainter(level=-860))
    hu = voxels(painting.image)
    core = eroded(mask, 4)
    around = eroded(np.broadcast_to(np.arange(size[1])[:, None] < 0.6 * size[1], mask.shape) & ~mask, 3)
    ratio = np.divide(noise_level(hu, core), noise_level(hu, around))
    assert (0.85 < ratio).all() and (ratio < 1.2).all()


# --- what is refused, what is warned of


def test_masks_that_cannot_be_painted_are_refused():
    image = chest()
    with pytest.raises(InputError, match="empty"):
        inpaint(image, like(image, np.zeros(image.GetSize()[::-1], np.uint8)), SmoothPainter())
    elsewhere = ball(image, (45, 40, 7), 6)
    elsewhere.SetOrigin((0, 0, 0))
    with pytest.raises(InputError, match="another grid"):
        inpaint(image, elsewhere, SmoothPainter())
    with pytest.raises(InputError, match="no voxel has the label 7"):
        paint_lesions(image, ball(image, (45, 40, 7), 6), SmoothPainter(), values=[7])


def test_a_lesion_in_the_air_beside_the_patient_is_refused():
    hu = voxels(chest())
    hu[:, :, :40] = -1000
    image = like(chest(), hu)
    body = ball(image, (65, 65, 7), 5)
    with pytest.raises(InputError, match="outside the body"):
        inpaint(image, both(body, ball(image, (15, 40, 7), 5)), SmoothPainter())
    inpaint(image, body, SmoothPainter())


def test_an_image_that_is_no_ct_in_hu_is_refused():
    image = sitk.Cast(chest(), sitk.sitkFloat32)
    with pytest.raises(InputError, match="read_ct"):
        inpaint(image, ball(image, (45, 40, 7), 6), SmoothPainter())


def test_a_model_that_paints_no_numbers_writes_nothing():
    image = chest()
    with pytest.raises(SyntheticCTError, match="no numbers"):
        inpaint(image, ball(image, (45, 40, 7), 6), SmoothPainter(level=float("nan")))


def warnings(geometry: Geometry = PLAIN, center=(45, 35, 7), radius=5.0, **fields) -> str:
    image = chest(geometry)
    return " ".join(paint_lesions(image, ball(image, center, radius), SmoothPainter(fields=fields)).warnings)


def test_what_a_model_was_trained_on_is_not_warned_of():
    assert warnings() == ""


def test_a_scan_or_lesion_unlike_the_training_is_warned_of():
    assert "off axial" in warnings(OTHER_GRIDS["oblique"], center=(40, 30, 25))
    assert "1.60 x 1.60 mm" in warnings(OTHER_GRIDS["coarse"], center=(30, 25, 7))
    assert "2.50 mm apart" in warnings(spacing={"in_plane_mm": None, "slice_mm": [0.5, 2.0]})
    assert "not to lie in the lung" in warnings(center=(45, 75, 7), radius=2.0)
    assert "trained on 15 to 30 mm" in warnings(diameter_mm=[15, 30])


@pytest.mark.parametrize("region", ["soft-tissue", "soft_tissue", "Soft tissue", " soft  Tissue"])
def test_a_models_region_is_known_however_it_is_written(region):
    assert "not to lie in the" in warnings(region=region)
    assert "not to lie in the" not in warnings(region=region, center=(45, 75, 7), radius=2.0)


def test_only_the_chosen_labels_are_painted_and_progress_is_told():
    image = chest()
    labels = voxels(ball(image, (25, 30, 7), 5)) + 2 * voxels(ball(image, (65, 30, 7), 5))
    told = []
    layer = LabelLayer("segments", like(image, labels.astype(np.uint8)))
    painting = paint_lesions(image, layer, SmoothPainter(), values=[2], progress=lambda *what: told.append(what))
    assert [one.lesion.label for one in painting.lesions] == [2]
    assert_only_inside(image, painting.image, like(image, (labels == 2).astype(np.uint8)))
    assert told[-1] == ("painting", 1.0)


def test_slices_far_apart_are_not_chained():
    painter = SmoothPainter()
    image = chest(replace(PLAIN, spacing=(0.7, 0.7, 5.0)))
    inpaint(image, ball(image, (45, 40, 7), 8), painter)
    assert not painter.seen[0]["chain"]
