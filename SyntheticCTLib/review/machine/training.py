"""Which scans a machine is trained on: other patients' than the study's, made into cases as the study's were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from ..key import REAL, SYNTHETIC, Key
from ..planning.candidates import Candidate, Progress, examine, with_one_name, with_regions_alike
from ..planning.grid import Grid, place, resample, union
from ..planning.matching import Pair, describe, match
from ..planning.scans import UNKNOWN, Scan, find_scans
from ..study import Study
from .classifier import Classifier, validate
from .features import MACHINE_FEATURES, case_features
from .record import Machine

FEWEST_PATIENTS = 20
"""A machine is trained only on so many real patients, and on synthetic scans of so many: each group is counted alone,
a patient once. The stricter way to count, for ten real and ten synthetic ones teach a machine next to nothing."""

MOST_PATIENTS = 60
"""Of each group; of more, some are drawn. Reading scans is what takes the time."""

OF_THE_STUDY = "of the study's patients, or made from one of theirs"
TOO_SMALL = "too small for the study's grid"
OTHER_REGION = "of another region than the study's"
"""Why scans are left out."""

LEAST_COVERED = 0.8
"""Share of the study's grid that a scan must fill along each axis. One that does not fill it all is measured on a
smaller grid, for padding is no picture; what is measured does not depend on the size."""


def train_and_read(study: Study, key: Key, real: Path, synthetic: Path, seed: int, progress: Progress) -> Machine:
    """Train a classifier on scans of other patients and let it read the study, practice cases included.

    real, synthetic: folders of scans, as for planning; the ones that the study was planned from may be given. A scan is
    left out if it, or a scan it was made from, is of one of the study's patients by name, or has the voxels of one of
    the study's originals; those that a synthetic case was made from, source and target, are the study's patients too.
    The others are chosen and matched as a study's are, each patient once in each group, and resampled onto the
    study's grid (see LEAST_COVERED) and limits as its cases were.
    Raises InputError with fewer than FEWEST_PATIENTS patients in either group, or if a scan cannot be used.
    """
    key.check(study)
    for case in study.cases:
        study.check(case)
    left_out = {REAL: Counter(), SYNTHETIC: Counter()}
    pairs, described = _choose(study, key, {REAL: real, SYNTHETIC: synthetic}, seed, left_out, progress)
    rows, truth, patients = _rows(pairs, study, progress)
    classifier = Classifier(rows, truth)
    cases = []
    for number, case in enumerate(study.cases):
        progress("reading the study", number / len(study.cases))
        cases.append(case_features(sitk.ReadImage(str(study.image_file(case)))))
    scores = classifier.scores(np.stack(cases))
    training = {
        **described,
        "patients": {REAL: len(pairs), SYNTHETIC: len(pairs)},
        "left_out": {group: dict(sorted(counts.items())) for group, counts in left_out.items()},
    }
    return Machine(
        study=study.id,
        seed=seed,
        scores={case: round(float(score), 6) for case, score in zip(study.cases, scores, strict=True)},
        validation=validate(rows, truth, patients, seed),
        weights=dict(zip(MACHINE_FEATURES, classifier.weights.round(4).tolist(), strict=True)),
        training=training,
        trained_on={group: [pair[side].scan.name for pair in pairs] for side, group in enumerate((REAL, SYNTHETIC))},
    )


def others(scans: Sequence[Scan], key: Key) -> list[Scan]:
    """The scans of which no patient is one of the study's, as far as names tell."""
    known = {name for about in key.cases.values() for name in (about.patient, *about.made_of)}
    return [scan for scan in scans if known.isdisjoint((scan.patient, *scan.made_of))]


# --- which scans


