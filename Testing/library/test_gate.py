"""The quality gate finds what is wrong with a deliberately bad morph, says so, and lets a good one pass."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
from known_morphs import NODULE, STILL, RadialPath, gentle, growth, torso, warp
from trunks import known_path, trunk

from SyntheticCTLib.images.labels import LabelLayer
from SyntheticCTLib.morph.gate import assess
from SyntheticCTLib.morph.thresholds import Thresholds
from SyntheticCTLib.morph.warping import morph


def judged(path, spoil=None, kernel=sitk.sitkBSpline3, **options):
    """The report on a morph along `path`, after `spoil(result)` has done something to it."""
    source, layers = torso()
    result = warp(source, layers, path, 1.0, kernel)
    if spoil:
        spoil(result)
    return assess(source, None, result, path, layers, **options)


def relabelled(result, number, change):
    """Change the array of one label layer of a result."""
    layer = result.layers[number]
    array = sitk.GetArrayFromImage(layer.image)
    change(array)
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(layer.image)
    result.layers[number] = LabelLayer(layer.name, image, layer.names)


def reason(report, word):
    return next((sentence for sentence in report.reasons if word in sentence), None)


@pytest.fixture(scope="module")
def good():
    return judged(gentle())


def test_a_good_morph_passes_without_a_word(good):
    assert good.verdict == "pass", good.reasons
    assert good.reasons == ()


def test_the_report_is_json_with_units_and_the_lines_it_was_drawn_by(good):
    data = json.loads(json.dumps(good.to_dict(), allow_nan=False))
    assert data["verdict"] == "pass"
    assert all(
        measure.keys() == {"value", "unit"} and measure["unit"] for measure in data["measures"].values()
    )
    assert data["measures"]["labels.lesions.nodule.volume_before"]["unit"] == "ml"
    assert data["thresholds"]["lesion_jacobian_low"] == 0.5


def test_the_same_morph_gives_the_same_report(good):
    assert judged(gentle()).to_dict() == good.to_dict()


def test_a_folding_field_is_rejected():
    path = RadialPath((20, 10, 0), lambda r: r + 60 * np.sin(2 * np.pi * np.minimum(r, 100) / 100))
    report = judged(path)
    assert report.verdict == "reject"
    assert reason(report, "folds")
    assert report.value("folds.percent") > 1


def test_one_fold_the_size_of_a_lesion_is_enough():
    def pull(r):
        return r + 6 * np.sin(2 * np.pi * np.minimum(r, 15) / 15)

    report = judged(RadialPath((-40.0, 0.0, 0.0), pull))
    assert report.verdict == "reject"
    assert reason(report, "folds")
    assert report.value("folds.percent") < 1


def test_a_shrunk_lesion_is_rejected():
    report = judged(RadialPath(NODULE, growth(0.6, 15, 80)))
    assert report.verdict == "reject"
    assert "nodule has 0.2" in reason(report, "another lesion")


def test_a_grown_lesion_is_rejected():
    report = judged(RadialPath(NODULE, growth(1.5, 15, 80)))
    assert report.verdict == "reject"
    assert "nodule has 3." in reason(report, "another lesion")


def test_a_lesion_of_which_only_a_part_is_deformed_is_remarked():
    edge = (NODULE[0] + 6, NODULE[1], NODULE[2])
    report = judged(RadialPath(edge, growth(1.6, 4, 60)))
    assert report.verdict == "warn"
    assert reason(report, "Parts of lesion lesions.nodule")


def test_a_lesion_that_left_its_organ_is_rejected():
    def into_the_spine(result):
        def move(array):
            array[:] = np.roll(array, (0, 35, -33), (0, 1, 2))

        relabelled(result, 1, move)

    report = judged(gentle(), into_the_spine)
    assert report.verdict == "reject"
    assert reason(report, "left its organ, organs.lung")


def test_the_organ_of_a_lesion_in_the_same_layer_is_what_surrounds_it():
    source, layers = torso()
    joined = sitk.GetArrayFromImage(layers[0].image)
    joined[sitk.GetArrayFromImage(layers[1].image) == 1] = 7
    image = sitk.GetImageFromArray(joined)
    image.CopyInformation(source)
    one = [LabelLayer("organs", image, {1: "lung", 2: "liver", 3: "spine", 7: "nodule"})]
    result = warp(source, one, gentle())
    assert assess(source, None, result, gentle(), one).value("labels.organs.nodule.organs_lost") == 0

    def swap_organ(array):
        array[array == 1] = 2

    relabelled(result, 0, swap_organ)
    report = assess(source, None, result, gentle(), one)
    assert reason(report, "Lesion organs.nodule left its organ, organs.lung")


def test_a_vanished_label_is_rejected():
    report = judged(
        gentle(), lambda result: relabelled(result, 0, lambda array: array.__setitem__(array == 2, 0))
    )
    assert report.verdict == "reject"
    assert reason(report, "Label organs.liver vanished")
    assert report.value("labels.vanished") == 1


def test_a_lost_layer_is_rejected():
    report = judged(gentle(), lambda result: result.layers.pop())
    assert reason(report, "Lesion lesions.nodule vanished")


def test_a_label_that_did_not_grow_with_its_body_is_found():
    source, layers = torso()
    path = gentle(40.0, (-45.0, 0.0, -40.0))
    report = judged(path, lambda result: result.layers.__setitem__(0, layers[0]))
    assert report.verdict == "reject"
    assert reason(report, "Label organs.liver has")


def test_a_lesion_in_two_parts_is_remarked():
    def cut(array):
        array[33 + 7] = 0

    def halve(result):
        relabelled(result, 1, cut)

    report = judged(STILL, halve)
    assert reason(report, "has 2 parts (before: 1)")


def test_a_twice_linear_image_is_rejected_for_its_noise():
    def twice(result):
        source, layers = torso()
        once = warp(source, layers, gentle(), 0.5, sitk.sitkLinear)
        result.image = warp(once.image, [], gentle(), 0.5, sitk.sitkLinear).image

    report = judged(gentle(), twice)
    assert report.verdict == "reject"
    assert report.value("noise.ratio") < 0.4
    assert reason(report, "smoother than a scan")


def test_a_smoothed_image_is_rejected_for_its_edges():
    def smooth(result):
        result.image = sitk.Cast(sitk.DiscreteGaussian(result.image, 9.0), sitk.sitkInt16)

    report = judged(gentle(), smooth)
    assert report.verdict == "reject"
    assert reason(report, "blurred")


def test_added_noise_is_remarked():
    def speckle(result):
        noisy = sitk.GetArrayFromImage(result.image) + np.random.default_rng(1).normal(
            0, 40, (68, 112, 150)
        )
        image = sitk.GetImageFromArray(noisy.astype(np.int16))
        image.CopyInformation(result.image)
        result.image = image

    assert reason(judged(gentle(), speckle), "cannot add noise")


def test_smear_by_an_extreme_stretch_is_rejected():
    report = judged(RadialPath((50.0, 0.0, 10.0), growth(8.0, 90, 140)))
    assert report.verdict == "reject"
    assert reason(report, "drawn out up to 8")
    assert reason(report, "smeared")


def test_a_body_that_runs_out_of_its_scan_is_rejected():
    report = judged(RadialPath((0.0, 0.0, 0.0), lambda r: r / 0.8, reach=2000.0))
    assert report.verdict == "reject"
    assert reason(report, "lay outside the source's scan")


def test_a_result_of_another_percentage_is_rejected():
    source, layers = torso()
    path = RadialPath((0.0, 0.0, 0.0), lambda r: r / 0.75, reach=2000.0)
    result = warp(source, layers, path, 0.0)
    result.t = 1.0
    assert reason(assess(source, None, result, path, layers), "do not belong together")


def test_nothing_moved_is_called_a_copy():
    report = judged(STILL)
    assert report.verdict == "warn"
    assert reason(report, "Nearly a copy of the source")


def test_a_caller_may_draw_the_lines_elsewhere():
    strict = dataclasses.replace(Thresholds(), noise_ratio_warn=0.95, noise_ratio_reject=0.9)
    report = judged(gentle(), thresholds=strict)
    assert report.verdict == "reject"
    assert report.thresholds["noise_ratio_warn"] == 0.95


def test_an_image_without_a_body_is_rejected_and_not_a_crash():
    source, layers = torso()
    air = source * 0 - 1024
    report = assess(air, None, warp(air, layers, gentle()), gentle())
    assert report.verdict == "reject"
    assert reason(report, "No body was found")


def test_a_single_slice_can_be_judged():
    source, _ = torso()
    thin = source[:, :, 30:31]
    report = assess(thin, None, warp(thin, [], STILL), STILL)
    assert report.verdict == "warn"
    assert report.value("outside.percent") == 0


def test_importing_the_gate_loads_no_heavy_library():
    code = (
        "import sys, SyntheticCTLib.morph.gate\n"
        "print([name for name in ('scipy', 'matplotlib', 'ants') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("grid", ["source", "fit"])
def test_the_ends_of_a_body_that_the_scan_cut_off_are_not_missed(grid):
    source, _ = trunk()
    path = known_path(source, source)
    report = assess(source, source, morph(source, path, 0.5, grid=grid), path, [])
    assert report.value("outside.percent") < 1
    assert report.value("body.agreement") > 0.95
    assert report.verdict == "pass"
