"""Morphs all eight real pairs half of the way with both backends, as a user would: `make proof`.

Runs `synthetic-ct morph` on each pair; reports and contact sheets to look at land in proof/morphs. Exits with 1 if a
command fails or a morph is rejected.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from real_pairs import PAIRS, VOLUMES, short


def run(pair: tuple[str, str], backend: str, folder: Path) -> dict[str, object]:
    """Morph one pair; its verdict, reasons and a few measures."""
    shutil.rmtree(folder, ignore_errors=True)
    files = [str(VOLUMES / f"{name}.nii.gz") for name in pair]
    labels = str(VOLUMES / f"{pair[0]}_autolabels.nii.gz")
    command = ["morph", *files, "-o", str(folder), "--percent", "50", "--labels", labels, "--backend", backend]
    done = subprocess.run([sys.executable, "-m", "SyntheticCTLib", *command], capture_output=True, text=True)
    if done.returncode:
        return {"pair": short(pair), "backend": backend, "verdict": "failed", "reasons": [done.stderr[-500:]]}
    report = json.loads((folder / "private" / "morph_050.json").read_text(encoding="utf-8"))["report"]
    return {
        "pair": short(pair),
        "backend": backend,
        "verdict": report["verdict"],
        "reasons": report["reasons"],
        "measures": {name: one["value"] for name, one in report["measures"].items()},
    }


def main() -> int:
    """Run what was asked for, print verdicts, write morphs.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", nargs="+", default=["ants", "simpleitk"])
    parser.add_argument("--pairs", nargs="+", type=int, default=list(range(len(PAIRS))), metavar="N")
    parser.add_argument("-o", "--output", type=Path, default=Path("proof/morphs"))
    arguments = parser.parse_args()
    rows = []
    for backend in arguments.backend:
        for number in arguments.pairs:
            row = run(PAIRS[number], backend, arguments.output / f"{number}_{backend}")
            rows.append(row)
            print(f"{row['pair']:26s} {backend:9s} {row['verdict']}", flush=True)
            for reason in row["reasons"]:
                print(f"    - {reason}", flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "morphs.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return int(any(row["verdict"] in ("reject", "failed") for row in rows))


if __name__ == "__main__":
    sys.exit(main())
