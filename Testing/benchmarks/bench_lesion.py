"""Painting a 40 mm lesion into 512 x 512 x 300, beside biharmonic inpainting of the same region; and loading."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

SIZE, SPACING = (512, 512, 300), (0.7, 0.7, 1.25)
DIAMETER_MM = 40.0
LUNG_HU, WALL_HU, NOISE_HU = -860, 40, 25
THREADS = 2


def run(model: str | None = None, repeats: int = 5) -> dict[str, float | str]:
    """Measure in a process of its own, so that loading is seen from a cold start; print and return the figures.

    model: name or folder; the first that can be loaded unless given.
    """
    model = model or _first_model()
    if model is None:
        print("  no model is there to be measured; train one or set SYNTHETIC_CT_MODELS")
        return {}
    done = subprocess.run(
        [sys.executable, __file__, model, str(repeats)], capture_output=True, text=True, check=True
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    rows = (
        ("loading the model (torch imported), s; at most 1", "load_seconds"),
        ("importing torch, s", "import_seconds"),
        ("painting a 40 mm lesion, s; at most 1", "paint_seconds"),
        ("  of which outside the network, s; at most 0.15", "around_seconds"),
        ("biharmonic inpainting of the same voxels, s", "biharmonic_seconds"),
    )
    print(f"  model {model}, {THREADS} threads")
    for title, name in rows:
        print(f"  {title:<50} {figures[name]:8.3f}")
    return {"model": model, **figures}


def _first_model() -> str | None:
    from SyntheticCTLib.lesion.model_files import list_models

    return next((str(entry.folder) for entry in list_models() if not entry.fault), None)


def scan_with_mask() -> tuple[sitk.Image, sitk.Image]:
    """Lung in a chest wall, with noise, and a ball in the middle of one side."""
    shape = SIZE[::-1]
    hu = np.full(shape, LUNG_HU, np.int16)
    hu[:, : shape[1] // 5] = WALL_HU
    grain = (NOISE_HU * np.random.default_rng(0).standard_normal(shape[1:])).astype(np.int16)
    for k in range(shape[0]):
        hu[k] += np.roll(grain, 37 * k, axis=1)
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing(SPACING)
    k, j, i = np.ogrid[: shape[0], : shape[1], : shape[2]]
    distance = ((k - 150) * SPACING[2]) ** 2 + ((j - 256) * SPACING[1]) ** 2 + ((i - 150) * SPACING[0]) ** 2
    mask = sitk.GetImageFromArray((distance <= (DIAMETER_MM / 2) ** 2).astype(np.uint8))
    mask.SetSpacing(SPACING)
    return image, mask


def measure(model: str, repeats: int) -> dict[str, float]:
    """Medians, in this process."""
    began = time.perf_counter()
    import torch

    imported = time.perf_counter() - began
    torch.set_num_threads(THREADS)
    from SyntheticCTLib.lesion.model_files import load_model
    from SyntheticCTLib.lesion.painting.inpaint import paint_lesions
    from SyntheticCTLib.lesion.painting.painter import Painter

    began = time.perf_counter()
    painter = _Timed(Painter(load_model(model)))
    loaded = time.perf_counter() - began
    image, mask = scan_with_mask()
    totals, around = [], []
    for seed in range(repeats + 1):
        began = time.perf_counter()
        paint_lesions(image, mask, painter, seed)
        totals.append(time.perf_counter() - began)
        around.append(totals[-1] - painter.seconds)
    return {
        "load_seconds": loaded,
        "import_seconds": imported,
        "first_seconds": totals[0],
        "paint_seconds": statistics.median(totals[1:]),
        "around_seconds": statistics.median(around[1:]),
        "biharmonic_seconds": biharmonic_seconds(painter.region),
    }


def biharmonic_seconds(region: tuple[np.ndarray, np.ndarray]) -> float:
    """scikit-image's, slice by slice, on the region that the painter was given."""
    from skimage.restoration import inpaint_biharmonic

    began = time.perf_counter()
    for hu, mask in zip(*region, strict=True):
        if mask.any():
            inpaint_biharmonic(hu, mask)
    return time.perf_counter() - began


class _Timed:
    """A painter that remembers its last region and how long it took."""

    def __init__(self, painter) -> None:
        self._painter, self.model = painter, painter.model
        self.seconds, self.region = 0.0, None

    def paint(self, hu, mask, seed=None, *, chain=True):
        began = time.perf_counter()
        painted = self._painter.paint(hu, mask, seed, chain=chain)
        self.seconds, self.region = time.perf_counter() - began, (hu, mask)
        return painted


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
