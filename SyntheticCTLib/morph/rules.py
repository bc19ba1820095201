"""From measures to a verdict: which number says what, in a sentence a reader understands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .measures import LabelChange
from .thresholds import Thresholds

WARN, REJECT = "warn", "reject"

#: More parts than this before the morph is a speckled segmentation, whose parts are no anatomy.
FEW_PARTS = 6

Finding = tuple[str, str]


def judge(
    measures: dict[str, float | None], changes: Sequence[LabelChange], limits: Thresholds
) -> tuple[str, tuple[str, ...]]:
    """(verdict, reasons) for measures by name and the changes of the labels; rejections come first."""
    findings = [
        *_of_deformation(measures, limits),
        *_of_texture(measures, limits),
        *_of_copy(measures, limits),
    ]
    for change in changes:
        findings += _of_lesion(change, limits) if change.lesion else _of_organ(change, limits)
    severities = [severity for severity, _ in findings]
    verdict = REJECT if REJECT in severities else WARN if WARN in severities else "pass"
    ordered = sorted(findings, key=lambda finding: finding[0] != REJECT)
    return verdict, tuple(sentence for _, sentence in ordered)


def _of_deformation(m: dict, limits: Thresholds) -> Iterator[Finding]:
    if m["folds.voxels"] is None:
        yield REJECT, "No body was found in the source, so nothing could be judged."
        return
    if m["folds.voxels"] > limits.folded_voxels_reject:
        yield (
            REJECT,
            (
                f"The deformation folds: the Jacobian is zero or negative in {m['folds.voxels']} voxels of the body "
                f"({m['folds.percent']:.2g} %)."
            ),
        )
    elif m["jacobian.p01"] < limits.jacobian_low_warn or m["jacobian.p99"] > limits.jacobian_high_warn:
        yield (
            WARN,
            (
                f"The Jacobian runs from {m['jacobian.p01']:.2f} to {m['jacobian.p99']:.2f} (1st to 99th percentile in "
                f"the body), beyond {limits.jacobian_low_warn:g} to {limits.jacobian_high_warn:g}."
            ),
        )
    yield from _above(
        m["outside.percent"],
        limits.outside_percent_warn,
        limits.outside_percent_reject,
        lambda v, line: (
            f"{v:.1f} % of the body lay outside the source's scan and is air; at most {line:g} % is good."
        ),
    )
    yield from _above(
        m["stretch.p99"],
        limits.stretch_warn,
        limits.stretch_reject,
        lambda v, line: (
            f"Tissue is drawn out up to {v:.1f} times its length (99th percentile in the body); at most "
            f"{line:g} is good."
        ),
    )
    agreement = m["body.agreement"]
    if agreement is not None and agreement < limits.body_agreement_reject:
        yield (
            REJECT,
            (
                f"The body in the image is not where the path puts it (Dice {agreement:.2f}, at least "
                f"{limits.body_agreement_reject:g} expected): image, path or percentage do not belong together."
            ),
        )


def _of_texture(m: dict, limits: Thresholds) -> Iterator[Finding]:
    yield from _above(
        m["smear.blocks_percent"],
        limits.smeared_blocks_percent_warn,
        limits.smeared_blocks_percent_reject,
        lambda v, line: (
            f"{v:.0f} % of the body is smeared: edges there keep less than "
            f"{limits.gradient_kept_low:g} of their steepness (worst block {m['smear.kept_worst']:.2f}); at most "
            f"{line:g} % is good."
        ),
    )
    worst = m["smear.kept_worst"]
    if worst is not None and worst < limits.worst_block_warn:
        yield (
            WARN,
            (
                f"In one place edges keep only {worst:.2f} of their steepness; at least {limits.worst_block_warn:g} is "
                "good."
            ),
        )
    yield from _below(
        m["smear.sharpness"],
        limits.sharpness_warn,
        limits.sharpness_reject,
        lambda v, line: (
            f"Edges have {v:.2f} of the steepness that the deformation explains, so the image is "
            f"blurred; at least {line:g} is good."
        ),
    )
    yield from _below(
        m["noise.ratio"],
        limits.noise_ratio_warn,
        limits.noise_ratio_reject,
        lambda v, line: (
            f"Noise is {v:.2f} of the source's, so the image is smoother than a scan; at least {line:g} "
            "is good."
        ),
    )
    if m["noise.ratio"] is not None and m["noise.ratio"] > limits.noise_ratio_high_warn:
        yield (
            WARN,
            f"Noise is {m['noise.ratio']:.2f} of the source's; resampling cannot add noise, something else did.",
        )


def _of_copy(m: dict, limits: Thresholds) -> Iterator[Finding]:
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
    if change.parts_before < FEW_PARTS and change.parts_after > change.parts_before:
        yield (
            WARN,
            f"Label {change.title} fell into {change.parts_after} parts (before: {change.parts_before}).",
        )


def _of_lesion(change: LabelChange, limits: Thresholds) -> Iterator[Finding]:
    if change.vanished:
        yield REJECT, f"Lesion {change.title} vanished ({_ml(change.before)} before)."
        return
    low, high = limits.lesion_jacobian_low, limits.lesion_jacobian_high
    if not low <= change.factor_mean <= high:
        yield (
            REJECT,
            (
                f"Lesion {change.title} has {change.factor_mean:.2f} times its volume, outside {low:g} to {high:g}: it is "
                "another lesion."
            ),
        )
    elif change.factor_low < low or change.factor_high > high:
        yield (
            WARN,
            (
                f"Parts of lesion {change.title} have {change.factor_low:.2f} to {change.factor_high:.2f} times their "
                f"volume, outside {low:g} to {high:g}."
            ),
        )
    for organ in change.lost_organs:
        yield REJECT, f"Lesion {change.title} left its organ, {organ}."
    yield from _of_volume(change, limits)
    if change.parts_before != change.parts_after:
        yield WARN, f"Lesion {change.title} has {change.parts_after} parts (before: {change.parts_before})."


def _of_volume(change: LabelChange, limits: Thresholds) -> Iterator[Finding]:
    """The label against the volume that the Jacobian foretells for it."""
    if change.cut_percent > limits.label_cut_percent_warn:
        yield WARN, f"{change.cut_percent:.0f} % of label {change.title} were pushed off the image."
    if change.ratio is None:
        return
    small = change.foretold < limits.small_label_mm3
    line = limits.small_label_percent_warn if small else limits.label_volume_percent_warn
    off = 100.0 * abs(change.ratio - 1)
    if off > line:
        reject = not small and off > limits.label_volume_percent_reject
        yield (
            REJECT if reject else WARN,
            (
                f"Label {change.title} has {_ml(change.after)} where the deformation foretells {_ml(change.foretold)} "
                f"({100.0 * (change.ratio - 1):+.0f} %; {line:g} % is good)."
            ),
        )


def _above(value, warn: float, reject: float, text: Callable[[float, float], str]) -> Iterator[Finding]:
    if value is not None and value > warn:
        yield REJECT if value > reject else WARN, text(value, warn)


def _below(value, warn: float, reject: float, text: Callable[[float, float], str]) -> Iterator[Finding]:
    if value is not None and value < warn:
        yield REJECT if value < reject else WARN, text(value, warn)


def _ml(volume_mm3: float) -> str:
    return f"{volume_mm3 / 1000:.3g} ml"
