"""Who the phantom patient is: body measures drawn from a seed, and where that body lies in the scanner.

Anatomy is written in *model space*: millimetres of an average adult, axes as in LPS (x to the patient's left,
y to the back, z to the head), origin in the spine's midline 4 cm in front of the tenth thoracic vertebra.
A `Frame` maps scanner points to model points: pose, body scale, and a slow wobble that keeps the two sides
of the body from being mirror images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WOBBLE_MM = 2.2
"""Amplitude of each of the waves that make the body asymmetric; far below their length, so nothing folds."""

WOBBLE_WAVES = 2
"""Waves per axis."""

INVERSION_STEPS = 12
"""Fixed-point steps that invert the wobble; each shrinks the error at least sixfold."""


@dataclass(frozen=True)
class Patient:
    """The measures that make one phantom differ from another; lengths in mm, factors around 1."""

    sex: str
    age: int
    contrast: float
    """Iodine in the blood: 0 for a plain scan, around 1 for a portal-venous one."""
    scale: tuple[float, float, float]
    """Width, depth and height of the frame against the average adult."""
    fat_mm: float
    """Subcutaneous fat in front of the abdomen; the other regions follow."""
    muscle: float
    visceral_fat: float
    inspiration_mm: float
    """How far the domes of the diaphragm lie below their average place."""
    dome_difference_mm: float
    rib_drop: float
    kyphosis: float
    scoliosis_mm: float
    heart: float
    liver: float
    liver_left_mm: float
    spleen: float
    kidneys: tuple[float, float]
    kidney_height_mm: tuple[float, float]
    stomach: float
    stomach_gas: float
    aorta: float
    breast_mm: float
    marrow_hu: float
    fat_hu: float
    muscle_hu: float
    lung_hu: float
    liver_hu: float
    spleen_hu: float
    vessel_density: float

    def enhanced(self, plain_hu: float, gain_hu: float) -> float:
        """HU of a tissue that takes up `gain_hu` at contrast 1."""
        return plain_hu + gain_hu * self.contrast


def draw_patient(seeds: np.random.SeedSequence, contrast: float | None = None) -> Patient:
    """Draw one patient; the spread of each measure is that of adults in routine chest and abdomen CT."""
    rng = np.random.default_rng(seeds)

    def around(mean: float, spread: float, widest: float = 2.0) -> float:
        return float(mean + spread * np.clip(rng.standard_normal(), -widest, widest))

    sex = str(rng.choice(["F", "M"]))
    age = int(np.clip(round(around(62, 13)), 20, 92))
    height, girth = around(0.96 if sex == "F" else 1.03, 0.04), around(0, 1)
    drawn_contrast = 0.0 if rng.random() < 0.4 else around(1.0, 0.15)
    return Patient(
        sex=sex,
        age=age,
        contrast=drawn_contrast if contrast is None else float(contrast),
        scale=(
            around(height, 0.03) * (1 + 0.03 * girth),
            around(height, 0.035) * (1 + 0.04 * girth),
            height,
        ),
        fat_mm=float(np.clip(17 + 8 * girth + (4 if sex == "F" else 0) + around(0, 4), 5, 45)),
        muscle=around(0.92 if sex == "F" else 1.05, 0.08),
        visceral_fat=float(np.clip(0.5 + 0.25 * girth + around(0, 0.1), 0.1, 1)),
        inspiration_mm=around(0, 11),
        dome_difference_mm=around(12, 4),
        rib_drop=around(1.0, 0.1),
        kyphosis=around(1.0 + 0.006 * (age - 60), 0.2),
        scoliosis_mm=around(0, 3.5),
        heart=around(1.03 + 0.002 * (age - 60), 0.05),
        liver=around(1.0, 0.07),
        liver_left_mm=around(0, 12),
        spleen=around(1.0, 0.11),
        kidneys=(around(1.0, 0.07), around(1.0, 0.07)),
        kidney_height_mm=(around(-96, 7), around(-84, 7)),
        stomach=around(1.0, 0.1),
        stomach_gas=float(rng.uniform(0.15, 0.6)),
        aorta=around(1.0 + 0.004 * (age - 60), 0.07),
        breast_mm=around(36, 9) if sex == "F" else 0.0,
        marrow_hu=float(np.clip(around(190 - 1.5 * (age - 60), 25), 80, 300)),
        fat_hu=around(-104, 4),
        muscle_hu=around(52, 4),
        lung_hu=around(-862, 16),
        liver_hu=around(57, 5),
        spleen_hu=around(48, 3),
        vessel_density=around(1.0, 0.12),
    )


class Profile:
    """A measure along the body axis: knots at heights z, joined without corners."""

    _GRID = np.arange(-700.0, 701.0)

    def __init__(self, heights, values, smooth_mm: float = 10.0):
        raw = np.interp(self._GRID, heights, values)
        reach = np.arange(-int(3 * smooth_mm), int(3 * smooth_mm) + 1)
        kernel = np.exp(-0.5 * (reach / smooth_mm) ** 2)
        padded = np.pad(raw, len(reach) // 2, mode="edge")
        self._values = np.convolve(padded, kernel / kernel.sum(), mode="valid")

    def __call__(self, z):
        return np.interp(z, self._GRID, self._values).astype(np.float32)

    def slope(self, z):
        """First derivative along z, per mm."""
        return np.interp(z, self._GRID, np.gradient(self._values)).astype(np.float32)


class Frame:
    """Maps scanner points (LPS mm) to model points and back.

    `pose` is a rotation of a few degrees, `shift` where the model's origin lies in the scanner.
    """

    def __init__(self, patient: Patient, seeds: np.random.SeedSequence):
        rng = np.random.default_rng(seeds)
        turn = np.deg2rad(np.clip(rng.normal(0, [1.5, 1.0, 2.0]), -4, 4))
        self.pose = _rotation(*turn)
        self.shift = np.array([rng.normal(0, 6), rng.normal(-20, 25), rng.uniform(-500, 300)])
        self.scale = np.asarray(patient.scale)
        waves = 2 * np.pi / rng.uniform(130, 240, (3, WOBBLE_WAVES, 1))
        heading = rng.standard_normal((3, WOBBLE_WAVES, 3))
        self._waves = waves * heading / np.linalg.norm(heading, axis=-1, keepdims=True)
        self._phase = rng.uniform(0, 2 * np.pi, (3, WOBBLE_WAVES))

    def to_model(self, x, y, z):
        """Model coordinates of scanner points; the arguments broadcast against each other."""
        dx, dy, dz = x - self.shift[0], y - self.shift[1], z - self.shift[2]
        turned = [
            (self.pose[0, i] * dx + self.pose[1, i] * dy + self.pose[2, i] * dz) / self.scale[i]
            for i in range(3)
        ]
        turned = [np.asarray(axis, dtype=np.float32) for axis in turned]
        moved = self._wobble(*turned)
        return tuple(axis + step for axis, step in zip(turned, moved, strict=True))

    def to_scanner(self, points: np.ndarray) -> np.ndarray:
        """Scanner points (n, 3) of model points (n, 3)."""
        points = np.asarray(points, dtype=np.float64)
        unmoved = points.copy()
        for _ in range(INVERSION_STEPS):
            unmoved = points - np.stack(self._wobble(*unmoved.T), axis=-1)
        return (unmoved * self.scale) @ self.pose.T + self.shift

    def _wobble(self, x, y, z):
        def component(axis):
            total = 0.0
            for (kx, ky, kz), phase in zip(self._waves[axis], self._phase[axis], strict=True):
                argument = np.float32(kx) * x + np.float32(ky) * y + np.float32(kz) * z + np.float32(phase)
                total = total + np.float32(WOBBLE_MM) * np.sin(argument)
            return total

        return component(0), component(1), component(2)


def _rotation(about_x: float, about_y: float, about_z: float) -> np.ndarray:
    cx, cy, cz = np.cos([about_x, about_y, about_z])
    sx, sy, sz = np.sin([about_x, about_y, about_z])
    return (
        np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
        @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        @ np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    )
