"""The evaluation as a whole, on lesions of a formula and on a few real nodules."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("skimage")
pytest.importorskip("sklearn")

from SyntheticCTLib.assess.realism_network import NetworkTraining
from SyntheticCTLib.assess.segmenter import SegmenterTraining
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.lesion.datasets.crops import Scale, read_crops
from SyntheticCTLib.lesion.evaluation.baselines import ConstantPlusNoise, LaplaceFill, LesionLevels, TrueMean
from SyntheticCTLib.lesion.evaluation.comparing import evaluate
from SyntheticCTLib.lesion.evaluation.data import (
    GREY_LEVELS,
    HeldOut,
    held_out_crops,
    hounsfield,
)
from SyntheticCTLib.lesion.evaluation.measures import PerPatient, Settings
from SyntheticCTLib.lesion.evaluation.report import to_dict, to_markdown, write_evaluation
from SyntheticCTLib.lesion.window import HUWindow

LEVELS = LesionLevels((-300.0, -100.0), 60.0)
QUICK = Settings(
    samples=3,
    judge=NetworkTraining(epochs=1, side=16, widths=(8, 8)),
    segmenter=SegmenterTraining(epochs=1, width=8),
)
SCALE = Scale(8.0, -1000.0)


def nodule(patient: str, seed: int, slices: int = 1) -> HeldOut:
    """A textured disk in lung, in grey levels."""
    rng = np.random.default_rng(seed)
    j, i = np.mgrid[:80, :80] - 40
    mask = np.repeat((j**2 + i**2 <= rng.uniform(4, 9) ** 2)[None], slices, axis=0)
    base = rng.normal(20, 4, (1, 80, 80)) + rng.normal(0, 2, mask.shape)
    grey = np.clip(np.where(mask, 110 + 3 * base - 60, base), 0, 255).astype(np.uint8)
    return HeldOut(SCALE.to_hu(grey), mask, patient, f"{patient}/nodule-{seed}", slices > 1, None, (SCALE,) * slices)


class Echo:
    """A painter that happens to paint exactly what was there: nobody can tell."""

    name, needs_truth = "echo", True

    def __call__(self, hu: np.ndarray, mask: np.ndarray, seed: int | None = None) -> np.ndarray:
        return hu.copy()


@pytest.fixture(scope="module")
def found():
    held = [nodule(f"p{n}", n, slices=3 if n < 12 else 1) for n in range(44)]
    others = [nodule(f"q{n}", 100 + n) for n in range(40)]
    base = {"Laplace": LaplaceFill(), "constant plus noise": ConstantPlusNoise(LEVELS)}
    return evaluate({"echo": Echo()}, base, held, GREY_LEVELS, others, QUICK)


def test_a_perfect_painter_passes_and_the_baselines_are_found_out(found):
    echo = found.results["echo"]
    assert echo.realism.auc.value == pytest.approx(0.5, abs=0.03) and echo.distance.frechet.value < 1e-6
    assert echo.likely["whole"].mae.value == 0 and echo.detection.difference.value == 0
    assert found.results["constant plus noise"].realism.auc.value >= 0.9 and found.judge_is_strong
    assert found.nearer("echo", "Laplace").high < 0 < found.nearer("Laplace", "echo").low
    assert all(to_dict(found)["verdicts"]["echo"].values())


def test_consistency_is_that_of_the_stacks(found):
    assert found.real_consistency.n == 24 and found.real_consistency.patients == 12
    assert found.results["echo"].consistency == found.real_consistency
    constant = found.results["constant plus noise"].consistency
    assert constant.correlation.value < 0.2 < found.real_consistency.correlation.value


def test_what_was_found_is_written_and_can_be_read(found, tmp_path):
    names = write_evaluation(found, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == set(names)
    data = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert data["painters"]["Laplace"]["likely"]["ring"]["psnr"] is None  # identical, and JSON has no infinity
    assert data["n"] == {"lesions": 44, "items": 68, "patients": 44}
    page = (tmp_path / "evaluation.md").read_text(encoding="utf-8")
    assert "How much was copied" in page
    assert f"{found.copying_gain:.1f} dB on average" in page and "data range 255" in page
    assert "nan" not in page and "not measurable" not in page


def test_the_gain_of_copying_is_the_distance_of_the_two_psnrs(found):
    likely = found.results["Laplace"].likely
    assert likely["whole"].psnr.value - likely["lesion"].psnr.value == pytest.approx(found.copying_gain, abs=1e-6)


def test_the_same_seed_gives_the_same_numbers(found):
    held = [nodule(f"p{n}", n) for n in range(6)]
    first, again, other = (
        to_markdown(evaluate({}, {"c": ConstantPlusNoise(LEVELS)}, held, GREY_LEVELS, (), replace(QUICK, seed=seed)))
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_scans_of_few_patients_say_what_they_cannot_carry():
    """Leaving one patient out: each patient has a painter of its own."""
    rng = np.random.default_rng(0)
    held = []
    for n in range(4):
        mask = np.zeros((3, 30, 30), bool)
        mask[:, 10:20, 10:18] = True
        hu = rng.normal(50, 15, mask.shape).astype(np.float32)
        held.append(HeldOut(hu, mask, f"s{n}", "l", True, (3.0, 1.0, 1.0)))
    own = PerPatient({f"s{n}": ConstantPlusNoise(LesionLevels((float(n),), 5.0)) for n in range(4)})
    found = evaluate({"own": own}, {"Laplace": LaplaceFill()}, held, hounsfield(HUWindow(-200, 300)), (), QUICK)
    assert found.items == 4 and found.results["own"].realism is None and found.results["own"].detection is None
    means = found.results["own"].features[:, 0]
    assert means == pytest.approx([0, 1, 2, 3], abs=4)
    page = to_markdown(found)
    assert "AUC of an independent judge: not measurable here: n = 4 patients" in page
    assert "Lesions found by a segmenter: not measurable here: n = 0 patients" in page
    assert "Frechet distance of features: not measurable here: n = 4 lesions" in page
    assert set(to_dict(found)["verdicts"]["own"].values()) == {None}


def test_hounsfield_units_are_judged_in_the_window():
    """What judge and segmenter see of a scan: the window's ends are black and white."""
    units = hounsfield(HUWindow(-200, 300))
    assert units.to_bytes(np.array([-900.0, -200.0, 50.0, 300.0, 900.0])).tolist() == [0, 0, 128, 255, 255]
    held = [replace(nodule(f"p{n}", n, slices=2), scales=None, spacing=(2.0, 1.0, 1.0)) for n in range(40)]
    found = evaluate({"echo": Echo()}, {}, held, hounsfield(HUWindow(-1000, 400)), (), QUICK)
    assert found.items == 40 and found.results["echo"].realism.auc.value == pytest.approx(0.5, abs=0.03)


