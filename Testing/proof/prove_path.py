"""Proves the morph path on the eight real pairs: `make proof`, or `python Testing/proof/prove_path.py`.

For every pair, inside the body: how far t = 1 is from the backend's own result (where the source has data, and,
as "all", also where the target's body lies beyond the source's field of view), the smallest Jacobian on the way,
how well going to s and on by t agrees with s + t, how well the inverse undoes the path, and how far the lung
surfaces of the source at t and the target at 1 - t are apart, along the path and with a scaled displacement.
Exits with 1 if a bar of the issue is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from real_pairs import LUNG, PAIRS, read_scan, short

from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.morph.body import body_mask
from SyntheticCTLib.morph.flow import transform
from SyntheticCTLib.morph.path import KJI, MorphPath
from SyntheticCTLib.morph.register import Deformation, find_deformation, path_along

POINTS = 200_000
"""Body voxels drawn (seeded) for the point-wise figures."""

BARS = {"end_mean": 0.1, "end_p99": 1.5, "group_mean": 0.1, "inverse_mean": 0.1}
"""Largest allowed values in mm."""

SCALED_ITERATIONS = 40
"""Steps of the inversion of a scaled displacement, which has no closed inverse."""

EDGE_MM = 10.0
"""Lung surface this near the end of a field of view is a cut, not a surface."""


def points_of(mask: sitk.Image, rng: np.random.Generator, most: int = POINTS) -> np.ndarray:
    """Positions of a random sample of a mask's voxels, (3, n) LPS mm."""
    index = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0)
    if len(index) > most:
        index = index[rng.choice(len(index), most, replace=False)]
    return transform(Geometry.of(mask).matrix() @ KJI, index.T.astype(np.float64))


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Point-wise distance in mm of two (3, n)."""
    return np.sqrt(((a - b) ** 2).sum(axis=0))


def lung_surface(labels: sitk.Image, rng: np.random.Generator) -> np.ndarray:
    """Points on the lung surface, (3, n), without those where the field of view ends."""
    lung = sitk.BinaryMorphologicalClosing(labels == LUNG, [3, 3, 1])
    points = points_of(sitk.LabelContour(lung, True), rng, 20_000)
    return points[:, well_inside(Geometry.of(labels), points)]


def well_inside(geometry: Geometry, points: np.ndarray, edge: float = EDGE_MM) -> np.ndarray:
    """Which points lie in a scan and further than `edge` mm from its faces."""
    index = transform(np.linalg.inv(geometry.matrix()), points)
    margin = np.reshape(edge / np.asarray(geometry.spacing), (3, 1))
    return np.all((index > margin) & (index < np.reshape(geometry.size, (3, 1)) - 1 - margin), axis=0)


def surface_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean symmetric distance of two sets of surface points, mm."""
    from scipy.spatial import cKDTree

    return float((cKDTree(b.T).query(a.T)[0].mean() + cKDTree(a.T).query(b.T)[0].mean()) / 2)


def meeting(path: MorphPath, source_labels: sitk.Image, target_labels: sitk.Image, t: float, scaled: bool) -> float:
    """How far the lung surfaces of source at t and target at 1 - t are apart, in the source's pose, mm."""
    rng = np.random.default_rng(2)
    ends = lung_surface(source_labels, rng), lung_surface(target_labels, rng)
    back = path.reversed()
    over = path.push_forward(1, ends[0], "target"), back.push_forward(1, ends[1], "target")
    seen = well_inside(path.target.geometry, over[0]), well_inside(path.source.geometry, over[1])
    ends = ends[0][:, seen[0]], ends[1][:, seen[1]]
    if not scaled:
        return surface_distance(path.push_forward(t, ends[0]), back.push_forward(1 - t, ends[1], "target"))
    one = scaled_push(lambda x: path.pull_back(1, x), ends[0], t)
    posed = transform(path.pose, ends[1])
    other = scaled_push(lambda x: transform(path.pose, back.pull_back(1, x, "target")), posed, 1 - t)
    return surface_distance(one, other)


