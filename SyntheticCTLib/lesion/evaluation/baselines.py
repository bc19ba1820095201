"""Painters that need no network: what a trained one has to beat.

Each is called as `Painter.paint` is: `painter(hu, mask, seed=None) -> hu` with hu (K, J, I) float32 and mask (K, J, I)
bool, one lesion; outside the mask the result is the input, and what the input holds inside the mask is not looked at
(but for TrueMean, which says so). seed None: the most likely lesion; an int: a random plausible one. All work slice by
slice, since the distance of slices is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...assess.radiomics import high_pass
from ...assess.regions import ring
from ...errors import InputError

Paint = Callable[[np.ndarray, np.ndarray, int | None], np.ndarray]
"""(hu, mask, seed) -> hu."""

_CORE_PIXELS = 16
"""Smaller cores say nothing about the spread."""

_MARGIN = 12
"""Pixels round a lesion that a fill is computed in; beyond them nothing changes it."""


@dataclass(frozen=True)
class LesionLevels:
    """What training lesions told: the mean of each lesion, and the spread inside a typical one's core, both HU.

    The core is the lesion without its border pixels, which air next to them darkens.
    """

    means: tuple[float, ...]
    spread: float

    @property
    def mean(self) -> float:
        """Mean of the lesions' means, HU."""
        return float(np.mean(self.means))

    def draw(self, rng: np.random.Generator | None) -> float:
        """The mean of one training lesion at random; without a generator the mean of all."""
        return self.mean if rng is None else float(rng.choice(self.means))


def lesion_levels(lesions: Sequence[tuple[np.ndarray, np.ndarray]]) -> LesionLevels:
    """The levels of training lesions, given as (hu, mask) of the same shape. Raises InputError if there are none."""
    from scipy.ndimage import binary_erosion

    marked = [(np.asarray(hu), mask) for hu, mask in lesions if mask.any()]
    if not marked:
        raise InputError("There is no lesion to learn levels from; expected is at least one with a non-empty mask.")
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)
    cores = [hu[binary_erosion(mask, cross if mask.ndim == 2 else cross[None])] for hu, mask in marked]
    spreads = [core.std() for core in cores if core.size >= _CORE_PIXELS] or [hu[mask].std() for hu, mask in marked]
    return LesionLevels(tuple(float(hu[mask].mean()) for hu, mask in marked), float(np.median(spreads)))


def surrounding_noise(hu: np.ndarray, mask: np.ndarray) -> float:
    """Standard deviation (HU) of the noise round a lesion.

    From the median absolute deviation of what a Gaussian mean leaves, so vessels and edges do not count; corrected for
    the part of white noise that the mean takes with it.
    """
    around = ring(mask)
    if not around.any():
        return 0.0
    rest = high_pass(hu, around)[around]
    return float(1.4826 * np.median(np.abs(rest - np.median(rest))) / 0.86)


@dataclass(frozen=True)
class ConstantPlusNoise:
    """One level in the whole lesion, and white noise as strong as that of the surroundings."""

    levels: LesionLevels
    name: str = "constant plus noise"

    def __call__(self, hu: np.ndarray, mask: np.ndarray, seed: int | None = None) -> np.ndarray:
        rng = np.random.default_rng(0 if seed is None else seed)
        level = self.levels.draw(None if seed is None else rng)
        noise = rng.normal(0, surrounding_noise(hu, mask), mask.shape)
        return _pasted(hu, mask, level + noise)


@dataclass(frozen=True)
class LaplaceFill:
    """The harmonic surface over the rim: as smooth as can be, and without a lesion."""

    name: str = "Laplace"

    def __call__(self, hu: np.ndarray, mask: np.ndarray, seed: int | None = None) -> np.ndarray:
        return _filled(hu, mask, _harmonic)


@dataclass(frozen=True)
class BiharmonicFill:
    """The biharmonic surface over the rim (Damelin and Hoang 2018); scikit-image keeps it to the values around."""

    name: str = "biharmonic"

    def __call__(self, hu: np.ndarray, mask: np.ndarray, seed: int | None = None) -> np.ndarray:
        from skimage.restoration import inpaint_biharmonic

        return _filled(hu, mask, inpaint_biharmonic)


