"""The built-in phantoms as sample data: made here, downloaded from nowhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .scene_jobs import SceneJob
from .segmentations import Segment, add_segmentation
from .tables import add_table
from .volumes import add_display_like, add_volume

CHEST_WINDOW = (1400.0, -500.0)
"""Window and level in HU that show lungs and soft tissue of a phantom at once."""

COLORS = {
    "lung": (0.77, 0.64, 0.94),
    "liver": (0.87, 0.51, 0.40),
    "lesion": (0.95, 0.85, 0.10),
}
"""Segments whose name begins so; the others take Slicer's own colors."""


@dataclass(frozen=True)
class SamplePatient:
    """The nodes of one phantom."""

    volume: Any
    segmentation: Any
    metadata: Any


def start_phantom(scene, seed: int, name: str, lesions: int = 0) -> SceneJob:
    """Start making the phantom patient `seed`; the job's `value` is a `SamplePatient` of nodes called `name`."""

    def export(folder: Path) -> Mapping[str, Any]:
        return {"seed": seed, "lesions": lesions, "output": str(folder / "phantom"), "overwrite": False}

    def take(folder: Path, result: Mapping[str, Any]) -> SamplePatient:
        import SimpleITK as sitk

        from ..images.labels import read_layers

        folder = folder / "phantom"
        (image_file,) = folder.glob("*.nii.gz")
        (record_file,) = folder.glob("*.json")
        image = sitk.ReadImage(str(image_file))
        volume = add_volume(scene, image, name)
        add_display_like(volume, None)
        volume.GetDisplayNode().SetAutoWindowLevel(False)
        volume.GetDisplayNode().SetWindowLevel(*CHEST_WINDOW)
        layers = read_layers(sorted(folder.glob("*.seg.nrrd"), reverse=True), image, image_file.name)
        looks = [
            {value: Segment(label, _color(label)) for value, label in layer.names.items()} for layer in layers
        ]
        segmentation = add_segmentation(scene, f"{name} labels", layers, looks)
        record = json.loads(record_file.read_text(encoding="utf-8"))
        metadata = add_table(scene, f"{name} metadata", ("field", "value"), list(record.items()))
        return SamplePatient(volume, segmentation, metadata)

    return SceneJob("morph.phantom", export, take).start()


def _color(label: str) -> tuple[float, float, float] | None:
    return next((color for name, color in COLORS.items() if name in label.lower()), None)
