"""`README.md` of the data set: a data card that says what it is, how it was made, how good it is and what it is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ... import __version__
from ...morph.metadata import DIGITS
from ..planning.settings import PERCENT_STEP, PlanSettings
from .files import write_text
from .layout import FILE_ENDING, Layout
from .painted import lesion_section
from .places import whose_grid
from .survey import MEASURES, Survey

if TYPE_CHECKING:
    from ..planning.plan import Plan

LICENSE_UNKNOWN = "unknown"
"""The licence until somebody has chosen one."""

_FIELD = re.compile(r"^(license|title): *(.*?) *$", re.MULTILINE)
_TITLE = "Synthetic CT cohort"


def write_card(layout: Layout, plan: Plan, found: Survey) -> None:
    """Write the card; title and licence that somebody has put into an earlier one are kept."""
    write_text(layout.card, card(plan, found, **chosen_fields(layout)))


def chosen_fields(layout: Layout) -> dict[str, str]:
    """Title and licence in the head of the data card, which whoever publishes the data fills in."""
    fields = {"license": LICENSE_UNKNOWN, "title": _TITLE}
    if layout.card.is_file():
        head = layout.card.read_text(encoding="utf-8").split("\n---", 1)[0]
        fields.update({name: value for name, value in _FIELD.findall(head) if value})
    return fields


def card(plan: Plan, found: Survey, license: str = LICENSE_UNKNOWN, title: str = _TITLE) -> str:
    """The card's text (Markdown with a head of fields); tells numbers only, never a source."""
    parts = [
        f"---\ntitle: {title}\nlicense: {license}\ntags: [synthetic, computed-tomography]\n---\n",
        f"# {title}\n",
        "**Every scan here is SYNTHETIC: it shows a body that does not exist.** Not for diagnosis.\n",
        _what(plan, found),
        _how(plan, found),
        *lesion_section(plan.settings.lesions, found.lesions),
        _quality(plan, found),
        _limits(plan, found),
        _license(license),
        _cite(title, found),
    ]
    return "\n".join(parts)


def _what(plan: Plan, found: Survey) -> str:
    regions = ", ".join(f"{region} {number}" for region, number in sorted(found.regions.items())) or "none"
    lines = [
        "## What\n",
        f"{found.made} synthetic CT scans (regions: {regions}) in nnU-Net's raw layout.\n",
        f"- `imagesTr/NAME_0000{FILE_ENDING}`: the scans, int16 HU",
    ]
    if plan.label_names:
        lines.append(
            f"- `labelsTr/NAME{FILE_ENDING}`: their label maps; where structures overlap, the higher value wins"
        )
    if found.unlabelled:
        lines.append(f"- `imagesTs/NAME_0000{FILE_ENDING}`: {found.unlabelled} scans whose source has no labels")
    lines += [
        "- `metadata.csv`: one row per scan: what is known of the body, and of the making",
        "- `records/NAME.json`: how each scan was made",
        "- `dataset.json`: the description that nnU-Net reads; to train, call this folder `DatasetXXX_Name`\n",
    ]
    if plan.label_names:
        lines += ["| value | label | scans that show it |", "|--:|--|--:|"]
        lines += [f"| {n} | {name} | {found.label_cases[name]} |" for n, name in enumerate(plan.label_names, start=1)]
        lines.append("")
    return "\n".join(lines)


