"""Where the patient is in a CT: the body without the table, the blanket and the air around it."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

#: HU above which a voxel may be body: half way between air (-1000) and water (0), as usual for skin surfaces.
BODY_HU = -500.0

#: Thin things (table tops, blankets, tubes) are cut off by an opening of this radius in the axial plane, mm.
OPENING_MM = 6.0

#: Air counts as lung when more than this share of its rim is body. The rest is thin wall, and vessels that
#: stand free in the slice; the wedge between back and table has 0.5.
BODY_RIM_SHARE = 0.6

#: The mask is found on a grid of about this spacing (mm) and carried back to finer images.
MASK_SPACING_MM = 3.0

#: A block may be this part of a voxel wider than asked for: 1.6 mm voxels go in pairs when 3 mm are wanted.
ROUND_UP_FROM = 0.4


def shrink_factors(spacing, wanted_mm: float) -> list[int]:
    """Whole numbers of voxels per axis that make blocks of about `wanted_mm`; 1 where voxels are as large."""
    return [max(1, int(np.floor(wanted_mm / s + ROUND_UP_FROM))) for s in spacing]


def shrunk(image: sitk.Image, wanted_mm: float = MASK_SPACING_MM) -> sitk.Image:
    """Block means of a 3-D image on a grid of about `wanted_mm`; an image that coarse comes back as it is."""
    sizes = image.GetSize()
    factors = [min(f, n) for f, n in zip(shrink_factors(image.GetSpacing(), wanted_mm), sizes, strict=True)]
    return sitk.BinShrink(image, factors) if max(factors) > 1 else image


def axial_axis(image: sitk.Image) -> int:
    """Index axis (0 = i, 1 = j, 2 = k) that runs most nearly along the patient's head-foot direction."""
    direction = np.reshape(image.GetDirection(), (3, 3))
    return int(np.argmax(np.abs(direction[2])))


def body_mask(image: sitk.Image) -> sitk.Image:
    """Mask of the patient, uint8 (1 = body) on the image's grid.

    Above BODY_HU, opened in the axial plane so that the table lets go, the largest connected part, grown back
    by as much as the opening took, holes (lungs, bowel gas) filled axial slice by axial slice. Found on a
    grid of about MASK_SPACING_MM, so its surface is good to about half of that. An image in which nothing is
    above BODY_HU gives an empty mask.
    """
    coarse = shrunk(image)
    mask = sitk.GetImageFromArray(_body_array(coarse).astype(np.uint8))
    mask.CopyInformation(coarse)
    if coarse is image:
        return mask
    # Up-sampled as a fraction and cut at one half: a nearest-neighbor copy would have 3 mm stairs.
    fraction = sitk.Resample(
        sitk.Cast(mask * 255, sitk.sitkUInt8),
        image,
        sitk.Transform(),
        sitk.sitkLinear,
        0,
        sitk.sitkUInt8,
        True,
    )
    return fraction > 127


def _body_array(image: sitk.Image) -> np.ndarray:
    from scipy import ndimage

    above = sitk.GetArrayViewFromImage(image) > BODY_HU
    axis = 2 - axial_axis(image)  # numpy order is k, j, i
    disc = _disc(image.GetSpacing()[::-1], axis, OPENING_MM)
    opened = ndimage.binary_opening(above, disc)
    if not opened.any():  # a body thinner than the opening, such as a tiny test volume or a hand
        opened = above
    body = _largest(opened)
    body = ndimage.binary_dilation(body, disc) & above
    lungs = _enclosed(above, body, axis)
    body |= lungs | (ndimage.binary_dilation(lungs, disc, iterations=2) & above)
    return _filled(body, axis)


def _filled(mask: np.ndarray, axis: int) -> np.ndarray:
    """The mask with its holes filled, slice by slice across `axis`."""
    from scipy import ndimage

    filled = np.empty_like(mask)
    for index in range(mask.shape[axis]):
        where = (slice(None),) * axis + (index,)
        filled[where] = ndimage.binary_fill_holes(mask[where])
    return filled


def _enclosed(above: np.ndarray, body: np.ndarray, axis: int) -> np.ndarray:
    """Air within a slice that is surrounded by body nearly all round.

    The opening also cuts a thin chest wall, and then the lung behind it is no hole of the body any more. It
    is still a hole of all that is denser than air, and most of its rim is body; the air caught between back
    and table is rimmed by the table as well.
    """
    from scipy import ndimage

    holes = _filled(above, axis) & ~above
    within = np.zeros((3, 3, 3), bool)
    within[(slice(None),) * axis + (1,)] = True
    number, count = ndimage.label(holes, structure=within)
    rim = ndimage.maximum_filter(number, footprint=within) * above
    length = np.bincount(rim.ravel(), minlength=count + 1)
    inner = np.bincount(rim[body], minlength=count + 1)
    kept = inner > BODY_RIM_SHARE * length
    kept[0] = False
    return kept[number]


def _disc(spacing, axis: int, radius_mm: float) -> np.ndarray:
    """A disc of `radius_mm` across the given array axis."""
    reach = [0 if a == axis else int(radius_mm / s) for a, s in enumerate(spacing)]
    offsets = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    return sum((o * s) ** 2 for o, s in zip(offsets, spacing, strict=True)) <= radius_mm**2


def _largest(mask: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    parts, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return parts == sizes.argmax()
