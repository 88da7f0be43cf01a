"""Features against a slow reference; bit-equal online and in a batch; and blind to whatever comes after a row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.features.engine import compute_features
from andon.features.spec import OTHER, Feature, FeatureSpec, VariableSpec, window_start
from andon.frames import FeatureFrame, SignalFrame, from_microseconds, signal_frame
from andon.labels import label_rows
from configs.expressions import parse

SECOND = timedelta(seconds=1)
EVERY = (
    *("mean", "std", "min", "max", "last", "slope", "delta", "count", "share", "since_change"),
    *("q05", "q25", "q50", "q75", "q95", "out_of_bounds"),
)
BOUNDS = {"level": (45.0, 55.0), "speed": (0.0, 50.0)}
TYPES = {"jam": "boolean", "level": "number", "product": "category", "speed": "number"}
TARGET = parse("jam == 1")
SHAPES = {
    "one block a reading": (10, 10, (30, 120, 600)),
    "several readings a block": (10, 50, (100, 300, 1500)),
    "a window of one block": (10, 60, (60, 120, 780)),
}
"""Sampling, stride and windows in seconds."""
TRIALS = settings(
    max_examples=500, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def spec_of(shape: str) -> FeatureSpec:
    sampling, stride, windows = SHAPES[shape]
    variables = (
        VariableSpec("jam", "boolean"),
        VariableSpec("level", "number", bounds=BOUNDS["level"]),
        VariableSpec("product", "category", ("bun", "croissant")),
        VariableSpec("speed", "number", bounds=BOUNDS["speed"]),
    )
    return FeatureSpec(
        variables, tuple(window * SECOND for window in windows), EVERY, stride * SECOND, sampling * SECOND
    )


@dataclass(frozen=True)
class Readings:
    """Columns to draw, change and cut, before they become a frame."""

    times: np.ndarray
    level: np.ndarray
    speed: np.ndarray
    jam: np.ndarray
    product: np.ndarray

    def take(self, rows: np.ndarray) -> Readings:
        return Readings(self.times[rows], self.level[rows], self.speed[rows], self.jam[rows], self.product[rows])

    def frame(self, order: tuple[str, ...] = ("jam", "level", "product", "speed")) -> SignalFrame:
        columns = {
            "jam": pl.Series(self.jam, dtype=pl.Float64),
            "level": pl.Series(self.level, dtype=pl.Float64),
            "product": pl.Series(self.product.tolist(), dtype=pl.String),
            "speed": pl.Series(self.speed, dtype=pl.Float64),
        }
        time = pl.Series("time", self.times).cast(pl.Datetime("us", "UTC"))
        data = pl.DataFrame([time, *(columns[name].alias(name) for name in order)])
        return signal_frame("press-07", data, TYPES, 10 * SECOND)


def readings(seed: int, rows: int) -> Readings:
    """An irregular series with gaps, missing values, runs of equal values and a category never seen in training."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([10, 10, 10, 10, 20, 7.3, 300, 2000], rows, p=[0.3, 0.3, 0.2, 0.05, 0.05, 0.08, 0.015, 0.005])
    times = (np.cumsum(steps) * 1_000_000).astype(np.int64) + 1_767_225_600_000_000
    level = 50 + np.cumsum(rng.normal(size=rows))
    speed = np.repeat(rng.choice([40.0, 50.5, -3.0], rows), rng.integers(1, 9, rows))[:rows]
    jam = np.repeat(rng.choice([0.0, 0.0, 1.0], rows), rng.integers(1, 9, rows))[:rows]
    product = np.repeat(rng.choice(["bun", "croissant", "tart", "flan"], rows), rng.integers(1, 30, rows))[:rows]
    product = product.astype(object)
    for column in (level, speed, jam):
        column[rng.random(rows) < 0.1] = np.nan
    level[rows // 3 : rows // 3 + rows // 10] = np.nan
    product[rng.random(rows) < 0.1] = None
    return Readings(times, level, speed, jam, product)


def slow(one: Readings, feature: Feature, row: int, spec: FeatureSpec) -> float:
    """One feature of one row, as the documentation defines it."""
    stride = spec.stride // timedelta(microseconds=1)
    time = one.times[row]
    end = -(-time // stride) * stride
    start = end - feature.window // timedelta(microseconds=1)
    inside = (one.times > start) & (one.times <= time)
    values = getattr(one, feature.variable)[inside]
    times = one.times[inside]
    read = np.array([value is not None and value == value for value in values], dtype=bool)
    values, times = values[read], times[read]
    if feature.function == "count":
        return len(values) / max(1.0, (time - start) / 1e7)
    if not len(values):
        return np.nan
    if feature.function == "share" and feature.category is None:
        return float((values == 1).mean())
    if feature.function == "share":
        others = ~np.isin(values.astype(str), ["bun", "croissant"])
        return float((others if feature.category == OTHER else values == feature.category).mean())
    if feature.function == "last":
        return float(values[-1])
    if feature.function == "since_change":
        changed = np.flatnonzero(values[1:] != values[:-1])
        return (time - times[changed[-1] + 1]) / 1e6 if len(changed) else spec.longest / SECOND
    if feature.function == "delta":
        return float(values[-1] - values[0])
    if feature.function == "out_of_bounds":
        low, high = BOUNDS[feature.variable]
        return float(((values < low) | (values > high)).mean())
    if feature.function.startswith("q"):
        return float(np.quantile(values, int(feature.function[1:]) / 100))
    if feature.function == "std":
        return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
    if feature.function == "slope":
        minutes = (times - times[0]) / 6e7
        minutes = minutes - minutes.mean()
        return float(minutes @ (values - values.mean()) / (minutes @ minutes)) if len(values) > 1 else np.nan
    return float({"mean": np.mean, "min": np.min, "max": np.max}[feature.function](values))


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.tobytes() == other.tobytes()


@pytest.mark.parametrize("shape", SHAPES)
def test_every_feature_is_what_the_documentation_says(shape: str) -> None:
    spec, one = spec_of(shape), readings(seed=3, rows=1_500)
    frame = one.frame()
    found = compute_features(frame, spec)
    one = one.take(np.isin(one.times, frame.times))
    scale = {"jam": 1.0, "product": 1.0, "level": np.nanstd(one.level), "speed": np.nanstd(one.speed)}
    rows = np.random.default_rng(0).choice(len(frame), 200, replace=False)
    for column, feature in enumerate(spec.features):
        for row in rows:
            wanted = slow(one, feature, int(row), spec)
            close = pytest.approx(wanted, abs=1e-9 * scale[feature.variable], rel=0, nan_ok=True)
            assert found.values[row, column] == close, (feature.name, row)
    assert np.isnan(found.values).any() and np.isfinite(found.values).any(axis=0).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_scored_online_has_the_bits_of_a_batch(shape: str) -> None:
    spec, frame = spec_of(shape), readings(seed=5, rows=3_000).frame()
    batch = compute_features(frame, spec)
    training = compute_features(frame, spec, one_per_stride=True)
    first = from_microseconds(int(frame.times[0]))
    for row in np.random.default_rng(1).choice(len(frame), 1_000, replace=False):
        time = from_microseconds(int(frame.times[row]))
        newest = frame.between(window_start(spec, time), time + timedelta(microseconds=1))
        online = compute_features(newest, spec, time, first_reading=first)
        assert same_bits(online.values[0], batch.values[row])
        assert online.complete[0] == batch.complete[row]
    assert same_bits(training.values, batch.values[np.isin(batch.times, training.times)])
    # Both kinds of completeness were seen.
    assert 0 < batch.complete.sum() < len(frame)


@cache
def before_change(shape: str) -> tuple[Readings, FeatureFrame, np.ndarray]:
    one = readings(seed=11, rows=260)
    frame = one.frame()
    return one.take(np.isin(one.times, frame.times)), compute_features(frame, spec_of(shape)), frame.times


@st.composite
def changed_after(draw: st.DrawFn) -> tuple[str, int, Readings]:
    """A shape, a row, and the readings with everything after that row changed at random."""
    shape = draw(st.sampled_from(sorted(SHAPES)))
    one, _, times = before_change(shape)
    row = draw(st.integers(0, len(times) - 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = len(times) - row - 1
    kept = np.concatenate([np.ones(row + 1, dtype=bool), rng.random(rows) > draw(st.sampled_from([0, 0.3, 1]))])
    level, speed, jam, product = one.level.copy(), one.speed.copy(), one.jam.copy(), one.product.copy()
    hit = np.arange(len(times)) > row
    hit &= rng.random(len(times)) < draw(st.sampled_from([0.1, 0.9]))
    level[hit] = rng.choice([np.nan, 0.0, 1e200, -1e9], int(hit.sum()))
    speed[hit] = rng.choice([np.nan, 40.0, 7.0], int(hit.sum()))
    jam[hit] = rng.choice([np.nan, 0.0, 1.0], int(hit.sum()))
    product[hit] = rng.choice(np.array(["bun", "new", None], dtype=object), int(hit.sum()))
    after = Readings(times, level, speed, jam, product).take(kept)
    extra = draw(st.integers(0, 20))
    moments = np.unique(rng.integers(times[row] + 1, times[row] + 3_000_000_000, extra))
    moments = moments[~np.isin(moments, after.times)]
    new = Readings(
        moments,
        rng.normal(size=len(moments)) * 1e6,
        rng.normal(size=len(moments)),
        rng.choice([0.0, 1.0], len(moments)),
        rng.choice(np.array(["bun", "newer"], dtype=object), len(moments)),
    )
    both = Readings(*(np.concatenate([getattr(after, name), getattr(new, name)]) for name in Readings.__annotations__))
    return shape, row, both.take(np.argsort(both.times, kind="stable"))


@TRIALS
@given(changed_after())
def test_no_feature_sees_a_later_row(case: tuple[str, int, Readings]) -> None:
    shape, row, changed = case
    _, before, times = before_change(shape)
    after = compute_features(changed.frame(), spec_of(shape))
    assert np.array_equal(after.times[: row + 1], times[: row + 1])
    assert same_bits(after.values[: row + 1], before.values[: row + 1])
    assert np.array_equal(after.complete[: row + 1], before.complete[: row + 1])


@TRIALS
@given(changed_after(), st.integers(1, 40))
def test_no_label_sees_beyond_its_horizon(case: tuple[str, int, Readings], length: int) -> None:
    shape, row, changed = case
    one, _, times = before_change(shape)
    horizon = length * 10 * SECOND
    before = label_rows(one.frame(), TARGET, horizon)
    frame = changed.frame()
    after = label_rows(frame, TARGET, horizon)
    # Labels whose horizon ends at or before the last row that is unchanged.
    ended = np.flatnonzero(times + length * 10_000_000 <= times[row])
    known = frame.times[~np.isnan(frame.numbers("jam"))]
    for at in ended:
        end = times[at] + length * 10_000_000
        if len(known) and known[-1] >= end and one.times[~np.isnan(one.jam)][-1] >= end:
            assert np.array_equal(before[at], after[at], equal_nan=True)
        else:
            # Whether the data go on decides if a negative is certain, and nothing else.
            assert (before[at] == 1) == (after[at] == 1)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_order_of_columns_changes_nothing(shape: str) -> None:
    one = readings(seed=17, rows=400)
    plain = compute_features(one.frame(), spec_of(shape))
    shuffled = compute_features(one.frame(("speed", "product", "jam", "level")), spec_of(shape))
    assert plain.names == shuffled.names
    assert same_bits(plain.values, shuffled.values)


@TRIALS
@given(st.sampled_from(sorted(SHAPES)), st.integers(-(10**7), 10**7), st.integers(0, 20))
def test_shifted_times_give_the_same_bits(shape: str, strides: int, seed: int) -> None:
    spec, one = spec_of(shape), readings(seed, rows=60)
    shift = strides * (spec.stride // timedelta(microseconds=1))
    plain = compute_features(one.frame(), spec)
    shifted = compute_features(replace(one, times=one.times + shift).frame(), spec)
    assert np.array_equal(plain.times + shift, shifted.times)
    assert same_bits(plain.values, shifted.values)
    assert np.array_equal(plain.complete, shifted.complete)
