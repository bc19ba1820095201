"""The child's own guard: ends the work when the parent has gone, even while compiled code runs.

The child process forks before it loads anything. The first half stays here and watches two things: the pipe
from the parent, which closes when the parent dies however it dies, and the second half, which does the work.
A thread could not do this: compiled code may hold Python's lock for minutes. Windows cannot fork and makes do
with a thread.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable

from .workspace import Workspace

SIGNAL_BASE = 128
"""Exit codes above it mean "ended by signal number code - 128", as in a shell."""

_INTERVAL = 0.05
"""Seconds between two looks at the worker; also the longest delay until its end is noticed."""

_GRACE = 2.0
"""Seconds a worker may take to finish moving outputs into place when its parent has gone."""


def supervise(
    work: Callable[[], int], workspace: Workspace, parent_pipe: int, system: str = sys.platform
) -> int:
    """Do `work` in a process that is ended when the pipe from the parent closes; return its exit code.

    Args:
        work: what to do; returns an exit code.
        workspace: removed, with unfinished outputs, when the parent has gone.
        parent_pipe: file descriptor that reaches its end when the parent dies.
        system: as `sys.platform`.

    Note:
        On POSIX this returns in two processes: the worker leaves through `os._exit` with the code of `work`,
        and the supervisor returns that code.
    """
    if system == "win32":
        threading.Thread(target=_end_with_parent, args=(parent_pipe,), daemon=True).start()
        return work()
    worker = os.fork()
    if worker == 0:
        os.close(parent_pipe)
        _leave(work())
    # The polite signal goes to the whole group; the supervisor outlives it to see its worker end.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.dup2(2, 1)  # only the worker may hold the pipe of events, so that it ends when the worker does
    return _watch(worker, workspace, parent_pipe)


def _watch(worker: int, workspace: Workspace, parent_pipe: int) -> int:
    while True:
        code = _exit_code(worker)
        if code is not None:
            return code
        readable, _, _ = select.select([parent_pipe], [], [], _INTERVAL)
        if readable and not os.read(parent_pipe, 1024):
            _end_worker(worker)
            workspace.remove()
            os.killpg(0, signal.SIGKILL)  # what the worker started, and this process


def _end_worker(worker: int) -> None:
    os.kill(worker, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE
    while _exit_code(worker) is None:
        if time.monotonic() > deadline:
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
            return
        time.sleep(_INTERVAL)


def _exit_code(worker: int) -> int | None:
    pid, status = os.waitpid(worker, os.WNOHANG)
    if pid == 0:
        return None
    code = os.waitstatus_to_exitcode(status)
    return SIGNAL_BASE - code if code < 0 else code


def _leave(code: int) -> None:
    """Leave without tearing the interpreter down: threads of compiled libraries may hang or crash there."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end_with_parent(parent_pipe: int) -> None:
    while os.read(parent_pipe, 1024):
        pass
    os._exit(1)
