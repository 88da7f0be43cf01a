"""What serving is measured on: a LightGBM of 200 trees and 60 features, lines of it, and a line with everything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from andon.features.spec import FeatureSpec, VariableSpec
from andon.frames import TIME, SignalFrame, TrainingFrame, signal_frame, to_microseconds
from andon.models.bundle import AlertBundle, write_bundle
from andon.models.classifiers import CLASSIFIERS, FittedClassifier, classifier
from andon.models.monitors.training import fit_monitor
from andon.ports import Models
from andon.records import ModelCard, ModelKey
from andon.stores import open_documents, open_models, open_signals
from configs.definitions import Alert, Line, Monitor, VariableType
from configs.settings import Settings

MINUTE = timedelta(minutes=1)
AT = datetime(2026, 1, 1, tzinfo=UTC)
FEATURES, TREES, ROWS = 60, 200, 4_000
VARIABLES = 20
HORIZON = 30 * MINUTE


def spec(variables: Sequence[str], windows: Sequence[timedelta] = (30 * MINUTE,)) -> FeatureSpec:
    """Five functions of each variable and window."""
    given = tuple(VariableSpec(name, "number") for name in variables)
    return FeatureSpec(given, tuple(windows), ("mean", "std", "min", "max", "slope"), MINUTE, MINUTE)


def sixty() -> FeatureSpec:
    """60 features of 12 variables."""
    return spec([f"v{column:02d}" for column in range(FEATURES // 5)])


def training(features: int = FEATURES, seed: int = 0, rows: int = ROWS) -> TrainingFrame:
    """Rows of which some features and a product of two tell."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, features))
    labels = (values[:, 0] + values[:, 1] * values[:, 2] + rng.normal(size=rows) > 1).astype(float)
    names = tuple(f"f{column}" for column in range(features))
    return TrainingFrame(values, labels, np.arange(rows), np.zeros(rows, np.int64), ("a",), names)


def fitted(learner: str, features: int = FEATURES, seed: int = 0) -> FittedClassifier:
    """Fit a large model: 200 trees, where it has any."""
    params = classifier(learner).cheapest()
    large = {"rounds": TREES, "num_leaves": 31, "trees": TREES, "max_depth": 8, "min_leaf": 5}
    params |= {name: value for name, value in large.items() if name in params}
    return classifier(learner).fit(training(features, seed), params, seed=seed)


def alert(name: str, lines: Sequence[str]) -> Alert:
    """Return the definition of a classifier alert."""
    body = {"kind": "Alert", "name": name, "lines": {"names": list(lines)}, "type": "classifier"}
    return Alert.model_validate(body | {"target": "jam == 1", "horizon": "30m"})


def bundle(model: FittedClassifier, learner: str, key: ModelKey, features: FeatureSpec) -> AlertBundle:
    """Return a model as a bundle."""
    card = ModelCard("classifier", learner, {}, {}, {}, 1, AT, AT, 1)
    body = alert(key.definition, [str(key.line)]).to_json()
    return AlertBundle(key, body, 1, features, learner, model, 0.4, HORIZON, card)


def publish(models: Models, made: AlertBundle, folder: Path) -> int:
    """Publish a bundle, and make it champion; return its version."""
    write_bundle(made, folder)
    version = models.publish(made.key, folder, made.card)
    models.promote(made.key, version, "benchmark", AT)
    return version


def readings(line: str, rows: int, variables: Sequence[str], seed: int = 0) -> SignalFrame:
    """Return correlated readings, a row a minute, the newest now."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(rows, len(variables)))
    values = np.empty_like(steps)
    values[0] = steps[0]
    for row in range(1, rows):
        values[row] = 0.9 * values[row - 1] + 0.4 * steps[row] + 0.05 * np.sin(row / 50)
    newest = to_microseconds(datetime.now(UTC).replace(second=0, microsecond=0))
    times = pl.Series(newest - 60_000_000 * np.arange(rows - 1, -1, -1, dtype=np.int64)).cast(TIME)
    types: dict[str, VariableType] = dict.fromkeys(variables, "number")
    columns = {name: values[:, column] for column, name in enumerate(variables)}
    return signal_frame(line, pl.DataFrame({"time": times, **columns}), types, MINUTE)


def build_lines(settings: Settings, lines: int) -> list[str]:
    """Make a home of lines with one model of 200 trees each; return the models' names."""
    documents, signals, models = _open(settings)
    names = [f"line-{number:03d}" for number in range(lines)]
    documents.put_definitions([alert("jam-soon", names).to_json()], AT)
    made = [fitted("lightgbm", seed=seed) for seed in range(min(lines, 4))]
    variables = [one.name for one in sixty().variables]
    for number, line in enumerate(names):
        signals.append_signals(readings(line, 120, variables, number))
        key = ModelKey("jam-soon", line)
        publish(models, bundle(made[number % len(made)], "lightgbm", key, sixty()), settings.home / "made" / line)
    for store in (documents, signals, models):
        store.close()
    return [f"jam-soon~{line}" for line in names]


def build_full_line(settings: Settings) -> SignalFrame:
    """Make a home of one line with a classifier of each learner and 20 monitors; return its readings."""
    documents, signals, models = _open(settings)
    line, variables = "press-07", [f"v{column:02d}" for column in range(VARIABLES)]
    frame = readings(line, 2_000, variables)
    watching = [
        Monitor.model_validate(
            {
                "kind": "Monitor",
                "name": f"normal-{number:02d}",
                "lines": {"names": [line]},
                "variables": {"include": [variables[(number + step) % VARIABLES] for step in range(3)]},
                "learners": ["linear"],
                "window": 20,
            }
        )
        for number in range(20)
    ]
    alerts = [alert(learner.replace("_", "-"), [line]) for learner in CLASSIFIERS]
    declared = Line.model_validate(
        {"name": line, "sampling": "60s", "variables": [{"name": name} for name in variables]}
    )
    documents.put_definitions([one.to_json() for one in (declared, *watching, *alerts)], AT)
    signals.append_signals(frame)
    features = spec(variables, (30 * MINUTE, 120 * MINUTE))
    for one, learner in zip(alerts, CLASSIFIERS, strict=True):
        model = fitted(learner, len(features.names))
        key = ModelKey(one.name, line)
        publish(models, bundle(model, learner, key, features), settings.home / "made" / one.name)
    for monitor in watching:
        made = fit_monitor(ModelKey(monitor.name, line), monitor, 1, frame)
        folder = settings.home / "made" / monitor.name
        write_bundle(made, folder)
        models.promote(made.key, models.publish(made.key, folder, made.card), "benchmark", AT)
    for store in (documents, signals, models):
        store.close()
    return frame


def _open(settings: Settings):
    settings.home.mkdir(parents=True, exist_ok=True)
    return open_documents(settings.documents), open_signals(settings.signals), open_models(settings.models)
