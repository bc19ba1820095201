"""Planning 100,000 outputs of 200 subjects: seconds and peak memory, without reading scans; and reading the plan."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

OUTPUTS, SUBJECTS = 100_000, 200
EDGE_SHARE = 0.5
SEED = 7
KIBIBYTES = 1024
"""Of a mebibyte; Linux counts memory in them."""


def run(outputs: int = OUTPUTS) -> dict[str, float]:
    """Measure each part in a process of its own, whose peak of memory is then its own; print and return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "plan.json")
        figures = {**_measured("plan", file, outputs), **_measured("read", file, outputs)}
        figures["plan_megabytes"] = Path(file).stat().st_size / 1e6
    rows = (
        ("planning and writing, s; at most 60", "plan_seconds"),
        ("  of which computing, s", "plan_cpu_seconds"),
        ("  peak memory, MiB; at most 200", "plan_peak_mib"),
        ("reading and checking the plan, s", "read_seconds"),
        ("  of which computing, s", "read_cpu_seconds"),
        ("  peak memory, MiB", "read_peak_mib"),
        ("the file, MB", "plan_megabytes"),
    )
    print(f"  {outputs} outputs of {SUBJECTS} subjects, half of their pairs")
    for title, name in rows:
        print(f"  {title:<50} {figures[name]:8.2f}")
    return figures


def _measured(part: str, file: str, outputs: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, part, file, str(outputs)], stdout=subprocess.PIPE, text=True, check=True
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    return {f"{part}_{name}": value for name, value in figures.items()}


def measure(part: str, file: str, outputs: int) -> dict[str, float]:
    """Seconds, imports included, those the processor worked for us, and peak memory of this process."""
    import resource

    began = time.perf_counter()
    if part == "plan":
        _plan(Path(file), outputs)
    else:
        from SyntheticCTLib.cohort.planning import read_plan

        assert len(read_plan(file).outputs) == outputs
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTES
    return {"seconds": seconds, "cpu_seconds": time.process_time(), "peak_mib": peak}


def _plan(file: Path, outputs: int) -> None:
    """What the job does once the subjects have been read."""
    from SyntheticCTLib.cohort.planning import LabelFile, PlanSettings, Subject, write_plan
    from SyntheticCTLib.cohort.planning.checking import Checked
    from SyntheticCTLib.cohort.planning.draw import Draw

    digest = "0" * 64
    subjects = [
        Subject(f"s{n:03d}", file.parent / f"{n}.nii.gz", "chest", (LabelFile("a", file, digest),), content=digest)
        for n in range(SUBJECTS)
    ]
    settings = PlanSettings(edge_share=EDGE_SHARE)
    draw = Draw(subjects, [], outputs, SEED, settings)
    write_plan(
        draw.plan(
            [Checked(subject, {"lung": 1.0}, frozenset(), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), ()) for subject in subjects]
        ),
        file,
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
    else:
        run()
