"""Registration backends: each finds the deformation between two prepared scans, one file each."""

from __future__ import annotations

from typing import Protocol

import SimpleITK as sitk

from ...errors import InputError
from ..prepare import Prepared

NAMES = ("ants", "simpleitk")
"""In order of preference."""


class Backend(Protocol):
    """What the rest of the morph room needs of a registration engine."""

    name: str

    def available(self) -> bool:
        """Whether the engine can be imported here."""

    def versions(self) -> dict[str, str]:
        """Names and versions of what did the work, for the provenance."""

    def parameters(self) -> dict[str, object]:
        """Its settings, for the provenance; JSON-safe."""

    def deform(
        self, fixed: Prepared, moving: Prepared, start: sitk.AffineTransform, seed: int, repeatable: bool
    ) -> sitk.Image:
        """The deformation u on the fixed grid (VectorFloat64, mm): fixed y shows moving ``start(y + u(y))``."""


def get_backend(name: str | None) -> Backend:
    """The backend called `name`, or the first that is available here. Raises InputError if it cannot be had."""
    from .ants import AntsBackend
    from .simpleitk import SimpleITKBackend

    engines: dict[str, Backend] = {"ants": AntsBackend(), "simpleitk": SimpleITKBackend()}
    if name is None:
        return next(engines[known] for known in NAMES if engines[known].available())
    if name not in engines:
        raise InputError(f"The backend is {name!r}; expected one of {', '.join(NAMES)}.")
    if not engines[name].available():
        raise InputError(
            "The backend ants needs the package antspyx, which is not installed here; install it with "
            "`pip install 'syntheticct[ants]'` or choose the backend simpleitk."
        )
    return engines[name]
