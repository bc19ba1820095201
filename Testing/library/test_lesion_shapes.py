"""Lesion shapes: grown, harvested, varied, and drawn on grids of every kind."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from volumes import rotation

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import Geometry
from SyntheticCTLib.lesion.masks import axial_axis, largest_diameter
from SyntheticCTLib.lesion.placing.fitting import fit
from SyntheticCTLib.lesion.placing.growing import GROWN_DIAMETER_MM, grow
from SyntheticCTLib.lesion.placing.harvesting import harvest
from SyntheticCTLib.lesion.placing.shapes import Shape, largest_part, onto_grid
from SyntheticCTLib.lesion.placing.varying import vary

EYE = tuple(np.eye(3).ravel())
TILTED = tuple(rotation(12, -25, 40).ravel())
SIZE = (90, 80, 60)
SCANS = {
    "thin": Geometry(SIZE, (0.7, 0.7, 1.0), (-31.0, -28.0, 5.0), EYE),
    "thick": Geometry(SIZE, (0.6, 0.6, 5.0), (-120.5, 33.25, 900.0), EYE),
    "oblique": Geometry(SIZE, (0.8, 0.8, 2.5), (10.0, -20.0, 30.0), TILTED),
    "flipped": Geometry(SIZE, (0.9, 0.9, 3.0), (90.0, 80.0, -70.0), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0)),
    "left-handed": Geometry(SIZE, (1.0, 0.8, 1.5), (9.0, 8.0, 7.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, -1.0)),
    "sagittal": Geometry(SIZE, (0.8, 0.9, 3.0), (9.0, 8.0, 7.0), (0, 0, 1.0, 1.0, 0, 0, 0, 1.0, 0)),
}


def parts(mask) -> int:
    return ndimage.label(mask, np.ones((3, 3, 3)))[1]


def middle(grid):
    return tuple(grid.matrix()[:3] @ (*(n // 2 for n in grid.size), 1))


def ellipsoid(half=(12.0, 8.0, 5.0), spacing=(0.5, 0.5, 0.5)):
    """A shape with half axes in mm along x, y, z."""
    n = [int(np.ceil(h / s)) + 1 for h, s in zip(half, spacing, strict=True)]
    x, y, z = np.ogrid[tuple(slice(-m, m + 1) for m in n)]
    value = (x * spacing[0] / half[0]) ** 2 + (y * spacing[1] / half[1]) ** 2 + (z * spacing[2] / half[2]) ** 2
    return Shape((value <= 1).transpose(2, 1, 0), spacing, "grown")


@pytest.fixture(scope="module")
def grown():
    return [grow(np.random.default_rng(seed)) for seed in range(6)]


def points_lps(placed, grid):
    """(n, 3) LPS positions of the voxels of a drawn shape."""
    index = np.argwhere(placed.mask)[:, ::-1] + [part.start for part in placed.box[::-1]]
    return index @ grid.matrix()[:3, :3].T + grid.origin


@pytest.mark.parametrize("scan", SCANS)
def test_a_shape_lies_in_the_patient_where_and_as_it_should_on_any_grid(scan):
    grid, half = SCANS[scan], np.array((14.0, 9.0, 12.0))
    placed = onto_grid(ellipsoid(tuple(half)), grid, middle(grid))
    points = points_lps(placed, grid) - middle(grid)
    assert (np.linalg.norm(points / half, axis=1) <= 1 + 0.06).all()
    volume = placed.mask.sum() * np.prod(grid.spacing)
    assert volume == pytest.approx(4 / 3 * np.pi * half.prod(), rel=0.06)
    assert np.abs(points.mean(axis=0)).max() < 0.2


def test_an_asymmetric_shape_is_not_mirrored_on_a_mirrored_grid():
    mask = np.zeros((9, 9, 9), bool)
    mask[4, 4, :] = mask[4, 4:, 8] = mask[4:, 4, 0] = True
    shape = Shape(ndimage.zoom(mask, 4, order=0), (0.5, 0.5, 0.5), "grown")
    clouds = []
    for scan in ("thin", "left-handed", "flipped"):
        grid = Geometry((120, 120, 120), (0.4, 0.4, 0.4), (0.0, 0.0, 0.0), SCANS[scan].direction)
        points = points_lps(onto_grid(shape, grid, middle(grid)), grid) - middle(grid)
        clouds.append({tuple(point) for point in np.rint(points / 0.4).astype(int)})
    assert clouds[0] == clouds[1] == clouds[2]


def test_a_shape_thinner_than_the_slices_is_never_empty():
    grid = SCANS["thick"]
    flat = ellipsoid((6.0, 6.0, 1.0))
    for shift in np.linspace(0, 5, 11):
        at = np.add(middle(grid), (0.3, 0.2, shift))
        assert onto_grid(flat, grid, tuple(at)).mask.any()
    speck = Shape(np.ones((1, 1, 1), bool), (0.1, 0.1, 0.1), "grown")
    assert onto_grid(speck, grid, tuple(np.add(middle(grid), 0.3))).mask.sum() == 1


def test_a_dumbbell_that_the_grid_breaks_keeps_its_larger_end():
    mask = np.zeros((40, 12, 12), bool)
    mask[:14], mask[-10:, 2:10, 2:10], mask[:, 5, 5] = True, True, True
    shape = Shape(mask, (1.0, 1.0, 1.0), "grown")
    grid = Geometry((40, 40, 30), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0), EYE)
    placed = onto_grid(shape, grid, (40.5, 40.5, 30.0))
    assert parts(placed.mask) == 1
    assert placed.mask.sum() * 8 == pytest.approx(14 * 144, rel=0.25)


def test_what_reaches_beyond_the_scan_is_cut_off_and_what_lies_beyond_is_refused():
    grid = SCANS["thin"]
    at = grid.origin
    placed = onto_grid(ellipsoid(), grid, at)
    assert [part.start for part in placed.box] == [0, 0, 0]
    whole = onto_grid(ellipsoid(), grid, middle(grid)).mask
    assert np.array_equal(placed.mask, whole[tuple(slice(n // 2, None) for n in whole.shape)])
    with pytest.raises(InputError, match="outside the scan"):
        onto_grid(ellipsoid(), grid, (0.0, 0.0, 5000.0))


def test_between_thick_slices_an_outline_is_interpolated():
    thick = ellipsoid((10.0, 10.0, 10.0), (0.5, 0.5, 5.0))
    placed = onto_grid(thick, Geometry((80, 80, 80), (0.5, 0.5, 0.5), (0.0, 0.0, 0.0), EYE), (20.0, 20.0, 20.0))
    areas = placed.mask.sum(axis=(1, 2))
    assert len(set(areas.tolist())) > 10  # stairs would have as many as the shape has slices: 3 to 5
    assert np.abs(np.diff(areas)).max() < 0.25 * areas.max()


def test_grown_shapes_are_one_piece_of_the_stated_size_and_no_ellipsoids(grown):
    for shape in grown:
        assert parts(shape.mask) == 1
        assert shape.diameter_mm == pytest.approx(GROWN_DIAMETER_MM)
        assert np.isclose(shape.spacing, shape.spacing[0]).all()
        # the best ellipsoid, by second moments, overlaps it clearly less than itself
        points = np.argwhere(shape.mask)
        center, covariance = points.mean(axis=0), np.cov(points.T)
        steps = np.argwhere(np.ones(shape.mask.shape, bool)) - center
        within = np.einsum("ni,ij,nj->n", steps, np.linalg.inv(covariance), steps).reshape(shape.mask.shape) <= 5
        dice = 2 * (within & shape.mask).sum() / (within.sum() + shape.mask.sum())
        assert 0.7 < dice < 0.97


def test_roughness_makes_the_surface_larger():
    def surface(shape):
        return (shape.mask & ~ndimage.binary_erosion(shape.mask)).sum() / shape.mask.sum() ** (2 / 3)

    pairs = [(grow(np.random.default_rng(s), 0.0), grow(np.random.default_rng(s), 1.8)) for s in range(4)]
    assert all(surface(rough) > 1.05 * surface(smooth) for smooth, rough in pairs)
    with pytest.raises(InputError, match="roughness"):
        grow(np.random.default_rng(0), 3.0)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_shape(grown):
    again = grow(np.random.default_rng(0))
    assert again.mask.tobytes() == grown[0].mask.tobytes() and again.spacing == grown[0].spacing
    assert again.mask.shape != grown[1].mask.shape or (again.mask != grown[1].mask).any()
    one, two, other = (vary(again, np.random.default_rng(seed), 15.0) for seed in (3, 3, 4))
    assert one.mask.tobytes() == two.mask.tobytes() and one.changes == two.changes
    assert one.mask.shape != other.mask.shape or (one.mask != other.mask).any()


@pytest.mark.parametrize("diameter", [3.0, 12.0, 60.0])
def test_variants_have_the_diameter_asked_for_and_are_one_piece(grown, diameter):
    for seed, shape in enumerate(grown[:4]):
        variant = vary(shape, np.random.default_rng(seed), diameter)
        assert variant.diameter_mm == pytest.approx(diameter, rel=1e-6)
        assert parts(variant.mask) == 1
        assert variant.origin == shape.origin
        assert {"flipped", "turned_degrees", "stretched", "elastic", "scaled"} <= set(variant.changes)


def test_without_a_diameter_the_size_stays_about_the_shapes_own():
    shape = ellipsoid()
    sizes = [vary(shape, np.random.default_rng(seed)).diameter_mm / shape.diameter_mm for seed in range(5)]
    assert all(0.79 < size < 1.26 for size in sizes) and np.std(sizes) > 0.03


def test_shapes_from_thick_slices_are_turned_about_the_head_foot_axis_and_hardly_tilted():
    flat = [vary(ellipsoid((12.0, 12.0, 4.0), (1.0, 1.0, 4.0)), np.random.default_rng(s)) for s in range(5)]
    free = [vary(ellipsoid((12.0, 12.0, 4.0)), np.random.default_rng(s)) for s in range(5)]
    assert all(max(map(abs, one.changes["turned_degrees"][:2])) <= 12 for one in flat)
    assert max(abs(one.changes["turned_degrees"][2]) for one in flat) > 60
    heights = [[one.mask.shape[0] / max(one.mask.shape) for one in shapes] for shapes in (flat, free)]
    assert max(heights[0]) < 0.75 < max(heights[1])


@pytest.mark.parametrize(("diameter", "elastic"), [(0.0, 1.0), (-3.0, 1.0), (np.nan, 1.0), (10.0, 9.0)])
def test_sizes_that_cannot_be_are_refused(diameter, elastic):
    with pytest.raises(InputError):
        vary(ellipsoid(), np.random.default_rng(0), diameter, elastic=elastic)


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.parametrize("diameter", [8.0, 15.0, 25.0])
def test_on_voxels_the_diameter_is_reached_within_a_tenth(grown, scan, diameter):
    grid = SCANS[scan]
    for seed, shape in enumerate(grown[:3]):
        placed = fit(vary(shape, np.random.default_rng(seed), diameter), grid, diameter)
        found = largest_diameter(placed.mask, grid.spacing[::-1], axial_axis(grid))
        assert found == pytest.approx(diameter, rel=0.10)
        assert parts(placed.mask) == 1


def write(folder, name, values, spacing=(1.0, 1.0, 5.0), direction=EYE):
    image = sitk.GetImageFromArray(values)
    Geometry(image.GetSize(), spacing, (3.0, 2.0, 1.0), direction).apply_to(image)
    sitk.WriteImage(image, str(folder / name), useCompression=True)


def two_lesions():
    values = np.zeros((12, 40, 40), np.uint8)
    values[3:6, 5:15, 5:20] = 2
    values[8, 25:32, 25:32] = 2
    values[4, 9, 9] = 0  # a hole
    return values


def test_shapes_are_harvested_from_a_folder_without_naming_the_patient(tmp_path):
    write(tmp_path, "MUSTERMANN_lesion.nii.gz", two_lesions())
    write(tmp_path, "MUSTERMANN.nii.gz", np.full((12, 40, 40), -1000, np.int16))
    write(tmp_path, "MUSTERMANN_organs.nii.gz", np.ones((12, 40, 40), np.uint8))
    shapes, notes = harvest(tmp_path)
    assert [shape.mask.shape for shape in shapes] == [(3, 10, 15), (1, 7, 7)]
    assert [shape.origin for shape in shapes] == ["harvested 1", "harvested 2"]
    assert all(shape.spacing == (1.0, 1.0, 5.0) for shape in shapes)
    assert shapes[0].mask.all() and notes == ()
    assert "MUSTERMANN" not in repr([vary(one, np.random.default_rng(0)) for one in shapes])


def test_harvested_shapes_lie_along_the_patients_axes_however_they_were_stored(tmp_path):
    values = two_lesions()
    values[3, 5:15, 5:8] = 0
    write(tmp_path, "a_lesion.nii.gz", values)
    image = sitk.DICOMOrient(sitk.ReadImage(str(tmp_path / "a_lesion.nii.gz")), "SAR")
    sitk.WriteImage(image, str(tmp_path / "b_lesion.nii.gz"))
    shapes, _ = harvest(tmp_path)
    assert len(shapes) == 4
    for one, turned in ((shapes[0], shapes[2]), (shapes[1], shapes[3])):
        assert np.array_equal(one.mask, turned.mask) and one.spacing == pytest.approx(turned.spacing)


def test_lesions_cut_off_or_of_a_few_pixels_are_left_out_and_said_so(tmp_path):
    values = two_lesions()
    values[8, 25:32, 25:32] = 0
    values[0, 30:39, 20:30] = 2
    values[7, 20:22, 20:22] = 2
    write(tmp_path, "tumor.nii.gz", values)
    shapes, notes = harvest(tmp_path)
    assert len(shapes) == 1
    assert any("1 lesion(s) at the border" in note for note in notes)
    assert any("1 lesion(s) less than 4 pixels" in note for note in notes)


def test_labels_that_mean_lesion_can_be_said_and_must_be_where_no_name_tells(tmp_path):
    values = two_lesions()
    values[:, 35:, :] = 1
    write(tmp_path, "case1.nii.gz", values)
    with pytest.raises(InputError, match="labels 1, 2 and none is called a lesion"):
        harvest(tmp_path)
    shapes, _ = harvest(tmp_path, values=[2])
    assert len(shapes) == 2
    with pytest.raises(InputError, match="no lesion shape"):
        harvest([tmp_path / "case1.nii.gz"], values=[7])


def test_folders_that_hold_no_label_maps_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no label map"):
        harvest(tmp_path)
    with pytest.raises(InputError, match="folder with label maps"):
        harvest(tmp_path / "nowhere")


def test_shapes_harvested_from_real_lesions(data):
    shapes, notes = harvest(data / "volumes")
    assert len(shapes) == 2 and notes == ()
    assert shapes[0].diameter_mm == pytest.approx(17, abs=3)
    for seed, shape in enumerate(shapes):
        variant = vary(shape, np.random.default_rng(seed), 20.0)
        placed = fit(variant, SCANS["thick"], 20.0)
        assert placed.mask.shape[0] > 1 and parts(placed.mask) == 1


@pytest.mark.parametrize(
    ("mask", "spacing"), [(np.zeros((3, 3, 3), bool), (1, 1, 1)), (np.ones((3, 3, 3), bool), (1, 0, 1))]
)
def test_a_shape_must_have_voxels_and_a_spacing(mask, spacing):
    with pytest.raises(InputError):
        Shape(mask, spacing, "grown")


def test_the_largest_part_is_kept():
    mask = np.zeros((3, 9, 9), bool)
    mask[0, 0, :3], mask[2, 5:8, 5:8] = True, True
    assert largest_part(mask).sum() == 9
