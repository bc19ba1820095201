"""The page: what the readers could tell, what gave cases away, what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

import SimpleITK as sitk

from ...cohort.privacy.statistics import NotMeasurable
from ...cohort.report.html import bullets, figure, heading, page, paragraph, sheet, table
from ..key import REAL, SYNTHETIC
from . import figures
from .acting import Cull, Proposal
from .content import Content, Skillfulness
from .machine_page import machine_part
from .wording import said, skill_cells, skill_head

TITLE = "Reading study: real or not?"

SHOWN = 4
"""Pictures of the cases recognised most, and of those recognised least."""


_FINDING_HEAD = ("statistic", "median, real", "median, synthetic", "ROC area", "p")


def page_of(content: Content) -> str:
    """The report as one HTML document."""
    body = [
        heading(TITLE, 1),
        paragraph(
            "NOT FOR READERS. This page tells which case is synthetic. Nobody who still reads the study should see it.",
            "private",
        ),
        *_introduction(content),
        *_telling_apart(content),
        *machine_part(content),
        *_agreement(content),
        *_realism(content),
        *_artefacts(content),
        *_groups(content),
        *_pictures(content),
        *_acting(content),
        *_appendix(content),
    ]
    return page(TITLE, body)


# --- parts


def _introduction(content: Content) -> list[str]:
    readings = content.readings
    study, finished = readings.study, sum(reader.finished for reader in readings.readers)
    alone, all_finished = len(readings.readers) == 1, finished == len(readings.readers)
    who = "1 reader was" if alone else f"{len(readings.readers)} readers were"
    order = "in an order drawn for this reader" if alone else "each in an order of his or her own"
    ended = f"{finished} of them finished" if not all_finished else "finished" if alone else "all of them finished"
    shown = "pairs of a real and a synthetic case side by side" if content.pairs else "cases, one at a time"
    lines = [
        paragraph(
            f"{who} shown {'' if all_finished else 'up to '}{len(study.trials)} {shown}, blinded, {order}; {ended}. "
            f"Every case was shown on one grid of "
            f"{' x '.join(map(str, study.size))} voxels of {' x '.join(f'{mm:g}' for mm in study.spacing)} mm, in the "
            f"windows {', '.join(f'{one.name} ({one.low:g} to {one.high:g} HU)' for one in study.windows)}."
        ),
        paragraph(_in_one_sentence(content)),
    ]
    if readings.left_out:
        names = ", ".join(readings.left_out)
        lines.append(paragraph(f"Left out on request: {names}.", "notice"))
    if readings.silent:
        names = ", ".join(readings.silent)
        lines.append(paragraph(f"Opened the study, and have no answer that counts: {names}.", "notice"))
    if readings.simulated:
        lines.append(paragraph("These readers are simulated: no person has read this.", "notice"))
    return lines


def _in_one_sentence(content: Content) -> str:
    found = content.together.accuracy
    if isinstance(found, NotMeasurable):
        return f"How well they told real from synthetic: {found.text()}."
    verdict = "better than guessing" if found.low > found.chance else "worse than guessing"
    if found.low <= found.chance <= found.high:
        verdict = "not to be told from guessing, which is right half of the time, with so few answers"
    finished = sum(reader.finished for reader in content.readings.readers)
    who = "Together they were" if finished > 1 else "The reader was"
    return f"{who} right in {found.text()} of the trials: {verdict}."


def _telling_apart(content: Content) -> list[str]:
    machine = () if content.machine is None else (content.machine.read,)
    rows = [_skill_row(content, row) for row in (*content.each, content.together, *machine)]
    last = "the last row" if content.machine is None else "the row of all who finished; nor is the machine"
    parts = [
        heading("Who could tell?"),
        figure(figures.readers_plot(content), "Shares with 95 % intervals; the dashed line is guessing."),
        table(["reader", "trials", *skill_head(content.pairs), "receipt"], rows),
        paragraph(
            "Intervals (95 %): of one reader Wilson's. Of all together, cases and readers were drawn anew (bootstrap), "
            "for two answers to one case are no independent evidence; how far the draws spread tells as how many "
            "independent answers they count, and Wilson's interval for that many is given. The same is done for the "
            "area under the ROC curve, which uses the confidence of each call. Readers who have not finished are not "
            f"in {last}."
        ),
    ]
    if not content.pairs and content.table.readers:
        caption = "ROC curves of call and confidence, of the readers who finished"
        caption += "." if content.machine is None else "; dotted, of the machine's scores."
        parts.insert(3, figure(figures.roc_plot(content), caption))
    return parts


def _skill_row(content: Content, row: Skillfulness) -> list[str]:
    cells = [row.who or "all who finished", str(row.n), *skill_cells(row, content.pairs)]
    reader = next((one for one, its in zip(content.readings.readers, content.each, strict=True) if its is row), None)
    receipt = "" if reader is None else f"{reader.receipt}, {'agrees' if reader.checked else 'not compared'}"
    return [*cells, receipt]


def _agreement(content: Content) -> list[str]:
    rows = [[f"{one} and {other}", said(found)] for (one, other), found in content.kappas.items()]
    rows.append(["all who finished (Fleiss)", said(content.fleiss)])
    return [
        heading("Did they agree?"),
        table(("readers", "kappa"), rows),
        paragraph(
            "Cohen's kappa of each two readers, Fleiss' of all: 1 is agreement, 0 what chance alone would give. "
            "Intervals (95 %): the percentiles of kappa over cases drawn anew (bootstrap); where all draws are alike, "
            "they tell no interval."
        ),
    ]


def _realism(content: Content) -> list[str]:
    rows = [[group, str(sum(counts)), *map(str, counts)] for group, counts in content.realism.items()]
    parts = [
        heading("How real did they look?"),
        figure(figures.realism_plot(content), "Grades of realism given to real and to synthetic cases."),
        table(("cases", "grades", "1", "2", "3", "4", "5"), rows),
    ]
    if content.graded is not None:
        parts.append(paragraph(f"ROC area of the grades alone, without the calls: {said(content.graded)}."))
    return parts


def _artefacts(content: Content) -> list[str]:
    shown = content.shown
    rows = [
        [kind, f"{counts[REAL]} of {shown[REAL]}", f"{counts[SYNTHETIC]} of {shown[SYNTHETIC]}"]
        for kind, counts in content.artefacts.items()
    ]
    return [
        heading("What gave them away?"),
        figure(figures.artefacts_plot(content), "Cases in which at least one reader marked an artefact of a kind."),
        table(("artefact", "real cases", "synthetic cases"), rows),
        *_comments(content),
    ]


def _comments(content: Content) -> list[str]:
    about = content.readings.key.cases
    rows = [
        [one.reader, about[one.case].name, one.answer.call, one.answer.comment]
        for one in content.readings.judgements
        if one.answer.comment.strip()
    ]
    return [heading("Comments", 3), table(("reader", "case", "call", "comment"), rows)] if rows else []


def _groups(content: Content) -> list[str]:
    rows = [
        [
            f"{one.kind}: {one.name}",
            f"{one.synthetic} / {one.real}",
            said(one.sensitivity),
            said(one.specificity),
            said(one.area),
            "-" if one.realism is None else f"{one.realism:.2f}",
        ]
        for one in content.groups
    ]
    head = ("cases", "synthetic / real", "synthetic recognised", "real recognised", "ROC area", "realism, synthetic")
    if not rows:
        return [heading("Which kinds of cases?"), paragraph("not measurable here: n = 0 readers who have finished")]
    return [
        heading("Which kinds of cases?"),
        figure(figures.groups_plot(content), "Synthetic cases recognised, by group; the dashed line is guessing."),
        table(head, rows),
        paragraph(
            "Percentage: how far the body was morphed. Verdict: of the quality gate. Where only synthetic cases have a "
            "property, they are compared with all real ones."
        ),
    ]


def _pictures(content: Content) -> list[str]:
    ordered = sorted(content.culls, key=lambda one: (-one.recognised / one.readers, one.realism, one.name))
    if len(ordered) < 2:
        return []
    half = min(SHOWN, len(ordered) // 2)
    return [
        heading("Recognised most"),
        sheet(_tiles(content, ordered[:half])),
        heading("Recognised least"),
        sheet(_tiles(content, ordered[-half:])),
        paragraph("Synthetic cases in the study's window, the slice with most marks; circles are readers' marks."),
    ]


def _tiles(content: Content, chosen: list[Cull]) -> Iterator[tuple[str, str]]:
    study = content.readings.study
    for one in chosen:
        image = sitk.ReadImage(str(study.image_file(one.case)))
        judged = content.readings.judgements
        marks = [mark.position for each in judged for mark in each.answer.artefacts if mark.case == one.case]
        told = f"{one.name}: recognised by {one.recognised} of {one.readers}, realism {one.realism:.1f}"
        yield told, figures.case_tile(image, study.windows[0], marks)


def _acting(content: Content) -> list[str]:
    culled = [one for one in content.culls if one.cull]
    rows = [
        [
            one.name,
            f"{one.recognised} of {one.readers}",
            f"{one.realism:.1f}",
            ", ".join(one.artefacts) or "-",
            "cull" if one.cull else "keep",
        ]
        for one in content.culls
    ]
    return [
        heading("What to do"),
        heading("Cases to cull", 3),
        paragraph(
            f"{content.rule.describe()} That holds for {len(culled)} of {len(content.culls)}. They are listed in "
            "review.csv, which `synthetic-ct cohort export --exclude` takes."
        ),
        table(
            ("case", "recognised by", "mean realism", "marked", "verdict"),
            rows,
            ["bad" if one.cull else "" for one in content.culls],
        ),
        *_limits(content.proposals),
    ]


def _limits(found: tuple[Proposal, ...]) -> list[str]:
    parts = [
        heading("Limits for the quality gate", 3),
        paragraph(
            "Each measure of the gate on the cases that fooled nobody and on those that fooled somebody. A limit is "
            "proposed where there are enough of both and the measure tells them apart; it is the one with the largest "
            "difference between the shares it would reject."
        ),
    ]
    if not found:
        return [*parts, paragraph("not measurable here: n = 0 cases whose measures of the gate are known")]
    head = ("measure", "fooled nobody: range, n", "fooled somebody", "proposed")
    rows = [[one.measure, _spread(one.caught), _spread(one.fooling), _proposed(one)] for one in found]
    reasons = {one.reason for one in found}
    if len(reasons) == 1 and "" not in reasons:  # the same for all: said once
        return [*parts, paragraph(f"{reasons.pop()}."), table(head[:-1], [row[:-1] for row in rows])]
    return [*parts, table(head, rows)]


def _proposed(one: Proposal) -> str:
    if one.limit is None:
        return one.reason
    return (
        f"reject at {'least' if one.above else 'most'} {one.limit:.4g}: {one.rejected[0]} of {len(one.caught)} that "
        f"fooled nobody and {one.rejected[1]} of {len(one.fooling)} others (p = {one.p:.2g})"
    )


def _spread(values: tuple[float, ...]) -> str:
    return f"{min(values):.4g} to {max(values):.4g}, {len(values)}" if values else "none"


def _appendix(content: Content) -> list[str]:
    key = content.readings.key
    balanced = key.matching["balanced"]
    rows = [[name, *_balance(balanced[group])] for name, group in (("real", REAL), ("synthetic", SYNTHETIC))]
    head = ("group", "cases", "regions", "spacing, mm", "field of view, mm")
    unmatched = key.matching["not_matched"] or ["Nothing was left unmatched."]
    readers = content.readings.readers
    seconds = [[one.code, *_times(one)] for one in readers]
    both, read = key.matching["patients_in_both"], key.matching["scans_considered"]
    return [
        heading("How the cases were chosen"),
        table(head, rows),
        bullets(unmatched),
        paragraph(
            f"They were chosen among {read[REAL]} real and {read[SYNTHETIC]} synthetic scans, as alike as could be "
            f"found. {both} patients are in both groups, once in each. {key.resampled}"
        ),
        *_shared_patients(both),
        heading("What the pixels tell"),
        paragraph(
            "Statistics of the displayed pixels. A ROC area far from one half means that a reader, or a machine, may "
            "have gone by it; p is not corrected for the number of rows. Anything beside the pixels that told the "
            "groups apart would have failed the plan."
        ),
        table(_FINDING_HEAD, [_finding(one) for one in key.findings]),
        heading("Reading time"),
        table(("reader", "trials answered", "median seconds", "answers changed", "crash"), seconds),
        heading("How far to trust the answers"),
        bullets(
            [
                "Each answer names the hash of the one before it, so an edit by hand is found. Lines taken from the "
                "end, and a chain computed anew, are found by the receipt only, which a reader sends apart: --receipt "
                "CODE=RECEIPT.",
                "Practice cases are not counted.",
                f"Seed of the intervals: {content.seed}. The same answers give the same page.",
            ]
        ),
    ]


def _shared_patients(both: int) -> list[str]:
    if not both:
        return []
    return [
        paragraph(
            f"{both} patients were shown twice, once real and once synthetic: who remembers a body can tell which one "
            "is made from it, and two answers about one patient are no independent evidence. The intervals take no "
            "account of that.",
            "notice",
        )
    ]


def _balance(summary: dict) -> list[str]:
    def span(name: str) -> str:
        ends = (" x ".join(f"{value:g}" for value in summary[name][end]) for end in ("smallest", "largest"))
        return " to ".join(ends)

    regions = ", ".join(f"{name} {count}" for name, count in summary["regions"].items())
    return [str(summary["cases"]), regions, span("spacing_mm"), span("field_of_view_mm")]


def _finding(found: dict) -> list[str]:
    if found["auc"] is None:
        counts = found["n"]
        return [found["measure"], "-", "-", f"not measurable here: n = {counts['real']} and {counts['synthetic']}", "-"]
    return [found["measure"], *(f"{found[name]:.4g}" for name in ("real", "synthetic", "auc", "p"))]


def _times(reader) -> list[str]:
    import statistics

    seconds = [one.answer.seconds for one in reader.judgements]
    changed = sum(one.changed > 0 for one in reader.judgements)
    torn = "the last line was torn" if reader.torn else ""
    return [str(len(seconds)), f"{statistics.median(seconds):.1f}", str(changed), torn]
