"""The file of a morph path: nothing lost, nothing foreign accepted, readable by others."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from trunks import IDENTITY, rigid, still_path
from volumes import GRIDS, ct, rotation, voxels

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.morph.path import MorphPath

METHOD = {
    "backend": "paper",
    "note": 'two "lines"\nand a \\ backslash',
    "name": "Ä ß 体",
    "levels": [1, 2.5],
    "deep": {"a": None},
}
STRETCH = np.array([[1.1, 0.1, 0, 1 / 3], [0.1, 0.9, 0, -np.pi], [0, 0, 1.05, 1e-7], [0, 0, 0, 1]])


@pytest.fixture
def path():
    """A path whose numbers have no short decimals, on an oblique grid."""
    grid = Geometry((6, 5, 4), (4.0, 4.1, np.pi), (-100 / 3, 7.0, 1e3 / 7), tuple(rotation(10, 20, 30).ravel()))
    values = np.random.default_rng(0).normal(size=(4, 5, 6, 3)).astype(np.float32)
    velocity = sitk.GetImageFromArray(values, isVector=True)
    grid.apply_to(velocity)
    bare = still_path(ct(GRIDS["oblique"]), ct(GRIDS["anisotropic"], 1), STRETCH, rigid((3, 5, 7), (1 / 3, 2, 3)))
    return replace(bare, velocity=velocity, method=METHOD)


@pytest.fixture
def file(path, tmp_path):
    """The path, saved."""
    path.save(tmp_path / "path.nrrd")
    return tmp_path / "path.nrrd"


def parts(file: Path) -> tuple[bytes, bytes]:
    """Header and data of a NRRD file."""
    header, _, data = file.read_bytes().partition(b"\n\n")
    return header, data


def test_what_is_saved_comes_back_exactly(path, file):
    back = MorphPath.load(file)
    assert np.array_equal(voxels(back.velocity), voxels(path.velocity))
    assert np.array_equal(back.stretch, path.stretch)
    assert np.array_equal(back.pose, path.pose)
    assert (back.source, back.target) == (path.source, path.target)
    assert back.method == METHOD
    assert np.allclose(Geometry.of(back.velocity).matrix(), Geometry.of(path.velocity).matrix(), atol=1e-12)


def test_the_loaded_path_morphs_as_the_saved_one(path, file):
    back = MorphPath.load(file)
    point = np.array([[-20.0], [10.0], [150.0]])
    assert np.allclose(back.pull_back(0.7, point, "target"), path.pull_back(0.7, point, "target"), atol=1e-4)
    back.check(ct(GRIDS["oblique"]), ct(GRIDS["anisotropic"], 1))


def test_the_same_path_gives_the_same_bytes_also_after_a_round_trip(path, file, tmp_path):
    path.save(tmp_path / "again.nrrd")
    MorphPath.load(file).save(tmp_path / "third.nrrd")
    assert (tmp_path / "again.nrrd").read_bytes() == file.read_bytes()
    assert (tmp_path / "third.nrrd").read_bytes() == file.read_bytes()


def test_others_read_it_as_a_vector_volume(path, file):
    image = sitk.ReadImage(str(file))
    assert image.GetNumberOfComponentsPerPixel() == 3
    assert image.GetSize() == (6, 5, 4)
    assert Geometry.of(image).same_as(Geometry.of(path.velocity))
    assert np.array_equal(voxels(image), voxels(path.velocity))


def test_its_header_says_what_slicer_needs_for_a_vector_volume(file):
    header = parts(file)[0].decode("ascii")
    fields = dict(line.split(": ", 1) for line in header.splitlines() if ": " in line and ":=" not in line)
    assert header.startswith("NRRD000")
    assert fields["dimension"] == "4"
    assert fields["sizes"] == "3 6 5 4"
    assert fields["kinds"].split() == ["vector", "domain", "domain", "domain"]
    assert fields["space"] == "left-posterior-superior"
    assert fields["type"] == "float"


def test_it_holds_no_date_user_or_place(file, tmp_path):
    header = parts(file)[0].decode("ascii")
    keys = [line.split(":=")[0] for line in header.splitlines() if ":=" in line]
    names = {"format", "stretch", "pose", "source", "target", "method"}
    assert {key for key in keys if key.startswith("SyntheticCT_")} == {f"SyntheticCT_{name}" for name in names}
    assert str(tmp_path) not in header
    assert "20" not in [line[:2] for line in header.splitlines()]


def test_foreign_header_fields_of_the_velocity_are_not_written(path, tmp_path):
    path.velocity.SetMetaData("PatientName", "Jane Doe")
    path.save(tmp_path / "clean.nrrd")
    assert b"Jane" not in (tmp_path / "clean.nrrd").read_bytes()
    assert path.velocity.GetMetaData("PatientName") == "Jane Doe"  # the caller's own image stays as it is


def test_names_with_spaces_and_foreign_letters_work(path, tmp_path):
    folder = tmp_path / "Ordner mit Ümläuten 体"
    folder.mkdir()
    path.save(folder / "mein Pfad ß.nrrd")
    assert MorphPath.load(folder / "mein Pfad ß.nrrd").method == METHOD
    assert [entry.name for entry in folder.iterdir()] == ["mein Pfad ß.nrrd"]


def test_an_existing_file_is_replaced_as_a_whole(path, file):
    replace(path, method={"backend": "other"}).save(file)
    assert MorphPath.load(file).method == {"backend": "other"}
    assert [entry.name for entry in file.parent.iterdir()] == ["path.nrrd"]


@pytest.mark.parametrize("name", ["path.nii.gz", "path", "path.mha"])
def test_other_formats_are_refused(path, tmp_path, name):
    with pytest.raises(InputError, match=r"\.nrrd"):
        path.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(path, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        path.save(tmp_path / "nowhere" / "path.nrrd")


def test_a_failing_disk_leaves_the_old_file_and_nothing_else(path, file, monkeypatch):
    before = file.read_bytes()

    def full(image, name, **_):
        Path(name).write_bytes(b"half")
        raise RuntimeError("No space left on device")

    monkeypatch.setattr("SyntheticCTLib.morph.path_file.sitk.WriteImage", full)
    with pytest.raises(InputError, match="disk"):
        path.save(file)
    assert file.read_bytes() == before
    assert [entry.name for entry in file.parent.iterdir()] == ["path.nrrd"]


def test_a_disk_that_fills_unnoticed_does_not_replace_the_old_file(path, file, monkeypatch):
    before, write = file.read_bytes(), sitk.WriteImage

    def cut(image, name, **options):
        write(image, name, **options)
        whole = Path(name).read_bytes()
        Path(name).write_bytes(whole[:-40])

    monkeypatch.setattr("SyntheticCTLib.morph.path_file.sitk.WriteImage", cut)
    with pytest.raises(InputError, match="disk"):
        path.save(file)
    assert file.read_bytes() == before
    assert [entry.name for entry in file.parent.iterdir()] == ["path.nrrd"]


# --- damaged and foreign files


def test_an_ordinary_volume_is_no_path(tmp_path):
    sitk.WriteImage(ct(), str(tmp_path / "ct.nrrd"))
    with pytest.raises(InputError, match=r"ct\.nrrd: this is no morph path .*an ordinary volume"):
        MorphPath.load(tmp_path / "ct.nrrd")


def test_a_path_of_a_later_format_is_refused_by_name(file):
    header, data = parts(file)
    file.write_bytes(header.replace(b"morph path 1", b"morph path 2") + b"\n\n" + data)
    with pytest.raises(InputError, match="morph path 2, expected SyntheticCT morph path 1"):
        MorphPath.load(file)


@pytest.mark.parametrize("key", ["stretch", "pose", "source", "target", "method"])
def test_a_missing_entry_is_damage(file, key):
    header, data = parts(file)
    lines = [line for line in header.split(b"\n") if not line.startswith(f"SyntheticCT_{key}:=".encode())]
    assert len(lines) == header.count(b"\n")
    file.write_bytes(b"\n".join(lines) + b"\n\n" + data)
    with pytest.raises(InputError, match="damaged; register again"):
        MorphPath.load(file)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stretch", "[[1, 0, 0], [0, 1, 0]]"),
        ("stretch", "not json"),
        ("stretch", "[[NaN,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]"),
        ("stretch", "[[0,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]"),
        ("stretch", "[[-1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]"),
        ("pose", "[[2,0,0,0],[0,2,0,0],[0,0,2,0],[0,0,0,1]]"),
        ("pose", "[[Infinity,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]"),
        ("pose", "[[1,0,0,0],[0,1,0,0],[0,0,1,0],[1,0,0,1]]"),
        ("source", "{}"),
        ("source", "7"),
        ("source", '{"size": [1, 2], "spacing": [1, 1, 1], "origin": [0, 0, 0], "direction": [1], "content": "x"}'),
        ("method", "[1, 2]"),
    ],
)
def test_an_entry_of_nonsense_is_damage(file, key, value):
    header, data = parts(file)
    start = f"SyntheticCT_{key}:=".encode()
    lines = [start + value.encode() if line.startswith(start) else line for line in header.split(b"\n")]
    file.write_bytes(b"\n".join(lines) + b"\n\n" + data)
    with pytest.raises(InputError, match=r"path\.nrrd.*damaged"):
        MorphPath.load(file)


def test_a_velocity_that_is_no_number_is_damage(file):
    header, data = parts(file)
    values = np.frombuffer(gzip.decompress(data), "<f4").copy()
    values[7] = np.nan
    file.write_bytes(header + b"\n\n" + gzip.compress(values.tobytes()))
    with pytest.raises(InputError, match="damaged"):
        MorphPath.load(file)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(file, share):
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match=r"path\.nrrd"):
        MorphPath.load(file)


def test_no_flipped_byte_of_the_data_goes_unnoticed(file):
    header, data = parts(file)
    wrong = bytearray(data)
    wrong[len(wrong) // 2] ^= 0xFF
    file.write_bytes(header + b"\n\n" + bytes(wrong))
    with pytest.raises(InputError, match=r"path\.nrrd"):
        MorphPath.load(file)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"missing\.nrrd: there is no such file"):
        MorphPath.load(tmp_path / "missing.nrrd")


def test_the_axes_need_not_be_the_scanners(file):
    assert Geometry.of(MorphPath.load(file).velocity).direction != IDENTITY
