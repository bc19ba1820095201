"""Training sets: found in their layouts with all their faults, read as stacks of slices, kept on disk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import miniature_sets
import numpy as np
import pytest
import SimpleITK as sitk

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import Geometry, write_image
from SyntheticCTLib.lesion.datasets.cases import Case
from SyntheticCTLib.lesion.datasets.layouts import find_cases
from SyntheticCTLib.lesion.datasets.sample_store import SampleStore
from SyntheticCTLib.lesion.datasets.slabs import Axis, cut_hu, cut_mask, pixel_size, room_for_patches
from SyntheticCTLib.lesion.datasets.volumes import Cut, read_lesions

LABELS = {"lits": None, "msd": ["cancer"], "nnunet": ["Tumor"], "csv": [2], "pairs": None}


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> dict[str, Path]:
    """A miniature of each layout: the folder, or the table; not to be changed."""
    root = tmp_path_factory.mktemp("sets")
    return {layout: write(root / layout, cases=4) for layout, write in miniature_sets.WRITERS.items()}


@pytest.fixture
def copied(sets, tmp_path):
    """A function that copies the miniature of a layout, to break it."""

    def copy(layout: str) -> Path:
        source = sets[layout]
        folder = source if source.is_dir() else source.parent
        shutil.copytree(folder, tmp_path / layout)
        return tmp_path / layout if source.is_dir() else tmp_path / layout / source.name

    return copy


def faults(layout: str, path: Path, labels=None, patients=None) -> str:
    with pytest.raises(InputError) as caught:
        find_cases(layout, path, labels, patients)
    return str(caught.value)


def edit_json(folder: Path, **changes) -> None:
    file = folder / "dataset.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def voxels(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def make_case(folder: Path, hu: np.ndarray, labels: np.ndarray, geometry: Geometry, values=(1,)) -> Case:
    paths = folder / "image.nii.gz", folder / "label.nii.gz"
    for path, array in zip(paths, (hu.astype(np.int16), labels.astype(np.uint8)), strict=True):
        image = sitk.GetImageFromArray(array)
        geometry.apply_to(image)
        write_image(image, path)
    return Case("one", *paths, values, "somebody")


# Layouts


@pytest.mark.parametrize("layout", LABELS)
def test_every_layout_gives_the_same_lesions_of_the_same_scans(layout, sets):
    cases = find_cases(layout, sets[layout], LABELS[layout])
    assert len(cases) == 4
    assert len({case.patient for case in cases}) == (2 if layout == "csv" else 4)
    reference = find_cases("lits", sets["lits"])
    for case, other in zip(cases, reference, strict=True):
        samples, expected = list(read_lesions(case)), list(read_lesions(other))
        assert len(samples) == len(expected) == 2
        for one, two in zip(samples, expected, strict=True):
            assert np.array_equal(one.hu, two.hu) and np.array_equal(one.mask, two.mask)
            assert (one.patient, one.case) == (case.patient, case.name)


def test_a_decathlon_task_is_also_found_by_its_dataset_json_and_other_labels_can_be_asked_for(sets):
    cases = find_cases("msd", sets["msd"] / "dataset.json", ["liver", 2])
    assert {case.lesion_labels for case in cases} == {(1, 2)}
    assert [len(list(read_lesions(case))) for case in cases] == [1] * 4  # tumors lie in the liver


def test_a_table_of_patients_joins_scans_of_one_person(sets, tmp_path):
    table = tmp_path / "who.csv"
    table.write_text("patient, case\n" + "".join(f"person{n // 3},volume-{n}\n" for n in range(4)), encoding="utf-8")
    assert [case.patient for case in find_cases("lits", sets["lits"], None, table)] == ["person0"] * 3 + ["person1"]
    table.write_text("patient,case\nperson0,volume-0\n,volume-1\n", encoding="utf-8")
    message = faults("lits", sets["lits"], None, table)
    assert "3 faults" in message and all(f"no patient for case volume-{n}" in message for n in (1, 2, 3))


def test_all_faults_of_a_set_are_told_at_once(copied):
    folder = copied("msd")
    (folder / "labelsTr" / "liver_0.nii.gz").unlink()
    label = sitk.ReadImage(str(folder / "labelsTr" / "liver_1.nii.gz"))
    label.SetOrigin((0, 0, 7))
    sitk.WriteImage(label, str(folder / "labelsTr" / "liver_1.nii.gz"))
    (folder / "imagesTr" / "liver_2.nii.gz").write_bytes(b"no scan")
    training = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["training"]
    edit_json(folder, training=[*training, training[3], {"image": "x"}], numTraining=9)
    message = faults("msd", folder, ["cancer", "hemangioma"])
    assert "7 faults" in message
    for words in (
        "liver_0.nii.gz does not exist",
        "case liver_1: its label map lies on another grid than its image",
        "liver_2.nii.gz: no reader recognizes it",
        "case liver_3 is there twice",
        'entry 6 of "training" needs',
        "numTraining = 9, found are 5",
        "lesion label 'hemangioma' is unknown; its labels are liver (1), cancer (2)",
    ):
        assert words in message


def test_a_value_that_occurs_in_no_map_is_a_fault_but_a_healthy_case_is_none(copied):
    folder = copied("lits")
    assert "the lesion label 5 occurs in none of the 4 label maps" in faults("lits", folder, [2, 5])
    label = sitk.ReadImage(str(folder / "segmentation-0.nii"))
    sitk.WriteImage(sitk.Cast(label > 0, sitk.sitkUInt8), str(folder / "segmentation-0.nii"))
    cases = find_cases("lits", folder)
    assert [len(list(read_lesions(case))) for case in cases] == [0, 2, 2, 2]


def test_lits_may_lie_in_several_folders_and_what_is_alone_is_told(copied):
    folder = copied("lits")
    for part in ("Training Batch 1", "Training Batch 2"):
        (folder / part).mkdir()
    (folder / "volume-1.nii").rename(folder / "Training Batch 1" / "volume-1.nii")
    (folder / "segmentation-1.nii").rename(folder / "Training Batch 2" / "segmentation-1.nii")
    (folder / "._volume-9.nii").write_bytes(b"of macOS")
    assert len(find_cases("lits", folder)) == 4
    (folder / "volume-2.nii").unlink()
    shutil.copy(folder / "volume-3.nii", folder / "Training Batch 1" / "volume-3.nii")
    shutil.copy(folder / "volume-3.nii", folder / "volume-7.nii")
    message = faults("lits", folder)
    assert "3 faults" in message and "case 3 is there twice" in message
    assert "segmentation-2 has no volume-2" in message and "volume-7 has no segmentation-7" in message


def test_nnunet_takes_the_channel_called_ct_and_its_regions(copied):
    folder = copied("nnunet")
    for file in list((folder / "imagesTr").iterdir()):
        shutil.copy(file, file.with_name(file.name.replace("_0000", "_0001")))
        file.write_bytes(b"the PET is not looked at")
    regions = {"background": 0, "whole liver": [1, 2], "tumor": [2]}
    edit_json(folder, channel_names={"0": "PET", "1": "ct"}, labels=regions)
    cases = find_cases("nnunet", folder, ["whole liver"])
    assert cases[0].image.name == "liver_000_0001.nii.gz" and cases[0].lesion_labels == (1, 2)
    (folder / "labelsTr" / "liver_003.nii.gz").unlink()
    assert "liver_003.nii.gz does not exist" in faults("nnunet", folder, ["tumor"])
    edit_json(folder, channel_names={"0": "PET", "1": "T1"})
    assert "channels PET, T1; exactly one must be called CT" in faults("nnunet", folder, ["tumor"])


def test_nnunet_may_list_its_files_itself(sets, tmp_path, monkeypatch):
    monkeypatch.setenv("SCANS", str(sets["nnunet"]))
    listed = {
        f"case{n}": {
            "images": [f"$SCANS/imagesTr/liver_00{n}_0000.nii.gz"],
            "label": str(sets["nnunet"] / "labelsTr" / f"liver_00{n}.nii.gz"),
        }
        for n in range(2)
    }
    content = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "tumor": 2},
        "numTraining": 2,
        "dataset": listed,
    }
    (tmp_path / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    assert [case.name for case in find_cases("nnunet", tmp_path, ["tumor"])] == ["case0", "case1"]


def test_a_table_tells_its_faults_by_line(copied):
    table = copied("csv")
    table.write_text(
        "image,label,patient\nscans/scan0.nii.gz,tumors/scan0.nii.gz,\nscans/scan1.nii.gz,,P\n", encoding="utf-8"
    )
    message = faults("csv", table)
    assert "line 2: patient missing" in message and "line 3: label missing" in message
    table.write_text("image;label;patient\n", encoding="utf-8")
    assert "the column image and label and patient is missing; found are image;label;patient" in faults("csv", table)


def test_a_table_may_name_a_dicom_folder(tmp_path):
    import dicom_files

    image, layer = miniature_sets.miniature(1)
    folder = tmp_path / "series"
    dicom_files.write_series(folder, image)
    sitk.WriteImage(layer.image, str(tmp_path / "label.nii.gz"))
    (tmp_path / "set.csv").write_text("image,label,patient,case\nseries,label.nii.gz,P,first\n", encoding="utf-8")
    (case,) = find_cases("csv", tmp_path / "set.csv", [2])
    assert case.name == "first" and len(list(read_lesions(case))) == 2


@pytest.mark.parametrize(
    "layout, labels, words",
    [
        ("bids", None, "choose one of nnunet, msd, lits, csv, pairs"),
        ("msd", None, "lesion_labels must be given.*liver \\(1\\), cancer \\(2\\)"),
        ("pairs", ["tumor"], "'tumor' is unknown; this layout names no labels"),
        ("lits", [0], "0 is the background"),
        ("lits", ["kidney"], "its labels are liver \\(1\\), tumor \\(2\\)"),
    ],
)
def test_what_is_asked_wrongly_is_refused(layout, labels, words, sets):
    with pytest.raises(InputError, match=words):
        find_cases(layout, sets.get(layout, sets["msd"]), labels)


def test_empty_and_missing_sets_are_refused(tmp_path):
    assert "there is no such file or folder" in faults("lits", tmp_path / "nowhere")
    assert "volume-N.nii and segmentation-N.nii" in faults("lits", tmp_path)
    assert "describes itself in dataset.json" in faults("msd", tmp_path, [1])
    (tmp_path / "dataset.json").write_text("{", encoding="utf-8")
    assert "it is no JSON" in faults("nnunet", tmp_path, [1])


# Samples


@pytest.mark.parametrize("patch", [24, 48, 200])
def test_samples_hold_the_scans_voxels_and_say_where_it_ends(patch, sets):
    case = find_cases("lits", sets["lits"])[0]
    scan, labels = voxels(case.image), voxels(case.label)
    found = 0
    for sample in read_lesions(case, Cut(patch=patch)):
        assert sample.hu.dtype == np.float32 and sample.hu.shape == sample.mask.shape == sample.others.shape
        assert sample.mask.any(axis=(1, 2)).all() and not (sample.mask & sample.others).any()
        run = slice(sample.first_slice, sample.first_slice + len(sample.hu))
        shown = np.ix_(sample.valid.any(axis=1), sample.valid.any(axis=0))
        marked = (sample.mask | sample.others)[(slice(None), *shown)]
        j, i = place_of(sample.hu[(slice(None), *shown)], scan[run])
        height, width = marked.shape[1:]
        assert np.array_equal(marked, labels[run, j : j + height, i : i + width] == 2)
        assert not (sample.mask | sample.others)[:, ~sample.valid].any()
        rows, columns = (np.flatnonzero(sample.valid.any(axis=axis)) for axis in (1, 0))
        for at, last in ((0, rows[0]), (-1, rows[-1])):
            assert np.array_equal(sample.hu[:, at, columns], sample.hu[:, last, columns])
        found += sample.mask.sum()
        assert (sample.in_plane_mm, sample.slice_mm, sample.resampled, sample.stack) == (
            pytest.approx(1.1), pytest.approx(2.5), False, True,
        )  # fmt: skip
    assert found == (labels == 2).sum()


def place_of(part: np.ndarray, scan: np.ndarray) -> tuple[int, int]:
    """Row and column at which a part lies in a scan, voxel by voxel the same."""
    height, width = part.shape[1:]
    for j in range(scan.shape[1] - height + 1):
        for i in range(scan.shape[2] - width + 1):
            if np.array_equal(part, scan[:, j : j + height, i : i + width]):
                return j, i
    raise AssertionError("these voxels are nowhere in the scan")


@pytest.mark.parametrize("start, stop, step, patch", [(3, 9, 1, 16), (3, 30, 1, 16), (0, 1, 0.7, 64), (5, 40, 1.7, 33)])
def test_every_patch_round_a_lesion_can_be_drawn(start, stop, step, patch):
    axis = room_for_patches(start, stop, step, patch, 50)
    inside = np.flatnonzero((axis.positions > start - 0.5) & (axis.positions < stop - 0.5))
    first, last = inside[0], inside[-1]
    assert np.allclose(np.diff(axis.positions), step)
    assert first - patch // 2 >= 0 and last + patch // 2 < len(axis.positions)  # a patch round each of its pixels
    if len(inside) <= patch:
        assert last - patch + 1 >= 0 and first + patch <= len(axis.positions)  # every patch that holds all of it


@pytest.mark.parametrize("orientation", ["RAI", "ASL", "SRP", "PIR"])
def test_a_scan_stored_in_another_orientation_gives_the_same_samples(orientation, sets, tmp_path):
    case = find_cases("lits", sets["lits"])[1]
    turned = {}
    for kind in ("image", "label"):
        turned[kind] = tmp_path / f"{kind}.nii.gz"
        sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(str(getattr(case, kind))), orientation), str(turned[kind]))
    for one, two in zip(read_lesions(case), read_lesions(replace(case, **turned)), strict=True):
        assert np.array_equal(one.hu, two.hu) and np.array_equal(one.mask, two.mask)
        assert (one.lesion, one.first_slice) == (two.lesion, two.first_slice)


def test_oblong_pixels_of_a_sagittal_scan_become_squares(tmp_path):
    sagittal = Geometry((40, 40, 12), (0.8, 0.8, 4.0), (0, 0, 0), (0, 0, 1, 1, 0, 0, 0, 1, 0))  # slices run to the left
    labels = np.zeros((12, 40, 40))
    labels[5:8, 15:25, 15:25] = 1
    rng = np.random.default_rng(0)
    case = make_case(tmp_path, rng.normal(-100, 200, labels.shape), labels, sagittal)
    (sample,) = read_lesions(case, Cut(patch=16))
    assert sample.resampled and sample.in_plane_mm == pytest.approx(0.8) and sample.slice_mm == pytest.approx(0.8)
    box = [np.ptp(found) + 1 for found in np.nonzero(sample.mask)]
    assert box == [10, 10, pytest.approx(15, abs=1)]  # slices, rows (0.8 mm each) and 12 mm from side to side


@pytest.mark.parametrize("wanted", [0.6, 1.6])
def test_resampled_lesions_keep_their_volume_and_their_density(wanted, sets):
    case = find_cases("lits", sets["lits"])[2]
    for native, sample in zip(read_lesions(case), read_lesions(case, Cut(wanted)), strict=True):
        assert sample.resampled and sample.in_plane_mm == wanted
        volumes = [one.mask.sum() * one.in_plane_mm**2 for one in (native, sample)]
        assert volumes[1] == pytest.approx(volumes[0], rel=0.08)
        assert sample.hu[sample.mask].mean() == pytest.approx(native.hu[native.mask].mean(), abs=4)
        assert np.array_equal(sample.hu, np.rint(sample.hu))
        assert sample.hu.min() >= native.hu.min() and sample.hu.max() <= native.hu.max()


def test_a_ramp_is_resampled_where_it_lies():
    ramp = np.add.outer(100.0 * np.arange(60), 40.0 * np.arange(60))[None]
    axis = Axis(10 + 1.5 * np.arange(20), 1.5)
    exact = np.add.outer(100.0 * axis.positions, 40.0 * axis.positions)
    assert np.allclose(cut_hu(ramp, axis, axis)[0], exact, atol=0.6)


def test_pixels_that_are_nearly_right_stay_as_they_are():
    assert not pixel_size(0.985, 0.985, 1.0).resampled
    assert pixel_size(0.97, 0.97, 1.0).resampled
    assert pixel_size(0.5, 1.0, None) == (
        0.5,
        (1.0, 0.5),
    )


def test_a_single_voxel_survives_coarser_pixels_in_every_place():
    for place in range(20, 28):
        mask = np.zeros((1, 50, 50), bool)
        mask[0, place, place] = True
        axis = room_for_patches(15, 35, 3.3, 8, 50)
        assert 1 <= cut_mask(mask, axis, axis).sum() <= 4


def test_whole_slices_and_runs_of_slices(sets):
    case = find_cases("lits", sets["lits"])[0]
    whole = list(read_lesions(case, Cut(patch=None)))
    assert all(sample.hu.shape[1:] == (64, 64) and sample.valid.all() for sample in whole)
    parts = list(read_lesions(case, Cut(patch=None, most_slices=2)))
    assert all(len(part.hu) <= 2 for part in parts) and len(parts) > len(whole)
    for sample in whole:
        own = [part for part in parts if part.lesion == sample.lesion]
        assert np.array_equal(np.concatenate([part.mask for part in own]), sample.mask)
        assert [part.first_slice for part in own] == sorted(part.first_slice for part in own)


def test_whole_slices_of_other_pixels_keep_the_middle():
    axis = room_for_patches(5, 9, 1.5, None, 64)
    assert len(axis.positions) == 43 and axis.positions.mean() == pytest.approx(31.5)


def test_a_thousand_lesions_and_specks(tmp_path):
    labels = np.zeros((21, 60, 60))
    labels[1::4, 3::4, 3::4] = 1
    labels[1, 3:5, 3] = 1
    geometry = Geometry((60, 60, 21), (1.0, 1.0, 2.0), (0, 0, 0), tuple(np.eye(3).ravel()))
    case = make_case(tmp_path, np.random.default_rng(0).normal(-100, 200, labels.shape), labels, geometry)
    assert sum(1 for _ in read_lesions(case, Cut(patch=16))) == 5 * 15 * 15
    (largest,) = read_lesions(case, Cut(patch=16, smallest_mm=1.5))
    assert largest.mask.sum() == 2 and largest.others.sum() > 0


@pytest.mark.parametrize("in_plane_mm", [None, 0.7])
def test_a_lesion_at_the_border_is_not_repeated_beyond_it(in_plane_mm, tmp_path):
    labels = np.zeros((3, 40, 40))
    labels[1, :6, 30:] = 1
    geometry = Geometry((40, 40, 3), (1.0, 1.0, 2.0), (0, 0, 0), tuple(np.eye(3).ravel()))
    case = make_case(tmp_path, np.random.default_rng(0).normal(-100, 200, labels.shape), labels, geometry)
    (sample,) = read_lesions(case, Cut(in_plane_mm, patch=32))
    assert not sample.mask[:, ~sample.valid].any()
    assert sample.mask.sum() * sample.in_plane_mm**2 == pytest.approx(60, rel=0.12)  # whole pixels


@pytest.mark.parametrize("wrong", [{"in_plane_mm": 0.0}, {"patch": 0}, {"most_slices": -1}])
def test_a_cut_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Cut(**wrong)


# The store


def same(one, two) -> bool:
    arrays = all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("hu", "mask", "others", "valid"))
    rest = [{k: v for k, v in vars(s).items() if not isinstance(v, np.ndarray)} for s in (one, two)]
    return arrays and rest[0] == rest[1] and one.hu.dtype == two.hu.dtype == np.float32


def test_the_store_gives_what_the_volumes_give_and_reads_them_once(sets, tmp_path):
    cases, cut = find_cases("csv", sets["csv"], [2]), Cut(0.9, 32, 3)
    read: list[bool] = []
    stored = SampleStore(tmp_path / "store", cut).add(cases, lambda case, fresh: read.append(fresh))
    direct = [sample for case in cases for sample in read_lesions(case, cut)]
    store = SampleStore(tmp_path / "store", cut)
    assert store.add(cases, lambda case, fresh: read.append(fresh)) == stored
    assert read == [True] * 4 + [False] * 4
    assert all(same(store.load(entry), sample) for entry, sample in zip(stored, direct, strict=True))
    assert [entry.mask_voxels for entry in stored] == [sample.mask.sum() for sample in direct]
    assert len(list((tmp_path / "store").iterdir())) == 4


def test_other_voxels_or_another_cut_make_another_file_and_the_same_make_the_same_bytes(copied, tmp_path):
    folder = copied("lits")
    case = find_cases("lits", folder)[0]
    first = SampleStore(tmp_path / "a").add([case])[0].file
    again = SampleStore(tmp_path / "b").add([replace(case, name="other", patient="else")])[0].file
    assert first.name == again.name and first.read_bytes() == again.read_bytes()
    assert SampleStore(tmp_path / "a", Cut(patch=32)).add([case])[0].file != first
    assert SampleStore(tmp_path / "a").add([replace(case, lesion_labels=(1, 2))])[0].file != first
    shutil.copy(folder / "segmentation-1.nii", case.label)
    assert SampleStore(tmp_path / "a").add([case])[0].file != first


@pytest.mark.parametrize("left", [0, 1000])
def test_a_damaged_file_is_made_again(left, sets, tmp_path):
    case = find_cases("lits", sets["lits"])[0]
    entry = SampleStore(tmp_path).add([case])[0]
    whole = entry.file.read_bytes()
    entry.file.write_bytes(whole[:left])
    with pytest.raises(InputError, match="damaged or gone"):
        SampleStore(tmp_path).load(entry)
    assert SampleStore(tmp_path).add([case])[0] == entry and entry.file.read_bytes() == whole


def test_the_store_keeps_no_more_in_memory_than_it_may(sets, tmp_path):
    store = SampleStore(tmp_path, memory_mb=1)
    entries = store.add(find_cases("lits", sets["lits"]))
    loaded = [store.load(entry) for entry in entries]
    size = max(sample.hu.nbytes + 2 * sample.mask.nbytes + sample.valid.nbytes for sample in loaded)
    assert sum(sample.hu.nbytes for sample in loaded) > 2**20  # or there would be nothing to see
    assert store.load(entries[-1]) is loaded[-1]
    assert store.load(entries[0]) is not loaded[0]
    assert store.in_memory_mb <= max(1, size / 2**20)


def test_a_store_that_cannot_be_written_is_refused(sets, tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(InputError, match="samples cannot be kept there"):
        SampleStore(tmp_path / "file").add(find_cases("lits", sets["lits"])[:1])


# The miniature and the real scans


def test_the_miniature_is_the_same_every_time_and_from_its_command_line(sets, tmp_path):
    command = [sys.executable, miniature_sets.__file__, "lits", str(tmp_path / "m"), "--cases", "2"]
    subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).resolve().parents[2])
    for file in (tmp_path / "m").iterdir():
        assert file.read_bytes() == (sets["lits"] / file.name).read_bytes()
    assert len(list((tmp_path / "m").iterdir())) == 4


def test_the_real_sarcomas_are_twelve_patients_with_one_lesion_each(data):
    cases = find_cases("pairs", data / "sts")
    assert len({case.patient for case in cases}) == 12
    for case in cases[:3]:
        (sample,) = read_lesions(case, Cut(patch=96))
        assert sample.mask.sum() == (voxels(case.label) > 0).sum()
        assert sample.in_plane_mm == pytest.approx(0.977, abs=0.001) and sample.slice_mm == pytest.approx(3.27)
        assert -150 < np.median(sample.hu[sample.mask]) < 150


def test_only_files_with_a_lesion_map_are_pairs(data):
    cases = find_cases("pairs", data / "volumes")
    assert [case.name for case in cases] == ["pyrad-lung1", "pyrad-lung2"]
