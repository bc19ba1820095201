"""Exports of a cohort: which cases leave, in the Decathlon's layout, with which papers."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk
from cohort_folders import KEY, SECRETS, everything_below, export, write_cohort
from trunks import PLAIN, known_path, rigid, still_path, trunk

from SyntheticCTLib.cohort.dataset.layout import Layout
from SyntheticCTLib.cohort.planning import PlanSettings, read_plan, write_plan
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import Geometry
from SyntheticCTLib.lesion.datasets.layouts import find_cases
from SyntheticCTLib.morph.warping import Warper

LABELS = ("lung", "liver", "spine")
WIDE = Geometry((60, 54, 60), (4.0,) * 3, (-118.0, -128.0, -88.0), PLAIN.direction)
"""Holds a trunk that lies elsewhere, turned."""

COPY, MORPH, OTHER = "synthct_0001", "synthct_0002", "synthct_0003"


@pytest.fixture(scope="module")
def images():
    """Three originals, and three cases: a copy of the first, a morph of it, and somebody else."""
    originals = [trunk(), trunk(width=1.15, lung=0.85, liver=1.1), trunk(width=0.9, lung=1.1, liver=0.8)]
    source, labels = originals[0]
    morphed = Warper(source, [labels]).morph(known_path(source, originals[1][0]), 0.9)
    copied = trunk(noise=12.0)
    cases = {
        COPY: copied,
        MORPH: (morphed.image, morphed.layers[0]),
        OTHER: trunk(width=1.3, lung=0.7, liver=1.3),
    }
    return [image for image, _ in originals], cases


@pytest.fixture
def cohort(tmp_path, images):
    originals, cases = images
    folder = write_cohort(tmp_path / "cohort", originals, cases, LABELS)
    still_path(*originals[:2]).save(Layout(folder).path(KEY))
    return folder


def review(tmp_path, text):
    file = tmp_path / "review.csv"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_the_decathlons_layout_is_read_by_our_own_reader_of_it(cohort, tmp_path):
    result = export(cohort, tmp_path / "out")
    assert result["exported"] == 3
    cases = find_cases("msd", tmp_path / "out", lesion_labels=["liver"])
    assert [case.name for case in cases] == [COPY, MORPH, OTHER]
    assert cases[0].lesion_labels == (2,)
    for case in cases:
        image = tmp_path / "cohort" / "imagesTr" / f"{case.name}_0000.nii.gz"
        assert case.image.read_bytes() == image.read_bytes()
        assert case.label.read_bytes() == (tmp_path / "cohort" / "labelsTr" / f"{case.name}.nii.gz").read_bytes()


def test_the_description_is_the_decathlons(cohort, tmp_path):
    export(cohort, tmp_path / "out")
    found = json.loads((tmp_path / "out" / "dataset.json").read_text(encoding="utf-8"))
    assert found["modality"] == {"0": "CT"}
    assert found["labels"] == {"0": "background", "1": "lung", "2": "liver", "3": "spine"}
    assert (found["numTraining"], found["numTest"], found["test"]) == (3, 0, [])
    assert found["tensorImageSize"] == "3D"
    assert found["training"][0] == {"image": f"./imagesTr/{COPY}.nii.gz", "label": f"./labelsTr/{COPY}.nii.gz"}
    assert {"name", "description", "reference", "licence", "release"} <= set(found)
    assert "SYNTHETIC" in found["description"]
    assert "not chosen" in found["licence"]


def test_cases_without_labels_are_the_decathlons_test_cases(images, tmp_path):
    originals, cases = images
    folder = write_cohort(tmp_path / "cohort", originals, {COPY: cases[COPY], OTHER: (cases[OTHER][0], None)}, LABELS)
    export(folder, tmp_path / "out")
    found = json.loads((tmp_path / "out" / "dataset.json").read_text(encoding="utf-8"))
    assert (found["numTraining"], found["numTest"]) == (1, 1)
    assert found["test"] == [f"./imagesTs/{OTHER}.nii.gz"]
    assert (tmp_path / "out" / "imagesTs" / f"{OTHER}.nii.gz").is_file()


def test_the_papers_tell_of_the_exported_cases_only(cohort, tmp_path):
    export(cohort, tmp_path / "out", exclude=review(tmp_path, f"case\n{MORPH}\n"))
    with (tmp_path / "out" / "metadata.csv").open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert [row["name"] for row in rows] == [COPY, OTHER]
    assert rows[0]["image"] == f"imagesTr/{COPY}.nii.gz"
    assert rows[0]["label"] == f"labelsTr/{COPY}.nii.gz"
    assert rows[0]["age"] == "60.5"
    records = sorted(file.stem for file in (tmp_path / "out" / "records").iterdir())
    assert records == [COPY, OTHER]
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "2 synthetic CT scans" in card
    assert "culled by a reviewer: 1" in card
    for section in ("## What", "## Left out", "## How", "## Quality", "## Limits", "## Licence", "## How to cite"):
        assert card.count(f"{section}\n") == 1, section


def test_numbers_of_painted_lesions_are_told_to_be_the_whole_cohorts(cohort, tmp_path):
    card = cohort / "README.md"
    card.write_text(
        card.read_text(encoding="utf-8").replace("## Quality\n", "## Painted lesions\n\n9 lesions.\n\n## Quality\n"),
        encoding="utf-8",
    )
    export(cohort, tmp_path / "out", exclude=review(tmp_path, f"case\n{MORPH}\n"))
    told = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "## Painted lesions\n\n*Of the whole cohort of 3.*\n\n9 lesions." in told


def test_title_and_licence_of_the_cohorts_card_come_along(cohort, tmp_path):
    card = cohort / "README.md"
    card.write_text(
        card.read_text(encoding="utf-8").replace("license: unknown", "license: CC-BY-4.0"), encoding="utf-8"
    )
    export(cohort, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "dataset.json").read_text(encoding="utf-8"))["licence"] == "CC-BY-4.0"
    assert "license: CC-BY-4.0" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("format", ["msd", "dicom"])
def test_nothing_private_is_exported(cohort, tmp_path, format):
    if format == "dicom":
        pytest.importorskip("pydicom")
        pytest.importorskip("highdicom")
    export(cohort, tmp_path / "out", format=format, min_distance=1e-6)
    plan = read_plan(Layout(cohort).plan)
    secrets = [*SECRETS, KEY, plan.identity, str(tmp_path), "private", *(one.content for one in plan.subjects)]
    for name in everything_below(tmp_path / "out"):
        content = (tmp_path / "out" / name).read_bytes()
        for secret in secrets:
            assert secret.encode() not in content, (name, secret)
        assert "private" not in name


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("case\nsynthct_0001\n", [MORPH, OTHER]),
        ("case,verdict\nsynthct_0001,Reject\nsynthct_0002,pass\n", [MORPH, OTHER]),
        ("comment,exclude,Case\nblur,yes,synthct_0001\n,no,synthct_0002\n,,synthct_0003\n", [MORPH, OTHER]),
        ("case,verdict,exclude\nsynthct_0001,keep,1\nsynthct_0002,bad,\nsynthct_0003,ok,0\n", [OTHER]),
        ("case,verdict\nsynthct_0001,keep\nsynthct_0001,cull\n\n", [MORPH, OTHER]),
        ("case\n", [COPY, MORPH, OTHER]),
    ],
)
def test_a_review_leaves_out_what_it_culls(cohort, tmp_path, text, left):
    result = export(cohort, tmp_path / "out", exclude=review(tmp_path, text))
    assert [case.name for case in find_cases("msd", tmp_path / "out", ["lung"])] == left
    assert result["exported"] == len(left)
    assert result["culled"] == 3 - len(left)


def test_all_faults_of_a_review_are_told_at_once(cohort, tmp_path):
    file = review(tmp_path, "case,verdict\nsynthct_0009,cull\nsynthct_0001,hm\n")
    with pytest.raises(InputError, match=r"line 2: there is no case 'synthct_0009'(.|\n)*line 3: 'hm' says neither"):
        export(cohort, tmp_path / "out", exclude=file)
    assert not (tmp_path / "out").exists()


def test_a_review_needs_its_column(cohort, tmp_path):
    with pytest.raises(InputError, match="column case is missing; found are name, verdict"):
        export(cohort, tmp_path / "out", exclude=review(tmp_path, "name,verdict\nsynthct_0001,cull\n"))
    with pytest.raises(InputError, match="cannot be read as a table"):
        export(cohort, tmp_path / "out", exclude=str(tmp_path / "none.csv"))


def test_an_output_that_was_rejected_may_stand_in_a_review(cohort, tmp_path):
    layout = Layout(cohort)
    for file in (layout.image(OTHER), layout.label(OTHER), layout.private_record(OTHER)):
        file.unlink()
    layout.rejection(OTHER).write_text("{}", encoding="utf-8")
    result = export(cohort, tmp_path / "out", exclude=review(tmp_path, f"case\n{OTHER}\n"))
    assert (result["exported"], result["culled"]) == (2, 0)


def test_what_is_too_near_to_an_original_stays_behind(cohort, tmp_path):
    notes = []
    result = export(cohort, tmp_path / "out", notes, min_distance=0.01)
    assert result["too_near"] == [COPY]
    assert result["distances"]["smallest"] < 0.01 < result["distances"]["median"]
    assert "2 of 3 cases exported, 0 culled by the reviewer, 1 nearer than 0.01 to an original" in notes
    assert not (tmp_path / "out" / "imagesTr" / f"{COPY}.nii.gz").exists()
    assert "nearer than 0.01 to any of the real scans: 1" in (tmp_path / "out" / "README.md").read_text(
        encoding="utf-8"
    )
    counts = json.loads((tmp_path / "out" / "export.json").read_text(encoding="utf-8"))
    assert counts["left_out"] == {"reviewer": 0, "too_near": 1}


def test_a_held_out_scan_is_an_original_too(images, tmp_path):
    originals, cases = images
    held_out_copy = trunk(width=0.9, lung=1.1, liver=0.8, noise=14.0)
    folder = write_cohort(tmp_path / "cohort", originals, {MORPH: cases[MORPH], OTHER: held_out_copy}, LABELS)
    assert export(folder, tmp_path / "out", min_distance=0.01)["too_near"] == [OTHER]


@pytest.mark.parametrize("kept", ["source to target", "target to source"])
@pytest.mark.parametrize("grid", ["source", "target"])
def test_the_pose_of_the_registration_is_undone(tmp_path, grid, kept):
    """The case is the body of whichever original it does not share the pose with; only the path tells the pose."""
    place = rigid((8, -5, 12), (15.0, -20.0, 30.0))
    source, target = trunk(width=1.15, lung=0.85, liver=1.1)[0], trunk(WIDE, place=place)[0]
    copy = trunk(noise=12.0)[0]
    if grid == "target":
        copy = trunk(WIDE, width=1.15, lung=0.85, liver=1.1, noise=12.0, place=place)[0]
    settings = PlanSettings(grid=grid)
    folder = write_cohort(tmp_path / "cohort", [source, target], {COPY: (copy, None)}, settings=settings)
    path = still_path(source, target, pose=np.linalg.inv(place))
    (path if kept == "source to target" else path.reversed()).save(Layout(folder).path(KEY))
    with pytest.raises(InputError, match="1 nearer than 0.1 to an original"):
        export(folder, tmp_path / "out", min_distance=0.1)
    Layout(folder).path(KEY).unlink()
    assert export(folder, tmp_path / "out", min_distance=0.1)["exported"] == 1


def test_originals_that_are_missing_or_changed_are_all_named(cohort, images, tmp_path):
    (tmp_path / "originals" / f"{SECRETS[0]}.nii.gz").unlink()
    sitk.WriteImage(images[0][0] + 1, str(tmp_path / "originals" / f"{SECRETS[1]}.nii.gz"))
    with pytest.raises(InputError) as caught:
        export(cohort, tmp_path / "out", min_distance=0.01)
    assert f"{SECRETS[0]}: " in str(caught.value)
    assert "no such file" in str(caught.value)
    assert f"{SECRETS[1]}: " in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert export(cohort, tmp_path / "out")["exported"] == 3  # without a distance they are not needed


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.5, float("nan")])
def test_a_distance_that_means_nothing_is_refused(cohort, tmp_path, wrong):
    with pytest.raises(InputError, match="min_distance is"):
        export(cohort, tmp_path / "out", min_distance=wrong)


def test_an_export_of_nothing_is_refused(cohort, tmp_path):
    with pytest.raises(InputError, match="No case is left to export: 0 of 3.*Cull fewer"):
        export(cohort, tmp_path / "out", exclude=review(tmp_path, f"case\n{COPY}\n{MORPH}\n{OTHER}\n"))
    with pytest.raises(InputError, match="3 nearer than 0.9 to an original. The largest distance is 0"):
        export(cohort, tmp_path / "out", min_distance=0.9)
    assert not (tmp_path / "out").exists()


def test_a_file_that_changed_since_the_run_is_not_vouched_for(cohort, tmp_path):
    file = Layout(cohort).label(MORPH)
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(InputError, match="has changed since the run"):
        export(cohort, tmp_path / "out")
    file.unlink()
    with pytest.raises(InputError, match="is missing"):
        export(cohort, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_cohort_that_is_not_finished_is_refused(cohort, tmp_path):
    Layout(cohort).private_record(MORPH).unlink()
    with pytest.raises(InputError, match="not finished"):
        export(cohort, tmp_path / "out")
    with pytest.raises(InputError, match="no cohort"):
        export(tmp_path, tmp_path / "out")


def test_an_earlier_export_is_replaced_only_when_allowed_and_leaves_nothing_behind(cohort, tmp_path):
    export(cohort, tmp_path / "out")
    with pytest.raises(InputError, match="--overwrite"):
        export(cohort, tmp_path / "out")
    export(cohort, tmp_path / "out", exclude=review(tmp_path, f"case\n{MORPH}\n"), overwrite=True)
    assert not [name for name in everything_below(tmp_path / "out") if MORPH in name]


def test_a_folder_that_holds_something_else_is_left_alone(cohort, tmp_path):
    (tmp_path / "other" / "imagesTr").mkdir(parents=True)
    (tmp_path / "other" / "imagesTr" / "mine.nii.gz").write_bytes(b"precious")
    for output in (tmp_path / "other", cohort, cohort / "sub", tmp_path / "originals"):
        before = everything_below(output) if output.exists() else None
        with pytest.raises(InputError):
            export(cohort, output, overwrite=True)
        assert before == (everything_below(output) if output.exists() else None)


def test_the_same_cohort_gives_the_same_bytes(cohort, tmp_path):
    for name in ("one", "two"):
        export(cohort, tmp_path / name, min_distance=1e-6)
    names = everything_below(tmp_path / "one")
    assert names == everything_below(tmp_path / "two")
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)


def test_a_plan_that_was_moved_still_finds_its_originals(cohort, tmp_path):
    layout = Layout(cohort)
    write_plan(read_plan(layout.plan), layout.plan)
    assert export(cohort, tmp_path / "out", min_distance=1e-6)["exported"] == 3
    assert np.isfinite(export(cohort, tmp_path / "again", min_distance=1e-6)["distances"]["largest"])
