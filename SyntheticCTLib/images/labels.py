"""Label layers: unsigned label maps on the grid of a CT image, with names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from .files import open_volume, refuse_unreadable_name
from .geometry import Geometry
from .label_grid import onto_grid, values_present
from .label_names import EXPLICIT_NAME, layer_name, numbered
from .segments import segment_names

MAX_LABEL = 65535
"""Highest label value; layers have 8 or 16 bits."""

MAX_LABELS = 1000
"""A map with more different values is taken for an image given by mistake."""

_LESION = re.compile(r"lesion|tumou?r|nodule|metasta|mass|cyst", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class LabelLayer:
    """One label map; structures that overlap (lobes, lesions) are kept in separate layers.

    name: safe in file names, free of identity. image: 3-D, sitkUInt8 or sitkUInt16, 0 is background.
    names: what label values are called, as far as known. notes: sentences for the user from reading.
    """

    name: str
    image: sitk.Image
    names: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @cached_property
    def values(self) -> tuple[int, ...]:
        """The label values that occur, in order, without the background 0."""
        present = values_present(sitk.GetArrayViewFromImage(self.image))
        return tuple(value for value in present if value != 0)


def says_lesion(name: str) -> bool:
    """Whether a name says lesion, tumor, nodule, metastasis, mass or cyst."""
    return bool(_LESION.search(name))


def is_lesion(layer: LabelLayer, value: int) -> bool:
    """Whether the layer's or the label's name says lesion (`says_lesion`)."""
    return says_lesion(layer.name) or says_lesion(layer.names.get(value, ""))


def read_layers(
    paths: Iterable[str | os.PathLike[str] | tuple[str | None, str]], reference: sitk.Image, source_name: str = ""
) -> list[LabelLayer]:
    """Read label maps (NIfTI, NRRD, MetaImage, Slicer's .seg.nrrd) as layers on the grid of `reference`.

    paths: each a path, `NAME=PATH`, or the pair of both (the name may be None). Without NAME a
        layer is called by what its file name says beyond `source_name` (the file or folder name of the CT) in
        known terms; other words may identify a patient.
    A map on another grid in the same space is resampled (nearest neighbor) and says so in its notes; see
    `label_grid.onto_grid` for what counts as the same space. A .seg.nrrd with several layers gives several.
    Raises InputError for a map that is not whole numbers from 0 to 65535 or lies elsewhere.
    """
    layers: list[LabelLayer] = []
    for entry in paths:
        name, path = entry if isinstance(entry, tuple) else _split_entry(os.fspath(entry))
        path = Path(path)
        refuse_unreadable_name(path)
        stored, notes = open_volume(path)
        base = name or layer_name(path.name, source_name)
        notes += _unnamed(stored)
        for image, names in _stored_layers(stored):
            labels, moved = onto_grid(_unsigned(image, path), Geometry.of(reference), str(path))
            free = numbered(base, {layer.name for layer in layers})
            layers.append(LabelLayer(free, labels, names, (*notes, *moved)))
    return layers


def _split_entry(entry: str) -> tuple[str, Path]:
    """NAME and path of an entry; the name is empty if the entry is just a path (which may hold a "=")."""
    name, equals, rest = entry.partition("=")
    if not equals or Path(entry).exists():
        return "", Path(entry)
    if not EXPLICIT_NAME.fullmatch(name):
        raise InputError(
            f"labels {entry}: {name!r} cannot name a layer; use letters, digits, - and _ (NAME=PATH), "
            "or give the path only."
        )
    return name, Path(rest)


def _stored_layers(stored: sitk.Image) -> list[tuple[sitk.Image, dict[int, str]]]:
    """The layers of a file, which SimpleITK reads as components of one image, with their label names."""
    names = segment_names({key: stored.GetMetaData(key) for key in stored.GetMetaDataKeys()})
    count = stored.GetNumberOfComponentsPerPixel()
    images = [stored] if count == 1 else [sitk.VectorIndexSelectionCast(stored, n) for n in range(count)]
    names += [{}] * (count - len(names))
    return list(zip(images, names, strict=False))


def _unnamed(stored: sitk.Image) -> tuple[str, ...]:
    """A note if some segment's name is not taken over."""
    header = {key: stored.GetMetaData(key) for key in stored.GetMetaDataKeys()}
    given = sum(key.endswith("_Name") and key.startswith("Segment") for key in header)
    lost = given - sum(len(names) for names in segment_names(header))
    return (f"{lost} segment name(s) hold words that are no known terms; they are left out",) if lost > 0 else ()


def _unsigned(image: sitk.Image, path: Path) -> sitk.Image:
    """The same labels with 8 or 16 bits without a sign; refuses what is not a label map."""
    values = sitk.GetArrayViewFromImage(image)
    if values.dtype.kind not in "iuf":
        raise InputError(
            f"{path}: its voxels are {image.GetPixelIDTypeAsString()}; a label map holds whole numbers."
        )
    low, high = float(values.min()), float(values.max())
    if not (0 <= low and high <= MAX_LABEL):
        raise InputError(
            f"{path}: its values run from {low:g} to {high:g}; a label map holds whole numbers from 0 "
            f"(background) to {MAX_LABEL}. It may be an image given as labels."
        )
    if values.dtype.kind == "f" and not all(np.array_equal(part, np.rint(part)) for part in values):
        raise InputError(
            f"{path}: its values have fractions; a label map holds whole numbers. "
            "Give a map, not probabilities."
        )
    labels = sitk.Cast(image, sitk.sitkUInt8 if high <= 255 else sitk.sitkUInt16)
    found = len(values_present(sitk.GetArrayViewFromImage(labels)))
    if found > MAX_LABELS:
        raise InputError(
            f"{path}: it holds {found} different values, more than the {MAX_LABELS} a label map may have; "
            "it may be an image given as labels."
        )
    for key in labels.GetMetaDataKeys():
        labels.EraseMetaData(key)
    return labels
