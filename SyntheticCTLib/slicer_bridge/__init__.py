"""MRML nodes on one side, images and jobs on the other: `slicer` and `vtk`, no Qt.

World coordinates are RAS millimeters in MRML and LPS in the rest of the library; only this room knows both.

Example:
    >>> from SyntheticCTLib.slicer_bridge import MorphSession
    >>> session = MorphSession()
    >>> path = session.register(source, target)            # two volume nodes; waits for the job
    >>> made = session.create(path, percent=50)
    >>> made.volume.GetName(), made.verdict
    ('SYNTHETIC 1f0c2b7a9d3e', 'pass')
"""

from importlib import import_module
from typing import Any

# Loaded when first asked for (PEP 562): Slicer imports the panel at its start, and SimpleITK costs a third of a second.
_PUBLIC = {"Created": "results", "LivePreview": "preview", "MorphSession": "session"}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
