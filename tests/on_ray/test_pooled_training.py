"""A pooled model whose rows outgrow one worker: searched on some whole lines, fitted on all, served to every line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from andon.models.bundle import AlertBundle, read_bundle
from andon.records import ModelKey
from andon.services.definitions import apply_definitions
from andon.services.watching import champion_of
from andon.stores import open_documents, open_models, open_signals
from configs.definitions import Alert
from configs.settings import Settings, load_settings
from pipelines.terminal import Terminal
from pipelines.training.train import TrainRequest, train_models
from tests.series import awkward

LINES, NEW_LINE = tuple(f"press-{number}" for number in range(1, 6)), "press-9"
DEFINITIONS = "\n---\n".join(
    [f"{{kind: Line, name: {line}, family: presses, variables: [{{name: level}}]}}" for line in (*LINES, NEW_LINE)]
    + [
        """
kind: Alert
name: jam-soon
lines: {family: presses}
type: classifier
target: jam == 1
horizon: 30m
model: pooled
learners: [lightgbm, xgboost]
"""
    ]
)

pytestmark = pytest.mark.ray


def prepared(home: Path) -> Settings:
    settings = load_settings(home=home, workers=2, worker_bytes=1024**2)
    signals = open_signals(settings.signals)
    for number, line in enumerate(LINES):
        signals.append_signals(awkward(np.random.default_rng(number), 1_500, line=line))
    file = home / "definitions.yaml"
    file.write_text(DEFINITIONS)
    apply_definitions([file], open_documents(settings.documents), signals, datetime(2026, 2, 1, tzinfo=UTC))
    return settings


def test_it_is_searched_on_some_lines_and_fitted_on_all(tmp_path: Path) -> None:
    settings = prepared(tmp_path)
    (trained,) = train_models(settings, TrainRequest(trials=2, seed=3, seconds=300.0), Terminal())
    assert trained.error == ""
    assert trained.promoted
    models = open_models(settings.models)
    champion = models.champion(ModelKey("jam-soon", family="presses"))
    assert champion is not None
    bundle = read_bundle(Path(champion.path))
    assert isinstance(bundle, AlertBundle)
    assert {one["learner"] for one in champion.card.comparison} == {"xgboost"}
    metrics = champion.card.metrics
    assert metrics["fitting_workers"] == 2.0
    assert metrics["training_rows"] * len(bundle.features.names) * 8 > settings.worker_bytes
    alert = Alert.model_validate(champion.card.definition)
    assert champion_of(alert, NEW_LINE, models) == (champion.key, champion.version)
