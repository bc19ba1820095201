"""A painter that needs no network, for the tests of painting: lesions of one density with a soft border and grain."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import ndimage


def card(**more: Any) -> dict[str, Any]:
    """A model card with what the library reads of it."""
    return {
        "name": "smooth",
        "region": "lung",
        "lesion": "nodule",
        "units": "hu",
        "window": [-1000, 400],
        "spacing": {"in_plane_mm": [0.5, 0.95], "slice_mm": [0.5, 5.0]},
        "sha256": "0" * 64,
        **more,
    }


@dataclass
class SmoothPainter:
    """Paints `level` HU with `grain` HU of white noise; remembers what it was given."""

    level: float = 40.0
    grain: float = 0.0
    fields: dict[str, Any] = field(default_factory=dict)
    seen: list[dict[str, Any]] = field(default_factory=list)

    @property
    def model(self) -> SimpleNamespace:
        return SimpleNamespace(card=card(**self.fields))

    def paint(self, hu, mask, seed=None, *, chain=True):
        assert hu.dtype == np.float32 and mask.dtype == bool and hu.shape == mask.shape and mask.any()
        self.seen.append({"hu": hu, "mask": mask, "seed": seed, "chain": chain})
        weight = np.clip(ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1, 1:-1] / 2, 0, 1)
        grain = self.grain * np.random.default_rng(seed or 0).standard_normal(hu.shape)
        shift = 0 if seed is None else seed % 40
        return np.where(mask, hu + weight * (self.level + shift + grain - hu), hu).astype(np.float32)
