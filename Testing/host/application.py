"""Stand-ins for the application and the modules that are loaded in it.

Methods that only return something are attributes set by whoever knows it (mostly the host).
"""

import sys

from PySide6 import QtCore, QtWidgets

from mrml_widgets import qMRMLWidget
from pythonqt import add_class, wrap

MODULE_LOGICS = {
    "Markups": "vtkSlicerMarkupsLogic", "Sequences": "vtkSlicerSequencesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic", "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Tables": "vtkSlicerTablesLogic", "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Transforms": "vtkSlicerTransformLogic", "Volumes": "vtkSlicerVolumesLogic",
}


class qSlicerScriptedLoadableModule:
    """What a scripted module's class is given as `parent`: its description, and its panel when asked for."""

    LISTS = ("categories", "dependencies", "contributors")
    TEXTS = ("title", "helpText", "acknowledgementText")
    OTHERS = ("name", "path", "_scene", "_widget")

    def __init__(self, name, path, scene):
        self.name, self.path, self._scene, self._widget = name, path, scene, None

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
            self._widget = qSlicerScriptedLoadableModuleWidget(self.name, self._scene)
            self._widget.setup()
        return wrap(self._widget)


@add_class
class qSlicerScriptedLoadableModuleWidget(qMRMLWidget):
    """The C++ half of a module's panel: `parent` for the Python half, whose enter and exit it looks up once."""

    isEntered = QtCore.Property(bool, lambda self: self._entered)

    def __init__(self, name, scene):
        super().__init__(objectName=name + "ModuleWidget")
        self._name, self._entered = name, False
        QtWidgets.QVBoxLayout(self)
        self.setMRMLScene(scene)

    def setup(self):
        import slicer
        name = self._name + "Widget"
        panel = getattr(sys.modules[self._name], name)(wrap(self))
        self.self, self._enter, self._exit = (
            lambda: panel, getattr(panel, "enter", lambda: None), getattr(panel, "exit", lambda: None))
        setattr(slicer.modules, name, panel)
        panel.setup()

    def enter(self):
        self._entered = True
        self._enter()

    def exit(self):
        self._entered = False
        self._exit()


class QCursor:
    """PythonQt's QCursor, as far as slicer.util needs it."""

    def __init__(self, shape):
        self._shape = int(shape)

    def shape(self):
        return self._shape


@add_class
class qSlicerApplication(QtWidgets.QApplication):
    startupCompleted = QtCore.Signal()
    slicerUserSettingsFilePath = QtCore.Property(str, lambda self: self._settings)

    def __init__(self):
        super().__init__(["Slicer"])
        self.setApplicationName("Slicer")
        self._cursors, self._settings = [], ""

    def setOverrideCursor(self, cursor):
        self._cursors.append(cursor if isinstance(cursor, QCursor) else QCursor(cursor))

    def restoreOverrideCursor(self):
        del self._cursors[-1:]

    def overrideCursor(self):
        return self._cursors[-1] if self._cursors else None
