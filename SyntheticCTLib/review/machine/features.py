"""What the machine looks at: texture, noise and edges of a case, nothing of its anatomy."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ...assess.glcm import GLCM_NAMES
from ...assess.radiomics import FEATURE_NAMES, features, high_pass, neighbor_correlation
from ..planning.findings import LUNG_HU, SOFT_HU

TISSUES = {"lung": LUNG_HU, "soft tissue": SOFT_HU}
"""HU between which a voxel's neighbourhood must lie."""

BIN_HU = 25.0
"""Width of a grey level for texture, as radiomics does it in CT."""

SLICES = 24
"""Slices whose texture is looked at, evenly over the case."""

FEWEST_VOXELS = 200
"""Of a tissue; with fewer its features are not known (nan)."""

SMOOTHING = 1.0
"""Voxels; standard deviation of the Gaussian mean in the slice that tells the tissue, so that noise does not."""

_AXES = {"columns": 2, "rows": 1, "slices": 0}
"""Array axis along which voxels of neighbouring columns, rows and slices lie."""

_TEXTURE = ("standard deviation", "skewness", "kurtosis", "entropy", "gradient", "high-pass noise")
_TEXTURE += tuple(f"GLCM {name}" for name in GLCM_NAMES)
_CHOSEN = [FEATURE_NAMES.index(name) for name in _TEXTURE]
"""Of the radiomics features those that do not tell how dense the tissue is: that is the patient, not the picture."""

_STEEP = (90, 99)
"""Percentiles of the steps between neighbours that tell how sharp edges are."""

MACHINE_FEATURES = (
    *(f"{tissue}: {name}" for tissue in TISSUES for name in _TEXTURE),
    *(f"{tissue}: noise alike in neighbouring {axis}" for tissue in TISSUES for axis in _AXES),
    *(f"edges: {rank}th percentile of steps between {axis}" for axis in _AXES for rank in _STEEP),
    "edges: curvature over gradient",
)
"""Names of the features, in order."""


def case_features(image: sitk.Image) -> np.ndarray:
    """(F,) MACHINE_FEATURES of a case of a study, or of a scan on the study's grid and within its windows.

    nan for what cannot be measured, such as the lung's texture in an abdomen.
    """
    from scipy.ndimage import gaussian_filter

    values = sitk.GetArrayFromImage(image).astype(np.float32)
    smooth = gaussian_filter(values, (0, SMOOTHING, SMOOTHING))
    masks = [(smooth > low) & (smooth < high) for low, high in TISSUES.values()]
    some = np.unique(np.linspace(0, len(values) - 1, SLICES).round().astype(int))
    texture = [_texture(values[some], mask[some]) for mask in masks]
    grain = [_grain(values, mask) for mask in masks]
    return np.concatenate([*texture, *grain, _edges(values)])


def _texture(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    if mask.sum() < FEWEST_VOXELS:
        return np.full(len(_CHOSEN), np.nan)
    return features(values, mask, BIN_HU)[_CHOSEN]


def _grain(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How alike the noise of neighbours is: interpolation makes them alike."""
    if mask.sum() < FEWEST_VOXELS:
        return np.full(len(_AXES), np.nan)
    noise = high_pass(values, mask)
    return np.array([neighbor_correlation(noise, mask, axis) for axis in _AXES.values()])


def _edges(values: np.ndarray) -> np.ndarray:
    """Steps along each axis, HU; and how curved the values are for their steepness: blur lowers it."""
    found, curvature, steepness = [], 0.0, 0.0
    for axis in _AXES.values():
        steps = np.diff(values, axis=axis)
        found += [float(value) for value in np.percentile(np.abs(steps), _STEEP)]
        steepness += float(np.abs(steps).mean())
        curvature += float(np.abs(np.diff(steps, axis=axis)).mean())
    return np.array([*found, curvature / steepness if steepness else np.nan])
