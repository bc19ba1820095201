"""Writing the study folder: cases under opaque names, the same header, size and time for each.

Readers may work under accounts of their own on a share. So everything can be read by all, whatever the planner's umask,
and nothing changed; only `readings/` is open, as /tmp is: everybody can create a folder there, and nobody can remove or
rename another's. The reader's own folder is writable for its owner alone (see `store`). Who copies a study keeps these
rights only if the copy does (`cp -a`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ...errors import InputError
from ..study import (
    ARTEFACTS,
    CASES_FOLDER,
    READINGS_FOLDER,
    READINGS_MODE,
    STUDY_FILE,
    STUDY_TITLE,
    STUDY_VERSION,
    PracticeTrial,
    Window,
)
from .grid import Grid

TIME = 946684800
"""When every file of a study says it was changed: 2000-01-01 00:00 UTC, seconds since 1970."""

CASE_MODE, FOLDER_MODE = 0o644, 0o755
"""Of files and folders; `READINGS_MODE` is that of the one that readers create theirs in."""


def write_case(folder: Path, case: str, image: sitk.Image) -> str:
    """Write a case; returns the SHA-256 of its file. Uncompressed: the size of a compressed file tells the noise."""
    file = folder / CASES_FOLDER / f"{case}.nrrd"
    file.parent.mkdir(exist_ok=True)
    try:
        sitk.WriteImage(image, str(file), useCompression=False)
    except RuntimeError as error:
        raise InputError(f"{folder}: a case could not be written there; the disk is probably full.") from error
    return hashlib.sha256(file.read_bytes()).hexdigest()


def write_description(
    folder: Path,
    identity: str,
    mode: str,
    order: str,
    windows: Sequence[Window],
    grid: Grid,
    hashes: Mapping[str, str],
    trials: Sequence[Sequence[str]],
    practice: Sequence[PracticeTrial],
) -> None:
    """Write `study.json`; all that has no order of its own is sorted by opaque id, for any other order would tell.

    trials: one case, or two, left and right.
    """
    text: dict[str, Any] = {
        "study": STUDY_TITLE,
        "version": STUDY_VERSION,
        "id": identity,
        "mode": mode,
        "order": order,
        "windows": [asdict(window) for window in windows],
        "geometry": {"size": list(grid.size), "spacing": list(grid.spacing)},
        "artefacts": list(ARTEFACTS),
        "cases": [
            {"id": case, "file": f"{CASES_FOLDER}/{case}.nrrd", "sha256": hashes[case]} for case in sorted(hashes)
        ],
        "trials": sorted(map(list, trials), key=sorted),
        "practice": [{"cases": list(one.cases), "answer": one.answer} for one in practice],
    }
    (folder / STUDY_FILE).write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    (folder / READINGS_FOLDER).mkdir()


def equalise(folder: Path) -> None:
    """Give all files and folders of a study one time, and the modes that readers need."""
    for root, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.chmod(Path(root, name), CASE_MODE)
            os.utime(Path(root, name), (TIME, TIME))
        os.chmod(root, READINGS_MODE if Path(root) == folder / READINGS_FOLDER else FOLDER_MODE)
        os.utime(root, (TIME, TIME))
