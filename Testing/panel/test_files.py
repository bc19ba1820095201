"""Lints of the module: CMake lists, the .ui file, and what PythonQt would only tell at run time in Slicer."""

import ast
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "SyntheticCTLib"
MODULE = ROOT / "SyntheticCT"
UI = ET.parse(MODULE / "Resources" / "UI" / "SyntheticCT.ui").getroot()
UIS = [UI, ET.parse(MODULE / "Resources" / "UI" / "SyntheticCTReview.ui").getroot()]
QT_SIDE = [*sorted(MODULE.glob("*.py")), *sorted((LIBRARY / "panel").rglob("*.py"))]
API = json.loads((ROOT / "Testing" / "host" / "api.json").read_text(encoding="utf-8"))

ALLOWED_AT_FILE_SCOPE = {"slicer", "vtk", "qt", "ctk", "numpy", "SyntheticCTLib"}
"""What Slicer always has; everything else waits for the function that needs it."""

LEGAL_PAIRS = {
    "bool": {"QCheckBox"},
    "float": {"ctkSliderWidget"},
    "Method": {"QComboBox"},
    "Grid": {"QComboBox"},
    "SeriesKind": {"QComboBox"},
    "Window": {"QComboBox"},
    "Above": {"QComboBox"},
    "LesionDensity": {"QComboBox"},
    "LesionShape": {"QComboBox"},
    "node": {"qMRMLNodeComboBox"},
}
"""Parameter types and the widgets that can be bound to them; another pair keeps the whole panel from opening."""

UNBOUND = {"lesionModel"}
"""Parameters that the panel itself keeps with its widget: the wrapper binds only lists that are fixed in the code."""

PROPERTIES = {"text", "value", "checked", "enabled", "visible", "currentIndex", "currentText", "toolTip", "collapsed"}
"""Called like methods, these raise in Slicer: 'str' object is not callable."""


def listed(cmake: Path) -> list[str]:
    """The files that the CMake lists of a folder name."""
    text = cmake.read_text(encoding="utf-8")
    names = dict(re.findall(r"set\((\w+_NAME) (\w+)\)", text))
    lists = re.findall(r"set\(\w+_PYTHON_(?:SCRIPTS|RESOURCES)\n(.*?)\n?  \)", text, re.DOTALL)
    return re.sub(r"\$\{(\w+)\}", lambda found: names[found[1]], "\n".join(lists)).split()


def widgets(ui: ET.Element) -> list[ET.Element]:
    return [*ui.iter("widget"), *ui.iter("layout"), *ui.iter("spacer")]


@pytest.mark.parametrize("folder", [LIBRARY, MODULE], ids=lambda folder: folder.name)
def test_cmake_lists_every_file_of_the_folder_and_no_other(folder):
    cmake = folder / "CMakeLists.txt"
    names = listed(cmake)
    found = [
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.name != "CMakeLists.txt"
    ]
    assert sorted(names) == sorted(found)


def test_every_folder_of_the_library_is_a_package():
    """Slicer takes a folder without __init__.py for one of modules."""
    folders = {file.parent for file in LIBRARY.rglob("*.py")}
    assert all((folder / "__init__.py").exists() for folder in folders)


def test_the_extension_is_described_as_the_index_demands():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.search(r"cmake_minimum_required\(VERSION 3\.28\.0\.\.\.3\.28\.0 FATAL_ERROR\)", text)
    assert "project(SyntheticCT)" in text and 'set(EXTENSION_CATEGORY "Image Synthesis")' in text
    assert text.index("add_subdirectory(SyntheticCT)") < text.index("## NEXT_MODULE")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("EXTENSION_HOMEPAGE", "EXTENSION_ICONURL", "EXTENSION_SCREENSHOTURLS"):
        assert f'set({name} "")' in text and name in readme  # left open, and said so


@pytest.mark.parametrize("ui", UIS, ids=lambda ui: ui.findtext("class"))
def test_names_in_the_ui_are_unique_long_and_tell_the_kind(ui):
    names = [widget.get("name") for widget in widgets(ui)]
    assert len(names) == len(set(names))
    assert all(len(name) >= 12 for name in names), [name for name in names if len(name) < 12]


