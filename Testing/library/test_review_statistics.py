"""The numbers of the report against known ones: intervals, agreement, pairs, limits for the gate."""

from __future__ import annotations

import numpy as np
import pytest

from SyntheticCTLib.cohort.privacy.statistics import NotMeasurable
from SyntheticCTLib.errors import InputError
from SyntheticCTLib.review.answers import Answer
from SyntheticCTLib.review.report import acting, statistics, wording
from SyntheticCTLib.review.report.judgements import judge, tabulate
from SyntheticCTLib.review.simulated import Skill, answer_to, expected
from SyntheticCTLib.review.trials import Trial

# --- readings that need no study


def cases_of(count):
    """Half of them synthetic: groups by opaque id."""
    return {f"{number:04x}": "synthetic" if number % 2 else "real" for number in range(count)}


def table_of(skill, groups, readers, seed):
    """What simulated readers answer, in memory."""
    trials = [Trial(number, (case,), False, None) for number, case in enumerate(groups, 1)]
    judged = []
    for reader in range(readers):
        rng = np.random.default_rng([seed, reader])
        judged += [judge(f"R{reader}", trial, answer_to(trial, groups, skill, rng), groups) for trial in trials]
    return tabulate(judged, list(groups))


def said(calls, groups=None, confidence=3):
    """A table of given calls: for each reader a text of s and r, a case each; cases alternate real, synthetic."""
    groups = groups or cases_of(len(calls[0]))
    judged = []
    for reader, text in enumerate(calls):
        for number, (case, call) in enumerate(zip(groups, text, strict=True), 1):
            answer = Answer("synthetic" if call == "s" else "real", confidence, 3)
            judged.append(judge(f"R{reader}", Trial(number, (case,), False, None), answer, groups))
    return tabulate(judged, list(groups))


def pairs_said(calls):
    """A table of pairs: for each reader a text of R (right) and W (wrong)."""
    groups, judged = {}, []
    for number in range(len(calls[0])):
        groups |= {f"{number:02x}a0": "real", f"{number:02x}b0": "synthetic"}
    for reader, text in enumerate(calls):
        for number, one in enumerate(text):
            trial = Trial(number + 1, (f"{number:02x}a0", f"{number:02x}b0"), False, None)
            judged.append(judge(f"R{reader}", trial, Answer("right" if one == "R" else "left", 3, (3, 3)), groups))
    return tabulate(judged, sorted({one.case for one in judged}))


# --- statistics


@pytest.mark.parametrize(("accuracy", "bias", "readers"), [(0.7, 0.1, 2), (0.9, -0.05, 1)])
def test_over_100_seeds_the_intervals_cover_what_was_put_in(accuracy, bias, readers):
    skill, groups = Skill(accuracy, bias), cases_of(60)
    truth = expected(skill)
    measures = {
        "accuracy": statistics.accuracy,
        "sensitivity": statistics.sensitivity,
        "specificity": statistics.specificity,
        "auc": statistics.area,
    }
    covered = dict.fromkeys(measures, 0)
    for seed in range(100):
        table = table_of(skill, groups, readers, seed)
        for name, measure in measures.items():
            found = measure(table, seed)
            covered[name] += found.low <= truth[name] <= found.high
    assert min(covered.values()) >= 90, covered


def test_what_is_put_in_is_what_comes_out_of_an_endless_reading():
    skill = Skill(0.7, 0.1)
    table, truth = table_of(skill, cases_of(3000), 1, 0), expected(skill)
    assert truth["sensitivity"] == pytest.approx(0.8) and truth["specificity"] == pytest.approx(0.6)
    assert statistics.area(table, 0).value == pytest.approx(truth["auc"], abs=0.02)
    assert statistics.sensitivity(table, 0).value == pytest.approx(0.8, abs=0.025)
    assert statistics.specificity(table, 0).value == pytest.approx(0.6, abs=0.025)


@pytest.mark.parametrize(("accuracy", "bias"), [(1.1, 0), (0.9, 0.2), (0.5, -0.6)])
def test_a_reader_who_cannot_be_is_refused(accuracy, bias):
    with pytest.raises(InputError, match="cannot be"):
        Skill(accuracy, bias)


def test_one_reader_has_wilsons_interval():
    found = statistics.accuracy(said(["rsrsrsrssr"]), 0)  # the last two are wrong
    assert (found.value, found.n) == (0.8, 10)
    assert (found.low, found.high) == pytest.approx((0.490, 0.943), abs=0.001)


def test_readers_who_say_the_same_are_no_more_evidence_than_one():
    one, five = said(["rsrsrsrssr" * 2]), said(["rsrsrsrssr" * 2] * 5)
    alone, together = statistics.accuracy(one, 0), statistics.accuracy(five, 0)
    assert together.value == alone.value
    assert together.high - together.low > 0.9 * (alone.high - alone.low)


