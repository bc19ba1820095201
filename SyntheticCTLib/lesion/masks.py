"""A lesion mask is a label layer on the scan's grid; the lesions are its connected components."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..images import Geometry, LabelLayer
from ..images.label_names import numbered

AIR_BELOW_HU = -900.0
"""Mean HU round a lesion below which it may lie in the air beside the patient; lung is mostly above."""

BODY_ABOVE_HU = -500.0
"""Half way between air (-1000) and water (0), as usual for skin surfaces."""

SURROUNDINGS_MM = 5.0
"""How far round a lesion its surroundings are looked at."""

_NAMED = 5
"""How many lesions a message lists."""

Box = tuple[slice, slice, slice]
"""Part of an array (K, J, I)."""


@dataclass(frozen=True, eq=False)
class Lesion:
    """One connected component of a lesion mask.

    number: 1, 2, ... in the order of label values, then from the first slice on. label: its value in the layer.
    box: the smallest box of the scan's array (K, J, I) that holds it. mask: (K, J, I) bool of that box.
    volume_ml: voxels times voxel volume. diameter_mm: longest distance across it within one axial slice.
    sphere_mm: diameter of the sphere of its volume. center_lps: mean position of its voxels, mm.
    """

    number: int
    label: int
    box: Box
    mask: np.ndarray = field(repr=False)
    volume_ml: float
    diameter_mm: float
    sphere_mm: float
    center_lps: tuple[float, float, float]


def lesions_in(layer: LabelLayer, values: Iterable[int] | None = None) -> tuple[Lesion, ...]:
    """The lesions of a label layer: voxels of one value that touch by face, edge or corner (26 neighbors).

    values: label values that mean lesion; None: every value but 0. Lesions of different values stay apart even
        where they touch.
    Raises InputError if the layer holds no voxel of these values, or is no map of 8 or 16 bits without sign.
    """
    voxels = _label_array(layer)
    wanted = layer.values if values is None else tuple(sorted({int(value) for value in values} - {0}))
    boxes = _value_boxes(voxels, wanted)
    if not boxes:
        raise InputError(_empty(layer, wanted, values is None))
    geometry = Geometry.of(layer.image)
    found: list[Lesion] = []
    for value, box in boxes.items():
        for part, mask in _components(voxels[box] == value):
            place = tuple(slice(b.start + p.start, b.start + p.stop) for b, p in zip(box, part, strict=True))
            found.append(_measured(len(found) + 1, value, place, mask, geometry))
    return tuple(found)


def lesions_of_scan(layer: LabelLayer, image: sitk.Image, values: Iterable[int] | None = None) -> tuple[Lesion, ...]:
    """The lesions of a label layer that belongs to a scan (int16 HU); see `lesions_in`.

    Raises InputError also if the layer lies on another grid than the scan, or if a lesion lies wholly in the air
    beside the patient: nothing can be painted there.
    """
    refuse_other_grid(layer, image)
    lesions = lesions_in(layer, values)
    outside = _outside_body(lesions, image)
    if outside:
        listed = ", ".join(
            f"lesion {one.number} (label {one.label}) at ({', '.join(f'{mm:.0f}' for mm in one.center_lps)}) mm LPS"
            for one in outside[:_NAMED]
        )
        more = f" and {len(outside) - _NAMED} more" if len(outside) > _NAMED else ""
        raise InputError(
            f"lesion mask {layer.name!r}: {len(outside)} of its {len(lesions)} lesions lie in the air outside the "
            f"body: {listed}{more}. Paint inside the patient, or erase these parts (islands) from the mask."
        )
    return lesions


def with_lesions(layers: Sequence[LabelLayer], lesions: LabelLayer) -> list[LabelLayer]:
    """The input's layers, untouched, and the lesions as one more layer under a name that is free.

    Lesions stay in a layer of their own because they overlap organs; so no value of the input changes.
    Raises InputError if a layer lies on another grid than the lesions.
    """
    for layer in layers:
        refuse_other_grid(layer, lesions.image)
    free = numbered(lesions.name, {layer.name for layer in layers})
    return [*layers, replace(lesions, name=free)]


def refuse_other_grid(layer: LabelLayer, image: sitk.Image) -> None:
    """Raise InputError unless the layer lies on the image's grid."""
    own, grid = Geometry.of(layer.image), Geometry.of(image)
    if not own.same_as(grid):
        raise InputError(
            f"label layer {layer.name!r}: it lies on another grid than the scan; read it with the scan as its "
            f"reference, or resample it.\n  labels: {own.describe()}\n  scan:   {grid.describe()}"
        )


def hu_array(image: sitk.Image) -> np.ndarray:
    """The voxels (K, J, I) of a scan, as a view; raises InputError if they are not one finite number each."""
    if image.GetNumberOfComponentsPerPixel() > 1 or image.GetDimension() != 3:
        raise InputError("the scan: a 3-D CT volume with one number per voxel is needed; read it with read_ct.")
    hu = sitk.GetArrayViewFromImage(image)
    if hu.dtype.kind == "f" and not all(np.isfinite(part).all() for part in hu):
        raise InputError(
            "the scan: some of its voxels are not numbers (NaN or infinite); read it with read_ct, which makes "
            "them air."
        )
    return hu


