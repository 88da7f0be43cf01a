"""A network is used only where it beats a line and persistence beyond noise; the card keeps what was compared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from andon.frames import signal_frame
from andon.models.monitors import dense, linear
from andon.models.monitors.training import fit_monitor
from andon.records import ModelKey
from andon.scoring.monitors import score_monitor
from configs.definitions import Monitor

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_each_variable_gets_the_simplest_learner_that_serves_it() -> None:
    rng, rows = np.random.default_rng(1), 1_200
    tent, steady, walk = np.zeros(rows), np.zeros(rows), rng.normal(size=rows).cumsum()
    for row in range(1, rows):
        tent[row] = 1 - 1.6 * abs(tent[row - 1]) + rng.normal() * 0.05
        steady[row] = 0.7 * steady[row - 1] + rng.normal()
    data = pl.DataFrame(
        {"time": [START + timedelta(seconds=row) for row in range(rows)], "steady": steady, "tent": tent, "walk": walk},
        schema_overrides={"time": pl.Datetime("us", "UTC")},
    )
    frame = signal_frame("line", data, dict.fromkeys(("steady", "tent", "walk"), "number"))
    definition = Monitor(name="m", lines={"names": ["line"]}, window=6)
    weak = dense.cheapest() | {"epochs": 1}
    good = dense.cheapest() | {"epochs": 40, "activation": "relu"}
    configurations = [("linear", linear.cheapest()), ("dense", weak), ("dense", good)]
    bundle = fit_monitor(ModelKey("m", "line"), definition, 1, frame, configurations, seed=3)

    entries = {entry["variable"]: entry for entry in bundle.card.comparison if "variable" in entry}
    assert {name: entry["chosen"] for name, entry in entries.items()} == {
        "steady": "linear",
        "tent": "dense",
        "walk": "linear",
    }
    tried = [(entry["learner"], entry["params"]) for entry in bundle.card.comparison if "params" in entry]
    assert tried == configurations
    of_tent = entries["tent"]
    assert of_tent["dense_rmse"] < 0.3 * min(of_tent["linear_rmse"], of_tent["persistence_rmse"])
    assert bundle.card.params["tent"] == {"learner": "dense", **good}

    unseen = score_monitor(bundle, frame)
    validation = slice(rows * 4 // 5 + 1, None)
    errors = (unseen.actual - unseen.expected)[validation]
    assert np.sqrt(np.mean(errors[:, 1] ** 2)) < 1.05 * of_tent["dense_rmse"]
    assert unseen.flags[validation].mean() < 0.03
