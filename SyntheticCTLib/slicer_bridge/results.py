"""A finished morph becomes nodes of the scene: volume, segmentation, metadata, report, under their own subject."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ..images.geometry import Geometry
from ..images.labels import LabelLayer
from ..morph.outputs import MorphFiles
from .segmentations import Segment, add_segmentation
from .subjects import place_synthetic
from .tables import add_table, report_rows
from .volumes import add_display_like, add_volume

SYNTHETIC = "SyntheticCT.synthetic"
"""Attribute of every synthetic volume and segmentation; its value is the opaque id."""

RECORD = "SyntheticCT.record"
"""Attribute with the public record, as JSON: what may go with the published data."""

VERDICT = "SyntheticCT.verdict"
"""Attribute with the verdict: pass, warn or reject."""


@dataclass(frozen=True)
class Created:
    """What one press of *Create* put into the scene. segmentation and metadata are None where nothing was given."""

    volume: Any
    segmentation: Any
    metadata: Any
    report: Any
    verdict: str
    reasons: tuple[str, ...]
    id: str


def take_morph(
    scene,
    folder: Path,
    files: MorphFiles,
    looks: Sequence[Mapping[int, Segment]],
    names: Sequence[str],
    grid: Geometry | None,
    like,
) -> Created:
    """Read the files of a morph and add its nodes.

    looks, names: the segments of each label layer by value, and the layer's name. grid: where the morph lies, if that
    is known exactly (files round). like: the volume whose window and colors it gets.
    """
    public = json.loads((folder / files.public_record).read_text(encoding="utf-8"))
    report = json.loads((folder / files.private_record).read_text(encoding="utf-8"))["report"]
    name = scene.GenerateUniqueName(f"SYNTHETIC {public['id']}")
    image = _read(folder / files.image, grid)
    volume = add_volume(scene, image, name)
    add_display_like(volume, like)
    segmentation = _segmentation(scene, folder, files, looks, names, grid, name)
    metadata = None
    if public["metadata"]:
        metadata = add_table(scene, f"{name} metadata", ("field", "value"), list(public["metadata"].items()))
    table = add_table(scene, f"{name} quality", ("measure", "value", "unit"), report_rows(report))
    made = [node for node in (volume, segmentation, metadata, table) if node is not None]
    for node in made:
        node.SetAttribute(SYNTHETIC, public["id"])
        node.SetAttribute(VERDICT, report["verdict"])
    volume.SetAttribute(RECORD, json.dumps(public, sort_keys=True))
    volume.SetDescription(f"SYNTHETIC {public['id']}: this body does not exist")
    place_synthetic(scene, name, made)
    if segmentation is not None:
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    return Created(
        volume, segmentation, metadata, table, report["verdict"], tuple(report["reasons"]), public["id"]
    )


def _segmentation(scene, folder, files: MorphFiles, looks, names, grid, name: str):
    if not names:
        return None
    layers = []
    stored = files.labels(names)
    for layer in names:
        image = _read(folder / stored[layer], grid)
        layers.append(LabelLayer(layer, image))
    return add_segmentation(scene, f"{name} labels", layers, looks)


def _read(file: Path, grid: Geometry | None) -> sitk.Image:
    image = sitk.ReadImage(str(file))
    if grid is not None and grid.same_as(Geometry.of(image)):
        grid.apply_to(image)  # NIfTI keeps 32-bit floats; the grid itself keeps every digit
    return image
