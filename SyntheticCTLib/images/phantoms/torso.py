"""The torso's frame: body walls, rib cage space, spine line, diaphragm; the rest is placed against these."""

from __future__ import annotations

import numpy as np

from .patient import Patient, Profile
from .shapes import FAR_MM, ellipsoid, smooth_max, smooth_min, superellipse, tube

_THORACIC = (19, 20, 20.5, 21, 21.5, 22, 22.5, 23, 24, 25, 26, 27)
"""Height of T1..T12 with the disc below, mm."""
_CERVICAL = (17, 17, 17, 17, 18)
"""C3..C7."""
_LUMBAR = (30, 32, 33, 34, 34, 34, 34, 34)
"""L1..L5 and what stands for the sacrum below."""

FIRST_THORACIC = len(_CERVICAL)
"""Index of T1 in `Torso.vertebra_z`."""

CAVITY_POWER = 2.5
WALL_POWER = 2.35
"""Squareness of the cross-sections of the rib cage space and of the body."""


class Torso:
    """Shapes of one patient's trunk in model space; every method takes broadcastable model coordinates."""

    def __init__(self, patient: Patient):
        self.patient = patient
        self.vertebra_height = np.array(_CERVICAL + _THORACIC + _LUMBAR, dtype=float)
        tops = -np.concatenate([[0], np.cumsum(self.vertebra_height)])
        centers = (tops[:-1] + tops[1:]) / 2
        self.vertebra_z = centers - centers[FIRST_THORACIC + 9]

        k = patient.kyphosis
        self.spine_y = Profile(
            (-400, -215, -145, -60, 0, 90, 150, 200, 260, 330),
            (42, 33, 27, 34, 42, 42 + 10 * k, 42 + 5 * k, 46 - 8 * k, 30 - 10 * k, 15),
            18,
        )
        s = patient.scoliosis_mm
        self.spine_x = Profile((-300, -150, -40, 80, 180, 300), (0, 0.5 * s, -0.3 * s, s, 0.2 * s, 0), 25)
        self.body_half_x = Profile((-180, -50, 90, 200), (24.5, 20, 15, 13), 20)
        self.body_half_y = Profile((-180, -50, 90, 200), (16.5, 14.5, 12, 8.5), 20)

        z = (-400, -220, -150, -100, -50, 0, 50, 100, 150, 180, 200, 215)
        self.cavity_x = Profile(z, (112, 115, 122, 128, 132, 133, 130, 121, 102, 80, 60, 42))
        self.cavity_front = Profile(z, (-70, -74, -81, -87, -92, -93, -88, -76, -53, -30, -10, 4))
        self.cavity_back = Profile(z, (52, 58, 68, 77, 84, 88, 91, 89, 82, 74, 65, 55))

        m = 15 * (patient.muscle - 1)
        z = (-400, -220, -150, -100, -50, 0, 50, 100, 150, 180, 205, 225, 250, 330)
        wall_x = np.array((132, 134, 140, 147, 151, 153, 155, 158, 160, 158, 138, 95, 62, 58.0)) + m
        self.wall_x = Profile(z, wall_x)
        self.wall_front = Profile(
            z, np.array((-84, -87, -95, -101, -107, -110, -108, -101, -82, -62, -44, -34, -30, -30.0)) - m
        )
        self.wall_back = Profile(
            z, np.array((104, 100, 99, 100, 104, 109, 115, 119, 118, 113, 105, 97, 88, 80.0)) + 0.5 * m
        )
        fat = patient.fat_mm
        visceral = 22 * (patient.visceral_fat - 0.5)
        z = (-400, -220, -120, -40, 40, 140, 200, 240, 300)
        self.fat_front = Profile(z, fat * np.array((1.3, 1.3, 1.1, 0.75, 0.6, 0.5, 0.4, 0.3, 0.25)) + 2)
        self.fat_side = Profile(z, fat * np.array((1.2, 1.1, 0.8, 0.6, 0.6, 0.6, 0.5, 0.35, 0.3)) + 2)
        self.fat_back = Profile(z, fat * np.array((1.0, 0.9, 0.6, 0.45, 0.4, 0.45, 0.6, 0.5, 0.3)) + 3)
        self.belly = Profile((-300, -150, -60, 20), (visceral, visceral, 0.5 * visceral, 0), 20)

    def cavity(self, x, y, z):
        """The space inside the ribs and the abdominal wall, open at both ends."""
        front, back = self.cavity_front(z) - self.belly(z), self.cavity_back(z)
        half_x = self.cavity_x(z) + 0.4 * self.belly(z)
        return superellipse(x, y - (front + back) / 2, half_x, (back - front) / 2, CAVITY_POWER)

    def round_the_cage(self, x, y, z):
        """Angle along the cavity's wall in radians, 0 at the spine to pi at the breast bone."""
        front, back = self.cavity_front(z) - self.belly(z), self.cavity_back(z)
        return np.arctan2(np.abs(x) / self.cavity_x(z), (y - (front + back) / 2) * 2 / (back - front))

    def muscle(self, x, y, z):
        """Everything under the subcutaneous fat."""
        front, back = self.wall_front(z) - self.belly(z), self.wall_back(z)
        half_x = self.wall_x(z) + 0.4 * self.belly(z)
        trunk = superellipse(x, y - (front + back) / 2, half_x, (back - front) / 2, WALL_POWER)
        groove = 7 * np.exp(-((x / 17) ** 2)) * np.clip((y - 40) / 40, 0, 1)
        return smooth_min(trunk + groove, self._shoulders(x, y, z, 50 + 12 * (self.patient.muscle - 1)), 30)

    def body(self, x, y, z):
        """The skin's outer side."""
        front = self.wall_front(z) - self.belly(z) - self.fat_front(z)
        back = self.wall_back(z) + self.fat_back(z)
        half_x = self.wall_x(z) + 0.4 * self.belly(z) + self.fat_side(z)
        trunk = superellipse(x, y - (front + back) / 2, half_x, (back - front) / 2, WALL_POWER)
        trunk = trunk + 5 * np.exp(-((x / 15) ** 2)) * np.clip((y - 40) / 40, 0, 1)
        skin = smooth_min(trunk, self._shoulders(x, y, z, 56 + 0.35 * self.patient.fat_mm), 35)
        size = self.patient.breast_mm
        if size > 0:
            for side in (-1, 1):
                center = (side * 78, float(self.wall_front(60)) - 4, 52 - 0.3 * size)
                breast = ellipsoid(x, y, z, center, (56 + 0.3 * size, size + 4, 52 + 0.4 * size))
                skin = smooth_min(skin, breast, 22)
        return skin

    def _shoulders(self, x, y, z, radius):
        reach = None
        for side in (-1, 1):
            arm = tube(
                x,
                y,
                z,
                [(side * 112, 30, 158), (side * 178, 12, 215), (side * 205, -10, 330)],
                [radius, radius, 0.85 * radius],
            )
            reach = arm if reach is None else np.minimum(reach, arm)
        return reach

    def glands(self, x, y, z):
        """Breast tissue within the breast's fat."""
        size = self.patient.breast_mm
        if size <= 0:
            shape = np.broadcast_shapes(np.shape(x), np.shape(y), np.shape(z))
            return np.full(shape, FAR_MM, dtype=np.float32)
        sides = [
            ellipsoid(
                x,
                y,
                z,
                (side * 80, float(self.wall_front(60)) - 0.55 * size, 50 - 0.35 * size),
                (30, 0.42 * size, 28),
            )
            for side in (-1, 1)
        ]
        return np.minimum(*sides)

    def spine_frame(self, x, y, z):
        """Coordinates beside the spine: left of its midline, behind the vertebral center, along its curve."""
        side, back = x - self.spine_x(z), y - self.spine_y(z)
        return side, back, z + self.spine_y.slope(z) * back + self.spine_x.slope(z) * side

    def spine_block(self, x, y, z):
        """Vertebral column with the muscles behind it, which the lungs curl round."""
        side, back, _ = self.spine_frame(x, y, z)
        column = superellipse(side, back, self.body_half_x(z) + 4, self.body_half_y(z) + 4)
        lumbar = np.clip((-40 - z) / 70, 0, 1)
        behind = superellipse(side, back - 42 - 6 * lumbar, 40 + 22 * lumbar, 33.0)
        return smooth_min(column, behind, 18)

    def diaphragm(self, x, y, z):
        """Height above the diaphragm in mm (negative below it)."""
        patient = self.patient
        right = 16 - patient.inspiration_mm
        left = right - patient.dome_difference_mm
        saddle = self.heart_floor
        low = 0 - patient.inspiration_mm
        half_x = float(self.cavity_x(low))
        front, back = float(self.cavity_front(low)), float(self.cavity_back(low))
        outward = np.abs(x / half_x) ** 2.3 + np.abs((y - (front + back) / 2) / ((back - front) / 2)) ** 2.3
        outward = np.clip(outward, 0, 1.6) ** (1 / 2.3)
        rise_right = np.exp(-(((x + 66) / 46) ** 2))
        rise_left = np.exp(-(((x - 72) / 42) ** 2))
        top = saddle + (right - saddle) * rise_right + (left - saddle) * rise_left
        rim = -58 - 0.8 * patient.inspiration_mm - 0.42 * np.clip(y, -90, 90)
        height = top + (rim - top) * np.clip(outward, 0, 1.25) ** 3.2
        return (z - height).astype(np.float32)

    @property
    def heart_center(self) -> np.ndarray:
        return np.array([20.0, -30.0, 46.0 - 0.6 * self.patient.inspiration_mm])

    @property
    def heart_floor(self) -> float:
        """Height of the heart's lower side, where the diaphragm carries it."""
        return float(self.heart_center[2] - 40 * self.patient.heart)

    def hilum(self, side: int) -> np.ndarray:
        """Where vessels and bronchus enter the lung; side -1 is the patient's right."""
        return np.array([-38.0, 8, 92]) if side < 0 else np.array([42.0, 14, 96])

    def closed_cavity(self, x, y, z):
        """Rib cage space with the dome of the thoracic inlet on top."""
        return smooth_max(self.cavity(x, y, z), z - 208, 30)
