"""Patients, never scans, are divided; the same way every time."""

from __future__ import annotations

from collections import Counter

import pytest

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.lesion.datasets.split import leave_one_patient_out, patient_folds, split_by_patient

TWENTY = [f"P{number:02d}" for number in range(20)]


def test_the_usual_split_has_its_shares_and_everybody():
    split = split_by_patient(TWENTY)
    assert set(split) == set(TWENTY)
    assert Counter(split.values()) == {"train": 14, "validation": 3, "test": 3}


def test_neither_order_nor_the_number_of_scans_changes_the_split_but_the_seed_does():
    split = split_by_patient(TWENTY, seed=5)
    assert split_by_patient([*reversed(TWENTY), *TWENTY[:7]], seed=5) == split
    assert split_by_patient(TWENTY, seed=6) != split


@pytest.mark.parametrize("count", range(3, 40))
def test_every_role_gets_somebody_and_the_shares_are_as_near_as_whole_patients_allow(count):
    found = Counter(split_by_patient([f"P{n}" for n in range(count)], seed=1).values())
    assert sum(found.values()) == count
    for role, share in (("train", 0.7), ("validation", 0.15), ("test", 0.15)):
        assert found[role] >= 1
        assert abs(found[role] - share * count) < 1 or found[role] == 1 or count < 7


def test_a_role_without_a_share_gets_nobody():
    assert set(split_by_patient(TWENTY, {"train": 0.8, "validation": 0.2, "test": 0}).values()) == {
        "train",
        "validation",
    }


def test_too_few_patients_are_refused_with_what_to_do():
    with pytest.raises(
        InputError, match="2 patients cannot be divided into train and validation and test.*Add patients"
    ):
        split_by_patient(["a", "b", "a"])


@pytest.mark.parametrize("shares", [{"train": 0.5}, {"train": 1.2, "test": -0.2}, {"train": 0.5, "exam": 0.5}])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(InputError, match="shares of train, validation, test that add up to 1"):
        split_by_patient(TWENTY, shares)


@pytest.mark.parametrize("validation", [False, True])
def test_in_cross_validation_everybody_is_tested_once_and_never_trained_on_meanwhile(validation):
    splits = patient_folds(TWENTY, 6, seed=2, validation=validation)
    assert Counter(p for split in splits for p, role in split.items() if role == "test") == dict.fromkeys(TWENTY, 1)
    validated = Counter(p for split in splits for p, role in split.items() if role == "validation")
    assert validated == (dict.fromkeys(TWENTY, 1) if validation else {})
    assert {len(split) for split in splits} == {20}
    sizes = [Counter(split.values())["test"] for split in splits]
    assert max(sizes) - min(sizes) <= 1
    assert patient_folds(reversed(TWENTY), 6, seed=2, validation=validation) == splits


@pytest.mark.parametrize(
    "patients, folds, validation, words",
    [("ab", 3, False, "2 patients cannot be divided into 3 folds"), ("abc", 1, False, "at least 2"),
     ("abc", 2, True, "at least 3")],
)  # fmt: skip
def test_folds_that_cannot_be_are_refused(patients, folds, validation, words):
    with pytest.raises(InputError, match=words):
        patient_folds(patients, folds, validation=validation)


def test_leaving_one_out_leaves_each_out_once():
    left = dict(leave_one_patient_out(["c", "a", "b", "a"]))
    assert list(left) == ["a", "b", "c"]
    assert left["b"] == {"a": "train", "b": "test", "c": "train"}


def test_one_patient_cannot_be_left_out():
    with pytest.raises(InputError, match="one patient: leaving one out takes at least two"):
        next(leave_one_patient_out(["a", "a"]))
