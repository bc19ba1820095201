"""Paints a body onto a voxel grid, slab by slab: shapes in a fixed order, each soft-edged over the last."""

from __future__ import annotations

import numpy as np

from . import skeleton
from .grid import CoarseGrid, Grid
from .organs import HEART_AXES, Organs
from .patient import Frame
from .shapes import ellipsoid
from .slab import PlacedTubes, Scene, Slab
from .torso import Torso
from .vessels import Tubes

SLICE_SAMPLE_MM = 1.7
"""A slice thicker than this is the mean of several planes, as a scanner's is."""

THICK_SLICE_MM = 4.0
"""And one thicker than this of more planes."""

_DISTANCES = (
    "heart",
    "lung_right",
    "lung_left",
    "liver",
    "spleen",
    "kidney_right",
    "kidney_left",
    "stomach",
    "gallbladder",
    "psoas",
    "spine_block",
    "scapula",
    "sternum",
)


def coarse_fields(grid: Grid, torso: Torso, frame: Frame, texture: np.ndarray) -> CoarseGrid:
    """Work out every smooth shape of the body on coarse nodes of the grid."""
    coarse = CoarseGrid(grid)
    x, y, z = frame.to_model(*coarse.points())
    organs = Organs(torso, x, y, z)
    coarse.add("body", torso.body(x, y, z))
    coarse.add("muscle", torso.muscle(x, y, z))
    coarse.add("wall", torso.cavity(x, y, z), reach_mm=16)
    coarse.add("cavity", organs.cavity)
    coarse.add("diaphragm", organs.diaphragm, reach_mm=500)
    for name in _DISTANCES:
        coarse.add(name, organs.organ(name))
    for side, name in ((-1, "sinus_right"), (1, "sinus_left")):
        coarse.add(name, organs.kidney_sinus(side))
    coarse.add("glands", torso.glands(x, y, z), reach_mm=8)
    for number, chamber in enumerate(_chambers(torso, x, y, z)):
        coarse.add(f"chamber{number}", chamber)
    side, back, height = torso.spine_frame(x, y, z)
    coarse.add("spine", np.maximum(np.abs(side) - 42, np.maximum(-24 - back, back - 66)), reach_mm=0)
    coarse.add("spine_side", side, distance=False)
    coarse.add("spine_back", back, distance=False)
    coarse.add("spine_height", height, distance=False)
    coarse.add("rib_height", skeleton.rib_height(torso, x, y, z), distance=False)
    coarse.add("angle", torso.round_the_cage(x, y, z), distance=False)
    coarse.add("texture", _sample_texture(texture, x, y, z), distance=False)
    coarse.add("front", y, distance=False)
    return coarse


def _chambers(torso: Torso, x, y, z):
    center, size = torso.heart_center, torso.patient.heart
    apex = HEART_AXES[0]
    yield ellipsoid(
        x, y, z, center + 14 * size * apex + (8, 6, 4), (40 * size, 19 * size, 20 * size), HEART_AXES
    )
    yield ellipsoid(
        x, y, z, center + 6 * size * apex + (-14, -17, -8), (38 * size, 14 * size, 26 * size), HEART_AXES
    )
    yield ellipsoid(x, y, z, center + np.array((-42, 8, 6)) * size, (19 * size, 24 * size, 28 * size))
    yield ellipsoid(x, y, z, center + np.array((-12, 29, 16)) * size, (29 * size, 17 * size, 22 * size))


TEXTURE_MM = 4.0
"""Spacing of the random field that mottles tissues."""


def make_texture(rng) -> np.ndarray:
    """A random field of unit spread over model space (k, j, i), patches of about a centimeter."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(rng.standard_normal((180, 90, 110)).astype(np.float32), 1.1)
    return field / field.std()


def _sample_texture(texture, x, y, z):
    from scipy.ndimage import map_coordinates

    x, y, z = np.broadcast_arrays(x, y, z)
    place = np.stack([z / TEXTURE_MM + 95, y / TEXTURE_MM + 45, x / TEXTURE_MM + 55])
    return map_coordinates(texture, place, order=1, mode="grid-wrap")


class Painter:
    """Paints one patient on one grid; `paint(first, last)` gives HU and labels of some slices."""

    def __init__(
        self, grid: Grid, torso: Torso, frame: Frame, texture: np.ndarray, tubes: dict[str, Tubes], lesions
    ):
        self.scene = Scene(
            grid=grid,
            torso=torso,
            coarse=coarse_fields(grid, torso, frame, texture),
            tubes={name: PlacedTubes.on(grid, tube.in_scanner(frame)) for name, tube in tubes.items()},
            lesions=tuple(lesions),
            edge_mm=max(0.75, 0.9 * min(grid.spacing[:2])),
        )
        self.samples = (
            1 + 2 * int(grid.spacing[2] > SLICE_SAMPLE_MM) + 2 * int(grid.spacing[2] > THICK_SLICE_MM)
        )

    def paint(self, first: int, last: int, table=None):
        """HU (float32), organs and lesions (uint8) of slices first..last-1, all (k, j, i).

        `table` may draw on the air before the body comes; it takes the HU and the scanner points.
        """
        offsets = (np.arange(self.samples) - self.samples // 2) / self.samples
        slab = Slab(self.scene, (np.arange(first, last)[:, None] + offsets).ravel())
        slab.paint(table)
        shape = (last - first, self.samples, *slab.hu.shape[1:])
        middle = self.samples // 2
        hu = slab.hu.reshape(shape).mean(axis=1) if self.samples > 1 else slab.hu
        return hu, slab.labels.reshape(shape)[:, middle], slab.lesions.reshape(shape)[:, middle]
