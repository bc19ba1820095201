"""Takes every measure of every painter on the same held-out lesions, patches and draws."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...assess.consistency import Consistency, consistency
from ...assess.detection import Detection, detection
from ...assess.distances import VECTORS_PER_FEATURE, feature_distance
from ...assess.image_metrics import ErrorSummary, gain_by_copying, region_errors, summarize
from ...assess.patches import PatchPairs, center_of, cut, cut_mask
from ...assess.radiomics import FEATURE_NAMES, features
from ...assess.realism import MIN_JUDGED_PATIENTS, Realism, realism
from ...assess.realism_network import NetworkTraining
from ...assess.segmenter import Segmenter, SegmenterTraining, shifted_center, train_segmenter
from ...errors import InputError
from .baselines import Paint
from .data import HeldOut, Units
from .results import PainterResult, Sample

MIN_SEGMENTER_PATIENTS = 40
"""A segmenter of fewer patients' lesions finds too few to compare."""


@dataclass(frozen=True)
class Settings:
    """What an evaluation may be told. samples: lesions on the sheet. judge, segmenter: how they are trained."""

    seed: int = 0
    samples: int = 8
    judge: NetworkTraining = NetworkTraining()
    segmenter: SegmenterTraining = SegmenterTraining()


@dataclass(frozen=True)
class PerPatient:
    """A painter for each patient, as leaving one patient out makes them: each was trained without that patient."""

    painters: Mapping[str, Paint]


@dataclass(frozen=True)
class Item:
    """What is measured as one: a slice of a crop, or the whole of a lesion in a scan."""

    lesion: int
    part: slice


