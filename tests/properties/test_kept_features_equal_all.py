"""Whatever order readings came in, and whatever was kept in between: features equal one computation on all of them."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.features.engine import compute_features
from andon.features.spec import FeatureSpec, VariableSpec
from andon.frames import from_microseconds
from andon.stores import open_signals
from pipelines.aggregations.feature_set import FeatureSet
from pipelines.aggregations.line_features import LineFeatures
from tests.series import awkward

MINUTE, ROWS = timedelta(minutes=1), 500
FRAME = awkward(np.random.default_rng(3), ROWS)


def spec(stride: int) -> FeatureSpec:
    """A sampling of a second makes parts of about two hours."""
    variables = (VariableSpec("level", "number"), VariableSpec("open", "boolean"), VariableSpec("sparse", "number"))
    functions = ("mean", "std", "slope", "min", "last", "since_change", "share", "count", "q50")
    windows = (stride * MINUTE, 4 * stride * MINUTE)
    return FeatureSpec(variables, windows, functions, stride * MINUTE, timedelta(seconds=1))


@st.composite
def steps(draw: st.DrawFn) -> tuple[str, int, int]:
    """Readings of some rows, other values for some, or an update to a row's time (0: to the last there is)."""
    what = draw(st.sampled_from(["append", "change", "update"]))
    begin = draw(st.integers(0, ROWS - 1))
    return what, begin, min(ROWS, begin + draw(st.integers(1, 60 if what == "append" else 5)))


@given(
    st.lists(steps(), min_size=3, max_size=12), st.sampled_from([1, 7, 20, 90]), st.none() | st.integers(0, ROWS // 3)
)
@settings(deadline=None, max_examples=100)
def test_kept_features_equal_one_computation(operations, stride, first):
    with tempfile.TemporaryDirectory() as name:
        signals = open_signals(f"sqlite:///{name}/signals.db")
        signals.append_signals(replace(FRAME, data=FRAME.data[150:400]))
        start = None if first is None else FRAME.data["time"][first]
        made = FeatureSet(spec(stride), start, name)
        for what, begin, stop in [*operations, ("update", 0, 0)]:
            rows = FRAME.data[begin:stop]
            if what == "update":
                end = from_microseconds(int(FRAME.times[begin])) if begin and (first or 0) < begin else None
                line = LineFeatures(made, "press-07", signals, end)
                line.update(line.part_numbers())
                check(line)
                assert line.update(line.part_numbers()) == 0
            elif what == "change":
                signals.append_signals(replace(FRAME, data=rows.with_columns(level=pl.col("level") + 1.0)))
            else:
                signals.append_signals(replace(FRAME, data=rows))
        check(LineFeatures(made, "press-07", signals))
        signals.close()
        assert not list(Path(name).rglob(".*.parquet.*"))


def check(line: LineFeatures) -> None:
    found = list(line.read())
    frame = line.signals.read_signals("press-07", None, line.made.start, line.end)
    full = compute_features(frame, line.made.features, one_per_stride=True)
    width = len(full.names)
    times = np.concatenate([np.zeros(0, np.int64), *(rows.times for rows in found)])
    values = np.concatenate([np.zeros((0, width)), *(rows.values for rows in found)])
    assert np.array_equal(times, full.times[full.complete])
    assert values.tobytes() == full.values[full.complete].tobytes()
