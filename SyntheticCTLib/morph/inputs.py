"""Reads everything a morph needs and refuses what does not fit, before any long work begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .provenance import file_hash

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ..images.labels import LabelLayer
    from ..jobs import JobContext
    from .metadata import MetadataRules


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


def input_files(parameters: Mapping[str, Any]) -> list[str]:
    """All files and folders that a job's parameters name as its inputs; not the saved path, which may be replaced."""
    single = [parameters[name] for name in ("source", "target", "metadata_rules") if parameters.get(name)]
    several = [file for name in ("targets", "metadata") for file in parameters.get(name) or ()]
    layers = [
        label["file"] for name in ("labels", "source_labels", "target_labels") for label in parameters.get(name) or ()
    ]
    return [*single, *several, *layers]


def read_side(
    role: str, file: str, series: str | int | None, labels: Sequence[Mapping[str, Any]], context: JobContext
) -> Side:
    """Read a CT and its label layers.

    Args:
        role: "source" or "target", for messages.
        file: path of the CT.
        series: UID or number of the DICOM series, where there are several.
        labels: {"name": name or None, "file": path} for each label map.
        context: notes of the reader go there.

    Raises:
        InputError: something cannot be read or does not lie on the CT.
    """
    from ..images.hashing import content_hash
    from ..images.labels import read_layers
    from ..images.reading import read_ct

    name = Path(file).name
    context.report(f"reading the {role}")
    image, notes = read_ct(file, series=series)
    layers = read_layers([(label["name"], label["file"]) for label in labels], image, name)
    for note in (*notes, *(note for layer in layers for note in layer.notes)):
        context.note(f"{name}: {note}")
    return Side(
        image=image,
        layers=layers,
        file=name,
        content=content_hash(image),
        label_files=[_described(label["file"]) for label in labels],
    )


def _described(file: str) -> dict[str, str]:
    """What the private record keeps of a file that is no CT."""
    return {"file": Path(file).name, "sha256": file_hash(Path(file))}


@dataclass(frozen=True)
class Metadata:
    """Two metadata records and the rules to make one of them; both records may be missing."""

    source: Mapping[str, Any] | None = None
    target: Mapping[str, Any] | None = None
    rules: MetadataRules | None = None
    files: Sequence[Mapping[str, str]] = ()

    def at(self, t: float) -> tuple[dict[str, Any], list[str]]:
        """The record of the body t (0..1) of the way, and notes on what was dropped."""
        from .metadata import interpolate_metadata

        if self.source is None or self.target is None:
            return {}, []
        return interpolate_metadata(self.source, self.target, t, self.rules)


def read_metadata(files: Sequence[str] | None, rules: str | None) -> Metadata:
    """Read the records of source and target, and the rules where others than the built-in ones are wanted.

    Raises:
        InputError: a file is missing or malformed.
    """
    from .metadata import load_rules, read_record

    if not files:
        return Metadata()
    source, target = (read_record(file) for file in files)
    used = [*files, rules] if rules else files
    return Metadata(source, target, load_rules(rules) if rules else None, [_described(file) for file in used])
