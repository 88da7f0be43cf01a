"""Conditions on what is expected: any step raises, all steps clear, and what cannot be known is not known."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from andon.errors import ConfigError, DataError
from andon.expressions import evaluate
from andon.frames import SignalFrame
from andon.models.monitors.rollout import roll_out
from andon.scoring.outlooks import outlook_at, will_hold
from configs.expressions import parse
from tests.watched_line import SAMPLING, make_rows, normal_bundle, rows_of

MINUTE = timedelta(minutes=1)
STEPS = MINUTE // SAMPLING
FRAME = make_rows(400, seed=5)
WINDOW = normal_bundle().window
FULL = np.arange(WINDOW - 1, len(FRAME))


def expected(variable: str) -> np.ndarray:
    """What is expected of a variable, (n_full, steps)."""
    return roll_out(normal_bundle(), FRAME, FULL, STEPS)[:, :, normal_bundle().variables.index(variable)]


def test_when_holds_at_any_step_and_clear_at_all() -> None:
    when, clear = will_hold(normal_bundle(), FRAME, 0, MINUTE, parse("oil > 180"), parse("oil < 179"))
    assert np.isnan(when[: WINDOW - 1]).all() and np.isnan(clear[: WINDOW - 1]).all()
    oil = expected("oil")
    np.testing.assert_array_equal(when[FULL], (oil > 180).any(axis=1))
    np.testing.assert_array_equal(clear[FULL], (oil < 179).all(axis=1))
    assert 0 < when[FULL].mean() < 1 and 0 < clear[FULL].mean() < 1


def test_clear_is_the_opposite_where_none_is_given() -> None:
    when, clear = will_hold(normal_bundle(), FRAME, 0, MINUTE, parse("oil > 180"))
    np.testing.assert_array_equal(clear, 1 - when)


def test_variables_that_are_not_forecast_keep_their_last_reading() -> None:
    # Every third reading of the product is missing; it is then the one before.
    holed = pl.when(pl.int_range(pl.len()) % 3 == 2).then(None).otherwise(pl.col("product")).alias("product")
    frame = SignalFrame(FRAME.line, FRAME.data.with_columns(holed), FRAME.types, FRAME.sampling)
    when, _ = will_hold(normal_bundle(), frame, 0, MINUTE, parse("oil > 180 and product == 'fries' and jam == 0"))
    known = frame.data.with_columns(pl.col("product").fill_null(strategy="forward"))
    now = evaluate(parse("product == 'fries' and jam == 0"), SignalFrame(FRAME.line, known, FRAME.types, SAMPLING))
    np.testing.assert_array_equal(when[FULL], (expected("oil") > 180).any(axis=1) & (now[FULL] == 1))
    assert 0 < when[FULL].mean() < 1


def test_what_nobody_read_within_the_window_is_not_known() -> None:
    none = SignalFrame(
        FRAME.line, FRAME.data.with_columns(pl.lit(None, pl.String).alias("product")), FRAME.types, FRAME.sampling
    )
    when, clear = will_hold(normal_bundle(), none, 0, MINUTE, parse("oil > 180 and product == 'fries'"))
    high = (expected("oil") > 180).any(axis=1)
    assert np.isnan(when[FULL][high]).all() and (when[FULL][~high] == 0).all()
    np.testing.assert_array_equal(np.isnan(clear), np.isnan(when))


def test_any_cut_gives_the_same() -> None:
    condition = parse("oil > 180 or product == 'rösti' and vibration > 1.1")
    whole = will_hold(normal_bundle(), FRAME, 0, MINUTE, condition)
    for first in (WINDOW, 100, len(FRAME) - 1):
        part = rows_of(FRAME, first - WINDOW + 1, None)
        found = will_hold(normal_bundle(), part, WINDOW - 1, MINUTE, condition)
        for one, other in zip(found, whole, strict=True):
            np.testing.assert_array_equal(one, other[first:])


def test_an_outlook_tells_what_is_expected_and_when() -> None:
    condition = parse("oil > 180 and product == 'fries'")
    when, _ = will_hold(normal_bundle(), FRAME, 0, MINUTE, condition)
    row = int(np.flatnonzero(when == 1)[0])
    outlook = outlook_at(normal_bundle(), FRAME, row, MINUTE, condition)
    assert outlook is not None
    step = outlook.step
    assert (outlook.holds[:step] != 1).all() and outlook.holds[step] == 1
    told = outlook.to_json()
    assert told["expected"] == {"oil": expected("oil")[row - FULL[0], step], "product": "fries"}
    assert told["expected_at"] == (FRAME.data["time"][row] + (step + 1) * SAMPLING).isoformat()
    never = outlook_at(normal_bundle(), FRAME, row, MINUTE, parse("oil > 999"))
    assert never is not None and never.step == STEPS - 1
    assert outlook_at(normal_bundle(), FRAME, WINDOW - 2, MINUTE, condition) is None


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown variable 'pressure'"):
        will_hold(normal_bundle(), FRAME, 0, MINUTE, parse("pressure > 1"))
    with pytest.raises(ConfigError, match="unknown variable 'pressure'"):
        will_hold(normal_bundle(), FRAME, 0, MINUTE, parse("oil > 1"), parse("pressure > 1"))
    with pytest.raises(DataError, match="forecasts no variable of"):
        will_hold(normal_bundle(), FRAME, 0, MINUTE, parse("jam == 1"))
