"""From the data a configuration names to the lesions to train on, split by patient, and the facts for the card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..datasets.crops import Crop, nodules, read_crops
from ..datasets.layouts import find_cases
from ..datasets.sample_store import SampleStore, StoredLesion
from ..datasets.split import split_by_patient
from ..datasets.stacked_scales import scale_error
from ..datasets.volumes import Cut
from ..densities import density_rows
from ..window import HUWindow
from .batches import Stack
from .config import TrainConfig

MOST_HU = 250.0
"""Crops whose nodule would have a higher mean are left out: it is calcified, or more often its HU line is wrong."""

_READ = 1000
"""Lesions, of those to train on, whose densities are measured."""

CACHE = "lesions"
"""Folder beside the checkpoint in which the lesions cut from scans are kept."""


@dataclass(frozen=True)
class TrainingData:
    """What a training sees and what it must never see.

    train, validation, test: lesions of different patients. facts: what the card says about them.
    """

    train: Sequence[Stack]
    validation: Sequence[Stack]
    test: Sequence[Stack]
    patients: dict[str, str]
    facts: dict[str, Any]


def read_training_data(config: TrainConfig, folder: Path, report: Callable[[str], None]) -> TrainingData:
    """Read the data of a training.

    Args:
        config: the training.
        folder: where lesions cut from scans may be kept for the next time.
        report: told what is being read.

    Raises:
        InputError: the data cannot be read, or have too few patients to be split.
    """
    if config.data.layout == "crops":
        return _from_crops(config, report)
    return _from_scans(config, folder, report)


def shares(config: TrainConfig) -> dict[str, float]:
    """Which share of the patients is there to "train", for "validation" and to "test"."""
    held, checked = config.data.held_out, config.data.validation
    return {"train": round(1 - held - checked, 6), "validation": checked, "test": held}


def roles_hash(roles: Mapping[str, str]) -> str:
    """A hash of who was there for what, for the card: it names nobody, and whoever has the set can compare."""
    text = "\n".join(f"{patient} {role}" for patient, role in sorted(roles.items()))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def split_patients(config: TrainConfig, patients: Iterable[str]) -> dict[str, str]:
    """The role of each patient, a key of `shares`."""
    return split_by_patient(patients, shares(config), config.seed)


def crop_stack(crops: Sequence[Crop], window: HUWindow) -> Stack:
    """The crops of one nodule as a stack."""
    return Stack(
        np.stack([window.encode(crop.hu) for crop in crops]),
        np.stack([crop.mask for crop in crops]),
        crops[0].patient,
        crops[0].stack,
    )


def usable(crop: Crop) -> bool:
    """Whether the crop's estimated Hounsfield units are believable where the nodule is."""
    return float(crop.hu[crop.mask].mean()) <= MOST_HU


def _from_crops(config: TrainConfig, report: Callable[[str], None]) -> TrainingData:
    report("reading the crops")
    crops = read_crops(config.data.path)
    patients = split_patients(config, {crop.patient for crop in crops})
    roles: dict[str, list[Stack]] = {"train": [], "validation": [], "test": []}
    for slices in nodules([crop for crop in crops if usable(crop)]).values():
        together = slices[0].stack and all(b.slice == a.slice + 1 for a, b in zip(slices, slices[1:], strict=False))
        parts = [slices] if together or not slices[0].stack else [[crop] for crop in slices]
        for part in parts:
            roles[patients[part[0].patient]].append(crop_stack(part, config.window))
    facts = {
        "slices": sum(len(stack.image) for stack in roles["train"]),
        "hu_map": _hu_map(crops),
        "left_out": sum(not usable(crop) for crop in crops),
    }
    return _data(roles, patients, facts, {"in_plane_mm": None, "slice_mm": None}, config.window)


def _hu_map(crops: Sequence[Crop]) -> dict[str, Any]:
    """How grey levels became HU, and how well, for the card."""
    slopes = np.array([crop.scale.slope for crop in crops if crop.scale.fitted])
    found = {
        "text": f"HU = offset + slope x grey level for each crop; slope median {np.median(slopes):.1f} HU per "
        f"level (5th to 95th percentile {np.percentile(slopes, 5):.1f} to {np.percentile(slopes, 95):.1f}).",
        "fitted_share": round(len(slopes) / len(crops), 3),
    }
    error = scale_error([slices for slices in nodules(crops).values() if slices[0].stack])
    if error:
        found["error"] = (
            f"A nodule's HU differ from its neighboring slice's by a standard deviation of {error.hu:.0f} HU, a tenth "
            f"of them by more than {error.tenth:.0f} ({error.pairs} pairs of slices); what is off in all slices of a "
            "person alike is not in this."
        )
    return found


def _from_scans(config: TrainConfig, folder: Path, report: Callable[[str], None]) -> TrainingData:
    cases = find_cases(
        config.data.layout, config.data.path, config.data.lesion_labels or None, config.data.patients or None
    )
    patients = split_patients(config, {case.patient for case in cases})
    store = SampleStore(folder / CACHE, Cut(config.data.in_plane_mm, max(config.preset.optimisation.patches)))
    stored = store.add(cases, lambda case, read: report(f"reading {case}"))
    roles = {
        role: StoredStacks(store, [entry for entry in stored if patients[entry.patient] == role], config.window)
        for role in ("train", "validation", "test")
    }
    if not len(roles["train"]):
        raise InputError(f"{config.data.path}: no patient to train on has a lesion; check lesion_labels.")
    spacing = {
        "in_plane_mm": _range(entry.in_plane_mm for entry in stored),
        "slice_mm": _range(entry.slice_mm for entry in stored),
    }
    facts = {"slices": sum(entry.shape[0] for entry in stored if patients[entry.patient] == "train")}
    return _data(roles, patients, facts, spacing, config.window)


class StoredStacks(Sequence[Stack]):
    """Lesions that lie on disk until they are asked for."""

    def __init__(self, store: SampleStore, entries: Sequence[StoredLesion], window: HUWindow) -> None:
        self._store = store
        self._entries = entries
        self._window = window

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, number: int) -> Stack:
        sample = self._store.load(self._entries[number])
        return Stack(self._window.encode(sample.hu), sample.mask, sample.patient, sample.stack)


def _data(
    roles: dict[str, Sequence[Stack]],
    patients: dict[str, str],
    facts: dict[str, Any],
    spacing: dict[str, Any],
    window: HUWindow,
) -> TrainingData:
    counts = {role: sum(found == role for found in patients.values()) for role in roles}
    facts = {
        **facts,
        "patients": counts,
        "roles_sha256": roles_hash(patients),
        "lesions": len(roles["train"]),
        "densities": _densities(roles["train"], window),
        "spacing": spacing,
    }
    return TrainingData(roles["train"], roles["validation"], roles["test"], patients, facts)


def _densities(stacks: Sequence[Stack], window: HUWindow) -> list[list[int]]:
    """Area, mean and standard deviation of the largest slices of some lesions; see `densities.density_rows`."""
    chosen = np.unique(np.linspace(0, len(stacks) - 1, min(len(stacks), _READ)).round().astype(int))
    return density_rows([_density(stacks[int(number)], window) for number in chosen])


def _density(stack: Stack, window: HUWindow) -> tuple[int, float, float]:
    areas = stack.mask.sum(axis=(1, 2))
    largest = int(np.argmax(areas))
    hu = window.decode(stack.image[largest][stack.mask[largest]])
    return int(areas[largest]), float(hu.mean()), float(hu.std())


def _range(values: Iterable[float]) -> list[float]:
    found = sorted(values)
    return [round(found[0], 3), round(found[-1], 3)]
