"""The measures of the quality gate against deformations, bodies and noise whose truth is known on paper."""

import numpy as np
import pytest
import SimpleITK as sitk
from known_morphs import NODULE, STILL, RadialPath, Result, gentle, growth, torso, warp

from SyntheticCTLib.images.labels import LabelLayer
from SyntheticCTLib.morph.body import axial_axis, body_mask, shrunk
from SyntheticCTLib.morph.measures import compare, deformation, label_changes, noise, similarity, smear


def uniform(factor):
    """Everything grows by `factor` in length about the middle."""
    return RadialPath((0.0, 0.0, 0.0), lambda r: r / factor, reach=2000.0)


def measured(path, t=1.0):
    source, layers = torso()
    result = warp(source, layers, path, t)
    return compare(source, None, result, path), result


def values(measures):
    return {name: value for name, (value, _) in measures.items()}


def change_of(title, path, result=None):
    source, layers = torso()
    result = result or warp(source, layers, path)
    changes = label_changes(compare(source, None, result, path), layers, result.layers)
    return next(change for change in changes if change.title == title)


def flat(seed, size=(96, 96, 12), sigma=20.0):
    """Soft tissue that is nothing but white noise."""
    noisy = np.random.default_rng(seed).normal(60, sigma, size[::-1])
    return sitk.GetImageFromArray(np.rint(noisy).astype(np.int16))


# --- body -----------------------------------------------------------------------------------------------


def test_the_body_holds_its_lungs_but_neither_table_nor_blanket():
    source, layers = torso()
    array = sitk.GetArrayFromImage(source)
    array[:, 108:110, 10:140] = 200  # a table top behind the back
    array[:, 2, 30:120] = -100  # a blanket above the chest
    scan = sitk.GetImageFromArray(array)
    scan.CopyInformation(source)
    found = sitk.GetArrayFromImage(body_mask(scan)) > 0
    alone = sitk.GetArrayFromImage(body_mask(source)) > 0
    assert found[sitk.GetArrayFromImage(layers[0].image) == 1].all()
    assert not found[:, 108:110, 20:50].any() and not found[:, 2].any()
    assert 2 * (found & alone).sum() / (found.sum() + alone.sum()) > 0.99


def test_the_body_is_the_same_when_the_axes_are_permuted_and_flipped():
    source, _ = torso()
    turned = sitk.Flip(sitk.PermuteAxes(source, [2, 0, 1]), [True, False, True])
    assert axial_axis(source) == 2 and axial_axis(turned) == 0
    back = sitk.Resample(body_mask(turned), source, sitk.Transform(), sitk.sitkNearestNeighbor)
    one, other = sitk.GetArrayFromImage(back) > 0, sitk.GetArrayFromImage(body_mask(source)) > 0
    assert 2 * (one & other).sum() / (one.sum() + other.sum()) > 0.98


def test_nothing_but_air_has_no_body():
    air = sitk.Image(20, 20, 20, sitk.sitkInt16) - 1024
    assert not sitk.GetArrayFromImage(body_mask(air)).any()


def test_shrinking_keeps_the_place_of_things():
    source, _ = torso()
    small = shrunk(source)
    assert small.GetSize() == (75, 56, 68)  # 1.6 mm go in pairs, 2 mm stay: 3 mm are wanted
    middle = small.TransformIndexToPhysicalPoint((37, 28, 34))
    assert source.TransformPhysicalPointToContinuousIndex(middle) == pytest.approx((74.5, 56.5, 34))


# --- deformation ----------------------------------------------------------------------------------------


def test_uniform_growth_has_the_jacobian_and_the_stretch_of_the_textbook():
    c, _ = measured(uniform(1.25))
    found = values(deformation(c))
    for name in ("jacobian.min", "jacobian.p01", "jacobian.p99", "jacobian.max"):
        assert found[name] == pytest.approx(1.25**-3, rel=1e-3)
    assert found["stretch.p99"] == pytest.approx(1.25, rel=1e-3)
    assert found["folds.voxels"] == 0


def test_a_shrunk_body_leaves_a_gap_of_known_size():
    c, _ = measured(uniform(0.8))
    found = values(deformation(c))
    # The scan shrinks to 80 %; the body goes on beyond its ends, so one fifth of it is missing.
    assert found["outside.percent"] == pytest.approx(20.0, abs=1.5)


def test_displacement_leaves_the_pose_out():
    class Posed(RadialPath):
        def field(self, t, geometry, grid="source"):
            field = super().field(t, geometry)
            return field + 30.0 if grid == "target" else field

    path = Posed((0.0, 0.0, 0.0), lambda r: r)
    source, layers = torso()
    result = warp(source, layers, path)
    result.grid = "target"
    assert values(deformation(compare(source, None, result, path)))["displacement.mean"] == pytest.approx(
        0, abs=1e-4
    )


def test_a_result_that_does_not_belong_to_the_path_has_its_body_elsewhere():
    source, layers = torso()
    right = warp(source, layers, uniform(0.8))
    good = values(deformation(compare(source, None, right, uniform(0.8))))["body.agreement"]
    inverted = values(deformation(compare(source, None, right, uniform(1.25))))["body.agreement"]
    assert good > 0.98
    assert inverted < 0.85


# --- labels ---------------------------------------------------------------------------------------------


def test_the_foretold_volume_is_the_integral_of_the_jacobian():
    change = change_of("lesions.nodule", uniform(1.1))
    assert change.factor_mean == pytest.approx(1.1**3, rel=1e-3)
    assert change.foretold == pytest.approx(1.1**3 * change.before, rel=1e-3)
    liver = change_of("organs.liver", gentle(14.0))
    assert liver.foretold == pytest.approx(liver.after, rel=0.02)
    assert abs(liver.foretold / liver.before - 1) > 0.05  # it did change


