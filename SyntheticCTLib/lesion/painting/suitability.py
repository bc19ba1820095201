"""Says where a scan or a lesion is unlike what a model was trained on, as its card tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk

from ...images.geometry import Geometry
from ..masks import SURROUNDINGS_MM, Lesion
from .region import AXIAL_WITHIN_DEGREES, BodyOrder, WorkingGrid

_TISSUES: dict[str, tuple[float, float, float]] = {
    "lung": (-1000.0, -500.0, 0.2),
    "soft tissue": (-250.0, 250.0, 0.5),
    "liver": (-50.0, 250.0, 0.5),
}
"""For a model's region, as `_plain` gives it: the HU of what is round its lesions, and which share of the ring must be
that. Nodules at the pleura have little lung beside them."""

_NAMED = 5
"""How many lesions a warning lists."""


def unsuitable_spacing(card: Mapping[str, Any], grid: WorkingGrid, order: BodyOrder) -> list[str]:
    """Warnings about a scan's orientation and spacing.

    grid: what regions are painted on. order: the scan's own.
    """
    warnings = []
    in_plane, slices = (card["spacing"].get(name) for name in ("in_plane_mm", "slice_mm"))
    if order.tilt > AXIAL_WITHIN_DEGREES:
        warnings.append(
            f"The scan's slices are {order.tilt:.0f} degrees off axial; lesions are painted on resampled axial slices."
        )
    if in_plane and not in_plane[0] <= min(order.spacing[1:]) <= max(order.spacing[1:]) <= in_plane[1]:
        warnings.append(
            f"The scan's pixels are {order.spacing[1]:.2f} x {order.spacing[2]:.2f} mm in axial slices; the model was "
            f"trained on {in_plane[0]:g} to {in_plane[1]:g} mm, so lesions are painted at {grid.spacing[1]:.2f} mm."
        )
    if slices and not slices[0] <= grid.spacing[0] <= slices[1]:
        warnings.append(
            f"The scan's slices are {grid.spacing[0]:.2f} mm apart; the model was trained on {slices[0]:g} to "
            f"{slices[1]:g} mm. Look whether they agree with each other."
        )
    return warnings


def unsuitable_lesions(card: Mapping[str, Any], image: sitk.Image, lesions: Sequence[Lesion]) -> list[str]:
    """Warnings about lesions in another part of the body, or of another size, than the model's."""
    warnings = []
    tissue = _TISSUES.get(_plain(str(card["region"])))
    if tissue:
        elsewhere = [one for one in lesions if _share_round(image, one, *tissue[:2]) < tissue[2]]
        if elsewhere:
            warnings.append(
                f"{_which(elsewhere)} seems not to lie in the {card['region']}, the only region that the model "
                f"{card['name']} was trained on. Do not take its look for real."
            )
    limits = card.get("diameter_mm")
    if limits:
        odd = [one for one in lesions if not limits[0] <= one.diameter_mm <= limits[1]]
        if odd:
            low, high = (f"{end(one.diameter_mm for one in odd):.0f}" for end in (min, max))
            sizes = f"{low} mm" if low == high else f"{low} to {high} mm"
            warnings.append(
                f"{_which(odd)} measures {sizes}; the model was trained on {limits[0]:g} to {limits[1]:g} mm."
            )
    return warnings


def _plain(region: str) -> str:
    """A region's name in small letters, its words apart by one space."""
    return " ".join(region.lower().replace("-", " ").replace("_", " ").split())


def _share_round(image: sitk.Image, lesion: Lesion, low: float, high: float) -> float:
    """Share of the voxels of the shell round a lesion whose HU lie within the limits; 1 if there is no shell."""
    from scipy import ndimage

    spacing = Geometry.of(image).spacing[::-1]
    reach = [int(np.ceil(SURROUNDINGS_MM / mm)) for mm in spacing]
    hu = sitk.GetArrayViewFromImage(image)
    wide = tuple(slice(max(0, b.start - r), b.stop + r) for b, r in zip(lesion.box, reach, strict=True))
    part = hu[wide]
    mask = np.zeros(part.shape, bool)
    mask[tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(lesion.box, wide, strict=True))] = lesion.mask
    near = ndimage.maximum_filter(mask.view(np.uint8), size=[2 * r + 1 for r in reach], mode="constant")
    shell = part[near.view(bool) & ~mask]
    return float(((shell >= low) & (shell <= high)).mean()) if len(shell) else 1.0


def _which(lesions: Sequence[Lesion]) -> str:
    if len(lesions) == 1:
        return f"Lesion {lesions[0].number}"
    listed = ", ".join(str(one.number) for one in lesions[:_NAMED])
    more = f" and {len(lesions) - _NAMED} more" if len(lesions) > _NAMED else ""
    return f"Each of lesions {listed}{more}"
