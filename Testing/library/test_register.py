"""Registration from two scans to a path: other bodies, other poses, other fields of view, both backends."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from trunks import IDENTITY, LIVER, LUNG, PLAIN, SPINE, dice, rigid, trunk
from volumes import voxels

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.images.labels import LabelLayer
from SyntheticCTLib.images.phantoms import make_phantom
from SyntheticCTLib.images.reading import read_ct
from SyntheticCTLib.morph import backends
from SyntheticCTLib.morph import register as registration
from SyntheticCTLib.morph import start as start_module
from SyntheticCTLib.morph.prepare import prepare
from SyntheticCTLib.morph.register import find_deformation, path_along, register
from SyntheticCTLib.morph.start import affine_start, matrix_of
from SyntheticCTLib.morph.warping import morph

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "proof"))

from path_figures import figures

BOTH = pytest.mark.parametrize("backend", backends.NAMES)
AWAY = rigid((3, -4, 10), (300, -150, 80))


def child(seed, place=None):
    """A phantom's chest at half its size, to be quick; its lungs, heart, liver and spine as one layer."""
    phantom = make_phantom(seed, spacing=(5.0, 5.0, 5.0), region="chest", table=False)
    (layer,) = phantom.layers
    images = [sitk.Image(phantom.image), sitk.Image(layer.image)]
    for image in images:
        image.SetSpacing((2.5,) * 3)
        image.SetOrigin([-(n - 1) * 1.25 for n in image.GetSize()])
        if place is not None:
            lay(image, place)
    return images[0], LabelLayer("organs", images[1], layer.names)


def lay(image, place):
    """Turn and shift an image, body and grid together."""
    image.SetOrigin((place @ [*image.GetOrigin(), 1])[:3].tolist())
    image.SetDirection((place[:3, :3] @ np.reshape(image.GetDirection(), (3, 3))).ravel().tolist())


def correlation(a, b, where):
    return np.corrcoef(voxels(a)[where], voxels(b)[where])[0, 1]


@pytest.fixture
def coarse(monkeypatch):
    """Registration on 6 mm: an eighth of the time, enough for bodies made of ellipsoids."""
    monkeypatch.setattr(registration, "prepare", partial(prepare, spacing=6.0))
    monkeypatch.setattr(registration, "VELOCITY_SPACING_MM", 6.0)


@pytest.fixture(scope="module")
def phantoms():
    """Two patients; the second lies half a meter away on an oblique grid."""
    return child(1), child(2, AWAY)


@pytest.fixture(scope="module")
def found(phantoms):
    """What each backend finds between the two: (deformation, path), made when first asked for."""
    (source, _), (target, _) = phantoms
    kept = {}

    def between(backend):
        if backend not in kept:
            deformation = find_deformation(source, target, backend, seed=5)
            kept[backend] = deformation, path_along(deformation, source, target)
        return kept[backend]

    return between


# --- two patients


@BOTH
def test_the_source_ends_up_like_the_target(phantoms, found, backend):
    (source, layer), (target, target_layer) = phantoms
    path = found(backend)[1]
    before, after = (morph(source, path, t, [layer], "target") for t in (0, 1))
    names = {name: value for value, name in layer.names.items()}
    for lung in ("lung_right", "lung_left"):
        value = names[lung]
        was, now = (dice(m.layers[0].image, target_layer.image, value) for m in (before, after))
        assert now > 0.94
        assert now > was + 0.025
    seen = voxels(after.outside) + voxels(before.outside) == 0
    assert correlation(after.image, target, seen) > correlation(before.image, target, seen) + 0.01
    assert correlation(after.image, target, seen) > 0.9


@BOTH
def test_the_path_is_as_good_as_the_issue_asks(phantoms, found, backend):
    row = figures(*reversed(found(backend)), phantoms[0][0], phantoms[1][0])
    assert row["end_mean"] < 0.1
    assert row["end_p99"] < 1.5
    assert row["group_mean"] < 0.1
    assert row["inverse_mean"] < 0.1
    assert row["min_jacobian"] > 0


@BOTH
def test_where_the_target_lies_is_the_pose_and_not_the_morph(found, backend):
    path = found(backend)[1]
    back = path.pose @ AWAY  # the pose takes the target home again
    turned = np.degrees(np.arccos((np.trace(back[:3, :3]) - 1) / 2))
    assert turned < 8
    assert np.linalg.norm(back[:3, 3]) < 30
    assert np.abs(voxels(path.field(1))).max() < 120  # of the half meter nothing is left in the morph


