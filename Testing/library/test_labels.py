"""Label layers: unsigned, on the image's grid, named without a patient's name."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import SimpleITK as sitk
from volumes import GRIDS, ct, like, voxels

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import Geometry, LabelLayer, is_lesion, read_ct, read_layers

PLAIN = Geometry((20, 18, 16), (1.0, 1.0, 2.0), (-10.0, 5.0, 7.0), GRIDS["plain"].direction)


def blocks(grid=PLAIN, kind=np.uint8):
    """A map with label 1 (a block) and label 7 (a smaller one), away from the border."""
    values = np.zeros(grid.size[::-1], kind)
    values[4:10, 4:12, 4:12] = 1
    values[6:8, 6:10, 6:9] = 7
    image = sitk.GetImageFromArray(values)
    grid.apply_to(image)
    return image


def save(image, folder, name="labels.nii.gz"):
    path = folder / name
    sitk.WriteImage(image, str(path), useCompression=True)
    return path


def refusal(paths, reference) -> str:
    with pytest.raises(InputError) as caught:
        read_layers(paths, reference)
    return str(caught.value)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.uint32, np.float32, np.float64])
def test_whole_numbers_of_any_type_become_unsigned(tmp_path, kind):
    (layer,) = read_layers([save(blocks(kind=kind), tmp_path)], ct(PLAIN))
    assert layer.image.GetPixelID() == sitk.sitkUInt8
    assert np.array_equal(voxels(layer.image), voxels(blocks()))
    assert layer.values == (1, 7)
    assert Geometry.of(layer.image) == PLAIN
    assert layer.notes == ()
    assert layer.image.GetMetaDataKeys() == ()


def test_large_values_take_16_bits(tmp_path):
    image = blocks(kind=np.int32) * 9000
    (layer,) = read_layers([save(image, tmp_path)], ct(PLAIN))
    assert layer.image.GetPixelID() == sitk.sitkUInt16
    assert layer.values == (9000, 63000)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v - 1, "run from -1 to 6"),
        (lambda v: v * 0.3, "have fractions"),
        (lambda v: v * 10_000, "run from 0 to 70000"),
        (lambda v: np.where(v == 7, np.nan, v), "run from nan"),
        (lambda v: np.arange(v.size).reshape(v.shape), "5760 different values"),
    ],
    ids=["negative", "fractions", "too large", "NaN", "an image"],
)
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_what_is_no_label_map_is_refused(tmp_path, change, words, suffix):
    image = like(blocks(), change(voxels(blocks()).astype(np.float64)))
    path = save(image, tmp_path, "labels" + suffix)
    message = refusal([path], ct(PLAIN))
    assert words in message and str(path) in message


def test_a_ct_given_as_labels_is_refused(tmp_path):
    assert "an image given as labels" in refusal([save(ct(PLAIN), tmp_path)], ct(PLAIN))


def test_rounding_in_the_header_does_not_cause_resampling(tmp_path):
    rounded = dataclasses.replace(PLAIN, origin=(-10.001, 5.0004, 7.0))
    (layer,) = read_layers([save(blocks(rounded), tmp_path)], ct(PLAIN))
    assert Geometry.of(layer.image) == PLAIN
    assert layer.notes == ()


def test_a_finer_map_in_the_same_space_is_resampled(tmp_path):
    fine = Geometry((40, 36, 64), (0.5, 0.5, 0.5), (-10.25, 4.75, 6.25), PLAIN.direction)
    image = sitk.Resample(
        blocks(), fine.new_image(sitk.sitkUInt8), sitk.Transform(), sitk.sitkNearestNeighbor, 0
    )
    (layer,) = read_layers([save(image, tmp_path)], ct(PLAIN))
    assert np.array_equal(voxels(layer.image), voxels(blocks()))
    assert Geometry.of(layer.image) == PLAIN
    assert "resampled" in layer.notes[0]


@pytest.mark.parametrize("name", ["oblique", "flipped", "left-handed"])
def test_a_map_on_other_axes_lands_on_the_same_anatomy(tmp_path, name):
    turned = dataclasses.replace(GRIDS[name], size=(60, 60, 60), spacing=(0.9, 0.9, 0.9))
    center = (PLAIN.matrix() @ [9.5, 8.5, 7.5, 1])[:3]
    corner = np.reshape(turned.direction, (3, 3)) @ np.full(3, 0.9 * 29.5)
    turned = dataclasses.replace(turned, origin=tuple(center - corner))
    image = sitk.Resample(
        blocks(), turned.new_image(sitk.sitkUInt8), sitk.Transform(), sitk.sitkNearestNeighbor, 0
    )
    (layer,) = read_layers([save(image, tmp_path)], ct(PLAIN))
    found, expected = voxels(layer.image) > 0, voxels(blocks()) > 0
    assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) > 0.93
    assert layer.values == (1, 7)


def test_a_map_of_a_part_of_the_image_is_accepted_with_a_note(tmp_path):
    part = blocks()[3:14, 3:14, 3:12]
    (layer,) = read_layers([save(part, tmp_path)], ct(PLAIN))
    assert np.array_equal(voxels(layer.image), voxels(blocks()))
    assert "covers only about 20% of the image" in layer.notes[-1]  # 18.9 % from a lattice of points


def test_a_few_labels_outside_are_dropped_with_a_note_and_many_are_refused(tmp_path):
    grid = dataclasses.replace(PLAIN, size=(40, 18, 16))
    values = np.zeros(grid.size[::-1], np.uint8)
    values[4:10, 4:12, 10:30] = 1
    image = sitk.GetImageFromArray(values)
    grid.apply_to(image)
    path = save(image, tmp_path)
    one_of_20_outside = dataclasses.replace(PLAIN, size=(28, 18, 15), origin=(-9.0, 5.0, 7.0))
    four_of_20_outside = dataclasses.replace(PLAIN, size=(25, 18, 15), origin=(-9.0, 5.0, 7.0))
    (layer,) = read_layers([path], ct(one_of_20_outside))
    assert layer.notes[-1] == "5.0% of its labeled voxels lie outside the image and were dropped"
    message = refusal([path], ct(four_of_20_outside))
    assert "80% of its labeled voxels are inside" in message


def test_a_map_of_another_place_is_refused_with_both_geometries(tmp_path):
    far = dataclasses.replace(PLAIN, origin=(400.0, 5.0, 7.0))
    message = refusal([save(blocks(far), tmp_path)], ct(PLAIN))
    assert "lies elsewhere: 0%" in message
    assert f"labels: {far.describe()}" in message and f"image:  {PLAIN.describe()}" in message


def test_a_cropped_map_that_kept_the_origin_of_the_whole_is_refused(tmp_path):
    cropped = blocks()[:, :, 3:]
    cropped.SetOrigin(PLAIN.origin)
    assert "begins at the image's first voxel" in refusal([save(cropped, tmp_path)], ct(PLAIN))


def test_labels_lost_in_resampling_are_named(tmp_path):
    fine = dataclasses.replace(PLAIN, size=(100, 90, 160), spacing=(0.2, 0.2, 0.2), origin=(-9.9, 5.1, 7.1))
    values = np.zeros(fine.size[::-1], np.uint8)
    values[50:70, 40:60, 40:60] = 1
    values[51, 42, 42] = 9
    image = sitk.GetImageFromArray(values)
    fine.apply_to(image)
    (layer,) = read_layers([save(image, tmp_path)], ct(PLAIN))
    assert layer.values == (1,)
    assert layer.notes[-1] == "labels lost in resampling: 9"


def test_an_empty_map_is_a_layer_without_labels(tmp_path):
    (layer,) = read_layers([save(blocks() * 0, tmp_path)], ct(PLAIN))
    assert layer.values == ()


@pytest.mark.parametrize(
    ("file", "source", "name"),
    [
        ("example_ct_seg117.nii.gz", "example_ct", "layer1"),
        ("Doe_Jane-lobes.nrrd", "Doe_Jane.nii.gz", "lobes"),
        ("doe jane lung nodules.nii", "DOE.JANE CT", "lung_nodules"),
        ("12345678_lobes_20240131.nii.gz", "", "lobes"),
        ("MRN-123-456_rib_T12.nii.gz", "", "rib_T12"),
        ("mueller_anna_lungs_2024-03-12.nii.gz", "ct", "lungs"),
        ("12345678.nii.gz", "", "layer1"),
        ("ct.nii.gz", "ct.nii.gz", "layer1"),
        ("lungs.seg.nrrd", "ct", "lungs"),
    ],
)
def test_a_layer_is_named_after_what_does_not_identify_the_patient(tmp_path, file, source, name):
    (layer,) = read_layers([save(blocks(), tmp_path, file)], ct(PLAIN), source_name=source)
    assert layer.name == name


def test_an_explicit_name_wins_and_repeated_names_get_numbers(tmp_path):
    path = save(blocks(), tmp_path, "12345678.nii.gz")
    layers = read_layers([f"lobes={path}", path, f"lobes={path}", path, f"lobes={path}"], ct(PLAIN))
    assert [layer.name for layer in layers] == ["lobes", "layer1", "lobes2", "layer2", "lobes3"]


def test_an_equals_sign_in_a_path_is_part_of_it(tmp_path):
    assert read_layers([str(save(blocks(), tmp_path, "a=b.nii.gz"))], ct(PLAIN))[0].name == "layer1"


@pytest.mark.parametrize("name", ["", "a/b", "../up", "größe", "two words"])
def test_a_name_that_cannot_be_part_of_a_file_name_is_refused(tmp_path, name):
    assert "cannot name a layer" in refusal([f"{name}={save(blocks(), tmp_path)}"], ct(PLAIN))


def test_a_missing_file_is_refused_by_name(tmp_path):
    assert "there is no such file" in refusal([tmp_path / "none.nii.gz"], ct(PLAIN))


def slicer_segmentation(layers, **keys):
    """A volume with the header keys that Slicer writes; several layers become components."""
    image = layers[0] if len(layers) == 1 else sitk.Compose(layers)
    for key, value in keys.items():
        image.SetMetaData(key, value)
    return image


def test_a_slicer_segmentation_brings_its_names(tmp_path):
    image = slicer_segmentation(
        [blocks()],
        Segment0_Name="left lung",
        Segment0_LabelValue="1",
        Segment0_Layer="0",
        Segment1_Name="Doe 19480131",
        Segment1_LabelValue="7",
        Segment1_Layer="0",
        Segmentation_MasterRepresentation="Binary labelmap",
    )
    (layer,) = read_layers([save(image, tmp_path, "lungs.seg.nrrd")], ct(PLAIN))
    assert layer.names == {1: "left lung"}
    assert layer.values == (1, 7)


@pytest.mark.parametrize("name", ["GTV 03.05.24", "ID 123-456", "Anna Mueller nodule", "7", "größe", ""])
def test_a_segment_name_with_an_unknown_word_is_left_out(tmp_path, name):
    image = slicer_segmentation([blocks()], Segment0_Name=name, Segment0_LabelValue="1", Segment0_Layer="0")
    (layer,) = read_layers([save(image, tmp_path, "lungs.seg.nrrd")], ct(PLAIN))
    assert layer.names == {}
    assert any("no known terms" in note for note in layer.notes)
    assert name == "" or not any(name in note for note in layer.notes)


@pytest.mark.parametrize("name", ["left lung", "rib_right_12", "vertebrae_T12", "Nodule 3", "adrenal_gland_left"])
def test_a_segment_name_of_known_words_is_kept(tmp_path, name):
    image = slicer_segmentation([blocks()], Segment0_Name=name, Segment0_LabelValue="1", Segment0_Layer="0")
    (layer,) = read_layers([save(image, tmp_path, "lungs.seg.nrrd")], ct(PLAIN))
    assert layer.names == {1: name} and not any("no known terms" in note for note in layer.notes)


def test_a_name_and_its_path_may_come_apart(tmp_path):
    path = save(blocks(), tmp_path, "b=lungs.nii.gz")
    assert read_layers([("lobes", str(path)), (None, str(path))], ct(PLAIN))[0].name == "lobes"


def test_an_old_slicer_segmentation_counts_its_segments_from_one(tmp_path):
    image = slicer_segmentation([blocks()], Segment0_Name="body", Segment0_ID="a", Segment6_Name="nodule")
    (layer,) = read_layers([save(image, tmp_path, "old.seg.nrrd")], ct(PLAIN))
    assert layer.names == {1: "body", 7: "nodule"}


def test_layers_that_overlap_in_one_slicer_file_become_layers(tmp_path):
    lesion = blocks() == 7
    image = slicer_segmentation(
        [blocks() > 0, lesion],
        Segment0_Name="lung",
        Segment0_LabelValue="1",
        Segment0_Layer="0",
        Segment1_Name="tumor",
        Segment1_LabelValue="1",
        Segment1_Layer="1",
    )
    path = save(image, tmp_path, "chest.seg.nrrd")
    assert (
        b"list domain domain domain" in path.read_bytes()[:1000]
        or b"vector domain" in path.read_bytes()[:1000]
    )
    layers = read_layers([path], ct(PLAIN))
    assert [layer.name for layer in layers] == ["chest", "chest2"]
    assert [dict(layer.names) for layer in layers] == [{1: "lung"}, {1: "tumor"}]
    assert np.array_equal(voxels(layers[0].image), voxels(blocks() > 0))
    assert np.array_equal(voxels(layers[1].image), voxels(lesion))
    assert [is_lesion(layer, 1) for layer in layers] == [False, True]


@pytest.mark.parametrize(
    "name", ["lesions", "Tumour_core", "lung nodule", "metastases", "mass", "cysts", "TUMOR"]
)
def test_a_lesion_is_known_by_the_name_of_layer_or_label(name):
    assert is_lesion(LabelLayer(name, blocks()), 1)
    assert is_lesion(LabelLayer("labels", blocks(), {1: "liver", 7: name}), 7)
    assert not is_lesion(LabelLayer("labels", blocks(), {1: "liver", 7: name}), 1)


def test_the_real_segmentation_fits_its_scan(data):
    reference = read_ct(data / "small" / "example_ct.nii.gz").image
    (layer,) = read_layers([data / "small" / "example_ct_seg117.nii.gz"], reference, "example_ct.nii.gz")
    assert layer.name == "layer1" and len(layer.values) == 61 and layer.notes == ()


def test_the_real_segmentation_with_a_wrong_origin_is_refused_with_both_geometries(data):
    reference = read_ct(data / "small" / "example_ct.nii.gz").image
    message = refusal([data / "small" / "example_seg.nii.gz"], reference)
    assert "122 x 101 x 30 voxels" in message and "122 x 101 x 112 voxels" in message
    assert message.count("origin (177.956, -11.319, 94.302) mm") == 2


def test_the_real_segmentation_fits_the_cropped_scan_and_its_true_place_in_the_whole(data):
    cropped = read_ct(data / "small" / "example_ct_sm.nii.gz").image
    assert read_layers([data / "small" / "example_seg.nii.gz"], cropped)[0].notes == ()


def test_the_true_place_of_the_cropped_segmentation_is_accepted(data, tmp_path):
    reference = read_ct(data / "small" / "example_ct.nii.gz").image
    labels = sitk.ReadImage(str(data / "small" / "example_seg.nii.gz"))
    labels.SetOrigin(reference.TransformIndexToPhysicalPoint((0, 0, 82)))
    (layer,) = read_layers([save(labels, tmp_path)], reference)
    assert np.array_equal(voxels(layer.image)[82:], voxels(labels))
    assert any("covers only about 26% of the image" in note for note in layer.notes)
