"""Putting DICOM slices into one even, upright stack, or saying why that cannot be done."""

from __future__ import annotations

import filecmp
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from .geometry import Geometry
from .slices import Slice

PLACE_TOLERANCE_MM = 0.2
"""How far a slice may lie from its place on the even grid.

Scanners round positions (to 0.1 mm at worst), so exact evenness cannot be asked for; a gap, a tilt or a
change of spacing moves slices by far more.
"""

NOTED_PLACE_MM = 0.06
"""Slices further than this from their place, but within the tolerance, are mentioned in a note."""

SAME_POSITION_MM = 0.01
"""Slices closer than this lie at one position."""

DEFAULT_THICKNESS_MM = 1.0
"""Spacing of a single slice whose file gives no thickness."""


class Stack(NamedTuple):
    """Slices in order along the third axis, the grid they form, and notes for the user."""

    slices: tuple[Slice, ...]
    geometry: Geometry
    notes: tuple[str, ...]


def stack(slices: Sequence[Slice]) -> Stack:
    """Order slices of one series by position along their normal (PS3.3, C.7.6.2.1.1) and find their grid.

    Copies of a slice are dropped with a note. Raises InputError, without the folder's name, if slices have
    several frames, do not say where they lie, share a position, leave gaps, are unevenly spaced or tilted.
    """
    _refuse_unplaceable(slices)
    notes: list[str] = []
    row, column = np.reshape(slices[0].orientation, (2, 3))
    normal = np.cross(row, column)
    ordered = sorted(slices, key=lambda one: float(np.dot(one.position, normal)))
    ordered = _without_copies(ordered, normal, notes)
    step = _step(ordered, normal, notes)
    direction = np.column_stack([row, column, normal])
    geometry = Geometry(
        size=(*ordered[0].size, len(ordered)),
        spacing=(*ordered[0].spacing, step),
        origin=tuple(float(v) for v in ordered[0].position),
        direction=tuple(float(v) for v in direction.ravel()),
    )
    if not geometry.is_orthogonal():
        raise InputError(
            "the rows and columns of its slices are not at right angles; export the series again."
        )
    return Stack(tuple(ordered), geometry, tuple(notes))


def _refuse_unplaceable(slices: Sequence[Slice]) -> None:
    if any(one.frames > 1 for one in slices):
        raise InputError(
            "it holds a multi-frame (enhanced) CT file, whose frames are not read here; "
            "convert it to single-slice DICOM files or to NIfTI."
        )
    if any(one.position is None or len(one.orientation) != 6 or len(one.spacing) != 2 for one in slices):
        raise InputError(
            "some slices do not say where they lie (image position, image orientation or pixel spacing is "
            "missing); export the original series."
        )


def _without_copies(ordered: list[Slice], normal: np.ndarray, notes: list[str]) -> list[Slice]:
    """One slice per position; copies are dropped, different images at one position are refused."""
    kept: list[Slice] = []
    for one in ordered:
        if kept and abs(np.dot(np.subtract(one.position, kept[-1].position), normal)) < SAME_POSITION_MM:
            if not _same_image(one, kept[-1]):
                place = np.dot(one.position, normal)
                raise InputError(
                    f"two different slices lie at the same position ({place:.2f} mm), as in a series with "
                    "several phases or reconstructions. Export one of them on its own."
                )
            continue
        kept.append(one)
    dropped = len(ordered) - len(kept)
    if dropped:
        notes.append(f"{dropped} of the DICOM files are copies of other slices and were left out")
    return kept


def _same_image(one: Slice, other: Slice) -> bool:
    """Whether two files hold the same pixels; headers may differ, as after sending a series twice."""
    if filecmp.cmp(one.file, other.file, shallow=False):
        return True
    try:
        first, second = (sitk.ReadImage(str(s.file), imageIO="GDCMImageIO") for s in (one, other))
    except RuntimeError as error:
        raise InputError(
            f"the voxels of {one.file.name} or {other.file.name}, two slices at the same position, cannot be "
            "read. Export the series again."
        ) from error
    return np.array_equal(sitk.GetArrayViewFromImage(first), sitk.GetArrayViewFromImage(second))


def _step(ordered: Sequence[Slice], normal: np.ndarray, notes: list[str]) -> float:
    """The even distance in mm between slices; refuses gaps, changes of spacing and tilt."""
    if len(ordered) == 1:
        notes.append("the series has a single slice")
        return ordered[0].thickness or DEFAULT_THICKNESS_MM
    positions = np.array([one.position for one in ordered])
    along = (positions - positions[0]) @ normal
    step = float(along[-1] / (len(ordered) - 1))
    across = positions - positions[0] - np.outer(along, normal)
    drift = float(np.linalg.norm(across, axis=1).max())
    uneven = float(np.abs(along - step * np.arange(len(ordered))).max())
    if uneven > PLACE_TOLERANCE_MM:
        raise InputError(_why_uneven(along, (positions @ normal)))
    if drift > PLACE_TOLERANCE_MM:
        angle = np.degrees(np.arctan2(drift, along[-1]))
        raise InputError(
            f"its slices are shifted sideways against each other by up to {drift:.2f} mm ({angle:.1f} "
            "degrees, a tilted gantry or a moved table); resample it to an upright volume first, for example "
            "in 3D Slicer."
        )
    if max(uneven, drift) > NOTED_PLACE_MM:
        notes.append(f"slices lie up to {max(uneven, drift):.2f} mm from an even spacing of {step:.4g} mm")
    return step


def _why_uneven(along: np.ndarray, positions: np.ndarray) -> str:
    """Missing slices if all distances are multiples of the usual one, else uneven spacing."""
    steps = np.diff(along)
    usual = float(np.median(steps))
    times = steps / usual
    gaps = np.flatnonzero(np.rint(times) > 1)
    whole = np.abs(times - np.rint(times)) * usual <= PLACE_TOLERANCE_MM
    if whole.all() and len(gaps):
        missing = int((np.rint(times[gaps]) - 1).sum())
        first = gaps[0]
        return (
            f"{missing} of its slices are missing (spacing {usual:.4g} mm), the first between "
            f"{positions[first]:.2f} and {positions[first + 1]:.2f} mm. Export or copy the complete series."
        )
    return (
        f"the distance between its slices varies from {steps.min():.4g} to {steps.max():.4g} mm; "
        "an evenly spaced series is needed. Choose another reconstruction, or resample it first."
    )
