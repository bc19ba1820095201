"""Painted lesions as the data card tells of them: how many, by which model, and what that model is not good for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..planning.lesions import LesionSettings


LESION = "lesion"
"""What painted lesions are called in a data set, whatever the model paints."""

LESION_TITLE = "Painted lesions"
"""Of the card's section on them."""


@dataclass
class PaintedLesions:
    """Numbers about a cohort's painted lesions. asked, painted: lesions. scans: cases by their number of lesions.
    warned: cases that the painter warns of. model: what the records repeat of its card. torch: versions that occurred.
    """

    asked: int = 0
    painted: int = 0
    warned: int = 0
    scans: Counter[int] = field(default_factory=Counter)
    model: Mapping[str, Any] = field(default_factory=dict)
    torch: set[str] = field(default_factory=set)

    def add(self, record: Mapping[str, Any]) -> None:
        """Count a case by its private record."""
        lesions = record.get("lesions")
        self.scans[lesions["painted"] if lesions else 0] += 1
        if not lesions:
            return
        self.asked += lesions["asked"]
        self.painted += lesions["painted"]
        self.warned += bool(lesions["warnings"])
        self.model = lesions["model"]
        self.torch.add(lesions["torch"])


def lesion_section(settings: LesionSettings | None, found: PaintedLesions) -> list[str]:
    """The card's section on painted lesions; nothing for a cohort that has none."""
    if settings is None:
        return []
    scans = ", ".join(f"{number} in {count} scans" for number, count in sorted(found.scans.items()))
    lines = [
        f"## {LESION_TITLE}\n",
        f"{found.painted} lesions that never existed were painted into the scans by a model (label `{LESION}`; lesions "
        f"in a scan: {scans or 'none'}). They were placed at random in {', '.join(settings.organs)}, after the quality "
        "gate had let the scan through; only their voxels were changed. A lesion that its first scan had is still "
        "there; where it was drawn, it has its own label, or this one if it was called so. The metadata describe the "
        "first scan and say nothing of painted ones.\n",
    ]
    if found.asked > found.painted:
        lines.append(f"- {found.asked - found.painted} of {found.asked} that were planned found no place")
    if found.warned:
        lines.append(
            f"- {found.warned} scans are unlike what the model was trained on, or their lesions are; their records say "
            "in what, and their verdict is `warn`"
        )
    maps = f"those of lesions drawn in real scans ({len(settings.shapes)} label maps), turned, scaled and bent"
    shapes = maps if settings.shapes else "grown, of no patient"
    lines.append(f"- shapes: {shapes}; density: {settings.density}")
    if found.model:
        model, torch = found.model, " and ".join(sorted(found.torch))
        lines.append(f"- model: {model['name']} ({model['lesion']} in the {model['region']}), with torch {torch}")
        lines.append(f"- SHA-256 of its weights: `{model['sha256']}`")
        lines += [f"- limit of the model: {limit}" for limit in model.get("limits", ())]
    return ["\n".join([*lines, ""])]
