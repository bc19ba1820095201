"""What the user clicks: the sections of the module's panel, on Slicer's Qt. Imported by `SyntheticCT.py` only.

`Panel` holds the sections together; `parameters` is what is remembered with the scene; `JobRunner` keeps the one job
that may run at a time.
"""

from .panel import Panel
from .parameters import SyntheticCTParameterNode

__all__ = ["Panel", "SyntheticCTParameterNode"]
