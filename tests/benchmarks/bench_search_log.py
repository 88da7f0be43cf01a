"""What it costs to put every configuration of a search into MLflow, embedded: 60 studies of 20 configurations each."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from andon.stores.search_mlflow import SearchLog
from tests.benchmarks.timing import verdict
from tests.searched import Study, Tried

STUDIES, CONFIGURATIONS = 60, 20
ONE_BY_ONE = 100
BAR = 2.0
"""Milliseconds a configuration."""


def tried(rng: np.random.Generator) -> list[Tried]:
    names = ("num_leaves", "learning_rate", "min_data_in_leaf", "feature_fraction", "rounds", "lambda_l1", "lambda_l2")
    return [
        Tried(
            number,
            ("lightgbm", "logistic_regression")[number % 2],
            {name: float(rng.random()) for name in names},
            float(rng.random()),
            0.3,
            1_800_000_000.0 + number,
        )
        for number in range(CONFIGURATIONS)
    ]


def cost(work: Any) -> tuple[float, float]:
    """Return wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def one_by_one(client: Any, rows: list[Tried]) -> None:
    """The way not taken: a run a configuration."""
    from mlflow.entities import Metric, Param

    experiment = client.create_experiment("one by one")
    for one in rows:
        run = client.create_run(experiment, tags={"andon.line": "a"}).info.run_id
        values = {"average_precision": one.metric or math.nan, "seconds": one.seconds}
        client.log_batch(
            run,
            metrics=[Metric(name, value, 0, 0) for name, value in values.items()],
            params=[Param(name, str(value)) for name, value in one.params.items()],
        )
        client.set_terminated(run)


def main() -> int:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder)}/mlflow.db"
        log = SearchLog(url)
        opening = cost(lambda: log.log_study("warm-up", Study("line-00"), tried(rng)))
        studies = [(Study(f"line-{number:02}"), tried(rng)) for number in range(STUDIES)]
        wall, processor = cost(lambda: [log.log_study("search", study, rows) for study, rows in studies])
        again, _ = cost(lambda: [log.log_study("search", study, rows) for study, rows in studies])
        log.close()
        from mlflow.tracking import MlflowClient

        client = MlflowClient(url, url)
        alone, _ = cost(lambda: one_by_one(client, [one for _, rows in studies[:5] for one in rows][:ONE_BY_ONE]))
        found = client.search_runs(
            [client.get_experiment_by_name("andon-searches").experiment_id], "tags.`andon.search` = 'search'"
        )
    total = STUDIES * CONFIGURATIONS
    print(f"opening MLflow and the first study: {opening[0]:.1f} s ({opening[1]:.1f} s of processor), once a command")
    print(f"a run a configuration: {alone * 1000 / ONE_BY_ONE:.1f} ms a configuration")
    print(f"the same studies again: {again * 1000 / total:.3f} ms a configuration")
    good = [
        verdict("processor time of the log, ms a configuration", processor * 1000 / total, f"<= {BAR:g}",
                processor * 1000 / total <= BAR),
        verdict("wall time of the log, ms a configuration", wall * 1000 / total, f"<= {BAR:g}",
                wall * 1000 / total <= BAR),
        verdict("runs: one a study, one for the search", len(found), f"= {STUDIES + 1}", len(found) == STUDIES + 1),
    ]  # fmt: skip
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
