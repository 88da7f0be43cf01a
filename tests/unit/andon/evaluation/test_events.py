"""Events and alarms, against a plain walk over the rows."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.evaluation.events import find_events, judge_events
from andon.evaluation.thresholds import LEAST_EVENTS, choose_event_threshold, choose_threshold
from andon.frames import TrainingFrame
from configs.definitions import Costs

MINUTE = timedelta(minutes=1)
US = 60_000_000


def rows_of(seed: int, count: int = 200, lines: int = 3) -> tuple[TrainingFrame, np.ndarray]:
    """Rows of some lines with holes, runs of positive ones, and scores of a few levels that tell a little."""
    rng = np.random.default_rng(seed)
    labels, times, groups = [], [], []
    for line in range(lines):
        times.append(np.cumsum(rng.choice([1, 1, 1, 2, 30], count)) * US)
        labels.append((np.convolve(rng.random(count) < 0.03, np.ones(6), "full")[:count] > 0).astype(float))
        groups.append(np.full(count, line))
    label = np.concatenate(labels)
    scores = np.clip(np.round(rng.random(len(label)) * 0.7 + 0.3 * label, 1), 0, 1)
    frame = TrainingFrame(
        np.zeros((len(label), 1)), label, np.concatenate(times), np.concatenate(groups), tuple("abc"[:lines]), ("x",)
    )
    return frame, scores


def plainly(frame, scores, threshold, horizon, quiet, onsets=None):
    """Return (events, foreseen, alarms, true alarms, leads in seconds) by walking row after row."""
    rows = list(zip(frame.groups, frame.times, frame.labels, scores >= threshold, strict=True))
    events = []
    if onsets is None:
        before = None
        for group, time, label, flagged in rows:
            if label == 1:
                same = before and before[2] == 1 and before[0] == group and time - before[1] <= horizon
                if not same:
                    events.append([])
                events[-1].append((time, flagged))
            before = (group, time, label)
        told = [(event[-1][0], event) for event in events]
    else:
        told = []
        for group, moments in enumerate(onsets):
            for onset in moments:
                event = [(t, f) for g, t, _, f in rows if g == group and onset - horizon <= t < onset]
                if event:
                    told.append((onset, event))
    leads = [(onset - min(t for t, f in event if f)) / 1e6 for onset, event in told if any(f for _, f in event)]
    alarms = []
    for group, time, label, flagged in rows:
        if not flagged:
            continue
        standing = alarms[-1] if alarms else None
        near = standing and standing["group"] == group and time - standing["last"] < quiet
        if near and time - standing["raised"] < horizon:
            standing["last"], standing["true"] = time, standing["true"] or label == 1
            continue
        alarms.append({"group": group, "raised": time, "last": time, "true": label == 1})
    return len(told), len(leads), len(alarms), sum(alarm["true"] for alarm in alarms), leads


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 40), st.sampled_from([0.0, 0.3, 0.55, 0.8, 1.1]))
def test_counts_are_those_of_a_plain_walk(seed, horizon, quiet, threshold):
    frame, scores = rows_of(seed)
    found = judge_events(frame.labels, scores, threshold, frame.times, frame.groups, horizon * MINUTE, quiet * MINUTE)
    expected = plainly(frame, scores, threshold, horizon * US, quiet * US)
    assert (found.events, found.foreseen, found.alarms, found.true_alarms) == expected[:4]
    assert found.leads.tolist() == expected[4]


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 40), st.sampled_from([0.0, 0.3, 0.8, 1.1]))
def test_given_onsets_have_the_rows_of_the_horizon_before_them(seed, horizon, threshold):
    frame, scores = rows_of(seed)
    rng = np.random.default_rng(seed)
    onsets = [np.sort(rng.choice(900, 5, replace=False)) * US for _ in range(3)]
    found = judge_events(frame.labels, scores, threshold, frame.times, frame.groups, horizon * MINUTE, onsets=onsets)
    expected = plainly(frame, scores, threshold, horizon * US, horizon * US, onsets)
    assert (found.events, found.foreseen) == expected[:2]
    assert found.leads.tolist() == expected[4]


def test_two_onsets_may_share_a_run_of_rows():
    labels, times, groups = np.ones(10), np.arange(10) * US, np.zeros(10, dtype=np.int64)
    assert len(find_events(labels, times, groups, 5 * MINUTE)) == 1
    found = find_events(labels, times, groups, 5 * MINUTE, onsets=[np.array([6, 10]) * US])
    assert (found.begins.tolist(), found.ends.tolist()) == ([1, 5], [6, 10])
    assert found.highest(np.arange(10.0)).tolist() == [5.0, 9.0]


def test_what_is_never_silent_is_a_false_alarm_each_horizon():
    labels, times, groups = np.zeros(600), np.arange(600) * US, np.zeros(600, dtype=np.int64)
    found = judge_events(labels, np.ones(600), 0.5, times, groups, 30 * MINUTE)
    assert (found.alarms, found.true_alarms) == (20, 0)
    assert found.false_alarms_a_day == pytest.approx(20 / (599 / 1440))
    assert (found.recall, found.precision, found.median_lead) == (None, 0.0, None)


def test_a_hole_in_the_rows_is_not_time_watched():
    times = np.array([0, 10, 20, 5000, 5010]) * US
    found = judge_events(np.zeros(5), np.zeros(5), 0.5, times, np.zeros(5, dtype=np.int64), 30 * MINUTE)
    assert found.days == pytest.approx((10 + 10 + 30 + 10) / 1440)
    assert found.figures() == {"events": 0.0, "alarms": 0.0, "false_alarms_a_day": 0.0}


def test_no_rows_tell_nothing():
    nothing = np.empty(0, dtype=np.int64)
    found = judge_events(np.empty(0), np.empty(0), 0.5, nothing, nothing, MINUTE, onsets=[])
    assert found.figures() == {"events": 0.0, "alarms": 0.0}


def cost_of(frame, scores, threshold, costs, horizon):
    found = judge_events(frame.labels, scores, threshold, frame.times, frame.groups, horizon)
    return costs.missed * (found.events - found.foreseen) + costs.false * (found.alarms - found.true_alarms)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 10_000), st.floats(0.1, 20), st.integers(3, 30))
def test_no_threshold_costs_less(seed, missed, horizon):
    frame, scores = rows_of(seed)
    costs = Costs(missed=missed, false=1.0)
    chosen = choose_event_threshold(frame, scores, costs, None, horizon * MINUTE)
    # There are a dozen levels of score, so that every different threshold is among those tried.
    least = min(
        cost_of(frame, scores, threshold, costs, horizon * MINUTE) for threshold in np.linspace(-0.05, 1.15, 25)
    )
    assert cost_of(frame, scores, chosen, costs, horizon * MINUTE) == pytest.approx(least)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_a_precision_of_alarms_is_reached_where_it_can_be(seed, precision):
    frame, scores = rows_of(seed)

    def reached(threshold: float) -> float:
        found = judge_events(frame.labels, scores, threshold, frame.times, frame.groups, 10 * MINUTE)
        return found.precision or 0.0

    chosen = choose_event_threshold(frame, scores, Costs(), precision, 10 * MINUTE)
    best = max(reached(threshold) for threshold in np.linspace(-0.05, 1.15, 25))
    assert reached(chosen) >= min(precision, best) - 1e-12


def test_few_events_are_weighed_by_rows():
    labels = np.zeros(2000)
    for event in range(LEAST_EVENTS - 1):
        labels[200 * event + 50 : 200 * event + 60] = 1
    scores = np.random.default_rng(0).random(2000) * 0.6 + 0.4 * labels
    frame = TrainingFrame(
        np.zeros((2000, 1)), labels, np.arange(2000) * US, np.zeros(2000, dtype=np.int64), ("a",), ("x",)
    )
    by_rows = choose_threshold(labels, scores, Costs(), None)
    assert choose_event_threshold(frame, scores, Costs(), None, 10 * MINUTE) == by_rows
    labels[1500:1510] = 1
    assert choose_event_threshold(frame, scores, Costs(), None, 10 * MINUTE) != choose_threshold(
        labels, scores, Costs(), None
    )


def test_between_levels_that_cost_the_same_it_takes_the_middle():
    labels = np.tile(np.repeat([0.0, 1.0], [20, 5]), 6)
    scores = np.where(labels == 1, 0.9, np.tile(np.linspace(0.5, 0.1, 25), 6))
    frame = TrainingFrame(
        np.zeros((150, 1)), labels, np.arange(150) * US, np.zeros(150, dtype=np.int64), ("a",), ("x",)
    )
    chosen = choose_event_threshold(frame, scores, Costs(), None, 5 * MINUTE)
    assert scores[labels == 0].max() < chosen < 0.9
