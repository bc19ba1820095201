"""The contact sheet: source, synthetic CT, target, difference and Jacobian in three planes on one page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..images.geometry import Geometry
from ..images.hu import AIR_HU
from ..images.labels import LabelLayer, is_lesion
from .body import body_mask, shrunk
from .measures.comparison import physical
from .pictures import (
    BACKGROUND,
    FAINT,
    LABEL_COLORS,
    LESION_COLOR,
    VERDICT_COLORS,
    Canvas,
    color_map,
    edge_letters,
    outline,
    scale_bar,
    show_ct,
)
from .planes import PLANES, Box, Plane, Window, cut, window_for

COLUMN = 2.9
"""Width of a column of pictures, inches."""

GAP = 0.07
LEFT = 0.42
HEAD = 1.0
"""Room above the pictures for title, numbers and column names, without the reasons, inches."""

LINE = 0.165
FOOT = 0.72

MARGIN_MM = 8.0
"""Air shown round the body."""

PIXEL_MM = 0.7
"""Size of a picture's pixel; finer than this no page of this size can show."""

DIFFERENCE_PART = 0.4
"""The difference is shown to plus and minus this part of the window's width."""

JACOBIAN_LIMIT = 4.0
"""The Jacobian is shown from 1 / JACOBIAN_LIMIT to JACOBIAN_LIMIT, on a logarithmic scale."""

MAX_REASONS = 4
MAX_LINE = 190
"""Characters of a reason that fit on a line."""

MAX_OUTLINED = 16
"""With more labels than this only lesions are outlined; a rainbow of contours hides the image."""


@dataclass(frozen=True)
class Scene:
    """One result with its source and target brought into its pose, ready to be cut.

    source_way, target_way: transforms from the picture to the source and to the target. body: points of the
    result's body, (N, 3) LPS mm. box: what is shown.
    """

    source: sitk.Image
    result: sitk.Image
    target: sitk.Image
    source_way: sitk.Transform
    target_way: sitk.Transform
    body: np.ndarray
    box: Box
    window: Window


def contact_sheet(
    source: sitk.Image,
    target: sitk.Image,
    morphed,
    path,
    report,
    file,
    source_layers: Sequence[LabelLayer] = (),
    outlines: bool = True,
) -> None:
    """Write the contact sheet of one synthetic CT as a PNG.

    Rows: axial, coronal, sagittal through the first lesion, or else through the middle of the body. Columns:
    source, synthetic, target in the pose of the result, synthetic minus source, Jacobian. source, target: the
    CT images. morphed, path: as from `morph.warping.morph`. report: the `QualityReport`. outlines: draw thin
    contours of the result's labels (and of `source_layers` in the source). The picture shows the source: it
    is private. Raises InputError if the file cannot be written.
    """
    scene = make_scene(source, target, morphed, path)
    point = point_of_interest(scene, morphed.layers)
    jacobian = _jacobian(scene, morphed, path)
    heights = [COLUMN * scene.box.extent(plane)[1] / _widest(scene.box) for plane in PLANES]
    reasons = _reasons(report)
    top = HEAD + LINE * len(reasons)
    canvas = Canvas(LEFT + 5 * (COLUMN + GAP), top + sum(heights) + 2 * GAP + FOOT)
    _head(canvas, morphed, report, reasons, top)
    bars = []
    for plane, height in zip(PLANES, heights, strict=True):
        canvas.text(LEFT / 2, top + height / 2, plane.name, size=10, ha="center", va="center", rotation=90)
        bars = _row(canvas, scene, plane, point, jacobian, top, height)
        if outlines:
            _outlines(bars[0][0], scene, plane, point, source_layers, scene.source_way)
            _outlines(bars[1][0], scene, plane, point, morphed.layers, None)
        top += height + GAP
    _foot(canvas, scene, [drawn for _, drawn in bars], top)
    canvas.save(file)


def make_scene(source: sitk.Image, target: sitk.Image, morphed, path) -> Scene:
    """Bring source and target into the pose of the result and choose what to show of them."""
    pose = _affine(np.asarray(path.pose, float))
    at_target = morphed.grid == "target"
    identity = sitk.Transform()
    source_way, target_way = (pose, identity) if at_target else (identity, pose.GetInverse())
    small = shrunk(morphed.image)
    body = _body_points(small)
    shown = [body if len(body) else Geometry.of(morphed.image).corners()]
    for image, way in ((source, source_way), (target, target_way)):
        back = way.GetInverse()
        corners = Geometry.of(image).corners()
        moved = _body_box(shrunk(image))
        moved = moved if len(moved) else corners
        shown.append(np.array([back.TransformPoint(p) for p in moved.tolist()]))
    low, high = Geometry.of(morphed.image).bounds()
    everything = np.concatenate(shown)
    low = np.maximum(everything.min(axis=0) - MARGIN_MM, low)
    high = np.minimum(everything.max(axis=0) + MARGIN_MM, high)
    values = sitk.GetArrayViewFromImage(small)[sitk.GetArrayFromImage(body_mask(small)) > 0]
    pixel = max(PIXEL_MM, min(morphed.image.GetSpacing()))
    box = Box(tuple(low.tolist()), tuple(high.tolist()), pixel)
    return Scene(source, morphed.image, target, source_way, target_way, body, box, window_for(values))


