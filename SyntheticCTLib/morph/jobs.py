"""The jobs of this room: "morph.register", "morph.morph", "morph.sheet", "morph.phantom"; parameters
as the command line makes them.

All inputs are read and checked, and the output folder is claimed, before the long work begins.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..jobs import JobContext, job_kind, refuse_existing
from ..jobs.records import PRIVATE, spare_inputs
from .inputs import Metadata, Side, input_files, read_metadata, read_side
from .outputs import PATH_FILE, MorphFiles, parse_percents, superseded
from .provenance import private_record, public_record, to_text

if TYPE_CHECKING:
    from .gate import QualityReport
    from .path import MorphPath
    from .warping import Morphed


@job_kind("morph.register")
def register_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Find the path between two CTs and save it.

    Parameters: source, target, series_source, series_target, source_labels, target_labels, backend, seed,
    repeatable, output (a .nrrd file), overwrite. Result: file, backend.
    """
    output = Path(parameters["output"])
    if output.suffix.lower() != ".nrrd":
        raise InputError(f"The path would be written to {output.name}; expected a name that ends in .nrrd.")
    if bool(parameters["source_labels"]) != bool(parameters["target_labels"]):
        raise InputError("Labels of one side alone cannot guide a registration; give both sides' or none.")
    _spare_inputs(parameters, output.parent, [glob.escape(output.name)])
    with context.staging(output.parent, parameters["overwrite"], [glob.escape(output.name)]) as folder:
        source, target = _read_pair(parameters, parameters["source_labels"], context)
        path = _register(parameters, source, target, context)
        path.save(folder / output.name)
    return {"file": str(output), "backend": path.method.get("backend")}


@job_kind("morph.morph")
def morph_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Morph a CT, its labels and its metadata to each percentage asked for; judge and describe every result.

    Parameters: source, target, series_source, series_target, labels, target_labels, metadata (two files),
    metadata_rules, path, backend, seed, repeatable, percents, grid, strict, contact_sheet (whether to draw one,
    which needs matplotlib), output (a folder), overwrite.
    Result: folder, morphs (a list), strictly_rejected (names of what was not delivered).
    """
    percents = parse_percents(parameters["percents"])
    output = Path(parameters["output"])
    saved_path = Path(parameters["path"]) if parameters["path"] else None
    writes_path = saved_path is None or saved_path.resolve() != (output / PATH_FILE).resolve()
    _spare_inputs(parameters, output, superseded(percents, writes_path, output))
    with context.staging(output, parameters["overwrite"], superseded(percents, writes_path, output)) as folder:
        metadata = read_metadata(parameters["metadata"], parameters["metadata_rules"])
        for note in metadata.at(0)[1]:
            context.note(f"metadata: {note}")
        source, target = _read_pair(parameters, parameters["labels"], context)
        _claim_labels(parameters, output, percents, [layer.name for layer in source.layers])
        path = _load_path(saved_path, source, target) if saved_path else _register(parameters, source, target, context)
        (folder / PRIVATE).mkdir(mode=0o700)
        if writes_path:
            path.save(folder / PATH_FILE)
        work = _Morphing(parameters, source, target, metadata, path, folder, context)
        morphs = [work.deliver(percent) for percent in percents]
    return {
        "folder": str(output),
        "morphs": morphs,
        "strictly_rejected": [morph["name"] for morph in morphs if not morph["files"]],
    }


@job_kind("morph.sheet")
def sheet_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Show one source morphed towards four targets, unlabelled, with a key; and towards the first in detail.

    Parameters: source, targets (four), percent, backend, seed, repeatable, output (a folder), overwrite.
    Result: folder, files.
    """
    from .showcase import sheet_detail, sheet_four_targets
    from .warping import Warper

    t = float(Decimal(parameters["percent"]) / 100)
    earlier = ["sheet_four.png", "sheet_detail.png", "sheet_four_key.json"]
    _spare_inputs(parameters, Path(parameters["output"]), earlier)
    with context.staging(parameters["output"], parameters["overwrite"], earlier) as folder:
        source = read_side("source", parameters["source"], None, [], context)
        targets = [read_side("target", file, None, [], context) for file in parameters["targets"]]
        warper = Warper(source.image)
        morphs, first = [], None
        for number, target in enumerate(targets, start=1):
            context.note(f"target {number} of {len(targets)}")
            path = _register(parameters, source, target, context)
            morphs.append(warper.morph(path, t))
            first = first or path
        context.report("drawing")
        names = [f"{number}: {target.file}" for number, target in enumerate(targets, start=1)]
        sheet, key = folder / "sheet_four.png", folder / "sheet_four_key.json"
        sheet_four_targets(source.image, morphs, sheet, key, names, _order_seed(parameters, [source, *targets]))
        sheet_detail(source.image, targets[0].image, morphs[0], first, folder / "sheet_detail.png")
        files = sorted(file.name for file in folder.iterdir())
    return {"folder": str(parameters["output"]), "files": files}


