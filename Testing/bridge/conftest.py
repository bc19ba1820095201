"""A real MRML scene for the tests, as an application without a window has it."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = str(ROOT)  # for child processes

import slicer  # noqa: E402


@dataclass
class Application:
    """The logics Slicer has at its start; they are kept alive as long as the scene."""

    scene: Any
    logic: Any
    segmentations: Any

    def save(self, folder: Path) -> Path:
        """Save the scene with all its data as Slicer does within an MRB; return the .mrml file."""
        folder.mkdir()
        messages = slicer.vtkMRMLMessageCollection()
        assert self.logic.SaveSceneToSlicerDataBundleDirectory(str(folder), None, messages)
        (file,) = folder.glob("*.mrml")
        return file

    def load(self, file: Path) -> None:
        """Close the scene and load another."""
        self.scene.Clear(0)
        self.scene.SetURL(str(file))
        assert self.scene.Import()


@pytest.fixture
def app():
    scene = slicer.vtkMRMLScene()
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetMRMLScene(scene)
    logic.GetColorLogic().SetMRMLScene(scene)
    logic.GetColorLogic().AddDefaultColorNodes()
    segmentations = slicer.vtkSlicerSegmentationsModuleLogic()
    segmentations.SetMRMLScene(scene)
    slicer.mrmlScene = scene
    yield Application(scene, logic, segmentations)
    scene.Clear(1)


@pytest.fixture
def scene(app):
    return app.scene
