"""Registration with path against ANTs' SyN at full resolution, pair by pair in one run."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "proof"))

from prove_path import lung_surface, surface_distance
from real_pairs import CHEST_PAIRS, LUNG, read_scan, short

from SyntheticCTLib.morph.register import register
from SyntheticCTLib.morph.warping import Morphed, morph


def quality(image: sitk.Image, labels: sitk.Image, target: sitk.Image, target_labels: sitk.Image) -> dict[str, float]:
    """How well a warped source fits the target on the target's grid.

    dice: of the auto-labelled lungs. surface_mm: mean symmetric distance of the lung surfaces. correlation: of the
    HU inside the target's lungs.
    """
    ours, theirs = (sitk.GetArrayViewFromImage(one) == LUNG for one in (labels, target_labels))
    rng = np.random.default_rng(3)
    inside = sitk.GetArrayViewFromImage(image)[theirs], sitk.GetArrayViewFromImage(target)[theirs]
    return {
        "dice": float(2 * (ours & theirs).sum() / (ours.sum() + theirs.sum())),
        "surface_mm": surface_distance(lung_surface(labels, rng), lung_surface(target_labels, rng)),
        "correlation": float(np.corrcoef(*inside)[0, 1]),
    }


def ours(source, source_layer, target) -> tuple[float, Morphed]:
    """Seconds for registration with path, and the morph at t = 1 on the target's grid."""
    began = time.perf_counter()
    path = register(source, target, "ants")
    seconds = time.perf_counter() - began
    return seconds, morph(source, path, 1.0, [source_layer], grid="target")


def rival(source, source_layer, target) -> tuple[float, sitk.Image, sitk.Image]:
    """The same by `ants.registration(type_of_transform="SyN")` at full resolution, its own defaults."""
    import ants

    fixed, moving = (ants.from_sitk(sitk.Cast(image, sitk.sitkFloat32)) for image in (target, source))
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        found = ants.registration(fixed, moving, "SyN", outprefix=str(Path(folder) / "syn"), random_seed=1)
        seconds = time.perf_counter() - began
        labels = ants.from_sitk(sitk.Cast(source_layer.image, sitk.sitkFloat32))
        transforms = found["fwdtransforms"]
        warped = ants.apply_transforms(fixed, moving, transforms, "bSpline", defaultvalue=-1024)
        warped_labels = ants.apply_transforms(fixed, labels, transforms, "nearestNeighbor")
    return seconds, sitk.Cast(ants.to_sitk(warped), sitk.sitkInt16), sitk.Cast(
        ants.to_sitk(warped_labels), sitk.sitkUInt8
    )


def run(pairs=CHEST_PAIRS, with_rival: bool = True) -> dict[str, object]:
    """One row a pair, printed as it comes, and the medians."""
    import ants  # noqa: F401 - loading it is nobody's registration

    rows = []
    for pair in pairs:
        (source, source_layer), (target, target_layer) = read_scan(pair[0]), read_scan(pair[1])
        seconds, morphed = ours(source, source_layer, target)
        row = {"pair": short(pair), "seconds": seconds}
        row |= quality(morphed.image, morphed.layers[0].image, target, target_layer.image)
        if with_rival:
            seconds, image, labels = rival(source, source_layer, target)
            row["rival_seconds"] = seconds
            row |= {f"rival_{k}": v for k, v in quality(image, labels, target, target_layer.image).items()}
            row["times_faster"] = row["rival_seconds"] / row["seconds"]
        rows.append(row)
        print("  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{v:26s}" for k, v in row.items()), flush=True)
    medians = {k: float(np.median([row[k] for row in rows])) for k in rows[0] if k != "pair"}
    print("median".ljust(26), "  ".join(f"{k} {v:.3f}" for k, v in medians.items()), flush=True)
    return {"pairs": rows, "median": medians}
