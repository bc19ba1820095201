"""The lesions that painters are judged on, from crops of nodules or from scans, in one form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets.crops import Crop, Scale, nodules
from ..datasets.stacked_scales import common_scales
from ..datasets.volumes import LesionSample
from ..window import HUWindow


@dataclass(frozen=True)
class Units:
    """What is measured in.

    name: of the unit. data_range: what PSNR and SSIM take for the full range. bin_width: of a grey level of texture
    features. low: value that is 0 in the patches that judge and segmenter see; low + data_range is 255 there. by_slice:
    whether every slice is measured on its own, else the whole of a lesion (its largest slice by judge and segmenter).
    """

    name: str
    data_range: float
    bin_width: float
    low: float
    by_slice: bool

    def to_bytes(self, values: np.ndarray) -> np.ndarray:
        """Values as uint8."""
        return np.clip(np.rint((values - self.low) * (255 / self.data_range)), 0, 255).astype(np.uint8)


GREY_LEVELS = Units("grey levels", 255.0, 4.0, 0.0, True)
"""Of crops: each has its own line to HU, about 8 HU per level."""


def hounsfield(window: HUWindow) -> Units:
    """Of scans: HU, PSNR and SSIM over the width of a model's window."""
    return Units("HU", window.width, 25.0, window.low, False)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """One real lesion of a patient that no painter was trained on.

    hu: (K, J, I) float32, what painters are given (without the lesion). mask: (K, J, I) bool. consecutive: whether the
    slices lie next to each other. spacing: mm along K, J, I; None where unknown. scales: for crops, each slice's line
    from stored grey levels to HU.
    """

    hu: np.ndarray
    mask: np.ndarray
    patient: str
    name: str
    consecutive: bool
    spacing: tuple[float, float, float] | None = None
    scales: tuple[Scale, ...] | None = None

    def values(self, hu: np.ndarray) -> np.ndarray:
        """HU as the data keeps them, float32: rounded to grey levels of each slice, or to whole HU.

        Real and painted lesions both pass here, so that nothing but the paint can tell them apart.
        """
        if self.scales is None:
            return np.rint(hu).astype(np.float32)
        return np.stack([scale.to_grey(plane) for scale, plane in zip(self.scales, hu, strict=True)]).astype(np.float32)

    def to_hu(self, values: np.ndarray) -> np.ndarray:
        """What `values` gave, back in HU."""
        if self.scales is None:
            return values
        return np.stack([scale.to_hu(plane) for scale, plane in zip(self.scales, values, strict=True)])


def held_out_crops(crops: Sequence[Crop]) -> list[HeldOut]:
    """The nodules of crops: as one stack where all consecutive slices are there, else slice by slice."""
    found = []
    for name, slices in nodules(crops).items():
        whole = all(crop.stack for crop in slices)
        for part in [slices] if whole else [[crop] for crop in slices]:
            scales = common_scales(part)
            found.append(
                HeldOut(
                    np.stack([scale.to_hu(crop.grey) for scale, crop in zip(scales, part, strict=True)]),
                    np.stack([crop.mask for crop in part]),
                    part[0].patient,
                    name if whole else f"{name}/slice-{part[0].slice}",
                    whole and len(part) > 1,
                    None,
                    scales,
                )
            )
    return found


def held_out_samples(samples: Sequence[LesionSample]) -> list[HeldOut]:
    """Lesions cut out of scans."""
    return [
        HeldOut(
            sample.hu,
            sample.mask,
            sample.patient,
            f"{sample.case}/{sample.lesion}",
            len(sample.hu) > 1,
            (sample.slice_mm, sample.in_plane_mm, sample.in_plane_mm),
        )
        for sample in samples
    ]
