"""Contact sheets show every volume the radiological way, to scale, and are the same file every time."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from known_morphs import NODULE, Result, gentle, torso, warp

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.morph.gate import QualityReport
from SyntheticCTLib.morph.planes import AXIAL, CORONAL, LUNG_WINDOW, PLANES, SAGITTAL, SOFT_WINDOW, Box, cut, window_for
from SyntheticCTLib.morph.sheet import contact_sheet, make_scene, point_of_interest
from SyntheticCTLib.morph.showcase import sheet_detail, sheet_four_targets

BOX = Box((-40.0, -30.0, -20.0), (40.0, 30.0, 20.0), 1.0)
REPORT = QualityReport("warn", ("Tissue is drawn out.",), {"noise.ratio": {"value": 0.8, "unit": "ratio"}})


def marked():
    """Air with a bright ball in the patient's right, front, upper part and a dim one opposite."""
    z, y, x = np.indices((40, 60, 80), dtype=float)
    array = np.full(x.shape, -1000, np.int16)
    array[(x - 15) ** 2 + (y - 15) ** 2 + (z - 30) ** 2 < 36] = 1000
    array[(x - 65) ** 2 + (y - 45) ** 2 + (z - 10) ** 2 < 36] = 300
    image = sitk.GetImageFromArray(array)
    image.SetOrigin((-39.5, -29.5, -19.5))
    return image


def turned():
    """The same scan stored along other axes: permuted and flipped, and once oblique."""
    oblique = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.4)
    grid = sitk.Image(120, 120, 120, sitk.sitkInt16)
    grid.SetDirection(oblique.GetMatrix())
    grid.SetOrigin(oblique.TransformPoint((-59.5, -59.5, -59.5)))
    return {
        "permuted and flipped": sitk.Flip(sitk.PermuteAxes(marked(), [1, 2, 0]), [True, True, False]),
        "oblique": sitk.Resample(marked(), grid, sitk.Transform(), sitk.sitkLinear, -1000),
    }


def brightest(picture):
    """(row, column) of the middle of the bright ball as shares of the picture's height and width."""
    return np.argwhere(picture > 700).mean(axis=0) / picture.shape


