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

from path_figures import figures, points_of, well_inside
from real_pairs import LUNG, PAIRS, read_scan, short

from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.morph.flow import transform
from SyntheticCTLib.morph.path import MorphPath
from SyntheticCTLib.morph.register import Deformation, find_deformation, path_along

BARS = {"end_mean": 0.1, "end_p99": 1.5, "group_mean": 0.1, "inverse_mean": 0.1}
"""Largest allowed values in mm."""

SCALED_ITERATIONS = 40
"""Steps of the inversion of a scaled displacement, which has no closed inverse."""

EDGE_MM = 10.0
"""Lung surface this near the end of a field of view is a cut, not a surface."""


def lung_surface(labels: sitk.Image, rng: np.random.Generator) -> np.ndarray:
    """Points on the lung surface, (3, n), without those where the field of view ends."""
    lung = sitk.BinaryMorphologicalClosing(labels == LUNG, [3, 3, 1])
    points = points_of(sitk.LabelContour(lung, True), rng, 20_000)
    return points[:, well_inside(Geometry.of(labels), points, EDGE_MM)]


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
    seen = (
        well_inside(path.target.geometry, over[0], EDGE_MM),
        well_inside(path.source.geometry, over[1], EDGE_MM),
    )
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
    row = {
        "pair": short(pair),
        "backend": backend,
        "deform_s": found - began,
        "fit_s": fitted - found,
        **figures(path, deformation, source, target),
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
            cells = "  ".join(f"{k} {v:.3f}" for k, v in row.items() if not isinstance(v, str))
            judged = f"MISSES {', '.join(missed)}" if missed else "ok"
            print(f"{row['pair']:26s} {backend:9s} {cells}  {judged}", flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
