"""Speed and quality against the named rivals: `make bench`. Prints a table, writes the same to bench.json.

Ratios hold: ours and the rival run in turn on the same data. Absolute times are of the machine it ran on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench_cohort_costs
import bench_cohort_plan
import bench_cohort_run
import bench_lesion
import bench_morph
import bench_panel
import bench_registration

CHOICES = ("import", "lesion", "cohort", "panel", "morph", "registration")


def import_seconds() -> float:
    """Best of five: `import SyntheticCTLib` in a fresh interpreter, less an empty one."""

    def best(code: str) -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - began)
        return min(times)

    return best("import SyntheticCTLib") - best("pass")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=CHOICES, nargs="+")
    parser.add_argument("--without-rival", action="store_true", help="registration: ours alone, in minutes")
    parser.add_argument("-o", "--output", type=Path, default=Path("bench.json"))
    arguments = parser.parse_args()
    wanted = arguments.only or CHOICES
    result: dict[str, object] = {"machine": f"{platform.machine()}, {os.cpu_count()} processors"}
    if "import" in wanted:
        result["import_seconds"] = import_seconds()
        print(f"import SyntheticCTLib: {result['import_seconds']:.3f} s")
    if "lesion" in wanted:
        print("A lesion of 40 mm in 512 x 512 x 300, against biharmonic inpainting:")
        result["lesion"] = bench_lesion.run()
    if "cohort" in wanted:
        print("Planning 100,000 outputs of a cohort:")
        result["cohort_plan"] = bench_cohort_plan.run()
        print("Running a cohort with one and two workers:")
        result["cohort_run"] = bench_cohort_run.run()
        print("Tasks of a cohort at 512 x 512 x 300, and 10,000 outputs worked out from them:")
        result["cohort_costs"] = bench_cohort_costs.run()
    if "panel" in wanted:
        print("The panel on the tests' host, against VTK's own scaling of a displacement:")
        result["panel"] = bench_panel.run()
    if "morph" in wanted:
        print("One morph of 512 x 512 x 300 with labels, against SimpleITK:")
        result["morph"] = bench_morph.run()
    if "registration" in wanted:
        print("Registration with path, against ANTs' SyN at full resolution:")
        result["registration"] = bench_registration.run(with_rival=not arguments.without_rival)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
