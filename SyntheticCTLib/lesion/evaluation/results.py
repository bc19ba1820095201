"""What an evaluation of painters found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...assess.consistency import Consistency
from ...assess.detection import Detection
from ...assess.distances import FeatureDistance
from ...assess.image_metrics import ErrorSummary
from ...assess.intervals import Interval, interval
from ...assess.realism import STRONG_AUC, Realism
from .data import Units


@dataclass(frozen=True)
class PainterResult:
    """What was measured of one painter.

    likely, drawn: errors by region of the most likely lesion (seed None) and of one drawn at random. All else is of
    lesions drawn at random. features: (N, 18) of the painted lesions. Measures that the data cannot carry are None;
    `Evaluation.not_measurable` says why. slices_alone: consistency where each slice was painted by itself.
    """

    likely: Mapping[str, ErrorSummary]
    drawn: Mapping[str, ErrorSummary]
    features: np.ndarray
    distance: FeatureDistance
    realism: Realism | None
    detection: Detection | None
    consistency: Consistency | None
    slices_alone: Consistency | None


@dataclass(frozen=True)
class Sample:
    """A slice of a lesion for the sheet: real, as painted by each painter, and its mask; in the unit's values."""

    name: str
    real: np.ndarray
    mask: np.ndarray
    painted: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Evaluation:
    """The whole: `evaluation_report` writes it, `evaluation_pictures` draws it.

    results: by painter, in the order given. baselines: those of them that the others have to beat. judge_check: name of
    the constant-plus-noise painter that the judge proves its strength on, if there was one. copying_gain: mean dB by
    which copying the outside lifts the whole image's PSNR over the lesion's. items: what was measured as one, slices of
    crops or lesions of scans. not_measurable: measure -> why.
    """

    units: Units
    results: Mapping[str, PainterResult]
    baselines: tuple[str, ...]
    judge_check: str | None
    real_features: np.ndarray
    real_consistency: Consistency | None
    copying_gain: float
    lesions: int
    items: int
    patients: int
    seed: int
    not_measurable: Mapping[str, str]
    samples: tuple[Sample, ...] = field(repr=False, default=())

    @property
    def judge_is_strong(self) -> bool | None:
        """Whether the judge tells constant plus noise from real lesions, so that its verdicts count."""
        found = self.results[self.judge_check].realism if self.judge_check else None
        return None if found is None else found.auc.value >= STRONG_AUC

    def nearer(self, painter: str, baseline: str) -> Interval | None:
        """Frechet distance of a painter minus that of a baseline, over the same draws of patients; below 0: nearer."""
        ours, theirs = self.results[painter].distance, self.results[baseline].distance
        if ours.frechet is None or theirs.frechet is None:
            return None
        drawn = ours.frechet_replicates - theirs.frechet_replicates
        return interval(ours.frechet.value - theirs.frechet.value, drawn)
