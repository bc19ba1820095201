"""Plans two reading studies, reads them to the end in the module, and reports: `make proof`, or
`python Testing/proof/prove_review.py`.

One study is of phantoms and a cohort made of them, one of ten cases of the real scans in ../shared/data and their
morphs (of proof/morphs, where `prove_morphs.py` has made them, else made here, which takes minutes). Each is read by
key and mouse on the tests' host (`review_reader.py`); half way the process dies with a case half answered, and another
goes on. Pictures of every case, and of the reports where chromium is installed, land in proof/review, to look at. Exits
with 1 if a command fails, the reading does not go on at the same case, an answer is missing, the report refuses the
receipt, or what is culled is not left out of the cohort's export.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from prove_lesions import command
from prove_morphs import run as make_morph
from real_pairs import PAIRS, VOLUMES

READER = Path(__file__).with_name("review_reader.py")
CODE, CRASHED = "Dr. Müßig", 9

PHANTOMS, PHANTOM_CASES, REAL_CASES = 6, 8, 10
REAL_PAIRS = (0, 2, 4, 6, 7)
"""A pair for each of the five patients as source."""

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
REPORT_SIZE = "1100,1300"


def phantom_study(out: Path) -> tuple[Path, Path]:
    """Make phantoms and a cohort of them, whose outputs are of as many different sources; plan the study.

    Returns the study and the cohort.
    """
    grid = ["--region", "chest", "--spacing", "5", "5", "6", "--seed", "5"]
    command("cohort", "phantoms", "-n", str(PHANTOMS), "-o", out / "phantoms", *grid)
    draws = ["-n", str(PHANTOM_CASES // 2), "--per-source", "1", "--subject-share", "1"]
    draws += ["--backend", "simpleitk", "--seed", "5"]
    command("cohort", "plan", out / "phantoms" / "subjects.csv", "-o", out / "plan.json", *draws)
    command("cohort", "run", out / "plan.json", "-o", out / "set", "--workers", "2")
    # A morph blunts the brightest voxels of so coarse phantoms; without the bone window no case shows them.
    windows = ["--window", "lung", "soft tissue"]
    return plan(out / "study", out / "phantoms", out / "set", PHANTOM_CASES, *windows), out / "set"


def real_study(out: Path, morphs: Path) -> Path:
    """Plan the study of real scans, one morph of each patient beside them."""
    (out / "morphs").mkdir(parents=True)
    for number in REAL_PAIRS:
        made = morphs / f"{number}_ants"
        if not (made / "private" / "morph_050.json").is_file():
            make_morph(PAIRS[number], "ants", made)
        (out / "morphs" / made.name).symlink_to(made.resolve())
    return plan(out / "study", VOLUMES, out / "morphs", REAL_CASES)


def plan(study: Path, real: Path, synthetic: Path, cases: int, *options: str) -> Path:
    """Plan a study."""
    draws = ["--cases", str(cases), "--seed", "3"]
    command("review", "plan", "--real", real, "--synthetic", synthetic, "-o", study, *draws, *options)
    return study


def read(study: Path, pictures: Path, cases: int) -> tuple[str, list[str]]:
    """Read a study in two processes of which the first dies half way; the receipt, and what was wrong."""
    first, code = reader(study, pictures, "--crash-after", str(cases // 2))
    second, ended = reader(study, pictures)
    faults = []
    if (code, ended) != (CRASHED, 0):
        faults.append(f"the processes ended with {code} and {ended}; expected {CRASHED} and 0")
    if second["began_at"] != first["was_at"]:
        faults.append("the reading did not go on at the case it was interrupted at")
    (file,) = study.glob("readings/*/answers.jsonl")
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    if len({line["trial"][0] for line in lines}) != cases or len(lines) != cases:
        faults.append(f"{len(lines)} answers are on disk; expected {cases}, each of another case")
    return second["receipt"], faults


def reader(study: Path, pictures: Path, *options: str) -> tuple[dict[str, object], int]:
    """Run a reader; what it told, and its exit code. Stops here with its message if it told nothing."""
    temporary = pictures / "tmp"  # a process that is killed leaves its files behind
    temporary.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, str(READER), str(study), str(pictures), "--code", CODE, *options],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    shutil.rmtree(temporary)
    lines = done.stdout.splitlines()
    if done.returncode not in (0, CRASHED) or not lines:
        raise SystemExit(f"the reading of {study} ended with {done.returncode}\n{done.stderr[-1000:]}")
    return json.loads(lines[-1]), done.returncode


def report(study: Path, receipt: str) -> Path:
    """Make the report, which refuses answers that the receipt does not fit, and picture its head; its folder."""
    folder = study.with_name("report")
    key = study.with_name(study.name + ".key.json")
    command("review", "report", study, "--key", key, "-o", folder, "--receipt", f"{CODE}={receipt}")
    browser = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if browser is None:
        print("no chromium, no picture of the report")
        return folder
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={REPORT_SIZE}"]
    screenshot = f"--screenshot={(study.parent / 'report.png').resolve()}"
    page = (folder / "report.html").resolve().as_uri()
    subprocess.run([browser, *options, screenshot, page], capture_output=True, timeout=180, check=True)
    return folder


def export(cohort: Path, folder: Path, out: Path) -> list[str]:
    """Export the cohort without what was culled; what was wrong."""
    with (folder / "review.csv").open(encoding="utf-8", newline="") as stream:
        culled = {row["case"] for row in csv.DictReader(stream) if row["verdict"] == "cull"}
    command("cohort", "export", cohort, "-o", out, "--format", "msd", "--exclude", folder / "review.csv")
    before, after = (len(list((place / "imagesTr").glob("*.nii.gz"))) for place in (cohort, out))
    print(f"  culled {len(culled)} of {before}, exported {after}")
    return [] if culled and after == before - len(culled) else ["the export does not leave out what was culled"]


def prove(name: str, study: Path, cases: int, cohort: Path | None = None) -> int:
    """Read and report one study; tells how it went, returns 1 if anything was wrong."""
    receipt, faults = read(study, study.parent / "pictures", cases)
    folder = report(study, receipt)
    print(f"{name}: {cases} cases read, interrupted after {cases // 2}, receipt {receipt}")
    if cohort is not None:
        faults += export(cohort, folder, study.with_name("export"))
    for fault in faults:
        print(f"  - {fault}")
    print(f"  look at {study.parent / 'pictures'} and {folder / 'report.html'}", flush=True)
    return int(bool(faults))


def main() -> int:
    """Run it all; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("proof/review"))
    parser.add_argument("--morphs", type=Path, default=Path("proof/morphs"), help="what prove_morphs.py has written")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.output, ignore_errors=True)
    study, cohort = phantom_study(arguments.output / "phantoms")
    missed = prove("phantoms", study, PHANTOM_CASES, cohort)
    if not VOLUMES.is_dir():
        print(f"{VOLUMES} is not there: no study of real scans")
        return missed
    return missed | prove("real scans", real_study(arguments.output / "real", arguments.morphs), REAL_CASES)


if __name__ == "__main__":
    sys.exit(main())
