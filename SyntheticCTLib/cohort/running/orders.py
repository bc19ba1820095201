"""What a task is told: everything that decides about its result, small enough to be sent anywhere."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from ..dataset.layout import Layout
from ..planning.lesions import LesionSettings


@dataclass(frozen=True)
class Scan:
    """A subject as a task reads it. content: hash of its voxels when the plan was made. labels: (name or None, file,
    hash of the file when the plan was made) of each layer. metadata: its record, with the hash."""

    id: str
    image: str
    series: str | int | None
    content: str
    labels: tuple[tuple[str | None, str, str], ...]
    metadata: tuple[str, str] | None


@dataclass(frozen=True)
class PairOrder:
    """Two subjects to be registered, once, whichever of them is a source.

    folder: the cohort's. scans: the one with the smaller content hash first; its path to the other is the one that is
    kept. label_names: of the sources' labels. guided: whether labels that both have guide the registration. backend:
    name of the engine. versions: of all that decides about voxels; a worker that has others refuses.
    """

    folder: Path
    scans: tuple[Scan, Scan]
    label_names: tuple[str, ...]
    guided: bool
    backend: str
    versions: tuple[tuple[str, str], ...]

    @property
    def layout(self) -> Layout:
        """Where the cohort's files lie."""
        return Layout(self.folder)

    @property
    def key(self) -> str:
        """Name of the registration: whatever decides about it, and nothing else, changes the key."""
        decides = [[scan.content for scan in self.scans], self.backend, self.versions]
        if self.guided:
            decides += [[[name, digest] for name, _, digest in scan.labels] for scan in self.scans] + [self.label_names]
        return hashlib.sha256(json.dumps(decides).encode("utf-8")).hexdigest()[:32]


@dataclass(frozen=True)
class LesionOrder:
    """Lesions to be painted into one output: how many, the seed of all that is drawn about them, the plan's settings.
    versions: of all that decides about them; a worker that has others refuses."""

    number: int
    seed: int
    settings: LesionSettings
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class OutputOrder:
    """One output to be made.

    forward: whether the source is the first of the pair's scans. percents: the first is the plan's, the others are
    drawn for the case that the gate rejects those before. entry: hash of what the plan says about this output; its
    records carry it. label_names: of the data set. lesions: None for an output without any.
    """

    pair: PairOrder
    forward: bool
    name: str
    entry: str
    region: str
    seed: int
    percents: tuple[Decimal, ...]
    grid: str
    spacing: tuple[float, float, float] | None
    size: tuple[int, int, int] | None
    label_names: tuple[str, ...]
    lesions: LesionOrder | None = None

    @property
    def scans(self) -> tuple[Scan, Scan]:
        """Source and target."""
        first, second = self.pair.scans
        return (first, second) if self.forward else (second, first)
