"""Thresholds keep to the stated rate, the line score sees what single variables do not, and blames the right one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from andon.frames import SignalFrame, signal_frame
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.calibration import conformal_threshold, robust_scale, severity_of, smallest_scale
from andon.models.monitors.training import fit_monitor
from andon.records import ModelKey
from andon.scoring.monitors import anomalies_at, score_monitor
from configs.definitions import Monitor
from configs.periods import Period

START = datetime(2026, 1, 1, tzinfo=UTC)


def plant(seed: int, rows: int) -> np.ndarray:
    """Three AR(1) variables with noise on each reading, two of them driven by one source."""
    rng = np.random.default_rng(seed)
    common, values = 0.0, np.zeros((rows, 3))
    state = np.zeros(3)
    for row in range(rows):
        common = 0.6 * common + rng.normal()
        state = 0.8 * state + rng.normal(size=3)
        values[row] = [common + 0.2 * state[0], common + 0.2 * state[1], state[2]]
    return values + rng.normal(size=values.shape) * 0.3


def framed(values: np.ndarray) -> SignalFrame:
    data = pl.DataFrame(
        {"time": [START + timedelta(seconds=row) for row in range(len(values))]},
        schema={"time": pl.Datetime("us", "UTC")},
    ).with_columns(*(pl.Series(f"v{column}", values[:, column]) for column in range(values.shape[1])))
    return signal_frame("plant", data, {f"v{column}": "number" for column in range(values.shape[1])})


def trained(values: np.ndarray, rows: int, rate: float = 0.01) -> MonitorBundle:
    period = Period(start=START, end=START + timedelta(seconds=rows))
    definition = Monitor(name="m", lines={"names": ["plant"]}, train=period, learners=("linear",), rate=rate)
    return fit_monitor(ModelKey("m", "plant"), definition, 1, framed(values))


@pytest.mark.parametrize(("seed", "rows"), [(1, 4_000), (2, 4_000), (3, 20_000)])
def test_the_rate_of_false_alarms_is_what_was_stated(seed: int, rows: int) -> None:
    values = plant(seed, rows + 20_000)
    scores = score_monitor(trained(values, rows), framed(values))
    unseen = slice(rows, None)
    for measured in [*scores.flags[unseen].mean(axis=0), scores.line_flag[unseen].mean()]:
        assert 0.003 <= measured <= 0.02


def test_nothing_outside_the_periods_is_read_for_a_monitor() -> None:
    values = plant(4, 3_000)
    changed = values.copy()
    changed[1_000:] = changed[1_000:] * 50 + 9
    one, other = trained(values, 1_000), trained(changed, 1_000)
    np.testing.assert_array_equal(one.thresholds, other.thresholds)
    np.testing.assert_array_equal(one.networks.weights, other.networks.weights)
    assert one.line.threshold == other.line.threshold
    np.testing.assert_array_equal(one.line.precisions, other.line.precisions)
    assert one.card.data_end == START + timedelta(seconds=999, microseconds=1)


def test_the_line_sees_two_variables_part_that_always_move_together() -> None:
    values = plant(5, 6_000)
    bundle = trained(values, 4_000)
    values[5_000:5_100, 0] += 1.0
    values[5_000:5_100, 1] -= 1.0
    scores = score_monitor(bundle, framed(values))
    assert scores.line_flag[5_000:5_100].mean() > 3 * scores.flags[5_000:5_100].mean()
    rows = np.flatnonzero(scores.line_flag[5_000:5_100]) + 5_000
    blamed = [one.blamed for one in anomalies_at(bundle, scores, "plant", rows.tolist()) if one.variable is None]
    assert np.mean([set(names) <= {"v0", "v1"} for names in blamed]) > 0.95


def test_a_spike_has_a_direction_a_severity_and_one_to_blame() -> None:
    values = plant(6, 2_000)
    bundle = trained(values, 1_500)
    values[1_800, 2] -= 60
    scores = score_monitor(bundle, framed(values))
    whole, part = anomalies_at(bundle, scores, "plant", [1_800], version=3)
    assert (whole.variable, whole.blamed, whole.severity, whole.version) == (None, ("v2",), "critical", 3)
    assert (part.variable, part.direction, part.severity) == ("v2", "low", "critical")
    assert part.actual == values[1_800, 2] and part.expected is not None and part.expected > part.actual
    assert whole.id != part.id


def test_too_few_scores_for_a_quantile_lean_on_their_tail() -> None:
    scores = np.abs(np.random.default_rng(0).normal(size=50))
    assert scores.max() < conformal_threshold(scores, 0.01) < 3 * scores.max()
    assert conformal_threshold(scores, 0.001) > conformal_threshold(scores, 0.01)


@pytest.mark.parametrize("rate", [0.3, 0.1, 0.02])
def test_at_most_the_stated_share_of_held_out_scores_reaches_the_threshold(rate: float) -> None:
    scores = np.round(np.random.default_rng(1).exponential(size=1_000), 1)
    assert np.mean(scores >= conformal_threshold(scores, rate)) <= rate


def test_scales_of_readings_that_hardly_move() -> None:
    readings = np.array([10.0, 10.0, 10.5, 10.0])
    assert smallest_scale(readings) == pytest.approx(0.5 / np.sqrt(12))
    assert robust_scale(np.zeros(100), 0.1) == 0.1
    assert robust_scale(np.r_[np.zeros(99), 1.0], 0.01) == pytest.approx(0.1)
    assert [severity_of(score, 2.0) for score in (2.0, 3.0, 5.0, 8.0)] == ["low", "medium", "high", "critical"]
