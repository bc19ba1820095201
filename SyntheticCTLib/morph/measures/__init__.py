"""What the quality gate measures, one file per subject, all on one `Comparison` of source and result."""

from .comparison import Comparison, compare
from .deformation import deformation
from .labels import LabelChange, label_changes
from .similarity import similarity
from .texture import Smear, noise, smear

__all__ = [
    "Comparison",
    "LabelChange",
    "Smear",
    "compare",
    "deformation",
    "label_changes",
    "noise",
    "similarity",
    "smear",
]
