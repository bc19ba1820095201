"""The live preview, by the pixels MRML's own slice pipeline makes of it."""

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from pieces import GRIDS, bulging, linear, untouched
from trunks import known_path, trunk
from vtk.util.numpy_support import vtk_to_numpy

from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.morph.warping import morph
from SyntheticCTLib.slicer_bridge import MorphSession
from SyntheticCTLib.slicer_bridge.frames import geometry_of, sitk_image
from SyntheticCTLib.slicer_bridge.path_nodes import add_path
from SyntheticCTLib.slicer_bridge.volumes import add_display_like, add_volume, read_world_ct

FINE = Geometry((110, 90, 100), (1.6, 1.6, 1.6), (-87.2, -71.2, -79.2), (1, 0, 0, 0, 1, 0, 0, 0, 1))
PARENTS = {
    "none": lambda scene: None,
    "rigid": lambda scene: linear(scene, [[0, -1, 0, 12], [1, 0, 0, -7], [0, 0, 1, 30], [0, 0, 0, 1]]),
    "bending": bulging,
}


def a_previewed_pair(scene, parent="none", grid=FINE):
    """A source under a parent transform, a target, a path between them, and its preview."""
    image, _ = trunk(grid, noise=0)
    source = add_volume(scene, image, "source")
    transform = PARENTS[parent](scene)
    if transform is not None:
        source.SetAndObserveTransformNodeID(transform.GetID())
    add_display_like(source, None)
    world = read_world_ct(source).image
    target = add_volume(scene, image, "target")
    path = known_path(world, image)
    node = add_path(scene, path, source, target)
    return source, world, path, MorphSession(scene).preview(node)


class SliceView:
    """An axial slice as a view of Slicer computes it: HU of the background layer in each pixel."""

    def __init__(self, scene, size=(256, 256), field=240.0, height=0.0, middle=(0.0, 0.0)):
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLScene(scene)
        self.node = self.logic.AddSliceNode("Test")
        self.node.SetOrientation("Axial")
        self.node.SetDimensions(*size, 1)
        self.node.SetFieldOfView(field, field, 1)
        self.node.JumpSliceByCentering(middle[0], middle[1], height)

    def show(self, volume) -> None:
        self.logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())

    def pixels(self) -> np.ndarray:
        """(row, column) HU; what lies beyond the volume is 0."""
        reslice = self.logic.GetBackgroundLayer().GetReslice()
        reslice.Update()
        image = reslice.GetOutput()
        width, height, _ = image.GetDimensions()
        return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width).astype(float)

    def geometry(self) -> Geometry:
        matrix = self.node.GetXYToRAS()
        values = np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])
        width, height, _ = self.node.GetDimensions()
        return geometry_of((width, height, 1), values)


@pytest.mark.parametrize(
    ("parent", "percent"), [("none", 50), ("none", 63), ("none", 100), ("rigid", 50), ("bending", 50)]
)
def test_the_lung_border_is_where_the_exact_volume_has_it(scene, parent, percent):
    source, world, path, preview = a_previewed_pair(scene, parent)
    preview.show(percent)
    exact = morph(world, path, percent / 100).image
    middle = np.array(world.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in world.GetSize()]))
    view = SliceView(scene, height=middle[2] + 12, middle=(-middle[0], -middle[1]))
    view.show(preview.volume)
    live = view.pixels()
    expected = sitk.GetArrayFromImage(
        sitk.Resample(exact, view.geometry().new_image(sitk.sitkFloat32), sitk.Transform(), sitk.sitkLinear, -1024.0)
    )[0]
    live[(live == 0) & (expected < -900)] = -1024  # MRML shows 0 beyond the volume
    tissue = [sitk_image((part > -400).astype(np.uint8)[None], view.geometry()) for part in (live, expected)]
    apart = _mean_surface_distance(*tissue)
    assert apart < 0.5 * min(world.GetSpacing())


def test_dragging_changes_the_picture_at_once_and_leaves_the_source_alone(scene):
    source, _, _, preview = a_previewed_pair(scene)
    before = untouched(source)
    view = SliceView(scene, height=12)
    view.show(preview.volume)
    seen = []
    for percent in (0, 30, 60, 100, 0):
        preview.show(percent)
        seen.append(view.pixels().copy())
    assert untouched(source) == before
    assert np.array_equal(seen[0], seen[-1])
    assert all(np.abs(one - other).max() > 200 for one, other in zip(seen[:-2], seen[1:-1], strict=True))


def test_the_preview_shares_the_voxels_and_takes_the_sources_window(scene):
    source, _, _, preview = a_previewed_pair(scene)
    source.GetDisplayNode().SetAutoWindowLevel(0)
    ours, its = (node.GetImageData().GetPointData().GetScalars() for node in (preview.volume, source))
    assert ours is its
    assert preview.volume.GetDisplayNode() is not source.GetDisplayNode()


def test_the_preview_is_hidden_is_not_saved_and_leaves_nothing_behind(app, tmp_path):
    scene = app.scene
    image, _ = trunk(GRIDS["plain"])
    source, target = add_volume(scene, image, "source"), add_volume(scene, image, "target")
    node = add_path(scene, known_path(image, image), source, target)
    app.save(tmp_path / "first")  # which adds storage nodes
    before = {scene.GetNthNode(number).GetID() for number in range(scene.GetNumberOfNodes())}
    preview = MorphSession(scene).preview(node)
    preview.show(40)
    assert preview.volume.GetHideFromEditors() and preview.transform.GetHideFromEditors()
    saved = app.save(tmp_path / "saved").read_text(encoding="utf-8")
    assert "Morph preview" not in saved and "Morph path" in saved
    assert scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 3
    preview.remove()
    preview.remove()
    assert {scene.GetNthNode(number).GetID() for number in range(scene.GetNumberOfNodes())} == before


def test_closing_the_scene_under_a_preview_does_no_harm(scene):
    *_, preview = a_previewed_pair(scene)
    scene.Clear(0)
    preview.remove()
    assert scene.GetNumberOfNodesByClass("vtkMRMLGridTransformNode") == 0


def _mean_surface_distance(first: sitk.Image, second: sitk.Image) -> float:
    """Mean distance in mm between the outlines of two one-slice masks, both ways."""
    flat = [mask[:, :, 0] for mask in (first, second)]
    outlines = [sitk.GetArrayFromImage(sitk.LabelContour(mask)) > 0 for mask in flat]
    assert all(outline.sum() > 100 for outline in outlines)
    distances = [sitk.Abs(sitk.SignedMaurerDistanceMap(mask, useImageSpacing=True)) for mask in flat]
    fields = [sitk.GetArrayFromImage(distance) for distance in distances]
    return float((fields[0][outlines[1]].mean() + fields[1][outlines[0]].mean()) / 2)
