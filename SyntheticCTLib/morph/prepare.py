"""What a registration sees of a CT: a coarse, calm version of it, air at zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..images.geometry import Geometry
from ..images.hu import AIR_HU
from .body import body_mask

#: Spacing of the registration in mm. Finer is slower and was less accurate between patients.
SPACING_MM = 3.0

#: HU above which everything counts as bone: contrast agent and metal must not outweigh anatomy.
BRIGHTEST_HU = 400.0

#: Voxels round the scan filled with its edge values, so that a cut-off body does not end in a wall of air.
MARGIN = 6

#: No scan is continued by more voxels than this beyond an end.
LARGEST_MARGIN = 100

#: Smoothing before the grid is coarsened, as a part of the coarse voxel: about its point spread.
BLUR = 0.42

#: SimpleITK's recursive filters need this many voxels along an axis.
FEWEST_FOR_BLUR = 4

#: Share of a label's weight against the image in the metric; labels guide, the image decides within them.
LABEL_WEIGHT = 0.5


@dataclass(frozen=True)
class Prepared:
    """channels: float32 images on one isotropic grid, each 0 (air, no label) to 1; the CT is the first.

    inside: uint8, 1 where the scan has data and 0 in the margin made of its edge values.
    """

    channels: tuple[sitk.Image, ...]
    inside: sitk.Image

    @property
    def image(self) -> sitk.Image:
        """The CT channel."""
        return self.channels[0]

    def reaching(self, points: np.ndarray) -> Prepared:
        """Continued with its edge values until it reaches over `points` (3, n) LPS mm.

        Where only the other scan has data there is then nothing to pull at, and the deformation stays calm.
        """
        geometry = Geometry.of(self.image)
        matrix = np.linalg.inv(geometry.matrix())
        index = matrix[:3, :3] @ points + matrix[:3, 3:]
        last = np.asarray(geometry.size) - 1
        low = np.clip(np.ceil(-index.min(axis=1)), 0, LARGEST_MARGIN).astype(int)
        high = np.clip(np.ceil(index.max(axis=1) - last), 0, LARGEST_MARGIN).astype(int)
        return self._padded(low.tolist(), high.tolist())

    def _padded(self, low: list[int], high: list[int]) -> Prepared:
        return Prepared(
            tuple(sitk.ZeroFluxNeumannPad(channel, low, high) for channel in self.channels),
            sitk.ConstantPad(self.inside, low, high, 0),
        )


def prepare(image: sitk.Image, masks: tuple[sitk.Image, ...] = (), spacing: float = SPACING_MM) -> Prepared:
    """Coarsen a CT (int16 HU) and masks (uint8, on its grid) along its own axes.

    The table and everything else outside the body become air, HU are clamped to -1024..400 and scaled to
    0..1, because ITK fills what it resamples from outside with 0.
    """
    geometry = _isotropic(Geometry.of(image), spacing)
    hu = sitk.Clamp(sitk.Cast(image, sitk.sitkFloat32), sitk.sitkFloat32, AIR_HU, BRIGHTEST_HU)
    coarse = _coarsened(hu, geometry)
    body = sitk.BinaryDilate(body_mask(coarse), [1, 1, 1])
    coarse = sitk.Mask(coarse, body, float(AIR_HU))
    channels = [sitk.ShiftScale(coarse, -AIR_HU, 1 / (BRIGHTEST_HU - AIR_HU))]  # dividing would give doubles
    channels += [_coarsened(sitk.Cast(mask, sitk.sitkFloat32), geometry) for mask in masks]
    margin = [MARGIN] * 3
    return Prepared(tuple(channels), geometry.new_image(sitk.sitkUInt8, 1))._padded(margin, margin)


def _isotropic(geometry: Geometry, spacing: float) -> Geometry:
    """A grid of `spacing` along the same axes with the same middle that covers the scan."""
    extent = np.asarray(geometry.size) * np.asarray(geometry.spacing)
    size = np.maximum(np.ceil(extent / spacing - 1e-6).astype(int), 1)
    directions = np.reshape(geometry.direction, (3, 3))
    middle = directions @ ((np.asarray(geometry.size) - 1) / 2 * np.asarray(geometry.spacing))
    origin = np.asarray(geometry.origin) + middle - directions @ ((size - 1) / 2 * spacing)
    return Geometry(tuple(int(n) for n in size), (spacing,) * 3, tuple(origin), geometry.direction)


def _coarsened(image: sitk.Image, geometry: Geometry) -> sitk.Image:
    """`image` blurred to the resolution of `geometry` and sampled there; edge values outside.

    One axis after the other, the one that shrinks most first, so that the later ones have less to do.
    """
    steps, counts = image.GetSpacing(), image.GetSize()
    for axis in sorted(range(3), key=lambda axis: geometry.size[axis] / counts[axis]):
        sigma = BLUR * np.sqrt(max(geometry.spacing[axis] ** 2 - steps[axis] ** 2, 0.0))
        if sigma > 0.1 * steps[axis] and counts[axis] >= FEWEST_FOR_BLUR:
            image = sitk.RecursiveGaussian(
                image, float(sigma), False, sitk.RecursiveGaussianImageFilter.ZeroOrder, axis
            )
        image = _resampled(image, _along(axis, geometry, Geometry.of(image)))
    return image


def _along(axis: int, new: Geometry, old: Geometry) -> Geometry:
    """`old` with size and spacing of `new` along one axis; both have the same directions."""
    directions = np.reshape(old.direction, (3, 3))
    shift = directions.T @ (np.asarray(new.origin) - old.origin)
    origin = np.asarray(old.origin) + directions[:, axis] * shift[axis]
    size, spacing = list(old.size), list(old.spacing)
    size[axis], spacing[axis] = new.size[axis], new.spacing[axis]
    return Geometry(tuple(size), tuple(spacing), tuple(origin), old.direction)


def _resampled(image: sitk.Image, geometry: Geometry) -> sitk.Image:
    resample = sitk.ResampleImageFilter()
    resample.SetSize(geometry.size)
    resample.SetOutputSpacing(geometry.spacing)
    resample.SetOutputOrigin(geometry.origin)
    resample.SetOutputDirection(geometry.direction)
    resample.SetInterpolator(sitk.sitkLinear)
    resample.SetUseNearestNeighborExtrapolator(True)
    return resample.Execute(image)
