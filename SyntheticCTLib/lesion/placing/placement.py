"""Placing lesion shapes in an organ: seeded, inside it, clear of vessels, bone and other lesions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from ...images import Geometry, LabelLayer
from ..masks import lesions_in
from .organ import HURule, Organ
from .search import Search
from .shapes import Shape
from .varying import SIZE_RANGE

LAYER_NAME = "lesions"

GROWN_DIAMETERS_MM = (8.0, 25.0)
"""Diameters of grown lesions where none are asked for."""

MAX_LESIONS = 1000


@dataclass(frozen=True)
class PlacedLesion:
    """What was placed, for the record. It names no file and no patient.

    label: value in the layer. center_lps: mean position of its voxels, mm. center_voxel: i, j, k of the voxel there.
    diameter_mm: longest in an axial slice, as measured; asked_mm: as asked for. shape: `shapes.GROWN`, or
    "harvested" and an opaque number. changes: what `vary` did to that. tries: places tried, this one included.
    """

    label: int
    name: str
    center_lps: tuple[float, float, float]
    center_voxel: tuple[int, int, int]
    diameter_mm: float
    asked_mm: float
    volume_ml: float
    shape: str
    changes: dict = field(hash=False)
    tries: int

    def record(self) -> dict:
        """The same as JSON takes it, lengths rounded to 0.01 mm."""
        values = asdict(self)
        for key in ("diameter_mm", "asked_mm"):
            values[key] = round(values[key], 2)
        values["volume_ml"] = round(self.volume_ml, 4)
        values["center_lps"] = [round(mm, 2) for mm in self.center_lps]
        values["center_voxel"] = list(self.center_voxel)
        return values


class Placement(NamedTuple):
    """The placed lesions as a label layer on the scan's grid (values 1..n), and one record for each.

    missing: of each lesion that found no place, why not; only where `fewer` was asked for.
    """

    layer: LabelLayer
    lesions: tuple[PlacedLesion, ...]
    missing: tuple[str, ...] = ()


def place(
    image: sitk.Image,
    organ: LabelLayer,
    shapes: Sequence[Shape] | None,
    count: int,
    seed: int,
    *,
    organ_values: Iterable[int] | None = None,
    diameter_mm: tuple[float, float] | None = None,
    margin_mm: float = 2.0,
    gap_mm: float = 5.0,
    lesion_values: Iterable[int] = (),
    exclude: Sequence[LabelLayer] = (),
    existing: Sequence[LabelLayer] = (),
    hu_rule: HURule | None = None,
    fewer: bool = False,
    progress: Callable[[str, float | None], None] | None = None,
) -> Placement:
    """Place lesions at random in an organ of a scan; the same seed gives the same bytes.

    image: the scan, int16 HU. organ, organ_values: the layer and its labels that are the organ; None: all labels
        that are no lesions. lesion_values: its labels that are lesions besides those called so.
    shapes: to take and vary (`harvest`); None or empty: grown.
    count: how many, numbered from the largest. diameter_mm: lowest and highest longest axial diameter, drawn
        evenly; None: about the shapes' own, or `GROWN_DIAMETERS_MM`.
    margin_mm: how far inside the organ's surface each lesion stays; the ends of the scan count as surface.
    gap_mm: least distance between lesions, those already there included: `existing` ones, and labels of the organ's
        layer and of `exclude` that are lesions. exclude: layers (vessels, bone) that no lesion may touch.
    hu_rule: what tissue a lesion may cover; None: chosen by the organ's HU (`organ.typical_rule`).
    fewer: whether a lesion that finds no place is left out, and the others stay; there may be none then.
    progress: told what is going on, and the share that is done.
    Raises InputError for parameters out of range, layers on another grid or an empty organ; and if a lesion
    cannot be placed (unless `fewer`), with the number of places that each rule refused and what to change.
    """
    _check(count, seed, diameter_mm, margin_mm, gap_mm)
    streams = np.random.SeedSequence(seed).spawn(count + 1)
    room = Organ(
        image,
        organ,
        organ_values,
        lesion_values=lesion_values,
        exclude=exclude,
        existing=existing,
        hu_rule=hu_rule,
        room_mm=max(margin_mm, gap_mm),
    )
    wanted = _diameters(np.random.default_rng(streams[0]), shapes or (), count, diameter_mm)
    labels = np.zeros(image.GetSize()[::-1], np.uint8 if count <= 255 else np.uint16)
    done: list[tuple[Shape, float, int]] = []
    missing: list[str] = []
    for number, (diameter, stream) in enumerate(zip(wanted, streams[1:], strict=True), start=1):
        if progress:
            progress("placing lesions", (number - 1) / count)
        search = Search(room, shapes or (), diameter, margin_mm, gap_mm, np.random.default_rng(stream))
        try:
            stamp, center = search.run(f"lesion {number} of {count} ({diameter:.1f} mm)")
        except InputError as error:
            if not fewer:
                raise
            missing.append(str(error))
            continue
        indices = tuple((stamp.lesion + center).T)
        room.occupied[indices] = True
        done.append((stamp.shape, diameter, search.tries))
        labels[tuple((stamp.lesion + center + room.start).T)] = len(done)
    layer = _layer(labels, image, len(done))
    return Placement(layer, _records(layer, done) if done else (), tuple(missing))


def _check(count: int, seed: int, diameter_mm: tuple[float, float] | None, margin_mm: float, gap_mm: float) -> None:
    if not 1 <= count <= MAX_LESIONS:
        raise InputError(f"number of lesions {count}: a number from 1 to {MAX_LESIONS} is needed.")
    if seed < 0:
        raise InputError(f"seed {seed}: a whole number that is not negative is needed.")
    if diameter_mm is not None and not (len(diameter_mm) == 2 and 0 < diameter_mm[0] <= diameter_mm[1] < np.inf):
        raise InputError(f"diameter {diameter_mm}: lowest and highest in mm are needed, above 0 and in this order.")
    for name, value in (("margin", margin_mm), ("gap", gap_mm)):
        if not 0 <= value < np.inf:
            raise InputError(f"{name} {value} mm: it must not be negative.")


def _diameters(rng: np.random.Generator, shapes: Sequence[Shape], count: int, asked) -> list[float]:
    """Diameters in mm, the largest first: it finds its place while there is most room."""
    if asked is None and shapes:
        own = [shapes[n].diameter_mm for n in rng.integers(len(shapes), size=count)]
        drawn = own * rng.uniform(*SIZE_RANGE, count)
    else:
        drawn = rng.uniform(*(asked or GROWN_DIAMETERS_MM), count)
    return sorted(map(float, drawn), reverse=True)


def _layer(labels: np.ndarray, image: sitk.Image, count: int) -> LabelLayer:
    result = sitk.GetImageFromArray(labels)
    Geometry.of(image).apply_to(result)
    return LabelLayer(LAYER_NAME, result, {n: f"lesion {n}" for n in range(1, count + 1)})


def _records(layer: LabelLayer, done: Sequence[tuple[Shape, float, int]]) -> tuple[PlacedLesion, ...]:
    to_index = np.linalg.inv(Geometry.of(layer.image).matrix())
    return tuple(
        PlacedLesion(
            label=lesion.label,
            name=layer.names[lesion.label],
            center_lps=lesion.center_lps,
            center_voxel=tuple(np.rint(to_index[:3, :3] @ lesion.center_lps + to_index[:3, 3]).astype(int).tolist()),
            diameter_mm=lesion.diameter_mm,
            asked_mm=asked,
            volume_ml=lesion.volume_ml,
            shape=shape.origin,
            changes=shape.changes,
            tries=tries,
        )
        for lesion, (shape, asked, tries) in zip(lesions_in(layer), done, strict=True)
    )
