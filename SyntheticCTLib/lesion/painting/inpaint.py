"""Paints lesions into a scan: only the masked voxels change, and their noise is that of the surroundings.

Every lesion is painted for itself, in the scan as it was given: what one lesion looks like does not depend on the
others in the mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import SimpleITK as sitk

from ...errors import InputError, SyntheticCTError
from ...images import AIR_HU, MAX_HU, Geometry, LabelLayer
from ..density_kinds import ANY
from ..masks import AIR_BELOW_HU, SURROUNDINGS_MM, Lesion, lesions_in, lesions_of_scan, refuse_other_grid
from .noise import Surroundings
from .noise_match import NoiseMatch, match_noise
from .region import BodyOrder, Box, WorkingGrid, bring_back, cut, cut_region
from .suitability import unsuitable_lesions, unsuitable_spacing

if TYPE_CHECKING:
    from ..model_files import Model

CONTEXT_MM = 14.0
"""How far beyond a lesion the painter sees; a model's card may say otherwise (`context_mm`)."""

CHAINED_WITHIN_MM = 4.0
"""Slices at most this far apart are painted each in view of the next one; thicker ones differ too much."""

_NOISE_REACH_MM = 45.0
"""How far beyond a lesion, in its slices, noise is measured."""

_NOISE_SLICES = 8
"""Slices, the middle ones of a lesion, whose surroundings are measured."""

_ROOM = 3
"""Pixels round a lesion that the measuring of its noise needs."""

_PLACE_STEP_MM = 0.1
_PLACE_OFFSET = 0.137
"""A lesion's seed goes by its place in steps of this; the offset keeps usual voxel positions off the rounding edge."""


class PaintsRegions(Protocol):
    """What is needed of a painter; `painter.Painter` is one."""

    model: Any
    """Its `card` says what it was trained on."""

    def paint(self, hu: np.ndarray, mask: np.ndarray, seed: int | None = None, *, chain: bool = True) -> np.ndarray:
        """HU (K, J, I) of a region with a lesion painted into the mask."""
        ...


@dataclass(frozen=True)
class PaintedLesion:
    """A lesion as it was painted. noise: what was measured and made up for."""

    lesion: Lesion
    noise: NoiseMatch


@dataclass(frozen=True)
class Painting:
    """A painted scan. image: sitkInt16 on the input's grid. warnings: sentences for the user, where a lesion or the
    scan is unlike what the model was trained on."""

    image: sitk.Image
    lesions: tuple[PaintedLesion, ...]
    warnings: tuple[str, ...]


def inpaint(
    image: sitk.Image,
    mask: LabelLayer | sitk.Image,
    model: str | Model | PaintsRegions,
    seed: int | None = None,
    density: str = ANY,
) -> sitk.Image:
    """The scan with lesions painted where the mask says; every voxel outside the mask is what it was.

    image: 3-D, sitkInt16 HU. mask: label map on its grid; its connected components are the lesions. model: a name
    or folder, or a loaded model or painter. seed: another one, another plausible lesion; None for the likeliest.
    density: "solid", "part-solid" or "ground-glass"; "any" for one as real lesions have; "foretold" for what the
    surroundings tell, where a lesion is that shall be painted over (painters have settled that).
    Raises InputError; see `paint_lesions`, which also tells what was painted.
    """
    return paint_lesions(image, mask, _painter(model, density), seed).image


def paint_lesions(
    image: sitk.Image,
    mask: LabelLayer | sitk.Image,
    model: str | Model | PaintsRegions,
    seed: int | None = None,
    *,
    values: Iterable[int] | None = None,
    progress: Callable[[str, float | None], None] = lambda stage, done: None,
) -> Painting:
    """As `inpaint`, and tell what was painted and where the model may be out of its depth.

    values: label values that mean lesion; None for all. progress: told the stage and the share done.
    Raises InputError if the image is no CT, the mask is empty, on another grid or outside the body, or the model
    cannot be loaded.
    """
    _refuse_other_than_ct(image)
    if seed is not None and seed < 0:
        raise InputError(f"seed is {seed}; expected is a whole number from 0 on, or None.")
    layer = mask if isinstance(mask, LabelLayer) else LabelLayer("lesion", mask)
    lesions = _lesions(image, layer, values)
    painter = _painter(model, ANY)
    work = _Canvas(image, painter, seed)
    painted = []
    for number, lesion in enumerate(lesions):
        progress(_stage(number, lesions), number / len(lesions))
        painted.append(PaintedLesion(lesion, work.paint(lesion)))
    progress("painting", 1.0)
    warnings = unsuitable_spacing(painter.model.card, work.grid, work.order)
    warnings += unsuitable_lesions(painter.model.card, image, lesions)
    return Painting(work.result, tuple(painted), tuple(warnings))


