"""The leak check: does anything beside the displayed pixels tell real from synthetic?

It looks at the finished study folder, as a curious reader would, and knows nothing of how it was made.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from ..study import STUDY_FILE, Study

LEVEL = 0.05
"""A difference is a leak when chance makes one so large less often than this, over all traits that vary at all."""

PLACES = ("place in the list of cases", "place in the trials", "side in its trial")
"""Traits that vary by design, drawn so that they tell nothing; they do not count among those that vary."""

RESAMPLES = 9999
"""Relabellings drawn for a test where there are more than that; else all of them."""

SHORTEST_NAME = 4
"""A shorter name (such as "1") is found in anything."""

_BULK = (1, 99)
"""Percentiles between which the values of a scan lie without gaps, unless it was stored with fewer grey levels."""

REMEDIES = {
    "smallest value": "Choose windows (--window) whose limits hide it, or make both groups' scans with the same rules.",
    "largest value": "Choose windows (--window) whose limits hide it, or make both groups' scans with the same rules.",
    "grey levels": "One group was stored with fewer grey levels; export both in Hounsfield units without rescaling.",
    "empty outer slices": "Crop the scans of both groups to what was seen, or leave out those with padding.",
}
_OTHERWISE = "Plan again; if it stays, this is a fault of the program."


@dataclass(frozen=True)
class Leak:
    """A trait that tells the groups apart. p: of the test; None where a rule without chance has found it."""

    trait: str
    told: str
    p: float | None

    def describe(self) -> str:
        """One sentence, and what to do."""
        chance = "" if self.p is None else f" (p = {self.p:.2g})"
        return f"{self.trait}: {self.told}{chance}. {REMEDIES.get(self.trait, _OTHERWISE)}"


def refuse_leaks(study: Study, groups: Mapping[str, str], names: Sequence[str], seed: int) -> None:
    """Raise InputError that lists all leaks of a study, if there are any.

    groups: "real" or "synthetic" by opaque id, practice cases left out. names: of scans and patients, which must not be
    found in the folder.
    """
    leaks = find_leaks(study, groups, names, seed)
    if leaks:
        raise InputError(
            "This study would give its answers away by something beside the pictures; nothing was written:\n  - "
            + "\n  - ".join(leak.describe() for leak in leaks)
        )


def find_leaks(study: Study, groups: Mapping[str, str], names: Sequence[str], seed: int) -> tuple[Leak, ...]:
    """What tells the groups apart; arguments as in `refuse_leaks`."""
    traits = {case: traits_of(study, case) for case in groups}
    truth = np.array([group == "synthetic" for group in groups.values()])
    varying = {}
    for trait in next(iter(traits.values())):
        values = [traits[case][trait] for case in groups]
        if len(set(values)) > 1:
            varying[trait] = values
    found = [*_names_in(study, names)]
    others = len(set(varying) - set(PLACES))
    for trait, values in varying.items():
        leak = _separates(trait, values, truth, LEVEL / (len(PLACES) if trait in PLACES else others), seed)
        found += [leak] if leak else []
    return tuple(found)


def traits_of(study: Study, case: str) -> dict[str, float | str]:
    """All that a reader could find out about a case without looking at it."""
    file = study.image_file(case)
    about = file.stat()
    image = sitk.ReadImage(str(file))
    voxels = sitk.GetArrayViewFromImage(image)
    return {
        "length of the name": len(file.name),
        "place in the list of cases": study.cases.index(case),
        "place in the trials": next(at for at, trial in enumerate(study.trials) if case in trial),
        "side in its trial": next(trial.index(case) for trial in study.trials if case in trial),
        "header": _header(file),
        "size": " ".join(map(str, image.GetSize())),
        "spacing": " ".join(map(repr, image.GetSpacing())),
        "origin": " ".join(map(repr, image.GetOrigin())),
        "direction": " ".join(map(repr, image.GetDirection())),
        "type of voxels": image.GetPixelIDTypeAsString(),
        "file size": about.st_size,
        "time of change": about.st_mtime_ns,
        "permissions": oct(about.st_mode),
        "owner": f"{about.st_uid}:{about.st_gid}",
        "hidden attributes": _attributes(file),
        "smallest value": int(voxels.min()),
        "largest value": int(voxels.max()),
        "grey levels": _occupied(voxels),
        "empty outer slices": _empty_sides(voxels),
    }


def _attributes(file: Path) -> str:
    """Names of what some systems keep beside a file's content, such as where it was downloaded from."""
    try:
        return ",".join(sorted(os.listxattr(file)))
    except (AttributeError, OSError):  # another system, or a disk without them
        return ""


