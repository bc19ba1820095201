"""An evaluation as a page to read (Markdown) and as data (JSON)."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ...assess.consistency import Consistency
from ...assess.intervals import Interval
from ...assess.radiomics import FEATURE_NAMES
from ...assess.realism import STRONG_AUC
from ...assess.regions import RING_MM, RING_PIXELS
from .results import Evaluation

FILES = PAGE, DATA, SAMPLES, FEATURES = "evaluation.md", "evaluation.json", "samples.png", "features.png"
"""Files of a written evaluation."""

MOST_AUC = 0.70
"""A painter passes if the judge's AUC is at most this."""

MOST_MISSED = 0.10
"""A painter passes if the segmenter finds at most this much less of its lesions than of real ones."""


def to_dict(found: Evaluation) -> dict[str, Any]:
    """The evaluation as plain, JSON-safe data, without pictures and single lesions."""
    painters = {}
    for name, result in found.results.items():
        rows = {key: _plain(value) for key, value in vars(result).items() if key != "features"}
        rows["distance"].pop("frechet_replicates")
        rows["feature_means"] = dict(zip(FEATURE_NAMES, _plain(result.features.mean(axis=0)), strict=True))
        painters[name] = rows
    return {
        "units": asdict(found.units),
        "n": {"lesions": found.lesions, "items": found.items, "patients": found.patients},
        "seed": found.seed,
        "baselines": list(found.baselines),
        "judge_is_strong": found.judge_is_strong,
        "copying_gain_db": found.copying_gain,
        "real": {
            "feature_means": dict(zip(FEATURE_NAMES, _plain(found.real_features.mean(axis=0)), strict=True)),
            "consistency": _plain(found.real_consistency),
        },
        "painters": painters,
        "verdicts": {name: verdicts(found, name) for name in found.results if name not in found.baselines},
        "not_measurable": dict(found.not_measurable),
    }


def write_evaluation(found: Evaluation, folder: str | os.PathLike[str]) -> list[str]:
    """Write evaluation.md, evaluation.json and the pictures into a folder that exists; their names."""
    from .pictures import draw_features, draw_samples

    target = Path(folder)
    texts = {PAGE: to_markdown(found), DATA: json.dumps(to_dict(found), indent=1, allow_nan=False) + "\n"}
    for name, text in texts.items():
        (target / name).write_text(text, encoding="utf-8")
    draw_samples(found, target / SAMPLES)
    draw_features(found, target / FEATURES)
    return list(FILES)


def verdicts(found: Evaluation, painter: str) -> dict[str, bool | None]:
    """What was asked of a painter, and whether it holds; None where it could not be measured."""
    result = found.results[painter]
    nearer = [found.nearer(painter, name) for name in found.baselines]
    realism, detection = result.realism, result.detection
    return {
        "features nearer to real ones than every baseline's": (
            all(_surely_below(interval) for interval in nearer) if nearer and None not in nearer else None
        ),
        f"AUC of a strong judge at most {MOST_AUC:.2f}": (
            realism.auc.value <= MOST_AUC if realism and found.judge_is_strong else None
        ),
        f"found at most {MOST_MISSED:.1f} less often than real ones": (
            detection.difference.value >= -MOST_MISSED if detection else None
        ),
    }


def _surely_below(difference: Interval) -> bool:
    """Whether a difference is below 0, and its interval as well where there is one."""
    return (difference.value if difference.high is None else difference.high) < 0


