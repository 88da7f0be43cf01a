"""The engine by hand: what each function gives, where windows begin, which rows are complete."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from andon.errors import DataError
from andon.features.engine import compute_features, require_rows
from andon.features.spec import FeatureSpec, VariableSpec, window_start
from andon.frames import SignalFrame, signal_frame
from configs.definitions import Function, VariableType

MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
NONE = float("nan")


def line(
    kind: VariableType, readings: list[float | str | None], minutes: list[float] | None = None, name: str = "x"
) -> SignalFrame:
    """Readings of one variable, beside a clock that is always read."""
    at = minutes if minutes is not None else list(range(1, len(readings) + 1))
    dtype = pl.String if kind == "category" else pl.Float64
    rows = {
        "time": pl.Series([START + minute * MINUTE for minute in at], dtype=pl.Datetime("us", "UTC")),
        name: pl.Series(readings, dtype=dtype),
        "clock": pl.Series([float(minute) for minute in at], dtype=pl.Float64),
    }
    return signal_frame("press-07", pl.DataFrame(rows), {name: kind, "clock": "number"}, MINUTE)


def spec_of(
    kind: VariableType, *functions: Function, windows: tuple[int, ...] = (3,), stride: int = 1, categories: str = ""
) -> FeatureSpec:
    variable = VariableSpec("x", kind, tuple(categories.split()))
    return FeatureSpec((variable,), tuple(window * MINUTE for window in windows), functions, stride * MINUTE, MINUTE)


def column(frame: SignalFrame, spec: FeatureSpec, name: str) -> list[float]:
    found = compute_features(frame, spec)
    return [float(value) for value in found.values[:, found.names.index(name)]]


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        ("mean", [4.0, 3.0, 4.0, 7 / 2, 8.0]),
        ("std", [NONE, np.sqrt(2), 2.0, np.sqrt(12.5), np.sqrt(8)]),
        ("min", [4.0, 2.0, 2.0, 1.0, 6.0]),
        ("max", [4.0, 4.0, 6.0, 6.0, 10.0]),
        ("slope", [NONE, -2.0, 1.0, -5 / 1, 4 / 2]),
        ("delta", [0.0, -2.0, 2.0, -5.0, 4.0]),
        ("count", [1 / 3, 2 / 3, 1.0, 2 / 3, 2 / 3]),
    ],
)
def test_functions_of_numbers(function: Function, wanted: list[float]) -> None:
    frames = [
        line("number", [4.0]),
        line("number", [4.0, 2.0]),
        line("number", [4.0, 2.0, 6.0]),
        line("number", [9.0, None, 6.0, 1.0]),
        line("number", [9.0, 6.0, None, 10.0]),
    ]
    spec = spec_of("number", function)
    assert [column(frame, spec, f"x.{function}.3m")[-1] for frame in frames] == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        ("q05", [4.0, 2.1, 2.2, 1.25, NONE]),
        ("q50", [4.0, 3.0, 4.0, 3.5, NONE]),
        ("q95", [4.0, 3.9, 5.8, 5.75, NONE]),
        ("out_of_bounds", [0.0, 0.5, 2 / 3, 1.0, NONE]),
    ],
)
def test_quantiles_and_bounds_are_of_the_readings_there_are(function: Function, wanted: list[float]) -> None:
    frames = [
        line("number", [4.0]),
        line("number", [4.0, 2.0]),
        line("number", [4.0, 2.0, 6.0]),
        line("number", [9.0, None, 6.0, 1.0]),
        line("number", [9.0, None, None, None]),
    ]
    spec = replace(spec_of("number", function), variables=(VariableSpec("x", "number", bounds=(3.0, 4.0)),))
    assert [column(frame, spec, f"x.{function}.3m")[-1] for frame in frames] == pytest.approx(wanted, nan_ok=True)


def test_without_bounds_nothing_is_out_of_them() -> None:
    frame = line("number", [1e300, -1e300, None])
    assert column(frame, spec_of("number", "out_of_bounds"), "x.out_of_bounds.3m") == [0.0, 0.0, 0.0]


def test_quantiles_of_repeated_readings_and_of_both_zeros() -> None:
    frame = line("number", [0.0, -0.0, -0.0, 0.0, 5.0, 5.0])
    found = compute_features(frame, spec_of("number", "q25", "q75", windows=(4,)))
    assert found.values.tolist() == [[0, 0], [0, 0], [0, 0], [0, 0], [0, 1.25], [0, 5]]
    assert not np.signbit(found.values).any()


def test_last_and_since_change_come_once_over_the_longest_window() -> None:
    frame = line("number", [5.0, 5.0, 7.0, None, 7.0, 7.0, None, None, None])
    spec = spec_of("number", "last", "since_change", windows=(2, 4))
    assert compute_features(frame, spec).names == ("x.last", "x.since_change")
    assert column(frame, spec, "x.last") == pytest.approx([5, 5, 7, 7, 7, 7, 7, 7, 7], nan_ok=True)
    # The change at minute 3 is known while minute 2, the reading before it, lies in the window (to minute 5).
    assert column(frame, spec, "x.since_change") == [240, 240, 0, 60, 120, 240, 240, 240, 240]
    gone = line("number", [5.0, 7.0, None, None, None, None])
    assert column(gone, spec, "x.last")[4:] == pytest.approx([7, NONE], nan_ok=True)
    assert column(gone, spec, "x.since_change")[4:] == pytest.approx([240, NONE], nan_ok=True)


def test_functions_of_booleans() -> None:
    frame = line("boolean", [1.0, 0.0, None, 0.0, None, None, None])
    spec = spec_of("boolean", "share", "last", "since_change", "count", "mean")
    assert compute_features(frame, spec).names == ("x.share.3m", "x.count.3m", "x.last", "x.since_change")
    assert column(frame, spec, "x.share.3m") == pytest.approx([1, 0.5, 0.5, 0, 0, 0, NONE], nan_ok=True)
    assert column(frame, spec, "x.last") == pytest.approx([1, 0, 0, 0, 0, 0, NONE], nan_ok=True)
    assert column(frame, spec, "x.since_change") == pytest.approx([180, 0, 60, 180, 180, 180, NONE], nan_ok=True)
    assert column(frame, spec, "x.count.3m") == pytest.approx([1 / 3, 2 / 3, 2 / 3, 2 / 3, 1 / 3, 1 / 3, 0])


def test_functions_of_categories() -> None:
    frame = line("category", ["bun", "pie", None, "tart", "flan", None, None, None])
    spec = spec_of("category", "share", "since_change", "last", categories="bun pie")
    assert compute_features(frame, spec).names == (
        *("x.share.bun.3m", "x.share.pie.3m", "x.share.(other).3m", "x.since_change"),
    )
    assert column(frame, spec, "x.share.bun.3m") == pytest.approx([1, 0.5, 0.5, 0, 0, 0, 0, NONE], nan_ok=True)
    assert column(frame, spec, "x.share.pie.3m") == pytest.approx([0, 0.5, 0.5, 0.5, 0, 0, 0, NONE], nan_ok=True)
    assert column(frame, spec, "x.share.(other).3m") == pytest.approx([0, 0, 0, 0.5, 1, 1, 1, NONE], nan_ok=True)
    # From one category unknown to training to another is a change too.
    assert column(frame, spec, "x.since_change") == pytest.approx([180, 0, 60, 0, 0, 60, 180, NONE], nan_ok=True)


def test_a_category_of_which_nothing_was_read() -> None:
    frame = line("category", [None, None])
    found = compute_features(frame, spec_of("category", "share", "since_change", categories="bun"))
    assert np.isnan(found.values).all()


def test_blocks_close_at_multiples_of_the_stride() -> None:
    # From minute 6 to 10 the window of 10 begins after minute 0, from 11 on after minute 5.
    frame = line("number", [float(value) for value in range(0, 13)], minutes=list(range(0, 13)))
    spec = spec_of("number", "min", "count", windows=(10,), stride=5)
    assert column(frame, spec, "x.min.10m") == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 6, 6]
    assert window_start(spec, START + 10 * MINUTE) == START
    assert window_start(spec, START + 10 * MINUTE + timedelta(microseconds=1)) == START + 5 * MINUTE
    # Readings over those expected since the window began: it cannot count rows.
    assert column(frame, spec, "x.count.10m")[10:] == [1, 1, 1]


def test_a_window_is_time_and_not_rows() -> None:
    frame = line("number", [1.0, 2.0, 3.0, 9.0, 11.0], minutes=[1, 2, 3, 100, 100.5])
    assert column(frame, spec_of("number", "mean"), "x.mean.3m") == [1, 1.5, 2, 9, 10]


def test_one_row_a_stride_is_the_last_of_each_block() -> None:
    frame = line("number", [float(value) for value in range(1, 14)])
    spec = spec_of("number", "mean", windows=(10,), stride=5)
    every, some = compute_features(frame, spec), compute_features(frame, spec, one_per_stride=True)
    rows = [4, 9, 12]
    assert some.times.tolist() == every.times[rows].tolist()
    assert some.values.tobytes() == every.values[rows].tobytes()
    assert some.complete.tolist() == every.complete[rows].tolist()


def test_start_keeps_rows_at_and_after_it() -> None:
    frame = line("number", [1.0, 2.0, 3.0, 4.0])
    found = compute_features(frame, spec_of("number", "mean"), START + 3 * MINUTE)
    assert found.values[:, 0].tolist() == [2.0, 3.0]
    nothing = compute_features(frame, spec_of("number", "mean"), START + 9 * MINUTE)
    assert nothing.values.shape == (0, 1) and nothing.complete.shape == (0,)
    assert compute_features(frame.between(None, START), spec_of("number", "mean")).values.shape == (0, 1)


def test_complete_from_the_first_full_window_on() -> None:
    spec = spec_of("number", "mean", windows=(2, 4))
    assert compute_features(line("number", [1.0] * 6), spec).complete.tolist() == [False] * 3 + [True] * 3
    # A gap is no beginning: the window stays full over it.
    gap = line("number", [1.0] * 6, minutes=[1, 2, 3, 4, 60, 61])
    assert compute_features(gap, spec).complete.tolist() == [False] * 3 + [True] * 3
    coarse = spec_of("number", "mean", windows=(10,), stride=5)
    found = compute_features(line("number", [1.0] * 16), coarse)
    # From minute 6 on the oldest block is that which began with minute 0.
    assert found.complete.tolist() == [False] * 5 + [True] * 11


def test_complete_of_the_newest_rows_of_a_line_that_is_older() -> None:
    spec = spec_of("number", "mean", windows=(4,))
    minutes = [1.0, 2.0, 3.0, 4.0, 60.0, 61.0]
    whole = compute_features(line("number", [1.0] * 6, minutes=minutes), spec)
    newest = line("number", [1.0] * 2, minutes=minutes[4:])
    alone = compute_features(newest, spec)
    told = compute_features(newest, spec, first_reading=START + MINUTE)
    assert whole.complete[4:].tolist() == told.complete.tolist() == [True, True]
    assert alone.complete.tolist() == [False, False]
    assert told.values.tobytes() == whole.values[4:].tobytes()
    require_rows(newest, spec, first_reading=START + MINUTE)


def test_too_few_rows_are_refused_with_how_many_are_needed() -> None:
    spec = spec_of("number", "mean", windows=(2, 30))
    require_rows(line("number", [1.0] * 30), spec)
    with pytest.raises(DataError) as refused:
        require_rows(line("number", [1.0] * 12), spec)
    assert str(refused.value) == (
        "line press-07: has 12 rows in the longest window, 30m, which needs 30; give at least 30 rows, one every 1m"
    )
    with pytest.raises(DataError, match="has no rows, and the longest window needs 30"):
        require_rows(line("number", []), spec)
    dense = line("number", [1.0] * 40, minutes=[minute / 2 + 30 for minute in range(40)])
    with pytest.raises(DataError, match="do not reach back to 2026-01-01T00:20:00Z; give earlier rows too"):
        require_rows(dense, spec)


def test_a_variable_that_is_missing_or_of_another_type_is_refused() -> None:
    with pytest.raises(DataError, match="press-07: x: is missing, the model needs a number"):
        compute_features(line("number", [1.0], name="y"), spec_of("number", "mean"))
    with pytest.raises(DataError, match="press-07: x: is a boolean, the model needs a number"):
        compute_features(line("boolean", [1.0]), spec_of("number", "mean"))


def test_readings_that_overflow_give_nothing_rather_than_infinity() -> None:
    frame = line("number", [1e308, -1e308, 1e308, 1.0])
    spec = spec_of("number", "mean", "std", "min", "max", "slope", "delta")
    found = compute_features(frame, spec)
    assert not np.isinf(found.values).any()
    far = compute_features(line("number", [1e308, -1e308]), spec_of("number", "q05", "q50", "out_of_bounds"))
    assert np.isnan(far.values[1, :2]).all() and far.values[1, 2] == 0
    assert column(frame, spec, "x.max.3m") == [1e308] * 4


def test_constant_readings_have_no_spread() -> None:
    frame = line("number", [0.1] * 50)
    spec = spec_of("number", "std", "slope", "delta", windows=(45,))
    assert compute_features(frame, spec).values[2:].tolist() == [[0.0, 0.0, 0.0]] * 48


def test_numbers_far_from_zero_keep_their_spread() -> None:
    small = np.random.default_rng(0).normal(size=300)
    spec = spec_of("number", "std", "slope", windows=(200,))
    far = compute_features(line("number", list(small + 1e6)), spec).values[250]
    near = compute_features(line("number", list((small + 1e6) - 1e6)), spec).values[250]
    assert far == pytest.approx(near, rel=1e-9)


def test_times_before_1970() -> None:
    early = line("number", [1.0, 2.0, 3.0], minutes=[minute - 60 * 24 * 365 * 60 for minute in (1, 2, 3)])
    assert column(early, spec_of("number", "mean"), "x.mean.3m") == [1, 1.5, 2]
