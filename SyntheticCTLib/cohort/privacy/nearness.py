"""How far one scan is from another: one number from 0 to 1, the correlation distance of two bodies.

The distance is 1 minus the normalized cross-correlation (Pearson's r; a negative one counts as 0) of the HU of both
scans in blocks of about 4 mm, over points about 8 mm apart that lie in the body of either and in both fields of view.
It is computed in three steps: every scan becomes block means (noise and kernel no longer count); the surroundings of
the body become air and HU above 400 become 400 (table, contrast agent and metal do not count); the original is then
laid on the output, and the two are correlated.

What it means: 0 is the same body in the same pose, whatever the noise, the kernel and the brightness; 1 says that
knowing one scan does not help to guess the other. Between two phantom patients it was 0.35 to 0.78 (median 0.55) for
chests and 0.45 to 0.77 (0.62) for abdomens, six patients each (30 pairs). A copy that lies turned or between the
voxels of the other comes out at up to about 0.04, as it has to be interpolated; one on the same grid at 0.
What it does not mean: it is no probability of being recognized. It sees nothing finer than 4 mm, so an output far
from its source may still carry the source's fine texture; it undoes no deformation, so an output that can be bent
back onto its source counts as far as it was bent. And it depends on the region and on the voxels, so look at the
distances of your own cases before choosing a limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ...images.geometry import Geometry
from ...images.hu import AIR_HU

SPACING_MM = 4.0
"""Scans are compared on block means of about this size."""

LATTICE = 2
"""Every so many blocks along each axis are compared; more would not change the second digit, and take longer."""

BRIGHTEST_HU = 400
"""HU above which everything counts as bone, as in the registration: one stent must not outweigh anatomy."""

FEWEST_SHARED = 0.25
"""Share of the smaller body that must lie in both fields of view; with less there is nothing to compare."""

FAR = 1.0
"""The largest distance, also of scans that share no part of the body."""

_UNSEEN = 2
"""Marks, in a body mask brought onto another grid, what lies outside its field of view."""


@dataclass(frozen=True, eq=False)
class CoarseScan:
    """What is compared of a CT; small enough to keep hundreds of them (a torso takes about 5 MB).

    hu: int16 block means in its own space, -1024..400, air outside the body. body: uint8 mask on its grid.
    low, high: lowest and highest LPS coordinate of the body in mm, (3,) each; None if there is no body.
    """

    hu: sitk.Image
    body: sitk.Image
    low: np.ndarray | None
    high: np.ndarray | None


def coarse(image: sitk.Image) -> CoarseScan:
    """Make a CT (int16 HU) ready for `distance`."""
    from ...morph.body import body_mask, shrunk

    small = shrunk(image, SPACING_MM)
    body = body_mask(small)
    hu = sitk.Clamp(small, sitk.sitkInt16, AIR_HU, BRIGHTEST_HU)
    low, high = _extent(body)
    return CoarseScan(sitk.Mask(hu, body, AIR_HU), body, low, high)


def distance(output: CoarseScan, original: CoarseScan, to_original: np.ndarray | None = None) -> float:
    """How far `output` is from `original`, 0 to 1 (see the top of this file).

    to_original: rigid (4, 4) LPS matrix that takes a point of the output's space to the original's, where that is
        known: the identity for a morph and its source in the source's pose, the pose of a `MorphPath` else. None: the
        bodies are laid middle on middle, and along the body also top on top and bottom on bottom (fields of view
        differ); the smallest distance counts. Without a known pose nothing is turned, and the number is an upper bound.
    """
    if output.low is None or original.low is None:
        return FAR
    matrices = _placements(output, original) if to_original is None else [np.asarray(to_original, float)]
    return min(_distance_as_placed(output, original, matrix) for matrix in matrices)


def nearest(
    output: CoarseScan, originals: Sequence[CoarseScan], to_originals: Sequence[np.ndarray | None] | None = None
) -> tuple[int, float]:
    """Position and distance of the original nearest to `output`; (-1, 1.0) if there are none.

    to_originals: one entry per original, as in `distance`.
    """
    poses = to_originals if to_originals is not None else [None] * len(originals)
    found = [distance(output, original, pose) for original, pose in zip(originals, poses, strict=True)]
    if not found:
        return -1, FAR
    position = int(np.argmin(found))
    return position, found[position]


def _distance_as_placed(output: CoarseScan, original: CoarseScan, to_original: np.ndarray) -> float:
    from ...morph.measures.similarity import correlation

    transform = sitk.AffineTransform(3)
    transform.SetMatrix(to_original[:3, :3].ravel().tolist())
    transform.SetTranslation(to_original[:3, 3].tolist())
    own_hu, own_body = (image[::LATTICE, ::LATTICE, ::LATTICE] for image in (output.hu, output.body))
    body = sitk.Resample(original.body, own_hu, transform, sitk.sitkNearestNeighbor, _UNSEEN, sitk.sitkUInt8)
    own, other = sitk.GetArrayViewFromImage(own_body) == 1, sitk.GetArrayViewFromImage(body)
    seen = other != _UNSEEN
    shared = min(np.count_nonzero(own & seen), np.count_nonzero(other == 1)) * np.prod(own_hu.GetSpacing())
    if shared < FEWEST_SHARED * min(_volume(output.body), _volume(original.body)):
        return FAR
    hu = sitk.Resample(original.hu, own_hu, transform, sitk.sitkLinear, float(AIR_HU), sitk.sitkFloat32)
    where = seen & (own | (other == 1))
    similarity = correlation(*(sitk.GetArrayViewFromImage(image)[where] for image in (own_hu, hu)))
    return FAR if similarity is None else min(max(1.0 - similarity, 0.0), FAR)


def _volume(mask: sitk.Image) -> float:
    """Volume in mm^3 of the points that `distance` looks at: every `LATTICE`-th."""
    looked_at = mask[::LATTICE, ::LATTICE, ::LATTICE]
    return float(np.count_nonzero(sitk.GetArrayViewFromImage(looked_at)) * np.prod(looked_at.GetSpacing()))


def _placements(output: CoarseScan, original: CoarseScan) -> list[np.ndarray]:
    """Matrices that lay the bodies on each other: middle on middle, and by the ends along the body (z)."""
    middle = (original.low + original.high - output.low - output.high) / 2
    heights = {float(middle[2])}
    for ends in (original.low[2] - output.low[2], original.high[2] - output.high[2]):
        if abs(ends - middle[2]) >= SPACING_MM / 2:  # else the same placement once more
            heights.add(float(ends))
    matrices = []
    for height in sorted(heights):
        matrix = np.eye(4)
        matrix[:3, 3] = (middle[0], middle[1], height)
        matrices.append(matrix)
    return matrices


def _extent(mask: sitk.Image) -> tuple[np.ndarray | None, np.ndarray | None]:
    index = np.argwhere(sitk.GetArrayViewFromImage(mask))
    if not len(index):
        return None, None
    matrix = Geometry.of(mask).matrix()
    points = index[:, ::-1] @ matrix[:3, :3].T + matrix[:3, 3]
    return points.min(axis=0), points.max(axis=0)
