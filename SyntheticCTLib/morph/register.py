"""From two CTs to the path between their bodies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..images.geometry import Geometry
from ..images.labels import LabelLayer
from .backends import Backend, get_backend
from .body import body_mask
from .flow import linear, sample, transform
from .logarithm import Fit, logarithm
from .path import KJI, Bound, MorphPath, log_of_stretch, positions
from .prepare import prepare
from .start import affine_start, matrix_of
from .threads import one_thread

#: Spacing in mm of the grid that carries the velocity.
VELOCITY_SPACING_MM = 3.5

#: The logarithm is found on a grid this much coarser first, then on the velocity's own.
COARSER = 2
COARSE_ITERATIONS = 8
FINE_ITERATIONS = 1

#: The fit of the flow to the registration stops at this `Fit.badness`: 0.05 mm on average and 0.5 mm at the 99th
#: percentile.
GOOD_ENOUGH_MM = 0.083

#: Voxels of the velocity grid round both scans: more than the margin in which a backend's field falls to zero,
#: so that points which leave the grid go on as the affine part takes them.
MARGIN = 6

Progress = Callable[..., None]


def register(
    source: sitk.Image,
    target: sitk.Image,
    backend: str | None = None,
    seed: int = 0,
    repeatable: bool = False,
    source_labels: Sequence[LabelLayer] = (),
    target_labels: Sequence[LabelLayer] = (),
    progress: Progress | None = None,
) -> MorphPath:
    """Find the smooth path from the source body to the target body.

    source, target: CT images (int16 HU, as `images.reading.read_ct` gives them). backend: "ants" or
    "simpleitk"; by default ants where it is installed. seed: of whatever is random in the backend. repeatable:
    one thread, for the same bytes on every run. source_labels, target_labels: label layers of the two; every
    label that both have (same layer name, or both one layer, and same value) guides the registration.
    progress: called with each stage.

    Raises InputError if a scan shows no body, labels were given that the two do not share, or the backend is
    not to be had.
    """
    report = progress or (lambda *_: None)
    deformation = find_deformation(
        source, target, backend, seed, repeatable, source_labels, target_labels, report
    )
    report("fitting the path")
    return path_along(deformation, source, target)


@dataclass(frozen=True)
class Deformation:
    """What a backend found: the target point y shows the source point ``affine (y + warp(y))``.

    warp: VectorFloat64 displacement in mm (LPS) on a grid in the target, zero outside it. affine: (4, 4) LPS
    matrix. method: how it was found, JSON-safe.
    """

    warp: sitk.Image
    affine: np.ndarray
    method: Mapping[str, object] = field(default_factory=dict)

    def source_points(self, points: np.ndarray) -> np.ndarray:
        """The source points that the target `points` show; both (3, ...) LPS mm, float32."""
        geometry = Geometry.of(self.warp)
        index = transform(np.linalg.inv(geometry.matrix() @ KJI), points)
        components = np.moveaxis(sitk.GetArrayViewFromImage(self.warp), -1, 0).astype(np.float32)
        last = np.reshape(components.shape[1:], (3,) + (1,) * (points.ndim - 1)) - 1
        covered = np.all((index >= 0) & (index <= last), axis=0)
        return transform(self.affine, points + sample(components, index) * covered)


def find_deformation(
    source: sitk.Image,
    target: sitk.Image,
    backend: str | None = None,
    seed: int = 0,
    repeatable: bool = False,
    source_labels: Sequence[LabelLayer] = (),
    target_labels: Sequence[LabelLayer] = (),
    progress: Progress | None = None,
) -> Deformation:
    """The first half of `register`, with the same parameters and errors: the backend's own result."""
    report = progress or (lambda *_: None)
    engine = get_backend(backend)
    report("preparing")
    masks = _shared_masks(source_labels, target_labels)
    moving = prepare(source, tuple(pair[0] for pair in masks.values()))
    fixed = prepare(target, tuple(pair[1] for pair in masks.values()))
    with one_thread(repeatable):
        report("laying one body over the other")
        start = affine_start(fixed, moving)
        report(f"deforming ({engine.name})")
        affine = matrix_of(start)
        corners = affine[:3, :3] @ Geometry.of(fixed.image).corners().T + affine[:3, 3:]
        warp = engine.deform(fixed, moving.reaching(corners), start, seed, repeatable)
    return Deformation(warp, affine, _method(engine, seed, repeatable, list(masks)))


def path_along(deformation: Deformation, source: sitk.Image, target: sitk.Image) -> MorphPath:
    """The second half of `register`: the path whose end is the given deformation, whoever found it."""
    pose, stretch = split_affine(deformation.affine, Geometry.of(source))
    velocity, fit = fit_velocity(deformation, pose, stretch, source, target)
    method = {
        **deformation.method,
        "velocity_spacing_mm": VELOCITY_SPACING_MM,
        "fit_mean_mm": round(fit.mean_error * VELOCITY_SPACING_MM, 4),
        "fit_p99_mm": round(fit.p99_error * VELOCITY_SPACING_MM, 4),
    }
    return MorphPath(velocity, stretch, pose, Bound.to(source), Bound.to(target), method)


