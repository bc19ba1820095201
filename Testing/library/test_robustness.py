"""Scans that only the morph finds awkward: each gives a valid path and morph, or one clear sentence."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import SimpleITK as sitk
from trunks import IDENTITY, PLAIN, rigid, trunk
from volumes import rotation, voxels

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.images.labels import LabelLayer
from SyntheticCTLib.morph import register as registration
from SyntheticCTLib.morph.path import MorphPath
from SyntheticCTLib.morph.prepare import prepare
from SyntheticCTLib.morph.register import register
from SyntheticCTLib.morph.warping import GRIDS, morph


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Registration on 6 mm: these tests ask whether it ends well, not how exact it is."""
    monkeypatch.setattr(registration, "prepare", partial(prepare, spacing=6.0))
    monkeypatch.setattr(registration, "VELOCITY_SPACING_MM", 6.0)


def check_whole(source, layer, path, folder, one_body=True):
    """Everything one may ask of a path works and makes sense.

    one_body: whether both scans show the same part of a body; if not, a fold may be left for the gate to refuse.
    """
    path.save(folder / "path.nrrd")
    again = MorphPath.load(folder / "path.nrrd")
    for t, grids in ((0, GRIDS[1:]), (0.5, GRIDS[:1]), (1, GRIDS[1:])):
        for grid in grids:
            result = morph(source, again, t, [layer], grid)
            assert voxels(result.image).min() >= -1024
            assert voxels(result.image).max() <= voxels(source).max()
            assert set(np.unique(voxels(result.layers[0].image))) <= {0, *layer.values}
        assert np.isfinite(voxels(again.field(t))).all()
        assert np.isfinite(voxels(again.inverse_field(t))).all()
        assert np.isfinite(voxels(again.jacobian(t))).all()
        assert voxels(again.jacobian(t)).min() > 0 or not one_body
    assert np.array_equal(voxels(morph(source, again, 0).image), voxels(source))


@pytest.mark.parametrize("backend", ["ants", "simpleitk"])
def test_a_scan_morphed_to_itself_stays_as_it_is(backend):
    image, layer = trunk()
    path = register(image, image, backend)
    assert np.abs(voxels(path.field(1, PLAIN))).max() < 0.5
    assert np.allclose(path.pose, np.eye(4), atol=0.1)
    result = morph(image, path, 1, [layer])
    assert (voxels(result.layers[0].image) == voxels(layer.image)).mean() > 0.998
    assert np.abs(voxels(result.image).astype(int) - voxels(image)).mean() < 5


AWKWARD = {
    "oblique": Geometry((42, 37, 40), (5.0,) * 3, (-103.0, -55.0, -100.0), tuple(rotation(8, -12, 20).ravel())),
    "lying on the other side": Geometry(
        (44, 36, 40), (4.0,) * 3, (86.0, 70.0, -78.0), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0)
    ),
    "head first into a left-handed grid": Geometry(
        (44, 36, 40), (4.0,) * 3, (-86.0, -70.0, 78.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, -1.0)
    ),
    "sagittal": Geometry((36, 40, 44), (4.0,) * 3, (-86.0, -70.0, -78.0), (0, 0, 1.0, 1.0, 0, 0, 0, 1.0, 0)),
    "thick slices": Geometry((160, 128, 17), (1.0, 1.0, 10.0), (-80.0, -64.0, -80.0), IDENTITY),
    "a single slice": Geometry((512, 400, 1), (0.36, 0.36, 5.0), (-92.0, -72.0, 10.0), IDENTITY),
    "three slices": Geometry((88, 72, 3), (2.0, 2.0, 5.0), (-87.0, -71.0, 5.0), IDENTITY),
    "very few voxels": Geometry((6, 5, 4), (30.0, 30.0, 40.0), (-75.0, -60.0, -60.0), IDENTITY),
}


