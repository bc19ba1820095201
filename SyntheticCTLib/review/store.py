"""Where a reader's answers are kept: a file in the study's folder, and a local one while that cannot be reached.

Nothing is written to the study's file blindly. Each time it is read back and must begin with what this reader knows to
be in it; what a failed attempt has left behind it is either a whole line that is still waiting (a network share can
fail after it has written), or torn, and is cut off.

`readings/` is open to every account, as /tmp is. A reader's folder in it belongs to the account that first read under
the code: only that one can write there, so that no reader can change another's answers. All can read there, whatever
the reader's umask, for whoever planned the study has to report on it; and so a reader who looks for them can find the
answers of others, as a name that nobody can guess would hide them from the report too.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError
from .chain import Entry, Tampered, last_hash, read_answers
from .study import READINGS_FOLDER, READINGS_MODE, Study
from .trials import is_reader_folder, plain_code, reader_folder

ANSWERS_FILE = "answers.jsonl"
READER_FILE = "reader.json"
LOCK_FILE = "lock"
FOLDER_MODE, FILE_MODE = 0o755, 0o644
"""Of a reader's folder and what is in it: the owner writes, all read."""

TORN_FILE = "answers.torn"
"""What crashes have torn off the answers' ends, one behind the other; looked at by nobody but people."""


class Store:
    """The answers of one reader, those that wait included; nobody else can open them before `close`.

    study, code: who reads what. spare: a local folder. simulated: whether the reader is no person, and knows the key.
    Raises InputError if the reader's folder cannot be used, somebody reads in it, answers were tampered with, or people
    and simulated readers would read in one folder.
    """

    def __init__(self, study: Study, code: str, spare: Path, simulated: bool = False) -> None:
        self._study, self._code, self._simulated = study, plain_code(code), simulated
        self._folder = study.readings / reader_folder(code)
        self._file = self._folder / ANSWERS_FILE
        self._spare = spare / f"{study.id}-{reader_folder(code)}.jsonl"
        self._lock = self._take_folder()
        try:
            self._written = self._read_file()
            self._waiting = self._read_spare()
        except BaseException:
            self._lock.close()
            raise

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All answers, in the order of writing."""
        return (*self._written, *self._waiting)

    @property
    def waiting(self) -> int:
        """How many of them are not in the study's folder yet."""
        return len(self._waiting)

    def add(self, entry: Entry) -> bool:
        """Keep an answer; returns whether it is in the study's folder, else it is in the spare file.

        Raises InputError if it can be kept nowhere, or the study's file was changed by somebody else.
        """
        self._waiting.append(entry)
        try:
            if self.flush():
                return True
            self._append_spare(entry)
        except BaseException:
            self._waiting.remove(entry)
            raise
        return False

    def flush(self) -> bool:
        """Write what is waiting into the study's folder; returns whether nothing is waiting any more.

        Raises InputError if the file there was changed by somebody else.
        """
        if not self._waiting:
            return True
        try:
            arrived = self._write_waiting()
        except OSError:
            return False
        self._written += self._waiting[:arrived]
        self._waiting = self._waiting[arrived:]
        try:
            self._spare.unlink(missing_ok=True)
        except OSError:
            pass  # its lines are known by their hashes when it is read the next time
        return True

    def close(self) -> None:
        """Let somebody else read on."""
        self._lock.close()

    # --- the study's folder

    def _take_folder(self) -> BinaryIO:
        try:
            _refuse_mix(self._study, self._simulated)
            _make_folder(self._folder)
            lock = (self._folder / LOCK_FILE).open("ab")
            try:
                _hold(lock, self._code)
                _keep_code(self._folder / READER_FILE, self._code, self._simulated)  # first: no answers of nobody
                _make_file(self._file)
            except BaseException:
                lock.close()
                raise
        except OSError as error:
            raise InputError(
                f"{self._folder}: answers cannot be written there ({error.strerror}). Check that the study's folder "
                "can be reached and written to, then open it again."
            ) from error
        return lock

    def _read_file(self) -> list[Entry]:
        try:
            found = read_answers(self._file.read_bytes(), self._study, self._code)
            if found.torn:
                _put_aside(found.torn, self._file)
        except Tampered as error:
            raise InputError(
                f"{self._file}, {error}. These answers were tampered with and cannot be read on. Put the file's backup "
                "in its place, or read again under another code."
            ) from error
        except OSError as error:
            raise InputError(f"{self._file}: it cannot be read ({error.strerror}).") from error
        return list(found.entries)

    def _write_waiting(self) -> int:
        """Append what is not there yet; returns how many waiting answers are there now. Raises OSError."""
        with self._file.open("r+b", buffering=0) as stream:
            found = stream.readall()
            known = _text_of(self._written)
            if not found.startswith(known):
                raise self._foreign()
            arrived, rest = 0, found[len(known) :]
            while arrived < len(self._waiting) and rest.startswith(self._waiting[arrived].text):
                rest = rest[len(self._waiting[arrived].text) :]
                arrived += 1
            if b"\n" in rest and b"\0" not in rest:
                raise self._foreign()
            _write_end(stream, len(found) - len(rest), _text_of(self._waiting[arrived:]))
        return len(self._waiting)

    def _foreign(self) -> InputError:
        return InputError(
            f"{self._file}: somebody else has changed this file since it was opened. Close the reading here, find out "
            "who reads under the same code, and open it again."
        )

    # --- the spare file

    def _read_spare(self) -> list[Entry]:
        """The answers that wait in the spare file; those that had arrived in the study's after all are left out."""
        try:
            data = self._spare.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"{self._spare}: waiting answers cannot be read ({error.strerror}).") from error
        there = {entry.text for entry in self._written}
        lines = [line for line in data.splitlines(keepends=True) if line not in there]
        try:
            previous = last_hash(self._written, self._study, self._code)
            found = read_answers(b"".join(lines), self._study, self._code, previous)
        except Tampered as error:
            raise InputError(
                f"{self._spare}, {error}. Answers wait there that do not follow those in {self._file}: the reading "
                "went on elsewhere meanwhile, or the file was changed. Move it away to go on without them."
            ) from error
        if found.torn:
            _put_aside(found.torn, self._spare)
        return list(found.entries)

    def _append_spare(self, entry: Entry) -> None:
        try:
            self._spare.parent.mkdir(parents=True, exist_ok=True)
            with self._spare.open("ab", buffering=0) as stream:
                _write_end(stream, stream.tell(), entry.text)
        except OSError as error:
            raise InputError(
                f"The answer can be kept nowhere: neither in {self._folder} nor in {self._spare.parent} "
                f"({error.strerror}). Make room or connect the drive, then answer again."
            ) from error


