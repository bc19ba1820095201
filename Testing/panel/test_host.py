"""The Qt host is as strict as Slicer: one test for each observed rule (../shared/pythonqt.md, probes in brackets)."""

import importlib.util
import os
from pathlib import Path
from typing import Annotated

import pytest
from example_module import UI, write_module
from PySide6 import QtWidgets

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
    assert hasattr(label, "text") and not hasattr(label, "nope")


def test_what_the_panel_does_not_use_does_not_exist_here(qt, ctk, slicer):
    slider, selector, button = ctk.ctkSliderWidget(), slicer.qMRMLNodeComboBox(), qt.QPushButton()
    for thing, name in ((qt, "QSlider"), (qt, "QThread"), (qt, "QSettings"), (ctk, "ctkRangeWidget"), (qt.Qt, "nope"),
                        (slicer, "qMRMLSliderWidget"), (slicer, "tr"), (qt.QMessageBox, "question"), (button, "size"),
                        (slider, "setMinimum"), (slider, "tracking"), (selector, "addNode"), (button, "clicked"),
                        (button, "findChild"), (qt.QTimer, "singleShot"), (slicer.packaging, "pip_install"),
                        (slicer.app, "userSettings"), (slicer.app, "commandOptions")):
        with pytest.raises(AttributeError):
            getattr(thing, name)
    with pytest.raises(AttributeError):
        selector.connect("nodeAdded(vtkMRMLNode*)", print)


@pytest.mark.parametrize("value, read", [(3.7, 3), (True, 1), (4, 4)])
def test_numbers_are_truncated_for_int(qt, value, read):  # [A8]
    timer = qt.QTimer()
    timer.interval = value
    assert timer.interval == read


def test_a_wrong_type_for_a_property_is_refused(qt):  # [A8]
    timer, box, label = qt.QTimer(), qt.QCheckBox(), qt.QLabel()
    with pytest.raises(AttributeError, match="Property 'interval' of type 'int' does not accept an object of type str"):
        timer.interval = "abc"
    with pytest.raises(AttributeError, match="Property 'enabled' of type 'bool' does not accept"):
        box.enabled = None
    with pytest.raises(AttributeError, match="Property 'font' of type 'QFont' does not accept"):
        label.font = 5
    box.checked, label.text = 1, None
    assert (box.checked, label.text) == (True, "None")


def test_read_only_properties_and_slots_cannot_be_written(qt):  # [A10, E5, H6, L1]
    with pytest.raises(AttributeError, match="Property 'width' is not writable"):
        qt.QWidget().width = 5
    with pytest.raises(AttributeError, match="Slot 'setText' can not be overwritten on QLabel object"):
        qt.QLabel().setText = print


def test_name_is_the_object_name(qt):  # [A15]
    label = qt.QLabel()
    label.name = "abc"
    assert (label.name, label.objectName) == ("abc", "abc")


def test_a_dynamic_property_is_read_by_name(qt):  # [A14]
    label = qt.QLabel()
    assert label.setProperty("dyn", 5) is False and label.property("dyn") == 5 and label.property("none") is None


def test_methods_take_no_keywords_and_only_right_arguments(qt, slicer):  # [A16, C13, 9]
    for wrong in (lambda: qt.QLabel(text="x"), lambda: qt.QLabel().setText(text="x"), lambda: qt.QTimer().start("3"),
                  lambda: qt.QTimer().start(None), lambda: qt.QTimer().start(1, 2), lambda: qt.QLabel(3),
                  lambda: qt.QComboBox().addItems(None), lambda: qt.QFile("x").open(3), lambda: qt.QCursor("x"),
                  lambda: qt.QVBoxLayout().addWidget("x"), lambda: qt.QLabel().connect("destroyed()"),
                  lambda: slicer.app.setOverrideCursor("x"), lambda: slicer.app.layoutManager().setLayout("x")):
        with pytest.raises(ValueError):
            wrong()


