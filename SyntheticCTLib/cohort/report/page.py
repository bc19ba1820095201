"""The page: what was found, in an order that the data protection officer can stop reading at any time."""

from __future__ import annotations

from ..privacy.statistics import Estimate
from ..privacy.tradeoffs import TradeOff
from . import figures
from .attack_texts import Attack, all_attacks
from .content import Content, shown_images
from .distributions import TISSUES, Group, ks_distance
from .gate_numbers import SHOWN_MEASURES
from .html import bullets, definitions, figure, heading, marked, page, paragraph, sheet, table
from .remedies import MEANING

POWER_FROM = 40
"""With fewer patients a report is an illustration."""

TITLE = "Report on a synthetic CT cohort"


def page_of(content: Content) -> str:
    """The report as one HTML document."""
    attacks = all_attacks(content)
    body = [
        heading(TITLE, 1),
        paragraph(
            "PRIVATE. This page names subjects by their ids and measures how they can be found again. Do not publish "
            "it with the data.",
            "private",
        ),
        *_introduction(content),
        *_glance(attacks),
        *_sheet(content),
        *_gate(content),
        *_distributions(content),
        *[part for attack in attacks for part in _attack(attack)],
        *_trade_offs(content),
        *_appendix(content),
    ]
    return page(TITLE, body)


def _introduction(content: Content) -> list[str]:
    plan = content.cohort.plan
    made, asked = len(content.cohort.cases), len(plan.outputs)
    parts = [
        paragraph(
            f"This data set holds {made} CT scans of bodies that do not exist ({asked} were planned). Each was made "
            "from two real scans: a source, whose voxels it shows, and a target, part of the way to whose shape the "
            "source was deformed. This page shows what came out, compares it with the real scans, and then tries to "
            "find the real people behind it, as an attacker would who has everything but the plan."
        ),
        table(
            ("", "n"),
            [
                ("subjects that took part", str(len(plan.subjects))),
                ("subjects held out (in no morph; the yardstick)", str(len(plan.held_out))),
                ("outputs planned", str(asked)),
                ("outputs made", str(made)),
                ("outputs attacked", str(len(content.line_ups.all))),
            ],
        ),
    ]
    if content.patients < POWER_FROM:
        parts.append(
            paragraph(
                f"These are {content.patients} patients. Fewer than {POWER_FROM} carry no statistical proof: every "
                "number below is an illustration, and its wide interval is part of it. If they are real patients, take "
                f"the attacks' numbers from a cohort of at least {POWER_FROM} phantom patients, made with the same "
                "settings.",
                "notice",
            )
        )
    return parts


def _glance(attacks: list[Attack]) -> list[str]:
    rows = [
        (attack.title.partition(":")[0], attack.title.partition(":")[2].strip(), attack.verdict) for attack in attacks
    ]
    return [
        heading("At a glance"),
        table(("", "question", "answer"), rows, [attack.kind for attack in attacks]),
        paragraph(
            "An attack counts as working when even the lower end of its 95 % interval lies above chance. That an "
            "attack was not seen to work is no proof that a better one would fail. Whether a risk is acceptable "
            "depends on who gets the data under which agreement; this page gives the numbers for that decision, not "
            "the decision."
        ),
    ]


def _sheet(content: Content) -> list[str]:
    tiles = [(name, figures.contact_tile(image)) for name, image in shown_images(content)]
    return [
        heading("What came out"),
        paragraph(
            f"{len(tiles)} of {len(content.cohort.cases)} outputs, drawn with the seed {content.seed}; axial and "
            "coronal cuts through the middle of the body, patient's right on the left. Synthetic scans only: no "
            "original is shown."
        ),
        sheet(tiles),
    ]


