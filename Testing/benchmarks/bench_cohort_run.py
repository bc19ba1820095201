"""The run of a cohort: two workers against one, the share of time that is no task's, the memory of the driver.

Outputs are real ones, of small phantoms, so that a thousand of them take minutes.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "library"))

PHANTOMS = 4
FEW, FEW_SPACING = 100, 6.0
"""Outputs for the comparison of workers, and mm: one takes half a second."""

MANY, MANY_SPACING = 1000, 8.0
"""Outputs for overhead and memory, and mm: the smaller an output, the more the overhead counts."""


def make_input(folder: Path, count: int, spacing: float) -> None:
    """Phantoms, and a plan of `count` outputs between them."""
    from cohort_runs import write_plan_of_phantoms

    pairs = [(a, b) for a in range(PHANTOMS) for b in range(PHANTOMS) if a != b]
    write_plan_of_phantoms(folder, PHANTOMS, (spacing,) * 3, [pairs[n % len(pairs)] for n in range(count)])


def measure(plan: Path, folder: Path, workers: int) -> dict[str, float]:
    """Carry a plan out. seconds: from the first task sent to the last answer. busy: sum of the tasks' own times.
    start: what came before. driver_mb: peak memory of this process; with one worker, that is in it."""
    from cohort_runs import run

    elapsed: dict[str, float] = {}

    def note(event: dict) -> None:
        stage = event.get("stage", "")
        elapsed.setdefault("describing" if stage.startswith("describing") else stage, event.get("elapsed", 0.0))

    result = run(plan, folder, workers, quick=False, on_event=note)
    began = next(time for stage, time in elapsed.items() if " done, " in stage)
    with (folder / "private" / "times.csv").open(newline="", encoding="utf-8") as stream:
        tasks = [(row["task"], float(row["seconds"])) for row in csv.DictReader(stream)]
    outputs = [seconds for task, seconds in tasks if task == "output"]
    return {
        "made": result["made"],
        "start": began,
        "seconds": elapsed["describing"] - began,
        "busy": sum(seconds for _, seconds in tasks),
        "output": sum(outputs) / len(outputs),
        "driver_mb": peak_mb(),
    }


def peak_mb() -> float:
    """Peak memory of this process, MiB. Linux; `getrusage` tells the parent's instead where that had more."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def measured(plan: Path, workers: int, name: str) -> dict[str, float]:
    """The same in a child. Registrations take long, and would hide what is measured here: another child's are used."""
    folder = plan.parent.parent / name
    subprocess.run([sys.executable, __file__, "prime", str(plan), str(folder)], check=True)
    command = [sys.executable, __file__, "measure", str(plan), str(folder), str(workers)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def overhead(one: Mapping[str, float], workers: int) -> float:
    """Share of the workers' time in which they did no task."""
    return 1 - one["busy"] / (workers * one["seconds"])


def run() -> dict[str, object]:
    """All three."""
    with tempfile.TemporaryDirectory() as name:
        plans = {}
        for count, spacing in ((FEW, FEW_SPACING), (MANY, MANY_SPACING)):
            (Path(name) / str(count)).mkdir()
            make_input(Path(name) / str(count), count, spacing)
            plans[count] = Path(name) / str(count) / "plan.json"
        one, two = measured(plans[FEW], 1, "one"), measured(plans[FEW], 2, "two")
        many = measured(plans[MANY], 2, "many")
    result = {
        "one_worker_seconds": one["seconds"],
        "two_workers_seconds": two["seconds"],
        "two_against_one": one["seconds"] / two["seconds"],
        "output_seconds": many["output"],
        "overhead_percent": 100 * overhead(many, 2),
        "start_seconds": many["start"],
        f"driver_mb_{FEW}": two["driver_mb"],
        f"driver_mb_{MANY}": many["driver_mb"],
    }
    print("  ".join(f"{key} {value:.2f}" for key, value in result.items()), flush=True)
    return result


if __name__ == "__main__":
    if sys.argv[1:2] == ["prime"]:
        from cohort_runs import primed

        primed(Path(sys.argv[2]), Path(sys.argv[3]))
    elif sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))))
    else:
        run()
