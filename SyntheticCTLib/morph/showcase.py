"""Pictures to show: one source morphed to four targets, and source, synthetic CT and target in detail."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..images.geometry import Geometry
from ..images.labels import LabelLayer
from .body import body_mask, shrunk
from .measures.comparison import physical
from .pictures import FAINT, Canvas, edge_letters, scale_bar, show_ct
from .planes import AXIAL, CORONAL, Box, Plane, Window, cut, window_for
from .sheet import MARGIN_MM, PIXEL_MM, Scene, make_scene, point_of_interest

PANEL = 4.2
"""Width of a picture, inches."""

GAP = 0.1
HEAD = 0.55
FOOT = 0.45

FOUR = 4
PLACES = ("upper left", "upper right", "lower left", "lower right")

DETAIL_MM = 120.0
"""Side of the square that the detailed pictures show."""


def sheet_four_targets(
    source: sitk.Image,
    morphs: Sequence,
    file,
    key_file,
    names: Sequence[str] = (),
    seed: int = 0,
) -> None:
    """Write one mid-coronal picture of each of four morphs of one source, unlabelled, and the key to them.

    source: the CT they were made from; only its middle is used, so that all four are cut at the same place of
    the source's pose. morphs: four results of `morph.warping.morph` in the source's pose. file: PNG, which
    says SYNTHETIC but not which is which: the order is shuffled with `seed`. key_file: JSON that does.
    names: what the key calls the four; "target 1" to "target 4" by default. The key belongs with the
    private records. Raises InputError for another number of morphs or if a file cannot be written.
    """
    if len(morphs) != FOUR:
        raise InputError(f"The sheet shows four morphs of one source; {len(morphs)} were given. Give four.")
    names = list(names) or [f"target {number + 1}" for number in range(FOUR)]
    order = np.random.default_rng(seed).permutation(FOUR)
    body, values = _body(source)
    box, window = _common_box([m.image for m in morphs], source), window_for(values)
    point = tuple(np.median(body, axis=0)) if len(body) else tuple(np.add(box.low, box.high) / 2)
    width, height = box.extent(CORONAL)
    tall = PANEL * height / width
    canvas = Canvas(3 * GAP + 2 * PANEL, HEAD + 2 * tall + GAP + FOOT)
    canvas.text(GAP, 0.14, "SYNTHETIC CT", size=13, weight="bold")
    canvas.text(canvas.width - GAP, 0.19, "one source, four targets", size=9.5, color=FAINT, ha="right")
    for place, number in enumerate(order):
        row, column = divmod(place, 2)
        axes = canvas.axes(GAP + column * (PANEL + GAP), HEAD + row * (tall + GAP), PANEL, tall)
        show_ct(axes, cut(morphs[number].image, CORONAL, point, box), window)
        edge_letters(axes, CORONAL)
        if place == 0:
            scale_bar(axes, box, CORONAL)
    canvas.text(GAP, HEAD + 2 * tall + GAP + 0.12, str(window), size=8.5, color=FAINT)
    canvas.save(file)
    key = {
        place: {"target": names[number], "percent": round(100 * float(morphs[number].t), 4)}
        for place, number in zip(PLACES, order, strict=True)
    }
    _write_text(key_file, json.dumps(key, indent=2, ensure_ascii=False) + "\n")


def sheet_detail(
    source: sitk.Image, target: sitk.Image, morphed, path, file, layers: Sequence[LabelLayer] = ()
) -> None:
    """Write source, synthetic CT and target side by side: the coronal overview, and below it a close view.

    The cuts run through the first lesion of `layers` (of the result), or else the middle of the body; the
    close view is the axial square of DETAIL_MM round that point or, without a lesion, round a point of the
    right half of the body where there is more to see. Private, like every picture that shows the source.
    """
    scene = make_scene(source, target, morphed, path)
    point = point_of_interest(scene, layers)
    close = _square(scene, point if layers else _off_center(scene, point))
    width, height = scene.box.extent(CORONAL)
    tall = PANEL * height / width
    canvas = Canvas(4 * GAP + 3 * PANEL, HEAD + 0.3 + tall + GAP + PANEL + FOOT)
    canvas.text(GAP, 0.14, "SYNTHETIC CT", size=13, weight="bold")
    canvas.text(GAP + 1.8, 0.18, f"{100 * morphed.t:.4g} % of the way from source to target", size=10)
    names = ("Source", f"Synthetic, {100 * morphed.t:.4g} %", "Target (in this pose)")
    images = ((source, scene.source_way), (morphed.image, None), (target, scene.target_way))
    for column, (name, (image, way)) in enumerate(zip(names, images, strict=True)):
        left = GAP + column * (PANEL + GAP)
        canvas.text(left + PANEL / 2, HEAD + 0.24, name, size=11, weight="bold", ha="center", va="bottom")
        _panel(canvas, left, HEAD + 0.3, tall, image, way, CORONAL, point, scene.box, scene.window)
        lower = HEAD + 0.3 + tall + GAP
        center = tuple(np.add(close.low, close.high) / 2)
        _panel(canvas, left, lower, PANEL, image, way, AXIAL, center, close, scene.window)
    canvas.text(GAP, canvas.height - FOOT + 0.12, str(scene.window), size=8.5, color=FAINT)
    canvas.save(file)


def _panel(
    canvas: Canvas,
    left: float,
    top: float,
    height: float,
    image,
    way,
    plane: Plane,
    point,
    box: Box,
    window: Window,
) -> None:
    axes = canvas.axes(left, top, PANEL, height)
    show_ct(axes, cut(image, plane, point, box, way), window)
    edge_letters(axes, plane)
    if left == GAP:
        scale_bar(axes, box, plane)


def _body(image: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) of the body in LPS mm and the HU there, on a coarse grid."""
    small = shrunk(image)
    mask = sitk.GetArrayFromImage(body_mask(small)) > 0
    return physical(small, np.argwhere(mask)), sitk.GetArrayViewFromImage(small)[mask]


