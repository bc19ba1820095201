"""Torso CTs of people who never lived, for demonstrations, tests and statistics."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from ..hu import AIR_HU, MAX_HU
from ..labels import LabelLayer
from . import vessels
from .grid import Grid
from .lesions import place_lesions
from .organs import ORGAN_NAMES, Organs
from .patient import Frame, Patient, draw_patient
from .record import draw_record
from .render import Painter, make_texture
from .scanner import PLAIN_BLUR_MM, Noise, blur_in_plane, paint_table, usual_noise
from .torso import Torso

REGIONS = {"torso": (-190.0, 228.0), "chest": (-70.0, 228.0), "abdomen": (-190.0, 45.0)}
"""Lowest and highest height of each field of view in model mm."""

MODEL_STEP_MM = 5.0
"""Grid on which trees and lesions are planned: the same at every voxel size, so that the patient is too."""

VOXELS_AT_ONCE = 3_000_000
"""Size of the slabs painted at a time: large enough to hide Python's own time, small in memory."""


_WHOLE = (int, np.integer)


@dataclass(frozen=True)
class Phantom:
    """A CT (int16 HU), its label layers (`organs`, and `lesions` if there are any) and its record."""

    image: sitk.Image
    layers: list[LabelLayer]
    metadata: dict = field(default_factory=dict)


def make_phantom(
    seed: int,
    spacing: tuple[float, float, float] = (1.5, 1.5, 3.0),
    size: tuple[int, int, int] | None = None,
    lesions: int = 0,
    region: str = "torso",
    noise_hu: float | None = None,
    blur_mm: float | None = None,
    contrast: float | None = None,
    table: bool = True,
    direction: tuple[float, ...] | None = None,
) -> Phantom:
    """Make the CT of one phantom patient; the same arguments give the same bytes.

    seed: which patient; the anatomy does not depend on spacing, size, noise or lesions.
    spacing: voxel size in mm (i, j, k); slices are as thick as they are far apart.
    size: voxels (i, j, k), centered on the region; default: what holds the body.
    lesions: how many lung nodules and liver lesions to add, as the layer `lesions`.
    region: "torso", "chest" or "abdomen".
    noise_hu: standard deviation of the noise; default: as real scans of that slice thickness have, 0: none.
    blur_mm: in-plane point-spread (Gaussian sigma); default: a soft kernel's.
    contrast: iodine in the blood, 0 plain to about 1 portal-venous; default: drawn with the patient.
    table: whether the scanner's couch is seen.
    direction: 9 numbers, row-major (the volume's axes as columns); default: identity. Raises InputError for
    arguments of no meaning, and for more lesions than fit into the field of view.
    """
    _check(seed, spacing, size, lesions, region)
    _check_scan(noise_hu, blur_mm, direction)
    streams = _streams(seed)
    plan = _plan_patient(seed, contrast)
    frame = Frame(plan.patient, streams["frame"])
    grid = _place_grid(plan.torso, frame, spacing, size, region, direction)
    rng = np.random.default_rng(streams["lesions"])
    spots = place_lesions(lesions, plan.patient, frame, grid, plan.inside, rng)
    painter = Painter(grid, plan.torso, frame, plan.texture, plan.tubes, spots)
    noise_hu = usual_noise(spacing[2]) if noise_hu is None else float(noise_hu)
    noise = Noise(streams["noise"], grid.size[1::-1], spacing, noise_hu) if noise_hu > 0 else None
    couch = _couch(plan.torso, frame) if table else None
    blur = PLAIN_BLUR_MM if blur_mm is None else float(blur_mm)
    hu, organs, marks = _scan(painter, couch, blur, noise)
    _keep_largest_pieces(organs)
    layers = [LabelLayer("organs", grid.image_of(organs), dict(ORGAN_NAMES))]
    if spots:
        layers.append(LabelLayer("lesions", grid.image_of(marks), {spot.value: spot.name for spot in spots}))
    rng = np.random.default_rng(streams["record"])
    record = draw_record(seed, plan.patient, [spot.name for spot in spots], rng)
    return Phantom(grid.image_of(hu), layers, record)


