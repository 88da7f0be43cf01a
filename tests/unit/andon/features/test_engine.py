"""The engine against plain recomputation, and the same figures in batch and online."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from andon.errors import ConfigError, DataError
from andon.features.engine import compute_features, require_rows
from andon.features.spec import FeatureSpec, VariableSpec, feature_spec, resolve_features
from andon.frames import MICROSECOND, TIME, signal_frame, to_microseconds
from configs.definitions import Features
from configs.expressions import parse
from tests.series import START, awkward

MINUTE = timedelta(minutes=1)
FUNCTIONS = ("mean", "std", "min", "max", "last", "slope", "delta", "count", "share", "since_change")
WINDOWS = (5 * MINUTE, 30 * MINUTE, 120 * MINUTE)


def spec_of(frame, windows=WINDOWS, stride=MINUTE):
    return feature_spec(
        Features(windows=windows, functions=FUNCTIONS, stride=stride), [frame], 30 * MINUTE, None, (), parse("jam == 1")
    )


def plain(frame, spec, row):
    """Recompute one row's features from the rows of each window, in the plainest way."""
    times = frame.times
    stride = spec.stride // MICROSECOND
    end = -((-times[row]) // stride) * stride
    found = {}
    for variable in spec.variables:
        for name, function, index, category in spec.columns(variable):
            window = sorted(spec.windows)[index] // MICROSECOND
            inside = (times > end - window) & (times <= times[row])
            column = frame.data[variable.name].to_list()
            pairs = [(t, column[i]) for i, t in enumerate(times) if inside[i] and column[i] is not None]
            moments, values = [t for t, _ in pairs], [v for _, v in pairs]
            found[name] = _plain(function, moments, values, times[row], window, spec, variable, category)
    return np.array([found[name] for name in spec.names])


def _plain(function, moments, values, now, window, spec, variable, category):
    if function == "count":
        return len(values) / (window / (spec.sampling / MICROSECOND))
    if not values:
        return np.nan
    if function == "share":
        if variable.type == "boolean":
            return np.mean(values)
        known = category in variable.categories
        return np.mean([v == category if known else v not in variable.categories for v in values])
    if function == "since_change":
        changes = [moments[i] for i in range(1, len(values)) if values[i] != values[i - 1]]
        return (now - changes[-1] if changes else max(spec.windows) / MICROSECOND) / 6e7
    if function == "slope":
        if len(values) < 2:
            return np.nan
        minutes = (np.array(moments) - moments[0]) / 6e7
        return np.polyfit(minutes - minutes.mean(), np.array(values) - np.mean(values), 1)[0]
    return {
        "mean": np.mean,
        "std": lambda v: np.std(v, ddof=1) if len(v) > 1 else np.nan,
        "min": min,
        "max": max,
        "last": lambda v: v[-1],
        "delta": lambda v: v[-1] - v[0],
    }[function](values)


@pytest.mark.parametrize("stride", [MINUTE, 5 * MINUTE])
def test_equals_plain_recomputation(stride):
    rng = np.random.default_rng(1)
    frame = awkward(rng, 700)
    spec = spec_of(frame, stride=stride)
    found = compute_features(frame, spec).values
    for row in rng.integers(0, len(frame), 60):
        np.testing.assert_allclose(found[row], plain(frame, spec, row), rtol=1e-9, atol=1e-7, err_msg=str(spec.names))


@pytest.mark.parametrize("stride", [MINUTE, 5 * MINUTE])
def test_online_equals_batch_to_the_last_bit_on_1000_random_rows(stride):
    rng = np.random.default_rng(2)
    frame = awkward(rng, 4000)
    spec = spec_of(frame, stride=stride)
    batch = compute_features(frame, spec)
    for row in rng.choice(len(frame), 1000, replace=False):
        now: datetime = frame.data["time"][int(row)]
        window = frame.between(spec.window_start(now) + MICROSECOND, now + MICROSECOND)
        online = compute_features(window, spec, now)
        assert online.values.shape == (1, len(spec.names))
        assert online.values[0].tobytes() == batch.values[row].tobytes()


def test_a_window_is_full_from_the_same_row_on_however_much_is_given():
    times = pl.Series(START + 60_000_000 * np.arange(1, 200)).cast(TIME)
    frame = signal_frame("a", pl.DataFrame({"time": times, "x": np.arange(199.0)}), {"x": "number"})
    spec = FeatureSpec((VariableSpec("x", "number"),), (30 * MINUTE,), ("mean",), MINUTE, MINUTE)
    complete = compute_features(frame, spec).complete
    assert complete.tolist() == [False] * 29 + [True] * 170
    now = frame.data["time"][100]
    exactly = frame.between(spec.window_start(now) + MICROSECOND, now + MICROSECOND)
    assert len(exactly) == spec.rows_needed == 30
    require_rows(exactly, spec)
    with pytest.raises(DataError, match="29 rows, and the longest window needs 30"):
        require_rows(exactly.between(exactly.data["time"][1], None), spec)


def test_shifting_by_whole_strides_changes_nothing():
    rng = np.random.default_rng(3)
    frame = awkward(rng, 500)
    spec = spec_of(frame, stride=5 * MINUTE)
    shifted = signal_frame(
        frame.line, frame.data.with_columns(pl.col("time") + 7 * 5 * MINUTE), frame.types, frame.sampling
    )
    assert compute_features(frame, spec).values.tobytes() == compute_features(shifted, spec).values.tobytes()


def test_order_of_columns_does_not_matter():
    frame = awkward(np.random.default_rng(4), 300)
    turned = signal_frame(frame.line, frame.data.select("time", *frame.variables[::-1]), frame.types, frame.sampling)
    spec = spec_of(frame)
    assert compute_features(frame, spec).values.tobytes() == compute_features(turned, spec).values.tobytes()


def test_a_large_level_keeps_its_precision():
    values = 1e9 + np.random.default_rng(5).normal(size=400)
    times = pl.Series(START + 60_000_000 * np.arange(400)).cast(TIME)
    frame = signal_frame("a", pl.DataFrame({"time": times, "x": values}), {"x": "number"})
    spec = FeatureSpec((VariableSpec("x", "number"),), (60 * MINUTE,), ("std",), MINUTE, MINUTE)
    found = compute_features(frame, spec).values[-1, 0]
    assert found == pytest.approx(np.std(values[-60:], ddof=1), rel=1e-6)


def test_a_missing_or_retyped_variable_is_refused():
    frame = awkward(np.random.default_rng(6), 100)
    spec = spec_of(frame)
    with pytest.raises(DataError, match="level: is missing"):
        compute_features(frame.select(["step"]), spec)


def test_defaults_follow_sampling_and_horizon():
    resolved = resolve_features(Features(), MINUTE, 30 * MINUTE)
    assert resolved.windows == (5 * MINUTE, 15 * MINUTE, 30 * MINUTE)
    assert resolved.stride == MINUTE
    seconds = resolve_features(Features(), timedelta(seconds=1), timedelta(hours=1))
    assert seconds.stride == 2 * MINUTE
    assert all(window % seconds.stride == timedelta(0) for window in seconds.windows)


def test_windows_that_are_no_multiple_are_refused():
    with pytest.raises(ConfigError, match="7m is not a multiple"):
        resolve_features(Features(windows=(7 * MINUTE,), stride=5 * MINUTE), MINUTE, 30 * MINUTE)


def test_the_target_stays_out_unless_included_by_name():
    frame = awkward(np.random.default_rng(7), 200)
    names = [v.name for v in spec_of(frame).variables]
    assert "jam" not in names
    spec = feature_spec(Features(), [frame], 30 * MINUTE, ("jam", "level"), (), parse("jam == 1"))
    assert [v.name for v in spec.variables] == ["jam", "level"]
    spec = feature_spec(Features(), [frame], 30 * MINUTE, None, ("level",), parse("jam == 1"))
    assert "level" not in [v.name for v in spec.variables]


def test_a_spec_survives_json():
    spec = spec_of(awkward(np.random.default_rng(8), 200))
    assert FeatureSpec.from_json(spec.to_json()) == spec


def test_start_selects_rows_only():
    frame = awkward(np.random.default_rng(9), 300)
    spec = spec_of(frame)
    start = frame.data["time"][200]
    part, whole = compute_features(frame, spec, start), compute_features(frame, spec)
    assert part.times[0] == to_microseconds(start)
    assert part.values.tobytes() == whole.values[200:].tobytes()
