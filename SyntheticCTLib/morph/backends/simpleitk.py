"""Diffeomorphic demons in SimpleITK: nothing beyond what 3D Slicer bundles.

Method: Vercauteren et al., "Diffeomorphic demons: efficient non-parametric image registration" (NeuroImage 45,
2009).
"""

from __future__ import annotations

import SimpleITK as sitk

from ..prepare import LABEL_WEIGHT, Prepared

#: Coarsening of the prepared grid and iterations, coarse to fine.
LEVELS = ((4, 40), (2, 25), (1, 8))

#: Standard deviations in voxels of the smoothing of every step and of the whole field after it. With less the
#: demons follow the images closer, but fold: no path then ends in their result.
UPDATE_SMOOTHING = 3.0
FIELD_SMOOTHING = 2.0

#: Longest step of one iteration, in voxels; the step is exponentiated coarsely, and longer ones fold.
LONGEST_STEP = 0.5


class SimpleITKBackend:
    """The second backend: always there, faster to have and less exact than SyN."""

    name = "simpleitk"

    def available(self) -> bool:
        """Always: SimpleITK is what images are made of."""
        return True

    def versions(self) -> dict[str, str]:
        """The version of SimpleITK."""
        return {"SimpleITK": sitk.Version.VersionString()}

    def parameters(self) -> dict[str, object]:
        """Levels, smoothing, steps."""
        return {
            "method": "affine, then diffeomorphic demons",
            "levels": [list(level) for level in LEVELS],
            "update_smoothing_voxels": UPDATE_SMOOTHING,
            "field_smoothing_voxels": FIELD_SMOOTHING,
            "longest_step_voxels": LONGEST_STEP,
        }

    def deform(
        self, fixed: Prepared, moving: Prepared, start: sitk.AffineTransform, seed: int, repeatable: bool
    ) -> sitk.Image:
        """The deformation of the protocol; nothing in it is random, so `seed` plays no part."""
        laid_over = [sitk.Resample(channel, fixed.image, start, sitk.sitkLinear, 0.0) for channel in moving.channels]
        fixed_image, moving_image = _one_channel(fixed.channels), _one_channel(laid_over)
        moving_image = sitk.HistogramMatching(moving_image, fixed_image, 256, 8, True)
        field = None
        for shrink, iterations in LEVELS:
            field = _demons(_shrunk(fixed_image, shrink), _shrunk(moving_image, shrink), field, iterations)
        return _onto(field, fixed.image)


def _one_channel(channels) -> sitk.Image:
    """Demons compare one number per voxel: each label raises or lowers the image by its own amount."""
    total = channels[0]
    for number, label in enumerate(channels[1:], start=1):
        sign = 1 if number % 2 else -1
        total = total + label * (sign * LABEL_WEIGHT * (1 + number // 4))
    return total


def _demons(fixed, moving, field, iterations: int) -> sitk.Image:
    demons = sitk.DiffeomorphicDemonsRegistrationFilter()
    demons.SetNumberOfIterations(iterations)
    demons.SetSmoothUpdateField(True)
    demons.SetUpdateFieldStandardDeviations(UPDATE_SMOOTHING)
    demons.SetSmoothDisplacementField(True)
    demons.SetStandardDeviations(FIELD_SMOOTHING)
    demons.SetMaximumUpdateStepLength(LONGEST_STEP)
    demons.SetIntensityDifferenceThreshold(1e-3)
    if field is None:
        return demons.Execute(fixed, moving)
    return demons.Execute(fixed, moving, _onto(field, fixed))


def _shrunk(image: sitk.Image, factor: int) -> sitk.Image:
    factors = [min(factor, max(1, n // 4)) for n in image.GetSize()]
    return sitk.BinShrink(image, factors) if max(factors) > 1 else image


def _onto(field: sitk.Image, image: sitk.Image) -> sitk.Image:
    resample = sitk.ResampleImageFilter()
    resample.SetReferenceImage(image)
    resample.SetInterpolator(sitk.sitkLinear)
    resample.SetUseNearestNeighborExtrapolator(True)
    return sitk.Cast(resample.Execute(field), sitk.sitkVectorFloat64)
