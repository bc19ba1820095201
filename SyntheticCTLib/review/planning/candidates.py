"""What is looked at when scans are chosen: where a scan lies, how fine it is, which part of the body it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from ...images.geometry import Geometry
from ...images.hashing import content_hash
from ...morph.body import body_mask, shrunk
from ...morph.region import guess_regions
from .scans import UNKNOWN, Scan
from .seen import seen_bounds

CONSIDERED = 4
"""So many times as many patients as needed are read to choose from; a cohort has thousands."""

_COARSE_MM = 5.0

_COPIES_TOLD = 3
"""So many copies are named in a message."""

Progress = Callable[..., None]


@dataclass(frozen=True)
class Candidate:
    """A scan that was read. region: as told, or guessed from the scan, or "unknown". guessed: whether it was guessed.
    shows: what would be guessed, "" for nothing. content: hash of its voxels. spacing, low, high: along the patient's
    axes (LPS): mm between voxels, and the box it fills (see `seen`). middle: of the body, or of the box where there is
    none."""

    scan: Scan
    region: str
    guessed: bool
    content: str
    spacing: tuple[float, float, float]
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    middle: tuple[float, float, float]
    shows: str = ""

    @property
    def extent(self) -> np.ndarray:
        """Size of its field of view, mm along LPS."""
        return np.subtract(self.high, self.low)


def examine(
    scans: Sequence[Scan], patients: int, rng: np.random.Generator, group: str, progress: Progress
) -> list[Candidate]:
    """Read the scans of a random part of a group's patients, in random order; a copy of an earlier scan is left out.

    patients: how many are needed. Raises InputError if there are fewer, with or without the copies, or a scan cannot be
    read.
    """
    owners = sorted({scan.patient for scan in scans})
    if len(owners) < patients:
        raise InputError(
            f"The {group} scans are of {len(owners)} patients, and {patients} are needed, for each is shown once. Give "
            "more scans or ask for fewer cases; `patients.csv` tells which scans are of one patient."
        )
    drawn = [owners[at] for at in rng.permutation(len(owners))[: CONSIDERED * patients]]
    place = {name: at for at, name in enumerate(drawn)}
    taken = [scan for scan in scans if scan.patient in place]
    chosen = sorted(taken, key=lambda scan: (place[scan.patient], scan.name))
    found: dict[str, Candidate] = {}
    copies: list[str] = []
    for number, scan in enumerate(chosen):
        progress(f"reading the {group} scans", number / len(chosen))
        candidate = look_at(scan)
        first = found.setdefault(candidate.content, candidate)
        copies += [f"{scan.name} is {first.scan.name}"] if first is not candidate else []
    left = _patients(found.values())
    if left < patients:
        more = f" and {len(copies) - _COPIES_TOLD} more" if len(copies) > _COPIES_TOLD else ""
        raise InputError(
            f"The {group} scans are of {left} patients, for some are copies, voxel for voxel "
            f"({', '.join(copies[:_COPIES_TOLD])}{more}), and {patients} are needed. Take the copies out and give more "
            "scans, or ask for fewer cases."
        )
    return list(found.values())


def with_one_name(real: Sequence[Candidate], synthetic: Sequence[Candidate], patients: int = 0) -> list[Candidate]:
    """The synthetic scans, whose patients are called as in the real group wherever that holds the scan they show: a
    cohort's ids and the names of files are two things, and a voxel is the same in both.

    patients: how many are needed. Raises InputError if fewer are left: what were two for the cohort may be one.
    """
    owners = {one.content: one.scan.patient for one in real}
    named = []
    for one in synthetic:
        name = next((owners[content] for content in one.scan.originals[:1] if content in owners), one.scan.patient)
        named.append(replace(one, scan=replace(one.scan, patient=name)))
    if _patients(named) < patients:
        raise InputError(
            f"The synthetic scans show {_patients(named)} of the patients of the real group, and {patients} are "
            "needed, for each is shown once. Give more scans, or ask for fewer cases."
        )
    return named


def _patients(candidates: Iterable[Candidate]) -> int:
    return len({one.scan.patient for one in candidates})


def look_at(scan: Scan) -> Candidate:
    """Read a scan and describe it."""
    image = scan.read()
    geometry = Geometry.of(image)
    coarse = shrunk(image)
    body = body_mask(coarse)
    low, high = seen_bounds(coarse, body, *geometry.bounds())
    shows = "-".join(guess_regions(shrunk(image, _COARSE_MM)))
    along = np.abs(np.reshape(geometry.direction, (3, 3))).argmax(axis=1)
    return Candidate(
        scan=scan,
        region=scan.region or shows or UNKNOWN,
        guessed=not scan.region and bool(shows),
        content=content_hash(image),
        spacing=tuple(float(geometry.spacing[axis]) for axis in along),
        low=tuple(map(float, low)),
        high=tuple(map(float, high)),
        middle=_middle(body, (low + high) / 2),
        shows=shows,
    )


def with_regions_alike(
    real: Sequence[Candidate], synthetic: Sequence[Candidate], cases: Sequence[Scan]
) -> list[list[Candidate]]:
    """Both groups with regions that were found in one way, so that they can be compared.

    A real scan of which a synthetic one was made (`cases`: all that are known) has that one's region. If any region is
    a guess after that, those of both groups are: what is called chest in a table may show some of the abdomen.
    """
    told = {content: case.region for case in cases if case.region for content in case.originals}
    groups = [[_told(one, told.get(one.content, "")) for one in real], list(synthetic)]
    if not any(one.guessed for group in groups for one in group):
        return groups
    return [[replace(one, region=one.shows or UNKNOWN, guessed=bool(one.shows)) for one in group] for group in groups]


def _told(candidate: Candidate, region: str) -> Candidate:
    return replace(candidate, region=region, guessed=False) if region and not candidate.scan.region else candidate


def _middle(mask: sitk.Image, otherwise: np.ndarray) -> tuple[float, float, float]:
    """The middle of the box round the body, LPS mm."""
    inside = np.argwhere(sitk.GetArrayViewFromImage(mask))[:, ::-1]
    if not len(inside):
        return tuple(map(float, otherwise))
    geometry = Geometry.of(mask)
    points = inside @ geometry.matrix()[:3, :3].T + geometry.matrix()[:3, 3]
    return tuple(map(float, (points.min(axis=0) + points.max(axis=0)) / 2))
