"""Harvesting lesion shapes from the label maps of other patients ("embedding" them in a new scan)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from ...images import LabelLayer, is_lesion, read_layers
from ...images.files import open_volume
from ...images.label_names import layer_name
from ..masks import Lesion, lesions_in
from .shapes import Shape

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
"""Files that may be label maps."""

MIN_PIXELS_ACROSS = 4
"""A smaller lesion has no shape to speak of: it is a few pixels."""


def harvest(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], values: Iterable[int] | None = None
) -> tuple[list[Shape], tuple[str, ...]]:
    """The shapes of all lesions in a folder of label maps (or in a list of such files), in order of their names.

    values: label values that mean lesion. None: what is called so. Files whose name says lesion, tumor, nodule,
        metastasis, mass or cyst are read, or all if none does; of their labels those that are called so, or the
        only one.
    A shape's origin is "harvested" and its number in this list, never the name of a file (that is its `source`). Holes
    are filled.
    Returns the shapes and notes for the user: lesions at the border of their volume are cut off there and left
    out, and so are those less than `MIN_PIXELS_ACROSS` pixels across.
    Raises InputError if there is no label map, one cannot be read, or no shape is left.
    """
    files = _files(source)
    wanted = tuple(values or ())
    if not wanted:
        files = [file for file in files if _says_lesion(file)] or files
    shapes: list[Shape] = []
    small = cut = 0
    for file, layer in _layers_of(files):
        chosen = wanted or _lesion_values(layer, file)
        present = [value for value in chosen if value in layer.values]
        for lesion in lesions_in(layer, present) if present else ():
            if _touches_border(lesion, layer.image):
                cut += 1
            elif min(lesion.mask.shape[1:]) < MIN_PIXELS_ACROSS:
                small += 1
            else:
                origin = f"harvested {len(shapes) + 1}"
                shapes.append(Shape(_filled(lesion.mask), layer.image.GetSpacing(), origin, source=file))
    notes = _notes(small, cut)
    if not shapes:
        why = "; ".join(notes) or "none has such a label"
        raise InputError(f"{source}: no lesion shape in {len(files)} label map(s): {why}. Give other label maps.")
    return shapes, notes


def _files(source) -> list[Path]:
    if not isinstance(source, str | os.PathLike):
        return [Path(one) for one in source]
    folder = Path(source)
    if not folder.is_dir():
        raise InputError(f"{folder}: a folder with label maps of lesions is needed; there is none of this name.")
    files = sorted(file for file in folder.iterdir() if file.name.lower().endswith(SUFFIXES) and file.is_file())
    files = [file for file in files if not file.name.startswith(".")]
    if not files:
        raise InputError(f"{folder}: it holds no label map ({', '.join(SUFFIXES)}); give a folder that does.")
    return files


def _says_lesion(file: Path) -> bool:
    nothing = sitk.Image(1, 1, 1, sitk.sitkUInt8)
    return is_lesion(LabelLayer(layer_name(file.name, ""), nothing), 1)


def _layers_of(files: Iterable[Path]) -> Iterator[tuple[Path, LabelLayer]]:
    """The layers of label maps on their own grids, turned so that their axes run as nearly as can be along LPS."""
    for file in files:
        image, _ = open_volume(file)
        for one in read_layers([file], image):
            yield file, LabelLayer(one.name, sitk.DICOMOrient(one.image, "LPS"), one.names)


def _lesion_values(layer: LabelLayer, file: Path) -> tuple[int, ...]:
    called = tuple(value for value in layer.values if is_lesion(layer, value))
    if called or len(layer.values) <= 1:
        return called or layer.values
    raise InputError(
        f"{file}: it holds the labels {', '.join(map(str, layer.values[:10]))} and none is called a lesion; "
        "say which values mean lesion."
    )


def _touches_border(lesion: Lesion, image: sitk.Image) -> bool:
    size = image.GetSize()[::-1]
    return any(part.start == 0 or part.stop == n for part, n in zip(lesion.box, size, strict=True) if n > 1)


def _filled(mask: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    return ndimage.binary_fill_holes(mask)


def _notes(small: int, cut: int) -> tuple[str, ...]:
    notes = []
    if cut:
        notes.append(f"{cut} lesion(s) at the border of their volume were left out: they are cut off there")
    if small:
        notes.append(f"{small} lesion(s) less than {MIN_PIXELS_ACROSS} pixels across were left out")
    return tuple(notes)
