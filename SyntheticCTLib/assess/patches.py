"""Patches of grey levels centred on lesions: what classifier and segmenter look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError

PATCH = 64
"""Side of a patch in pixels; 19 of 20 nodules are less than 36 wide."""


@dataclass(frozen=True, eq=False)
class PatchPairs:
    """The same lesions twice, real and painted, quantised alike.

    real, painted: (N, P, P) uint8. mask: (N, P, P) bool. patients: (N,) str. P is a multiple of 8. Raises InputError
    if the shapes do not fit.
    """

    real: np.ndarray
    painted: np.ndarray
    mask: np.ndarray
    patients: np.ndarray

    def __post_init__(self) -> None:
        shapes = {self.real.shape, self.painted.shape, self.mask.shape}
        if len(shapes) != 1 or self.real.ndim != 3 or len(self.patients) != len(self.real):
            raise InputError(
                f"The patches have shapes {self.real.shape} (real), {self.painted.shape} (painted), {self.mask.shape} "
                f"(mask) and {len(self.patients)} patients; expected are three times (N, P, P) and N patients."
            )
        if self.real.shape[1] != self.real.shape[2] or self.real.shape[1] % 8:
            raise InputError(f"The patches are {self.real.shape[1:]}; expected are squares, a multiple of 8 wide.")

    def __len__(self) -> int:
        return len(self.real)


def cut(plane: np.ndarray, center: Sequence[float], size: int = PATCH) -> np.ndarray:
    """The (size, size) part of a plane (J, I) round a center, its edge values repeated where it ends."""
    starts = [int(round(at)) - size // 2 for at in center]
    rows, columns = (
        np.clip(np.arange(start, start + size), 0, n - 1) for start, n in zip(starts, plane.shape, strict=True)
    )
    return plane[np.ix_(rows, columns)]


def cut_mask(plane: np.ndarray, center: Sequence[float], size: int = PATCH) -> np.ndarray:
    """As `cut`, for a mask: outside the plane there is no lesion."""
    return cut(np.pad(plane, 1), [at + 1 for at in center], size)


def center_of(mask: np.ndarray) -> tuple[float, float]:
    """Middle of the box of a lesion in a plane (J, I), so that the whole lesion lies in the patch."""
    rows, columns = np.nonzero(mask)
    return (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
