"""Stand-ins for the qMRML widgets of the panel, following a real MRML scene."""

import vtk
from PySide6 import QtCore, QtWidgets

from ctk_widgets import qt_property
from pythonqt import add_class

NONE = ""       # the data of the "None" item; nodes have their ids, the separator and the actions no data
ACTIONS = {"_renameEnabled": "Rename", "_addEnabled": "Create new", "_removeEnabled": "Delete current"}


@add_class
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


@add_class
class qMRMLNodeComboBox(qMRMLWidget):
    """Chooses a node of the scene. Its inner QComboBox decides, as in Slicer, what is current when items come and go.

    Items: "None" (noneEnabled), the nodes in the scene's order, a separator, the actions, which nobody can choose here
    but which keep a QComboBox from selecting the first node that comes. In Slicer the signals follow the box's text,
    so renaming the current node emits currentNodeChanged too.
    """

    nodeChanged, nodeValid, currentNodeIDChanged = QtCore.Signal(object), QtCore.Signal(bool), QtCore.Signal(str)
    SIGNALS = {"currentNodeChanged(vtkMRMLNode*)": "nodeChanged", "currentNodeChanged(bool)": "nodeValid"}
    nodeTypes, noneDisplay = qt_property("QStringList", "nodeTypes"), qt_property(str, "noneDisplay")
    showChildNodeTypes, noneEnabled = qt_property(bool, "showChildNodeTypes"), qt_property(bool, "noneEnabled")
    addEnabled, removeEnabled = qt_property(bool, "addEnabled"), qt_property(bool, "removeEnabled")
    renameEnabled = qt_property(bool, "renameEnabled")
    _leaving, _requested, _quiet, _noneDisplay, _nodeTypes = None, "", False, "None", ()
    _noneEnabled, _renameEnabled, _showChildNodeTypes, _addEnabled, _removeEnabled = False, False, True, True, True

    def __init__(self, parent=None):
        super().__init__(parent)
        self._tags, self._attributes, self.combo = [], {}, QtWidgets.QComboBox(self)
        QtWidgets.QHBoxLayout(self, contentsMargins=QtCore.QMargins()).addWidget(self.combo)
        self.combo.currentIndexChanged.connect(self._current_changed)
        self.setEnabled(False)      # until there is a scene

    def _accepts(self, node):
        if node is self._leaving or node.GetHideFromEditors():
            return False
        for kind in self._nodeTypes:
            if node.IsA(kind) and (self._showChildNodeTypes or node.GetClassName() == kind):
                name, value = self._attributes.get(kind, ("", None))
                return not name or node.GetAttribute(name) is not None and value in (None, node.GetAttribute(name))
        return not self._nodeTypes

    def _sync(self, *_):
        """Make the nodes' items what they should be by inserting and removing, so that the current one stays."""
        combo, first = self.combo, int(self._noneEnabled)
        every = map(self._scene.GetNthNode, range(self._scene.GetNumberOfNodes()))
        wanted = {node.GetID(): node.GetName() or "" for node in every if self._accepts(node)}
        for row in reversed(range(first, combo.count())):
            if combo.itemData(row) not in (None, *wanted):
                combo.removeItem(row)
        for row, (node_id, name) in enumerate(wanted.items(), first):
            if combo.itemData(row) != node_id:
                combo.insertItem(row, name, node_id)
            elif combo.itemText(row) != name:
                combo.setItemText(row, name)
                if row == combo.currentIndex():
                    self._current_changed(row)

    def _refill(self):
        """Make the whole list anew and say so only if that changes what is current."""
        self._observe()
        before, self._quiet = self.currentNodeID, True
        self.combo.clear()
        if self._scene is not None:
            if self._noneEnabled:
                self.combo.addItem(self._noneDisplay, NONE)
            actions = [text for flag, text in ACTIONS.items() if getattr(self, flag)]
            if actions:
                self.combo.insertSeparator(self.combo.count())
                self.combo.addItems(actions)
            self._sync()
            self.setCurrentNodeID(before or self._requested)
        self._quiet = False
        if self.currentNodeID != before:
            self._current_changed(self.combo.currentIndex())

    def _observe(self):
        for sender, tag in self._tags:
            sender.RemoveObserver(tag)
        self._tags, scene = [], self._scene
        if scene is not None:
            events = [(scene.NodeAddedEvent, self._node_added), (scene.NodeAboutToBeRemovedEvent, self._node_leaves),
                      (scene.EndCloseEvent, self._sync), (scene.EndImportEvent, self._sync)]
            self._tags = [(scene, scene.AddObserver(event, function)) for event, function in events]
            for index in range(scene.GetNumberOfNodes()):
                self._follow(scene.GetNthNode(index))

    def retire(self):
        """As when Slicer destroys it with its panel: it follows nothing any more, and says nothing."""
        self._quiet, self._scene = True, None
        self._observe()

    def _follow(self, node):
        if not self._nodeTypes or any(map(node.IsA, self._nodeTypes)):
            self._tags.append((node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._sync)))

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_added(self, scene, event, node):
        self._follow(node)
        self._sync()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_leaves(self, scene, event, node):
        for sender, tag in [pair for pair in self._tags if pair[0] is node]:
            sender.RemoveObserver(tag)
            self._tags.remove((sender, tag))
        self._leaving = node    # it is in the scene yet
        self._sync()
        self._leaving = None

    def _current_changed(self, index):
        if self._quiet:
            return
        node, nobody = self.currentNode(), 0 if self._noneEnabled else -1
        if node is None and index != nobody:    # a removed item left an action current: the last node does instead
            self.combo.setCurrentIndex(self.nodeCount() - 1 + self._noneEnabled)
            return
        self.nodeChanged.emit(node)
        self.nodeValid.emit(node is not None)
        self.currentNodeIDChanged.emit(node.GetID() if node else "")

    def setMRMLScene(self, scene):
        if scene is not self._scene:
            self._scene = scene
            self._refill()
            self.setEnabled(scene is not None)

    def currentNode(self):
        return self._scene.GetNodeByID(self.currentNodeID) if self._scene is not None and self.currentNodeID else None

    def setCurrentNode(self, node):
        self.setCurrentNodeID(node if isinstance(node, str) else (node.GetID() or "") if node else "")

    def setCurrentNodeID(self, node_id):
        """Without a scene it is kept for when there is one."""
        self._requested = "" if self._scene is not None else node_id
        row = self.combo.findData(node_id) if node_id else -1
        self.combo.setCurrentIndex(row if row >= 0 else 0 if self._noneEnabled else -1)

    currentNodeID = QtCore.Property(str, lambda self: self.combo.currentData() or "", setCurrentNodeID)

    def nodeCount(self):
        return sum(bool(self.combo.itemData(row)) for row in range(self.combo.count()))

    def addAttribute(self, kind, name, value=None):
        self._attributes[kind] = (name, None if value is None else str(value))
        self._refill()
