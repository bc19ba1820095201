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


class SeriesKind(Enum):
    """What a series holds."""

    VOLUMES = "volumes"
    COARSE = "coarse volumes"
    TRANSFORMS = "transforms"

    def label(self) -> str:
        """Text in the combo box."""
        return {
            SeriesKind.VOLUMES: _("Volumes"),
            SeriesKind.COARSE: _("Volumes at half the resolution"),
            SeriesKind.TRANSFORMS: _("Transforms only"),
        }[self]


class LesionShape(Enum):
    """What *Drop a lesion here* drops."""

    IRREGULAR = "irregular"
    BALL = "ball"

    def label(self) -> str:
        """Text in the combo box."""
        return {LesionShape.IRREGULAR: _("Irregular, each one another"), LesionShape.BALL: _("Ball")}[self]


class LesionDensity(Enum):
    """How dense a lesion is painted; values as the job has them."""

    ANY = "any"
    SOLID = "solid"
    PART_SOLID = "part-solid"
    GROUND_GLASS = "ground-glass"
    FORETOLD = "foretold"

    def label(self) -> str:
        """As it stands in the panel."""
        return {
            LesionDensity.ANY: _("As real lesions have, by chance"),
            LesionDensity.SOLID: _("Solid"),
            LesionDensity.PART_SOLID: _("Part-solid"),
            LesionDensity.GROUND_GLASS: _("Ground-glass"),
            LesionDensity.FORETOLD: _("As the surroundings tell (over a lesion that is there)"),
        }[self]


class Window(Enum):
    """Window presets for looking at CT; the value of all but the first is window and level in HU."""

    SOURCE = "source"
    LUNG = "1500/-600"
    MEDIASTINUM = "400/40"
    BONE = "1800/400"
    LIVER = "160/60"
    BRAIN = "80/40"

    def label(self) -> str:
        """Text in the combo box."""
        return {
            Window.SOURCE: _("As the source is shown"),
            Window.LUNG: _("Lung"),
            Window.MEDIASTINUM: _("Mediastinum"),
            Window.BONE: _("Bone"),
            Window.LIVER: _("Liver"),
            Window.BRAIN: _("Brain"),
        }[self]

    def window_and_level(self) -> tuple[float, float] | None:
        """In HU; None for the source's own."""
        if self is Window.SOURCE:
            return None
        window, level = self.value.split("/")
        return float(window), float(level)


class Above(Enum):
    """What is laid over the synthetic scan."""

    TARGET = "Target"
    SOURCE = "Source"
    DIFFERENCE = "Difference"
    VOLUME_CHANGE = "Volume change"
    CHECKERBOARD = "Checkerboard"

    def label(self) -> str:
        """Text in the combo box."""
        return {
            Above.TARGET: _("Target"),
            Above.SOURCE: _("Source"),
            Above.DIFFERENCE: _("Difference to the source (blue -500, red +500 HU)"),
            Above.VOLUME_CHANGE: _("Change of volume (blue halved, red doubled)"),
            Above.CHECKERBOARD: _("Checkerboard with the target"),
        }[self]

    def needs_created(self) -> bool:
        """Whether it can only be laid over a scan that was created, not over the live one."""
        return self not in (Above.TARGET, Above.SOURCE)


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
    seriesKind: SeriesKind = SeriesKind.VOLUMES
    inspectedVolume: slicer.vtkMRMLScalarVolumeNode | None
    window: Window = Window.SOURCE
    alignTarget: bool = True
    above: Above = Above.TARGET
    fade: Annotated[float, WithinRange(0, 100)] = 0.0
    lesionVolume: slicer.vtkMRMLScalarVolumeNode | None
    lesionLabels: slicer.vtkMRMLSegmentationNode | slicer.vtkMRMLLabelMapVolumeNode | None
    lesionDiameter: Annotated[float, WithinRange(2, 100)] = 15.0
    lesionShape: LesionShape = LesionShape.IRREGULAR
    lesionDensity: LesionDensity = LesionDensity.ANY
    lesionModel: str = ""
