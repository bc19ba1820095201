"""The Qt host is as strict as Slicer: one test for each observed rule (../shared/pythonqt.md, probes in brackets)."""

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest
from example_module import UI, write_module

HOST = Path(__file__).resolve().parents[1] / "host"
OBSERVED = Path(__file__).resolve().parents[3] / "shared" / "slicer_api.json"


@pytest.fixture
def panel(host, tmp_path):
    return host.open_module(write_module(tmp_path))


@pytest.fixture
def qt(host):
    import qt
    return qt


@pytest.fixture
def ctk(host):
    import ctk
    return ctk


@pytest.fixture
def slicer(host):
    import slicer
    return slicer


def add_volume(slicer, name, **kwargs):
    import numpy as np
    voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    return slicer.util.addVolumeFromArray(voxels, name=name, **kwargs)


# PythonQt: attributes


def test_a_property_is_an_attribute_and_calling_it_fails(qt):  # [A1, A3, A7]
    label = qt.QLabel("text")
    assert (label.text, label.width, label.visible, label.isVisible()) == ("text", 640, False, False)
    with pytest.raises(TypeError, match="'str' object is not callable"):
        label.text()
    with pytest.raises(TypeError, match="'int' object is not callable"):
        label.width()


def test_an_unknown_attribute_is_refused(qt):  # [A11, A12, A17]
    label = qt.QLabel()
    with pytest.raises(AttributeError, match="QLabel has no attribute named 'foo'"):
        print(label.foo)
    with pytest.raises(AttributeError, match="'foo' does not exist on QLabel and creating new attributes on C"):
        label.foo = 3
    assert hasattr(label, "text") and not hasattr(label, "nope") and "text" in dir(label)


def test_what_exists_elsewhere_in_qt_does_not_exist_here(qt, ctk, slicer):
    for module, name in ((qt, "QLineEdit"), (qt, "QThread"), (qt, "QWebEngineView"), (ctk, "ctkRangeWidget"),
                         (slicer, "qMRMLSliderWidget"), (slicer, "tr")):
        with pytest.raises(AttributeError):
            getattr(module, name)
    with pytest.raises(AttributeError):
        ctk.ctkSliderWidget().setMinimum(3)     # only the property exists


@pytest.mark.parametrize("value, read", [(3.7, 3), (True, 1), (4, 4)])
def test_numbers_are_truncated_for_int(qt, value, read):  # [A8]
    bar = qt.QProgressBar()
    bar.value = value
    assert bar.value == read


def test_a_wrong_type_for_a_property_is_refused(qt):  # [A8]
    bar, box, label = qt.QProgressBar(), qt.QCheckBox(), qt.QLabel()
    with pytest.raises(AttributeError, match="Property 'value' of type 'int' does not accept an object of type str"):
        bar.value = "abc"
    with pytest.raises(AttributeError, match="Property 'enabled' of type 'bool' does not accept"):
        box.enabled = None
    with pytest.raises(AttributeError, match="Property 'font' of type 'QFont' does not accept"):
        label.font = 5
    box.checked, label.text = 1, None
    assert (box.checked, label.text) == (True, "None")


def test_read_only_properties_and_slots_cannot_be_written(qt):  # [A10, E5, H6, L1]
    with pytest.raises(AttributeError, match="Property 'width' of QWidget object is not writable"):
        qt.QWidget().width = 5
    with pytest.raises(AttributeError, match="Slot 'setText' can not be overwritten on QLabel object"):
        qt.QLabel().setText = print


def test_a_dynamic_property_becomes_an_attribute(qt):  # [A14, L27]
    label = qt.QLabel()
    assert label.setProperty("dyn", 5) is False and label.property("none") is None
    label.dyn = 6
    assert (label.dyn, label.property("dyn")) == (6, 6)


def test_name_is_the_object_name(qt):  # [A15]
    label = qt.QLabel()
    label.name = "abc"
    assert (label.name, label.objectName) == ("abc", "abc")