def point_of_interest(scene: Scene, layers: Sequence[LabelLayer]) -> tuple[float, float, float]:
    """LPS mm, on a voxel center: in the first lesion, or the middle of the body."""
    point = _in_first_lesion(layers)
    if point is None:
        low, high = np.array(scene.box.low), np.array(scene.box.high)
        point = np.median(scene.body, axis=0) if len(scene.body) else (low + high) / 2
    # Between two voxel centers the picture would be an average of both, smoother than the scan.
    nearest = scene.result.TransformPhysicalPointToIndex(np.asarray(point, float).tolist())
    inside = [min(max(i, 0), n - 1) for i, n in zip(nearest, scene.result.GetSize(), strict=True)]
    return scene.result.TransformIndexToPhysicalPoint(inside)


def _row(canvas: Canvas, scene: Scene, plane: Plane, point, jacobian, top: float, height: float) -> list:
    """Draw five pictures; (axes, what was drawn) of each."""
    source = cut(scene.source, plane, point, scene.box, scene.source_way, fill=np.nan)
    result = cut(scene.result, plane, point, scene.box)
    target = cut(scene.target, plane, point, scene.box, scene.target_way)
    known = np.nan_to_num(source, nan=AIR_HU)  # a difference to what was never scanned says nothing
    width = COLUMN * scene.box.extent(plane)[0] / _widest(scene.box)
    drawn = []
    for column in range(5):
        left = LEFT + column * (COLUMN + GAP) + (COLUMN - width) / 2
        axes = canvas.axes(left, top, width, height)
        if column < 3:
            drawn.append((axes, show_ct(axes, (known, result, target)[column], scene.window)))
        elif column == 3:
            reach = DIFFERENCE_PART * scene.window.width
            drawn.append((axes, _show(axes, result - source, "difference", -reach, reach)))
        else:
            values = cut(jacobian, plane, point, scene.box, fill=np.nan)
            drawn.append((axes, _show_jacobian(axes, values)))
        edge_letters(axes, plane)
    scale_bar(drawn[0][0], scene.box, plane)
    return drawn


def _show(axes, picture: np.ndarray, colors: str, low: float, high: float):
    return axes.imshow(
        picture, cmap=color_map(colors), vmin=low, vmax=high, interpolation="bilinear", aspect="auto"
    )


def _show_jacobian(axes, values: np.ndarray):
    """The Jacobian's logarithm to base 2, so that half and double stand out alike; folds in magenta."""
    limit = np.log2(JACOBIAN_LIMIT)
    with np.errstate(invalid="ignore", divide="ignore"):
        logarithm = np.log2(np.maximum(values, 1e-6))
    drawn = _show(axes, logarithm, "jacobian", -limit, limit)
    folded = np.nan_to_num(values, nan=1.0) <= 0
    if folded.any():
        overlay = np.zeros((*folded.shape, 4), np.float32)
        overlay[folded] = (1.0, 0.0, 1.0, 1.0)
        axes.imshow(overlay, interpolation="nearest", aspect="auto")
    return drawn


def _jacobian(scene: Scene, morphed, path) -> sitk.Image:
    """The Jacobian inside the body on a coarse grid; not a number outside."""
    small = shrunk(morphed.image)
    frame = "target" if morphed.grid == "target" else "source"
    values = sitk.GetArrayFromImage(path.jacobian(float(morphed.t), Geometry.of(small), grid=frame))
    values = values.astype(np.float32)
    values[sitk.GetArrayFromImage(body_mask(small)) == 0] = np.nan
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(small)
    return image


def _outlines(axes, scene: Scene, plane: Plane, point, layers: Sequence[LabelLayer], way) -> None:
    many = sum(len(layer.values) for layer in layers) > MAX_OUTLINED
    number = 0
    for layer in layers:
        picture = cut(layer.image, plane, point, scene.box, way, fill=0, nearest=True)
        for value in layer.values:
            lesion = is_lesion(layer, value)
            color = LESION_COLOR if lesion else LABEL_COLORS[number % len(LABEL_COLORS)]
            number += 1
            if lesion or not many:
                outline(axes, picture, value, color)


def _reasons(report) -> list[str]:
    """The first few reasons of the verdict, one line each."""
    reasons = list(report.reasons[:MAX_REASONS])
    if len(report.reasons) > MAX_REASONS:
        reasons[-1] = f"... and {len(report.reasons) - MAX_REASONS + 1} more, see the report."
    lines = [textwrap.shorten(reason, MAX_LINE, placeholder=" ...") for reason in reasons]
    return lines or ["Nothing was found amiss."]


