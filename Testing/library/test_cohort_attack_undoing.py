"""Attacks on cohorts where the truth is known: copies are found, strangers are not."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

pytest.importorskip("sklearn")

from cohort_crowds import SIZE, Output, body, noisy, subject_id, write_crowd

from SyntheticCTLib.cohort.dataset.places import moved
from SyntheticCTLib.cohort.planning.settings import PlanSettings
from SyntheticCTLib.cohort.privacy.attacks import averaging, closeness, first_rank, grid_rank, membership
from SyntheticCTLib.cohort.privacy.lineups import make_line_ups
from SyntheticCTLib.cohort.privacy.scans import attackable
from SyntheticCTLib.cohort.privacy.texture import likeness
from SyntheticCTLib.cohort.privacy.undoing import Undoing, averages, compare, compare_all
from SyntheticCTLib.errors import Cancelled
from SyntheticCTLib.images.phantoms import make_phantom
from SyntheticCTLib.morph.threads import one_thread

PLANNED, HELD_OUT, OTHERS = range(1, 6), range(6, 11), range(20, 25)


def outputs(scans, first=subject_id):
    """One output of each planned subject; what it shows is the scan."""
    ids = [first(seed) for seed in PLANNED]
    return [
        Output(f"synthct_{n:04d}", ids[n], ids[n - 1], f"{31.07 + 7 * n:.2f}", scan) for n, scan in enumerate(scans)
    ]


def line_ups(folder, scans, seen=None):
    cohort = write_crowd(folder, PLANNED, HELD_OUT, outputs(scans))
    report = (lambda *told: seen.append(told)) if seen is not None else (lambda *told: None)
    return make_line_ups(cohort, 20, 0, report)


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Line-ups of outputs that are their sources (t = 0), and what was reported meanwhile."""
    seen = []
    return line_ups(tmp_path_factory.mktemp("copies"), [body(seed) for seed in PLANNED], seen), seen


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """Line-ups of outputs that show people who are in no line-up."""
    return line_ups(tmp_path_factory.mktemp("strangers"), [body(seed) for seed in OTHERS])


def test_copies_are_found_every_time(copies):
    found = first_rank(copies[0].all)
    assert found.value == 1 and found.n == 5 and found.chance == pytest.approx(1 / 10)
    assert found.succeeds and 0.5 < found.low < 0.6  # Wilson's lower end for 5 of 5 is 0.57
    assert all(one.likeness_to(one.source) > 0.9 for one in copies[0].all)
    assert all(max(one.others()) < one.likeness_to(one.source) - 0.1 for one in copies[0].all)


def test_copies_tell_who_was_used_and_lie_nearer_than_strangers(copies):
    found = copies[0]
    used = membership(found.all, found.held_out, 0)
    assert used.area.value == 1 and used.area.n == 10 and used.area.succeeds
    near = closeness(found, 0)
    assert near.outputs == pytest.approx([0] * 5, abs=1e-6) and near.copies == 5
    assert near.nearer.value == 1 and len(near.held_out) == 5


def test_outputs_of_others_are_at_chance(strangers):
    found = first_rank(strangers.all)
    assert not found.succeeds and found.low <= found.chance <= found.high
    used = membership(strangers.all, strangers.held_out, 0)
    assert not used.area.succeeds and 0.05 < used.area.value < 0.95
    near = closeness(strangers, 0)
    assert not near.nearer.succeeds and near.copies < 4


def test_where_a_grid_lies_tells_nothing_but_its_spacing_does(copies):
    assert grid_rank(copies[0].all).value == pytest.approx(0.1)  # ten bodies have one size and spacing: a guess
    here, there = (attackable("a", image).grid for image in (body(1).image, moved(body(1).image, (50, -20, 9))))
    finer = make_phantom(1, spacing=(5.0, 6.0, 6.0), size=SIZE, region="chest").image
    assert here.same_as(there) and not here.same_as(attackable("b", finer).grid)


def test_of_a_common_grid_only_the_extent_is_told_and_not_even_that_with_one_size():
    whole, shorter = (attackable("a", image) for image in (body(1).image, body(1).image[:, :, 4:]))
    spacing = PlanSettings(spacing=(9.0, 9.0, 9.0))
    both = PlanSettings(spacing=(9.0, 9.0, 9.0), size=(40, 30, 20))
    assert not whole.on_grid_of(PlanSettings()).same_as(shorter.on_grid_of(PlanSettings()))
    assert not whole.on_grid_of(spacing).same_as(shorter.on_grid_of(spacing))
    assert whole.on_grid_of(both).same_as(shorter.on_grid_of(both)) and whole.on_grid_of(both).size == (40, 30, 20)


def test_progress_is_counted(copies):
    shares = [done for stage, done in copies[1] if stage == "undoing the morphs"]
    assert shares[0] == 0 and shares == sorted(shares) and 0.9 < shares[-1] < 1