def split_affine(affine: np.ndarray, source: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Pose and stretch of an affine transform from target to source points: ``affine = stretch @ pose``.

    The pose is rigid; the stretch is symmetric (polar decomposition) and keeps the middle of the source where
    it is. All are (4, 4) LPS matrices.
    """
    u, scale, vt = np.linalg.svd(affine[:3, :3])
    if np.linalg.det(affine[:3, :3]) <= 0:
        raise ValueError("an affine transform between bodies cannot mirror")
    middle = source.corners().mean(axis=0)
    stretch = np.eye(4)
    stretch[:3, :3] = (u * scale) @ u.T
    stretch[:3, 3] = middle - stretch[:3, :3] @ middle
    pose = np.linalg.inv(stretch) @ affine
    pose[:3, :3] = u @ vt
    return pose, stretch


def fit_velocity(
    deformation: Deformation, pose: np.ndarray, stretch: np.ndarray, source: sitk.Image, target: sitk.Image
) -> tuple[sitk.Image, Fit]:
    """The velocity (VectorFloat32, mm, source pose) whose flow, with `stretch`, ends in the deformation."""
    fine = _velocity_geometry(source, target, pose, VELOCITY_SPACING_MM)
    coarse = _coarser(fine)
    body = body_mask(target)
    first = None
    for geometry, iterations in ((coarse, COARSE_ITERATIONS), (fine, FINE_ITERATIONS)):
        to_mm = geometry.matrix() @ KJI
        to_index = np.linalg.inv(to_mm)
        generator = to_index @ log_of_stretch(stretch) @ to_mm
        here = positions(geometry)
        there = deformation.source_points(transform(np.linalg.inv(pose), here))
        residual = linear(to_index, there - transform(stretch, here))
        inside = _sampled_mask(body, pose, here) & _within(Geometry.of(source), there)
        if first is not None:
            first = _refined(first, coarse, fine)
        good_enough = GOOD_ENOUGH_MM / geometry.spacing[0]
        fit = logarithm(residual, generator, inside, iterations, first, good_enough)
        first = fit.velocity
    vectors = linear(fine.matrix() @ KJI, fit.velocity)
    image = sitk.GetImageFromArray(np.ascontiguousarray(np.moveaxis(vectors, 0, -1)), isVector=True)
    fine.apply_to(image)
    return image, fit


def _sampled_mask(mask: sitk.Image, pose: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A mask on the target's grid, looked up at points in the source's pose."""
    home = transform(np.linalg.inv(pose), points)
    values = sitk.GetArrayViewFromImage(mask)
    index = np.rint(transform(np.linalg.inv(Geometry.of(mask).matrix() @ KJI), home)).astype(int)
    within = _within(Geometry.of(mask), home)
    return within & (values[tuple(np.where(within, axis, 0) for axis in index)] > 0)


def _within(geometry: Geometry, points: np.ndarray) -> np.ndarray:
    """Which points (3, ...) LPS mm lie among the voxels of a grid."""
    index = np.rint(transform(np.linalg.inv(geometry.matrix()), points))
    return np.all([(index[d] >= 0) & (index[d] < geometry.size[d]) for d in range(3)], axis=0)


def _velocity_geometry(source: sitk.Image, target: sitk.Image, pose: np.ndarray, spacing: float) -> Geometry:
    """A grid along the source's axes over the source and the target in the source's pose."""
    geometry = Geometry.of(source)
    directions = np.reshape(geometry.direction, (3, 3))
    corners = np.vstack([geometry.corners(), Geometry.of(target).corners() @ pose[:3, :3].T + pose[:3, 3]])
    along = corners @ directions
    low = along.min(axis=0) - MARGIN * spacing
    cells = np.ceil((along.max(axis=0) + MARGIN * spacing - low) / spacing).astype(int)
    cells += cells % COARSER  # so that every second node is a node of the coarser grid
    origin = directions @ low
    return Geometry(tuple(int(n) + 1 for n in cells), (spacing,) * 3, tuple(origin), geometry.direction)


def _coarser(geometry: Geometry) -> Geometry:
    """Every second node of a grid."""
    size = tuple((n - 1) // COARSER + 1 for n in geometry.size)
    spacing = tuple(s * COARSER for s in geometry.spacing)
    return Geometry(size, spacing, geometry.origin, geometry.direction)


def _refined(velocity: np.ndarray, coarse: Geometry, fine: Geometry) -> np.ndarray:
    """A velocity in voxels of the coarse grid, on the fine one and in its voxels."""
    index = np.linalg.inv(coarse.matrix() @ KJI) @ fine.matrix() @ KJI
    nodes = np.indices(fine.size[::-1], dtype=np.float32)
    return sample(velocity, transform(index, nodes)) * np.float32(COARSER)


def _shared_masks(
    source_layers: Sequence[LabelLayer], target_layers: Sequence[LabelLayer]
) -> dict[str, tuple[sitk.Image, sitk.Image]]:
    """A pair of masks (uint8) for each label both sides have, by its name."""
    if not source_layers and not target_layers:
        return {}
    by_name = {layer.name: layer for layer in target_layers}
    if len(source_layers) == len(target_layers) == 1:
        by_name = {source_layers[0].name: target_layers[0]}
    shared = {}
    for layer in source_layers:
        other = by_name.get(layer.name)
        for value in layer.values if other else ():
            if value in other.values:
                shared[f"{layer.name}:{value}"] = (layer.image == value, other.image == value)
    if not shared:
        raise InputError(
            "The label layers of source and target have no label in common: found "
            f"{_listed(source_layers)} and {_listed(target_layers)}; expected layers of the same name with the "
            "same values. Leave one side's labels away to register without them."
        )
    return shared


def _listed(layers: Sequence[LabelLayer]) -> str:
    return "; ".join(f"{layer.name} ({', '.join(map(str, layer.values))})" for layer in layers) or "none"


def _method(engine: Backend, seed: int, repeatable: bool, labels: list[str]) -> dict[str, object]:
    from .. import __version__

    return {
        "backend": engine.name,
        "versions": {"SyntheticCT": __version__, **engine.versions()},
        "parameters": engine.parameters(),
        "seed": seed,
        "repeatable": repeatable,
        "guiding_labels": labels,
    }
