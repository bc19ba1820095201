"""Loads .ui files: PySide6 builds the widgets, the host checks the file and makes its connections."""

import xml.etree.ElementTree as ET
from pathlib import Path

from PySide6 import QtCore, QtUiTools, QtWidgets

from pythonqt import CLASSES, connect, wrap

MARGINS = {f"{side}Margin" for side in ("left", "top", "right", "bottom")}  # of layouts; the loader's, not properties


def _check(element):
    """Refuse what a real Slicer would take for something else, or the host does not do."""
    for each in [*element.iter("widget"), *element.iter("layout")]:
        kind, name = each.get("class"), each.get("name")
        if kind not in CLASSES:
            raise RuntimeError(f"the host has no {each.tag} class {kind} ({name})")
        for prop in each.findall("property"):
            known = set(CLASSES[kind]._properties) | (MARGINS if each.tag == "layout" else set())
            if prop.get("name") not in known and prop.get("stdset") != "0":
                raise RuntimeError(f"{kind} ({name}) has no property '{prop.get('name')}'")


def _connect(root, links):
    """Make the connections of the file, from signals to slots with the same arguments."""
    named = {widget.objectName(): wrap(widget) for widget in [root, *root.findChildren(QtWidgets.QWidget)]}
    for link in links:
        sender, signal, receiver, slot = (link.findtext(tag) for tag in ("sender", "signal", "receiver", "slot"))
        name, arguments = slot.split("(")
        known = receiver in named and [f"{','.join(each)})" for each in named[receiver]._methods.get(name, [])]
        if not known or arguments not in known or signal.split("(")[1] != arguments or sender not in named or (
                not connect(named[sender], signal, getattr(named[receiver], name))):
            raise RuntimeError(f"connection of unknown {sender}.{signal} -> {receiver}.{slot}")


class QFile:
    """PythonQt's QFile, as far as slicer.util.loadUI needs it."""

    ReadOnly = 1

    def __init__(self, path):
        self.exists, self._read = Path(path).is_file, Path(path).read_bytes

    def open(self, mode):
        if mode != self.ReadOnly:
            raise ValueError(f"Called open with wrong arguments: {mode!r}")
        self._content = self._read()


class QUiLoader:
    """PythonQt's QUiLoader, as far as slicer.util.loadUI needs it."""

    def load(self, file):
        """The top widget; None if the file is no .ui file (G3)."""
        try:
            element = ET.fromstring(file._content)
        except ET.ParseError:
            return None
        _check(element)
        loader = QtUiTools.QUiLoader()
        for name in ("ctkSliderWidget", "ctkCollapsibleButton", "ctkPathLineEdit", "qMRMLWidget", "qMRMLNodeComboBox"):
            loader.registerCustomWidget(CLASSES[name]._pyside)
        links = list(element.iter("connection"))
        for found in element.findall("connections"):    # PySide6 knows no vtkMRMLScene*
            element.remove(found)
        buffer = QtCore.QBuffer()
        buffer.setData(ET.tostring(element))
        root = loader.load(buffer)
        _connect(root, links)
        return wrap(root)
