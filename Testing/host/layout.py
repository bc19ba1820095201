"""Stand-ins for the layout manager and the slice views, driven by the real layout logic and slice logics."""

import slicer_core
import vtk
from PySide6 import QtCore

from ctk_widgets import constant, qt_property
from mrml_widgets import qMRMLWidget

VIEW_SIZE = (320, 256)  # pixels of a slice view until somebody resizes it


class qMRMLSliceView(qMRMLWidget):
    """The picture: a real off-screen render window, made when asked for. Nothing is drawn before forceRender."""

    def __init__(self, logic):
        super().__init__()
        corner, self._window, self._logic = vtk.vtkCornerAnnotation(), None, logic
        self.cornerAnnotation, self.mrmlSliceNode = lambda: corner, logic.GetSliceNode
        self.scheduleRender = lambda: None

    def renderWindow(self):
        if self._window is None:
            self._actor, renderer = vtk.vtkImageActor(), vtk.vtkRenderer()
            renderer.AddActor(self._actor)
            renderer.AddViewProp(self.cornerAnnotation())
            self._window = vtk.vtkRenderWindow()
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


class qMRMLSliceControllerWidget(qMRMLWidget):
    """The bar above a slice view."""

    def __init__(self, logic):
        super().__init__()
        self.sliceLogic, self.mrmlSliceNode = lambda: logic, logic.GetSliceNode
        self.fitSliceToBackground, self.setSliceOffsetValue = logic.FitSliceToBackground, logic.SetSliceOffset


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
        view, controller = qMRMLSliceView(logic), qMRMLSliceControllerWidget(logic)
        self.sliceView, self.sliceController = lambda: view, lambda: controller
        self.sliceLogic = self.logic = lambda: logic
        self.mrmlSliceNode = self.mrmlAbstractViewNode = logic.GetSliceNode
        self.mrmlSliceCompositeNode, self.fitSliceToBackground = logic.GetSliceCompositeNode, logic.FitSliceToBackground
        self.setMRMLScene(node.GetScene())

    sliceViewName = QtCore.Property(str, lambda self: self.mrmlSliceNode().GetLayoutName())


class qSlicerLayoutManager(QtCore.QObject):
    """Has a slice widget for every slice node of the scene; views of other kinds are ignored."""

    layoutChanged = QtCore.Signal(int)
    SIGNALS = {"layoutChanged()": "layoutChanged"}
    threeDViewCount, tableViewCount, plotViewCount = constant(int, 0), constant(int, 0), constant(int, 0)
    enabled = qt_property(bool, "enabled")

    def __init__(self, application_logic):
        super().__init__()
        self._enabled, self._widgets, self._arrangement = True, {}, None
        scene, self._application_logic = application_logic.GetMRMLScene(), application_logic
        slicer_core.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene)
        scene.AddObserver(scene.NodeAddedEvent, self._node_added)
        scene.AddObserver(scene.NodeRemovedEvent, self._node_removed)
        logic = slicer_core.vtkMRMLLayoutLogic()
        logic.SetMRMLApplicationLogic(application_logic)
        logic.SetMRMLScene(scene)
        self.layoutLogic, self.mrmlScene = lambda: logic, application_logic.GetMRMLScene
        self.mrmlSliceLogics, self.sliceWidget = application_logic.GetSliceLogics, self._widgets.get
        self.sliceViewNames = lambda: list(self._widgets)
        self.resetSliceViews = lambda: [widget.fitSliceToBackground() for widget in self._widgets.values()] and None
        self.resetThreeDViews = self.pauseRender = self.resumeRender = lambda: None
        logic.GetLayoutNode().AddObserver(vtk.vtkCommand.ModifiedEvent, self._layout_modified)

    def _layout_modified(self, node, event):
        if node.GetViewArrangement() != self._arrangement:
            self._arrangement = node.GetViewArrangement()
            self.layoutChanged.emit(self._arrangement)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_added(self, scene, event, node):
        if node.IsA("vtkMRMLSliceNode"):
            self._widgets[node.GetLayoutName()] = qMRMLSliceWidget(node, self._application_logic)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_removed(self, scene, event, node):
        if node.IsA("vtkMRMLSliceNode"):
            self.mrmlSliceLogics().RemoveItem(self._widgets.pop(node.GetLayoutName()).sliceLogic())

    def setLayout(self, layout):
        self.layoutLogic().GetLayoutNode().SetViewArrangement(layout)

    layout = QtCore.Property(int, lambda self: self._arrangement, setLayout)


WIDGETS = [qMRMLSliceView, qMRMLSliceControllerWidget, qMRMLSliceWidget, qSlicerLayoutManager]
