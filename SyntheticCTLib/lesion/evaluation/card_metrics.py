"""The few measures of an evaluation that belong on a model's card."""

from __future__ import annotations

from ...assess.radiomics import FEATURE_NAMES
from .results import Evaluation, PainterResult


def card_metrics(found: Evaluation, painter: str) -> dict[str, str]:
    """What was measured of a painter, as sentences for people; the numbers for programs are in evaluation.json."""
    result, unit = found.results[painter], found.units
    what = "slices" if unit.by_slice else "lesions"
    lines = {
        "on": f"{found.items} {what} of {found.patients} patients it was not trained on; in brackets 95 % intervals "
        f"over patients; seed {found.seed}",
        f"Frechet distance of {len(FEATURE_NAMES)} texture features": _distance(found, result),
        "AUC of a judge that tells them from real ones": _judge(found, result),
        "found by a segmenter that has seen real ones only": _found(result),
        "step from slice to slice": _steps(found, result),
        f"mean absolute error in the lesion, {unit.name} of {unit.data_range:g}": _errors(result),
    }
    lines |= {measure: f"not measurable here: {why}" for measure, why in found.not_measurable.items()}
    return {measure: text for measure, text in lines.items() if text}


def _distance(found: Evaluation, result: PainterResult) -> str:
    if result.distance.frechet is None:
        return ""
    rivals = {
        name: other.frechet
        for name in found.baselines
        if (other := found.results[name].distance) and other.frechet is not None
    }
    text = result.distance.frechet.text()
    if not rivals:
        return text
    nearest = min(rivals, key=lambda name: rivals[name].value)
    return f"{text}; nearest painter without a network {rivals[nearest].text()} ({nearest})"


def _judge(found: Evaluation, result: PainterResult) -> str:
    if result.realism is None:
        return ""
    check = found.results[found.judge_check].realism if found.judge_check else None
    strength = f"; the judge's strength: {check.auc.text()} on {found.judge_check}" if check else ""
    return result.realism.auc.text() + strength


def _found(result: PainterResult) -> str:
    if result.detection is None:
        return ""
    return f"{result.detection.painted.text()}; real ones {result.detection.real.text()}"


def _steps(found: Evaluation, result: PainterResult) -> str:
    if result.consistency is None or found.real_consistency is None:
        return ""
    return f"{result.consistency.step.text(0)} HU; real ones {found.real_consistency.step.text(0)} HU"


def _errors(result: PainterResult) -> str:
    likely, drawn = result.likely["lesion"], result.drawn["lesion"]
    return f"{likely.mae.text(1)} for the likeliest lesion, {drawn.mae.text(1)} for one drawn at random"
