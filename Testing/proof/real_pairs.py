"""The real pairs the proofs and benchmarks run on, and how they are read."""

from __future__ import annotations

import itertools
from pathlib import Path

import SimpleITK as sitk

from SyntheticCTLib.images.labels import LabelLayer, read_layers
from SyntheticCTLib.images.reading import read_ct

VOLUMES = Path(__file__).resolve().parents[3] / "shared" / "data" / "volumes"
CHESTS = ("pyrad-lung1", "pyrad-lung2", "CMB-CRC-MSB-01068")
ABDOMENS = ("CRLM-CT-1004", "CRLM-CT-1006")
CHEST_PAIRS = tuple(itertools.permutations(CHESTS, 2))
PAIRS = CHEST_PAIRS + tuple(itertools.permutations(ABDOMENS, 2))
LUNG = 2
"""Value of lung in the auto-labels."""


def read_scan(name: str) -> tuple[sitk.Image, LabelLayer]:
    """A scan of `../shared/data/volumes` with its auto-labels."""
    image = read_ct(VOLUMES / f"{name}.nii.gz").image
    (layer,) = read_layers([VOLUMES / f"{name}_autolabels.nii.gz"], image, name)
    return image, layer


def short(pair: tuple[str, str]) -> str:
    """A name of a pair that fits a table."""
    return " > ".join(name.replace("-CRC-MSB-01068", "").replace("CRLM-CT-", "CRLM ") for name in pair)
