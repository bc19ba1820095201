"""Morphs: the right body on the right grid, whatever the grid of the source."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from trunks import IDENTITY, LIVER, LUNG, PLAIN, SPINE, dice, known_path, rigid, still_path, swirl, trunk
from volumes import rotation, voxels

from SyntheticCTLib.errors import Cancelled, InputError
from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.images.labels import LabelLayer
from SyntheticCTLib.morph import warping
from SyntheticCTLib.morph.path import positions
from SyntheticCTLib.morph.warping import Warper, morph

FLIPPED = (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0)

AWKWARD = {
    "oblique": Geometry((52, 46, 50), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0), tuple(rotation(8, -12, 20).ravel())),
    "anisotropic": Geometry((88, 72, 32), (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), IDENTITY),
    "flipped": Geometry((44, 36, 40), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0), FLIPPED),
    "left-handed": Geometry((44, 36, 40), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, -1.0)),
    "sagittal": Geometry((40, 44, 36), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0), (0, 1.0, 0, 0, 0, 1.0, 1.0, 0, 0)),
    "half a voxel off": Geometry((44, 36, 40), (4.0, 4.0, 4.0), (2.0, 2.0, 2.0), IDENTITY),
}


def centered(geometry):
    """The same grid with its middle where the trunk has its own; an origin given is kept as a further shift."""
    middle = geometry.corners().mean(axis=0) - geometry.origin
    place = tuple(np.array(geometry.origin) - middle)
    return Geometry(geometry.size, geometry.spacing, place, geometry.direction)


def place_and_volume(labels, value):
    """Middle (LPS mm) and volume (ml) of a label."""
    index = np.argwhere(voxels(labels) == value)[:, ::-1]
    middle = labels.TransformContinuousIndexToPhysicalPoint(index.mean(axis=0).tolist())
    return np.array(middle), len(index) * np.prod(labels.GetSpacing()) / 1000


@pytest.fixture(scope="module")
def body():
    """A trunk without noise and its labels."""
    return trunk(noise=0)


@pytest.fixture(scope="module")
def path(body):
    return known_path(body[0], body[0])


@pytest.fixture(scope="module")
def halfway(body, path):
    return morph(body[0], path, 0.5, [body[1]])


# --- the ends


def test_zero_percent_is_the_source_to_the_last_voxel(body, path):
    image, layer = body
    result = morph(image, path, 0, [layer])
    assert np.array_equal(voxels(result.image), voxels(image))
    assert np.array_equal(voxels(result.layers[0].image), voxels(layer.image))
    assert Geometry.of(result.image) == Geometry.of(image)
    assert not voxels(result.outside).any()
    assert result.image is not image


@pytest.mark.parametrize("grid", ["target", "fit"])
def test_a_path_that_moves_nothing_gives_the_source_on_every_grid(grid):
    image, layer = trunk()
    result = morph(image, still_path(image, image), 0.5, [layer], grid)
    home = sitk.Resample(image, result.image, sitk.Transform(), sitk.sitkNearestNeighbor, -1024)
    assert np.array_equal(voxels(result.image), voxels(home))
    labels = sitk.Resample(layer.image, result.image, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    assert np.array_equal(voxels(result.layers[0].image), voxels(labels))


def test_the_source_on_its_own_grid_is_the_source_though_it_was_resampled():
    image, layer = trunk()
    result = morph(image, still_path(image, image), 0.5, [layer])
    assert np.array_equal(voxels(result.image), voxels(image))
    assert np.array_equal(voxels(result.layers[0].image), voxels(layer.image))


@pytest.mark.parametrize("name", ["flipped", "left-handed", "sagittal"])
def test_on_upright_voxels_of_its_own_spacing_the_source_is_the_source(name):
    image, layer = trunk(centered(AWKWARD[name]))
    result = Warper(image, [layer]).morph(still_path(image, image), 0, spacing=(4.0, 4.0, 4.0))
    assert result.image.GetDirection() == IDENTITY
    home = sitk.Resample(image, result.image, sitk.Transform(), sitk.sitkNearestNeighbor, -1024)
    assert np.array_equal(voxels(result.image), voxels(home)) and not voxels(result.outside).any()
    labels = sitk.Resample(layer.image, result.image, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    assert np.array_equal(voxels(result.layers[0].image), voxels(labels))


@pytest.mark.parametrize("grid", warping.GRIDS)
def test_upright_voxels_show_the_same_body_in_the_same_place(body, path, grid):
    warper = Warper(body[0], [body[1]])
    own, common = warper.morph(path, 0.5, grid), warper.morph(path, 0.5, grid, spacing=(3.0, 5.0, 4.5))
    assert common.image.GetSpacing() == (3.0, 5.0, 4.5) and common.grid == grid
    for value in (LIVER, LUNG, SPINE):
        (place, volume), (other, same) = (place_and_volume(m.layers[0].image, value) for m in (own, common))
        assert np.linalg.norm(place - other) < 2.25 and same == pytest.approx(volume, rel=0.1)  # half a voxel


@pytest.mark.parametrize("name", ["oblique", "anisotropic", "sagittal"])
def test_upright_voxels_of_any_source_show_the_same_body_in_the_same_place(name):
    image, layer = trunk(centered(AWKWARD[name]), noise=0)
    warper, path = Warper(image, [layer]), known_path(image, image)
    own, common = warper.morph(path, 0.5), warper.morph(path, 0.5, spacing=(3.0, 3.0, 3.0))
    there = sitk.Resample(own.image, common.image, sitk.Transform(), sitk.sitkLinear, -1024)
    seen = sitk.Resample(own.outside + 1, common.image, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    both = (voxels(seen) == 1) & (voxels(common.outside) == 0)
    assert both.mean() > 0.3
    assert np.corrcoef(voxels(there)[both], voxels(common.image)[both])[0, 1] > 0.98
    labels = sitk.Resample(own.layers[0].image, common.image, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    assert (voxels(labels) == voxels(common.layers[0].image))[both].mean() > 0.95


def test_so_many_upright_voxels_lie_round_the_same_middle_and_what_no_scan_saw_is_air(body, path):
    image = body[0]
    few, many = (Warper(image).morph(path, 0.5, spacing=(4.0, 4.0, 4.0), size=size) for size in ((20,) * 3, (80,) * 3))
    assert few.image.GetSize() == (20, 20, 20) and many.image.GetSize() == (80, 80, 80)
    middle = Geometry.of(image).bounds()
    for result in (few, many):
        assert np.allclose(np.add(*Geometry.of(result.image).bounds()), np.add(*middle))
    assert not voxels(few.outside).any()
    outside = voxels(many.outside) == 1
    assert outside.any() and (voxels(many.image)[outside] == -1024).all()
    assert np.array_equal(voxels(many.image)[30:50, 30:50, 30:50], voxels(few.image))


def test_at_one_it_shows_what_the_deformation_shows(body, path):
    image, _ = body
    result = morph(image, path, 1)
    points = positions(PLAIN).astype(float)
    home = np.linalg.inv(PLAIN.matrix())
    source = points + swirl(points)
    index = (np.tensordot(home[:3, :3], source, 1) + home[:3, 3].reshape(3, 1, 1, 1))[::-1]
    truth = ndimage.map_coordinates(voxels(image).astype(float), index, order=3, mode="constant", cval=-1024)
    inner = (slice(5, -5),) * 3
    assert np.abs(voxels(result.image) - truth)[inner].mean() < 4
    assert np.abs(voxels(image) - truth)[inner].mean() > 60


# --- its parts


def test_the_result_has_the_types_and_the_grid_it_should(body, path, halfway):
    assert halfway.image.GetPixelID() == sitk.sitkInt16
    assert halfway.outside.GetPixelID() == sitk.sitkUInt8
    assert halfway.layers[0].image.GetPixelID() == body[1].image.GetPixelID()
    assert halfway.layers[0].names == body[1].names
    assert halfway.layers[0].name == "organs"
    assert (halfway.t, halfway.grid) == (0.5, "source")
    for image in (halfway.image, halfway.outside, halfway.layers[0].image):
        assert Geometry.of(image) == Geometry.of(body[0])


def test_labels_go_where_their_organs_go(body, path):
    image, layer = body
    result = morph(image, path, 1, [layer])
    hu, labels = voxels(result.image), voxels(result.layers[0].image)
    assert hu[ndimage.binary_erosion(labels == SPINE, iterations=2)].mean() > 500
    assert 80 < np.median(hu[labels == LIVER]) < 160
    assert np.median(hu[labels == LUNG]) < -750
    assert dice(result.layers[0].image, layer.image, LUNG) < 0.93  # they did move


def test_a_label_grows_as_the_jacobian_says(body, path):
    image, layer = body
    result = morph(image, path, 1, [layer])
    expected = voxels(path.inverse_jacobian(1, PLAIN))
    for value in (LUNG, LIVER):
        mask = voxels(layer.image) == value
        predicted = expected[mask].sum() / mask.sum()
        assert (voxels(result.layers[0].image) == value).sum() / mask.sum() == pytest.approx(predicted, abs=0.03)


def test_layers_that_overlap_do_not_touch_each_other(body, path):
    image, layer = body
    everything = LabelLayer("all", PLAIN.new_image(sitk.sitkUInt16, 500))
    spot = sitk.Image(layer.image == LIVER)
    together = morph(image, path, 0.5, [layer, everything, LabelLayer("spot", spot)])
    alone = [morph(image, path, 0.5, [one]).layers[0] for one in (layer, everything, LabelLayer("spot", spot))]
    for one, other in zip(together.layers, alone, strict=True):
        assert np.array_equal(voxels(one.image), voxels(other.image))
        assert one.name == other.name
    seen = voxels(together.outside) == 0
    assert (voxels(together.layers[1].image)[seen] == 500).all()
    assert (voxels(together.layers[2].image) == (voxels(together.layers[0].image) == LIVER)).mean() > 0.995


def test_beyond_the_sources_field_of_view_there_is_air_and_the_mask_says_so(body):
    image, layer = body
    path = still_path(image, image, stretch=np.diag([1, 1, 1.5, 1.0]))
    result = morph(image, path, 1, [layer])
    outside = voxels(result.outside)
    place = np.abs(positions(PLAIN)[2] * 1.5)
    reach = 40 * 4 / 2 - 0  # half of the forty slices of 4 mm
    assert (outside[place > reach + 0.1] == 1).all()
    assert (outside[place < reach - 0.1] == 0).all()
    assert (voxels(result.image)[outside == 1] == -1024).all()
    assert not voxels(result.layers[0].image)[outside == 1].any()
    assert 0.2 < outside.mean() < 0.5


def test_no_value_leaves_the_range_of_the_source(body, halfway):
    assert voxels(halfway.image).min() >= -1024
    assert voxels(halfway.image).max() <= voxels(body[0]).max()


def test_the_texture_of_the_source_is_kept():
    image, _ = trunk(noise=40)
    clean, _ = trunk(noise=0)
    shift = known_path(image, image, lambda y: np.full_like(y, 1.3))
    still = known_path(clean, clean, lambda y: np.full_like(y, 1.3))
    grain = voxels(morph(image, shift, 1).image).astype(float) - voxels(morph(clean, still, 1).image)
    soft = ndimage.binary_erosion(np.abs(voxels(morph(clean, still, 1).image) - 30) < 20, iterations=2)
    assert soft.sum() > 500
    assert 0.62 * 40 < grain[soft].std() < 40


# --- grids


def test_on_the_target_grid_the_last_morph_lies_on_the_target(body):
    image, layer = body
    pose = rigid((4, -6, 10), (12, -9, 60))
    lying = np.linalg.inv(pose)
    grid = Geometry((40, 36, 44), (4.5, 4.5, 4.0), tuple(np.array([-88, -80, -86]) + lying[:3, 3]), IDENTITY)
    target, target_layer = trunk(grid, noise=0, place=lying)
    result = morph(image, known_path(image, target, lambda y: 0 * y, pose), 1, [layer], "target")
    assert Geometry.of(result.image) == grid
    apart = np.abs(voxels(result.image).astype(int) - voxels(target))[voxels(result.outside) == 0]
    assert apart.mean() < 12
    for value, least in ((LUNG, 0.95), (LIVER, 0.95), (SPINE, 0.85)):
        assert dice(result.layers[0].image, target_layer.image, value) > least


def test_fit_holds_the_whole_body_and_little_else(body):
    image, layer = body
    path = still_path(image, image, stretch=np.diag([0.7, 0.7, 0.7, 1]))  # 1.4 times as large
    result = morph(image, path, 1, [layer], "fit")
    geometry = Geometry.of(result.image)
    assert geometry.spacing == PLAIN.spacing and geometry.direction == PLAIN.direction
    index = np.linalg.inv(PLAIN.matrix()) @ [*geometry.origin, 1]
    assert np.allclose(index, np.rint(index), atol=1e-6)  # shifted by whole voxels
    faces = [voxels(result.image)[0:2].max(), voxels(result.image)[:, :2].max(), voxels(result.image)[:, :, :2].max()]
    assert max(faces[1:]) < -900  # air in front of the body and beside it
    width = 2 * 78 / 0.7
    assert width + 10 < geometry.size[0] * 4 < width + 60
    volume = (voxels(result.layers[0].image) == LIVER).sum() / (voxels(layer.image) == LIVER).sum()
    assert volume == pytest.approx(0.7**-3, rel=0.05)


def test_fit_at_zero_is_the_source_cut_to_the_body(body, path):
    result = morph(body[0], path, 0, grid="fit")
    home = sitk.Resample(body[0], result.image, sitk.Transform(), sitk.sitkNearestNeighbor, -1024)
    assert np.array_equal(voxels(result.image), voxels(home))


@pytest.mark.parametrize("name", AWKWARD)
def test_the_same_body_on_an_awkward_grid_gives_the_same_morph(body, path, halfway, name):
    grid = centered(AWKWARD[name])
    image, layer = trunk(grid, noise=0)
    result = morph(image, known_path(image, body[0]), 0.5, [layer])
    assert Geometry.of(result.image) == grid
    seen = sitk.Resample(result.outside + 1, PLAIN.new_image(sitk.sitkUInt8), sitk.Transform(), sitk.sitkLinear, 0) == 1
    seen = ndimage.binary_erosion(voxels(seen) > 0, iterations=3)
    assert seen.sum() > 8000
    back = sitk.Resample(result.image, halfway.image, sitk.Transform(), sitk.sitkBSpline, -1024)
    apart = np.abs(voxels(back).astype(int) - voxels(halfway.image))[seen]
    unmoved = np.abs(voxels(body[0]).astype(int) - voxels(halfway.image))[seen]
    assert apart.mean() < 0.35 * unmoved.mean()
    assert np.median(apart) < 10
    for value in (LUNG, LIVER):
        (place, volume), (true_place, true_volume) = (
            place_and_volume(layer.image, value) for layer in (result.layers[0], halfway.layers[0])
        )
        assert np.linalg.norm(place - true_place) < 0.7
        assert volume == pytest.approx(true_volume, rel=0.04)



# --- many morphs


def test_one_warper_gives_what_single_morphs_give_in_any_order(body, path, halfway):
    warper = Warper(body[0], [body[1]])
    results = [warper.morph(path, t) for t in (0.5, 0.0, 0.5, 1.0, 0.5)]
    for result in (results[0], results[2], results[4]):
        assert np.array_equal(voxels(result.image), voxels(halfway.image))
        assert np.array_equal(voxels(result.layers[0].image), voxels(halfway.layers[0].image))
    assert not np.array_equal(voxels(results[3].image), voxels(halfway.image))


def test_a_morph_is_the_users_own(body, path):
    image, layer = sitk.Image(body[0]), body[1]
    warper = Warper(image, [layer])
    first = warper.morph(path, 0)
    first.image[3, 3, 3] = 777
    first.layers[0].image[3, 3, 3] = 9
    assert image[3, 3, 3] != 777
    assert warper.morph(path, 0).image[3, 3, 3] != 777
    assert warper.morph(path, 0).layers[0].image[3, 3, 3] != 9


@pytest.mark.parametrize(("slab", "processors"), [(1700, 1), (5000, 3), (1, 2)])
def test_slabs_and_processors_change_no_voxel(body, path, halfway, monkeypatch, slab, processors):
    monkeypatch.setattr(warping, "SLAB_VOXELS", slab)
    monkeypatch.setattr("os.cpu_count", lambda: processors)
    again = morph(body[0], path, 0.5, [body[1]])
    assert np.array_equal(voxels(again.image), voxels(halfway.image))
    assert np.array_equal(voxels(again.outside), voxels(halfway.outside))
    assert np.array_equal(voxels(again.layers[0].image), voxels(halfway.layers[0].image))


def test_progress_counts_up_and_can_stop_the_work(body, path, monkeypatch):
    monkeypatch.setattr(warping, "SLAB_VOXELS", 44 * 36 * 10)
    heard = []
    morph(body[0], path, 0.5, progress=lambda stage, done=None: heard.append((stage, done)))
    assert [done for _, done in heard] == [0.0, 0.25, 0.5, 0.75]

    def stop(stage, done=None):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        morph(body[0], path, 0.5, progress=stop)


# --- what is refused


@pytest.mark.parametrize("t", [-0.1, 1.1, float("nan")])
def test_a_time_off_the_path_is_refused(body, path, t):
    with pytest.raises(InputError, match="from 0 .source. to 1 .target."):
        morph(body[0], path, t)


def test_an_unknown_grid_is_refused_by_name(body, path):
    with pytest.raises(InputError, match="'middle'; expected one of source, target, fit"):
        morph(body[0], path, 0.5, grid="middle")


def test_another_source_is_refused_even_at_zero(body, path):
    for t in (0, 0.5):
        with pytest.raises(InputError, match="another source"):
            morph(trunk(width=0.9)[0], path, t)


def test_labels_of_another_grid_are_refused_with_both_grids(body, path):
    elsewhere = sitk.Image(body[1].image)
    elsewhere.SetOrigin((0, 0, 0))
    with pytest.raises(InputError, match=r"organs is not on the source's grid.*origin \(0, 0, 0\).*\(-86, -70, -78\)"):
        morph(body[0], path, 0.5, [LabelLayer("organs", elsewhere)])


# --- thin and tiny


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry((1, 1, 1), (3.0, 3.0, 3.0), (0.0, 0.0, 0.0), IDENTITY),
        Geometry((3, 3, 3), (30.0, 30.0, 30.0), (-30.0, -30.0, -30.0), IDENTITY),
        Geometry((20, 20, 1), (8.0, 8.0, 5.0), (-76.0, -76.0, 0.0), IDENTITY),
        Geometry((2, 40, 30), (0.5, 4.0, 10.0), (0.0, -80.0, -145.0), IDENTITY),
        Geometry((512, 9, 1), (0.4, 8.0, 5.0), (-102.0, -32.0, 10.0), IDENTITY),
    ],
    ids=lambda geometry: "x".join(map(str, geometry.size)),
)
def test_thin_and_tiny_volumes_are_morphed(geometry):
    image, layer = trunk(geometry, noise=0)
    path = known_path(image, image, lambda y: np.stack([2 * np.sin(y[1] / 30), 0 * y[0], 0 * y[0]]))
    for grid in warping.GRIDS:
        for t in (0, 0.4, 1):
            result = morph(image, path, t, [layer], grid)
            assert -1024 <= voxels(result.image).min() <= voxels(result.image).max() <= voxels(image).max()
            assert set(np.unique(voxels(result.layers[0].image))) <= {0, *layer.values}
            if grid == "source" and t == 0:
                assert np.array_equal(voxels(result.image), voxels(image))
