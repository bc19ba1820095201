"""Planning a study: which scans, on one grid, under opaque names; and that a leak is caught."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat

import numpy as np
import pytest
import SimpleITK as sitk
from cohort_folders import write_cohort
from review_scans import body, plan, write_group
from trunks import trunk

from SyntheticCTLib.errors import InputError, SyntheticCTError
from SyntheticCTLib.images import Geometry, write_image
from SyntheticCTLib.review.key import read_key
from SyntheticCTLib.review.planning.findings import pixel_statistics
from SyntheticCTLib.review.planning.leaks import _separates, chance_of, find_leaks
from SyntheticCTLib.review.planning.scans import find_scans
from SyntheticCTLib.review.study import open_study
from SyntheticCTLib.review.trials import trials_of


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Folders of real and synthetic scans."""
    folder = tmp_path_factory.mktemp("scans")
    return write_group(folder / "real", "real", 6), write_group(folder / "synthetic", "synthetic", 6)


@pytest.fixture(scope="module")
def planned(scans, tmp_path_factory):
    """A study of eight cases and its key, not to be changed."""
    folder = tmp_path_factory.mktemp("planned") / "study"
    plan(*scans, folder)
    return folder, folder.with_name("study.key.json")


def groups_of(key):
    return {case: about.group for case, about in read_key(key).cases.items()}


