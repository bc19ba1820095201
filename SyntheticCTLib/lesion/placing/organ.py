"""The organ that lesions are placed in: where it is, what tissue it is made of, and what must be kept clear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from ...images import Geometry, LabelLayer, is_lesion
from ..masks import axial_axis, hu_array, refuse_other_grid
from .shapes import Shape, tight_box

LUNG_BELOW_HU = -500.0
"""An organ whose median is below this is lung."""

LUNG_VESSEL_HU = -400.0
"""In lung, what is denser belongs to vessels, walls of airways or disease."""

LUNG_SHARE = 0.03
"""Share of a lesion in lung that may lie on such voxels: thin vessels run through every cubic centimeter of it,
and real nodules lie across them."""

ORGAN_SHARE = 0.03
"""The same for any other organ, of voxels whose HU are not the organ's own."""

TYPICAL_DEVIATIONS = 3.0
"""Voxels further than this many robust standard deviations from the organ's median are not its tissue, but fat,
vessel, bone, contrast, gas or disease; of normally distributed noise 0.3 % are."""

MIN_HALF_RANGE_HU = 50.0
"""Smallest half width of that range: an organ's tissue differs by as much from place to place."""

SMALL_HOLE_MM = 8.0
"""Holes in an axial slice of the mask, of less area than a disc this wide, belong to the organ: they are the
vessels that thresholds leave out. The rules for HU and exclusion still see them."""

CELL_MM = 2.0
"""Size of the cells on which centers are looked for; every place found is then tested voxel by voxel."""

LARGE_MM = 60.0
CELLS_ACROSS = 30
"""Lesions at least this wide are first looked for with cells as coarse as this many across them: few of their shapes
fit, and each takes seconds to be drawn and tried on voxels."""


@dataclass(frozen=True)
class HURule:
    """Of a lesion's voxels at most `share` may lie on tissue below `low` or above `high` HU (None: no limit)."""

    low: float | None
    high: float | None
    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InputError(f"HU rule: a share of {self.share} was given; a number from 0 to 1 is needed.")

    def broken_by(self, hu: np.ndarray) -> np.ndarray:
        """Which voxels (of any shape) lie outside the range, bool."""
        outside = np.zeros(hu.shape, bool)
        if self.low is not None:
            outside |= hu < self.low
        if self.high is not None:
            outside |= hu > self.high
        return outside

    def describe(self) -> str:
        """The range in words, for messages."""
        low = "" if self.low is None else f"below {self.low:.0f} HU"
        high = "" if self.high is None else f"above {self.high:.0f} HU"
        return " or ".join(part for part in (low, high) if part) or "outside no range"


