"""The pictures of the report, as data URIs; the same numbers give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import SimpleITK as sitk

from ...cohort.privacy.statistics import Estimate, Measured
from ...cohort.report.figures import CHANCE, REAL, SYNTHETIC, data_uri
from ..key import REAL as REAL_GROUP
from ..key import SYNTHETIC as SYNTHETIC_GROUP
from ..study import Window
from .content import Content, Skillfulness
from .machine import study_table

COLORS = {REAL_GROUP: REAL, SYNTHETIC_GROUP: SYNTHETIC}
ALL = "#137333"
MACHINE = "#5f6368"


def readers_plot(content: Content) -> str:
    """Accuracy, and where there are any sensitivity and specificity, of each reader, of all together, and of the
    machine if there is one."""
    titles = {"accuracy": "accuracy", "sensitivity": "synthetic recognised", "specificity": "real recognised"}
    names = [name for name in titles if getattr(content.together, name) is not None]
    rows = [(row, SYNTHETIC) for row in content.each] + [(content.together, ALL)]
    rows += [] if content.machine is None else [(content.machine.read, MACHINE)]
    with _figure(9.5, 1.0 + 0.28 * len(rows), len(names)) as (figure, axes):
        for place, name in zip(axes, names, strict=True):
            place.axvline(0.5, color=CHANCE, linewidth=1, linestyle="--")
            for at, (row, color) in enumerate(rows):
                _interval(place, getattr(row, name), -at, color)
            place.set_title(titles[name], fontsize=9)
            place.set_xlim(-0.03, 1.03)
            place.set_ylim(-len(rows) + 0.4, 0.6)
            labels = [_who(row) for row, _ in rows] if place is axes[0] else []
            place.set_yticks([-at for at in range(len(rows))], labels)
        return data_uri(figure)


def roc_plot(content: Content) -> str:
    """The ROC curve of each reader who has finished, with the points that were reached, and the machine's."""
    from sklearn.metrics import roc_curve

    table = content.table
    with _figure(4.2, 4.0, 1) as (figure, axes):
        (place,) = axes
        place.plot([0, 1], [0, 1], "--", color=CHANCE, linewidth=1)
        for reader, score in zip(table.readers, table.score, strict=True):
            misses, hits, _ = roc_curve(table.synthetic, score, drop_intermediate=False)
            place.plot(misses, hits, "o-", markersize=3, linewidth=1.2, alpha=0.8, label=reader)
        if content.machine is not None:
            scores = study_table(content.machine.record, content.readings)
            misses, hits, _ = roc_curve(scores.synthetic, scores.score[0])
            place.plot(misses, hits, ":", color=MACHINE, linewidth=1.8, label=content.machine.read.who)
        place.set_xlabel("real cases called synthetic", fontsize=8.5)
        place.set_ylabel("synthetic cases called synthetic", fontsize=8.5)
        place.set_aspect("equal")
        if len(table.readers) <= 8:
            place.legend(fontsize=7.5, frameon=False, loc="lower right")
        return data_uri(figure)


def realism_plot(content: Content) -> str:
    """How often each grade of realism was given, as shares of each group."""
    with _figure(6, 2.4, 1) as (figure, axes):
        (place,) = axes
        for offset, (group, counts) in zip((-0.2, 0.2), content.realism.items(), strict=True):
            total = max(sum(counts), 1)
            at = np.arange(1, len(counts) + 1) + offset
            label = f"{group} (n = {sum(counts)} grades)"
            place.bar(at, [100 * count / total for count in counts], 0.38, color=COLORS[group], label=label)
        place.set_xticks(range(1, 6), ["1\nnot real", "2", "3", "4", "5\nreal"])
        place.set_ylabel("% of grades", fontsize=8.5)
        figure.legend(loc="outside upper center", ncols=2, fontsize=8.5, frameon=False)
        return data_uri(figure)


