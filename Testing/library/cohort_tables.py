"""Subjects for tests of planning: tiny scans with labels in a folder, and the table that lists them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from volumes import GRIDS, ct, like

from SyntheticCTLib.images import LabelLayer, write_layer
from SyntheticCTLib.jobs import JobDocument, run_here

DEFAULTS = {
    "count": 12,
    "seed": 7,
    "subject_share": 1.0,
    "edge_share": 1.0,
    "per_edge": None,
    "per_source": None,
    "t_min": 0.25,
    "redraws": 3,
    "grid": "source",
    "spacing": None,
    "size": None,
    "backend": "auto",
    "exclude_edges": None,
    "guided": False,
    "allow_face": False,
    "lesions": None,
    "overwrite": False,
}
"""Parameters of the job "cohort.plan" as the command line makes them where nothing is asked for."""


def write_scan(folder: Path, name: str, seed: int, values: dict[int, str] | None = None) -> dict[str, str]:
    """Write an image, a segmentation of it and a record; returns its line of the table. values: names of labels, each
    of which is smaller than the one before."""
    image = ct(GRIDS["anisotropic"], seed)
    sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))
    voxels = np.zeros(GRIDS["anisotropic"].size[::-1], dtype=np.uint8)
    values = {1: "liver", 2: "spleen"} if values is None else values
    for n, value in enumerate(values):
        voxels[n, n:, n:] = value
    write_layer(LabelLayer("organs", like(image, voxels), values), folder / f"{name}_organs.seg.nrrd")
    (folder / f"{name}.json").write_text(json.dumps({"age": 40 + seed}), encoding="utf-8")
    return {
        "id": name,
        "image": f"{name}.nii.gz",
        "region": "chest",
        "labels": f"organs={name}_organs.seg.nrrd",
        "metadata": f"{name}.json",
    }


def write_table(file: Path, rows: list[dict[str, str]]) -> Path:
    """Write the table of subjects with the columns that the rows have."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return file


def plan(table: Path, output: Path, notes: list[str] | None = None, **changes) -> dict:
    """Run the job "cohort.plan"; its notes are added to `notes`."""

    def listen(event: dict) -> None:
        if notes is not None and event["event"] == "note":
            notes.append(event["text"])

    parameters = {**DEFAULTS, "subjects": str(table), "output": str(output), **changes}
    return run_here(JobDocument("cohort.plan", parameters), listen)
