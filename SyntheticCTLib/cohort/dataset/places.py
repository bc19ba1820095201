"""Where a published grid lies: centred on 0, for the origin of a scan tells which scan it is.

Whoever holds a public data set that the originals come from could else find them by an output's header alone. Spacing,
size and tilt of the grid may do so too, unless the plan sets them; see `whose_grid`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ..planning.settings import PlanSettings

_WHOSE_GRID = {
    "source": "The voxel grid of a scan has the spacing, size and tilt of the first real scan's.",
    "target": "The voxel grid of a scan has the spacing, size and tilt of the second real scan's, that of the shape.",
    "fit": "The voxel grid of a scan has the spacing and tilt of the first real scan's; its size fits the new body.",
}
_WHOSE_EXTENT = {
    "source": "the first real scan's",
    "target": "the second real scan's",
    "fit": "that of the new body",
}
_TOLD = "Whoever has that scan may know it by this; where it lay is not told."


def whose_grid(settings: PlanSettings) -> str:
    """Whose scan's the grid of an output is, in words for the data card; the first scan is the source."""
    if settings.spacing is None:
        return f"{_WHOSE_GRID[settings.grid]} {_TOLD}"
    voxels = "All scans have voxels of {:g} x {:g} x {:g} mm along the axes of the body".format(*settings.spacing)
    if settings.size is None:
        return f"{voxels}; the extent of a scan is {_WHOSE_EXTENT[settings.grid]}. {_TOLD}"
    count = "{} x {} x {}".format(*settings.size)
    return f"{voxels}, {count} of them: the grid tells nothing of its sources; air where their field of view ends may."


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