def test_enumerators_are_ints(qt):  # [C1, C4]
    assert type(qt.Qt.AlignLeft) is int and qt.Qt.AlignLeft == 1
    assert qt.QMessageBox.Ok | qt.QMessageBox.Cancel == 0x400400
    assert type(qt.QComboBox().sizeAdjustPolicy) is int


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


def test_one_object_has_one_wrapper(qt):  # [D2]
    parent = qt.QWidget()
    child = qt.QLabel("t", parent)
    assert parent.children()[0] is child and child.parent() is parent


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
    box = qt.QCheckBox()
    assert box.connect("toggled(bool)", print) is True
    for wrong in ("toggled", "toggled(double)", "noSuchSignal()"):
        assert box.connect(wrong, print) is False
    assert capfd.readouterr().err.count("No such signal") == 3
    with pytest.raises(ValueError):
        box.connect("toggled(bool)", 3)


def test_a_callable_gets_no_more_arguments_than_it_declares(qt, host):  # [B6, B7]
    button, got = qt.QPushButton(), []
    button.connect("clicked(bool)", lambda: got.append("none"))
    button.connect("clicked(bool)", lambda checked: got.append(checked))
    button.connect("clicked(bool)", lambda *args: got.append(args))
    button.connect("clicked(bool)", lambda name="default": got.append(name))
    button.connect("clicked()", lambda *args: got.append(args))
    button.connect("clicked()", lambda one, two: got.append("never"))
    button.click()
    assert got == ["none", False, (False,), False, ()]
    assert [type(error) for error in host.slot_errors] == [TypeError]
    host.slot_errors.clear()


def test_an_error_in_a_slot_is_printed_and_the_next_slot_runs(qt, host, capsys):  # [B14, L2, L3]
    box, got = qt.QCheckBox(), []
    box.connect("toggled(bool)", lambda value: 1 / 0)
    box.connect("toggled(bool)", got.append)
    box.checked = True
    assert got == [True] and "ZeroDivisionError" in capsys.readouterr().err
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
    button.connect("clicked()", button.hide)
    assert button.disconnect("clicked()", button.hide)
    button.click()
    assert got == [1, 1]
    with pytest.raises(ValueError):
        button.disconnect()


def test_a_checkable_button(qt):
    button, got = qt.QPushButton(), []
    button.checkable = True
    button.connect("toggled(bool)", got.append)
    button.click()
    assert button.checked and got == [True]


def test_timers(qt, host):  # [F2]
    fired, timer = [], qt.QTimer()
    timer.setInterval(5)
    timer.connect("timeout()", lambda: fired.append("timer"))
    timer.start()
    assert timer.interval == 5 and timer.active
    assert host.process_events(2, until=lambda: fired)
    timer.stop()
    assert not timer.active


# The widgets


def test_slider_widget(ctk):  # [K1]
    slider, got = ctk.ctkSliderWidget(), []
    slider.minimum, slider.maximum, slider.decimals, slider.singleStep = -1, 1, 2, 0.1
    slider.connect("valueChanged(double)", got.append)
    slider.value = 0.5
    slider.value = 7
    assert slider.value == 1.0 and got == [0.5, 1.0]
    with pytest.raises(TypeError, match="'float' object is not callable"):
        slider.value()


def test_combo_box(qt):  # [L9]
    combo, got = qt.QComboBox(), []
    combo.addItems(["a", "b"])
    combo.connect("currentIndexChanged(int)", got.append)
    combo.currentIndex = combo.findText("b")
    assert (combo.currentIndex, combo.currentText, combo.count, combo.findText("c"), got) == (1, "b", 2, -1, [1])


def test_collapsible_button(qt, ctk):  # [K2]
    parent = qt.QWidget()
    section, got = ctk.ctkCollapsibleButton(parent), []
    inside = qt.QLabel("inside", section)
    section.connect("toggled(bool)", got.append)
    parent.show()
    assert inside.visible
    section.collapsed = True
    inside.setVisible(True)
    assert got == [False] and not section.checked and not inside.visible
    section.collapsed = False
    assert inside.visible and got == [False, True]


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
    volume.SetHideFromEditors(False)
    volume.Modified()
    assert selector.nodeCount() == 1
    selector.addAttribute("vtkMRMLScalarVolumeNode", "Role", "path")
    assert selector.nodeCount() == 0
    volume.SetAttribute("Role", "path")
    assert selector.nodeCount() == 1


