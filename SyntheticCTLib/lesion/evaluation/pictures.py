"""Pictures of an evaluation: lesions side by side, and how their features are spread."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ...assess.radiomics import FEATURE_NAMES
from ...errors import InputError
from .results import Evaluation, Sample

_TILE = 1.35
_SIDE = 48
"""Pixels shown of each lesion."""

_SHOWN_FEATURES = ("mean", "standard deviation", "skewness", "high-pass noise", "GLCM contrast", "GLCM correlation")


def draw_samples(found: Evaluation, file: str | os.PathLike[str]) -> None:
    """Lesions as rows: real with its outline, real, and as every painter painted it."""
    from matplotlib.figure import Figure

    titles = ["where", "real", *found.results]
    figure = Figure(figsize=(_TILE * len(titles), _TILE * len(found.samples) + 0.5), dpi=110, layout="constrained")
    axes = figure.subplots(len(found.samples), len(titles), squeeze=False)
    for row, sample in zip(axes, found.samples, strict=True):
        part = _around(sample)
        low, high = _window(found, sample.real[part])
        planes = [sample.real, sample.real, *(sample.painted[name] for name in found.results)]
        for place, plane in zip(row, planes, strict=True):
            place.imshow(plane[part], cmap="gray", vmin=low, vmax=high)
            place.set_axis_off()
        row[0].contour(sample.mask[part], levels=[0.5], colors=["#fdd663"], linewidths=0.8)
    for place, title in zip(axes[0], titles, strict=True):
        place.set_title("\n".join(_wrapped(title)), fontsize=7)
    _save(figure, Path(file))


def draw_features(found: Evaluation, file: str | os.PathLike[str]) -> None:
    """Cumulative shares of some features: real lesions dark and thick, painters in color."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), dpi=110, layout="constrained")
    axes = figure.subplots(2, 3)
    for place, name in zip(axes.flat, _SHOWN_FEATURES, strict=True):
        column = FEATURE_NAMES.index(name)
        real = found.real_features[:, column]
        for painter, result in found.results.items():
            place.plot(*_cumulative(result.features[:, column]), label=painter, linewidth=1.2)
        place.plot(*_cumulative(real), color="black", linewidth=2.2, label="real")
        low, high = np.percentile(real, [1, 99])
        margin = 0.15 * max(high - low, 1e-6)
        place.set_xlim(low - margin, high + margin)
        place.set_title(name, fontsize=9)
        place.tick_params(labelsize=7)
    axes[0, 0].set_ylabel("share of lesions below", fontsize=8)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    _save(figure, Path(file))


def _cumulative(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.sort(values), (np.arange(len(values)) + 0.5) / len(values)


def _window(found: Evaluation, real: np.ndarray) -> tuple[float, float]:
    """What is black and white: the range of the data, or of the very crop, whose grey levels are its own."""
    if found.units.by_slice:
        return float(real.min()), float(max(real.max(), real.min() + 1))
    return found.units.low, found.units.low + found.units.data_range


def _around(sample: Sample) -> tuple[slice, slice]:
    """The lesion and its surroundings: _SIDE pixels, more for a larger lesion."""
    rows, columns = np.nonzero(sample.mask)
    half = max(_SIDE, 12 + np.ptp(rows), 12 + np.ptp(columns)) // 2
    middle = (rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2
    return tuple(slice(max(int(at) - half, 0), int(at) + half) for at in middle)


def _wrapped(title: str, width: int = 18) -> list[str]:
    import textwrap

    return textwrap.wrap(title, width)


def _save(figure, path: Path) -> None:
    """Write a PNG, complete or not at all; the same picture gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        figure.savefig(temporary, format="png", facecolor="white", metadata={"Software": None})
        os.replace(temporary, path)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise InputError(
            f"{path.parent}: the picture {path.name} could not be written there ({why}); make room or choose another "
            "folder."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
