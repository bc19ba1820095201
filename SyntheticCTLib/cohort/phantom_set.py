"""Phantom patients in a folder, with the table that lists them as subjects: a cohort of people who never lived."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import InputError
from ..images.labels import LabelLayer
from ..jobs.records import to_text

TABLE = "subjects.csv"

EARLIER_FILES = (TABLE, *(f"phantom_[0-9]*{end}" for end in (".nii.gz", ".json", ".seg.nrrd")))
"""Patterns of what an earlier set wrote."""

MAX_PHANTOMS = 10_000

_DESCRIPTION = "SYNTHETIC phantom"
_NUMBER = re.compile(r" \d+$")


def write_phantom_set(
    folder: Path,
    count: int,
    seed: int = 0,
    lesions: int = 0,
    region: str = "torso",
    spacing_mm: Sequence[float] | None = None,
    progress: Callable[[str, float | None], None] = lambda stage, done: None,
) -> Path:
    """Write `count` phantoms with label layers and records, and their table; returns the table's path.

    seed: of the first patient; the others have the numbers that follow. lesions: how many each one has.
    region: what the scans show, "torso", "chest" or "abdomen". spacing_mm: voxel size (i, j, k); default: the
    phantoms' own. Raises InputError for what no phantom can be made with.
    """
    from ..images.phantoms import make_phantom
    from ..images.writing import write_image, write_layer

    if not 1 <= count <= MAX_PHANTOMS:
        raise InputError(f"{count} phantoms were asked for; expected 1 to {MAX_PHANTOMS}.")
    spacing = {} if spacing_mm is None else {"spacing": tuple(spacing_mm)}
    rows = []
    for number in range(count):
        progress(f"building phantom {number + 1} of {count}", number / count)
        name = f"phantom_{seed + number:03d}"
        phantom = make_phantom(seed + number, lesions=lesions, region=region, **spacing)
        write_image(phantom.image, folder / f"{name}.nii.gz", _DESCRIPTION)
        layers = {layer.name: f"{name}_{layer.name}.seg.nrrd" for layer in phantom.layers}
        for layer in phantom.layers:
            write_layer(_by_kind(layer), folder / layers[layer.name], _DESCRIPTION)
        (folder / f"{name}.json").write_text(to_text(phantom.metadata), encoding="utf-8")
        labels = ";".join(f"{layer}={file}" for layer, file in layers.items())
        rows.append([name.replace("_", "-"), f"{name}.nii.gz", region, labels, f"{name}.json"])
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "image", "region", "labels", "metadata"])
        writer.writerows(rows)
    return folder / TABLE


def _by_kind(layer: LabelLayer) -> LabelLayer:
    """The layer with "lung nodule" for "lung nodule 3": in a data set lesions of one kind are one class."""
    return replace(layer, names={value: _NUMBER.sub("", name) for value, name in layer.names.items()})
