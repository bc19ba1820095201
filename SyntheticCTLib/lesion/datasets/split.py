"""Divides patients, never slices or scans, into those to train on and those to judge by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from ...errors import InputError

ROLES = ("train", "validation", "test")
"""What a patient is there for."""

FRACTIONS = {"train": 0.7, "validation": 0.15, "test": 0.15}
"""The usual shares."""

Split = dict[str, str]
"""The role of each patient."""


def split_by_patient(patients: Iterable[str], fractions: Mapping[str, float] | None = None, seed: int = 0) -> Split:
    """The role of each patient, drawn at random; the same for the same patients in any order and number of mentions.

    fractions: shares of train, validation and test, which add up to 1 (default: 0.7, 0.15, 0.15); a role that is left
        out gets nobody. The numbers are rounded so that every role with a share has at least one patient.
    Raises InputError if the shares are no such shares or there are fewer patients than roles.
    """
    shares = {role: float(share) for role, share in (fractions or FRACTIONS).items() if share}
    if set(shares) - set(ROLES) or min(shares.values(), default=0) < 0 or abs(sum(shares.values()) - 1) > 1e-6:
        raise InputError(f"split {dict(fractions or {})}: expected are shares of {', '.join(ROLES)} that add up to 1.")
    order = _shuffled(patients, seed)
    if len(order) < len(shares):
        raise InputError(
            f"{_patients(len(order))} cannot be divided into {' and '.join(shares)}: each needs at least one. Add "
            "patients, or leave roles out of the split."
        )
    split: Split = {}
    for role, count in _counts(shares, len(order)).items():
        split.update(dict.fromkeys(order[len(split) : len(split) + count], role))
    return split


def patient_folds(patients: Iterable[str], folds: int, seed: int = 0, validation: bool = False) -> list[Split]:
    """For cross-validation: `folds` splits in which every patient is tested exactly once and else trained on.

    validation: the next fold serves as validation instead of training.
    Raises InputError if there are fewer patients than folds, or too few folds (2; 3 with validation).
    """
    fewest = 3 if validation else 2
    order = _shuffled(patients, seed)
    if folds < fewest:
        raise InputError(f"{folds} folds: at least {fewest} are needed.")
    if len(order) < folds:
        raise InputError(f"{_patients(len(order))} cannot be divided into {folds} folds; ask for fewer folds.")
    fold_of = {patient: place % folds for place, patient in enumerate(order)}
    splits = []
    for fold in range(folds):
        roles = {fold: "test"} | ({(fold + 1) % folds: "validation"} if validation else {})
        splits.append({patient: roles.get(fold_of[patient], "train") for patient in sorted(fold_of)})
    return splits


def leave_one_patient_out(patients: Iterable[str]) -> Iterator[tuple[str, Split]]:
    """Each patient in turn, in order of name, with the split that tests on that one and trains on all others.

    Raises InputError if there are fewer than two patients.
    """
    everyone = sorted(set(patients))
    if len(everyone) < 2:
        raise InputError(f"{_patients(len(everyone))}: leaving one out takes at least two; add patients.")
    for out in everyone:
        yield out, {patient: "test" if patient == out else "train" for patient in everyone}


def _shuffled(patients: Iterable[str], seed: int) -> list[str]:
    everyone = sorted(set(patients))
    return [everyone[place] for place in np.random.default_rng(seed).permutation(len(everyone))]


def _counts(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole numbers that add up to `total`: at least one each, the rest by largest remainder."""
    counts = {role: max(1, int(share * total + 1e-9)) for role, share in shares.items()}
    while sum(counts.values()) != total:
        step = 1 if sum(counts.values()) < total else -1
        able = [role for role in counts if step > 0 or counts[role] > 1]
        role = max(able, key=lambda role: step * (shares[role] * total - counts[role]))
        counts[role] += step
    return counts


def _patients(count: int) -> str:
    return "one patient" if count == 1 else f"{count} patients"
