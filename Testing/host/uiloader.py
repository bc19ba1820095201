"""Loads .ui files: PySide6 builds the widgets, the host checks the file and makes its connections."""

import xml.etree.ElementTree as ET

from PySide6 import QtCore, QtUiTools

from pythonqt import CLASSES, connect, wrap

HOST_LAYOUTS = ("QVBoxLayout", "QHBoxLayout", "QFormLayout", "QGridLayout")


def _check(element):
    """Refuse what a real Slicer would take for something else, or the host does not do."""
    for widget in element.iter("widget"):
        kind, name = widget.get("class"), widget.get("name")
        if kind not in CLASSES:
            raise RuntimeError(f"the host has no widget class {kind} ({name})")
        for prop in widget.findall("property"):
            known = CLASSES[kind]._properties
            if prop.get("name") not in known and prop.get("stdset") != "0":
                raise RuntimeError(f"{kind} ({name}) has no property '{prop.get('name')}'")
    for layout in element.iter("layout"):
        if layout.get("class") not in HOST_LAYOUTS:
            raise RuntimeError(f"the host has no layout class {layout.get('class')}")


def _connect(root, element):
    for link in element.iter("connection"):
        sender, signal, receiver, slot = (link.findtext(tag) for tag in ("sender", "signal", "receiver", "slot"))
        ends = [root if name == root.objectName() else root.findChild(QtCore.QObject, name)
                for name in (sender, receiver)]
        if None in ends:
            raise RuntimeError(f"connection of unknown widgets {sender} -> {receiver}")
        if not connect(wrap(ends[0]), signal, wrap(ends[1]), slot):
            raise RuntimeError(f"connection of unknown {sender}.{signal} -> {receiver}.{slot}")


class QUiLoader:
    """PythonQt's QUiLoader, as far as slicer.util.loadUI needs it."""

    def load(self, file, parent=None):
        """The top widget; None if the file is no .ui file (G3)."""
        try:
            element = ET.fromstring(bytes(file.readAll().data()))
        except ET.ParseError:
            return None
        _check(element)
        loader = QtUiTools.QUiLoader()
        for name, cls in CLASSES.items():
            if not name.startswith("Q") and name != "qSlicerApplication":
                loader.registerCustomWidget(cls._pyside)
        buffer = QtCore.QBuffer()
        connections = element.find("connections")
        if connections is not None:     # PySide6 knows no vtkMRMLScene*
            element.remove(connections)
        buffer.setData(ET.tostring(element))
        root = loader.load(buffer)
        if root is None:
            return None
        if connections is not None:
            _connect(root, connections)
        return wrap(root)
