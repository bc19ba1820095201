"""The `qt` module: the classes that the panel and slicer.util use, and no others. The host adds QApplication."""

import enum
import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")   # before the first Qt object

from PySide6 import QtCore, QtWidgets
from PySide6.QtGui import QKeySequence, QShortcut  # noqa: F401

from application import QCursor  # noqa: F401
from pythonqt import CLASSES, add_class
from uiloader import QFile, QUiLoader  # noqa: F401


class _Enumerators:
    """`qt.Qt`, `qt.QMessageBox`: enumerators as plain ints [C1], and nothing else."""

    def __init__(self, scope):
        self._scope = scope

    def __getattr__(self, name):
        found = getattr(self._scope, name)
        if not isinstance(found, enum.Enum):
            raise AttributeError(f"{self._scope.__name__} has no attribute '{name}' here")
        return found.value


for _class in (QtCore.QObject, QtCore.QTimer, QtWidgets.QWidget, QtWidgets.QLabel, QtWidgets.QPushButton,
               QtWidgets.QCheckBox, QtWidgets.QComboBox, QtWidgets.QVBoxLayout, QtWidgets.QHBoxLayout,
               QtWidgets.QFormLayout, QtWidgets.QDialog, QtWidgets.QTextBrowser, QtWidgets.QLineEdit,
               QtWidgets.QPlainTextEdit, QtWidgets.QListWidget, QtWidgets.QProgressBar, QtWidgets.QGridLayout,
               QShortcut):
    add_class(_class)
    globals()[_class.__name__] = CLASSES[_class.__name__]
Qt, QMessageBox = _Enumerators(QtCore.Qt), _Enumerators(QtWidgets.QMessageBox)
