"""The cases of a reading study in the scene: voxels, a place and a window, and nothing that tells where they come from.

A case is read by SimpleITK and not by Slicer's own loading, which would leave a file name in the node, a storage node
beside it and an entry among the recent files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import slicer
import vtk

from ..errors import InputError
from .stand_ins import hide, remove
from .volumes import fill_volume

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ..review.study import Study

NAMES = {1: ("Case",), 2: ("Left", "Right")}
"""What the nodes are called, and so what Slicer's views and its data probe show, whatever the case."""

VIEW = "Case view"
"""Name of the display node."""


def read_case(study: Study, case_id: str) -> sitk.Image:
    """The voxels of a case, int16 HU in LPS. Raises InputError if its file is gone, damaged, or not the study's."""
    import SimpleITK as sitk

    try:
        study.check(case_id)
        return sitk.ReadImage(str(study.image_file(case_id)), sitk.sitkInt16)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"The scan of this case cannot be read from {study.folder}: {_first_line(error)}. "
            "See whether the folder can still be reached, then try again."
        ) from error


class ShownCases:
    """The one case, or the two, that the scene holds at a time.

    Args:
        scene: where they are shown.
    """

    def __init__(self, scene) -> None:
        self._scene = scene
        self._nodes: list[Any] = []
        self._display: Any = None
        self._tag = 0
        self._window = (-1024.0, 3071.0)

    @property
    def nodes(self) -> tuple[Any, ...]:
        """The volume nodes, from left to right; none while nothing is shown."""
        return tuple(node for node in self._nodes if self._scene.IsNodePresent(node))

    def show(self, images: Sequence[sitk.Image]) -> None:
        """Put one case, or two, into the scene in the place of those before."""
        self.remove()
        display = self._add_display()
        for image, name in zip(images, NAMES[len(images)], strict=True):
            node = slicer.vtkMRMLScalarVolumeNode()
            hide(node, name)
            fill_volume(node, image)
            self._scene.AddNode(node)
            node.SetAndObserveDisplayNodeID(display.GetID())
            self._nodes.append(node)

    def set_window(self, low: float, high: float) -> None:
        """Show HU from `low` to `high`, in all views; the mouse cannot change it."""
        self._window = (float(low), float(high))
        if self._display is not None:
            self._apply_window()

    def remove(self) -> None:
        """Take everything out of the scene; harmless when nothing is shown."""
        if self._display is not None:
            self._display.RemoveObserver(self._tag)
        remove(self._scene, *self._nodes, self._display)
        self._nodes, self._display = [], None

    def _add_display(self):
        node = slicer.vtkMRMLScalarVolumeDisplayNode()
        hide(node, VIEW)
        node.SetDefaultColorMap()
        node.SetInterpolate(True)
        self._display = self._scene.AddNode(node)
        self._apply_window()
        self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._on_modified)
        return self._display

    def _apply_window(self) -> None:
        low, high = self._window
        self._display.SetAutoWindowLevel(False)
        self._display.SetWindowLevel(high - low, (high + low) / 2)

    def _on_modified(self, caller, event) -> None:
        """Somebody, the mouse perhaps, has changed something: the study's window it is (nothing happens if so)."""
        if self._display is not None:
            self._apply_window()


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")
