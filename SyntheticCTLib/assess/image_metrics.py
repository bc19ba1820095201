"""How far a painted region lies from the true one, voxel by voxel: in the lesion, in a ring round it, everywhere.

These measures punish a lesion that is right but different: texture that is not the same noise counts as error, so the
mean of all plausible lesions scores best. They say whether the level is right and the outside untouched, no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import Interval, mean_interval
from .regions import ring

REGIONS = ("lesion", "ring", "whole")

_SSIM_SIDE = 11
"""Side of the window of the structural similarity with a Gaussian of 1.5 pixels (Wang et al. 2004)."""


@dataclass(frozen=True)
class RegionErrors:
    """Errors of one region of one lesion, in the unit of the values; psnr in dB, inf where nothing differs."""

    mae: float
    rmse: float
    psnr: float
    ssim: float


@dataclass(frozen=True)
class ErrorSummary:
    """A region over all lesions: means with intervals. psnr is None where the region is identical in every lesion."""

    mae: Interval
    rmse: Interval
    psnr: Interval | None
    ssim: Interval
    identical: int
    n: int


def region_errors(
    truth: np.ndarray,
    painted: np.ndarray,
    mask: np.ndarray,
    data_range: float,
    spacing: Sequence[float] | None = None,
) -> dict[str, RegionErrors]:
    """Errors in each of REGIONS.

    truth, painted: (K, J, I), the same unit. mask: (K, J, I) bool, the lesion. data_range: what PSNR and SSIM take for
    the full range (255 grey levels, or the width of the HU window). spacing: mm along K, J, I; None: the ring is
    RING_PIXELS wide in each slice.

    SSIM is taken slice by slice and its map averaged over the region; near the border of the lesion it looks across.
    """
    truth, painted = np.asarray(truth, dtype=np.float64), np.asarray(painted, dtype=np.float64)
    similarity = np.stack([_ssim_map(a, b, data_range) for a, b in zip(truth, painted, strict=True)])
    difference = painted - truth
    parts = {"lesion": mask, "ring": ring(mask, spacing), "whole": np.ones_like(mask)}
    return {name: _errors(difference[part], similarity[part], data_range) for name, part in parts.items() if part.any()}


def summarize(
    errors: Sequence[Mapping[str, RegionErrors]], patients: Sequence[str], seed: int = 0
) -> dict[str, ErrorSummary]:
    """The errors of many lesions by region, those that there are; an identical region does not enter the mean PSNR."""
    found = {name: [(e[name], p) for e, p in zip(errors, patients, strict=True) if name in e] for name in REGIONS}
    return {name: _summary(rows, seed) for name, rows in found.items() if rows}


def gain_by_copying(mask: np.ndarray) -> float:
    """dB by which the PSNR of the whole image exceeds that of the lesion when all the rest was copied.

    The squared error is spread over more voxels: 10 log10(voxels of the image / voxels of the lesion), whatever was
    painted.
    """
    return 10 * float(np.log10(mask.size / np.count_nonzero(mask)))


def _errors(difference: np.ndarray, similarity: np.ndarray, data_range: float) -> RegionErrors:
    mse = float((difference**2).mean())
    psnr = 10 * float(np.log10(data_range**2 / mse)) if mse > 0 else float("inf")
    return RegionErrors(float(np.abs(difference).mean()), float(np.sqrt(mse)), psnr, float(similarity.mean()))


def _summary(found: Sequence[tuple[RegionErrors, str]], seed: int) -> ErrorSummary:
    differing = [(errors, patient) for errors, patient in found if np.isfinite(errors.psnr)]

    def mean(name: str, of: Sequence[tuple[RegionErrors, str]]) -> Interval:
        return mean_interval(np.array([getattr(errors, name) for errors, _ in of]), [p for _, p in of], seed)

    return ErrorSummary(
        mean("mae", found),
        mean("rmse", found),
        mean("psnr", differing) if differing else None,
        mean("ssim", found),
        len(found) - len(differing),
        len(found),
    )


def _ssim_map(a: np.ndarray, b: np.ndarray, data_range: float) -> np.ndarray:
    """Structural similarity of every pixel of a plane; planes smaller than its window are continued at the edge."""
    from skimage.metrics import structural_similarity

    missing = [max(_SSIM_SIDE - n, 0) for n in a.shape]
    width = [(0, n) for n in missing]
    setting = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "full": True}
    padded = (np.pad(plane, width, mode="edge") for plane in (a, b))
    found = structural_similarity(*padded, data_range=data_range, **setting)[1]
    return found[: a.shape[0], : a.shape[1]]