def test_ui_files_are_checked(slicer, tmp_path):
    def load(text):
        (tmp_path / "x.ui").write_text(text, encoding="utf-8")
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
    with pytest.raises(RuntimeError, match="no property 'prefix'"):     # Slicer has it, the host does not
        load(UI.replace('"suffix"', '"prefix"'))
    with pytest.raises(RuntimeError, match="no layout class QStackedLayout"):
        load(UI.replace("QFormLayout", "QStackedLayout"))
    with pytest.raises(RuntimeError, match="connection of unknown"):
        load(UI.replace("<signal>mrmlSceneChanged(", "<signal>sceneChanged("))
    for wrong in ("setMRMLScene(vtkMRMLNode*)", "setScene(vtkMRMLScene*)"):
        with pytest.raises(RuntimeError, match="connection of unknown"):
            load(UI.replace("<slot>setMRMLScene(vtkMRMLScene*)", f"<slot>{wrong}"))


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
    assert (ui.percentSlider.value, ui.percentSlider.maximum) == (50, 100)
    assert [ui.modeBox.itemText(i) for i in range(ui.modeBox.count)] == ["fast", "good"]
    ui.sourceSelector.setCurrentNode(volume)
    ui.percentSlider.value, ui.liveBox.checked, ui.modeBox.currentIndex = 12.5, False, 0
    assert parameters.source is volume
    assert (parameters.percent, parameters.live, parameters.mode.name) == (12.5, False, "FAST")
    parameters.source, parameters.percent, parameters.live = None, 3, True
    assert ui.sourceSelector.currentNode() is None and (ui.percentSlider.value, ui.liveBox.checked) == (3, True)
    panel.parameters.disconnectGui(panel.tag)
    ui.percentSlider.value = 9
    assert parameters.percent == 3


def test_parameters_are_stored_as_slicer_stores_them(panel, slicer):
    node, volume = panel.parameters.parameterNode, add_volume(slicer, "volume")
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    assert {name: node.GetParameter(name) for name in sorted(node.GetParameterNames())} == {
        "first": "FAST", "labels.2": "True", "live": "True", "mode": "GOOD", "percent": "50.0", "scale": "0.0",
        "source": ""}
    panel.parameters.source, panel.parameters.labels = volume, labels
    assert node.GetNodeReferenceID("source") == volume.GetID()
    assert node.GetNodeReferenceID("labels.0") == labels.GetID() and not node.HasParameter("labels.2")
    panel.parameters.labels = None
    assert node.GetParameter("labels.2") == "True" and not node.HasParameter("labels.0")
    assert node.GetNodeReferenceID("labels.0") is None
    node.SetParameter("percent", "4.5")     # the ModifiedEvent brings it to the wrapper and the widget
    assert panel.parameters.percent == panel.ui.percentSlider.value == 4.5


@pytest.mark.parametrize("name, value, error", [
    ("percent", 101, ValueError), ("percent", "x", TypeError), ("percent", None, ValueError), ("live", 1, TypeError),
    ("live", None, ValueError), ("mode", "FAST", TypeError), ("mode", None, TypeError), ("source", "x", TypeError),
    ("labels", 3, TypeError)])
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
    pairs = {"percent": qt.QCheckBox(), "live": ctk.ctkSliderWidget(), "mode": qt.QLabel(), "source": qt.QComboBox()}
    for name, widget in pairs.items():
        with pytest.raises(RuntimeError):
            panel.parameters.connectParametersToGui({name: widget})
    with pytest.raises(RuntimeError, match="unbounded"):
        panel.parameters.connectParametersToGui({"scale": ctk.ctkSliderWidget()})
    with pytest.raises(ValueError, match="Cannot find a param"):
        panel.parameters.connectParametersToGui({"nope": qt.QLabel()})


