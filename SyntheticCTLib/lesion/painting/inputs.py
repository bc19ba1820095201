"""Reads what painting needs, and refuses what does not fit, before any long work begins."""

from __future__ import annotations

import re
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
from ..masks import lesions_in

NamedFile = Mapping[str, Any]
"""{"name": what a layer is called, or None; "file": its path}, as the command line makes it."""

LESION = "lesion"
"""What the lesion layer is called where nothing says so."""

ORGAN_MM = 100.0
"""Of a mask that nothing calls a lesion, a part wider than this in an axial slice is taken for an organ: lungs, livers
and spleens are as wide, and hardly any lesion."""

_LISTED = 10
"""How many labels a message lists."""

_NUMBERED = re.compile(r"(label|segment)?[ _]*\d*", re.IGNORECASE)
"""Names that programs give to what nobody named."""


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

    segments: these labels; None for those with the name of a lesion, or all if none has. Raises InputError as
    `with_layers`, if a file holds several layers, and if the labels to be painted seem to be organs.
    """
    file = Path(mask["file"]).name
    layers = with_layers(replace(scan, layers=()), [mask], context).layers
    if segments is not None:
        layer = _chosen(only_layer(layers, file), segments, file)
    else:
        layer = _called_lesions(layers, file, context) or only_layer(layers, file)
        _refuse_organs(layer, file)
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


def _named_lesions(layer: LabelLayer) -> list[int]:
    """The labels whose own names, not the layer's, say lesion."""
    return [value for value in layer.values if is_lesion(replace(layer, name=""), value)]


def _called_lesions(layers: Sequence[LabelLayer], file: str, context: JobContext) -> LabelLayer | None:
    """The labels of a mask that have the name of a lesion, and no others; None if there are none."""
    called = [layer for layer in layers if _named_lesions(layer)]
    if not called:
        return None
    layer = only_layer(called, file)
    values = _named_lesions(layer)
    if len(values) < sum(len(one.values) for one in layers):
        context.note(f"{file}: painted is {_listed(layer, values)}, by its name; choose others with --segment.")
    return _chosen(layer, values, file)


def _refuse_organs(layer: LabelLayer, file: str) -> None:
    """Refuse a mask that nothing calls a lesion, if its labels' names or its size are those of organs."""
    if not layer.values or any(is_lesion(layer, value) for value in layer.values):
        return
    why = ""
    if len(layer.values) > 1 and any(not _NUMBERED.fullmatch(name) for name in layer.names.values()):
        why = "none of its labels is called a lesion"
    else:
        widest = max(lesions_in(layer), key=lambda one: one.diameter_mm)
        if widest.diameter_mm > ORGAN_MM:
            why = f"label {widest.label} is {widest.diameter_mm:.0f} mm wide, as organs are and hardly any lesion is"
    if why:
        raise InputError(
            f"{file}: {why}, and all of it would be painted. Say with --segment which values mean lesion; it holds "
            f"{_listed(layer, layer.values)}."
        )


def _listed(layer: LabelLayer, values: Sequence[int]) -> str:
    names = {value: f" ({layer.names[value]})" for value in values if layer.names.get(value)}
    more = f" and {len(values) - _LISTED} more" if len(values) > _LISTED else ""
    return ", ".join(f"label {value}{names.get(value, '')}" for value in values[:_LISTED]) + more


def _chosen(layer: LabelLayer, segments: Sequence[int], file: str) -> LabelLayer:
    """The layer with these labels only; InputError if one is not there."""
    missing = sorted(set(segments) - set(layer.values))
    if missing:
        raise InputError(
            f"{file}: no voxel has the label {', '.join(map(str, missing))}; it holds "
            f"{', '.join(map(str, layer.values[:10])) or 'no label at all'}. Choose one of these."
        )
    voxels = sitk.GetArrayViewFromImage(layer.image)
    kept = sitk.GetImageFromArray(np.where(np.isin(voxels, segments), voxels, 0).astype(voxels.dtype))
    Geometry.of(layer.image).apply_to(kept)
    names = {value: name for value, name in layer.names.items() if value in segments}
    return LabelLayer(layer.name, kept, names, layer.notes)