def _gate(content: Content) -> list[str]:
    gate = content.gate
    counted = [(verdict, str(gate.verdicts.get(verdict, 0))) for verdict in ("pass", "warn", "reject")]
    parts = [
        heading("Quality gate"),
        paragraph(
            "Every output was measured and judged before it was kept. A rejected one was tried again with another "
            f"percentage, up to {content.cohort.plan.settings.redraws} times."
        ),
        table(
            ("", "outputs"),
            [
                *((f"kept, verdict {verdict}", n) for verdict, n in counted if n != "0" or verdict != "reject"),
                ("given up: rejected at every percentage", str(gate.rejected)),
                ("could not be made", str(sum(gate.failed.values()))),
                ("percentages refused in all", str(gate.rejected_tries)),
            ],
        ),
    ]
    if gate.reasons:
        parts += [
            heading("Most frequent remarks on kept outputs", 3),
            table(("remark (numbers left out)", "outputs"), [(reason, str(n)) for reason, n in gate.reasons]),
        ]
    if gate.failed:
        parts += [
            heading("Why outputs could not be made", 3),
            table(("reason", "outputs"), [(reason, str(n)) for reason, n in gate.failed.items()]),
        ]
    if gate.percents:
        caption = "Percentages at which outputs were kept."
        parts.append(figure(figures.percent_plot(list(gate.percents.values())), caption))
        caption = "Measures of the gate over all kept outputs."
        parts.append(figure(figures.histograms(gate.measures, SHOWN_MEASURES), caption))
    return parts


def _distributions(content: Content) -> list[str]:
    synthetic, real = content.groups[0], content.groups[1]
    brought = content.cohort.plan.settings.spacing is not None
    noise = (
        "real scans were brought onto the outputs' grid first, by one resampling as well"
        if brought
        else "noise is a little lower, for every resampling smooths"
    )
    parts = [
        heading("Synthetic against real"),
        paragraph(
            "Mean HU and volume of every label and the noise of homogeneous tissue, one value for each scan. Boxes: "
            "middle half and median; the number at the right is the n of that box. A synthetic scan has its source's "
            "voxels, so HU should agree; volumes lie between source and target, so they should spread a little less; "
            f"{noise}. Outputs of one source are alike, so n counts scans, not people."
        ),
        table(
            ("scans", "measured", "of"),
            [(group.kind, str(len(group.scans)), str(group.total)) for group in content.groups],
        ),
    ]
    if not (synthetic.scans and real.scans):
        kind = "synthetic" if not synthetic.scans else "real"
        return [*parts, paragraph(f"not measurable here: n = 0 {kind} scans that can be read")]
    names = list(content.cohort.plan.label_names)
    for measure, title, unit in (("hu", "HU by label", "mean HU"), ("volume", "Volume by label", "ml")):
        parts += _compared(content.groups, measure, names, title, unit)
    return parts + _compared(content.groups, "noise", list(TISSUES), "Noise", "standard deviation, HU")


def _compared(groups: tuple[Group, ...], measure: str, names: list[str], title: str, unit: str) -> list[str]:
    present = [name for name in names if all(len(group.values(measure, name)) for group in groups[:2])]
    parts = [heading(title, 3)]
    if not present:
        return [*parts, paragraph("not measurable here: n = 0 scans of both kinds that have it")]
    for first in range(0, len(present), figures.MOST_PER_PLOT):
        some = present[first : first + figures.MOST_PER_PLOT]
        parts.append(figure(figures.comparison(groups, measure, some, unit), f"{title}: {', '.join(some)}."))
    synthetic, real = groups[0], groups[1]
    rows = []
    for name in present:
        a, b = synthetic.values(measure, name), real.values(measure, name)
        rows.append((name, _spread(a), _spread(b), f"{ks_distance(a, b):.2f}"))
    head = (
        unit,
        "synthetic: median (5th to 95th percentile), n",
        "real, morphed",
        "largest gap of the cumulative curves (0 same, 1 apart)",
    )
    return [*parts, table(head, rows)]


def _spread(values) -> str:
    import numpy as np

    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"{middle:.4g} ({low:.4g} to {high:.4g}), {len(values)}"