def axial_axis(geometry: Geometry) -> int:
    """Array axis (0 = K, 1 = J, 2 = I) that runs most nearly along the patient's head-foot direction."""
    direction = np.reshape(geometry.direction, (3, 3))
    return 2 - int(np.argmax(np.abs(direction[2])))


def largest_diameter(mask: np.ndarray, spacing: Sequence[float], axis: int = 0) -> float:
    """Longest distance in mm across a mask (K, J, I) within one slice across `axis`; 0 if the mask is empty.

    This is what radiologists measure as the longest diameter (RECIST 1.1, Eisenhauer et al. 2009). As for an
    outline half way between voxel centers, distances run between the middles of the pixels' edges.
    spacing: mm along K, J, I.
    """
    slices = np.moveaxis(mask, axis, 0)
    rows_mm, columns_mm = (spacing[a] for a in range(3) if a != axis)
    return max((_slice_diameter(one, rows_mm, columns_mm) for one in slices if one.any()), default=0.0)


def _slice_diameter(mask: np.ndarray, rows_mm: float, columns_mm: float) -> float:
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows][:, ::-1].argmax(axis=1)
    # The outline's outermost points lie at the ends of the rows: the middles of the pixels' four edges there.
    points = [(rows, first - 0.5), (rows, last + 0.5)]
    points += [(rows + half, ends) for half in (-0.5, 0.5) for ends in (first, last)]
    outline = np.concatenate([np.stack(pair, axis=1) for pair in points]) * (rows_mm, columns_mm)
    return float(pdist(outline[ConvexHull(outline).vertices]).max())


def _label_array(layer: LabelLayer) -> np.ndarray:
    if layer.image.GetPixelID() not in (sitk.sitkUInt8, sitk.sitkUInt16):
        raise InputError(
            f"label layer {layer.name!r}: its voxels are {layer.image.GetPixelIDTypeAsString()}; a mask holds "
            "whole numbers of 8 or 16 bits without a sign. Save it as a label map."
        )
    return sitk.GetArrayViewFromImage(layer.image)


def _value_boxes(voxels: np.ndarray, wanted: tuple[int, ...]) -> dict[int, Box]:
    """For each wanted value that occurs, the box round its voxels."""
    from scipy import ndimage

    if not wanted:
        return {}
    boxes = ndimage.find_objects(voxels, max_label=max(wanted))
    return {value: boxes[value - 1] for value in wanted if value > 0 and boxes[value - 1] is not None}


def _components(mask: np.ndarray) -> list[tuple[Box, np.ndarray]]:
    from scipy import ndimage

    numbers, _ = ndimage.label(mask, structure=np.ones((3, 3, 3), bool))
    boxes = ndimage.find_objects(numbers)
    return [(box, numbers[box] == number) for number, box in enumerate(boxes, start=1)]


def _measured(number: int, label: int, box: Box, mask: np.ndarray, geometry: Geometry) -> Lesion:
    spacing = geometry.spacing[::-1]
    volume = float(mask.sum() * np.prod(spacing))
    center = np.argwhere(mask).mean(axis=0) + [part.start for part in box]
    matrix = geometry.matrix()
    return Lesion(
        number=number,
        label=label,
        box=box,
        mask=mask,
        volume_ml=volume / 1000,
        diameter_mm=largest_diameter(mask, spacing, axial_axis(geometry)),
        sphere_mm=float(np.cbrt(6 * volume / np.pi)),
        center_lps=tuple(map(float, matrix[:3, :3] @ center[::-1] + matrix[:3, 3])),
    )


def _empty(layer: LabelLayer, wanted: tuple[int, ...], everything: bool) -> str:
    if everything:
        return f"lesion mask {layer.name!r}: it is empty, no voxel is labeled; paint a lesion first."
    found = ", ".join(map(str, layer.values[:_NAMED])) or "no label at all"
    return (
        f"lesion mask {layer.name!r}: no voxel has the label {' or '.join(map(str, wanted)) or 0}; it holds {found}. "
        "Choose one of these, or paint a lesion first."
    )


def _outside_body(lesions: Sequence[Lesion], image: sitk.Image) -> list[Lesion]:
    """Lesions in air that reaches the border of the axial slices: air inside the body is enclosed by it.

    Only lesions whose surroundings are thinner than lung are asked that, so that lung which a small field of
    view cuts open at its border still counts as body.
    """
    from scipy import ndimage

    geometry = Geometry.of(image)
    axis = axial_axis(geometry)
    hu = hu_array(image)

    @cache
    def open_air(index: int) -> np.ndarray:
        numbers, _ = ndimage.label(np.take(hu, index, axis) < BODY_ABOVE_HU)
        edges = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
        return np.isin(numbers, np.setdiff1d(edges, 0))

    outside = []
    reach = [int(np.ceil(SURROUNDINGS_MM / mm)) for mm in geometry.spacing[::-1]]
    for lesion in lesions:
        wide = tuple(slice(max(0, b.start - r), b.stop + r) for b, r in zip(lesion.box, reach, strict=True))
        if hu[wide].mean() >= AIR_BELOW_HU:
            continue
        across = [part for a, part in enumerate(lesion.box) if a != axis]
        air = np.stack([open_air(k)[tuple(across)] for k in range(lesion.box[axis].start, lesion.box[axis].stop)])
        if air[np.moveaxis(lesion.mask, axis, 0)].mean() > 0.5:
            outside.append(lesion)
    return outside
