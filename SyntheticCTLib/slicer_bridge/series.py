"""A path as a sequence to scrub through: of synthetic volumes, or of transforms alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import SimpleITK as sitk
import slicer

from ..morph.outputs import MorphFiles
from ..morph.path import MorphPath
from .frames import grid_transform
from .results import SYNTHETIC, VERDICT
from .subjects import place_synthetic
from .volumes import add_display_like, fill_volume

INDEX_NAME, INDEX_UNIT = "morph", "%"

COARSER = 2
"""A coarse series keeps blocks of so many voxels along every axis."""

_NAME = "SYNTHETIC series"

_WORST = ("pass", "warn", "reject")


@dataclass(frozen=True)
class Series:
    """A sequence node, the browser that scrubs through it and the node that shows the chosen item. verdict: the worst
    of its volumes; "" for transforms, which nobody has judged."""

    sequence: Any
    browser: Any
    proxy: Any
    verdict: str = ""


def series_megabytes(volume, count: int, coarse: bool) -> float:
    """Memory that `count` morphs of a volume node take (int16)."""
    voxels = volume.GetImageData().GetNumberOfPoints() if volume.GetImageData() is not None else 0
    return count * voxels * 2 / (COARSER**3 if coarse else 1) / 2**20


def take_series(
    scene, folder: Path, shares: Sequence[Decimal], morphs: Sequence[Mapping[str, Any]], coarse: bool, like
) -> Series:
    """Read the volumes of a job into a sequence. like: the volume node whose window and colors it gets."""
    sequence = _add_sequence(scene)
    for share in shares:
        image = sitk.ReadImage(str(folder / MorphFiles(share).image))
        if coarse:
            image = sitk.BinShrink(image, [min(COARSER, size) for size in image.GetSize()])
        node = slicer.vtkMRMLScalarVolumeNode()
        node.SetName(_NAME)
        fill_volume(node, image)
        node.SetAttribute(SYNTHETIC, "series")
        sequence.SetDataNodeAtValue(node, f"{share:f}")
    browser, proxy = _add_browser(scene, sequence)
    add_display_like(proxy, like)
    verdict = max((morph["verdict"] for morph in morphs), key=_WORST.index)
    for each in (sequence, proxy):
        each.SetAttribute(SYNTHETIC, "series")
        each.SetAttribute(VERDICT, verdict)
    place_synthetic(scene, sequence.GetName(), [proxy])
    return Series(sequence, browser, proxy, verdict)


def add_transform_series(scene, path: MorphPath, shares: Sequence[Decimal]) -> Series:
    """The path's displacements as a sequence of grid transforms; nothing of any scan is in it."""
    sequence = _add_sequence(scene, "Morph transforms")
    for share in shares:
        node = slicer.vtkMRMLGridTransformNode()
        node.SetName("Morph transform")
        node.SetAndObserveTransformFromParent(grid_transform(path.field(float(share / 100))))
        sequence.SetDataNodeAtValue(node, f"{share:f}")
    return Series(sequence, *_add_browser(scene, sequence))


def _add_sequence(scene, name: str = _NAME):
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", scene.GenerateUniqueName(name))
    sequence.SetIndexName(INDEX_NAME)
    sequence.SetIndexUnit(INDEX_UNIT)
    sequence.SetIndexType(slicer.vtkMRMLSequenceNode.NumericIndex)
    return sequence


def _add_browser(scene, sequence):
    """The browser, and the node of the scene that shows the chosen item."""
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", f"{sequence.GetName()} browser")
    browser.AddSynchronizedSequenceNode(sequence)
    browser.SetIndexDisplayMode(slicer.vtkMRMLSequenceBrowserNode.IndexDisplayAsIndexValue)
    # Slicer does this by itself, a moment later; a logic without a scene does it now, and registers nothing twice.
    slicer.vtkSlicerSequencesLogic().UpdateProxyNodesFromSequences(browser)
    proxy = browser.GetProxyNode(sequence)
    proxy.SetName(sequence.GetName())
    return browser, proxy
