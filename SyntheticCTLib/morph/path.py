"""The morph path between two bodies: everything a registration knows, as one smooth flow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..images.geometry import Geometry
from ..images.hashing import content_hash
from .flow import Flow, flow, linear, sample, transform

GRIDS = ("source", "target")
"""Whose pose the points handed to a path lie in."""

KJI = np.eye(4)[[2, 1, 0, 3]]
"""Turns an index (k, j, i, 1), numpy's order, into (i, j, k, 1), SimpleITK's, and back."""


@dataclass(frozen=True)
class Bound:
    """The image a path belongs to: where it lies, and the hash of its voxels (`images.hashing.content_hash`)."""

    geometry: Geometry
    content: str

    @classmethod
    def to(cls, image: sitk.Image) -> Bound:
        """Bind to a CT image (sitkInt16)."""
        return cls(Geometry.of(image), content_hash(image))


@dataclass
class MorphPath:
    """A smooth path from a source body (t = 0) to a target body (t = 1).

    The velocity at a point x of the source's pose is ``log(stretch) x + velocity(x)``, and the body at t is the
    source pulled back along its flow: the morph at x shows the source at ``x + field(t)(x)``. Going to s and on
    by t is going to s + t.

    velocity: VectorFloat32 image in mm (LPS) on a coarse grid in the source's pose. stretch: (4, 4) LPS matrix,
    the affine part of the registration without the rigid one. pose: (4, 4) rigid LPS matrix that takes a
    target point to the source's pose; where the target lies is not part of the morph. source, target: the two
    images the path is bound to. method: how it was found (backend, versions, parameters), JSON-safe.
    """

    velocity: sitk.Image
    stretch: np.ndarray
    pose: np.ndarray
    source: Bound
    target: Bound
    method: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._geometry = Geometry.of(self.velocity)
        self._to_mm = self._geometry.matrix() @ KJI
        self._to_index = np.linalg.inv(self._to_mm)
        self._generator = self._to_index @ log_of_stretch(self.stretch) @ self._to_mm
        components = np.moveaxis(sitk.GetArrayFromImage(self.velocity), -1, 0)
        self._velocity = np.ascontiguousarray(linear(self._to_index, components))
        self._flows: dict[float, Flow] = {}

    def field(self, t: float, geometry: Geometry | None = None, grid: str = "source") -> sitk.Image:
        """Pull-back displacement at `t`, VectorFloat32 in mm (LPS): the morph at x shows source(x + field(x)).

        geometry: the grid to give it on; by default a coarse one over the source or target. grid: "source" if
        the points of `geometry` lie in the source's pose, "target" if they lie in the target's (the
        displacement then includes the pose). Raises ValueError unless 0 <= t <= 1.
        """
        geometry = geometry or self.coarse_geometry(grid)
        start = positions(geometry)
        moved = self.pull_back(t, start, grid)
        moved -= start
        return _vector_image(moved, geometry)

    def inverse_field(self, t: float, geometry: Geometry | None = None, grid: str = "source") -> sitk.Image:
        """Push-forward displacement at `t`: the source point x lies at ``x + inverse_field(x)`` in the morph.

        geometry: a grid in the source, by default the coarse one. grid: the pose the morph lies in.
        """
        geometry = geometry or self._geometry
        start = positions(geometry)
        moved = self.push_forward(t, start, grid)
        moved -= start
        return _vector_image(moved, geometry)

    def jacobian(self, t: float, geometry: Geometry | None = None, grid: str = "source") -> sitk.Image:
        """Source volume per unit of morphed volume at `t`, float32: below 1 where the body was stretched."""
        geometry = geometry or self.coarse_geometry(grid)
        return self._determinant(self._checked(t), geometry, self._pose_of(grid))

    def inverse_jacobian(self, t: float, geometry: Geometry | None = None, grid: str = "source") -> sitk.Image:
        """Morphed volume per unit of source volume at `t`, float32, on a grid in the source."""
        self._pose_of(grid)  # a rigid pose changes no volume, but the name must be right
        return self._determinant(-self._checked(t), geometry or self._geometry, np.eye(4))

    def pull_back(self, t: float, points: np.ndarray, grid: str = "source") -> np.ndarray:
        """Source points shown at `points` of the morph at `t`; both (3, ...) LPS mm, float32."""
        return self._moved(self._checked(t), self._to_index @ self._pose_of(grid), points, self._to_mm)

    def push_forward(self, t: float, points: np.ndarray, grid: str = "source") -> np.ndarray:
        """Where source `points` lie in the morph at `t`; both (3, ...) LPS mm, float32."""
        leave = np.linalg.inv(self._pose_of(grid)) @ self._to_mm
        return self._moved(-self._checked(t), self._to_index, points, leave)

    def coarse_geometry(self, grid: str = "source") -> Geometry:
        """The coarse grid the path is given on: its own, or one as fine along the target's axes."""
        if grid == "source":
            return self._geometry
        self._pose_of(grid)
        return coarse_over(self.target.geometry, min(self._geometry.spacing))

    def reversed(self) -> MorphPath:
        """The path from the target to the source, in the target's pose; nothing is registered again."""
        back = np.linalg.inv(self.pose)
        moved = back @ self._geometry.matrix()
        geometry = Geometry(
            self._geometry.size,
            self._geometry.spacing,
            tuple(moved[:3, 3]),
            tuple((moved[:3, :3] / np.asarray(self._geometry.spacing)).ravel()),
        )
        components = np.moveaxis(sitk.GetArrayFromImage(self.velocity), -1, 0)
        velocity = _vector_image(linear(back, -components), geometry)
        stretch = back @ np.linalg.inv(self.stretch) @ self.pose
        return MorphPath(velocity, stretch, back, self.target, self.source, self.method)

    def check(self, source: sitk.Image, target: sitk.Image | None = None) -> None:
        """Refuse images the path was not made for: InputError says which, and what differs."""
        for role, bound, image in (("source", self.source, source), ("target", self.target, target)):
            if image is None:
                continue
            found = Geometry.of(image)
            if not bound.geometry.same_as(found):
                raise InputError(
                    f"The path belongs to another {role}: it was made for {bound.geometry.describe()}, found is "
                    f"{found.describe()}. Give the {role} it was made for, or register again."
                )
            if content_hash(image) != bound.content:
                raise InputError(
                    f"The path belongs to another {role}: the grid is the same but the voxels are not. Give the "
                    f"{role} it was made for, or register again."
                )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the path to one .nrrd file that other tools open as a vector volume (`morph.path_file`)."""
        from .path_file import save

        save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> MorphPath:
        """Read a path written by `save`. Raises InputError if the file is not one."""
        from .path_file import load

        return load(path)

    def _flow(self, t: float) -> Flow:
        """The flow at `t`, the last few kept: image, labels and report ask for the same."""
        if t not in self._flows:
            if len(self._flows) >= 3:
                self._flows.pop(next(iter(self._flows)))
            self._flows[t] = flow(self._velocity, self._generator, t)
        return self._flows[t]

    def _moved(self, t: float, enter: np.ndarray, points: np.ndarray, leave: np.ndarray) -> np.ndarray:
        """`points` taken into the path's index space, along the flow, and out again."""
        if t == 0:
            return transform(leave @ enter, points)
        return transform(leave, self._flow(t).at(transform(enter, points)))

    def _determinant(self, t: float, geometry: Geometry, pose: np.ndarray) -> sitk.Image:
        if t == 0:
            return geometry.new_image(sitk.sitkFloat32, 1.0)
        index = transform(self._to_index @ pose, positions(geometry))
        image = sitk.GetImageFromArray(sample(self._flow(t).determinant()[None], index)[0])
        geometry.apply_to(image)
        return image

    def _pose_of(self, grid: str) -> np.ndarray:
        if grid not in GRIDS:
            raise ValueError(f"grid is {grid!r}; expected one of {', '.join(GRIDS)}")
        return self.pose if grid == "target" else np.eye(4)

    @staticmethod
    def _checked(t: float) -> float:
        if not 0 <= t <= 1:
            raise ValueError(f"t is {t}; a path runs from 0 (source) to 1 (target)")
        return float(t)


