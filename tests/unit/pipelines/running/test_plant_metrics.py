"""The plant's metrics: what stands in the stores is what Prometheus is told, and a store that fails is told of."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from andon.records import AlertRecord, AlertState, Anomaly, Feedback, Skip
from andon.services.storing import state_key
from andon.stores import open_documents, open_models, open_signals
from configs.definitions import Line
from pipelines.running.plant_metrics import PlantCollector
from tests.series import TYPES, awkward

AT = datetime(2026, 6, 1, tzinfo=UTC)
MONITOR = {"kind": "Monitor", "name": "normal", "lines": {"family": "presses"}}
HOT = {"kind": "Alert", "name": "hot", "lines": {"names": ["press-1"]}, "type": "threshold", "when": "level > 80"}


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[PlantCollector]:
    """Two lines, of which one has no reading; an alert that stands, an older one; anomalies, skips and a verdict."""
    documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
    signals = open_signals(f"sqlite:///{tmp_path}/signals.db")
    models = open_models(f"sqlite:///{tmp_path}/mlflow.db")
    signals.append_signals(awkward(np.random.default_rng(1), 200, line="press-1"))
    variables = [{"name": name, "type": kind} for name, kind in TYPES.items()]
    lines = [
        Line(kind="Line", name=name, family="presses", sampling="60s", variables=variables).to_json()
        for name in ("press-1", "press-2")
    ]
    documents.put_definitions([*lines, MONITOR, HOT], AT)
    for opened, state in ((AT - timedelta(hours=1), AlertState.FIRING), (AT - timedelta(days=2), AlertState.RESOLVED)):
        documents.open_alert(AlertRecord("press-1", "hot", opened, state, "high", ()))
    documents.add_anomalies([Anomaly("press-1", "normal", "level", AT - timedelta(hours=2), 9.0, 3.0, "medium", 1)])
    documents.add_skips([Skip("press-1", "normal", AT - timedelta(hours=3), "too few rows")])
    collector = PlantCollector(documents, signals, models, tmp_path / "searches", lambda: AT, every=0.0)
    yield collector
    for store in (documents, signals, models):
        store.close()


def told(collector: PlantCollector) -> dict[tuple[str, ...], float]:
    """Return values by name and labels."""
    registry = CollectorRegistry()
    registry.register(collector)
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def test_what_is_in_the_stores_is_told(plant):
    found = told(plant)
    newest = plant.signals.describe_line("press-1").last
    assert found["andon_lines",] == 2
    assert found["andon_lines_without_readings",] == 1
    assert found["andon_line_reading_age_seconds", "press-1"] == (AT - newest).total_seconds()
    assert found["andon_line_sampling_seconds", "press-1"] == 60
    assert found["andon_alerts_open", "hot", "high", "firing"] == 1
    assert found["andon_alerts_opened_1d", "hot", "high"] == 1
    assert found["andon_anomalies_1d", "normal", "medium"] == 1
    assert found["andon_skips_1d", "normal"] == 1
    assert found["andon_models_lacking", "normal"] == 2
    assert found["andon_searches",] == 0
    assert {found["andon_store_up", store] for store in ("documents", "signals", "models")} == {1}


def test_what_was_judged_tells_how_far_the_assistant_is_behind(plant):
    assert ("andon_line_lag_seconds", "press-1") not in told(plant), "it has not judged the line yet"
    newest = plant.signals.describe_line("press-1").last
    judged = int((newest - timedelta(minutes=7)).timestamp() * 1_000_000)
    plant.documents.put_state(state_key("press-1"), {"last": judged})
    assert told(plant)["andon_line_lag_seconds", "press-1"] == pytest.approx(420, abs=1)


def test_verdicts_count_for_a_day(plant):
    (alert,) = plant.documents.list_alerts(states=[AlertState.FIRING])
    for at in (AT - timedelta(days=3), AT - timedelta(minutes=5)):
        plant.documents.add_feedback(Feedback(alert.id, "confirmed", "Ana", at))
    assert told(plant)["andon_feedback_1d", "confirmed"] == 1


def test_a_store_that_fails_is_told_and_the_others_still_answer(plant, tmp_path):
    plant.documents.close()
    broken = PlantCollector(
        open_documents(f"sqlite:///{tmp_path}/broken.db"), plant.signals, plant.models, tmp_path, lambda: AT, every=0.0
    )
    (tmp_path / "broken.db").write_bytes(b"no database at all" * 100)
    found = told(broken)
    assert found["andon_store_up", "documents"] == 0
    assert found["andon_collect_seconds",] > 0


def test_stores_are_pressed_no_more_often_than_told(plant):
    plant.every = 3600.0
    before = told(plant)["andon_alerts_open", "hot", "high", "firing"]
    plant.documents.open_alert(AlertRecord("press-1", "hot", AT, AlertState.FIRING, "high", ()))
    assert told(plant)["andon_alerts_open", "hot", "high", "firing"] == before
    plant.every = 0.0
    assert told(plant)["andon_alerts_open", "hot", "high", "firing"] == before + 1


def test_the_command_answers_prometheus(plant, tmp_path):
    command = [sys.executable, "-m", "pipelines", "metrics", "--port", "0"]
    environment = {"PATH": "/usr/bin:/bin", "ANDON_HOME": str(tmp_path), "HOME": str(tmp_path)}
    root = Path(__file__).parents[4]
    with subprocess.Popen(command, env=environment, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().strip()
            with urllib.request.urlopen(address, timeout=30) as answer:
                text = answer.read().decode()
        finally:
            process.terminate()
        assert process.wait(30) == 0
    families = {family.name for family in text_string_to_metric_families(text)}
    assert {"andon_lines", "andon_alerts_open", "andon_store_up"} <= families


def test_a_taken_port_is_told(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        command = [sys.executable, "-m", "pipelines", "metrics", "--port", str(holder.getsockname()[1])]
        environment = {"PATH": "/usr/bin:/bin", "ANDON_HOME": str(tmp_path), "HOME": str(tmp_path)}
        done = subprocess.run(
            command, env=environment, cwd=Path(__file__).parents[4], capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 2
    assert "cannot be bound: Address already in use; give another --port" in done.stderr
