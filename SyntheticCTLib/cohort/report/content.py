"""Everything the page tells, measured; no words yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...images.reading import read_ct
from ..dataset.cases import Cohort
from ..privacy.attacks import Averaging, Closeness, Membership, averaging, closeness, first_rank, grid_rank, membership
from ..privacy.choosing import shuffled
from ..privacy.leaks import Search, search
from ..privacy.lineups import LineUps, make_line_ups
from ..privacy.scans import sources_of
from ..privacy.statistics import Measured
from ..privacy.tradeoffs import CrowdPoint, TradeOff, by_crowd, by_distance, by_percent, by_redraws, by_source_cap
from .distributions import Group, measure_groups
from .gate_numbers import GateNumbers, gate_numbers

SHOWN_OUTPUTS = 12
"""Outputs on the contact sheet."""

Progress = Callable[..., None]


@dataclass(frozen=True)
class Content:
    """What was found about a cohort. shown: names of the outputs on the contact sheet. The rest as their types say."""

    cohort: Cohort
    seed: int
    attacked: int
    shown: tuple[str, ...]
    gate: GateNumbers
    groups: tuple[Group, ...]
    line_ups: LineUps
    closeness: Closeness
    first: Measured
    averaging: tuple[Averaging, ...]
    membership: Membership
    search: Search
    grid: Measured
    trade_offs: tuple[TradeOff, ...]
    crowd: tuple[CrowdPoint, ...]

    @property
    def patients(self) -> int:
        """Subjects of the plan, held-out ones included."""
        return len(self.cohort.plan.subjects) + len(self.cohort.plan.held_out)


def gather(cohort: Cohort, attacked: int, seed: int, progress: Progress) -> Content:
    """Measure and attack a cohort.

    attacked: outputs to attack at most. seed: of every choice and of every bootstrap. progress: called with a stage and
    the share of it that is done.
    """
    progress("reading the records")
    gate = gate_numbers(cohort)
    progress("searching the public files")
    leaks = search(cohort)
    groups = measure_groups(cohort, seed, progress)
    found = make_line_ups(cohort, attacked, seed, progress)
    settings, sources = cohort.plan.settings, sources_of(cohort.plan)
    trade_offs = (
        by_percent(found, gate.percents, float(settings.t_min), seed),
        by_source_cap(found, [sources[case.name] for case in cohort.cases]),
        by_redraws(found, gate.tries, settings.redraws),
        by_distance(found),
    )
    rng = np.random.default_rng([seed, 5])
    return Content(
        cohort,
        seed,
        attacked,
        tuple(sorted(shuffled((case.name for case in cohort.cases), rng)[:SHOWN_OUTPUTS])),
        gate,
        tuple(groups),
        found,
        closeness(found, seed),
        first_rank(found.all),
        tuple(averaging(found.all)),
        membership(found.all, found.held_out, seed),
        leaks,
        grid_rank(found.all),
        trade_offs,
        tuple(by_crowd(found.all)),
    )


def shown_images(content: Content):
    """(name, CT) of each output on the contact sheet, one in memory at a time."""
    for name in content.shown:
        yield name, read_ct(content.cohort.case(name).image).image
