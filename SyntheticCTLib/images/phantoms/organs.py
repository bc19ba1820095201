"""Organs as implicit shapes in model space, each cut back by its neighbors so that no two overlap."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .shapes import FAR_MM, ellipsoid, smooth_max, smooth_min, smooth_polyline, tube
from .torso import Torso

ORGAN_NAMES = {
    1: "lung_right",
    2: "lung_left",
    3: "heart",
    4: "liver",
    5: "spleen",
    6: "kidney_right",
    7: "kidney_left",
    8: "stomach",
    9: "aorta",
    10: "trachea",
    11: "spine",
    12: "ribs",
    13: "sternum",
}
"""Values of the phantom's layer `organs`; left and right are the patient's."""

ORGAN_VALUES = {name: value for value, name in ORGAN_NAMES.items()}

GAP_MM = 3.0
"""Fat or membrane between neighboring organs."""

_HEART_AXES = np.array([[0.70, -0.47, -0.54], [0.62, 0.78, 0.12], [0.36, -0.42, 0.83]])
"""Rows: from base to apex (left, front, down) and two directions across."""
HEART_AXES = np.linalg.qr(_HEART_AXES.T)[0].T * np.sign(np.diag(np.linalg.qr(_HEART_AXES.T)[1]))[:, None]


class Organs:
    """Shapes of one patient's organs at given model coordinates; computed once each, on demand."""

    def __init__(self, torso: Torso, x, y, z):
        self.torso, self.patient = torso, torso.patient
        self.x, self.y, self.z = x, y, z

    def _ellipsoid(self, center, half, axes=None):
        return ellipsoid(self.x, self.y, self.z, center, half, axes)

    def _tube(self, points, radii):
        return tube(self.x, self.y, self.z, points, radii)

    @cached_property
    def cavity(self):
        return self.torso.closed_cavity(self.x, self.y, self.z)

    @cached_property
    def diaphragm(self):
        return self.torso.diaphragm(self.x, self.y, self.z)

    @cached_property
    def spine_block(self):
        return self.torso.spine_block(self.x, self.y, self.z)

    @cached_property
    def aorta(self):
        return self._tube(*aorta_course(self.torso))

    @cached_property
    def descending_aorta(self):
        """The aorta behind the heart; its root, which springs from the heart, is not in this shape."""
        points, radii = aorta_course(self.torso)
        return self._tube(points[ARCH_POINTS:], radii[ARCH_POINTS:])

    @cached_property
    def heart(self):
        size = self.patient.heart
        left = self._ellipsoid(self.torso.heart_center, (66 * size, 45 * size, 47 * size), HEART_AXES)
        right = self._ellipsoid(
            self.torso.heart_center + (-27 * size, 5 * size, -3 * size), (33 * size, 39 * size, 44 * size)
        )
        heart = smooth_min(left, right, 14)
        heart = smooth_max(heart, 1 - self.diaphragm, 8)
        heart = smooth_max(heart, self.cavity + 6, 10)
        heart = smooth_max(heart, GAP_MM - self.spine_block, 6)
        return smooth_max(heart, GAP_MM - self.descending_aorta, 4)

    def _lung(self, side: int):
        x, y, z = self.x * side, self.y, self.z
        across = np.exp(-(((y + 2) / 52) ** 4))
        upper = np.clip((z - 120) / 50, 0, 1)
        middle = 6 + (17 + 8 * upper) * across
        lung = smooth_max(self.cavity + 0.5, 2 - self.diaphragm, 5)
        lung = smooth_max(lung, middle - x, 12)
        lung = smooth_max(lung, GAP_MM - self.spine_block, 10)
        lung = smooth_max(lung, 4 - self.heart, 8)
        lung = smooth_max(lung, 2.5 - self.aorta, 6)
        apex = ellipsoid(x, y, z, (52, 25, 60), (92, 125, 150 - 0.05 * self.patient.inspiration_mm))
        return smooth_max(lung, apex, 12)

    @cached_property
    def lung_right(self):
        return self._lung(-1)

    @cached_property
    def lung_left(self):
        return self._lung(1)

    def _kidney(self, side: int):
        index = 0 if side < 0 else 1
        size = self.patient.kidneys[index]
        lean = side * 0.2
        axes = np.array([[1, 0, lean], [0, 1, 0.18], [-lean, -0.18, 1]])
        center = self._kidney_center(side)
        bean = self._ellipsoid(center, (28.5 * size, 25.5 * size, 56 * size), axes)
        notch = self._ellipsoid(center + (-side * 31 * size, -8 * size, -2), (14, 15, 19))
        bean = smooth_max(bean, -notch, 9)
        bean = smooth_max(bean, GAP_MM - self.spine_block, 4)
        bean = smooth_max(bean, self.cavity + 4, 6)
        return smooth_max(bean, 5 + self.diaphragm, 6)

    def _kidney_center(self, side: int):
        index = 0 if side < 0 else 1
        height = self.patient.kidney_height_mm[index] - 0.35 * self.patient.inspiration_mm
        return np.array(
            [side * (60 + 4 * self.patient.visceral_fat), float(self.torso.spine_y(height)) + 8, height]
        )

    @cached_property
    def kidney_right(self):
        return self._kidney(-1)

    @cached_property
    def kidney_left(self):
        return self._kidney(1)

    def kidney_sinus(self, side: int):
        """Fat where the kidney's vessels enter."""
        center = self._kidney_center(side) + (-side * 11, -3, 0)
        return self._ellipsoid(center, (12, 8, 20))

    @cached_property
    def below_diaphragm(self):
        return smooth_max(self.diaphragm + 2, self.cavity + 2, 5)

    @cached_property
    def liver(self):
        patient, x, y = self.patient, self.x, self.y
        drop = patient.inspiration_mm
        bottom = -134 * patient.liver - 0.8 * drop + 0.47 * (x + 112) + 0.3 * (y + 25)
        visceral = 0.82 * (bottom - self.z)
        left_edge = 0.95 * (x - 60 - patient.liver_left_mm) + 0.3 * (y + 30)
        behind = 0.75 * (y - 32 + 0.7 * np.maximum(x + 40, 0) - 2 * np.maximum(-x - 40, 0))
        liver = smooth_max(self.below_diaphragm, visceral, 26)
        liver = smooth_max(liver, left_edge, 16)
        liver = smooth_max(liver, behind, 18)
        for neighbor, gap in (
            (self.heart, 4.0),
            (self.spine_block, GAP_MM),
            (self.kidney_right, 3.5),
            (self.kidney_left, 3.5),
            (self.aorta, 4.0),
        ):
            liver = smooth_max(liver, gap - neighbor, 6)
        return liver

    @cached_property
    def gallbladder(self):
        center = (-42, -42, -84 - 0.9 * self.patient.inspiration_mm)
        axes = np.array([[0.9, 0.2, 0.4], [-0.2, 0.98, 0], [-0.4, 0, 0.9]])
        return smooth_max(self._ellipsoid(center, (13, 14, 30), axes), self.cavity + 6, 5)

    @cached_property
    def stomach(self):
        size, drop = self.patient.stomach, self.patient.inspiration_mm
        fundus = self._ellipsoid((54, -20, -30 - drop), (38 * size, 42 * size, 42 * size))
        antrum = self._tube(
            *smooth_polyline(
                [
                    (62, -18, -50 - drop),
                    (52, -50, -84 - drop),
                    (20, -60, -102 - drop),
                    (-14, -48, -92 - drop),
                ],
                [27 * size, 23 * size, 17 * size, 12 * size],
            )
        )
        stomach = smooth_max(smooth_min(fundus, antrum, 16), self.below_diaphragm + 1, 8)
        for neighbor in (
            self.liver,
            self.heart,
            self.spine_block,
            self.kidney_left,
            self.aorta,
            self.gallbladder,
            self.spleen,
        ):
            stomach = smooth_max(stomach, GAP_MM - neighbor, 6)
        return stomach

    @cached_property
    def spleen(self):
        size, drop = self.patient.spleen, self.patient.inspiration_mm
        axes = np.array([[0.85, -0.45, 0.25], [0.45, 0.88, 0.1], [-0.25, 0.05, 0.96]])
        spleen = self._ellipsoid((100, 37, -44 - drop), (40 * size, 56 * size, 66 * size), axes)
        spleen = smooth_max(spleen, self.below_diaphragm + 0.5, 8)
        for neighbor in (self.kidney_left, self.spine_block, self.liver, self.aorta):
            spleen = smooth_max(spleen, GAP_MM - neighbor, 8)
        return spleen

    @cached_property
    def psoas(self):
        """The muscles beside the lumbar spine."""
        sides = []
        for side in (-1, 1):
            heights = np.array([-62, -110, -150, -190, -400.0])
            points = np.column_stack(
                [side * np.array([24, 34, 40, 46, 58.0]), self.torso.spine_y(heights) + 3, heights]
            )
            grown = self.patient.muscle
            sides.append(self._tube(points, np.array([7, 14, 19, 23, 26]) * grown))
        return np.minimum(*sides)

    @cached_property
    def scapula(self):
        """The shoulder blades: plates that ride on the back of the rib cage."""
        angle = self.torso.round_the_cage(self.x, self.y, self.z)
        lower = 48 + 70 * np.abs(angle - 0.85)
        plate = smooth_max(np.abs(self.torso.cavity(self.x, self.y, self.z) - 19) - 3.2, lower - self.z, 3)
        plate = smooth_max(plate, 75 * (np.abs(angle - 0.85) - 0.42), 4)
        return smooth_max(plate, self.z - 178, 4)

    @cached_property
    def sternum(self):
        front = self.torso.cavity_front(self.z)
        width = 13 + 11 * np.clip((self.z - 135) / 35, 0, 1) - 4 * np.exp(-(((self.z - 132) / 9) ** 2))
        plate = smooth_max(np.abs(self.x) - width, np.abs(self.y - front + 9.5) - 5.5, 6)
        return smooth_max(plate, np.abs(self.z - 90) - 84, 8)

    def organ(self, name: str):
        """Shape of a soft organ of ORGAN_NAMES; FAR_MM everywhere where this patient has none."""
        return getattr(self, name, np.full(np.shape(self.x), FAR_MM, dtype=np.float32))


