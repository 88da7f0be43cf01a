"""A line with a threshold, a classifier, a monitor and alerts on what it says, for tests of the assistant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from andon.evaluation.thresholds import choose_threshold
from andon.features.spec import feature_spec
from andon.frames import TIME, SignalFrame, signal_frame
from andon.models.bundle import AlertBundle, write_bundle
from andon.models.classifiers import classifier
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.training import fit_monitor
from andon.models.training import training_rows
from andon.ports import Documents, Models, Signals
from andon.records import ModelCard, ModelKey
from andon.scoring.verdicts import Watch
from configs.definitions import Alert, Line, Monitor, VariableType

LINE = "fryer-1"
SAMPLING = timedelta(seconds=5)
START = datetime(2026, 3, 1, tzinfo=UTC)
TYPES: dict[str, VariableType] = {
    "oil": "number", "speed": "number", "vibration": "number", "jam": "boolean", "product": "category",
}  # fmt: skip
TRAINED = 3_000
"""Rows of history; those after them are for tests to judge."""

DEFINED = Line.model_validate(
    {"name": LINE, "family": "fryers", "sampling": "5s", "variables": [{"name": "oil", "unit": "°C"}]}
)
HOT = Alert.model_validate(
    {
        "name": "oil-too-hot", "lines": {"names": [LINE]}, "type": "threshold", "severity": "high",
        "when": "oil > 182", "for": "15s", "clear": "oil < 180", "keep_firing": "20s",
    }
)  # fmt: skip
JAM = Alert.model_validate(
    {
        "name": "jam-soon", "lines": {"names": [LINE]}, "type": "classifier", "target": "jam == 1", "horizon": "1m",
        "features": {"windows": ["30s", "1m"], "functions": ["mean", "std", "max", "last", "slope"]},
        "learners": ["logistic_regression"],
    }
)  # fmt: skip
NORMAL = Monitor.model_validate(
    {"name": "normal-frying", "lines": {"family": "fryers"}, "window": 8, "learners": ["linear"]}
)
ABNORMAL = Alert.model_validate(
    {"name": "abnormal", "lines": {"family": "fryers"}, "type": "anomaly", "monitor": "normal-frying"}
)
AHEAD = Alert.model_validate(
    {
        "name": "will-run-hot", "lines": {"family": "fryers"}, "type": "forecast", "monitor": "normal-frying",
        "when": "oil > 181 and product == 'fries'", "clear": "oil < 180 or product != 'fries'", "horizon": "1m",
    }
)  # fmt: skip
DEFINITIONS = (DEFINED, HOT, JAM, NORMAL, ABNORMAL, AHEAD)


def make_rows(rows: int, seed: int = 7, *, holes: bool = True) -> SignalFrame:
    """Readings every 5 s: oil that overheats, jams that vibration tells of, spikes; missing cells, rows and gaps."""
    rng = np.random.default_rng(seed)
    oil = 175 + 10 * np.sin(np.arange(rows) / 60) + rng.normal(size=rows)
    speed = 60 + 0.5 * rng.normal(size=rows)
    vibration = 1 + 0.1 * rng.normal(size=rows)
    jam = np.zeros(rows)
    for begin in np.flatnonzero(rng.random(rows) < 0.008):
        vibration[max(0, begin - 10) : begin] += np.linspace(0.1, 1.0, 10)[-min(begin, 10) :][: min(begin, 10)]
        jam[begin : begin + 4] = 1
    spikes = rng.random(rows) < 0.01
    speed[spikes] += rng.choice([-15, 15], spikes.sum())
    data = pl.DataFrame(
        {
            "time": [START + row * SAMPLING for row in range(rows)],
            "oil": oil,
            "speed": speed,
            "vibration": vibration,
            "jam": jam,
            "product": np.repeat(["fries", "rösti"], [rows // 2, rows - rows // 2]).tolist(),
        },
        schema_overrides={"time": TIME},
    )
    if holes:
        for name in ("oil", "speed", "vibration"):
            data = data.with_columns(pl.when(pl.Series(rng.random(rows) >= 0.03)).then(pl.col(name)).alias(name))
        keep = rng.random(rows) >= 0.01
        for begin in np.flatnonzero(rng.random(rows) < 0.003):
            keep[begin : begin + 20] = False
        data = data.filter(pl.Series(keep))
    return signal_frame(LINE, data, TYPES, SAMPLING)


@cache
def history() -> SignalFrame:
    """Return what models are trained on."""
    return make_rows(TRAINED)


@cache
def jam_bundle() -> AlertBundle:
    """Train the classifier."""
    assert JAM.target is not None and JAM.horizon is not None
    spec = feature_spec(JAM.features, [history()], JAM.horizon, JAM.include, JAM.exclude, JAM.target)
    rows = training_rows([history()], spec, JAM.target, JAM.horizon)
    learner = classifier("logistic_regression")
    model = learner.fit(rows, learner.cheapest(), seed=0)
    threshold = choose_threshold(rows.labels, model.predict(rows.values), JAM.costs, JAM.precision)
    card = ModelCard(
        kind="classifier", learner="logistic_regression", params=learner.cheapest(), metrics={},
        definition=JAM.to_json(), definition_version=1, data_start=START, data_end=START + TRAINED * SAMPLING, seed=0,
    )  # fmt: skip
    key = ModelKey(JAM.name, LINE)
    return AlertBundle(key, JAM.to_json(), 1, spec, "logistic_regression", model, threshold, JAM.horizon, card)


@cache
def normal_bundle() -> MonitorBundle:
    """Train the monitor."""
    params = {"lags": 1.0, "others": 1, "relative": True}
    return fit_monitor(ModelKey(NORMAL.name, LINE), NORMAL, 1, history(), [("linear", params)])


def watches() -> tuple[Watch, ...]:
    """Return everything that watches the line."""
    normal = [Watch(one, normal_bundle(), 1) for one in (NORMAL, ABNORMAL, AHEAD)]
    return Watch(HOT), Watch(JAM, jam_bundle(), 1), *normal


def publish(models: Models, folder: Path, *, at: datetime) -> None:
    """Publish both models, and make them champions."""
    for name, bundle in (("jam", jam_bundle()), ("normal", normal_bundle())):
        write_bundle(bundle, folder / name)
        version = models.publish(bundle.key, folder / name, bundle.card)
        models.promote(bundle.key, version, "test", at)


def define(documents: Documents, *, at: datetime) -> None:
    """Store the definitions."""
    documents.put_definitions([one.to_json() for one in DEFINITIONS], at)


def rows_of(frame: SignalFrame, begin: int, end: int | None) -> SignalFrame:
    """Return some rows of a frame."""
    return SignalFrame(frame.line, frame.data[begin:end], frame.types, frame.sampling)


def dump(documents: Documents, signals: Signals) -> dict[str, Any]:
    """Return all that the assistant wrote about the line, but for what only the clock knows."""
    return {
        "forecasts": signals.read_forecasts(LINE).rows(),
        "anomalies": documents.list_anomalies(),
        "alerts": documents.list_alerts(),
        "skips": [one for one in documents.list_skips() if not one.definition.startswith("(")],
    }
