"""The record of a morph: what is interpolated, what follows the source, and what never comes through."""

from __future__ import annotations

import json

import pytest

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.morph.metadata import MetadataRules, interpolate_metadata, load_rules, plain_key, read_record

SOURCE = {
    "age": 40,
    "sex": "F",
    "days_since_admission": 3,
    "pcr_result": "positive",
    "outcome": "discharged",
    "events": ["oxygen therapy", "intensive care"],
}
TARGET = {
    "age": 61,
    "sex": "M",
    "days_since_admission": 10,
    "pcr_result": "negative",
    "outcome": "died",
    "events": [],
}


@pytest.mark.parametrize("t", [0, 0.1, 0.25, 0.5, 0.77, 1])
def test_age_and_days_lie_between_the_ends_and_stay_whole(t):
    record, notes = interpolate_metadata(SOURCE, TARGET, t)
    assert record["age"] == pytest.approx(40 + 21 * t, abs=0.5) and isinstance(record["age"], int)
    assert record["days_since_admission"] == pytest.approx(3 + 7 * t, abs=0.5)
    assert isinstance(record["days_since_admission"], int)
    assert notes == []


def test_the_ends_are_the_ends_own_values_as_far_as_they_are_told():
    assert interpolate_metadata({"age": 40}, {"age": 61}, 0)[0] == {"age": 40}
    assert interpolate_metadata({"age": 40.6}, {"age": 61}, 0)[0] == {"age": 41}
    assert interpolate_metadata({"age": 40.6}, {"age": 61}, 1)[0] == {"age": 61}


@pytest.mark.parametrize(
    ("key", "source", "target", "told"),
    [
        ("age", 40.371943, 61.88, 49),
        ("PatientAge", "40.37", 61, 49),
        ("days_since_admission", 1.25, 9.5, 5),
        ("days_since_admission", 0.2, 0.6, 0),
        ("age", 0.25, 0.93, 0.5),  # children: about a month
        ("age", 1, 2, 1),
        ("gestational_age_days", 0.25, 9.5, 4),
        ("bmi", 21.37, 34.1, 26.5),
        ("bmi", 21, 34.5, 26.4),
        ("ph", 7.35, 7.4, 7.37),
        ("crp", 0.01234, 0.02345, 0.0168),
        ("platelets", 1234, 2345, 1680),
        ("balance", -12.345, 0, -7.41),
        ("balance", 0, 0.0, 0),
    ],
)
def test_numbers_have_no_more_digits_than_a_clinician_writes(key, source, target, told):
    """The more digits, the fewer pairs of persons a value between two can come from."""
    rules = MetadataRules().extended(interpolate=["bmi", "ph", "crp", "platelets", "balance", "gestational_age_days"])
    record, notes = interpolate_metadata({key: source}, {plain_key(key): target}, 0.4, rules)
    assert record == {key: told} and notes == []
    assert isinstance(record[key], int) == isinstance(told, int) or told == 0


def test_a_measured_value_that_follows_the_source_is_no_fingerprint_of_it():
    source = {"lab_results": [4.5, 0.918273, {"value": 98.765}], "lesion_count": 12}
    assert interpolate_metadata(source, {}, 0.5)[0] == {
        "lab_results": [4.5, 0.918, {"value": 98.8}],
        "lesion_count": 12,
    }


def test_what_the_voxels_show_follows_the_source_at_every_t():
    for t in (0, 0.5, 1):
        record, _ = interpolate_metadata(SOURCE, TARGET, t)
        for key in ("sex", "pcr_result", "outcome", "events"):
            assert record[key] == SOURCE[key]


@pytest.mark.parametrize(
    "spelling", ["Age", "age_years", "Age (years)", "ageYears", "days-after-admission", "PatientAge"]
)
def test_obvious_spellings_are_interpolated_and_keep_the_sources_spelling(spelling):
    record, notes = interpolate_metadata({spelling: 10}, {plain_key(spelling): 20}, 0.5)
    assert record == {spelling: 15} and notes == []


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), "unknown", "", [63], {"years": 63}, True, 10**9])
def test_an_age_that_is_no_number_on_either_side_is_dropped_with_a_note(bad):
    for source, target in (({"age": bad}, {"age": 61}), ({"age": 61}, {"age": bad})):
        record, notes = interpolate_metadata(source, target, 0.5)
        assert record == {}
        assert len(notes) == 1 and "'age'" in notes[0]


@pytest.mark.parametrize(("source", "target"), [({"age": 40}, {}), ({}, {"age": 40})])
def test_an_age_missing_on_one_side_is_dropped_with_a_note(source, target):
    record, notes = interpolate_metadata(source, target, 0.5)
    assert record == {} and "'age'" in notes[0] and "40" not in notes[0]


def test_dicom_ages_are_numbers_with_a_unit():
    assert interpolate_metadata({"age": "063Y"}, {"age": "071Y"}, 0.5)[0] == {"age": "067Y"}
    assert interpolate_metadata({"age": "063Y"}, {"age": 71}, 0.5)[0] == {"age": 67}
    assert interpolate_metadata({"age": "006M"}, {"age": "001Y"}, 0.5)[0] == {"age": 0.8}
    assert interpolate_metadata({"age": "63"}, {"age": " 71 "}, 0.5)[0] == {"age": 67}


def test_everything_else_is_dropped_and_the_note_tells_neither_keys_nor_values():
    source = {
        "age": 40,
        "PatientName": "Doe^Jane",
        "patient_id": "P77",
        "study_date": "2020-03-01",
        "Jane Doe": 1,
    }
    record, notes = interpolate_metadata(source, {"age": 50}, 0.5)
    assert record == {"age": 45}
    assert notes == ["4 other entries of the source's record were dropped."]


