"""Several steps ahead: against a recurrence worked out by hand, and against one-step forecasts made one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from andon.errors import DataError
from andon.frames import SignalFrame
from andon.models.monitors.networks import Network, pack
from andon.models.monitors.rollout import MOST_STEPS, roll_out, steps_within
from andon.models.monitors.windows import Scaling
from andon.scoring import forecast_next
from tests.watched_line import SAMPLING, make_rows, normal_bundle, rows_of

OIL, SPEED, VIBRATION = range(3)


def followed(frame: SignalFrame, steps: int) -> np.ndarray:
    """Forecast one step, append it as a reading, and so on: (steps, v)."""
    bundle, found = normal_bundle(), []
    for _ in range(steps):
        ahead = {one.variable: one.expected for one in forecast_next(bundle, frame)}
        found.append([ahead[name] for name in bundle.variables])
        row = frame.data[-1].with_columns(
            pl.col("time") + SAMPLING, *(pl.lit(value).alias(name) for name, value in ahead.items())
        )
        frame = SignalFrame(frame.line, frame.data.vstack(row), frame.types, frame.sampling)
    return np.array(found)


def test_each_step_takes_those_before_it_for_readings() -> None:
    frame, row = make_rows(200, seed=2), 120
    found = roll_out(normal_bundle(), frame, np.array([row]), 12)[0]
    np.testing.assert_allclose(found, followed(rows_of(frame, 0, row + 1), 12), rtol=1e-9)


def test_the_first_step_is_the_forecast_to_the_last_bit() -> None:
    frame = make_rows(200, seed=2)
    rows = np.arange(normal_bundle().window - 1, len(frame))
    found = roll_out(normal_bundle(), frame, rows, 3)
    for position, row in enumerate(rows.tolist()):
        ahead = [one.expected for one in forecast_next(normal_bundle(), rows_of(frame, 0, row + 1))]
        unread = np.isnan(found[position, 0])
        assert found[position, 0][~unread].tolist() == np.array(ahead)[~unread].tolist()


def test_a_recurrence_that_is_known() -> None:
    # Of each: half of the last reading and a quarter of the one before, in its own unit.
    half = Network(2, False, False, "linear", (np.array([[0.25], [0.5]]),), (np.zeros(1),))
    same = Scaling(np.zeros(3), np.ones(3))
    bundle = replace(normal_bundle(), networks=pack([half] * 3), scaling=same)
    frame = make_rows(20, holes=False)
    (found,) = roll_out(bundle, frame, np.array([19]), 5)
    before, last = frame.data["oil"][18], frame.data["oil"][19]
    for step in range(5):
        before, last = last, 0.25 * before + 0.5 * last
        assert found[step, OIL] == pytest.approx(last, rel=1e-12)


def test_a_part_of_history_gives_the_same_bits_and_rows_to_come_change_nothing() -> None:
    frame, window = make_rows(200, seed=3), normal_bundle().window
    rows = np.arange(window - 1, len(frame))
    whole = roll_out(normal_bundle(), frame, rows, 7)
    for row in (window - 1, 60, 150, len(frame) - 1):
        part = rows_of(frame, row + 1 - window, row + 1)
        np.testing.assert_array_equal(
            roll_out(normal_bundle(), part, np.array([window - 1]), 7)[0], whole[row - window + 1]
        )


def test_what_was_not_read_in_the_window_is_not_expected() -> None:
    frame, window = make_rows(60, holes=False), normal_bundle().window
    gone = pl.when(pl.int_range(pl.len()).is_between(20, 19 + window)).then(None).otherwise(pl.col("oil")).alias("oil")
    holed = SignalFrame(frame.line, frame.data.with_columns(gone), frame.types, frame.sampling)
    rows = np.arange(window - 1, 60)
    found = roll_out(normal_bundle(), holed, rows, 2)
    assert np.flatnonzero(np.isnan(found[:, 0, OIL])).tolist() == [19 + window - rows[0]]
    assert not np.isnan(found[:, :, [SPEED, VIBRATION]]).any()


def test_a_path_without_end_stays_finite() -> None:
    doubled = Network(1, False, False, "linear", (np.array([[1e3]]),), (np.zeros(1),))
    bundle = replace(normal_bundle(), networks=pack([doubled] * 3))
    assert np.isfinite(roll_out(bundle, make_rows(20, holes=False), np.array([19]), 400)).all()


def test_no_rows_give_no_paths() -> None:
    assert roll_out(normal_bundle(), make_rows(20), np.zeros(0, np.int64), 4).shape == (0, 4, 3)


@pytest.mark.parametrize("horizon", [timedelta(seconds=4), SAMPLING * (MOST_STEPS + 1)])
def test_a_horizon_of_no_step_or_far_too_many_is_refused(horizon: timedelta) -> None:
    with pytest.raises(DataError, match="steps of its sampling of 0:00:05"):
        steps_within(normal_bundle(), horizon)


def test_a_horizon_counts_whole_samplings() -> None:
    assert [steps_within(normal_bundle(), timedelta(seconds=s)) for s in (5, 9, 60)] == [1, 1, 12]