def scaled_push(pull_back: Callable[[np.ndarray], np.ndarray], points: np.ndarray, t: float) -> np.ndarray:
    """Where `points` show up in an image pulled back by t times a displacement: x with x + t u(x) = point.

    Found by a damped fixed-point iteration; points that have not settled within 0.1 mm (folds) are left out.
    """
    found = points.copy()
    for _ in range(SCALED_ITERATIONS):
        off = points - found - t * (pull_back(found) - found)
        found = found + 0.5 * off
    return found[:, np.sqrt((off**2).sum(axis=0)) < 0.1]


def measure(pair: tuple[str, str], backend: str) -> dict[str, object]:
    """All figures of one pair."""
    (source, source_layer), (target, target_layer) = read_scan(pair[0]), read_scan(pair[1])
    began = time.perf_counter()
    deformation: Deformation = find_deformation(source, target, backend)
    found = time.perf_counter()
    path = path_along(deformation, source, target)
    fitted = time.perf_counter()
    rng = np.random.default_rng(1)
    in_target = points_of(body_mask(target), rng)
    in_source = points_of(body_mask(source), rng)
    found_points = deformation.source_points(in_target)
    shown = well_inside(path.source.geometry, found_points, 0)
    end = distance(path.pull_back(1, in_target, "target"), found_points)
    group = [
        distance(path.pull_back(s, path.pull_back(t, in_source)), path.pull_back(s + t, in_source)).mean()
        for s, t in ((0.3, 0.4), (0.5, 0.5), (0.2, 0.7))
    ]
    undone = [distance(path.push_forward(t, path.pull_back(t, in_source)), in_source).mean() for t in (0.5, 1)]
    body = body_mask(source)
    coarse_body = sitk.GetArrayFromImage(
        sitk.Resample(body, path.velocity, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    )
    jacobians = [
        sitk.GetArrayViewFromImage(path.jacobian(t / 10))[coarse_body > 0].min() for t in range(11)
    ]
    row = {
        "pair": short(pair),
        "backend": backend,
        "deform_s": found - began,
        "fit_s": fitted - found,
        "end_mean": end[shown].mean(),
        "end_p99": np.percentile(end[shown], 99),
        "end_mean_all": end.mean(),
        "end_p99_all": np.percentile(end, 99),
        "group_mean": max(group),
        "inverse_mean": max(undone),
        "min_jacobian": min(jacobians),
    }
    if (sitk.GetArrayViewFromImage(source_layer.image) == LUNG).sum() > 10_000:
        for t in (0.25, 0.5, 0.75):
            for scaled in (False, True):
                name = f"{'scaled' if scaled else 'meet'}_{t:.2f}"
                row[name] = meeting(path, source_layer.image, target_layer.image, t, scaled)
    return {key: round(float(v), 4) if not isinstance(v, str) else v for key, v in row.items()}


def misses(row: dict[str, object]) -> list[str]:
    """The bars a row misses."""
    missed = [name for name, most in BARS.items() if row[name] > most]
    return missed + (["min_jacobian"] if row["min_jacobian"] <= 0 else [])


def main() -> int:
    """Run, print a table, write `proof/path.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", nargs="+", default=["ants", "simpleitk"])
    parser.add_argument("--pairs", nargs="+", type=int, default=list(range(len(PAIRS))), metavar="N")
    parser.add_argument("-o", "--output", type=Path, default=Path("proof/path.json"))
    arguments = parser.parse_args()
    rows, failed = [], False
    for backend in arguments.backend:
        for number in arguments.pairs:
            row = measure(PAIRS[number], backend)
            rows.append(row)
            missed = misses(row)
            failed |= bool(missed)
            figures = "  ".join(f"{k} {v:.3f}" for k, v in row.items() if not isinstance(v, str))
            print(f"{row['pair']:26s} {backend:9s} {figures}  {'MISSES ' + ', '.join(missed) if missed else 'ok'}", flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
