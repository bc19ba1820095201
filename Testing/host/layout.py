"""Stand-ins for the layout manager and the slice views, driven by the real layout logic and slice logics."""

import slicer_core
import vtk
from PySide6 import QtCore, QtWidgets

from mrml_widgets import qMRMLWidget
from pythonqt import add_class

VIEW_SIZE = (320, 256)  # pixels of a slice view until somebody resizes it


@add_class
class qMRMLSliceView(qMRMLWidget):
    """The picture: a real off-screen render window, made when asked for. Nothing is drawn before forceRender."""

    def __init__(self, logic):
        super().__init__()
        self._window, self._logic, self.mrmlSliceNode = None, logic, logic.GetSliceNode
        self.scheduleRender = lambda: None

    def renderWindow(self):
        if self._window is None:
            self._actor, renderer, self._window = vtk.vtkImageActor(), vtk.vtkRenderer(), vtk.vtkRenderWindow()
            renderer.AddActor(self._actor)
            self._window.SetOffScreenRendering(1)
            self._window.SetSize(*self.mrmlSliceNode().GetDimensions()[:2])
            self._window.AddRenderer(renderer)
        return self._window

    def forceRender(self):
        renderer, picture = self.renderWindow().GetRenderers().GetFirstRenderer(), self._logic.GetImageDataConnection()
        self._actor.SetVisibility(picture is not None)
        if picture is not None:
            self._actor.GetMapper().SetInputConnection(picture)
        renderer.ResetCamera()
        self.renderWindow().Render()


@add_class
class qMRMLSliceControllerWidget(qMRMLWidget):
    """The bar above a slice view; its pin opens the selectors of what the view shows."""

    def __init__(self, parent):
        super().__init__(parent)
        pin = QtWidgets.QPushButton(self, objectName="PinButton")
        self.pinButton = lambda: pin


@add_class
class qMRMLSliceWidget(qMRMLWidget):
    """One slice view of the layout."""

    def __init__(self, node, application_logic):
        super().__init__()
        node.SetDimensions(*VIEW_SIZE, 1)
        logic = slicer_core.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(application_logic)
        logic.SetMRMLScene(node.GetScene())
        logic.SetSliceNode(node)
        application_logic.GetSliceLogics().AddItem(logic)
        view, controller = qMRMLSliceView(logic), qMRMLSliceControllerWidget(self)
        self.sliceController = lambda: controller
        self.sliceView, self.sliceLogic, self.mrmlSliceNode = lambda: view, lambda: logic, logic.GetSliceNode
        self.setMRMLScene(node.GetScene())


@add_class
class qSlicerLayoutManager(QtCore.QObject):
    """Has a slice widget for every slice node of the scene; views of other kinds are ignored."""

    def __init__(self, application_logic):
        super().__init__()
        scene, self._application_logic, self._widgets = application_logic.GetMRMLScene(), application_logic, {}
        slicer_core.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene)
        scene.AddObserver(scene.NodeAddedEvent, self._node_added)
        scene.AddObserver(scene.NodeRemovedEvent, self._node_removed)
        logic = slicer_core.vtkMRMLLayoutLogic()
        logic.SetMRMLApplicationLogic(application_logic)
        logic.SetMRMLScene(scene)
        self.layoutLogic, self.mrmlSliceLogics = lambda: logic, application_logic.GetSliceLogics
        self.sliceViewNames, self.sliceWidget = lambda: list(self._widgets), self._widgets.get

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_added(self, scene, event, node):
        if node.IsA("vtkMRMLSliceNode"):
            self._widgets[node.GetLayoutName()] = qMRMLSliceWidget(node, self._application_logic)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_removed(self, scene, event, node):
        if node.IsA("vtkMRMLSliceNode"):
            self.mrmlSliceLogics().RemoveItem(self._widgets.pop(node.GetLayoutName()).sliceLogic())

    def resetSliceViews(self):
        for widget in self._widgets.values():
            widget.sliceLogic().FitSliceToBackground()

    def setLayout(self, layout):
        self.layoutLogic().GetLayoutNode().SetViewArrangement(layout)

    layout = QtCore.Property(int, lambda self: self.layoutLogic().GetLayoutNode().GetViewArrangement(), setLayout)
