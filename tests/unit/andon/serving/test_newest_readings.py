"""What is kept of a line's newest rows is, after any writes, what reading them all anew would give."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from andon.errors import DataError
from andon.features.engine import compute_features
from andon.features.spec import feature_spec
from andon.frames import SignalFrame
from andon.services.reading import read_with_context
from andon.serving.readings import NewestReadings
from andon.stores import open_signals
from configs.definitions import Features
from configs.expressions import parse
from tests.series import awkward

SPAN, ROWS = timedelta(minutes=90), 40


@pytest.fixture
def signals(tmp_path):
    store = open_signals(f"sqlite:///{tmp_path}/signals.db")
    yield store
    store.close()


def part(frame: SignalFrame, begin: int, end: int) -> SignalFrame:
    return SignalFrame(frame.line, frame.data[begin:end], frame.types, frame.sampling)


def anew(signals, line: str) -> pl.DataFrame:
    last = signals.describe_line(line).last
    return read_with_context(signals, line, last, None, span=SPAN, rows=ROWS).data


def assert_same(signals, readings: NewestReadings, line: str) -> None:
    kept, expected = readings.newest(line, SPAN, ROWS, None).frame.data, anew(signals, line)
    both = min(len(kept), len(expected))
    assert kept.tail(both).equals(expected.tail(both))
    assert len(kept) > ROWS
    assert kept["time"][0] <= kept["time"][-1] - SPAN


@pytest.mark.parametrize("seed", range(4))
def test_after_any_writes_the_rows_are_those_of_the_store(signals, seed):
    rng = np.random.default_rng(seed)
    frame = awkward(rng, 1200, line="press-07")
    signals.append_signals(part(frame, 0, 500))
    readings, at = NewestReadings(signals), 500
    for _ in range(60):
        what = rng.random()
        if what < 0.6:
            step = int(rng.integers(1, 8))
            signals.append_signals(part(frame, at, at + step))
            at += step
        elif what < 0.8:  # a correction, mostly of an older hour
            row = at - 1 - int(rng.integers(0, 120))
            changed = frame.data[row : row + 1].with_columns(pl.lit(float(rng.normal())).alias("level"))
            signals.append_signals(SignalFrame(frame.line, changed, frame.types, frame.sampling))
        elif what < 0.9:  # a row between two others
            row = at - 2 - int(rng.integers(0, 60))
            late = frame.data[row : row + 1].with_columns(pl.col("time") + timedelta(seconds=3))
            signals.append_signals(SignalFrame(frame.line, late, frame.types, frame.sampling))
        assert_same(signals, readings, frame.line)


def test_nothing_new_is_the_very_same_rows(signals):
    frame = awkward(np.random.default_rng(1), 300, line="press-07")
    signals.append_signals(frame)
    readings = NewestReadings(signals)
    assert readings.newest("press-07", SPAN, ROWS, None) is readings.newest("press-07", SPAN, ROWS, None)


def test_more_is_read_when_a_model_looks_further_back(signals):
    frame = awkward(np.random.default_rng(1), 600, jitter=False, line="press-07")
    signals.append_signals(frame)
    readings = NewestReadings(signals)
    few, more = readings.newest("press-07", timedelta(0), 5, None), readings.newest("press-07", SPAN, 200, None)
    assert len(few) >= 6
    assert len(more) >= 201


def test_a_line_without_readings_is_refused(signals):
    with pytest.raises(DataError, match="has no readings"):
        NewestReadings(signals).newest("nowhere", SPAN, ROWS, None)


def test_features_of_each_new_row_are_those_of_the_batch(signals):
    frame = awkward(np.random.default_rng(9), 700, line="press-07")
    spec = feature_spec(
        Features(
            windows=(timedelta(minutes=10), timedelta(minutes=60)),
            functions=("mean", "std", "min", "max", "slope", "last", "since_change", "count", "q50"),
            stride=timedelta(minutes=5),
        ),
        [frame],
        timedelta(minutes=30),
        None,
        (),
        parse("jam == 1"),
    )
    batch = compute_features(frame, spec)
    signals.append_signals(part(frame, 0, 400))
    readings = NewestReadings(signals)
    for row in range(400, len(frame)):
        signals.append_signals(part(frame, row, row + 1))
        newest = readings.newest(frame.line, spec.longest + spec.stride, 0, None)
        online = compute_features(newest.frame, spec, newest.time)
        assert np.array_equal(online.values[-1], batch.values[row], equal_nan=True), row
