"""A monitor's study: networks that lag are given up, cannot win, and are not fitted again by who goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from andon.models.bundle import read_bundle
from andon.models.monitors.training import evaluate_configuration, prepare_monitor
from andon.models.watching import Pruned
from configs.definitions import Monitor
from tests.unit.andon.models.monitors.lines import framed, settled
from tune_jobs.files import write_signals
from tune_jobs.lane import Lane
from tune_jobs.monitors import open_monitor
from tune_jobs.study import StudySpec, Subject

WATCHED = Monitor(name="m", lines={"names": ["plant"]}, window=6, rate=0.2, learners=("dense",))
PARAMS = {"units": 4, "layers": 1, "shrink": 0.5, "activation": "elu", "dropout": 0.0, "base": "last", "others": 0}


def spec_in(folder: Path) -> StudySpec:
    return StudySpec(
        definition=WATCHED.model_dump(mode="json", by_alias=True),
        definition_version=1,
        lines={"plant": None},
        line="plant",
        family=None,
        signals_url="sqlite:////nowhere",
        folder=str(folder),
        trials=12,
        seed=3,
    )


def quick(subject: Subject) -> Subject:
    """Let every configuration be of few epochs, at a rate of which some learn nothing, whatever the sampler likes."""
    rates = iter([3e-2, 1.5e-2, 2e-2, 1e-6, 5e-3, 1e-5, 2.5e-2, 3e-6, 7e-3, 2e-6, 1.2e-2])

    def suggest(trial) -> dict:
        trial.suggest_float("dial", 0.0, 1.0)
        return {**PARAMS, "lags": 1.0, "epochs": 6, "rate": next(rates)}

    return replace(subject, learners={"dense": (lambda: {**PARAMS, "lags": 1.0, "epochs": 6, "rate": 1e-2}, suggest)})


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Lane:
    folder = tmp_path_factory.mktemp("study")
    write_signals(framed(settled(1, 600)), folder)
    spec = spec_in(folder)
    lane = Lane(spec, ("dense",), quick(open_monitor(spec, WATCHED)), trials=12)
    lane.open()
    while not lane.done:
        lane.advance()
    return lane


def test_a_watcher_is_told_of_every_epoch_and_may_end_the_fit():
    data = prepare_monitor(framed(settled(1, 600)), WATCHED)
    params = {**PARAMS, "lags": 1.0, "epochs": 5, "rate": 1e-2}
    told: list[tuple[int, float]] = []
    whole = evaluate_configuration(
        data, "dense", params, 0, watch=lambda step, metric: told.append((step, metric)) or False
    )
    alone = evaluate_configuration(data, "dense", params, 0)
    np.testing.assert_array_equal(whole.residuals, alone.residuals)
    assert [step for step, _ in told] == [10, 20, 30, 40, 50]
    assert all(later <= earlier for (_, earlier), (_, later) in pairwise(told))
    assert told[-1][1] == pytest.approx(whole.metric, rel=0.2), "of the same kind as the metric, on other rows"
    with pytest.raises(Pruned) as pruned:
        evaluate_configuration(data, "dense", params, 0, watch=lambda step, metric: step == 20)
    assert pruned.value.metric == told[1][1]


def test_networks_that_lag_are_given_up_and_cannot_win(lane: Lane):
    given_up = [one for one in lane.tried if one.pruned]
    assert given_up, [one.metric for one in lane.tried]
    assert lane.best is not None and not lane.best.pruned
    assert all(one.params["rate"] < lane.best.params["rate"] for one in given_up)


def test_who_goes_on_fits_again_what_is_whole_alone(lane: Lane, tmp_path: Path):
    """Fits are in memory only: a later process makes the same monitor from the journal."""
    subject = open_monitor(lane.spec, WATCHED)
    for made, by in ((tmp_path / "first", lane.subject), (tmp_path / "later", subject)):
        by.finish(lane.tried, lambda one: None, made)
    first, later = read_bundle(tmp_path / "first"), read_bundle(tmp_path / "later")
    tried = [entry for entry in first.card.comparison if "params" in entry]
    assert len(tried) == sum(not one.pruned for one in lane.tried)
    assert json.dumps(first.card.metrics) == json.dumps(later.card.metrics)
