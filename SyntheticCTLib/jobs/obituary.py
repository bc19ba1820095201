"""A sentence for a job whose process ended without saying why, and a copy of its log that stays."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

from .events import Event
from .supervisor import SIGNAL_BASE

DEATH = "ProcessDied"
"""The `kind` of the error event of such a job."""

_TAIL = 400
"""Characters of the log's last line that go into the sentence."""


def describe_death(code: int, log: Path) -> Event:
    """The error event of a process that has ended with this code and without a last event of its own.

    Args:
        code: as `subprocess.Popen.returncode`, or above 128 for a signal, as in a shell.
        log: what the process printed; it is copied to a file that stays, whose name is in the message.
    """
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    message = _cause(code, lines[-1][:_TAIL] if lines else "")
    event: Event = {"event": "error", "kind": DEATH, "exit_code": 1}
    if lines:
        event["log"] = _keep(text)
        message += f" The log is in {event['log']} (it may name your files)."
    event["message"] = message
    return event


def _cause(code: int, last_line: str) -> str:
    number = -code if code < 0 else code - SIGNAL_BASE if code > SIGNAL_BASE else None
    if number is None:
        return f"The job failed unexpectedly: {last_line or f'it ended with code {code} and said nothing'}."
    if number == getattr(signal, "SIGKILL", None):
        return (
            "The job was killed from outside, most likely because the memory ran out. "
            "Close other programs or use a machine with more memory."
        )
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if name in ("SIGTERM", "SIGINT", "SIGHUP"):
        return f"The job was ended from outside ({name})."
    return f"The job crashed inside compiled code ({name})."


def _keep(text: str) -> str:
    descriptor, name = tempfile.mkstemp(prefix="synthetic-ct-log-", suffix=".txt")  # mode 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return name
