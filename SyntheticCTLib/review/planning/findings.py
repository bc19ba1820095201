"""What the displayed pixels themselves tell about the groups: no leak, but what a reader's success may rest on."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk

from ...images.hu import AIR_HU
from ...morph.measures.texture import noise
from ..study import Study
from .grid import union
from .leaks import chance_of

LUNG_HU, SOFT_HU = (-950, -600), (0, 150)

_PERCENTILES = (10, 50, 90)

_FEWEST_VOXELS = 200
"""Fewer voxels of a tissue give no mean."""

_STEEPEST = 99
"""Percentile of the gradients that tells how sharp edges are."""


def pixel_findings(study: Study, groups: Mapping[str, str], seed: int) -> list[dict[str, Any]]:
    """Each pixel statistic with its medians in both groups, and how well it separates them.

    groups: "real" or "synthetic" by opaque id. auc: above one half where synthetic cases have more of it; None where it
    could not be measured in both groups; p: of a permutation test, not corrected for their number. The strongest first.
    """
    floor = max(AIR_HU, union(study.windows)[0])
    measured = {case: pixel_statistics(sitk.ReadImage(str(study.image_file(case))), floor) for case in groups}
    found = [
        _compare(name, [(measured[case][name], groups[case] == "synthetic") for case in groups], seed)
        for name in next(iter(measured.values()))
    ]
    return sorted(found, key=lambda one: -abs((one["auc"] or 0.5) - 0.5))


def pixel_statistics(image: sitk.Image, floor: float) -> dict[str, float | None]:
    """What can be measured on a case; None where there is too little of a tissue. floor: what padding shows, HU: air,
    or the lower limit of the windows above it."""
    voxels = sitk.GetArrayViewFromImage(image)
    gradient = sitk.GetArrayFromImage(sitk.GradientMagnitude(sitk.Cast(image, sitk.sitkFloat32), True))
    low, middle, high = np.percentile(voxels, _PERCENTILES)
    shell = np.ones(voxels.shape, bool)
    shell[1:-1, 1:-1, 1:-1] = False
    return {
        "noise in soft tissue, HU": noise(image, image)[0],
        "gradient of the sharpest edges, HU/mm": float(np.percentile(gradient, _STEEPEST)),
        "mean of the lung, HU": _mean(voxels, LUNG_HU),
        "mean of soft tissue, HU": _mean(voxels, SOFT_HU),
        "10th percentile, HU": float(low),
        "median, HU": float(middle),
        "90th percentile, HU": float(high),
        "padding on the outer faces, share": float((voxels[shell] == floor).mean()),
        "bytes per voxel when compressed": len(zlib.compress(voxels.tobytes(), 1)) / voxels.size,
    }


def _mean(voxels: np.ndarray, limits: tuple[int, int]) -> float | None:
    inside = voxels[(voxels > limits[0]) & (voxels < limits[1])]
    return float(inside.mean()) if inside.size >= _FEWEST_VOXELS else None


def _compare(name: str, values: Sequence[tuple[float | None, bool]], seed: int) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    kept = [(value, synthetic) for value, synthetic in values if value is not None]
    numbers, truth = np.array([value for value, _ in kept], float), np.array([one for _, one in kept], bool)
    counts = {"real": int((~truth).sum()), "synthetic": int(truth.sum())}
    if not all(counts.values()):
        return {"measure": name, "n": counts, "real": None, "synthetic": None, "auc": None, "p": None}
    return {
        "measure": name,
        "n": counts,
        "real": round(float(np.median(numbers[~truth])), 4),
        "synthetic": round(float(np.median(numbers[truth])), 4),
        "auc": round(float(roc_auc_score(truth, numbers)), 4),
        "p": round(chance_of(numbers.tolist(), truth, seed), 4),
    }
