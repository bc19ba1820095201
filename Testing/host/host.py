"""The application for tests: real MRML, strict Qt, no screen. `Host()` once a process, `reset()` before each test."""

import importlib.util
import os
import shutil
import sys
import tempfile
import time
import types
from pathlib import Path

import vtk
from vtkmodules.util.numpy_support import vtk_to_numpy

import application
import qt
import slicer
import slicer.packaging
from ctk_widgets import RecordingMessageBox
from layout import qSlicerLayoutManager
from pythonqt import CLASSES, disconnect_all, wrap


def _tidy_slicer_package():
    """Undo what the wheel's package does beyond the application: it copies every module's public names into itself."""
    own = {name: module for name, module in sys.modules.items() if name.startswith("slicer.")}
    for module in own.values():
        for name in set(vars(module)) & set(vars(slicer)):
            if name[0] != "_" and getattr(slicer, name) is vars(module)[name] and not hasattr(slicer.slicer_core, name):
                delattr(slicer, name)
    for name, module in own.items():
        setattr(slicer, name.removeprefix("slicer."), module)


class Host:
    """A running application.

    `messages` are the (kind, text) of all message boxes, `answers` what the next questions are answered (True for
    Ok, Yes or Retry; without one the answer is No), `slot_errors` the exceptions that a slot or an observer raised.
    """

    def __init__(self, main_window=True, layout_manager=True):
        _tidy_slicer_package()
        self.messages, self.answers, self.slot_errors = RecordingMessageBox.messages, RecordingMessageBox.answers, []
        self._home, self._opened = tempfile.mkdtemp(prefix="host-"), []
        self._make_home()
        self._hook, sys.excepthook = sys.excepthook, self._note_error
        self._app = application.qSlicerApplication(self._home)
        slicer.app, slicer.qSlicerScriptedLoadableModule = wrap(self._app), application.qSlicerScriptedLoadableModule
        vars(slicer).update({name: kind for name, kind in CLASSES.items() if name.startswith(("qMRML", "qSlicer"))})
        self._start_logic()
        self.reset(main_window, layout_manager)

    def _make_home(self):
        """The application's folders; its Python is on PATH under the name PythonSlicer."""
        for name in ("bin", "temporary", "scenes", "cache"):
            Path(self._home, name).mkdir()
        script = Path(self._home, "bin", "PythonSlicer")
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        script.chmod(0o755)
        os.environ["PATH"] = f"{script.parent}{os.pathsep}{os.environ['PATH']}"

    def _note_error(self, kind, error, traceback):
        self.slot_errors.append(error)
        self._hook(kind, error, traceback)

    def _start_logic(self):
        """The scene and the logics; they live as long as the process, as in Slicer."""
        scene, self._logic = slicer.vtkMRMLScene(), slicer.vtkSlicerApplicationLogic()
        self._logic.SetHomeDirectory(self._home)
        self._logic.SetTemporaryPath(self._app.temporaryPath)
        self._logic.SetMRMLScene(scene)
        self._logic.SetSliceLogics(vtk.vtkCollection())
        self._logic.GetColorLogic().SetMRMLScene(scene)
        self._logic.GetColorLogic().AddDefaultColorNodes()
        slicer.mrmlScene, self._core_modules = scene, []
        for name, kind in application.MODULE_LOGICS.items():
            logic = getattr(slicer, kind)()
            logic.SetMRMLApplicationLogic(self._logic)
            vtk.vtkObject.GlobalWarningDisplayOff()     # the wheel has no terminology files, and says so
            logic.SetMRMLScene(scene)
            vtk.vtkObject.GlobalWarningDisplayOn()
            self._core_modules.append(application.Module(name, logic))
        self._layout_manager = qSlicerLayoutManager(self._logic)
        self._app.mrmlScene, self._app.applicationLogic = lambda: scene, lambda: self._logic
        self._app.userSettings = self._app.settings = self._app.revisionUserSettings = qt.IsolatedSettings

    def reset(self, main_window=True, layout_manager=True, testing=False):
        """An empty scene, no modules opened, nothing recorded, default settings."""
        self._close_modules()
        for record in (self.messages, self.answers, self.slot_errors):
            record.clear()
        slicer.packaging.reset()
        qt.QSettings().clear()
        disconnect_all(slicer.app)
        app, options = self._app, types.SimpleNamespace(noMainWindow=not main_window)
        while app.overrideCursor():
            app.restoreOverrideCursor()
        app.testingEnabled, app.commandOptions = lambda: testing, lambda: options
        app.layoutManager = lambda: self._layout_manager if layout_manager else None
        self._empty_scene()
        slicer.modules = types.ModuleType("modules")
        vars(slicer.modules).update({module.name.lower(): module for module in self._core_modules})
        self._modules = {module.name: module for module in self._core_modules}
        manager = app.moduleManager()
        manager.module, manager.isLoaded = self._modules.get, self._modules.__contains__
        manager.modulesNames = lambda: list(self._modules)
        self._selector = application.qSlicerModuleSelectorToolBar(manager)
        self._window = application.qSlicerMainWindow(self._selector) if main_window else None

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
        while self._opened:
            module = self._opened.pop()
            if module._widget is not None and module._widget.isEntered:
                module._widget.exit()
            self._app.moduleManager().moduleAboutToBeUnloaded.emit(module.name)
            sys.modules.pop(module.name, None)

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
        self._app.moduleManager().moduleLoaded.emit(name)
        self._app.startupCompleted.emit()
        return module

    def open_module(self, path):
        """Load a scripted module, set up its panel and enter it; the module's Widget instance."""
        module = self.load_module(path)
        self._selector.selectModule(module.name)
        return module._widget.self()

    def enter(self, panel):
        """Open a module's panel, as by the module selector."""
        self._selector.selectModule(panel.moduleName)

    def leave(self, panel):
        """Go to another module, which has no panel here."""
        self._selector.selectModule("Welcome")

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
        slicer.mrmlScene.Clear(0)
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

    def choose(self, selector, text):
        """What a user does in a node selector or combo box: pick the item of that text."""
        combo = getattr(selector._qt, "combo", selector._qt)
        row = combo.findText(text)
        if row < 0:
            raise ValueError(f"no item '{text}' in {[combo.itemText(i) for i in range(combo.count())]}")
        if combo.itemData(row) is not None or combo is selector._qt:
            combo.setCurrentIndex(row)
        combo.activated.emit(row)

    def drag(self, slider, values):
        """What a user does with the mouse on a ctkSliderWidget: press, move over the values, release."""
        slider._qt.startChanging()
        for value in values:
            slider._qt.spin.setValue(value)
        slider._qt.stopChanging()

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
        if not widget.grab().save(str(path)):
            raise RuntimeError(f"{path} was not written")

    def quit(self):
        """Leave the modules and quit: aboutToQuit is emitted, temporary files go."""
        self._close_modules()
        slicer.app.aboutToQuit()
        shutil.rmtree(self._home, ignore_errors=True)
        shutil.rmtree(os.path.dirname(qt.IsolatedSettings.FILE), ignore_errors=True)
