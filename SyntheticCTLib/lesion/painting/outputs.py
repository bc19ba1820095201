"""Which files a painted scan comes with, what they are called, and what their records say.

Beside the image OUT.nii.gz: its label layers OUT_labels....nii.gz (with an OUT.nrrd: .seg.nrrd) and OUT.json (public).
In `private/` beside them, not for publication: OUT.json, which names the sources and the seed.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...jobs.records import PRIVATE, RECORD_VERSION, opaque_id, plain, software_versions

IMAGE_SUFFIXES = {".nii.gz": ".nii.gz", ".nii": ".nii.gz", ".nrrd": ".seg.nrrd"}
"""Suffixes of the painted scan, and of its label layers then."""

_LAYER = re.compile(r"[A-Za-z0-9_-]+")
"""A layer's name as it is part of a file name."""


@dataclass(frozen=True)
class PaintedFiles:
    """File names that belong to one painted scan, relative to its folder. image: the scan's own."""

    image: str

    @classmethod
    def beside(cls, image: Path) -> PaintedFiles:
        """The names that go with the scan's; InputError if that is none of a volume."""
        name = image.name
        if not any(name.lower().endswith(suffix) and len(name) > len(suffix) for suffix in IMAGE_SUFFIXES):
            raise InputError(f"output {image}: expected is a name that ends in {', '.join(IMAGE_SUFFIXES)}.")
        return cls(name)

    @property
    def stem(self) -> str:
        """What they all begin with."""
        return self.image[: -len(self._suffix)]

    @property
    def public_record(self) -> str:
        """What may go with the image."""
        return f"{self.stem}.json"

    @property
    def private_record(self) -> str:
        """How it was made, from what."""
        return f"{PRIVATE}/{self.stem}.json"

    def labels(self, layers: Iterable[str]) -> dict[str, str]:
        """File of each label layer by the layer's name; a single layer's name is not in the file's."""
        names, end = list(layers), IMAGE_SUFFIXES[self._suffix]
        if len(names) == 1:
            return {names[0]: f"{self.stem}_labels{end}"}
        return {name: f"{self.stem}_labels_{name}{end}" for name in names}

    def superseded(self, folder: Path) -> list[str]:
        """Patterns of the files that an earlier, equal job wrote; its layers are in its public record."""
        try:
            layers = json.loads((folder / self.public_record).read_text(encoding="utf-8"))["labels"]
            labels = self.labels(name for name in layers if _LAYER.fullmatch(name))
        except (OSError, ValueError, KeyError, TypeError):  # no record, or none of ours
            labels = {}
        names = [self.image, *labels.values(), self.public_record, self.private_record]
        return [glob.escape(name) for name in names]

    @property
    def _suffix(self) -> str:
        return next(one for one in IMAGE_SUFFIXES if self.image.lower().endswith(one))


def private_record(
    *,
    job: str,
    inputs: Mapping[str, Any],
    parameters: Mapping[str, Any],
    model: Mapping[str, Any],
    labels: Mapping[str, Mapping[int, str]],
    lesions: Sequence[Mapping[str, Any]],
    warnings: Sequence[str],
) -> dict[str, Any]:
    """Everything about one painting, as JSON values; not for publication.

    job: "lesion.paint" or "lesion.place". inputs: names and content hashes of files. parameters: what was asked for.
    model: name and SHA-256. labels: names of the labels in each layer. lesions: what is known of each; of that,
    `_PUBLIC_LESION` may be published.
    """
    record = plain(
        {
            "record": "SyntheticCT private provenance: names the sources, do not publish",
            "version": RECORD_VERSION,
            "job": job,
            "inputs": inputs,
            "parameters": parameters,
            "model": model,
            "software": software_versions("torch"),
            "labels": labels,
            "lesions": list(lesions),
            "warnings": list(warnings),
        }
    )
    return {**record, "id": opaque_id(record)}


_PUBLIC_LESION = ("layer", "label", "name", "diameter_mm", "volume_ml")


def public_record(private: Mapping[str, Any]) -> dict[str, Any]:
    """What may go with the published image, taken from its private record: no file, no seed, no voxel."""
    lesions = [{key: one[key] for key in _PUBLIC_LESION if key in one} for one in private["lesions"]]
    return {
        "record": "SyntheticCT public record",
        "version": RECORD_VERSION,
        "synthetic": True,
        "id": private["id"],
        "method": {
            "name": "lesions painted into a CT; these lesions do not exist, the rest of the scan is as it was given",
            "model": private["model"],
            "software": private["software"],
        },
        "labels": private["labels"],
        "lesions": lesions,
        "warnings": private["warnings"],
    }
