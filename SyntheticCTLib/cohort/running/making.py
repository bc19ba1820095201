"""Making one output: try its percentages in turn until the gate is content, paint its lesions, write all about it."""

from __future__ import annotations

import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...jobs.records import file_hash, plain, to_text
from ...morph.inputs import Metadata, read_metadata
from ...morph.provenance import about_percent, private_record, public_record
from ..dataset.files import remember_names, write_text
from ..dataset.label_map import label_map
from ..dataset.layout import Layout
from ..dataset.places import center_of, centered
from .lesions import Lesions, add_lesions
from .orders import OutputOrder
from .pairs import HeldPair
from .writing import unfinished

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ...images.labels import LabelLayer
    from ...morph.gate import QualityReport
    from ...morph.path import MorphPath
    from ...morph.warping import Morphed

REJECTION = "SyntheticCT rejected output: names the sources, do not publish"


def make(order: OutputOrder, pair: HeldPair) -> bool:
    """Make an output and write its files, the private record last; returns whether the gate let it through.

    One that is rejected at each of its percentages leaves the record of its rejection only.
    """
    metadata = _read_metadata(order)
    path = pair.path(order.forward)
    tries: list[dict[str, Any]] = []
    for percent in order.percents:
        morphed, report = _attempt(order, pair, path, percent)
        tries.append({"percent": float(percent), "verdict": report.verdict, "reasons": list(report.reasons)})
        if report.verdict != "reject":
            if order.spacing is not None:
                morphed = _on_common_grid(order, pair, path, percent)
            lesions = None
            if order.lesions is not None:
                morphed, lesions = add_lesions(morphed, order.lesions)
                report = lesions.noted(report)
            _deliver(order, pair, path.method, percent, morphed, report, metadata, tries, lesions)
            return True
        tries[-1]["report"] = report.to_dict()
    record = {"record": REJECTION, **_identity(order), "tries": tries}
    with unfinished(order.pair.layout):
        write_text(order.pair.layout.rejection(order.name), to_text(plain(record)))
    return False


def _attempt(order: OutputOrder, pair: HeldPair, path: MorphPath, percent: Decimal) -> tuple[Morphed, QualityReport]:
    from ...morph.gate import assess

    source, target = pair.sides(order.forward)
    morphed = pair.warper(order.forward).morph(path, float(percent / 100), order.grid)
    return morphed, assess(source.image, target.image, morphed, path, source.layers)


def _on_common_grid(order: OutputOrder, pair: HeldPair, path: MorphPath, percent: Decimal) -> Morphed:
    """The same morph, again from the original, on the voxels that all outputs of the plan have.

    It was judged on its own grid: what common voxels cut off or blur is no fault of the morph, and the lines of the
    gate were drawn for whole scans at their own resolution.
    """
    return pair.warper(order.forward).morph(
        path, float(percent / 100), order.grid, spacing=order.spacing, size=order.size
    )


def _deliver(
    order: OutputOrder,
    pair: HeldPair,
    method: dict[str, Any],
    percent: Decimal,
    morphed: Morphed,
    report: QualityReport,
    metadata: Metadata,
    tries: list[dict[str, Any]],
    lesions: Lesions | None,
) -> None:
    from ...images.geometry import Geometry

    source, target = pair.sides(order.forward)
    names = order.label_names
    labels = label_map(morphed.layers, names, Geometry.of(morphed.image)) if names and source.layers else None
    private = private_record(
        percent=percent,
        inputs={"source": source.described(), "target": target.described(), "metadata": metadata.files},
        parameters={
            "name": order.name,  # so that no two outputs have one id
            "seed": order.seed,
            "grid": order.grid,
            **({"spacing": order.spacing} if order.spacing else {}),
            **({"size": order.size} if order.size else {}),
            "backend": order.pair.backend,
            "registration": order.pair.key,
            **({"lesions": lesions.asked} if lesions else {}),
        },
        method=method,
        report=report.to_dict(),
        # At the percentage that is told: the exact one could be worked out from the ages of the two.
        metadata=metadata.at(about_percent(percent) / 100)[0],
        labels={labels.name: {value: labels.names[value] for value in labels.values}} if labels else {},
    )
    public = {**public_record(private), "region": order.region}
    if lesions:
        private, public = {**private, "lesions": lesions.private}, {**public, "lesions": lesions.public}
    layout = order.pair.layout
    with unfinished(layout) as folder:
        files = _write_public(Layout(folder), order.name, morphed.image, labels, bool(names), public)
        written = {
            name: {"sha256": file_hash(folder / name), "bytes": (folder / name).stat().st_size} for name in files
        }
        center = [float(at) for at in center_of(morphed.image)]
        record = {**private, **_identity(order), "center_lps": center, "tries": tries, "files": written}
        for name in files:
            os.replace(folder / name, layout.folder / name)
        for name in files:
            remember_names((layout.folder / name).parent)
        write_text(layout.private_record(order.name), to_text(plain(record)))


def _write_public(
    place: Layout, name: str, ct: sitk.Image, labels: LabelLayer | None, labelled_set: bool, record: dict[str, Any]
) -> list[str]:
    """Write what may be published into an unfinished folder, centred; return the files' names, relative to it."""
    from ...images.writing import write_image, write_layer

    description = f"SYNTHETIC {record['id']}"
    image = place.image(name, labelled=labels is not None or not labelled_set)
    files = [image, place.public_record(name), *([place.label(name)] if labels else [])]
    for file in files:
        file.parent.mkdir(exist_ok=True)
    write_image(centered(ct), image, description)
    if labels:
        write_layer(replace(labels, image=centered(labels.image)), place.label(name), description)
    write_text(place.public_record(name), to_text(record))
    return sorted(file.relative_to(place.folder).as_posix() for file in files)


def _identity(order: OutputOrder) -> dict[str, Any]:
    source, target = order.scans
    return {
        "entry": order.entry,
        "name": order.name,
        "region": order.region,
        "source": source.id,
        "target": target.id,
        "seed": order.seed,
    }


def _read_metadata(order: OutputOrder) -> Metadata:
    """Both records; none unless both subjects have one. Raises InputError if one has changed since the plan."""
    records = [scan.metadata for scan in order.scans]
    if None in records:
        return Metadata()
    metadata = read_metadata([file for file, _ in records], None)
    for scan, used in zip(order.scans, metadata.files, strict=True):
        file, planned = scan.metadata
        if used["sha256"] != planned:
            raise InputError(
                f"subject {scan.id}: {Path(file)} has changed since the plan was made. Put the old one back, or plan "
                "again."
            )
    return metadata
