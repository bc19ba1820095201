"""A small scripted module and its .ui file, written by the host's own tests."""

MODULE = """
import enum
from typing import Annotated

import qt
import slicer
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin
from slicer import vtkMRMLLabelMapVolumeNode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode


class Mode(enum.Enum):
    FAST = 1
    GOOD = 2

    def label(self):
        return self.name.lower()


@parameterNodeWrapper
class ExampleParameterNode:
    source: vtkMRMLScalarVolumeNode
    labels: vtkMRMLSegmentationNode | vtkMRMLLabelMapVolumeNode | None
    percent: Annotated[float, WithinRange(0, 100)] = 50.0
    scale: float
    live: bool = True
    mode: Mode = Mode.GOOD
    first: Mode


class Example(ScriptedLoadableModule):
    def __init__(self, parent):
        super().__init__(parent)
        self.parent.title = _("Example")
        self.parent.categories = ["Examples"]
        self.events = []
        slicer.app.connect("startupCompleted()", lambda: self.events.append("started"))


class ExampleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = self.parameters = None
        self.events = []

    def setup(self):
        super().setup()
        top = slicer.util.loadUI(self.resourcePath("UI/Example.ui"))
        self.layout.addWidget(top)
        self.ui = slicer.util.childWidgetVariables(top)
        top.setMRMLScene(slicer.mrmlScene)
        self.logic = ExampleLogic()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onEndClose)
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.events.append("setup")

    def enter(self):
        self.events.append("enter")
        self.parameters = ExampleParameterNode(self.logic.getParameterNode())
        self.tag = self.parameters.connectGui(self.ui)

    def exit(self):
        self.events.append("exit")
        if self.parameters:
            self.parameters.disconnectGui(self.tag)
            self.parameters = None

    def cleanup(self):
        self.events.append("cleanup")
        self.removeObservers()

    def onStartClose(self, caller, event):
        self.events.append("start close")
        if self.parameters:
            self.parameters.disconnectGui(self.tag)
            self.parameters = None

    def onEndClose(self, caller, event):
        self.events.append("end close")
        if self.parent.isEntered:
            self.enter()

    def onApply(self):
        with slicer.util.tryWithErrorDisplay(_("It failed."), waitCursor=True):
            raise ValueError("no source")


class ExampleLogic(ScriptedLoadableModuleLogic):
    def getParameterNode(self):
        return super().getParameterNode()


class ExampleTest(ScriptedLoadableModuleTest):
    pass
"""

UI = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0">
 <class>Example</class>
 <widget class="qMRMLWidget" name="Example">
  <layout class="QVBoxLayout" name="topLayout">
   <item><widget class="ctkCollapsibleButton" name="inputsSection">
    <property name="text"><string>Inputs</string></property>
    <layout class="QFormLayout" name="inputsLayout">
     <item row="0" column="0"><widget class="QLabel" name="sourceLabel">
      <property name="text"><string>Source:</string></property></widget></item>
     <item row="0" column="1"><widget class="qMRMLNodeComboBox" name="sourceSelector">
      <property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
      <property name="showChildNodeTypes"><bool>false</bool></property>
      <property name="addEnabled"><bool>false</bool></property>
      <property name="SlicerParameterName" stdset="0"><string>source</string></property></widget></item>
     <item row="1" column="1"><widget class="qMRMLNodeComboBox" name="labelsSelector">
      <property name="noneEnabled"><bool>true</bool></property>
      <property name="SlicerParameterName" stdset="0"><string>labels</string></property></widget></item>
     <item row="2" column="1"><widget class="qMRMLNodeComboBox" name="lonelySelector">
      <property name="nodeTypes"><stringlist><string>vtkMRMLNode</string></stringlist></property></widget></item>
    </layout></widget></item>
   <item><widget class="ctkCollapsibleButton" name="morphSection">
    <property name="text"><string>Morph</string></property>
    <property name="collapsed"><bool>true</bool></property>
    <layout class="QFormLayout" name="morphLayout">
     <item row="0" column="1"><widget class="ctkSliderWidget" name="percentSlider">
      <property name="suffix"><string> %</string></property>
      <property name="SlicerParameterName" stdset="0"><string>percent</string></property></widget></item>
     <item row="2" column="1"><widget class="QCheckBox" name="liveBox">
      <property name="text"><string>Live</string></property>
      <property name="SlicerParameterName" stdset="0"><string>live</string></property></widget></item>
     <item row="3" column="1"><widget class="QComboBox" name="modeBox">
      <property name="SlicerParameterName" stdset="0"><string>mode</string></property></widget></item>
    </layout></widget></item>
   <item><widget class="QPushButton" name="applyButton">
    <property name="enabled"><bool>true</bool></property>
    <property name="text"><string>Apply</string></property></widget></item>
   <item><spacer name="spacer"><property name="orientation"><enum>Qt::Vertical</enum></property></spacer></item>
  </layout>
 </widget>
 <customwidgets>
  <customwidget><class>qMRMLWidget</class><extends>QWidget</extends><header>qMRMLWidget.h</header>
   <container>1</container></customwidget>
  <customwidget><class>ctkCollapsibleButton</class><extends>QWidget</extends>
   <header>ctkCollapsibleButton.h</header><container>1</container></customwidget>
  <customwidget><class>ctkSliderWidget</class><extends>QWidget</extends><header>ctkSliderWidget.h</header>
  </customwidget>
  <customwidget><class>qMRMLNodeComboBox</class><extends>QWidget</extends><header>qMRMLNodeComboBox.h</header>
  </customwidget>
 </customwidgets>
 <connections>
  <connection><sender>Example</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
   <receiver>sourceSelector</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection>
  <connection><sender>Example</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
   <receiver>labelsSelector</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection>
 </connections>
</ui>
"""


def write_module(folder):
    """The path of Example.py, with its .ui beside it."""
    (folder / "Resources" / "UI").mkdir(parents=True)
    (folder / "Resources" / "UI" / "Example.ui").write_text(UI, encoding="utf-8")
    path = folder / "Example.py"
    path.write_text(MODULE, encoding="utf-8")
    return path
