"""Alerts on forecasts against a straight line through the newest readings, on the simulated plant.

For every sensor of every line: a condition that held at a twentieth of the training rows (above their 95 % quantile),
ten minutes ahead. A monitor of linear forecasters learns from ten days; the four days after them are judged. Both are
scored by whether the condition came true within the horizon (`andon.labels`), on the same rows: those at which it did
not hold. The straight line is fitted to the newest ten readings by least squares, and alarms where it crosses within
the horizon. There is no bar: what is expected is a mean, and noise that crosses a limit is never expected.

``python -m tests.benchmarks.bench_forecast_alerts``
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from andon.frames import SignalFrame, signal_frame
from andon.labels import label_rows
from andon.models.monitors.training import fit_monitor
from andon.records import ModelKey
from andon.scoring.outlooks import will_hold
from andon.simulate import MACHINES, simulate_line
from configs.definitions import Line, Monitor
from configs.expressions import Expression, parse

START = datetime(2026, 1, 5, tzinfo=UTC)
LEARNT, JUDGED, SEED = 10, 4, 11
HORIZON, STEPS, NEWEST = timedelta(minutes=10), 10, 10


def frame_of(machine: str) -> tuple[SignalFrame, list[str]]:
    """Return a simulated line, and its sensors."""
    line = simulate_line(machine, START, LEARNT + JUDGED, SEED)
    declared = Line.model_validate(line.definition)
    types = {
        name: "category" if dtype == pl.String else "number"
        for name, dtype in line.data.schema.items()
        if name != "time"
    }
    sensors = [one.name for one in declared.variables if one.role == "sensor" and types[one.name] == "number"]
    return signal_frame(line.name, line.data, types, timedelta(minutes=1)), sensors


def straight(values: np.ndarray) -> np.ndarray:
    """Return the highest value within the horizon of a line through the newest readings before each row's end."""
    filled = pl.Series(values).fill_nan(None).forward_fill().fill_null(np.nan).to_numpy()
    steps = np.arange(NEWEST) - (NEWEST - 1)
    windows = np.lib.stride_tricks.sliding_window_view(filled, NEWEST)
    slopes = (
        (windows - windows.mean(axis=1, keepdims=True)) @ (steps - steps.mean()) / np.sum((steps - steps.mean()) ** 2)
    )
    levels = windows.mean(axis=1) - slopes * steps.mean()
    found = np.full(len(values), np.nan)
    found[NEWEST - 1 :] = np.maximum(levels + slopes, levels + slopes * STEPS)
    return found


def judged(frame: SignalFrame, condition: Expression, said: np.ndarray, first: int) -> np.ndarray:
    """Return true alarms, false alarms and missed rows, of rows whose label is known."""
    labels = label_rows(frame, condition, HORIZON)
    known = ~np.isnan(labels) & ~np.isnan(said)
    known[:first] = False
    truth, alarm = labels[known] == 1, said[known] == 1
    return np.array([np.sum(truth & alarm), np.sum(~truth & alarm), np.sum(truth & ~alarm)])


def main() -> int:
    """Print precision, recall and F1 of both over all sensors."""
    counts = {"monitor": np.zeros(3), "straight line": np.zeros(3)}
    sensors_judged = 0
    for machine in MACHINES:
        frame, sensors = frame_of(machine)
        end = START + timedelta(days=LEARNT)
        first = int(np.searchsorted(frame.data["time"].to_numpy(), np.datetime64(end.replace(tzinfo=None))))
        monitor = Monitor.model_validate({"name": "calm", "lines": {"names": [frame.line]}, "learners": ["linear"]})
        params = [{"relative": True, "others": others, "lags": 1.0} for others in (0, 1)]
        bundle = fit_monitor(
            ModelKey("calm", frame.line), monitor, 1, frame.between(None, end), [("linear", one) for one in params]
        )
        for name in sorted(set(sensors) & set(bundle.variables)):
            values = frame.numbers(name)
            if len(np.unique(values[~np.isnan(values)])) <= 2:
                continue  # an event, no measurement
            limit = float(np.nanquantile(values[:first], 0.95))
            condition = parse(f"{name} > {limit!r}")
            when, _ = will_hold(bundle, frame, 0, HORIZON, condition)
            ahead = straight(values)
            line = np.where(np.isnan(ahead), np.nan, (ahead > limit).astype(float))
            # The same rows for both.
            line[np.isnan(when)] = np.nan
            counts["monitor"] += judged(frame, condition, when, first)
            counts["straight line"] += judged(frame, condition, line, first)
            sensors_judged += 1
    print(f"{sensors_judged} sensors")
    for name, found in counts.items():
        hits, false, missed = found
        f1 = 2 * hits / (2 * hits + false + missed)
        print(f"{name}: precision {hits / (hits + false):.3f}, recall {hits / (hits + missed):.3f}, F1 {f1:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