@pytest.mark.parametrize(
    ("plane", "row", "column"),
    [
        (AXIAL, 0.25, 0.19),  # front up, patient's right on the left
        (CORONAL, 0.25, 0.19),  # head up
        (SAGITTAL, 0.25, 0.25),  # front on the left
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_right_is_left_front_and_head_are_up(plane, row, column):
    picture = cut(marked(), plane, (-24.0, -14.0, 10.0), BOX)
    assert brightest(picture) == pytest.approx((row, column), abs=0.03)


@pytest.mark.parametrize("how", ["permuted and flipped", "oblique"])
@pytest.mark.parametrize("plane", PLANES, ids=lambda plane: plane.name)
def test_the_picture_does_not_depend_on_how_the_volume_is_stored(how, plane):
    point = (-24.5, -14.5, 10.5)
    straight = cut(marked(), plane, point, BOX)
    other = cut(turned()[how], plane, point, BOX)
    assert brightest(other) == pytest.approx(brightest(straight), abs=0.02)
    assert np.mean(np.abs(straight - other) > 500) < 0.02


def test_pictures_are_to_scale_whatever_the_spacing():
    thick = sitk.Resample(
        marked(), (80, 60, 8), sitk.Transform(), sitk.sitkLinear, (-39.5, -29.5, -17.5), (1, 1, 5)
    )
    assert cut(thick, AXIAL, (0, 0, 0), BOX).shape == (60, 80)
    assert cut(thick, CORONAL, (0, 0, 0), BOX).shape == (40, 80)
    assert cut(thick, SAGITTAL, (0, 0, 0), BOX).shape == (40, 60)


def test_a_transform_brings_another_scan_into_the_picture():
    moved = marked()
    moved.SetOrigin((-39.5 + 100, -29.5, -19.5))
    way = sitk.TranslationTransform(3, (100, 0, 0))
    assert np.array_equal(cut(moved, AXIAL, (0, 0, 10), BOX, way), cut(marked(), AXIAL, (0, 0, 10), BOX))


def test_a_chest_is_shown_in_the_lung_window_and_an_abdomen_in_soft_tissue():
    assert window_for(np.array([-850] * 3 + [40] * 7)) is LUNG_WINDOW
    assert window_for(np.array([-850] * 1 + [40] * 19)) is SOFT_WINDOW
    assert LUNG_WINDOW.limits == (-1050, 250)


def test_the_sheet_goes_through_the_lesion():
    source, layers = torso()
    scene = make_scene(source, source, warp(source, layers, gentle()), gentle())
    assert point_of_interest(scene, layers) == pytest.approx(NODULE, abs=2)
    assert point_of_interest(scene, layers[:1])[0] == pytest.approx(0, abs=4)


def test_the_target_is_shown_in_the_pose_of_the_source():
    source, layers = torso()
    target = sitk.Image(source)
    target.SetOrigin([o + s for o, s in zip(source.GetOrigin(), (30, -10, 50), strict=True)])
    pose = np.eye(4)
    pose[:3, 3] = (-30, 10, -50)
    scene = make_scene(source, target, warp(source, layers, gentle(pose=pose)), gentle(pose=pose))
    shown = cut(scene.target, AXIAL, (0, 0, 0), scene.box, scene.target_way)
    assert np.abs(shown - cut(source, AXIAL, (0, 0, 0), scene.box)).max() < 1


def drawn(folder, name, report=REPORT):
    source, layers = torso()
    contact_sheet(source, source, warp(source, layers, gentle()), gentle(), report, folder / name, layers)
    return folder / name


def test_the_same_sheet_has_the_same_bytes_and_tells_no_date_or_program(tmp_path):
    one, other = drawn(tmp_path, "one.png").read_bytes(), drawn(tmp_path, "other.png").read_bytes()
    assert one == other
    assert one.startswith(b"\x89PNG")
    for chunk in (b"tEXt", b"iTXt", b"zTXt", b"tIME", b"eXIf"):
        assert chunk not in one
    assert sorted(file.name for file in tmp_path.iterdir()) == ["one.png", "other.png"]


def test_names_from_the_user_are_no_formulas(tmp_path):
    report = QualityReport("reject", ("Label a$b_{$ vanished.",) * 9, {})
    assert drawn(tmp_path, "odd.png", report).stat().st_size > 10_000


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="missing"):
        drawn(tmp_path / "missing", "sheet.png")


def test_tiny_and_thin_volumes_can_be_drawn(tmp_path):
    for number, size in enumerate([(5, 5, 5), (40, 40, 1)]):
        source = sitk.Image(*size, sitk.sitkInt16) + 40
        result = Result(source, [], sitk.Image(*size, sitk.sitkUInt8))
        contact_sheet(source, source, result, gentle(), REPORT, tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").exists()


def test_no_global_state_of_matplotlib_is_touched(tmp_path):
    code = """
import sys
import SimpleITK as sitk
from known_morphs import Result, gentle
from SyntheticCTLib.morph.gate import QualityReport
from SyntheticCTLib.morph.sheet import contact_sheet
assert "matplotlib" not in sys.modules
source = sitk.Image(20, 20, 20, sitk.sitkInt16) + 40
result = Result(source, [], sitk.Image(20, 20, 20, sitk.sitkUInt8))
contact_sheet(source, source, result, gentle(), QualityReport("pass", (), {}), sys.argv[1])
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    folder = str(Path(__file__).parent)
    run = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {folder!r})\n{code}",
        str(tmp_path / "a.png"),
    ]
    subprocess.run(run, check=True)


@pytest.fixture(scope="module")
def four():
    """Four morphs of one source."""
    source, _ = torso()
    return [warp(source, [], gentle(depth), 0.5, sitk.sitkLinear) for depth in (4.0, 6.0, 8.0, 10.0)]


def test_four_targets_are_shown_without_names_and_the_key_tells_them(four, tmp_path):
    source, _ = torso()
    picture, key = tmp_path / "four.png", tmp_path / "four.json"
    sheet_four_targets(source, four, picture, key, names=["A", "B", "C", "D"], seed=3)
    told = json.loads(key.read_text(encoding="utf-8"))
    assert list(told) == ["upper left", "upper right", "lower left", "lower right"]
    assert sorted(entry["target"] for entry in told.values()) == ["A", "B", "C", "D"]
    assert {entry["percent"] for entry in told.values()} == {50.0}
    again = tmp_path / "again.png"
    sheet_four_targets(source, four, again, tmp_path / "again.json", names=["E", "F", "G", "H"], seed=3)
    assert again.read_bytes() == picture.read_bytes()  # the names are in the key only


def test_the_order_of_the_four_depends_on_the_seed(four, tmp_path):
    source, _ = torso()
    orders = set()
    for seed in (0, 3):
        sheet_four_targets(source, four, tmp_path / "four.png", tmp_path / "key.json", seed=seed)
        told = json.loads((tmp_path / "key.json").read_text(encoding="utf-8"))
        orders.add(tuple(entry["target"] for entry in told.values()))
    assert len(orders) > 1


def test_three_targets_are_not_four(tmp_path):
    source, _ = torso()
    with pytest.raises(InputError, match="3 were given"):
        sheet_four_targets(source, [None] * 3, tmp_path / "four.png", tmp_path / "key.json")


def test_the_detail_sheet_is_written(tmp_path):
    source, layers = torso()
    result = warp(source, layers, gentle(), 0.5)
    sheet_detail(source, source, result, gentle(), tmp_path / "detail.png", layers)
    assert (tmp_path / "detail.png").stat().st_size > 50_000