def test_what_is_pushed_off_the_grid_is_not_missed():
    change = change_of("organs.spine", uniform(1.25))
    # The spine runs through all slices; grown to 125 %, one fifth of its length leaves the scan.
    assert change.cut_percent == pytest.approx(20, abs=2.5)
    assert change.after == pytest.approx(change.foretold, rel=0.03)


def test_parts_are_counted_and_specks_are_not():
    source, layers = torso()
    result = warp(source, layers, STILL)
    array = sitk.GetArrayFromImage(result.layers[1].image)
    array[50:54, 40:44, 40:44] = 1  # a second piece of 328 mm3
    array[5, 5, 5] = 1  # a speck of 5 mm3
    split = sitk.GetImageFromArray(array)
    split.CopyInformation(source)
    result.layers[1] = LabelLayer("lesions", split, layers[1].names)
    change = change_of("lesions.nodule", STILL, result)
    assert (change.parts_before, change.parts_after) == (1, 2)


def test_both_lungs_are_two_parts_also_when_counted_coarsely(monkeypatch):
    monkeypatch.setattr("SyntheticCTLib.morph.measures.labels.FINE_BOX_VOXELS", 1000)
    change = change_of("organs.lung", STILL)
    assert (change.parts_before, change.parts_after) == (2, 2)


def test_labels_without_a_name_of_their_own_are_called_by_their_value():
    source, layers = torso()
    plain = [LabelLayer("organs", layers[0].image, {1: "lung", 2: "lung"})]
    c = compare(source, None, warp(source, plain, STILL), STILL)
    assert [change.title for change in label_changes(c, plain, plain)] == [
        "organs.1",
        "organs.2",
        "organs.3",
    ]


# --- texture --------------------------------------------------------------------------------------------


def test_noise_is_measured_in_hu():
    before, after = noise(flat(1, sigma=20), flat(2, sigma=10))
    # Of white noise, taking away a 2-D Gaussian mean of 1.5 voxels leaves 1 - 2 g + g / 2 of the variance, where
    # g = 1 / (2 pi 1.5^2) is the weight of the center.
    weight = 1 / (2 * np.pi * 1.5**2)
    assert before == pytest.approx(20 * np.sqrt(1 - 1.5 * weight), rel=0.02)
    assert after / before == pytest.approx(0.5, rel=0.05)


def test_noise_ratio_tells_linear_from_cubic_resampling():
    source = flat(3, size=(128, 128, 24))
    shift = sitk.TranslationTransform(3, (0.37, 0.41, 0.29))
    ratios = []
    for kernel in (sitk.sitkBSpline3, sitk.sitkLinear):
        before, after = noise(source, sitk.Resample(source, source, shift, kernel, 60))
        ratios.append(after / before)
    assert 0.6 < ratios[0] < 0.9  # a shift of about half a voxel in all directions is the worst case
    assert ratios[1] < 0.5


def test_without_soft_tissue_no_noise_is_made_up():
    air = sitk.Image(40, 40, 10, sitk.sitkInt16) - 1000
    assert noise(air, air) == (None, None)


def test_an_untouched_image_keeps_all_its_edges():
    source, layers = torso()
    result = Result(source, layers, source * 0)
    found = smear(compare(source, None, result, STILL), layers)
    assert found.sharpness == pytest.approx(1.0)
    assert found.kept == pytest.approx(np.ones(len(found.kept)))
    assert found.kept_by_label[(0, 1)] == pytest.approx(1.0)


def test_doubling_the_size_halves_the_edges_but_is_no_blur():
    c, _ = measured(uniform(2.0))
    found = smear(c)
    # The source's edges are 1 to 2 voxels wide, so a central difference sees a little more than half.
    assert 0.45 < np.median(found.kept) < 0.75
    assert found.sharpness > 0.97


def test_blur_shows_as_blur_where_nothing_was_stretched():
    source, layers = torso()
    result = warp(source, layers, STILL)
    result.image = sitk.Cast(sitk.DiscreteGaussian(source, 9.0), sitk.sitkInt16)
    found = smear(compare(source, None, result, STILL))
    assert found.sharpness < 0.7


def test_the_label_that_is_drawn_out_is_the_one_that_loses_its_edges():
    path = RadialPath(NODULE, growth(2.5, 40, 90))
    c, result = measured(path)
    kept = smear(c, result.layers).kept_by_label
    assert kept[(1, 1)] < 0.6  # the nodule
    assert kept[(0, 2)] > 0.9  # the liver, far away


# --- similarity -----------------------------------------------------------------------------------------


def test_a_copy_is_like_its_source_and_target_is_compared_in_the_pose_of_the_result():
    source, layers = torso()
    shift = (12.0, -6.0, 4.0)
    target = sitk.Image(source)
    target.SetOrigin([o + s for o, s in zip(source.GetOrigin(), shift, strict=True)])
    pose = np.eye(4)
    pose[:3, 3] = [-s for s in shift]
    path = gentle(pose=pose)
    found = values(similarity(compare(source, target, warp(source, layers, path, 0.0), path)))
    assert found["similarity.source"] == pytest.approx(1.0, abs=1e-3)
    assert found["similarity.target"] == pytest.approx(1.0, abs=1e-3)
    assert found["difference.source"] < 2
    moved = values(similarity(compare(source, target, warp(source, layers, path), path)))
    assert moved["similarity.source"] < 0.9


def test_without_a_target_there_is_no_similarity_to_it():
    c, _ = measured(gentle())
    assert similarity(c)["similarity.target"] == (None, "NCC")
