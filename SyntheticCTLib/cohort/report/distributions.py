"""Synthetic against real scans: HU and volume of every label, noise in soft tissue and lung."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from ...assess.radiomics import high_pass
from ...errors import InputError
from ...images.geometry import Geometry
from ...images.hu import AIR_HU, MAX_HU
from ...images.labels import read_layers
from ..dataset.label_map import label_map
from ..privacy.choosing import shuffled
from ..privacy.scans import read_subject

if TYPE_CHECKING:
    from ..dataset.cases import Case, Cohort
    from ..planning.settings import PlanSettings
    from ..planning.subjects import Subject

MOST_SCANS = 100
"""Scans of each kind that are measured; drawn with the seed where there are more."""

TISSUES = {"soft tissue": (0.0, 150.0), "lung": (-950.0, -650.0)}
"""HU between which a smoothed voxel counts as the tissue."""

SMOOTHING_VOXELS = 2.0
NOISE_SLICES = 12
"""Slices whose noise is measured, evenly over the scan."""

MIN_VOXELS = 300
"""With fewer voxels of a tissue it has no noise level."""

FLATTEST_SHARE = 0.5
"""Of the tissue; vessels and borders lie in the rest."""

MAD_TO_SIGMA = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""

Progress = Callable[..., None]


@dataclass(frozen=True)
class ScanNumbers:
    """One scan. hu, volume: mean HU and volume in ml by label name. noise: standard deviation in HU by tissue."""

    hu: dict[str, float]
    volume: dict[str, float]
    noise: dict[str, float]


@dataclass(frozen=True)
class Group:
    """Scans of one kind: "synthetic", "real, morphed", "real, held out". total: how many there are in all."""

    kind: str
    scans: tuple[ScanNumbers, ...]
    total: int

    def values(self, measure: str, name: str) -> np.ndarray:
        """The values of a label or tissue, over the scans that have it; measure: "hu", "volume" or "noise"."""
        found = (getattr(scan, measure).get(name) for scan in self.scans)
        return np.array([value for value in found if value is not None])


def measure_groups(cohort: Cohort, seed: int, progress: Progress) -> list[Group]:
    """Measure a seeded choice of the outputs and of the originals; those that cannot be read are left out.

    Where the plan gives all outputs one grid, the originals are brought onto it first: a scan that was cut has smaller
    organs, and noise depends on the voxels.
    """
    plan = cohort.plan
    rng = np.random.default_rng([seed, 4])
    cases = {case.name: case for case in cohort.cases}
    kinds = [("synthetic", cases), ("real, morphed", _by_id(plan.subjects)), ("real, held out", _by_id(plan.held_out))]
    groups = []
    for kind, members in kinds:
        scans = []
        chosen = sorted(shuffled(members, rng)[:MOST_SCANS])
        for number, name in enumerate(chosen):
            progress(f"measuring scans ({kind})", number / len(chosen))
            try:
                scans.append(_numbers(members[name], plan.label_names, plan.settings))
            except InputError:
                continue
        groups.append(Group(kind, tuple(scans), len(members)))
    return groups


def _by_id(subjects: Sequence[Subject]) -> dict[str, Subject]:
    return {subject.id: subject for subject in subjects}


def _numbers(scan: Case | Subject, names: Sequence[str], settings: PlanSettings) -> ScanNumbers:
    from ..planning.subjects import Subject

    image, labels = _read_real(scan, names, settings) if isinstance(scan, Subject) else _read_synthetic(scan)
    hu, volume = label_numbers(image, labels, names) if labels is not None else ({}, {})
    noise = {tissue: noise_level(image, *limits) for tissue, limits in TISSUES.items()}
    return ScanNumbers(hu, volume, {tissue: value for tissue, value in noise.items() if value is not None})


def _read_synthetic(case: Case) -> tuple[sitk.Image, sitk.Image | None]:
    from ...images.reading import read_ct

    image = read_ct(case.image).image
    return image, read_layers([("labels", str(case.label))], image)[0].image if case.label else None


def _read_real(
    subject: Subject, names: Sequence[str], settings: PlanSettings
) -> tuple[sitk.Image, sitk.Image | None]:
    image = read_subject(subject)
    layers = read_layers([(label.name, str(label.file)) for label in subject.labels], image, subject.image.name)
    labels = label_map(layers, names, Geometry.of(image)).image if layers else None
    if settings.spacing is None:
        return image, labels
    grid = Geometry.of(image).upright(settings.spacing, settings.size).new_image(sitk.sitkUInt8)
    same_place = sitk.Transform()
    resampled = sitk.Resample(image, grid, same_place, sitk.sitkBSpline3, AIR_HU, sitk.sitkInt16)
    if labels is not None:
        labels = sitk.Resample(labels, grid, same_place, sitk.sitkNearestNeighbor, 0)
    return sitk.Clamp(resampled, sitk.sitkInt16, AIR_HU, MAX_HU), labels


def label_numbers(
    image: sitk.Image, labels: sitk.Image, names: Sequence[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """Mean HU and volume (ml) of every label that occurs; the label called ``names[n]`` has the value n + 1."""
    values = sitk.GetArrayViewFromImage(labels).ravel()
    counts = np.bincount(values, minlength=len(names) + 1)
    sums = np.bincount(values, sitk.GetArrayViewFromImage(image).ravel(), minlength=len(names) + 1)
    voxel_ml = float(np.prod(image.GetSpacing())) / 1000
    present = [(n, name) for n, name in enumerate(names, start=1) if counts[n]]
    return (
        {name: float(sums[n] / counts[n]) for n, name in present},
        {name: float(counts[n] * voxel_ml) for n, name in present},
    )


def noise_level(image: sitk.Image, low: float, high: float) -> float | None:
    """Standard deviation (HU) of the high-passed content in the flattest part of a tissue; None for too little of it.

    low, high: HU between which the smoothed image is the tissue. The median absolute deviation does the counting, so
    what vessels are left do not matter.
    """
    from scipy.ndimage import binary_erosion, gaussian_filter

    stack = sitk.GetArrayViewFromImage(image)
    picked = np.unique(np.linspace(0, len(stack) - 1, NOISE_SLICES + 2)[1:-1].round().astype(int))
    residuals, slopes = [], []
    for plane in stack[picked].astype(np.float32):
        smooth = gaussian_filter(plane, SMOOTHING_VOXELS, mode="nearest")
        mask = binary_erosion((smooth > low) & (smooth < high), iterations=2)
        if mask.any():
            residuals.append(high_pass(plane[None], mask[None])[0][mask])
            slopes.append(np.hypot(*np.gradient(smooth))[mask])
    if sum(map(len, residuals)) < MIN_VOXELS:
        return None
    residual, slope = np.concatenate(residuals), np.concatenate(slopes)
    flat = residual[slope <= np.quantile(slope, FLATTEST_SHARE)]
    return float(MAD_TO_SIGMA * np.median(np.abs(flat - np.median(flat))))


def ks_distance(a: np.ndarray, b: np.ndarray) -> float | None:
    """Largest gap between two cumulative distributions (Kolmogorov-Smirnov), 0 to 1; None for an empty sample."""
    from scipy.stats import ks_2samp

    return float(ks_2samp(a, b).statistic) if len(a) and len(b) else None
