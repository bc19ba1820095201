"""What became of each label: its volume against the one foretold, its parts, its lesion's organ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from ...images.geometry import Geometry
from ...images.labels import LabelLayer, is_lesion
from .comparison import Comparison, index, physical
from .label_map import LabelMap

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
    maps_before = {layer.name: LabelMap(layer.image) for layer in before}
    maps_after = {layer.name: LabelMap(layer.image) for layer in after}
    changes, forward = [], {}
    for number, layer in enumerate(before):
        old, new = maps_before[layer.name], maps_after.get(layer.name)
        if old.geometry not in forward:
            forward[old.geometry] = _forward_factor(c, old.geometry), _stays_on_grid(c, old.geometry)
        for value in old.boxes:
            change = _change(number, layer, value, old, new, *forward[old.geometry])
            if change.lesion and change.after > 0:
                held = _organs(before, maps_before, layer.name, value)
                kept = _organs(after, maps_after, layer.name, value)
                change = replace(change, lost_organs=tuple(organ for organ in held if organ not in kept))
            changes.append(change)
    return changes


def _change(
    number: int,
    layer: LabelLayer,
    value: int,
    old: LabelMap,
    new: LabelMap | None,
    factor: np.ndarray,
    staying: np.ndarray,
) -> LabelChange:
    counts, blocks = old.count(value)
    volume = counts * old.voxel_mm3
    local = factor[blocks]
    whole = float((volume * local).sum())
    foretold = float((volume * local * staying[blocks]).sum())
    held = local[counts > 0]
    fine = old.box_voxels(value) <= FINE_BOX_VOXELS
    after, parts_after = 0.0, 0
    if new is not None and value in new.boxes:
        counts_after, _ = new.count(value)
        after = float(counts_after.sum()) * new.voxel_mm3
        parts_after = new.parts(value, counts_after, fine)
    return LabelChange(
        layer=number,
        value=value,
        title=title(layer, value),
        lesion=is_lesion(layer, value),
        before=float(volume.sum()),
        after=after,
        foretold=foretold,
        cut_percent=100.0 * (1 - foretold / whole) if whole > 0 else 0.0,
        parts_before=old.parts(value, counts, fine),
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


def _forward_factor(c: Comparison, blocks: Geometry) -> np.ndarray:
    """Output volume per source volume at the block centers."""
    return sitk.GetArrayFromImage(c.path.inverse_jacobian(c.t, blocks, grid=c.frame))


def _stays_on_grid(c: Comparison, blocks: Geometry) -> np.ndarray:
    """Whether the tissue of a block is still on the grid of the result."""
    forward = sitk.GetArrayFromImage(c.path.inverse_field(c.t, blocks, grid=c.frame))
    here = blocks.new_image(sitk.sitkUInt8)
    nodes = np.indices(forward.shape[:3], dtype=np.float32).reshape(3, -1).T
    at = index(c.result, physical(here, nodes) + forward.reshape(-1, 3))
    inside = ((at >= -0.5) & (at <= np.array(c.result.GetSize()[::-1]) - 0.5)).all(axis=1)
    return inside.reshape(forward.shape[:3])


def _organs(
    layers: Sequence[LabelLayer], maps: Mapping[str, LabelMap], lesion_layer: str, value: int
) -> list[str]:
    """Titles of the labels, lesions left out, that hold the lesion `value` of the layer `lesion_layer`."""
    own = maps[lesion_layer]
    spacing = own.image.GetSpacing()[::-1]
    wide = tuple(
        slice(max(0, side.start - margin), side.stop + margin)
        for side, margin in zip(
            own.boxes[value], (int(np.ceil(SURROUNDINGS_MM / s)) for s in spacing), strict=True
        )
    )
    lesion = own.array[wide] == value
    organs = []
    for layer in layers:
        where = _surroundings(lesion, spacing) if layer.name == lesion_layer else lesion
        values, counts = np.unique(maps[layer.name].array[wide][where], return_counts=True)
        for organ, count in zip(values, counts, strict=True):
            if organ and count > IN_ORGAN_SHARE * counts.sum() and not is_lesion(layer, int(organ)):
                organs.append(title(layer, int(organ)))
    return organs


def _surroundings(lesion: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """The voxels within SURROUNDINGS_MM of the lesion that are not lesion. `spacing` in array order, mm."""
    from scipy import ndimage

    distance = ndimage.distance_transform_edt(~lesion, sampling=spacing)
    return ~lesion & (distance <= SURROUNDINGS_MM)