class _Canvas:
    """A scan that lesions are painted into; `result` is its copy with those so far."""

    def __init__(self, image: sitk.Image, painter: PaintsRegions, seed: int | None) -> None:
        card = painter.model.card
        self._painter = painter
        self._seed = seed
        self._image = image
        self.order = BodyOrder.of(Geometry.of(image))
        self.grid = WorkingGrid.of(self.order, card["spacing"].get("in_plane_mm"))
        self._margin = float(card.get("context_mm", CONTEXT_MM))
        self.result = sitk.Image(image)
        self.result.MakeUnique()  # else the next look at the original's voxels would move them

    def paint(self, lesion: Lesion) -> NoiseMatch:
        """Put one lesion into the result."""
        scan = self.order.turn(sitk.GetArrayViewFromImage(self._image))
        box = self.order.turned_box(lesion.box, scan.shape)
        mask = self.order.turn(lesion.mask)
        painter_seed, noise_seed = self._seeds(mask, box)
        region = cut_region(scan, mask, box, self.grid, self._margin)
        chain = region.spacing[0] <= CHAINED_WITHIN_MM
        painted = self._painter.paint(region.hu, region.mask, painter_seed, chain=chain)
        where = np.argwhere(mask).T + np.array([[part.start] for part in box])
        values = bring_back(painted, region, where)
        if not np.isfinite(values).all():
            raise SyntheticCTError(
                f"The model {self._painter.model.card['name']} painted values that are no numbers into the lesion at "
                f"{_at(lesion)}; nothing was written. Use another model."
            )
        values, noise = _with_noise(scan, mask, box, values, self.order, np.random.default_rng(noise_seed))
        self._put(lesion, mask, values)
        return noise

    def _seeds(self, mask: np.ndarray, box: Box) -> tuple[int | None, np.random.SeedSequence]:
        """Seeds of painter and noise, from the lesion's place in the patient: neither the other lesions nor the order
        in which the voxels are stored matter."""
        first = np.add(np.unravel_index(int(np.argmax(mask)), mask.shape), [part.start for part in box])
        place = (self.order.matrix @ [*first, 1])[:3]
        steps = np.rint(place / _PLACE_STEP_MM + _PLACE_OFFSET).astype(np.int64)
        root = np.random.SeedSequence([self._seed or 0, *(int(step) % 2**32 for step in steps)])
        for_painter, for_noise = root.spawn(2)
        return None if self._seed is None else int(for_painter.generate_state(1)[0]), for_noise

    def _put(self, lesion: Lesion, mask: np.ndarray, values: np.ndarray) -> None:
        """Write the lesion's HU, in the order of `mask` (turned), into the result."""
        part = tuple(slice(b.start, b.stop) for b in reversed(lesion.box))
        crop = sitk.GetArrayFromImage(self.result[part])
        self.order.turn(crop)[mask] = np.clip(np.rint(values), AIR_HU, MAX_HU)
        self.result[part] = sitk.GetImageFromArray(crop)


