"""The invertible window between Hounsfield units and the numbers a network sees; one per model, in its card."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..images.hu import AIR_HU, MAX_HU


@dataclass(frozen=True)
class HUWindow:
    """Maps `low`..`high` HU linearly to -1..1.

    Values outside are clipped on the way in, so a network never sees them; a voxel outside a lesion mask never makes
    the way at all, so nothing is lost there. Raises InputError if the limits are no window of CT values.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not AIR_HU <= self.low < self.high <= MAX_HU:
            raise InputError(
                f"The window runs from {self.low:g} to {self.high:g} HU; expected is {AIR_HU} <= low < high "
                f"<= {MAX_HU}."
            )

    @property
    def width(self) -> float:
        """HU from end to end."""
        return self.high - self.low

    def encode(self, hu: np.ndarray) -> np.ndarray:
        """HU, of any shape, as float32 from -1 to 1."""
        scaled = (np.asarray(hu, dtype=np.float32) - np.float32(self.low)) * np.float32(2 / self.width) - 1
        return np.clip(scaled, -1, 1)

    def decode(self, values: np.ndarray) -> np.ndarray:
        """What `encode` made, back in HU (float32)."""
        return (np.asarray(values, dtype=np.float32) + 1) * np.float32(self.width / 2) + np.float32(self.low)
