"""Volume nodes where they lie in the world, whatever is above them."""

import numpy as np
import pytest
import SimpleITK as sitk
import vtk
from pieces import GRIDS, bulging, linear, untouched
from scipy import ndimage
from trunks import center_of_mass, trunk

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.slicer_bridge.frames import voxels
from SyntheticCTLib.slicer_bridge.volumes import add_volume, read_world_ct, state_of

MOVE = [[0, -1, 0, 12], [1, 0, 0, -7], [0, 0, 1, 30], [0, 0, 0, 1]]
SHEAR = [[1, 0.2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("grid", GRIDS)
def test_a_volume_goes_into_the_scene_and_back_voxel_for_voxel(scene, grid):
    image, _ = trunk(GRIDS[grid])
    node = add_volume(scene, image, "volume")
    back = read_world_ct(node)
    assert np.array_equal(sitk.GetArrayViewFromImage(back.image), sitk.GetArrayViewFromImage(image))
    assert np.allclose(back.bound.geometry.matrix(), Geometry.of(image).matrix(), atol=1e-9)


def test_mrml_and_the_image_agree_where_a_voxel_lies(scene):
    image, _ = trunk(GRIDS["oblique"])
    node = add_volume(scene, image, "volume")
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    ras = matrix.MultiplyPoint([10, 20, 30, 1])
    lps = image.TransformIndexToPhysicalPoint([10, 20, 30])
    assert np.allclose([-ras[0], -ras[1], ras[2]], lps)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_rigid_parent_moves_the_grid_and_no_voxel_changes(scene, grid):
    image, _ = trunk(GRIDS[grid])
    node = add_volume(scene, image, "volume")
    node.SetAndObserveTransformNodeID(linear(scene, MOVE).GetID())
    before = untouched(node)
    moved = read_world_ct(node)
    assert untouched(node) == before
    assert np.array_equal(sitk.GetArrayViewFromImage(moved.image), sitk.GetArrayViewFromImage(image))
    x, y, z = center_of_mass(image)
    expected = np.array(MOVE) @ [-x, -y, z, 1]
    assert np.allclose(center_of_mass(moved.image), [-expected[0], -expected[1], expected[2]], atol=0.05)


def test_two_parents_are_both_honored(scene):
    image, _ = trunk(GRIDS["plain"])
    node = add_volume(scene, image, "volume")
    outer, inner = linear(scene, MOVE), linear(scene, MOVE)
    inner.SetAndObserveTransformNodeID(outer.GetID())
    node.SetAndObserveTransformNodeID(inner.GetID())
    x, y, z = center_of_mass(image)
    expected = np.array(MOVE) @ MOVE @ [-x, -y, z, 1]
    assert np.allclose(
        center_of_mass(read_world_ct(node).image), [-expected[0], -expected[1], expected[2]], atol=0.05
    )


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("kind", ["sheared", "bent"])
def test_under_a_parent_that_bends_the_volume_is_resampled_where_slicer_shows_it(scene, grid, kind):
    image, _ = trunk(GRIDS[grid], noise=0)
    node = add_volume(scene, image, "volume")
    parent = linear(scene, SHEAR) if kind == "sheared" else bulging(scene)
    node.SetAndObserveTransformNodeID(parent.GetID())
    before = untouched(node)
    found = read_world_ct(node)
    assert untouched(node) == before
    assert found.bound.geometry.is_orthogonal()
    shown = _as_slicer_shows(node, found.bound.geometry)
    ours = sitk.GetArrayFromImage(found.image).astype(float)
    solid = _well_inside(shown > -1000)
    # a linear and a cubic interpolation of the same scan differ at edges; a millimeter of shift would give 60 HU
    assert np.abs(ours - shown)[solid].mean() < 25
    assert np.corrcoef(ours[solid], shown[solid])[0, 1] > 0.985


def test_what_lies_beyond_a_bent_volume_is_air(scene):
    image, _ = trunk(GRIDS["plain"])
    node = add_volume(scene, sitk.Clamp(image, lowerBound=-300), "volume")
    node.SetAndObserveTransformNodeID(bulging(scene, 40).GetID())
    assert sitk.GetArrayViewFromImage(read_world_ct(node).image).min() == -1024


def test_padding_becomes_air_and_an_empty_volume_is_refused_by_name(scene):
    image, _ = trunk(GRIDS["plain"])
    values = sitk.GetArrayFromImage(image)
    values[:2] = -3024
    padded = sitk.GetImageFromArray(values)
    padded.CopyInformation(image)
    found = read_world_ct(add_volume(scene, padded, "volume"))
    assert sitk.GetArrayViewFromImage(found.image).min() == -1024
    assert any("padding" in note for note in found.notes)
    with pytest.raises(InputError, match="Empty one is empty"):
        read_world_ct(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty one"))


def test_the_state_changes_with_voxels_place_and_parents_only(scene):
    image, _ = trunk(GRIDS["plain"])
    node = add_volume(scene, image, "volume")
    states = [state_of(node)]
    node.SetName("another name")
    assert state_of(node) == states[-1]
    node.GetImageData().GetPointData().GetScalars().Modified()
    states.append(state_of(node))
    node.SetOrigin(1, 2, 3)
    states.append(state_of(node))
    parent = linear(scene, MOVE)
    node.SetAndObserveTransformNodeID(parent.GetID())
    states.append(state_of(node))
    bent = bulging(scene)
    parent.SetAndObserveTransformNodeID(bent.GetID())
    states.append(state_of(node))
    bent.GetTransformToParentAs("vtkThinPlateSplineTransform").GetTargetLandmarks().SetPoint(8, 70, 0, 0)
    bent.GetTransformToParentAs("vtkThinPlateSplineTransform").Modified()
    states.append(state_of(node))
    assert len(set(states)) == len(states)


def _as_slicer_shows(node, grid: Geometry) -> np.ndarray:
    """The volume read point by point through its parents, as Slicer's own views do (linear interpolation)."""
    back = vtk.vtkGeneralTransform()
    node.GetParentTransformNode().GetTransformFromWorld(back)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.size], indexing="ij"), -1).reshape(-1, 3)
    world = (index @ grid.matrix()[:3, :3].T + grid.matrix()[:3, 3]) * [-1, -1, 1]
    own = np.array([back.TransformPoint(point) for point in world])
    ras_to_ijk = vtk.vtkMatrix4x4()
    node.GetRASToIJKMatrix(ras_to_ijk)
    matrix = np.array([[ras_to_ijk.GetElement(r, c) for c in range(4)] for r in range(4)])
    ijk = own @ matrix[:3, :3].T + matrix[:3, 3]
    values = ndimage.map_coordinates(
        voxels(node.GetImageData()).astype(float), ijk.T[::-1], order=1, mode="constant", cval=-1024
    )
    return values.reshape(grid.size).transpose(2, 1, 0)


