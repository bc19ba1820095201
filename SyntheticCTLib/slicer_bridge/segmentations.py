"""Segmentations and label maps of a scene as label layers with colors and terminology, and back.

Segments that share one label map in Slicer share a layer here, so overlapping segments stay apart and overlaps
survive the way into a job and out again. Names of segments that are no known terms stay behind: they may be a
patient's (`images.terms`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np
import SimpleITK as sitk
import slicer
import vtk

from ..errors import InputError
from ..images.geometry import Geometry
from ..images.label_grid import onto_grid
from ..images.label_names import safe_label_name
from ..images.labels import LabelLayer
from .frames import ijk_to_ras, to_array, to_matrix, vtk_image
from .terminology import safe_terminology
from .world import is_empty, own_matrix, placed

BINARY = "Binary labelmap"
"""What Slicer calls the representation that is label maps."""

_TERMINOLOGY = "TerminologyEntry"


@dataclass(frozen=True)
class Segment:
    """What is kept of a segment beside its voxels.

    name: safe to publish. color: RGB, 0 to 1. terminology: Slicer's serialized entry. original: what the user calls it,
    only ever used to find the same segment in another scan.
    """

    name: str
    color: tuple[float, float, float] | None = None
    terminology: str = ""
    original: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class Segments:
    """Layers on the grid of a CT, and for each of them the segments by label value."""

    layers: list[LabelLayer]
    looks: list[Mapping[int, Segment]]

    @classmethod
    def none(cls) -> Segments:
        """No labels at all."""
        return cls([], [])


def read_segments(node, reference: sitk.Image) -> Segments:
    """The labels of a segmentation or label map node, or of None, on the grid of a CT in the world.

    The node is only read; a segmentation that has no label maps yet is converted as a copy.
    Raises InputError if the labels lie elsewhere.
    """
    if node is None:
        return Segments.none()
    found = _of_segmentation(node, reference) if node.IsA("vtkMRMLSegmentationNode") else _of_label_map(node)
    layers, looks = [], []
    unnamed = count(1)
    for number, (image, look) in enumerate(found, start=1):
        look = {value: _named(segment, unnamed) for value, segment in look.items()}
        labels, _ = onto_grid(image, Geometry.of(reference), node.GetName())
        layers.append(LabelLayer(f"layer{number}", labels, {value: segment.name for value, segment in look.items()}))
        looks.append(look)
    return Segments(layers, looks)


def shared_layers(source: Segments, target: Segments) -> tuple[list[LabelLayer], list[LabelLayer]]:
    """A layer of its own, with the value 1, for every segment that both sides have by name.

    Slicer gives label values as segments are painted, so the values of two scans say nothing about each other.
    Raises InputError if the two have no name in common.
    """
    ours, theirs = _by_original_name(source), _by_original_name(target)
    names = [name for name in ours if name in theirs]
    if not names:
        raise InputError(
            f"The labels of source and target have no segment of the same name: found {_listed(ours)} and "
            f"{_listed(theirs)}. Rename them, or register without labels."
        )
    sides = [[LabelLayer(f"shared{n}", one[name]) for n, name in enumerate(names, start=1)] for one in (ours, theirs)]
    return sides[0], sides[1]


def _by_original_name(segments: Segments) -> dict[str, sitk.Image]:
    """The mask (uint8) of each segment by what the user calls it."""
    masks = {}
    for layer, look in zip(segments.layers, segments.looks, strict=True):
        for value, segment in look.items():
            if segment.original and value in layer.values:
                masks[segment.original.strip().casefold()] = layer.image == value
    return masks


def _listed(masks: Mapping[str, sitk.Image]) -> str:
    return ", ".join(masks) or "none"


def add_segmentation(scene, name: str, layers: Sequence[LabelLayer], looks: Sequence[Mapping[int, Segment]]):
    """A new segmentation node of layers in the world, with a display node; empty segments are kept too."""
    ensure_converters(scene)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    segmentation = node.GetSegmentation()
    segmentation.SetSourceRepresentationName(BINARY)
    for number, (layer, look) in enumerate(zip(layers, looks, strict=True)):
        shared = _oriented(layer.image)
        for value, segment in look.items():
            new = slicer.vtkSegment()
            new.SetName(segment.name)
            if segment.color is not None:
                new.SetColor(*segment.color)
            if segment.terminology:
                new.SetTag(_TERMINOLOGY, segment.terminology)
            new.SetLabelValue(int(value))
            new.AddRepresentation(BINARY, shared)
            segmentation.AddSegment(new, f"Segment_{number + 1}_{value}")
    return node


def _of_segmentation(node, reference: sitk.Image) -> list[tuple[sitk.Image, dict[int, Segment]]]:
    segmentation = node.GetSegmentation()
    if not segmentation.GetNumberOfSegments():
        return []
    if not segmentation.ContainsRepresentation(BINARY):
        segmentation = _converted(segmentation, reference, node)
    found = []
    for number in range(segmentation.GetNumberOfLayers(BINARY)):
        data = segmentation.GetLayerDataObject(number, BINARY)
        look = {}
        for segment_id in segmentation.GetSegmentIDsForLayer(number, BINARY):
            segment = segmentation.GetSegment(segment_id)
            look[segment.GetLabelValue()] = _segment(segment)
        if data is None or not data.GetNumberOfPoints():
            image = Geometry.of(reference).new_image(sitk.sitkUInt8)  # nothing has been painted yet
        else:
            matrix = vtk.vtkMatrix4x4()
            data.GetImageToWorldMatrix(matrix)
            image = placed(data, to_array(matrix), node, outside=0, nearest=True)
        found.append((_labels(image, node.GetName()), look))
    return found


def _named(segment: Segment, unnamed: Iterator[int]) -> Segment:
    """The segment itself, or one with the next free number for a name."""
    return segment if segment.name else replace(segment, name=f"Segment {next(unnamed)}")


def _segment(segment) -> Segment:
    terminology = segment.GetTerminology() if segment.HasTerminology() else ""
    name = safe_label_name(segment.GetName() or "")
    return Segment(
        name, tuple(segment.GetColor()), safe_terminology(terminology, name), original=segment.GetName() or ""
    )


def _converted(segmentation, reference: sitk.Image, node):
    """A copy of a segmentation with label maps, as fine as the CT."""
    ensure_converters(node.GetScene())
    copy = slicer.vtkSegmentation()
    copy.DeepCopy(segmentation)
    grid = Geometry.of(reference)
    fine = _oriented(grid.new_image(sitk.sitkUInt8))
    text = slicer.vtkSegmentationConverter.SerializeImageGeometry(fine)
    copy.SetConversionParameter(slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName(), text)
    if not copy.CreateRepresentation(BINARY):
        raise InputError(
            f"{node.GetName()}: its segments cannot be turned into label maps; convert the segmentation in the "
            "Segmentations module (representation Binary labelmap) and choose it again."
        )
    return copy


def _of_label_map(node) -> list[tuple[sitk.Image, dict[int, Segment]]]:
    if is_empty(node):
        raise InputError(f"{node.GetName()} is empty; choose another label map, or none.")
    image = _labels(placed(node.GetImageData(), own_matrix(node), node, outside=0, nearest=True), node.GetName())
    layer = LabelLayer("labels", image)
    colors = node.GetDisplayNode().GetColorNode() if node.GetDisplayNode() is not None else None
    look = {}
    for value in layer.values:
        original, color = f"label {value}", None
        if colors is not None and value < colors.GetNumberOfColors():
            rgba = [0.0] * 4
            colors.GetColor(value, rgba)
            original, color = colors.GetColorName(value) or original, tuple(rgba[:3])
        look[value] = Segment(safe_label_name(original), color, original=original)
    return [(image, look)]


def _labels(image: sitk.Image, name: str) -> sitk.Image:
    """The same labels with 8 or 16 bits without a sign."""
    values = sitk.GetArrayViewFromImage(image)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 65535 or (values.dtype.kind == "f" and not np.array_equal(values, np.rint(values))):
        raise InputError(
            f"{name}: its values run from {low:g} to {high:g}; a label map holds whole numbers from 0 to 65535. "
            "It may be an image given as labels."
        )
    return sitk.Cast(image, sitk.sitkUInt8 if high <= 255 else sitk.sitkUInt16)


def _oriented(image: sitk.Image):
    """The label map as Slicer keeps it: voxels with a matrix."""
    data = slicer.vtkOrientedImageData()
    data.ShallowCopy(vtk_image(sitk.GetArrayViewFromImage(image)))
    data.SetGeometryFromImageToWorldMatrix(to_matrix(ijk_to_ras(Geometry.of(image))))
    return data


def ensure_converters(scene) -> None:
    """Tell MRML how to convert segments where no application has done so, as in the plain `slicer-core` wheel."""
    factory = slicer.vtkSegmentationConverterFactory.GetInstance()
    if factory.ConstructRepresentationObjectByRepresentation("Closed surface") is None:
        slicer.vtkSlicerSegmentationsModuleLogic().SetMRMLScene(scene)
