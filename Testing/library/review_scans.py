"""Folders of small scans for the tests of planning a reading study, and the job that plans one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from trunks import PLAIN, trunk

from SyntheticCTLib.images import Geometry, write_image
from SyntheticCTLib.jobs import JobDocument, run_here

FIRST = {"real": 0, "synthetic": 100}
"""Number of the first patient of each group."""


def body(number: int, geometry: Geometry = PLAIN) -> sitk.Image:
    """The trunk of patient `number`, with noise of its own and air that was never seen below -1024."""
    rng = np.random.default_rng(number)
    width, lung, liver = rng.uniform(0.8, 1.05, 3)
    image, _ = trunk(geometry, width, lung, liver, noise=0)
    voxels = sitk.GetArrayFromImage(image) + rng.normal(-10, 15, sitk.GetArrayViewFromImage(image).shape)
    result = sitk.GetImageFromArray(np.clip(np.rint(voxels), -1024, 3071).astype(np.int16))
    result.CopyInformation(image)
    return result


def write_group(
    folder: Path, group: str, count: int, change: Callable[[sitk.Image], sitk.Image] = lambda image: image
) -> Path:
    """Scans of `count` patients; change: what was done to each."""
    folder.mkdir()
    for number in range(FIRST[group], FIRST[group] + count):
        file = folder / f"{group}_patient_{number:03d}.nii.gz"
        write_image(change(body(number)), file, f"of {group} patient {number}")
    return folder


def plan(real: Path, synthetic: Path, output: Path, notes: list | None = None, **parameters) -> dict:
    """Run the job; 8 cases unless asked otherwise."""
    given = {"cases": 8, "seed": 3, "mode": "rate", "practice": 0, "key": None, "spacing": None, "windows": None}
    places = {"real": str(real), "synthetic": str(synthetic), "output": str(output)}
    document = JobDocument("review.plan", {**given, **places, **parameters})
    return run_here(document, lambda event: notes.append(event.get("text")) if notes is not None else None)


def simulate(folder: Path, key: Path, **parameters) -> dict:
    """Run the job; two readers of accuracy 0.8 unless asked otherwise."""
    given = {"readers": 2, "accuracy": 0.8, "bias": 0.0, "seed": 1, **parameters}
    document = JobDocument("review.simulate", {"folder": str(folder), "key": str(key), **given})
    return run_here(document, lambda event: None)


def report(folder: Path, key: Path, output: Path, without: Sequence[str] = (), **parameters) -> dict:
    """Run the job."""
    rule = {"cull_share": 0.75, "cull_realism": 2.0}
    given = {"receipts": {}, "machine": None, **rule, "seed": 0, "unblind": False, "overwrite": False, **parameters}
    places = {"folder": str(folder), "key": str(key), "output": str(output), "without": list(without)}
    return run_here(JobDocument("review.report", {**places, **given}), lambda event: None)
