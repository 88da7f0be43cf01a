"""A look at each line is enough to choose features: as from all of its readings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.features.spec import MOST_CATEGORIES, feature_spec
from andon.frames import MICROSECOND, TIME, SignalFrame, from_microseconds, signal_frame
from andon.stores import open_signals
from configs.definitions import Features
from configs.expressions import parse
from configs.periods import Period
from pipelines.aggregations.looking import Seen, frames_as_seen, look_at
from tests.series import START, awkward

HORIZON = timedelta(minutes=30)
TARGET = parse("jam == 1")
CATEGORIES = ["fries", "rösti", "chips", "(other)", *(f"p{index}" for index in range(MOST_CATEGORIES))]


def chosen(frames: list[SignalFrame]):
    return feature_spec(Features(), frames, HORIZON, None, (), TARGET)


def seen_in(frame: SignalFrame) -> Seen:
    read = frozenset(name for name in frame.variables if frame.data[name].null_count() < len(frame))
    counts = {
        name: dict(frame.data[name].drop_nulls().value_counts().iter_rows())
        for name, kind in frame.types.items()
        if kind == "category"
    }
    return Seen(frame.line, frame.types, frame.sampling, read, counts, {})


@st.composite
def lines(draw: st.DrawFn) -> list[SignalFrame]:
    frames = []
    for number in range(draw(st.integers(1, 3))):
        height = draw(st.integers(1, 60))
        products = draw(st.lists(st.sampled_from([None, *CATEGORIES]), min_size=height, max_size=height))
        data = pl.DataFrame(
            {
                "time": pl.Series(range(height), dtype=pl.Int64).cast(TIME),
                "level": pl.Series([draw(st.sampled_from([None, 1.5]))] * height, dtype=pl.Float64),
                "open": pl.Series([draw(st.sampled_from([None, 1.0]))] * height, dtype=pl.Float64),
                "product": pl.Series(products, dtype=pl.String),
                "always": [1.0] * height,
                "jam": [0.0] * height,
            }
        )
        types = {"level": "number", "open": "boolean", "product": "category", "always": "number", "jam": "number"}
        frames.append(signal_frame(f"press-{number}", data, types, timedelta(minutes=1)))
    return frames


@given(lines())
@settings(deadline=None)
def test_what_was_seen_chooses_as_all_readings(frames):
    assert chosen(frames_as_seen([seen_in(frame) for frame in frames])) == chosen(frames)


@pytest.mark.parametrize("rows", [5, 300, 12_000])
def test_a_look_sees_what_the_readings_hold(tmp_path, rows):
    frame = awkward(np.random.default_rng(rows), rows)
    late = frame.data.with_columns(
        level=pl.when(pl.int_range(pl.len()) < rows - 3).then(None).otherwise(pl.col("level"))
    )
    frame = replace(frame, data=late)
    signals = open_signals(f"sqlite:///{tmp_path}/signals.db")
    signals.append_signals(frame)
    end = frame.data["time"][-1] + MICROSECOND
    found = look_at(signals, "press-07", timedelta(minutes=1), Period(start=from_microseconds(START), end=end))
    stored = signals.read_signals("press-07")
    assert (found.read, found.counts) == (seen_in(stored).read, seen_in(stored).counts)
    begun = look_at(
        signals, "press-07", None, Period(start=from_microseconds(START), end=frame.data["time"][rows // 2])
    )
    assert sum(begun.counts["product"].values()) == rows // 2
    assert chosen(frames_as_seen([found])) == chosen([replace(stored, sampling=timedelta(minutes=1))])


def test_readings_that_are_distributed_as_all(tmp_path):
    frame = awkward(np.random.default_rng(1), 20_000)
    signals = open_signals(f"sqlite:///{tmp_path}/signals.db")
    signals.append_signals(frame)
    period = Period(start=from_microseconds(START), end=frame.data["time"][-1] + MICROSECOND)
    every = look_at(signals, "press-07", None, period, thin=1)
    few = look_at(signals, "press-07", None, period, thin=10)
    for name in ("level", "step", "sparse", "jam"):
        wanted = frame.data[name].drop_nulls().to_numpy()
        assert np.array_equal(np.sort(every.values[name]), np.sort(wanted))
        assert len(few.values[name]) == pytest.approx(len(wanted) / 10, rel=0.02)
        spread = wanted.max() - wanted.min()
        for share in (0.01, 0.5, 0.99):
            assert abs(np.quantile(few.values[name], share) - np.quantile(wanted, share)) <= 0.05 * spread
    (small,) = frames_as_seen([every])
    stored = signals.read_signals("press-07")
    for name in ("level", "sparse"):
        assert np.quantile(small.data[name].drop_nulls(), 0.01) == np.quantile(stored.data[name].drop_nulls(), 0.01)
