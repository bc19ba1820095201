"""The `qt` module: the classes that the panel and slicer.util use, and no others."""

import os
import sys
import tempfile
import types

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")   # before the first Qt object

from PySide6 import QtCore, QtGui, QtWidgets

import application
import layout
import mrml_widgets
import uiloader
from ctk_widgets import RecordingMessageBox
from pythonqt import CLASSES, QtEnum, accepted, add_class, add_value_class, class_member

WIDGETS = ["QObject", "QWidget", "QLabel", "QPushButton", "QCheckBox", "QComboBox", "QProgressBar", "QToolButton",
           "QStatusBar", "QVBoxLayout", "QHBoxLayout", "QFormLayout", "QGridLayout", "QTimer", "QShortcut"]
VALUES = ["QIcon", "QKeySequence", "QSize", "QPoint", "QRect", "QColor", "QFont", "QCursor", "QPixmap", "QSizePolicy",
          "QFile", "QFileInfo", "QDir", "QUrl", "QLocale", "QDateTime", "QByteArray"]


def _pyside(name):
    return next(getattr(module, name) for module in (QtCore, QtGui, QtWidgets) if hasattr(module, name))


class IsolatedSettings(QtCore.QSettings):
    """The user's settings: one file that the host throws away, whatever the arguments."""

    FILE = os.path.join(tempfile.mkdtemp(prefix="host-settings-"), "Slicer.ini")

    def __init__(self):
        super().__init__(self.FILE, QtCore.QSettings.Format.IniFormat)


def _single_shot(msec, function):
    """Slicer replaces PythonQt's slot by a Python function (S20)."""
    def shoot():
        try:
            function(*accepted(function, ()))
        except Exception:
            sys.excepthook(*sys.exc_info())

    QtCore.QTimer.singleShot(int(msec), shoot)


class _QtNamespace:
    """`qt.Qt`: enumerators, flat and scoped."""

    def __getattr__(self, name):
        found = class_member(getattr(QtCore.Qt, name))
        if not isinstance(found, QtEnum) and callable(found):
            raise AttributeError(f"type object 'Qt' has no attribute '{name}'")
        return found


class _Module(types.ModuleType):
    def __getattr__(self, name):
        raise AttributeError(f"module 'qt' has no attribute '{name}' (or the host does not do it)")


sys.modules[__name__].__class__ = _Module
for _name in WIDGETS:
    globals()[_name] = add_class(_name, _pyside(_name))
for _name in VALUES:
    globals()[_name] = add_value_class(_pyside(_name))
QMessageBox = add_class("QMessageBox", RecordingMessageBox)
QSettings = add_class("QSettings", IsolatedSettings)
QUiLoader = uiloader.QUiLoader
Qt = _QtNamespace()
CLASSES["QTimer"].singleShot = staticmethod(_single_shot)
for _class in (*mrml_widgets.WIDGETS, *layout.WIDGETS, *application.CLASSES):
    add_class(_class.__name__, _class)
QApplication = CLASSES["qSlicerApplication"]
