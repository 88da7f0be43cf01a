"""Candidates' features, of changed windows only, are to the bit those of the whole engine on readings so changed."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.explain.moved_features import row_of
from andon.features.engine import compute_features
from andon.features.spec import FeatureSpec, VariableSpec
from andon.frames import SignalFrame, from_microseconds
from tests.series import awkward

MINUTE = timedelta(minutes=1)
FUNCTIONS = ("mean", "std", "min", "max", "last", "slope", "delta", "count", "since_change", "q25", "out_of_bounds")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(40, 400), st.integers(1, 6), st.sampled_from([1, 3, 5]))
def test_changed_windows_have_the_bits_of_the_engine(seed: int, rows: int, candidates: int, stride: int) -> None:
    rng = np.random.default_rng(seed)
    frame = awkward(rng, rows)
    names = [name for name, kind in frame.types.items() if kind == "number"]
    spec = FeatureSpec(
        tuple(VariableSpec(name, "number", (), (-1.0, 1.0)) for name in names),
        (5 * stride * MINUTE, 20 * stride * MINUTE),
        FUNCTIONS,  # type: ignore[arg-type]
        stride * MINUTE,
        MINUTE,
    )
    row = row_of(frame, spec)
    of = rng.integers(len(names), size=candidates)
    series = row.readings[of] + rng.normal(size=(candidates, 1)) * (rng.random(row.readings[of].shape) < 0.5)
    series[rng.random(series.shape) < 0.05] = np.nan
    built = row.changed(np.arange(candidates), of, series, candidates)
    last, begin = from_microseconds(int(frame.times[-1])), len(frame) - len(row.times)
    for place in range(candidates):
        name = names[int(of[place])]
        values = frame.numbers(name).copy()
        values[begin:] = series[place]
        data = frame.data.with_columns(pl.Series(name, values).fill_nan(None))
        changed = SignalFrame(frame.line, data, frame.types, frame.sampling)
        whole = compute_features(changed, spec, last).values[-1]
        assert np.array_equal(built[place], whole, equal_nan=True)
