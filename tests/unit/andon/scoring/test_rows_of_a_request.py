"""Rows become arrays of what `signal_frame` makes of the same readings, or are refused with their place."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from andon.errors import DataError
from andon.features.engine import compute_features
from andon.features.spec import feature_spec
from andon.frames import signal_frame
from andon.scoring.rows import read_rows
from configs.definitions import Features
from configs.expressions import parse
from tests.series import TYPES, awkward

TIME = "2026-01-01T06:00:00Z"
MINUTE = timedelta(minutes=1)


def rows_of(data: pl.DataFrame) -> list[dict[str, Any]]:
    return [{**row, "time": row["time"].isoformat()} for row in data.to_dicts()]


@pytest.mark.parametrize("seed", range(5))
def test_the_frame_is_that_of_the_same_readings(seed):
    rng = np.random.default_rng(seed)
    frame = awkward(rng, 300)
    data = frame.data.with_columns(pl.when(pl.Series(rng.random(300) < 0.8)).then(pl.col("product")).alias("product"))
    expected = signal_frame("a", data, TYPES, MINUTE)
    sent = [{name: value for name, value in row.items() if value is not None} for row in rows_of(data)]
    for rows in (rows_of(data), sent):
        found = read_rows("a", rows, TYPES, MINUTE).frame()
        assert found.data.equals(expected.data)
        assert (found.types, found.sampling) == (expected.types, expected.sampling)


@pytest.mark.parametrize("seed", range(3))
def test_features_are_those_of_the_frame(seed):
    frame = awkward(np.random.default_rng(seed), 400)
    features = Features(windows=(5 * MINUTE, 60 * MINUTE), stride=5 * MINUTE)
    spec = feature_spec(features, [frame], 30 * MINUTE, None, (), parse("jam == 1"))
    arrays = read_rows("a", rows_of(frame.data), TYPES, frame.sampling)
    for start in (None, frame.data["time"][-1]):
        found, expected = compute_features(arrays, spec, start), compute_features(frame, spec, start)
        assert found.values.tobytes() == expected.values.tobytes()
        assert np.array_equal(found.complete, expected.complete)


@pytest.mark.parametrize(
    "written", ["2026-01-01 06:00:00Z", "-026-01-01T06:00:00Z", "+002026-01-01T06:00Z", "2026-01-01T24:00:00Z"]
)
def test_a_time_is_what_python_reads(written):
    rows = [{"time": written, "level": 1.0}]
    try:
        expected = datetime.fromisoformat(written)
    except ValueError:
        with pytest.raises(DataError, match=r"rows\[0\].time"):
            read_rows("a", rows, TYPES)
    else:
        assert read_rows("a", rows, TYPES).frame().data["time"].to_list() == [expected]


def test_rows_without_a_reading_are_left_out():
    rows = [{"time": "2026-01-01T06:00:00Z", "level": None}, {"time": "2026-01-01T06:01:00+00:00", "level": 1}]
    frame = read_rows("a", rows, TYPES).frame()
    assert frame.data["level"].to_list() == [1.0]
    told = read_rows("a", [{"time": TIME, "up": True}, {"time": "2026-01-01T08:01:00+01:00", "up": 2}], {}).frame()
    assert told.data["up"].to_list() == [1.0, 2.0]
    assert told.data["time"][1].isoformat() == "2026-01-01T07:01:00+00:00"


def test_rows_of_categories_alone():
    rows = [{"time": TIME, "product": "fries"}, {"time": "2026-01-01T06:01:00Z", "product": None}]
    found = read_rows("a", rows, TYPES)
    assert (found.numbers.shape, found.frame().data["product"].to_list()) == ((0, 1), ["fries"])
    with pytest.raises(DataError, match="hold no reading"):
        read_rows("a", [{"time": TIME}], TYPES)


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"level": float("nan")}, r"rows\[1\].level"),
        ({"level": float("inf")}, r"rows\[1\].level"),
        ({"level": 10**400}, r"rows\[1\].level"),
        ({"level": "1"}, r"rows\[1\].level"),
        ({"open": 0.5}, r"rows\[1\].open.*boolean"),
        ({"open": -1}, r"rows\[1\].open.*boolean"),
        ({"product": "\ud83d"}, r"rows\[1\].product"),
        ({"product": 3}, r"rows\[1\].product"),
        ({"time": "2026-01-01T05:00:00Z"}, "do not rise"),
        ({"time": TIME}, "do not rise"),
        ({"time": "2026-13-01"}, r"rows\[1\].time"),
        ({"time": None}, r"rows\[1\].time"),
    ],
)
def test_what_is_wrong_is_named(row, named):
    good = {"level": 1.0, "open": 1, "product": "fries"}
    rows = [{"time": TIME, **good}, {"time": "2026-01-01T06:01:00Z", **good, **row}]
    with pytest.raises(DataError, match=named):
        read_rows("a", rows, TYPES)
