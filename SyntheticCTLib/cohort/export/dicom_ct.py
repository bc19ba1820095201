"""A case as a series of classic CT images (CT Image Storage), which every program reads.

Stored values are HU + 1024, unsigned in 12 bits, as most scanners write them: 0 is air, the rescale slope 1, the
intercept -1024, and nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from ...images.geometry import Geometry
from ...images.hu import AIR_HU, MAX_HU
from .dicom_marks import DERIVATION, Person, code_item, mark

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"

SERIES_NUMBER = 1

SERIES = "ct"
"""What the series is called where its UIDs are made."""

SOFT_TISSUE = (40, 400)
"""Center and width in HU of the window a viewer opens with."""


def write_ct(image: sitk.Image, folder: Path, person: Person) -> list[Dataset]:
    """Write a CT (int16 HU, -1024..3071) into `folder`, one file a slice; return the slices' headers, in their order.

    The slices are numbered along the normal of their rows and columns, as DICOM orders them (PS3.3, C.7.6.2.1.1): on a
    left-handed grid that is against its third axis, and a reader gets the same voxels in the same places, the third
    axis turned round.
    Raises InputError for a sheared grid, which slices with a common orientation cannot describe.
    """
    geometry = Geometry.of(image)
    if not geometry.is_orthogonal():
        raise InputError(
            f"The case {person.name} lies on a sheared grid ({geometry.describe()}), which DICOM slices cannot "
            "describe. Export this cohort as msd."
        )
    stored = _stored(in_slice_order(sitk.GetArrayViewFromImage(image), geometry))
    headers = [_header(person, geometry, number, place) for number, place in enumerate(_places(geometry), start=1)]
    folder.mkdir(parents=True)
    for number, (header, plane) in enumerate(zip(headers, stored, strict=True), start=1):
        header.PixelData = plane.tobytes()
        header["PixelData"].VR = "OW"
        header.save_as(folder / f"{number:05d}.dcm", enforce_file_format=True)
        del header.PixelData
    return headers


def in_slice_order(voxels: np.ndarray, geometry: Geometry) -> np.ndarray:
    """An array (K, J, I) on this grid in the order of the slices that `write_ct` writes."""
    return voxels if _right_handed(geometry) else voxels[::-1]


def _right_handed(geometry: Geometry) -> bool:
    return float(np.linalg.det(np.reshape(geometry.direction, (3, 3)))) > 0


def _stored(hu: np.ndarray) -> np.ndarray:
    low, high = int(hu.min()), int(hu.max())
    if low < AIR_HU or high > MAX_HU:
        raise ValueError(f"a CT has {AIR_HU}..{MAX_HU} HU, this one {low}..{high}")
    return (hu - np.int16(AIR_HU)).astype("<u2")


def _places(geometry: Geometry) -> Sequence[np.ndarray]:
    """LPS position (mm) of the first voxel of each slice, in the order of slices."""
    matrix = geometry.matrix()
    places = [matrix[:3, 3] + k * matrix[:3, 2] for k in range(geometry.size[2])]
    return places if _right_handed(geometry) else places[::-1]


def _header(person: Person, geometry: Geometry, number: int, place: np.ndarray) -> Dataset:
    """All of one slice but its pixels; modules of the CT Image IOD (PS3.3, A.3)."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    mark(header, person)
    header.SOPClassUID = CT_IMAGE_STORAGE
    header.SOPInstanceUID = person.uid(SERIES, str(number))
    header.Modality = "CT"
    header.SeriesInstanceUID = person.uid(SERIES)
    header.SeriesNumber = SERIES_NUMBER
    header.SeriesDescription = f"SYNTHETIC {person.name}"
    header.PatientPosition = ""  # nobody lay in a scanner; the slices' orientation says all there is
    header.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    header.DerivationDescription = DERIVATION
    header.DerivationCodeSequence = [code_item("113085", "DCM", "Spatial resampling")]
    header.InstanceNumber = number
    header.AcquisitionNumber = header.KVP = None
    _place(header, geometry, place)
    _describe_pixels(header, geometry)
    return header


def _place(header: Dataset, geometry: Geometry, place: np.ndarray) -> None:
    axes = np.reshape(geometry.direction, (3, 3))
    header.ImagePositionPatient = [_decimal(value) for value in place]
    header.ImageOrientationPatient = [_decimal(value) for value in (*axes[:, 0], *axes[:, 1])]
    header.PixelSpacing = [_decimal(geometry.spacing[1]), _decimal(geometry.spacing[0])]  # between rows first
    header.SliceThickness = _decimal(geometry.spacing[2])


def _describe_pixels(header: Dataset, geometry: Geometry) -> None:
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.Rows, header.Columns = geometry.size[1], geometry.size[0]
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 12, 11, 0
    header.RescaleIntercept, header.RescaleSlope, header.RescaleType = AIR_HU, 1, "HU"
    header.WindowCenter, header.WindowWidth = SOFT_TISSUE


def _decimal(value: float) -> str:
    """A number as a decimal string of at most 16 characters (PS3.5, 6.2, DS)."""
    from pydicom.valuerep import format_number_as_ds

    return format_number_as_ds(float(value) + 0.0)  # without a minus before 0
