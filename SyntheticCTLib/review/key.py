"""The key of a study: which case is which. Whoever has it is no blinded reader any more."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..jobs.records import plain, to_text
from .study import STUDY_FILE, Study

KEY_TITLE = "SyntheticCT reading key: tells which case is synthetic, not for readers"

REAL, SYNTHETIC = "real", "synthetic"

PRIVATE_MODE, PRIVATE_FOLDER_MODE = 0o600, 0o700
"""Of files, and of folders, that only their owner may read."""


@dataclass(frozen=True)
class KeyCase:
    """What a case is. group: "real" or "synthetic". name, file, patient: of the scan it was made from. region: of the
    body. percent, verdict, gate: of a synthetic one, as far as known. lesion: whether there is one, None: not known.
    practice: it does not count. sha256: of the case's file. made_of: patients whose scans a synthetic one was made
    from. contents: hashes of the voxels of the scan, and of those that it was made from."""

    group: str
    name: str
    file: str
    patient: str
    region: str
    sha256: str
    percent: float | None = None
    verdict: str | None = None
    lesion: bool | None = None
    practice: bool = False
    gate: Mapping[str, float] = field(default_factory=dict)
    made_of: Sequence[str] = ()
    contents: Sequence[str] = ()


@dataclass(frozen=True)
class Key:
    """study: its id. seed: it was planned with. described: SHA-256 of its `study.json`. cases: by opaque id. matching:
    what was balanced and what was not. findings: what the pixels tell. resampled: how both groups were."""

    study: str
    seed: int
    described: str
    cases: Mapping[str, KeyCase]
    matching: Mapping[str, Any]
    findings: tuple[Mapping[str, Any], ...]
    resampled: str

    def check(self, study: Study) -> None:
        """Raise InputError if this is the key of another study, or the study's description was changed."""
        if study.id != self.study or set(study.cases) != set(self.cases):
            raise InputError(
                f"This key belongs to the study {self.study}, and {study.folder} is {study.id}. Give the key that was "
                "written with this study."
            )
        if hash_of(study.folder / STUDY_FILE) != self.described:
            raise InputError(
                f"{study.folder / STUDY_FILE}: it was changed after the study was planned. Put the planned one back."
            )


def write_key(key: Key, file: Path) -> None:
    """Write a key that only its owner can read. Raises InputError if the place cannot be written to."""
    text = to_text(plain({"key": KEY_TITLE, **asdict(key)}))
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        write_private(draft, text)
        os.replace(draft, file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InputError(
            f"{file}: the key cannot be written there ({error.strerror}). Choose another name (--key)."
        ) from error


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, line ends as they are. Raises OSError.

    A share without POSIX modes protects nothing by this.
    """
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_MODE)
    with os.fdopen(opened, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def read_key(file: Path) -> Key:
    """Read a key. Raises InputError if it is none."""
    try:
        text = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: the key cannot be read ({error.strerror}); check the path.") from error
    except ValueError as error:
        raise InputError(f"{file}: this is no key of a reading study.") from error
    if not isinstance(text, dict) or text.get("key") != KEY_TITLE:
        raise InputError(f"{file}: this is no key of a reading study; it is the file that `review plan` wrote.")
    try:
        fields = {name: value for name, value in text.items() if name != "key"}
        cases = {case: KeyCase(**about) for case, about in fields["cases"].items()}
        return Key(**{**fields, "cases": cases, "findings": tuple(fields["findings"])})
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: this key is damaged ({error!r}). Put its backup in its place.") from error


def hash_of(file: Path) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
