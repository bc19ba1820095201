"""What a job's function is given: a way to report, a place for temporary files, a place for its outputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import Cancelled
from .events import EventWriter
from .staging import Staging
from .workspace import Workspace


class JobContext:
    """Handed to a job's function as its second argument.

    Args:
        workspace: the job's temporary folder.
        events: where reports go.
        should_stop: asked at each report; when it says yes, `Cancelled` is raised there.
    """

    def __init__(
        self, workspace: Workspace, events: EventWriter, should_stop: Callable[[], bool] = lambda: False
    ) -> None:
        self._workspace = workspace
        self._events = events
        self._should_stop = should_stop
        self._staging: Staging | None = None
        self._beside: list[Path] = []

    @property
    def workspace(self) -> Path:
        """A folder for temporary files, mode 0700, removed however the job ends."""
        return self._workspace.scratch

    def report(self, stage: str, done: float | None = None) -> None:
        """Say what is going on; fits every `progress` argument of the library.

        Args:
            stage: a few words for the user, such as "registering".
            done: share of the stage that is done, 0..1, only where it has been counted.

        Raises:
            Cancelled: the job is to stop.
        """
        if self._should_stop():
            raise Cancelled("The job was cancelled.")
        self._events.stage(stage, done)

    def note(self, text: str) -> None:
        """Tell the user something that is no error."""
        self._events.note(text)

    @contextmanager
    def staging(
        self, folder: str | os.PathLike[str], overwrite: bool = False, supersedes: Iterable[str] = ()
    ) -> Iterator[Path]:
        """Give a folder to write outputs into; they reach `folder` together when the job has returned.

        Args:
            folder: where the outputs will lie; made where missing.
            overwrite: whether files that exist there may be replaced.
            supersedes: names or patterns in `folder` of what an earlier, equal job wrote: see `Staging`.

        Raises:
            InputError: the folder cannot be used, or files are in the way. Enter early: this is known before
                any work is done.
        """
        if self._staging is not None:
            raise RuntimeError("A job delivers into one folder; staging() was called a second time.")
        staging = Staging(Path(folder), overwrite, supersedes, self._workspace.announce_staging)
        yield staging.folder
        # Only a block that ended without an exception gets here; of all others the workspace removes the
        # folder.
        self._staging = staging

    def wrote_beside(self, file: Path) -> None:
        """Tell of a new file that belongs to the outputs but lies elsewhere: it goes again if they do not arrive."""
        self._beside.append(file)

    def withdraw(self) -> None:
        """Remove what was written beside the outputs. The runner calls this when they have not arrived."""
        for file in self._beside:
            file.unlink(missing_ok=True)

    def deliver(self) -> None:
        """Move the staged outputs into place. The runner calls this, with signals held back."""
        if self._staging is not None:
            self._staging.publish()
        self._beside = []