@job_kind("morph.phantom")
def phantom_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write a phantom: image, label layers and metadata, ready to be a source or a target.

    Parameters: seed, lesions, output (a folder), overwrite. Result: folder, files.
    """
    from ..images.phantoms import make_phantom
    from ..images.writing import write_image, write_layer

    name = f"phantom_{parameters['seed']:03d}"
    earlier = [f"{name}.nii.gz", f"{name}.json", f"{name}_organs.seg.nrrd", f"{name}_lesions.seg.nrrd"]
    with context.staging(parameters["output"], parameters["overwrite"], earlier) as folder:
        context.report("building the phantom")
        phantom = make_phantom(parameters["seed"], lesions=parameters["lesions"])
        context.report("writing")
        write_image(phantom.image, folder / f"{name}.nii.gz", "SYNTHETIC phantom")
        for layer in phantom.layers:
            write_layer(layer, folder / f"{name}_{layer.name}.seg.nrrd", "SYNTHETIC phantom")
        (folder / f"{name}.json").write_text(to_text(phantom.metadata), encoding="utf-8")
        files = sorted(file.name for file in folder.iterdir())
    return {"folder": str(parameters["output"]), "files": files}


class _Morphing:
    """What all morphs of one job share; `deliver` makes one of them."""

    def __init__(
        self,
        parameters: dict[str, Any],
        source: Side,
        target: Side,
        metadata: Metadata,
        path: MorphPath,
        folder: Path,
        context: JobContext,
    ) -> None:
        from .warping import Warper

        self._parameters = parameters
        self._source = source
        self._warper = Warper(source.image, source.layers)
        self._target = target
        self._metadata = metadata
        self._path = path
        self._folder = folder
        self._context = context

    def deliver(self, percent: Decimal) -> dict[str, Any]:
        """Make one morph and write its files; of a rejected one under `strict` only the private files."""
        from .gate import assess

        files = MorphFiles(percent)
        morphed = self._warper.morph(
            self._path,
            float(percent / 100),
            self._parameters["grid"],
            lambda stage, done=None: self._context.report(f"{percent} %: {stage}", done),
        )
        self._context.report(f"{percent} %: judging the result")
        report = assess(self._source.image, self._target.image, morphed, self._path, self._source.layers)
        private = self._describe(percent, morphed, report.to_dict())
        self._context.report(f"{percent} %: writing")
        self._write(files.private_record, to_text(private))
        private_files = [files.private_record]
        if self._parameters["contact_sheet"]:
            self._draw(self._folder / files.contact_sheet, morphed, report)
            private_files.append(files.contact_sheet)
        withheld = self._parameters["strict"] and report.verdict == "reject"
        return {
            "percent": float(percent),
            "name": files.name,
            "verdict": report.verdict,
            "reasons": list(report.reasons),
            "files": [] if withheld else self._publish(files, morphed, public_record(private)),
            "private_files": private_files,
        }

    def _draw(self, file: Path, morphed: Morphed, report: QualityReport) -> None:
        from .sheet import contact_sheet

        contact_sheet(
            self._source.image,
            self._target.image,
            morphed,
            self._path,
            report,
            file,
            source_layers=self._source.layers,
        )

    def _describe(self, percent: Decimal, morphed: Morphed, report: dict[str, Any]) -> dict[str, Any]:
        record, _ = self._metadata.at(float(percent / 100))
        asked = ["grid", "strict", "series_source", "series_target"]
        if not self._parameters["path"]:  # else the path's method tells how it was registered
            asked += ["backend", "seed", "repeatable"]
        return private_record(
            percent=percent,
            inputs={
                "source": self._source.described(),
                "target": self._target.described(),
                "metadata": self._metadata.files,
            },
            parameters={name: self._parameters[name] for name in asked},
            method=self._path.method,
            report=report,
            metadata=record,
            labels={layer.name: layer.names for layer in morphed.layers},
        )

    def _publish(self, files: MorphFiles, morphed: Morphed, record: dict[str, Any]) -> list[str]:
        """Write what may be published; return the file names."""
        from ..images.writing import write_image, write_layer

        description = f"SYNTHETIC {record['id']}"
        write_image(morphed.image, self._folder / files.image, description)
        labels = files.labels([layer.name for layer in morphed.layers])
        for layer in morphed.layers:
            write_layer(layer, self._folder / labels[layer.name], description)
        self._write(files.public_record, to_text(record))
        return [files.image, *labels.values(), files.public_record]

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text, encoding="utf-8")


def _spare_inputs(parameters: dict[str, Any], folder: Path, outputs: Sequence[str]) -> None:
    """Refuse to write over the job's inputs; outputs: names or patterns, relative to `folder`."""
    spare_inputs(input_files(parameters), folder, outputs)


def _claim_labels(
    parameters: dict[str, Any], output: Path, percents: Sequence[Decimal], layers: Sequence[str]
) -> None:
    """Refuse layers of one name, and label files in the way, now that the layers' names are known."""
    files = [file for percent in percents for file in MorphFiles(percent).labels(layers).values()]
    _spare_inputs(parameters, output, files)
    if not parameters["overwrite"]:
        refuse_existing(output, files)


def _order_seed(parameters: dict[str, Any], sides: Sequence[Side]) -> int:
    """A seed that differs from one set of scans to the next, so that no sheet's key opens another's."""
    drawn = hashlib.sha256("".join([str(parameters["seed"]), *(side.content for side in sides)]).encode("ascii"))
    return int.from_bytes(drawn.digest()[:8], "big")


def _read_pair(parameters: dict[str, Any], source_labels: list, context: JobContext) -> tuple[Side, Side]:
    source = read_side("source", parameters["source"], parameters["series_source"], source_labels, context)
    target = read_side(
        "target", parameters["target"], parameters["series_target"], parameters["target_labels"], context
    )
    return source, target


def _register(parameters: dict[str, Any], source: Side, target: Side, context: JobContext) -> MorphPath:
    from .register import register

    return register(
        source.image,
        target.image,
        backend=parameters["backend"],
        seed=parameters["seed"],
        repeatable=parameters["repeatable"],
        # Labels of one side alone say nothing about the other; the user may give them only to be warped.
        source_labels=source.layers if target.layers else (),
        target_labels=target.layers,
        progress=context.report,
    )


def _load_path(file: Path, source: Side, target: Side) -> MorphPath:
    from .path import MorphPath

    path = MorphPath.load(file)
    path.check(source.image, target.image)
    return path