def test_methods_take_no_keywords_and_only_right_arguments(qt):  # [A16, C13, 9]
    for wrong in (lambda: qt.QLabel(text="x"), lambda: qt.QLabel().setText(text="x"), lambda: qt.QProgressBar()
                  .setValue("3"), lambda: qt.QProgressBar().setValue(None), lambda: qt.QProgressBar().setValue(),
                  lambda: qt.QComboBox().addItems(None), lambda: qt.QVBoxLayout().addWidget("x")):
        with pytest.raises(ValueError):
            wrong()


def test_enumerators_are_ints(qt):  # [C1, C2, C4]
    assert qt.Qt.AlignLeft == 1 and str(qt.Qt.AlignLeft) == "1" and qt.Qt.AlignmentFlag.AlignLeft == 1
    assert type(qt.QLabel().alignment) is int and type(qt.QComboBox().sizeAdjustPolicy) is int
    label = qt.QLabel()
    label.alignment = qt.Qt.AlignRight | qt.Qt.AlignVCenter
    assert label.alignment == 130


def test_lists_are_tuples_and_a_str_falls_apart(qt, slicer):  # [7, S3, L21]
    selector, widget = slicer.qMRMLNodeComboBox(), qt.QWidget()
    selector.nodeTypes = "abc"
    assert selector.nodeTypes == ("a", "b", "c") and widget.children() == ()
    with pytest.raises(TypeError):
        selector.nodeTypes + ["x"]


def test_isinstance_is_true_for_the_exact_class_only(qt):  # [D11]
    button = qt.QPushButton()
    assert isinstance(button, qt.QPushButton) and not isinstance(button, qt.QWidget)
    assert button.inherits("QWidget") and button.className() == "QPushButton" and type(button) is qt.QPushButton


def test_python_subclasses_are_not_done(qt):
    with pytest.raises(NotImplementedError):
        type("Mine", (qt.QWidget,), {})


def test_one_object_has_one_wrapper_and_children_are_attributes(qt):  # [D1, D2, G2]
    parent = qt.QWidget()
    child = qt.QLabel("t", parent)
    child.name = "child"
    assert parent.child is child and parent.children()[0] is child and child.parent() is parent
    assert parent.findChild(qt.QLabel, "child") is child and parent.findChild("QLabel", "child") is child
    assert parent.findChild("child") is None and parent.findChildren(qt.QLabel) == (child,)


def test_a_destroyed_object_raises_value_error(qt):  # [D6]
    label = qt.QLabel()
    label.delete()
    assert not label and label == None  # noqa: E711
    with pytest.raises(ValueError, match="Trying to read property 'text' on a destroyed QLabel object"):
        print(label.text)


def test_an_object_without_parent_or_reference_is_destroyed(qt, host):  # [F3]
    fired = []
    timer = qt.QTimer()
    timer.connect("timeout()", lambda: fired.append(1))
    timer.start(1)
    del timer
    host.process_events(0.05)
    assert fired == []


# PythonQt: signals


def test_connect_wants_the_signature(qt, capfd):  # [B1 to B4]
    bar = qt.QProgressBar()
    assert bar.connect("valueChanged(int)", print) is True
    for wrong in ("valueChanged", "valueChanged(double)", "noSuchSignal()"):
        assert bar.connect(wrong, print) is False
    assert capfd.readouterr().err.count("No such signal") == 3
    with pytest.raises(AttributeError):
        bar.noSuchSignal.connect(print)


def test_a_callable_gets_no_more_arguments_than_it_declares(qt, host):  # [B6, B7]
    button, got = qt.QPushButton(), []
    button.connect("clicked(bool)", lambda: got.append("none"))
    button.connect("clicked(bool)", lambda checked: got.append(checked))
    button.connect("clicked(bool)", lambda *args: got.append(args))
    button.connect("clicked(bool)", lambda name="default": got.append(name))
    button.clicked.connect(lambda checked: got.append(checked))
    button.connect("clicked()", lambda *args: got.append(args))
    button.connect("clicked()", lambda one, two: got.append("never"))
    button.click()
    assert got == ["none", False, (False,), False, False, ()]
    assert [type(error) for error in host.slot_errors] == [TypeError]
    host.slot_errors.clear()


