"""The `ctk` module: the classes that the panel uses, and no others."""

import qt
from ctk_widgets import ctkCollapsibleButton as _ctkCollapsibleButton
from ctk_widgets import ctkMessageBox as _ctkMessageBox
from ctk_widgets import ctkSliderWidget as _ctkSliderWidget
from pythonqt import add_class

ctkSliderWidget = add_class("ctkSliderWidget", _ctkSliderWidget)
ctkCollapsibleButton = add_class("ctkCollapsibleButton", _ctkCollapsibleButton)
ctkMessageBox = add_class("ctkMessageBox", _ctkMessageBox)
ctkSettings = qt.QSettings