def test_a_text_is_kept_as_it_is_and_bound_to_nothing(slicer, qt):
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    wrapped = parameterNodeWrapper(type("Texts", (), {"__annotations__": {"x": str}, "x": ""}))(node)
    wrapped.x = "lung-nodule"
    assert node.GetParameter("x") == "lung-nodule" and wrapped.x == "lung-nodule"
    for value, error in ((3, TypeError), (None, ValueError)):
        with pytest.raises(error):
            wrapped.x = value
    with pytest.raises(RuntimeError, match="Unable to create GUI connector"):
        wrapped.connectParametersToGui({"x": qt.QComboBox()})


def test_unknown_types_and_reserved_names_are_refused(slicer):
    from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

    def wrapper(annotation, name="x"):
        return parameterNodeWrapper(type("Bad", (), {"__annotations__": {name: annotation}}))

    for kind in (complex, int, bytes, list[float], float | None, slicer.vtkMRMLModelNode | float,
                 Annotated[bool, WithinRange(0, 1)], Annotated[float, 5]):
        with pytest.raises(Exception, match="Unable to create serializer"):
            wrapper(kind)
    with pytest.raises(ValueError, match="reserved name 'default'"):
        wrapper(float, "default")


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


def test_a_question_under_a_wait_cursor(host, slicer):
    with slicer.util.WaitCursor():
        assert slicer.util.confirmOkCancelDisplay("sure?") is False
        assert slicer.app.overrideCursor().shape() == 3
    assert slicer.app.overrideCursor() is None and host.messages == [("question", "sure?")]


def test_an_observer_error_is_printed_and_noted(host, slicer):  # [S8]
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    node.AddObserver("ModifiedEvent", lambda caller, event: 1 / 0)
    node.SetParameter("a", "b")
    assert [type(error) for error in host.slot_errors] == [ZeroDivisionError]
    host.slot_errors.clear()


def test_the_application_offers_what_was_seen(slicer):  # [S11]
    app = slicer.app
    assert (app.applicationName, app.testingEnabled()) == ("Slicer", False) and app.mrmlScene() is slicer.mrmlScene
    assert app.moduleManager().module("nope") is None
    assert slicer.modules.volumes.logic().IsA("vtkSlicerVolumesLogic")
    with pytest.raises(AttributeError, match="qSlicerApplication has no attribute named 'extensionsManagerModel'"):
        print(app.extensionsManagerModel)


def test_layouts_and_slice_views(host, slicer):
    manager = slicer.app.layoutManager()
    node = manager.layoutLogic().GetLayoutNode()
    views = "".join(f'<item><view class="vtkMRMLSliceNode" singletontag="Synthetic{name}"><property name="orientation" '
                    f'action="default">Axial</property></view></item>' for name in "AB")
    node.AddLayoutDescription(777, f'<layout type="horizontal">{views}</layout>')
    manager.setLayout(777)
    assert manager.layout == 777 and type(manager.sliceViewNames()) is tuple
    assert {"SyntheticA", "SyntheticB"} <= set(manager.sliceViewNames())
    widget = manager.sliceWidget("SyntheticA")
    assert widget.mrmlSliceNode().GetLayoutName() == "SyntheticA" and manager.sliceWidget("Nope") is None
    add_volume(slicer, "v")
    slicer.util.setSliceViewerLayers(background="vtkMRMLScalarVolumeNode1", fit=True)
    host.resize_view("SyntheticA", 60, 40)
    slicer.util.resetSliceViews()
    pixels = host.slice_pixels("SyntheticA")
    assert pixels.shape == (40, 60, 4) and pixels[..., 0].max() > pixels[..., 0].min()
    with pytest.raises(AttributeError):
        print(widget.nope)


def test_a_slice_view_renders(slicer):
    view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
    assert view.mrmlSliceNode().GetLayoutName() == "Red"
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


