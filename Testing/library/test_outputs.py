"""Which files a morph writes, what its records hold and what they keep to themselves."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.morph.outputs import MorphFiles, morph_name, parse_percents, superseded
from SyntheticCTLib.morph.provenance import private_record, public_record, to_text


@pytest.mark.parametrize(
    "text, name",
    [
        ("50", "morph_050"),
        ("12.5", "morph_012.5"),
        ("0", "morph_000"),
        ("100", "morph_100"),
        ("5.0", "morph_005"),
        ("0.25", "morph_000.25"),
        ("007", "morph_007"),
        ("100.0", "morph_100"),
    ],
)
def test_a_percentage_names_the_files(text, name):
    (percent,) = parse_percents([text])
    assert morph_name(percent) == name


@pytest.mark.parametrize("text", ["101", "100.1", "-5", "12,5", "50%", "1e1", "nan", "inf", "", " 5", "٥٠", "1.23456"])
def test_what_is_no_percentage_is_refused_by_its_text(text):
    with pytest.raises(InputError, match="from 0 to 100") as caught:
        parse_percents(["25", text])
    assert f"'{text}'" in str(caught.value)


def test_the_same_percentage_in_another_spelling_is_a_duplicate():
    with pytest.raises(InputError, match="twice"):
        parse_percents(["50", "25", "50.0"])


def test_no_percentage_is_refused():
    with pytest.raises(InputError, match="No percentage"):
        parse_percents([])


def test_one_layer_has_a_plain_name_and_several_carry_theirs():
    files = MorphFiles(Decimal("12.5"))
    assert files.labels(["lobes"]) == {"lobes": "morph_012.5_labels.nii.gz"}
    assert files.labels(["lobes", "lesions"]) == {
        "lobes": "morph_012.5_labels_lobes.nii.gz",
        "lesions": "morph_012.5_labels_lesions.nii.gz",
    }
    assert files.labels([]) == {}


def test_two_layers_of_one_name_are_refused():
    with pytest.raises(InputError, match="NAME=FILE"):
        MorphFiles(Decimal(50)).labels(["Lobes", "lobes"])


def test_every_file_of_a_morph_is_known_to_be_superseded_and_no_file_of_another(tmp_path):
    files = MorphFiles(Decimal(5))
    own = [
        files.image,
        files.public_record,
        files.contact_sheet,
        files.private_record,
        *files.labels(["a"]).values(),
        *files.labels(["a", "b"]).values(),
        "private/path.nrrd",
    ]
    other = [
        "morph_005.5.nii.gz",
        "morph_050.nii.gz",
        "morph_005.5_labels.nii.gz",
        "private/morph_005.5.json",
        "morph_005_labels_mine.nii.gz",
    ]
    (tmp_path / "private").mkdir()
    for name in own + other:
        (tmp_path / name).write_text("", encoding="utf-8")
    (tmp_path / files.public_record).write_text(
        json.dumps({"labels": {"a": {}, "b": {}, "../../x": {}}}), encoding="utf-8"
    )
    patterns = superseded([Decimal(5)], with_path=True, folder=tmp_path)
    assert not any(".." in pattern for pattern in patterns)
    found = {str(file.relative_to(tmp_path)) for pattern in patterns for file in tmp_path.glob(pattern)}
    assert found == set(own)


# --- records


def records(**changes):
    arguments = {
        "percent": Decimal("12.5"),
        "inputs": {
            "source": {"file": "Mueller^Hans.nii.gz", "content": "a" * 64},
            "target": {"file": "target.nii.gz", "content": "b" * 64},
        },
        "parameters": {"grid": "source", "seed": 424242, "backend": "ants"},
        "method": {
            "backend": "ants",
            "seed": 424242,
            "versions": {"antspyx": "0.6.3"},
            "host": "/home/mueller",
        },
        "report": {"verdict": "warn", "reasons": ["near Mueller^Hans"], "numbers": {"ncc": 0.9}},
        "metadata": {"age": 61.0},
        "labels": {"lobes": {1: "left upper lobe"}},
        "software": {"syntheticct": "0.1.0"},
    }
    private = private_record(**{**arguments, **changes})
    return private, public_record(private)


def test_the_public_record_says_what_the_image_is():
    private, public = records()
    assert public["synthetic"] is True
    assert public["id"] == private["id"] and len(public["id"]) == 12
    assert public["verdict"] == "warn"
    assert public["metadata"] == {"age": 61.0}
    assert public["labels"] == {"lobes": {"1": "left upper lobe"}}
    assert public["method"]["registration"] == {"backend": "ants", "versions": {"antspyx": "0.6.3"}}


def test_the_public_record_keeps_sources_seed_hashes_and_paths_to_itself():
    text = to_text(records()[1])
    for secret in ("Mueller", "target.nii.gz", "aaaa", "bbbb", "424242", "/home", "12.5", "seed"):
        assert secret not in text


@pytest.mark.parametrize("percent, about", [("12.5", 15), ("50", 50), ("52.4", 50), ("0", 0), ("99", 100)])
def test_the_public_percentage_is_rounded_to_five(percent, about):
    assert records(percent=Decimal(percent))[1]["percent_about"] == about


def test_records_are_the_same_twice_and_the_id_depends_on_what_was_done():
    assert to_text(records()[0]) == to_text(records()[0])
    assert records()[0]["id"] != records(percent=Decimal("12.6"))[0]["id"]
    assert records()[0]["id"] != records(metadata={"age": 62.0})[0]["id"]


def test_numbers_of_numpy_and_missing_numbers_become_plain_json():
    numpy = pytest.importorskip("numpy")
    private, _ = records(report={"verdict": "pass", "numbers": [numpy.float32(0.5), float("nan"), numpy.arange(2)]})
    assert json.loads(to_text(private))["report"]["numbers"] == [0.5, None, [0, 1]]
