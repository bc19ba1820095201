"""Where a published grid lies: centred on 0, for the origin of a scan tells which scan it is.

Whoever holds a public data set that the sources come from could else find the source of an output by its header alone.
Spacing, size and tilt of the grid stay, and may do so too; see the data card.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import SimpleITK as sitk


def center_of(image: sitk.Image) -> tuple[float, float, float]:
    """The middle of a grid, mm LPS."""
    return image.TransformContinuousIndexToPhysicalPoint([(size - 1) / 2 for size in image.GetSize()])


def moved(image: sitk.Image, by: Sequence[float]) -> sitk.Image:
    """The image with its grid moved by a vector, mm LPS; the voxels are shared until one of both is written to."""
    import SimpleITK as sitk

    result = sitk.Image(image)
    result.SetOrigin(tuple(float(at) for at in np.add(image.GetOrigin(), by)))
    return result


def centered(image: sitk.Image) -> sitk.Image:
    """The image with the middle of its grid at 0."""
    return moved(image, np.negative(center_of(image)))