def _attack(attack: Attack) -> list[str]:
    from html import escape

    told = [
        ("What the attacker does", escape(attack.does)),
        ("Result", marked(f"{attack.verdict}. ", attack.kind) + escape(attack.number)),
        ("Chance would be", escape(attack.chance)),
        ("n", escape(attack.n)),
        ("What it means", escape(attack.means)),
        ("What it does not prove", escape(attack.not_proved)),
    ]
    if attack.remedies:
        told.append(("What lowers it", bullets(attack.remedies)))
    parts = [heading(attack.title), definitions(told)]
    parts += [figure(uri, caption) for uri, caption in attack.pictures]
    if attack.rows:
        parts.append(table(attack.head, attack.rows))
    return parts


def _trade_offs(content: Content) -> list[str]:
    parts = [
        heading("What each setting would change"),
        paragraph(
            "Measured on this cohort, with the outputs attacked above: how often the source is found among those that "
            "each value of a setting would keep (for per_source: with so many outputs averaged), and how many outputs "
            "would remain. Few attacked outputs make wide intervals; more are attacked with --attacked."
        ),
    ]
    for trade in content.trade_offs:
        parts += [heading(trade.setting, 3), paragraph(f"{MEANING[trade.setting]}."), *_trade_off(trade)]
    if len(content.crowd) > 1:
        caption = (
            "More subjects: how often the source would be found among fewer originals, drawn at random from those of "
            "the line-ups. Where the line stays flat, more people alone do not hide anyone."
        )
        parts += [heading("more subjects", 3), figure(figures.crowd_plot(content.crowd), caption)]
    return parts


def _trade_off(trade: TradeOff) -> list[str]:
    if not trade.rows or not any(isinstance(row.rate, Estimate) for row in trade.rows):
        return [paragraph("not measurable here: n = 0 attacked outputs")]
    with_area = any(row.area is not None for row in trade.rows)
    head = ["", "outputs that remain", "attacked", "source found first", "median distance to the source"]
    rows = []
    for row in trade.rows:
        apart = "-" if row.distance is None else f"{row.distance:.3f}"
        cells = [row.setting, f"{row.remaining} of {row.of}", str(row.attacked), row.rate.text(), apart]
        area = row.area.text() if isinstance(row.area, Estimate) else "too few persons"
        rows.append([*cells, area] if with_area else cells)
    caption = f"{trade.setting}: rate with its 95 % interval (grey: chance), and what would remain."
    picture = figure(figures.trade_off_plot(trade), caption)
    return [picture, table([*head, *(["membership, area"] if with_area else [])], rows)]


def _appendix(content: Content) -> list[str]:
    found = content.line_ups
    parts = [heading("Line-ups, one by one"), paragraph("The ids below are the private part of this page.")]
    rows = [
        (
            one.name,
            one.source,
            f"{one.percent:.2f}",
            f"{one.rank()} of {len(one.candidates)}",
            f"{one.likeness_to(one.source):.3f}",
            f"{max(one.others(), default=0):.3f}",
            f"{one.distance_to_source:.3f}",
        )
        for one in found.all
    ]
    head = ("output", "source", "percent", "rank", "likeness of the source", "best other", "distance to the source")
    parts.append(table(head, rows))
    notes = [f"{one} could not be read and stood in no line-up: {why}" for one, why in found.unread.items()]
    if found.dropped:
        notes.append(f"{len(found.dropped)} chosen outputs were not attacked, for their source could not be read.")
    if found.left_out:
        notes.append(f"{found.left_out} originals stood in no line-up, to bound the work.")
    settings = ", ".join(f"{name} {value}" for name, value in content.cohort.plan.settings.to_dict().items())
    versions = ", ".join(f"{name} {version}" for name, version in content.cohort.plan.software.items())
    notes += [
        f"Seed of the report: {content.seed}; at most {content.attacked} outputs attacked. The same command on the "
        "same machine gives the same page.",
        f"Settings of the plan: {settings}. Planned with {versions}.",
    ]
    return [*parts, heading("How this page was made"), bullets(notes)]