def _well_inside(mask):
    return ndimage.binary_erosion(mask, iterations=2)


def test_a_volume_whose_own_axes_shear_is_resampled_as_under_a_shearing_parent(scene):
    image, _ = trunk(GRIDS["plain"])
    tilted, parented = (add_volume(scene, image, name) for name in ("tilted gantry", "under a shear"))
    parented.SetAndObserveTransformNodeID(linear(scene, SHEAR).GetID())
    own = vtk.vtkMatrix4x4()
    tilted.GetIJKToRASMatrix(own)
    sheared = vtk.vtkMatrix4x4()
    shear = vtk.vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            shear.SetElement(row, column, SHEAR[row][column])
    vtk.vtkMatrix4x4.Multiply4x4(shear, own, sheared)
    tilted.SetIJKToRASMatrix(sheared)
    found, expected = (read_world_ct(node).image for node in (tilted, parented))
    same = sitk.Resample(found, expected, sitk.Transform(), sitk.sitkLinear, -1024)
    inner = sitk.GetArrayFromImage(expected) > -900
    difference = sitk.GetArrayFromImage(same).astype(float) - sitk.GetArrayFromImage(expected)
    assert np.abs(difference[inner]).mean() < 15


def test_a_volume_without_voxels_is_empty_and_not_a_crash(scene):
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Hollow")
    image = vtk.vtkImageData()
    image.SetDimensions(4, 4, 4)
    node.SetAndObserveImageData(image)
    with pytest.raises(InputError, match="Hollow is empty"):
        read_world_ct(node)
