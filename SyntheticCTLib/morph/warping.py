"""Warping a CT and its labels along a path: one resampling, at full resolution, slab by slab."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..images.geometry import Geometry
from ..images.labels import LabelLayer
from .body import body_mask, shrunk
from .flow import transform
from .path import KJI, MorphPath, coarse_over, positions
from .resampling import ImageSampler, LabelSampler, Slab

GRIDS = ("source", "target", "fit")
"""Where a morph lies: on the source's grid, on the target's, or in the source's pose with room for the body."""

#: Voxels of the output handled at once; a few float32 arrays of this size are all the memory a slab needs.
SLAB_VOXELS = 1 << 21

#: Air round the morphed body on the grid "fit", in mm.
FIT_MARGIN_MM = 10.0


@dataclass(frozen=True)
class Morphed:
    """A synthetic CT. image: int16 HU. layers: its labels, on the same grid. outside: uint8, 1 where nothing was
    seen because the source's field of view ends there (the image is air). t: how far along the path. grid: where
    it lies, one of `GRIDS`."""

    image: sitk.Image
    layers: list[LabelLayer]
    outside: sitk.Image
    t: float
    grid: str


def morph(
    source: sitk.Image,
    path: MorphPath,
    t: float,
    labels: Sequence[LabelLayer] = (),
    grid: str = "source",
    progress: Callable[..., None] | None = None,
) -> Morphed:
    """The body `t` of the way from source to target, 0 <= t <= 1.

    source: the CT (int16 HU) the path was made for. labels: layers on its grid. grid: "source" (its grid and
    pose), "target" (the target's, so that t = 1 lies on the target) or "fit" (source pose and spacing, extent
    over the whole morphed body). On the source grid t = 0 is the source, voxel for voxel.

    The image is resampled once, by cubic B-splines (order 3) kept within the range of the voxels round each
    sample; each label voxel goes to the label with the largest tri-linear share. Raises InputError if the path
    is bound to another source or `t` or `grid` is none.

    To make many morphs of one source use `Warper`, which prepares it once.
    """
    return Warper(source, labels).morph(path, t, grid, progress)


class Warper:
    """A source with its labels, made ready to be warped any number of times."""

    def __init__(self, source: sitk.Image, labels: Sequence[LabelLayer] = ()) -> None:
        self._source = source
        self._labels = list(labels)
        for layer in self._labels:
            if not Geometry.of(layer.image).same_as(Geometry.of(source)):
                raise InputError(
                    f"The label layer {layer.name} is not on the source's grid: found "
                    f"{Geometry.of(layer.image).describe()}, expected {Geometry.of(source).describe()}. Read it "
                    "with read_layers, which resamples it."
                )
        self._image_sampler: ImageSampler | None = None
        self._label_samplers: list[LabelSampler] = []

    def morph(
        self,
        path: MorphPath,
        t: float,
        grid: str = "source",
        progress: Callable[..., None] | None = None,
        spacing: tuple[float, float, float] | None = None,
        size: tuple[int, int, int] | None = None,
    ) -> Morphed:
        """As the function `morph`.

        spacing, size: if given, the morph lies along the LPS axes on voxels of this spacing (mm), so many of them (by
        default as many as `grid` takes), round the middle of what `grid` says. Still one resampling. Nothing is
        averaged: voxels much larger than the source's have the noise of the source's.
        """
        if not 0 <= t <= 1:
            raise InputError(f"t is {t}; expected a number from 0 (source) to 1 (target).")
        if grid not in GRIDS:
            raise InputError(f"The grid is {grid!r}; expected one of {', '.join(GRIDS)}.")
        path.check(self._source)
        if t == 0 and grid == "source" and spacing is None:
            return self._unchanged()
        geometry = self._output_geometry(path, t, grid)
        if spacing is not None:
            geometry = geometry.upright(spacing, size)
        self._prepare()
        image = geometry.new_image(sitk.sitkInt16)
        outside = geometry.new_image(sitk.sitkUInt8)
        layers = [
            LabelLayer(layer.name, geometry.new_image(layer.image.GetPixelID()), layer.names)
            for layer in self._labels
        ]
        image_voxels, outside_voxels = _writable(image), _writable(outside)
        label_voxels = [_writable(layer.image) for layer in layers]
        pose = "target" if grid == "target" else "source"
        for slab in _slabs(path, t, geometry, pose, Geometry.of(self._source)):
            if progress is not None:
                progress("warping", slab.rows.start / geometry.size[2])
            self._image_sampler.fill(image_voxels, outside_voxels, slab)
            for sampler, values in zip(self._label_samplers, label_voxels, strict=True):
                sampler.fill(values, slab)
        return Morphed(image, layers, outside, float(t), grid)

    def _unchanged(self) -> Morphed:
        nothing = Geometry.of(self._source).new_image(sitk.sitkUInt8)
        layers = [LabelLayer(layer.name, sitk.Image(layer.image), layer.names) for layer in self._labels]
        return Morphed(sitk.Image(self._source), layers, nothing, 0.0, "source")

    def _prepare(self) -> None:
        if self._image_sampler is None:
            self._image_sampler = ImageSampler(self._source)
            self._label_samplers = [LabelSampler(layer.image) for layer in self._labels]

    def _output_geometry(self, path: MorphPath, t: float, grid: str) -> Geometry:
        if grid == "target":
            return path.target.geometry
        if grid == "source":
            return Geometry.of(self._source)
        return fitted_geometry(self._source, path, t)


