"""What a monitor says at t does not depend on what comes after; what it expects at t, not on t either."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.frames import SignalFrame, signal_frame
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.networks import Network, pack
from andon.models.monitors.training import fit_monitor
from andon.records import ModelKey
from andon.scoring.monitors import forecast_next, score_monitor
from configs.definitions import Monitor

START = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW, ROWS = 8, 160
TRIALS = settings(max_examples=500, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def frame_of(values: np.ndarray) -> SignalFrame:
    times = [START + timedelta(seconds=5 * row) for row in range(len(values))]
    data = pl.DataFrame({"time": times}, schema={"time": pl.Datetime("us", "UTC")}).with_columns(
        *(pl.Series(name, values[:, column]) for column, name in enumerate("abc"))
    )
    return signal_frame("line", data, dict.fromkeys("abc", "number"), timedelta(seconds=5))


@cache
def readings() -> np.ndarray:
    rng = np.random.default_rng(11)
    values = rng.normal(size=(ROWS, 3)).cumsum(axis=0) * 0.3 + rng.normal(size=(ROWS, 3))
    values[rng.random(values.shape) < 0.15] = np.nan
    values[:, 0] = np.nan_to_num(values[:, 0])  # every row is a reading time
    return values


@cache
def bundles() -> tuple[MonitorBundle, MonitorBundle]:
    """A monitor of regressions, and the same with networks of two hidden layers in their place."""
    definition = Monitor(name="m", lines={"names": ["line"]}, window=WINDOW, learners=("linear",))
    params = {"lags": 1.0, "others": 1, "relative": True}
    linear = fit_monitor(ModelKey("m", "line"), definition, 1, frame_of(readings()), [("linear", params)])
    rng = np.random.default_rng(2)
    shapes = [(WINDOW // 2 + 3, 6), (6, 4), (4, 1)]
    networks = [
        Network(
            WINDOW // 2,
            True,
            column == 1,
            ("relu", "tanh", "elu")[column],  # type: ignore[arg-type]
            tuple(rng.normal(size=shape) for shape in shapes),
            tuple(rng.normal(size=shape[1]) for shape in shapes),
        )
        for column in range(3)
    ]
    return linear, replace(linear, networks=pack(networks))


@TRIALS
@given(st.integers(0, ROWS - 1), st.integers(0, 1), st.integers(0, 2**32 - 1), st.floats(0, 1e6))
def test_rows_to_come_change_nothing(row: int, which: int, seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    bundle, values = bundles()[which], readings().copy()
    values[row:] = rng.normal(size=values[row:].shape) * size
    values[row:, 1:][rng.random(values[row:, 1:].shape) < 0.3] = np.nan
    before, after = score_monitor(bundle, frame_of(readings())), score_monitor(bundle, frame_of(values))
    np.testing.assert_array_equal(before.expected[: row + 1], after.expected[: row + 1])
    for field in ("score", "flags", "line_score", "line_flag", "shares"):
        np.testing.assert_array_equal(getattr(before, field)[:row], getattr(after, field)[:row])


@TRIALS
@given(st.integers(0, ROWS - 1), st.integers(0, ROWS), st.integers(0, 1), st.integers(0, 40))
def test_a_part_of_history_gives_the_same_bits(row: int, length: int, which: int, more: int) -> None:
    bundle, frame = bundles()[which], frame_of(readings())
    whole = score_monitor(bundle, frame)
    first, end = max(0, row - bundle.rows_needed - more), min(ROWS, row + 1 + length)
    part = SignalFrame("line", frame.data[first:end], frame.types, frame.sampling)
    scores = score_monitor(bundle, part, start=frame.data["time"][row])
    for field in ("times", "expected", "actual", "score", "flags", "line_score", "line_flag", "shares"):
        np.testing.assert_array_equal(getattr(scores, field), getattr(whole, field)[row:end], err_msg=field)


@TRIALS
@given(st.integers(WINDOW, ROWS - 1), st.integers(0, 1))
def test_a_forecast_is_what_is_expected_once_its_row_has_come(row: int, which: int) -> None:
    bundle, frame = bundles()[which], frame_of(readings())
    whole = score_monitor(bundle, frame)
    forecasts = forecast_next(bundle, SignalFrame("line", frame.data[:row], frame.types, frame.sampling), version=4)
    assert [forecast.variable for forecast in forecasts] == list(bundle.variables)
    for column, forecast in enumerate(forecasts):
        assert forecast.time == frame.data["time"][row]
        assert forecast.expected == whole.expected[row, column]
        actual = whole.actual[row, column]
        if not np.isnan(actual) and abs(whole.score[row, column] / whole.thresholds[column] - 1) > 1e-9:
            assert whole.flags[row, column] == (not forecast.low < actual < forecast.high)