@pytest.mark.parametrize("ui", UIS, ids=lambda ui: ui.findtext("class"))
def test_custom_classes_in_the_ui_are_declared_and_containers_say_so(ui):
    declared = {entry.findtext("class"): entry for entry in ui.iter("customwidget")}
    used = {widget.get("class") for widget in ui.iter("widget") if not widget.get("class").startswith("Q")}
    assert used == set(declared)
    for name in used & {"qMRMLWidget", "ctkCollapsibleButton"}:
        assert declared[name].findtext("container") == "1"


def test_who_reads_blinded_sees_no_selector():
    assert not [widget for widget in UIS[1].iter("widget") if widget.get("class").startswith("qMRMLNode")]


def test_every_mrml_widget_in_the_ui_gets_the_scene():
    wired = {
        connection.findtext("receiver")
        for connection in UI.iter("connection")
        if connection.findtext("signal") == "mrmlSceneChanged(vtkMRMLScene*)"
        and connection.findtext("slot") == "setMRMLScene(vtkMRMLScene*)"
        and connection.findtext("sender") == UI.find("widget").get("name")
    }
    mrml = {widget.get("name") for widget in UI.iter("widget") if widget.get("class").startswith("qMRMLNode")}
    assert mrml and wired == mrml


def test_bound_parameters_exist_and_are_legal_for_their_widgets():
    tree = ast.parse((LIBRARY / "panel" / "parameters.py").read_text(encoding="utf-8"))
    (node,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and "ParameterNode" in node.name]
    types = {}
    for field in (field for field in node.body if isinstance(field, ast.AnnAssign)):
        text = ast.unparse(field.annotation)
        inner = re.match(r"Annotated\[(\w+)", text)
        types[field.target.id] = "node" if "vtkMRML" in text else inner[1] if inner else text
    bound = {}
    for widget in UI.iter("widget"):
        for entry in widget.findall("property"):
            if entry.get("name") == "SlicerParameterName":
                bound[entry.findtext("string")] = widget.get("class")
    assert set(bound) == set(types) - UNBOUND
    for name, widget in bound.items():
        assert widget in LEGAL_PAIRS[types[name]], f"{name}: {types[name]} cannot be bound to {widget}"


@pytest.mark.parametrize("ui", UIS, ids=lambda ui: ui.findtext("class"))
def test_properties_in_the_ui_exist_in_slicer(ui):
    inherited = set(API["QWidget"]["properties"])
    for widget in ui.iter("widget"):
        known = inherited | _properties(widget.get("class"))
        for entry in widget.findall("property"):
            if entry.get("name") not in ("SlicerParameterName", "geometry"):
                assert entry.get("name") in known, f"{widget.get('name')}: {entry.get('name')}"


@pytest.mark.parametrize("file", QT_SIDE, ids=lambda file: file.name)
def test_what_slicer_loads_at_its_start_imports_nothing_foreign(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in tree.body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        elif isinstance(node, ast.ImportFrom) and "slicer_bridge" in (node.module or ""):
            pytest.fail(f"{file.name} loads {node.module} at its start")
        for name in names:
            top = name.split(".")[0]
            assert top in ALLOWED_AT_FILE_SCOPE or _is_standard(top), f"{file.name} imports {name} at file scope"


@pytest.mark.parametrize("file", QT_SIDE, ids=lambda file: file.name)
def test_no_property_is_called_and_no_thread_touches_qt(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in PROPERTIES, f"{file.name}:{node.lineno} calls .{node.func.attr}()"
            assert node.func.attr != "exec", f"{file.name}:{node.lineno}"
        if isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            assert name not in {"QThread", "Thread", "ThreadPoolExecutor"}, f"{file.name}:{node.lineno} uses {name}"


@pytest.mark.parametrize("file", QT_SIDE, ids=lambda file: file.name)
def test_translated_texts_are_plain_literals(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "translate"):
            text = node.args[-1]
            assert isinstance(text, ast.Constant) and isinstance(text.value, str), f"{file.name}:{node.lineno}"


@pytest.mark.parametrize("file", sorted((LIBRARY / "slicer_bridge").glob("*.py")), ids=lambda file: file.name)
def test_the_bridge_knows_no_qt(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    assert not names & {"qt", "ctk"}
    assert "slicer.app" not in file.read_text(encoding="utf-8").replace("such as `slicer.app.processEvents`", "")


def _properties(name: str) -> set[str]:
    found: set[str] = set()
    while name in API:
        found |= set(API[name]["properties"])
        name = API[name].get("base", "")
    return found


def _is_standard(name: str) -> bool:
    import sys

    return name in sys.stdlib_module_names