def test_painters_do_not_see_the_lesion():
    seen = []

    def spy(hu: np.ndarray, mask: np.ndarray, seed: int | None) -> np.ndarray:
        seen.append(hu[mask])
        return hu

    evaluate({"spy": spy}, {}, [nodule("p", 1, slices=2)], hounsfield(HUWindow(-1000, 400)), (), QUICK)
    assert seen and not np.concatenate(seen).any()


def test_a_painter_that_changes_the_outside_is_refused():
    def careless(hu: np.ndarray, mask: np.ndarray, seed: int | None) -> np.ndarray:
        return hu + 1

    with pytest.raises(InputError, match="outside the lesion p/nodule-1"):
        evaluate({"careless": careless}, {}, [nodule("p", 1)], GREY_LEVELS, (), QUICK)


def test_bad_sets_are_refused():
    one = nodule("p", 1)
    with pytest.raises(InputError, match="no held-out lesion"):
        evaluate({}, {"t": TrueMean()}, [], GREY_LEVELS)
    with pytest.raises(InputError, match="split by patient"):
        evaluate({}, {"t": TrueMean()}, [one], GREY_LEVELS, [one])
    with pytest.raises(InputError, match="another name"):
        evaluate({"t": TrueMean()}, {"t": TrueMean()}, [one], GREY_LEVELS)


def test_real_nodules_keep_their_grey_levels_and_their_stacks(data):
    crops = [crop for crop in read_crops(data / "lidc_nodules.npz") if crop.patient <= "LIDC-IDRI-0010"]
    held = held_out_crops(crops)
    assert sum(len(lesion.mask) for lesion in held) == len(crops)
    stored = {f"{crop.patient}/{crop.nodule}/{crop.slice}": crop.grey for crop in crops}
    greys = [plane for lesion in held for plane in lesion.values(lesion.hu)]
    assert sorted(plane.sum() for plane in greys) == sorted(float(grey.sum()) for grey in stored.values())
    assert any(lesion.consecutive and len(lesion.mask) > 3 for lesion in held)
