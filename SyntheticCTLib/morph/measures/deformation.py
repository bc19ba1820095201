"""How the body was deformed: folds, local volume, stretch, and what the scan did not hold."""

from __future__ import annotations

import numpy as np

from .comparison import Comparison


def deformation(c: Comparison) -> dict[str, tuple[float | None, str]]:
    """Measures of the deformation inside the body the path foretells, as name -> (value, unit).

    folds.voxels, folds.percent: voxels of the work grid whose Jacobian is not above zero.
    jacobian.*: source volume per volume of the result; below 1 the tissue was stretched there.
    stretch.p99, stretch.max: mm of the result that one mm of the source is drawn out over, in the direction
        that is drawn out most (the inverse of the smallest singular value of the derivative).
    displacement.mean, displacement.p99: how far tissue went, the pose not counted.
    outside.percent: part of the foretold body that lay outside the source's field of view and is air.
    body.agreement: Dice of the body seen in the result with the foretold body, outside.percent left out.
    """
    inside = c.jacobian[c.expected_body]
    if not inside.size:
        return {name: (None, unit) for name, unit in _UNITS.items()}
    folded = int(np.count_nonzero(inside <= 0))
    low, high = np.percentile(inside, [1, 99])
    smallest = np.sqrt(np.maximum(np.linalg.eigvalsh(_gram(c.gradient_of_map))[:, 0], 1e-6))
    moved = np.linalg.norm((c.field - c.rest)[c.expected_body], axis=1)
    seen, foretold = c.seen_body & ~c.outside, c.expected_body & ~c.outside
    total = np.count_nonzero(seen) + np.count_nonzero(foretold)
    values = {
        "folds.voxels": folded,
        "folds.percent": 100.0 * folded / inside.size,
        "jacobian.min": inside.min(),
        "jacobian.p01": low,
        "jacobian.p99": high,
        "jacobian.max": inside.max(),
        "stretch.p99": np.percentile(1 / smallest, 99) if smallest.size else None,
        "stretch.max": (1 / smallest).max() if smallest.size else None,
        "displacement.mean": moved.mean(),
        "displacement.p99": np.percentile(moved, 99),
        "outside.percent": 100.0 * np.count_nonzero(c.outside & c.expected_body) / inside.size,
        "body.agreement": 2.0 * np.count_nonzero(seen & foretold) / total if total else None,
    }
    return {name: (values[name], unit) for name, unit in _UNITS.items()}


_UNITS = {
    "folds.voxels": "voxels of about 3 mm",
    "folds.percent": "% of the body",
    "jacobian.min": "source volume per output volume",
    "jacobian.p01": "source volume per output volume",
    "jacobian.p99": "source volume per output volume",
    "jacobian.max": "source volume per output volume",
    "stretch.p99": "output mm per source mm",
    "stretch.max": "output mm per source mm",
    "displacement.mean": "mm",
    "displacement.p99": "mm",
    "outside.percent": "% of the body",
    "body.agreement": "Dice",
}


def _gram(matrices: np.ndarray) -> np.ndarray:
    return np.swapaxes(matrices, 1, 2) @ matrices
