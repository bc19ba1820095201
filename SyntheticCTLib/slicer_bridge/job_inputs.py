"""What a job is given: scans, paths, labels and tables of the scene as files of its folder, and its parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .volumes import WorldCT


class JobInputs:
    """Writes what the jobs of a session need, under names that tell nothing.

    Args:
        read_ct: gives the CT of a volume node.
    """

    def __init__(self, read_ct: Callable[[Any], WorldCT]) -> None:
        self._read_ct = read_ct

    def morph(self, folder: Path, morph_path, source, target, shares: Sequence[Decimal]) -> dict[str, Any]:
        """Write what every morph needs and return the job's parameters, without labels and metadata."""
        morph_path.save(folder / "path.nrrd")
        return {
            **self.pair(folder, source, target),
            "labels": [],
            "target_labels": [],
            "metadata": None,
            "metadata_rules": None,
            "path": str(folder / "path.nrrd"),
            "backend": None,
            "seed": 0,
            "repeatable": False,
            "percents": [f"{share:f}" for share in shares],
            "grid": "source",
            "strict": False,
            "contact_sheet": False,
            "output": str(folder / "morph"),
            "overwrite": False,
        }

    def pair(self, folder: Path, source, target) -> dict[str, Any]:
        """Write both CTs under names that tell nothing."""
        import SimpleITK as sitk

        files = {}
        for role, node in (("source", source), ("target", target)):
            files[role] = str(folder / f"{role}.nrrd")
            sitk.WriteImage(self._read_ct(node).image, files[role], useCompression=False)
        return {**files, "series_source": None, "series_target": None}

    def labels(self, folder: Path, role: str, labels, volume) -> tuple[list[dict[str, str]], Any]:
        """Write label layers with their names; return what the job takes for them, and the segments."""
        from .segmentations import read_segments

        segments = read_segments(labels, self._read_ct(volume).image)
        return _write_layers(folder, role, segments.layers), segments

    def guides(self, folder: Path, source, target) -> dict[str, list[dict[str, str]]]:
        """Write the segments that guide a registration; each side is its labels, or None, and its volume."""
        from .segmentations import read_segments, shared_layers

        if source[0] is None:
            return {"source_labels": [], "target_labels": []}
        both = [read_segments(labels, self._read_ct(volume).image) for labels, volume in (source, target)]
        layers = shared_layers(*both)
        return {
            f"{role}_labels": _write_layers(folder, role, side)
            for role, side in zip(("source", "target"), layers, strict=True)
        }

    def metadata(self, folder: Path, source, target) -> list[str] | None:
        """Write the tables of both sides; return the files, None if there is no table at all."""
        from .tables import read_record

        if source is None and target is None:
            return None
        files = []
        for role, node in (("source", source), ("target", target)):
            file = folder / f"{role}.json"
            file.write_text(json.dumps(read_record(node) if node is not None else {}), encoding="utf-8")
            files.append(str(file))
        return files


def _write_layers(folder: Path, role: str, layers) -> list[dict[str, str]]:
    """Write label layers; return what a job takes for them."""
    from ..images.writing import write_layer

    files = []
    for layer in layers:
        file = folder / f"{role}_{layer.name}.seg.nrrd"
        write_layer(layer, file)
        files.append({"name": layer.name, "file": str(file)})
    return files
