"""The four base classes of a scripted module, as slicer.md 1.2 describes them."""

import os
import sys
import unittest

import qt
import slicer

__all__ = ["ScriptedLoadableModule", "ScriptedLoadableModuleWidget", "ScriptedLoadableModuleLogic",
           "ScriptedLoadableModuleTest"]


class ScriptedLoadableModule:
    """The module's description, written to `parent`; also the way to its tests."""

    def __init__(self, parent):
        super().__init__()
        self.parent, self.moduleName = parent, type(self).__name__
        parent.title, parent.categories, parent.dependencies, parent.contributors = "", [], [], []
        parent.helpText = parent.acknowledgementText = ""
        icons = [self.resourcePath(f"Icons/{self.moduleName}{ending}") for ending in (".svg", ".png")]
        parent.icon = next((qt.QIcon(icon) for icon in icons if os.path.isfile(icon)), None)
        vars(slicer).setdefault("selfTests", {})[self.moduleName] = self.runTest

    def resourcePath(self, filename):
        return os.path.join(os.path.dirname(self.parent.path), "Resources", filename)

    def runTest(self, msec=100, **kwargs):
        case = getattr(sys.modules[type(self).__module__], self.moduleName + "Test")()
        case.messageDelay = msec
        case.runTest(**kwargs)


class ScriptedLoadableModuleWidget:
    """The panel: `parent` is the C++ widget it is built in, or a new top-level one. Never in developer mode."""

    developerMode = False

    def __init__(self, parent=None):
        super().__init__()
        self.moduleName, self.parent = type(self).__name__.removesuffix("Widget"), parent
        if not parent:
            self.parent = slicer.qMRMLWidget()
            self.parent.setLayout(qt.QVBoxLayout())
            self.parent.setMRMLScene(slicer.mrmlScene)
        self.layout = self.parent.layout()
        if not parent:
            self.setup()
            self.parent.show()
        slicer.app.moduleManager().connect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)

    def resourcePath(self, filename):
        return os.path.join(os.path.dirname(slicer.util.modulePath(self.moduleName)), "Resources", filename)

    def setup(self):
        """For the module to extend."""

    def cleanup(self):
        """For the module to override; called when the module is unloaded or reloaded."""

    def onReload(self):
        slicer.util.reloadScriptedModule(self.moduleName)

    def _onModuleAboutToBeUnloaded(self, moduleName):
        if moduleName == self.moduleName:
            self.cleanup()
            slicer.app.moduleManager().disconnect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)


class ScriptedLoadableModuleLogic:
    """Owns the parameter node, one a scene unless `isSingletonParameterNode` is turned off."""

    def __init__(self, parent=None):
        super().__init__()
        self.moduleName, self.isSingletonParameterNode = type(self).__name__.removesuffix("Logic"), True

    def getParameterNode(self):
        if self.isSingletonParameterNode:
            node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
            if node:
                node.SetAttribute("ModuleName", self.moduleName)    # closing the scene may have removed it
                return node
        return next(iter(self.getAllParameterNodes()), None) or slicer.mrmlScene.AddNode(self.createParameterNode())

    def getAllParameterNodes(self):
        nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
        return [node for node in nodes if node.GetAttribute("ModuleName") == self.moduleName]

    def createParameterNode(self):
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)
        if self.isSingletonParameterNode:
            node.SetSingletonTag(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """Runs every method with "test" in its name, as the application's self-test does."""

    messageDelay = 100

    def delayDisplay(self, message, requestedDelay=None, msec=None):
        slicer.util.delayDisplay(message, self.messageDelay)

    def runTest(self):
        for name in [name for name in dir(self) if "test" in name and callable(getattr(self, name))]:
            self.setUp()
            getattr(self, name)()
            self.tearDown()
