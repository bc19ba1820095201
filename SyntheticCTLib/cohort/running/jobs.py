"""The job "cohort.run": carry a plan out; the same job once more goes on where the last one was stopped. And
"cohort.slurm", which tells how it would ask SLURM for workers."""

from __future__ import annotations

import csv
import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError, SyntheticCTError
from ...jobs import JobContext, job_kind
from ...jobs.records import to_text
from ..dataset.files import write_text
from ..dataset.layout import Layout
from ..dataset.summaries import write_summaries
from .claim import claimed
from .cluster import CONFIGURATION, connected
from .driver import Driver, Progress
from .ledger import FAILED, MADE, REJECTED, Ledger
from .slurm import job_script, read_slurm
from .versions import Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..planning.plan import Plan

_EVERY = 1.0
"""Seconds between two reports."""

_SHARE_OF_TIME = 1 / 200
"""The numbers in a report change no more often than after this part of the time since the start: log files of long
runs stay readable."""


@job_kind("cohort.run")
def run_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Make all outputs of a plan that are not finished yet, then describe the data set.

    Parameters: plan, output (a folder), workers (how many processes; one or None: this one), scheduler (an address
    instead), slurm (a TOML file; then workers are its jobs; None: they are processes here).
    Result: folder, total, made, rejected, failed (numbers of outputs), worked_on (how many of them were made, rejected
    or failed by this run), reasons (of failures: reason -> number of outputs), files (for the reader).
    """
    from ..planning.plan import read_plan

    if parameters["scheduler"] is not None and (parameters["workers"], parameters["slurm"]) != (None, None):
        raise InputError(
            "Give workers to start (their number, or SLURM's settings), or the address of a scheduler that has some, "
            "not both."
        )
    slurm = None if parameters["slurm"] is None else read_slurm(parameters["slurm"])
    context.report("reading the plan")
    plan = read_plan(Path(parameters["plan"]))
    layout = Layout(Path(parameters["output"]))
    backend = _backend(plan)
    work = Work(backend, plan.settings.lesions)
    versions = work.versions()
    with claimed(layout, plan):
        ledger = Ledger(plan, layout, backend, *versions)
        context.report("looking at what is finished")
        counts, pairs = ledger.look()
        progress = Progress(len(plan.outputs), counts)
        before = counts.total()
        layout.failures.unlink(missing_ok=True)  # they are tried again
        if pairs:
            with (
                connected(parameters["workers"], parameters["scheduler"], slurm, layout, work, context) as client,
                _time_log(layout) as log,
            ):
                Driver(client, ledger, progress, _reporter(context, before), log).run(pairs)
        context.report("describing the data set")
        _write_failures(layout, progress.failures)
        write_summaries(layout, plan)
    return _result(layout, progress, before)


@job_kind("cohort.slurm")
def slurm_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """What would be handed to SLURM for each worker; nothing is started.

    Parameters: slurm (a TOML file). Result: script.
    """
    return {"script": job_script(read_slurm(parameters["slurm"]), CONFIGURATION)}


def _backend(plan: Plan) -> str:
    """The engine's name; "auto" is settled here, so that no two workers settle it differently."""
    from ...morph.backends import get_backend

    wanted = plan.settings.backend
    return get_backend(None if wanted == "auto" else wanted).name


def _write_failures(layout: Layout, failures: dict[str, str]) -> None:
    record = {
        "record": "SyntheticCT failures of the last run: names the sources, do not publish",
        "failed": dict(sorted(failures.items())),
    }
    write_text(layout.failures, to_text(record))


def _result(layout: Layout, progress: Progress, before: int) -> dict[str, Any]:
    counts = progress.counts
    reasons = Counter(progress.failures.values())
    if not counts[MADE] and counts[FAILED]:
        reason, number = reasons.most_common(1)[0]
        raise SyntheticCTError(
            f"None of the {progress.total} outputs could be made; {number} of them because: {reason} All reasons are "
            f"in {layout.failures}. Put it right and give the same command again."
        )
    return {
        "folder": str(layout.folder),
        "total": progress.total,
        **{state: counts[state] for state in (MADE, REJECTED, FAILED)},
        "worked_on": counts.total() - before,
        "reasons": dict(reasons.most_common()),
        "files": [layout.description.name, layout.table.name, layout.card.name],
    }


@contextmanager
def _time_log(layout: Layout) -> Iterator[Callable[[str, str, str, float], None]]:
    """Give a function that adds a task's time to the log."""
    fresh = not layout.times.exists()
    with layout.times.open("a", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        if fresh:
            rows.writerow(["task", "name", "state", "seconds"])

        def log(task: str, name: str, state: str, seconds: float) -> None:
            rows.writerow([task, name, state, f"{seconds:.3f}"])
            stream.flush()

        yield log


def _reporter(context: JobContext, before: int) -> Callable[[Progress], None]:
    """A function that tells once a second how far the run has come, in numbers that change now and then."""
    start = time.monotonic()
    told = changed = -math.inf
    text = ""

    def report(progress: Progress) -> None:
        nonlocal told, changed, text
        now = time.monotonic()
        if now - changed >= max(_EVERY, (now - start) * _SHARE_OF_TIME):
            changed, text = now, _progress_text(progress, progress.counts.total() - before, now - start)
        if now - told >= _EVERY:
            told = now
            context.report(text)

    return report


def _progress_text(progress: Progress, done: int, seconds: float) -> str:
    counts = progress.counts
    text = (
        f"{counts[MADE]} of {progress.total} done, {progress.running} running, {counts[REJECTED]} rejected, "
        f"{counts[FAILED]} failed"
    )
    left = progress.total - counts.total()
    if done and left:
        minutes = seconds / done * left / 60
        text += f", about {minutes:.0f} min left" if minutes >= 1 else ", less than a minute left"
    return text