def test_an_error_in_a_slot_is_printed_and_the_next_slot_runs(qt, host, capsys):  # [B14, L2, L3]
    bar, got = qt.QProgressBar(), []
    bar.connect("valueChanged(int)", lambda value: 1 / 0)
    bar.connect("valueChanged(int)", got.append)
    bar.value = 4
    assert got == [4] and "ZeroDivisionError" in capsys.readouterr().err
    assert [type(error) for error in host.slot_errors] == [ZeroDivisionError]
    host.slot_errors.clear()


def test_duplicate_connections_and_disconnect(qt):  # [B9, B10]
    button, got = qt.QPushButton(), []

    def slot():
        got.append(1)

    button.connect("clicked()", slot)
    button.connect("clicked()", slot)
    button.click()
    assert got == [1, 1]
    assert button.disconnect("clicked()", slot) is True and button.disconnect("clicked()", slot) is False
    with pytest.raises(ValueError):
        button.disconnect()


def test_connect_to_a_slot_and_emit_from_python(qt):  # [B12, B13, B15, B16]
    one, two, three = qt.QProgressBar(), qt.QProgressBar(), qt.QProgressBar()
    assert one.connect("valueChanged(int)", two, "setValue(int)")
    assert not one.connect("valueChanged(int)", two, "setValue(double)")
    one.connect("valueChanged(int)", three.setValue)
    one.value = 9
    assert (two.value, three.value) == (9, 9)
    one.valueChanged.emit(3)
    one.blockSignals(True)
    one.value = 12
    assert two.value == 3


def test_timers(qt, host):  # [F2, S20]
    fired, timer = [], qt.QTimer()
    timer.setInterval(5)
    timer.connect("timeout()", lambda: fired.append("timer"))
    timer.start()
    assert timer.interval == 5 and timer.active and callable(qt.QTimer.singleShot)
    qt.QTimer.singleShot(1, lambda: fired.append("shot"))
    assert host.process_events(2, until=lambda: {"timer", "shot"} <= set(fired))
    timer.stop()


# The widgets


def test_slider_widget(ctk, host):  # [K1]
    slider, got, moving = ctk.ctkSliderWidget(), [], []
    slider.minimum, slider.maximum, slider.decimals, slider.singleStep = -1, 1, 2, 0.1
    slider.connect("valueChanged(double)", got.append)
    slider.connect("valueIsChanging(double)", moving.append)
    slider.value = 0.5
    slider.value = 7
    assert slider.value == 1.0 and got == [0.5, 1.0] and moving == []
    slider.tracking = False
    host.drag(slider, [0.1, 0.2])
    assert moving == [0.1, 0.2] and got == [0.5, 1.0, 0.2]
    with pytest.raises(TypeError, match="'float' object is not callable"):
        slider.value()


def test_collapsible_button(qt, ctk):  # [K2]
    parent = qt.QWidget()
    section, got = ctk.ctkCollapsibleButton(parent), []
    inside = qt.QLabel("inside", section)
    section.connect("contentsCollapsed(bool)", got.append)
    parent.show()
    assert inside.visible
    section.collapsed = True
    inside.setVisible(True)
    assert got == [True] and not section.checked and not inside.visible
    section.collapsed = False
    assert inside.visible and got == [True, False]


def test_node_selector_follows_the_scene(slicer):  # [S1, S2, S17]
    selector, got = slicer.qMRMLNodeComboBox(), []
    selector.nodeTypes = ("vtkMRMLScalarVolumeNode",)
    assert not selector.enabled and selector.currentNode() is None
    selector.setMRMLScene(slicer.mrmlScene)
    first = add_volume(slicer, "first")
    assert selector.currentNode() is None and selector.nodeCount() == 1
    for signal in ("currentNodeChanged(vtkMRMLNode*)", "currentNodeChanged(bool)", "currentNodeIDChanged(QString)"):
        assert selector.connect(signal, got.append)
    selector.setCurrentNode(first)
    assert got == [first, True, first.GetID()] and selector.currentNodeID == first.GetID()
    first.SetName("renamed")
    assert selector._qt.combo.currentText() == "renamed"
    del got[:]
    slicer.mrmlScene.RemoveNode(first)
    assert got == [None, False, ""] and selector.currentNode() is None and selector.currentNodeID == ""
    for wrong in (3, "x"):
        with pytest.raises(TypeError, match="method requires a VTK object"):
            selector.setCurrentNode(wrong)
    with pytest.raises(TypeError, match="method requires a vtkMRMLNode, a vtkMRMLScene was provided."):
        selector.setCurrentNode(slicer.mrmlScene)
    with pytest.raises(TypeError, match="'str' object is not callable"):
        selector.currentNodeID()


