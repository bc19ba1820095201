"""Complete output or none: files are written into a hidden folder and moved into place together.

Life of a staging folder: it is announced, made (on the file system of the destination), filled by the job,
and published when the job's function has returned. Publishing writes a journal first; until the journal is
gone, `discard` puts everything back as it was, so a crash in the middle of the moves leaves the destination
untouched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import InputError
from .ownership import has_owner, is_abandoned, owned_name, remove_tree

STAGING_PREFIX = ".synthetic-ct"
"""Hidden, and recognizable to the next run that cleans up."""

_JOURNAL = "journal.json"
_LISTED_NAMES = 5
"""So many names of files in the way are listed in the message."""


class Staging:
    """One folder of outputs on its way to its destination.

    Args:
        destination: the folder the outputs will lie in; it may exist or not.
        overwrite: whether files that exist there may be replaced.
        supersedes: names or patterns (relative to the destination) of files that an earlier, equal job wrote.
            With `overwrite` they go when the new files come, and folders that are empty then too; without it
            their existence is a refusal: a result never lies beside another one's leftovers.
        announce: called with the staging folder's path before it is made, so that it can be removed after a
            kill.

    Raises:
        InputError: the destination is a file, cannot be written to, or holds files that are in the way.
    """

    def __init__(
        self,
        destination: Path,
        overwrite: bool = False,
        supersedes: Iterable[str] = (),
        announce: Callable[[Path], None] = lambda root: None,
    ) -> None:
        self.destination = Path(destination)
        self._overwrite = overwrite
        self._supersedes = tuple(supersedes)
        if os.path.lexists(self.destination) and not self.destination.is_dir():
            raise InputError(
                f"{self.destination} is a file; expected a folder to write into. Choose another name."
            )
        if not overwrite:
            refuse_existing(self.destination, self._earlier_files())
        parent = _nearest_existing(self.destination)
        _remove_abandoned(parent)
        self.root = parent / owned_name(STAGING_PREFIX)
        announce(self.root)
        _make_hidden_folder(self.root, parent)
        self.folder = self.root / "files"
        self.folder.mkdir()

    def publish(self) -> None:
        """Move the files to their destination; afterwards the staging folder is gone.

        Raises:
            InputError: a file has appeared meanwhile that is in the way, and `overwrite` is off.
            OSError: a move failed; those before it have been undone.
        """
        if self.destination.is_dir():
            moves = sorted(
                str(file.relative_to(self.folder)) for file in self.folder.rglob("*") if file.is_file()
            )
            cleared = sorted(set(self._earlier_files()) - set(moves))
            if not self._overwrite:
                refuse_existing(self.destination, [*moves, *cleared])
            plan = {"whole": False, "moves": moves, "cleared": cleared, "folders": self._missing_folders()}
        else:
            plan = {"whole": True, "moves": [], "cleared": [], "folders": _missing_parents(self.destination)}
        plan["destination"] = str(self.destination)
        _write_journal(self.root, plan)
        try:
            _carry_out(self.root, plan)
        except OSError:
            discard(self.root)
            raise
        (self.root / _JOURNAL).unlink()  # from here on the output counts as delivered
        self._remove_emptied(plan["cleared"])
        remove_tree(self.root)

    def _remove_emptied(self, cleared: Iterable[str]) -> None:
        """Remove the folders in the destination in which the files of an earlier result were the last ones."""
        folders = {folder for name in cleared for folder in Path(name).parents if folder.name}
        for folder in sorted(folders, key=lambda one: len(one.parts), reverse=True):
            with suppress(OSError):  # it holds something, or is gone
                (self.destination / folder).rmdir()

    def _earlier_files(self) -> list[str]:
        found = (file for pattern in self._supersedes for file in self.destination.glob(pattern))
        return sorted({str(file.relative_to(self.destination)) for file in found})

    def _missing_folders(self) -> list[str]:
        folders = sorted(folder for folder in self.folder.rglob("*") if folder.is_dir())
        targets = (self.destination / folder.relative_to(self.folder) for folder in folders)
        return [str(target) for target in targets if not target.is_dir()]


def refuse_existing(folder: Path, names: Iterable[str]) -> None:
    """Raise an InputError that lists those of the names that exist in the folder, if any do."""
    existing = [name for name in names if os.path.lexists(Path(folder) / name)]
    if existing:
        more = f" and {len(existing) - _LISTED_NAMES} more" if len(existing) > _LISTED_NAMES else ""
        raise InputError(
            f"{folder} already holds {', '.join(existing[:_LISTED_NAMES])}{more}. "
            "Choose another name, or allow overwriting (--overwrite)."
        )


def discard(root: Path) -> None:
    """Remove a staging folder, undoing an unfinished publication first. Harmless when the folder is gone."""
    if not has_owner(root.name, STAGING_PREFIX):
        return  # never remove a folder that this library did not name
    journal = root / _JOURNAL
    if journal.is_file():
        _undo(root, json.loads(journal.read_text(encoding="ascii")))
    remove_tree(root)


def _carry_out(root: Path, plan: dict) -> None:
    destination, files, old = Path(plan["destination"]), root / "files", root / "old"
    if plan["whole"]:
        for folder in plan["folders"]:
            Path(folder).mkdir()
        files.rename(destination)
        return
    for folder in plan["folders"]:
        path = Path(folder)
        path.mkdir(mode=(files / path.relative_to(destination)).stat().st_mode & 0o777)
    for name in [*plan["cleared"], *plan["moves"]]:
        if os.path.lexists(destination / name):
            (old / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(destination / name, old / name)
        if name in plan["moves"]:
            os.replace(files / name, destination / name)


def _undo(root: Path, plan: dict) -> None:
    """Take the steps of `_carry_out` back; where a file lies tells whether its step was reached."""
    destination, files, old = Path(plan["destination"]), root / "files", root / "old"
    if plan["whole"] and not files.exists() and destination.exists():
        destination.rename(files)
    for name in [*plan["moves"], *plan["cleared"]]:
        if name in plan["moves"] and not (files / name).exists() and os.path.lexists(destination / name):
            os.replace(destination / name, files / name)
        if os.path.lexists(old / name):
            os.replace(old / name, destination / name)
    for folder in reversed(plan["folders"]):
        if os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)


def _write_journal(root: Path, plan: dict) -> None:
    draft = root / f"{_JOURNAL}.draft"
    draft.write_text(json.dumps(plan), encoding="ascii")
    os.replace(draft, root / _JOURNAL)  # a reader sees a whole journal or none


def _make_hidden_folder(root: Path, parent: Path) -> None:
    try:
        root.mkdir(mode=0o700)
    except OSError as error:
        raise InputError(
            f"Nothing can be written into {parent} ({error.strerror}). Choose a folder you may write to."
        ) from error


def _nearest_existing(folder: Path) -> Path:
    """The folder itself or its nearest existing ancestor: on the file system of the destination."""
    for candidate in (folder, *folder.parents):
        if candidate.is_dir():
            return candidate
        if os.path.lexists(candidate):
            raise InputError(f"{candidate} is a file, so {folder} cannot be made in it. Choose another name.")
    raise InputError(f"{folder} lies nowhere: not even its drive exists.")


def _missing_parents(folder: Path) -> list[str]:
    return [str(parent) for parent in reversed(folder.parents) if not parent.exists()]


def _remove_abandoned(parent: Path) -> None:
    """Remove the staging folders in `parent` whose process has died."""
    for folder in parent.glob(f"{STAGING_PREFIX}-*"):
        if folder.is_dir() and not folder.is_symlink() and is_abandoned(folder.name, STAGING_PREFIX):
            discard(folder)
