"""How a task writes: into a folder of its own first, then by renaming, so that a half-written file is never seen."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import SyntheticCTError
from ..dataset.layout import Layout

ENOUGH_BYTES = 16 << 20
"""A disk with less room than this counts as full when something has failed."""


class Unwritable(SyntheticCTError):  # noqa: N818, the place's fault
    """The cohort's folder cannot be written to: no output is to blame, and none can be made."""


@contextmanager
def unfinished(layout: Layout) -> Iterator[Path]:
    """A folder for the files of one task, removed when the block ends; raises Unwritable for what fails in it.

    Its name is not made of a process id: workers in containers often have the same.
    """
    folder = layout.scratch / uuid.uuid4().hex
    try:
        folder.mkdir(parents=True)
        yield folder
    except (OSError, RuntimeError, SyntheticCTError) as error:
        raise Unwritable(_reason(layout.folder, error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def full_disk(layout: Layout) -> Path | None:
    """The cohort's folder or the one for temporary files, whichever has no room left; None if both have."""
    for folder in (layout.folder, Path(tempfile.gettempdir())):
        try:
            if shutil.disk_usage(folder).free < ENOUGH_BYTES:
                return folder
        except OSError:
            continue
    return None


def _reason(folder: Path, error: BaseException) -> str:
    causes = [error]
    while (causes[-1].__cause__ or causes[-1].__context__) is not None and len(causes) < 10:
        causes.append(causes[-1].__cause__ or causes[-1].__context__)
    system = next((cause for cause in causes if isinstance(cause, OSError) and cause.errno), None)
    what = os.strerror(system.errno).lower() if system else str(error)
    return f"{folder}: nothing can be written there ({what})."
