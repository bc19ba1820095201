"""Taking a folder for a plan: a new one, or the one of the same plan to go on in; one run at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ...errors import InputError
from ...jobs.records import spare_inputs
from ..dataset.layout import Layout

if TYPE_CHECKING:
    from ..planning.plan import Plan


@contextmanager
def claimed(layout: Layout, plan: Plan) -> Iterator[None]:
    """Make the cohort's folders, with a copy of the plan, and let nobody else run in them while the block lasts.

    What killed tasks left unfinished is removed, now and at the end. The empty lock file stays: who waits for it has it
    open already, and would hold a file that nobody else sees if it were removed.
    Raises InputError if the folder holds something else, another plan's cohort or a run that is still going on, or is
    one of the inputs.
    """
    from ..planning.plan import write_plan

    spare_inputs([subject.image for subject in (*plan.subjects, *plan.held_out)], layout.folder, [])
    _refuse_strangers(layout, plan)
    layout.folder.mkdir(parents=True, exist_ok=True)
    layout.private.mkdir(mode=0o700, exist_ok=True)
    with layout.lock.open("ab") as lock:
        _lock(lock, layout)
        _refuse_strangers(layout, plan)  # somebody may have come first, and be through already
        write_plan(plan, layout.plan)
        shutil.rmtree(layout.scratch, ignore_errors=True)
        _remove_parts(layout)
        for folder in (layout.paths, layout.private_records, layout.rejections, *_public_folders(layout, plan)):
            folder.mkdir(exist_ok=True)
        try:
            yield
        finally:
            shutil.rmtree(layout.scratch, ignore_errors=True)


def _public_folders(layout: Layout, plan: Plan) -> list[Path]:
    """The folders that this plan's outputs go into, but for `imagesTs`, which most cohorts have no use for."""
    names = {"imagesTr", "records", "labelsTr" if plan.label_names else "imagesTr"}
    if plan.label_names and not all(subject.labels for subject in plan.subjects):
        names.add("imagesTs")
    return [folder for folder in layout.public_folders if folder.name in names]


def _refuse_strangers(layout: Layout, plan: Plan) -> None:
    from ..planning.plan import read_plan

    if layout.plan.is_file():
        if read_plan(layout.plan).identity != plan.identity:
            raise InputError(
                f"{layout.folder} holds the cohort of another plan (its own is {layout.plan}). Choose another folder, "
                "or give that plan to go on with it."
            )
        return
    if layout.folder.exists() and not layout.folder.is_dir():
        raise InputError(f"{layout.folder} is a file; expected a folder for the cohort. Choose another name.")
    found = [file.name for file in layout.folder.glob("*")] if layout.folder.is_dir() else []
    if found and not (found == [layout.private.name] and _holds_nothing(layout)):
        raise InputError(
            f"{layout.folder} holds {found[0]} already, and no cohort's plan. Choose an empty folder or a new name."
        )


def _holds_nothing(layout: Layout) -> bool:
    """Whether a run was killed here before it had written its plan."""
    return all(file.name.startswith(".") or file == layout.lock for file in layout.private.iterdir())


def _lock(lock: BinaryIO, layout: Layout) -> None:
    """Hold the lock until the file is closed or this process has ended, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"Another run is making the cohort in {layout.folder}. Wait for it, or end it and try again."
        ) from error
    except OSError:  # some shared file systems know no locks
        return


def _remove_parts(layout: Layout) -> None:
    """Remove the temporary text files of runs and tasks that were killed while they wrote one."""
    for folder in (layout.folder, layout.private, layout.private_records, layout.rejections):
        for file in folder.glob(".*.part"):
            file.unlink(missing_ok=True)
