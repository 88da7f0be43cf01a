"""Every configuration of a search can be found in MLflow, once, embedded and on a server."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from andon.errors import StoreError
from andon.stores.search_mlflow import TABLE, SearchLog
from tests.searched import Study, Tried

BEGUN = 1_800_000_000.0
TRIED = [
    Tried(2, "lightgbm", {"num_leaves": 31, "rate": 0.1, "layers": [8, 4]}, 0.7, 0.5, BEGUN + 3, source="default"),
    Tried(0, "logistic_regression", {"c": 1.0}, 0.6, 0.1, BEGUN + 1, source="default"),
    Tried(3, "lightgbm", {"num_leaves": 63, "rate": 0.2}, 0.9, 0.2, BEGUN + 4, pruned=True),
    Tried(4, "lightgbm", {"num_leaves": 7, "rate": 0.3}, 0.8, 0.4, BEGUN + 5, source="transfer"),
    Tried(1, "logistic_regression", {"c": 2.0}, None, 0.2, BEGUN + 2, error="did not converge"),
]


@pytest.fixture
def search() -> str:
    return uuid.uuid4().hex[:12]


def runs(url: str, search: str) -> dict[str | None, Any]:
    """Runs of a search by study; the search's own under None."""
    client = _client(url)
    experiment = client.get_experiment_by_name("andon-searches").experiment_id
    found = client.search_runs([experiment], f"tags.`andon.search` = '{search}'")
    by_study = {run.data.tags.get("andon.study"): run for run in found}
    assert len(by_study) == len(found)
    return by_study


def table(url: str, run: Any, folder: Path) -> list[dict[str, Any]]:
    stored = json.loads(Path(_client(url).download_artifacts(run.info.run_id, TABLE, str(folder))).read_text())
    return [dict(zip(stored["columns"], row, strict=True)) for row in stored["data"]]


def _client(url: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(url, url)


def test_every_configuration_is_there_with_its_parameters(
    models_url: str, search: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SearchLog(models_url)
    log.log_study(search, Study("press 07"), TRIED)
    log.close()
    run = runs(models_url, search)["jam-soon~press 07"]
    rows = table(models_url, run, tmp_path)
    assert [row["number"] for row in rows] == [0, 1, 2, 3, 4]
    for row, one in zip(rows, sorted(TRIED, key=lambda one: one.number), strict=True):
        assert (row["definition"], row["line"], row["learner"]) == ("jam-soon", "press 07", one.learner)
        assert (row["average_precision"], row["seconds"], row["error"]) == (one.metric, one.seconds, one.error)
        assert (row["source"], row["pruned"]) == (one.source, one.pruned)
        given = {name: row[f"params.{name}"] for name in one.params}
        assert given == {name: "[8, 4]" if name == "layers" else value for name, value in one.params.items()}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", models_url)
    as_table = _client(models_url).load_table(run.info.experiment_id, TABLE, [run.info.run_id])
    assert as_table["average_precision"].notna().sum() == 4


def test_the_run_shows_the_best_and_how_it_was_found(models_url: str, search: str) -> None:
    log = SearchLog(models_url)
    log.log_study(search, Study("press 07"), TRIED)
    log.close()
    found = runs(models_url, search)
    run = found["jam-soon~press 07"]
    assert run.info.status == found[None].info.status == "FINISHED"
    assert run.data.tags["mlflow.parentRunId"] == found[None].info.run_id
    assert (run.info.start_time, run.info.end_time) == ((BEGUN + 0.9) * 1000, (BEGUN + 5) * 1000)
    assert run.data.params == {"learner": "lightgbm", "num_leaves": "7", "rate": "0.3"}
    history = {
        name: [(one.step, one.value) for one in _client(models_url).get_metric_history(run.info.run_id, name)]
        for name in ("average_precision", "average_precision.tried", "seconds.lightgbm")
    }
    assert history == {
        "average_precision": [(0, 0.6), (1, 0.6), (2, 0.7), (3, 0.7), (4, 0.8)],
        "average_precision.tried": [(0, 0.6), (2, 0.7), (3, 0.9), (4, 0.8)],
        "seconds.lightgbm": [(2, 0.5), (3, 0.2), (4, 0.4)],
    }


def test_a_monitors_best_is_its_smallest_error(models_url: str, search: str) -> None:
    log = SearchLog(models_url)
    log.log_study(search, Study("press 07", {"kind": "Monitor", "name": "normal"}), TRIED)
    log.close()
    run = runs(models_url, search)["normal~press 07"]
    assert run.data.metrics["rmse_to_persistence"] == 0.6
    assert run.data.params == {"learner": "logistic_regression", "c": "1.0"}


def test_logging_twice_leaves_one_run(models_url: str, search: str) -> None:
    log = SearchLog(models_url)
    for _ in range(2):
        log.log_study(search, Study("a"), TRIED)
    log.log_study(search, Study(None, family="presses"), TRIED)
    log.close()
    before = {study: run.info.run_id for study, run in runs(models_url, search).items()}
    again = SearchLog(models_url)
    again.log_study(search, Study("a"), TRIED)
    again.log_study(search, Study("b"), [])
    again.log_study(f"{search}-other", Study("a"), TRIED)
    again.close()
    after = {study: run.info.run_id for study, run in runs(models_url, search).items()}
    assert set(before) == {None, "jam-soon~a", "jam-soon~~presses"}
    assert {study: run for study, run in after.items() if study != "jam-soon~b"} == before
    assert set(runs(models_url, f"{search}-other")) == {None, "jam-soon~a"}


def test_a_run_that_was_killed_while_it_was_written_is_written_again(
    models_url: str, search: str, tmp_path: Path
) -> None:
    log = SearchLog(models_url)
    log.log_study(search, Study("a"), TRIED)
    client, found = _client(models_url), runs(models_url, search)
    tags = {name: found["jam-soon~a"].data.tags[name] for name in ("andon.search", "andon.study")}
    client.create_run(found[None].info.experiment_id, tags={**tags, "andon.study": "jam-soon~b"})
    resumed = SearchLog(models_url)
    resumed.log_study(search, Study("b"), TRIED)
    resumed.close()
    run = runs(models_url, search)["jam-soon~b"]
    assert run.info.status == "FINISHED"
    assert len(table(models_url, run, tmp_path)) == len(TRIED)


def test_a_server_that_is_away_is_an_error(search: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError, match=search):
        SearchLog("http://127.0.0.1:9/").log_study(search, Study("a"), TRIED)
