"""A small reading study, written by hand as the contract of `SyntheticCTLib.review.study` wants it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from trunks import trunk

from SyntheticCTLib.review.study import ARTEFACTS, STUDY_TITLE, STUDY_VERSION

WINDOWS = [
    {"name": "lung", "low": -1350.0, "high": 150.0},
    {"name": "soft tissue", "low": -160.0, "high": 240.0},
    {"name": "bone", "low": -450.0, "high": 1050.0},
]


def write_study(folder: Path, count: int = 4, mode: str = "rate", practice: int = 0, windows=WINDOWS) -> dict[str, str]:
    """Write a study of `count` trials and `practice` more into a folder that does not exist yet.

    The cases are trunks of different bodies; every second one is called synthetic. Returns the group of each case.
    """
    (folder / "cases").mkdir(parents=True)
    (folder / "readings").mkdir()
    per_trial = 1 if mode == "rate" else 2
    ids = [hashlib.sha256(f"case {n}".encode()).hexdigest()[:12] for n in range((count + practice) * per_trial)]
    hashes, geometry = {}, {}
    for number, case in enumerate(ids):
        image, _ = trunk(width=0.9 + 0.02 * number, noise=0)
        image.SetOrigin([0.0, 0.0, 0.0])
        file = folder / "cases" / f"{case}.nrrd"
        sitk.WriteImage(image, str(file), False)
        hashes[case] = hashlib.sha256(file.read_bytes()).hexdigest()
        geometry = {"size": list(image.GetSize()), "spacing": list(image.GetSpacing())}
    groups = {case: ("real", "synthetic")[number % 2] for number, case in enumerate(ids)}
    trials = [ids[at : at + per_trial] for at in range(0, len(ids), per_trial)]
    text = {
        "study": STUDY_TITLE,
        "version": STUDY_VERSION,
        "id": "0123456789abcdef",
        "mode": mode,
        "order": "feedbeef",
        "windows": windows,
        "geometry": geometry,
        "artefacts": list(ARTEFACTS),
        "cases": [{"id": case, "sha256": hashes[case]} for case in sorted(ids)],
        "trials": sorted(trials[practice:]),
        "practice": [{"cases": trial, "answer": _answer(trial, groups)} for trial in trials[:practice]],
    }
    (folder / "study.json").write_text(json.dumps(text), encoding="utf-8")
    return groups


def _answer(trial: list[str], groups: dict[str, str]) -> str:
    if len(trial) == 1:
        return groups[trial[0]]
    return ("left", "right")[[groups[case] for case in trial].index("synthetic")]


def voxels_of(folder: Path, case: str) -> np.ndarray:
    """The voxels (k, j, i) of a case's file."""
    return sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "cases" / f"{case}.nrrd")))


def answers_of(folder: Path) -> list[dict]:
    """All lines of all readers' answers, as they are on disk."""
    files = sorted((folder / "readings").glob("*/answers.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