def positions(geometry: Geometry) -> np.ndarray:
    """LPS positions in mm of all voxels of a grid, (3, nk, nj, ni) float32."""
    i, j, k = (np.arange(n, dtype=np.float64) for n in geometry.size)
    matrix = geometry.matrix()
    out = np.empty((3, *geometry.size[::-1]), np.float32)
    for c in range(3):
        plane = matrix[c, 2] * k[:, None] + matrix[c, 1] * j[None, :] + matrix[c, 3]
        out[c] = plane[:, :, None] + matrix[c, 0] * i
    return out


def coarse_over(geometry: Geometry, spacing: float) -> Geometry:
    """A grid along the axes of `geometry`, of voxels of `spacing` mm, that reaches over all of its voxels."""
    size = np.asarray(geometry.size)
    extent = size * np.asarray(geometry.spacing)
    cells = np.maximum(np.ceil(extent / spacing - 1e-6).astype(int), 1)
    directions = np.reshape(geometry.direction, (3, 3))
    middle = np.asarray(geometry.origin) + directions @ ((size - 1) / 2 * np.asarray(geometry.spacing))
    origin = middle - directions @ (cells / 2 * spacing)
    return Geometry(tuple(int(n) + 1 for n in cells), (spacing,) * 3, tuple(origin), geometry.direction)


def _vector_image(vectors: np.ndarray, geometry: Geometry) -> sitk.Image:
    image = sitk.GetImageFromArray(
        np.ascontiguousarray(np.moveaxis(vectors, 0, -1), dtype=np.float32), isVector=True
    )
    geometry.apply_to(image)
    return image


def log_of_stretch(stretch: np.ndarray) -> np.ndarray:
    """The affine velocity (4, 4) whose flow for time 1 is `stretch`. Raises InputError if there is none."""
    from scipy.linalg import logm

    generator = logm(stretch)
    if np.abs(np.imag(generator)).max() > 1e-9 or not np.isfinite(generator).all():
        raise InputError("The path's stretch has no real logarithm; the file is damaged. Register again.")
    return np.real(generator)