def everything(folder):
    """Content of each file below a folder, by relative path."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


# --- the folder


def test_a_study_holds_cases_alike_in_all_but_the_picture(planned):
    study, key = open_study(planned[0]), read_key(planned[1])
    assert len(study.cases) == 8 and len(study.trials) == 8
    assert sorted(groups_of(planned[1]).values()) == ["real"] * 4 + ["synthetic"] * 4
    files = [study.image_file(case) for case in study.cases]
    assert len({(file.stat().st_size, file.stat().st_mtime_ns, file.stat().st_mode) for file in files}) == 1
    assert len({file.read_bytes().partition(b"\n\n")[0] for file in files}) == 1
    images = [sitk.ReadImage(str(file)) for file in files]
    assert {image.GetSize() for image in images} == {study.size} and images[0].GetSpacing() == study.spacing
    assert np.allclose(Geometry.of(images[0]).corners().mean(axis=0), 0)
    assert {image.GetPixelIDTypeAsString() for image in images} == {"16-bit signed integer"}
    for case in study.cases:
        study.check(case)
        assert key.cases[case].sha256 == study.hashes[case]


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_readers_under_other_accounts_can_create_their_folder_and_change_nothing_else(scans, tmp_path):
    before = os.umask(0o077)
    try:
        plan(*scans, tmp_path / "study")
    finally:
        os.umask(before)
    folder = tmp_path / "study"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes == {"study": 0o755, "cases": 0o755, "readings": 0o1777, "study.json": 0o644}


def test_no_key_stays_behind_if_the_study_does_not_arrive(scans, tmp_path, monkeypatch):
    def fail(staging):
        assert (tmp_path / "study.key.json").is_file()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("SyntheticCTLib.jobs.staging.Staging.publish", fail)
    with pytest.raises(SyntheticCTError, match="nothing was left behind"):
        plan(*scans, tmp_path / "study")
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    plan(*scans, tmp_path / "study")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["study", "study.key.json"]


def test_nothing_in_the_folder_names_a_scan_or_the_groups(planned):
    key = read_key(planned[1])
    content = everything(planned[0])
    told = {name for about in key.cases.values() for name in (about.name, about.patient, "SYNTHETIC", "NIfTI")}
    for name, data in content.items():
        for word in told:
            assert word.encode() not in data and word not in name
    times = {os.stat(path).st_mtime for path in (planned[0], *planned[0].rglob("*"))}
    assert times == {946684800.0}


def test_the_order_of_ids_and_trials_tells_nothing(planned):
    text = json.loads((planned[0] / "study.json").read_text(encoding="utf-8"))
    ids = [case["id"] for case in text["cases"]]
    assert ids == sorted(ids) and text["trials"] == [[case] for case in ids]
    groups = groups_of(planned[1])
    synthetic = np.array([groups[case] == "synthetic" for case in ids])
    assert chance_of(list(range(8)), synthetic, 0) >= 0.5


def test_the_key_is_for_its_owner_and_tells_what_the_report_needs(planned):
    assert stat.S_IMODE(planned[1].stat().st_mode) == 0o600
    key = read_key(planned[1])
    assert key.seed == 3 and key.matching["balanced"]["real"]["cases"] == 4
    assert {one["measure"] for one in key.findings} >= {"noise in soft tissue, HU", "median, HU"}
    assert all(0 <= one["auc"] <= 1 for one in key.findings if one["auc"] is not None)
    (edges,) = [one for one in key.findings if one["measure"].startswith("gradient")]
    assert 20 < edges["real"] < 500 and 20 < edges["synthetic"] < 500
    assert "resampled once" in key.resampled


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_ids(scans, planned, tmp_path):
    plan(*scans, tmp_path / "again")
    assert everything(tmp_path / "again") == everything(planned[0])
    plan(*scans, tmp_path / "other", seed=4)
    assert not set(open_study(tmp_path / "other").cases) & set(open_study(planned[0]).cases)


def test_pairs_and_practice(scans, tmp_path):
    plan(*scans, tmp_path / "pairs", mode="pairs", practice=2)
    study, groups = open_study(tmp_path / "pairs"), groups_of(tmp_path / "pairs.key.json")
    assert len(study.trials) == 4 and len(study.practice) == 1
    for trial in (*study.trials, study.practice[0].cases):
        assert sorted(groups[case] for case in trial) == ["real", "synthetic"]
    lefts = [[groups[trial.cases[0]] for trial in trials_of(study, code)[1:]] for code in ("A", "B", "C")]
    assert all(one.count("synthetic") == 2 for one in lefts)  # half of them, for each reader
    (practice,) = study.practice
    assert groups[practice.cases[("left", "right").index(practice.answer)]] == "synthetic"
    plan(*scans, tmp_path / "rate", practice=4)
    study, key = open_study(tmp_path / "rate"), read_key(tmp_path / "rate.key.json")
    assert [one.answer for one in study.practice] == [key.cases[one.cases[0]].group for one in study.practice]
    assert sum(about.practice for about in key.cases.values()) == 4
    assert len({about.patient for about in key.cases.values()}) == 12


# --- leaks


@pytest.mark.parametrize(
    ("change", "trait"),
    [
        (lambda image: sitk.Maximum(image, -990), "smallest value: always -1024 .* always -990"),
        (lambda image: sitk.Minimum(image, 500), "largest value"),
        (lambda image: sitk.Cast(image / 8, sitk.sitkInt16) * 8, "grey levels: always 0.9 .* always 0.1"),
        (lambda image: sitk.Paste(image, image[:10] * 0 - 1024, [10, *image.GetSize()[1:]]), "empty outer slices"),
    ],
)
def test_a_leak_fails_the_plan_and_leaves_nothing(scans, tmp_path, change, trait):
    spoiled = write_group(tmp_path / "spoiled", "synthetic", 4, lambda image: sitk.Cast(change(image), sitk.sitkInt16))
    with pytest.raises(InputError, match=trait):
        plan(scans[0], spoiled, tmp_path / "study")
    assert [file.name for file in tmp_path.iterdir()] == ["spoiled"]


def test_a_leak_that_is_no_constant_is_found_too(scans, tmp_path):
    minima = iter(range(-1000, -990))
    spoiled = write_group(tmp_path / "s", "synthetic", 6, lambda image: sitk.Maximum(image, next(minima)))
    with pytest.raises(InputError, match="smallest value: in the middle -1024 in real cases and -99.*p = 0.0"):
        plan(scans[0], spoiled, tmp_path / "study", cases=12)


def later(file):
    os.utime(file, (1e9, 1e9))


def marked(file):
    file.write_bytes(file.read_bytes().replace(b"\nspace origin", b"\nSyntheticCT:=SYNTHETIC 12\nspace origin", 1))


def finer(file):
    image = sitk.ReadImage(str(file))
    image.SetSpacing((3.9, 4, 4))
    sitk.WriteImage(image, str(file), False)


def longer(file):
    file.write_bytes(file.read_bytes() + b"\0")


@pytest.mark.parametrize(
    ("spoil", "trait"),
    [
        (later, "time of change"),
        (marked, "header"),
        (finer, "spacing"),
        (longer, "file size"),
        (lambda file: file.chmod(0o600), "permissions"),
    ],
)
def test_each_kind_of_leak_is_seen_in_a_finished_folder(planned, tmp_path, spoil, trait):
    study, groups = open_study(shutil.copytree(planned[0], tmp_path / "study")), groups_of(planned[1])
    assert find_leaks(study, groups, (), 0) == ()
    for case in groups:
        if groups[case] == "synthetic":
            spoil(study.image_file(case))
    assert trait in {leak.trait for leak in find_leaks(study, groups, (), 0)}


def test_a_name_in_a_header_is_a_leak_whichever_group_it_is_in(planned, tmp_path):
    study, groups = open_study(shutil.copytree(planned[0], tmp_path / "study")), groups_of(planned[1])
    for case in groups:
        marked(study.image_file(case))
    (leak, *_) = find_leaks(study, groups, ("SYNTHETIC 12", "lung"), 0)
    assert leak.trait == "names" and "SYNTHETIC 12" in leak.told


def test_chance_is_exact_where_all_relabellings_can_be_counted():
    truth = np.array([False] * 4 + [True] * 4)
    assert chance_of([1, 2, 3, 4, 5, 6, 7, 8], truth, 0) == pytest.approx(2 / 70)
    assert chance_of(["a"] * 4 + ["b"] * 4, truth, 0) == pytest.approx(2 / 70)
    assert chance_of([1, 2, 1, 2, 1, 2, 1, 2], truth, 0) == 1


@pytest.mark.parametrize("each", [2, 4])
def test_numbers_whose_ranges_do_not_touch_are_a_leak_however_few_the_cases(each):
    truth = np.repeat([False, True], each)
    apart = list(range(2 * each))
    assert _separates("largest value", apart, truth, 0.001, 0).trait == "largest value"
    assert _separates("side in its trial", apart, truth, 0.001, 0) is None  # drawn so that it tells nothing
    assert _separates("largest value", [*apart[1:], 0], truth, 0.001, 0) is None


def test_padding_is_what_the_windows_show_of_air():
    image = sitk.Image(8, 8, 8, sitk.sitkInt16) - 160
    share = "padding on the outer faces, share"
    assert (pixel_statistics(image, -160)[share], pixel_statistics(image, -1024)[share]) == (1, 0)


# --- what scans there are


def test_masks_and_private_files_are_no_scans_and_lesions_beside_a_scan_are_known(tmp_path):
    image, labels = trunk()
    for name in ("one", "one_autolabels", "two", "two_lesion", "two_labels_organs", "three_seg117"):
        write_image(image if name in ("one", "two") else labels.image, tmp_path / f"{name}.nii.gz")
    sitk.WriteImage(labels.image, str(tmp_path / "one.seg.nrrd"))
    found = find_scans(tmp_path)
    assert [(scan.name, scan.lesion) for scan in found] == [("one", None), ("two", True)]


def test_morphs_in_sub_folders_tell_how_they_were_made(tmp_path):
    folder = tmp_path / "a_to_b"
    (folder / "private").mkdir(parents=True)
    write_image(trunk()[0], folder / "morph_050.nii.gz")
    measures = {"noise.ratio": {"value": 0.8, "unit": ""}, "similarity.target": {"value": None, "unit": ""}}
    record = {
        "percent": 50.0,
        "inputs": {
            "source": {"file": "anna.nii.gz", "content": "a0"},
            "target": {"file": "bert.nii.gz", "content": "b0"},
        },
        "labels": {"lesions": {"1": "lung nodule"}},
        "report": {"verdict": "warn", "measures": measures},
    }
    (folder / "private" / "morph_050.json").write_text(json.dumps(record), encoding="utf-8")
    (scan,) = find_scans(tmp_path)
    assert (scan.name, scan.patient, scan.percent, scan.verdict) == ("a_to_b/morph_050", "anna", 50.0, "warn")
    assert scan.lesion is True and scan.gate == {"noise.ratio": 0.8}
    assert (scan.made_of, scan.originals) == (("anna", "bert"), ("a0", "b0"))


def test_a_cohort_tells_source_percentage_region_and_verdict(tmp_path):
    cases = {f"synthct_{number:04d}": (body(number), None) for number in (1, 2)}
    folder = write_cohort(tmp_path / "cohort", [body(7), body(8)], cases)
    found = find_scans(folder)
    assert [(scan.name, scan.region, scan.percent, scan.verdict) for scan in found] == [
        ("synthct_0001", "chest", 40.0, "pass"),
        ("synthct_0002", "chest", 40.0, "pass"),
    ]
    assert {scan.patient for scan in found} == {"patient-anna"}
    assert {scan.made_of for scan in found} == {("patient-anna", "patient-bert")}


def test_several_scans_of_a_patient_are_shown_once_in_a_group(tmp_path):
    real = write_group(tmp_path / "real", "real", 6)
    rows = [f"real_patient_{number:03d}.nii.gz,P{number // 2},chest" for number in range(6)]
    (real / "patients.csv").write_text("\n".join(["file,patient,region", *rows]), encoding="utf-8")
    assert [scan.patient for scan in find_scans(real)] == ["P0", "P0", "P1", "P1", "P2", "P2"]
    made = write_group(tmp_path / "made", "synthetic", 4)
    with pytest.raises(InputError, match="real scans are of 3 patients, and 4 are needed"):
        plan(real, made, tmp_path / "study")
    plan(real, made, tmp_path / "study", cases=6)
    cases = read_key(tmp_path / "study.key.json").cases.values()
    assert sorted(about.patient for about in cases if about.group == "real") == ["P0", "P1", "P2"]


def test_a_table_of_subjects_is_read_and_its_faults_are_told(tmp_path):
    write_image(body(1), tmp_path / "x.nii.gz")
    table = tmp_path / "subjects.csv"
    table.write_text("id,image,region,labels\nanna,x.nii.gz,Chest,lesion=x.nii.gz\n", encoding="utf-8")
    (scan,) = find_scans(tmp_path)
    assert (scan.name, scan.region, scan.lesion) == ("anna", "chest", True)
    table.write_text("id,image,region\nanna,missing.nii.gz,chest\n", encoding="utf-8")
    with pytest.raises(InputError, match="there is no file"):
        find_scans(tmp_path)


# --- what is refused


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"cases": 7}, "even number"),
        ({"cases": 2}, "from 4"),
        ({"practice": 1}, "even number"),
        ({"mode": "both"}, "mode"),
        ({"windows": ["brain"]}, "windows"),
        ({"cases": 40}, "6 patients, and 20"),
        ({"spacing": [30, 30, 30]}, "smaller --spacing"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(scans, tmp_path, wrong, told):
    with pytest.raises(InputError, match=told):
        plan(*scans, tmp_path / "study", **wrong)
    assert not list(tmp_path.iterdir())


def test_places_that_would_give_the_key_away_or_replace_something_are_refused(scans, planned, tmp_path):
    with pytest.raises(InputError, match="in the folder that the readers get"):
        plan(*scans, tmp_path / "study", key=str(tmp_path / "study" / "key.json"))
    with pytest.raises(InputError, match="exists already"):
        plan(*scans, planned[0])
    with pytest.raises(InputError, match="original"):
        plan(*scans, scans[0] / "study")
    with pytest.raises(InputError, match="one folder; give two"):
        plan(scans[0], scans[0], tmp_path / "study")


def test_a_copy_of_a_real_scan_is_no_synthetic_one(scans, tmp_path):
    made = write_group(tmp_path / "made", "synthetic", 4)
    write_image(body(2), made / "copy.nii.gz")
    with pytest.raises(InputError, match="copy is the real scan real_patient_002, voxel for voxel"):
        plan(scans[0], made, tmp_path / "study")
