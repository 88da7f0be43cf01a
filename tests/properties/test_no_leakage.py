"""Changing any row after t changes no feature and no score."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.features.engine import compute_features
from andon.features.spec import feature_spec
from andon.frames import SignalFrame, signal_frame
from andon.models.classifiers import CLASSIFIERS, classifier
from andon.models.training import training_rows
from configs.definitions import Features
from configs.expressions import parse
from tests.series import awkward

MINUTE = timedelta(minutes=1)
TARGET = parse("jam == 1")
HORIZON = 10 * MINUTE
FUNCTIONS = ("mean", "std", "min", "max", "last", "slope", "delta", "count", "share", "since_change")
ROWS = 240
BASE = [awkward(np.random.default_rng(seed), ROWS, line=f"press-{seed}") for seed in range(4)]
SPEC = feature_spec(
    Features(windows=(5 * MINUTE, 15 * MINUTE, 60 * MINUTE), functions=FUNCTIONS, stride=5 * MINUTE),
    BASE,
    HORIZON,
    None,
    (),
    TARGET,
)
BEFORE = [compute_features(frame, SPEC) for frame in BASE]
MODELS = {
    name: classifier(name).fit(training_rows(BASE, SPEC, TARGET, HORIZON), classifier(name).cheapest(), seed=1)
    for name in CLASSIFIERS
}
SCORES = {name: [model.predict(features.values) for features in BEFORE] for name, model in MODELS.items()}


def change_after(frame: SignalFrame, row: int, rng: np.random.Generator) -> SignalFrame:
    """Change, delete and insert rows after ``row`` at random."""
    kept = frame.data[: row + 1]
    later = frame.data[row + 1 :]
    later = later.filter(pl.Series(rng.random(later.height) > 0.3, dtype=pl.Boolean))
    noise = pl.Series(rng.normal(size=later.height) * 10.0 ** rng.integers(-3, 12))
    later = later.with_columns(
        level=pl.when(pl.Series(rng.random(later.height) < 0.5, dtype=pl.Boolean)).then(noise).otherwise(None),
        jam=pl.Series(rng.integers(0, 2, later.height).astype(float)),
        product=pl.Series([str(word) for word in rng.choice(["chips", "new", "rösti"], later.height)], dtype=pl.String),
        time=pl.col("time") + pl.duration(microseconds=int(rng.integers(1, 40_000_000))),
    )
    return signal_frame(frame.line, pl.concat([kept, later]), frame.types, frame.sampling)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(base=st.integers(0, 3), row=st.integers(0, ROWS - 2), seed=st.integers(0, 2**32 - 1))
def test_the_future_changes_nothing(base, row, seed):
    row = min(row, len(BASE[base]) - 2)
    changed = change_after(BASE[base], row, np.random.default_rng(seed))
    after = compute_features(changed, SPEC)
    values, before = after.values[: row + 1], BEFORE[base].values[: row + 1]
    assert values.tobytes() == before.tobytes()
    assert (after.complete[: row + 1] == BEFORE[base].complete[: row + 1]).all()
    name = CLASSIFIERS[seed % len(CLASSIFIERS)]
    assert MODELS[name].predict(values).tobytes() == SCORES[name][base][: row + 1].tobytes()
