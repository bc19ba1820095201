"""The quality gate: is this synthetic CT fit to be used, and if not, why not?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from .measures import LabelChange, Smear, compare, deformation, label_changes, noise, similarity, smear
from .rules import judge
from .thresholds import Thresholds

if TYPE_CHECKING:
    from ..images.labels import LabelLayer
    from .path import MorphPath
    from .warping import Morphed

#: Decimals that measures are rounded to: below what matters, above what differs between two processors.
DECIMALS = 4


@dataclass(frozen=True)
class QualityReport:
    """Verdict on one synthetic CT.

    verdict: "pass", "warn" (look at it before use) or "reject" (do not use). reasons: one sentence for each
    thing that was found, the worst first; empty for a pass. measures: name -> {"value", "unit"}; a value of
    None could not be measured on this image. thresholds: the lines the verdict was drawn by.
    """

    verdict: str
    reasons: tuple[str, ...]
    measures: Mapping[str, Mapping[str, object]]
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """The report as plain, JSON-safe data."""
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "measures": {name: dict(measure) for name, measure in self.measures.items()},
            "thresholds": dict(self.thresholds),
        }

    def value(self, name: str):
        """The value of one measure; None if it was not measured."""
        return self.measures.get(name, {}).get("value")


def assess(
    source: sitk.Image,
    target: sitk.Image | None,
    morphed: Morphed,
    path: MorphPath,
    source_layers: Sequence[LabelLayer] = (),
    thresholds: Thresholds | None = None,
) -> QualityReport:
    """Measure a synthetic CT and judge it.

    source, target: the CT images (HU) as they went into the registration; without a target the similarity to
    it is not measured. morphed: the result with its own label layers. path: the path it was made with.
    source_layers: the label layers of the source, paired with the result's by name. thresholds: other lines
    than the documented ones of `morph.thresholds`.

    The result is not changed. Needs about one float32 volume of memory beside the images.
    """
    limits = thresholds or Thresholds()
    c = compare(source, target, morphed, path)
    source_noise, result_noise = noise(source, morphed.image)
    edges = smear(c, morphed.layers, source_noise or 0.0)
    changes = label_changes(c, source_layers, morphed.layers)
    measures = {
        **deformation(c),
        **_texture(source_noise, result_noise, edges, limits),
        **similarity(c),
        **_labels(changes, edges, [layer.name for layer in morphed.layers], source_layers),
    }
    rounded = {name: {"value": _rounded(value), "unit": unit} for name, (value, unit) in measures.items()}
    verdict, reasons = judge({name: entry["value"] for name, entry in rounded.items()}, changes, limits)
    return QualityReport(verdict, reasons, rounded, limits.to_dict())


def _texture(before: float | None, after: float | None, edges: Smear, limits: Thresholds) -> dict:
    kept = edges.kept
    smeared = 100.0 * np.mean(kept < limits.gradient_kept_low) if kept.size else None
    return {
        "noise.source": (before, "HU"),
        "noise.result": (after, "HU"),
        "noise.ratio": (after / before if before and after is not None else None, "result / source"),
        "smear.kept_median": (np.median(kept) if kept.size else None, "edge gradient, result / source"),
        "smear.kept_worst": (kept[0] if kept.size else None, "edge gradient, result / source"),
        "smear.blocks_percent": (smeared, "% of 40 mm blocks with edges"),
        "smear.sharpness": (edges.sharpness, "edge gradient, result / foretold"),
    }


def _labels(changes: list[LabelChange], edges: Smear, names_after: list[str], before) -> dict:
    measures = {}
    for change in changes:
        name = f"labels.{change.title}"
        measures[f"{name}.volume_before"] = (change.before / 1000, "ml")
        measures[f"{name}.volume_after"] = (change.after / 1000, "ml")
        measures[f"{name}.volume_foretold"] = (change.foretold / 1000, "ml")
        measures[f"{name}.volume_ratio"] = (change.ratio, "after / foretold")
        measures[f"{name}.cut"] = (change.cut_percent, "% pushed off the grid")
        measures[f"{name}.parts_before"] = (change.parts_before, "connected components")
        measures[f"{name}.parts_after"] = (change.parts_after, "connected components")
        layer = before[change.layer].name
        place = names_after.index(layer) if layer in names_after else None
        kept = edges.kept_by_label.get((place, change.value))
        measures[f"{name}.gradient_kept"] = (kept, "edge gradient, result / source")
        if change.lesion:
            measures[f"{name}.factor_low"] = (change.factor_low, "output volume per source volume")
            measures[f"{name}.factor_mean"] = (change.factor_mean, "output volume per source volume")
            measures[f"{name}.factor_high"] = (change.factor_high, "output volume per source volume")
            measures[f"{name}.organs_lost"] = (len(change.lost_organs), "organs")
    measures["labels.vanished"] = (sum(change.vanished for change in changes), "labels")
    return measures


def _rounded(value):
    """Plain Python numbers of a fixed number of decimals; what is not finite becomes None."""
    if value is None or isinstance(value, (int, np.integer)):
        return None if value is None else int(value)
    return round(float(value), DECIMALS) if np.isfinite(value) else None
