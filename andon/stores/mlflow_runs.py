"""A version's run: what people see of it in MLflow, and the model folder that MLflow's own tools load."""

from __future__ import annotations

import json
import logging
import platform
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from andon.record_json import to_body
from andon.records import Evaluation, ModelCard, ModelKey
from andon.stores.mlflow_bundles import MODEL
from andon.stores.mlflow_names import SEARCH_TAG, entity_name, model_tags

log = logging.getLogger(__name__)

_LOADER = "andon.stores.mlflow_pyfunc"
_BATCH = 100
"""Metrics and parameters in one request; MLflow takes no more parameters than that."""


def log_model(
    client: Any, experiment: str, key: ModelKey, bundle: Path, card: ModelCard, evaluation: Evaluation | None
) -> Any:
    """Write a run with metrics, parameters, definition, plots and the model folder; return it, ended.

    A run that could not be written to its end is marked as failed.
    """
    run = client.create_run(experiment, run_name=str(key), tags=model_tags(key, card))
    identity = run.info.run_id
    try:
        _log_figures(client, identity, card)
        with tempfile.TemporaryDirectory(prefix="andon.") as temporary:
            folder = Path(temporary)
            write_model(folder / MODEL, bundle, card, identity)
            _write_json(folder / "definition.json", card.definition)
            if evaluation is not None:
                _draw(evaluation, str(key), folder / "plots")
            client.log_artifacts(identity, temporary)
        client.set_terminated(identity)
    except BaseException:
        client.set_terminated(identity, "FAILED")
        raise
    return run


def unregistered_run(client: Any, experiment: str, key: ModelKey, search: str) -> Any:
    """Return the whole run of a search whose publication was killed before it became a version, or None.

    Runs that were killed before they were whole are marked so.
    """
    found = None
    for run in client.search_runs([experiment], f"tags.`{SEARCH_TAG}` = '{search}'"):
        if any(run.data.tags.get(tag) != value for tag, value in model_tags(key, None).items()):
            continue
        if run.info.status == "FINISHED":
            found = run
        elif run.info.status == "RUNNING":
            client.set_terminated(run.info.run_id, "KILLED")
    return found


def write_model(folder: Path, bundle: Path, card: ModelCard, run: str) -> None:
    """Write an MLflow model: the bundle, its card, and what tells MLflow to load it by Andon's own code.

    Follows MLflow's storage format of models with a loader module: no pickle, and no code but the installed packages'.
    """
    folder.mkdir(parents=True)
    shutil.copytree(bundle, folder / "bundle")
    _write_json(folder / "card.json", to_body(card))
    requirements = [_requirement(name) for name in ("andon", "mlflow", "numpy")]
    (folder / "requirements.txt").write_text("\n".join([*requirements, ""]))
    python = platform.python_version()
    environment = {"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
    about = {
        "artifact_path": MODEL,
        "flavors": {
            "python_function": {
                "loader_module": _LOADER,
                "data": "bundle",
                "env": {"virtualenv": "python_env.yaml"},
                "python_version": python,
            }
        },
        "mlflow_version": version("mlflow"),
        "model_uuid": run,
        "run_id": run,
    }
    # Both are read as YAML, of which JSON is a part.
    _write_json(folder / "python_env.yaml", environment)
    _write_json(folder / "MLmodel", about)


def _draw(evaluation: Evaluation, title: str, folder: Path) -> None:
    from andon.evaluation.drawing import draw_evaluation

    try:
        draw_evaluation(evaluation, title, folder)
    except Exception as error:  # a model is not lost for a picture of it
        log.warning("%s: its plots could not be drawn: %s", title, error)


def _log_figures(client: Any, run: str, card: ModelCard) -> None:
    from mlflow.entities import Metric, Param

    moment = int(card.data_end.timestamp() * 1000)
    metrics = [Metric(entity_name(name), value, moment, 0) for name, value in card.metrics.items()]
    given = {"learner": card.learner, **card.params}
    params = [Param(entity_name(name), str(value)[:6000]) for name, value in given.items()]
    # A parameter is written once, and two names may become one.
    params = list({param.key: param for param in params}.values())
    for start in range(0, max(len(metrics), len(params)), _BATCH):
        rows = slice(start, start + _BATCH)
        client.log_batch(run, metrics=metrics[rows], params=params[rows])


def _requirement(package: str) -> str:
    try:
        return f"{package}=={version(package)}"
    except PackageNotFoundError:
        return package


def _write_json(path: Path, body: Any) -> None:
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False), encoding="utf-8")
