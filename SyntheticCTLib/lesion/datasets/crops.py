"""Reads the archive of lung-nodule crops (LIDC-IDRI) and estimates the Hounsfield units of each crop.

In that archive every 128 x 128 crop was min-max scaled to 8 bits on its own, so its grey values are units of that crop
alone. Two tissues that nearly every crop shows tell what they were: lung parenchyma and soft tissue. Their two peaks
in the crop's histogram give a straight line from grey levels to HU; where one is missing the median slope stands in.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ...errors import InputError

LUNG_HU = -870.0
"""Level of lung parenchyma, where its histogram has its peak."""

SOFT_HU = 40.0
"""Level of muscle and blood."""

SLOPES = (4.5, 14.0)
"""HU per grey level that is believed; where a histogram says otherwise a peak was mistaken for another tissue."""

TYPICAL_SLOPE = 8.3
"""HU per grey level where a crop does not show both tissues; the median of those that do (2,963 crops)."""

MIN_SOFT_SHARE = 0.05
"""Share of soft tissue in a crop below which its peak is not trusted."""

_SIZE = 128
_SMOOTHING = 2.0
"""Standard deviation, in grey levels, by which histograms are smoothed before peaks are looked for."""

_SECOND_PEAK = 0.3
"""Soft tissue is brighter than fat but often the lower peak: at least this share of fat's height."""


@dataclass(frozen=True)
class Scale:
    """HU = offset + slope * grey level."""

    slope: float
    offset: float
    fitted: bool = True

    def to_hu(self, grey: np.ndarray) -> np.ndarray:
        """Grey levels as HU (float32)."""
        return np.float32(self.offset) + np.float32(self.slope) * np.asarray(grey, dtype=np.float32)

    def to_grey(self, hu: np.ndarray) -> np.ndarray:
        """HU as grey levels 0..255 (uint8), rounded as the archive's were."""
        return np.clip(np.rint((np.asarray(hu) - self.offset) / self.slope), 0, 255).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Crop:
    """One slice through a nodule.

    grey: (128, 128) uint8 as stored. mask: (128, 128) bool. stack: whether all consecutive slices of the nodule are in
    the archive.
    """

    grey: np.ndarray
    mask: np.ndarray
    patient: str
    nodule: str
    slice: int
    stack: bool

    @cached_property
    def scale(self) -> Scale:
        """The estimated straight line from grey levels to HU."""
        return fit_scale(self.grey)

    @property
    def hu(self) -> np.ndarray:
        """(128, 128) float32, estimated HU."""
        return self.scale.to_hu(self.grey)

    def to_grey(self, hu: np.ndarray) -> np.ndarray:
        """HU as this crop's grey levels (uint8)."""
        return self.scale.to_grey(hu)


def read_crops(file: str | os.PathLike[str]) -> list[Crop]:
    """All crops of an archive such as `lidc_nodules.npz`, in its order.

    Raises InputError if the file is missing or not such an archive.
    """
    path = Path(file)
    try:
        with np.load(path, allow_pickle=False) as archive:
            image, packed, names, stack = (archive[key] for key in ("image", "mask", "name", "stack"))
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: this is no archive of nodule crops ({error}); expected is an .npz file with image, mask, name "
            "and stack."
        ) from error
    if image.dtype != np.uint8 or image.shape[1:] != (_SIZE, _SIZE) or not len(image) == len(packed) == len(names):
        raise InputError(f"{path}: its images are {image.dtype} {image.shape}; expected uint8 (n, {_SIZE}, {_SIZE}).")
    masks = np.unpackbits(packed, axis=1).reshape(-1, _SIZE, _SIZE).astype(bool)
    return [
        Crop(grey, mask, *_parts(str(name), path), bool(whole))
        for grey, mask, name, whole in zip(image, masks, names, stack, strict=True)
    ]


def nodules(crops: Sequence[Crop]) -> dict[str, list[Crop]]:
    """The crops of each nodule ("patient/nodule"), ordered by slice."""
    found: dict[str, list[Crop]] = {}
    for crop in sorted(crops, key=lambda crop: crop.slice):
        found.setdefault(f"{crop.patient}/{crop.nodule}", []).append(crop)
    return found


def fit_scale(grey: np.ndarray) -> Scale:
    """The straight line from a crop's grey levels (uint8) to HU, from its peaks of lung and soft tissue.

    The two are told apart by Otsu's threshold (1979). Soft tissue is the brightest peak above it that is at least 0.3
    times as high as the highest one, since fat (-105 HU) may be more frequent.
    """
    from scipy.ndimage import gaussian_filter1d

    counts = np.bincount(grey.ravel(), minlength=256).astype(float)
    threshold = _otsu(counts)
    smooth = gaussian_filter1d(counts, _SMOOTHING)
    lung = int(np.argmax(smooth[: threshold + 1]))
    soft = _brightest_peak(smooth, threshold + 1)
    slope = (SOFT_HU - LUNG_HU) / max(soft - lung, 1)
    share = counts[threshold + 1 :].sum() / counts.sum()
    fitted = share >= MIN_SOFT_SHARE and SLOPES[0] <= slope <= SLOPES[1]
    slope = slope if fitted else TYPICAL_SLOPE
    return Scale(slope, LUNG_HU - slope * lung, fitted)


def _parts(name: str, path: Path) -> tuple[str, str, int]:
    """Patient, nodule and slice of a name such as "LIDC-IDRI-0001/nodule-0/slice-3"."""
    patient, _, rest = name.partition("/")
    nodule, _, number = rest.partition("/slice-")
    if not (patient and nodule and number.isdigit()):
        raise InputError(f"{path}: a crop is called {name!r}; expected patient/nodule/slice-NUMBER.")
    return patient, nodule, int(number)


def _otsu(counts: np.ndarray) -> int:
    """The grey level that parts a histogram best into two classes."""
    share = counts / counts.sum()
    below, moment = np.cumsum(share), np.cumsum(share * np.arange(len(counts)))
    between = (moment[-1] * below - moment) ** 2 / np.maximum(below * (1 - below), 1e-9)
    return int(np.argmax(between[:-1]))


def _brightest_peak(smooth: np.ndarray, start: int) -> int:
    """The last local maximum from `start` on that is not much lower than the highest one there."""
    upper = smooth[start:]
    if not upper.size or upper.max() <= 0:
        return start
    padded = np.pad(upper, 1)
    peaks = np.flatnonzero((upper >= padded[:-2]) & (upper > padded[2:]) & (upper >= _SECOND_PEAK * upper.max()))
    return start + int(peaks[-1] if peaks.size else np.argmax(upper))