def typical_rule(hu: np.ndarray) -> HURule:
    """The rule for an organ from the HU of its voxels: lung excludes vessels, others what is not their tissue."""
    sample = hu[:: max(1, hu.size // 1_000_000)].astype(np.float64)
    median = float(np.median(sample))
    if median < LUNG_BELOW_HU:
        return HURule(None, LUNG_VESSEL_HU, LUNG_SHARE)
    spread = 1.4826 * float(np.median(np.abs(sample - median)))
    half = max(MIN_HALF_RANGE_HU, TYPICAL_DEVIATIONS * spread)
    return HURule(median - half, median + half, ORGAN_SHARE)


class Organ:
    """An organ of a scan cut out with some room round it, as arrays (K, J, I) of bool.

    start: index (K, J, I) in the scan of the arrays' first voxel; may be negative, the room has no voxels there.
    inside: the organ. excluded: voxels of the layers to keep off. occupied: lesions, those placed included.
    untypical: voxels that the HU rule counts. names of arrays as in `placement`.
    """

    def __init__(
        self,
        image: sitk.Image,
        layer: LabelLayer,
        values: Iterable[int] | None = None,
        *,
        lesion_values: Iterable[int] = (),
        exclude: Sequence[LabelLayer] = (),
        existing: Sequence[LabelLayer] = (),
        hu_rule: HURule | None = None,
        room_mm: float = 5.0,
    ) -> None:
        """Cut the organ out.

        values: labels that are the organ; None: all that are no lesions. lesion_values: labels of `layer` that are
        lesions besides those called so. exclude, existing: layers whose labels are to be kept off, and lesions
        already there; labels of `layer` and `exclude` that are called lesions count as such too.
        Raises InputError for layers on another grid, an empty organ, labels that are both organ and lesion or
        are not there, or an image that is no finite HU.
        """
        hu = hu_array(image)
        for one in (layer, *exclude, *existing):
            refuse_other_grid(one, image)
        self.name = layer.name
        self.geometry = Geometry.of(image)
        asked = None if values is None else {int(value) for value in values}
        lesions = _called_lesions(layer) | _lesions_said(layer, lesion_values, asked or set())
        chosen = set(layer.values) - lesions if asked is None else asked
        voxels = sitk.GetArrayViewFromImage(layer.image)
        mask = _any_of(voxels, chosen - {0})
        if not mask.any():
            found = ", ".join(map(str, layer.values[:10])) or "none"
            raise InputError(
                f"organ {layer.name!r}: no voxel has the label(s) {sorted(chosen) or 'asked for'}; it holds {found}. "
                "Choose one of these."
            )
        box = tight_box(mask)
        room = [int(np.ceil(room_mm / mm)) for mm in self.geometry.spacing[::-1]]
        self.start = np.array([part.start - r for part, r in zip(box, room, strict=True)])
        self.shape = tuple(part.stop - part.start + 2 * r for part, r in zip(box, room, strict=True))
        self.rule = hu_rule or typical_rule(hu[mask])
        self.untypical = self._cut(self.rule.broken_by(hu[self._part(hu.shape)]), hu.shape)
        self.inside = self._cut(mask[self._part(hu.shape)], hu.shape)
        _fill_small_holes(self.inside, self.geometry)
        self.excluded = self._union(exclude)
        self.occupied = self._union(existing)
        self._occupy(layer, lesions - chosen)
        for one in exclude:
            self._occupy(one, _called_lesions(one))
        self._cells = _Cells(self.inside, self.geometry, CELL_MM)

    def centers(self, clearance_mm: float) -> Centers:
        """Where a ball of this radius may fit in the organ."""
        return self._cells.with_clearance(clearance_mm)

    def centers_of(self, shape: Shape, margin_mm: float) -> Centers:
        """Where a large shape may fit in the organ with a margin round it."""
        return _Cells(self.inside, self.geometry, shape.diameter_mm / CELLS_ACROSS).with_room_for(shape, margin_mm)

    @property
    def widest_ball_mm(self) -> float:
        """About the diameter of the largest ball that fits in the organ."""
        return 2 * float(self._cells.distance.max())

    def _occupy(self, layer: LabelLayer, values: set[int]) -> None:
        """Note the lesions that labels of a layer are."""
        if values:
            voxels = sitk.GetArrayViewFromImage(layer.image)
            self.occupied |= self._cut(_any_of(voxels[self._part(voxels.shape)], values), voxels.shape)

    def _part(self, size: tuple[int, ...]) -> tuple[slice, ...]:
        return tuple(slice(max(0, s), min(n, s + w)) for s, w, n in zip(self.start, self.shape, size, strict=True))

    def _cut(self, values: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
        """Values of the scan's part, with False where the room reaches beyond the scan."""
        result = np.zeros(self.shape, bool)
        part = self._part(size)
        result[tuple(slice(p.start - s, p.stop - s) for p, s in zip(part, self.start, strict=True))] = values
        return result

    def _union(self, layers: Sequence[LabelLayer]) -> np.ndarray:
        result = np.zeros(self.shape, bool)
        for layer in layers:
            voxels = sitk.GetArrayViewFromImage(layer.image)
            result |= self._cut(voxels[self._part(voxels.shape)] != 0, voxels.shape)
        return result


@dataclass(frozen=True, eq=False)
class Centers:
    """Cells where the center of a lesion may lie. first: (n, 3) their first voxels (K, J, I). last: those beyond which
    none lies."""

    first: np.ndarray
    last: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def voxel(self, rng: np.random.Generator) -> np.ndarray:
        """A random voxel (K, J, I) of a random cell."""
        cell = rng.integers(len(self.first))
        return rng.integers(self.first[cell], self.last[cell], endpoint=True)


class _Cells:
    """An organ on a coarse grid, and how far its cells lie inside.

    A cell counts as organ if any of its voxels does, so distances are never too short and no place is missed.
    """

    def __init__(self, inside: np.ndarray, geometry: Geometry, cell_mm: float) -> None:
        spacing = np.asarray(geometry.spacing[::-1])
        self.factors = np.maximum(1, np.floor(cell_mm / spacing)).astype(int)
        self._last = np.asarray(inside.shape) - 1
        self._direction = np.reshape(geometry.direction, (3, 3))
        cells = inside
        for axis, factor in enumerate(self.factors):
            cells = np.logical_or.reduceat(cells, np.arange(0, inside.shape[axis], factor), axis=axis)
        self._organ = cells
        self._size = self.factors * spacing
        self._slack = float(np.linalg.norm(self._size))

    @cached_property
    def distance(self) -> np.ndarray:
        """Of each cell to the nearest that is no organ, mm."""
        from scipy import ndimage

        return ndimage.distance_transform_edt(np.pad(self._organ, 1), self._size)[1:-1, 1:-1, 1:-1]

    def with_clearance(self, clearance_mm: float) -> Centers:
        return self._centers((self.distance > 0) & (self.distance + self._slack >= clearance_mm))

    def with_room_for(self, shape: Shape, margin_mm: float) -> Centers:
        from scipy import signal

        core = self._core(shape, margin_mm)
        around = [(n // 2, n // 2) for n in core.shape]
        outside = np.pad(~self._organ, around, constant_values=True).astype(np.float32)
        hits = signal.fftconvolve(outside, core[::-1, ::-1, ::-1].astype(np.float32), mode="valid")
        return self._centers(self._organ & (hits < 0.5))

    def _centers(self, cells: np.ndarray) -> Centers:
        first = np.argwhere(cells) * self.factors
        return Centers(first, np.minimum(first + self.factors - 1, self._last))

    def _core(self, shape: Shape, margin_mm: float) -> np.ndarray:
        """The cells, counted from the center's in the middle, that a shape with its margin covers for sure, wherever
        in its cell the center lies."""
        half = np.linalg.norm(np.multiply(shape.mask.shape[::-1], shape.spacing)) / 2 + margin_mm
        reach = np.ceil(half / self._size).astype(int)
        index = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"))
        steps = (index * self._size.reshape(3, 1, 1, 1))[::-1]
        return shape.sampled(np.tensordot(self._direction, steps, axes=1)) + margin_mm > self._slack


def _called_lesions(layer: LabelLayer) -> set[int]:
    return {value for value in layer.values if is_lesion(layer, value)}


def _lesions_said(layer: LabelLayer, lesion_values: Iterable[int], organ: set[int]) -> set[int]:
    """The labels of an organ's layer that are said to be lesions; InputError if they cannot be."""
    said = {int(value) for value in lesion_values}
    both, missing = said & organ, said - set(layer.values)
    if both:
        raise InputError(f"organ {layer.name!r}: label(s) {sorted(both)} cannot be both the organ and lesions in it.")
    if missing:
        found = ", ".join(map(str, layer.values[:10])) or "none"
        raise InputError(
            f"organ {layer.name!r}: no voxel has the lesion label(s) {sorted(missing)}; it holds {found}. "
            "Choose one of these."
        )
    return said


def _any_of(voxels: np.ndarray, values: set[int]) -> np.ndarray:
    return np.isin(voxels, sorted(values)) if values else np.zeros(voxels.shape, bool)


def _fill_small_holes(mask: np.ndarray, geometry: Geometry) -> None:
    """Fill, in place, holes of less than `SMALL_HOLE_MM` in the axial slices of a mask."""
    from scipy import ndimage

    axis = axial_axis(geometry)
    pixel = float(np.prod([mm for a, mm in enumerate(geometry.spacing[::-1]) if a != axis]))
    largest = np.pi / 4 * SMALL_HOLE_MM**2 / pixel
    for one in np.moveaxis(mask, axis, 0):
        if not one.any():
            continue
        numbers, count = ndimage.label(~one)
        sizes = np.bincount(numbers.ravel(), minlength=count + 1)
        small = sizes <= largest
        small[np.unique(np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]]))] = False
        small[0] = False
        one |= small[numbers]
