"""Training on a local Ray: many studies in one search, reproducible, and a failing line alone in its failure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from andon.models.bundle import MonitorBundle, read_bundle
from andon.records import ModelKey
from andon.services.definitions import apply_definitions
from andon.stores import open_documents, open_models, open_signals
from cluster.session import ray_session
from configs.settings import Settings, load_settings
from pipelines.terminal import Terminal
from pipelines.training.train import TrainRequest, train_models
from tests.series import awkward

DEFINITIONS = """
kind: Alert
name: jam-soon
lines: {names: [press-1, press-2, press-3]}
type: classifier
target: jam == 1
horizon: 30m
learners: [logistic_regression, lightgbm]
---
kind: Monitor
name: normal
lines: {names: [press-1, press-2]}
learners: [linear]
"""

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def ray():
    with ray_session(load_settings(workers=2)) as session:
        assert session.workers == 2
        yield


def prepared(home: Path) -> Settings:
    settings = load_settings(home=home, workers=2)
    signals = open_signals(settings.signals)
    for number in (1, 2):
        signals.append_signals(awkward(np.random.default_rng(number), 2500, line=f"press-{number}"))
    quiet = awkward(np.random.default_rng(3), 400, line="press-3").select(["level", "step", "jam"])
    signals.append_signals(quiet.between(None, quiet.data["time"][0] + timedelta(minutes=20)))
    file = home / "definitions.yaml"
    file.write_text(DEFINITIONS)
    apply_definitions([file], open_documents(settings.documents), signals, datetime(2026, 2, 1, tzinfo=UTC))
    return settings


def test_two_lines_train_and_the_third_fails_alone(ray, tmp_path):
    runs = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        settings = prepared(tmp_path / name)
        trained = train_models(settings, TrainRequest(trials=4, seed=5, seconds=300.0), Terminal())
        runs.append({str(one.key): one for one in trained})
        models = open_models(settings.models)
        for line in ("press-1", "press-2"):
            for definition in ("jam-soon", "normal"):
                champion = models.champion(ModelKey(definition, line))
                assert champion is not None and champion.version == 1
                assert len(champion.card.comparison) >= 2
        assert models.champion(ModelKey("jam-soon", "press-3")) is None
    first, second = runs
    assert len(first) == 5
    assert first["jam-soon on press-3"].error
    assert "Traceback" not in first["jam-soon on press-3"].error
    for name, one in first.items():
        if not one.error:
            assert one.promoted
            assert one.summary == second[name].summary, "the same seed and budget in trials give the same winner"


def test_training_again_keeps_the_champion(ray, tmp_path):
    settings = prepared(tmp_path)
    request = TrainRequest(lines=("press-1",), monitors=("normal",), trials=1, seconds=60.0)
    (first,) = train_models(settings, request, Terminal())
    (again,) = train_models(settings, request, Terminal())
    assert (first.promoted, again.promoted, again.version) == (True, False, 2)
    models = open_models(settings.models)
    assert models.pointer(ModelKey("normal", "press-1")) == 1


def test_one_variable_can_be_trained_alone(ray, tmp_path):
    settings = prepared(tmp_path)
    request = TrainRequest(lines=("press-1",), monitors=("normal",), variables=("level",), trials=1, seconds=60.0)
    (trained,) = train_models(settings, request, Terminal())
    champion = open_models(settings.models).champion(trained.key)
    assert champion is not None
    bundle = read_bundle(Path(champion.path))
    assert isinstance(bundle, MonitorBundle)
    assert bundle.variables == ("level",)