def test_node_selector_filters(slicer):
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ("vtkMRMLScalarVolumeNode",)
    selector.setMRMLScene(slicer.mrmlScene)
    volume = add_volume(slicer, "volume")
    add_volume(slicer, "labels", nodeClassName="vtkMRMLLabelMapVolumeNode")
    assert selector.nodeCount() == 2
    selector.showChildNodeTypes = False
    assert selector.nodeCount() == 1
    selector.setCurrentNode(volume)
    volume.SetHideFromEditors(True)
    volume.Modified()
    assert selector.nodeCount() == 0 and selector.currentNode() is None
    selector.showHidden = True
    assert selector.nodeCount() == 1
    selector.addAttribute("vtkMRMLScalarVolumeNode", "Role", "path")
    assert selector.nodeCount() == 0
    volume.SetAttribute("Role", "path")
    assert selector.nodeCount() == 1


def test_node_selector_actions(slicer, host):
    selector, got = slicer.qMRMLNodeComboBox(), []
    selector.nodeTypes, selector.noneEnabled, selector.baseName = ("vtkMRMLScalarVolumeNode",), True, "Output"
    selector.setMRMLScene(slicer.mrmlScene)
    selector.connect("nodeAddedByUser(vtkMRMLNode*)", got.append)
    host.choose(selector, "Create new Volume")
    assert selector.currentNode() is got[0] and got[0].GetName() == "Output"
    host.choose(selector, "None")
    assert selector.currentNode() is None
    selector.setCurrentNode(got[0])
    host.choose(selector, "Delete current Volume")
    assert slicer.mrmlScene.GetNodeByID("vtkMRMLScalarVolumeNode1") is None
    selector.addEnabled = False
    with pytest.raises(ValueError):
        host.choose(selector, "Create new Volume")


def test_ui_files_are_checked(slicer, tmp_path):
    def load(text):
        (tmp_path / "x.ui").write_text(text)
        return slicer.util.loadUI(str(tmp_path / "x.ui"))

    assert load(UI).className() == "qMRMLWidget"
    with pytest.raises(RuntimeError):
        slicer.util.loadUI(str(tmp_path / "missing.ui"))
    with pytest.raises(RuntimeError, match="Could not load UI file"):
        load("<ui")
    with pytest.raises(RuntimeError, match="no widget class QSlider"):
        load(UI.replace('"QCheckBox"', '"QSlider"'))
    with pytest.raises(RuntimeError, match="no property 'suffixx'"):
        load(UI.replace('"suffix"', '"suffixx"'))
    with pytest.raises(RuntimeError, match="connection of unknown"):
        load(UI.replace("<signal>mrmlSceneChanged(", "<signal>sceneChanged("))


# The module and its parameter node


def test_module_life_cycle(panel, host, slicer):  # [S6, S18, S21, 15]
    module = slicer.modules.example
    assert (module.name, module.title, module.categories) == ("Example", "Example", ("Examples",))
    assert slicer.modules.ExampleWidget is panel and slicer.modules.ExampleInstance.events == ["started"]
    assert slicer.util.getModuleLogic("Example") is panel.logic
    with pytest.raises(AttributeError, match="module 'modules' has no attribute 'nope'"):
        print(slicer.modules.nope)
    with pytest.raises(AttributeError):
        module.tilte = "typo"
    panel.exit = None   # looked up once, so this has no effect
    host.leave(panel)
    host.close_scene()
    host.enter(panel)
    host.close_scene()
    host.reset()
    assert panel.events == ["setup", "enter", "exit", "start close", "end close", "enter", "start close", "end close",
                            "enter", "exit", "cleanup"]