@dataclass(frozen=True)
class HandCraftedTexture:
    """A tumour by formula, after Hu et al. 2023 ("Label-Free Liver Tumor Segmentation", SyntheticTumors).

    Of the paper: Gaussian noise on a coarse grid, scaled up with cubic interpolation and blurred, round a mean level;
    the mask blurred so that the edge is soft; lesion and organ blended by it. For the lung: the mean is that of a
    training lesion (the paper lowers the liver's by 65 to 145 HU, a nodule is brighter than lung by hundreds), the
    spread that of training lesions (the paper takes the liver cells'), and white noise as in the surroundings is added
    (blurred noise alone has none of the scanner's). Left out: elastic shapes (the mask is given), mass effect and
    capsule (they change the outside, which must not change). The blurred mask acts inside the mask only, over a local
    background that is the harmonic surface: what was there before is not to be looked at.
    """

    levels: LesionLevels
    coarseness: float = 2.0
    texture_blur: float = 0.8
    edge_blur: float = 1.0
    name: str = "texture formula"

    def __call__(self, hu: np.ndarray, mask: np.ndarray, seed: int | None = None) -> np.ndarray:
        from scipy.ndimage import gaussian_filter

        rng = np.random.default_rng(0 if seed is None else seed)
        level = self.levels.draw(None if seed is None else rng)
        edge = (0, self.edge_blur, self.edge_blur)
        # 1 deep inside; where the blurred mask falls to one half, at the border, the background shines through.
        share = np.where(mask, gaussian_filter(mask.astype(np.float32), edge, mode="nearest"), 0)
        lesion = level + self._texture(mask.shape, rng)
        background = LaplaceFill()(hu, mask)
        noise = rng.normal(0, surrounding_noise(hu, mask), mask.shape)
        return _pasted(hu, mask, background + share * (lesion - background) + noise)

    def _texture(self, shape: Sequence[int], rng: np.random.Generator) -> np.ndarray:
        """Blobs of about `coarseness` pixels with the spread of training lesions."""
        from scipy.ndimage import gaussian_filter, zoom

        coarse = rng.normal(0, 1, (shape[0], *(int(np.ceil(n / self.coarseness)) + 1 for n in shape[1:])))
        fine = zoom(coarse, (1, self.coarseness, self.coarseness), order=3)[:, : shape[1], : shape[2]]
        blurred = gaussian_filter(fine, (0, self.texture_blur, self.texture_blur), mode="nearest")
        return blurred * (self.levels.spread / max(float(blurred.std()), 1e-6))


@dataclass(frozen=True)
class TrueMean:
    """Outside copied, inside the mean of the very lesion that was there: no painter can know it.

    It shows what pixel errors reward. `needs_truth`: give it the scan with the lesion in it.
    """

    name: str = "outside copied, inside the true mean"
    needs_truth: bool = True

    def __call__(self, hu: np.ndarray, mask: np.ndarray, seed: int | None = None) -> np.ndarray:
        return _pasted(hu, mask, np.full(hu.shape, hu[mask].mean()))


def baselines(levels: LesionLevels) -> list[Paint]:
    """All of them, the weakest first."""
    return [LaplaceFill(), BiharmonicFill(), ConstantPlusNoise(levels), HandCraftedTexture(levels), TrueMean()]


def _pasted(hu: np.ndarray, mask: np.ndarray, painted: np.ndarray) -> np.ndarray:
    return np.where(mask, painted, hu).astype(np.float32)


def _filled(hu: np.ndarray, mask: np.ndarray, fill: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Every slice's lesion filled from its rim by `fill(plane, mask) -> plane`."""
    result = np.array(hu, dtype=np.float32)
    for k in np.flatnonzero(mask.any(axis=(1, 2))):
        rows, columns = (np.flatnonzero(mask[k].any(axis=axis)) for axis in (1, 0))
        part = (
            k,
            slice(max(rows[0] - _MARGIN, 0), rows[-1] + 1 + _MARGIN),
            slice(max(columns[0] - _MARGIN, 0), columns[-1] + 1 + _MARGIN),
        )
        inside = mask[part]
        if inside.all():
            raise InputError(f"The lesion fills slice {k} wholly, so no rim is left to fill it from; take more around.")
        known = np.where(inside, 0, result[part])
        result[part][inside] = fill(known, inside)[inside]
    return result


def _harmonic(plane: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The plane with the mask filled so that every pixel there is the mean of its neighbors in the plane."""
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import spsolve

    number = np.full(mask.shape, -1)
    number[mask] = np.arange(np.count_nonzero(mask))
    count, known = np.zeros(mask.shape), np.zeros(mask.shape)
    rows, columns = [], []
    for here, there in _neighbors(mask.shape):
        count[here] += 1
        known[here] += np.where(mask[there], 0, plane[there])
        both = mask[here] & mask[there]
        rows.append(number[here][both])
        columns.append(number[there][both])
    n = np.count_nonzero(mask)
    at = (np.concatenate([*rows, np.arange(n)]), np.concatenate([*columns, np.arange(n)]))
    entries = np.concatenate([np.full(len(at[0]) - n, -1.0), count[mask]])
    filled = plane.astype(float)
    filled[mask] = spsolve(coo_array((entries, at), shape=(n, n)).tocsc(), known[mask])
    return filled


def _neighbors(shape: tuple[int, int]):
    """Pairs of views: every pixel that has a neighbor on one side, and those neighbors."""
    whole, but_last, but_first = slice(None), slice(None, -1), slice(1, None)
    yield (but_first, whole), (but_last, whole)
    yield (but_last, whole), (but_first, whole)
    yield (whole, but_first), (whole, but_last)
    yield (whole, but_last), (whole, but_first)
