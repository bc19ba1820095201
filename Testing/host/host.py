"""The application for tests: real MRML, strict Qt, no screen. `Host()` once a process, `reset()` before each test."""

import importlib.util
import os
import shutil
import sys
import tempfile
import time
import types
from pathlib import Path

import slicer_core
import vtk
from PySide6 import QtGui, QtWidgets
from PySide6.QtTest import QTest
from vtkmodules.util.numpy_support import vtk_to_numpy

import application
import qt
import segment_editor  # noqa: F401  (registers the widget)
import slicer
from ctk_widgets import ctkMessageBox
from layout import qSlicerLayoutManager
from mrml_widgets import qMRMLNodeComboBox
from pythonqt import CLASSES, disconnect, wrap


def _tidy_slicer_package():
    """Undo what the wheel's package does beyond the application: it copies every module's public names into itself."""
    for name in [name for name in vars(slicer) if name[0] != "_" and not hasattr(slicer_core, name)]:
        delattr(slicer, name)
    for name in [name for name in sys.modules if name.startswith("slicer.")]:
        setattr(slicer, name.removeprefix("slicer."), sys.modules[name])


class Host:
    """A running application.

    `messages` are the (kind, text) of all message boxes, `answers` what the next questions are answered (True for
    Ok, Yes or Retry; without one the answer is No), `slot_errors` the exceptions that a slot or an observer raised.
    """

    def __init__(self, main_window=True, layout_manager=True):
        _tidy_slicer_package()
        self.messages, self.answers, self.slot_errors = ctkMessageBox.messages, ctkMessageBox.answers, []
        self._home, self._opened, self._entered = tempfile.mkdtemp(prefix="host-"), [], None
        self._hook, sys.excepthook = sys.excepthook, self._note_error
        self._app = application.qSlicerApplication()
        self._app._settings = os.path.join(self._home, "Slicer.ini")
        slicer.app = qt.QApplication = wrap(self._app)
        slicer.qSlicerScriptedLoadableModule = application.qSlicerScriptedLoadableModule
        for name in ("qMRMLWidget", "qMRMLNodeComboBox", "qMRMLSegmentEditorWidget",
                     "qSlicerScriptedLoadableModuleWidget"):
            setattr(slicer, name, CLASSES[name])
        self._start_logic()
        self.reset(main_window, layout_manager)

    def _note_error(self, kind, error, traceback):
        self.slot_errors.append(error)
        self._hook(kind, error, traceback)

    def _start_logic(self):
        """The scene and the logics; they live as long as the process, as in Slicer."""
        slicer.mrmlScene, self._logic = slicer.vtkMRMLScene(), slicer.vtkSlicerApplicationLogic()
        self._logic.SetHomeDirectory(self._home)
        self._logic.SetTemporaryPath(self._home)
        self._logic.SetMRMLScene(slicer.mrmlScene)
        self._logic.SetSliceLogics(vtk.vtkCollection())
        self._logic.GetColorLogic().SetMRMLScene(slicer.mrmlScene)
        self._logic.GetColorLogic().AddDefaultColorNodes()
        self._core_modules = {}
        for name, kind in application.MODULE_LOGICS.items():
            logic = getattr(slicer, kind)()
            logic.SetMRMLApplicationLogic(self._logic)
            vtk.vtkObject.GlobalWarningDisplayOff()     # the wheel has no terminology files, and says so
            logic.SetMRMLScene(slicer.mrmlScene)
            vtk.vtkObject.GlobalWarningDisplayOn()
            self._core_modules[name] = types.SimpleNamespace(name=name, logic=lambda logic=logic: logic)
        self._layout_manager = qSlicerLayoutManager(self._logic)
        self._app.mrmlScene, self._app.applicationLogic = lambda: slicer.mrmlScene, lambda: self._logic

    def reset(self, main_window=True, layout_manager=True, testing=False):
        """An empty scene, no modules opened, nothing recorded."""
        self._close_modules()
        for record in (self.messages, self.answers, self.slot_errors, self._app._cursors):
            record.clear()
        for signal in ("startupCompleted()", "aboutToQuit()", "applicationStateChanged(Qt::ApplicationState)"):
            disconnect(slicer.app, signal)
        self._app.testingEnabled = lambda: testing
        self._app.layoutManager = lambda: self._layout_manager if layout_manager else None
        self._empty_scene()
        self._modules, slicer.modules = dict(self._core_modules), types.ModuleType("modules")
        vars(slicer.modules).update({name.lower(): module for name, module in self._modules.items()})
        manager = types.SimpleNamespace(module=self._modules.get)
        self._app.moduleManager = lambda: manager
        self._window = QtWidgets.QWidget(objectName="qSlicerMainWindow") if main_window else None
        # Not Qt's own list: PySide6 may crash over one of Qt's helper windows that is just being destroyed.
        self._app.topLevelWidgets = lambda: [self._window] if main_window else []
        self.data_probe = QtWidgets.QWidget(self._window, objectName="DataProbeCollapsibleWidget")

    def _empty_scene(self):
        """Close the scene; parameter nodes and views of a test's own layouts are singletons and would survive."""
        slicer.mrmlScene.Clear(0)
        self._layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)
        views = slicer.util.getNodesByClass("vtkMRMLSliceNode")
        for node in [*slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode"), *views]:
            if node not in views or node.GetLayoutName() not in ("Red", "Green", "Yellow"):
                slicer.mrmlScene.RemoveNode(node)

    def _close_modules(self):
        """Leave and unload what a test opened."""
        self._enter(None)
        while self._opened:
            module = self._opened.pop()
            if module._widget is not None:
                module._widget.self().cleanup()
                for box in module._widget.findChildren(qMRMLNodeComboBox):
                    box.retire()
            sys.modules.pop(module.name, None)

    def _enter(self, name):
        """Leave the panel that is shown and show another, or none."""
        if name != self._entered:
            for method, each in (("exit", self._entered), ("enter", name)):
                if each is not None:
                    getattr(self._modules[each].widgetRepresentation(), method)()
            self._entered = name

    def load_module(self, path):
        """Load a scripted module as the application does at its start; the panel is not made yet."""
        name, path = Path(path).stem, str(Path(path).resolve())
        if os.path.dirname(path) not in sys.path:
            sys.path.append(os.path.dirname(path))
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = python = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(python)
        module = application.qSlicerScriptedLoadableModule(name, path, slicer.mrmlScene)
        self._modules[name] = module
        self._opened.append(module)
        setattr(slicer.modules, name.lower(), module)
        setattr(slicer.modules, name + "Instance", getattr(python, name)(module))
        self._app.startupCompleted.emit()
        return module

    def open_module(self, path):
        """Load a scripted module, set up its panel and enter it; the module's Widget instance."""
        module = self.load_module(path)
        self._enter(module.name)
        return module._widget.self()

    def enter(self, panel):
        """Open a module's panel, as by the module selector."""
        self._enter(panel.moduleName)

    def leave(self, panel):
        """Go to another module, which has no panel here."""
        self._enter(None)

    def show(self, panel):
        """Put a panel on the screen as the active window, for keys to reach it."""
        window = panel.parent._qt.window()
        window.show()
        window.activateWindow()
        if not QTest.qWaitForWindowActive(window):
            raise RuntimeError("the window was not activated")

    def press(self, panel, *keys):
        """Press keys, such as "R" or "Backspace", in the panel's window: the shortcuts get them, else whoever has the
        focus."""
        window = panel.parent._qt.window()
        for key in keys:
            combined = QtGui.QKeySequence(key)[0]
            QTest.keyClick(self._app.focusWidget() or window, combined.key(), combined.keyboardModifiers())
            self._app.processEvents()

    def close_scene(self):
        """File / Close Scene."""
        slicer.mrmlScene.Clear(0)

    def save_scene(self, folder):
        """Save scene and data into a folder; the .mrml file."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        messages = slicer.vtkMRMLMessageCollection()
        if not self._logic.SaveSceneToSlicerDataBundleDirectory(str(folder), None, messages):
            raise RuntimeError(f"the scene was not saved: {messages.GetAllMessagesAsString()}")
        return next(Path(folder).glob("*.mrml"))

    def load_scene(self, mrml):
        """Close the scene and load another."""
        self.close_scene()
        slicer.mrmlScene.SetURL(str(mrml))
        if not slicer.mrmlScene.Import():
            raise RuntimeError(f"{mrml} was not loaded")

    def process_events(self, seconds=0.1, until=None):
        """Run the event loop for a while, or until something holds; whether it does (True without `until`)."""
        end = time.monotonic() + seconds
        while not (until and until()):
            self._app.processEvents()
            if time.monotonic() > end:
                return until is None
            time.sleep(0.005)
        return True

    def resize_view(self, name, width, height):
        """Give a slice view another size, in pixels."""
        self._layout_manager.sliceWidget(name).sliceLogic().ResizeSliceNode(width, height)

    def slice_pixels(self, name):
        """What a slice view shows: RGBA, rows from the top, (height, width, 4)."""
        port = self._layout_manager.sliceWidget(name).sliceLogic().GetImageDataConnection()
        if port is None:
            raise RuntimeError(f"nothing is shown in the view {name}")
        port.GetProducer().Update()
        image = port.GetProducer().GetOutputDataObject(port.GetIndex())
        width, height, _ = image.GetDimensions()
        return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[::-1]

    def grab(self, widget, path):
        """A picture of a widget as PNG."""
        self._app.processEvents()
        if not widget._qt.grab().save(str(path)):
            raise RuntimeError(f"{path} was not written")

    def quit(self):
        """Leave the modules and quit: aboutToQuit is emitted, temporary files go."""
        self._close_modules()
        self._app.aboutToQuit.emit()
        shutil.rmtree(self._home, ignore_errors=True)
