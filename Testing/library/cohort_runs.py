"""Small cohorts for the tests of the run: four phantoms, a plan by hand, and runs in processes that can be killed.

As a script it is a command that carries a plan out: `python cohort_runs.py PLAN FOLDER [--workers N | --scheduler A]`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from unittest import mock

import numpy as np

from SyntheticCTLib.errors import SyntheticCTError
from SyntheticCTLib.jobs import JobDocument, run_here

ROOT = Path(__file__).resolve().parents[2]

SPACING = (8.0, 8.0, 8.0)
"""mm; the scans are tiny, so that an output takes less than a second."""

EDGES = ((0, 1), (1, 0), (0, 1), (2, 1), (1, 2), (0, 2), (2, 0), (0, 2))
"""Source and target of each output: three pairs in both directions, some of them twice."""

THICK = ("lung_right", "lung_left", "heart", "liver")
"""The phantoms' organs that are kept as labels."""

_inputs: Path | None = None
_finished: Path | None = None


def inputs(factory) -> Path:
    """The folder with the phantoms and `plan.json`, made once per test session (by pytest's tmp_path_factory)."""
    global _inputs
    if _inputs is None:
        _inputs = factory.mktemp("cohort-inputs")
        write_plan_of_phantoms(_inputs)
    return _inputs


def finished(factory) -> Path:
    """The folder of a run of that plan in this process, made once per test session; nobody changes it.

    Beside it, `events.json` holds what the run told, `result.json` what it returned.
    """
    global _finished
    if _finished is None:
        folder = factory.mktemp("finished") / "out"
        events: list[dict] = []
        result = run(inputs(factory) / "plan.json", folder, on_event=events.append)
        (folder.parent / "events.json").write_text(json.dumps(events), encoding="utf-8")
        (folder.parent / "result.json").write_text(json.dumps(result), encoding="utf-8")
        _finished = folder
    return _finished


def primed(plan_file: Path, folder: Path) -> Path:
    """A cohort's folder in which every pair has been registered, by `quick_path`, and nothing else was done."""
    from SyntheticCTLib.cohort.dataset.layout import Layout
    from SyntheticCTLib.cohort.planning.plan import read_plan, write_plan
    from SyntheticCTLib.cohort.running.ledger import Ledger
    from SyntheticCTLib.cohort.running.versions import deciding_versions
    from SyntheticCTLib.images.reading import read_ct

    plan, layout = read_plan(plan_file), Layout(folder)
    layout.paths.mkdir(parents=True)
    layout.private.chmod(0o700)
    write_plan(plan, layout.plan)
    ledger = Ledger(plan, layout, "simpleitk", deciding_versions("simpleitk"))
    for order in {ledger.pair_order(output) for output in plan.outputs}:
        first, second = (read_ct(scan.image)[0] for scan in order.scans)
        quick_path(first, second).save(layout.path(order.key))
    return folder


def quick_path(source, target, **_):
    """In place of `morph.register.register`, which takes half a minute: a gentle path, the same for all pairs."""
    import SimpleITK as sitk

    from SyntheticCTLib.images.geometry import Geometry
    from SyntheticCTLib.morph.path import Bound, MorphPath, coarse_over, positions

    geometry = coarse_over(Geometry.of(source), 12.0)
    x = positions(geometry)
    waves = [14 * np.sin(x[(d + 1) % 3] / 60) * np.cos(x[(d + 2) % 3] / 80) for d in range(3)]
    velocity = sitk.GetImageFromArray(np.stack(waves, axis=-1).astype(np.float32), isVector=True)
    geometry.apply_to(velocity)
    method = {"backend": "quick", "versions": {"quick": "1"}, "repeatable": True}
    bounds = Bound.to(source), Bound.to(target)
    return MorphPath(velocity, np.diag([1.04, 0.97, 1.02, 1.0]), np.eye(4), *bounds, method)


def write_plan_of_phantoms(folder: Path, phantoms: int = 3, spacing: tuple = SPACING, edges=EDGES, size=None) -> None:
    """Phantoms as subjects `anna-0`, `anna-1`, ..., and a plan that goes along the edges, once each."""
    from SyntheticCTLib.cohort.dataset.label_map import label_name
    from SyntheticCTLib.cohort.planning.plan import Plan, PlannedOutput, write_plan
    from SyntheticCTLib.cohort.planning.settings import PlanSettings
    from SyntheticCTLib.cohort.planning.subjects import LabelFile, Subject
    from SyntheticCTLib.images.hashing import content_hash
    from SyntheticCTLib.images.phantoms import make_phantom
    from SyntheticCTLib.images.writing import write_image, write_layer
    from SyntheticCTLib.jobs.records import file_hash, to_text

    subjects, names = [], []
    for number in range(phantoms):
        phantom = make_phantom(60 + number, spacing=spacing, size=size, region="chest")
        image, record = folder / f"smith_{number}.nii.gz", folder / f"smith_{number}.json"
        write_image(phantom.image, image)
        record.write_text(to_text({**phantom.metadata, "age": 41 + 7 * number, "sex": "F"}), encoding="utf-8")
        labels = []
        for layer in map(_thick, phantom.layers):
            file = folder / f"smith_{number}_{layer.name}.seg.nrrd"
            write_layer(layer, file)
            labels.append(LabelFile(layer.name, file, file_hash(file)))
            names += [label_name(layer, value) for value in layer.values]
        content = content_hash(phantom.image)
        subjects.append(
            Subject(f"anna-{number}", image, "chest", tuple(labels), record, None, content, file_hash(record))
        )
    outputs = [
        PlannedOutput(f"synthct_{n:04d}", f"anna-{a}", f"anna-{b}", Decimal("30.17") + n % 40, 982_451_653 + n)
        for n, (a, b) in enumerate(edges, start=1)
    ]
    settings = PlanSettings(backend="simpleitk", guided=True)
    plan = Plan(77_041, settings, tuple(dict.fromkeys(names)), tuple(subjects), (), (), tuple(outputs))
    write_plan(plan, folder / "plan.json")