@dataclass(frozen=True)
class _Plan:
    """What of a patient does not depend on the scan: measures, points within organs, tubes, mottling."""

    patient: Patient
    torso: Torso
    inside: dict[str, tuple[np.ndarray, np.ndarray]]
    tubes: dict[str, vessels.Tubes]
    texture: np.ndarray


def _streams(seed: int) -> dict[str, np.random.SeedSequence]:
    """Independent random streams, so that asking for lesions or noise does not change the anatomy."""
    names = ("patient", "frame", "vessels", "texture", "noise", "lesions", "record")
    return dict(zip(names, np.random.SeedSequence(int(seed)).spawn(len(names)), strict=True))


@lru_cache(maxsize=4)
def _plan_patient(seed: int, contrast: float | None) -> _Plan:
    """Plan a patient; kept for the last few, who are often scanned again with other settings."""
    streams = _streams(seed)
    patient = draw_patient(streams["patient"], contrast)
    torso = Torso(patient)
    inside = _inside_points(torso)
    tubes = _all_tubes(torso, inside, np.random.default_rng(streams["vessels"]))
    return _Plan(patient, torso, inside, tubes, make_texture(np.random.default_rng(streams["texture"])))


def _scan(painter: Painter, couch, blur_mm: float, noise: Noise | None):
    """HU (int16), organs and lesions (uint8) of the whole volume, a few slices at a time."""
    nx, ny, nz = painter.scene.grid.size
    hu = np.empty((nz, ny, nx), dtype=np.int16)
    organs = np.empty((nz, ny, nx), dtype=np.uint8)
    marks = np.empty((nz, ny, nx), dtype=np.uint8)
    at_once = max(1, VOXELS_AT_ONCE // (nx * ny * painter.samples))
    for first in range(0, nz, at_once):
        last = min(first + at_once, nz)
        painted, labels, lesions = painter.paint(first, last, couch)
        painted = blur_in_plane(painted, painter.scene.grid.spacing, blur_mm)
        if noise is not None:
            for k in range(first, last):
                painted[k - first] += noise.slice(k)
        hu[first:last] = np.clip(np.rint(painted), AIR_HU, MAX_HU)
        organs[first:last], marks[first:last] = labels, lesions
    return hu, organs, marks


def _keep_largest_pieces(organs: np.ndarray) -> None:
    """Clear specks that a neighbor's outline cut off an organ, in place; ribs are many pieces by nature."""
    from scipy.ndimage import find_objects, label

    for value, box in enumerate(find_objects(organs), start=1):
        if box is None or ORGAN_NAMES.get(value) == "ribs":
            continue
        part = organs[box]
        pieces, count = label(part == value)
        if count > 1:
            largest = np.bincount(pieces.ravel())[1:].argmax() + 1
            part[(pieces != largest) & (pieces > 0)] = 0


def _check(seed, spacing, size, lesions, region) -> None:
    if not isinstance(seed, _WHOLE) or seed < 0:
        raise InputError(f"A phantom's seed must be a whole number from 0 up, but it is {seed!r}.")
    if len(spacing) != 3 or not all(np.isfinite(s) and 0.2 <= s <= 20 for s in spacing):
        raise InputError(
            f"A phantom's spacing must be three numbers from 0.2 to 20 mm, but it is {spacing!r}."
        )
    if size is not None and not (len(size) == 3 and all(isinstance(n, _WHOLE) and n >= 2 for n in size)):
        raise InputError(f"A phantom's size must be three whole numbers from 2 up, but it is {size!r}.")
    if not isinstance(lesions, _WHOLE) or not 0 <= lesions <= 50:
        raise InputError(f"A phantom can have 0 to 50 lesions, but {lesions!r} were asked for.")
    if region not in REGIONS:
        raise InputError(f"A phantom's region must be one of {', '.join(REGIONS)}, but it is {region!r}.")


def _check_scan(noise_hu, blur_mm, direction) -> None:
    for name, value in (("noise_hu", noise_hu), ("blur_mm", blur_mm)):
        if value is not None and not (np.isfinite(value) and 0 <= value <= 500):
            raise InputError(f"A phantom's {name} must be a number from 0 to 500, but it is {value!r}.")
    if direction is not None:
        axes = np.asarray(direction, dtype=float)
        if axes.size != 9 or not np.allclose(axes.reshape(3, 3) @ axes.reshape(3, 3).T, np.eye(3), atol=1e-6):
            raise InputError(
                "A phantom's direction must be 9 numbers, row-major, whose columns are perpendicular unit "
                f"vectors, but it is {direction!r}."
            )


def _place_grid(torso: Torso, frame: Frame, spacing, size, region: str, direction) -> Grid:
    """A grid centered on the region; without a size it holds the trunk, some air and the couch."""
    low, high = REGIONS[region]
    axes = np.eye(3) if direction is None else np.asarray(direction, dtype=float).reshape(3, 3)
    if size is None:
        heights = np.linspace(low, min(high, 160), 40)
        wide = float((torso.wall_x(heights) + torso.fat_side(heights)).max()) * frame.scale[0]
        front = float((torso.wall_front(heights) - torso.belly(heights) - torso.fat_front(heights)).min())
        back = float((torso.wall_back(heights) + torso.fat_back(heights)).max())
        deep = (back - front) * frame.scale[1] + max(0.0, torso.patient.breast_mm - 10) + 36
        extent = np.array([2 * wide + 30, deep + 24, (high - low) * frame.scale[2]])
        size = tuple(int(n) for n in np.ceil(np.abs(axes.T) @ extent / np.asarray(spacing)))
    center = frame.to_scanner(np.array([[0, 4.0, (low + high) / 2]]))[0]
    reach = axes @ ((np.asarray(size) - 1) / 2 * np.asarray(spacing))
    origin = tuple(float(np.round(c, 4)) for c in center - reach)
    return Grid(tuple(int(n) for n in size), tuple(float(s) for s in spacing), origin, axes)


def _inside_points(torso: Torso) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Model points inside lungs and liver with their depth in mm."""
    step = MODEL_STEP_MM
    z, y, x = np.meshgrid(
        np.arange(-170, 231, step), np.arange(-125, 126, step), np.arange(-150, 151, step), indexing="ij"
    )
    x, y, z = (a.astype(np.float32) for a in (x, y, z))
    organs = Organs(torso, x, y, z)
    found = {}
    for name in ("lung_right", "lung_left", "liver"):
        from scipy.ndimage import distance_transform_edt

        shape = organs.organ(name)
        inside = shape < -1
        depth = distance_transform_edt(inside) * step - step / 2
        found[name] = (np.column_stack([x[inside], y[inside], z[inside]]), depth[inside])
    return found


def _all_tubes(torso: Torso, inside, rng) -> dict[str, vessels.Tubes]:
    def spread(name: str, count: int):
        points = inside[name][0]
        chosen = points[rng.choice(len(points), min(count, len(points)), replace=False)]
        return chosen + rng.uniform(-MODEL_STEP_MM / 2, MODEL_STEP_MM / 2, chosen.shape)

    density = torso.patient.vessel_density
    lungs = [
        vessels.lung_vessels(torso, side, spread(name, int(3000 * density)), rng)
        for side, name in ((-1, "lung_right"), (1, "lung_left"))
    ]
    walls, lumens = vessels.airway_tubes(torso)
    return {
        "lung_vessels": vessels.Tubes.join(lungs),
        "liver_vessels": vessels.liver_vessels(torso, spread("liver", 240), rng),
        "mediastinum": vessels.mediastinal_tubes(torso),
        "abdomen": vessels.abdominal_tubes(torso, rng),
        "aorta": vessels.artery_course(torso),
        "cava": vessels.cava_tubes(torso),
        "airway_walls": walls,
        "airways": lumens,
        "bones": vessels.bone_tubes(torso),
        "costal_margin": vessels.costal_margin(torso),
    }


def _couch(torso: Torso, frame: Frame):
    """A painter of the couch under this patient's back."""
    heights = np.linspace(-150, 150, 30)
    backs = np.column_stack([np.zeros(30), torso.wall_back(heights) + torso.fat_back(heights), heights])
    scanner = frame.to_scanner(backs)
    back_y, middle_x = float(scanner[:, 1].max()), float(scanner[:, 0].mean())
    return lambda hu, points: paint_table(hu, points[0], points[1], back_y, middle_x)
