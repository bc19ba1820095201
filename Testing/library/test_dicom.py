"""DICOM folders: compressed and plain series come out voxel-exact, doubtful geometry is refused."""

from __future__ import annotations

import shutil
import tarfile

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import change, write_series
from volumes import GRIDS, ct, like, voxels

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import Geometry, read_ct

GDCM_SIZE = Geometry((72, 65, 3), (0.7, 0.7, 2.0), (5.0, 6.0, 7.0), GRIDS["plain"].direction)
"""GDCM cannot decode RLE images, nor OpenJPEG encode images, that are much smaller."""

OTHER_UID = "1.2.826.0.1.3680043.8.498.2"


def refusal(folder, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_ct(folder, **options)
    assert str(folder) in str(caught.value)
    return str(caught.value)


def recompress_as_jpeg(files):
    """Encode DICOM files again with GDCM: pydicom cannot write lossless JPEG."""
    for file in files:
        image = sitk.ReadImage(str(file), imageIO="GDCMImageIO")
        writer = sitk.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.KeepOriginalImageUIDOn()
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG")
        writer.SetFileName(str(file))
        writer.Execute(image)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_a_series_keeps_its_voxels_and_its_place(tmp_path, grid):
    original = ct(grid)
    write_series(tmp_path, original)
    image, _ = read_ct(tmp_path)
    # a series always comes out right-handed: compare voxels where they lie, not by index
    assert np.abs(np.sort(Geometry.of(image).corners(), axis=0) - np.sort(grid.corners(), axis=0)).max() < 1e-4
    at_original = sitk.Resample(image, original, sitk.Transform(), sitk.sitkNearestNeighbor, -9999)
    assert np.array_equal(voxels(at_original), voxels(original))


@pytest.mark.parametrize("syntax", ["RLELossless", "JPEG2000Lossless"])
@pytest.mark.parametrize("intercept", [-1024, 0])
def test_compressed_series_are_read_exactly(tmp_path, syntax, intercept):
    import pydicom

    files = write_series(tmp_path, ct(GDCM_SIZE), compression=syntax, intercept=intercept)
    assert pydicom.dcmread(files[0]).file_meta.TransferSyntaxUID.is_compressed
    assert np.array_equal(voxels(read_ct(tmp_path).image), voxels(ct(GDCM_SIZE)))


def test_a_lossless_jpeg_series_is_read_exactly(tmp_path):
    import pydicom

    # as scanners store CT: GDCM does not encode the 32-bit values that 16-bit storage would come to
    files = write_series(tmp_path, ct(GDCM_SIZE), tags={"PixelRepresentation": 0, "BitsStored": 12, "HighBit": 11})
    recompress_as_jpeg(files)
    assert pydicom.dcmread(files[0]).file_meta.TransferSyntaxUID.name.startswith("JPEG Lossless")
    assert np.array_equal(voxels(read_ct(tmp_path).image), voxels(ct(GDCM_SIZE)))


def test_slope_and_intercept_of_every_slice_are_honored(tmp_path):
    even = like(ct(), (voxels(ct()) // 4 * 4).astype(np.int16))
    write_series(tmp_path, even, slope=4, intercept=-1024)
    assert np.array_equal(voxels(read_ct(tmp_path).image), voxels(even))
    files = write_series(tmp_path, even, slope=1, intercept=0)
    for file in files[::2]:
        values = voxels(sitk.ReadImage(str(file)))
        change(file, RescaleSlope="0.5", RescaleIntercept="-300", PixelData=((values + 300) * 2).tobytes())
    assert np.array_equal(voxels(read_ct(tmp_path).image), voxels(even))


def test_the_order_follows_positions_not_file_names_or_numbers(tmp_path):
    files = write_series(tmp_path, ct(), names="no suffix {k}", tags={"InstanceNumber": lambda k: 50 - k})
    files[0].rename(tmp_path / "zzz")
    image, notes = read_ct(tmp_path)
    assert np.array_equal(voxels(image), voxels(ct()))
    assert notes == ()


def test_padding_in_a_series_becomes_air(tmp_path):
    values = voxels(ct())
    values[:, 0] = -3024
    write_series(tmp_path, like(ct(), values))
    image, notes = read_ct(tmp_path)
    assert set(voxels(image)[:, 0].ravel()) == {-1024}
    assert "63 voxels of padding (down to -3024)" in notes[0]


def test_values_without_rescale_tags_are_refused(tmp_path):
    for file in write_series(tmp_path, ct()):
        change(file, RescaleIntercept=None, RescaleSlope=None)
    assert "without their rescale intercept" in refusal(tmp_path)


def test_several_series_are_listed_and_one_is_chosen(tmp_path):
    write_series(tmp_path, ct(seed=1), tags={"SeriesDescription": "soft 3.0"})
    small = ct(Geometry((6, 5, 4), (2.0, 2.0, 3.0), (0, 0, 0), GRIDS["plain"].direction), seed=2)
    write_series(tmp_path / "sub", small, uid=OTHER_UID, tags={"SeriesNumber": 2})
    message = refusal(tmp_path)
    assert "2 CT series" in message and "--series-source" in message and "--series-target" in message
    assert '1: 7 slices of 9 x 8, 1 x 1 mm, 1 mm thick, "soft 3.0"' in message
    assert "2: 4 slices of 6 x 5, 2 x 2 mm, 3 mm thick" in message
    assert OTHER_UID not in message and "DOE" not in message
    for chosen in (2, "2", OTHER_UID):
        assert np.array_equal(voxels(read_ct(tmp_path, series=chosen).image), voxels(small))
    assert np.array_equal(voxels(read_ct(tmp_path, series=1).image), voxels(ct(seed=1)))
    for wrong in (0, 3, "soft"):
        assert f"there is no series {wrong}" in refusal(tmp_path, series=wrong)


def test_localizers_other_modalities_and_other_files_are_left_out(tmp_path):
    write_series(tmp_path, ct())
    scout = ct(Geometry((20, 30, 1), (1.0, 1.0, 1.0), (0, 0, 0), (0, 0, 1.0, 1.0, 0, 0, 0, 1.0, 0)))
    write_series(tmp_path, scout, names="scout", tags={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})
    write_series(tmp_path, ct(seed=3), uid=OTHER_UID, names="pet{k}", tags={"Modality": "PT"})
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"no images here")
    (tmp_path / "readme.txt").write_text("from the archive", encoding="utf-8")
    (tmp_path / "empty").touch()
    assert np.array_equal(voxels(read_ct(tmp_path).image), voxels(ct()))


def test_a_folder_without_ct_says_what_it_holds(tmp_path):
    assert "the folder holds no files" in refusal(tmp_path)
    (tmp_path / "readme.txt").write_text("nothing here", encoding="utf-8")
    assert "1 files, none of them a DICOM image" in refusal(tmp_path)
    write_series(tmp_path, ct(), tags={"Modality": "MR"})
    assert "no CT slices (found: MR)" in refusal(tmp_path)


def test_a_single_dicom_file_is_refused_with_the_remedy(tmp_path):
    file = write_series(tmp_path, ct())[0]
    assert "give the folder that holds all slices" in refusal(file)


def test_missing_slices_are_refused_and_placed(tmp_path):
    files = write_series(tmp_path, ct(GRIDS["anisotropic"]))
    files[2].unlink()
    files[3].unlink()
    message = refusal(tmp_path)
    assert "2 of its slices are missing (spacing 5 mm), the first between 905.12 and 920.12 mm" in message


def test_uneven_spacing_is_refused(tmp_path):
    def place(k):
        return [0.0, 0.0, float(3 * k if k < 4 else 9 + 1.3 * (k - 3))]

    write_series(tmp_path, ct(), tags={"ImagePositionPatient": place})
    assert "varies from 1.3 to 3 mm" in refusal(tmp_path)


def test_positions_rounded_by_the_scanner_are_accepted_with_a_note(tmp_path):
    def place(k):
        return [0.0, 0.0, round(0.625 * k, 1)]

    write_series(tmp_path, ct(), tags={"ImagePositionPatient": place})
    image, notes = read_ct(tmp_path)
    assert image.GetSpacing()[2] == pytest.approx(0.625, abs=0.02)
    assert "from an even spacing" in notes[0]


def test_a_tilted_gantry_is_refused(tmp_path):
    write_series(tmp_path, ct(), tags={"ImagePositionPatient": lambda k: [0.0, 0.6 * k, 3.0 * k]})
    assert "shifted sideways against each other by up to 3.60 mm (11.3 degrees" in refusal(tmp_path)


def test_copies_of_slices_are_dropped_with_a_note(tmp_path):
    files = write_series(tmp_path, ct())
    shutil.copy(files[2], tmp_path / "copy of 2.dcm")
    shutil.copy(files[6], tmp_path / "0.dcm")
    image, notes = read_ct(tmp_path)
    assert np.array_equal(voxels(image), voxels(ct()))
    assert "2 of the DICOM files are copies" in notes[0]


def test_different_slices_at_one_position_are_refused(tmp_path):
    write_series(tmp_path, ct(seed=1))
    write_series(tmp_path / "late", ct(seed=2))
    assert "two different slices lie at the same position" in refusal(tmp_path)


def test_slices_that_do_not_say_where_they_lie_are_refused(tmp_path):
    for file in write_series(tmp_path, ct()):
        change(file, ImagePositionPatient=None)
    assert "do not say where they lie" in refusal(tmp_path)


def test_a_multi_frame_file_is_refused(tmp_path):
    file = write_series(tmp_path, ct())[0]
    for other in tmp_path.glob("*.dcm"):
        if other != file:
            other.unlink()
    stored = (voxels(ct()) + 1024).astype(np.int16)
    change(file, NumberOfFrames=7, PixelData=stored.tobytes())
    assert "multi-frame" in refusal(tmp_path)


@pytest.mark.parametrize("k", [3, 6])
@pytest.mark.parametrize("cut", [2, 60, 500])
def test_a_truncated_slice_is_refused_by_name(tmp_path, k, cut):
    file = write_series(tmp_path, ct())[k]
    file.write_bytes(file.read_bytes()[:-cut])
    message = refusal(tmp_path)
    assert f"{file}: this CT slice cannot be read" in message


def test_a_link_that_leads_nowhere_is_refused_by_name(tmp_path):
    write_series(tmp_path, ct())
    (tmp_path / "annexed.dcm").symlink_to(tmp_path / "gone")
    assert "annexed.dcm: this link leads nowhere" in refusal(tmp_path)


def test_a_damaged_compressed_slice_is_refused_by_name(tmp_path):
    files = write_series(tmp_path, ct(GDCM_SIZE), compression="JPEG2000Lossless")
    raw = bytearray(files[1].read_bytes())
    raw[-150:] = b"\0" * 150
    files[1].write_bytes(raw)
    assert "slice001.dcm" in refusal(tmp_path)


def test_a_single_slice_takes_its_thickness(tmp_path):
    write_series(tmp_path, ct(GRIDS["single slice"]))
    image, notes = read_ct(tmp_path)
    assert image.GetSpacing()[2] == 5.0
    assert notes == ("the series has a single slice",)


def test_the_real_series_is_the_real_volume(data, tmp_path):
    with tarfile.open(data / "dicom" / "CRLM-CT-1004_dicom.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    series, notes = read_ct(tmp_path)
    cropped = read_ct(data / "volumes" / "CRLM-CT-1004.nii.gz").image
    assert series.GetSize() == (512, 512, 41)
    assert any("padding (down to -3024)" in note for note in notes)
    at_cropped = sitk.Resample(series, cropped, sitk.Transform(), sitk.sitkNearestNeighbor, -9999)
    assert np.array_equal(voxels(at_cropped), voxels(cropped))
