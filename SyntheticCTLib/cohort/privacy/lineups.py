"""The line-ups: every attacked output, alone and averaged with its companions, against every candidate.

This is what most attacks rest on and what takes the time; it is made once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...morph.threads import one_thread, thread_count
from .choosing import choose_outputs, companions, line_up
from .nearness import distance
from .scans import Attackable, read_original, read_output, regions_of, sources_of
from .texture import UNKNOWN
from .undoing import Undoing, averages, compare_all

if TYPE_CHECKING:
    from ..dataset.cases import Cohort

Progress = Callable[..., None]


@dataclass(frozen=True)
class LineUp:
    """One attacked output before the candidates of its region.

    source: who it was made from. percent: how far it was morphed. candidates: ids. likenesses: (A, N); row 0 is the
    output alone, row k the mean of it and k others of its source; columns as `candidates`. distances: (N,) of the
    output from each candidate without undoing anything (`nearness`). same_grid: which candidates have exactly its voxel
    grid, wherever it lies, or would have it by the plan's settings.
    """

    name: str
    source: str
    percent: float
    candidates: tuple[str, ...]
    likenesses: np.ndarray
    distances: np.ndarray
    same_grid: tuple[bool, ...]

    @property
    def averaged(self) -> int:
        """How many outputs of the source were there to be averaged, itself included."""
        return len(self.likenesses)

    @property
    def chance(self) -> float:
        """How likely a blind guess names the source."""
        return 1 / len(self.candidates)

    def rank(self, count: int = 1) -> int:
        """Place of the true source among the candidates, 1 is first, with `count` outputs averaged."""
        scores = self.likenesses[count - 1]
        true = scores[self.candidates.index(self.source)]
        if true <= UNKNOWN:  # the attacker saw nothing of the source: no find
            return len(self.candidates)
        return 1 + int(np.count_nonzero(scores > true))

    def found(self, count: int = 1) -> bool:
        """Whether the attacker names the true source."""
        return self.rank(count) == 1

    def likeness_to(self, candidate: str) -> float:
        """Of the output alone."""
        return float(self.likenesses[0, self.candidates.index(candidate)])

    def others(self) -> list[float]:
        """Likenesses of the output alone to everyone but its source."""
        pairs = zip(self.likenesses[0].tolist(), self.candidates, strict=True)
        return [value for value, name in pairs if name != self.source]

    @property
    def distance_to_source(self) -> float:
        """How far the output is from whom it was made from."""
        return float(self.distances[self.candidates.index(self.source)])


@dataclass(frozen=True)
class LineUps:
    """All line-ups of a cohort.

    held_out: ids of candidates that were in no morph. strangers: distance (`nearness`) of each of these to the nearest
    candidate that was planned for morphs. unread: originals (id -> reason) that could not be read. dropped: outputs
    that were chosen but whose source is among these. left_out: originals that were not in any line-up for want of time.
    """

    all: tuple[LineUp, ...]
    held_out: tuple[str, ...]
    strangers: Mapping[str, float]
    unread: Mapping[str, str]
    dropped: tuple[str, ...]
    left_out: int

    @property
    def sources(self) -> list[str]:
        """Whom each attacked output was made from."""
        return [one.source for one in self.all]


def make_line_ups(cohort: Cohort, attacked: int, seed: int, progress: Progress) -> LineUps:
    """Attack at most `attacked` outputs of a cohort; one region's scans are in memory at a time.

    progress: called with a stage and the share of it that is done.
    """
    sources, regions = sources_of(cohort.plan), regions_of(cohort.plan)
    chosen = choose_outputs([case.name for case in cohort.cases], sources, attacked, seed)
    work = _Work(cohort, chosen, seed, progress, thread_count())
    with one_thread():  # for each registration; several run side by side
        for region in sorted({regions[sources[name]] for name in chosen}):
            work.attack_region(region, [name for name in chosen if regions[sources[name]] == region])
    return work.result()


class _Work:
    """The line-ups as they are made, region by region."""

    def __init__(self, cohort: Cohort, chosen: Sequence[str], seed: int, progress: Progress, threads: int) -> None:
        self._plan = cohort.plan
        self._cases = {case.name: case for case in cohort.cases}
        self._sources = sources_of(cohort.plan)
        self._held_out = {subject.id for subject in cohort.plan.held_out}
        self._chosen = chosen
        self._seed = seed
        self._progress = progress
        self._threads = threads
        self._found: list[LineUp] = []
        self._strangers: dict[str, float] = {}
        self._unread: dict[str, str] = {}
        self._dropped: list[str] = []
        self._left_out = 0

    def result(self) -> LineUps:
        """What there is so far."""
        return LineUps(
            all=tuple(self._found),
            held_out=tuple(sorted(self._strangers)),
            strangers=self._strangers,
            unread=self._unread,
            dropped=tuple(self._dropped),
            left_out=self._left_out,
        )

    def attack_region(self, region: str, names: Sequence[str]) -> None:
        """Attack these outputs, whose sources are of this region."""
        scans = self._read_originals(region, names)
        self._strangers.update(_strangers(scans, self._held_out))
        undoing = Undoing(next(iter(scans.values()))) if scans else None
        for name in names:
            if self._sources[name] in scans:
                self._found.append(self._attack(name, scans, undoing))
            else:
                self._dropped.append(name)

    def _read_originals(self, region: str, names: Sequence[str]) -> dict[str, Attackable]:
        """Those who stand in the region's line-ups, without those that cannot be read."""
        subjects = {one.id: one for one in (*self._plan.subjects, *self._plan.held_out) if one.region == region}
        strangers = [one for one in subjects if one in self._held_out]
        others = [one for one in subjects if one not in self._held_out]
        wanted = line_up({self._sources[name] for name in names}, strangers, others, self._seed)
        self._left_out += len(subjects) - len(wanted)
        scans: dict[str, Attackable] = {}
        for number, one in enumerate(wanted):
            self._progress(f"reading the originals ({region})", number / len(wanted))
            try:
                scans[one] = read_original(subjects[one])
            except InputError as error:
                self._unread[one] = str(error)
        return scans

    def _attack(self, name: str, scans: Mapping[str, Attackable], undoing: Undoing) -> LineUp:
        """One output, alone and with its companions, against everybody."""
        self._step(0)
        source, settings = self._sources[name], self._plan.settings
        output = read_output(self._cases[name])
        others = companions(name, self._cases, self._sources, self._seed)
        images = averages(undoing, output, [read_output(self._cases[other]) for other in others])
        columns = compare_all(undoing, output, images, list(scans.values()), self._threads, self._step)
        return LineUp(
            name=name,
            source=source,
            percent=float(self._cases[name].private["percent"]),
            candidates=tuple(scans),
            likenesses=np.array(columns).T,
            distances=np.array([self._distance(output, scan, one == source) for one, scan in scans.items()]),
            same_grid=tuple(output.grid.same_as(scan.on_grid_of(settings)) for scan in scans.values()),
        )

    def _distance(self, output: Attackable, original: Attackable, is_source: bool) -> float:
        apart = distance(output.near, original.near)
        if is_source and self._plan.settings.grid != "target":  # the pose is the source's: only the shape has changed
            apart = min(apart, distance(output.near, original.near, np.eye(4)))
        return apart

    def _step(self, share: float) -> None:
        done = len(self._found) + len(self._dropped)
        self._progress("undoing the morphs", (done + share) / len(self._chosen))


def _strangers(scans: Mapping[str, Attackable], held_out: set[str]) -> dict[str, float]:
    """How far each held-out scan is from the nearest one that was planned for morphs."""
    planned = [scan for one, scan in scans.items() if one not in held_out]
    return {
        one: min(distance(scan.near, other.near) for other in planned)
        for one, scan in scans.items()
        if one in held_out and planned
    }