def test_an_interval_round_a_perfect_reading_is_no_point():
    table = said(["rs" * 10] * 3)
    for measure in (statistics.accuracy, statistics.sensitivity, statistics.area):
        found = measure(table, 0)
        assert found.value == pytest.approx(found.high) == 1 and 0.6 < found.low < 0.95


def test_the_area_uses_the_confidence_and_is_the_readers_mean():
    groups = cases_of(10)
    scores = {"R0": [1, 2, -3, 4, -5, 1, -2, 3, -1, 5], "R1": [5, 4, 3, 2, 1, -1, -2, -3, -4, -5]}
    judged = []
    for reader, row in scores.items():
        for number, (case, score) in enumerate(zip(groups, row, strict=True), 1):
            answer = Answer("synthetic" if score > 0 else "real", abs(score), 3)
            judged.append(judge(reader, Trial(number, (case,), False, None), answer, groups))
    found = statistics.area(tabulate(judged, list(groups)), 0)

    def by_counting(row):
        real, synthetic = row[::2], row[1::2]
        return np.mean([(s > r) + 0.5 * (s == r) for s in synthetic for r in real])

    assert found.value == pytest.approx(np.mean([by_counting(row) for row in scores.values()]))
    assert found.low < found.value < found.high


def test_few_cases_are_no_number():
    assert isinstance(statistics.accuracy(said(["rsrs"]), 0), NotMeasurable)
    assert "n = 2 real and 2 synthetic" in statistics.area(said(["rsrs"]), 0).reason
    assert "n = 4 pairs" in statistics.pair_test(pairs_said(["RRRR"])).reason


def test_pairs_are_tested_exactly_and_ties_are_left_out():
    alone = statistics.pair_test(pairs_said(["RRRRR"]))
    assert (alone.hits, alone.pairs, alone.p) == (5, 5, 0.0625)
    both = statistics.pair_test(pairs_said(["RRRRRRWWR", "RRRRRRWRW"]))
    assert (both.hits, both.pairs, both.ties) == (6, 7, 2) and both.p == pytest.approx(0.125)
    assert wording._test(alone) == "5 of 5 pairs, p = 0.0625"
    assert wording._test(both) == "6 of 7 pairs by majority (2 ties left out), p = 0.125"


def test_agreement_is_beyond_chance_or_not_measurable():
    same, other = "rrssrrssrs", "ssrrssrrsr"
    told = statistics.cohen(said([same, same]), "R0", "R1", 0).reason  # an interval would be a point
    assert told == "n = 10 cases, kappa 1.00 and no interval: all draws alike"
    assert statistics.cohen(said([same, other]), "R0", "R1", 0).value == -1
    assert "kappa cannot be judged" in statistics.cohen(said([same, "s" * 10]), "R0", "R1", 0).reason
    found = statistics.cohen(said([same, "rsssrrssrs"]), "R0", "R1", 0)
    assert found.value == pytest.approx(0.8) and found.low < found.value <= found.high
    found = statistics.fleiss(said([same, same, "rsssrrssrs"]), 0)
    assert 0.8 < found.value < 1 and found.low < found.value <= found.high
    assert "one and the same call" in statistics.fleiss(said(["s" * 10] * 2), 0).reason
    assert isinstance(statistics.fleiss(said([same]), 0), NotMeasurable)
    assert statistics.cohen(pairs_said(["RRRRRWWRRR", "RRRRRWWRRR"]), "R0", "R1", 0) is not None


def test_only_readers_who_have_answered_all_are_pooled():
    groups = cases_of(6)
    judged = []
    for reader, count in (("A", 6), ("B", 5)):
        for number, case in enumerate(list(groups)[:count], 1):
            judged.append(judge(reader, Trial(number, (case,), False, None), Answer("real", 3, 3), groups))
    assert tabulate(judged, list(groups)).readers == ("A",)


# --- limits for the gate


def limits(caught, fooling):
    return acting._propose("noise.ratio", caught, fooling, 0.05, 0)


def test_a_limit_is_proposed_from_cases_that_fooled_nobody():
    found = limits([0.5 + 0.01 * n for n in range(12)], [0.6 + 0.02 * n for n in range(12)])
    assert not found.above and 0.55 < found.limit < 0.66 and found.p < 0.05
    assert found.rejected == (sum(v <= found.limit for v in found.caught), sum(v <= found.limit for v in found.fooling))
    assert found.rejected[0] >= 9 and found.rejected[1] <= 3
    assert limits([2.0] * 12, [1.0 + 0.01 * n for n in range(12)]).above


def test_no_limit_from_few_cases_or_a_measure_that_says_nothing():
    few = limits([0.1] * 9, [0.9] * 30)
    assert few.limit is None and "n = 9 that fooled nobody and 30" in few.reason
    blind = limits([0.1 * (n % 5) for n in range(20)], [0.1 * (n % 5) for n in range(20)])
    assert blind.limit is None and "does not separate" in blind.reason