@dataclass
class Measures:
    """Real lesions, prepared once, that one painter after the other is held against.

    Call `train_segmenter` first, if there are lesions to train it on, then `judge` for each painter. not_measurable
    fills with what the data cannot carry, and why; samples with the slices for the sheet.
    """

    held_out: Sequence[HeldOut]
    units: Units
    settings: Settings
    not_measurable: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._segmenter: Segmenter | None = None
        self._real = [lesion.values(lesion.hu) for lesion in self.held_out]
        self.items = [Item(n, part) for n, lesion in enumerate(self.held_out) for part in self._parts(lesion)]
        self.patients = [self.held_out[item.lesion].patient for item in self.items]
        self.real_features = self._features(self._real)
        self.real_consistency = self._consistency(self._real)
        if self.real_consistency is None:
            self.not_measurable["consistency from slice to slice"] = "n = 0 pairs of neighboring slices"
        if len(self.items) < VECTORS_PER_FEATURE * len(FEATURE_NAMES):
            self.not_measurable["Frechet distance of features"] = (
                f"n = {len(self.items)} lesions for {len(FEATURE_NAMES)} features"
            )
        if not self._can_judge:
            self.not_measurable["AUC of an independent judge"] = self._too_few()
        chosen = np.random.default_rng(self.settings.seed).permutation(len(self.items))[: self.settings.samples]
        self._shown = [self._middle(self.items[n]) for n in sorted(chosen)]
        self._painted_samples: dict[str, list[np.ndarray]] = {}

    @property
    def copying_gain(self) -> float:
        """Mean dB that copying the outside lifts the whole region's PSNR above the lesion's."""
        return float(np.mean([gain_by_copying(self._mask(item)) for item in self.items]))

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The slices for the sheet, real and as every painter so far painted them."""
        return tuple(
            Sample(
                self.held_out[n].name,
                self._real[n][k],
                self.held_out[n].mask[k],
                {name: planes[row] for name, planes in self._painted_samples.items()},
            )
            for row, (n, k) in enumerate(self._shown)
        )

    def train_segmenter(self, training: Sequence[HeldOut]) -> None:
        """Train the segmenter on real lesions of patients that are not held out, if there are enough."""
        patients = {lesion.patient for lesion in training}
        if len(patients) < MIN_SEGMENTER_PATIENTS:
            self.not_measurable["lesions found by a segmenter"] = (
                f"n = {len(patients)} patients to train it on, at least {MIN_SEGMENTER_PATIENTS} are needed"
            )
            return
        planes, masks = [], []
        for lesion in training:
            values = self.units.to_bytes(lesion.values(lesion.hu))
            marked = np.flatnonzero(lesion.mask.any(axis=(1, 2)))
            planes += list(values[marked])
            masks += list(lesion.mask[marked])
        self._segmenter = train_segmenter(planes, masks, self.settings.seed, self.settings.segmenter)

    def judge(self, name: str, painter: Paint | PerPatient) -> PainterResult:
        """Everything that can be measured of one painter."""
        likely = self._paint(painter, None)
        drawn = self._paint(painter, self.settings.seed)
        self._painted_samples[name] = [drawn[n][k] for n, k in self._shown]
        painted_features = self._features(drawn)
        return PainterResult(
            likely=self._errors(likely),
            drawn=self._errors(drawn),
            features=painted_features,
            distance=feature_distance(self.real_features, painted_features, self.patients, self.settings.seed),
            realism=self._realism(drawn),
            detection=self._detection(drawn),
            consistency=self._consistency(drawn),
            slices_alone=self._consistency(self._slices_alone(painter)) if self.real_consistency else None,
        )

    @property
    def _can_judge(self) -> bool:
        return len(set(self.patients)) >= MIN_JUDGED_PATIENTS

    def _too_few(self) -> str:
        return f"n = {len(set(self.patients))} patients, at least {MIN_JUDGED_PATIENTS} are needed"

    def _parts(self, lesion: HeldOut) -> list[slice]:
        if not self.units.by_slice:
            return [slice(None)]
        return [slice(int(k), int(k) + 1) for k in np.flatnonzero(lesion.mask.any(axis=(1, 2)))]

    def _mask(self, item: Item) -> np.ndarray:
        return self.held_out[item.lesion].mask[item.part]

    def _middle(self, item: Item) -> tuple[int, int]:
        """Lesion, and the slice of the item that shows most of it."""
        areas = self._mask(item).sum(axis=(1, 2))
        return item.lesion, (item.part.start or 0) + int(np.argmax(areas))

    def _paint(self, painter: Paint | PerPatient, seed: int | None) -> list[np.ndarray]:
        """Every lesion painted, as values; another seed for each, told by its name."""
        return [
            lesion.values(_painted(painter, lesion, slice(None), _seed_of(lesion.name, seed)))
            for lesion in self.held_out
        ]

    def _slices_alone(self, painter: Paint | PerPatient) -> list[np.ndarray]:
        """Lesions of consecutive slices with every slice painted by itself; the others as they are."""
        found = []
        for lesion, real in zip(self.held_out, self._real, strict=True):
            if not lesion.consecutive:
                found.append(real)
                continue
            hu = lesion.hu.copy()
            for k in np.flatnonzero(lesion.mask.any(axis=(1, 2))):
                part = slice(int(k), int(k) + 1)
                hu[part] = _painted(painter, lesion, part, _seed_of(f"{lesion.name}/{k}", self.settings.seed))
            found.append(lesion.values(hu))
        return found

    def _features(self, values: Sequence[np.ndarray]) -> np.ndarray:
        width = self.units.bin_width
        return np.stack([features(values[item.lesion][item.part], self._mask(item), width) for item in self.items])

    def _errors(self, painted: Sequence[np.ndarray]) -> Mapping[str, ErrorSummary]:
        rows = [
            region_errors(
                self._real[item.lesion][item.part],
                painted[item.lesion][item.part],
                self._mask(item),
                self.units.data_range,
                self.held_out[item.lesion].spacing,
            )
            for item in self.items
        ]
        return summarize(rows, self.patients, self.settings.seed)

    def _realism(self, painted: Sequence[np.ndarray]) -> Realism | None:
        if not self._can_judge:
            return None
        planes = [self._plane(painted, item) for item in self.items]
        centers = [center_of(mask) for _, _, mask in planes]
        return realism(self._patches(planes, centers), self.settings.seed, training=self.settings.judge)

    def _detection(self, painted: Sequence[np.ndarray]) -> Detection | None:
        if self._segmenter is None:
            return None
        rng = np.random.default_rng(self.settings.seed)
        planes = [self._plane(painted, item) for item in self.items]
        centers = [shifted_center(mask, rng) for _, _, mask in planes]
        return detection(self._segmenter, self._patches(planes, centers), self.settings.seed)

    def _plane(self, painted: Sequence[np.ndarray], item: Item) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Real slice, painted slice (both uint8) and mask of an item."""
        n, k = self._middle(item)
        real, fake = (self.units.to_bytes(values[n][k]) for values in (self._real, painted))
        return real, fake, self.held_out[n].mask[k]

    def _patches(self, planes: Sequence[tuple], centers: Sequence[tuple[float, float]]) -> PatchPairs:
        placed = list(zip(planes, centers, strict=True))
        return PatchPairs(
            np.stack([cut(real, center) for (real, _, _), center in placed]),
            np.stack([cut(painted, center) for (_, painted, _), center in placed]),
            np.stack([cut_mask(mask, center) for (_, _, mask), center in placed]),
            np.array(self.patients),
        )

    def _consistency(self, values: Sequence[np.ndarray]) -> Consistency | None:
        """In HU, where slices of a crop have one scale."""
        stacks = [n for n, lesion in enumerate(self.held_out) if lesion.consecutive]
        return consistency(
            [self.held_out[n].to_hu(values[n]) for n in stacks],
            [self.held_out[n].mask for n in stacks],
            [self.held_out[n].patient for n in stacks],
            self.settings.seed,
        )


def _painted(painter: Paint | PerPatient, lesion: HeldOut, part: slice, seed: int | None) -> np.ndarray:
    """Some slices of a lesion painted, HU. Raises InputError if the painter changed the outside."""
    paint = painter.painters[lesion.patient] if isinstance(painter, PerPatient) else painter
    hu, mask = lesion.hu[part], lesion.mask[part]
    given = hu if getattr(paint, "needs_truth", False) else np.where(mask, np.float32(0), hu)
    result = paint(given, mask, seed)
    if result.shape != hu.shape or not np.array_equal(result[~mask], hu[~mask]):
        who = getattr(paint, "name", repr(paint))
        raise InputError(f"The painter {who} changed voxels outside the lesion {lesion.name}; only inside is its own.")
    return result


def _seed_of(name: str, seed: int | None) -> int | None:
    return None if seed is None else zlib.crc32(f"{seed}/{name}".encode())
