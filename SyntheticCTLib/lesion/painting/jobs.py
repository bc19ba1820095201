"""The jobs "lesion.paint", "lesion.place" and "lesion.models"; parameters as the command line makes them.

All inputs are read and checked, and the output's names are claimed, before the long work begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...images import LabelLayer, is_lesion, write_image, write_layer
from ...jobs import JobContext, job_kind, refuse_existing
from ...jobs.records import PRIVATE, spare_inputs, to_text
from ..masks import with_lesions
from .inputs import Scan, described_files, only_layer, read_mask, read_scan, with_layers
from .outputs import PaintedFiles, private_record, public_record

if TYPE_CHECKING:
    from ..placing.placement import PlacedLesion
    from ..placing.shapes import Shape
    from .inpaint import Painting
    from .painter import Painter

PLACED = "placed.nii.gz"
"""The painted scan in the folder of a placement."""

_ASKED = (
    *("series", "organ_labels", "lesion_labels", "shape_labels"),
    *("count", "diameter_mm", "hu", "margin_mm", "gap_mm", "density", "seed"),
)
"""What the private record of a placement keeps of its parameters."""


@job_kind("lesion.paint")
def paint_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Paint lesions where a mask says.

    Parameters: image, series (of a DICOM folder), mask ({"name", "file"}), segments (label values that mean lesion, or
    None for all), model (name or folder), density (one of `density_kinds.DENSITIES`), seed (or None), labels (a list of
    {"name", "file"}, layers that go along), output (name of the painted scan), overwrite.
    Result: folder, files (those that may be published), lesions (layer, label, diameter_mm, volume_ml), warnings.
    """
    output = Path(parameters["output"])
    files = PaintedFiles.beside(output)
    labels = [parameters["mask"], *parameters["labels"]]
    old = files.superseded(output.parent)
    given = [parameters["image"], *(one["file"] for one in labels)]
    spare_inputs(given, output.parent, old)
    with context.staging(output.parent, parameters["overwrite"], old) as folder:
        scan = with_layers(read_scan(parameters, context), parameters["labels"], context)
        mask = read_mask(parameters["mask"], parameters["segments"], scan, context)
        asked = {name: parameters[name] for name in ("series", "segments", "density", "seed")}
        work = _Work("lesion.paint", scan, mask, files, {"labels": described_files(labels)}, asked)
        work.claim(output.parent, given, parameters["overwrite"])
        painter = _painter(parameters, context)
        result = work.paint(painter, folder, context)
    return {"folder": str(output.parent), **result}


