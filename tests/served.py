"""The HTTP application over real stores and really trained models, without Ray, for its tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from fastapi.testclient import TestClient

from andon.features.spec import feature_spec
from andon.frames import SignalFrame
from andon.models.bundle import AlertBundle, write_bundle
from andon.models.classifiers import classifier
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.training import fit_monitor
from andon.models.training import training_rows
from andon.records import ModelCard, ModelKey
from andon.serving.tokens import digest_of
from andon.stores import open_documents, open_models, open_signals
from configs.definitions import Alert, Features, Monitor
from configs.expressions import parse
from configs.serving import ServingPlan, TokenDigest
from serve_deployments.app import create_app
from serve_deployments.scorer import LineScorer
from tests.series import awkward

TOKEN, READER, OPERATOR = "open sesame", "may only look", "may answer"
LINE = "press-07"
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ALERT = Alert.model_validate(
    {
        "kind": "Alert",
        "name": "jam-soon",
        "lines": {"names": [LINE]},
        "type": "classifier",
        "target": "jam == 1",
        "horizon": "30m",
    }
)
UNTRAINED = ALERT.model_copy(update={"name": "untrained"})
MONITOR = Monitor.model_validate(
    {"kind": "Monitor", "name": "normal-running", "lines": {"names": [LINE]}, "learners": ["linear"], "window": 5}
)
EXPECTED = Alert.model_validate(
    {
        "name": "will-rise", "lines": {"names": [LINE]}, "type": "forecast", "monitor": "normal-running",
        "when": "level > -1e9", "horizon": "10m",
    }
)  # fmt: skip
ABNORMAL = Alert.model_validate(
    {"name": "abnormal", "lines": {"names": [LINE]}, "type": "anomaly", "monitor": "normal-running"}
)
LOST = ABNORMAL.model_copy(update={"name": "lost", "monitor": "nobody"})
DECLARED = {"kind": "Line", "name": LINE, "family": "presses", "sampling": "60s", "variables": [{"name": "level"}]}
DEFINED = (ALERT, UNTRAINED, MONITOR, EXPECTED, ABNORMAL, LOST)
SCORE = f"/v1/lines/{LINE}/score"


@dataclass
class Served:
    client: TestClient
    plan: ServingPlan
    scorer: LineScorer
    frame: SignalFrame
    alert: AlertBundle
    monitor: MonitorBundle

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        content = None if body is None else json.dumps(body)
        given = {**self.headers, "Content-Type": "application/json", **headers}
        return self.client.post(path, content=content, headers=given)

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {TOKEN}"}

    def rows(self, count: int) -> list[dict[str, Any]]:
        tail = self.frame.data.tail(count)
        return tail.with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).to_dicts()


def serve(folder: Path) -> Iterator[Served]:
    """Yield the application over stores in a folder."""
    plan = ServingPlan(
        documents=f"sqlite:///{folder}/documents.db",
        signals=f"sqlite:///{folder}/signals.db",
        models=f"sqlite:///{folder}/models.db",
        tokens=(
            TokenDigest(name="all", role="admin", sha256=digest_of(TOKEN)),
            TokenDigest(name="reader", role="score", sha256=digest_of(READER)),
            TokenDigest(name="foreman", role="operate", sha256=digest_of(OPERATOR)),
        ),
        max_rows=1200,
        max_bytes=1_000_000,
    )
    frame = awkward(np.random.default_rng(4), 1500)
    documents, signals, models = open_documents(plan.documents), open_signals(plan.signals), open_models(plan.models)
    documents.put_definitions([DECLARED, *(one.model_dump(mode="json", by_alias=True) for one in DEFINED)], NOON)
    signals.append_signals(frame)
    bundles = (_alert_bundle(frame), fit_monitor(ModelKey(MONITOR.name, LINE), MONITOR, 1, frame))
    for bundle in bundles:
        write_bundle(bundle, folder / bundle.key.definition)
        version = models.publish(bundle.key, folder / bundle.key.definition, bundle.card)
        models.promote(bundle.key, version, "first", NOON)
    scorer = LineScorer(documents, signals, models)
    scorer.refresh()
    with TestClient(create_app(scorer, plan)) as client:
        yield Served(client, plan, scorer, frame, *bundles)
    for store in (documents, signals, models):
        store.close()


def _alert_bundle(frame: SignalFrame) -> AlertBundle:
    target, horizon = parse("jam == 1"), 30 * MINUTE
    features = Features(windows=(10 * MINUTE, 30 * MINUTE), functions=("mean", "std", "last"), stride=MINUTE)
    spec = feature_spec(features, [frame], horizon, None, (), target)
    learner = classifier("logistic_regression")
    return AlertBundle(
        key=ModelKey(ALERT.name, LINE),
        definition=ALERT.model_dump(mode="json", by_alias=True),
        definition_version=1,
        features=spec,
        learner="logistic_regression",
        model=learner.fit(training_rows([frame], spec, target, horizon), learner.cheapest(), seed=1),
        threshold=0.4,
        horizon=horizon,
        card=ModelCard("classifier", "logistic_regression", {}, {}, {}, 1, NOON, NOON, 1),
    )
