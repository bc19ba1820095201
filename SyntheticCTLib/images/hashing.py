"""What binds a saved morph path to its images: a hash of the voxels."""

from __future__ import annotations

import hashlib

import numpy as np
import SimpleITK as sitk


def content_hash(image: sitk.Image) -> str:
    """SHA-256 (64 hex digits) of the voxels of a CT image as little-endian int16, i fastest, then j, k.

    Geometry and metadata play no part, so a file in another format has the same hash.
    Raises ValueError if the image is not sitkInt16.
    """
    if image.GetPixelID() != sitk.sitkInt16:
        raise ValueError(f"a CT image has 16-bit signed voxels, this one {image.GetPixelIDTypeAsString()}")
    voxels = np.ascontiguousarray(sitk.GetArrayViewFromImage(image), dtype="<i2")
    return hashlib.sha256(memoryview(voxels).cast("B")).hexdigest()
