"""How good is a painter? Measured on lesions of patients it was not trained on, beside painters without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...errors import InputError
from .baselines import ConstantPlusNoise, Paint
from .data import HeldOut, Units
from .measures import Measures, PerPatient, Settings
from .results import Evaluation

Report = Callable[[str, float | None], None]
"""Told the stage and the share done; may raise to stop."""


def evaluate(
    painters: Mapping[str, Paint | PerPatient],
    baselines: Mapping[str, Paint | PerPatient],
    held_out: Sequence[HeldOut],
    units: Units,
    training: Sequence[HeldOut] = (),
    settings: Settings | None = None,
    report: Report = lambda stage, done: None,
) -> Evaluation:
    """Measure painters and baselines on held-out patients.

    Args:
        painters: what is to be judged, by name; `Painter.paint` of a loaded model, say.
        baselines: what they have to beat.
        held_out: real lesions of patients that no painter was trained on.
        units: of `held_out`.
        training: real lesions of other patients, for the segmenter; without any there is no detection.
        settings: seed and sizes.
        report: progress.

    Painters are given the region with the lesion cut out (0 HU in its mask), so none can peek; those with
    `needs_truth` get it whole. Raises InputError if there is no lesion, if a patient is both held out and trained on,
    if two painters have one name, or if a painter changes the outside.
    """
    _check(painters, baselines, held_out, training)
    measures = Measures(held_out, units, settings or Settings())
    report("training the segmenter", None)
    measures.train_segmenter(training)
    everyone = {**baselines, **painters}
    results = {}
    for number, (name, painter) in enumerate(everyone.items()):
        report(f"judging {name}", number / len(everyone))
        results[name] = measures.judge(name, painter)
    checks = [name for name, painter in everyone.items() if _is_constant(painter)]
    return Evaluation(
        units=units,
        results=results,
        baselines=tuple(baselines),
        judge_check=checks[0] if checks else None,
        real_features=measures.real_features,
        real_consistency=measures.real_consistency,
        copying_gain=measures.copying_gain,
        lesions=len(held_out),
        items=len(measures.items),
        patients=len(set(measures.patients)),
        seed=measures.settings.seed,
        not_measurable=measures.not_measurable,
        samples=measures.samples,
    )


def _check(
    painters: Mapping[str, Paint | PerPatient],
    baselines: Mapping[str, Paint | PerPatient],
    held_out: Sequence[HeldOut],
    training: Sequence[HeldOut],
) -> None:
    if not held_out:
        raise InputError("There is no held-out lesion to judge by; check the data and its split by patient.")
    both = sorted({lesion.patient for lesion in held_out} & {lesion.patient for lesion in training})
    if both:
        raise InputError(
            f"{len(both)} patients ({', '.join(both[:3])} ...) are both held out and trained on; split by patient."
        )
    twice = sorted(set(painters) & set(baselines))
    if twice:
        raise InputError(f"A painter and a baseline are both called {twice[0]!r}; give the painter another name.")


def _is_constant(painter: Paint | PerPatient) -> bool:
    first = next(iter(painter.painters.values())) if isinstance(painter, PerPatient) else painter
    return isinstance(first, ConstantPlusNoise)
