"""Which models can paint, and where one is out of its depth; no model is loaded here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ..images.geometry import Geometry
    from ..lesion.masks import Lesion

REGIONS: dict[str, frozenset[str]] = {
    "lung": frozenset({"chest"}),
    "liver": frozenset({"abdomen"}),
    "kidney": frozenset({"abdomen"}),
    "pancreas": frozenset({"abdomen"}),
    "colon": frozenset({"abdomen"}),
    "brain": frozenset({"head"}),
    "bone": frozenset(),
    "soft tissue": frozenset(),
}
"""Where lesions are wanted, and the parts of the body (`morph.region`) that show it; none named: any."""


@dataclass(frozen=True)
class ModelChoice:
    """A model that can be chosen, or a region that has none yet.

    key: the model's name; "" for a region without one. region: such as "lung". text: what a list says. card: the
    model's page (Markdown). fault: why it cannot be used, in a sentence; "" if it can. facts: the card as data.
    """

    key: str
    region: str
    text: str
    card: str = ""
    fault: str = ""
    facts: Any = None


def model_choices() -> list[ModelChoice]:
    """All models, and after them the regions without a model."""
    from ..lesion.model_files import READABLE, list_models

    choices = []
    for entry in list_models():
        region = _plain(str(entry.card.get("region", "")))
        text = f"{entry.name} ({entry.card.get('lesion', 'lesion')} in the {region})" if region else entry.name
        choices.append(ModelChoice(entry.name, region, text, _page(entry.folder / READABLE), entry.fault, entry.card))
    covered = {choice.region for choice in choices if not choice.fault}
    return choices + [_missing(region) for region in REGIONS if region not in covered]


def default_choice(choices: Sequence[ModelChoice], parts: Sequence[str]) -> ModelChoice | None:
    """The first model that fits the parts of the body that a scan shows, else the first one that works."""
    usable = [choice for choice in choices if choice.key and not choice.fault]
    fitting = [choice for choice in usable if REGIONS.get(choice.region, frozenset()) & set(parts)]
    return next(iter(fitting or usable), None)


def region_problem(choice: ModelChoice, parts: Sequence[str]) -> str:
    """Why a model does not fit the parts of the body that a scan shows; "" if it does or nobody knows."""
    wanted = REGIONS.get(choice.region, frozenset())
    if not wanted or not parts or wanted & set(parts):
        return ""
    return f"This scan seems to show {' and '.join(parts)}; the model {choice.key} was trained on the {choice.region}."


def spacing_problems(choice: ModelChoice, geometry: Geometry) -> list[str]:
    """Where spacing or orientation of a scan is outside what a model was trained on."""
    from ..lesion.painting.region import BodyOrder, WorkingGrid
    from ..lesion.painting.suitability import unsuitable_spacing

    order = BodyOrder.of(geometry)
    return unsuitable_spacing(choice.facts, WorkingGrid.of(order, choice.facts["spacing"].get("in_plane_mm")), order)


def lesion_problems(choice: ModelChoice, image: sitk.Image, lesions: Sequence[Lesion], grid: Geometry) -> list[str]:
    """Where lesions lie elsewhere, or are of another size, than a model's.

    image: the scan in the world. lesions, grid: as `lesion_masks.lesions_of` gives them.
    """
    from dataclasses import replace

    from ..lesion.painting.suitability import unsuitable_lesions

    size = image.GetSize()[::-1]
    first = image.TransformPhysicalPointToContinuousIndex(grid.origin)
    shift = [round(index) for index in first[::-1]]
    moved = [
        replace(one, box=tuple(slice(p.start + by, p.stop + by) for p, by in zip(one.box, shift, strict=True)))
        for one in lesions
    ]
    inside = [one for one in moved if all(0 <= p.start < p.stop <= n for p, n in zip(one.box, size, strict=True))]
    if len(inside) < len(moved):
        return ["A part of the mask lies outside the scan, where nothing can be painted; erase it there."]
    return unsuitable_lesions(choice.facts, image, moved)


def _missing(region: str) -> ModelChoice:
    fault = f"There is no model for {region} yet; train one: synthetic-ct lesion train."
    return ModelChoice("", region, f"{region}: no model yet", fault=fault)


def _page(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""


def _plain(region: str) -> str:
    return region.strip().lower().replace("-", " ").replace("_", " ")
