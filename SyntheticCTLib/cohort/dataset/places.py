"""Where a published grid lies: centred on 0, for the origin of a scan tells which scan it is.

Whoever holds a public data set that the originals come from could else find them by an output's header alone. Spacing,
size and tilt of the grid stay, and may do so too; whose they are depends on the plan's setting, see `WHOSE_GRID`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import SimpleITK as sitk


WHOSE_GRID = {
    "source": "The voxel grid of a scan has the spacing, size and tilt of the first real scan's.",
    "target": "The voxel grid of a scan has the spacing, size and tilt of the second real scan's, that of the shape.",
    "fit": "The voxel grid of a scan has the spacing and tilt of the first real scan's; its size fits the new body.",
}
"""For each setting of the grid, whose scan's it is, in words for the data card; the first scan is the source."""


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
