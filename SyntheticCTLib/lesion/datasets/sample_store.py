"""Keeps the lesions of a training set on disk, so that volumes are read once and not in every epoch."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from .cases import Case
from .volumes import Cut, LesionSample, read_lesions

_VERSION = 1
"""Raised whenever the same volumes would give other samples or other files."""

_HU, _MARKS = "hu", "marks"

_NOT_WHOLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
"""What numpy raises for a file of samples that is missing, cut short or something else."""


@dataclass(frozen=True)
class StoredLesion:
    """One sample in the store: where it lies and what can be known without loading it.

    shape: (K, H, W). mask_voxels: size of the lesion. The rest as in `LesionSample`.
    """

    file: Path
    number: int
    shape: tuple[int, int, int]
    mask_voxels: int
    in_plane_mm: float
    slice_mm: float
    patient: str
    case: str
    lesion: str
    first_slice: int
    resampled: bool


class SampleStore:
    """A folder with one file per case, named by a hash of the case's files and of how lesions are cut.

    So a changed volume or another pixel size makes another file, and nothing is ever stale. The files hold voxels
    of patients, but no names. The samples used last stay in memory.

    Args:
        folder: where the files go; made if it is missing.
        cut: how lesions are cut out.
        memory_mb: how much the samples in memory may take.
    """

    def __init__(self, folder: str | os.PathLike[str], cut: Cut | None = None, memory_mb: float = 512) -> None:
        self.folder, self.cut = Path(folder), cut or Cut()
        self._budget = memory_mb * 2**20
        self._loaded: OrderedDict[tuple[Path, int], LesionSample] = OrderedDict()
        self._taken = 0

    def add(
        self, cases: Iterable[Case], report: Callable[[str, bool], None] = lambda case, read: None
    ) -> list[StoredLesion]:
        """The samples of the cases, in their order; what is not in the folder yet is read from the volumes.

        report: called after each case with its name and whether its volume had to be read.
        Raises InputError if a volume cannot be read or the folder not be written to.
        """
        found: list[StoredLesion] = []
        for case in cases:
            file = self.folder / f"{_key(case, self.cut)}.npz"
            facts = _facts(file)
            if facts is None:
                _write(file, list(read_lesions(case, self.cut)))
                found += _entries(file, _facts(file) or [], case)
            else:
                found += _entries(file, facts, case)
            report(case.name, facts is None)
        return found

    @property
    def in_memory_mb(self) -> float:
        """How much the samples in memory take."""
        return self._taken / 2**20

    def load(self, entry: StoredLesion) -> LesionSample:
        """A sample, from memory or from disk; what was not used for longest makes room for it."""
        key = (entry.file, entry.number)
        if key in self._loaded:
            self._loaded.move_to_end(key)
            return self._loaded[key]
        sample = _read(entry)
        self._loaded[key] = sample
        self._taken += _bytes(sample)
        while self._taken > self._budget and len(self._loaded) > 1:
            self._taken -= _bytes(self._loaded.popitem(last=False)[1])
        return sample


def _key(case: Case, cut: Cut) -> str:
    """64 hex digits that stand for a case's voxels and for how lesions are cut."""
    digest = hashlib.sha256(json.dumps([_VERSION, asdict(cut), case.lesion_labels]).encode())
    for path in (case.image, case.label):
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            with file.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
            digest.update(b"\0")
    return digest.hexdigest()


def _write(file: Path, samples: list[LesionSample]) -> None:
    arrays: dict[str, np.ndarray] = {}
    facts = []
    for number, sample in enumerate(samples):
        arrays[f"{_HU}{number}"] = sample.hu.astype(np.int16)
        marks = np.concatenate([sample.mask, sample.others, sample.valid[None]])
        arrays[f"{_MARKS}{number}"] = np.packbits(marks)
        facts.append({
            "lesion": sample.lesion.removeprefix(sample.case),
            "shape": list(sample.hu.shape),
            "mask_voxels": int(sample.mask.sum()),
            "in_plane_mm": sample.in_plane_mm,
            "slice_mm": sample.slice_mm,
            "first_slice": sample.first_slice,
            "resampled": sample.resampled,
        })  # fmt: skip
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            np.savez(stream, **arrays)
        os.replace(temporary, file)
    except OSError as error:
        raise InputError(
            f"{file.parent}: samples cannot be kept there ({error.strerror}); make room or choose another folder."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _facts(file: Path) -> list[dict[str, Any]] | None:
    """What a file says about its samples; None if it is not there or not whole, so that it is made again."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            return json.loads(archive["facts"].tobytes())
    except _NOT_WHOLE:
        return None


def _entries(file: Path, facts: list[dict[str, Any]], case: Case) -> list[StoredLesion]:
    return [
        StoredLesion(
            file=file,
            number=number,
            patient=case.patient,
            case=case.name,
            **{**one, "shape": tuple(one["shape"]), "lesion": case.name + one["lesion"]},
        )
        for number, one in enumerate(facts)
    ]


def _read(entry: StoredLesion) -> LesionSample:
    depth, height, width = entry.shape
    try:
        with np.load(entry.file, allow_pickle=False) as archive:
            hu, packed = archive[f"{_HU}{entry.number}"], archive[f"{_MARKS}{entry.number}"]
    except _NOT_WHOLE as error:
        raise InputError(
            f"{entry.file}: this file of samples is damaged or gone ({error}); delete it, and it is made again."
        ) from error
    count = (2 * depth + 1) * height * width
    marks = np.unpackbits(packed, count=count).reshape(-1, height, width).astype(bool)
    return LesionSample(
        hu=hu.astype(np.float32),
        mask=marks[:depth],
        others=marks[depth : 2 * depth],
        valid=marks[-1],
        in_plane_mm=entry.in_plane_mm,
        slice_mm=entry.slice_mm,
        patient=entry.patient,
        case=entry.case,
        lesion=entry.lesion,
        first_slice=entry.first_slice,
        resampled=entry.resampled,
    )


def _bytes(sample: LesionSample) -> int:
    return sample.hu.nbytes + sample.mask.nbytes + sample.others.nbytes + sample.valid.nbytes