@job_kind("lesion.place")
def place_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Place lesions in an organ, seeded, and paint them.

    Parameters: image, series, organ ({"name", "file"}), organ_labels (its label values, or None), lesion_labels (those
    in its file that are lesions already there, besides those called so), shapes (a folder of label maps to take
    lesion shapes from, or None to grow them), shape_labels (label values there that mean lesion, or None), count,
    diameter_mm ([lowest, highest] or None), exclude (layers that no lesion may touch), hu ([lowest, highest] of where
    lesions go, or None), margin_mm, gap_mm, density, seed, model, output (a folder), overwrite.
    Result: folder, files, lesions, warnings; all layers go along.
    """
    from ..placing.harvesting import harvest

    output, files = Path(parameters["output"]), PaintedFiles(PLACED)
    labels = [parameters["organ"], *parameters["exclude"]]
    given = [parameters["image"], *(one["file"] for one in labels), *filter(None, [parameters["shapes"]])]
    old = files.superseded(output)
    spare_inputs(given, output, old)
    with context.staging(output, parameters["overwrite"], old) as folder:
        organ = with_layers(read_scan(parameters, context), [parameters["organ"]], context)
        scan = with_layers(organ, parameters["exclude"], context)
        painter = _painter(parameters, context)
        context.report("reading the shapes")
        shapes, notes = harvest(parameters["shapes"], parameters["shape_labels"]) if parameters["shapes"] else ((), ())
        for note in notes:
            context.note(f"shapes: {note}")
        placed = _place(parameters, scan, len(organ.layers), shapes, context)
        inputs = {"labels": described_files(labels), "shapes": len(shapes)}
        work = _Work("lesion.place", scan, placed.layer, files, inputs, {name: parameters[name] for name in _ASKED})
        work.claim(output, given, parameters["overwrite"])
        result = work.paint(painter, folder, context, _known(placed.lesions, shapes))
    return {"folder": str(output), **result}


@job_kind("lesion.models")
def models_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """List the models that ship with the library and those in the user's own folder; their weights are checked.

    Parameters: none. Result: folder (the user's own), models: name, region, lesion, megabytes, folder, shipped, fault
    (a sentence, "" for none).
    """
    from ..model_files import WEIGHTS, list_models, user_folder

    models = []
    for entry in list_models():
        weights = entry.folder / WEIGHTS
        about = {name: entry.card.get(name, "") for name in ("region", "lesion")}
        size = weights.stat().st_size / 1e6 if weights.is_file() else 0.0
        place = {"folder": str(entry.folder), "shipped": entry.shipped}
        models.append({"name": entry.name, **about, "megabytes": size, **place, "fault": entry.fault})
    return {"folder": str(user_folder()), "models": models}


@dataclass(frozen=True)
class _Work:
    """One painting of one job: what it is made of and where it goes.

    job: its kind. inputs, parameters: what the private record keeps of them besides the scan and the model.
    """

    job: str
    scan: Scan
    mask: LabelLayer
    files: PaintedFiles
    inputs: Mapping[str, Any]
    parameters: Mapping[str, Any]

    def layers(self) -> list[LabelLayer]:
        """The input's layers and the lesions' as one more."""
        return with_lesions(self.scan.layers, self.mask)

    def claim(self, folder: Path, given: Sequence[str], overwrite: bool) -> None:
        """Refuse label files in the way, now that the layers' names are known."""
        names = list(self.files.labels(layer.name for layer in self.layers()).values())
        spare_inputs(given, folder, names)
        if not overwrite:
            refuse_existing(folder, names)

    def paint(
        self, painter: Painter, folder: Path, context: JobContext, known: Sequence[Mapping[str, Any]] | None = None
    ) -> dict[str, Any]:
        """Paint, write all files, and tell the result. known: what is known of each lesion already, in their order."""
        from .inpaint import paint_lesions

        painting = paint_lesions(self.scan.image, self.mask, painter, self.parameters["seed"], progress=context.report)
        for warning in painting.warnings:
            context.note(warning)
        layers = self.layers()
        lesions = _described(painting, layers[-1], known or [{}] * len(painting.lesions))
        private = private_record(
            job=self.job,
            inputs={"scan": self.scan.described(), **self.inputs},
            parameters=self.parameters,
            model={name: painter.model.card[name] for name in ("name", "sha256")},
            labels={layer.name: layer.names for layer in layers},
            lesions=lesions,
            warnings=painting.warnings,
        )
        context.report("writing")
        public = public_record(private)
        files = self._write(folder, painting, layers, private, public)
        return {"files": files, "lesions": public["lesions"], "warnings": list(painting.warnings)}

    def _write(
        self,
        folder: Path,
        painting: Painting,
        layers: Sequence[LabelLayer],
        private: Mapping[str, Any],
        public: Mapping[str, Any],
    ) -> list[str]:
        description = f"SYNTHETIC {private['id']}"
        write_image(painting.image, folder / self.files.image, description)
        labels = self.files.labels(layer.name for layer in layers)
        for layer in layers:
            write_layer(layer, folder / labels[layer.name], description)
        (folder / PRIVATE).mkdir(mode=0o700)
        for name, record in ((self.files.public_record, public), (self.files.private_record, private)):
            (folder / name).write_text(to_text(record), encoding="utf-8")
        return [self.files.image, *labels.values(), self.files.public_record]


def _painter(parameters: Mapping[str, Any], context: JobContext) -> Painter:
    from ..model_files import load_model, only_model
    from .painter import Painter

    context.report("loading the model")
    return Painter(load_model(parameters["model"] or only_model()), density=parameters["density"])


def _place(parameters: Mapping[str, Any], scan: Scan, organs: int, shapes: Sequence[Any], context: JobContext):
    """The placed lesions; the first `organs` layers of the scan come from the organ's file."""
    from ..placing.organ import ORGAN_SHARE, HURule
    from ..placing.placement import place

    layers = scan.layers[:organs]
    lesions = [layer for layer in layers if layer.values and all(is_lesion(layer, one) for one in layer.values)]
    others = [layer for layer in layers if layer not in lesions]
    organ = only_layer(others or layers, Path(parameters["organ"]["file"]).name)
    placed = place(
        scan.image,
        organ,
        shapes,
        parameters["count"],
        parameters["seed"],
        organ_values=parameters["organ_labels"],
        diameter_mm=parameters["diameter_mm"],
        margin_mm=parameters["margin_mm"],
        gap_mm=parameters["gap_mm"],
        lesion_values=parameters["lesion_labels"],
        exclude=scan.layers[organs:],
        existing=[layer for layer in lesions if layer is not organ],
        hu_rule=HURule(*parameters["hu"], ORGAN_SHARE) if parameters["hu"] else None,
        progress=context.report,
    )
    return placed


def _known(lesions: Sequence[PlacedLesion], shapes: Sequence[Shape]) -> list[dict[str, Any]]:
    """What the private record keeps of placed lesions; it names the file that each harvested shape comes from."""
    files = {shape.origin: shape.source for shape in shapes}
    known = []
    for one in lesions:
        source = described_files([{"file": files[one.shape]}])[0] if one.shape in files else None
        known.append({**one.record(), "shape_source": source})
    return known


def _described(painting: Painting, layer: LabelLayer, known: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the records keep of each lesion."""
    return [
        {
            **more,
            "layer": layer.name,
            "label": one.lesion.label,
            "diameter_mm": round(one.lesion.diameter_mm, 2),
            "volume_ml": round(one.lesion.volume_ml, 4),
            "center_lps": [round(mm, 2) for mm in one.lesion.center_lps],
            "noise": asdict(one.noise),
        }
        for one, more in zip(painting.lesions, known, strict=True)
    ]
