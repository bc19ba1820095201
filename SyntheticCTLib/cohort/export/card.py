"""The papers of an export: data card, metadata table, public records, and a summary for programs."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import __version__
from ...errors import InputError
from ...jobs.records import to_text
from ..dataset.card import LICENSE_UNKNOWN, chosen_fields
from ..dataset.painted import LESION_TITLE
from .checked import public_record

if TYPE_CHECKING:
    from ..dataset.cases import Case, Cohort
    from .selection import Selection

SUMMARY = "export.json"
"""Counts of the export, for programs; its first entry marks the folder as an export, which may be replaced."""

EXPORT = "SyntheticCT export"

PATTERNS = ("README.md", "metadata.csv", SUMMARY, "records/*.json")
"""The papers, relative to the export's folder."""

_WHAT = {
    "msd": (
        "The layout of the Medical Segmentation Decathlon: `imagesTr/NAME.nii.gz` (int16 HU) with "
        "`labelsTr/NAME.nii.gz`, listed in `dataset.json`. Scans without labels lie in `imagesTs`."
    ),
    "dicom": (
        "One folder a scan: `dicom/NAME/ct/` holds the series of CT images, `dicom/NAME/seg/labels.dcm` their labels "
        "as a DICOM segmentation. Every scan is a patient and a study of its own, called SYNTHETIC; its UIDs are new, "
        "made by hashing with a secret key; there is no date and no reference to any original. Synthetic Data "
        "(0008,001C) is YES. A segmentation must have a content date: there stands the first day of 1900."
    ),
}

_DISTANCE = (
    "The distance is 1 minus the correlation of two bodies' HU in blocks of 4 mm, laid on each other: 0 is the same "
    "scan, 1 nothing in common. It is no probability that somebody is recognized, and it does not see the texture."
)

_SECTION = re.compile(r"^## +(.+?) *$", re.MULTILINE)

_OWN_SECTIONS = ("What",)
"""Sections of the cohort's card that say other things about an export, and are replaced."""

_COUNTING = ("Quality", LESION_TITLE)
"""Sections that count scans: their numbers are the whole cohort's."""


def write_papers(
    cohort: Cohort, selection: Selection, format: str, folder: Path, place: Callable[[Case], tuple[str, str]]
) -> None:
    """Write the papers into an export's folder. place: where image and labels of a case lie in it ("" for none)."""
    (folder / "README.md").write_text(card(cohort, selection, format), encoding="utf-8")
    (folder / SUMMARY).write_text(to_text(summary(selection, format)), encoding="utf-8")
    _write_table(cohort, selection, folder / "metadata.csv", place)
    (folder / "records").mkdir()
    for case in selection.chosen:
        text = to_text(public_record(case))
        (folder / "records" / f"{case.name}.json").write_text(text, encoding="utf-8")


def summary(selection: Selection, format: str) -> dict[str, Any]:
    """What `export.json` tells: numbers only, no names of what was left out."""
    return {
        "export": EXPORT,
        "format": format,
        "software": {"syntheticct": __version__},
        "cases": len(selection.chosen),
        "left_out": {"reviewer": len(selection.culled), "too_near": len(selection.near)},
        "min_distance": selection.min_distance,
    }


def card(cohort: Cohort, selection: Selection, format: str) -> str:
    """The data card: what the export is, what was left out, and the cohort's own card but for its file layout."""
    fields = chosen_fields(cohort.layout)
    head = f"---\ntitle: {fields['title']}\nlicense: {fields['license']}\ntags: [synthetic, computed-tomography]\n---\n"
    parts = [
        head,
        f"# {fields['title']}\n",
        "**Every scan here is SYNTHETIC: it shows a body that does not exist.** Not for diagnosis.\n",
        _what(cohort, selection, format),
        _left_out(selection),
        *_cohort_sections(cohort),
    ]
    return "\n".join(parts)


def about(cohort: Cohort, selection: Selection) -> dict[str, str]:
    """Name, description, reference and licence as the Decathlon's dataset.json wants them."""
    fields = chosen_fields(cohort.layout)
    licence = fields["license"]
    return {
        "name": fields["title"],
        "description": f"{len(selection.chosen)} SYNTHETIC CT scans of bodies that do not exist; see README.md",
        "reference": f"SyntheticCT {__version__}",
        "licence": "not chosen yet, see README.md" if licence == LICENSE_UNKNOWN else licence,
    }


def _what(cohort: Cohort, selection: Selection, format: str) -> str:
    lines = [
        "## What\n",
        f"{len(selection.chosen)} synthetic CT scans, exported from a cohort of {len(cohort.cases)}. {_WHAT[format]}\n",
        "- `metadata.csv`: one row per scan; `records/NAME.json`: how each was made; `export.json`: the counts below\n",
    ]
    if cohort.plan.label_names:
        number = "segment" if format == "dicom" else "value"
        lines += [f"| {number} | label |", "|--:|--|"]
        lines += [f"| {n} | {name} |" for n, name in enumerate(cohort.plan.label_names, start=1)]
        lines.append("")
    return "\n".join(lines)


def _left_out(selection: Selection) -> str:
    lines = ["## Left out\n", f"- culled by a reviewer: {len(selection.culled)}"]
    if selection.min_distance is None:
        lines.append("- too near to an original: not looked at\n")
    else:
        lines += [
            f"- nearer than {selection.min_distance:g} to any of the real scans: {len(selection.near)}\n",
            f"{_DISTANCE}\n",
        ]
    return "\n".join(lines)


def _cohort_sections(cohort: Cohort) -> Iterator[str]:
    """The cohort's card, section by section; its numbers are those of all its cases."""
    text = cohort.layout.card.read_text(encoding="utf-8") if cohort.layout.card.is_file() else ""
    found = list(_SECTION.finditer(text))
    for section, following in zip(found, [*found[1:], None], strict=True):
        if section[1] in _OWN_SECTIONS:
            continue
        body = text[section.end() : following.start() if following else len(text)].strip()
        note = f"*Of the whole cohort of {len(cohort.cases)}.*\n\n" if section[1] in _COUNTING else ""
        yield f"## {section[1]}\n\n{note}{body}\n"


def _write_table(cohort: Cohort, selection: Selection, file: Path, place: Callable[[Case], tuple[str, str]]) -> None:
    """The rows of the cohort's table that belong to the chosen cases, with the places of the export's files."""
    chosen = {case.name: case for case in selection.chosen}
    source = cohort.layout.table
    try:
        with source.open(encoding="utf-8", newline="") as table, file.open("w", encoding="utf-8", newline="") as copy:
            rows = csv.DictReader(table)
            columns = list(rows.fieldnames or ())
            writer = csv.DictWriter(copy, columns, lineterminator="\n", extrasaction="ignore")
            writer.writeheader()
            for row in rows:
                case = chosen.pop(row.get("name", ""), None)
                if case is not None:
                    image, label = place(case)
                    writer.writerow({**row, "image": image, "label": label})
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{source}: the cohort's table cannot be read ({error}). {_RUN_AGAIN}") from error
    if chosen:
        raise InputError(f"{source}: the cohort's table has no row for {', '.join(sorted(chosen)[:5])}. {_RUN_AGAIN}")


_RUN_AGAIN = "Give the command of `synthetic-ct cohort run` again; it writes the table anew."
