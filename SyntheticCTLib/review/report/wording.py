"""How the page writes numbers."""

from __future__ import annotations

from ...cohort.privacy.statistics import Measured, NotMeasurable
from .content import Skillfulness
from .statistics import PairTest


def said(measured: Measured | None) -> str:
    """A number with its interval, or why there is none."""
    return "-" if measured is None else measured.text()


def skill_head(pairs: bool) -> list[str]:
    """What `skill_cells` tells; pairs: whether two cases were shown at a time."""
    if pairs:
        return ["accuracy", "exact test against 50 %"]
    return ["accuracy", "synthetic recognised", "real recognised", "ROC area"]


def skill_cells(row: Skillfulness, pairs: bool) -> list[str]:
    """How well somebody told the groups apart."""
    if pairs:
        return [said(row.accuracy), _test(row.pair_test)]
    return [said(row.accuracy), said(row.sensitivity), said(row.specificity), said(row.area)]


def _test(found: PairTest | NotMeasurable | None) -> str:
    if isinstance(found, NotMeasurable) or found is None:
        return found.text() if found else "-"
    how = "" if found.readers == 1 else f" by majority ({found.ties} ties left out)"
    return f"{found.hits} of {found.pairs} pairs{how}, p = {found.p:.3g}"
