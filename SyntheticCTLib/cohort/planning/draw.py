"""The three draws of a plan together: what they leave, why they may leave nothing, and the plan they make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from .checking import Checked, order_labels
from .drawing import draw_edges, draw_outputs, draw_subjects, fill_edges
from .lesions import LesionSettings, with_lesion
from .plan import Plan
from .settings import PlanSettings
from .subjects import Subject


class Draw:
    """The draws of a plan, which need the subjects' ids and regions only.

    subjects: all that are listed. excluded: pairs (source, target) that must not be drawn. count: how many outputs are
    wanted. faults: why nothing can be planned, if so. notes: sentences for the user.
    """

    def __init__(
        self,
        subjects: Sequence[Subject],
        excluded: Sequence[tuple[str, str]],
        count: int,
        seed: int,
        settings: PlanSettings,
    ) -> None:
        self._settings, self._seed, self._count = settings, seed, count
        self._excluded = excluded
        self._regions = {subject.id: subject.region for subject in subjects}
        self._kept = set(draw_subjects(self._regions, self._settings.subject_share, self._seed))
        regions = {name: region for name, region in self._regions.items() if name in self._kept}
        self._edges, self._left = draw_edges(regions, self._settings.edge_share, self._seed, excluded)
        self.faults = [] if len(self._edges) else [self._why_no_edge(regions)]
        self.notes: list[str] = []
        if not self.faults:
            caps = self._settings.per_edge, self._settings.per_source
            self._draws = fill_edges(self._edges, self._count, self._seed, *caps)
            self.notes = list(self._notes(regions))

    def plan(self, checked: Sequence[Checked], lesions: LesionSettings | None = None) -> Plan:
        """The plan for subjects that have been read. lesions: what is painted into the outputs."""
        settings = replace(self._settings, lesions=lesions)
        names = order_labels(self.taking_part(checked))
        return Plan(
            seed=self._seed,
            settings=settings,
            label_names=names if lesions is None else with_lesion(names),
            subjects=tuple(one.subject for one in self.taking_part(checked)),
            held_out=tuple(one.subject for one in checked if one.subject.id not in self._kept),
            excluded_edges=tuple(sorted({*self._left.pairs(), *self._excluded})),
            outputs=tuple(draw_outputs(self._edges, self._draws, self._seed, settings)),
        )

    def taking_part(self, checked: Sequence[Checked]) -> list[Checked]:
        """Those that are not held out."""
        return [one for one in checked if one.subject.id in self._kept]

    def _why_no_edge(self, kept: dict[str, str]) -> str:
        """Which setting, or the lack of what, leaves no pair to be drawn."""
        listed = Counter(self._regions.values())
        counts = ", ".join(f"{region}: {n}" for region, n in sorted(listed.items()))
        if max(listed.values()) < 2:
            return (
                f"no pair of subjects remains: a morph needs two subjects of one region, and here are {counts}; "
                "add subjects, or call the same region by the same word"
            )
        if max(Counter(kept.values()).values(), default=0) < 2:
            return (
                f"no pair of subjects remains: a subject share of {self._settings.subject_share:g} leaves no region "
                f"with two subjects (listed are {counts}); raise --subject-share"
            )
        if not len(self._left):
            return "no pair of subjects remains: --exclude-edges excludes every one; leave some of them out of it"
        return (
            f"no pair of subjects remains: an edge share of {self._settings.edge_share:g} leaves none of the "
            f"{len(self._left)} pairs; raise --edge-share"
        )

    def _notes(self, kept: dict[str, str]) -> Iterator[str]:
        listed, drawn = Counter(self._regions.values()), Counter(kept.values())
        reached = {kept[source] for source, _ in self._edges.pairs()}
        for region in sorted(listed):
            if listed[region] == 1:
                yield f"region {region} has one subject only, so nothing can be morphed there"
            elif drawn[region] < 2:
                yield f"the subject share leaves {drawn[region]} of {listed[region]} in region {region}: no pair"
            elif region not in reached:
                yield f"none of the pairs of region {region} remains"
        total = int(self._draws.sum())
        if total < self._count:
            caps = {"--per-edge": self._settings.per_edge, "--per-source": self._settings.per_source}
            told = " and ".join(f"{name} {cap}" for name, cap in caps.items() if cap is not None)
            yield f"only {total} of the {self._count} outputs are planned: {told} allow no more"
