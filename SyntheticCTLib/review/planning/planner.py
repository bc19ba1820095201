"""Planning a study, from two folders of scans to the study folder and its key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..key import REAL, SYNTHETIC, Key, KeyCase, hash_of
from ..study import PAIRS, RATE, STUDY_FILE, PracticeTrial, Window, open_study
from . import folder as study_folder
from .candidates import Candidate, Progress, examine, with_one_name, with_regions_alike
from .findings import pixel_findings
from .grid import RESAMPLED, Grid, common_grid, place, resample, union
from .ids import draw_ids
from .leaks import refuse_leaks
from .matching import Pair, describe, match, practice_first
from .scans import find_scans
from .windows import choose_windows

MAX_CASES = 1000
MIN_CASES = 4

_TOKEN_BYTES = 8


@dataclass(frozen=True)
class Wish:
    """What kind of study is wanted. real, synthetic: folders of scans. cases: in all, of which half are synthetic; in
    mode "pairs", two of them are shown at a time. practice: further cases that do not count. spacing: mm along LPS, or
    None for the coarsest. windows: names, the study's own first, or None."""

    real: Path
    synthetic: Path
    cases: int
    seed: int
    mode: str = RATE
    practice: int = 0
    spacing: tuple[float, float, float] | None = None
    windows: tuple[str, ...] | None = None


def plan(wish: Wish, folder: Path, progress: Progress) -> Key:
    """Write a study into an empty folder and return its key. Raises InputError, also where the study would leak."""
    _check(wish)
    groups, pairs, patients = _choose(wish, progress)
    streams = np.random.SeedSequence([wish.seed, *_words([*groups[0], *groups[1]])]).spawn(3)
    practised = wish.practice // 2
    ids = draw_ids(len(pairs), practised, streams[0])
    names = {case: one for both, pair in zip(ids, pairs, strict=True) for case, one in zip(both, pair, strict=True)}
    windows = choose_windows(wish.windows, [one.region for one in names.values()])
    grid = common_grid(list(names.values()), wish.spacing)
    hashes = _write_cases(names, grid, windows, folder, progress)
    counted = ids[practised:]
    rng = np.random.default_rng(streams[1])
    practice = [one for pair in ids[:practised] for one in _practice(pair, wish.mode, rng)]
    trials = [(case,) for pair in counted for case in pair] if wish.mode == RATE else _sides(counted, rng)
    order = np.random.default_rng(streams[2]).bytes(_TOKEN_BYTES).hex()
    identity = hashlib.sha256("".join([order, *(hashes[case] for case in sorted(hashes))]).encode()).hexdigest()[:16]
    study_folder.write_description(folder, identity, wish.mode, order, windows, grid, hashes, trials, practice)
    findings = _checked(folder, ids, practised, _telling(names.values()), wish.seed, progress)
    synthetic, trained = {pair[1] for pair in ids}, {case for pair in ids[:practised] for case in pair}
    cases = {
        case: _key_case(names[case], hashes[case], case in synthetic, case in trained) for case in sorted(names)
    }
    described = hash_of(folder / STUDY_FILE)
    matching = describe(pairs, tuple(map(len, groups)), patients)
    return Key(identity, wish.seed, described, cases, matching, tuple(findings), RESAMPLED)


def _checked(
    folder: Path, ids: Sequence[tuple[str, str]], practised: int, names: Sequence[str], seed: int, progress: Progress
) -> list[dict[str, Any]]:
    """Refuse the finished study if it leaks; else measure its pictures."""
    study_folder.equalise(folder)
    study = open_study(folder)
    groups = {case: group for pair in ids[practised:] for case, group in zip(pair, (REAL, SYNTHETIC), strict=True)}
    groups = {case: groups[case] for case in sorted(groups)}
    progress("looking for leaks")
    refuse_leaks(study, groups, names, seed)
    progress("measuring the pictures")
    findings = pixel_findings(study, groups, seed)
    study_folder.equalise(folder)  # being read has changed the times of access
    return findings


