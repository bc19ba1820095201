"""The pair of scans a worker has in memory, and the path between them."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...jobs.records import file_hash
from ...morph.inputs import Side, read_side
from ..dataset.label_map import label_map, lesion_names
from .orders import PairOrder, Scan
from .writing import unfinished

if TYPE_CHECKING:
    from ...images.labels import LabelLayer
    from ...morph.path import MorphPath
    from ...morph.warping import Warper

REGISTRATION_SEED = 0
"""Of whatever is random in a backend: one for all pairs, so that a path depends on its two scans only."""

_held: HeldPair | None = None
"""The last pair this process worked on; a second one would double the memory it needs."""


def hold(order: PairOrder) -> HeldPair:
    """The pair, read now unless it is the one in memory; the one before is let go first.

    Raises InputError that names what is wrong with either scan.
    """
    global _held
    if _held is None or _held.order != order:
        _held = None
        _held = HeldPair(order)
    return _held


def let_go() -> None:
    """Keep no pair in memory."""
    global _held
    _held = None


class HeldPair:
    """Two scans in memory, in the pair's order, and what is made of them when first asked for."""

    def __init__(self, order: PairOrder) -> None:
        self.order = order
        self._sides = _read_both(order)
        self._path: MorphPath | None = None
        self._warper: tuple[bool, Warper] | None = None

    def sides(self, forward: bool) -> tuple[Side, Side]:
        """Source and target."""
        return self._sides if forward else self._sides[::-1]

    def path(self, forward: bool) -> MorphPath:
        """The path from source to target: loaded, or registered and saved, or the saved one's reverse."""
        if self._path is None:
            self._path = self._saved_path() or self._register()
        return self._path if forward else self._path.reversed()

    def warper(self, forward: bool) -> Warper:
        """What warps the source; that of the other direction is let go."""
        from ...morph.warping import Warper

        if self._warper is None or self._warper[0] != forward:
            self._warper = None
            source, _ = self.sides(forward)
            self._warper = (forward, Warper(source.image, source.layers))
        return self._warper[1]

    def _saved_path(self) -> MorphPath | None:
        """The registration of an earlier task; None if there is none that is whole and fits."""
        from ...morph.path import MorphPath

        file = self.order.layout.path(self.order.key)
        with suppress(InputError):  # cut short by a power failure, or a scan's header has changed since
            if file.is_file():
                path = MorphPath.load(file)
                path.check(*(side.image for side in self._sides))
                return path
        return None

    def _register(self) -> MorphPath:
        from ...morph.path import MorphPath
        from ...morph.register import register

        first, second = self._sides
        guides = self._guides()
        path = register(
            first.image,
            second.image,
            backend=self.order.backend,
            seed=REGISTRATION_SEED,
            repeatable=True,
            source_labels=guides[:1],
            target_labels=guides[1:],
        )
        file = self.order.layout.path(self.order.key)
        with unfinished(self.order.layout) as folder:
            path.save(folder / file.name)
            os.replace(folder / file.name, file)
        return MorphPath.load(file)  # as every later task has it, to the last bit

    def _guides(self) -> list[LabelLayer]:
        """A map of each scan, of the labels that guide the registration; none if none shall, or the two share none.

        Lesions do not guide: one patient's has no counterpart in another's body.
        """
        from ...images.geometry import Geometry

        if not self.order.guided:
            return []
        lesions = set().union(*(lesion_names(side.layers) for side in self._sides))
        maps = [
            label_map(side.layers, self.order.label_names, Geometry.of(side.image), lesions) for side in self._sides
        ]
        return maps if set(maps[0].values) & set(maps[1].values) else []


def _read_both(order: PairOrder) -> tuple[Side, Side]:
    """Both scans; a fault of either is told, whichever is read first."""
    sides, faults = [], []
    for scan in order.scans:
        try:
            sides.append(_read(scan))
        except Exception as error:  # whatever a reader stumbles over is this subject's fault
            faults.append(f"subject {scan.id}: {error}")
    if faults:
        raise InputError(" ".join(faults))
    return sides[0], sides[1]


def _read(scan: Scan) -> Side:
    """The scan with its labels, as they were when the plan was made; raises InputError if they are not."""
    from ...images.labels import read_layers

    for file in (scan.image, *(file for _, file, _ in scan.labels)):
        if not Path(file).exists():
            raise InputError(f"{file} is not there (any more). Put it back, or plan without this subject.")
    side = read_side("scan", scan.image, scan.series, [], _Silent())
    _refuse_changed(scan.image, side.content, scan.content)
    for _, file, planned in scan.labels:
        _refuse_changed(file, file_hash(Path(file)), planned)
    layers = read_layers([(name, file) for name, file, _ in scan.labels], side.image, side.file)
    described = [{"file": Path(file).name, "sha256": digest} for _, file, digest in scan.labels]
    return replace(side, layers=layers, label_files=described)


def _refuse_changed(file: str, found: str, planned: str) -> None:
    if found != planned:
        raise InputError(f"{file} has changed since the plan was made. Put the old one back, or plan again.")


class _Silent:
    """Takes the reader's reports: the plan has told the user already what there is to say about a subject."""

    def report(self, stage: str, done: float | None = None) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""
