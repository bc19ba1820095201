"""Stand-ins for the CTK widgets of the panel, and message boxes that record instead of waiting for somebody."""

from PySide6 import QtCore, QtGui, QtWidgets

HEADER = 24     # pixels; the height of a section's title line


def qt_property(kind, name, setter=None):
    """A Qt property over an attribute `_name`; `setter(self, value)` stores it where more is to be done."""
    def read(self):
        return getattr(self, "_" + name)

    def write(self, value):
        setattr(self, "_" + name, value)

    return QtCore.Property(kind, read, setter or write)


def constant(kind, value):
    """A read-only property."""
    return QtCore.Property(kind, lambda self: value)


class ctkSliderWidget(QtWidgets.QWidget):
    """A slider with a spin box. The value is rounded to `decimals`; with `tracking` off a drag is one change."""

    valueChanged = QtCore.Signal(float)
    valueIsChanging = QtCore.Signal(float)
    decimalsChanged = QtCore.Signal(int)
    STEPS = 1000    # positions of the inner slider, which knows only whole numbers

    def __init__(self, parent=None):
        super().__init__(parent)
        self._tracking, self._popupSlider, self._changing, self._before = True, False, False, 0.0
        # CTK's own object names: childWidgetVariables finds them too.
        self.slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal, self, objectName="Slider")
        self.spin = QtWidgets.QDoubleSpinBox(self, objectName="SpinBox", decimals=2, maximum=99.0)
        self.slider.setMaximum(self.STEPS)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider)
        layout.addWidget(self.spin)
        self.spin.valueChanged.connect(self._spun)
        self.slider.sliderMoved.connect(self._slid)
        self.slider.sliderPressed.connect(self.startChanging)
        self.slider.sliderReleased.connect(self.stopChanging)

    def _slid(self, position):
        low, high = self.spin.minimum(), self.spin.maximum()
        self.spin.setValue(low + position * (high - low) / self.STEPS)

    def _spun(self, value):
        self._place()
        if not self._tracking:
            self.valueIsChanging.emit(value)
        if not self._changing:
            self.valueChanged.emit(value)

    def _place(self):
        low, high = self.spin.minimum(), self.spin.maximum()
        if not self.slider.isSliderDown() and high > low:
            self.slider.setValue(round((self.spin.value() - low) / (high - low) * self.STEPS))

    def startChanging(self):
        self._before, self._changing = self.spin.value(), not self._tracking

    def stopChanging(self):
        if self._changing:
            self._changing = False
            if self.spin.value() != self._before:
                self.valueChanged.emit(self.spin.value())

    def setValue(self, value):
        changing, self._changing = self._changing, False
        self.spin.setValue(value)
        self._changing = changing

    def setDecimals(self, decimals):
        self.spin.setDecimals(decimals)
        self.decimalsChanged.emit(decimals)

    def setSpinBoxVisible(self, visible):
        self.spin.setVisible(visible)

    def reset(self):
        self.setValue(min(max(0.0, self.spin.minimum()), self.spin.maximum()))

    def _set_minimum(self, minimum):
        self.spin.setMinimum(minimum)
        self._place()

    def _set_maximum(self, maximum):
        self.spin.setMaximum(maximum)
        self._place()

    value = QtCore.Property(float, lambda self: self._before if self._changing else self.spin.value(), setValue)
    minimum = QtCore.Property(float, lambda self: self.spin.minimum(), _set_minimum)
    maximum = QtCore.Property(float, lambda self: self.spin.maximum(), _set_maximum)
    singleStep = QtCore.Property(
        float, lambda self: self.spin.singleStep(), lambda self, step: self.spin.setSingleStep(step))
    decimals = QtCore.Property(int, lambda self: self.spin.decimals(), setDecimals)
    prefix = QtCore.Property(str, lambda self: self.spin.prefix(), lambda self, text: self.spin.setPrefix(text))
    suffix = QtCore.Property(str, lambda self: self.spin.suffix(), lambda self, text: self.spin.setSuffix(text))
    tracking = qt_property(bool, "tracking")
    spinBoxVisible = QtCore.Property(
        bool, lambda self: not self.spin.isHidden(), setSpinBoxVisible)


