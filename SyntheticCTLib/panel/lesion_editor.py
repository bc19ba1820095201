"""Slicer's Segment Editor within the panel, with what a lesion needs: paint, draw, erase, islands."""

from __future__ import annotations

from typing import Any

import slicer

EFFECTS = ("Paint", "Draw", "Erase", "Islands")

EDITOR_TAG = "SyntheticCTLesion"
"""Singleton tag of the node that keeps the editor's choices; the module Segment Editor has another."""

BRUSH = {"BrushSphere": "1", "BrushDiameterIsRelative": "0", "BrushAbsoluteDiameter": "10"}
"""A ball, whose size is in mm: a lesion is no disk, and no share of the screen."""

UNDO_STATES = 10

HIDDEN = (
    "segmentationNodeSelectorVisible",
    "sourceVolumeNodeSelectorVisible",
    "addRemoveSegmentButtonsVisible",
    "switchToSegmentationsButtonVisible",
    "show3DButtonVisible",
    "specifyGeometryButtonVisible",
    "maskingSectionVisible",
    "unorderedEffectsVisible",
    "autoShowSourceVolumeNode",
)
"""Properties of the widget that are off: the panel chooses volume and segmentation, and there is one segment."""


class LesionEditor:
    """The editor's widget and its life; the widget is made when a mask is first edited.

    Its node is set before its scene, and neither survives the scene: an editor that is left with nodes of a closed
    scene crashes Slicer.

    Args:
        container: the widget of the panel that it is put into.
    """

    def __init__(self, container) -> None:
        self._container = container
        self._widget: Any = None
        self._listening = False
        self._grid = ""

    @property
    def node(self) -> Any:
        """The node that keeps the editor's choices; None while there is no editor on this scene."""
        return self._widget.mrmlSegmentEditorNode() if self._widget else None

    def edit(self, mask, volume, segment_id: str) -> None:
        """Let the user paint in a mask, whose grid must be the volume's already. Harmless if that is so."""
        from ..slicer_bridge.lesion_following import grid_text

        node = self._editor_node()
        grid, before = grid_text(mask), self._grid
        self._grid = grid
        if self._widget and self._widget.segmentationNode() is mask and grid != before:
            self._widget.setSegmentationNode(None)  # its undo would bring back what was drawn on the former grid
        other = self._widget is None or self._widget.mrmlSegmentEditorNode() is not node
        if self._widget is None:
            self._make_widget(node)
        elif other:
            self._widget.setMRMLSegmentEditorNode(node)
        if other or self._widget.segmentationNode() is not mask or self._widget.sourceVolumeNode() is not volume:
            self._widget.setSegmentationNode(mask)
            self._widget.setSourceVolumeNode(volume)
            self._widget.setCurrentSegmentID(segment_id)
            self._give_brush(node)
        elif self._widget.currentSegmentID() != segment_id:  # somebody deleted it, and it was made anew
            self._widget.setCurrentSegmentID(segment_id)

    def listen(self) -> None:
        """Take the keyboard again, after `pause`; harmless if it is taken, or there is no editor yet."""
        if self._widget and not self._listening:
            self._widget.installKeyboardShortcuts()
            self._listening = True

    def remember(self) -> None:
        """Keep the mask as it is for the editor's own undo, before something else changes it."""
        if self.node is not None:
            self._widget.saveStateForUndo()

    def pause(self) -> None:
        """Give mouse and keyboard back: the section is closed or the module left; nothing is forgotten."""
        if not self._widget or not self._listening:
            return
        self._widget.setActiveEffectByName("")
        self._widget.uninstallKeyboardShortcuts()
        self._widget.removeViewObservations()
        self._listening = False

    def forget(self) -> None:
        """The scene goes, or the panel: let go of its nodes."""
        self.pause()
        if self._widget and self.node is not None:
            self._widget.setSegmentationNode(None)
            self._widget.setSourceVolumeNode(None)
            self._widget.setMRMLSegmentEditorNode(None)

    def _make_widget(self, node) -> None:
        self._widget = slicer.qMRMLSegmentEditorWidget()
        self._widget.maximumNumberOfUndoStates = UNDO_STATES
        self._widget.setMRMLSegmentEditorNode(node)
        for name in HIDDEN:
            setattr(self._widget, name, False)
        self._widget.setEffectNameOrder(list(EFFECTS))
        self._widget.setMRMLScene(slicer.mrmlScene)
        self._container.layout().addWidget(self._widget)

    def _give_brush(self, node) -> None:
        """Our brush for a scan that is new in the editor, which has made up a size of its own from its grid."""
        for name, value in BRUSH.items():
            node.SetAttribute(name, value)
        node.SetOverwriteMode(node.OverwriteNone)  # a lesion may overlap whatever other segments there are

    def _editor_node(self) -> Any:
        """The node of the scene. It survives the closing of a scene, but nothing that was written into it does."""
        scene = slicer.mrmlScene
        node = scene.GetSingletonNode(EDITOR_TAG, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.vtkMRMLSegmentEditorNode()
            node.SetSingletonTag(EDITOR_TAG)
            node = scene.AddNode(node)
        return node
