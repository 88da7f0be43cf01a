"""Every configuration that a search tries, for people who look into MLflow: a run a study, all of it in few requests.

A run a configuration costs 13 ms on the embedded store, a run a study a tenth of that for each of its configurations
(`tests/benchmarks/bench_search_log.py`): a search has hundreds of lines, and its cores are for fitting.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from andon.errors import StoreError
from andon.records import ModelKey
from andon.stores.addresses import mlflow_address
from andon.stores.mlflow_client import Connection
from andon.stores.mlflow_names import SEARCH_TAG, entity_name, model_name, model_tags
from andon.stores.searched import Study, Tried

log = logging.getLogger(__name__)

EXPERIMENT = "andon-searches"
TABLE = "configurations.json"
"""Artifact of a study's run, as ``mlflow.log_table`` writes one: MLflow's pages show it, ``load_table`` reads it."""
_STUDY = "andon.study"
_METRICS = {"Alert": ("average_precision", max), "Monitor": ("rmse_to_persistence", min)}


class SearchLog:
    """The one writer of a search: only the process that drives it has one.

    A search is a run with a run below it for each study. Of a study, ``<metric>`` is the best so far by number of
    configurations, ``<metric>.tried`` what each reached, ``seconds.<learner>`` what each took; its parameters are the
    best configuration's, and `TABLE` holds them all. ``models_url`` is that of the registry (`open_models`).
    """

    def __init__(self, models_url: str) -> None:
        self._connection = Connection(*mlflow_address(models_url))
        self._searches: dict[str, _Search] = {}

    def log_study(self, search: str, study: Study, tried: Sequence[Tried]) -> None:
        """Write the configurations of a study that has ended. Doing it twice, or after a kill, leaves one run.

        Raises
        ------
        StoreError
            If MLflow does not take it.
        """
        key = ModelKey(str(study.definition["name"]), study.line, study.family)
        with self._connection.errors(f"search {search}: {key}"):
            known = self._searches.get(search)
            if known is None:
                known = self._searches[search] = _Search(self._connection, search)
            if model_name(key) not in known.studies:
                known.log(key, study, sorted(tried, key=lambda one: (one.at, one.number)))

    def close(self) -> None:
        """End the searches' runs and release what is open; a run that cannot be ended is told of in the log."""
        for name, search in self._searches.items():
            try:
                with self._connection.errors(f"search {name}"):
                    search.end()
            except StoreError as error:
                log.warning("%s", error)
        self._searches.clear()
        self._connection.close()


class _Search:
    """A search's run, and the studies that are whole in it."""

    def __init__(self, connection: Connection, search: str) -> None:
        self._client, self._search = connection.client, search
        self._experiment = connection.experiment(EXPERIMENT)
        self.studies: set[str] = set()
        run = None
        for found in self._runs():
            study = found.data.tags.get(_STUDY)
            if study is None:
                run = found.info.run_id
            elif found.info.status == "FINISHED":
                self.studies.add(study)
            else:  # killed while it was written
                self._client.delete_run(found.info.run_id)
        self._run = (
            run
            or self._client.create_run(
                self._experiment, run_name=f"search {search}", tags={SEARCH_TAG: search}
            ).info.run_id
        )

    def log(self, key: ModelKey, study: Study, tried: Sequence[Tried]) -> None:
        """Write a study's run."""
        from mlflow.entities import Param

        metric, choose = _METRICS[str(study.definition["kind"])]
        tags = {
            **model_tags(key, None),
            SEARCH_TAG: self._search,
            _STUDY: model_name(key),
            "andon.definition_version": str(study.definition_version),
            "andon.seed": str(study.seed),
            "mlflow.parentRunId": self._run,
            "mlflow.loggedArtifacts": json.dumps([{"path": TABLE, "type": "table"}]),
        }
        moments = [_milliseconds(one.at) for one in tried]
        begun = min((_milliseconds(one.at - one.seconds) for one in tried), default=None)
        run = self._client.create_run(self._experiment, start_time=begun, run_name=str(key), tags=tags).info.run_id
        whole = [one for one in tried if one.metric is not None and not one.pruned]
        params = []
        if whole:
            best = choose(whole, key=lambda one: one.metric if one.metric is not None else math.nan)
            given = {"learner": best.learner, **best.params}
            params = list({name: Param(name, text) for name, text in _texts(given)}.values())
        self._client.log_batch(run, metrics=list(_metrics(metric, choose, tried, moments)), params=params[:100])
        self._client.log_dict(run, _table(key, metric, tried), TABLE)
        self._client.set_terminated(run, end_time=max(moments, default=None))
        self.studies.add(model_name(key))

    def end(self) -> None:
        """Mark the search's run as finished."""
        self._client.set_terminated(self._run)

    def _runs(self) -> Iterator[Any]:
        wanted, token = f"tags.`{SEARCH_TAG}` = '{self._search}'", None
        while True:
            page = self._client.search_runs([self._experiment], wanted, max_results=1000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return


def _metrics(metric: str, choose: Any, tried: Sequence[Tried], moments: Sequence[int]) -> Iterator[Any]:
    from mlflow.entities import Metric

    best = None
    for step, (one, moment) in enumerate(zip(tried, moments, strict=True)):
        if one.metric is not None and math.isfinite(one.metric):
            yield Metric(f"{metric}.tried", one.metric, moment, step)
            if not one.pruned:
                best = one.metric if best is None else choose(best, one.metric)
        if best is not None:
            yield Metric(metric, best, moment, step)
        yield Metric(f"seconds.{one.learner}", one.seconds, moment, step)


def _table(key: ModelKey, metric: str, tried: Sequence[Tried]) -> dict[str, Any]:
    """Return all configurations as pandas writes a table with ``orient="split"``; a column a parameter."""
    about = {"definition": key.definition, "line": key.line, "family": key.family}
    rows = [
        {
            **about,
            "number": one.number,
            "learner": one.learner,
            metric: _cell(one.metric),
            "seconds": one.seconds,
            "source": one.source,
            "pruned": one.pruned,
            "error": one.error,
            **{f"params.{name}": _cell(value) for name, value in one.params.items()},
        }
        for one in tried
    ]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return {"columns": columns, "data": [[row.get(name) for name in columns] for row in rows]}


def _cell(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value)


def _texts(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((entity_name(name), str(value)[:6000]) for name, value in params.items())


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
