"""The gate between champion and challenger."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.evaluation.forecast_promotion import FURTHEST, LEAST_GAIN, compare_errors, row_errors, usual_change
from andon.evaluation.promotion import FEWEST_BLOCKS, FEWEST_EVENTS, Comparison, Judged, compare
from andon.evaluation.resampling import block_numbers, block_total_interval, sign_flip_p
from configs.definitions import Costs

HORIZON = timedelta(minutes=30)
A_DAY = 144


class Line:
    """Rows every 10 minutes of one line or two, with an event on most days and scores that see some of them."""

    def __init__(self, seed: int, days: int = 20, lines: int = 1) -> None:
        rng = np.random.default_rng(seed)
        rows = days * A_DAY
        self.times = np.tile(1_767_225_600_000_000 + 600_000_000 * np.arange(rows), lines)
        self.groups = np.repeat(np.arange(lines), rows)
        self.labels = np.zeros(rows * lines)
        self.odds = rng.normal(-3, 1, rows * lines)
        for onset in np.arange(days * lines) * A_DAY + rng.integers(5, A_DAY, days * lines):
            self.labels[onset - 3 : onset] = 1.0
            self.odds[onset - 3 : onset] += rng.gamma(3, 1.5)

    def model(self, seed: int, noise: float, threshold: float = 0.3) -> Judged:
        odds = self.odds + noise * np.random.default_rng(seed).normal(size=len(self.odds))
        return Judged(1 / (1 + np.exp(-odds)), threshold)

    def compare(self, champion: Judged, challenger: Judged, seed: int = 0) -> Comparison:
        return compare(self.times, self.groups, self.labels, HORIZON, champion, challenger, Costs(), seed=seed)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.9), st.floats(0, 2))
def test_swapped_models_flip_the_difference(seed, threshold, noise):
    line = Line(seed, lines=2)
    first, second = line.model(1, noise, threshold), line.model(2, 0.5)
    one, other = line.compare(first, second), line.compare(second, first)
    assert one.difference == pytest.approx(-other.difference, abs=1e-9)
    assert one.low == pytest.approx(-other.high, abs=1e-9)
    assert one.high == pytest.approx(-other.low, abs=1e-9)
    assert (one.champion, one.challenger) == (other.challenger, other.champion)
    assert [one.verdict, other.verdict] != ["promoted", "promoted"]
    json.dumps(one.to_json(), allow_nan=False)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 1e-9, 0.3, 1.0, 1.5]))
def test_a_model_is_never_promoted_over_itself(seed, threshold):
    line = Line(seed)
    model = line.model(1, 1.0, threshold)
    found = line.compare(model, model, seed)
    assert (found.verdict, found.difference) == ("kept", 0.0)
    assert found.reason.startswith("no better beyond noise")


def test_a_model_that_sees_is_promoted_over_one_that_guesses():
    line = Line(1)
    found = line.compare(line.model(1, 8.0), line.model(2, 0.1))
    assert found.verdict == "promoted"
    assert found.high < 0
    assert found.challenger.counted_cost < found.champion.counted_cost
    assert (found.events, found.days, found.rows) == (20, 20, 20 * A_DAY)
    assert line.compare(line.model(2, 0.1), line.model(1, 8.0)).verdict == "kept"


def test_the_same_rows_and_seed_give_the_same_answer():
    line = Line(2)
    models = line.model(1, 0.7), line.model(2, 0.3)
    assert line.compare(*models, seed=5) == line.compare(*models, seed=5)
    assert line.compare(*models, seed=5).p_value != line.compare(*models, seed=6).p_value


def test_counts_are_those_of_events_and_false_alarms():
    line = Line(3)
    silent, loud = Judged(np.zeros(len(line.times)), 0.5), Judged(np.ones(len(line.times)), 0.5)
    found = line.compare(silent, loud)
    assert (found.champion.missed, found.champion.alarms, found.champion.counted_cost) == (20, 0, 100.0)
    assert found.champion.cost == pytest.approx(100.0)
    assert found.challenger.missed == 0
    assert found.challenger.counted_cost == found.challenger.false_alarms > 100
    assert found.verdict == "kept"


@pytest.mark.parametrize(("days", "kept"), [(FEWEST_BLOCKS - 1, True), (FEWEST_BLOCKS + 2, False)])
def test_too_little_evidence_is_said(days, kept):
    line = Line(4, days=days)
    found = line.compare(line.model(1, 8.0), line.model(2, 0.0))
    assert found.reason.startswith("not enough evidence") is kept
    if kept:
        assert f"needed are {FEWEST_EVENTS} events" in found.reason
        assert (found.verdict, found.low, found.high) == ("kept", None, None)
        json.dumps(found.to_json(), allow_nan=False)


def test_no_rows_at_all_are_no_evidence():
    nothing, empty = np.zeros(0, np.int64), Judged(np.zeros(0), 0.5)
    found = compare(nothing, nothing, np.zeros(0), HORIZON, empty, empty, Costs(), seed=0)
    assert (found.verdict, found.events, found.rows) == ("kept", 0, 0)


def test_a_few_blocks_that_agree_are_no_proof():
    rng = np.random.default_rng(0)
    blocks = np.append(np.zeros(30), [-5.0, -5.0, -5.0])
    assert sign_flip_p(blocks, rng) > 0.1
    assert sign_flip_p(np.append(np.zeros(30), np.full(10, -5.0)), rng) < 0.01
    assert sign_flip_p(np.zeros(9), rng) == 1.0


def test_intervals_hold_the_truth_as_often_as_they_say():
    inside = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        found = block_total_interval(rng.normal(0.3, 1.0, 12), 0.025, rng)
        inside += found.low <= 12 * 0.3 <= found.high
    assert 0.92 <= inside / 400 <= 0.98


def test_days_that_resemble_each_other_are_joined_within_a_line():
    rng = np.random.default_rng(0)
    groups, days = np.repeat([0, 1], 100), np.tile(np.arange(100), 2)
    apart = block_numbers(groups, days, rng.normal(size=200))
    assert apart.tolist() == list(range(200))
    walk = np.zeros(200)
    for at in range(1, 200):
        walk[at] = 0.8 * walk[at - 1] + rng.normal()
    joined = block_numbers(groups, days, walk)
    assert 10 <= joined.max() + 1 <= 20
    assert not set(joined[:100].tolist()) & set(joined[100:].tolist())
    holes = block_numbers(groups[:100], days[:100] * 40, walk[:100])
    assert holes.tolist() == list(range(100))


def test_forecasts_are_judged_by_day():
    rng = np.random.default_rng(0)
    times = 1_767_225_600_000_000 + 600_000_000 * np.arange(20 * A_DAY)
    noise = rng.normal(size=(2, len(times)))
    equal = compare_errors(times, noise[0] ** 2, noise[1] ** 2, seed=0)
    assert equal.verdict == "kept"
    better = compare_errors(times, noise[0] ** 2, (0.9 * noise[1]) ** 2, seed=0)
    assert (better.verdict, better.days) == ("promoted", 20)
    assert better.challenger_rmse == pytest.approx(0.9, abs=0.03)
    few = compare_errors(times[: 5 * A_DAY], noise[0, : 5 * A_DAY], noise[1, : 5 * A_DAY], seed=0)
    assert few.reason.startswith("not enough evidence: 5 days")
    unknown = compare_errors(times, np.full(len(times), np.nan), noise[0], seed=0)
    assert (unknown.verdict, unknown.rows) == ("kept", 0)
    for found in (equal, better, few, unknown):
        json.dumps(found.to_json(), allow_nan=False)


def test_two_fits_of_one_kind_are_not_told_apart_by_less_than_the_least_gain():
    rng = np.random.default_rng(1)
    times = 1_767_225_600_000_000 + 300_000_000 * np.arange(40 * A_DAY)
    errors = rng.normal(size=len(times)) ** 2
    nearly = compare_errors(times, errors, (1 - LEAST_GAIN / 2) * errors, seed=0)
    assert nearly.high < 0 and nearly.verdict == "kept" and "no better by 1% beyond noise" in nearly.reason
    assert compare_errors(times, errors, (1 - 2 * LEAST_GAIN) * errors, seed=0).verdict == "promoted"


def test_a_better_forecaster_that_alarms_more_often_stays_challenger():
    rng = np.random.default_rng(4)
    times = 1_767_225_600_000_000 + 300_000_000 * np.arange(20 * A_DAY)
    errors, level = rng.normal(size=len(times)) ** 2, rng.random(len(times))

    def decide(champion: float, challenger: float, budget: float = 0.01):
        flags = level < champion, level < challenger
        return compare_errors(times, errors, 0.8 * errors, seed=0, flags=flags, budget=budget)

    loud = decide(0.01, 0.05)
    assert loud.verdict == "kept" and loud.alarms.worse and loud.reason.startswith("better, but alarms more often")
    assert loud.alarms.challenger == pytest.approx(0.05, abs=0.01)
    assert decide(0.05, 0.04).verdict == "promoted", "fewer than the champion"
    assert decide(0.001, 0.009).verdict == "promoted", "within the budget"
    assert decide(0.001, 0.011).verdict == "promoted", "above it by no more than noise"
    assert decide(0.01, 0.05, budget=0.06).verdict == "promoted"
    json.dumps(loud.to_json(), allow_nan=False)


def test_errors_count_alike_over_variables_and_one_spike_decides_nothing():
    rng = np.random.default_rng(3)
    actual = rng.normal(size=(400, 3)).cumsum(axis=0) * [1.0, 1e6, 1e-6]
    champion, challenger = np.roll(actual, 1, axis=0), np.roll(actual, 1, axis=0)
    challenger[:, 0] += 0.5 * (actual - champion)[:, 0]
    champion, challenger, actual = champion[1:], challenger[1:], actual[1:]
    before, after = row_errors(actual, champion, challenger)
    assert np.mean(after) / np.mean(before) == pytest.approx(1 - 0.75 / 3, abs=0.05)
    spiked = actual.copy()
    spiked[200, 1] = 1e15
    one, two = row_errors(spiked, champion, challenger)
    assert (one[200], two[200]) == pytest.approx((before[200], after[200]), abs=FURTHEST**2 / 3)
    np.testing.assert_allclose(np.delete(one, [200]), np.delete(before, [200]), rtol=0.05)
    champion[5], challenger[6] = np.nan, np.nan
    gaps = row_errors(actual, champion, challenger)
    assert np.flatnonzero(np.isnan(gaps[0])).tolist() == np.flatnonzero(np.isnan(gaps[1])).tolist() == [5, 6]
    champion[7, 1:], challenger[7, 1:] = np.nan, 0.0
    assert row_errors(actual, champion, challenger)[1][7] == pytest.approx(
        ((actual - challenger)[7, 0] / usual_change(actual[:, 0])) ** 2
    )
    still = np.full((50, 1), 4.0)
    assert row_errors(still, still, still + 1)[1].tolist() == [1.0] * 50
