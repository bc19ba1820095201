"""Lesions of whole scans as stacks of axial slices, for training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from ...images import LabelLayer, read_ct, read_layers
from ..masks import Lesion, lesions_in
from .cases import Case
from .slabs import Axis, PixelSize, cut_hu, cut_mask, pixel_size, room_for_patches, slabs

IN_PLANE_MM = (0.1, 10.0)
"""Pixel sizes that make sense."""


@dataclass(frozen=True)
class Cut:
    """How lesions are cut out of scans.

    in_plane_mm: size of the square pixels to resample slices to; None: as scanned (but square). patch: pixels of the
    square patches that training draws from the region; None: whole slices. most_slices: longer lesions are cut into
    several samples, which bounds memory; None: never. smallest_mm: lesions whose longest diameter in a slice is smaller
    are left out, such as stray voxels of a segmentation.
    """

    in_plane_mm: float | None = None
    patch: int | None = 128
    most_slices: int | None = None
    smallest_mm: float = 0.0

    def __post_init__(self) -> None:
        low, high = IN_PLANE_MM
        if self.in_plane_mm is not None and not low <= self.in_plane_mm <= high:
            raise InputError(f"in_plane_mm is {self.in_plane_mm:g}; expected is {low:g} to {high:g} mm, or nothing.")
        for name in ("patch", "most_slices"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}; expected is a whole number from 1 on, or nothing.")


@dataclass(frozen=True, eq=False)
class LesionSample:
    """A lesion, or a run of its slices, with its surroundings in axial slices from foot to head.

    hu: (K, H, W) float32, whole HU; rows run to the back, columns to the patient's left. mask: (K, H, W) bool, this
    lesion; every slice has a part of it. others: (K, H, W) bool, other lesions of the same map. valid: (H, W) bool,
    False beyond the scan's border, where `hu` repeats the edge and no lesion is marked. in_plane_mm, slice_mm: distance
    of pixels and of slices. lesion: unique in the set. first_slice: number of slice 0 in the scan, counted from the
    foot. resampled: whether pixels were interpolated. stack: the slices are consecutive.
    """

    hu: np.ndarray
    mask: np.ndarray
    others: np.ndarray
    valid: np.ndarray
    in_plane_mm: float
    slice_mm: float
    patient: str
    case: str
    lesion: str
    first_slice: int
    resampled: bool
    stack: bool = True


def read_lesions(case: Case, cut: Cut | None = None) -> Iterator[LesionSample]:
    """Every lesion of a case (voxels of its lesion labels that touch by face, edge or corner), in slices through it.

    Volumes in other orientations are turned by whole axes, so that slices are as axial as they can be without
    interpolation; a sagittal scan with thick slices has slices of oblong pixels then, which are resampled. A region
    is so large that every patch which holds its lesion from end to end, or whose middle lies on it, can be drawn from
    it. Where the scan ends before, its edge goes on (`LesionSample.valid`).
    A case without lesions gives nothing. Raises InputError if image or label map cannot be read as such.
    """
    cut = cut or Cut()
    image = read_ct(case.image).image
    marked = _lesion_layer(case, image)
    image, marked = (sitk.DICOMOrient(volume, "LPS") for volume in (image, marked))
    hu, every = sitk.GetArrayViewFromImage(image), sitk.GetArrayFromImage(marked).astype(bool)
    if not every.any():
        return
    column_mm, row_mm, slice_mm = image.GetSpacing()
    pixels = pixel_size(row_mm, column_mm, cut.in_plane_mm)
    for lesion in lesions_in(LabelLayer(case.name, marked)):
        if lesion.diameter_mm < cut.smallest_mm:
            continue
        for run in slabs(lesion.box[0].start, lesion.box[0].stop, cut.most_slices):
            part = _cut_out(hu[run], every[run], lesion, run, cut.patch, pixels)
            yield LesionSample(
                *part,
                in_plane_mm=pixels.mm,
                slice_mm=float(slice_mm),
                patient=case.patient,
                case=case.name,
                lesion=lesion_name(case.name, lesion.number),
                first_slice=run.start,
                resampled=pixels.resampled,
            )


def lesion_name(case: str, number: int) -> str:
    """What lesion `number` of a case is called in a set."""
    return f"{case}/lesion-{number}"


def _lesion_layer(case: Case, image: sitk.Image) -> sitk.Image:
    """The lesions of a case on the image's grid: uint8, 1 where any of its layers has a lesion label."""
    marked = None
    for layer in read_layers([(None, str(case.label))], image, case.image.name):
        values = layer.values if case.lesion_labels is None else case.lesion_labels
        voxels = np.isin(sitk.GetArrayViewFromImage(layer.image), values)
        marked = voxels if marked is None else marked | voxels
    result = sitk.GetImageFromArray(marked.astype(np.uint8))
    result.CopyInformation(image)
    return result


def _cut_out(
    hu: np.ndarray, every: np.ndarray, lesion: Lesion, run: slice, patch: int | None, pixels: PixelSize
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """HU, the lesion, other lesions and validity for a run of slices."""
    rows, columns = _axes(lesion, hu.shape, patch, pixels)
    own = np.zeros(every.shape, bool)
    own[:, lesion.box[1], lesion.box[2]] = lesion.mask[run.start - lesion.box[0].start : run.stop - lesion.box[0].start]
    mask = cut_mask(own, rows, columns)
    others = cut_mask(every & ~own, rows, columns) & ~mask
    valid = rows.inside(hu.shape[1])[:, None] & columns.inside(hu.shape[2])[None]
    return cut_hu(hu, rows, columns), mask, others, valid


def _axes(lesion: Lesion, shape: tuple[int, ...], patch: int | None, pixels: PixelSize) -> list[Axis]:
    return [
        room_for_patches(lesion.box[axis].start, lesion.box[axis].stop, pixels.steps[axis - 1], patch, shape[axis])
        for axis in (1, 2)
    ]
