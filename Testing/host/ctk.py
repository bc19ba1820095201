"""The `ctk` module: the classes that the panel and slicer.util use, and no others."""

import ctk_widgets  # noqa: F401  (registers them)
from pythonqt import CLASSES

ctkSliderWidget, ctkCollapsibleButton = CLASSES["ctkSliderWidget"], CLASSES["ctkCollapsibleButton"]
ctkMessageBox, ctkPathLineEdit = CLASSES["ctkMessageBox"], CLASSES["ctkPathLineEdit"]
