"""The temporary folder of a job: only its user can look into it, and it is gone when the job is."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from ..errors import InputError
from .ownership import is_abandoned, owned_name, remove_tree
from .staging import discard

WORKSPACE_PREFIX = "synthetic-ct"


class Workspace:
    """A folder of mode 0700 that knows where the job's outputs wait, and removes both.

    It holds `document.json` (the job), `log.txt` (what the job's process prints), `staging` (the path of the
    folder where unfinished outputs lie) and `scratch/` (for the job's own temporary files).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.document = self.folder / "document.json"
        self.log = self.folder / "log.txt"
        self.scratch = self.folder / "scratch"
        self._staging = self.folder / "staging"

    @classmethod
    def create(cls) -> Workspace:
        """Make a fresh workspace in the system's temporary folder, after removing those of dead processes.

        Raises:
            InputError: nothing can be written there.
        """
        base = Path(tempfile.gettempdir())
        sweep(base)
        workspace = cls(base / owned_name(WORKSPACE_PREFIX))
        try:
            workspace.folder.mkdir(mode=0o700)
            workspace.scratch.mkdir()
        except OSError as error:
            remove_tree(workspace.folder)
            raise InputError(
                f"The temporary folder {base} cannot be written to ({error.strerror}). "
                "Make room there, or set TMPDIR to another folder."
            ) from error
        return workspace

    def announce_staging(self, root: Path) -> None:
        """Write down where outputs will be staged, before that folder is made."""
        self._staging.write_bytes(os.fsencode(root))

    def remove(self) -> None:
        """Remove unfinished outputs and the workspace itself. Harmless when done already."""
        if self._staging.is_file():
            announced = os.fsdecode(self._staging.read_bytes())
            if announced:  # empty when the process died between opening the file and writing the path
                discard(Path(announced))
        remove_tree(self.folder)


def sweep(base: Path) -> None:
    """Remove the workspaces of this user in `base` whose process has died, with their unfinished outputs."""
    for folder in base.glob(f"{WORKSPACE_PREFIX}-*"):
        if is_abandoned(folder.name, WORKSPACE_PREFIX) and _is_own_folder(folder):
            Workspace(folder).remove()


def _is_own_folder(folder: Path) -> bool:
    """Others may write into a shared temporary folder too: touch only real folders of this user."""
    try:
        status = folder.lstat()
    except FileNotFoundError:  # another start was faster
        return False
    return stat.S_ISDIR(status.st_mode) and (not hasattr(os, "getuid") or status.st_uid == os.getuid())