def _with_noise(
    scan: np.ndarray, mask: np.ndarray, box: Box, values: np.ndarray, order: BodyOrder, rng: np.random.Generator
) -> tuple[np.ndarray, NoiseMatch]:
    """The painted HU of a lesion's voxels with the noise of what lies round it in the scan (turned)."""
    first = np.array([part.start for part in box]) - [0, _ROOM, _ROOM]
    last = np.array([part.stop for part in box]) + [0, _ROOM, _ROOM]
    lesion = np.pad(mask, [(0, 0), (_ROOM, _ROOM), (_ROOM, _ROOM)])
    painted = cut(scan, first, last).astype(np.float32)
    painted[lesion] = values
    reach = np.ceil(np.divide(_NOISE_REACH_MM, order.spacing)).astype(int)
    middle = (box[0].start + box[0].stop) // 2
    start = np.maximum([max(box[0].start, middle - _NOISE_SLICES // 2), *(first - reach)[1:]], 0)
    stop = np.minimum([min(box[0].stop, start[0] + _NOISE_SLICES), *(last + reach)[1:]], scan.shape)
    wide = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    own = np.zeros(stop - start, bool)
    rows, columns = (slice(box[axis].start - start[axis], box[axis].stop - start[axis]) for axis in (1, 2))
    own[:, rows, columns] = mask[start[0] - box[0].start : stop[0] - box[0].start]
    matched, found = match_noise(painted, lesion, Surroundings(scan[wide], own), rng)
    return matched[lesion], found


def _lesions(image: sitk.Image, layer: LabelLayer, values: Iterable[int] | None) -> tuple[Lesion, ...]:
    """The mask's lesions, looked for in the part of the scan that holds any: a whole scan takes half a second."""
    refuse_other_grid(layer, image)
    part = _filled(sitk.GetArrayViewFromImage(layer.image))
    if part is None:
        return lesions_of_scan(layer, image, values)  # which says what is wrong
    few = replace(layer, image=layer.image[tuple(reversed(part))])
    found = tuple(replace(one, box=_moved(one.box, part)) for one in lesions_in(few, values))
    if any(_amid_air(image, one) for one in found):
        return lesions_of_scan(layer, image, values)  # which looks whether that is inside the body
    return found


def _filled(labels: np.ndarray) -> Box | None:
    """The box round all that is labeled; None if nothing is."""
    planes = np.flatnonzero(labels.any(axis=(1, 2)))
    if not len(planes):
        return None
    k = slice(int(planes[0]), int(planes[-1]) + 1)
    rows = np.flatnonzero(labels[k].any(axis=(0, 2)))
    columns = np.flatnonzero(labels[k, rows[0] : rows[-1] + 1].any(axis=(0, 1)))
    return k, slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _moved(box: Box, part: Box) -> Box:
    k, j, i = (slice(b.start + p.start, b.stop + p.start) for b, p in zip(box, part, strict=True))
    return k, j, i


def _amid_air(image: sitk.Image, lesion: Lesion) -> bool:
    """Whether what is round a lesion is so thin that it may be the air beside the patient."""
    reach = [int(np.ceil(SURROUNDINGS_MM / mm)) for mm in Geometry.of(image).spacing[::-1]]
    wide = tuple(slice(max(0, b.start - r), b.stop + r) for b, r in zip(lesion.box, reach, strict=True))
    return bool(sitk.GetArrayViewFromImage(image)[wide].mean() < AIR_BELOW_HU)


def _painter(model: str | Model | PaintsRegions, density: str) -> PaintsRegions:
    if hasattr(model, "paint"):
        return model
    from ..model_files import Model, load_model
    from .painter import Painter

    return Painter(model if isinstance(model, Model) else load_model(model), density=density)


def _refuse_other_than_ct(image: sitk.Image) -> None:
    if image.GetDimension() != 3 or image.GetPixelID() != sitk.sitkInt16:
        raise InputError(
            f"The scan to paint into has {image.GetDimension()} dimensions and voxels of "
            f"{image.GetPixelIDTypeAsString()}; expected are 3 and Hounsfield units as 16-bit signed integers. Read it "
            "with read_ct."
        )


def _stage(number: int, lesions: Sequence[Lesion]) -> str:
    return "painting" if len(lesions) == 1 else f"painting lesion {number + 1} of {len(lesions)}"


def _at(lesion: Lesion) -> str:
    return f"({', '.join(f'{mm:.0f}' for mm in lesion.center_lps)}) mm LPS"
