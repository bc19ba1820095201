"""Where a registration starts: the affine transform that lays one body over the other.

Scans of different patients differ in field of view and table position, so the start is searched, not assumed:
first a shift along the body (the coarse images compared where both have data), then an affine fit by
correlation on two coarse grids. Correlation needs no histogram and no random samples: the start is the same
every time.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..images.files import quiet_itk
from .prepare import Prepared

#: Grid spacings of the affine fit in mm, and steps at most on each.
LEVELS_MM = ((12.0, 100), (6.0, 8))

#: The shift along the body is tried in steps of this many mm, so far up and down.
SHIFT_STEP_MM = 12.0
SHIFT_REACH_MM = 240.0

#: A shift must leave this part of the smaller scan in common with the other.
LEAST_OVERLAP = 0.4

#: Scaling beyond this (or below its inverse) between two adults' trunks is a failed fit, not anatomy.
LARGEST_SCALING = 2.0

#: Prepared values above this are body: -500 HU on the scale of `prepare`.
_BODY_LEVEL = (-500 + 1024) / (400 + 1024)


def affine_start(fixed: Prepared, moving: Prepared) -> sitk.AffineTransform:
    """The affine transform from fixed (target) points to moving (source) points.

    Raises InputError if one of the scans shows no body.
    """
    centers = [_body_center(side.image, role) for side, role in ((fixed, "target"), (moving, "source"))]
    shift = centers[1] - centers[0] + [0, 0, _shift_along_body(fixed, moving, centers[1] - centers[0])]
    shifted = _affine(centers[0], shift)
    fit = _refined(fixed, moving, shifted)
    if _sane(fit):
        return fit
    # With all its freedom a fit may collapse one scan onto an edge of the other; turned as a whole it cannot.
    return _turned(fixed, moving, shifted)


def _refined(fixed: Prepared, moving: Prepared, start: sitk.AffineTransform) -> sitk.AffineTransform:
    fit = sitk.AffineTransform(start)
    for spacing, steps in LEVELS_MM:
        try:
            fit = _fitted(fixed, moving, sitk.AffineTransform(fit), spacing, steps)
        except RuntimeError:  # ITK: too few valid points; the coarser result stands
            break
    return fit


def _turned(fixed: Prepared, moving: Prepared, start: sitk.AffineTransform) -> sitk.AffineTransform:
    """The best rigid transform, from a shift."""
    rigid = sitk.Euler3DTransform()
    rigid.SetCenter(start.GetCenter())
    rigid.SetTranslation(start.GetTranslation())
    try:
        rigid = _fitted(fixed, moving, rigid, *LEVELS_MM[0])
    except RuntimeError:  # as above
        return start
    fit = _affine(start.GetCenter(), rigid.GetTranslation())
    fit.SetMatrix(rigid.GetMatrix())
    return fit


def _sane(fit: sitk.AffineTransform) -> bool:
    matrix = np.reshape(fit.GetMatrix(), (3, 3))
    scalings = np.linalg.svd(matrix, compute_uv=False)
    within = 1 / LARGEST_SCALING <= scalings.min() and scalings.max() <= LARGEST_SCALING
    return bool(within and np.linalg.det(matrix) > 0)


def matrix_of(transform: sitk.AffineTransform) -> np.ndarray:
    """(4, 4) LPS matrix of an affine transform."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(transform.GetMatrix(), (3, 3))
    center = np.asarray(transform.GetCenter())
    matrix[:3, 3] = center + transform.GetTranslation() - matrix[:3, :3] @ center
    return matrix


def _affine(center: np.ndarray, translation: np.ndarray) -> sitk.AffineTransform:
    transform = sitk.AffineTransform(3)
    transform.SetCenter([float(c) for c in center])
    transform.SetTranslation([float(c) for c in translation])
    return transform


def _body_center(image: sitk.Image, role: str) -> np.ndarray:
    """Center of mass of everything denser than -500 HU, LPS mm."""
    index = np.argwhere(sitk.GetArrayViewFromImage(image) > _BODY_LEVEL)
    if not len(index):
        raise InputError(
            f"The {role} shows no body: nothing in it is denser than -500 HU. Give a CT of a trunk."
        )
    return np.array(image.TransformContinuousIndexToPhysicalPoint(index.mean(axis=0)[::-1].tolist()))


def _shift_along_body(fixed: Prepared, moving: Prepared, shift: np.ndarray) -> float:
    """The extra shift in mm along the patient's length at which the coarse scans correlate best."""
    spacing = LEVELS_MM[0][0]
    coarse_fixed, coarse_moving = (_shrunk(side.image, spacing) for side in (fixed, moving))
    fixed_inside, moving_inside = (_shrunk_mask(side.inside, spacing) for side in (fixed, moving))
    values = sitk.GetArrayViewFromImage(coarse_fixed)
    known = sitk.GetArrayViewFromImage(fixed_inside) > 0
    least = LEAST_OVERLAP * min(known.sum(), (sitk.GetArrayViewFromImage(moving_inside) > 0).sum())
    best, best_score = 0.0, -np.inf
    for extra in np.arange(-SHIFT_REACH_MM, SHIFT_REACH_MM + 1, SHIFT_STEP_MM):
        move = sitk.TranslationTransform(3, (shift + [0, 0, extra]).tolist())
        there = sitk.Resample(moving_inside, coarse_fixed, move, sitk.sitkNearestNeighbor, 0)
        both = known & (sitk.GetArrayViewFromImage(there) > 0)
        if both.sum() < max(least, 2):
            continue
        shown = sitk.Resample(coarse_moving, coarse_fixed, move, sitk.sitkLinear, 0.0)
        score = _correlation(values[both], sitk.GetArrayViewFromImage(shown)[both])
        if score > best_score:
            best, best_score = float(extra), score
    return best


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(dtype=float), b - b.mean(dtype=float)
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 0 else -1.0


def _fitted(fixed: Prepared, moving: Prepared, fit: sitk.Transform, spacing: float, steps: int) -> sitk.Transform:
    """`fit` itself, moved to the best correlation on a grid of `spacing` mm."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricFixedMask(_shrunk_mask(fixed.inside, spacing))
    method.SetMetricMovingMask(_shrunk_mask(moving.inside, spacing))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsGradientDescentLineSearch(1.0, steps, 1e-5, 8)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(fit, inPlace=True)
    with quiet_itk():
        method.Execute(_shrunk(fixed.image, spacing), _shrunk(moving.image, spacing))
    return fit


def _factors(image: sitk.Image, spacing: float) -> list[int]:
    wanted = [max(1, round(spacing / s)) for s in image.GetSpacing()]
    return [min(factor, max(1, n // 4)) for factor, n in zip(wanted, image.GetSize(), strict=True)]


def _shrunk(image: sitk.Image, spacing: float) -> sitk.Image:
    return sitk.BinShrink(image, _factors(image, spacing))


def _shrunk_mask(mask: sitk.Image, spacing: float) -> sitk.Image:
    return sitk.BinShrink(mask * 255, _factors(mask, spacing)) > 127
