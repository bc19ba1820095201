"""Painting a lesion into a volume of the scene: out it goes to the job, and a new volume with the lesion comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ..errors import InputError
from ..images.geometry import Geometry
from ..images.labels import LabelLayer
from ..images.writing import write_layer
from ..morph.path import Bound
from .derived import body_of, mark_painted, painted_from
from .lesion_following import follow, why_astray
from .lesion_masks import COLOR, MASK, NAME, TERMINOLOGY, mask_of
from .results import RECORD, SYNTHETIC, VERDICT
from .scene_jobs import SceneJob
from .segmentations import Segment, Segments, add_segmentation, read_segments
from .subjects import place_synthetic
from .volumes import WorldCT, add_display_like, add_volume

SEED = "SyntheticCT.lesionSeed"
"""Attribute of painted volumes: the seed, or "likeliest"."""

KEPT = ("grid", "percent_about")
"""What the public record of a morph says about its place on the path; true of the morph with a lesion too."""

_LIKELIEST = "likeliest"


@dataclass(frozen=True)
class Painted:
    """What one painting put into the scene.

    volume: the new volume node. segmentation: the input's segments and the lesion. seed: None for the likeliest.
    lesions: label, diameter_mm and volume_ml of each. warnings: sentences about where the model is out of its depth.
    """

    volume: Any
    segmentation: Any
    seed: int | None
    lesions: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...]


def start_painting(
    scene, read_ct: Callable[[Any], WorldCT], volume, mask, model: str, seed: int | None, density: str, labels
) -> SceneJob:
    """Start the job; its `value` is a `Painted`.

    read_ct: gives the CT of a volume node. labels: the input's segmentation or label map node, or None. Raises
    InputError if the volume is no CT, nothing is painted in the mask, or it was drawn on another grid of the volume.
    """
    kept: dict[str, Segments] = {}
    ct = read_ct(volume)
    if mask is mask_of(scene, volume):
        follow(mask, volume)
        reason = why_astray(mask, volume)
        if reason:
            raise InputError(reason)

    def export(folder: Path) -> Mapping[str, Any]:
        lesion = _lesion_layer(mask, ct.image)
        kept["labels"] = Segments.none() if _is_mask(labels) else read_segments(labels, ct.image)
        kept["lesion"] = Segments([lesion], [{1: _look(kept["labels"])}])
        sitk.WriteImage(ct.image, str(folder / "scan.nrrd"), useCompression=False)
        write_layer(lesion, folder / "lesion.seg.nrrd")
        return {
            "image": str(folder / "scan.nrrd"),
            "series": None,
            "mask": {"name": NAME, "file": str(folder / "lesion.seg.nrrd")},
            "segments": None,
            "model": model,
            "seed": seed,
            "density": density,
            "labels": [],  # they stay here, where nothing can happen to them
            "output": str(folder / "painted" / "painted.nrrd"),
            "overwrite": False,
        }

    def take(folder: Path, result: Mapping[str, Any]) -> Painted:
        if not scene.IsNodePresent(volume):
            raise InputError("The scan was removed meanwhile, so the painted one has nothing to stand beside.")
        if read_ct(volume).bound != ct.bound:
            raise InputError("The scan was changed or moved meanwhile; paint again.")
        return _take(scene, folder / "painted" / "painted.nrrd", result, volume, ct, kept, seed)

    return SceneJob("lesion.paint", export, take).start()


def next_seed(scene, volume) -> int | None:
    """The first seed that no volume painted from a volume node has; None (the likeliest lesion) for the first."""
    used = [node.GetAttribute(SEED) or _LIKELIEST for node in painted_from(scene, volume)]
    if not used:
        return None
    return 1 + max((int(seed) for seed in used if seed.isdigit()), default=0)


def _take(scene, file: Path, result, volume, ct: WorldCT, kept: Mapping[str, Segments], seed: int | None) -> Painted:
    image = sitk.ReadImage(str(file))
    Geometry.of(ct.image).apply_to(image)  # files may round; a path knows the grid to the last digit
    public = json.loads(file.with_name("painted.json").read_text(encoding="utf-8"))
    name = scene.GenerateUniqueName(f"SYNTHETIC {public['id']}")
    new = add_volume(scene, image, name)
    add_display_like(new, volume)
    layers = [*kept["labels"].layers, *kept["lesion"].layers]
    looks = [*kept["labels"].looks, *kept["lesion"].looks]
    segmentation = add_segmentation(scene, f"{name} labels", layers, looks)
    for node in (new, segmentation):
        node.SetAttribute(SYNTHETIC, public["id"])
    before = json.loads(volume.GetAttribute(RECORD) or "{}")
    record = {**{key: before[key] for key in KEPT if key in before}, **public}
    new.SetAttribute(RECORD, json.dumps(record, sort_keys=True))
    if volume.GetAttribute(VERDICT):  # what was found wrong with a morph is still wrong with it
        new.SetAttribute(VERDICT, volume.GetAttribute(VERDICT))
    new.SetAttribute(SEED, _LIKELIEST if seed is None else str(seed))
    new.SetDescription(f"SYNTHETIC {public['id']}: this lesion does not exist")
    mark_painted(new, Bound.to(image), volume, body_of(volume, ct.bound))
    place_synthetic(scene, name, [new, segmentation], "Lesion")
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(new)
    return Painted(new, segmentation, seed, tuple(result["lesions"]), tuple(result["warnings"]))


def _lesion_layer(mask, reference: sitk.Image) -> LabelLayer:
    """What is painted in a mask node, 1 for lesion, on the grid of a CT in the world."""
    segments = read_segments(mask, reference)
    painted = [layer.image != 0 for layer in segments.layers if layer.values]
    if not painted:
        raise InputError("The lesion mask is empty. Paint a lesion first, or drop one into a view.")
    image = painted[0]
    for more in painted[1:]:
        image = image | more
    return LabelLayer(NAME, sitk.Cast(image, sitk.sitkUInt8), {1: NAME})


def _look(labels: Segments) -> Segment:
    """How the new segment looks, under a name that the input's segments leave free."""
    taken = {segment.name for look in labels.looks for segment in look.values()}
    names = (NAME if number == 1 else f"{NAME} {number}" for number in count(1))
    return Segment(next(name for name in names if name not in taken), COLOR, TERMINOLOGY)


def _is_mask(labels) -> bool:
    return labels is not None and bool(labels.GetAttribute(MASK))
