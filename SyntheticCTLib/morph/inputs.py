"""Reads everything a morph needs and refuses what does not fit, before any long work begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .provenance import file_hash

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ..images.labels import LabelLayer
    from ..jobs import JobContext


@dataclass(frozen=True)
class Side:
    """One of the two scans.

    Args:
        image: the CT.
        layers: its label layers.
        file: name (without folder) of where it was read from.
        content: hash of its voxels.
        label_files: name and hash of each label file.
    """

    image: sitk.Image
    layers: list[LabelLayer]
    file: str
    content: str
    label_files: list[dict[str, str]]

    def described(self) -> dict[str, Any]:
        """What the private record keeps of it."""
        return {"file": self.file, "content": self.content, "labels": self.label_files}


def read_side(
    role: str, file: str, series: str | None, labels: Sequence[Mapping[str, Any]], context: JobContext
) -> Side:
    """Read a CT and its label layers.

    Args:
        role: "source" or "target", for messages.
        file: path of the CT.
        series: UID of the DICOM series, where there are several.
        labels: {"name": name or None, "file": path} for each label map.
        context: notes of the reader go there.

    Raises:
        InputError: something cannot be read or does not lie on the CT.
    """
    from ..images.hashing import content_hash
    from ..images.reading import read_ct

    context.report(f"reading the {role}")
    image, notes = read_ct(Path(file), series=series)
    for note in notes:
        context.note(f"{role} {Path(file).name}: {note}")
    return Side(
        image=image,
        layers=_read_layers(labels, image, Path(file).name),
        file=Path(file).name,
        content=content_hash(image),
        label_files=[
            {"file": Path(label["file"]).name, "sha256": file_hash(Path(label["file"]))} for label in labels
        ],
    )


def _read_layers(labels: Sequence[Mapping[str, Any]], reference: sitk.Image, source: str) -> list[LabelLayer]:
    """Read the files together, for a layer's name may depend on the others; then apply given names."""
    from ..images.labels import read_layers

    if not labels:
        return []
    layers = read_layers([Path(label["file"]) for label in labels], reference, source)
    if len(layers) != len(labels):
        if any(label["name"] for label in labels):
            raise InputError(
                "NAME=FILE names one layer, but a file holds several. Give the files without names."
            )
        return layers
    return [
        dataclasses.replace(layer, name=label["name"]) if label["name"] else layer
        for layer, label in zip(layers, labels, strict=True)
    ]


@dataclass(frozen=True)
class Metadata:
    """Two metadata records and the rules to make one of them; both records may be missing."""

    source: Mapping[str, Any] | None
    target: Mapping[str, Any] | None
    rules: Any
    files: list[dict[str, str]]

    def at(self, t: float) -> dict[str, Any]:
        """The record of the body t (0..1) of the way."""
        from .metadata import interpolate_metadata

        if self.source is None:
            return {}
        return interpolate_metadata(self.source, self.target, t, self.rules)


def read_metadata(files: Sequence[str] | None, rules: str | None) -> Metadata:
    """Read the records of source and target, and the rules where others than the built-in ones are wanted.

    Raises:
        InputError: a file is missing or malformed.
    """
    from .metadata import load_rules, read_record

    if not files:
        return Metadata(None, None, None, [])
    source, target = (read_record(Path(file)) for file in files)
    used = [*files, rules] if rules else files
    described = [{"file": Path(file).name, "sha256": file_hash(Path(file))} for file in used]
    return Metadata(source, target, load_rules(Path(rules) if rules else None), described)
