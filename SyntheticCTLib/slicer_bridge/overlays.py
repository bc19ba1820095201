"""What can be laid over a synthetic scan to judge it: HU differences, local change of volume, a checkerboard.

All of them are images on the synthetic scan's own grid (LPS), made from the CTs in the world.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..images.geometry import Geometry
from ..images.hu import AIR_HU
from ..morph.body import body_mask, shrunk
from ..morph.path import MorphPath, coarse_over

CELL_MM = 30.0
"""Side of a square of the checkerboard: about the size of a vertebra."""

HIDDEN = -32768
"""Voxels of the checkerboard that let the synthetic scan through."""

CHANGE_SPACING_MM = 5.0
"""The change of volume is smooth; it is shown on a grid of this spacing."""

SKIN_MM = 10.0
"""What is this near to the air, or to the end of the scan, is not looked at for the largest deformation."""

CHANGE_UNIT = 100.0
"""The change of volume is kept as 100 log2(factor): 100 is doubled, -100 halved."""


def difference(synthetic: sitk.Image, source: sitk.Image, to_source: np.ndarray) -> sitk.Image:
    """Synthetic minus source in HU (int16), at each place of the synthetic scan.

    to_source: (4, 4) LPS matrix from the synthetic scan's pose to the source's.
    """
    there = _resampled(source, synthetic, to_source)
    return sitk.Subtract(synthetic, there)


def volume_change(path: MorphPath, share: float, synthetic: sitk.Image, on_target_grid: bool) -> sitk.Image:
    """100 log2 of the volume per volume of the source (int16), `share` (0 to 1) along a path, on a coarse grid."""
    grid = coarse_over(Geometry.of(synthetic), CHANGE_SPACING_MM)
    shrinkage = path.jacobian(share, grid, "target" if on_target_grid else "source")
    factor = 1 / np.maximum(sitk.GetArrayViewFromImage(shrinkage), 1e-3)
    image = sitk.GetImageFromArray(np.rint(CHANGE_UNIT * np.log2(factor)).astype(np.int16))
    grid.apply_to(image)
    return image


def checkerboard(target: sitk.Image, synthetic: sitk.Image, to_target: np.ndarray) -> sitk.Image:
    """Every other square of the target (int16 HU), the rest `HIDDEN`, on the synthetic scan's grid.

    to_target: (4, 4) LPS matrix from the synthetic scan's pose to the target's.
    """
    values = sitk.GetArrayFromImage(_resampled(target, synthetic, to_target))
    cells = [
        (np.arange(size) * spacing // CELL_MM).astype(int)
        for size, spacing in zip(synthetic.GetSize()[::-1], synthetic.GetSpacing()[::-1], strict=True)
    ]
    odd = (cells[0][:, None, None] + cells[1][None, :, None] + cells[2][None, None, :]) % 2
    values[odd == 1] = HIDDEN
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(synthetic)
    return image


def furthest_point(path: MorphPath, source: sitk.Image) -> np.ndarray:
    """The point (LPS mm, (3,)) inside the source's body that moves furthest on the whole way, without the pose.

    Skin and the ends of the scan are left out, where there is little to look at.
    """
    coarse = shrunk(source, CHANGE_SPACING_MM)
    mask = body_mask(coarse)
    reach = [max(1, round(SKIN_MM / spacing)) for spacing in coarse.GetSpacing()]
    inside = sitk.GetArrayFromImage(sitk.BinaryErode(mask, reach, boundaryToForeground=False)).astype(bool)
    body = inside if inside.any() else sitk.GetArrayFromImage(mask).astype(bool)
    moved = sitk.GetArrayFromImage(path.inverse_field(1.0, Geometry.of(coarse)))
    length = np.where(body, np.linalg.norm(moved, axis=-1), -1)
    k, j, i = np.unravel_index(int(np.argmax(length)), length.shape)
    return np.array(coarse.TransformIndexToPhysicalPoint((int(i), int(j), int(k))))


def _resampled(image: sitk.Image, like: sitk.Image, matrix: np.ndarray) -> sitk.Image:
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    return sitk.Resample(image, like, transform, sitk.sitkLinear, AIR_HU, sitk.sitkInt16)