def _thick(layer):
    """The layer without what is thinner than a voxel here; the gate would reject every output for the ribs."""
    import SimpleITK as sitk

    from SyntheticCTLib.images.labels import LabelLayer

    kept = {value: name for value, name in layer.names.items() if name in THICK}
    voxels = sitk.GetArrayFromImage(layer.image)
    voxels[~np.isin(voxels, list(kept))] = 0
    image = sitk.GetImageFromArray(voxels)
    image.CopyInformation(layer.image)
    return LabelLayer(layer.name, image, kept)


def variant(plan_file: Path, name: str, **changes) -> Path:
    """The same plan with other fields, written beside it; `outputs` may be a number: so many of the first."""
    from SyntheticCTLib.cohort.planning.plan import read_plan, write_plan

    plan = read_plan(plan_file)
    if isinstance(changes.get("outputs"), int):
        changes["outputs"] = plan.outputs[: changes["outputs"]]
    write_plan(replace(plan, **changes), plan_file.with_name(name))
    return plan_file.with_name(name)


def run(
    plan: Path,
    folder: Path,
    workers: int | None = None,
    scheduler: str | None = None,
    quick: bool = True,
    slurm: Path | None = None,
    **more,
) -> dict:
    """Carry a plan out by the job "cohort.run". quick: with `quick_path`; only tasks in this process know of it."""
    import SyntheticCTLib.cohort.running.jobs  # noqa: F401, registers the kind

    parameters = {"plan": str(plan), "output": str(folder), "workers": workers, "scheduler": scheduler}
    parameters["slurm"] = None if slurm is None else str(slurm)
    quickly = mock.patch("SyntheticCTLib.morph.register.register", quick_path) if quick else nullcontext()
    with quickly:
        return run_here(JobDocument("cohort.run", parameters), **more)


def contents(folder: Path) -> dict[str, str]:
    """Hash of every file of a cohort, by its path; times may differ, so they are left out."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != "times.csv")
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


# --- runs that are killed


def started(plan: Path, folder: Path, *arguments: str) -> subprocess.Popen:
    """The command, in a process group of its own."""
    return _process([__file__, str(plan), str(folder), *arguments], stderr=subprocess.PIPE)


def scheduler(file: Path) -> subprocess.Popen:
    """A scheduler whose address is in `file`."""
    file.unlink(missing_ok=True)
    arguments = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    process = _process(["-m", "distributed.cli.dask_scheduler", *arguments], stderr=subprocess.DEVNULL)
    wait_for(file.is_file)
    return process


def worker(file: Path) -> subprocess.Popen:
    """A worker of the scheduler whose address is in `file`, without a nanny that would start it again."""
    arguments = ["--scheduler-file", str(file), "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    return _process(["-m", "distributed.cli.dask_worker", *arguments], stderr=subprocess.DEVNULL)


def address(file: Path) -> str:
    """The address in a scheduler's file."""
    return json.loads(file.read_text(encoding="utf-8"))["address"]


def _process(arguments: list[str], stderr) -> subprocess.Popen:
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    return subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )


def workers_of(process: subprocess.Popen) -> list[int]:
    """Process ids of the workers that a command has started."""
    import psutil

    children = psutil.Process(process.pid).children()
    return [child.pid for child in children if any("spawn_main" in word for word in child.cmdline())]


def busiest(pids: list[int], seconds: float = 2.0) -> int:
    """The process that has computed for so many seconds since it was first looked at."""
    import psutil

    began = {pid: sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids}
    found: list[int] = []

    def one_works() -> bool:
        found[:] = [pid for pid in pids if sum(psutil.Process(pid).cpu_times()[:2]) - began[pid] > seconds]
        return bool(found)

    wait_for(one_works)
    return found[0]


def killed(process: subprocess.Popen) -> None:
    """Kill a process the hard way, and that one only."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def wait_for(condition: Callable[[], object], seconds: float = 240.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain")
        time.sleep(0.02)


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """Exit code and messages of a process, when it has ended."""
    _, messages = process.communicate(timeout=400)
    return process.returncode, messages


def records(folder: Path) -> dict[str, int]:
    """When each finished output's private record was written (ns), by name."""
    found = (folder / "private" / "records").glob("synthct_*.json")
    return {file.stem: file.stat().st_mtime_ns for file in found}


# --- tasks that kill their workers

DEADLY = "synthct_0002"


def deadly_output(order, registered):
    """In place of `tasks.make_output`: ends the worker's process at one output."""
    from SyntheticCTLib.cohort.running.tasks import make_output

    if order.name == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    return make_output(order, registered)


def main() -> int:
    """The command: events as lines of JSON on standard output, the message of an error on standard error."""
    parser = argparse.ArgumentParser()
    parser.add_argument("plan", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--scheduler")
    arguments = parser.parse_args()
    try:
        result = run(
            arguments.plan,
            arguments.folder,
            arguments.workers,
            arguments.scheduler,
            quick=False,
            on_event=lambda event: print(json.dumps(event), flush=True),
        )
    except SyntheticCTError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
