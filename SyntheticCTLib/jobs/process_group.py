"""Starting a process as the head of its own group, and ending the whole group, on POSIX and on Windows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Protocol

GRACE = 10.0
"""Seconds a process may take after the polite signal; only one that is moving its outputs needs any."""

_CREATE_NEW_PROCESS_GROUP = 0x00000200
_CREATE_NO_WINDOW = 0x08000000


class Process(Protocol):
    """What is needed of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


def group_arguments(system: str = sys.platform) -> dict[str, Any]:
    """Arguments for `subprocess.Popen` that make the child the head of a new group.

    A Ctrl-C in the terminal then reaches the parent alone, which ends the child in its own way.
    """
    if system == "win32":
        return {"creationflags": _CREATE_NEW_PROCESS_GROUP | _CREATE_NO_WINDOW}
    return {"start_new_session": True}


def end_group(
    process: Process,
    system: str = sys.platform,
    run: Callable[..., Any] = subprocess.run,
    kill_group: Callable[[int, int], None] | None = None,
    grace: float = GRACE,
) -> None:
    """End a process and all it started, and wait until it has ended.

    Args:
        process: head of a group, started with `group_arguments`.
        system: as `sys.platform`; tests give another.
        run: runs a command line (Windows' `taskkill`); tests give a fake.
        kill_group: sends a signal to a group, `os.killpg` unless a test gives another.
        grace: seconds between the polite signal and the other one.
    """
    if system == "win32":
        run(
            ["taskkill", "/T", "/F", "/PID", str(process.pid)],
            check=False,  # fails when the process has ended by itself, which is as good
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        process.wait()
        return
    kill_group = kill_group or os.killpg
    if process.poll() is None:
        _send(kill_group, process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            pass
    # Also when the head has ended: what it started may live on.
    _send(kill_group, process.pid, signal.SIGKILL)
    process.wait()


def end_leftovers(process: Process, system: str = sys.platform) -> None:
    """End what an ended process has left running in its group; Windows keeps no such group."""
    if system != "win32":
        _send(os.killpg, process.pid, signal.SIGKILL)


def _send(kill_group: Callable[[int, int], None], group: int, number: int) -> None:
    try:
        kill_group(group, number)
    except ProcessLookupError:
        pass  # the group has ended by itself
    except PermissionError:
        pass  # macOS says so of a group of which only the unreaped head is left
