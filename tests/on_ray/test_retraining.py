"""Retraining on a local Ray: a champion that is bad by construction is replaced, one that is as good stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from andon.frames import TIME, SignalFrame, signal_frame
from andon.records import ModelKey
from andon.services.definitions import apply_definitions
from andon.services.promoting import explain_champion
from andon.stores import open_documents, open_models, open_signals
from cluster.session import ray_session
from configs.settings import Settings, load_settings
from pipelines.retraining.retrain import RetrainRequest, retrain_models
from pipelines.terminal import Terminal
from pipelines.training.train import TrainRequest, train_models

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, KNOWN, A_DAY = 44, 14, 288
NOW = START + timedelta(days=DAYS, hours=1)

ALERTS = """
kind: Alert
name: mended
lines: {names: [press-1]}
type: classifier
target: jam == 1
horizon: 30m
retrain: "0 2 * * 1"
learners: [logistic_regression]
%s
---
kind: Alert
name: blind
lines: {names: [press-1]}
type: classifier
target: jam == 1
horizon: 30m
include: [noise]
learners: [logistic_regression]
---
kind: Monitor
name: normal
lines: {names: [press-1]}
variables: {include: [heat, noise]}
learners: [linear]
---
kind: Monitor
name: moved
lines: {names: [press-1]}
variables: {include: [flow]}
learners: [linear]
"""

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def ray():
    with ray_session(load_settings(workers=2)):
        yield


def press() -> SignalFrame:
    """Return a line with two jams a day: in the half hour before them heat rises, and noise says nothing.

    What flow was before says nothing of it in the first days, and nearly all later.
    """
    rng = np.random.default_rng(11)
    rows = DAYS * A_DAY
    heat, jam = rng.normal(size=rows), np.zeros(rows)
    for onset in np.arange(2 * DAYS) * A_DAY // 2 + rng.integers(20, A_DAY // 2 - 3, 2 * DAYS):
        heat[onset - 6 : onset] += rng.gamma(4, 1.2) * np.linspace(0.4, 1.0, 6)
        jam[onset : onset + 2] = 1.0
    times = pl.Series(1_767_225_600_000_000 + 300_000_000 * np.arange(rows)).cast(TIME)
    flow = np.random.default_rng(12).normal(size=rows)
    for row in range(KNOWN * A_DAY, rows):
        flow[row] = 0.9 * flow[row - 1] + 0.3 * flow[row]
    data = pl.DataFrame({"time": times, "heat": heat, "noise": rng.normal(size=rows), "jam": jam, "flow": flow})
    return signal_frame("press-1", data, dict.fromkeys(("heat", "noise", "jam", "flow"), "number"))


def define(home: Path, settings: Settings, include: str) -> None:
    file = home / "definitions.yaml"
    file.write_text(ALERTS % include)
    apply_definitions([file], open_documents(settings.documents), open_signals(settings.signals), START)


class Interrupted(Terminal):
    """A terminal that ends the process's work, as a kill would, when it is to say something."""

    def say(self, text: str) -> None:
        if text.startswith("training"):
            raise KeyboardInterrupt


def test_the_better_model_takes_the_place_and_an_equal_one_does_not(ray, tmp_path):
    settings = load_settings(home=tmp_path, workers=2)
    signals, documents, models = (
        open_signals(settings.signals),
        open_documents(settings.documents),
        open_models(settings.models),
    )
    whole = press()
    signals.append_signals(whole.between(None, START + timedelta(days=KNOWN)))
    define(tmp_path, settings, "include: [noise]")
    trained = train_models(settings, TrainRequest(trials=2, seconds=300.0), Terminal())
    assert [one.error for one in trained] == [""] * 4
    signals.append_signals(whole.between(START + timedelta(days=KNOWN), None))
    define(tmp_path, settings, "include: [noise, heat]")

    request = RetrainRequest(trials=2, seconds=300.0)
    with pytest.raises(KeyboardInterrupt):
        retrain_models(settings, request, Interrupted(), NOW)
    later = NOW + timedelta(hours=5)
    signals.append_signals(late_reading())
    retrained = {one.key: one for one in retrain_models(settings, request, Terminal(), later)}
    mended, blind, normal, moved = (ModelKey(name, "press-1") for name in ("mended", "blind", "normal", "moved"))
    assert {str(key): one.error for key, one in retrained.items() if one.error} == {}

    decided = {key: one.decision for key, one in retrained.items()}
    assert all(one is not None and one.at == NOW for one in decided.values()), "the interrupted run went on"
    assert (decided[mended].verdict, decided[mended].champion, decided[mended].challenger) == ("promoted", 1, 2)
    assert (decided[blind].verdict, decided[blind].challenger) == ("kept", 2)
    assert (decided[normal].verdict, decided[moved].verdict) == ("kept", "promoted")
    assert [models.pointer(key) for key in (mended, blind, normal, moved)] == [2, 1, 1, 2]
    assert models.challenger(mended) is None
    assert models.challenger(blind).version == 2
    for key, one in decided.items():
        assert documents.list_decisions(key) == [one]
        champion, challenger = models.get(key, 1), models.get(key, 2)
        judged = datetime.fromisoformat(one.evidence["judged"]["start"])
        assert champion.card.data_end <= judged
        assert challenger.card.data_end <= judged, "neither has read what judges"
    found = decided[mended].evidence["comparison"]
    assert found["high"] < 0 and found["events"] >= 10
    assert found["challenger"]["counted_cost"] < found["champion"]["counted_cost"]

    forecasts = decided[moved].evidence["comparison"]
    assert forecasts["challenger_rmse"] < 0.9 * forecasts["champion_rmse"] and not forecasts["alarms"]["worse"]
    assert forecasts["alarms"]["budget"] == 0.01 and "better by" in decided[normal].reason
    assert models.challenger(moved) is None and models.challenger(normal).version == 2

    why = explain_champion(mended, documents, models)
    assert (why["version"], why["decision"]["id"]) == (2, decided[mended].id)
    assert "better: cost" in why["why"]
    assert models.rollback(mended, "by hand", later) == 1
    assert [len(models.history(key)) for key in (mended, blind, normal, moved)] == [2] * 4, "published once"


def late_reading() -> SignalFrame:
    """Return a reading that comes in while the first run is interrupted: it is not for that run."""
    times = pl.Series([1_767_225_600_000_000 + 300_000_000 * DAYS * A_DAY]).cast(TIME)
    data = pl.DataFrame({"time": times, "heat": [0.0], "noise": [0.0]})
    return signal_frame("press-1", data, {"heat": "number", "noise": "number"})