ARCH_POINTS = 14
"""Points of `aorta_course` before the aorta turns down."""


def aorta_course(torso: Torso):
    """Center line and radii of the aorta, from the heart's base over the arch to its end at L4."""
    wide = torso.patient.aorta
    down = np.array([112, 85, 50, 10, -40, -90, -140, -185.0])
    side = np.array([27, 27, 26, 20, 11, 6, 4, 2.0])
    front = torso.spine_y(down) - np.array([3, 4, 7, 16, 25, 27, 27, 27])
    base = torso.heart_center
    points = [
        (base[0] - 14, base[1] + 6, base[2] + 30),
        (-12, -28, 108),
        (-6, -24, 130),
        (8, -6, 146),
        (22, 18, 140),
        *np.column_stack([side + torso.spine_x(down), front, down]),
    ]
    radii = np.array([16, 16.5, 15.5, 14, 13.5, 13, 13, 12.5, 12, 11, 10, 9, 8.5]) * wide
    return smooth_polyline(points, radii, 3)


def cava_course(torso: Torso):
    """The inferior vena cava, up through the back of the liver into the right atrium."""
    up = np.array([-400, -185, -140, -90, -50.0])
    side = np.array([-16, -17, -20, -22, -24.0]) + torso.spine_x(up)
    front = torso.spine_y(up) - np.array([26, 26, 27, 30, 34.0])
    base = torso.heart_center
    points = [
        *np.column_stack([side, front, up]),
        (-25, 0, base[2] - 40),
        (base[0] - 42, base[1] + 14, base[2] - 14),
    ]
    return smooth_polyline(points, [8, 8.5, 9.5, 10, 10.5, 10.5, 10.5], 3)
