"""Paints lesions into two real chests and a morph of the two, as a user would:
`.venv/bin/python Testing/proof/prove_lesions.py --model training/model`.

Runs `synthetic-ct lesion place` on each, compares every voxel outside the masks, and draws the largest lesion of each
before and after in three planes: proof/lesions/lesions.png, to look at. Exits with 1 if a command fails or a voxel
outside a mask differs.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parent))

from real_pairs import VOLUMES

SOURCE, TARGET = "pyrad-lung2", "CMB-CRC-MSB-01068"
LUNG = "2"
WINDOW = (-1150, 350)
HALF_MM = 32


def command(*arguments: str | Path) -> None:
    """Run `synthetic-ct`; stop here with its message if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "SyntheticCTLib", *map(str, arguments)], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"synthetic-ct {' '.join(map(str, arguments))}\n{done.stderr[-1000:]}")


def place(image: Path, organ: Path, folder: Path, model: str) -> tuple[Path, Path]:
    """Place and paint three lesions; the painted scan and the lesions' label map."""
    options = ["--organ", f"organ={organ}", "--organ-label", LUNG, "-n", "3", "--diameter", "10", "24", "--seed", "4"]
    command("lesion", "place", image, *options, "-o", folder, "--model", model)
    return folder / "placed.nii.gz", folder / "placed_labels_lesions.nii.gz"


def arrays(*files: Path) -> tuple[list[np.ndarray], tuple[float, float, float]]:
    """Voxels (K, J, I) of each file, and the spacing along K, J, I."""
    images = [sitk.ReadImage(str(file)) for file in files]
    return [sitk.GetArrayFromImage(image) for image in images], images[0].GetSpacing()[::-1]


def cuts(voxels: np.ndarray, center: tuple[int, ...], spacing: tuple[float, ...]) -> list[tuple[np.ndarray, float]]:
    """The axial, coronal and sagittal square round a voxel, each with the height of its pixels in widths."""
    ranges = [
        slice(max(0, at - round(HALF_MM / mm)), at + round(HALF_MM / mm))
        for at, mm in zip(center, spacing, strict=True)
    ]
    k, j, i = center
    axial, coronal, sagittal = voxels[k][ranges[1], ranges[2]], voxels[:, j][ranges[0], ranges[2]], voxels[:, :, i]
    tall = spacing[0] / spacing[2]
    return [(axial, 1.0), (coronal[::-1], tall), (sagittal[ranges[0], ranges[1]][::-1], tall)]


def draw(rows: list[tuple[str, np.ndarray, np.ndarray, np.ndarray, tuple[float, ...]]], file: Path) -> None:
    """One row for each scan: its largest lesion before and after, in three planes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 2.15 * len(rows)), layout="constrained")
    for axes, (name, before, after, labels, spacing) in zip(
        figure.subplots(len(rows), 6, squeeze=False), rows, strict=True
    ):
        center = tuple(int(round(at.mean())) for at in np.nonzero(labels == 1))
        pairs = zip(cuts(before, center, spacing), cuts(after, center, spacing), strict=True)
        for panel, (picture, tall) in zip(axes, (cut for pair in pairs for cut in pair), strict=True):
            panel.imshow(picture, cmap="gray", vmin=WINDOW[0], vmax=WINDOW[1], aspect=tall)
            panel.set(xticks=[], yticks=[])
        axes[0].set_ylabel(name, fontsize=8)
    titles = [f"{plane}, {when}" for plane in ("axial", "coronal", "sagittal") for when in ("before", "after")]
    for panel, title in zip(figure.axes[:6], titles, strict=True):
        panel.set_title(title, fontsize=8)
    figure.savefig(file, dpi=100)


def main() -> int:
    """Run it all; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("proof/lesions"))
    parser.add_argument("--model", default="lung-nodule")
    arguments = parser.parse_args()
    out = arguments.output
    shutil.rmtree(out, ignore_errors=True)
    scans = {name: (VOLUMES / f"{name}.nii.gz", VOLUMES / f"{name}_autolabels.nii.gz") for name in (SOURCE, TARGET)}
    command(
        "morph",
        *(image for image, _ in scans.values()),
        "-o",
        out / "morph",
        "--percent",
        "50",
        "--labels",
        scans[SOURCE][1],
    )
    scans["morph, 50 %"] = (out / "morph" / "morph_050.nii.gz", out / "morph" / "morph_050_labels.nii.gz")
    rows, missed = [], 0
    for number, (name, (image, organ)) in enumerate(scans.items()):
        painted, lesions = place(image, organ, out / f"scan{number}", arguments.model)
        (before, after, labels), spacing = arrays(image, painted, lesions)
        changed = int((before != after)[labels == 0].sum())
        missed |= changed > 0
        levels = ", ".join(f"{after[labels == value].mean():.0f}" for value in np.unique(labels)[1:])
        print(f"{name:<20} voxels changed outside the masks: {changed}; mean of each lesion, HU: {levels}")
        rows.append((name, before, after, labels, spacing))
    draw(rows, out / "lesions.png")
    print(f"look at {out / 'lesions.png'}")
    return missed


if __name__ == "__main__":
    sys.exit(main())