def _header(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(4096).partition(b"\n\n")[0].decode("latin-1")


def _occupied(voxels: np.ndarray) -> float:
    """Share of the whole numbers in the bulk of the values that occur, rounded to tenths: 1.0 for a scan."""
    low, high = np.percentile(voxels, _BULK).astype(int)
    bulk = voxels[(voxels >= low) & (voxels <= high)]
    return round(len(np.unique(bulk)) / (high - low + 1), 1)


def _empty_sides(voxels: np.ndarray) -> int:
    """How many outer slices show one value only, counted from all six sides."""
    count = 0
    for axis in range(3):
        for side in (0, -1):
            for number in range(voxels.shape[axis]):
                layer = voxels.take(number if side == 0 else -1 - number, axis=axis)
                if layer.min() != layer.max():
                    break
                count += 1
    return count


def _separates(trait: str, values: list, truth: np.ndarray, level: float, seed: int) -> Leak | None:
    real = [value for value, synthetic in zip(values, truth, strict=True) if not synthetic]
    synthetic = [value for value, synthetic in zip(values, truth, strict=True) if synthetic]
    if len(set(real)) == len(set(synthetic)) == 1:
        told = f"always {_short(real[0])} in real cases, always {_short(synthetic[0])} in synthetic ones"
        return Leak(trait, told, None)
    p = chance_of(values, truth, seed)
    if p >= level and not (trait not in PLACES and _do_not_touch(real, synthetic)):
        return None
    if isinstance(values[0], str):
        return Leak(trait, "it is not spread evenly over real and synthetic cases", p)
    medians = np.median(real), np.median(synthetic)
    return Leak(trait, "in the middle {:g} in real cases and {:g} in synthetic ones".format(*medians), p)


def _do_not_touch(one: list, other: list) -> bool:
    """Whether a limit divides two groups of numbers; in a small study no test would find that."""
    return not isinstance(one[0], str) and (max(one) < min(other) or max(other) < min(one))


def chance_of(values: Sequence, truth: np.ndarray, seed: int) -> float:
    """How often a relabelling of the cases separates the groups at least as well; exact where all can be counted.

    Numbers: by how far the ROC area lies from one half. Words: by how many cases a reader would get right who knows
    which group has more of each word. truth: whether each case is synthetic.
    """
    from scipy.stats import permutation_test, rankdata

    words = isinstance(values[0], str)
    codes = np.unique(values, return_inverse=True)[1] if words else rankdata(values)
    found = permutation_test(
        (codes[truth], codes[~truth]),
        _agreement(int(codes.max()) + 1) if words else _rank_distance(float(codes.mean())),
        permutation_type="independent",
        alternative="greater",
        n_resamples=RESAMPLES,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def _rank_distance(middle: float):
    return lambda one, other, axis=-1: np.abs((one - middle).sum(axis=axis)).round(6)


def _agreement(count: int):
    def right(one: np.ndarray, other: np.ndarray, axis: int = -1) -> np.ndarray:
        return sum(np.maximum((one == word).sum(axis=axis), (other == word).sum(axis=axis)) for word in range(count))

    return right


def _names_in(study: Study, names: Sequence[str]) -> list[Leak]:
    """Names of scans and patients in the study's description or in what a header says beyond the grid."""
    described = json.loads((study.folder / STUDY_FILE).read_text(encoding="utf-8"))
    fixed = ("study", "mode", "windows", "artefacts", "geometry")  # the program's own words, such as "lung"
    texts = {STUDY_FILE: json.dumps({name: value for name, value in described.items() if name not in fixed})}
    for case in study.cases:
        lines = _header(study.image_file(case)).splitlines()
        texts[case] = "\n".join(line for line in lines if ":=" in line or line.startswith("content:"))
    parts = {part for name in names for part in re.split(r"[/\\]", name) if len(part) >= SHORTEST_NAME}
    found = sorted({(part, place) for part in parts for place, text in texts.items() if part in text})
    return [Leak("names", f"{part!r} stands in {place}", None) for part, place in found]


def _short(value: float | str) -> str:
    return f"{value:g}" if isinstance(value, int | float) else repr(value if len(value) < 60 else value[:57] + "...")
