"""The job "cohort.report" and its page."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

from cohort_crowds import Output, body, noisy, subject_id, write_crowd

import SyntheticCTLib.cohort.report.jobs  # noqa: F401, importing registers the job
from SyntheticCTLib.cohort.privacy.statistics import Estimate, NotMeasurable
from SyntheticCTLib.cohort.report.attack_texts import _leaks
from SyntheticCTLib.cohort.report.distributions import label_numbers, measure_groups, noise_level
from SyntheticCTLib.cohort.report.gate_numbers import plain_reason
from SyntheticCTLib.cohort.report.html import paragraph, table
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images.phantoms import make_phantom
from SyntheticCTLib.jobs import JobDocument, run_here


def report(cohort, output=None, **more):
    names = {
        "folder": str(cohort.folder),
        "output": output and str(output),
        "attacked": 3,
        "seed": 1,
        "overwrite": False,
    }
    return run_here(JobDocument("cohort.report", {**names, **more}))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Four outputs of two sources, a held-out subject: far too few for most numbers."""
    scans = [noisy(body(seed), 30, number) for number, seed in enumerate((1, 1, 2, 2))]
    made = [
        Output(f"synthct_{n}", subject_id(1 + n // 2), subject_id(3), f"{30 + 9 * n}.25", scan)
        for n, scan in enumerate(scans)
    ]
    return write_crowd(tmp_path_factory.mktemp("crowd"), (1, 2, 3), (4,), made)


@pytest.fixture(scope="module")
def made(cohort):
    """The job's result and the page."""
    result = report(cohort)
    with open(result["file"], encoding="utf-8") as file:
        return result, file.read()


def words(page):
    """What a reader sees."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL)))


def test_the_page_is_private_whole_and_from_nowhere_else(cohort, made):
    result, page = made
    assert result["file"] == str(cohort.layout.private / "report.html")
    assert "PRIVATE" in words(page)[:200]
    assert page.count("<img") == page.count('src="data:image/png;base64,') > 8
    assert "<script" not in page and "http" not in page and "@import" not in page and "<link" not in page
    assert all(alt for alt in re.findall(r'<img [^>]*alt="([^"]*)"', page))


def test_the_page_tells_what_the_issue_asks_for(made):
    text = words(made[1])
    for number in range(1, 6):
        assert f"Attack {number}" in text
    for title in ("At a glance", "What came out", "Quality gate", "HU by label", "Volume by label", "Noise"):
        assert title in text
    for part in ("What the attacker does", "Chance would be", "What it means", "What it does not prove"):
        assert text.count(part) == 5
    assert "These are 4 patients" in text and "illustration" in text
    assert subject_id(1) in text and "$" not in text and "nan" not in text.split()
    assert not re.search(r"\d\d:\d\d", text)  # no clock time


def test_what_the_cohort_cannot_carry_is_said(made):
    result, page = made
    assert "ot measurable here: n = 2 sources of attacked outputs and 1 held-out persons" in words(page)
    assert result["membership"]["reason"].startswith("n = 2")
    assert result["attacked"] == 3 and result["leaks"] == 0


def test_an_attack_that_works_comes_with_what_lowers_it(made):
    result, page = made
    assert result["found_first"]["value"] == 1 and result["found_first"]["n"] == 2
    if result["found_first"]["low"] > result["found_first"]["chance"]:
        assert "What lowers it" in page
    assert "per_source" in page and "t_min" in page and "min-distance" in page


def test_the_same_command_gives_the_same_page(cohort, made, tmp_path):
    report(cohort, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == made[1]


def test_what_cannot_be_done_is_refused_before_any_work(cohort, made, tmp_path):
    with pytest.raises(InputError, match="overwrite"):
        report(cohort)
    with pytest.raises(InputError, match="ends in .html"):
        report(cohort, tmp_path / "report.txt")
    with pytest.raises(InputError, match="for publication"):
        report(cohort, cohort.folder / "report.html")
    with pytest.raises(InputError, match="attacked is 0"):
        report(cohort, attacked=0, overwrite=True)
    with pytest.raises(InputError, match="no cohort"):
        run_here(
            JobDocument(
                "cohort.report",
                {"folder": str(tmp_path), "output": None, "attacked": 3, "seed": 1, "overwrite": False},
            )
        )
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_into_or_over_an_original(cohort, tmp_path):
    copy = Path(shutil.copytree(cohort.folder, tmp_path / "copy"))
    plan = copy / "private" / "plan.json"
    raw = json.loads(plan.read_text(encoding="utf-8"))
    raw["subjects"][0]["image"] = str(tmp_path / "study")
    raw["held_out"][0]["metadata"] = str(tmp_path / "notes.html")
    plan.write_text(json.dumps(raw), encoding="utf-8")
    (tmp_path / "study" / "series").mkdir(parents=True)
    (tmp_path / "notes.html").write_text("precious", encoding="utf-8")
    for output in (tmp_path / "study" / "r.html", tmp_path / "study" / "series" / "r.html", tmp_path / "notes.html"):
        with pytest.raises(InputError, match="is an input"):
            report(replace(cohort, folder=copy), output, overwrite=True)
    assert (tmp_path / "notes.html").read_text(encoding="utf-8") == "precious"
    assert not list((tmp_path / "study").rglob("*.html"))


def told_of_leaks(cohort, grid, measured, spacing=None):
    """The fifth attack where no text was found and the grid gave this result."""
    plan = replace(cohort.plan, settings=replace(cohort.plan.settings, grid=grid, spacing=spacing))
    found = SimpleNamespace(leaks=(), files=9, secrets=20, skipped=1, own=2)
    ups = SimpleNamespace(all=())
    return _leaks(SimpleNamespace(search=found, grid=measured, cohort=replace(cohort, plan=plan), line_ups=ups))


def test_a_grid_that_cannot_be_measured_is_no_comfort(cohort):
    attack = told_of_leaks(cohort, "source", NotMeasurable("n = 0 attacked outputs"))
    assert attack.kind == "unknown" and "not measurable" in attack.verdict and attack.remedies == ()
    assert told_of_leaks(cohort, "source", Estimate(0.2, 0.1, 0.3, 0.25, 20)).kind == "good"


@pytest.mark.parametrize(
    ("grid", "told"),
    [("source", "with target, outputs tell by their grid"), ("target", "the target's here"), ("fit", "somebody's")],
)
def test_no_other_grid_is_advised_where_the_grid_gives_a_person_away(cohort, grid, told):
    attack = told_of_leaks(cohort, grid, Estimate(0.9, 0.8, 1.0, 0.25, 20))
    assert attack.kind == "bad" and "--spacing and --size" in attack.remedies[0] and told in attack.remedies[0]
    assert "plan with another grid" not in attack.remedies[0]


def test_where_the_extent_alone_gives_a_person_away_one_size_is_advised(cohort):
    attack = told_of_leaks(cohort, "source", Estimate(0.9, 0.8, 1.0, 0.25, 20), spacing=(2.0, 2.0, 3.0))
    assert attack.kind == "bad" and "Plan with --size as well" in attack.remedies[0]


def test_without_originals_the_page_still_tells_what_it_can(tmp_path):
    cohort = write_crowd(tmp_path, (1, 2), (), [Output("synthct_1", subject_id(1), subject_id(2), "40.5", body(1))])
    for file in (tmp_path / "originals").iterdir():
        file.unlink()
    result = report(cohort, tmp_path / "page.html")
    text = words((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert result["attacked"] == 0 and "n = 0 attacked outputs" in text and "n = 0 real scans" in text
    assert f"{subject_id(1)} could not be read" in text
    assert "whether the voxel grid tells the source is not measurable here" in text


def test_noise_is_measured_where_it_is():
    level = [noise_level(make_phantom(5, spacing=(2, 2, 6), noise_hu=hu).image, 0, 150) for hu in (5, 15)]
    assert 2.0 < level[1] / level[0] < 4.0 and level[0] < 10
    assert noise_level(body(1).image, 2000, 2500) is None


def test_labels_are_measured_on_their_own_voxels():
    phantom = body(1)
    labels = phantom.layers[0]
    names = [labels.names.get(value, f"label {value}") for value in range(1, max(labels.values) + 1)]
    hu, volume = label_numbers(phantom.image, labels.image, names)
    lungs = [name for name in hu if "lung" in name.lower()]
    assert lungs and all(hu[name] < -500 and 300 < volume[name] < 6000 for name in lungs)
    assert all(np.isfinite(list(hu.values())))


def test_originals_are_measured_on_the_outputs_grid(cohort):
    settings = replace(cohort.plan.settings, spacing=(6.0, 6.0, 6.0), size=(24, 38, 22))  # half as wide
    half = replace(cohort, plan=replace(cohort.plan, settings=settings))
    whole, cut = (measure_groups(one, 0, lambda *told: None)[1] for one in (cohort, half))
    assert len(cut.scans) == len(whole.scans) > 0
    for name in ("lung_left", "lung_right"):
        (name,) = [one for one in whole.scans[0].volume if one.endswith(name)]
        assert 0.2 < np.median(cut.values("volume", name) / whole.values("volume", name)) < 0.8
        assert cut.values("hu", name) == pytest.approx(whole.values("hu", name), abs=25)


def test_reasons_are_counted_without_their_numbers():
    assert plain_reason("noise 0.61 of 3") == plain_reason("noise 0.7 of 12") == "noise ... of ..."


def test_text_from_a_cohort_cannot_become_markup():
    assert "<b>" not in paragraph("<b>") + table(("<b>",), [("<b>",)], ["bad"])