def test_what_is_missing_is_not_installed(host, slicer, tmp_path):
    packaging, asked = slicer.packaging, tmp_path / "requirements.txt"
    asked.write_text("# comment\nnumpy>=1\n", encoding="utf-8")
    assert [str(each) for each in packaging.load_requirements(asked)] == ["numpy>=1"]
    assert packaging.pip_ensure(packaging.load_requirements(asked), skip_packages=["scipy"], requester="x") is None
    for missing in ("numpy>=99", ["numpy", "no-such-package"]):
        with pytest.raises(RuntimeError, match="declined"):
            packaging.pip_ensure(missing)
    with pytest.raises(TypeError):
        packaging.pip_ensure("numpy", skip="x")
    host.reset(testing=True)
    assert packaging.pip_ensure("no-such-package") is None


def test_sample_data_is_checked(slicer):
    import SampleData
    register = SampleData.SampleDataLogic.registerCustomSampleDataSource
    for _ in range(2):
        register(category="CT", sampleName="Phantom", uris=[""], fileNames=[""], nodeNames=["p"],
                 customDownloader=print)
    assert [source.sampleName for source in slicer.modules.sampleDataSources["CT"]] == ["Phantom"]
    with pytest.raises(ValueError, match="same length"):
        register(sampleName="Two", uris=["", ""], fileNames=[""], nodeNames=["a", "b"], customDownloader=print)
    with pytest.raises(TypeError):
        register(name="Phantom")


def test_a_panel_can_be_grabbed(panel, host, tmp_path):
    host.grab(panel.parent, tmp_path / "panel.png")
    assert (tmp_path / "panel.png").stat().st_size > 1000


@pytest.mark.skipif(not OBSERVED.exists(), reason="../shared is not there")
def test_api_is_what_was_observed():
    spec = importlib.util.spec_from_file_location("make_api", HOST / "make_api.py")
    make_api = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_api)
    assert (HOST / "api.json").read_text(encoding="utf-8") == make_api.make_api(OBSERVED.read_text(encoding="utf-8"))
    assert os.path.getsize(HOST / "api.json") < 70_000


# The module SyntheticCT Review


def test_a_path_line_edit_keeps_a_path_and_a_history(ctk):
    path, seen = ctk.ctkPathLineEdit(), []
    path.connect("currentPathChanged(QString)", seen.append)
    path.filters = ctk.ctkPathLineEdit.Dirs
    path.currentPath = "/a"
    path.addCurrentPathToHistory()
    assert (path.currentPath, seen, path._qt.history) == ("/a", ["/a"], ["/a"])
    with pytest.raises(AttributeError):
        path.text  # noqa: B018


def test_shortcuts_work_in_a_window_and_letters_belong_to_who_is_typed_into(panel, host, qt):
    host.show(panel)
    edit, pressed = qt.QLineEdit(panel.parent), []
    edit.setVisible(True)
    shortcut = qt.QShortcut(panel.parent)
    shortcut.setKey(qt.QKeySequence("R"))
    shortcut.connect("activated()", lambda: pressed.append("R"))
    edit.clearFocus()
    host.press(panel, "R")
    assert (pressed, edit.text) == (["R"], "")
    edit.setFocus()
    host.press(panel, "R")
    assert (pressed, edit.text) == (["R"], "r")
    shortcut.enabled = False
    edit.clearFocus()
    host.press(panel, "R")
    assert pressed == ["R"]


def test_margins_of_layouts_may_stand_in_a_ui_file(slicer, tmp_path):
    def load(name):
        margin = f'<property name="{name}"><number>3</number></property>'
        text = UI.replace('name="inputsLayout">', f'name="inputsLayout">{margin}')
        (tmp_path / "x.ui").write_text(text, encoding="utf-8")
        return slicer.util.loadUI(str(tmp_path / "x.ui"))

    layout = load("leftMargin")._qt.findChild(QtWidgets.QFormLayout, "inputsLayout")
    assert layout.contentsMargins().left() == 3
    with pytest.raises(RuntimeError, match="no property 'middleMargin'"):
        load("middleMargin")
