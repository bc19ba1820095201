"""Writing volumes: place and voxels kept, nothing of the patient in the bytes, complete or not at all."""

from __future__ import annotations

import gzip
import os
import resource
import time

import numpy as np
import pytest
import SimpleITK as sitk
from volumes import GRIDS, ct, like, voxels

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import (
    Geometry,
    LabelLayer,
    read_ct,
    read_layers,
    write_image,
    write_layer,
    writing,
)

SUFFIXES = (".nii", ".nii.gz", ".nrrd")
SECRET = "DOE^JANE"


def with_patient(image):
    """The image with everything a reader may have put into its metadata."""
    keys = (
        *("0010|0010", "0010|0020", "0008|103e", "0020|000d"),
        *("descrip", "aux_file", "db_name", "intent_name", "intent_code", "data_type"),
        *("ITK_FileNotes", "ITK_InputFilterName", "ITK_original_direction", "ITK_ExperimentDate"),
        *("NRRD_content", "NRRD_kinds[0]", "NRRD_space", "SyntheticCT", "patient", "Segment0_Name"),
    )
    for key in keys:
        image.SetMetaData(key, SECRET)
    return image


def header_text(path) -> bytes:
    """Everything in a file that could be text: the unpacked NIfTI, or the NRRD with its unpacked voxels."""
    raw = path.read_bytes()
    if path.suffix == ".nrrd":
        head, _, packed = raw.partition(b"\n\n")
        return head + gzip.decompress(packed)
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_voxels_and_place_survive_a_round_trip(tmp_path, grid, suffix):
    path = tmp_path / ("out" + suffix)
    write_image(ct(grid), path)
    image, _ = read_ct(path)
    assert np.array_equal(voxels(image), voxels(ct(grid)))
    assert np.abs(Geometry.of(image).corners() - grid.corners()).max() < 1e-4


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("description", ["", "SYNTHETIC morph 50 percent"])
def test_no_metadata_of_the_image_reach_the_file(tmp_path, suffix, description):
    image = with_patient(ct())
    path = tmp_path / ("out" + suffix)
    write_image(image, path, description)
    assert b"DOE" not in header_text(path) and b"JANE" not in path.read_bytes()
    assert image.GetMetaData("patient") == SECRET  # the caller's image is left as it was
    plain = tmp_path / ("plain" + suffix)
    write_image(ct(), plain, description)
    assert path.read_bytes() == plain.read_bytes()


def test_a_nrrd_header_holds_geometry_type_and_description_only(tmp_path):
    write_image(with_patient(ct()), tmp_path / "out.nrrd", "SYNTHETIC 50")
    lines = (tmp_path / "out.nrrd").read_bytes().partition(b"\n\n")[0].decode().splitlines()
    keys = {line.partition(":")[0] for line in lines if not line.startswith(("NRRD", "#"))}
    assert keys == {
        *("type", "dimension", "space", "sizes", "space directions", "kinds", "endian", "encoding"),
        *("space origin", "SyntheticCT"),
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_description_is_in_the_header(tmp_path, suffix):
    path = tmp_path / ("out" + suffix)
    text = "SYNTHETIC " + "x" * 69
    write_image(ct(), path, text)
    stored = sitk.ReadImage(str(path))
    assert stored.GetMetaData("SyntheticCT" if suffix == ".nrrd" else "descrip") == text


@pytest.mark.parametrize("description", ["x" * 80, "two\nlines", "größer"])
def test_a_description_that_does_not_fit_is_refused(tmp_path, description):
    with pytest.raises(ValueError, match="description"):
        write_image(ct(), tmp_path / "out.nii.gz", description)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_image_gives_the_same_bytes_at_another_time_and_name(tmp_path, suffix):
    write_image(ct(), tmp_path / ("first" + suffix), "SYNTHETIC")
    time.sleep(1.1)
    write_image(ct(), tmp_path / ("another name" + suffix), "SYNTHETIC")
    assert (tmp_path / ("first" + suffix)).read_bytes() == (tmp_path / ("another name" + suffix)).read_bytes()


def test_the_gzip_header_names_neither_file_nor_time(tmp_path):
    write_image(ct(), tmp_path / "out.nii.gz")
    head = (tmp_path / "out.nii.gz").read_bytes()[:10]
    assert head[3] == 0  # no flags: no name, no comment (RFC 1952)
    assert head[4:8] == b"\0\0\0\0"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_path_may_hold_spaces_and_any_letters(tmp_path, suffix):
    folder = tmp_path / "Ergebnis (größer) 肺"
    folder.mkdir()
    path = folder / ("Körper 50 %" + suffix)
    write_image(ct(), path)
    assert np.array_equal(voxels(read_ct(path).image), voxels(ct()))


def test_an_existing_file_is_replaced_and_no_other_is_left(tmp_path):
    path = tmp_path / "out.nii.gz"
    write_image(ct(seed=1), path)
    write_image(ct(seed=2), path)
    assert np.array_equal(voxels(read_ct(path).image), voxels(ct(seed=2)))
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_permissions_the_user_gives_new_files(tmp_path):
    write_image(ct(), tmp_path / "out.nii.gz")
    (tmp_path / "other").touch()
    assert (tmp_path / "out.nii.gz").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("name", ["out.mha", "out.dcm", "out", "out.gz"])
def test_other_formats_are_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"\.nii\.gz, \.nii, \.nrrd"):
        write_image(ct(), tmp_path / name)


