"""Where the quality gate draws its lines, each with its reason.

"Chosen from data" means: chosen by looking at the eight real pairs of `../shared/data/volumes` and at
deliberately spoiled morphs (Testing/library/test_gate.py), not taken from a paper.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

#: A diffeomorphism has none; one voxel of a 3 mm grid is already tissue turned inside out.
FOLDED_VOXELS_REJECT = 0

#: Range of the 1st to 99th percentile of the Jacobian in the body that passes without remark. Chosen from data.
JACOBIAN_LOW_WARN = 0.2
JACOBIAN_HIGH_WARN = 5.0

#: Share of the body (%) that the source's scan did not hold and that is therefore air. Chosen from data: a few
#: slices of shoulder or abdomen at the border are visible but harmless, a tenth of the body is a hole.
OUTSIDE_PERCENT_WARN = 2.0
OUTSIDE_PERCENT_REJECT = 10.0

#: Dice between the body seen in the result and the body that the path foretells. It falls when image and path
#: do not belong together (wrong direction, wrong t, wrong file). Chosen from data.
BODY_AGREEMENT_REJECT = 0.9

#: Volume of a label divided by the volume foretold by the Jacobian may leave 1 by this much (%). Chosen from
#: data: voting moves a surface by a small part of a voxel, which tells on small labels, hence the second line.
LABEL_VOLUME_PERCENT_WARN = 10.0
LABEL_VOLUME_PERCENT_REJECT = 30.0

#: Labels smaller than this (mm3, a ball of 6 mm) have too few voxels for the two lines above: only a loss of
#: more than half of the foretold volume is reported.
SMALL_LABEL_MM3 = 113.0
SMALL_LABEL_PERCENT_WARN = 50.0

#: Share of a label (%) that the morph pushes out of the output grid.
LABEL_CUT_PERCENT_WARN = 10.0

#: A lesion's own volume factor must stay in this range: the issue's 0.5..2. Beyond it the lesion is another one.
LESION_JACOBIAN_LOW = 0.5
LESION_JACOBIAN_HIGH = 2.0


#: Smear: a block of 40 mm is smeared when its edges keep less than this part of the gradient they had in the
#: source. Chosen from data: an organ stretched to twice its length keeps one half.
GRADIENT_KEPT_LOW = 0.4
#: Share of the blocks (%) that may be smeared. Chosen from data.
SMEARED_BLOCKS_PERCENT_WARN = 5.0
SMEARED_BLOCKS_PERCENT_REJECT = 25.0

#: 99th percentile of how many millimetres of the result one millimetre of the source is drawn out over, in the
#: direction that is drawn out most. Chosen from data.
STRETCH_WARN = 3.0
STRETCH_REJECT = 6.0

#: Edges in the result divided by the edges foretold by the path (all blocks together): below it, resampling has
#: blurred the image more than the stretching explains. Chosen from data.
SHARPNESS_WARN = 0.8
SHARPNESS_REJECT = 0.6

#: Noise of the result divided by the noise of the source. White noise keeps 0.82 through one cubic B-spline,
#: 0.55 through one linear and 0.36 through two linear resamplings (methods.md 3.3).
NOISE_RATIO_WARN = 0.7
NOISE_RATIO_REJECT = 0.5
#: More noise than the source had is not something that resampling can do.
NOISE_RATIO_HIGH_WARN = 1.3

#: Nearer to the source than this the result is practically the source: normalized cross-correlation in the body.
COPY_NCC_WARN = 0.98
#: ... and the same by mean displacement of the body, mm.
COPY_DISPLACEMENT_MM_WARN = 2.0


@dataclass(frozen=True)
class Thresholds:
    """The lines of the gate; hand another one to `assess` to draw them elsewhere. Units as in the constants."""

    folded_voxels_reject: int = FOLDED_VOXELS_REJECT
    jacobian_low_warn: float = JACOBIAN_LOW_WARN
    jacobian_high_warn: float = JACOBIAN_HIGH_WARN
    outside_percent_warn: float = OUTSIDE_PERCENT_WARN
    outside_percent_reject: float = OUTSIDE_PERCENT_REJECT
    body_agreement_reject: float = BODY_AGREEMENT_REJECT
    label_volume_percent_warn: float = LABEL_VOLUME_PERCENT_WARN
    label_volume_percent_reject: float = LABEL_VOLUME_PERCENT_REJECT
    small_label_mm3: float = SMALL_LABEL_MM3
    small_label_percent_warn: float = SMALL_LABEL_PERCENT_WARN
    label_cut_percent_warn: float = LABEL_CUT_PERCENT_WARN
    lesion_jacobian_low: float = LESION_JACOBIAN_LOW
    lesion_jacobian_high: float = LESION_JACOBIAN_HIGH
    gradient_kept_low: float = GRADIENT_KEPT_LOW
    smeared_blocks_percent_warn: float = SMEARED_BLOCKS_PERCENT_WARN
    smeared_blocks_percent_reject: float = SMEARED_BLOCKS_PERCENT_REJECT
    stretch_warn: float = STRETCH_WARN
    stretch_reject: float = STRETCH_REJECT
    sharpness_warn: float = SHARPNESS_WARN
    sharpness_reject: float = SHARPNESS_REJECT
    noise_ratio_warn: float = NOISE_RATIO_WARN
    noise_ratio_reject: float = NOISE_RATIO_REJECT
    noise_ratio_high_warn: float = NOISE_RATIO_HIGH_WARN
    copy_ncc_warn: float = COPY_NCC_WARN
    copy_displacement_mm_warn: float = COPY_DISPLACEMENT_MM_WARN

    def to_dict(self) -> dict[str, float]:
        """The lines by name, for a report."""
        return asdict(self)
