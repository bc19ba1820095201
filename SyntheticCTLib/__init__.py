"""SyntheticCT: CT scans of bodies that do not exist.

Example:
    >>> from SyntheticCTLib import morph_ct, read_ct, register
    >>> source, target = read_ct("a.nii.gz").image, read_ct("b.nii.gz").image
    >>> path = register(source, target)
    >>> halfway = morph_ct(source, path, 0.5).image
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Loaded when first asked for (PEP 562): Slicer imports the package at its start, which must cost nothing.
_PUBLIC = {
    "inpaint": ("lesion.painting.inpaint", "inpaint"),
    "MorphPath": ("morph.path", "MorphPath"),
    "make_phantom": ("images.phantoms", "make_phantom"),
    "morph_ct": ("morph.warping", "morph"),  # as `morph` it would hide the room
    "read_ct": ("images.reading", "read_ct"),
    "read_layers": ("images.labels", "read_layers"),
    "register": ("morph.register", "register"),
    "write_image": ("images.writing", "write_image"),
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
