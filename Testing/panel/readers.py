"""A radiologist who reads a study, for the tests: opens it, presses keys, clicks into views."""

from __future__ import annotations

from pathlib import Path

import slicer
from review_folders import write_study

ROOT = Path(__file__).resolve().parents[2]
MODULE = str(ROOT / "SyntheticCT" / "SyntheticCTReview.py")


class Reader:
    """Reads one study in the module, on the host."""

    def __init__(self, host, folder: Path, code: str = "Dr. Müßig 1", **study):
        self.host, self.folder, self.code = host, folder, code
        self.groups = {} if folder.exists() else write_study(folder, **study)
        self.open()

    def open(self):
        """Open the module and start, as at the beginning of a day."""
        self.widget = self.host.open_module(MODULE)
        self.host.show(self.widget)
        self.ui = self.widget.ui
        self.start()

    def start(self):
        self.ui.reviewStudyPathLineEdit.currentPath = str(self.folder)
        self.ui.reviewReaderCodeLineEdit.text = self.code
        self.ui.reviewStartPushButton.click()
        self.settle()

    def reopen(self):
        """Quit Slicer, start it, and open the same study with the same code."""
        self.host.reset()
        self.open()

    @property
    def panel(self):
        return self.widget.panel

    @property
    def session(self):
        return self.panel.session

    @property
    def page(self) -> str:
        """Which of the pages is seen."""
        pages = ("Start", "Reading", "End")
        (shown,) = [page for page in pages if getattr(self.ui, f"review{page}Widget").visible]
        return shown

    @property
    def progress(self) -> str:
        return self.ui.reviewProgressLabel.text

    def press(self, *keys):
        self.host.press(self.widget, *keys)

    def settle(self):
        self.host.process_events(0.05)

    def group(self) -> str:
        """What the case that is shown is, as only the key knows."""
        return self.groups[self.session.trials[self.panel.index].cases[0]]

    def click_in(self, view: str, point):
        """What Slicer does at a click in place mode with the mouse over a view."""
        slice_node = slicer.mrmlScene.GetSingletonNode(view, "vtkMRMLSliceNode")
        crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        if crosshair is None:  # Slicer makes it with its first view
            crosshair = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLCrosshairNode")
        crosshair.SetCursorPositionXYZ([1.0, 1.0, 0.0], slice_node)
        logic = slicer.app.applicationLogic()
        place = slicer.mrmlScene.GetNodeByID(logic.GetSelectionNode().GetActivePlaceNodeID())
        place.AddControlPointWorld(*point)
        logic.GetInteractionNode().SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.ViewTransform)
        self.settle()


def cases() -> list:
    """The volume nodes of the scene."""
    return list(slicer.util.getNodesByClass("vtkMRMLVolumeNode"))


def layout() -> int:
    return slicer.app.layoutManager().layout