def artefacts_plot(content: Content) -> str:
    """Share of each group's cases in which somebody marked each kind of artefact."""
    kinds = list(content.artefacts)
    with _figure(6.5, 0.8 + 0.34 * len(kinds), 1) as (figure, axes):
        (place,) = axes
        for offset, group in ((0.2, REAL_GROUP), (-0.2, SYNTHETIC_GROUP)):
            shown = content.shown[group]
            shares = [100 * content.artefacts[kind][group] / max(shown, 1) for kind in kinds]
            at = -np.arange(len(kinds)) + offset
            place.barh(at, shares, 0.38, color=COLORS[group], label=f"{group} (n = {shown} cases)")
        place.set_yticks(-np.arange(len(kinds)), kinds)
        place.set_xlabel("% of cases marked by at least one reader", fontsize=8.5)
        figure.legend(loc="outside upper center", ncols=2, fontsize=8.5, frameon=False)
        return data_uri(figure)


def groups_plot(content: Content) -> str:
    """How often synthetic cases of each group were recognised."""
    rows = [group for group in content.groups if group.synthetic]
    with _figure(7.5, 0.9 + 0.28 * len(rows), 1) as (figure, axes):
        (place,) = axes
        place.axvline(0.5, color=CHANCE, linewidth=1, linestyle="--")
        for at, row in enumerate(rows):
            _interval(place, row.sensitivity, -at, SYNTHETIC)
        labels = [f"{row.kind}: {row.name} (n = {row.synthetic})" for row in rows]
        place.set_yticks([-at for at in range(len(rows))], labels)
        place.set_xlim(-0.03, 1.03)
        place.set_ylim(-len(rows) + 0.4, 0.6)
        place.set_xlabel("synthetic cases recognised", fontsize=8.5)
        return data_uri(figure)


def case_tile(image: sitk.Image, window: Window, marks: Sequence[tuple[float, float, float]]) -> str:
    """The axial slice with the most marks (without marks the middle one) in a window; its marks as circles."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    voxels = sitk.GetArrayViewFromImage(image)
    index = [image.TransformPhysicalPointToContinuousIndex(mark) for mark in marks]
    slices = np.clip([round(one[2]) for one in index], 0, len(voxels) - 1).astype(int)
    chosen = int(np.bincount(slices).argmax()) if len(slices) else len(voxels) // 2
    size, spacing = image.GetSize(), image.GetSpacing()
    shape = size[0] * spacing[0], size[1] * spacing[1]
    figure = Figure(figsize=(3.2, 3.2 * shape[1] / shape[0]), facecolor="black")
    FigureCanvasAgg(figure)
    place = figure.add_axes((0, 0, 1, 1))
    place.set_axis_off()
    place.imshow(voxels[chosen], cmap="gray", vmin=window.low, vmax=window.high, aspect=spacing[1] / spacing[0])
    here = [one for one, at in zip(index, slices, strict=True) if at == chosen]
    for x, y, _ in here:
        place.plot(x, y, "o", markersize=12, markerfacecolor="none", markeredgecolor="#f9ab00", markeredgewidth=1.5)
    place.set_xlim(-0.5, size[0] - 0.5)
    place.set_ylim(size[1] - 0.5, -0.5)
    return data_uri(figure)


@contextmanager
def _figure(width: float, height: float, columns: int) -> Iterator:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for place in axes:
        place.spines[["top", "right"]].set_visible(False)
        place.tick_params(labelsize=8)
    yield figure, axes


def _interval(place, measured: Measured, at: float, color: str) -> None:
    if not isinstance(measured, Estimate):
        reason = measured.reason.partition(" (")[0]
        place.annotate(reason, (0.5, at), fontsize=7, color=CHANCE, ha="center", va="center", backgroundcolor="white")
        return
    error = [[max(measured.value - measured.low, 0)], [max(measured.high - measured.value, 0)]]
    place.errorbar([measured.value], [at], xerr=error, fmt="o", color=color, capsize=3, markersize=5)


def _who(row: Skillfulness) -> str:
    return row.who or "all who finished"
