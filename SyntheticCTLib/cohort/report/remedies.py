"""For an attack that works: which setting lowers it, at what price, as measured in this cohort."""

from __future__ import annotations

from ..privacy.statistics import Estimate
from ..privacy.tradeoffs import Row, TradeOff
from .content import Content

MEANING = {
    "t_min": "t_min keeps the percentages away from both ends (plan --t-min)",
    "per_source": "per_source caps the outputs of one source (plan --per-source)",
    "redraws": "redraws lets a rejected output try further percentages (plan --redraws)",
    "min-distance": "min-distance leaves out, at export, what is near to an original (export --min-distance)",
}
"""What each setting does, for the reader."""


def lowering_found(content: Content, names: tuple[str, ...]) -> list[str]:
    """What each of these settings does to the rank of the true source."""
    asked = [trade for trade in content.trade_offs if trade.setting in names]
    lines = [*map(_effect, asked), *_crowd(content)]
    if all(trade.best is None for trade in asked):
        lines.append(
            "None of the values tried hides the source from someone who holds the original: a morph shows its source's "
            "voxels at every percentage. What is left is who gets the data: nobody who holds originals, and under an "
            "agreement that forbids the attempt."
        )
    return lines


def lowering_closeness(content: Content) -> list[str]:
    """What t_min does to the distance, and what a minimum distance would leave."""
    lines = []
    for trade in content.trade_offs:
        rows = [row for row in trade.rows if row.distance is not None]
        if trade.setting in ("t_min", "min-distance") and len(rows) > 1:
            steps = "; ".join(f"{row.setting}: {row.distance:.3f}, {_left(row)}" for row in rows)
            lines.append(f"{MEANING[trade.setting]}. Median distance to the source: {steps}.")
    return lines


def lowering_membership(content: Content) -> list[str]:
    """What t_min does to the area under the curve."""
    trade = next(trade for trade in content.trade_offs if trade.setting == "t_min")
    rows = [row for row in trade.rows if isinstance(row.area, Estimate)]
    steps = "; ".join(f"{row.setting}: {row.area.text()}, {_left(row)}" for row in rows)
    told = (
        f"Area under the curve by t_min: {steps}."
        if len(rows) > 1
        else ("t_min: with a higher one too few attacked outputs remain to measure the area again.")
    )
    caution = (
        "A person whose scan may not be recognised as used must not be a source: what every output carries is its "
        "source's own texture. More subjects with fewer outputs each (per_source) give an attacker less of everyone."
    )
    return [told, caution]


def _effect(trade: TradeOff) -> str:
    what = MEANING[trade.setting]
    best = trade.best
    if len(trade.rows) < 2:
        return f"{what}: there was nothing to compare in this cohort."
    if best is None:
        tried = ", ".join(row.setting for row in trade.rows[1:])
        return f"{what}: no value that was tried ({tried}) lowers the rate beyond doubt here."
    return (
        f"{what}: with {best.setting} the source is found in {best.rate.text()} instead of "
        f"{trade.rows[0].rate.text()} of attempts; {_left(best)}."
    )


def _crowd(content: Content) -> list[str]:
    points = content.crowd
    if len(points) < 2:
        return []
    first, last = points[0], points[-1]
    return [
        f"More subjects: among {first.candidates} originals the source is found in {first.rate:.2f} (chance "
        f"{first.chance:.2f}), among {last.candidates} in {last.rate:.2f} (chance {last.chance:.3f}); nothing has to "
        "be left out for that, but scans have to be found."
    ]


def _left(row: Row) -> str:
    return f"{row.remaining} of {row.of} outputs remain"
