"""How far each case of a cohort is from the real scan nearest to it; `privacy.nearness` says what the number means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from .checked import private_record

if TYPE_CHECKING:
    from ..dataset.cases import Case, Cohort
    from ..planning.subjects import Subject
    from ..privacy.nearness import CoarseScan

Report = Callable[[str, float | None], None]


@dataclass(frozen=True)
class Nearest:
    """The original nearest to a case (its id, not for publication), and its distance, 0 to 1."""

    original: str
    distance: float


def nearest_originals(cohort: Cohort, cases: Sequence[Case], report: Report) -> dict[str, Nearest]:
    """For each of these cases of a cohort, by name, the nearest of all real scans the plan knows, held out or not.

    A case is laid on its own source and target, and on whatever was registered to the one whose pose it has, through
    the registration; on all others by the outlines of the bodies. report: is told the stage and the share done.
    Raises InputError, listing all of them, if originals cannot be read or are no longer the planned ones.
    """
    from ..privacy.nearness import coarse, nearest

    subjects = (*cohort.plan.subjects, *cohort.plan.held_out)
    originals = _read_originals(subjects, report)
    poses = _Poses(cohort, cases)
    found = {}
    for number, case in enumerate(cases):
        report("comparing the cases with the originals", number / len(cases))
        scan = coarse(case.read())
        frame = _frame(private_record(case))
        to_originals = [poses.between(frame, subject.id) for subject in subjects]
        position, distance = nearest(scan, originals, to_originals)
        found[case.name] = Nearest(subjects[position].id, distance)
    return found


def _read_originals(subjects: Sequence[Subject], report: Report) -> list[CoarseScan]:
    from ..privacy.nearness import coarse
    from ..privacy.scans import read_subject

    scans, faults = [], []
    for number, subject in enumerate(subjects):
        report("reading the originals", number / len(subjects))
        try:
            scans.append(coarse(read_subject(subject)))
        except InputError as error:
            faults.append(f"{subject.id}: {error}")
    if faults:
        raise InputError(
            "A distance to the originals needs all of them as they were planned, and these cannot be used; put them "
            "back, or export without --min-distance:\n  - " + "\n  - ".join(faults)
        )
    return scans


def _frame(record: Mapping[str, Any]) -> str:
    """The id of the subject in whose pose a case lies, from its private record."""
    return record["target" if record["parameters"]["grid"] == "target" else "source"]


class _Poses:
    """The poses of the cohort's registrations, read once; a pose takes no room, the path it comes from does."""

    def __init__(self, cohort: Cohort, cases: Sequence[Case]) -> None:
        self._matrices: dict[tuple[str, str], np.ndarray] = {}
        known = set()
        for case in cases:
            record = private_record(case)
            key = record["parameters"]["registration"]
            if key not in known:
                self._add(cohort, key, record)
            known.add(key)

    def between(self, frame: str, other: str) -> np.ndarray | None:
        """Matrix (4, 4, LPS) from the space of one subject to that of another; None if they were not registered."""
        return np.eye(4) if frame == other else self._matrices.get((frame, other))

    def _add(self, cohort: Cohort, key: str, record: Mapping[str, Any]) -> None:
        from ...morph.path import MorphPath

        file = cohort.layout.path(key)
        if not file.is_file():  # kept by the run, but nothing else of the cohort is lost without it
            return
        path = MorphPath.load(file)
        source, target = (cohort.plan.subject(record[role]) for role in ("source", "target"))
        if path.source.content != source.content:  # the pair's path is kept in one of the two directions
            source, target = target, source
        self._matrices[target.id, source.id] = path.pose
        self._matrices[source.id, target.id] = np.linalg.inv(path.pose)
