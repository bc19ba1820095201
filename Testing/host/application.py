"""Stand-ins for the application, its main window, and the modules that are loaded in it.

Methods that only return something are attributes set by whoever knows it (mostly the host).
"""

import sys

import slicer_core
from PySide6 import QtCore, QtWidgets

from ctk_widgets import constant
from mrml_widgets import qMRMLWidget
from pythonqt import wrap

MODULE_LOGICS = {
    "Annotations": "vtkSlicerAnnotationModuleLogic", "Cameras": "vtkSlicerCamerasModuleLogic",
    "Colors": "vtkSlicerColorLogic", "CropVolume": "vtkSlicerCropVolumeLogic", "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic", "Plots": "vtkSlicerPlotsLogic", "Tables": "vtkSlicerTablesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic", "Sequences": "vtkSlicerSequencesLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic", "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Texts": "vtkSlicerTextsLogic", "Transforms": "vtkSlicerTransformLogic", "Volumes": "vtkSlicerVolumesLogic",
}


class Module:
    """A module of the application (slicer.modules.volumes): its name and its logic."""

    def __init__(self, name, logic):
        self.name, self.title, self.path, self.logic = name, name, "", lambda: logic


class qSlicerScriptedLoadableModule:
    """What a scripted module's class is given as `parent`: its description, and its panel when asked for."""

    LISTS = ("categories", "dependencies", "contributors", "associatedNodeTypes")
    TEXTS = ("title", "helpText", "acknowledgementText")
    OTHERS = ("name", "path", "icon", "hidden", "index", "logic", "_scene", "_widget")

    def __init__(self, name, path, scene):
        logic = slicer_core.vtkSlicerScriptedLoadableModuleLogic()
        logic.SetMRMLScene(scene)
        self.name, self.title, self.path, self.icon, self.hidden = name, name, path, None, False
        self._scene, self._widget, self.logic = scene, None, lambda: logic
        self.categories = self.dependencies = self.contributors = self.associatedNodeTypes = ()

    def __setattr__(self, name, value):
        """The properties of the C++ class: lists become tuples; what does not exist is refused."""
        if name not in self.LISTS + self.TEXTS + self.OTHERS:
            raise AttributeError(f"'{name}' does not exist on {type(self).__name__} and creating new attributes on C++ "
                                 "objects is not allowed")
        kept = tuple(map(str, value)) if name in self.LISTS else str(value) if name in self.TEXTS else value
        super().__setattr__(name, kept)

    def widgetRepresentation(self):
        """The module's panel, set up when it is first asked for."""
        if self._widget is None:
            self._widget = qSlicerScriptedLoadableModuleWidget(self)
            self._widget.setMRMLScene(self._scene)
            self._widget.reload()
        return wrap(self._widget)


class qSlicerScriptedLoadableModuleWidget(qMRMLWidget):
    """The C++ half of a module's panel: `parent` for the Python half, whose enter and exit it looks up once."""

    isEntered = QtCore.Property(bool, lambda self: self._entered)

    def __init__(self, module):
        super().__init__()
        self._module, self._entered = module, False
        QtWidgets.QVBoxLayout(self)

    def reload(self):
        import slicer
        name = self._module.name + "Widget"
        panel = getattr(sys.modules[self._module.name], name)(wrap(self))
        self.self, self._enter, self._exit = (
            lambda: panel, getattr(panel, "enter", lambda: None), getattr(panel, "exit", lambda: None))
        setattr(slicer.modules, name, panel)
        self.setObjectName(self._module.name + "ModuleWidget")
        panel.setup()

    def enter(self):
        self._entered = True
        self._enter()

    def exit(self):
        self._entered = False
        self._exit()


class qSlicerModuleManager(QtCore.QObject):
    moduleLoaded = QtCore.Signal(str)
    moduleAboutToBeUnloaded = QtCore.Signal(str)


class qSlicerModuleSelectorToolBar(QtWidgets.QWidget):
    """Which module's panel is open: one is left before the next is entered."""

    def __init__(self, manager):
        super().__init__()
        self._manager, self._selected = manager, ""

    def selectModule(self, name):
        for method, module in (("exit", self._selected), ("enter", name)):
            loaded = self._manager.module(module)
            if name != self._selected and isinstance(loaded, qSlicerScriptedLoadableModule):
                getattr(loaded.widgetRepresentation(), method)()
        self._selected = name

    selectedModule = QtCore.Property(str, lambda self: self._selected, selectModule)


class qSlicerMainWindow(QtWidgets.QMainWindow):
    def __init__(self, selector):
        super().__init__(objectName="qSlicerMainWindow")
        self.setCentralWidget(selector)
        self.moduleSelector = lambda: selector


class qSlicerApplication(QtWidgets.QApplication):
    """The application object; `folder` is its home."""

    startupCompleted = QtCore.Signal()
    sceneChanged = QtCore.Signal(object)
    SIGNALS = {"mrmlSceneChanged(vtkMRMLScene*)": "sceneChanged"}
    majorVersion, minorVersion, isInstalled = constant(int, 5), constant(int, 13), constant(bool, True)
    applicationName = mainApplicationName = constant(str, "Slicer")
    applicationVersion, revision = constant(str, "5.13.0-2026-08-21"), constant(str, "34000")
    os, arch, platform = constant(str, "linux"), constant(str, "amd64"), constant(str, "linux-amd64")
    documentationBaseUrl = constant(str, "https://slicer.readthedocs.io/")
    slicerHome = QtCore.Property(str, lambda self: self._home)
    temporaryPath = QtCore.Property(str, lambda self: self._home + "/temporary")
    cachePath = QtCore.Property(str, lambda self: self._home + "/cache")
    defaultScenePath = QtCore.Property(str, lambda self: self._home + "/scenes")

    def __init__(self, folder):
        super().__init__(["Slicer"])
        self._home, manager = folder, qSlicerModuleManager()
        self.moduleManager = lambda: manager
        self.translate = lambda context, text: text
        self.pauseRender = self.resumeRender = lambda: None     # nothing is drawn unasked
        self.startupEnvironment = QtCore.QProcessEnvironment.systemEnvironment


CLASSES = [qSlicerScriptedLoadableModuleWidget, qSlicerModuleManager, qSlicerModuleSelectorToolBar, qSlicerMainWindow,
           qSlicerApplication]