def test_a_selector_without_scene_connection_stays_empty(panel, slicer):
    add_volume(slicer, "volume")
    assert panel.ui.sourceSelector.nodeCount() == 1 and panel.ui.lonelySelector.nodeCount() == 0
    assert panel.ui.sourceSelector.mrmlScene() is slicer.mrmlScene


def test_parameters_and_widgets_follow_each_other(panel, slicer):  # [S5]
    ui, parameters = panel.ui, panel.parameters
    volume = add_volume(slicer, "volume")
    assert (ui.percentSlider.value, ui.percentSlider.maximum, ui.countSlider.decimals) == (50, 100, 0)
    assert [ui.modeBox.itemText(i) for i in range(ui.modeBox.count)] == ["fast", "good"]
    ui.sourceSelector.setCurrentNode(volume)
    ui.percentSlider.value, ui.countSlider.value, ui.liveBox.checked = 12.5, 7, False
    ui.modeBox.currentIndex, ui.gridBox.currentIndex = 0, 1
    assert parameters.source is volume and (parameters.percent, parameters.count) == (12.5, 7)
    assert (parameters.live, parameters.mode.name, parameters.grid) == (False, "FAST", "target")
    parameters.source, parameters.percent, parameters.live, parameters.note = None, 3, True, "done"
    assert ui.sourceSelector.currentNode() is None and (ui.percentSlider.value, ui.liveBox.checked) == (3, True)
    assert ui.noteLabel.text == "done"
    panel.parameters.disconnectGui(panel.tag)
    ui.percentSlider.value = 9
    assert parameters.percent == 3


def test_parameters_are_stored_as_slicer_stores_them(panel, slicer):
    node, volume = panel.parameters.parameterNode, add_volume(slicer, "volume")
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    assert {name: node.GetParameter(name) for name in sorted(node.GetParameterNames())} == {
        "count": "3", "grid": "source", "labels.2": "True", "live": "True", "mode": "GOOD", "note": "",
        "percent": "50.0", "source": ""}
    panel.parameters.source, panel.parameters.labels = volume, labels
    assert node.GetNodeReferenceID("source") == volume.GetID()
    assert node.GetNodeReferenceID("labels.0") == labels.GetID() and not node.HasParameter("labels.2")
    panel.parameters.labels = None
    assert node.GetParameter("labels.2") == "True" and not node.HasParameter("labels.0")
    node.SetParameter("percent", "4.5")     # the ModifiedEvent brings it to the wrapper and the widget
    assert panel.parameters.percent == panel.ui.percentSlider.value == 4.5


@pytest.mark.parametrize("name, value, error", [
    ("percent", 101, ValueError), ("percent", "x", TypeError), ("percent", None, ValueError), ("count", 2.5, TypeError),
    ("live", 1, TypeError), ("mode", "FAST", TypeError), ("grid", "moon", ValueError), ("note", 5, TypeError),
    ("source", "x", TypeError), ("labels", 3, TypeError)])
def test_parameters_are_validated_on_write(panel, name, value, error):  # [S5]
    before = getattr(panel.parameters, name)
    with pytest.raises(error):
        setattr(panel.parameters, name, value)
    assert getattr(panel.parameters, name) == before


def test_wrong_class_of_node_is_refused(panel, slicer):
    model = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode")
    for name in ("source", "labels"):
        with pytest.raises(TypeError):
            setattr(panel.parameters, name, model)


def test_illegal_pairs_of_widget_and_type_are_refused(panel, qt, ctk, slicer):
    from slicer.parameterNodeWrapper import parameterNodeWrapper
    pairs = {"percent": qt.QCheckBox(), "live": ctk.ctkSliderWidget(), "note": qt.QComboBox(), "mode": qt.QLabel(),
             "source": qt.QComboBox()}
    for name, widget in pairs.items():
        with pytest.raises(RuntimeError):
            panel.parameters.connectParametersToGui({name: widget})
    with pytest.raises(ValueError, match="Cannot find a param"):
        panel.parameters.connectParametersToGui({"nope": qt.QLabel()})
    with pytest.raises(Exception, match="Unable to create serializer"):
        parameterNodeWrapper(type("Bad", (), {"__annotations__": {"x": complex}}))
    unbounded = parameterNodeWrapper(type("Unbounded", (), {"__annotations__": {"x": float}}))
    with pytest.raises(RuntimeError, match="unbounded"):
        unbounded(panel.parameters.parameterNode).connectParametersToGui({"x": ctk.ctkSliderWidget()})


