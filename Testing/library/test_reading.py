"""Reading CT volumes from files: what they come to, and what is refused with which words."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from volumes import GRIDS, ct, like, voxels

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import Geometry, read_ct
from SyntheticCTLib.images.files import open_volume

FORMATS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
QFORM_CODE, SFORM_CODE, SROW_X, SLOPE = 252, 254, 280, 112
"""Offsets in a NIfTI-1 header (nifti1.h)."""


def save(image, folder, name="ct.nii.gz"):
    path = folder / name
    sitk.WriteImage(image, str(path), useCompression=not name.endswith(".nii"))
    return path


def patch_header(path, *edits):
    """Overwrite fields of an uncompressed NIfTI header: (offset, struct format, values...)."""
    raw = bytearray(path.read_bytes())
    for offset, kind, *values in edits:
        struct.pack_into("<" + kind, raw, offset, *values)
    path.write_bytes(raw)
    return path


def refusal(path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_ct(path, **options)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_every_format_keeps_voxels_and_place(tmp_path, grid, suffix):
    original = ct(grid)
    image, notes = read_ct(save(original, tmp_path, "ct" + suffix))
    assert np.array_equal(voxels(image), voxels(original))
    assert image.GetPixelID() == sitk.sitkInt16
    assert np.abs(Geometry.of(image).corners() - grid.corners()).max() < 1e-4
    assert notes == ()


def test_a_path_may_hold_spaces_and_any_letters(tmp_path):
    folder = tmp_path / "Lunge (größer) 肺 Ω"
    folder.mkdir()
    original = ct()
    for suffix in FORMATS:
        image, _ = read_ct(save(original, folder, "Aufnahme ä é " + suffix))
        assert np.array_equal(voxels(image), voxels(original))


@pytest.mark.parametrize("depth", [-2000, -3024, -32768])
def test_padding_of_any_depth_becomes_air(tmp_path, depth):
    values = voxels(ct())
    values[:, :2] = depth
    image, notes = read_ct(save(like(ct(), values), tmp_path))
    assert set(voxels(image)[:, :2].ravel()) == {-1024}
    assert np.array_equal(voxels(image)[:, 2:], values[:, 2:])
    assert len(notes) == 1 and "126 voxels of padding" in notes[0] and str(depth) in notes[0]


def test_values_beyond_the_range_are_clamped_and_counted(tmp_path):
    values = voxels(ct()).astype(np.int32)
    values[0, 0, :4] = [-1030, -1025, 3072, 40_000]
    image, notes = read_ct(save(like(ct(), values), tmp_path))
    assert voxels(image)[0, 0, :4].tolist() == [-1024, -1024, 3071, 3071]
    assert notes == (
        "2 voxels just below air were raised to -1024 HU",
        "2 voxels above 3071 HU (up to 40000) were lowered to it",
    )


def test_fractions_are_rounded(tmp_path):
    values = voxels(ct()).astype(np.float32)
    values[0, 0, :3] = [10.4, -10.6, 11.5]
    image, _ = read_ct(save(like(ct(), values), tmp_path))
    assert voxels(image)[0, 0, :3].tolist() == [10, -11, 12]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_few_voxels_that_are_not_numbers_become_air(tmp_path, suffix, kind):
    values = voxels(ct()).astype(kind)
    values[0, 0, :3] = [np.nan, np.inf, -np.inf]
    image, notes = read_ct(save(like(ct(), values), tmp_path, "ct" + suffix))
    assert voxels(image)[0, 0, :3].tolist() == [-1024] * 3
    assert "3 voxels that were not numbers" in notes[0]


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_a_volume_that_is_mostly_not_numbers_is_refused(tmp_path, suffix):
    values = voxels(ct()).astype(np.float32)
    values[:4] = np.nan
    path = save(like(ct(), values), tmp_path, "ct" + suffix)
    assert "57% of its voxels are not numbers" in refusal(path)


def test_rescale_in_a_nifti_header_is_applied(tmp_path):
    stored = (voxels(ct()).astype(np.int32) + 1024).astype(np.int16)
    path = patch_header(save(like(ct(), stored), tmp_path, "ct.nii"), (SLOPE, "2f", 1.0, -1024.0))
    assert np.array_equal(voxels(read_ct(path).image), voxels(ct()))


def test_an_intercept_without_a_slope_is_refused(tmp_path):
    path = patch_header(save(ct(), tmp_path, "ct.nii"), (SLOPE, "2f", 0.0, -1024.0))
    assert "slope 0" in refusal(path)


def test_metadata_of_the_file_do_not_come_along(tmp_path):
    original = ct()
    original.SetMetaData("patient", "DOE^JANE")
    image, _ = read_ct(save(original, tmp_path, "ct.nrrd"))
    assert image.GetMetaDataKeys() == ()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.arange(504) % 256, "8-bit gray values"),
        (np.arange(504) * 8, "without their rescale intercept"),
        (np.arange(504) / 504 * 2 - 1, "looks normalized"),
        (np.full(504, -1000), "every voxel has the value -1000"),
        (np.full(504, -3000) + np.arange(504), "all below air"),
    ],
    ids=["0 to 255", "no intercept", "normalized", "constant", "intercept twice"],
)
@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float32])
def test_what_cannot_be_hounsfield_units_is_refused(tmp_path, values, words, kind):
    if words == "looks normalized" and kind != np.float32:
        values = values * 3
    image = like(ct(), values.reshape(7, 8, 9).astype(kind))
    assert words in refusal(save(image, tmp_path))


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_an_8_bit_image_is_refused_with_the_reason(tmp_path, kind):
    image = like(ct(), (np.arange(504) % 127).reshape(7, 8, 9).astype(kind))
    assert "8-bit values" in refusal(save(image, tmp_path))


def test_unsigned_16_bit_values_are_refused_with_the_reason(tmp_path):
    image = like(ct(), (np.arange(504) * 8).reshape(7, 8, 9).astype(np.uint16))
    assert "without their rescale intercept" in refusal(save(image, tmp_path))


def test_padding_does_not_hide_that_the_rescale_is_missing(tmp_path):
    values = (np.arange(504) * 8).reshape(7, 8, 9).astype(np.int16)
    values[:, :2] = -2000
    assert "without their rescale intercept" in refusal(save(like(ct(), values), tmp_path))


def test_color_and_2d_and_4d_images_are_refused(tmp_path):
    assert "3 numbers each" in refusal(save(sitk.Compose([ct()] * 3), tmp_path, "color.nrrd"))
    assert "2 dimensions (9 x 8)" in refusal(save(ct()[:, :, 3], tmp_path, "flat.nrrd"))
    assert "4 dimensions (9 x 8 x 7 x 2)" in refusal(save(sitk.JoinSeries([ct(), ct()]), tmp_path, "time.nrrd"))


def test_a_fourth_dimension_of_one_is_no_obstacle(tmp_path):
    image, _ = read_ct(save(sitk.JoinSeries([ct()]), tmp_path, "one.nrrd"))
    assert np.array_equal(voxels(image), voxels(ct()))


@pytest.mark.parametrize("suffix", FORMATS[:3] + (".mha",))
@pytest.mark.parametrize("compressed", [True, False])
def test_a_truncated_file_is_refused(tmp_path, suffix, compressed):
    path = tmp_path / ("ct" + suffix)
    sitk.WriteImage(ct(), str(path), useCompression=compressed)
    path.write_bytes(path.read_bytes()[:-80])
    assert "cut short" in refusal(path) or "damaged" in refusal(path)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_one_wrong_byte_in_compressed_data_is_found(tmp_path, suffix):
    path = save(ct(), tmp_path, "ct" + suffix)
    raw = bytearray(path.read_bytes())
    raw[-100] ^= 0xFF
    path.write_bytes(raw)
    assert "damaged" in refusal(path)


def test_one_wrong_byte_in_a_separate_data_file_is_found(tmp_path):
    path = tmp_path / "ct.mhd"
    sitk.WriteImage(ct(), str(path), useCompression=True)
    assert np.array_equal(voxels(read_ct(path).image), voxels(ct()))
    (data,) = tmp_path.glob("*.zraw")
    raw = bytearray(data.read_bytes())
    raw[-100] ^= 0xFF
    data.write_bytes(raw)
    assert "damaged" in refusal(path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are no text")
def test_a_name_that_is_no_text_is_refused(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller.nii.gz"))
    shutil.copy(save(ct(), tmp_path, "ct.nii.gz"), path)
    with pytest.raises(InputError, match="UTF-8"):
        read_ct(path)


def test_a_gzip_file_of_several_members_is_read(tmp_path):
    raw = save(ct(), tmp_path, "ct.nii").read_bytes()
    path = tmp_path / "joined.nii.gz"
    path.write_bytes(gzip.compress(raw[:500]) + gzip.compress(raw[500:]))
    assert np.array_equal(voxels(read_ct(path).image), voxels(ct()))


def test_missing_empty_and_foreign_files_are_refused(tmp_path):
    assert "there is no such file" in refusal(tmp_path / "nothing.nii.gz")
    (tmp_path / "empty.nii.gz").touch()
    assert "the file is empty" in refusal(tmp_path / "empty.nii.gz")
    for name in ("notes.txt", "notes.nii.gz", "notes.nrrd", "notes.mha"):
        (tmp_path / name).write_text("these are words, not voxels\n" * 30, encoding="utf-8")
        assert "expected is a NIfTI" in refusal(tmp_path / name)
    sitk.WriteImage(sitk.Image([8, 8, 4], sitk.sitkInt16), str(tmp_path / "stack.tif"))
    assert "expected is a NIfTI" in refusal(tmp_path / "stack.tif")


def test_a_series_cannot_be_chosen_from_a_file(tmp_path):
    assert "only DICOM folders hold series" in refusal(save(ct(), tmp_path), series=2)


@pytest.mark.parametrize("shear", [0.001, 0.1])
def test_sheared_nifti_axes_are_refused(tmp_path, shear):
    path = save(ct(), tmp_path, "ct.nii")
    patch_header(path, (QFORM_CODE, "h", 0), (SROW_X, "4f", -1.0, shear, 0.0, 0.0))
    assert "not at right angles" in refusal(path)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_sheared_axes_of_other_formats_are_refused(tmp_path, suffix):
    image = ct()
    image.SetDirection([1, 0.01, 0, 0, 1, 0, 0, 0, 1])
    assert "not at right angles" in refusal(save(image, tmp_path, "ct" + suffix))


def test_a_tiny_shear_from_rounding_is_accepted(tmp_path):
    path = save(ct(), tmp_path, "ct.nii")
    patch_header(path, (QFORM_CODE, "h", 0), (SROW_X, "4f", -1.0, 1e-5, 0.0, 0.0))
    assert np.array_equal(voxels(read_ct(path).image), voxels(ct()))


@pytest.mark.parametrize(
    "row", [(-1.0, 0.0, 0.0, -50.0), (-1.5, 0.0, 0.0, 0.0), (-1.0, 0.1, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0)]
)
def test_two_orientations_that_disagree_in_a_nifti_header_are_refused(tmp_path, row):
    path = patch_header(save(ct(), tmp_path, "ct.nii"), (SROW_X, "4f", *row))
    assert "qform, sform" in refusal(path)


def test_a_nifti_header_without_orientation_is_read_with_a_note(tmp_path):
    path = patch_header(save(ct(), tmp_path, "ct.nii"), (QFORM_CODE, "h", 0), (SFORM_CODE, "h", 0))
    assert "says nothing about orientation" in read_ct(path).notes[0]


def test_reading_leaves_the_warning_switch_of_itk_as_it_was(tmp_path):
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    open_volume(save(ct(), tmp_path))
    with pytest.raises(InputError):
        open_volume(tmp_path / "nothing.nrrd")
    assert sitk.ProcessObject.GetGlobalWarningDisplay() == before


def test_the_real_volumes_are_read_as_they_are(data):
    for name in ("volumes/CRLM-CT-1004.nii.gz", "small/ct-64.nrrd", "sts/STS_002.nii.gz"):
        stored = sitk.ReadImage(str(data / name))
        image, notes = read_ct(data / name)
        assert notes == ()
        assert Geometry.of(image) == Geometry.of(stored)
        assert np.array_equal(voxels(image), voxels(stored))


def test_real_volumes_beyond_the_range_are_clamped(data):
    stored = voxels(sitk.ReadImage(str(data / "small/example_ct.nii.gz")))
    image, notes = read_ct(data / "small/example_ct.nii.gz")
    assert np.array_equal(voxels(image), np.clip(stored, -1024, 3071))
    assert len(notes) == 2
