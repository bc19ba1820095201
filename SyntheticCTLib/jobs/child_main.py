"""What `ChildJob` starts in the child process: `python -m SyntheticCTLib.jobs.child_main WORKSPACE`.

Standard output carries the events and nothing else: it is set aside under another number first, and what the
job's libraries print (also from C++) goes to the log in the workspace.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import traceback
from pathlib import Path

from ..errors import SyntheticCTError
from .document import JobDocument
from .events import Event, EventWriter
from .runner import execute
from .supervisor import supervise
from .workspace import Workspace


def main() -> int:
    """Run the job whose document lies in the workspace named on the command line; return the exit code."""
    workspace = Workspace(Path(sys.argv[1]))
    parent_pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return supervise(lambda: _work(workspace), workspace, parent_pipe)


def _work(workspace: Workspace) -> int:
    channel = os.dup(1)
    os.dup2(2, 1)  # the parent made standard error the log
    faulthandler.enable()

    def emit(event: Event) -> None:
        _write_all(channel, (json.dumps(event) + "\n").encode("ascii"))

    try:
        document = JobDocument.from_json(workspace.document.read_text(encoding="ascii"))
        execute(document, workspace, EventWriter(emit))
    except SyntheticCTError as error:
        traceback.print_exc()  # into the log; the user was told by an event
        return error.exit_code
    except BaseException:
        # The fork's second half must not fall back into the first half's stack. No event is sent: the parent
        # makes a sentence of the log's last line, as it does for a crash.
        traceback.print_exc()
        return 1
    return 0


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


if __name__ == "__main__":
    sys.exit(main())
