"""What a clinical cohort will take: each task of one worker measured at 512 x 512 x 300, and 10,000 outputs worked out.

The estimate adds up task times, as if nothing else took any: `bench_cohort_run.py` measures how much else there is.
"""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

SIZE = (512, 512, 300)
SPACING = (0.75, 0.75, 1.25)
SEED = 7
DRAWN = 3
"""Outputs that are made: the first of a pair reads its two scans too, as it does in a large cohort."""

OUTPUTS, CORES = 10_000, 64
PAIRS = (100, 1_000, 10_000)
"""In how many unordered pairs of subjects the outputs may be drawn; each is registered once."""


def make_plan(folder: Path) -> Path:
    """Two phantoms of that size with organs, and a plan of morphs between them."""
    from SyntheticCTLib.images.phantoms import make_phantom
    from SyntheticCTLib.images.writing import write_image, write_layer

    rows = [["id", "image", "region", "labels"]]
    for number in (1, 2):
        phantom = make_phantom(number, spacing=SPACING, size=SIZE)
        write_image(phantom.image, folder / f"{number}.nii.gz")
        write_layer(phantom.layers[0], folder / f"{number}.seg.nrrd")
        rows.append([f"p{number}", f"{number}.nii.gz", "torso", f"organs={number}.seg.nrrd"])
    with (folder / "subjects.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    command = ["cohort", "plan", folder / "subjects.csv", "-o", folder / "plan.json", "-n", DRAWN, "--seed", SEED]
    _synthetic_ct(*command)
    return folder / "plan.json"


def measure(folder: Path) -> dict[str, float]:
    """Seconds of each kind of task, peak memory of the process that did them, and the size of what they wrote."""
    plan = make_plan(folder)
    out = folder / "out"
    _synthetic_ct("cohort", "run", plan, "-o", out)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9  # the largest of all that ran
    with (out / "private" / "times.csv").open(newline="", encoding="utf-8") as stream:
        tasks = [(row["task"], float(row["seconds"])) for row in csv.DictReader(stream)]
    outputs = [seconds for task, seconds in tasks if task == "output"]
    public = [file for file in out.rglob("*.nii.gz") if "private" not in file.parts]
    paths = list((out / "private" / "paths").iterdir())
    return {
        "register_seconds": mean(seconds for task, seconds in tasks if task == "register"),
        "output_seconds": mean(outputs),
        "worker_gb": peak,
        "output_mb": sum(file.stat().st_size for file in public) / len(outputs) / 1e6,
        "path_mb": mean(file.stat().st_size for file in paths) / 1e6,
    }


def estimate(costs: dict[str, float], pairs: int) -> tuple[float, float]:
    """Hours on CORES cores, and gigabytes, of OUTPUTS outputs in so many pairs."""
    seconds = OUTPUTS * costs["output_seconds"] + pairs * costs["register_seconds"]
    return seconds / CORES / 3600, (OUTPUTS * costs["output_mb"] + pairs * costs["path_mb"]) / 1000


def run() -> dict[str, object]:
    """Measure, print the table of the README."""
    with tempfile.TemporaryDirectory() as name:
        costs = measure(Path(name))
    print("  " + "  ".join(f"{key} {value:.2f}" for key, value in costs.items()))
    print(f"  | pairs registered | hours on {CORES} cores | GB |\n  |--|--|--|")
    table = {pairs: estimate(costs, pairs) for pairs in PAIRS}
    for pairs, (hours, gigabytes) in table.items():
        print(f"  | {pairs:,} | {hours:.1f} | {gigabytes:,.0f} |", flush=True)
    return {**costs, "hours": {pairs: hours for pairs, (hours, _) in table.items()}}


def _synthetic_ct(*arguments: object) -> None:
    command = [sys.executable, "-m", "SyntheticCTLib", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)


if __name__ == "__main__":
    print(json.dumps(run()))
