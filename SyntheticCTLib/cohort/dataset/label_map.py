"""One label map per case, with the same values throughout the data set, from layers of any values."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np
import SimpleITK as sitk

from ...images.geometry import Geometry
from ...images.labels import LabelLayer, is_lesion, says_lesion

MAP_NAME = "labels"
"""Name of the layer that holds a whole map."""

_KINDS = r"(lesion|tumou?r|nodule|cyst|mass|metastasis)"
_NUMBERED = re.compile(rf"({_KINDS}(?:e?s)?|metastases)[\s_#(-]*\d+\)?$", re.IGNORECASE)
_LESIONS_ONLY = re.compile(rf"{_KINDS}(?:e?s)?(?:[_-]?\d+)?")


def label_name(layer: LabelLayer, value: int) -> str:
    """What a label of a source is called in the data set: its own name, else its layer's and its value.

    Lesions of one kind are one class, however a user has numbered them: "lung nodule 3" is a "lung nodule". Values
    without a name in a layer called "lesions", "tumor" or the like are one class too; in a layer with any other name
    they may be different things, such as an organ and its tumors.
    """
    name = layer.names.get(value, "")
    if says_lesion(name):
        return _NUMBERED.sub(r"\1", name)
    if name in ("", f"label {value}"):
        only_lesions = _LESIONS_ONLY.fullmatch(layer.name.lower().replace("metastases", "metastasis"))
        return only_lesions[1] if only_lesions else name or f"{layer.name} {value}"
    return name


def label_map(
    layers: Sequence[LabelLayer], label_names: Sequence[str], geometry: Geometry, left_out: Collection[str] = ()
) -> LabelLayer:
    """All layers as one map: the label called ``label_names[n]`` has the value n + 1.

    layers: on the grid `geometry`. left_out: names that do not go into the map. Where labels overlap, the later name
    wins. Labels whose names are not in `label_names` are left out. The map has 8 bits, 16 for more than 255 names;
    its `names` are those of all values, whether they occur or not.
    """
    wide = len(label_names) > np.iinfo(np.uint8).max
    values = {name: n for n, name in enumerate(label_names, start=1) if name not in left_out}
    voxels = np.zeros(geometry.size[::-1], np.uint16 if wide else np.uint8)
    for layer in layers:
        table = np.zeros(max(layer.values, default=0) + 1, voxels.dtype)
        for value in layer.values:
            table[value] = values.get(label_name(layer, value), 0)
        if table.any():
            np.maximum(voxels, table[sitk.GetArrayViewFromImage(layer.image)], out=voxels)
    image = sitk.GetImageFromArray(voxels)
    geometry.apply_to(image)
    return LabelLayer(MAP_NAME, image, {value: name for name, value in values.items()})


def lesion_names(layers: Sequence[LabelLayer]) -> set[str]:
    """The names, in the data set, of those labels that are lesions."""
    return {label_name(layer, value) for layer in layers for value in layer.values if is_lesion(layer, value)}
