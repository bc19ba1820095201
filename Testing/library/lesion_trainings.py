"""Small trainings for tests: crops like those of LIDC, and a configuration that is done in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SIDE = 128

CONFIG = """
name = "tiny"
region = "lung"
lesion = "nodule"
window = [-1024, 576]
seed = 3
threads = 1
device = "cpu"
checkpoint_every = 20

[data]
layout = "crops"
path = "{path}"
held_out = 0.3
validation = 0.2
licence = "CC0"
attribution = "nobody"

[optimisation]
steps = {steps}
batch = 2
patches = [32, 48]

[generator]
stem = 8
widths = [8, 8]

[discriminator]
layers = [[8, 3, 1], [8, 4, 2], [8, 4, 2]]
judges = [1, 2]
"""


def write_crops(file: Path, patients: int = 10, slices: int = 3) -> Path:
    """An archive laid out like lidc_nodules.npz: balls of soft tissue in lung beside a chest wall, min-max scaled."""
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    images, masks, names = [], [], []
    for patient in range(patients):
        radius = rng.uniform(5, 9)
        for k in range(slices):
            mask = (rows - 64) ** 2 + (columns - 64) ** 2 < (radius - abs(k - 1)) ** 2
            hu = np.where(columns > 96, 40.0, -870.0)
            hu[mask] = 20
            hu[:4, :4] = 600
            hu += 25 * rng.standard_normal(hu.shape)
            low, high = hu.min(), hu.max()
            images.append(np.rint((hu - low) / (high - low) * 255).astype(np.uint8))
            masks.append(mask)
            names.append(f"P-{patient:03d}/nodule-0/slice-{k + 1}")
    packed = np.packbits(np.reshape(masks, (len(masks), -1)), axis=1)
    np.savez(file, image=np.array(images), mask=packed, name=np.array(names), stack=np.ones(len(names), bool))
    return file


def write_config(folder: Path, steps: int = 40, **replaced: str) -> Path:
    """A configuration over crops written beside it. replaced: lines to exchange, by what they begin with."""
    archive = write_crops(folder / "crops.npz")
    lines = CONFIG.format(path=archive.name, steps=steps).splitlines()
    for start, line in replaced.items():
        lines = [line if old.startswith(f"{start} =") else old for old in lines]
    file = folder / "tiny.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file
