"""A line whose jams come from haste: the faster it runs, the more it shakes, and what shakes long enough jams."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl

from andon.explain.experience import Experience, gather_experience
from andon.explain.recommending import context_needed
from andon.features.spec import feature_spec
from andon.frames import MICROSECOND, TIME, SignalFrame, signal_frame
from andon.models.bundle import AlertBundle
from andon.models.classifiers import classifier
from andon.models.training import training_rows
from andon.records import ModelCard, ModelKey
from configs.definitions import Alert, Line, VariableType

NAME = "press-1"
START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROWS, TRAINED = 12_000, 10_000
TYPES: dict[str, VariableType] = {
    "speed": "number", "width": "number", "shaking": "number", "hall": "number", "jam": "boolean",
    "product": "category",
}  # fmt: skip
LINE = Line.model_validate(
    {
        "name": NAME,
        "sampling": "60s",
        "variables": [
            {"name": "speed", "unit": "1/min", "role": "setting", "actionable": True, "min": 40, "max": 90, "step": 1,
             "move": {"cost": 2}},
            {"name": "width", "unit": "mm", "role": "setting", "min": 10, "max": 30, "step": 1},
            {"name": "shaking", "unit": "mm/s"},
            {"name": "hall", "unit": "°C"},
            {"name": "jam", "type": "boolean"},
            {"name": "product", "type": "category", "role": "recipe"},
        ],
    }
)  # fmt: skip
JAM = Alert.model_validate(
    {
        "name": "jam-soon", "lines": {"names": [NAME]}, "type": "classifier", "target": "jam == 1", "horizon": "20m",
        "features": {"windows": ["5m", "20m"], "functions": ["mean", "std", "max", "last", "slope"]},
        "learners": ["logistic_regression"],
    }
)  # fmt: skip


@cache
def rows() -> SignalFrame:
    """Readings every minute: people set the speed every half hour or so; shaking follows it, jams follow shaking."""
    rng = np.random.default_rng(5)
    speed, width = np.zeros(ROWS), np.zeros(ROWS)
    for values, middle, spread in ((speed, 60, 7), (width, 20, 2)):
        at = 0
        while at < ROWS:
            length = int(rng.integers(15, 60))
            values[at : at + length] = np.clip(np.round(rng.normal(middle, spread)), middle - 20, middle + 20)
            at += length
    shaking = 0.1 * (speed - 40) + 0.2 * rng.normal(size=ROWS)
    load, jam = 0.0, np.zeros(ROWS)
    for row in range(ROWS):
        load = 0.93 * load + 0.07 * shaking[row]
        if rng.random() < 0.06 / (1 + np.exp(-6 * (load - 3.0))):
            jam[row : row + 3] = 1
            load = 0.0
    data = pl.DataFrame(
        {
            "time": [START + row * MINUTE for row in range(ROWS)],
            "speed": speed,
            "width": width,
            "shaking": shaking,
            "hall": 20 + rng.normal(size=ROWS),
            "jam": jam,
            "product": np.repeat(["nuts", "rice"], [ROWS // 2, ROWS - ROWS // 2]).tolist(),
        },
        schema_overrides={"time": TIME},
    )
    return signal_frame(NAME, data, TYPES, MINUTE)


@cache
def bundle(learner: str = "logistic_regression") -> AlertBundle:
    """Train the alert's model on the first rows."""
    assert JAM.target is not None and JAM.horizon is not None
    past = rows().between(None, START + TRAINED * MINUTE)
    spec = feature_spec(JAM.features, [past], JAM.horizon, JAM.include, JAM.exclude, JAM.target)
    training = training_rows([past], spec, JAM.target, JAM.horizon)
    module = classifier(learner)
    model = module.fit(training, module.cheapest(), seed=0)
    card = ModelCard(
        kind="classifier", learner=learner, params=module.cheapest(), metrics={}, definition=JAM.to_json(),
        definition_version=1, data_start=START, data_end=START + TRAINED * MINUTE, seed=0,
    )  # fmt: skip
    scores = model.predict(training.values)
    threshold = float(np.quantile(scores, 0.9))
    return AlertBundle(
        ModelKey(JAM.name, NAME), JAM.to_json(), 1, spec, learner, model, threshold, JAM.horizon, card
    )  # fmt: skip


@cache
def experience() -> Experience:
    """Gather what the first rows teach."""
    assert JAM.target is not None and JAM.horizon is not None
    return gather_experience(rows().between(None, START + TRAINED * MINUTE), LINE, bundle(), JAM.target, JAM.horizon)


def before(moment: datetime) -> SignalFrame:
    """Return the readings that explain the row at a moment."""
    return rows().between(moment - context_needed(bundle()), moment + MICROSECOND)
