"""Tiny training sets in the layouts of the large public ones, made of livers of people who never lived.

For the tests, and to try a recipe before the real set is at hand:
`python Testing/library/miniature_sets.py lits FOLDER --cases 6`. The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SyntheticCTLib.images import Geometry, LabelLayer, write_image, write_layer

LIVER, TUMOR = 1, 2
SIZE = (64, 64, 24)
SPACING = (1.1, 1.1, 2.5)
MARK = "SYNTHETIC miniature liver"

GEOMETRY = Geometry(SIZE, SPACING, (-35.0, -35.0, -30.0), tuple(np.eye(3).ravel()))


def miniature(seed: int, tumors: int = 2, geometry: Geometry = GEOMETRY) -> tuple[sitk.Image, LabelLayer]:
    """A field of view round a liver: int16 HU, and a layer with liver (1) and textured tumors (2) apart.

    Fat, the liver's outline, its mottling and vessels, and place, size, density and texture of the tumors are drawn.
    """
    rng = np.random.default_rng([seed, 4])
    k, j, i = np.indices(geometry.size[::-1])
    x, y, z = (index * mm - n * mm / 2 for index, mm, n in zip((i, j, k), geometry.spacing, geometry.size, strict=True))
    wave = 1 + 0.12 * np.sin(3 * np.arctan2(y, x) + rng.uniform(0, 6)) + 0.05 * np.sin(5 * z / 30)
    depth = 1 - np.sqrt((x / rng.uniform(29, 33)) ** 2 + (y / rng.uniform(24, 29)) ** 2 + (z / 34) ** 2) / wave
    hu = _mottled(rng, k.shape, 12, 2.5) - 100
    liver = depth > 0
    hu = _blended(hu, depth * 26, 105 + _mottled(rng, k.shape, 6, 3))
    hu = _blended(hu, np.minimum(2.5 - np.hypot(y - 6 * np.sin(x / 9), z - 0.4 * x), depth * 26), 165)
    labels = liver.astype(np.uint8) * LIVER
    for place, radius in _places(rng, depth, (x, y, z), tumors):
        bulges = _mottled(rng, k.shape, 1.2, 4)
        distance = radius + bulges - np.sqrt(sum((axis - at) ** 2 for axis, at in zip((x, y, z), place, strict=True)))
        core = rng.uniform(30, 65) - rng.uniform(0, 25) * np.clip(distance / radius, 0, 1)
        hu = _blended(hu, distance, core + _mottled(rng, k.shape, 14, 1.3))
        labels[distance > 0] = TUMOR
    hu = hu + _mottled(rng, k.shape, 9, 0.6)
    image = _placed(np.clip(np.rint(hu), -1024, 3071).astype(np.int16), geometry)
    return image, LabelLayer("labels", _placed(labels, geometry), {LIVER: "liver", TUMOR: "tumor"})


def write_lits(folder: Path, cases: int = 4, seed: int = 0) -> Path:
    """volume-N.nii and segmentation-N.nii, as the LiTS challenge has them."""
    for number in range(cases):
        _write(seed + number, folder / f"volume-{number}.nii", folder / f"segmentation-{number}.nii")
    return folder


def write_msd(folder: Path, cases: int = 4, seed: int = 0) -> Path:
    """A task of the Medical Segmentation Decathlon."""
    training = []
    for number in range(cases):
        image, label = (f"./{part}/liver_{number}.nii.gz" for part in ("imagesTr", "labelsTr"))
        _write(seed + number, folder / image, folder / label)
        training.append({"image": image, "label": label})
    content = {
        "name": "Liver",
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "liver", "2": "cancer"},
        "numTraining": cases,
        "training": training,
        "test": [],
    }
    (folder / "dataset.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return folder


def write_nnunet(folder: Path, cases: int = 4, seed: int = 0) -> Path:
    """An nnU-Net (version 2) raw folder."""
    for number in range(cases):
        name = f"liver_{number:03d}"
        _write(
            seed + number,
            folder / "imagesTr" / f"{name}_0000.nii.gz",
            folder / "labelsTr" / f"{name}.nii.gz",
        )
    content = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "liver": LIVER, "tumor": TUMOR},
        "numTraining": cases,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return folder


def write_csv(folder: Path, cases: int = 4, seed: int = 0) -> Path:
    """A table of scans, two of each patient; the table's path."""
    rows = []
    for number in range(cases):
        image, label = Path("scans") / f"scan{number}.nii.gz", Path("tumors") / f"scan{number}.nii.gz"
        _write(seed + number, folder / image, folder / label)
        rows.append({"image": image.as_posix(), "label": label.as_posix(), "patient": f"P{number // 2}"})
    table = folder / "cases.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ("image", "label", "patient"))
        writer.writeheader()
        writer.writerows(rows)
    return table


def write_pairs(folder: Path, cases: int = 4, seed: int = 0) -> Path:
    """NAME.nii.gz with NAME_lesion.nii.gz, which holds nothing but tumors."""
    for number in range(cases):
        image, layer = miniature(seed + number)
        folder.mkdir(parents=True, exist_ok=True)
        write_image(image, folder / f"case{number}.nii.gz", MARK)
        tumors = LabelLayer("lesion", sitk.Cast(layer.image == TUMOR, sitk.sitkUInt8))
        write_layer(tumors, folder / f"case{number}_lesion.nii.gz", MARK)
    return folder


WRITERS = {"lits": write_lits, "msd": write_msd, "nnunet": write_nnunet, "csv": write_csv, "pairs": write_pairs}


def _write(seed: int, image_path: Path, label_path: Path) -> None:
    image, layer = miniature(seed)
    for path in (image_path, label_path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_image(image, image_path, MARK)
    write_layer(layer, label_path, MARK)


def _mottled(rng: np.random.Generator, shape: tuple[int, ...], hu: float, voxels: float) -> np.ndarray:
    """Gaussian noise of this standard deviation, correlated over so many pixels in a slice and half as many across."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal(shape), (voxels / 2, voxels, voxels))
    return noise * (hu / noise.std())


def _blended(hu: np.ndarray, distance: np.ndarray, level) -> np.ndarray:
    """`hu` with `level` where `distance` (mm) is positive, with an edge of about 2 mm."""
    inside = 1 / (1 + np.exp(-np.clip(distance / 0.7, -30, 30)))
    return hu * (1 - inside) + level * inside


def _places(rng: np.random.Generator, depth: np.ndarray, xyz, count: int) -> list[tuple[np.ndarray, float]]:
    """Middles (mm) and radii of tumors well inside the liver that do not touch."""
    points = np.stack([axis[depth > 0.3] for axis in xyz], axis=1)
    placed: list[tuple[np.ndarray, float]] = []
    while len(placed) < count:
        radius = rng.uniform(4, 7)
        apart = np.ones(len(points), bool)
        for place, other in placed:
            apart &= np.linalg.norm(points - place, axis=1) > radius + other + 9
        if not apart.any():
            raise ValueError(f"a miniature liver has no room for {count} tumors")
        placed.append((points[rng.choice(np.flatnonzero(apart))], radius))
    return placed


def _placed(voxels: np.ndarray, geometry: Geometry) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels)
    geometry.apply_to(image)
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("layout", choices=WRITERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(WRITERS[given.layout](given.folder, given.cases, given.seed))


if __name__ == "__main__":
    main()
