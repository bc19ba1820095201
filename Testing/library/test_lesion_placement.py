"""Placing lesions: inside the organ, clear of everything else, repeatable, and honest where there is no place."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from volumes import rotation, voxels

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import Geometry, LabelLayer, read_ct, read_layers
from SyntheticCTLib.lesion.masks import lesions_in, lesions_of_scan
from SyntheticCTLib.lesion.placing import search
from SyntheticCTLib.lesion.placing.harvesting import harvest
from SyntheticCTLib.lesion.placing.organ import HURule, Organ, typical_rule
from SyntheticCTLib.lesion.placing.placement import place

EYE = tuple(np.eye(3).ravel())
TILTED = tuple(rotation(12, -25, 40).ravel())
SCANS = {
    "thin": Geometry((110, 90, 70), (1.0, 1.0, 1.5), (-31.0, -28.0, 5.0), EYE),
    "thick": Geometry((110, 90, 24), (0.9, 0.9, 5.0), (-120.5, 33.25, 900.0), EYE),
    "oblique": Geometry((110, 90, 44), (1.0, 1.0, 2.5), (10.0, -20.0, 30.0), tuple(rotation(12, -25, 40).ravel())),
    "flipped": Geometry((110, 90, 36), (1.0, 1.0, 3.0), (90.0, 80.0, -70.0), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0)),
    "left-handed": Geometry((110, 90, 70), (1.0, 1.0, 1.5), (9.0, 8.0, 7.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, -1.0)),
}
THIN = SCANS["thin"]


def image_of(values, grid):
    image = sitk.GetImageFromArray(values)
    grid.apply_to(image)
    return image


def layer(values, grid=THIN, name="lung", names=None):
    return LabelLayer(name, image_of(values.astype(np.uint8), grid), names or {})


def chest(grid=THIN, organ_hu=-850):
    """A scan with one organ, and the organ's mask (K, J, I) with a distance of at least 5 mm to the volume's sides."""
    ends = [np.linspace(-1, 1, n) for n in grid.size[::-1]]
    k, j, i = np.meshgrid(*ends, indexing="ij")
    lung = k**2 + j**2 + i**2 < 0.85**2
    hu = np.where(lung, organ_hu, 40).astype(np.int16)
    hu[:, :4, :] = -1000
    hu += np.random.default_rng(1).integers(-20, 21, hu.shape, dtype=np.int16)
    return image_of(hu, grid), lung


def painted(image, change):
    """A copy of a scan with other HU: change(array) alters it in place."""
    values = voxels(image)
    change(values)
    return image_of(values, Geometry.of(image))


def distance(mask, grid=THIN):
    return ndimage.distance_transform_edt(mask, grid.spacing[::-1])


def refusal(*arguments, **options) -> str:
    with pytest.raises(InputError) as caught:
        place(*arguments, **options)
    return str(caught.value)


@pytest.fixture
def soon_given_up(monkeypatch):
    """Fewer shapes and places are tried before a search gives up."""
    monkeypatch.setattr(search, "SHAPES", 2)
    monkeypatch.setattr(search, "TRIES", 50)


@pytest.fixture(scope="module")
def scan():
    return chest()


@pytest.fixture(scope="module")
def three(scan):
    """Three lesions in a lung."""
    image, lung = scan
    return place(image, layer(lung), None, 3, 7, diameter_mm=(8, 20))


@pytest.mark.parametrize("name", SCANS)
def test_lesions_lie_inside_the_organ_minus_the_margin_with_the_size_asked_for(name):
    grid = SCANS[name]
    image, lung = chest(grid)
    placed = place(image, layer(lung, grid), None, 2, 11, diameter_mm=(9, 16), margin_mm=3)
    labels = voxels(placed.layer.image)
    depth = distance(lung, grid)
    assert Geometry.of(placed.layer.image) == grid
    assert sorted(set(labels.ravel().tolist())) == [0, 1, 2]
    assert depth[labels > 0].min() > 3
    for lesion, found in zip(placed.lesions, lesions_in(placed.layer), strict=True):
        assert found.diameter_mm == pytest.approx(lesion.asked_mm, rel=0.10)
        assert 9 <= lesion.asked_mm <= 16
    assert placed.lesions[0].asked_mm >= placed.lesions[1].asked_mm


def test_the_record_agrees_with_the_mask_and_is_json(three):
    found = lesions_of_scan(three.layer, chest()[0])
    assert [one.label for one in found] == [1, 2, 3]
    assert three.layer.name == "lesions"
    assert dict(three.layer.names) == {1: "lesion 1", 2: "lesion 2", 3: "lesion 3"}
    for lesion, one in zip(three.lesions, found, strict=True):
        assert lesion.diameter_mm == one.diameter_mm and lesion.volume_ml == one.volume_ml
        i, j, k = lesion.center_voxel
        at = THIN.matrix() @ (i, j, k, 1)
        assert np.abs(at[:3] - lesion.center_lps).max() <= 0.75
        record = json.loads(json.dumps(lesion.record()))
        assert record["shape"] == "grown" and record["tries"] >= 1
        assert {"label", "center_lps", "center_voxel", "diameter_mm", "volume_ml", "changes"} <= set(record)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_lesions(scan, three):
    image, lung = scan
    again = place(image, layer(lung), None, 3, 7, diameter_mm=(8, 20))
    other = place(image, layer(lung), None, 3, 8, diameter_mm=(8, 20))
    assert voxels(again.layer.image).tobytes() == voxels(three.layer.image).tobytes()
    assert [one.record() for one in again.lesions] == [one.record() for one in three.lesions]
    assert (voxels(other.layer.image) != voxels(three.layer.image)).any()


def test_neither_the_scan_nor_the_layers_are_changed(scan):
    image, lung = scan
    organ, old = layer(lung), layer(np.roll(lung, 40, axis=2) & ~lung, name="old")
    before = [voxels(one).tobytes() for one in (image, organ.image, old.image)]
    place(image, organ, None, 1, 2, diameter_mm=(8, 10), existing=[old], exclude=[old])
    assert [voxels(one).tobytes() for one in (image, organ.image, old.image)] == before


def test_lesions_keep_their_gap_from_each_other_and_from_those_already_there(scan):
    image, lung = scan
    old = np.zeros_like(lung)
    old[30:40, 40:50, 50:60] = True
    placed = place(image, layer(lung), None, 4, 3, diameter_mm=(8, 14), gap_mm=6, existing=[layer(old, name="old")])
    labels = voxels(placed.layer.image)
    assert distance(~old)[labels > 0].min() > 6
    for number in range(1, 5):
        others = (labels > 0) & (labels != number)
        assert distance(labels != number)[others].min() > 6


def test_lesions_in_the_organs_own_layer_are_kept_clear_of(scan):
    image, lung = scan
    values = lung.astype(np.uint8)
    values[20:50, 30:60, 40:75] = 2
    placed = place(image, layer(values, names={2: "tumor"}), None, 3, 3, diameter_mm=(8, 10), gap_mm=2)
    assert distance(values != 2)[voxels(placed.layer.image) > 0].min() > 2


def test_labels_said_to_be_lesions_are_kept_clear_of_and_must_be_there(scan):
    image, lung = scan
    values = lung.astype(np.uint8)
    values[20:50, 30:60, 40:75] = 3
    options = {"diameter_mm": (8, 10), "gap_mm": 4, "lesion_values": [3]}
    for organ_values in (None, [1]):
        placed = place(image, layer(values), None, 2, 3, organ_values=organ_values, **options)
        assert distance(values != 3)[voxels(placed.layer.image) > 0].min() > 4
    assert "lesion label(s) [9]" in refusal(image, layer(values), None, 1, 3, lesion_values=[9])
    assert "[3] cannot be both" in refusal(image, layer(values), None, 1, 3, organ_values=[1, 3], lesion_values=[3])


def test_lesions_in_excluded_layers_are_kept_clear_of_with_the_gap(scan):
    image, lung = scan
    old = np.zeros_like(lung, np.uint8)
    old[20:50, 30:60, 40:75] = 2
    exclude = [layer(old, name="others", names={2: "metastasis"})]
    placed = place(image, layer(lung), None, 3, 3, diameter_mm=(8, 10), gap_mm=4, exclude=exclude)
    assert distance(old == 0)[voxels(placed.layer.image) > 0].min() > 4


def test_lesions_keep_off_excluded_layers(scan):
    image, lung = scan
    vessels = np.zeros_like(lung)
    vessels[:, ::14, :] = True
    placed = place(image, layer(lung), None, 2, 3, diameter_mm=(6, 8), exclude=[layer(vessels, name="vessels")])
    assert not (vessels & (voxels(placed.layer.image) > 0)).any()


def test_in_lung_lesions_keep_off_vessels_by_their_hu(scan):
    image, lung = scan

    def vessels(hu):
        hu[:, ::16, :][lung[:, ::16, :]] = 60
        hu[:, 1::16, :][lung[:, 1::16, :]] = 60

    bloody = painted(image, vessels)
    share = (voxels(bloody)[lung] > -400).mean()
    assert share > 0.1
    placed = place(bloody, layer(lung), None, 3, 3, diameter_mm=(8, 11))
    for lesion in lesions_in(placed.layer):
        assert (voxels(bloody)[lesion.box][lesion.mask] > -400).mean() <= 0.03


def test_in_another_organ_lesions_keep_off_what_is_not_its_tissue():
    image, liver = chest(organ_hu=110)

    def insides(hu):
        hu[:, 20:24, :][liver[:, 20:24, :]] = 190  # vessels with contrast
        hu[:, 60:70, :][liver[:, 60:70, :]] = 20  # a cyst

    mixed = painted(image, insides)
    placed = place(mixed, layer(liver, name="liver"), None, 3, 5, diameter_mm=(8, 16))
    covered = voxels(mixed)[voxels(placed.layer.image) > 0]
    assert ((covered > 160) | (covered < 60)).mean() <= 0.03


def test_the_rule_follows_the_organ():
    rng = np.random.default_rng(0)
    lung = typical_rule(rng.normal(-850, 60, 10_000))
    liver = typical_rule(rng.normal(110, 20, 10_000))
    assert (lung.low, lung.high) == (None, -400)
    assert (liver.low, liver.high) == pytest.approx((50, 170), abs=5)
    assert typical_rule(np.full(100, 50)).high == 100
    with pytest.raises(InputError):
        HURule(None, 0, 1.5)


def test_vessels_that_a_threshold_left_out_of_the_lung_do_not_cut_it_to_pieces(scan):
    image, lung = scan
    holes = lung.copy()
    holes[:, ::10, ::10] = False
    placed = place(image, layer(holes), None, 1, 3, diameter_mm=(18, 20), margin_mm=2)
    assert placed.lesions[0].diameter_mm > 16
    dome = lung.copy()
    dome[:, 35:55, 45:65] = False  # 20 mm wide: no vessel
    placed = place(image, layer(dome), None, 2, 3, diameter_mm=(8, 10))
    assert (distance(dome)[voxels(placed.layer.image) > 0] > 2).all()


def test_the_ends_of_the_scan_count_as_the_organs_surface():
    image, _ = chest()
    everywhere = np.ones(THIN.size[::-1], bool)
    rule = HURule(None, None, 1.0)
    placed = place(image, layer(everywhere), None, 4, 3, diameter_mm=(10, 12), margin_mm=4, hu_rule=rule)
    k, j, i = np.nonzero(voxels(placed.layer.image))
    for index, size, mm in ((k, 70, 1.5), (j, 90, 1.0), (i, 110, 1.0)):
        assert (index.min() + 1) * mm > 4 and (size - index.max()) * mm > 4


def test_only_the_labels_chosen_are_the_organ(scan):
    image, lung = scan
    values = np.where(lung, 2, 1)
    values[:, :, :55][values[:, :, :55] == 2] = 5
    placed = place(image, layer(values), None, 2, 3, organ_values=[5], diameter_mm=(8, 10))
    assert set(values[voxels(placed.layer.image) > 0].tolist()) == {5}
    message = refusal(image, layer(values), None, 2, 3, organ_values=[7])
    assert "label(s) [7]" in message and "it holds 1, 2, 5" in message


def test_harvested_shapes_give_their_size_and_an_opaque_origin(scan, tmp_path):
    image, lung = scan
    values = np.zeros((20, 40, 40), np.uint8)
    values[5:9, 10:22, 10:25] = 1
    sitk.WriteImage(
        image_of(values, Geometry((40, 40, 20), (1, 1, 3), (0, 0, 0), EYE)), str(tmp_path / "doe_lesion.nrrd")
    )
    shapes, _ = harvest(tmp_path)
    placed = place(image, layer(lung), shapes, 2, 3)
    for lesion in placed.lesions:
        assert lesion.shape == "harvested 1"
        assert 0.75 < lesion.asked_mm / shapes[0].diameter_mm < 1.3
    assert "doe" not in json.dumps([one.record() for one in placed.lesions])


def test_a_lesion_larger_than_the_organ_is_refused_with_the_reason_and_the_remedy(scan, soon_given_up):
    image, lung = scan
    message = refusal(image, layer(lung), None, 2, 3, diameter_mm=(200, 210))
    assert "lesion 1 of 2" in message
    assert "reached outside the organ 'lung' minus its margin of 2 mm" in message
    assert "smaller lesions or a smaller margin" in message


def test_a_large_lesion_finds_the_only_part_of_an_organ_that_holds_it(monkeypatch):
    grid = Geometry((150, 110, 60), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0), TILTED)
    k, j, i = np.indices(grid.size[::-1])
    organ = (np.abs(j - 55) < 12) | ((2 * (k - 30)) ** 2 + (j - 55) ** 2 + (i - 90) ** 2 < 52**2)
    image = image_of(np.where(organ, 100, -100).astype(np.int16), grid)
    placed = place(image, layer(organ, grid, "liver"), None, 1, 5, diameter_mm=(64, 66))
    assert organ[voxels(placed.layer.image) > 0].all()
    assert placed.lesions[0].diameter_mm == pytest.approx(placed.lesions[0].asked_mm, rel=0.10)
    monkeypatch.setattr(search, "SHAPES", 2)
    monkeypatch.setattr(search, "fit", None)  # what is far too large is not even drawn on voxels
    assert "reached outside" in refusal(image, layer(organ, grid, "liver"), None, 1, 5, diameter_mm=(180, 181))


def test_each_rule_that_leaves_no_place_is_named_with_its_count(scan, soon_given_up):
    image, lung = scan
    every = layer(lung, name="all")
    assert "came nearer than 5 mm to another lesion" in refusal(
        image, layer(lung), None, 1, 3, diameter_mm=(8, 9), existing=[every]
    )
    assert "touched an excluded layer" in refusal(image, layer(lung), None, 1, 3, diameter_mm=(8, 9), exclude=[every])
    message = refusal(image, layer(lung), None, 1, 3, diameter_mm=(8, 9), hu_rule=HURule(-100, 200, 0.1))
    assert "covered more than 10% of voxels below -100 HU or above 200 HU" in message
    assert "Of 100 tries with 2 shapes, " in message


def test_where_fewer_will_do_what_finds_no_place_is_left_out_and_told(scan, soon_given_up):
    image, lung = scan
    placed = place(image, layer(lung), None, 3, 3, diameter_mm=(8, 9), gap_mm=60, fewer=True)
    assert len(placed.lesions) == 1 and placed.layer.values == (1,)
    assert len(placed.missing) == 2 and all("came nearer than 60 mm" in reason for reason in placed.missing)
    none = place(image, layer(lung), None, 1, 3, diameter_mm=(200, 210), fewer=True)
    assert (none.lesions, none.layer.values, len(none.missing)) == ((), (), 1)


def test_a_diameter_too_small_for_the_voxels_is_refused(scan, soon_given_up):
    message = refusal(scan[0], layer(scan[1]), None, 1, 3, diameter_mm=(0.2, 0.3))
    assert "could not be drawn with this diameter" in message and "1 x 1 x 1.5 mm" in message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"count": 0}, "number of lesions 0"),
        ({"seed": -1}, "seed -1"),
        ({"diameter_mm": (9, 5)}, "diameter (9, 5)"),
        ({"margin_mm": -1}, "margin -1 mm"),
        ({"gap_mm": np.nan}, "gap nan mm"),
    ],
)
def test_parameters_out_of_range_are_refused(scan, options, words):
    assert words in refusal(scan[0], layer(scan[1]), None, **{"count": 1, "seed": 3, **options})


def test_layers_on_another_grid_empty_organs_and_nan_are_refused(scan):
    image, lung = scan
    moved = Geometry(THIN.size, THIN.spacing, (0.0, 0.0, 0.0), EYE)
    assert "another grid" in refusal(image, layer(lung, moved), None, 1, 3)
    assert "another grid" in refusal(image, layer(lung), None, 1, 3, exclude=[layer(lung, moved, "vessels")])
    assert "no voxel has the label" in refusal(image, layer(np.zeros_like(lung)), None, 1, 3)
    broken = voxels(image).astype(np.float32)
    broken[0, 0, 0] = np.nan
    assert "NaN" in refusal(image_of(broken, THIN), layer(lung), None, 1, 3)


def test_progress_is_told_and_can_stop_it(scan):
    told = []
    place(scan[0], layer(scan[1]), None, 2, 3, diameter_mm=(8, 9), progress=lambda *words: told.append(words))
    assert told == [("placing lesions", 0.0), ("placing lesions", 0.5)]


def test_an_organ_knows_where_it_lies_in_the_scan(scan):
    image, lung = scan
    room = Organ(image, layer(lung), room_mm=20)
    inside = np.argwhere(room.inside) + room.start
    assert np.array_equal(inside, np.argwhere(lung))


@pytest.mark.parametrize("name", ["pyrad-lung2", "CMB-CRC-MSB-01068"])
def test_nodules_in_the_lungs_of_real_patients(data, name):
    image = read_ct(data / "volumes" / f"{name}.nii.gz").image
    (organs,) = read_layers([data / "volumes" / f"{name}_autolabels.nii.gz"], image)
    placed = place(image, organs, None, 3, 7, organ_values=[2], diameter_mm=(8, 25))
    labels, lung = voxels(placed.layer.image), voxels(organs.image) == 2
    assert lung[labels > 0].mean() > 0.97  # the rest are small vessels that the threshold left out
    for lesion in lesions_of_scan(placed.layer, image):
        assert (voxels(image)[lesion.box][lesion.mask] > -400).mean() <= 0.03
        assert lesion.diameter_mm == pytest.approx(placed.lesions[lesion.number - 1].asked_mm, rel=0.10)