@pytest.mark.parametrize(
    ("name", "role"),
    [*((name, "source") for name in AWKWARD), *((name, "target") for name in ("oblique", "thick slices"))],
)
def test_awkward_grids_are_registered_and_morphed(name, role, tmp_path):
    plain, odd = trunk(width=0.95), trunk(AWKWARD[name])
    (source, layer), target = (odd, plain[0]) if role == "source" else (plain, odd[0])
    path = register(source, target, "simpleitk")
    check_whole(source, layer, path, tmp_path)
    shift = path.pose[:3, :3] @ [0, 0, 10] + path.pose[:3, 3]
    assert np.linalg.norm(shift - [0, 0, 10]) < 60  # both lie in one place
    assert np.degrees(np.arccos(np.clip((np.trace(path.pose[:3, :3]) - 1) / 2, -1, 1))) < 30


def test_ants_takes_a_single_wide_slice_too(tmp_path):
    source, layer = trunk(AWKWARD["a single slice"])
    check_whole(source, layer, register(source, trunk()[0], "ants"), tmp_path)


@pytest.mark.parametrize("backend", ["ants", "simpleitk"])
def test_another_part_of_the_body_gives_a_whole_path_all_the_same(backend, tmp_path):
    source, layer = trunk()
    rng = np.random.default_rng(0)
    hu = np.full((30, 24, 24), -1000.0)
    k, j, i = np.indices(hu.shape)
    for middle in (7, 17):  # two legs with bone
        r = np.hypot(i - middle, j - 12)
        hu[r < 4.5] = 50
        hu[r < 1.5] = 900
    leg = sitk.GetImageFromArray(np.rint(hu + rng.normal(0, 10, hu.shape)).astype(np.int16))
    Geometry((24, 24, 30), (8.0, 8.0, 8.0), (400.0, -900.0, -1500.0), IDENTITY).apply_to(leg)
    check_whole(source, layer, register(source, leg, backend), tmp_path, one_body=False)


def test_scans_far_apart_are_no_matter(tmp_path):
    source, layer = trunk()
    place = rigid((0, 0, 0), (2000, -3000, 9000))
    away = Geometry(PLAIN.size, PLAIN.spacing, tuple(np.add(PLAIN.origin, place[:3, 3])), IDENTITY)
    path = register(source, trunk(away, width=0.95, place=place)[0], "simpleitk")
    check_whole(source, layer, path, tmp_path)
    assert np.allclose(path.pose[:3, 3], -place[:3, 3], atol=1000)
    assert np.linalg.norm(path.pose[:3, :3] @ place[:3, 3] + path.pose[:3, 3]) < 40


def test_labels_of_another_grid_do_not_reach_the_morph():
    image, layer = trunk()
    path = register(image, image, "simpleitk")
    finer = trunk(Geometry((88, 72, 80), (2.0,) * 3, (-87.0, -71.0, -79.0), IDENTITY))[1]
    with pytest.raises(InputError, match="organs is not on the source's grid"):
        morph(image, path, 0.5, [LabelLayer("organs", finer.image)])
    assert morph(image, path, 0.5, [layer]).layers[0].name == "organs"


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry((1, 1, 1), (3.0, 3.0, 3.0), (0.0, 0.0, -20.0), IDENTITY),
        Geometry((3, 3, 3), (3.0, 3.0, 3.0), (-3.0, -3.0, -20.0), IDENTITY),
        Geometry((20, 20, 1), (8.0, 8.0, 5.0), (-76.0, -76.0, 0.0), IDENTITY),
    ],
    ids=lambda geometry: "x".join(map(str, geometry.size)),
)
@pytest.mark.parametrize("backend", ["ants", "simpleitk"])
def test_a_volume_of_a_few_voxels_gives_a_path_or_a_sentence(geometry, backend, tmp_path):
    small, layer = trunk(geometry)
    try:
        path = register(small, trunk()[0], backend)
    except InputError as error:
        assert "body" in str(error) or "small" in str(error)
    else:
        check_whole(small, layer, path, tmp_path, one_body=False)
