"""What `andon.ports.Models` promises, embedded and on a tracking server: its own, or ANDON_TEST_MODELS_URL."""

from __future__ import annotations

import json
import pickle
import random
import shutil
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from andon.errors import ConfigError, StoreError
from andon.ports import Models
from andon.record_json import to_body
from andon.records import Evaluation, ModelCard, ModelKey
from andon.stores import open_models
from andon.stores.mlflow_names import model_name

AT = datetime(2026, 3, 1, 6, 30, 0, 123456, tzinfo=UTC)
CARD = ModelCard(
    kind="classifier",
    learner="lightgbm",
    params={"num_leaves": 31, "learning_rate": 0.1, "class_weight": None, "layers": [8, 4]},
    metrics={"average_precision": 0.91, "rmse.température [°C]/inlet": 1.5, "rmse.a:b": -2.0, "..": 0.0},
    definition={"kind": "Alert", "name": "jam-soon", "lines": {"names": ["press 07"]}},
    definition_version=3,
    data_start=datetime(2026, 1, 1, tzinfo=UTC),
    data_end=AT,
    seed=7,
    comparison=({"learner": "lightgbm", "params": {"a": 1}, "metric": 0.9}, {"learner": "xgboost", "metric": 0.8}),
)


@pytest.fixture(scope="session")
def url(models_url: str) -> str:
    return models_url


@pytest.fixture
def models(url: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Models:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    return open_models(url)


@pytest.fixture
def key() -> ModelKey:
    return ModelKey(f"jam-{uuid.uuid4().hex[:8]}", "press 07.b")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "bundle", "one")


def write_folder(folder: Path, content: str) -> Path:
    (folder / "learner").mkdir(parents=True)
    (folder / "bundle.json").write_text(content)
    (folder / "learner" / "weights.npy").write_bytes(bytes(range(256)))
    return folder


def contents(folder: Path | str) -> dict[str, bytes]:
    root = Path(folder)
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_what_was_never_published_is_not_there(models: Models, key: ModelKey) -> None:
    assert models.pointer(key) is None
    assert models.champion(key) is None
    assert models.get(key, 1) is None
    assert models.history(key) == []
    assert key not in models.list_models()


def test_publishing_counts_versions_and_makes_no_champion(models: Models, key: ModelKey, tmp_path: Path) -> None:
    folders = [write_folder(tmp_path / name, name) for name in ("a", "b")]
    assert [models.publish(key, folder, CARD) for folder in folders] == [1, 2]
    assert models.publish(ModelKey(f"{key.definition}-other", key.line), folders[0], CARD) == 1
    assert models.champion(key) is None
    assert models.pointer(key) is None
    assert [(one.version, one.alias) for one in models.history(key)] == [(1, None), (2, None)]


def test_a_version_comes_back_as_it_was(models: Models, key: ModelKey, bundle: Path) -> None:
    before = contents(bundle)
    version = models.publish(key, bundle, CARD)
    shutil.rmtree(bundle)
    got = models.get(key, version)
    assert got is not None
    assert (got.key, got.version, got.alias, got.card) == (key, version, None, CARD)
    assert contents(got.path) == before
    assert models.history(key) == [got]
    assert models.get(key, version + 1) is None