def _head(canvas: Canvas, morphed, report, reasons: list[str], bottom: float) -> None:
    canvas.text(LEFT, 0.14, "SYNTHETIC CT", size=15, weight="bold")
    pose = "target" if morphed.grid == "target" else "source"
    canvas.text(
        LEFT + 2.05,
        0.19,
        f"{100 * morphed.t:.4g} % of the way from source to target, in the {pose}'s pose",
        size=11,
    )
    canvas.text(
        canvas.width - 0.22,
        0.17,
        report.verdict.upper(),
        size=13,
        weight="bold",
        ha="right",
        color=BACKGROUND,
        bbox={
            "facecolor": VERDICT_COLORS[report.verdict],
            "edgecolor": "none",
            "boxstyle": "round,pad=0.3",
        },
    )
    canvas.text(LEFT, 0.5, _numbers(report), size=8.5, color=FAINT)
    color = VERDICT_COLORS[report.verdict]
    for number, line in enumerate(reasons):
        canvas.text(LEFT, 0.69 + LINE * number, line, size=8.5, color=color)
    names = ("Source", "Synthetic", "Target (in this pose)", "Synthetic - source", "Jacobian")
    for column, name in enumerate(names):
        middle = LEFT + column * (COLUMN + GAP) + COLUMN / 2
        canvas.text(middle, bottom - 0.05, name, size=10.5, ha="center", va="bottom", weight="bold")


def _numbers(report) -> str:
    """The handful of measures a reader looks for first."""
    wanted = (
        ("jacobian.p01", "Jacobian 1st percentile {:.2f}"),
        ("jacobian.p99", "99th {:.2f}"),
        ("outside.percent", "outside the scan {:.1f} %"),
        ("noise.ratio", "noise {:.2f} of the source"),
        ("smear.sharpness", "sharpness {:.2f}"),
        ("similarity.source", "correlation with source {:.2f}"),
        ("similarity.target", "with target {:.2f}"),
    )
    found = [(text, report.measures.get(name, {}).get("value")) for name, text in wanted]
    return "   ·   ".join(text.format(value) for text, value in found if value is not None)


def _foot(canvas: Canvas, scene: Scene, drawn: list, top: float) -> None:
    """Color bars with units under the columns they belong to."""
    limit = int(np.log2(JACOBIAN_LIMIT))
    ticks = list(range(-limit, limit + 1))
    bars = (
        (1, 1.4, drawn[0], str(scene.window), None, None),
        (3, 0.8, drawn[3], "Difference, HU", None, None),
        (4, 0.5, drawn[4], "Source volume per output volume", ticks, [f"{2.0**n:g}" for n in ticks]),
    )
    for column, share, image, words, places, texts in bars:
        width = COLUMN * share
        left = LEFT + column * (COLUMN + GAP) + (COLUMN - width) / 2
        axes = canvas.axes(left, top + 0.06, width, 0.1)
        axes.set_axis_on()
        bar = canvas.figure.colorbar(image, cax=axes, orientation="horizontal", ticks=places)
        if texts:
            bar.ax.set_xticklabels(texts)
        bar.outline.set_visible(False)
        bar.ax.tick_params(colors=FAINT, labelsize=7.5, length=2, pad=2)
        bar.set_label(words, color=FAINT, fontsize=8.5, labelpad=2)
    left = LEFT + 4 * (COLUMN + GAP)
    style = {"size": 7.5, "color": FAINT, "va": "center"}
    canvas.text(left + 0.22 * COLUMN, top + 0.11, "stretched", ha="right", **style)
    canvas.text(left + 0.78 * COLUMN, top + 0.11, "squeezed", ha="left", **style)


def _widest(box: Box) -> float:
    """Width in mm that fills a column: all planes are drawn to the same scale."""
    return max(box.extent(plane)[0] for plane in PLANES)


def _affine(matrix: np.ndarray) -> sitk.AffineTransform:
    way = sitk.AffineTransform(3)
    way.SetMatrix(matrix[:3, :3].ravel().tolist())
    way.SetTranslation(matrix[:3, 3].tolist())
    return way


def _body_points(image: sitk.Image) -> np.ndarray:
    mask = sitk.GetArrayFromImage(body_mask(image))
    return physical(image, np.argwhere(mask))


def _body_box(image: sitk.Image) -> np.ndarray:
    """(8, 3) corners of the box round the body; none where there is no body."""
    points = _body_points(image)
    if not len(points):
        return points
    ends = np.stack([points.min(axis=0), points.max(axis=0)])
    picks = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T
    return np.take_along_axis(ends, picks, axis=0)


def _in_first_lesion(layers: Sequence[LabelLayer]) -> np.ndarray | None:
    """The voxel of the first lesion that is nearest to its center."""
    for layer in layers:
        for value in layer.values:
            if is_lesion(layer, value):
                places = np.argwhere(sitk.GetArrayViewFromImage(layer.image) == value)
                middle = np.abs(places - places.mean(axis=0)).sum(axis=1).argmin()
                return physical(layer.image, places[middle : middle + 1])[0]
    return None
