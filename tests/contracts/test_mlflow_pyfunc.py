"""Models as MLflow's own tools load them, from an embedded registry and from a server: the answers of Andon's HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from andon.serving.tokens import digest_of
from andon.stores import open_documents, open_models, open_signals
from configs.serving import ServingPlan, TokenDigest
from serve_deployments.app import create_app
from serve_deployments.scorer import LineScorer
from tests.watched_line import JAM, LINE, NORMAL, TRAINED, define, history, make_rows, publish, rows_of

AT = datetime(2026, 3, 1, tzinfo=UTC)
TOKEN = "open sesame"
ABSENT = ("ray", "tensorflow", "keras", "xgboost", "xgboost_ray", "shap", "serve_deployments", "pipelines", "tune_jobs")
"""As if they were not installed."""

LOAD = """
import json, sys
sys.modules.update(dict.fromkeys(json.loads(sys.argv[3])))
import mlflow
import pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
rows, answers = json.loads(sys.stdin.read()), {}
for name in json.loads(sys.argv[2]):
    model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    typed = pd.DataFrame(rows).assign(time=lambda table: pd.to_datetime(table["time"]))
    given = {"rows": rows, "table": pd.DataFrame(rows), "times": typed}
    answers[name] = {form: model.predict(values) for form, values in given.items()}
    try:
        model.predict(rows[-3:])
    except Exception as error:
        answers[name]["too few"] = str(error)
print(json.dumps(answers))
"""


@pytest.fixture
def score(models_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[dict[str, Any]]], Any]:
    """What the HTTP application answers for rows, over the same registry."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
    signals = open_signals(f"sqlite:///{tmp_path}/signals.db")
    models = open_models(models_url)
    define(documents, at=AT)
    signals.append_signals(history())
    publish(models, tmp_path / "bundles", at=AT)
    plan = ServingPlan(
        documents=f"sqlite:///{tmp_path}/documents.db",
        signals=f"sqlite:///{tmp_path}/signals.db",
        models=models_url,
        tokens=(TokenDigest(name="test", role="score", sha256=digest_of(TOKEN)),),
    )
    scorer = LineScorer(documents, signals, models)
    scorer.refresh()
    client = TestClient(create_app(scorer, plan))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return lambda rows: client.post(f"/v1/lines/{LINE}/score", json={"rows": rows}, headers=headers).json()


def test_mlflow_loads_what_the_server_answers_with(
    models_url: str, score: Callable[[list[dict[str, Any]]], Any], tmp_path: Path
) -> None:
    newest = rows_of(make_rows(TRAINED + 400), TRAINED - 200, None).data
    rows = [{**row, "time": row["time"].isoformat()} for row in newest.to_dicts()]
    names = [f"{JAM.name}~{LINE}", f"{NORMAL.name}~{LINE}"]
    done = subprocess.run(
        [sys.executable, "-c", LOAD, models_url, json.dumps(names), json.dumps(ABSENT)],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        timeout=180,
        cwd=tmp_path,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"},
    )
    assert done.returncode == 0, done.stderr
    loaded, served = json.loads(done.stdout), score(rows)
    answers = {answer["name"]: answer for answer in [*served["alerts"], *served["monitors"]]}
    for name in names:
        answer = answers[name.partition("~")[0]]
        assert isinstance(answer["score"], float)
        assert answer["version"] >= 1
        assert [loaded[name][form] for form in ("rows", "table", "times")] == [answer] * 3
        assert "at least" in loaded[name]["too few"]
    assert "WARNING" not in done.stderr
