"""Reads what painting needs, and refuses what does not fit, before any long work begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from ...images import LabelLayer, content_hash, is_lesion, read_ct, read_layers
from ...images.geometry import Geometry
from ...images.label_names import numbered
from ...jobs import JobContext
from ...jobs.records import file_hash

NamedFile = Mapping[str, Any]
"""{"name": what a layer is called, or None; "file": its path}, as the command line makes it."""

LESION = "lesion"
"""What the lesion layer is called where nothing says so."""


@dataclass(frozen=True)
class Scan:
    """The scan that is painted into. layers: label layers that go along with the result. file: its name, without the
    folder; content: hash of its voxels; for the private record."""

    image: sitk.Image
    layers: tuple[LabelLayer, ...]
    file: str
    content: str

    def described(self) -> dict[str, str]:
        """What the private record keeps of it."""
        return {"file": self.file, "content": self.content}


def read_scan(parameters: Mapping[str, Any], context: JobContext) -> Scan:
    """The CT that a job's `image` and `series` name, without layers."""
    file = Path(parameters["image"])
    context.report("reading the scan")
    image, notes = read_ct(file, series=parameters["series"])
    for note in notes:
        context.note(f"{file.name}: {note}")
    return Scan(image, (), file.name, content_hash(image))


def with_layers(scan: Scan, labels: Sequence[NamedFile], context: JobContext) -> Scan:
    """The scan with more label layers, each under a name of its own.

    Raises InputError if one cannot be read or does not lie on the scan.
    """
    layers = list(scan.layers)
    for label in labels:
        for layer in read_layers([(label["name"], label["file"])], scan.image, scan.file):
            for note in layer.notes:
                context.note(f"{Path(label['file']).name}: {note}")
            layers.append(replace(layer, name=numbered(layer.name, {one.name for one in layers})))
    folded = {layer.name.casefold() for layer in layers}
    if len(folded) < len(layers):  # file systems may not tell capital letters from small ones
        names = ", ".join(layer.name for layer in layers)
        raise InputError(f"Two label layers have one name ({names}). Give others: NAME=FILE.")
    return replace(scan, layers=tuple(layers))


def read_mask(mask: NamedFile, segments: Sequence[int] | None, scan: Scan, context: JobContext) -> LabelLayer:
    """The layer of a lesion mask, with the labels that mean lesion and no others.

    segments: these labels; None for all. Raises InputError as `with_layers`, and if a file holds several layers.
    """
    file = Path(mask["file"]).name
    layer = only_layer(with_layers(replace(scan, layers=()), [mask], context).layers, file)
    if segments is not None:
        voxels = sitk.GetArrayViewFromImage(layer.image)
        kept = sitk.GetImageFromArray(np.where(np.isin(voxels, segments), voxels, 0).astype(voxels.dtype))
        Geometry.of(layer.image).apply_to(kept)
        layer = _chosen(layer, kept, segments, file)
    named = mask["name"] or all(is_lesion(layer, value) for value in layer.values)
    return layer if named else replace(layer, name=LESION)


def only_layer(layers: Sequence[LabelLayer], file: str) -> LabelLayer:
    """The one layer of a file that holds any label; InputError if several do."""
    filled = [layer for layer in layers if layer.values] or list(layers)
    if len(filled) > 1:
        raise InputError(
            f"{file}: it holds {len(filled)} layers, as its segments overlap, so label values do not say which is "
            "meant. Save the segment that is meant in a file of its own."
        )
    return filled[0]


def described_files(labels: Sequence[NamedFile]) -> list[dict[str, str]]:
    """What the private record keeps of files that are no CT."""
    return [{"file": Path(one["file"]).name, "sha256": file_hash(Path(one["file"]))} for one in labels]


def _chosen(layer: LabelLayer, kept: sitk.Image, segments: Sequence[int], file: str) -> LabelLayer:
    missing = sorted(set(segments) - set(layer.values))
    if missing:
        raise InputError(
            f"{file}: no voxel has the label {', '.join(map(str, missing))}; it holds "
            f"{', '.join(map(str, layer.values[:10])) or 'no label at all'}. Choose one of these."
        )
    names = {value: name for value, name in layer.names.items() if value in segments}
    return LabelLayer(layer.name, kept, names, layer.notes)
