"""The jobs of the morph room: what is checked before long work, which files come out, what is withheld.

Registration, path, warping, gate and contact sheet are fakes here; they have tests of their own.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images.hashing import content_hash
from SyntheticCTLib.images.writing import write_image
from SyntheticCTLib.jobs import JobDocument, run_here

VERDICTS = {0.25: "pass", 0.5: "warn", 0.75: "reject"}


class FakePath:
    method = {"backend": "fake", "versions": {"fake": "1"}, "parameters": {"seed": 77}}

    def __init__(self, bound_to=None):
        self.bound_to = bound_to

    def save(self, file):
        file.write_text("a path", encoding="utf-8")

    @classmethod
    def load(cls, file):
        return cls(file.read_text(encoding="utf-8"))

    def check(self, source, target):
        if self.bound_to != "a path":
            raise InputError("The path was made for other images.")


@dataclass
class Calls:
    """What the job asked of the fakes."""

    registered: list = field(default_factory=list)
    morphed: list = field(default_factory=list)


@pytest.fixture(autouse=True)
def calls(tmp_path, monkeypatch):
    calls = Calls()

    def register(source, target, **more):
        calls.registered.append(more)
        return FakePath()

    class Warper:
        def __init__(self, source, labels):
            self.source, self.labels = source, labels

        def morph(self, path, t, grid, progress):
            calls.morphed.append((t, grid))
            return SimpleNamespace(image=self.source, layers=list(self.labels), t=t, grid=grid)

    def assess(source, target, morphed, path, layers):
        verdict = VERDICTS.get(morphed.t, "pass")
        content = {"verdict": verdict, "reasons": [f"It is {verdict}."]}
        return SimpleNamespace(verdict=verdict, reasons=[f"It is {verdict}."], to_dict=lambda: content)

    def contact_sheet(source, target, morphed, path, report, file, source_layers):
        file.write_bytes(b"PNG")

    fakes = {
        "register": {"register": register},
        "path": {"MorphPath": FakePath},
        "warping": {"Warper": Warper},
        "gate": {"assess": assess},
        "sheet": {"contact_sheet": contact_sheet},
    }
    for name, content in fakes.items():
        module = ModuleType(f"SyntheticCTLib.morph.{name}")
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    system = tmp_path / "system temporary"
    system.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(system))
    return calls


@pytest.fixture
def scans(tmp_path):
    """Two small CTs, two label maps of the first, two records."""
    rng = np.random.default_rng(1)
    for name in ("a", "b"):
        values = np.full((10, 12, 14), -1000, np.int16)
        values[2:8, 2:9, 2:9] = rng.integers(20, 60, (6, 7, 7))
        write_image(sitk.GetImageFromArray(values), tmp_path / f"{name}.nii.gz")
    labels = np.zeros((10, 12, 14), np.uint8)
    labels[3:6, 3:6, 3:6] = 1
    for name in ("lobes", "lesions"):
        write_image(sitk.GetImageFromArray(labels), tmp_path / f"{name}.nii.gz")
    (tmp_path / "a.json").write_text(json.dumps({"age": 60, "sex": "F", "patient_name": "Mueller"}), encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps({"age": 40, "sex": "M"}), encoding="utf-8")
    return tmp_path


def morph_job(folder, *percents, **changes):
    parameters = {
        "source": str(folder / "a.nii.gz"),
        "target": str(folder / "b.nii.gz"),
        "series_source": None,
        "series_target": None,
        "labels": [],
        "target_labels": [],
        "metadata": None,
        "metadata_rules": None,
        "path": None,
        "backend": None,
        "seed": 5,
        "repeatable": False,
        "percents": list(percents),
        "grid": "source",
        "strict": False,
        "contact_sheet": True,
        "output": str(folder / "out"),
        "overwrite": False,
        **changes,
    }
    return JobDocument("morph.morph", parameters)


def label(folder, name, given=None):
    return {"name": given, "file": str(folder / f"{name}.nii.gz")}


def files_in(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_a_morph_writes_public_files_and_a_private_folder(scans):
    run_here(morph_job(scans, "50", labels=[label(scans, "lobes")]))
    assert files_in(scans / "out") == [
        "morph_050.json",
        "morph_050.nii.gz",
        "morph_050_labels.nii.gz",
        "private/morph_050.json",
        "private/morph_050.png",
        "private/path.nrrd",
    ]
    assert (scans / "out" / "private").stat().st_mode & 0o777 == 0o700


def test_many_percentages_share_one_registration(scans, calls):
    result = run_here(morph_job(scans, "25", "12.5"))
    assert len(calls.registered) == 1
    assert [t for t, _ in calls.morphed] == [0.25, 0.125]
    assert [morph["name"] for morph in result["morphs"]] == ["morph_025", "morph_012.5"]


def test_several_layers_carry_their_names_and_given_names_win(scans):
    labels = [label(scans, "lobes"), label(scans, "lesions", given="tumor")]
    result = run_here(morph_job(scans, "50", labels=labels))
    assert result["morphs"][0]["files"][1:3] == [
        "morph_050_labels_lobes.nii.gz",
        "morph_050_labels_tumor.nii.gz",
    ]


def test_the_public_record_follows_the_source_and_hides_it_and_the_private_one_names_it(scans):
    run_here(morph_job(scans, "50", metadata=[str(scans / "a.json"), str(scans / "b.json")]))
    public = (scans / "out" / "morph_050.json").read_text(encoding="utf-8")
    assert json.loads(public)["metadata"] == {"age": 50, "sex": "F"}
    content = content_hash(sitk.ReadImage(str(scans / "a.nii.gz"), sitk.sitkInt16))
    for secret in ("a.nii.gz", "Mueller", content[:12], "seed", str(scans)):
        assert secret not in public
    private = json.loads((scans / "out" / "private" / "morph_050.json").read_text(encoding="utf-8"))
    assert private["inputs"]["source"] == {"file": "a.nii.gz", "content": content, "labels": []}
    assert private["parameters"]["seed"] == 5
    assert str(scans) not in json.dumps(private)


def test_the_image_says_that_it_is_synthetic(scans):
    run_here(morph_job(scans, "50"))
    record = json.loads((scans / "out" / "morph_050.json").read_text(encoding="utf-8"))
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(scans / "out" / "morph_050.nii.gz"))
    reader.ReadImageInformation()
    assert reader.GetMetaData("descrip") == f"SYNTHETIC {record['id']}"


def test_strictness_withholds_the_image_of_a_rejected_morph_but_not_its_private_report(scans):
    result = run_here(morph_job(scans, "25", "75", strict=True))
    assert result["strictly_rejected"] == ["morph_075"]
    files = files_in(scans / "out")
    assert "private/morph_075.json" in files and "private/morph_075.png" in files
    assert [name for name in files if name.startswith("morph_")] == ["morph_025.json", "morph_025.nii.gz"]


def test_without_strictness_a_rejected_morph_is_delivered_and_says_so(scans):
    assert run_here(morph_job(scans, "75"))["strictly_rejected"] == []
    assert json.loads((scans / "out" / "morph_075.json").read_text(encoding="utf-8"))["verdict"] == "reject"


def test_a_saved_path_is_used_again_also_from_the_output_folder_itself(scans, calls):
    run_here(morph_job(scans, "25"))
    saved = scans / "out" / "private" / "path.nrrd"
    run_here(morph_job(scans, "50", path=str(saved)))
    assert len(calls.registered) == 1
    record = json.loads((scans / "out" / "private" / "morph_050.json").read_text(encoding="utf-8"))
    assert "seed" not in record["parameters"] and record["method"]["parameters"]["seed"] == 77
    assert {"morph_025.nii.gz", "morph_050.nii.gz"} <= set(files_in(scans / "out"))


def test_a_path_of_other_images_is_refused(scans):
    (scans / "other.nrrd").write_text("another path", encoding="utf-8")
    with pytest.raises(InputError, match="other images"):
        run_here(morph_job(scans, "50", path=str(scans / "other.nrrd")))
    assert not (scans / "out").exists()


def test_the_grid_asked_for_is_handed_on(scans, calls):
    run_here(morph_job(scans, "50", grid="fit"))
    assert calls.morphed == [(0.5, "fit")]


def spoil_label(scans):
    image = sitk.Image([5, 5, 5], sitk.sitkUInt8)
    image.SetOrigin([9000, 0, 0])
    write_image(image + 1, scans / "lobes.nii.gz")
    return {"labels": [label(scans, "lobes")]}


def spoil_metadata(scans):
    (scans / "a.json").write_text("{broken", encoding="utf-8")
    return {"metadata": [str(scans / "a.json"), str(scans / "b.json")]}


def block_a_name(scans):
    (scans / "out").mkdir()
    (scans / "out" / "morph_050.json").write_text("old", encoding="utf-8")
    return {}


def block_a_layer(scans):
    (scans / "out").mkdir()
    (scans / "out" / "morph_050_labels_a.nii.gz").write_text("somebody's", encoding="utf-8")
    return {"labels": [label(scans, "lobes", "a"), label(scans, "lesions", "b")]}


def replace_a_label_map(scans):
    (scans / "out").mkdir()
    file = shutil.copy(scans / "lobes.nii.gz", scans / "out" / "morph_050_labels_a.nii.gz")
    layers = [{"name": "a", "file": str(file)}, label(scans, "lesions", "b")]
    return {"labels": layers, "overwrite": True}


def remove_the_target(scans):
    (scans / "b.nii.gz").unlink()
    return {}


def name_layers_alike(scans):
    return {"labels": [label(scans, "lobes", "a"), label(scans, "lesions", "A")]}


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_label,
        spoil_metadata,
        block_a_name,
        block_a_layer,
        replace_a_label_map,
        remove_the_target,
        name_layers_alike,
    ],
)
def test_bad_input_is_refused_before_the_registration(scans, calls, spoil):
    with pytest.raises(InputError):
        run_here(morph_job(scans, "50", **spoil(scans)))
    assert calls.registered == []
    assert not (scans / "out" / "morph_050.nii.gz").exists()


def test_overwriting_leaves_no_leftovers_of_the_earlier_run(scans):
    run_here(morph_job(scans, "50", labels=[label(scans, "lobes")]))
    run_here(morph_job(scans, "50", labels=[label(scans, "lobes"), label(scans, "lesions")], overwrite=True))
    assert "morph_050_labels.nii.gz" not in files_in(scans / "out")
    assert "morph_050_labels_lesions.nii.gz" in files_in(scans / "out")
    (scans / "out" / "morph_050_labels_mine.nii.gz").write_text("not made by us", encoding="utf-8")
    run_here(morph_job(scans, "50", labels=[label(scans, "lobes")], overwrite=True))
    left = [name for name in files_in(scans / "out") if "_labels" in name]
    assert left == ["morph_050_labels.nii.gz", "morph_050_labels_mine.nii.gz"]


@pytest.mark.parametrize("spared", ["source", "target", "labels", "metadata"])
def test_no_output_replaces_an_input(scans, calls, spared):
    (scans / "out").mkdir()
    changes = {"overwrite": True}
    if spared == "metadata":
        shutil.copy(scans / "a.json", scans / "out" / "morph_050.json")
        changes["metadata"] = [str(scans / "out" / "morph_050.json"), str(scans / "b.json")]
    else:
        name = "morph_050_labels.nii.gz" if spared == "labels" else "morph_050.nii.gz"
        shutil.copy(scans / ("lobes.nii.gz" if spared == "labels" else "a.nii.gz"), scans / "out" / name)
        file = str(scans / "out" / name)
        changes[spared] = [{"name": None, "file": file}] if spared == "labels" else file
    before = files_in(scans / "out")
    with pytest.raises(InputError, match="is an input"):
        run_here(morph_job(scans, "50", **changes))
    assert files_in(scans / "out") == before and calls.registered == []


def test_nothing_is_written_into_an_original_study(scans, calls):
    (scans / "study").mkdir()
    for output in (scans / "study", scans / "study" / "deeper"):
        with pytest.raises(InputError, match="ever written into an original study"):
            run_here(morph_job(scans, "50", source=str(scans / "study"), output=str(output)))
    assert files_in(scans / "study") == [] and calls.registered == []


def test_register_refuses_labels_of_one_side_and_to_replace_an_input(scans, calls):
    parameters = {**morph_job(scans).parameters, "source_labels": [], "output": str(scans / "b.nrrd")}
    one_sided = {**parameters, "source_labels": [label(scans, "lobes")]}
    with pytest.raises(InputError, match="one side alone"):
        run_here(JobDocument("morph.register", one_sided))
    shutil.copy(scans / "b.nii.gz", scans / "b.nrrd")
    replacing = {**parameters, "target": str(scans / "b.nrrd"), "overwrite": True}
    with pytest.raises(InputError, match="is an input"):
        run_here(JobDocument("morph.register", replacing))
    assert calls.registered == []


def test_two_equal_runs_write_equal_records(scans):
    for name in ("out", "again"):
        run_here(morph_job(scans, "50", output=str(scans / name)))
    for record in ("morph_050.json", "private/morph_050.json"):
        assert (scans / "out" / record).read_bytes() == (scans / "again" / record).read_bytes()


def test_labels_of_one_side_only_do_not_steer_the_registration(scans, calls):
    run_here(morph_job(scans, "50", labels=[label(scans, "lobes")]))
    assert (calls.registered[0]["source_labels"], calls.registered[0]["target_labels"]) == ((), [])


def test_register_writes_one_file_and_refuses_another_suffix(scans):
    parameters = {
        **morph_job(scans).parameters,
        "source_labels": [],
        "output": str(scans / "paths" / "ab.nrrd"),
    }
    result = run_here(JobDocument("morph.register", parameters))
    assert files_in(scans / "paths") == ["ab.nrrd"]
    assert result == {"file": str(scans / "paths" / "ab.nrrd"), "backend": "fake"}
    with pytest.raises(InputError, match=r"already holds ab\.nrrd"):
        run_here(JobDocument("morph.register", parameters))
    with pytest.raises(InputError, match=r"ends in \.nrrd"):
        run_here(JobDocument("morph.register", {**parameters, "output": str(scans / "ab.nii.gz")}))


def sheet_job(folder, monkeypatch, **changes):
    """Run the job with four targets of one file name in folders of their own; what its drawing was handed."""
    handed = {}

    class Warper:
        def __init__(self, source):
            self.source = source

        def morph(self, path, t):
            return SimpleNamespace(image=self.source, t=t)

    def four(source, morphs, file, key_file, names, seed):
        handed.update(names=list(names), seed=seed, morphs=len(morphs))
        file.write_bytes(b"PNG")
        key_file.write_text("{}", encoding="utf-8")

    def detail(source, target, morphed, path, file):
        file.write_bytes(b"PNG")

    monkeypatch.setattr(sys.modules["SyntheticCTLib.morph.warping"], "Warper", Warper)
    showcase = ModuleType("SyntheticCTLib.morph.showcase")
    showcase.sheet_four_targets, showcase.sheet_detail = four, detail
    monkeypatch.setitem(sys.modules, showcase.__name__, showcase)
    targets = []
    for number in range(4):
        (folder / f"p{number}").mkdir(exist_ok=True)
        targets.append(str(shutil.copy(folder / "b.nii.gz", folder / f"p{number}" / "ct.nii.gz")))
    parameters = {**morph_job(folder).parameters, "targets": targets, "percent": "50", **changes}
    handed["result"] = run_here(JobDocument("morph.sheet", parameters))
    return handed


def test_the_key_of_a_sheet_tells_targets_of_one_name_apart(scans, monkeypatch):
    handed = sheet_job(scans, monkeypatch)
    assert handed["names"] == [f"{number}: ct.nii.gz" for number in (1, 2, 3, 4)] and handed["morphs"] == 4
    assert handed["result"]["files"] == ["sheet_detail.png", "sheet_four.png", "sheet_four_key.json"]


def test_the_order_of_a_sheet_depends_on_its_scans_and_the_seed_alone(scans, monkeypatch):
    def order(**changes):
        return sheet_job(scans, monkeypatch, overwrite=True, **changes)["seed"]

    first = order()
    assert order() == first
    assert order(seed=6) != first
    assert order(source=str(scans / "b.nii.gz")) != first


def test_a_sheet_leaves_other_pictures_alone(scans, monkeypatch):
    (scans / "out").mkdir()
    (scans / "out" / "sheet_notes.png").write_text("not made by us", encoding="utf-8")
    sheet_job(scans, monkeypatch, overwrite=True)
    assert (scans / "out" / "sheet_notes.png").read_text(encoding="utf-8") == "not made by us"
