"""How good a morph path is, in the figures the issue sets bars for; the proof and the tests both use them."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.morph.body import body_mask
from SyntheticCTLib.morph.flow import transform
from SyntheticCTLib.morph.path import KJI, MorphPath
from SyntheticCTLib.morph.register import Deformation

POINTS = 200_000
"""Body voxels drawn (seeded) for the point-wise figures."""

STEPS = ((0.3, 0.4), (0.5, 0.5), (0.2, 0.7))
"""s and t of the trips that are made at once and in two parts."""


def figures(path: MorphPath, deformation: Deformation, source: sitk.Image, target: sitk.Image) -> dict[str, float]:
    """The figures of a path inside the body.

    end_mean, end_p99: how far t = 1 is from the registration's own result, mm, where the source has data; with
    "_all" also where the target's body lies beyond the source's field of view. group_mean: how far going to s and
    on by t is from s + t, mm. inverse_mean: how far going there and back misses the start, mm. min_jacobian: the
    smallest Jacobian determinant at t = 0, 0.1 ... 1.
    """
    rng = np.random.default_rng(1)
    body = body_mask(source)
    in_target = points_of(body_mask(target), rng)
    in_source = points_of(body, rng)
    found = deformation.source_points(in_target)
    shown = well_inside(path.source.geometry, found)
    end = distance(path.pull_back(1, in_target, "target"), found)
    group = [
        distance(path.pull_back(s, path.pull_back(t, in_source)), path.pull_back(s + t, in_source)).mean()
        for s, t in STEPS
    ]
    undone = [distance(path.push_forward(t, path.pull_back(t, in_source)), in_source).mean() for t in (0.5, 1)]
    coarse_body = sitk.GetArrayFromImage(
        sitk.Resample(body, path.velocity, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    )
    jacobians = [sitk.GetArrayFromImage(path.jacobian(t / 10))[coarse_body > 0].min() for t in range(11)]
    return {
        "end_mean": float(end[shown].mean()),
        "end_p99": float(np.percentile(end[shown], 99)),
        "end_mean_all": float(end.mean()),
        "end_p99_all": float(np.percentile(end, 99)),
        "group_mean": float(max(group)),
        "inverse_mean": float(max(undone)),
        "min_jacobian": float(min(jacobians)),
    }


def points_of(mask: sitk.Image, rng: np.random.Generator, most: int = POINTS) -> np.ndarray:
    """Positions of a random sample of a mask's voxels, (3, n) LPS mm."""
    index = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0)
    if len(index) > most:
        index = index[rng.choice(len(index), most, replace=False)]
    return transform(Geometry.of(mask).matrix() @ KJI, index.T.astype(np.float64))


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Point-wise distance in mm of two (3, n)."""
    return np.sqrt(((a - b) ** 2).sum(axis=0))


def well_inside(geometry: Geometry, points: np.ndarray, edge: float = 0.0) -> np.ndarray:
    """Which points lie in a scan and further than `edge` mm from its faces."""
    index = transform(np.linalg.inv(geometry.matrix()), points)
    margin = np.reshape(edge / np.asarray(geometry.spacing), (3, 1))
    return np.all((index > margin) & (index < np.reshape(geometry.size, (3, 1)) - 1 - margin), axis=0)
