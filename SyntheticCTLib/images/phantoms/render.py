"""Paints a body onto a voxel grid, slab by slab: shapes in a fixed order, each soft-edged over the last."""

from __future__ import annotations

import numpy as np

from . import skeleton
from .grid import CoarseGrid, Grid, read_field
from .organs import ORGAN_VALUES, Organs
from .patient import Frame
from .shapes import cone
from .torso import Torso
from .vessels import Tubes

AIR_HU = -1000.0
SLAB_PLANES = 12
"""Planes painted at a time: few enough to stay near the processor, enough to hide Python's own time."""

SLICE_SAMPLE_MM = 1.7
"""A slice thicker than this is the mean of several planes, as a scanner's is."""

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
    coarse.add("up", z, distance=False)
    return coarse


def _chambers(torso: Torso, x, y, z):
    from .organs import HEART_AXES
    from .shapes import ellipsoid

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
    """Paints one patient on one grid; `paint(first, last)` gives HU and organ labels of some slices."""

    def __init__(
        self, grid: Grid, torso: Torso, frame: Frame, coarse: CoarseGrid, tubes: dict[str, Tubes], lesions
    ):
        self.grid, self.torso, self.frame, self.coarse = grid, torso, frame, coarse
        self.tubes = {name: tube.in_scanner(frame) for name, tube in tubes.items()}
        self.lesions = lesions
        self.edge = max(0.75, 0.9 * min(grid.spacing[:2]))
        self.samples = 1 + 2 * int(grid.spacing[2] > SLICE_SAMPLE_MM) + 2 * int(grid.spacing[2] > 4.0)
        self._weights_i = coarse.axes[0].weights(np.arange(grid.size[0]))
        self._weights_j = coarse.axes[1].weights(np.arange(grid.size[1]))

    def paint(self, first: int, last: int, table=None):
        """HU (float32) and labels of slices first..last-1, both (k, j, i)."""
        offsets = (np.arange(self.samples) - self.samples // 2) / self.samples
        planes = (np.arange(first, last)[:, None] + offsets).ravel()
        slab = _Slab(self, planes)
        slab.paint(table)
        shape = (last - first, self.samples, *slab.hu.shape[1:])
        middle = self.samples // 2
        labels = slab.labels.reshape(shape)[:, middle]
        lesions = slab.lesions.reshape(shape)[:, middle] if slab.lesions is not None else None
        return slab.hu.reshape(shape).mean(axis=1), labels, lesions


class _Slab:
    def __init__(self, painter: Painter, planes: np.ndarray):
        self.painter, self.planes, self.coarse = painter, planes, painter.coarse
        self.torso, self.patient = painter.torso, painter.torso.patient
        nx, ny, _ = painter.grid.size
        self.hu = np.full((len(planes), ny, nx), AIR_HU, dtype=np.float32)
        self.labels = np.zeros(self.hu.shape, dtype=np.uint8)
        self.lesions = np.zeros(self.hu.shape, dtype=np.uint8) if painter.lesions else None
        self._weights_k = self.coarse.axes[2].weights(planes)
        self.lungs = np.zeros(self.hu.shape, dtype=np.float32)

    def paint(self, table) -> None:
        if table is not None:
            table(self.hu, self._points((slice(None),) * 3))
        self._body()
        self._mediastinum()
        self._lungs()
        self._abdomen()
        self._heart()
        self._tubes("cava")
        self._tubes("aorta", ORGAN_VALUES["aorta"])
        self._tubes("airway_walls")
        self._tubes("airways", ORGAN_VALUES["trachea"])
        self._bones()
        self._lesions()

    # -- reading and blending

    def _region(self, name: str):
        """Slices (k, j, i) of this slab that the field reaches, or None."""
        box_i, box_j, box_k = self.coarse.box(name)
        inside = np.nonzero((self.planes >= box_k.start - 0.5) & (self.planes < box_k.stop - 0.5))[0]
        if len(inside) == 0 or box_i.stop <= box_i.start or box_j.stop <= box_j.start:
            return None
        return slice(inside[0], inside[-1] + 1), box_j, box_i

    def _read(self, name: str, region):
        k, j, i = region
        return read_field(
            self.coarse.fields[name],
            self.painter._weights_i[i],
            self.painter._weights_j[j],
            self._weights_k[k],
        )

    def _cover(self, distance):
        """Share of each voxel inside a shape."""
        return np.clip(0.5 - distance / self.painter.edge, 0, 1)

    def _blend(self, region, cover, hu) -> None:
        view = self.hu[region]
        view += cover * (hu - view)

    def _shape(self, name: str, hu, label: str | None = None):
        """Paint a shape; returns its region and cover, or None where it is not in this slab."""
        region = self._region(name)
        if region is None:
            return None
        cover = self._cover(self._read(name, region))
        self._blend(region, cover, hu(region) if callable(hu) else hu)
        if label is not None:
            self.labels[region][cover > 0.5] = ORGAN_VALUES[label]
        return region, cover

    def _points(self, region):
        k, j, i = region
        nx, ny, _ = self.painter.grid.size
        return self.painter.grid.points(
            np.arange(nx)[i][None, None, :], np.arange(ny)[j][None, :, None], self.planes[k][:, None, None]
        )

    def _textured(self, middle: float, spread: float):
        return lambda region: middle + spread * self._read("texture", region)

    # -- the layers of paint

    def _body(self) -> None:
        patient = self.patient
        region = self._region("body")
        if region is None:
            return
        skin = self._read("body", region)
        self._blend(region, self._cover(skin), 5.0)
        self._blend(region, self._cover(skin + 2.0), self._textured(patient.fat_hu, 4)(region))
        self._shape("glands", self._textured(-10, 45))
        self._shape("muscle", self._muscle)

    def _muscle(self, region):
        """Muscle with streaks of fat between its bundles."""
        texture = self._read("texture", region)
        streaks = np.clip(texture - 1.15, 0, 1) * 130
        between = np.exp(-(((self._read("wall", region) - 17 - 2.5 * texture) / 1.7) ** 2))
        planes = between * np.clip(0.6 + 0.5 * texture, 0, 1) * 115
        return self.patient.enhanced(self.patient.muscle_hu, 9) + 3 * texture - np.maximum(streaks, planes)

    def _mediastinum(self) -> None:
        """Above the diaphragm: fat and small vessels; below it: the fat round the bowel."""

        def filling(region):
            texture = self._read("texture", region)
            chest = self._cover(-self._read("diaphragm", region))
            belly = self.patient.fat_hu + 12 * np.clip(texture - 0.4, 0, 2)
            middle = -35 - 25 * self.patient.visceral_fat + 38 * texture
            return belly + chest * (middle - belly)

        self._shape("cavity", filling)
        self._shape("spine_block", self._muscle)
        self._tubes("mediastinum")

    def _lungs(self) -> None:
        patient = self.patient

        def parenchyma(region):
            gravity = self._read("front", region) * 0.28
            return patient.lung_hu + gravity + 11 * self._read("texture", region)

        for name in ("lung_right", "lung_left"):
            painted = self._shape(name, parenchyma, name)
            if painted is not None:
                region, cover = painted
                self.lungs[region] = np.maximum(self.lungs[region], cover)
        self._tubes("lung_vessels", within=self.lungs)

    def _abdomen(self) -> None:
        patient = self.patient
        below = {}
        region = self._region("cavity")
        if region is not None:
            below = np.zeros_like(self.lungs)
            inside = self._cover(self._read("cavity", region) + 2.5) * self._cover(
                self._read("diaphragm", region) + 3
            )
            below[region] = inside
            self._tubes("abdomen", within=below)
        self._shape("psoas", self._muscle)
        self._stomach()
        painted = self._shape("liver", self._textured(patient.enhanced(patient.liver_hu, 52), 1.5), "liver")
        if painted is not None:
            cover = np.zeros_like(self.lungs)
            cover[painted[0]] = painted[1]
            self._tubes("liver_vessels", within=cover)
        self._shape("gallbladder", 8.0)
        self._shape("spleen", patient.enhanced(patient.spleen_hu, 68), "spleen")
        for side in ("right", "left"):
            self._shape(f"kidney_{side}", self._textured(patient.enhanced(32, 150), 2), f"kidney_{side}")
            self._shape(f"sinus_{side}", patient.fat_hu + 30)

    def _stomach(self) -> None:
        """Wall, fluid, and the gas that floats in front of it."""
        painted = self._shape("stomach", self.patient.enhanced(38, 45), "stomach")
        if painted is None:
            return
        region = painted[0]
        inner = self._cover(self._read("stomach", region) + 4.5)
        depth = self._read("front", region)
        level = -45 + 60 * self.patient.stomach_gas
        gas = self._cover(depth - level)
        self._blend(region, inner, self._textured(24, 10)(region))
        self._blend(region, inner * gas, -990.0)

    def _heart(self) -> None:
        patient = self.patient
        painted = self._shape("heart", self._textured(-88, 10), "heart")
        if painted is None:
            return
        region = painted[0]
        muscle = self._cover(self._read("heart", region) + 3.5 + 2.5 * np.abs(self._read("texture", region)))
        self._blend(region, muscle, patient.enhanced(46, 42))
        inside = np.zeros_like(self.lungs)
        inside[region] = muscle
        for number, gain in enumerate((112, 104, 96, 112)):
            place = self._region(f"chamber{number}")
            if place is not None:
                cover = self._cover(self._read(f"chamber{number}", place)) * inside[place]
                self._blend(place, cover, patient.enhanced(43, gain))

    def _bones(self) -> None:
        self._ribs()
        self._shape("scapula", lambda region: self._bone_hu("scapula", region))
        self._shape("sternum", lambda region: self._bone_hu("sternum", region), "sternum")
        self._tubes("costal_margin")
        self._tubes("bones")
        self._spine()

    def _bone_hu(self, name, region):
        depth = -self._read(name, region)
        marrow = 0.6 * self.patient.marrow_hu + 20 * self._read("texture", region)
        return skeleton.bone_hu(depth, marrow, 420, 1.2)

    def _near(self, region, near):
        """Names of fields at the points of a region chosen by a mask, read one after another."""
        return lambda name: self._read(name, region)[near]

    def _ribs(self) -> None:
        region = self._region("wall")
        if region is None:
            return
        wall = self._read("wall", region)
        near = (np.abs(wall - skeleton.RIB_OFFSET_MM) < 8) & (self._read("up", region) > -150)
        if not near.any():
            return
        read = self._near(region, near)
        bone, cartilage = skeleton.ribs(self.torso, wall[near], read("rib_height"), read("angle"))
        hu, labels = self.hu[region], self.labels[region]
        values = hu[near]
        values += self._cover(cartilage) * (95 - values)
        marrow = self.patient.marrow_hu + 60 + 30 * read("texture")
        values += self._cover(bone) * (skeleton.bone_hu(-bone, marrow) - values)
        hu[near] = values
        labels[near] = np.where(bone < 0, np.uint8(ORGAN_VALUES["ribs"]), labels[near])

    def _spine(self) -> None:
        region = self._region("spine")
        if region is None:
            return
        side, back, height, texture = (
            self._read(name, region) for name in ("spine_side", "spine_back", "spine_height", "texture")
        )
        body, disc, arch, canal, cord = skeleton.vertebrae(self.torso, side, back, height)
        self._blend(region, self._cover(disc), 78.0)
        marrow = self.patient.marrow_hu + 22 * texture
        self._blend(region, self._cover(body), skeleton.bone_hu(-body, marrow, 430, 0.9))
        self._blend(region, self._cover(canal), -10.0)
        self._blend(region, self._cover(canal + 1.5), 14.0)
        self._blend(region, self._cover(cord), 38.0)
        self._blend(region, self._cover(arch), skeleton.bone_hu(-arch, marrow + 120, 620, 1.4))
        bone = np.minimum(np.minimum(body, disc), arch) < 0
        self.labels[region][bone] = ORGAN_VALUES["spine"]

    def _lesions(self) -> None:
        for lesion in self.painter.lesions or ():
            region = self._world_box(lesion.center, lesion.reach_mm)
            if region is None:
                continue
            distance = lesion.distance(*self._points(region))
            self._blend(
                region, np.clip(0.5 - distance / max(lesion.edge_mm, self.painter.edge), 0, 1), lesion.hu
            )
            self.lesions[region][distance < 0] = lesion.value

    def _tubes(self, name: str, label: int = 0, within=None) -> None:
        tubes = self.painter.tubes[name]
        width = np.maximum(tubes.radius_start, tubes.radius_end) + self.painter.edge
        middle, half = (tubes.start + tubes.end) / 2, np.abs(tubes.end - tubes.start) / 2
        for index in self._candidates(middle, np.linalg.norm(half, axis=1) + width):
            region = self._world_box(middle[index], half[index] + width[index])
            if region is None:
                continue
            distance = cone(
                *self._points(region),
                tubes.start[index],
                tubes.end[index],
                float(tubes.radius_start[index]),
                float(tubes.radius_end[index]),
            ).astype(np.float32)
            cover = self._cover(distance)
            if within is not None:
                cover = cover * within[region]
            self._blend(region, cover, np.float32(tubes.hu[index]))
            if label:
                self.labels[region][distance < 0] = label

    def _candidates(self, middle, reach):
        """Numbers of the tubes that may touch this slab's planes."""
        grid = self.painter.grid
        depth = np.linalg.solve(grid.step, (middle - np.asarray(grid.origin)).T)[2]
        margin = reach / grid.spacing[2] + 1
        return np.nonzero((depth + margin > self.planes[0]) & (depth - margin < self.planes[-1]))[0]

    def _world_box(self, center, reach):
        """Slices (k, j, i) of this slab round a scanner point, or None."""
        i, j, k = self.painter.grid.index_box(np.asarray(center) - reach, np.asarray(center) + reach)
        inside = np.nonzero((self.planes > k.start - 1) & (self.planes < k.stop))[0]
        if len(inside) == 0 or i.stop <= i.start or j.stop <= j.start:
            return None
        return slice(inside[0], inside[-1] + 1), j, i