def test_reload_makes_a_new_panel(panel, slicer):  # [S6]
    slicer.util.reloadScriptedModule("Example")
    assert slicer.modules.ExampleWidget is not panel and panel.events[-1] == "cleanup"
    assert slicer.modules.ExampleWidget.events == ["setup"]


def test_self_test_of_the_module(panel, slicer):
    slicer.selfTests["Example"]()
    import sys
    assert sys.modules["Example"].ExampleTest.ran == ["test_something"]


# The application


def test_message_boxes_are_recorded(panel, host, slicer):  # [S13, S14]
    slicer.util.infoDisplay("i")
    slicer.util.warningDisplay("w")
    assert slicer.util.confirmYesNoDisplay("sure?") is False
    host.answers.extend([True, False])
    assert slicer.util.confirmOkCancelDisplay("really?") is True and slicer.util.confirmYesNoDisplay("no?") is False
    panel.ui.applyButton.click()
    assert host.messages == [("info", "i"), ("warning", "w"), ("question", "sure?"), ("question", "really?"),
                             ("question", "no?"), ("error", "It failed.\n\nno source")]
    assert [str(error) for error in host.slot_errors] == ["no source"] and not slicer.app.overrideCursor()
    host.slot_errors.clear()


def test_without_main_window_or_in_testing_mode_no_box_opens(host, slicer):
    host.reset(main_window=False, layout_manager=False)
    slicer.util.errorDisplay("e")
    assert slicer.util.mainWindow() is None and slicer.app.layoutManager() is None and host.messages == []
    host.reset(testing=True)
    assert slicer.util.confirmYesNoDisplay("sure?") is False and host.messages == []     # Slicer's own slip [S14]


def test_an_observer_error_is_printed_and_noted(host, slicer):  # [S8]
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    node.AddObserver("ModifiedEvent", lambda caller, event: 1 / 0)
    node.SetParameter("a", "b")
    assert [type(error) for error in host.slot_errors] == [ZeroDivisionError]
    host.slot_errors.clear()


def test_the_application_offers_what_was_seen(slicer, qt):  # [S11]
    app = slicer.app
    assert (app.os, app.majorVersion, app.mainApplicationName, app.testingEnabled()) == ("linux", 5, "Slicer", False)
    assert app.mrmlScene() is slicer.mrmlScene and Path(app.temporaryPath).is_dir()
    assert app.moduleManager().module("nope") is None
    with pytest.raises(AttributeError, match="qSlicerApplication has no attribute named 'extensionsManagerModel'"):
        print(app.extensionsManagerModel)
    qt.QSettings().setValue("SyntheticCT/list", ["a", "b"])
    assert qt.QSettings().value("SyntheticCT/list") == ("a", "b") and app.userSettings().contains("SyntheticCT/list")
    assert slicer.util.settingsValue("SyntheticCT/other", 5) == 5


