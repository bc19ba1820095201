"""One morph of 512 x 512 x 300 with a label layer against SimpleITK's own resampling, each in its own process."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

SIZE = (512, 512, 300)
SPACING = (0.75, 0.75, 1.25)
T = 0.5
VOLUME_MB = np.prod(SIZE) * 4 / 2**20
"""Of one float32 volume of this size."""


def make_input(folder: Path) -> None:
    """A phantom of that size with its organs, and a path to a gently deformed body."""
    from SyntheticCTLib.images.geometry import Geometry
    from SyntheticCTLib.images.phantoms import make_phantom
    from SyntheticCTLib.morph.path import Bound, MorphPath, coarse_over, positions

    phantom = make_phantom(1, spacing=SPACING, size=SIZE)
    sitk.WriteImage(phantom.image, str(folder / "image.nrrd"), useCompression=False)
    sitk.WriteImage(phantom.layers[0].image, str(folder / "labels.nrrd"), useCompression=False)
    geometry = coarse_over(Geometry.of(phantom.image), 4.0)
    x = positions(geometry)
    waves = [12 * np.sin(x[(d + 1) % 3] / 50) * np.cos(x[(d + 2) % 3] / 70) for d in range(3)]
    velocity = sitk.GetImageFromArray(np.stack(waves, axis=-1).astype(np.float32), isVector=True)
    geometry.apply_to(velocity)
    stretch = np.diag([1.05, 0.97, 1.02, 1.0])
    bound = Bound.to(phantom.image)
    MorphPath(velocity, stretch, np.eye(4), bound, bound).save(folder / "path.nrrd")


def ours(folder: Path) -> float:
    """Seconds of one morph with labels, everything included."""
    from SyntheticCTLib.images.labels import LabelLayer
    from SyntheticCTLib.morph.path import MorphPath
    from SyntheticCTLib.morph.warping import morph

    image, path = sitk.ReadImage(str(folder / "image.nrrd")), MorphPath.load(folder / "path.nrrd")
    layer = LabelLayer("organs", sitk.ReadImage(str(folder / "labels.nrrd")))
    began = time.perf_counter()
    morph(image, path, T, [layer])
    return time.perf_counter() - began


def rival(folder: Path) -> float:
    """Seconds of SimpleITK's order-3 `Resample` of the image and nearest-neighbor of the labels, by one field."""
    from SyntheticCTLib.morph.path import MorphPath

    image, labels = (sitk.ReadImage(str(folder / f"{name}.nrrd")) for name in ("image", "labels"))
    path = MorphPath.load(folder / "path.nrrd")
    began = time.perf_counter()
    field = sitk.DisplacementFieldTransform(sitk.Cast(path.field(T), sitk.sitkVectorFloat64))
    sitk.Resample(image, image, field, sitk.sitkBSpline3, -1024.0, sitk.sitkInt16)
    sitk.Resample(labels, image, field, sitk.sitkNearestNeighbor, 0)
    return time.perf_counter() - began


def measured(which: str, folder: Path) -> dict[str, float]:
    """Seconds and peak memory (float32 volumes, the inputs and the interpreter included) of a run in a child."""
    out = subprocess.run(
        [sys.executable, __file__, which, str(folder)], check=True, capture_output=True, text=True
    ).stdout
    return json.loads(out.splitlines()[-1])


def run(repeats: int = 3) -> dict[str, object]:
    """Medians over alternating runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, __file__, "input", name], check=True)
        rounds = [{which: measured(which, folder) for which in ("ours", "rival")} for _ in range(repeats)]
    result = {
        f"{which}_{key}": float(np.median([one[which][key] for one in rounds]))
        for which in ("ours", "rival")
        for key in ("seconds", "volumes")
    }
    result["ratio"] = float(np.median([one["ours"]["seconds"] / one["rival"]["seconds"] for one in rounds]))
    print("  ".join(f"{k} {v:.2f}" for k, v in result.items()), flush=True)
    return result


if __name__ == "__main__":
    where = Path(sys.argv[2])
    if sys.argv[1] == "input":
        make_input(where)
    else:
        seconds = {"ours": ours, "rival": rival}[sys.argv[1]](where)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "volumes": peak / VOLUME_MB}))