def test_a_morph_is_undone():
    """Attack 2 on a real morph: half of the way to another body."""
    from SyntheticCTLib.morph.register import register
    from SyntheticCTLib.morph.warping import morph

    source, target, other = (body(seed).image for seed in (1, 2, 3))
    result = morph(source, register(source, target, "simpleitk", repeatable=True), 0.5).image
    undoing = Undoing(attackable("reference", body(3).image))
    output = attackable("output", result)
    image = [sitk.GetArrayFromImage(output.fine)]
    true, to_target, to_other = (
        compare(undoing, output, image, attackable(f"scan {n}", scan))[0]
        for n, scan in enumerate((source, target, other))
    )
    assert true > 0.9 and true > max(to_target, to_other) + 0.1


def test_the_mean_of_several_outputs_is_more_like_their_source_than_one():
    undoing = Undoing(attackable("reference", body(3).image))
    scans = [attackable(f"output {n}", noisy(body(1), 60, n).image) for n in range(4)]
    images = averages(undoing, scans[0], scans[1:])
    likenesses = compare(undoing, scans[0], images, attackable("source", body(1).image))
    assert len(likenesses) == 4 and likenesses == sorted(likenesses)
    assert likenesses[-1] > likenesses[0] + 0.05


def test_averaging_compares_the_same_sources(tmp_path):
    scans = [noisy(body(seed), 40, number) for seed in (1, 2) for number in range(2)]
    ids = [subject_id(seed) for seed in (1, 1, 2, 2)]
    made = [Output(f"synthct_{n}", ids[n], subject_id(3), f"{40 + n}.25", scan) for n, scan in enumerate(scans)]
    found = make_line_ups(write_crowd(tmp_path, (1, 2, 3), (), made), 2, 0, lambda *told: None)
    assert sorted(found.sources) == [subject_id(1), subject_id(2)]  # one of each, not two of the first
    (result,) = averaging(found.all)
    assert result.count == 2 and result.single.n == result.averaged.n == 2 and result.gain > 0


def test_the_number_of_threads_changes_no_bit_and_a_report_can_end_it():
    scans = [attackable(str(seed), body(seed).image) for seed in (1, 2, 3)]
    output, told = attackable("output", noisy(body(2), 40, 1).image), []

    def likenesses(threads, step):
        undoing = Undoing(scans[0])
        return compare_all(undoing, output, averages(undoing, output, []), scans, threads, step)

    with one_thread():
        alone = likenesses(1, told.append)
        assert likenesses(3, lambda share: None) == alone
        with pytest.raises(Cancelled):
            likenesses(2, cancel)
    assert told == pytest.approx([0, 1 / 3, 2 / 3]) and np.argmax([one[0] for one in alone]) == 1


def cancel(share: float):
    raise Cancelled("The job was cancelled.")


def test_originals_that_are_gone_or_changed_are_left_out_and_named(tmp_path):
    made = [Output(f"synthct_{n}", subject_id(n), subject_id(3), "40.25", body(n)) for n in (1, 2)]
    cohort = write_crowd(tmp_path, (1, 2, 3, 4), (), made)
    (tmp_path / "originals" / f"{subject_id(1)}.nii.gz").unlink()
    from SyntheticCTLib.images import write_image

    write_image(body(9).image, tmp_path / "originals" / f"{subject_id(4)}.nii.gz")
    found = make_line_ups(cohort, 2, 0, lambda *told: None)
    assert found.dropped == ("synthct_1",) and [one.name for one in found.all] == ["synthct_2"]
    assert set(found.unread) == {subject_id(1), subject_id(4)} and "voxels differ" in found.unread[subject_id(4)]


@pytest.fixture
def grain():
    """Noise with a grain of about two voxels, as a (30, 36, 30) volume."""
    from scipy.ndimage import gaussian_filter

    return 40 * gaussian_filter(np.random.default_rng(0).normal(0, 3, (30, 36, 30)), 0.8)


def test_likeness_forgives_a_voxel_and_brightness_and_nothing_else(grain):
    everywhere = np.ones(grain.shape, bool)
    assert likeness(grain, grain, everywhere) == pytest.approx(1, abs=1e-3)
    assert likeness(grain, 0.5 * grain + 30, everywhere) > 0.99
    assert likeness(grain, np.roll(grain, 1, axis=2), everywhere) > 0.9
    assert likeness(grain, np.roll(grain, 3, axis=2), everywhere) < 0.4
    stranger = np.random.default_rng(1).permutation(grain.ravel()).reshape(grain.shape)
    assert likeness(grain, stranger, everywhere) < 0.4
    assert likeness(grain, grain, np.zeros(grain.shape, bool)) == -1
