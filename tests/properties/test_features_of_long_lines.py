"""A long line: regular or broken, in one pass, in slices or row by row, its features have the same bits."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.features.engine import compute_features
from andon.features.slices import feature_slices
from andon.features.spec import FeatureSpec, VariableSpec, window_start
from andon.frames import SignalFrame, from_microseconds, signal_frame
from configs.definitions import Function

SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)
FUNCTIONS: tuple[Function, ...] = (
    *("mean", "std", "min", "max", "last", "slope", "delta", "count", "since_change"),
    *("q05", "q50", "q95", "out_of_bounds"),
)
ROWS = 30_000
"""More than the engine takes at a time."""


def spec_of(stride: int, windows: tuple[int, ...], functions: tuple[Function, ...] = FUNCTIONS) -> FeatureSpec:
    variables = (VariableSpec("level", "number", bounds=(-1.0, 2.0)), VariableSpec("speed", "number"))
    lengths = tuple(window * SECOND for window in windows)
    return FeatureSpec(variables, lengths, functions, stride * SECOND, 10 * SECOND)


SPECS = [spec_of(10, (50, 300, 1_200)), spec_of(50, (50, 300, 1_200, 4_800)), spec_of(70, (70, 700))]


def line(broken: bool, rows: int = ROWS) -> SignalFrame:
    rng = np.random.default_rng(2)
    steps = np.full(rows, 10_000_000)
    columns = {"level": rng.normal(size=rows).cumsum() / 100, "speed": rng.choice([1.0, 2.0, -0.0, 0.0], rows)}
    if broken:
        steps[rng.random(rows) < 0.001] = 2_000_000_000
        steps[rng.random(rows) < 0.05] = 3_000_001
        for values in columns.values():
            values[rng.random(rows) < 0.05] = np.nan
        columns["level"][9_000:11_000] = np.nan
    time = pl.Series("time", 1_767_225_600_000_000 + steps.cumsum()).cast(pl.Datetime("us", "UTC"))
    return signal_frame(
        "press-07",
        pl.DataFrame([time, *(pl.Series(name, one) for name, one in columns.items())]),
        {"level": "number", "speed": "number"},
        10 * SECOND,
    )


FRAMES = {broken: line(broken) for broken in (False, True)}


@pytest.mark.parametrize("broken", [False, True], ids=["regular", "broken"])
@pytest.mark.parametrize("spec", SPECS, ids=["one block a reading", "five", "seven"])
def test_any_row_alone_has_the_bits_of_the_whole_line(spec: FeatureSpec, broken: bool) -> None:
    frame = FRAMES[broken]
    whole = compute_features(frame, spec)
    some = compute_features(frame, spec, one_per_stride=True)
    assert some.values.tobytes() == whole.values[np.isin(whole.times, some.times)].tobytes()
    for row in np.random.default_rng(1).choice(len(frame), 300, replace=False):
        time = from_microseconds(int(frame.times[row]))
        alone = compute_features(frame.between(window_start(spec, time), time + MICROSECOND), spec, time)
        assert alone.values[0].tobytes() == whole.values[row].tobytes()


@pytest.mark.parametrize("broken", [False, True], ids=["regular", "broken"])
@pytest.mark.parametrize("spec", SPECS, ids=["one block a reading", "five", "seven"])
def test_functions_do_not_depend_on_which_others_are_asked_for(spec: FeatureSpec, broken: bool) -> None:
    frame = FRAMES[broken].between(None, from_microseconds(int(FRAMES[broken].times[3_000])))
    whole = compute_features(frame, spec)
    for function in FUNCTIONS:
        alone = compute_features(
            frame, FeatureSpec(spec.variables, spec.windows, (function,), spec.stride, spec.sampling)
        )
        columns = [whole.names.index(name) for name in alone.names]
        assert alone.values.tobytes() == np.ascontiguousarray(whole.values[:, columns]).tobytes(), function


def test_a_reading_missing_long_ago_changes_nothing() -> None:
    spec, frame = SPECS[1], FRAMES[False]
    holes = frame.data.with_columns(
        pl.when(pl.int_range(pl.len()) % 97 == 5).then(None).otherwise(pl.col("level")).alias("level")
    )
    # Readings are missing up to row 19,999 and the longest window holds 480.
    data = pl.concat([holes[:20_000], frame.data[20_000:]])
    whole = compute_features(frame, spec)
    less = compute_features(signal_frame("press-07", data, frame.types, frame.sampling), spec)
    assert less.values[20_500:].tobytes() == whole.values[20_500:].tobytes()
    assert less.values[:20_000].tobytes() != whole.values[:20_000].tobytes()


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(
    st.sampled_from(range(len(SPECS))),
    st.booleans(),
    st.booleans(),
    st.integers(0, 40_000),
    st.integers(0, 40_000),
    st.integers(1, 20_000),
)
def test_slices_have_the_bits_of_one_pass(
    which: int, broken: bool, one_per_stride: bool, begin: int, length: int, slice_length: int
) -> None:
    spec, frame = SPECS[which], FRAMES[broken].between(None, from_microseconds(int(FRAMES[broken].times[4_000])))
    start = from_microseconds(int(frame.times[0])) + begin * SECOND
    end = start + length * SECOND
    asked: list[timedelta] = []

    def read(low: datetime, high: datetime) -> SignalFrame:
        asked.append(high - low)
        return frame.between(low, high)

    first = from_microseconds(int(frame.times[0]))
    one = compute_features(frame.between(None, end), spec, start, first_reading=first, one_per_stride=one_per_stride)
    parts = list(
        feature_slices(
            read, spec, start, end, slice_length * SECOND, first_reading=first, one_per_stride=one_per_stride
        )
    )
    assert sum(len(part.times) for part in parts) == len(one.times)
    assert b"".join(part.values.tobytes() for part in parts) == one.values.tobytes()
    assert b"".join(part.times.tobytes() for part in parts) == one.times.tobytes()
    assert b"".join(part.complete.tobytes() for part in parts) == one.complete.tobytes()
    assert all(span <= max(slice_length * SECOND, spec.stride) + spec.longest for span in asked)


def test_slices_find_the_first_reading_themselves() -> None:
    spec, frame = SPECS[1], FRAMES[True]
    start, end = (from_microseconds(int(frame.times[row])) for row in (0, 5_000))
    parts = list(feature_slices(frame.between, spec, start, end, timedelta(hours=1)))
    one = compute_features(frame.between(None, end), spec)
    assert np.concatenate([part.complete for part in parts]).tolist() == one.complete.tolist()
    assert 0 < one.complete.sum() < len(one.times)
