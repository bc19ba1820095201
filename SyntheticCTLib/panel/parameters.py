"""What the panel remembers with the scene. Names and values are contract: saved scenes hold them."""

from enum import Enum
from typing import Annotated

import slicer
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper


class Method(Enum):
    """Who registers."""

    AUTOMATIC = "automatic"
    ANTS = "ants"
    SIMPLEITK = "simpleitk"

    def label(self) -> str:
        """Text in the combo box."""
        return {
            Method.AUTOMATIC: _("Best available"),
            Method.ANTS: _("ANTs SyN (better)"),
            Method.SIMPLEITK: _("SimpleITK demons (always there)"),
        }[self]


class Grid(Enum):
    """Where an exact morph lies."""

    SOURCE = "source"
    TARGET = "target"
    FIT = "fit"

    def label(self) -> str:
        """Text in the combo box."""
        return {
            Grid.SOURCE: _("Grid of the source"),
            Grid.TARGET: _("Grid and pose of the target"),
            Grid.FIT: _("Pose of the source, room for the whole body"),
        }[self]


@parameterNodeWrapper
class SyntheticCTParameterNode:
    """Everything chosen in the panel."""

    sourceVolume: slicer.vtkMRMLScalarVolumeNode | None
    targetVolume: slicer.vtkMRMLScalarVolumeNode | None
    sourceLabels: slicer.vtkMRMLSegmentationNode | slicer.vtkMRMLLabelMapVolumeNode | None
    targetLabels: slicer.vtkMRMLSegmentationNode | slicer.vtkMRMLLabelMapVolumeNode | None
    sourceMetadata: slicer.vtkMRMLTableNode | None
    targetMetadata: slicer.vtkMRMLTableNode | None
    method: Method = Method.AUTOMATIC
    labelsGuide: bool = False
    path: slicer.vtkMRMLGridTransformNode | None
    percent: Annotated[float, WithinRange(0, 100)] = 50.0
    grid: Grid = Grid.SOURCE