def to_markdown(found: Evaluation) -> str:
    """The evaluation as a page."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Evaluation) -> Iterator[str]:
    unit = found.units.name
    what = "slices" if found.units.by_slice else "lesions"
    yield "# How good are painted lesions?"
    yield ""
    yield f"{found.items} {what} in {found.lesions} regions of {found.patients} patients no painter was trained on."
    yield f"Values in {unit}, data range {found.units.data_range:g}; seed {found.seed}."
    yield "Intervals are 95 %, by bootstrap over patients."
    for measure, why in found.not_measurable.items():
        yield f"{measure[0].upper()}{measure[1:]}: not measurable here: {why}."
    yield ""
    yield from _verdict_lines(found)
    yield from _what_counts(found)
    yield from _consistency_lines(found)
    yield from _error_lines(found)
    yield from _copying_lines(found)


def _verdict_lines(found: Evaluation) -> Iterator[str]:
    words = {True: "yes", False: "**no**", None: "not measurable here"}
    for name in found.results:
        if name in found.baselines:
            continue
        yield f"## {name}"
        yield ""
        for question, answer in verdicts(found, name).items():
            yield f"- {question[0].upper()}{question[1:]}: {words[answer]}."
        for baseline in found.baselines:
            if (nearer := found.nearer(name, baseline)) is not None:
                yield f"- Frechet distance minus that of {baseline}: {nearer.text(2, sign=True)}."
        yield ""


def _what_counts(found: Evaluation) -> Iterator[str]:
    yield "## What counts"
    yield ""
    heads = ("painter", "Frechet", "other half", "energy", "AUC", "network", "features", "found", "minus real")
    yield _row(*heads)
    yield _row(*["--"] * len(heads))
    floor = [result.distance.frechet_floor for result in found.results.values()]
    detection = next((result.detection for result in found.results.values() if result.detection), None)
    yield _row(
        "real lesions",
        "0",
        _number(floor[0]) if floor else "-",
        "0",
        "0.5",
        "",
        "",
        detection.real.text() if detection else "-",
        "",
    )
    for name, result in found.results.items():
        d, r, s = result.distance, result.realism, result.detection
        yield _row(
            name,
            _text(d.frechet),
            _number(d.frechet_half),
            d.energy.text(),
            _text(r and r.auc),
            _number(r and r.network_auc),
            _number(r and r.features_auc),
            _text(s and s.painted),
            s.difference.text(2, sign=True) if s else "-",
        )
    yield ""
    yield f"Distances (Frechet, squared; energy): {len(FEATURE_NAMES)} radiomics features (first order, GLCM), in"
    yield "units of real lesions' spread. Other half: Frechet, real lesions of one half of the patients against painted"
    yield "ones of the other, mean of 20 halvings; with real lesions on both sides that is the floor. AUC: of a judge"
    yield "trained anew for each painter and cross-validated by patient, then of its two parts alone, a network and"
    yield "models on features; 0.5 is no better than a coin."
    if found.judge_check and (judged := found.results[found.judge_check].realism):
        strong = "strong enough to count" if found.judge_is_strong else "NOT strong enough: its verdicts do not count"
        yield f"The judge reaches {judged.auc.text()} on {found.judge_check} ({STRONG_AUC} is asked for): {strong}."
    if detection:
        yield "Found: at least half of the lesion is marked by a segmenter that has seen real lesions of other patients"
        yield f"only. It marks {100 * detection.false_marks:.1f} % of what is no lesion (Dice {detection.dice:.2f})."
        yield "The blurred border of the real lesion stays outside the mask, and with it even what a smooth fill has"
        yield "wiped out is often found: this measure excludes bad paint, no more."
    yield ""


def _consistency_lines(found: Evaluation) -> Iterator[str]:
    if found.real_consistency is None:
        return
    real = found.real_consistency
    yield "## From slice to slice"
    yield ""
    yield f"{real.n} pairs of neighboring slices of {real.patients} patients, over the pixels that both hold, HU."
    yield ""
    yield "| painter | mean absolute step | jump of the mean | correlation |"
    yield "|--|--|--|--|"
    yield _consistency_row("real lesions", real)
    for name, result in found.results.items():
        if result.consistency:
            yield _consistency_row(name, result.consistency)
        if result.slices_alone and name not in found.baselines:
            yield _consistency_row(f"{name}, each slice alone", result.slices_alone)
    yield ""


def _consistency_row(name: str, c: Consistency) -> str:
    return _row(name, c.step.text(0), c.jump.text(0), c.correlation.text())


def _error_lines(found: Evaluation) -> Iterator[str]:
    yield "## Voxel by voxel"
    yield ""
    yield f"Most likely lesion (seed None); ring: {RING_MM:g} mm, or {RING_PIXELS} pixels where spacing is unknown."
    yield "A lesion drawn at random may be right and yet differs from the one that was there: see the last column."
    yield "These numbers cannot judge texture: the mean of all plausible lesions has the least error and no texture."
    yield ""
    yield "| painter | region | MAE | RMSE | PSNR, dB | SSIM | MAE, drawn |"
    yield "|--|--|--|--|--|--|--|"
    for name, result in found.results.items():
        for region, likely in result.likely.items():
            psnr = likely.psnr.text(1) if likely.psnr else "identical"
            drawn = result.drawn[region].mae.text(1)
            yield _row(name, region, likely.mae.text(1), likely.rmse.text(1), psnr, likely.ssim.text(3), drawn)
    yield ""


def _copying_lines(found: Evaluation) -> Iterator[str]:
    yield "## What whole-image PSNR measures"
    yield ""
    yield "How much was copied. The squared error of a lesion is spread over the whole image, so the image's PSNR is"
    yield "the lesion's plus 10 log10(voxels of the image / voxels of the lesion), whatever was painted: here"
    yield f"{found.copying_gain:.1f} dB on average. A region twice as wide and high gets 6 dB more for nothing."
    yield "Lesion -> whole image:"
    yield ""
    for name, result in found.results.items():
        inside, whole = result.likely["lesion"].psnr, result.likely["whole"].psnr
        if inside and whole:
            yield f"- {name}: {inside.value:.1f} dB -> {whole.value:.1f} dB"
    yield ""
    yield "The 64.7 dB published for a painter of liver tumours (Meng et al. 2020) are an RMSE of 0.15 of 255 levels;"
    yield "rounding every voxel to 8 bits costs more (58.9 dB). So they measure copied voxels, or another range."


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(interval: Interval | None) -> str:
    return interval.text() if interval else "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _plain(value: Any) -> Any:
    """Dataclasses, arrays and numbers as JSON has them; what is not finite is None."""
    if hasattr(value, "__dataclass_fields__"):
        return {key: _plain(part) for key, part in vars(value).items()}
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return [_plain(part) for part in value.tolist()]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
