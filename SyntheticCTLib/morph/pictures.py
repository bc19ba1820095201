"""What all pictures share: a dark canvas, marks, colors, and files that are alike byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..errors import InputError
from .planes import Box, Plane, Window

DPI = 110
BACKGROUND = "#0b0d10"
TEXT = "#e8eaed"
FAINT = "#9aa0a6"
VERDICT_COLORS = {"pass": "#34a853", "warn": "#f9ab00", "reject": "#ea4335"}

LABEL_COLORS = ("#8ab4f8", "#81c995", "#c58af9", "#78d9ec", "#fcad70", "#ff8bcb", "#a8dab5", "#d7aefb")
LESION_COLOR = "#fdd663"

SCALE_BAR_MM = 50.0
SMALL_SCALE_BAR_MM = 10.0


class Canvas:
    """A dark figure measured in inches from its upper left corner."""

    def __init__(self, width: float, height: float):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), dpi=DPI, facecolor=BACKGROUND)
        FigureCanvasAgg(self.figure)

    def axes(self, left: float, top: float, width: float, height: float):
        """Bare axes of that size at that place."""
        box = (
            left / self.width,
            1 - (top + height) / self.height,
            width / self.width,
            height / self.height,
        )
        axes = self.figure.add_axes(box, facecolor="black")
        axes.set_axis_off()
        return axes

    def text(self, left: float, top: float, words: str, size: float = 9, color: str = TEXT, **style):
        """Text whose upper left corner (or what `ha` and `va` say) lies there."""
        style = {"ha": "left", "va": "top", **style}
        # "$" would start a formula: names of labels come from the user.
        words = words.replace("$", r"\$")
        return self.figure.text(
            left / self.width, 1 - top / self.height, words, fontsize=size, color=color, **style
        )

    def save(self, file) -> None:
        """Write a PNG, complete or not at all; the same picture gives the same bytes every time.

        Raises InputError where the folder or the disk does not allow it.
        """
        path = Path(file)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            self.figure.savefig(temporary, format="png", facecolor=BACKGROUND, metadata={"Software": None})
            os.replace(temporary, path)
        except OSError as error:
            raise InputError(
                f"{path.parent}: the picture {path.name} could not be written there "
                f"({(error.strerror or str(error)).lower()}); make room or choose another folder."
            ) from error
        finally:
            temporary.unlink(missing_ok=True)


def color_map(name: str):
    """Our color maps: "difference" (blue, black, orange) and "jacobian" (orange, dark gray, cyan)."""
    from matplotlib.colors import LinearSegmentedColormap

    stops = {
        "difference": ["#aee3ff", "#2b7fd4", "#000000", "#d9661f", "#ffe3b0"],
        "jacobian": ["#ffd08a", "#c4551a", "#23262b", "#1f8f9e", "#b5f5ee"],
    }[name]
    return LinearSegmentedColormap.from_list(f"syntheticct-{name}", stops, N=256).with_extremes(bad="black")


def show_ct(axes, picture: np.ndarray, window: Window):
    """Draw a CT picture in its window."""
    low, high = window.limits
    return axes.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation="bilinear", aspect="auto")


def edge_letters(axes, plane: Plane) -> None:
    """R, L, A, P, H, F at the edges, as on a viewing station."""
    left, right, upper, lower = plane.edges
    style = {"transform": axes.transAxes, "fontsize": 8, "color": TEXT, "path_effects": _rimmed()}
    axes.text(0.015, 0.5, left, ha="left", va="center", **style)
    axes.text(0.985, 0.5, right, ha="right", va="center", **style)
    axes.text(0.5, 0.985, upper, ha="center", va="top", **style)
    axes.text(0.5, 0.015, lower, ha="center", va="bottom", **style)


def scale_bar(axes, box: Box, plane: Plane) -> None:
    """A bar of 5 cm (1 cm in close views) in the lower left corner."""
    width, height = box.extent(plane)
    length = SCALE_BAR_MM if min(width, height) > 2 * SCALE_BAR_MM else SMALL_SCALE_BAR_MM
    start, low = 0.03, 0.05
    axes.plot(
        [start, start + length / width],
        [low, low],
        color=TEXT,
        linewidth=1.6,
        transform=axes.transAxes,
        solid_capstyle="butt",
        path_effects=_rimmed(),
    )
    axes.text(
        start,
        low + 0.015,
        f"{length / 10:g} cm",
        transform=axes.transAxes,
        fontsize=7,
        color=TEXT,
        va="bottom",
        path_effects=_rimmed(),
    )


def _rimmed() -> list:
    """A dark rim, so that marks can be read on white bone as well as on black air."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=1.5, foreground="black")]


def outline(axes, labels: np.ndarray, value: int, color: str) -> None:
    """A thin contour round one label of a picture of a label map."""
    mask = labels == value
    if mask.any() and not mask.all():
        axes.contour(mask, levels=[0.5], colors=[color], linewidths=0.7, alpha=0.85)
