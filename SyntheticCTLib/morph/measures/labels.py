"""What became of each label: its volume against the one foretold, its parts, its lesion's organ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from ...images.geometry import Geometry
from ...images.labels import LabelLayer, is_lesion
from ..body import shrink_factors
from .comparison import WORK_SPACING_MM, Comparison, index, physical

#: Pieces smaller than this (mm3, a ball of 2.7 mm) are specks of a noisy segmentation, not parts.
SPECK_MM3 = 10.0

#: Labels whose box has at most so many voxels have their parts counted voxel by voxel, larger ones on the
#: work grid, where pieces nearer to each other than about 3 mm count as one.
FINE_BOX_VOXELS = 2_000_000

#: A lesion lies in the organ that holds more than this share of it or, in its own layer, of its surroundings.
IN_ORGAN_SHARE = 0.5

#: Depth of the surroundings that are looked at to find a lesion's organ in its own layer, mm.
SURROUNDINGS_MM = 4.0


@dataclass(frozen=True)
class LabelChange:
    """One label before and after the morph.

    title: "layer.name", or "layer.value" where the value has no name of its own. Volumes in mm3. `foretold`:
    the Jacobian of the forward map integrated over the source label, without what is pushed off the output
    grid, which is `cut_percent` of the whole. `parts_*`: connected components (26 neighbors) without specks.
    factor_low, factor_mean, factor_high: output volume per source volume over the label (least and largest on
    the work grid). `lost_organs`: of a lesion, titles of the labels that held it before and no longer do.
    """

    layer: int
    value: int
    title: str
    lesion: bool
    before: float
    after: float
    foretold: float
    cut_percent: float
    parts_before: int
    parts_after: int
    factor_low: float
    factor_mean: float
    factor_high: float
    lost_organs: tuple[str, ...] = ()

    @property
    def vanished(self) -> bool:
        """Whether nothing is left of a label that should be in the result."""
        return self.after == 0 and self.foretold > 0

    @property
    def ratio(self) -> float | None:
        """Volume after over volume foretold; None where nothing was foretold."""
        return self.after / self.foretold if self.foretold > 0 else None


def label_changes(
    c: Comparison, before: Sequence[LabelLayer], after: Sequence[LabelLayer]
) -> list[LabelChange]:
    """Every label of every source layer, paired with the layer of the same name in the result.

    A layer that is missing from the result counts as all its labels having vanished.
    """
    moved = {layer.name: layer for layer in after}
    boxes_before = {layer.name: _boxes(layer.image) for layer in before}
    boxes_after = {layer.name: _boxes(layer.image) for layer in after}
    changes, maps = [], {}
    for number, layer in enumerate(before):
        grid = _Blocks(layer.image)
        if grid.geometry not in maps:
            maps[grid.geometry] = _forward_factor(c, grid), _stays_on_grid(c, grid)
        result, boxes = moved.get(layer.name), boxes_after.get(layer.name, {})
        for value, box in boxes_before[layer.name].items():
            change = _change(
                number, value, layer, result, box, boxes.get(value), grid, *maps[grid.geometry]
            )
            if change.lesion and change.after > 0:
                held = _organs(before, layer, value, box)
                kept = _organs(after, result, value, boxes[value])
                change = replace(change, lost_organs=tuple(organ for organ in held if organ not in kept))
            changes.append(change)
    return changes


class _Blocks:
    """The label grid cut into whole-voxel blocks of about WORK_SPACING_MM, the last ones partly empty."""

    def __init__(self, image: sitk.Image):
        self.factors = np.array(shrink_factors(image.GetSpacing(), WORK_SPACING_MM)[::-1])
        self.shape = -(-np.array(image.GetSize()[::-1]) // self.factors)
        self.voxel_mm3 = float(np.prod(image.GetSpacing()))
        origin = physical(image, ((self.factors - 1) / 2)[None])[0]
        self.geometry = Geometry(
            tuple(int(n) for n in self.shape[::-1]),
            tuple(float(s * f) for s, f in zip(image.GetSpacing(), self.factors[::-1], strict=True)),
            tuple(float(v) for v in origin),
            image.GetDirection(),
        )

    def count(self, mask: np.ndarray, box: tuple[slice, ...]) -> tuple[np.ndarray, tuple[slice, ...]]:
        """Voxels per block of a mask given on `box` of the label grid, and the box of blocks they are on."""
        start = np.array([s.start for s in box])
        lead = start % self.factors
        tail = -(start + mask.shape) % self.factors
        padded = np.pad(mask, list(zip(lead, tail, strict=True)))
        first = start // self.factors
        for axis, factor in enumerate(self.factors):
            padded = np.add.reduceat(
                padded, np.arange(0, padded.shape[axis], factor), axis=axis, dtype=np.int32
            )
        return padded, tuple(slice(f, f + n) for f, n in zip(first, padded.shape, strict=True))


def _change(number, value, layer, moved, box, box_after, grid, factor, staying) -> LabelChange:
    mask = _mask(layer.image, box, value)
    counts, blocks = grid.count(mask, box)
    volume = counts * grid.voxel_mm3
    local = factor[blocks]
    whole = float((volume * local).sum())
    foretold = float((volume * local * staying[blocks]).sum())
    held = local[counts > 0]
    fine = mask.size <= FINE_BOX_VOXELS
    after, parts_after = 0.0, 0
    if box_after is not None:
        mask_after = _mask(moved.image, box_after, value)
        grid_after = _Blocks(moved.image)
        after = float(np.count_nonzero(mask_after)) * grid_after.voxel_mm3
        parts_after = _parts(mask_after, box_after, grid_after, fine)
    return LabelChange(
        layer=number,
        value=value,
        title=title(layer, value),
        lesion=is_lesion(layer, value),
        before=float(volume.sum()),
        after=after,
        foretold=foretold,
        cut_percent=100.0 * (1 - foretold / whole) if whole > 0 else 0.0,
        parts_before=_parts(mask, box, grid, fine),
        parts_after=parts_after,
        factor_low=float(held.min()),
        factor_mean=whole / float(volume.sum()),
        factor_high=float(held.max()),
    )


def title(layer: LabelLayer, value: int) -> str:
    """Name of a label in reports: layer and label name, or the value where that is missing or not unique."""
    name = layer.names.get(value, "")
    alone = list(layer.names.values()).count(name) == 1
    return f"{layer.name}.{name if name and alone else value}"


def _boxes(image: sitk.Image) -> dict[int, tuple[slice, ...]]:
    """Non-zero values present, each with the box of array indices it fills."""
    from scipy import ndimage

    found = ndimage.find_objects(sitk.GetArrayViewFromImage(image))
    return {number + 1: box for number, box in enumerate(found) if box is not None}


def _mask(image: sitk.Image, box: tuple[slice, ...], value: int) -> np.ndarray:
    return sitk.GetArrayViewFromImage(image)[box] == value


def _forward_factor(c: Comparison, grid: _Blocks) -> np.ndarray:
    """Output volume per source volume at the block centers."""
    return sitk.GetArrayFromImage(c.path.inverse_jacobian(c.t, grid.geometry, grid=c.frame))


def _stays_on_grid(c: Comparison, grid: _Blocks) -> np.ndarray:
    """Whether the tissue of a block is still on the grid of the result."""
    forward = sitk.GetArrayFromImage(c.path.inverse_field(c.t, grid.geometry, grid=c.frame))
    here = grid.geometry.new_image(sitk.sitkUInt8)
    nodes = np.indices(forward.shape[:3], dtype=np.float32).reshape(3, -1).T
    at = index(c.result, physical(here, nodes) + forward.reshape(-1, 3))
    inside = ((at >= -0.5) & (at <= np.array(c.result.GetSize()[::-1]) - 0.5)).all(axis=1)
    return inside.reshape(forward.shape[:3])


def _parts(mask: np.ndarray, box: tuple[slice, ...], grid: _Blocks, fine: bool) -> int:
    """Connected components that are not specks."""
    from scipy import ndimage

    voxels = mask.astype(np.int32) if fine else grid.count(mask, box)[0]
    parts, count = ndimage.label(voxels > 0, structure=np.ones((3, 3, 3)))
    if count == 0:
        return 0
    sizes = np.bincount(parts.ravel(), weights=voxels.ravel())[1:] * grid.voxel_mm3
    # A label that is nothing but specks is still there.
    return max(1, int(np.count_nonzero(sizes >= SPECK_MM3)))


def _organs(layers: Sequence[LabelLayer], own: LabelLayer, value: int, box: tuple[slice, ...]) -> list[str]:
    """Titles of the labels, lesions left out, that hold the lesion `value` (in `box`) of the layer `own`."""
    reach = [int(np.ceil(SURROUNDINGS_MM / s)) for s in own.image.GetSpacing()[::-1]]
    shape = own.image.GetSize()[::-1]
    wide = tuple(
        slice(max(0, b.start - r), min(n, b.stop + r)) for b, r, n in zip(box, reach, shape, strict=True)
    )
    lesion = _mask(own.image, wide, value)
    organs = []
    for layer in layers:
        where = _surroundings(lesion, own.image) if layer is own else lesion
        values, counts = np.unique(sitk.GetArrayViewFromImage(layer.image)[wide][where], return_counts=True)
        for organ, count in zip(values, counts, strict=True):
            if organ and count > IN_ORGAN_SHARE * counts.sum() and not is_lesion(layer, int(organ)):
                organs.append(title(layer, int(organ)))
    return organs


def _surroundings(lesion: np.ndarray, image: sitk.Image) -> np.ndarray:
    """The voxels within SURROUNDINGS_MM of the lesion that are not lesion."""
    from scipy import ndimage

    distance = ndimage.distance_transform_edt(~lesion, sampling=image.GetSpacing()[::-1])
    return ~lesion & (distance <= SURROUNDINGS_MM)