def _choose(
    study: Study, key: Key, folders: dict[str, Path], seed: int, left_out: dict[str, Counter], progress: Progress
) -> tuple[list[Pair], dict[str, Any]]:
    """Pairs (real, synthetic) of training scans; what was balanced and what was not."""
    streams = np.random.SeedSequence(seed).spawn(3)
    kept: dict[str, list[Scan]] = {}
    for group, folder in folders.items():
        scans = find_scans(folder)
        kept[group] = others(scans, key)
        left_out[group][OF_THE_STUDY] += len(scans) - len(kept[group])
    count = _patients(kept, left_out)
    usable = {}
    for (group, scans), stream in zip(kept.items(), streams, strict=False):
        read = examine(scans, count, np.random.default_rng(stream), group, progress)
        usable[group] = _usable(read, study, key, left_out[group])
    usable[SYNTHETIC] = with_one_name(usable[REAL], usable[SYNTHETIC])
    usable = dict(zip(usable, with_regions_alike(usable[REAL], usable[SYNTHETIC], kept[SYNTHETIC]), strict=True))
    count = _patients({group: [one.scan for one in found] for group, found in usable.items()}, left_out)
    pairs = match(usable[REAL], usable[SYNTHETIC], count, False, np.random.default_rng(streams[2]))
    read = len(usable[REAL]), len(usable[SYNTHETIC])
    return pairs, describe(pairs, read, tuple(len({scan.patient for scan in kept[group]}) for group in folders))


def _patients(scans: dict[str, Sequence[Scan]], left_out: dict[str, Counter]) -> int:
    """How many patients of each group to train on. Raises InputError if they are too few."""
    counts = {group: len({scan.patient for scan in some}) for group, some in scans.items()}
    group = min(counts, key=lambda name: counts[name])
    if counts[group] < FEWEST_PATIENTS:
        reasons = [f"{number} {why}" for why, number in left_out[group].items() if number]
        told = f" Scans left out: {'; '.join(reasons)}." if reasons else ""
        raise InputError(
            f"The {group} scans to train a machine on are of {counts[group]} patients who are not in the study, and at "
            f"least {FEWEST_PATIENTS} are needed in each group; with fewer it would learn the patients, not the "
            f"difference.{told} Give more scans, or report without a machine."
        )
    return min(*counts.values(), MOST_PATIENTS)


def _usable(read: Sequence[Candidate], study: Study, key: Key, left_out: Counter) -> list[Candidate]:
    contents = {content for about in key.cases.values() for content in about.contents}
    regions = {part for about in key.cases.values() for part in about.region.split("-")} - {UNKNOWN}
    found = []
    for one in read:
        reason = ""
        if not contents.isdisjoint((one.content, *one.scan.originals)):
            reason = OF_THE_STUDY
        elif np.any(_grid(one, study).size < LEAST_COVERED * np.array(study.size)):
            reason = TOO_SMALL
        elif regions and one.region != UNKNOWN and regions.isdisjoint(one.region.split("-")):
            reason = OTHER_REGION
        if reason:
            left_out[reason] += 1
        else:
            found.append(one)
    return found


# --- what they are made into


def _rows(pairs: Sequence[Pair], study: Study, progress: Progress) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Features (N, F) of the training scans as cases, whether each is synthetic (N,), and whose voxels it shows."""
    limits = union(study.windows)
    owners = {pair[0].content: pair[0].scan.patient for pair in pairs}
    rows, patients = [], []
    scans = [one for pair in pairs for one in pair]
    for number, one in enumerate(scans):
        progress("measuring the training scans", number / len(scans))
        rows.append(case_features(resample(one.scan.read(), place(_grid(one, study), one), limits)))
        # a synthetic scan's source may go by another name in the folder of real ones
        source = next((owners[content] for content in one.scan.originals[:1] if content in owners), None)
        patients.append(source or one.scan.patient)
    return np.stack(rows), np.tile([False, True], len(pairs)), patients


def _grid(one: Candidate, study: Study) -> Grid:
    """The study's grid, or the part of it that the scan fills."""
    filled = np.floor(one.extent / study.spacing + 1e-6).astype(int)
    return Grid(tuple(int(n) for n in np.minimum(filled, study.size)), study.spacing)
