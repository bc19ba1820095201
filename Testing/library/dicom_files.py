"""DICOM series written from small volumes, as a scanner or an archive would, faults included."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SyntheticCTLib.images import Geometry


def write_series(
    folder: Path,
    image: sitk.Image,
    *,
    uid: str = "1.2.826.0.1.3680043.8.498.1",
    slope: float = 1,
    intercept: float = -1024,
    compression: str | None = None,
    names: str = "slice{k:03d}.dcm",
    tags: Mapping[str, object] | None = None,
) -> list[Path]:
    """Write every slice of a HU volume as a CT image; returns the files in the order of k.

    compression: RLELossless, JPEG2000Lossless, or None for Explicit VR Little Endian. tags: further
    attributes by keyword, the same in all slices; a function of k gives each its own.
    """
    from pydicom import uid as uids
    from pydicom.dataset import Dataset, FileMetaDataset

    folder.mkdir(parents=True, exist_ok=True)
    grid = Geometry.of(image)
    axes = np.reshape(grid.direction, (3, 3))
    stored = np.rint((sitk.GetArrayFromImage(image) - intercept) / slope).astype(np.int16)
    files = []
    for k, plane in enumerate(stored):
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
        ds.SOPClassUID = uids.CTImageStorage
        ds.SOPInstanceUID = f"{uid}.{k + 1}"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498", uid
        ds.Modality, ds.ImageType, ds.PatientName = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"], "DOE^JANE"
        ds.SeriesNumber, ds.InstanceNumber, ds.SliceThickness = 1, k + 1, grid.spacing[2]
        ds.ImagePositionPatient = [float(v) for v in (grid.matrix() @ [0, 0, k, 1])[:3].round(6)]
        ds.ImageOrientationPatient = [float(v) for v in axes[:, :2].T.ravel().round(8)]
        ds.PixelSpacing = [grid.spacing[1], grid.spacing[0]]
        ds.Rows, ds.Columns = plane.shape
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
        ds.RescaleSlope, ds.RescaleIntercept = slope, intercept
        ds.PixelData = plane.tobytes()
        ds["PixelData"].VR = "OW"
        for keyword, value in (tags or {}).items():
            setattr(ds, keyword, value(k) if callable(value) else value)
        if compression == "RLELossless":
            ds.compress(uids.RLELossless, generate_instance_uid=False)
        elif compression == "JPEG2000Lossless":
            _compress_jpeg_2000(ds, plane)
        files.append(folder / names.format(k=k))
        ds.save_as(files[-1], enforce_file_format=True)
    return files


def _compress_jpeg_2000(ds, plane: np.ndarray) -> None:
    # straight from the codec: pydicom's own way there needs one more package
    from openjpeg.utils import encode_array
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEG2000Lossless

    ds.PixelData = encapsulate([encode_array(plane, photometric_interpretation=2)])
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless


def change(file: Path, **tags: object) -> None:
    """Rewrite attributes of a DICOM file; None removes one."""
    import pydicom

    ds = pydicom.dcmread(file)
    for keyword, value in tags.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.save_as(file, enforce_file_format=True)
