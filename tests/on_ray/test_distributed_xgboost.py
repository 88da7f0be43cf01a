"""XGBoost on two workers: as good as in one process, and finished or refused whatever happens to a worker."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from andon.errors import AndonError, ModelError
from andon.evaluation.metrics import average_precision
from andon.frames import TrainingFrame
from andon.models import xgboost
from andon.models.bundle import AlertBundle, read_bundle, write_bundle
from andon.models.training import training_rows
from cluster.session import ray_session
from configs.settings import load_settings
from tests.descendants import descendants
from tests.watched_line import JAM, jam_bundle, make_rows
from tune_jobs.distributed_xgboost import fit_distributed
from tune_jobs.pooled import refit_winner

PARAMS = {**xgboost.cheapest(), "rounds": 60, "learning_rate": 0.1, "max_depth": 4, "subsample": 1.0, "colsample": 1.0}
ACTOR = "ray::_RemoteRayXGBoostActor"

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def ray():
    with ray_session(load_settings(workers=2)):
        yield


def line_rows(number: int, count: int = 4_000) -> TrainingFrame:
    """Return rows of a line whose event comes with two of six features, some of them missing."""
    rng = np.random.default_rng(number)
    values = rng.normal(size=(count, 6))
    labels = (values[:, 0] + values[:, 1] * values[:, 2] + rng.normal(size=count) > 2.0).astype(float)
    values[rng.random(values.shape) < 0.05] = np.nan
    return TrainingFrame(
        values, labels, np.arange(count), np.full(count, number), tuple("abcdefgh"), tuple(f"v{i}" for i in range(6))
    )


@pytest.fixture
def files(tmp_path):
    paths = []
    for number in range(5):
        rows = line_rows(number, 4_000 + 100 * number)
        paths.append(str(tmp_path / f"{number}.parquet"))
        columns = {f"f{index}": rows.values[:, index].astype(np.float32) for index in range(6)}
        pl.DataFrame({"label": rows.labels, "time": rows.times, **columns}).write_parquet(paths[-1])
    return paths


def alone() -> xgboost.FittedXgboost:
    lines = [line_rows(number, 4_000 + 100 * number) for number in range(5)]
    together = TrainingFrame(
        *(np.concatenate([getattr(one, part) for one in lines]) for part in ("values", "labels", "times", "groups")),
        lines[0].lines,
        lines[0].names,
    )
    return xgboost.fit(together, PARAMS, seed=1)


def quality(model: xgboost.FittedXgboost) -> float:
    held_out = line_rows(7, 8_000)
    return average_precision(held_out.labels, model.predict(held_out.values))


def test_two_workers_are_as_good_as_one_process(ray, files, tmp_path):
    rounds: list[int] = []
    model = fit_distributed(files, PARAMS, seed=1, report=rounds.append)
    assert model.booster.num_boosted_rounds() == PARAMS["rounds"]
    assert abs(quality(model) - quality(alone())) < 0.005
    assert rounds == sorted(rounds)
    held_out = line_rows(7, 100).values
    model.save(tmp_path)
    np.testing.assert_array_equal(xgboost.load(tmp_path).predict(held_out), model.predict(held_out))


def test_a_winner_is_fitted_again_on_all_rows_of_the_span(ray, tmp_path):
    assert JAM.target is not None and JAM.horizon is not None
    spec = jam_bundle().features
    lines = [make_rows(1_500, seed, holes=False) for seed in (7, 8)]
    rows = [training_rows([line], spec, JAM.target, JAM.horizon) for line in lines]
    shards = [tmp_path / f"{number}.parquet" for number in range(len(rows))]
    for path, one in zip(shards, rows, strict=True):
        numbers = {f"f{index}": one.values[:, index] for index in range(one.values.shape[1])}
        pl.DataFrame({"time": one.times, "label": one.labels, **numbers}).write_parquet(path)
    params = {**xgboost.cheapest(), "rounds": 20}
    small = replace(jam_bundle(), learner="xgboost", model=xgboost.fit(rows[0], params, seed=1))
    small = replace(small, card=replace(small.card, learner="xgboost", params=params))
    write_bundle(small, tmp_path / "bundle")
    span = (int(rows[0].times[0]), int(rows[0].times[1_000]))
    assert refit_winner(tmp_path / "bundle", shards, seed=1, workers=2, span=span)
    assert not refit_winner(tmp_path / "bundle", shards, seed=1, workers=2, span=span), "once is enough"
    refitted = read_bundle(tmp_path / "bundle")
    assert isinstance(refitted, AlertBundle)
    assert refitted.card.metrics["training_rows"] == sum(int((one.times < span[1]).sum()) for one in rows)
    assert (refitted.threshold, refitted.key) == (small.threshold, small.key)
    judged = rows[1].rows(rows[1].times >= span[1])
    before, after = (average_precision(judged.labels, one.probabilities(judged.values)) for one in (small, refitted))
    assert after > before - 0.05
    assert not np.array_equal(small.probabilities(judged.values), refitted.probabilities(judged.values))


def test_a_fit_outlives_a_killed_worker(ray, files):
    killed: list[int] = []

    def kill_one(rounds: int) -> None:
        if rounds and not killed:
            killed.append(descendants(ACTOR)[0])
            os.kill(killed[0], signal.SIGKILL)

    params = {**PARAMS, "rounds": 800, "learning_rate": 0.02}
    model = fit_distributed(files, params, seed=1, patience=120.0, report=kill_one)
    assert killed, "the fit was over before a worker could be killed"
    assert model.booster.num_boosted_rounds() == 800


def test_a_worker_that_keeps_dying_is_one_clear_error(ray, files):
    def kill_one(rounds: int) -> None:
        for actor in descendants(ACTOR)[:1]:
            os.kill(actor, signal.SIGKILL)

    reason = (
        r"^XGBoost on 2 workers: ended 1 time, last after round \d+ of 5000: a worker died \(.*\); see the workers'"
    )
    with pytest.raises(ModelError, match=reason):
        fit_distributed(files, {**PARAMS, "rounds": 5_000}, seed=1, patience=120.0, restarts=0, report=kill_one)


def test_a_cluster_without_room_says_so(ray, files):
    with pytest.raises(AndonError, match="found no room for 2 cores each within 1 s"):
        fit_distributed(files, PARAMS, seed=1, threads=2, patience=1.0)
