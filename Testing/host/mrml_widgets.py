"""Stand-ins for the qMRML widgets of the panel, following a real MRML scene."""

import vtk
from PySide6 import QtCore, QtWidgets

from ctk_widgets import qt_property

ACTION = QtCore.Qt.ItemDataRole.UserRole + 1    # what a menu item below the nodes does
NONE = ""       # the data of the "None" item; nodes have their ids, actions and the separator no data


class qMRMLWidget(QtWidgets.QWidget):
    """A widget that knows the scene and tells its children of it."""

    sceneChanged = QtCore.Signal(object)
    SIGNALS = {"mrmlSceneChanged(vtkMRMLScene*)": "sceneChanged"}
    _scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        if scene is not self._scene:
            self._scene = scene
            self.sceneChanged.emit(scene)


class qSlicerWidget(qMRMLWidget):
    pass


class _Combo(QtWidgets.QComboBox):
    """The box inside a selector; it says what to select while nothing is."""

    default_text = ""

    def paintEvent(self, event):
        painter, option = QtWidgets.QStylePainter(self), QtWidgets.QStyleOptionComboBox()
        self.initStyleOption(option)
        if self.currentIndex() < 0:
            option.currentText = self.default_text
        painter.drawComplexControl(QtWidgets.QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_ComboBoxLabel, option)


def _filter(kind, name):
    """A property that decides what the list shows."""
    def write(self, value):
        setattr(self, "_" + name, [item for item in value if item] if isinstance(value, list) else value)
        if self._scene is not None:
            self._observe(self._scene)
            self._sync()
            if self.currentNode() is None:      # it may have been filtered away
                self.setCurrentNodeID("")

    return qt_property(kind, name, write)


