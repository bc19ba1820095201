"""The first page: which study, who reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ctk
import slicer
from slicer.i18n import tr as _

OTHER_DATA = (
    "vtkMRMLVolumeNode",
    "vtkMRMLSegmentationNode",
    "vtkMRMLMarkupsNode",
    "vtkMRMLModelNode",
    "vtkMRMLTransformNode",
)
"""What must not be in the scene while somebody reads; it would be seen in the views."""


class StartPage:
    """Asks for the study folder and the reader code.

    Args:
        ui: the widgets by name.
        start: called when the reader wants to begin.
    """

    def __init__(self, ui, start: Callable[[], None]) -> None:
        self._ui = ui
        ui.reviewStudyPathLineEdit.filters = ctk.ctkPathLineEdit.Dirs
        ui.reviewStudyPathLineEdit.connect("currentPathChanged(QString)", self.update)
        ui.reviewReaderCodeLineEdit.connect("textChanged(QString)", self.update)
        ui.reviewReaderCodeLineEdit.connect("returnPressed()", start)
        ui.reviewStartPushButton.connect("clicked()", start)
        self.update()

    @property
    def folder(self) -> str:
        """The study folder that was entered."""
        return self._ui.reviewStudyPathLineEdit.currentPath

    @property
    def code(self) -> str:
        """The reader code that was entered."""
        return self._ui.reviewReaderCodeLineEdit.text

    def why_not(self) -> str:
        """Why nobody can begin, in a sentence; "" if that is possible."""
        if slicer.app.layoutManager() is None:
            return _("There are no views to read in.")
        if not self.folder:
            return _("Choose the study folder.")
        return "" if self.code.strip() else _("Enter your reader code.")

    def update(self, _changed: str = "") -> None:
        """Show whether anybody can begin, and why not."""
        reason = self.why_not()
        button = self._ui.reviewStartPushButton
        button.enabled = not reason
        button.toolTip = reason or _("Opens the study, or goes on where you stopped.")

    def opened(self) -> None:
        """The study was opened: offer its folder again the next time."""
        self._ui.reviewStudyPathLineEdit.addCurrentPathToHistory()
        self._ui.reviewStartStatusLabel.text = ""

    def stopped(self, done: int, total: int, waiting: int, unfinished: str) -> None:
        """Say how far the reading has come, and how many answers still wait on this computer.

        unfinished: the sentence about what is not kept, or "".
        """
        if done == total:
            text = _("Read: all {total} cases.").format(total=total)
        else:
            text = _("Read so far: {done} of {total} cases. Start with the same code to go on.").format(
                done=done, total=total
            )
        if unfinished:
            text = f"{text} {unfinished}"
        if waiting:
            warning = _(
                "Answers still kept on this computer: {waiting}. Start the study again on this computer when its "
                "folder can be reached; they are written then."
            ).format(waiting=waiting)
            slicer.util.warningDisplay(warning)
            text = f"{text} {warning}"
        self._ui.reviewStartStatusLabel.text = text


def may_clear_scene() -> bool:
    """Whether the scene is empty, or may be made so; asks, and closes it."""
    nodes = [node for kind in OTHER_DATA for node in slicer.util.getNodesByClass(kind)]
    if all(node.GetHideFromEditors() for node in nodes):  # Slicer's own, such as those of its slice views
        return True
    if not slicer.util.confirmOkCancelDisplay(
        _("A reading begins with an empty scene. What is in this one and not saved will be lost. Close the scene?")
    ):
        return False
    slicer.mrmlScene.Clear(0)
    return True


def spare_folder() -> Path:
    """Where answers wait while the study's folder is out of reach: beside Slicer's own settings of this user."""
    return Path(slicer.app.slicerUserSettingsFilePath).parent / "SyntheticCTReview"
