"""Cohorts of many phantom bodies written by hand, as `cohort run` leaves them, for the tests of attacks and report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SyntheticCTLib.cohort.dataset.cases import Cohort, read_cohort
from SyntheticCTLib.cohort.dataset.label_map import label_map, label_name
from SyntheticCTLib.cohort.dataset.layout import Layout
from SyntheticCTLib.cohort.dataset.summaries import write_summaries
from SyntheticCTLib.cohort.planning import Plan, PlannedOutput, PlanSettings, Subject, write_plan
from SyntheticCTLib.cohort.planning.subjects import LabelFile
from SyntheticCTLib.images import Geometry, LabelLayer, content_hash, write_image, write_layer
from SyntheticCTLib.images.phantoms import Phantom, make_phantom
from SyntheticCTLib.jobs.records import file_hash, to_text
from SyntheticCTLib.morph.provenance import private_record, public_record

SPACING = (6.0, 6.0, 6.0)
"""Coarse: an attack registers every output with every original."""

SIZE = (48, 38, 22)
"""The middle of the chest."""


@dataclass(frozen=True)
class Output:
    """An output that never was morphed: what the plan says of it, and the phantom whose scan it is."""

    name: str
    source: str
    target: str
    percent: str
    scan: Phantom


@cache
def body(seed: int) -> Phantom:
    """A small phantom chest."""
    return make_phantom(seed, spacing=SPACING, size=SIZE, region="chest")


def subject_id(seed: int) -> str:
    """What the phantom of this seed is called."""
    return f"walker-{seed:03d}"


def noisy(phantom: Phantom, spread: float, seed: int) -> Phantom:
    """The same scan with white noise added, HU."""
    values = sitk.GetArrayFromImage(phantom.image)
    noise = np.random.default_rng(seed).normal(0, spread, values.shape)
    image = sitk.GetImageFromArray(np.clip(values + noise, -1024, 3071).astype(np.int16))
    image.CopyInformation(phantom.image)
    return Phantom(image, phantom.layers, phantom.metadata)


def write_crowd(
    folder: Path, planned: Iterable[int], held_out: Iterable[int], outputs: Sequence[Output], **settings
) -> Cohort:
    """A finished cohort in `folder/cohort`, its originals (phantoms by seed) in `folder/originals`."""
    layout = Layout(folder / "cohort")
    names = sorted({label_name(layer, value) for layer in body(1).layers for value in layer.values})
    plan = Plan(
        seed=987654321,
        settings=PlanSettings(**{"backend": "simpleitk", **settings}),
        label_names=tuple(names),
        subjects=_write_subjects(folder / "originals", planned),
        held_out=_write_subjects(folder / "originals", held_out),
        excluded_edges=(),
        outputs=tuple(
            PlannedOutput(one.name, one.source, one.target, Decimal(one.percent), 555000111 + number)
            for number, one in enumerate(outputs)
        ),
    )
    for place in (*layout.public_folders, layout.private_records, layout.rejections, layout.paths):
        place.mkdir(parents=True, exist_ok=True)
    write_plan(plan, layout.plan)
    for number, one in enumerate(outputs):
        _write_case(layout, plan, one, 555000111 + number)
    write_summaries(layout, plan)
    return read_cohort(layout.folder)


def _write_subjects(folder: Path, seeds: Iterable[int]) -> tuple[Subject, ...]:
    folder.mkdir(exist_ok=True, parents=True)
    subjects = []
    for seed in sorted(seeds):
        name = subject_id(seed)
        image, labels = folder / f"{name}.nii.gz", folder / f"{name}_organs.seg.nrrd"
        write_image(body(seed).image, image)
        write_layer(body(seed).layers[0], labels)
        files = (LabelFile("organs", labels, file_hash(labels)),)
        subjects.append(Subject(name, image, "chest", files, content=content_hash(body(seed).image)))
    return tuple(subjects)


def _write_case(layout: Layout, plan: Plan, one: Output, seed: int) -> None:
    labels = label_map(one.scan.layers, plan.label_names, Geometry.of(one.scan.image))
    private = private_record(
        percent=Decimal(one.percent),
        inputs={"source": {"file": f"{one.source}.nii.gz"}, "target": {"file": f"{one.target}.nii.gz"}, "metadata": []},
        parameters={"name": one.name, "seed": seed, "grid": plan.settings.grid},
        method={"backend": "none", "versions": {}},
        report=_quality(one),
        metadata={"age": 60.5, "sex": "female"},
        labels={"labels": {value: labels.names[value] for value in labels.values}},
    )
    public = {**public_record(private), "region": "chest"}
    description = f"SYNTHETIC {public['id']}"
    write_image(one.scan.image, layout.image(one.name), description)
    write_layer(LabelLayer(labels.name, labels.image, labels.names), layout.label(one.name), description)
    layout.public_record(one.name).write_text(to_text(public), encoding="utf-8")
    files = (layout.image(one.name), layout.label(one.name), layout.public_record(one.name))
    record = {
        **private,
        "entry": "0" * 64,
        "name": one.name,
        "region": "chest",
        "source": one.source,
        "target": one.target,
        "seed": seed,
        "center_lps": [0.0, 0.0, 0.0],
        "tries": [{"percent": float(one.percent), "verdict": "pass", "reasons": []}],
        "files": {file.relative_to(layout.folder).as_posix(): {"sha256": file_hash(file)} for file in files},
    }
    layout.private_record(one.name).write_text(to_text(record), encoding="utf-8")


def _quality(one: Output) -> Mapping[str, object]:
    value = float(one.percent) / 100
    measures = {"noise.ratio": {"value": 0.8 + value / 10, "unit": "result / source"}}
    return {"verdict": "warn", "reasons": [f"The noise is {value:.2f} of the source's."], "measures": measures}
