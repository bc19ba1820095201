"""The four base classes of a scripted module, as slicer.md 1.2 describes them, without developer mode."""

import os
import unittest

import slicer

__all__ = ["ScriptedLoadableModule", "ScriptedLoadableModuleWidget", "ScriptedLoadableModuleLogic",
           "ScriptedLoadableModuleTest"]


class ScriptedLoadableModule:
    """The module's description, written to `parent`."""

    def __init__(self, parent):
        self.parent, self.moduleName = parent, type(self).__name__
        parent.title, parent.categories, parent.dependencies, parent.contributors = "", [], [], []
        parent.helpText = parent.acknowledgementText = ""


class ScriptedLoadableModuleWidget:
    """The panel: `parent` is the C++ widget it is built in."""

    def __init__(self, parent):
        super().__init__()
        self.moduleName, self.parent, self.layout = type(self).__name__.removesuffix("Widget"), parent, parent.layout()

    def resourcePath(self, filename):
        return os.path.join(os.path.dirname(slicer.util.modulePath(self.moduleName)), "Resources", filename)

    def setup(self):
        """For the module to extend."""

    def cleanup(self):
        """For the module to override; called when the module is unloaded."""


class ScriptedLoadableModuleLogic:
    """Owns the parameter node, one a scene."""

    isSingletonParameterNode = property(lambda self: True)

    def __init__(self, parent=None):
        self.moduleName = type(self).__name__.removesuffix("Logic")

    def getParameterNode(self):
        node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)
            node.SetSingletonTag(self.moduleName)
            node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
            node = slicer.mrmlScene.AddNode(node)
        node.SetAttribute("ModuleName", self.moduleName)    # closing the scene may have removed it
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """Self-tests are for the application itself to run."""
