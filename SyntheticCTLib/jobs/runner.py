"""Runs a job document in this process; the child process runs it through the same function."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import InputError, SyntheticCTError
from .context import JobContext
from .document import JobDocument
from .events import Emit, EventWriter
from .registry import find_kind
from .workspace import Workspace

_FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_IN_THE_WAY = (errno.EEXIST, errno.ENOTEMPTY)


def run_here(
    document: JobDocument,
    on_event: Emit = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run a job in this process and return its result.

    Args:
        document: the job.
        on_event: takes each event (see `jobs.events`).
        should_stop: asked whenever the job reports; yes ends it with `Cancelled`.

    Raises:
        SyntheticCTError: whatever the job raises on purpose; nothing is left behind then.
    """
    workspace = Workspace.create()
    try:
        return execute(document, workspace, EventWriter(on_event), should_stop)
    finally:
        workspace.remove()


def execute(
    document: JobDocument,
    workspace: Workspace,
    events: EventWriter,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Do the job, put its outputs into place and tell the result; the caller removes the workspace.

    Raises:
        SyntheticCTError: raised by the job on purpose, or in place of an error of the file system that the
            user can do something about.
    """
    context = JobContext(workspace, events, should_stop)
    try:
        with _file_errors_explained():
            result = find_kind(document.kind)(document.parameters, context)
            with signals_held_back():
                context.deliver()
                events.result(result)
    except BaseException as error:
        context.withdraw()
        if isinstance(error, SyntheticCTError):
            events.error(error)
        raise
    return result


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Let no polite signal interrupt the moves and the message about them.

    The signals are ignored rather than masked: a mask holds for one thread only, and the threads of ITK would
    still take the signal and end the process. Threads other than the main one cannot (and need not) do this.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # None stands for a handler that an embedding program set in C; Python could not put it back.
    numbers = [number for number in numbers if signal.getsignal(number) is not None]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _file_errors_explained() -> Iterator[None]:
    """Put a sentence in place of the file-system errors that happen to healthy programs, and of no others."""
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename
        place = f" ({place})" if place else ""
        if error.errno in _FULL:
            raise SyntheticCTError(
                f"The disk is full{place}. Free some space and run it again; nothing was left behind."
            ) from error
        if error.errno in _FORBIDDEN:
            raise InputError(
                f"Access was refused{place}: {error.strerror}. Choose a place you may read and write."
            ) from error
        if error.errno in _IN_THE_WAY:
            raise InputError(
                f"Something appeared at the destination while the job ran{place}. Choose another name."
            ) from error
        raise