def _common_box(images: Sequence[sitk.Image], source: sitk.Image) -> Box:
    """A box round the bodies of all images, within what they cover."""
    points = [body for body, _ in map(_body, images) if len(body)]
    bounds = [Geometry.of(image).bounds() for image in (images if points else [source])]
    low = np.min([low for low, _ in bounds], axis=0)
    high = np.max([high for _, high in bounds], axis=0)
    if points:
        everything = np.concatenate(points)
        low = np.maximum(low, everything.min(axis=0) - MARGIN_MM)
        high = np.minimum(high, everything.max(axis=0) + MARGIN_MM)
    return Box(tuple(low.tolist()), tuple(high.tolist()), max(PIXEL_MM, min(source.GetSpacing())))


def _off_center(scene: Scene, point) -> tuple[float, float, float]:
    """A third of the way from the middle to the patient's right: lung or liver rather than spine."""
    moved = list(point)
    moved[0] += (scene.box.low[0] - moved[0]) / 3
    return tuple(moved)


def _square(scene: Scene, center) -> Box:
    center = np.asarray(scene.result.TransformIndexToPhysicalPoint(_voxel(scene.result, center)))
    low, high = center - DETAIL_MM / 2, center + DETAIL_MM / 2
    return Box(tuple(low.tolist()), tuple(high.tolist()), min(PIXEL_MM, min(scene.result.GetSpacing())) / 2)


def _voxel(image: sitk.Image, point) -> list[int]:
    """The voxel nearest to a point; a picture between two slices would be an average of both."""
    index = image.TransformPhysicalPointToIndex(np.asarray(point, float).tolist())
    return [min(max(i, 0), n - 1) for i, n in zip(index, image.GetSize(), strict=True)]


def _write_text(file, text: str) -> None:
    path = Path(file)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            f"{path.parent}: the key {path.name} could not be written there "
            f"({(error.strerror or str(error)).lower()}); make room or choose another folder."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
