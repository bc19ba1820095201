"""The pictures of the report, as data URIs: contact sheets and plots; the same numbers give the same bytes."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO

import numpy as np
import SimpleITK as sitk

from ...images.geometry import Geometry
from ...morph.body import body_mask, shrunk
from ...morph.measures.comparison import physical
from ...morph.planes import AXIAL, CORONAL, Box, cut, window_for
from ..privacy.attacks import Averaging, Closeness, Membership
from ..privacy.lineups import LineUp
from ..privacy.statistics import Estimate
from ..privacy.tradeoffs import CrowdPoint, TradeOff
from .distributions import Group

SYNTHETIC, REAL, HELD_OUT, CHANCE = "#1a73e8", "#3c4043", "#e37400", "#9aa0a6"
GROUP_COLORS = {"synthetic": SYNTHETIC, "real, morphed": REAL, "real, held out": HELD_OUT}

DPI = 100
PIXEL_MM = 2.0
"""Of the contact sheets."""

MOST_PER_PLOT = 14
"""Labels in one plot."""


def data_uri(figure) -> str:
    """A matplotlib figure as a PNG in a data URI."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


@contextmanager
def _figure(width: float, height: float, rows: int = 1, columns: int = 1):
    """A figure and its axes (an array); inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for place in axes.flat:
        place.spines[["top", "right"]].set_visible(False)
        place.tick_params(labelsize=8)
    yield figure, axes


def contact_tile(image: sitk.Image) -> str:
    """Axial and coronal cuts through the middle of the body of one output, side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    small = shrunk(image)
    mask = sitk.GetArrayFromImage(body_mask(small)) > 0
    points = physical(small, np.argwhere(mask)) if mask.any() else Geometry.of(image).corners()
    low, high = points.min(axis=0) - 5, points.max(axis=0) + 5
    window = window_for(sitk.GetArrayViewFromImage(small)[mask])
    nearest = image.TransformPhysicalPointToIndex(np.median(points, axis=0).tolist())
    point = image.TransformIndexToPhysicalPoint(
        [min(max(i, 0), n - 1) for i, n in zip(nearest, image.GetSize(), strict=True)]
    )
    pixel = max(PIXEL_MM, min(image.GetSpacing()))
    pictures = [cut(image, plane, point, Box(tuple(low), tuple(high), pixel)) for plane in (AXIAL, CORONAL)]
    height = max(picture.shape[0] for picture in pictures)
    above = [(height - len(p)) // 2 for p in pictures]
    padded = [
        np.pad(p, ((top, height - len(p) - top), (0, 2)), constant_values=-1024)
        for p, top in zip(pictures, above, strict=True)
    ]
    page = np.concatenate(padded, axis=1)
    figure = Figure(figsize=(3.3, 3.3 * page.shape[0] / page.shape[1]), facecolor="black")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(
        page, cmap="gray", vmin=window.limits[0], vmax=window.limits[1], interpolation="bilinear", aspect="auto"
    )
    return data_uri(figure)


def histograms(measures: Mapping[str, np.ndarray], names: Mapping[str, str]) -> str:
    """One histogram for each measure, with n."""
    columns = 3
    rows = -(-len(measures) // columns)
    with _figure(9.5, 2.1 * rows, rows, columns) as (figure, axes):
        for place in axes.flat[len(measures) :]:
            place.set_axis_off()
        for place, (key, values) in zip(axes.flat, measures.items(), strict=False):
            place.set_title(f"{names[key]}  (n = {len(values)})", fontsize=8.5)
            if len(values):
                place.hist(values, bins=20, color=SYNTHETIC)
            else:
                place.set_axis_off()
        return data_uri(figure)


def comparison(groups: Sequence[Group], measure: str, names: Sequence[str], unit: str) -> str:
    """One row for each label: boxes of the groups beside each other, with n; measure as in `Group.values`."""
    shown = [group for group in groups if group.scans]
    logarithmic = measure == "volume"
    with _figure(9.5, 0.9 + 0.2 * len(names) * len(shown) + 0.12 * len(names)) as (figure, axes):
        place = axes[0, 0]
        ticks = []
        for row, name in enumerate(names):
            for number, group in enumerate(shown):
                at = -(row * (len(shown) + 1) + number)
                _box(place, group.values(measure, name), at, GROUP_COLORS[group.kind])
            ticks.append(-(row * (len(shown) + 1) + (len(shown) - 1) / 2))
        place.set_yticks(ticks, names)
        place.set_xlabel(unit, fontsize=8.5)
        if logarithmic:
            place.set_xscale("log")
        for group in shown:
            place.plot(
                [], [], color=GROUP_COLORS[group.kind], linewidth=5, label=f"{group.kind} (n = {len(group.scans)})"
            )
        figure.legend(loc="outside upper center", ncols=len(shown), fontsize=8.5, frameon=False)
        return data_uri(figure)


def _box(place, values: np.ndarray, at: float, color: str) -> None:
    if not len(values):
        return
    style = {"color": color, "linewidth": 1.2}
    place.boxplot(
        [values],
        positions=[at],
        orientation="horizontal",
        widths=0.7,
        manage_ticks=False,
        patch_artist=True,
        boxprops={"facecolor": color, "alpha": 0.35, "edgecolor": color},
        medianprops=style,
        whiskerprops=style,
        capprops=style,
        flierprops={"marker": ".", "markersize": 3, "markeredgecolor": color},
    )
    place.annotate(
        f"{len(values)}", (1.005, at), xycoords=("axes fraction", "data"), fontsize=6.5, color=color, va="center"
    )


def closeness_plot(found: Closeness) -> str:
    """Distances of outputs and of held-out scans to the nearest original, as strips."""
    strips = {
        f"outputs (n = {len(found.outputs)})": (found.outputs, SYNTHETIC),
        f"held-out scans (n = {len(found.held_out)})": (found.held_out, HELD_OUT),
    }
    return _strips(strips, "correlation distance to the nearest original that was morphed")


def membership_plot(found: Membership) -> str:
    """Likeness of the most alike output, of those used and those not."""
    strips = {
        f"used as a source (n = {len(found.members)})": (found.members, SYNTHETIC),
        f"held out (n = {len(found.strangers)})": (found.strangers, HELD_OUT),
    }
    return _strips(strips, "likeness of the most alike output after undoing")


def _strips(strips: Mapping[str, tuple[Sequence[float], str]], unit: str) -> str:
    with _figure(8, 1.7) as (figure, axes):
        place = axes[0, 0]
        for row, (values, color) in enumerate(strips.values()):
            jitter = np.random.default_rng(row).uniform(-0.18, 0.18, len(values))
            place.plot(values, -row + jitter, "o", color=color, markersize=4, alpha=0.6)
            if len(values):
                place.plot([np.median(values)] * 2, [-row - 0.3, -row + 0.3], color=color, linewidth=2)
        place.set_yticks([0, -1], list(strips))
        place.set_ylim(-1.5, 0.5)
        place.set_xlabel(unit, fontsize=8.5)
        return data_uri(figure)


def undoing_plot(line_ups: Sequence[LineUp]) -> str:
    """For every attacked output the likeness of its true source beside that of all others."""
    ordered = sorted(line_ups, key=lambda one: (one.percent, one.name))
    with _figure(9, 3) as (figure, axes):
        place = axes[0, 0]
        for at, one in enumerate(ordered):
            others = one.others()
            place.plot([at] * len(others), others, ".", color=CHANCE, markersize=4)
            place.plot([at], [one.likeness_to(one.source)], "D", color=SYNTHETIC, markersize=5)
        place.plot([], [], "D", color=SYNTHETIC, label="true source")
        place.plot([], [], ".", color=CHANCE, label="all others")
        place.set_xticks(range(len(ordered)), [f"{one.percent:.0f}" for one in ordered], fontsize=7)
        place.set_xlabel("attacked outputs, by percentage of the way to the target", fontsize=8.5)
        place.set_ylabel("likeness after undoing", fontsize=8.5)
        figure.legend(loc="outside upper center", ncols=2, fontsize=8.5, frameon=False)
        return data_uri(figure)


def averaging_plot(results: Sequence[Averaging]) -> str:
    """How often the source comes first, by the number of outputs averaged."""
    with _figure(5.5, 2.4) as (figure, axes):
        place = axes[0, 0]
        for offset, name, color in ((-0.06, "single", CHANCE), (0.06, "averaged", SYNTHETIC)):
            for result in results:
                rate = getattr(result, name)
                if isinstance(rate, Estimate):
                    error = [[max(rate.value - rate.low, 0)], [max(rate.high - rate.value, 0)]]
                    place.errorbar([result.count + offset], [rate.value], error, fmt="o", color=color, capsize=3)
            place.plot([], [], "o", color=color, label={"single": "one output", "averaged": "mean of them"}[name])
        place.set_xticks([result.count for result in results])
        place.set_xlim(1.5, results[-1].count + 0.5)
        place.set_ylim(-0.03, 1.03)
        place.set_xlabel("outputs of one source", fontsize=8.5)
        place.set_ylabel("source found first", fontsize=8.5)
        figure.legend(loc="outside upper center", ncols=2, fontsize=8.5, frameon=False)
        return data_uri(figure)


def trade_off_plot(found: TradeOff) -> str:
    """Rate against outputs that would remain, for each value of a setting."""
    rows = [row for row in found.rows if isinstance(row.rate, Estimate)]
    with _figure(8, 2.5, 1, 2) as (figure, axes):
        rate, left = axes[0]
        at = range(len(rows))
        values = [row.rate.value for row in rows]
        errors = [
            [max(row.rate.value - row.rate.low, 0) for row in rows],
            [max(row.rate.high - row.rate.value, 0) for row in rows],
        ]
        rate.errorbar(at, values, errors, fmt="o", color=SYNTHETIC, capsize=3)
        rate.plot(at, [row.rate.chance for row in rows], "_", color=CHANCE, markersize=14)
        rate.set_ylim(-0.03, 1.03)
        rate.set_ylabel("source found first", fontsize=8.5)
        left.bar(at, [100 * row.remaining / max(row.of, 1) for row in rows], color=CHANCE, width=0.6)
        left.set_ylim(0, 105)
        left.set_ylabel("outputs that remain, %", fontsize=8.5)
        for place in axes[0]:
            place.set_xticks(at, [row.setting.removeprefix(found.setting + " ") for row in rows], fontsize=7)
            place.set_xlabel(found.setting, fontsize=8.5)
        return data_uri(figure)


def crowd_plot(points: Sequence[CrowdPoint]) -> str:
    """Rate against the number of candidates."""
    with _figure(5.5, 2.4) as (figure, axes):
        place = axes[0, 0]
        sizes = [point.candidates for point in points]
        place.plot(sizes, [point.rate for point in points], "o-", color=SYNTHETIC, label="the attack")
        place.plot(sizes, [point.chance for point in points], "--", color=CHANCE, label="chance")
        place.set_xscale("log", base=2)
        place.set_xticks(sizes, [str(size) for size in sizes])
        place.minorticks_off()
        place.set_ylim(-0.03, 1.03)
        place.set_xlabel("originals in the line-up", fontsize=8.5)
        place.set_ylabel("source found first", fontsize=8.5)
        figure.legend(loc="outside upper center", ncols=2, fontsize=8.5, frameon=False)
        return data_uri(figure)


def percent_plot(percents: Sequence[float]) -> str:
    """How far the outputs were morphed."""
    with _figure(5, 1.9) as (figure, axes):
        place = axes[0, 0]
        place.hist(percents, bins=np.linspace(0, 100, 41), color=SYNTHETIC)
        place.set_xlabel(f"percent of the way to the target (n = {len(percents)})", fontsize=8.5)
        return data_uri(figure)
