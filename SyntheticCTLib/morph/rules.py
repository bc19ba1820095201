"""From measures to a verdict: which number says what, in a sentence a reader understands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .measures import LabelChange
from .thresholds import Thresholds

WARN, REJECT = "warn", "reject"

FEW_PARTS = 6
"""A label of more parts than this is a speckled segmentation, whose parts are no anatomy."""

Finding = tuple[str, str]
Numbers = Mapping[str, float | None]


def judge(
    measures: Numbers, changes: Sequence[LabelChange], limits: Thresholds
) -> tuple[str, tuple[str, ...]]:
    """(verdict, reasons) for measures by name and the changes of the labels; rejections come first."""
    findings = [*_of_deformation(measures, limits), *_of_texture(measures, limits)]
    findings += _of_copy(measures, limits)
    for change in changes:
        findings += _of_lesion(change, limits) if change.lesion else _of_organ(change, limits)
    severities = [severity for severity, _ in findings]
    verdict = REJECT if REJECT in severities else WARN if WARN in severities else "pass"
    ordered = sorted(findings, key=lambda finding: finding[0] != REJECT)
    return verdict, tuple(sentence for _, sentence in ordered)


def _of_deformation(m: Numbers, limits: Thresholds) -> Iterator[Finding]:
    if m["folds.voxels"] is None:
        yield REJECT, "No body was found in the source, so nothing could be judged."
        return
    low, high = m["jacobian.p01"], m["jacobian.p99"]
    if m["folds.voxels"] > limits.folded_voxels_reject:
        yield (
            REJECT,
            f"The deformation folds: the Jacobian is not above zero in {m['folds.voxels']} voxels "
            f"({m['folds.percent']:.2g} %) of the body.",
        )
    elif low < limits.jacobian_low_warn or high > limits.jacobian_high_warn:
        yield (
            WARN,
            f"The Jacobian runs from {low:.2f} to {high:.2f} (1st to 99th percentile in the body), "
            f"beyond {limits.jacobian_low_warn:g} to {limits.jacobian_high_warn:g}.",
        )
    outside = m["outside.percent"]
    for severity in _above(outside, limits.outside_percent_warn, limits.outside_percent_reject):
        yield (
            severity,
            f"{outside:.1f} % of the body lay outside the source's scan and is air; "
            f"at most {limits.outside_percent_warn:g} % is good.",
        )
    stretch = m["stretch.p99"]
    for severity in _above(stretch, limits.stretch_warn, limits.stretch_reject):
        yield (
            severity,
            f"Tissue is drawn out up to {stretch:.1f} times its length (99th percentile in the body); "
            f"at most {limits.stretch_warn:g} is good.",
        )
    agreement = m["body.agreement"]
    if agreement is not None and agreement < limits.body_agreement_reject:
        yield (
            REJECT,
            f"The body in the image is not where the path puts it (Dice {agreement:.2f}, at least "
            f"{limits.body_agreement_reject:g} expected): image, path or percentage do not belong together.",
        )


def _of_texture(m: Numbers, limits: Thresholds) -> Iterator[Finding]:
    smeared, worst = m["smear.blocks_percent"], m["smear.kept_worst"]
    lines = limits.smeared_blocks_percent_warn, limits.smeared_blocks_percent_reject
    for severity in _above(smeared, *lines):
        yield (
            severity,
            f"{smeared:.0f} % of the body is smeared: edges there keep less than "
            f"{limits.gradient_kept_low:g} of their steepness; at most {lines[0]:g} % is good.",
        )
    if worst is not None and worst < limits.worst_block_warn:
        yield (
            WARN,
            f"In one place edges keep only {worst:.2f} of their steepness; "
            f"at least {limits.worst_block_warn:g} is good.",
        )
    sharpness = m["smear.sharpness"]
    for severity in _below(sharpness, limits.sharpness_warn, limits.sharpness_reject):
        yield (
            severity,
            f"Edges have {sharpness:.2f} of the steepness that the deformation explains, so the image is "
            f"blurred; at least {limits.sharpness_warn:g} is good.",
        )
    noise = m["noise.ratio"]
    for severity in _below(noise, limits.noise_ratio_warn, limits.noise_ratio_reject):
        yield (
            severity,
            f"Noise is {noise:.2f} of the source's, so the image is smoother than a scan; "
            f"at least {limits.noise_ratio_warn:g} is good.",
        )
    if noise is not None and noise > limits.noise_ratio_high_warn:
        yield (
            WARN,
            f"Noise is {noise:.2f} of the source's; resampling cannot add noise, so something else did.",
        )


def _of_copy(m: Numbers, limits: Thresholds) -> Iterator[Finding]:
    likeness, moved = m["similarity.source"], m["displacement.mean"]
    if moved is not None and moved < limits.copy_displacement_mm_warn:
        yield WARN, f"Nearly a copy of the source: tissue moved by {moved:.1f} mm on average."
    elif likeness is not None and likeness > limits.copy_ncc_warn:
        yield WARN, f"Nearly a copy of the source: correlation {likeness:.3f} in the body."


def _of_organ(change: LabelChange, limits: Thresholds) -> Iterator[Finding]:
    if change.vanished:
        yield REJECT, f"Label {change.title} vanished ({_ml(change.before)} before)."
        return
    yield from _of_volume(change, limits)
    before, after = change.parts_before, change.parts_after
    if before < FEW_PARTS and after > before:
        yield WARN, f"Label {change.title} fell into {after} parts (before: {before})."


def _of_lesion(change: LabelChange, limits: Thresholds) -> Iterator[Finding]:
    if change.vanished:
        yield REJECT, f"Lesion {change.title} vanished ({_ml(change.before)} before)."
        return
    low, high = limits.lesion_jacobian_low, limits.lesion_jacobian_high
    if not low <= change.factor_mean <= high:
        yield (
            REJECT,
            f"Lesion {change.title} has {change.factor_mean:.2f} times its volume, outside {low:g} to "
            f"{high:g}: it is another lesion.",
        )
    elif change.factor_low < low or change.factor_high > high:
        yield (
            WARN,
            f"Parts of lesion {change.title} have {change.factor_low:.2f} to {change.factor_high:.2f} times "
            f"their volume, outside {low:g} to {high:g}.",
        )
    for organ in change.lost_organs:
        yield REJECT, f"Lesion {change.title} left its organ, {organ}."
    yield from _of_volume(change, limits)
    before, after = change.parts_before, change.parts_after
    if before != after:
        yield WARN, f"Lesion {change.title} has {after} parts (before: {before})."


def _of_volume(change: LabelChange, limits: Thresholds) -> Iterator[Finding]:
    """The label against the volume that the Jacobian foretells for it."""
    if change.cut_percent > limits.label_cut_percent_warn:
        yield (
            WARN,
            f"{change.cut_percent:.0f} % of label {change.title} was pushed off the image; "
            'the grid "fit" has room for the whole body.',
        )
    if change.ratio is None:
        return
    small = change.foretold < limits.small_label_mm3
    line = limits.small_label_percent_warn if small else limits.label_volume_percent_warn
    off = 100.0 * (change.ratio - 1)
    if abs(off) > line:
        reject = not small and abs(off) > limits.label_volume_percent_reject
        yield (
            REJECT if reject else WARN,
            f"Label {change.title} has {_ml(change.after)} where the deformation foretells "
            f"{_ml(change.foretold)} ({off:+.0f} %); {line:g} % off is good.",
        )


def _above(value: float | None, warn: float, reject: float) -> Iterator[str]:
    """The severity of a value that should be small; nothing if it is good or was not measured."""
    if value is not None and value > warn:
        yield REJECT if value > reject else WARN


def _below(value: float | None, warn: float, reject: float) -> Iterator[str]:
    """The severity of a value that should be large; nothing if it is good or was not measured."""
    if value is not None and value < warn:
        yield REJECT if value < reject else WARN


def _ml(volume_mm3: float) -> str:
    ml = volume_mm3 / 1000
    return f"{ml:.0f} ml" if ml >= 100 else f"{ml:.3g} ml"
