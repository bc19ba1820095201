"""Stand-ins for the CTK widgets of the panel, and a message box that records instead of waiting for somebody."""

from PySide6 import QtCore, QtGui, QtWidgets

from pythonqt import add_class

HEADER = 24     # pixels; the height of a section's title line


def qt_property(kind, name):
    """A Qt property over an attribute `_name`; the widget's `_refill`, if it has one, is called after a change."""
    def write(self, value):
        setattr(self, "_" + name, value)
        getattr(self, "_refill", int)()

    return QtCore.Property(kind, lambda self: getattr(self, "_" + name), write)


def _of_spin(kind, name):
    """A property of the spin box in a ctkSliderWidget; the slider beside it follows."""
    def write(self, value):
        self.spin.setProperty(name, value)
        self._place()

    return QtCore.Property(kind, lambda self: self.spin.property(name), write)


@add_class
class ctkSliderWidget(QtWidgets.QWidget):
    """A spin box, which rounds the value to `decimals`, and a slider that shows it; nobody drags it here."""

    valueChanged = QtCore.Signal(float)
    STEPS = 1000    # positions of the inner slider, which knows only whole numbers

    def __init__(self, parent=None):
        super().__init__(parent)
        # CTK's own object names: childWidgetVariables finds them too.
        self.slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal, self, objectName="Slider", maximum=self.STEPS)
        self.spin = QtWidgets.QDoubleSpinBox(self, objectName="SpinBox", decimals=2, maximum=99.0)
        layout = QtWidgets.QHBoxLayout(self, contentsMargins=QtCore.QMargins())
        layout.addWidget(self.slider)
        layout.addWidget(self.spin)
        self.spin.valueChanged.connect(self._place)
        self.spin.valueChanged.connect(self.valueChanged)

    def _place(self, *_):
        low, high = self.spin.minimum(), self.spin.maximum()
        if high > low:
            self.slider.setValue(round((self.spin.value() - low) / (high - low) * self.STEPS))

    value, minimum, maximum = _of_spin(float, "value"), _of_spin(float, "minimum"), _of_spin(float, "maximum")
    singleStep, decimals, suffix = _of_spin(float, "singleStep"), _of_spin(int, "decimals"), _of_spin(str, "suffix")
    pageStep = qt_property(float, "pageStep")
    _pageStep = 10.0


@add_class
class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A section with a title line; checked is open. Its children are hidden while it is collapsed."""

    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, parent=None):
        super().__init__(parent, checkable=True, checked=True)
        self._shown = []    # the children to show again
        self.setMinimumHeight(HEADER)
        self.setContentsMargins(0, HEADER, 0, 0)
        self.toggled.connect(self._show_contents)

    def _show_contents(self, opened):
        if opened:
            shown, self._shown = self._shown, []
            for child in shown:
                child.show()
        else:
            self._shown = [each for each in self.findChildren(
                QtWidgets.QWidget, options=QtCore.Qt.FindChildOption.FindDirectChildrenOnly) if not each.isHidden()]
            for child in self._shown:
                child.hide()
        self.setMaximumHeight(16777215 if opened else HEADER)   # QWIDGETSIZE_MAX
        self.contentsCollapsed.emit(not opened)

    def childEvent(self, event):
        if event.added() and isinstance(event.child(), QtWidgets.QWidget):
            event.child().installEventFilter(self)

    def eventFilter(self, child, event):
        """What is shown while the section is collapsed appears when it opens."""
        if event.type() == QtCore.QEvent.Type.ShowToParent and not self.isChecked():
            child.hide()
            self._shown.append(child)
        return False

    collapsed = QtCore.Property(
        bool, lambda self: not self.isChecked(), lambda self, collapsed: self.setChecked(not collapsed))

    def paintEvent(self, event):
        painter, arrow = QtGui.QPainter(self), "\u25be" if self.isChecked() else "\u25b8"
        painter.drawRect(0, 0, self.width() - 1, HEADER - 1)
        painter.drawText(6, HEADER - 7, f"{arrow} {self.text()}")


@add_class
class ctkPathLineEdit(QtWidgets.QWidget):
    """An editable combo box for a path; nobody browses here. CTK's own keeps a history under settingKey."""

    currentPathChanged = QtCore.Signal(str)
    ENUMERATORS = {"Dirs": 1}
    filters, settingKey = qt_property(int, "filters"), qt_property(str, "settingKey")
    _filters, _settingKey = 0, ""

    def __init__(self, parent=None):
        super().__init__(parent)
        self.history, self.combo = [], QtWidgets.QComboBox(self, editable=True)
        QtWidgets.QHBoxLayout(self, contentsMargins=QtCore.QMargins()).addWidget(self.combo)
        self.combo.editTextChanged.connect(self.currentPathChanged)

    def setCurrentPath(self, path):
        self.combo.setEditText(path)

    def addCurrentPathToHistory(self):
        self.history.append(self.combo.currentText())

    currentPath = QtCore.Property(str, lambda self: self.combo.currentText(), setCurrentPath)


@add_class
class ctkMessageBox(QtWidgets.QWidget):
    """A message box that nobody sees: it notes (kind, text) and takes the next answer given to the host."""

    KINDS = {1: "info", 2: "warning", 3: "error", 4: "question"}
    YES = 0x400 | 0x4000 | 0x80000      # Ok, Yes, Retry
    NO = 0x400000 | 0x10000 | 0x200000  # Cancel, No, Close
    messages, answers = [], []      # the host's; questions nobody prepared an answer for are answered No
    _text, _detailedText, _icon, _standardButtons = "", "", 0, 0
    text, detailedText = qt_property(str, "text"), qt_property(str, "detailedText")
    icon, standardButtons = qt_property(int, "icon"), qt_property(int, "standardButtons")

    def exec_(self):
        self.messages.append((self.KINDS.get(self._icon, "message"), self._text))
        yes, no = self._standardButtons & self.YES, self._standardButtons & self.NO
        answer = not no or bool(self.answers) and self.answers.pop(0)
        return yes if answer else no
