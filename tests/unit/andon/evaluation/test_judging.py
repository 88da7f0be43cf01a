"""Splits, metrics and thresholds, against plain recomputation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from andon.evaluation.metrics import average_precision, count_episodes, verdicts
from andon.evaluation.splits import split_rows, training_lines
from andon.evaluation.thresholds import choose_threshold
from andon.frames import TrainingFrame, to_microseconds
from configs.definitions import Costs
from configs.periods import Period

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
some_rows = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=60)


def frame_of(minutes, groups=None, lines=("a",)) -> TrainingFrame:
    times = np.array([to_microseconds(NOON + m * MINUTE) for m in minutes])
    groups = np.zeros(len(times), dtype=np.int64) if groups is None else np.array(groups)
    return TrainingFrame(np.zeros((len(times), 1)), np.zeros(len(times)), times, groups, lines, ("x",))


def minutes_of(frame: TrainingFrame) -> list[int]:
    return [int((t - to_microseconds(NOON)) // 60_000_000) for t in frame.times]


def test_the_last_horizon_before_validation_is_purged():
    train = Period(start=NOON, end=NOON + 10 * MINUTE)
    validation = Period(start=NOON + 10 * MINUTE, end=NOON + 15 * MINUTE)
    training, validating = split_rows(frame_of(range(-2, 20)), train, validation, 3 * MINUTE, pooled=False)
    assert minutes_of(training) == [0, 1, 2, 3, 4, 5, 6]
    assert minutes_of(validating) == [10, 11, 12, 13, 14]


@pytest.mark.parametrize("horizon", [0, 1, 3, 9, 10, 11])
@pytest.mark.parametrize("gap", [0, 2, 20])
def test_no_label_of_training_looks_past_the_end_of_training(horizon, gap):
    train = Period(start=NOON, end=NOON + 10 * MINUTE)
    validation = Period(start=NOON + (10 + gap) * MINUTE, end=NOON + (15 + gap) * MINUTE)
    training, validating = split_rows(frame_of(range(60)), train, validation, horizon * MINUTE, pooled=False)
    assert minutes_of(training) == list(range(max(0, 10 - horizon)))
    assert minutes_of(validating) == list(range(10 + gap, 15 + gap))


def test_validation_may_stand_before_training():
    train = Period(start=NOON + 10 * MINUTE, end=NOON + 20 * MINUTE)
    validation = Period(start=NOON, end=NOON + 10 * MINUTE)
    training, validating = split_rows(frame_of(range(30)), train, validation, 3 * MINUTE, pooled=False)
    assert (minutes_of(training), minutes_of(validating)) == (list(range(10, 20)), list(range(10)))


def test_nothing_given_keeps_the_last_fifth():
    training, validating = split_rows(frame_of(range(101)), None, None, 5 * MINUTE, pooled=False)
    assert (minutes_of(training)[-1], minutes_of(validating)[0]) == (75, 81)


def test_only_train_given_reads_nothing_outside():
    train = Period(start=NOON, end=NOON + 50 * MINUTE)
    training, validating = split_rows(frame_of(range(100)), train, None, 0 * MINUTE, pooled=False)
    assert minutes_of(training) == list(range(40))
    assert minutes_of(validating) == list(range(40, 50))


def test_pooled_lines_stay_whole():
    lines = tuple(f"unit-{i}" for i in (1, 10, 2, 3, 4))
    frame = frame_of(range(10), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4], lines)
    training, validating = split_rows(frame, None, None, MINUTE, pooled=True)
    assert {lines[g] for g in validating.groups} == {"unit-10"}
    assert {lines[g] for g in training.groups} == {"unit-1", "unit-2", "unit-3", "unit-4"}


def test_one_line_of_two_validates():
    assert training_lines(["b", "a"]) == ["a"]


@settings(deadline=None, derandomize=True)
@given(some_rows)
def test_average_precision_is_scikit_learns(rows):
    labels, scores = np.array([float(a) for a, _ in rows]), np.array([b / 12 for _, b in rows])
    expected = average_precision_score(labels, scores) if labels.any() else 0.0
    assert average_precision(labels, scores) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, derandomize=True)
@given(some_rows, st.floats(0.1, 20), st.floats(0.1, 20))
def test_no_threshold_costs_less(rows, missed, false):
    labels, scores = np.array([float(a) for a, _ in rows]), np.array([b / 12 for _, b in rows])
    if not labels.any():
        return

    def cost(threshold: float) -> float:
        flags = scores >= threshold
        return missed * float(np.sum((labels == 1) & ~flags)) + false * float(np.sum((labels == 0) & flags))

    chosen = choose_threshold(labels, scores, Costs(missed=missed, false=false), None)
    assert cost(chosen) <= min(cost(t) for t in np.linspace(-0.1, 1.1, 200)) + 1e-9


@settings(deadline=None, derandomize=True)
@given(some_rows, st.floats(0.05, 0.95))
def test_a_precision_is_reached_where_it_can_be(rows, precision):
    labels, scores = np.array([float(a) for a, _ in rows]), np.array([b / 12 for _, b in rows])
    if not labels.any():
        return

    def reached(threshold: float) -> float:
        flags = scores >= threshold
        return float(labels[flags].mean()) if flags.any() else 0.0

    best = max(reached(t) for t in np.unique(scores))
    chosen = choose_threshold(labels, scores, Costs(), precision)
    assert reached(chosen) >= min(precision, best) - 1e-12


def test_without_an_event_nearly_nothing_is_flagged():
    scores = np.linspace(0, 1, 1001)
    assert np.mean(scores >= choose_threshold(np.zeros(1001), scores, Costs(), None)) <= 0.011


def test_counts_and_episodes():
    truth, flags = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    found = verdicts(truth, flags)
    assert (found.f1, found.false_alarm_rate, found.missed_alarm_rate) == (0.5, 0.5, 0.5)
    times = frame_of([0, 1, 10, 11, 40]).times
    assert count_episodes(times, np.array([1, 1, 1, 0, 1], bool), 10 * MINUTE) == 2
