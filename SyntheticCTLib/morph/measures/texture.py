"""Whether the result still looks like a scan: edges that were smeared, noise that was lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from .comparison import Comparison, directions, index, physical, sample

#: Weaker gradients (HU/mm) are texture, not edges; a vessel in the lung has several hundred.
EDGE_HU_PER_MM = 25.0

#: An edge stands out of the noise by at least this factor.
EDGE_OVER_NOISE = 4.0

#: Side of the blocks the body is cut into to look for smear, mm: about the size of a lung segment.
BLOCK_MM = 40.0

#: Fewer edge points than this say nothing about a region.
MIN_EDGE_POINTS = 60

#: HU window of soft tissue in which noise is looked for.
SOFT_TISSUE_HU = (0.0, 150.0)

#: The flattest part of the soft tissue, as a share of it, counts as homogeneous. A rank, not a gradient in
#: HU/mm, so that a noisy and a smooth scan are judged on the same share of their tissue.
FLATTEST_SHARE = 0.33

#: Residual = image minus its Gaussian mean of this many voxels; it holds the noise and few edges.
HIGH_PASS_VOXELS = 1.5

#: Slices looked at, evenly over the volume.
NOISE_SLICES = 16

#: Fewer voxels of homogeneous tissue than this give no noise level.
MIN_NOISE_VOXELS = 500

#: Standard deviation over median absolute deviation of a normal distribution.
MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class Smear:
    """Edges of the result against those of the source at the same tissue.

    `kept`: gradient of the result over gradient of the source, per block of BLOCK_MM that has edges (1 = as
    sharp, 0.5 = half as steep; stretching the tissue lowers it, squeezing raises it);
    `sharpness`: gradient of the result over the gradient the path foretells, over the whole body: stretch is
    accounted for, so what is missing is blur. `kept_by_label`: as `kept`, keyed (layer index, value).
    """

    kept: np.ndarray
    sharpness: float | None
    kept_by_label: dict[tuple[int, int], float]


def smear(c: Comparison, layers=(), noise_hu: float = 0.0) -> Smear:
    """Compare edges point by point.

    At points x of the body, the magnitude of central differences (one voxel, of the coarser of the two grids,
    to each side) of the result at x, of the source at the tissue's old place y = x + field(x), and of the
    source at the places the path pulls the two neighbors of x from (what an ideal resampling would give).
    Points count where the source has an edge (EDGE_HU_PER_MM, and above the noise of `noise_hu`).
    A region's value is the sum of the one over the sum of the other. `layers`: label layers of the result.
    """
    nodes = c.nodes
    axes = directions(c.source)
    steps = _steps(c.source, c.result)
    points = _voxel_centers(c.result, physical(c.small, nodes))
    shift = points - physical(c.small, nodes)
    pulled = (
        points + c.field[tuple(nodes.T)] + np.einsum("nij,nj->ni", c.gradient_of_map - np.eye(3), shift)
    )
    before = np.zeros(len(nodes))
    after = np.zeros(len(nodes))
    foretold = np.zeros(len(nodes))
    for axis in range(3):
        offset = axes[:, axis] * steps[axis]
        carried = c.gradient_of_map @ offset
        before += _slope(c.source, pulled, offset, steps[axis])
        after += _slope(c.result, points, offset, steps[axis])
        foretold += _slope(c.source, pulled, carried, steps[axis])
    before, after, foretold = np.sqrt(before), np.sqrt(after), np.sqrt(foretold)
    edge = before >= max(EDGE_HU_PER_MM, EDGE_OVER_NOISE * noise_hu / (np.sqrt(2) * min(steps)))
    kept = _regional(_blocks(c, nodes), edge, after, before)
    by_label = {}
    for number, layer in enumerate(layers):
        values = sitk.GetArrayViewFromImage(layer.image)
        where = np.rint(index(layer.image, points)).astype(int)
        where = np.clip(where, 0, np.array(values.shape) - 1)
        for value, ratio in _regional(values[tuple(where.T)], edge, after, before).items():
            if value:
                by_label[(number, int(value))] = ratio
    enough = np.count_nonzero(edge) >= MIN_EDGE_POINTS
    sharpness = float(after[edge].sum() / foretold[edge].sum()) if enough else None
    return Smear(np.array(sorted(kept.values())), sharpness, by_label)


def noise(source: sitk.Image, result: sitk.Image) -> tuple[float | None, float | None]:
    """Noise level (standard deviation, HU) of source and result in their homogeneous soft tissue.

    Residual of each slice after taking away a Gaussian mean, in the flattest third of the soft tissue; the
    median absolute deviation makes it robust against vessels. None where there is too little such tissue.
    The same Gaussian in mm is used for both, so grids of different spacing can be compared.
    """
    sigma = HIGH_PASS_VOXELS * max(max(_in_plane(source)), max(_in_plane(result)))
    return _noise_of(source, sigma), _noise_of(result, sigma)


def _steps(a: sitk.Image, b: sitk.Image) -> np.ndarray:
    """Per index axis of `a`: the spacing of `a` or of `b` there, whichever is coarser, mm."""
    along = np.abs(directions(a).T @ directions(b)) @ np.array(b.GetSpacing())
    return np.maximum(np.array(a.GetSpacing()), np.minimum(along, max(b.GetSpacing())))


def _slope(image: sitk.Image, points: np.ndarray, offset: np.ndarray, step: float) -> np.ndarray:
    """Square of the central difference along `offset` (one for all points, or one each), (HU/mm)^2."""
    return ((sample(image, points + offset) - sample(image, points - offset)) / (2 * step)) ** 2


def _voxel_centers(image: sitk.Image, points: np.ndarray) -> np.ndarray:
    """The voxel centers next to the points: no interpolation is needed there that could blur the measure."""
    return physical(image, np.floor(index(image, points) + 0.5))


def _blocks(c: Comparison, nodes: np.ndarray) -> np.ndarray:
    """Number of the block each node lies in."""
    spacing = np.array(c.small.GetSpacing()[::-1])
    block = (nodes * spacing // BLOCK_MM).astype(np.int64)
    return np.ravel_multi_index(block.T, block.max(axis=0) + 1) if len(block) else np.zeros(0, np.int64)


def _regional(
    region: np.ndarray, edge: np.ndarray, after: np.ndarray, before: np.ndarray
) -> dict[int, float]:
    """Sum of `after` over sum of `before` per region number, where there are edges enough."""
    numbers, place = np.unique(region[edge], return_inverse=True)
    count = np.bincount(place, minlength=len(numbers))
    top = np.bincount(place, after[edge], len(numbers))
    bottom = np.bincount(place, before[edge], len(numbers))
    return {int(n): float(top[i] / bottom[i]) for i, n in enumerate(numbers) if count[i] >= MIN_EDGE_POINTS}


def _slice_axis(image: sitk.Image) -> int:
    """Numpy axis across the acquired slices: the coarsest one, the last index axis when all are alike."""
    spacing = image.GetSpacing()[::-1]
    return int(np.argmax(np.round(spacing, 4)))


def _in_plane(image: sitk.Image) -> list[float]:
    spacing = list(image.GetSpacing()[::-1])
    del spacing[_slice_axis(image)]
    return spacing


def _noise_of(image: sitk.Image, sigma_mm: float) -> float | None:
    from scipy import ndimage

    values = sitk.GetArrayViewFromImage(image)
    axis = _slice_axis(image)
    sigma = [sigma_mm / s for s in _in_plane(image)]
    count = values.shape[axis]
    residuals, gradients = [], []
    for number in np.unique(np.linspace(0, count - 1, NOISE_SLICES + 2)[1:-1].round().astype(int)):
        plane = values.take(number, axis=axis).astype(np.float32)
        if min(plane.shape) < 2:
            return None
        smooth = ndimage.gaussian_filter(plane, sigma, mode="nearest")
        soft = (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
        across, along = np.gradient(smooth)
        gradients.append(np.hypot(across[soft], along[soft]))
        residuals.append((plane - smooth)[soft])
    gradient, residual = np.concatenate(gradients), np.concatenate(residuals)
    flat = residual[gradient <= np.quantile(gradient, FLATTEST_SHARE)] if len(gradient) else residual
    if len(flat) < MIN_NOISE_VOXELS:
        return None
    return float(MAD_TO_SIGMA * np.median(np.abs(flat - np.median(flat))))
