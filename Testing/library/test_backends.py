"""The registration backends: which there are, and that labels and seeds reach them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
from trunks import LIVER, PLAIN, blob, trunk
from volumes import GRIDS, voxels

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images.geometry import Geometry
from SyntheticCTLib.morph import backends
from SyntheticCTLib.morph.backends import get_backend
from SyntheticCTLib.morph.backends.ants import AntsBackend
from SyntheticCTLib.morph.backends.simpleitk import SimpleITKBackend
from SyntheticCTLib.morph.path import positions
from SyntheticCTLib.morph.prepare import MARGIN, SPACING_MM, prepare
from SyntheticCTLib.morph.threads import one_thread

COARSE_MM = 8.0
"""Spacing of the prepared scans of these tests: they ask how the backends are called, not how good they are."""


@pytest.fixture(scope="module")
def pair():
    """Two trunks, prepared coarsely, each with its liver as a second channel; and a start that moves nothing."""
    sides = [trunk(), trunk(width=0.92, lung=0.9, liver=1.2)]
    prepared = [prepare(image, (layer.image == LIVER,), COARSE_MM) for image, layer in sides]
    return prepared[1], prepared[0], sitk.AffineTransform(3)


def without_labels(prepared):
    return type(prepared)(prepared.channels[:1], prepared.inside)


def test_both_are_there_and_ants_comes_first():
    assert backends.NAMES == ("ants", "simpleitk")
    assert isinstance(get_backend(None), AntsBackend)
    assert isinstance(get_backend("simpleitk"), SimpleITKBackend)


def test_an_unknown_backend_is_refused_with_the_names_there_are():
    with pytest.raises(InputError, match="'elastix'; expected one of ants, simpleitk"):
        get_backend("elastix")


def test_without_antspyx_the_second_one_is_taken_and_the_first_explains_itself(monkeypatch):
    monkeypatch.setattr(AntsBackend, "available", lambda self: False)
    assert isinstance(get_backend(None), SimpleITKBackend)
    with pytest.raises(InputError, match="antspyx, which is not installed.*pip install"):
        get_backend("ants")


def test_choosing_a_backend_does_not_import_ants():
    code = "import sys; from SyntheticCTLib.morph.backends import get_backend; get_backend(None); "
    code += "print([m for m in ('ants', 'torch', 'matplotlib') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("name", backends.NAMES)
def test_what_it_tells_of_itself_can_be_written_as_json(name):
    backend = get_backend(name)
    assert backend.name == name
    record = json.loads(json.dumps({**backend.parameters(), **backend.versions()}))
    assert "affine, then" in record["method"]
    assert any(character.isdigit() for version in backend.versions().values() for character in version)


@pytest.mark.parametrize("name", backends.NAMES)
def test_the_deformation_lies_on_the_fixed_grid_and_brings_the_scans_together(pair, name):
    fixed, moving, start = pair
    fixed, moving = without_labels(fixed), without_labels(moving)
    warp = get_backend(name).deform(fixed, moving, start, 0, True)
    assert warp.GetPixelID() == sitk.sitkVectorFloat64
    assert Geometry.of(warp).same_as(Geometry.of(fixed.image))
    way = sitk.DisplacementFieldTransform(sitk.Image(warp))
    shown = voxels(sitk.Resample(moving.image, fixed.image, way, sitk.sitkLinear, 0.0))
    before = voxels(sitk.Resample(moving.image, fixed.image))
    truth = voxels(fixed.image)
    assert np.abs(shown - truth).mean() < 0.7 * np.abs(before - truth).mean()


@pytest.mark.parametrize("name", backends.NAMES)
def test_labels_take_part(pair, name):
    fixed, moving, start = pair
    engine = get_backend(name)

    def overlap(fixed_side, moving_side):
        warp = engine.deform(fixed_side, moving_side, start, 0, True)
        way = sitk.DisplacementFieldTransform(warp)
        shown = voxels(sitk.Resample(moving.channels[1], fixed.image, way, sitk.sitkLinear, 0.0))
        truth = voxels(fixed.channels[1])
        return 2 * np.minimum(shown, truth).sum() / (shown.sum() + truth.sum())

    assert overlap(fixed, moving) > overlap(without_labels(fixed), without_labels(moving)) + 0.02


@pytest.mark.parametrize("name", backends.NAMES)
def test_the_affine_start_comes_before_the_deformation(pair, name):
    fixed, moving, _ = pair
    start = sitk.AffineTransform(3)
    start.SetTranslation((0.0, 0.0, 120.0))
    far = sitk.Image(moving.image)
    far.SetOrigin(np.add(far.GetOrigin(), (0, 0, 120)).tolist())
    moved = type(moving)((far,), moving.inside)
    warp = voxels(get_backend(name).deform(without_labels(fixed), moved, start, 0, True))
    assert np.abs(warp).max() < 60  # the 120 mm are the start's


# --- what they are given


def test_a_prepared_scan_runs_from_air_at_zero_to_bone_at_one():
    prepared = prepare(trunk()[0])
    assert prepared.image.GetPixelID() == sitk.sitkFloat32
    assert voxels(prepared.image).min() == 0
    assert 0.95 < voxels(prepared.image).max() <= 1
    assert prepared.image.GetSpacing() == (SPACING_MM,) * 3


@pytest.mark.parametrize("grid", ["plain", "oblique", "flipped", "left-handed", "sagittal"])
def test_a_prepared_scan_shows_everything_in_its_place(grid):
    direction, size, spacing = GRIDS[grid].direction, np.array((80, 76, 30)), np.array((1.5, 1.5, 4.0))
    middle = np.reshape(direction, (3, 3)) @ ((size - 1) / 2 * spacing)
    geometry = Geometry(tuple(size.tolist()), tuple(spacing.tolist()), tuple((-middle).tolist()), direction)
    prepared = prepare(blob(geometry, (10, -5, 8), radius=15)).image
    assert np.allclose(prepared.GetDirection(), direction)
    weight = np.maximum(voxels(prepared) - 0.2, 0)
    found = (positions(Geometry.of(prepared)) * weight).sum(axis=(1, 2, 3)) / weight.sum()
    assert np.allclose(found, (10, -5, 8), atol=0.1)


def test_the_margin_continues_the_scan_and_is_marked():
    prepared = prepare(trunk()[0])
    image, inside = voxels(prepared.image), voxels(prepared.inside)
    assert np.array_equal(image[0], image[MARGIN])  # the cut-off body goes on and does not end in air
    assert image[0].max() > 0.5
    assert not inside[:MARGIN].any() and not inside[:, :MARGIN].any() and not inside[-MARGIN:].any()
    assert inside[MARGIN:-MARGIN, MARGIN:-MARGIN, MARGIN:-MARGIN].all()


def test_the_table_is_air_to_the_registration():
    image, _ = trunk(noise=0)
    hu = voxels(image)
    bare = voxels(prepare(image).image)
    hu[:, 34:35, :] = 300  # a plate behind the back, all along
    table = sitk.GetImageFromArray(hu)
    PLAIN.apply_to(table)
    assert np.abs(voxels(prepare(table).image) - bare).max() < 0.2
    assert np.abs(voxels(prepare(table).image) - bare).mean() < 1e-3


def test_masks_are_carried_onto_the_same_grid():
    image, layer = trunk()
    prepared = prepare(image, (layer.image == LIVER,))
    assert len(prepared.channels) == 2
    mask = prepared.channels[1]
    assert Geometry.of(mask) == Geometry.of(prepared.image)
    volume = voxels(mask).sum() * SPACING_MM**3
    assert volume == pytest.approx((voxels(layer.image) == LIVER).sum() * 4.0**3, rel=0.03)


def test_reaching_continues_the_scan_over_the_points_asked_for():
    prepared = prepare(trunk()[0])
    far = np.array([[0.0], [0.0], [200.0]])
    longer = prepared.reaching(far)
    assert Geometry.of(longer.image).bounds()[1][2] >= 200
    assert longer.image.GetSize()[:2] == prepared.image.GetSize()[:2]
    assert np.array_equal(voxels(longer.image)[-1], voxels(prepared.image)[-1])
    assert voxels(longer.inside).sum() == voxels(prepared.inside).sum()
    shared = sitk.Resample(longer.image, prepared.image)
    assert np.allclose(voxels(shared), voxels(prepared.image), atol=1e-4)


def test_one_thread_is_for_a_while_only():
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    with one_thread():
        assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == 1
    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == before
    with one_thread(False):
        assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == before
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == before