def reader_folders(study: Study) -> list[Path]:
    """The folders of all who have opened the study, by name; what is no reader's (a file manager's, say) is left out.

    Raises OSError.
    """
    if not study.readings.is_dir():
        return []
    told = (READER_FILE, ANSWERS_FILE)
    return sorted(
        folder
        for folder in study.readings.iterdir()
        if folder.is_dir() and (is_reader_folder(folder.name) or any(os.path.exists(folder / name) for name in told))
    )


def read_code(folder: Path) -> tuple[str, bool]:
    """The code of the reader whose folder this is, and whether it is a simulated one.

    Raises InputError if it does not say so.
    """
    file, remedy = folder / READER_FILE, f"Move this folder out of {READINGS_FOLDER}/ to report without it."
    try:
        text = json.loads(file.read_text(encoding="utf-8"))
        code, simulated = plain_code(text["reader"]), text.get("simulated") is True
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError) as error:
        raise InputError(f"{file}: it does not tell whose answers these are ({error}). {remedy}") from error
    if reader_folder(code) != folder.name:
        raise InputError(
            f"{file}: it names the reader {code!r}, whose folder would be called {reader_folder(code)}. {remedy}"
        )
    return code, simulated


def _refuse_mix(study: Study, simulated: bool) -> None:
    """Raise InputError if readers of the other kind have opened the study: simulated ones know the key."""
    for folder in reader_folders(study):
        try:
            code, other = read_code(folder)
        except InputError:
            continue  # the report tells
        if other and not simulated:
            raise InputError(
                f"{study.folder}: the simulated reader {code!r}, who knows the key, has read here. Read in the study "
                "itself, or in a copy whose readings/ is empty."
            )
        if simulated and not other:
            raise InputError(
                f"{study.folder}: {code!r} reads here, and simulated readers, who know the key, are never mixed with "
                "people. Simulate on a copy whose readings/ is empty (cp -a study trial)."
            )


def _make_folder(folder: Path) -> None:
    """Make a reader's folder, and the one of all readers where a copy has left it out. Raises OSError."""
    for path, mode in ((folder.parent, READINGS_MODE), (folder, FOLDER_MODE)):
        try:
            path.mkdir()
        except FileExistsError:
            continue
        _allow(path, mode)


def _make_file(file: Path) -> None:
    if not file.is_file():
        file.open("ab").close()
        _allow(file, FILE_MODE)


def _keep_code(file: Path, code: str, simulated: bool) -> None:
    if file.is_file():
        return
    draft = file.with_suffix(".part")
    about = {"reader": code, **({"simulated": True} if simulated else {})}
    draft.write_text(json.dumps(about, ensure_ascii=False) + "\n", encoding="utf-8")
    _allow(draft, FILE_MODE)
    os.replace(draft, file)


def _allow(path: Path, mode: int) -> None:
    try:
        os.chmod(path, mode)
    except OSError:
        pass  # some shares have rights of their own, which their owner has set


def _put_aside(torn: bytes, file: Path) -> None:
    """Cut a torn end off a file and keep it beside it."""
    with file.with_name(TORN_FILE).open("ab") as stream:
        stream.write(torn + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size - len(torn))
        os.fsync(stream.fileno())


def _write_end(stream: FileIO, at: int, text: bytes) -> None:
    """Put a text in the place of what follows `at`, all of it or none. Raises OSError."""
    stream.truncate(at)
    stream.seek(at)
    try:
        rest = memoryview(text)
        while rest:
            rest = rest[stream.write(rest) :]
        os.fsync(stream.fileno())
    except OSError:
        with suppress(OSError):
            stream.truncate(at)  # else an answer that is refused would stand there, as if somebody else had written it
        raise


def _text_of(entries: Sequence[Entry]) -> bytes:
    return b"".join(entry.text for entry in entries)


def _hold(lock: BinaryIO, code: str) -> None:
    """Hold the lock until the file is closed or this process has ended, however it ends."""
    taken = InputError(
        f"The study is being read by {code!r} elsewhere. Close it there, or enter another code if you are somebody "
        "else."
    )
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise taken from error
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):  # which of them says "taken" depends on the file system
            raise taken from error
        # some shared file systems know no locks; a second writer is found when the file is read back

