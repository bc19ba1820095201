"""Where the quality gate draws its lines, each with its reason.

"Chosen from data" means: chosen from six of the eight directed pairs of real scans in `../shared/data/volumes`
(lung1 and lung2, lung2 and CMB-CRC, CRLM-1004 and CRLM-1006, each both ways; backend ants) at 50 and 100 %, and
from deliberately spoiled morphs (Testing/library/test_gate.py), not taken from a paper. "Real" numbers below
are the ranges over those morphs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Thresholds:
    """The lines of the gate; hand another one to `assess` to draw them elsewhere."""

    folded_voxels_reject: int = 0
    """A diffeomorphism has none; one voxel of a 3 mm grid is already tissue turned inside out."""

    jacobian_low_warn: float = 0.2
    jacobian_high_warn: float = 5.0
    """1st and 99th percentile of the Jacobian in the body that pass without remark. Chosen from data: real 0.30 to
    0.86 and 1.07 to 2.3 on the source's grid."""

    outside_percent_warn: float = 2.0
    outside_percent_reject: float = 10.0
    """Share of the body (%) that the source's scan did not hold and that is therefore air. Chosen from data:
    real 0 to 7.5 at the border of short scans; a tenth of the body is a hole."""

    body_agreement_reject: float = 0.85
    """Dice between the body seen in the result and the body that the path foretells. It falls when image and
    path do not belong together (wrong direction, wrong t, wrong file). Chosen from data: real 0.992 to
    0.997, spoiled 0.5 to 0.8."""

    label_volume_percent_warn: float = 10.0
    label_volume_percent_reject: float = 30.0
    """How far (%) the volume of a label may be off the one that the Jacobian foretells. Chosen from data: the
    vote moves a surface by a small part of a voxel, which tells on thin and small labels (organs of a phantom
    at 50 %: within 1 %, ribs 2.4, a small lesion 5.4)."""

    small_label_mm3: float = 113.0
    small_label_percent_warn: float = 50.0
    """Labels smaller than this (a ball of 6 mm) have too few voxels for the lines above: only a volume off by
    more than half is reported, and never rejected."""

    label_cut_percent_warn: float = 10.0
    """Share of a label (%) that the morph pushes off the output grid. Chosen by judgement."""

    lesion_jacobian_low: float = 0.5
    lesion_jacobian_high: float = 2.0
    """Range for a lesion's own change of volume, set by the project: beyond it, it is another lesion."""

    gradient_kept_low: float = 0.4
    """A block of 40 mm is smeared when its edges keep less than this part of the gradient they had in the
    source. Chosen from data: tissue stretched to twice its length in all directions keeps one half; the worst
    block of the real morphs 0.59."""

    smeared_blocks_percent_warn: float = 5.0
    smeared_blocks_percent_reject: float = 25.0
    """Share of the blocks (%) that may be smeared. Chosen from data: real 0, a lung blown up fourfold 6."""

    worst_block_warn: float = 0.25
    """Gradient kept in the worst block: below it that place is smeared even if all others are well."""

    stretch_warn: float = 3.0
    stretch_reject: float = 6.0
    """99th percentile of how many mm of the result one mm of the source is drawn out over, in the direction
    that is drawn out most. Chosen from data: real 1.2 to 2.6."""

    sharpness_warn: float = 0.9
    sharpness_reject: float = 0.75
    """Edges of the result over the edges the path foretells: below it, resampling has blurred the image more
    than the stretching explains. Chosen from data: real 1.10 to 1.18 (one cubic resampling is
    sharper than the linear one that foretells), one linear resampling 1.00, two 0.86."""

    noise_ratio_warn: float = 0.7
    noise_ratio_reject: float = 0.5
    """Noise of the result over noise of the source. White noise keeps 0.82 through one cubic B-spline, 0.55
    through one linear and 0.36 through two linear resamplings; real 0.75 to 1.01, real but resampled linearly
    once 0.61 to 0.68, twice 0.34 to 0.49."""

    noise_ratio_high_warn: float = 1.3
    """More noise than the source had is not something that resampling can do."""

    copy_ncc_warn: float = 0.98
    copy_displacement_mm_warn: float = 2.0
    """Above this correlation with the source, or below this mean displacement, the result is practically the
    source, and so is what it tells about a person."""

    def to_dict(self) -> dict[str, float]:
        """The lines by name, for a report."""
        return asdict(self)
