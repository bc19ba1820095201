"""Reading, writing and geometry of CT volumes and label layers, and the rules of Hounsfield units.

Scans come in through `read_ct` and `read_layers`, leave through `write_image` and `write_layer`; in between
they are SimpleITK images. `phantoms` makes scans of people who never lived.
"""

from .geometry import Geometry
from .hashing import content_hash
from .hu import AIR_HU, MAX_HU
from .labels import LabelLayer, is_lesion, read_layers
from .reading import CT, read_ct
from .writing import write_image, write_layer

__all__ = [
    "AIR_HU",
    "CT",
    "MAX_HU",
    "Geometry",
    "LabelLayer",
    "content_hash",
    "is_lesion",
    "read_ct",
    "read_layers",
    "write_image",
    "write_layer",
]
