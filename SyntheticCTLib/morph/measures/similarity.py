"""How like its source and its target a result is."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from .comparison import Comparison, index, physical, sample


def similarity(c: Comparison) -> dict[str, tuple[float | None, str]]:
    """Similarity inside the result's body, voxel against voxel, as name -> (value, unit).

    similarity.source, similarity.target: normalized cross-correlation (1 = the same up to brightness), with
        source and target brought into the pose of the result and nothing else undone.
    difference.source: mean absolute difference to the source in that pose, HU.
    All on block means of about 3 mm, and for each only where its scan reaches.
    """
    nodes = c.nodes
    result = sitk.GetArrayViewFromImage(c.small)[tuple(nodes.T)].astype(np.float32)
    points = physical(c.small, nodes)
    at_source = points + c.rest[tuple(nodes.T)]
    in_source, source = _seen(c.small_source, at_source)
    values = {
        "similarity.source": (correlation(result[in_source], source), "NCC"),
        "difference.source": (_mean_difference(result[in_source], source), "HU"),
        "similarity.target": (None, "NCC"),
    }
    if c.small_target is not None:
        at_target = points
        if c.frame == "source":
            to_target = np.linalg.inv(np.asarray(c.path.pose, float))
            at_target = points @ to_target[:3, :3].T + to_target[:3, 3]
        in_target, target = _seen(c.small_target, at_target)
        values["similarity.target"] = (correlation(result[in_target], target), "NCC")
    return values


def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Normalized cross-correlation of two samples; None where one of them is constant or nearly empty."""
    if len(a) < 2:
        return None
    a, b = a - a.mean(dtype=np.float64), b - b.mean(dtype=np.float64)
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 0 else None


def _mean_difference(a: np.ndarray, b: np.ndarray) -> float | None:
    return float(np.abs(a - b).mean(dtype=np.float64)) if len(a) else None


def _seen(image: sitk.Image, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which points lie in the image's field of view, and the image's values there."""
    at = index(image, points)
    size = np.array(image.GetSize()[::-1])
    inside = ((at >= -0.5) & (at <= size - 0.5)).all(axis=1)
    return inside, sample(image, points[inside])
