"""A few planes of a phantom under the brush: every tissue in its order, each soft-edged over the last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import skeleton
from .grid import CoarseGrid, Grid, read_field
from .lesions import Lesion
from .organs import ORGAN_VALUES
from .shapes import cone
from .torso import Torso
from .vessels import Tubes

AIR_HU = -1000.0

RIB_REACH_MM = 8.0
"""Voxels farther than this from the ribs' layer of the chest wall are not looked at."""

_READ_ONCE = ("texture", "wall", "cavity", "diaphragm", "front")
"""Fields that several tissues need; they are read for whole planes and kept."""


@dataclass(frozen=True)
class PlacedTubes:
    """Tubes at scanner points with the voxel boxes they touch: first and last index + 1, (n, 3)."""

    tubes: Tubes
    first: np.ndarray
    last: np.ndarray

    @staticmethod
    def on(grid: Grid, tubes: Tubes) -> PlacedTubes:
        margin = np.maximum(tubes.radius_start, tubes.radius_end) + max(grid.spacing[:2]) + 1
        middle, half = (tubes.start + tubes.end) / 2, np.abs(tubes.end - tubes.start) / 2
        first, last = grid.index_boxes(middle, half + margin[:, None])
        return PlacedTubes(tubes, first, last)


@dataclass(frozen=True)
class Scene:
    """What is to be painted: the body's fields, tubes and lesions on a grid; `edge_mm` softens edges."""

    grid: Grid
    torso: Torso
    coarse: CoarseGrid
    tubes: dict[str, PlacedTubes]
    lesions: tuple[Lesion, ...]
    edge_mm: float


class Slab:
    """HU and labels of the planes at the (fractional) slice numbers `planes`, painted by `paint`."""

    def __init__(self, scene: Scene, planes: np.ndarray):
        self.scene, self.planes, self.coarse = scene, planes, scene.coarse
        self.torso, self.patient = scene.torso, scene.torso.patient
        nx, ny, _ = scene.grid.size
        self.hu = np.full((len(planes), ny, nx), AIR_HU, dtype=np.float32)
        self.labels = np.zeros(self.hu.shape, dtype=np.uint8)
        self.lesions = np.zeros(self.hu.shape, dtype=np.uint8)
        self.lungs = np.zeros(self.hu.shape, dtype=np.float32)
        self._weights = [self.coarse.weights(0), self.coarse.weights(1), self.coarse.axes[2].weights(planes)]
        self._kept: dict[str, np.ndarray] = {}

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
        if name in _READ_ONCE:
            if name not in self._kept:
                self._kept[name] = read_field(self.coarse.fields[name], *self._weights)
            return self._kept[name][region]
        k, j, i = region
        return read_field(
            self.coarse.fields[name], self._weights[0][i], self._weights[1][j], self._weights[2][k]
        )

    def _cover(self, distance):
        """Share of each voxel inside a shape."""
        return np.clip(0.5 - distance / self.scene.edge_mm, 0, 1)

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
        """Scanner coordinates of a region's voxels, which broadcast."""
        k, j, i = region
        nx, ny, _ = self.scene.grid.size
        return self.scene.grid.points(
            np.arange(*i.indices(nx))[None, None, :],
            np.arange(*j.indices(ny))[None, :, None],
            self.planes[k][:, None, None],
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
            self._shape(
                f"kidney_{side}",
                self._textured(patient.enhanced(32, 150), patient.enhanced(2, 14)),
                f"kidney_{side}",
            )
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
        near = np.abs(wall - skeleton.RIB_OFFSET_MM) < RIB_REACH_MM
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
        for lesion in self.scene.lesions:
            first, last = self.scene.grid.index_boxes(lesion.center[None], np.full((1, 3), lesion.reach_mm))
            region = self._part(first[0], last[0])
            if region is None:
                continue
            distance = lesion.distance(*self._points(region))
            softness = max(lesion.edge_mm, self.scene.edge_mm)
            self._blend(region, np.clip(0.5 - distance / softness, 0, 1), lesion.hu)
            self.lesions[region][distance < 0] = lesion.value

    def _tubes(self, name: str, label: int = 0, within=None) -> None:
        placed = self.scene.tubes[name]
        tubes = placed.tubes
        touched = (placed.first[:, 2] <= self.planes[-1]) & (placed.last[:, 2] > self.planes[0])
        for index in np.nonzero(touched)[0]:
            region = self._part(placed.first[index], placed.last[index])
            if region is None:
                continue
            ends = tubes.start[index], tubes.end[index]
            radii = float(tubes.radius_start[index]), float(tubes.radius_end[index])
            distance = cone(*self._points(region), *ends, *radii).astype(np.float32)
            cover = self._cover(distance) * self._faintness(sum(radii) / 2)
            if within is not None:
                cover *= within[region]
            self._blend(region, cover, np.float32(tubes.hu[index]))
            if label:
                self.labels[region][distance < 0] = label

    def _faintness(self, radius: float) -> float:
        """Below 1 for a tube thinner than a voxel: its soft edge must not make it wider than it is."""
        edge = self.scene.edge_mm
        return 1.0 if radius >= edge / 2 else 4 * edge * radius**2 / (radius + edge / 2) ** 3

    def _part(self, first, last):
        """Slices (k, j, i) of this slab within voxel boxes, or None."""
        if (last <= first).any():
            return None
        inside = np.nonzero((self.planes > first[2] - 1) & (self.planes < last[2]))[0]
        if len(inside) == 0:
            return None
        return slice(inside[0], inside[-1] + 1), slice(first[1], last[1]), slice(first[0], last[0])