def test_a_missing_folder_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="nowhere: there is no such folder"):
        write_image(ct(), tmp_path / "nowhere" / "out.nii.gz")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_disk_that_runs_full_leaves_the_old_file_and_nothing_else(tmp_path, suffix):
    path = tmp_path / ("out" + suffix)
    write_image(ct(seed=1), path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))  # every further byte fails, as on a full disk
    try:
        with pytest.raises(InputError) as caught:
            write_image(ct(seed=2), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(tmp_path) in str(caught.value) and "could not be written" in str(caught.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "permission denied"),
        (OSError(28, "No space left on device"), "no space left on device"),
        (RuntimeError("ITK ERROR: something"), "the disk is probably full"),
    ],
)
def test_a_writer_that_fails_is_an_input_error_that_names_the_folder(tmp_path, monkeypatch, error, words):
    def fail(image, path):
        path.write_bytes(b"half of it")
        raise error

    monkeypatch.setattr(writing, "_save", fail)
    with pytest.raises(InputError) as caught:
        write_image(ct(), tmp_path / "out.nii.gz")
    assert str(tmp_path) in str(caught.value) and words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(image, path):
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "_save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_image(ct(), tmp_path / "out.nii.gz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write into a read-only folder")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="read-only|permission denied"):
        write_image(ct(), tmp_path / "out.nii.gz")


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".seg.nrrd"])
def test_a_layer_survives_a_round_trip(tmp_path, suffix):
    values = np.zeros((7, 8, 9), np.uint16)
    values[2:4, 3:5, 4:6] = 3
    values[5, 5, 5] = 700
    layer = LabelLayer("lobes", with_patient(like(ct(GRIDS["oblique"]), values)), {3: "left upper lobe"})
    path = tmp_path / ("out_lobes" + suffix)
    write_layer(layer, path, "SYNTHETIC labels")
    assert b"DOE" not in header_text(path)
    (back,) = read_layers([path], ct(GRIDS["oblique"]), source_name="out")
    assert np.array_equal(voxels(back.image), values)
    assert back.name == "lobes" and back.values == (3, 700)
    assert back.names == ({3: "left upper lobe", 700: "label 700"} if suffix == ".seg.nrrd" else {})


def test_the_metadata_of_the_image_handed_in_stay_with_it(tmp_path):
    image = sitk.Image([4, 4, 4], sitk.sitkInt16)
    image.SetMetaData("0010|0010", "Doe^Jane")
    write_image(image, tmp_path / "a.nrrd")
    assert image.GetMetaData("0010|0010") == "Doe^Jane"
