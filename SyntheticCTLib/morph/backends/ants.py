"""Symmetric normalization (SyN) by ANTs, through antspyx.

Method: Avants et al., "Symmetric diffeomorphic image registration with cross-correlation" (Medical Image
Analysis 12, 2008). The affine start is ours, so that ANTs only deforms.
"""

from __future__ import annotations

import tempfile
from importlib import metadata, util
from pathlib import Path

import SimpleITK as sitk

from ...errors import SyntheticCTError
from ...images.nifti import check_whole
from ..prepare import LABEL_WEIGHT, Prepared

#: Iterations, coarsening factors and smoothing (voxels) of the levels, coarse to fine, in ANTs' notation.
ITERATIONS = "20x8x2"
SHRINK = "4x2x1"
SMOOTHING = "2x1x0.5"

#: SyN's step, smoothing of the update and of the whole field, in voxels. The field is smoothed after every step, so
#: few long steps with much smoothing end where many short ones with little do, and sooner. Less smoothing follows
#: the lungs a little better but folds between some patients and is the flow of no velocity.
STEP = 1.0
UPDATE_SMOOTHING = 3.0
FIELD_SMOOTHING = 1.3


class AntsBackend:
    """The first backend."""

    name = "ants"

    def available(self) -> bool:
        """Whether antspyx is installed (it is not imported)."""
        return util.find_spec("ants") is not None

    def versions(self) -> dict[str, str]:
        """The version of antspyx."""
        return {"antspyx": metadata.version("antspyx")}

    def parameters(self) -> dict[str, object]:
        """Metric, levels, smoothing, step."""
        return {
            "method": "affine, then SyN",
            "metric": "mean squares",
            "iterations": ITERATIONS,
            "shrink_factors": SHRINK,
            "smoothing_voxels": SMOOTHING,
            "step_voxels": STEP,
            "update_smoothing_voxels": UPDATE_SMOOTHING,
            "field_smoothing_voxels": FIELD_SMOOTHING,
        }

    def deform(
        self, fixed: Prepared, moving: Prepared, start: sitk.AffineTransform, seed: int, repeatable: bool
    ) -> sitk.Image:
        """The deformation of the protocol."""
        import ants
        from ants.internal import get_pointer_string

        with tempfile.TemporaryDirectory(prefix="synthetic-ct-ants-") as folder:
            start_file = str(Path(folder) / "start.tfm")
            sitk.WriteTransform(start, start_file)
            images = [
                (ants.from_sitk(ours), ants.from_sitk(theirs))
                for ours, theirs in zip(fixed.channels, moving.channels, strict=True)
            ]
            arguments = ["-d", "3", "-r", start_file]
            arguments += ["-t", f"SyN[{STEP},{UPDATE_SMOOTHING},{FIELD_SMOOTHING}]"]
            for number, (ours, theirs) in enumerate(images):
                weight = LABEL_WEIGHT if number else 1
                pointers = f"{get_pointer_string(ours)},{get_pointer_string(theirs)}"
                arguments += ["-m", f"MeanSquares[{pointers},{weight},0,None]"]
            arguments += ["-c", f"[{ITERATIONS},1e-6,10]", "-f", SHRINK, "-s", SMOOTHING, "-u", "0", "-z", "1"]
            arguments += ["--float", "1", "--random-seed", str(seed + 1), "-o", str(Path(folder) / "out")]
            if ants.registration(arguments, None) != 0:
                raise SyntheticCTError("ANTs could not register the two scans; try the backend simpleitk.")
            warp_file = Path(folder) / "out1Warp.nii.gz"
            check_whole(warp_file)  # ITK writes and reads half a file without a word where the disk is full
            warp = sitk.ReadImage(str(warp_file))
        return sitk.Cast(warp, sitk.sitkVectorFloat64)
