"""The words that the public files of any cohort hold, whoever its subjects are: they name nobody.

An original may be called `image.nii.gz` or `metadata.json`; to look for that in our own files would find our own words.
So the files of a cohort without subjects are made here, by the functions that make all others, and read. Each kind of
file has its own words: "may" stands in every data card, but a record that says it may speak of a Ms May.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path

from ...images.terms import is_known
from ...jobs.records import to_text
from ...morph.metadata import FOLLOWING, INTERPOLATED
from ...morph.provenance import private_record, public_record
from ..dataset.card import card
from ..dataset.dataset_json import description
from ..dataset.label_map import MAP_NAME
from ..dataset.layout import Layout
from ..dataset.painted import PaintedLesions, lesion_section
from ..dataset.survey import MEASURES, Survey
from ..dataset.table import COLUMNS
from ..planning.lesions import LesionSettings
from ..planning.plan import Plan
from ..planning.regions import REGIONS
from ..planning.settings import GRIDS, PlanSettings

NOBODY = Layout(Path())

_WORD = re.compile(r"[^\W_]+")
_SCAN = "NAME"


def kind_of(place: Path) -> str:
    """What kind of public file lies at a place (relative to the cohort's folder): its name, or its folder's."""
    return place.parts[0]


def is_own(name: str, kind: str) -> bool:
    """Whether every word of a name is one that all files of this kind, or the names of all files, may hold: a word of
    our own, of anatomy, disease and label maps, or of the list of regions. A word with a digit never is."""
    words = _WORD.findall(name.casefold())
    return bool(words) and all(
        word.isalpha() and (word in _words_of(kind) or word in _words_of("") or is_known(word)) for word in words
    )


@cache
def _words_of(kind: str) -> frozenset[str]:
    texts = {"": _names(), **_papers()}
    return frozenset(word.casefold() for word in _WORD.findall(texts.get(kind, "")))


def _names() -> str:
    """Names of all files and folders, and what stands everywhere."""
    files = (NOBODY.image(_SCAN), NOBODY.image(_SCAN, labelled=False), NOBODY.label(_SCAN), NOBODY.public_record(_SCAN))
    papers = (NOBODY.description, NOBODY.table, NOBODY.card)
    return " ".join([*(file.as_posix() for file in (*files, *papers)), *REGIONS, "SYNTHETIC"])


_LESION_WORDS = "lesions model name sha256 region lesion limits torch asked painted diameter_mm volume_ml warnings"
"""The keys of a public record's block on painted lesions; a test compares them with one."""


@cache
def _papers() -> dict[str, str]:
    """The texts of a cohort in which everything that can be told is told once, by kind of file."""
    keys = " ".join(sorted(INTERPOLATED | FOLLOWING))  # of metadata; their values are the persons'
    records = [_record(grid) for grid in GRIDS]
    cards, descriptions = [], []
    common = [{}, {"spacing": (1.0, 1.0, 1.0)}, {"spacing": (1.0, 1.0, 1.0), "size": (16, 16, 16)}]
    for settings in (PlanSettings(grid=grid, **more) for grid in GRIDS for more in common):
        plan = Plan(0, settings, ("lung",), (), (), (), ())
        cards += [card(plan, _survey()), card(plan, Survey(0, 0, 0), license="none")]
        cards += lesion_section(LesionSettings("model", "", (1, 1), ("lung",)), PaintedLesions(asked=2, warned=1))
        descriptions.append(to_text(description(plan, _survey())))
    return {
        NOBODY.card.name: "\n".join(cards),
        NOBODY.description.name: "\n".join(descriptions),
        NOBODY.table.name: " ".join(["metadata", *COLUMNS, "pass warn", keys]),
        NOBODY.public_record(_SCAN).parts[0]: "\n".join([*records, "warn", _LESION_WORDS, keys]),
    }


def _record(grid: str) -> str:
    private = private_record(
        percent=Decimal(50),
        inputs={},
        parameters={"grid": grid},
        method={"backend": "ants", "versions": {"antspyx": "0"}},
        report={"verdict": "pass"},
        metadata={},
        labels={MAP_NAME: {}},
    )
    return to_text({**public_record(private), "region": "chest"})


def _survey() -> Survey:
    """Of three scans, of which one has no labels and one shows none."""
    found = Survey(planned=3, rejected=0, failed=0, unlabelled=1)
    found.verdicts, found.regions = Counter({"pass": 3}), Counter({"chest": 3})
    found.label_cases, found.tries = Counter({"lung": 1}), Counter({1: 3})
    found.backends, found.measures = {"ants"}, {name: array("d", [0.0]) for name in MEASURES}
    found.units = dict.fromkeys(MEASURES, "mm")
    return found
