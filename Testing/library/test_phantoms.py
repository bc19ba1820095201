"""Phantom torso CTs: CT-like in numbers, whole people, and decided by their seed alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images.labels import is_lesion
from SyntheticCTLib.images.phantoms import make_phantom
from SyntheticCTLib.images.phantoms import phantom as room
from SyntheticCTLib.morph.metadata import interpolate_metadata

COARSE = (4.0, 4.0, 5.0)
SEEDS = (1, 2, 3, 8)


def array(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def organ(phantom, name: str) -> np.ndarray:
    layer = phantom.layers[0]
    (value,) = [value for value, known in layer.names.items() if known == name]
    return array(layer.image) == value


def volumes_ml(phantom) -> dict[str, float]:
    voxel = np.prod(phantom.image.GetSpacing()) / 1000
    return {name: organ(phantom, name).sum() * voxel for name in phantom.layers[0].names.values()}


def center_mm(phantom, name: str) -> np.ndarray:
    index = np.argwhere(organ(phantom, name)).mean(axis=0)[::-1]
    return np.array(phantom.image.TransformContinuousIndexToPhysicalPoint(index.tolist()))


@pytest.fixture(scope="module")
def plain():
    """A patient without contrast agent, with lesions."""
    return make_phantom(3, (2.0, 2.0, 2.5), lesions=6, contrast=0.0)


@pytest.fixture(scope="module")
def patients():
    return {seed: make_phantom(seed, COARSE) for seed in SEEDS}


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("lung_right", -900, -800),
        ("lung_left", -900, -800),
        ("heart", 0, 60),
        ("liver", 45, 75),
        ("spleen", 35, 60),
        ("kidney_right", 15, 45),
        ("kidney_left", 15, 45),
        ("aorta", 30, 55),
        ("trachea", -1024, -900),
        ("spine", 120, 450),
        ("ribs", 200, 900),
        ("sternum", 50, 500),
    ],
)
def test_each_organ_has_the_hounsfield_units_of_its_tissue(plain, name, low, high):
    assert low <= np.median(array(plain.image)[organ(plain, name)]) <= high


def test_contrast_agent_brightens_blood_and_organs_but_not_fat_or_lung():
    size = (90, 70, 24)
    without, with_agent = (make_phantom(3, (4, 4, 4), size=size, contrast=c, noise_hu=0) for c in (0.0, 1.0))
    gain = array(with_agent.image).astype(int) - array(without.image)
    assert np.median(gain[organ(without, "aorta")]) == pytest.approx(112, abs=8)
    assert np.median(gain[organ(without, "liver")]) == pytest.approx(52, abs=8)
    assert np.median(gain[organ(without, "lung_left")]) == pytest.approx(0, abs=2)
    fat = np.abs(array(without.image) + 105) < 8
    assert np.median(gain[fat]) == pytest.approx(0, abs=2)


def test_the_image_is_hounsfield_units_with_air_round_the_body(plain):
    voxels = array(plain.image)
    assert plain.image.GetPixelID() == sitk.sitkInt16
    assert voxels.min() >= -1024 and voxels.max() <= 3071
    assert np.median(voxels[:, :6]) < -950
    assert 0.25 < (voxels > -300).mean() < 0.8


def test_lungs_hold_air_and_vessels_that_thin_out_toward_the_wall(plain):
    from scipy.ndimage import distance_transform_edt

    for side in ("lung_right", "lung_left"):
        lung = organ(plain, side)
        depth = distance_transform_edt(lung, sampling=plain.image.GetSpacing()[::-1])
        vessel = (array(plain.image) > -500) & lung & (array(plain.layers[1].image) == 0)
        inner, outer = vessel[depth > 25].mean(), vessel[(depth > 4) & (depth < 10)].mean()
        assert 0.01 < vessel[depth > 4].mean() < 0.15
        assert inner > 1.5 * outer > 0


def test_vessels_of_a_lung_hang_together():
    from scipy.ndimage import binary_erosion, label

    phantom = make_phantom(3, (1.0, 1.0, 1.5), region="chest", size=(330, 240, 60), noise_hu=0)
    lung = binary_erosion(organ(phantom, "lung_right"), iterations=3)
    pieces, _ = label((array(phantom.image) > -650) & lung, structure=np.ones((3, 3, 3)))
    sizes = np.sort(np.bincount(pieces.ravel())[1:])
    assert sizes[-3:].sum() > 0.4 * sizes.sum()


def test_organs_lie_where_they_belong_in_patient_coordinates(patients):
    for phantom in patients.values():
        at = {name: center_mm(phantom, name) for name in phantom.layers[0].names.values()}
        x, y, z = 0, 1, 2
        assert at["lung_right"][x] < at["heart"][x] < at["lung_left"][x]
        assert at["liver"][x] < at["stomach"][x] < at["spleen"][x]
        assert at["kidney_right"][x] < at["spine"][x] < at["kidney_left"][x]
        assert at["sternum"][y] < at["heart"][y] < at["aorta"][y] < at["spine"][y]
        assert at["kidney_left"][z] < at["liver"][z] < at["heart"][z] < at["trachea"][z]


def test_every_organ_is_there_in_one_piece_and_of_human_size(patients):
    from scipy.ndimage import label

    expected = {
        "lung_right": (1000, 4000), "lung_left": (900, 3700), "heart": (350, 1100), "liver": (800, 2600),
        "spleen": (60, 450), "kidney_right": (60, 280), "kidney_left": (60, 280), "stomach": (60, 700),
        "aorta": (100, 450), "trachea": (15, 80), "spine": (300, 900), "ribs": (150, 600),
        "sternum": (20, 110),
    }  # fmt: skip
    for phantom in patients.values():
        for name, volume in volumes_ml(phantom).items():
            low, high = expected[name]
            assert low < volume < high, name
            assert name == "ribs" or label(organ(phantom, name))[1] == 1, name


def test_patients_differ_in_body_and_organs(patients):
    volumes = [volumes_ml(phantom) for phantom in patients.values()]
    organs = "lung_right", "heart", "liver", "spleen", "kidney_left"
    sizes = np.array([[volume[name] for name in organs] for volume in volumes])
    ratio = sizes.max(axis=0) / sizes.min(axis=0)
    assert (ratio > 1.08).all() and np.mean(ratio) > 1.25
    origins = {phantom.image.GetOrigin() for phantom in patients.values()}
    assert len(origins) == len(SEEDS)
    assert len({phantom.metadata["phantom_id"] for phantom in patients.values()}) == len(SEEDS)


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not():
    first, other = (make_phantom(seed, (4, 4, 8), size=(90, 80, 40), lesions=2) for seed in (2, 3))
    room._plan_patient.cache_clear()
    second = make_phantom(2, (4, 4, 8), size=(90, 80, 40), lesions=2)
    assert sitk.Hash(first.image) == sitk.Hash(second.image)
    for one, two in zip(first.layers, second.layers, strict=True):
        assert sitk.Hash(one.image) == sitk.Hash(two.image) and one.names == two.names
    assert first.metadata == second.metadata
    assert sitk.Hash(first.image) != sitk.Hash(other.image)


def test_voxel_size_changes_the_sampling_and_not_the_patient(patients):
    fine, coarse = make_phantom(2, (2.5, 2.5, 2.5)), patients[2]
    for name in ("lung_right", "liver", "spleen", "heart", "aorta"):
        assert volumes_ml(coarse)[name] == pytest.approx(volumes_ml(fine)[name], rel=0.08)
        assert np.linalg.norm(center_mm(coarse, name) - center_mm(fine, name)) < 2.5


def test_spacing_size_and_an_oblique_direction_are_honored():
    turn = np.deg2rad(25)
    oblique = (np.cos(turn), -np.sin(turn), 0, np.sin(turn), np.cos(turn), 0, 0, 0, -1.0)
    size, spacing = (60, 56, 30), (3.0, 3.5, 4.0)
    straight = make_phantom(2, spacing, size=(110, 90, 40), noise_hu=0, table=False)
    tilted = make_phantom(2, spacing, size=size, direction=oblique, noise_hu=0, table=False)
    assert tilted.image.GetSize() == size and tilted.image.GetSpacing() == spacing
    assert np.allclose(tilted.image.GetDirection(), oblique)
    assert tilted.layers[0].image.GetOrigin() == tilted.image.GetOrigin()
    same = array(sitk.Resample(straight.image, tilted.image, sitk.Transform(), sitk.sitkLinear, -5000))
    seen = same > -2000
    assert seen.mean() > 0.8
    assert np.corrcoef(same[seen], array(tilted.image)[seen])[0, 1] > 0.98


def test_a_region_shows_its_organs_and_cuts_the_others():
    chest, abdomen = (volumes_ml(make_phantom(2, COARSE, region=region)) for region in ("chest", "abdomen"))
    assert chest["lung_left"] > 1.5 * abdomen["lung_left"]
    assert abdomen["kidney_left"] > 1.5 * chest["kidney_left"]


def test_noise_has_the_strength_asked_for_and_the_grain_of_a_scanner():
    size = (120, 100, 8)
    clean = array(make_phantom(2, (0.8, 0.8, 5.0), size=size, noise_hu=0, region="abdomen").image).astype(
        float
    )
    noisy = array(make_phantom(2, (0.8, 0.8, 5.0), size=size, noise_hu=20, region="abdomen").image)
    noise = (noisy - clean)[:, 20:-20, 20:-20]
    inside = clean[:, 20:-20, 20:-20] > -300

    def correlation(axis):
        a, b = (
            np.take(noise, range(1, noise.shape[axis]), axis),
            np.take(noise, range(noise.shape[axis] - 1), axis),
        )
        both = np.take(inside, range(1, noise.shape[axis]), axis) & np.take(
            inside, range(noise.shape[axis] - 1), axis
        )
        return np.corrcoef(a[both], b[both])[0, 1]

    assert noise[inside].std() == pytest.approx(20, rel=0.05)
    assert abs(noise[inside].mean()) < 1
    assert 0.3 < correlation(1) < 0.7 and 0.3 < correlation(2) < 0.7
    assert 0.1 < correlation(0) < 0.4


def test_default_noise_is_that_of_real_scans_and_grows_in_thin_slices():
    def spread(thickness):
        size = (80, 80, 6)
        pair = [
            array(
                make_phantom(2, (0.8, 0.8, thickness), size=size, noise_hu=n, region="abdomen").image
            ).astype(float)
            for n in (None, 0)
        ]
        return (pair[0] - pair[1])[pair[1] > -300].std()

    thick, thin = spread(5.0), spread(1.25)
    assert 7 < thick < 11
    assert thin == pytest.approx(2 * thick, rel=0.1)


def test_blur_is_as_wide_as_asked_for():
    def width(blur):
        voxels = array(
            make_phantom(2, (0.5, 0.5, 5), size=(900, 16, 2), noise_hu=0, blur_mm=blur, table=False).image
        )
        row = voxels[1, 8].astype(float)
        edge = int(np.argmax(row > -500))
        slope = np.diff(row[edge - 10 : edge + 4]).max() / 0.5
        return (row[edge + 4] + 1000) / (np.sqrt(2 * np.pi) * slope)

    assert width(1.6) == pytest.approx(1.6, rel=0.25)
    assert width(1.6) > 1.6 * width(0.6)


def test_the_couch_lies_behind_the_patient_unless_unwanted():
    with_couch, without = (
        array(make_phantom(2, COARSE, table=t, noise_hu=0, region="abdomen").image) for t in (True, False)
    )
    rows = np.nonzero((with_couch != without).any(axis=(0, 2)))[0]
    body = np.nonzero((without > -300).any(axis=(0, 2)))[0]
    assert len(rows) > 3 and rows.max() > body.max()
    assert without[:, -2:].max() < -990


def test_lesions_lie_inside_their_organ_and_are_seen(plain):
    layer = plain.layers[1]
    marks, voxels = array(layer.image), array(plain.image).astype(int)
    assert layer.name == "lesions" and layer.values == tuple(range(1, 7)) == tuple(layer.names)
    assert plain.metadata["lesions"] == list(layer.names.values())
    lungs = organ(plain, "lung_right") | organ(plain, "lung_left")
    for value, name in layer.names.items():
        home = lungs if name.startswith("lung nodule") else organ(plain, "liver")
        inside = marks == value
        assert inside.sum() > 10 and home[inside].all(), name
        assert is_lesion(layer, value)
        contrast = np.median(voxels[inside]) - np.median(voxels[home & (marks == 0)])
        assert contrast > 150 if home is lungs else contrast < -15, name


def test_lesions_change_nothing_but_themselves():
    healthy, ill = (make_phantom(2, COARSE, noise_hu=0, lesions=n) for n in (0, 3))
    changed = array(healthy.image) != array(ill.image)
    assert changed.any() and changed.mean() < 0.01
    assert [layer.name for layer in healthy.layers] == ["organs"]
    assert sitk.Hash(healthy.layers[0].image) == sitk.Hash(ill.layers[0].image)


def test_the_record_has_the_fields_of_the_original_use_case(patients):
    for phantom in patients.values():
        record = phantom.metadata
        assert 18 <= record["age"] <= 100 and record["sex"] in ("F", "M")
        assert isinstance(record["days_since_admission"], int)
        assert record["pcr_result"] in ("positive", "negative")
        assert isinstance(record["outcome"], str) and isinstance(record["events"], list)
    one, two = patients[1].metadata, patients[2].metadata
    between, notes = interpolate_metadata(one, two, 0.5)
    assert set(between) == set(one) - {"phantom_id"} and len(notes) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"spacing": (1, 1)}, "spacing"),
        ({"spacing": (1, 0, 1)}, "spacing"),
        ({"size": (10, 10)}, "size"),
        ({"size": (10, 10, 1)}, "size"),
        ({"lesions": -1}, "lesions"),
        ({"region": "leg"}, "chest"),
        ({"noise_hu": -1}, "noise_hu"),
        ({"blur_mm": float("nan")}, "blur_mm"),
        ({"direction": (1, 0, 0, 0, 1, 0, 0, 0, 2)}, "direction"),
        ({"lesions": 3, "size": (8, 8, 8), "spacing": COARSE}, "fewer lesions"),
    ],
)
def test_arguments_of_no_meaning_are_refused_by_name(arguments, told):
    with pytest.raises(InputError, match=told):
        make_phantom(**{"seed": 1, **arguments})


def test_importing_phantoms_loads_no_heavy_library():
    heavy = "scipy", "matplotlib", "ants", "pydicom"
    code = f"import sys, SyntheticCTLib.images.phantoms; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