def test_nothing_of_the_target_but_the_interpolated_values_comes_through():
    record, _ = interpolate_metadata({"age": 40}, {"age": 50, "sex": "M", "diagnosis": "flu"}, 0.5)
    assert record == {"age": 45}


@pytest.mark.parametrize(
    "smuggled",
    [
        "since 12.03.", "on 24.12", "CT on 3/24",
        "2020-03-12", "12.03.2020", "3/12/20", "20200312", "12 March 2020", "Mar 2020", "since 2019",
        "at 12:45",
        "1.2.840.113619.2.55", "patient 123456", "MRN00123", "jane@example.org", "Doe^Jane",
        "seen by Dr Smith",
        "/data/jane/ct", "https://x.org", "550e8400-e29b-41d4-a716-446655440000", "x" * 61,
        "two\nlines", 20200312,
        float("nan"), float("inf"), 10**400, 1961,
    ],
)  # fmt: skip
def test_followed_values_do_not_smuggle_identifiers(smuggled):
    for value, rest in ((smuggled, None), ([smuggled, "cough"], ["cough"]), ({"type": smuggled}, None)):
        record, notes = interpolate_metadata({"diagnosis": value}, {}, 0.5)
        assert record.get("diagnosis") == rest
        assert len(notes) == 1 and "'diagnosis'" in notes[0]
        assert str(smuggled) not in notes[0]


@pytest.mark.parametrize(
    "harmless",
    ["COVID-19 pneumonia", "SARS-CoV-2", "U07.1", "T2N1M0", "grade 3 decreased", "stage IIIb", 4.5, 12, True],
)
def test_ordinary_findings_are_kept(harmless):
    record, notes = interpolate_metadata({"diagnosis": harmless}, {}, 0.5)
    assert record == {"diagnosis": harmless} and notes == []


def test_a_key_with_foreign_letters_is_no_known_key():
    record, _ = interpolate_metadata({"age 王": 5, "sex 王": "F"}, {"age": 3}, 0.5)
    assert record == {}


def test_events_lose_their_dates_and_keep_what_happened():
    source = {
        "events": [
            {"event": "intubation", "date": "2020-03-12", "day": 4, "doctor": "Smith"},
            "ventilation on 2020-03-12",
            "12 March 2020: dialysis",
            "oxygen",
        ]
    }
    record, notes = interpolate_metadata(source, {}, 0.5)
    assert record["events"] == [{"event": "intubation", "day": 4}, "ventilation", "dialysis", "oxygen"]
    assert "2020" not in json.dumps([record, notes])


def test_objects_within_a_followed_value_are_filtered_by_the_same_rule():
    source = {"lesion": {"type": "nodule", "series_uid": "1.2.3", "size_mm": 7, "remark": "Jane", "sex": "F"}}
    record, notes = interpolate_metadata(source, {}, 0.5)
    assert record == {"lesion": {"type": "nodule", "size_mm": 7, "sex": "F"}}
    assert "2 part(s)" in notes[0]


def test_objects_nested_without_end_are_cut():
    deep = "cough"
    for _ in range(50):
        deep = [deep]
    record, notes = interpolate_metadata({"diagnosis": deep}, {}, 0.5)
    assert "cough" not in json.dumps(record) and notes


@pytest.mark.parametrize("t", [-0.01, 1.01, float("nan"), "half", None])
def test_a_t_off_the_way_is_refused(t):
    with pytest.raises(InputError, match="from 0 to 1"):
        interpolate_metadata(SOURCE, TARGET, t)


def test_a_config_extends_the_classes(tmp_path):
    config = tmp_path / "rules.json"
    config.write_text(json.dumps({"interpolate": ["bmi", "Severity"], "follow_source": ["Smoker"]}), encoding="utf-8")
    source, target = (
        {"BMI": 20.0, "smoker": "yes", "severity": 1, "age": 40},
        {"bmi": 30, "severity": 3, "age": 50},
    )
    record, _ = interpolate_metadata(source, target, 0.5, load_rules(config))
    assert record == {"BMI": 25.0, "smoker": "yes", "severity": 2, "age": 45}
    assert "BMI" not in interpolate_metadata(source, target, 0.5)[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"interpolate": "bmi"}', "list of keys"),
        ('{"interpolate": [1]}', "list of keys"),
        ('{"drop": ["age"]}', "'drop'"),
        ('{"interpolate": ["bmi"], "follow_source": ["BMI"]}', "keep one"),
        ('{"follow_source": ["patient_name"]}', "never published"),
        ('{"interpolate": ["birth date"]}', "never published"),
        ("[1]", "JSON list"),
        ("{", "not valid JSON"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_by_name(tmp_path, text, told):
    config = tmp_path / "rules.json"
    config.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=told) as caught:
        load_rules(config)
    assert "rules.json" in str(caught.value)


def test_a_record_is_read_with_or_without_a_byte_order_mark(tmp_path):
    path = tmp_path / "é 1.json"
    path.write_text('{"age": 63}', encoding="utf-8-sig")
    assert read_record(path) == {"age": 63}


def test_a_record_that_cannot_be_read_is_refused_with_the_reason(tmp_path):
    with pytest.raises(InputError, match="no file"):
        read_record(tmp_path / "missing.json")
    for content, told in (
        (b'{"age": 63', "line 1"),
        (b"[1, 2]", "JSON list"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"", "line 1"),
    ):
        path = tmp_path / "bad.json"
        path.write_bytes(content)
        with pytest.raises(InputError, match=told) as caught:
            read_record(path)
        assert "bad.json" in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        read_record(tmp_path)
