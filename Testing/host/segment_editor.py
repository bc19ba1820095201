"""Stand-in for Slicer's Segment Editor widget: what it does to its nodes; nobody paints with a mouse here.

Effects exist by name only. As in Slicer everything that is chosen is kept in the vtkMRMLSegmentEditorNode, and the
widget is of no use without one: what Slicer only complains about in its log (no node yet) is refused here.
"""

import slicer_core
import vtk
from PySide6 import QtCore

from ctk_widgets import qt_property
from mrml_widgets import qMRMLWidget
from pythonqt import add_class

EFFECTS = ("Paint", "Draw", "Erase", "Level tracing", "Grow from seeds", "Fill between slices", "Threshold", "Margin",
           "Hollow", "Smoothing", "Scissors", "Islands", "Logical operators", "Mask volume")
# Common parameters of the brushes, set where the node has none.
DEFAULTS = {"BrushAbsoluteDiameter": "5", "BrushRelativeDiameter": "3", "BrushDiameterIsRelative": "1",
            "BrushSphere": "0", "EditIn3DViews": "0", "BrushPixelMode": "0"}


@add_class
class qMRMLSegmentEditorWidget(qMRMLWidget):
    """`observed` and `shortcuts` tell whether views and keyboard are listened to; no Slicer has these two."""

    currentSegmentIDChanged = QtCore.Signal(str)
    for _name in ("segmentationNodeSelectorVisible", "sourceVolumeNodeSelectorVisible", "maskingSectionVisible",
                  "specifyGeometryButtonVisible", "show3DButtonVisible", "addRemoveSegmentButtonsVisible",
                  "autoShowSourceVolumeNode", "switchToSegmentationsButtonVisible", "undoEnabled", "readOnly",
                  "unorderedEffectsVisible", "jumpToSelectedSegmentEnabled"):
        locals()[_name], locals()["_" + _name] = qt_property(bool, _name), _name != "readOnly"
    maximumNumberOfUndoStates, _maximumNumberOfUndoStates = qt_property(int, "maximumNumberOfUndoStates"), 10
    defaultTerminologyEntry, _defaultTerminologyEntry = qt_property(str, "defaultTerminologyEntry"), ""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._node, self._interaction, self._order, self._tags = None, None, [], []
        self._geometry, self._active = None, ""
        self.observed = self.shortcuts = False
        self.saved_states = 0

    def _needed(self):
        if self._node is None:
            raise RuntimeError("Invalid segment editor parameter set node")
        return self._node

    def setMRMLSegmentEditorNode(self, node):
        if node is self._node:
            return
        for sender, tag in self._tags:
            sender.RemoveObserver(tag)
        self._node, self._tags, self._geometry = node, [], None
        if node is not None:
            for name, value in DEFAULTS.items():
                if node.GetAttribute(name) is None:
                    node.SetAttribute(name, value)
            self._tags = [(node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._follow))]
            self._follow()

    def mrmlSegmentEditorNode(self):
        return self._node

    def setMRMLScene(self, scene):
        self._needed()
        super().setMRMLScene(scene)
        self._interaction = scene.GetNodeByID("vtkMRMLInteractionNodeSingleton") if scene is not None else None
        if self._interaction is not None:
            self._interaction.AddObserver(vtk.vtkCommand.ModifiedEvent, self._interaction_modified)
        self._follow()

    def updateWidgetFromMRML(self):
        if self._scene is not None:
            self._needed()
            self._follow()

    def _follow(self, *_):
        """As updateWidgetFromMRML: the reference geometry gives the brush its size, an effect takes the mouse."""
        node = self._node
        segmentation, volume = node.GetSegmentationNode(), node.GetSourceVolumeNode()
        if self._scene is None:
            return
        if segmentation is not None and (not node.GetSelectedSegmentID() or segmentation.GetSegmentation().GetSegment(
                node.GetSelectedSegmentID()) is None) and segmentation.GetSegmentation().GetNumberOfSegments():
            node.SetSelectedSegmentID(segmentation.GetSegmentation().GetNthSegmentID(0))
        name = slicer_core.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
        geometry = segmentation and segmentation.GetSegmentation().GetConversionParameter(name)
        if geometry and volume is not None and geometry != self._geometry:
            self._geometry = geometry
            spacing = min(volume.GetSpacing())
            node.SetAttribute("BrushAbsoluteDiameter", str(25 * spacing))
        active = node.GetActiveEffectName() or ""
        if active != self._active and (segmentation is not None and volume is not None or not active):
            self._active, self.observed = active, bool(active)
            if active and self._interaction is not None:
                self._interaction.SetCurrentInteractionMode(slicer_core.vtkMRMLInteractionNode.ViewTransform)

    def _interaction_modified(self, interaction, event):
        if self._active and interaction.GetCurrentInteractionMode() != interaction.ViewTransform:
            self._node.SetActiveEffectName("")

    def setSegmentationNode(self, node):
        if node is not self._needed().GetSegmentationNode():
            self._node.SetAndObserveSegmentationNode(node)
            self.saved_states = 0
            self._node.SetActiveEffectName("")

    def segmentationNode(self):
        return self._node and self._node.GetSegmentationNode()

    def setSourceVolumeNode(self, node):
        self._needed().SetAndObserveSourceVolumeNode(node)
        if node is not None and self._autoShowSourceVolumeNode:
            for number in range(self._scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
                shown = self._scene.GetNthNodeByClass(number, "vtkMRMLSliceCompositeNode")
                if node.GetID() not in (shown.GetBackgroundVolumeID(), shown.GetForegroundVolumeID()):
                    shown.SetBackgroundVolumeID(node.GetID())

    def sourceVolumeNode(self):
        return self._node and self._node.GetSourceVolumeNode()

    def setCurrentSegmentID(self, segment_id):
        self._needed().SetSelectedSegmentID(segment_id)
        self.currentSegmentIDChanged.emit(segment_id)

    def currentSegmentID(self):
        return self._node.GetSelectedSegmentID() if self._node is not None else ""

    def setActiveEffectByName(self, name):
        if self._node is not None or name:
            self._needed().SetActiveEffectName(name if name in EFFECTS else "")

    def setEffectNameOrder(self, names):
        self._order = list(names)

    def effectNameOrder(self):
        return list(self._order)

    def availableEffectNames(self):
        return list(EFFECTS)

    def saveStateForUndo(self):
        self._needed()
        self.saved_states += 1

    def installKeyboardShortcuts(self, parent=None):
        self.shortcuts = True

    def uninstallKeyboardShortcuts(self):
        self.shortcuts = False

    def setupViewObservations(self):
        self.observed = True

    def removeViewObservations(self):
        self.observed = False
