"""The gate for monitors on 200 simulated retrains: how often an equal challenger is promoted, and a better one.

The process: four variables that follow themselves and each other (a vector autoregression of the second order), a
reading every 5 minutes, a daily wave, heavy tails. Champion and challenger are really fitted (`fit_monitor`, the linear
learner), each on ten days of its own, and judged by the gate on the next fourteen.

- *equal*: the process is the same in all three stretches.
- *better*: after the champion's ten days the process changes (the variables follow each other otherwise), so that on a
  huge sample the champion's errors are a few percent above those of a challenger fitted on what came after.
- *louder*: as *better*, but the challenger's thresholds are two thirds of what they should be: it must stay challenger.

``python -m tests.benchmarks.bench_monitor_promotion [RETRAINS]``
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
import polars as pl

from andon.evaluation.forecast_promotion import ErrorComparison, compare_errors, row_errors
from andon.frames import TIME, SignalFrame, signal_frame
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.training import fit_monitor
from andon.records import ModelKey
from andon.scoring import score_monitor
from configs.definitions import Monitor
from tests.benchmarks.timing import verdict

A_DAY, VARIABLES = 288, 4
LEARNT, JUDGED = 10 * A_DAY, 14 * A_DAY
CHANGE = 0.12
RETRAINS = 200
HUGE = 400 * A_DAY
DEFINITION = Monitor.model_validate(
    {"name": "normal", "lines": {"names": ["line"]}, "learners": ["linear"], "window": 12}
)
Floats = np.ndarray[Any, np.dtype[np.float64]]


def follow(rng: np.random.Generator, rows: int, cross: float, before: Floats | None = None) -> Floats:
    """Return readings (rows, v) of the process; ``cross`` is how much a variable follows its neighbour."""
    own = 1.1 * np.eye(VARIABLES) + cross * np.roll(np.eye(VARIABLES), 1, axis=1)
    shocks = rng.standard_t(5, size=(rows, VARIABLES))
    values = np.zeros((rows + 2, VARIABLES))
    if before is not None:
        values[:2] = before[-2:]
    for row in range(2, rows + 2):
        values[row] = values[row - 1] @ own - 0.3 * values[row - 2] + shocks[row - 2]
    return values[2:]


def frame_of(values: Floats, first: int) -> SignalFrame:
    rows = np.arange(first, first + len(values))
    wave = 3 * np.sin(2 * np.pi * rows / A_DAY)[:, None]
    times = pl.Series(1_767_225_600_000_000 + 300_000_000 * rows).cast(TIME)
    names = [f"v{column}" for column in range(VARIABLES)]
    data = pl.DataFrame({"time": times, **{name: (values + wave)[:, i] for i, name in enumerate(names)}})
    return signal_frame("line", data, dict.fromkeys(names, "number"), timedelta(minutes=5))


def fit(values: Floats, first: int) -> MonitorBundle:
    params = {"lags": 0.5, "others": 1, "relative": False}
    return fit_monitor(ModelKey("normal", "line"), DEFINITION, 1, frame_of(values, first), [("linear", params)])


def louder(bundle: MonitorBundle) -> MonitorBundle:
    """Return the monitor with thresholds of two thirds."""
    line = replace(bundle.line, threshold=bundle.line.threshold * 2 / 3)
    return replace(bundle, line=line, thresholds=bundle.thresholds * 2 / 3)


def judge(champion: MonitorBundle, challenger: MonitorBundle, frame: SignalFrame, seed: int) -> ErrorComparison:
    scores = [score_monitor(bundle, frame, frame.data["time"][bundle.rows_needed]) for bundle in (champion, challenger)]
    errors = row_errors(scores[0].actual, scores[0].expected, scores[1].expected)
    flags = scores[0].line_flag, scores[1].line_flag
    return compare_errors(scores[0].times, *errors, seed=seed, flags=flags, budget=DEFINITION.rate)


def retrain(change: float, altered: Callable[[MonitorBundle], MonitorBundle] | None, seed: int) -> ErrorComparison:
    rng = np.random.default_rng([seed, 77])
    first = follow(rng, LEARNT, 0.0)
    later = follow(rng, LEARNT + JUDGED, change, first)
    champion, challenger = fit(first, 0), fit(later[:LEARNT], LEARNT)
    if altered is not None:
        challenger = altered(challenger)
    return judge(champion, challenger, frame_of(later[LEARNT:], 2 * LEARNT), seed)


def true_gain(change: float) -> float:
    """Return the challenger's RMSE against the champion's on a huge sample, both learnt on ten days."""
    rng = np.random.default_rng(5)
    first = follow(rng, LEARNT, 0.0)
    later = follow(rng, LEARNT + HUGE, change, first)
    found = judge(fit(first, 0), fit(later[:LEARNT], LEARNT), frame_of(later[LEARNT:], 2 * LEARNT), 0)
    assert found.champion_rmse is not None and found.challenger_rmse is not None
    return found.challenger_rmse / found.champion_rmse


def main() -> int:
    """Print the share of retrains that promoted beside the bars; return 1 on a miss."""
    retrains = int(sys.argv[1]) if len(sys.argv) > 1 else RETRAINS
    print(f"true RMSE of a challenger fitted after the change: {true_gain(CHANGE):.3f} of the champion's", flush=True)
    shares = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:  # Polars does not survive a fork
        for name, change, altered in (("equal", 0.0, None), ("better", CHANGE, None), ("louder", CHANGE, louder)):
            found = list(pool.map(partial(retrain, change, altered), range(retrains), chunksize=10))
            shares[name] = sum(one.verdict == "promoted" for one in found) / retrains
            ratios = [one.challenger_rmse / one.champion_rmse for one in found]
            flagged = [(one.alarms.champion, one.alarms.challenger) for one in found]
            champion, challenger = np.mean(flagged, axis=0)
            worse = sum(one.alarms.worse for one in found)
            print(
                f"{name}: RMSE {np.mean(ratios):.4f} of the champion's (from {min(ratios):.4f} to {max(ratios):.4f}); "
                f"champion flags {champion:.2%}, challenger {challenger:.2%}; {worse} worse",
                flush=True,
            )
    good = [
        verdict(f"equal monitors promoted, of {retrains}", shares["equal"], "<= 0.05", shares["equal"] <= 0.05),
        verdict(f"better monitors promoted, of {retrains}", shares["better"], ">= 0.80", shares["better"] >= 0.80),
        verdict(f"louder monitors promoted, of {retrains}", shares["louder"], "<= 0.05", shares["louder"] <= 0.05),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