def _how(plan: Plan, found: Survey) -> str:
    settings = plan.settings
    low, high = (f"{float(steps * PERCENT_STEP):g}" for steps in settings.percent_steps())
    sources = {end for output in plan.outputs for end in (output.source, output.target)}
    versions = ", ".join(f"{name} {' and '.join(sorted(used))}" for name, used in sorted(found.software.items()))
    return "\n".join(
        [
            "## How\n",
            f"Made with {_maker(found)} from {len(sources)} scans, in pairs of one body region. Two scans are "
            "registered to each other; the smooth flow (a stationary velocity field) from one body to the other is "
            "followed part of the way, and the first scan is resampled there once, with its labels. So the shape of "
            "the body lies between two people, and the texture is the first one's.\n",
            f"- how far: a percentage drawn for each scan from {low} to {high} %; what is published is rounded to 5 %",
            f"- registration: {' and '.join(sorted(found.backends)) or 'none'}; grid of the result: "
            f"{_grid_of_result(settings)}",
            "- what the pixels show (sex, diagnosis, lesions) follows the first scan; age and days lie between the "
            "two, in whole numbers (in tenths of a year for small children); other numbers have at most "
            f"{DIGITS} digits; all other metadata is dropped",
            f"- versions: {versions or 'none'}\n",
        ]
    )


def _grid_of_result(settings: PlanSettings) -> str:
    if settings.spacing is None:
        return settings.grid
    if settings.size is None:
        return f"one spacing for all, over the extent of the grid {settings.grid}"
    return "one for all; what lies beyond it, organs among it, is cut off"


def _quality(plan: Plan, found: Survey) -> str:
    redrawn = sum(number for tries, number in found.tries.items() if tries > 1)
    lines = [
        "## Quality\n",
        f"Each scan passed a quality gate. Of {found.planned} that were planned, {found.verdicts['pass']} passed, "
        f"{found.verdicts['warn']} passed with a warning (`verdict` in `metadata.csv`), {found.rejected} were rejected "
        f"at all of up to {plan.settings.redraws + 1} percentages and {found.failed} could not be made. {redrawn} of "
        "those here were rejected at first and made at another percentage.\n",
    ]
    if plan.settings.spacing is not None:
        lines.append("The gate judged each scan, and took the measures below, on a grid of its own and in whole.\n")
    if found.made:
        lines += ["| measure | 5 % | median | 95 % | unit |", "|--|--:|--:|--:|--|"]
        lines += [_distribution(name, found) for name in MEASURES if name in found.units]
        lines.append("")
    return "\n".join(lines)


def _distribution(name: str, found: Survey) -> str:
    low, middle, high = np.percentile(np.frombuffer(found.measures[name]), (5, 50, 95))
    return f"| {MEASURES[name]} | {low:.3g} | {middle:.3g} | {high:.3g} | {found.units[name]} |"


def _limits(plan: Plan, found: Survey) -> str:
    lines = [
        "## Limits\n",
        "- The texture of a scan and its noise are those of one real scan, the first. Scans made of one source share "
        "them, and they are no independent patients: keep them on one side of every split where you can.",
        f"- {whose_grid(plan.settings)}",
        "- Whether a person can be found again in such data was attacked, not proven impossible; ask who publishes it "
        "for the privacy report of this cohort.",
        "- Registration between two people is never anatomically exact; labels are warped, not drawn anew.",
        "- Rare anatomy and disease are as rare as in the sources; this set stands for no population.",
    ]
    # A label of painted lesions only is not missing where none was painted.
    partly = [name for name in plan.source_label_names if 0 < found.label_cases[name] < found.made - found.unlabelled]
    if partly:
        lines.append(
            "- Not every labelled scan shows every label, because it lies outside the scan or was not drawn in its "
            "source; where it was not drawn, its voxels are background."
        )
    return "\n".join([*lines, ""])


def _license(license: str) -> str:
    if license == LICENSE_UNKNOWN:
        text = (
            "Not chosen yet. Whoever publishes this data writes it into the field `license` at the top; the licences "
            "of the source scans may bind it."
        )
    else:
        text = f"{license}; see the field at the top."
    return f"## Licence\n\n{text}\n"


def _cite(title: str, found: Survey) -> str:
    return f"## How to cite\n\n> {title}. Synthetic CT scans made with {_maker(found)}.\n"


def _maker(found: Survey) -> str:
    """This program with the versions that made the scans."""
    return f"SyntheticCT {' and '.join(sorted(found.software.get('syntheticct', ()))) or __version__}"