class qMRMLNodeComboBox(QtWidgets.QWidget):
    """Chooses a node of the scene. Its inner QComboBox decides, as in Slicer, what is current when items come and go.

    Items: "None" (noneEnabled), the nodes in the scene's order, a separator, the actions. In Slicer the signals follow
    the box's text, so renaming the current node emits currentNodeChanged too.
    """

    nodeChanged, nodeActivated, nodeAdded = QtCore.Signal(object), QtCore.Signal(object), QtCore.Signal(object)
    nodeAddedByUser, nodeAddedByUserAction = QtCore.Signal(object), QtCore.Signal(object)
    nodeAboutToBeRemoved, nodeAboutToBeEdited = QtCore.Signal(object), QtCore.Signal(object)
    nodeValid, currentNodeIDChanged, currentNodeRenamed = QtCore.Signal(bool), QtCore.Signal(str), QtCore.Signal(str)
    SIGNALS = {"currentNodeChanged(vtkMRMLNode*)": "nodeChanged", "currentNodeChanged(bool)": "nodeValid"}
    nodeTypes, hideChildNodeTypes = _filter("QStringList", "nodeTypes"), _filter("QStringList", "hideChildNodeTypes")
    showHidden, showChildNodeTypes = _filter(bool, "showHidden"), _filter(bool, "showChildNodeTypes")
    noneEnabled, noneDisplay = _filter(bool, "noneEnabled"), _filter(str, "noneDisplay")
    addEnabled, removeEnabled = _filter(bool, "addEnabled"), _filter(bool, "removeEnabled")
    editEnabled, renameEnabled = _filter(bool, "editEnabled"), _filter(bool, "renameEnabled")
    selectNodeUponCreation = qt_property(bool, "selectNodeUponCreation")
    _scene, _leaving, _requested, _switching, _noneDisplay = None, None, "", False, "None"
    _showHidden, _noneEnabled, _editEnabled, _renameEnabled = False, False, False, False
    _showChildNodeTypes, _addEnabled, _removeEnabled, _selectNodeUponCreation = True, True, True, True

    def __init__(self, parent=None):
        super().__init__(parent)
        self._tags, self._attributes, self._labels, self._base_names = [], {}, {}, {}
        self._nodeTypes, self._hideChildNodeTypes, self.combo = [], [], _Combo(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.combo)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Fixed)
        self.combo.currentIndexChanged.connect(self._current_changed)
        self.combo.activated.connect(self._activated)
        self.setEnabled(False)      # until there is a scene
        self.mrmlScene = lambda: self._scene

    # What the list shows

    def _accepts(self, node):
        if node is self._leaving or node.GetHideFromEditors() and not self._showHidden:
            return False
        for kind in self._nodeTypes:
            if node.IsA(kind) and (self._showChildNodeTypes or node.GetClassName() == kind):
                if self._showChildNodeTypes and any(map(node.IsA, self._hideChildNodeTypes)):
                    return False
                name, value = self._attributes.get(kind, ("", None))
                return not name or node.GetAttribute(name) is not None and value in (None, node.GetAttribute(name))
        return not self._nodeTypes

    def _nodes(self):
        every = map(self._scene.GetNthNode, range(self._scene.GetNumberOfNodes())) if self._scene is not None else ()
        return [node for node in every if self._accepts(node)]

    def _actions(self):
        label = self.nodeTypeLabel(self._nodeTypes[0]) if len(self._nodeTypes) == 1 else "node"
        actions = [(f"Rename current {label}", ("RENAME", ""))] * self._renameEnabled
        actions += [(f"Edit current {label}", ("EDIT", ""))] * self._editEnabled
        actions += [(f"Create new {self.nodeTypeLabel(kind)}", ("CREATE", kind)) for kind in self._nodeTypes
                    if self._addEnabled]
        return actions + [(f"Delete current {label}", ("DELETE", ""))] * self._removeEnabled

    def _sync(self):
        """Make the items what they should be by inserting and removing, so that the current one stays current."""
        combo, first = self.combo, int(self._noneEnabled and self._scene is not None)
        self._sync_actions()
        has_none = combo.itemData(0) == NONE
        if has_none and not first:
            combo.removeItem(0)
        elif first and not has_none:
            combo.insertItem(0, self._noneDisplay, NONE)
        wanted = self._nodes()
        ids = [node.GetID() for node in wanted]
        for row in reversed(range(first, combo.count())):
            if combo.itemData(row) not in (None, *ids):
                combo.removeItem(row)
        for row, node in enumerate(wanted, first):
            if combo.itemData(row) != node.GetID():
                combo.insertItem(row, node.GetName() or "", node.GetID())
                self.nodeAdded.emit(node)
            elif combo.itemText(row) != (node.GetName() or ""):
                combo.setItemText(row, node.GetName() or "")
                if row == combo.currentIndex():
                    self._current_changed(row)
        combo.default_text = f"Select a {self.nodeTypeLabel(self._nodeTypes[0]) if self._nodeTypes else 'node'}"

    def _sync_actions(self):
        """The actions below the nodes. While there are any, a QComboBox does not select the first node that comes."""
        combo, actions = self.combo, self._actions() if self._scene is not None else []
        rows = [row for row in range(combo.count()) if combo.itemData(row) is None]
        if [(combo.itemText(row), combo.itemData(row, ACTION)) for row in rows[1:]] == actions:
            return
        switching, self._switching, current = self._switching, True, combo.currentIndex()
        for row in reversed(rows):
            combo.removeItem(row)
        if actions:
            combo.insertSeparator(combo.count())
        for text, action in actions:
            combo.addItem(text)
            combo.setItemData(combo.count() - 1, action, ACTION)
        combo.setCurrentIndex(current)
        self._switching = switching

    # Following the scene

    def _observe(self, scene):
        for sender, tag in self._tags:
            sender.RemoveObserver(tag)
        self._tags, self._scene = [], scene
        if scene is not None:
            events = [(scene.NodeAddedEvent, self._node_added), (scene.NodeAboutToBeRemovedEvent, self._node_leaves),
                      (scene.EndCloseEvent, lambda *_: self._sync()), (scene.EndImportEvent, lambda *_: self._sync())]
            self._tags = [(scene, scene.AddObserver(event, function)) for event, function in events]
            for index in range(scene.GetNumberOfNodes()):
                self._follow(scene.GetNthNode(index))

    def _follow(self, node):
        if not self._nodeTypes or any(map(node.IsA, self._nodeTypes)):
            self._tags.append((node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._sync())))

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_added(self, scene, event, node):
        self._follow(node)
        self._sync()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_leaves(self, scene, event, node):
        for sender, tag in [pair for pair in self._tags if pair[0] is node]:
            sender.RemoveObserver(tag)
            self._tags.remove((sender, tag))
        if self.combo.findData(node.GetID()) >= 0:
            self.nodeAboutToBeRemoved.emit(node)
            self._leaving = node    # it is in the scene yet
            self._sync()
            self._leaving = None

    def _current_changed(self, index):
        if self._switching:
            return
        node, nobody = self.currentNode(), 0 if self._noneEnabled else -1
        if node is None and index != nobody:    # a removed item left an action current: the last node does instead
            nodes = self._nodes()
            self.combo.setCurrentIndex(self.combo.findData(nodes[-1].GetID()) if nodes else nobody)
            return
        self.nodeChanged.emit(node)
        self.nodeValid.emit(node is not None)
        self.currentNodeIDChanged.emit(node.GetID() if node else "")

    def _activated(self, row):
        """The user chose an item."""
        kind, argument = self.combo.itemData(row, ACTION) or ("", None)
        if kind == "CREATE":
            node = self.addNode(argument)
            self.setCurrentNode(node)
            self.nodeAddedByUserAction.emit(node)
        elif kind == "DELETE":
            self.removeCurrentNode()
        elif kind == "EDIT":
            self.nodeAboutToBeEdited.emit(self.currentNode())
        elif not kind:
            self.nodeActivated.emit(self.currentNode())

    # What PythonQt offers

    def setMRMLScene(self, scene):
        if scene is not self._scene:
            wanted = self.currentNodeID if self.nodeCount() else self._requested
            self._switching = True      # nothing is said while the list is filled
            self._observe(scene)
            self._sync()
            self._switching, self._requested = False, ""
            self.setCurrentNodeID(wanted)
            self.setEnabled(scene is not None)

    def currentNode(self):
        return self._scene.GetNodeByID(self.currentNodeID) if self._scene is not None and self.currentNodeID else None

    def setCurrentNode(self, node):
        self.setCurrentNodeID(node if isinstance(node, str) else (node.GetID() or "") if node else "")

    def setCurrentNodeID(self, node_id):
        if self._scene is None:
            self._requested = node_id
        row = self.combo.findData(node_id) if node_id else -1
        self.combo.setCurrentIndex(row if row >= 0 else 0 if self._noneEnabled else -1)

    currentNodeID = QtCore.Property(str, lambda self: self.combo.currentData() or "", setCurrentNodeID)

    def setCurrentNodeIndex(self, index):
        self.combo.setCurrentIndex((index if index < self.nodeCount() else -1) + self._noneEnabled)

    def nodeCount(self):
        return sum(bool(self.combo.itemData(row)) for row in range(self.combo.count()))

    def nodeFromIndex(self, index):
        node_id = self.combo.itemData(index + self._noneEnabled)
        return self._scene.GetNodeByID(node_id) if node_id else None

    def addNode(self, kind=None):
        kind = kind or next(iter(self._nodeTypes), None)
        if kind not in self._nodeTypes or self._scene is None:
            return None
        node = self._scene.CreateNodeByClass(kind)
        node.UnRegister(None)
        base = self._base_names.get(kind) or (None if node.GetName() else node.GetDefaultNodeNamePrefix())
        if base:
            node.SetName(self._scene.GetUniqueNameByString(base))
        for name, value in self._attributes.values():
            node.SetAttribute(name, value or "")
        node = self._scene.AddNode(node)
        if self._selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self):
        self._scene.RemoveNode(self.currentNode())

    def addAttribute(self, kind, name, value=None):
        self._attributes[kind] = (name, None if value is None else str(value))
        self._sync()

    def removeAttribute(self, kind, name):
        self._attributes.pop(kind, None)
        self._sync()

    def setNodeTypeLabel(self, label, kind):
        self._labels[kind] = label
        self._sync()

    def nodeTypeLabel(self, kind):
        known = self._labels.get(kind) or self._scene and self._scene.GetTypeDisplayNameByClassName(kind)
        return known or "node"

    baseName = QtCore.Property(str, lambda self: next(iter(self._base_names.values()), ""), lambda self, base: setattr(
        self, "_base_names", dict.fromkeys(self._nodeTypes, base)))


WIDGETS = [qMRMLWidget, qSlicerWidget, qMRMLNodeComboBox]
