"""Which part of the body a CT shows, guessed from what is in its slices; good enough to notice a wrong pair."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from .body import axial_axis, body_mask

LUNG_HU = (-950, -600)
"""Air-filled lung."""

BONE_HU = 250
"""Bone, and vessels full of contrast; both are counted."""

CHEST_LUNG_SHARE = 0.12
"""A slice whose body is lung by more than this belongs to the chest; bowel gas has less."""

HEAD_AREA_CM2 = 330.0
"""A head's axial section is smaller than this, an adult's trunk is not."""

HEAD_BONE_SHARE = 0.12
"""More of a head's section than this is skull; thin arms, legs and necks have less."""

FEWEST_SLICES = 0.15
"""A region counts where it takes up this share of the slices that show a body."""


def guess_regions(image: sitk.Image) -> tuple[str, ...]:
    """The regions a CT (HU) shows: of "head", "chest" and "abdomen" (which includes the pelvis), from the head down.

    Meant for coarse volumes (5 mm voxels are plenty). Empty where no body is found.
    """
    axis = 2 - axial_axis(image)  # numpy's order
    hu = np.moveaxis(sitk.GetArrayViewFromImage(image), axis, 0)
    body = np.moveaxis(sitk.GetArrayFromImage(body_mask(image)).astype(bool), axis, 0)
    cells = body.sum(axis=(1, 2))
    shown = cells > 0.1 * cells.max(initial=1)
    if not shown.any():
        return ()
    spacing = np.delete(image.GetSpacing()[::-1], axis)
    area = cells[shown] * float(np.prod(spacing)) / 100

    def share(inside: np.ndarray) -> np.ndarray:
        return (body & inside).sum(axis=(1, 2))[shown] / cells[shown]

    lung = share((hu > LUNG_HU[0]) & (hu < LUNG_HU[1])) > CHEST_LUNG_SHARE
    head = ~lung & (area < HEAD_AREA_CM2) & (share(hu > BONE_HU) > HEAD_BONE_SHARE)
    found = {"head": head, "chest": lung, "abdomen": ~lung & ~head}
    return tuple(name for name, slices in found.items() if slices.mean() >= FEWEST_SLICES)
