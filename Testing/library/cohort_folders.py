"""Small cohorts written by hand, as `cohort run` leaves them, for the tests of what reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import SimpleITK as sitk

from SyntheticCTLib.cohort.dataset.layout import Layout
from SyntheticCTLib.cohort.dataset.summaries import write_summaries
from SyntheticCTLib.cohort.planning import Plan, PlannedOutput, PlanSettings, Subject, write_plan
from SyntheticCTLib.images import LabelLayer, content_hash, write_image, write_layer
from SyntheticCTLib.jobs import JobDocument, run_here
from SyntheticCTLib.jobs.records import file_hash, to_text
from SyntheticCTLib.morph.provenance import private_record, public_record

SECRETS = ("patient-anna", "patient-bert", "patient-carl")
"""Ids of the subjects: words that must not be found in anything public."""

KEY = "0123456789abcdef0123456789abcdef"
"""Name of the registration that all cases say they come from."""


def write_cohort(
    folder: Path,
    originals: Sequence[sitk.Image],
    cases: Mapping[str, tuple[sitk.Image, LabelLayer | None]],
    label_names: Sequence[str] = (),
    region: str = "chest",
    settings: PlanSettings | None = None,
) -> Path:
    """A finished cohort in `folder`: every case goes from the first original to the second; others are held out.

    originals: two or three, called by `SECRETS`; written into `originals` beside the folder. cases: image and labels by
    name; a name that is planned but not made can be added to the plan by hand.
    """
    layout = Layout(folder)
    subjects = _write_originals(folder.parent / "originals", originals, region)
    outputs = tuple(
        PlannedOutput(name, SECRETS[0], SECRETS[1], Decimal("40.00"), number) for number, name in enumerate(cases)
    )
    settings = settings or PlanSettings(allow_face=True)
    plan = Plan(7, settings, tuple(label_names), subjects[:2], subjects[2:], (), outputs)
    for place in (*layout.public_folders, layout.private_records, layout.rejections, layout.paths):
        place.mkdir(parents=True, exist_ok=True)
    write_plan(plan, layout.plan)
    for name, (image, labels) in cases.items():
        _write_case(layout, plan, name, image, labels, region)
    write_summaries(layout, plan)
    return folder


def export(cohort: Path, output: Path, notes: list | None = None, **parameters) -> dict:
    """Run the export job; its notes and stages go to `notes`."""
    given = {"format": "msd", "min_distance": None, "exclude": None, "overwrite": False, **parameters}
    document = JobDocument("cohort.export", {"folder": str(cohort), "output": str(output), **given})
    return run_here(document, lambda event: notes.append(event.get("text")) if notes is not None else None)


def everything_below(folder: Path) -> list[str]:
    """Names of all files below a folder, relative to it."""
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def _write_originals(folder: Path, images: Sequence[sitk.Image], region: str) -> tuple[Subject, ...]:
    folder.mkdir(exist_ok=True)
    subjects = []
    for name, image in zip(SECRETS, images, strict=False):
        write_image(image, folder / f"{name}.nii.gz")
        subjects.append(Subject(name, folder / f"{name}.nii.gz", region, content=content_hash(image)))
    return tuple(subjects)


def _write_case(
    layout: Layout, plan: Plan, name: str, image: sitk.Image, labels: LabelLayer | None, region: str
) -> None:
    private = private_record(
        percent=Decimal("40.00"),
        inputs={"source": {"file": SECRETS[0]}, "target": {"file": SECRETS[1]}, "metadata": []},
        parameters={"name": name, "grid": plan.settings.grid, "registration": KEY},
        method={"backend": "paper", "versions": {}},
        report={"verdict": "pass", "reasons": [], "measures": {}},
        metadata={"age": 60.5, "sex": "female"},
        labels={"labels": {value: labels.names[value] for value in labels.values}} if labels else {},
    )
    public = {**public_record(private), "region": region}
    files = [layout.image(name, labelled=labels is not None or not plan.label_names), layout.public_record(name)]
    write_image(image, files[0], f"SYNTHETIC {public['id']}")
    files[1].write_text(to_text(public), encoding="utf-8")
    if labels:
        files.append(layout.label(name))
        write_layer(labels, files[-1], f"SYNTHETIC {public['id']}")
    record = {
        **private,
        "entry": "0" * 64,
        "region": region,
        "source": SECRETS[0],
        "target": SECRETS[1],
        "seed": 0,
        "center_lps": [0.0, 0.0, 0.0],
        "tries": [{"percent": 40.0, "verdict": "pass", "reasons": []}],
        "files": {file.relative_to(layout.folder).as_posix(): {"sha256": file_hash(file)} for file in files},
    }
    layout.private_record(name).write_text(to_text(record), encoding="utf-8")