@BOTH
def test_how_it_was_found_is_recorded(found, backend):
    method = found(backend)[1].method
    assert method["backend"] == backend
    assert (method["seed"], method["repeatable"], method["guiding_labels"]) == (5, False, [])
    assert set(method["versions"]) > {"SyntheticCT"}
    assert method["parameters"]["method"].startswith("affine, then")
    assert method["fit_mean_mm"] < 0.1


# --- where the affine part starts from


@pytest.mark.parametrize(
    ("degrees", "shift"),
    [((0, 0, 0), (0, 0, 300)), ((0, 0, 10), (0, 0, 0)), ((8, -6, 0), (40, -300, -90)), ((0, 0, 0), (-500, 0, 0))],
)
def test_the_start_finds_a_body_that_was_moved(degrees, shift):
    place = rigid(degrees, shift)
    source = trunk()[0]
    target = sitk.Image(source)
    lay(target, place)
    start = matrix_of(affine_start(prepare(target, spacing=6.0), prepare(source, spacing=6.0)))
    corners = np.c_[PLAIN.corners(), np.ones(8)].T
    assert np.linalg.norm((start @ place @ corners - corners)[:3], axis=0).max() < 12  # at corners far from the body


@pytest.mark.parametrize("end", [slice(0, 27), slice(13, 40)])
def test_the_start_finds_a_body_of_which_a_third_is_missing(end):
    source = trunk()[0]
    start = matrix_of(affine_start(prepare(source[:, :, end], spacing=6.0), prepare(source, spacing=6.0)))
    corners = np.c_[Geometry.of(source[:, :, end]).corners(), np.ones(8)].T
    assert np.linalg.norm((start @ corners - corners)[:3], axis=0).max() < 6


def test_the_start_finds_a_body_twice_as_long_in_the_scan():
    long = Geometry((44, 36, 70), (4.0, 4.0, 4.0), (-86.0, -70.0, -198.0), IDENTITY)
    start = matrix_of(affine_start(prepare(trunk(long)[0], spacing=6.0), prepare(trunk()[0], spacing=6.0)))
    corners = np.c_[PLAIN.corners(), np.ones(8)].T
    assert np.linalg.norm((start @ corners - corners)[:3], axis=0).max() < 8


def test_a_fit_that_collapses_is_replaced_by_a_rigid_one(monkeypatch):
    source = trunk()[0]
    target = sitk.Image(source)
    lay(target, rigid((0, 0, 12), (0, 0, 0)))
    sides = prepare(target, spacing=6.0), prepare(source, spacing=6.0)
    collapsed = sitk.AffineTransform(3)
    collapsed.Scale(0.2)
    monkeypatch.setattr(start_module, "_refined", lambda *_: collapsed)
    start = matrix_of(affine_start(*sides))
    assert np.allclose(start[:3, :3] @ start[:3, :3].T, np.eye(3))
    assert np.degrees(np.arccos((np.trace(start[:3, :3]) - 1) / 2)) == pytest.approx(12, abs=3)


# --- fields of view


@BOTH
def test_a_target_without_its_lower_third_is_reached(coarse, backend):
    source, layer = trunk()
    whole, whole_layer = trunk(width=0.93, lung=0.9)
    target, target_layer = whole[:, :, 13:], whole_layer.image[:, :, 13:]
    path = register(source, target, backend)
    before, after = (morph(source, path, t, [layer], "target") for t in (0, 1))
    assert dice(after.layers[0].image, target_layer, LUNG) > 0.93
    assert dice(after.layers[0].image, target_layer, LUNG) > dice(before.layers[0].image, target_layer, LUNG) + 0.02
    assert voxels(path.jacobian(1)).min() > 0
    rest = morph(source, path, 1, [layer])  # what the target does not show keeps its shape
    assert 0.6 < (voxels(rest.layers[0].image) == LIVER).sum() / (voxels(layer.image) == LIVER).sum() < 1.3


# --- labels


@pytest.fixture(scope="module")
def livers():
    """Two trunks whose livers differ and hardly stand out."""
    return trunk(), trunk(width=0.95, lung=0.92, liver=1.25)


@BOTH
def test_labels_guide_the_registration(coarse, livers, backend):
    (source, layer), (target, target_layer) = livers
    overlaps = []
    for labels in (((), ()), ((layer,), (target_layer,))):
        path = register(source, target, backend, source_labels=labels[0], target_labels=labels[1])
        moved = morph(source, path, 1, [layer], "target").layers[0]
        overlaps.append(dice(moved.image, target_layer.image, LIVER))
    assert overlaps[1] > overlaps[0] + 0.02
    assert path.method["guiding_labels"] == ["organs:1", "organs:2", "organs:3"]


