"""Lung nodules and liver metastases, placed well inside their organ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from .grid import Grid
from .patient import Frame, Patient

LUMPS = 7
"""Directions in which a lesion's outline bulges."""


@dataclass(frozen=True)
class Lesion:
    """A lumpy ball: center and radius in scanner mm, HU, and the label `value` in the layer `lesions`."""

    value: int
    organ: str
    name: str
    center: np.ndarray
    radius: float
    hu: float
    edge_mm: float
    lumps: np.ndarray

    @property
    def reach_mm(self) -> float:
        """Half the side of a box that holds the lesion."""
        return 1.5 * self.radius + 2

    def distance(self, x, y, z):
        """Distance to the surface in mm, negative inside."""
        dx, dy, dz = x - self.center[0], y - self.center[1], z - self.center[2]
        from_center = np.sqrt(dx * dx + dy * dy + dz * dz)
        bulge = 0.0
        for direction in self.lumps:
            turn = (direction[0] * dx + direction[1] * dy + direction[2] * dz) / np.maximum(from_center, 0.5)
            bulge = bulge + direction[3] * np.exp(3 * (turn - 1))
        return (from_center - self.radius * (1 + bulge)).astype(np.float32)


def place_lesions(
    count: int,
    patient: Patient,
    frame: Frame,
    grid: Grid,
    inside: dict[str, tuple[np.ndarray, np.ndarray]],
    rng,
) -> list[Lesion]:
    """Place `count` lesions in lungs and liver, apart from each other and inside the volume.

    `inside` maps an organ's name to model points (n, 3) within it and their depth below its surface in mm.
    Raises InputError if the volume shows too little of lungs and liver for that many.
    """
    placed: list[Lesion] = []
    shown = {name: _within_volume(grid, frame, points, depth) for name, (points, depth) in inside.items()}
    shown = {name: found for name, found in shown.items() if len(found[0])}
    turns = [name for name in ("lung_right", "liver", "lung_left", "liver") if name in shown]
    for value in range(1, count + 1):
        organ = turns[int(rng.integers(len(turns)))] if turns else None
        lesion = None if organ is None else _place_one(value, organ, shown[organ], patient, placed, rng)
        if lesion is None:
            raise InputError(
                f"Only {len(placed)} of the {count} lesions asked for fit into the lungs and the liver that "
                "this volume shows; ask for fewer lesions or for a larger volume."
            )
        placed.append(lesion)
    return placed


def _place_one(value, organ, found, patient, placed, rng) -> Lesion | None:
    points, depths = found
    lung = organ != "liver"
    wanted = rng.uniform(4, 11) if lung else rng.uniform(6, 17)
    for radius in (wanted, 0.75 * wanted, 4.0):
        room = depths > 1.45 * radius + 2
        for other in placed:
            room &= np.linalg.norm(points - other.center, axis=1) > 1.5 * (other.radius + radius) + 3
        if room.any():
            center = points[rng.choice(np.nonzero(room)[0])]
            break
    else:
        return None
    lumps = np.column_stack([rng.standard_normal((LUMPS, 3)), rng.uniform(-0.12, 0.2, LUMPS)])
    lumps[:, :3] /= np.linalg.norm(lumps[:, :3], axis=1, keepdims=True)
    if lung:
        hu = -560.0 if rng.random() < 0.2 else patient.enhanced(32, 25)
        return Lesion(value, organ, f"lung nodule {value}", center, radius, hu, 1.0, lumps)
    hu = patient.enhanced(patient.liver_hu, 52) - rng.uniform(26, 50)
    return Lesion(value, organ, f"liver lesion {value}", center, radius, hu, 3.0, lumps)


def _within_volume(grid: Grid, frame: Frame, points, depth):
    """Scanner points whose surroundings lie inside the volume, with their depth."""
    scanner = frame.to_scanner(points)
    index = np.linalg.solve(grid.step, (scanner - np.asarray(grid.origin)).T).T
    margin = 8.0 / np.asarray(grid.spacing)
    kept = ((index > margin) & (index < np.asarray(grid.size) - 1 - margin)).all(axis=1)
    return scanner[kept], np.asarray(depth)[kept]