def test_layouts_and_slice_views(host, slicer):
    manager, changed = slicer.app.layoutManager(), []
    manager.connect("layoutChanged(int)", changed.append)
    node = manager.layoutLogic().GetLayoutNode()
    views = "".join(f'<item><view class="vtkMRMLSliceNode" singletontag="Synthetic{name}"><property name="orientation" '
                    f'action="default">Axial</property></view></item>' for name in "AB")
    node.AddLayoutDescription(777, f'<layout type="horizontal">{views}</layout>')
    manager.setLayout(777)
    assert manager.layout == 777 and changed == [777] and type(manager.sliceViewNames()) is tuple
    assert {"SyntheticA", "SyntheticB"} <= set(manager.sliceViewNames())
    widget = manager.sliceWidget("SyntheticA")
    assert widget.mrmlSliceNode().GetLayoutName() == "SyntheticA" and manager.sliceWidget("Nope") is None
    add_volume(slicer, "v")
    slicer.util.setSliceViewerLayers(background="vtkMRMLScalarVolumeNode1", fit=True)
    host.resize_view("SyntheticA", 60, 40)
    widget.sliceController().fitSliceToBackground()
    pixels = host.slice_pixels("SyntheticA")
    assert pixels.shape == (40, 60, 4) and pixels[..., 0].max() > pixels[..., 0].min()
    slicer.util.resetSliceViews()
    with pytest.raises(AttributeError):
        print(widget.nope)


def test_a_slice_view_renders(slicer):
    view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
    view.cornerAnnotation().SetText(2, "SYNTHETIC")
    view.scheduleRender()
    view.forceRender()
    assert view.renderWindow().GetSize()[0] > 0


def test_save_and_load_a_scene(panel, host, slicer, tmp_path):
    panel.parameters.source, panel.parameters.percent = add_volume(slicer, "volume"), 25
    mrml = host.save_scene(tmp_path / "scene")
    host.close_scene()
    assert panel.parameters.source is None and panel.parameters.percent == 50
    host.load_scene(mrml)
    host.leave(panel)
    host.enter(panel)
    assert panel.parameters.source.GetName() == "volume" and panel.parameters.percent == 25


def test_segments_can_be_written_and_read(slicer):
    import numpy as np
    volume = add_volume(slicer, "volume")
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    mask = (slicer.util.arrayFromVolume(volume) > 60).astype(np.uint8)
    segment = segmentation.GetSegmentation().AddEmptySegment("lesion")
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, segment, volume)
    assert (slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, volume) == mask).all()


def test_packages_are_not_installed_but_noted(host, slicer):
    import slicer.packaging as packaging
    assert packaging.pip_ensure("numpy>=1") is None and len(packaging.calls) == 1
    packaging.missing.add("numpy")
    packaging.outcome = "declined"
    with pytest.raises(RuntimeError, match="declined"):
        packaging.pip_ensure("numpy>=1", skip_packages=["scipy"], requester="SyntheticCT")
    packaging.outcome = "failed"
    with pytest.raises(subprocess.CalledProcessError):
        packaging.pip_ensure("numpy>=1")
    packaging.outcome = "installed"
    packaging.pip_ensure("numpy>=1", requester="SyntheticCT")
    assert packaging.pip_check("numpy") and packaging.calls[-1][0] == "pip_install"
    with pytest.raises(TypeError):
        packaging.pip_ensure("numpy", skip="x")


def test_sample_data_is_checked(slicer):
    import SampleData
    register = SampleData.SampleDataLogic.registerCustomSampleDataSource
    for _ in range(2):
        register(category="CT", sampleName="Phantom", uris="https://x/p.nrrd", fileNames="p.nrrd", nodeNames="p")
    assert [source.sampleName for source in slicer.modules.sampleDataSources["CT"]] == ["Phantom"]
    with pytest.raises(ValueError, match="same length"):
        register(sampleName="Two", uris=["a", "b"], fileNames=["a"])
    with pytest.raises(TypeError):
        register(name="Phantom")


def test_python_slicer_is_on_the_path(host):
    assert subprocess.run(["PythonSlicer", "-c", "print(6 * 7)"], capture_output=True, text=True).stdout == "42\n"


def test_a_panel_can_be_grabbed(panel, host, tmp_path):
    host.grab(panel.parent, tmp_path / "panel.png")
    assert (tmp_path / "panel.png").stat().st_size > 1000


@pytest.mark.skipif(not OBSERVED.exists(), reason="../shared is not there")
def test_api_is_what_was_observed():
    spec = importlib.util.spec_from_file_location("make_api", HOST / "make_api.py")
    make_api = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_api)
    assert (HOST / "api.json").read_text() == make_api.make_api(OBSERVED.read_text())
    assert os.path.getsize(HOST / "api.json") < 60_000