def test_layers_are_matched_by_name_and_single_ones_whatever_their_name():
    (_, one), (_, other) = trunk(), trunk(width=0.9)
    lesions = LabelLayer("lesions", sitk.Cast(one.image == LIVER, sitk.sitkUInt8) * 9)
    shared = registration._shared_masks([one, lesions], [lesions, other])
    assert list(shared) == ["organs:1", "organs:2", "organs:3", "lesions:9"]
    renamed = LabelLayer("total", other.image)
    assert list(registration._shared_masks([one], [renamed])) == ["organs:1", "organs:2", "organs:3"]
    source_mask, target_mask = shared["organs:3"]
    assert np.array_equal(voxels(source_mask), voxels(one.image) == SPINE)
    assert np.array_equal(voxels(target_mask), voxels(other.image) == SPINE)


@pytest.mark.parametrize("sides", [("one", ""), ("", "one"), ("one", "apart"), ("two", "apart")])
def test_labels_that_the_two_do_not_share_are_refused_with_what_was_found(sides):
    image, layer = trunk()
    lesions = LabelLayer("lesions", sitk.Cast(layer.image == LIVER, sitk.sitkUInt8) * 9)
    choice = {"": [], "one": [layer], "apart": [lesions], "two": [layer, LabelLayer("bones", layer.image)]}
    with pytest.raises(InputError, match=r"no label in common: found (none|organs \(1, 2, 3\)).*expected layers"):
        register(image, image, "simpleitk", source_labels=choice[sides[0]], target_labels=choice[sides[1]])


# --- the same twice


@BOTH
def test_a_repeatable_registration_gives_the_same_bytes_twice(coarse, livers, backend):
    (source, layer), (target, target_layer) = livers
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    paths = []
    for count in (threads, threads + 1):  # as on a machine with another number of processors
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(count)
        try:
            paths.append(register(source, target, backend, 3, True, [layer], [target_layer]))
        finally:
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    one, other = paths
    assert voxels(one.velocity).tobytes() == voxels(other.velocity).tobytes()
    assert one.stretch.tobytes() == other.stretch.tobytes()
    assert one.pose.tobytes() == other.pose.tobytes()
    assert (one.method["seed"], one.method["repeatable"]) == (3, True)


# --- stages and refusals


def test_the_stages_are_told_and_can_be_stopped(coarse):
    heard = []

    def stop(stage, done=None):
        heard.append(stage)
        if "deforming" in stage:
            raise KeyboardInterrupt

    image = trunk()[0]
    with pytest.raises(KeyboardInterrupt):
        register(image, image, "simpleitk", progress=stop)
    assert heard == ["preparing", "laying one body over the other", "deforming (simpleitk)"]


@pytest.mark.parametrize("role", ["source", "target"])
def test_a_scan_without_a_body_is_refused_by_its_role(role):
    air = PLAIN.new_image(sitk.sitkInt16, -1000)
    sides = {"source": trunk()[0], "target": trunk()[0], role: air}
    with pytest.raises(InputError, match=f"The {role} shows no body"):
        register(sides["source"], sides["target"], "simpleitk")


def test_the_path_is_bound_to_the_two_scans(phantoms, found):
    path = found("simpleitk")[1]
    path.check(phantoms[0][0], phantoms[1][0])
    with pytest.raises(InputError, match="another source"):
        path.check(phantoms[1][0])


# --- real scans


@pytest.fixture(scope="module")
def chests(data):
    """The middle of two real chests at 4 and 5 mm."""
    source, target = (read_ct(data / "small" / f"{name}.nrrd").image for name in ("ct-64", "TestInput"))
    return source[:, :, 18:66], target[:, :, 10:40]


@BOTH
def test_real_chests_get_a_path_as_good_as_the_issue_asks(chests, backend):
    source, target = chests
    deformation = find_deformation(source, target, backend)
    path = path_along(deformation, source, target)
    row = figures(path, deformation, source, target)
    assert row["end_mean"] < 0.1
    assert row["end_p99"] < 1.5
    assert row["group_mean"] < 0.1
    assert row["inverse_mean"] < 0.1
    assert row["min_jacobian"] > 0
    assert np.abs(voxels(path.field(1))).max() > 10
