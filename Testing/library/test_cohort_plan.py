"""Plans as files: written and read again, edited by a person, edited into nonsense."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from SyntheticCTLib.cohort.planning import (
    LabelFile,
    Plan,
    PlannedOutput,
    PlanSettings,
    Subject,
    read_plan,
    write_plan,
)
from SyntheticCTLib.errors import InputError

HASH = "0123456789abcdef" * 4


def a_subject(folder: Path, name: str, region: str = "chest", **more) -> Subject:
    labels = (LabelFile("organs", folder / f"{name}_organs.nii.gz", HASH), LabelFile(None, folder / "b.nii", HASH))
    more = {"labels": labels, "metadata": folder / f"{name}.json", "metadata_sha256": HASH, "content": HASH, **more}
    return Subject(name, folder / f"{name}.nii.gz", region, **more)


@pytest.fixture
def plan(tmp_path) -> Plan:
    scans = tmp_path / "scans"
    subjects = tuple(a_subject(scans, name) for name in ("anna", "bjoern", "carl"))
    return Plan(
        seed=7,
        settings=PlanSettings(per_source=3, t_min=0.2),
        label_names=("lung left", "Leber ü", "lesion 1"),
        subjects=(*subjects, a_subject(scans, "dora", "abdomen", labels=(), metadata=None, metadata_sha256=None)),
        held_out=(a_subject(scans, "emil", series="1.2.3"), a_subject(scans, "fay", series=2)),
        excluded_edges=(("anna", "carl"), ("carl", "bjoern")),
        outputs=(
            PlannedOutput("synthct_0001", "anna", "bjoern", Decimal("41.27"), 2**53 - 1),
            PlannedOutput("synthct_0002", "bjoern", "anna", Decimal("50.00"), 0),
            PlannedOutput("synthct_0003", "anna", "bjoern", Decimal("20.10"), 12345),
        ),
    )


@pytest.fixture
def file(plan, tmp_path) -> Path:
    write_plan(plan, tmp_path / "plan.json")
    return tmp_path / "plan.json"


def edited(file: Path, change) -> Path:
    """The plan after `change`, a function that alters the JSON in place."""
    raw = json.loads(file.read_text(encoding="utf-8"))
    change(raw)
    file.write_text(json.dumps(raw), encoding="utf-8")
    return file


def faults(file: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_plan(file)
    assert str(file) in str(caught.value)
    return str(caught.value).split("\n  - ")[1:]


# --- there and back


def test_a_plan_comes_back_as_it_was_written(plan, file):
    again = read_plan(file)
    assert again == plan
    assert again.identity == plan.identity
    assert again.subject("emil").series == "1.2.3" and again.subject("fay").series == 2
    with pytest.raises(KeyError):
        again.subject("nobody")


def test_the_same_plan_has_the_same_bytes_wherever_it_lies(plan, file, tmp_path):
    write_plan(read_plan(file), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()


def test_a_person_can_read_it_and_each_output_has_a_line(file):
    lines = file.read_text(encoding="utf-8").splitlines()
    assert '  {"name": "synthct_0002", "source": "bjoern", "target": "anna", "percent": 50.00, "seed": 0},' in lines
    assert any('"Leber ü"' in line for line in lines)
    assert sum(line.startswith('  {"id": ') for line in lines) == 6
    assert '"image": "scans/anna.nii.gz"' in file.read_text(encoding="utf-8")
    assert "do not publish" in lines[1]


def test_a_plan_without_lists_is_whole_json(plan, tmp_path):
    write_plan(replace(plan, held_out=(), excluded_edges=(), label_names=()), tmp_path / "p.json")
    assert read_plan(tmp_path / "p.json").held_out == ()


def test_paths_follow_the_plan_to_another_folder(plan, file, tmp_path):
    other = tmp_path / "run" / "private" / "plan.json"
    other.parent.mkdir(parents=True)
    write_plan(read_plan(file), other)
    assert '"../../scans/anna.nii.gz"' in other.read_text(encoding="utf-8")
    assert read_plan(other) == plan


def test_a_plan_may_be_written_elsewhere_than_it_will_lie(plan, file, tmp_path):
    (tmp_path / "staged").mkdir()
    write_plan(plan, tmp_path / "staged" / "plan.json", tmp_path)
    assert (tmp_path / "staged" / "plan.json").read_bytes() == file.read_bytes()


def test_paths_that_share_nothing_with_the_plan_stay_absolute(plan, file):
    far = Path(os.path.abspath(os.sep)) / "elsewhere" / "scan.nii.gz"
    write_plan(replace(plan, subjects=(replace(plan.subjects[0], image=far), *plan.subjects[1:])), file)
    assert json.loads(file.read_text(encoding="utf-8"))["subjects"][0]["image"] == far.as_posix()
    assert read_plan(file).subjects[0].image == far


def test_no_half_plan_is_left_if_writing_fails(plan, tmp_path):
    with pytest.raises(AttributeError):
        write_plan(replace(plan, outputs=(*plan.outputs, None)), tmp_path / "p.json")
    assert not list(tmp_path.iterdir())


def test_identity_is_of_what_decides_and_not_of_paths(plan, tmp_path):
    def identity(**changes):
        return replace(plan, **changes).identity

    moved = tuple(replace(subject, image=tmp_path / "moved" / subject.image.name) for subject in plan.subjects)
    assert identity(subjects=moved, software={"numpy": "0"}, excluded_edges=()) == plan.identity
    other_voxels = (replace(plan.subjects[0], content="f" * 64), *plan.subjects[1:])
    other_labels = (replace(plan.subjects[0], labels=(LabelFile("organs", tmp_path, "f" * 64),)), *plan.subjects[1:])
    others = [
        identity(seed=8),
        identity(settings=replace(plan.settings, redraws=4)),
        identity(label_names=plan.label_names[::-1]),
        identity(subjects=other_voxels),
        identity(subjects=other_labels),
        identity(outputs=plan.outputs[1:]),
        identity(outputs=(replace(plan.outputs[0], percent=Decimal("41.28")), *plan.outputs[1:])),
    ]
    assert len({plan.identity, *others}) == len(others) + 1
    whole = replace(plan.outputs[1], percent=Decimal("50"))
    assert identity(outputs=(plan.outputs[0], whole, plan.outputs[2])) == plan.identity


# --- edited


def test_sensible_edits_are_taken(file):
    def change(raw):
        raw["outputs"][1]["percent"] = 33
        raw["outputs"][2].update(name="mine-1", percent=79.9)
        raw["settings"]["redraws"] = 0
        raw["label_names"].reverse()

    plan = read_plan(edited(file, change))
    assert [output.percent for output in plan.outputs] == [Decimal("41.27"), Decimal("33"), Decimal("79.9")]
    assert plan.outputs[2].name == "mine-1" and plan.label_names[0] == "lesion 1"


def test_a_plan_edited_into_nonsense_is_refused_with_every_fault(file):
    def change(raw):
        raw["outputs"] = [
            {"name": "x1", "source": "nobody", "target": "anna", "percent": 41, "seed": 1},
            {"name": "x2", "source": "anna", "target": "bjoern", "percent": 19.99, "seed": 1},
            {"name": "X2", "source": "bjoern", "target": "anna", "percent": 80.01, "seed": 1},
            {"name": "x4", "source": "anna", "target": "dora", "percent": 41, "seed": 1},
            {"name": "x5", "source": "anna", "target": "anna", "percent": 41, "seed": 1},
            {"name": "x6", "source": "bjoern", "target": "emil", "percent": 41, "seed": 1},
            {"name": "x7", "source": "anna", "target": "carl", "percent": 41, "seed": 1},
            {"name": "x8", "source": "carl", "target": "anna", "percent": "41", "seed": 1.5},
            {"name": "../x9", "source": "carl", "target": "anna", "percent": 41.234, "seed": -1},
            {"name": "x10", "source": "carl", "percent": True, "seed": 1, "note": "hello"},
            "x11",
        ]

    found = "\n".join(faults(edited(file, change)))
    for expected in (
        "'x1': its source 'nobody' is no subject",
        "'x2': percent is 19.99, outside 20.00..80.00",
        "'X2': percent is 80.01",
        "2 outputs have the name 'x2'",
        "'x4': it goes from the chest 'anna' to the abdomen 'dora'",
        "'x5': source and target are the same subject 'anna'",
        "'x6': its target 'emil' is held out",
        "'x7': its pair 'anna' to 'carl' is among excluded_edges",
        "'x8': percent is '41'",
        "'x8': seed is Decimal('1.5')",
        "'../x9': name is",
        "'../x9': percent is Decimal('41.234')",
        "'../x9': seed is -1",
        "'x10': 'target' is missing",
        "'x10': 'note' is not known",
        "'x10': percent is True",
        "entry 11 is a text",
        "4 outputs come from 'anna', but per_source is 3",
    ):
        assert expected in found, expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda raw: raw.update(seed="7"), "seed is '7'"),
        (lambda raw: raw.update(seed=-1), "seed is -1"),
        (lambda raw: raw.update(outputs=[]), "no output"),
        (lambda raw: raw.update(outputs={}), "outputs is an object"),
        (lambda raw: raw.update(subjects=None), "subjects is null"),
        (lambda raw: raw.pop("held_out"), "no entry 'held_out'"),
        (lambda raw: raw.update(sedd=1), "'sedd' is not known"),
        (lambda raw: raw["settings"].update(t_min=0), "t_min is 0"),
        (lambda raw: raw["settings"].update(t_mni=0.3), "no setting 't_mni'"),
        (lambda raw: raw["settings"].pop("grid"), "'grid' is missing"),
        (lambda raw: raw["settings"].update(spacing=1.5), "spacing is "),
        (lambda raw: raw["settings"].update(spacing=[1, 1.5, -2]), "spacing is [1, 1.5, -2]; expected null, or three"),
        (lambda raw: raw["settings"].update(spacing=[1, 1, 1], size=[4096, 4096, 4096]), "at most 1.1e+09 voxels"),
        (lambda raw: raw["settings"].update(spacing=[1, 1, 2], size=[64, 64, 8]), "size is "),
        (lambda raw: raw["settings"].update(size=[64, 64, 64]), "size is given but spacing is not"),
        (lambda raw: raw["settings"].update(per_edge=1), "2 outputs go from 'anna' to 'bjoern'"),
        (lambda raw: raw["subjects"][0].update(id="bjoern"), "2 subjects have the id 'bjoern'"),
        (lambda raw: raw["held_out"][0].update(id="Anna"), "2 subjects have the id 'anna'"),
        (lambda raw: raw["subjects"][0].update(id="../anna"), "id is '../anna'"),
        (lambda raw: raw["subjects"][0].update(content="abc"), "content is 'abc'"),
        (lambda raw: raw["subjects"][0].update(image=None), "image is None"),
        (lambda raw: raw["subjects"][0].update(labels="l.nii"), "labels is 'l.nii'"),
        (lambda raw: raw["subjects"][0]["labels"][0].pop("sha256"), "'sha256' is missing"),
        (lambda raw: raw["subjects"][0]["labels"].append(3), "a label file is a number"),
        (lambda raw: raw["subjects"].append([]), "entry 5 is a list"),
        (lambda raw: raw["subjects"][0].update(region="head-neck"), "shows a face"),
        (lambda raw: raw["subjects"][0].update(region="chest of Anna"), "region is 'chest of Anna'; expected one or"),
        (lambda raw: raw["subjects"][0].update(region="Chest"), "region is 'Chest'"),
        (lambda raw: raw["excluded_edges"].append(["anna"]), "no pair"),
        (lambda raw: raw["excluded_edges"].append(["anna", "zoe"]), "no subject 'zoe'"),
        (lambda raw: raw["outputs"][0].update(name="Emil"), "'Emil': a subject or its scan is called so"),
        (lambda raw: raw["label_names"].append("lung left"), "'lung left' stands there 2 times"),
        (lambda raw: raw["label_names"].append(3), "3 is no name"),
    ],
)
def test_each_fault_is_named(file, change, expected):
    assert any(expected in fault for fault in faults(edited(file, change)))


def test_an_output_may_be_called_like_its_source_only_if_that_is_an_output_itself(file):
    edited(file, lambda raw: raw["subjects"][0].update(image="set/synthct_0002_0000.nii.gz"))
    edited(file, lambda raw: raw["held_out"][0].update(id="synthct_0001"))
    assert read_plan(file).outputs[0].name == "synthct_0001"
    edited(file, lambda raw: raw["subjects"][0].update(image="scans/MRN7.nii.gz"))
    edited(file, lambda raw: raw["outputs"][2].update(name="mrn7"))
    assert "'mrn7': a subject or its scan is called so" in faults(file)[0]


def places(value, path=()):
    """The path to each value within nested lists and objects."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def test_whatever_stands_in_whatever_place_is_taken_or_refused_in_words(file):
    text = file.read_text(encoding="utf-8")
    junk = [None, True, -1, 10**400, 1.5, 1e308, "", "x", "\0", [], [[]], [{}, []], {}, {"id": []}]
    for path in list(places(json.loads(text))):
        for value in junk:
            raw = json.loads(text)
            at = raw
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = value
            file.write_text(json.dumps(raw), encoding="utf-8")
            try:
                plan = read_plan(file)
            except InputError:
                continue
            write_plan(plan, file)
            assert read_plan(file) == plan


def test_very_many_faults_are_counted(file):
    def change(raw):
        raw["outputs"] = [{**raw["outputs"][0], "name": f"x{n}", "percent": 99} for n in range(500)]
        raw["settings"]["per_source"] = None

    found = faults(edited(file, change))
    assert len(found) == 201 and found[-1] == "and 300 more"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "[1, 2]", '{"plan": "another"}', "synthct", "\ud800".encode("utf-8", "surrogatepass")]
)
def test_what_is_no_plan_is_refused(tmp_path, text):
    file = tmp_path / "plan.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=re.escape(str(file))):
        read_plan(file)


def test_numbers_that_are_none_and_other_versions_are_refused(file):
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("41.27", "NaN"), encoding="utf-8")
    with pytest.raises(InputError, match="NaN"):
        read_plan(file)
    file.write_text(text.replace('"version": 1', '"version": 2'), encoding="utf-8")
    assert "version is 2" in faults(file)[0]
    with pytest.raises(InputError, match="cohort plan"):
        read_plan(file.with_name("absent.json"))