def fitted_geometry(source: sitk.Image, path: MorphPath, t: float) -> Geometry:
    """The source's grid, cut or grown by whole voxels to hold the morphed body and a margin of air."""
    geometry = Geometry.of(source)
    coarse = shrunk(source)
    index = np.argwhere(sitk.GetArrayFromImage(body_mask(coarse)))
    if not len(index):
        return geometry
    points = transform(Geometry.of(coarse).matrix() @ KJI, index.T.astype(np.float32))
    reached = path.push_forward(t, points)
    where = transform(np.linalg.inv(geometry.matrix()), reached.reshape(3, -1))
    margin = FIT_MARGIN_MM / np.asarray(geometry.spacing)
    low = np.floor(where.min(axis=1) - margin).astype(int)
    high = np.ceil(where.max(axis=1) + margin).astype(int)
    origin = geometry.matrix() @ [*low, 1]
    return Geometry(
        tuple(int(n) for n in high - low + 1), geometry.spacing, tuple(origin[:3]), geometry.direction
    )


def _slabs(
    path: MorphPath, t: float, geometry: Geometry, pose: str, source: Geometry
) -> Iterator[Slab]:
    """Where each voxel of the output is found in the source, a few slices at a time.

    The map is smooth, so it is worked out on a coarse grid along the output's axes and read linearly between.
    """
    coarse = coarse_over(geometry, max(min(path.coarse_geometry().spacing), min(geometry.spacing)))
    found = path.pull_back(t, positions(coarse), pose)
    index = transform(np.linalg.inv(source.matrix() @ KJI), found)
    weights = [
        _linear_weights(n, step, cells, coarse.spacing[0])
        for n, step, cells in zip(
            geometry.size[::-1], geometry.spacing[::-1], coarse.size[::-1], strict=True
        )
    ]
    depth = max(1, SLAB_VOXELS // (geometry.size[0] * geometry.size[1]))
    for first in range(0, geometry.size[2], depth):
        rows = slice(first, min(first + depth, geometry.size[2]))
        part = np.tensordot(weights[0][rows], index, (1, 1)).swapaxes(0, 1)
        part = np.matmul(weights[1], part)
        yield Slab(rows, np.matmul(part, weights[2].T))


def _linear_weights(count: int, step: float, nodes: int, spacing: float) -> np.ndarray:
    """(count, nodes) matrix that reads a line of `count` voxels linearly from coarse nodes round the same middle."""
    place = (np.arange(count) - (count - 1) / 2) * step / spacing + (nodes - 1) / 2
    low = np.clip(np.floor(place).astype(int), 0, max(nodes - 2, 0))
    weights = np.zeros((count, nodes), np.float32)
    weights[np.arange(count), low] = 1 - (place - low)
    weights[np.arange(count), np.minimum(low + 1, nodes - 1)] += place - low
    return weights


def _writable(image: sitk.Image) -> np.ndarray:
    """The voxels of an image nobody else has yet, to be written in place; valid while the image lives.

    SimpleITK's own view is read-only, and filling an array first would need every output twice.
    """
    image.MakeUnique()
    view = sitk.GetArrayViewFromImage(image)
    buffer = (ctypes.c_char * view.nbytes).from_address(view.ctypes.data)
    return np.frombuffer(buffer, view.dtype).reshape(view.shape)