def test_promotion_moves_the_champion_and_leaves_earlier_folders(
    models: Models, url: str, key: ModelKey, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        models.publish(key, write_folder(tmp_path / name, name), CARD)
    models.promote(key, 1, "first model", AT)
    first = models.champion(key)
    assert first is not None
    assert (first.version, first.alias, models.pointer(key)) == (1, "champion", 1)
    models.promote(key, 2, "better: +0.03 ± 0.01", AT)
    second = models.champion(key)
    assert second is not None
    assert (second.version, models.pointer(key)) == (2, 2)
    assert [contents(one.path)["bundle.json"] for one in (first, second)] == [b"a", b"b"]
    assert [(one.version, one.alias) for one in models.history(key)] == [(1, None), (2, "champion")]
    elsewhere = open_models(url)
    assert (elsewhere.pointer(key), elsewhere.champion(key)) == (2, second)


def test_a_version_that_is_not_there_cannot_be_promoted(models: Models, key: ModelKey, bundle: Path) -> None:
    with pytest.raises(ConfigError, match="no version 1"):
        models.promote(key, 1, "no", AT)
    models.promote(key, models.publish(key, bundle, CARD), "first", AT)
    with pytest.raises(ConfigError, match="no version 2"):
        models.promote(key, 2, "no", AT)
    assert models.pointer(key) == 1


def test_rollback_goes_back_through_every_champion(models: Models, url: str, key: ModelKey, bundle: Path) -> None:
    for _ in range(3):
        models.publish(key, bundle, CARD)
    with pytest.raises(ConfigError, match="no earlier champion"):
        models.rollback(key, "why", AT)
    assert models.champions(key) == []
    for version in (3, 1, 2, 2, 1):
        models.promote(key, version, "tried", AT)
    assert models.champions(key) == [3, 1, 2, 1]
    again = open_models(url)
    assert [again.rollback(key, "worse", AT) for _ in range(3)] == [2, 1, 3]
    assert again.pointer(key) == models.pointer(key) == 3
    assert models.champions(key) == [3]
    with pytest.raises(ConfigError, match="no earlier champion"):
        models.rollback(key, "worse", AT)
    assert models.pointer(key) == 3


def test_a_challenger_stands_beside_the_champion_until_it_wins(
    models: Models, url: str, key: ModelKey, bundle: Path
) -> None:
    for _ in range(3):
        models.publish(key, bundle, CARD)
    assert models.challenger(key) is None
    models.set_challenger(key, 1)
    alone = models.challenger(key)
    assert alone is not None
    assert (alone.version, alone.alias, alone.card) == (1, "challenger", CARD)
    assert (models.champion(key), models.pointer(key)) == (None, None)
    models.promote(key, 1, "first", AT)
    assert models.challenger(key) is None
    models.set_challenger(key, 2)
    models.set_challenger(key, 3)
    for store in (models, open_models(url)):
        assert [(one.version, one.alias) for one in store.history(key)] == [
            (1, "champion"), (2, None), (3, "challenger"),
        ]  # fmt: skip
        assert store.pointer(key) == 1
        assert [getattr(store.get(key, version), "alias", "") for version in (1, 2, 3)] == [
            "champion", None, "challenger",
        ]  # fmt: skip
    models.promote(key, 2, "another wins", AT)
    challenger = models.challenger(key)
    assert challenger is not None
    assert challenger.version == 3
    models.promote(key, 3, "it wins", AT)
    assert models.challenger(key) is None
    assert [(one.version, one.alias) for one in open_models(url).history(key)] == [
        (1, None),
        (2, None),
        (3, "champion"),
    ]


def test_a_challenger_can_be_taken_away(models: Models, key: ModelKey, bundle: Path) -> None:
    models.set_challenger(key, None)
    models.promote(key, models.publish(key, bundle, CARD), "first", AT)
    models.set_challenger(key, models.publish(key, bundle, CARD))
    models.set_challenger(key, None)
    models.set_challenger(key, None)
    assert models.challenger(key) is None
    assert [(one.version, one.alias) for one in models.history(key)] == [(1, "champion"), (2, None)]


def test_a_champion_or_nothing_cannot_be_challenger(models: Models, key: ModelKey, bundle: Path) -> None:
    models.promote(key, models.publish(key, bundle, CARD), "first", AT)
    with pytest.raises(ConfigError, match="version 1 is champion"):
        models.set_challenger(key, 1)
    with pytest.raises(ConfigError, match="no version 2"):
        models.set_challenger(key, 2)
    assert (models.pointer(key), models.challenger(key)) == (1, None)


def test_rolling_back_to_the_challenger_leaves_none(models: Models, key: ModelKey, bundle: Path) -> None:
    for version in (1, 2):
        models.publish(key, bundle, CARD)
        models.promote(key, version, "better", AT)
    models.set_challenger(key, 1)
    assert models.rollback(key, "worse", AT) == 1
    assert (models.pointer(key), models.challenger(key)) == (1, None)


def test_a_search_publishes_once(models: Models, url: str, key: ModelKey, tmp_path: Path) -> None:
    folders = [write_folder(tmp_path / name, name) for name in ("a", "b")]
    card = replace(CARD, search="0a1b/00007")
    assert models.publish(key, folders[0], card) == 1
    assert models.publish(key, folders[0], CARD) == 2
    assert open_models(url).publish(key, folders[1], card) == 1
    assert models.publish(key, folders[1], replace(CARD, search="0a1b/00008")) == 3
    assert models.publish(ModelKey(f"{key.definition}-other", key.line), folders[0], card) == 1
    versions = models.history(key)
    assert [one.card.search for one in versions] == ["0a1b/00007", "", "0a1b/00008"]
    assert contents(versions[0].path)["bundle.json"] == b"a"


def test_a_publication_that_was_killed_is_gone_on_with(models: Models, url: str, key: ModelKey, bundle: Path) -> None:
    from mlflow.tracking import MlflowClient

    card = replace(CARD, search=f"{key.definition}/00007")
    client = MlflowClient(url, url)
    models.publish(key, bundle, CARD)
    experiment = client.get_experiment_by_name("andon").experiment_id
    tags = {"andon.search": card.search, "andon.definition": key.definition, "andon.line": str(key.line)}
    half = client.create_run(experiment, tags=tags).info.run_id  # killed in its middle
    version = models.publish(key, bundle, card)
    assert client.get_run(half).info.status == "KILLED"
    whole = client.get_model_version(model_name(key), str(version)).run_id
    client.delete_model_version(model_name(key), str(version))  # as if killed just before it was made
    again = models.publish(key, bundle, card)
    assert client.get_model_version(model_name(key), str(again)).run_id == whole
    assert [one.card for one in models.history(key)] == [CARD, card]


def test_a_decision_stays_with_its_version(models: Models, url: str, key: ModelKey, bundle: Path) -> None:
    version = models.publish(key, bundle, CARD)
    body = {"id": "d1", "verdict": "kept", "reason": "±0", "at": "2026-03-01T00:00:00Z", "evidence": {"events": [3]}}
    for _ in range(2):
        models.log_decision(key, version, body)
    models.log_decision(key, version, {"verdict": "promoted", "reason": "better", "at": "2026-04-01T00:00:00Z"})
    with pytest.raises(ConfigError, match="no version 2"):
        models.log_decision(key, 2, body)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(url, url)
    found = client.get_model_version(model_name(key), "1")
    assert {tag: found.tags[f"andon.{tag}"] for tag in ("verdict", "decision_reason", "decided_at")} == {
        "verdict": "promoted", "decision_reason": "better", "decided_at": "2026-04-01T00:00:00Z",
    }  # fmt: skip
    files = [one.path for one in client.list_artifacts(found.run_id, "decisions")]
    assert len(files) == 2
    assert "decisions/d1.json" in files
    stored = client.download_artifacts(found.run_id, "decisions/d1.json", str(bundle.parent))
    assert json.loads(Path(stored).read_text("utf-8")) == body


def test_people_find_figures_definition_and_plots_in_mlflow(
    models: Models, url: str, key: ModelKey, bundle: Path
) -> None:
    labels, rows = np.array([0.0, 0, 1, 0]), np.zeros(4, dtype=np.int64)
    evaluation = Evaluation(labels, labels / 2, rows, rows, 0.4, timedelta(minutes=5), {"speed.mean.5m": 1.0})
    models.publish(key, bundle, CARD, evaluation)
    models.publish(key, bundle, CARD, replace(evaluation, times=rows[:0]))  # which cannot be drawn
    from mlflow.tracking import MlflowClient

    client = MlflowClient(url, url)
    version, plain = (client.get_model_version(model_name(key), number) for number in "12")
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["average_precision"] == 0.91
    assert {name: run.data.params[name] for name in ("learner", "num_leaves")} == {
        "learner": "lightgbm", "num_leaves": "31",
    }  # fmt: skip
    assert version.tags["andon.data_start"] == "2026-01-01T00:00:00Z"
    stored = client.download_artifacts(run.info.run_id, "definition.json", str(bundle.parent))
    assert json.loads(Path(stored).read_text("utf-8")) == CARD.definition
    plots = [one.path for one in client.list_artifacts(run.info.run_id, "plots")]
    assert plots == [f"plots/{name}.png" for name in ("calibration", "importance", "lead_time", "precision_recall")]
    assert client.list_artifacts(plain.run_id, "plots") == []


def test_what_an_earlier_andon_published_still_loads(
    models: Models, url: str, key: ModelKey, bundle: Path, tmp_path: Path
) -> None:
    """It registered the bundle itself, not an MLflow model around it, and its cards knew no search."""
    models.publish(key, bundle, CARD)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(url, url)
    run = client.create_run(client.get_experiment_by_name("andon").experiment_id)
    (tmp_path / "card.json").write_text(json.dumps({k: v for k, v in to_body(CARD).items() if k != "search"}))
    client.log_artifact(run.info.run_id, str(tmp_path / "card.json"))
    client.log_artifacts(run.info.run_id, str(bundle), "bundle")
    client.create_model_version(model_name(key), f"{run.info.artifact_uri}/bundle", run.info.run_id)
    models.promote(key, 2, "older", AT)
    champion = models.champion(key)
    assert champion is not None
    assert (champion.version, champion.card) == (2, CARD)
    assert contents(champion.path) == contents(bundle)


@pytest.mark.parametrize("line", ["press 07", "a.b..c", "A" * 100, "x-_y", "1"])
def test_odd_names_of_lines_stay_apart(models: Models, bundle: Path, line: str) -> None:
    name = f"odd-{uuid.uuid4().hex[:8]}"
    on_line, pooled = ModelKey(name, line), ModelKey(name, family=line)
    models.publish(on_line, bundle, CARD)
    models.publish(pooled, bundle, CARD)
    models.publish(pooled, bundle, CARD)
    models.promote(pooled, 2, "first", AT)
    assert [models.pointer(key) for key in (on_line, pooled)] == [None, 2]
    assert [key for key in models.list_models() if key.definition == name] == [on_line, pooled]


def test_models_are_listed_in_order(models: Models, bundle: Path) -> None:
    name = f"order-{uuid.uuid4().hex[:8]}"
    keys = [ModelKey(name, "a"), ModelKey(name, "b 1"), ModelKey(name, family="a"), ModelKey(f"{name}-z", "a")]
    for key in reversed(keys):
        models.publish(key, bundle, CARD)
    assert [key for key in models.list_models() if key.definition.startswith(name)] == keys


@pytest.mark.parametrize("promoted", [False, True])
def test_a_bundle_that_is_gone_is_an_error_with_a_remedy(
    models: Models, key: ModelKey, bundle: Path, promoted: bool
) -> None:
    models.publish(key, bundle, CARD)
    if promoted:
        models.promote(key, 1, "first", AT)
    got = models.get(key, 1)
    assert got is not None
    shutil.rmtree(got.path)
    with pytest.raises(StoreError, match=r"version 1: is damaged.*restore"):
        models.get(key, 1)
    with pytest.raises(StoreError, match="restore"):
        models.promote(key, 1, "again", AT)


def test_a_closed_store_can_be_used_again(models: Models, key: ModelKey, bundle: Path) -> None:
    models.publish(key, bundle, CARD)
    models.close()
    models.close()
    assert models.publish(key, bundle, CARD) == 2


def test_a_store_is_never_pickled(models: Models) -> None:
    with pytest.raises(TypeError, match="never pickled: send its URL"):
        pickle.dumps(models)


def test_threads_publish_and_promote_at_once(models: Models, key: ModelKey, bundle: Path) -> None:
    def work(_: int) -> int:
        version = models.publish(key, bundle, CARD)
        models.promote(key, version, "mine", AT)
        return version

    with ThreadPoolExecutor(3) as pool:
        versions = list(pool.map(work, range(3)))
    assert sorted(versions) == [1, 2, 3]
    champion = [one.version for one in models.history(key) if one.alias == "champion"]
    assert champion == [models.pointer(key)]


PUBLISHER = """
import sys
from pathlib import Path
from andon.records import ModelKey
from andon.stores import open_models
sys.path.insert(0, sys.argv[3])
from test_models_contract import CARD
models, key = open_models(sys.argv[1]), ModelKey(sys.argv[4], "press 07.b")
while True:
    print(models.publish(key, Path(sys.argv[2]), CARD), flush=True)
"""


def test_a_killed_publisher_leaves_no_half_version(models: Models, url: str, key: ModelKey, bundle: Path) -> None:
    models.publish(key, bundle, CARD)
    command = [sys.executable, "-c", PUBLISHER, url, str(bundle), str(Path(__file__).parent), key.definition]
    acknowledged = 1
    for seed in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(2):
                acknowledged = int(process.stdout.readline())
            try:
                process.wait(random.Random(seed).uniform(0, 0.2))
            except subprocess.TimeoutExpired:
                process.kill()
            acknowledged = max([acknowledged, *(int(line) for line in process.stdout if line.endswith("\n"))])
        versions = models.history(key)
        assert [one.version for one in versions] == list(range(1, len(versions) + 1))
        assert len(versions) in (acknowledged, acknowledged + 1)
        assert all(contents(one.path) == contents(bundle) for one in versions)
    assert models.publish(key, bundle, CARD) == len(versions) + 1
