"""The rules that make any CT volume Hounsfield units: 16-bit integers from -1024 (air) to 3071."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from .geometry import Geometry

AIR_HU = -1024
"""Air, and everything outside the field of view."""

MAX_HU = 3071
"""Highest value kept; the top of the 12-bit range that scanners write."""

PADDING_BELOW_HU = -1500
"""Lower values are a scanner's padding (-2000, -3024, -32768); -1500..-1025 is noise in air. Notes only."""

MAX_NON_FINITE_SHARE = 0.5
"""If more of the voxels are NaN or infinite, the volume is broken rather than padded."""

MIN_NEGATIVE_SHARE = 0.001
"""Every body has air, lung, fat or at least noise below 0 HU; a volume with less is not in HU."""

MIN_SPAN_HU = 100
"""Fat and muscle alone are 150 HU apart; a smaller range is a normalized image, for example -1..1."""


def to_hu(image: sitk.Image, name: str) -> tuple[sitk.Image, tuple[str, ...]]:
    """Apply the HU rules to a 3-D scalar volume.

    Padding of any depth and non-finite voxels become -1024, values beyond -1024..3071 are clamped, fractions
    rounded. The result is a new sitkInt16 image on the same grid without any metadata.

    name: the file or folder, for messages. Returns the image and notes for the user on what was changed.
    Raises InputError if the values cannot be Hounsfield units.
    """
    _refuse_pixel_type(image, name)
    values = sitk.GetArrayFromImage(image)
    notes: list[str] = []
    if np.issubdtype(values.dtype, np.floating):
        values = np.rint(_without_non_finite(values, name, notes))
    elif values.dtype.kind == "u":
        values = values.astype(np.int64)  # comparing with negative numbers needs a sign
    _refuse_values(values, name)
    _note_clamping(values, notes)
    np.clip(values, AIR_HU, MAX_HU, out=values)
    result = sitk.GetImageFromArray(values.astype(np.int16, copy=False))
    Geometry.of(image).apply_to(result)
    return result, tuple(notes)


def _refuse_pixel_type(image: sitk.Image, name: str) -> None:
    found = image.GetPixelIDTypeAsString()
    if image.GetNumberOfComponentsPerPixel() > 1 or "complex" in found:
        raise InputError(
            f"{name}: its voxels hold {image.GetNumberOfComponentsPerPixel()} numbers each ({found}), "
            "so it is a color or vector image; a CT volume with one number per voxel is needed."
        )
    if image.GetPixelID() in (sitk.sitkUInt8, sitk.sitkInt8):
        raise InputError(
            f"{name}: it holds 8-bit values ({found}), which cannot be Hounsfield units (-1024 to 3071); "
            "give the original 16-bit CT (an 8-bit file is a screenshot, a label map or a windowed copy)."
        )


def _without_non_finite(values: np.ndarray, name: str, notes: list[str]) -> np.ndarray:
    broken = ~np.isfinite(values)
    count = int(broken.sum())
    if count == 0:
        return values
    share = count / values.size
    if share > MAX_NON_FINITE_SHARE:
        raise InputError(
            f"{name}: {share:.0%} of its voxels are not numbers (NaN or infinite); "
            f"at most {MAX_NON_FINITE_SHARE:.0%} can be taken for padding. Export the volume again."
        )
    notes.append(f"{_voxels(count)} that were not numbers (NaN or infinite) became air, {AIR_HU} HU")
    return np.where(broken, np.asarray(AIR_HU, dtype=values.dtype), values)


def _refuse_values(values: np.ndarray, name: str) -> None:
    """Refuse what cannot be HU, judged on the voxels that are not padding."""
    low, high = values.min(), values.max()
    found = f"{name}: its values run from {low:g} to {high:g}"
    if low == high:
        raise InputError(f"{name}: every voxel has the value {low:g}; a CT scan of a body is needed.")
    if high < AIR_HU:
        raise InputError(f"{found}, all below air ({AIR_HU} HU); check the rescale intercept of the file.")
    body = values if low >= AIR_HU else values[values >= AIR_HU]
    low, high = body.min(), body.max()
    negative = int(np.count_nonzero(body < 0))
    if high - low < MIN_SPAN_HU:
        raise InputError(
            f"{found}, a range too small for Hounsfield units (air -1000, water 0, bone up to 3000); "
            "it looks normalized. Give the CT with its original values."
        )
    if negative < MIN_NEGATIVE_SHARE * body.size:
        guess = (
            "it looks like 8-bit gray values"
            if high <= 255
            else "it looks like stored values without their rescale intercept (usually -1024), or no CT"
        )
        raise InputError(
            f"{found} with hardly any below 0, which Hounsfield units of a body always have; "
            f"{guess}. Give the CT in Hounsfield units."
        )


def _note_clamping(values: np.ndarray, notes: list[str]) -> None:
    lowest, highest = values.min(), values.max()
    if lowest >= AIR_HU and highest <= MAX_HU:
        return
    padding = int(np.count_nonzero(values < PADDING_BELOW_HU))
    below = int(np.count_nonzero(values < AIR_HU)) - padding
    above = int(np.count_nonzero(values > MAX_HU))
    if padding:
        notes.append(f"{_voxels(padding)} of padding (down to {lowest:g}) became air, {AIR_HU} HU")
    if below:
        notes.append(f"{_voxels(below)} just below air were raised to {AIR_HU} HU")
    if above:
        notes.append(f"{_voxels(above)} above {MAX_HU} HU (up to {highest:g}) were lowered to it")


def _voxels(count: int) -> str:
    return f"{count} voxel" if count == 1 else f"{count} voxels"
