"""Painting an output's lesions: places, shapes and looks follow from its own seed, whichever worker does it.

The model and the shapes are read once in each process and stay there; they are small beside a pair of scans.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...images.geometry import Geometry
from ...jobs.records import file_hash
from ..dataset.label_map import label_map, lesion_names
from ..dataset.painted import LESION
from ..planning.lesions import ShapeFile
from .orders import LesionOrder
from .threads import one_torch_thread
from .versions import lesion_versions, refuse_other

if TYPE_CHECKING:
    from ...lesion.model_files import Model
    from ...lesion.painting.inpaint import Painting
    from ...lesion.placing.placement import Placement
    from ...lesion.placing.shapes import Shape
    from ...morph.gate import QualityReport
    from ...morph.warping import Morphed

_NO_ORGAN = "none of the organs is there"

_PUBLIC_MODEL = ("name", "sha256", "region", "lesion", "limits")
"""What the public record repeats of the model's card."""


@dataclass(frozen=True)
class Lesions:
    """An output's lesions. asked: what of the plan decides about them. private: all that came of it; public: what may
    be told."""

    asked: dict[str, Any]
    private: dict[str, Any]
    public: dict[str, Any]

    def noted(self, report: QualityReport) -> QualityReport:
        """The gate's report with their number, and the painter's warnings as reasons to look at the output."""
        counts = {f"lesions.{name}": {"value": self.public[name], "unit": "lesions"} for name in ("asked", "painted")}
        warnings = self.public["warnings"]
        return replace(
            report,
            verdict="warn" if warnings and report.verdict == "pass" else report.verdict,
            reasons=(*report.reasons, *warnings),
            measures={**report.measures, **counts},
        )


def add_lesions(morphed: Morphed, order: LesionOrder) -> tuple[Morphed, Lesions]:
    """The synthetic CT with lesions painted into it, and their labels as one more layer; what was painted.

    Voxels outside that layer stay what they are. A lesion that finds no place is left out, and the records say so.
    Raises InputError if this worker has another model or other packages than the command, or a shape's file is not
    what it was.
    """
    refuse_other(lesion_versions(order.settings), order.versions, "lesions")
    settings = order.settings
    model = _model(settings.model, settings.weights)
    with one_torch_thread():
        placed = _place(morphed, order)
        painting = _paint(morphed, placed, model, order) if placed.lesions else None
    if painting is not None:
        names = dict.fromkeys(placed.layer.names, LESION)
        layers = [*morphed.layers, replace(placed.layer, names=names)]
        morphed = replace(morphed, image=painting.image, layers=layers)
    return morphed, Lesions(_asked(order), *_records(order, model, placed, painting))


def _place(morphed: Morphed, order: LesionOrder) -> Placement:
    from ...lesion.placing.placement import Placement, place

    settings, grid = order.settings, Geometry.of(morphed.image)
    organ = replace(label_map(morphed.layers, settings.organs, grid), name=" and ".join(settings.organs))
    if not organ.values:
        return Placement(organ, (), (_NO_ORGAN,) * order.number)
    others = sorted(lesion_names(morphed.layers))
    return place(
        morphed.image,
        organ,
        _shapes(settings.shapes),
        order.number,
        order.seed,
        organ_values=organ.values,
        diameter_mm=settings.diameter_mm,
        existing=[label_map(morphed.layers, others, grid)] if others else [],
        fewer=True,
    )


def _paint(morphed: Morphed, placed: Placement, model: Model, order: LesionOrder) -> Painting:
    from ...lesion.painting.inpaint import paint_lesions
    from ...lesion.painting.painter import Painter

    painter = Painter(model, density=order.settings.density)
    return paint_lesions(morphed.image, placed.layer, painter, order.seed)


# --- what a process keeps


@lru_cache(maxsize=1)
def _model(name: str, weights: str) -> Model:
    """The model, if it is the one with these weights."""
    from ...lesion.model_files import load_model

    model = load_model(name)
    if model.card["sha256"] != weights:  # exchanged since its version was looked at
        raise InputError(f"The model {name} has other weights than when the plan was made. Plan again.")
    return model


@lru_cache(maxsize=1)
def _shapes(files: tuple[ShapeFile, ...]) -> Sequence[Shape]:
    """The shapes of all files, numbered through. Raises InputError if one has changed or gone."""
    from ...lesion.placing.harvesting import harvest

    found: list[Shape] = []
    for one in files:
        if not one.file.is_file() or file_hash(one.file) != one.sha256:
            raise InputError(
                f"{one.file}: this label map, which lends shapes to lesions, has changed or gone since the plan was "
                "made. Put the old one back, or plan again."
            )
        found += harvest([one.file])[0]
    return [replace(shape, origin=f"harvested {n}") for n, shape in enumerate(found, start=1)]


# --- records


def _asked(order: LesionOrder) -> dict[str, Any]:
    return {**order.settings.deciding(), "asked": order.number, "seed": order.seed}


def _records(
    order: LesionOrder, model: Model, placed: Placement, painting: Painting | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the private and the public record keep of an output's lesions."""
    lesions = list(_each(order, placed, painting)) if painting else []
    versions = dict(order.versions)
    public = {
        "model": {name: model.card[name] for name in _PUBLIC_MODEL if name in model.card},
        "torch": versions["torch"],
        "asked": order.number,
        "painted": len(lesions),
        "lesions": [{name: one[name] for name in ("diameter_mm", "volume_ml")} for one in lesions],
        "warnings": list(painting.warnings) if painting else [],
    }
    private = {**public, "seed": order.seed, "lesions": lesions, "missing": list(placed.missing), "versions": versions}
    return private, public


def _each(order: LesionOrder, placed: Placement, painting: Painting) -> Iterator[dict[str, Any]]:
    """All that is known of each lesion; it names the file and the subject that a harvested shape comes from."""
    owners = {one.file: one for one in order.settings.shapes}
    sources = {shape.origin: owners[shape.source] for shape in _shapes(order.settings.shapes)}
    for one, painted in zip(placed.lesions, painting.lesions, strict=True):
        owner = sources.get(one.shape)
        lender = None if owner is None else {"subject": owner.subject, "file": owner.file.name, "sha256": owner.sha256}
        yield {**one.record(), "shape_source": lender, "noise": asdict(painted.noise)}