def _check(wish: Wish) -> None:
    if wish.mode not in (RATE, PAIRS):
        raise InputError(f"The mode is {wish.mode!r}; expected {RATE} (one case at a time) or {PAIRS} (side by side).")
    if not MIN_CASES <= wish.cases <= MAX_CASES or wish.cases % 2:
        raise InputError(
            f"{wish.cases} cases were asked for; expected an even number from {MIN_CASES} to {MAX_CASES}, half of them "
            "synthetic."
        )
    if not 0 <= wish.practice <= MAX_CASES or wish.practice % 2:
        raise InputError(f"{wish.practice} practice cases were asked for; expected an even number, half synthetic.")
    if wish.real.resolve() == wish.synthetic.resolve():
        raise InputError(f"{wish.real}: real and synthetic scans are taken from one folder; give two.")


def _choose(wish: Wish, progress: Progress) -> tuple[list[list[Candidate]], list[Pair], tuple[int, int]]:
    """The scans read of each group; the pairs (real, synthetic), the first for practice; patients of each group."""
    wanted = (wish.cases + wish.practice) // 2
    streams = np.random.SeedSequence(wish.seed).spawn(3)
    scans = [find_scans(wish.real), find_scans(wish.synthetic)]
    read = [
        examine(each, wanted, np.random.default_rng(stream), group, progress)
        for each, stream, group in zip(scans, streams, (REAL, SYNTHETIC), strict=False)
    ]
    read[1] = with_one_name(*read, wanted)
    read = with_regions_alike(*read, scans[1])
    patients = [len({scan.patient for scan in each}) for each in scans]
    rng = np.random.default_rng(streams[2])
    pairs = practice_first(match(read[0], read[1], wanted, wish.mode == PAIRS, rng), wish.practice // 2)
    return read, pairs, tuple(patients)


def _words(candidates: Sequence[Candidate]) -> list[int]:
    """Numbers made of the originals' voxels: with the seed alone, which may be guessed, no id can be foretold."""
    text = "".join(sorted(one.content for one in candidates))
    return np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint32).tolist()


def _write_cases(
    names: Mapping[str, Candidate], grid: Grid, windows: Sequence[Window], folder: Path, progress: Progress
) -> dict[str, str]:
    """Write all cases in order of their ids, so that no order on the disk tells the groups; returns their hashes."""
    hashes = {}
    for number, case in enumerate(sorted(names)):
        progress("writing the cases", number / len(names))
        candidate = names[case]
        image = resample(candidate.scan.read(), place(grid, candidate), union(windows))
        hashes[case] = study_folder.write_case(folder, case, image)
    return hashes


def _practice(pair: tuple[str, str], mode: str, rng: np.random.Generator) -> list[PracticeTrial]:
    """The practice trials of a pair (real, synthetic), in random order or with random sides."""
    swapped = rng.random() < 0.5
    shown = pair[::-1] if swapped else pair
    if mode == PAIRS:
        return [PracticeTrial(shown, "left" if swapped else "right")]
    return [PracticeTrial((case,), REAL if case == pair[0] else SYNTHETIC) for case in shown]


def _sides(pairs: Sequence[tuple[str, str]], rng: np.random.Generator) -> list[tuple[str, str]]:
    """Pairs (real, synthetic) as (left, right): the synthetic case is on the left in half of them, which are drawn."""
    half = (len(pairs) + int(rng.integers(2))) // 2
    swapped = set(rng.permutation(len(pairs))[:half].tolist())
    return [pair[::-1] if at in swapped else pair for at, pair in enumerate(pairs)]


def _telling(chosen: Iterable[Candidate]) -> list[str]:
    """What must not be found in the study: names of scans, files and patients."""
    scans = [one.scan for one in chosen]
    return sorted({text for one in scans for text in (one.name, one.patient, one.file.name, *one.made_of)})


def _key_case(candidate: Candidate, sha256: str, synthetic: bool, practice: bool) -> KeyCase:
    scan = candidate.scan
    return KeyCase(
        group=SYNTHETIC if synthetic else REAL,
        name=scan.name,
        file=str(scan.file),
        patient=scan.patient,
        region=candidate.region,
        percent=scan.percent,
        verdict=scan.verdict,
        lesion=scan.lesion,
        practice=practice,
        sha256=sha256,
        gate=dict(scan.gate),
        made_of=scan.made_of,
        contents=(candidate.content, *scan.originals),
    )


