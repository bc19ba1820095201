"""Names of temporary folders that tell who made them, so that the next start can remove what a crash left."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import secrets
import shutil
import sys
import time
from pathlib import Path

_REMOVAL_ATTEMPTS = 20
"""A killed process may take a moment to die and writes on meanwhile; so long is the removal repeated."""

_REMOVAL_PAUSE = 0.05
"""Seconds between two attempts."""


def owned_name(prefix: str) -> str:
    """Return a fresh folder name with this machine and this process in it: PREFIX-host-pid-random."""
    return f"{prefix}-{_host()}-{os.getpid()}-{secrets.token_hex(4)}"


def has_owner(name: str, prefix: str) -> bool:
    """Whether the name was made by `owned_name(prefix)`, on any machine."""
    return _parse(name, prefix) is not None


def is_abandoned(name: str, prefix: str) -> bool:
    """Whether the name was made on this machine by a process that no longer runs.

    Folders of other machines (a shared file system) are never called abandoned: their processes cannot be
    seen.
    """
    owner = _parse(name, prefix)
    return owner is not None and owner[0] == _host() and not is_alive(owner[1])


def is_alive(pid: int, system: str = sys.platform) -> bool:
    """Whether a process with this id runs."""
    if system == "win32":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it, in spite of a dying process that still writes there."""
    for _ in range(_REMOVAL_ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return
        time.sleep(_REMOVAL_PAUSE)


def _host() -> str:
    """Eight letters that stand for this machine; its name itself has no place beside the user's data."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _parse(name: str, prefix: str) -> tuple[str, int] | None:
    match = re.fullmatch(re.escape(prefix) + r"-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}", name)
    return (match[1], int(match[2])) if match else None


def _is_alive_on_windows(pid: int) -> bool:
    """os.kill(pid, 0) would end the process on Windows, so ask the kernel."""
    query_limited_information, still_active = 0x1000, 259
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    handle = kernel.OpenProcess(query_limited_information, False, pid)
    if not handle:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == still_active