class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A section with a title line; checked is open. Its children are hidden while it is collapsed."""

    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, *args):
        parent = next((arg for arg in args if isinstance(arg, QtWidgets.QWidget)), None)
        super().__init__(parent)
        self._shown = []    # the children to show again
        self.setText(next((arg for arg in args if isinstance(arg, str)), ""))
        self.setCheckable(True)
        self.setChecked(True)
        self.setContentsMargins(0, HEADER, 0, 0)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Minimum, QtWidgets.QSizePolicy.Policy.Preferred)
        self.toggled.connect(self._show_contents)

    def _children(self):
        return [child for child in self.children() if isinstance(child, QtWidgets.QWidget)]

    def _show_contents(self, opened):
        if opened:
            shown, self._shown = self._shown, []
            for child in shown:
                child.show()
        else:
            self._shown = [child for child in self._children() if not child.isHidden()]
            for child in self._shown:
                child.hide()
        self.setMaximumHeight(16777215 if opened else HEADER)   # QWIDGETSIZE_MAX
        self.updateGeometry()
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

    def collapse(self, collapsed):
        self.setChecked(not collapsed)

    collapsed = QtCore.Property(bool, lambda self: not self.isChecked(), collapse)

    def sizeHint(self):
        title = QtCore.QSize(self.fontMetrics().horizontalAdvance(self.text()) + 2 * HEADER, HEADER)
        return title.expandedTo(self.layout().sizeHint()) if self.layout() and self.isChecked() else title

    minimumSizeHint = sizeHint

    def paintEvent(self, event):
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, self.width(), HEADER)
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_PushButtonBevel, option)
        arrow = "PE_IndicatorArrowDown" if self.isChecked() else "PE_IndicatorArrowRight"
        option.rect = QtCore.QRect(6, 6, HEADER - 12, HEADER - 12)
        painter.drawPrimitive(getattr(QtWidgets.QStyle.PrimitiveElement, arrow), option)
        title = QtCore.QRect(HEADER, 0, self.width() - HEADER, HEADER)
        painter.drawText(title, QtCore.Qt.AlignmentFlag.AlignVCenter | QtCore.Qt.AlignmentFlag.AlignLeft, self.text())
        painter.setPen(QtGui.QPen(self.palette().mid().color()))
        painter.drawRect(0, HEADER, self.width() - 1, self.height() - HEADER - 1)


class RecordingMessageBox(QtWidgets.QMessageBox):
    """A message box that nobody sees: it notes (kind, text) and takes the next answer given to the host."""

    KINDS = {"Information": "info", "Warning": "warning", "Critical": "error", "Question": "question"}
    messages, answers = [], []      # the host's; questions nobody prepared an answer for are answered No
    question = information = warning = critical = about = None      # static helpers would wait for ever

    def exec(self):
        kind = self.KINDS.get(self.icon().name, "message")
        self.messages.append((kind, self.text()))
        buttons = [self.standardButton(button) for button in self.buttons()]
        yes = [b for b in buttons if b.name in ("Ok", "Yes", "Retry")]
        no = [b for b in buttons if b.name in ("Cancel", "No", "Close")]
        answer = self.answers.pop(0) if no and self.answers else not no
        return ((yes if answer else no) or buttons or [self.StandardButton.NoButton])[0].value


class ctkMessageBox(RecordingMessageBox):
    dontShowAgain = QtCore.Property(bool, lambda self: False, lambda self, on: None)
    dontShowAgainVisible = QtCore.Property(bool, lambda self: False, lambda self, on: None)
    dontShowAgainSettingsKey = QtCore.Property(str, lambda self: "", lambda self, key: None)
