"""Embedded stores: bulk append, latest window, range read; the champion asked; a plant of many lines."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from andon.frames import TIME, SignalFrame, signal_frame
from andon.records import ModelCard, ModelKey
from andon.stores import open_models, open_signals
from configs.definitions import VariableType
from tests.benchmarks.timing import verdict

ROWS, VARIABLES, LINES = 200_000, 10, 2_000


def plant(line: str, rows: int) -> SignalFrame:
    rng = np.random.default_rng(0)
    times = pl.Series(np.arange(rows) * 60_000_000 + 1_767_225_600_000_000).cast(TIME)
    types: dict[str, VariableType] = {f"v{i}": "number" for i in range(VARIABLES)}
    return signal_frame(line, pl.DataFrame({"time": times, **{name: rng.random(rows) for name in types}}), types)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def signals_met(folder: Path) -> bool:
    frame, rates = plant("a", ROWS), []
    for attempt in range(3):
        signals = open_signals(f"sqlite:///{folder}/signals-{attempt}.db")
        rates.append(ROWS * VARIABLES / seconds(lambda: signals.append_signals(frame)))  # noqa: B023
    again = ROWS * VARIABLES / seconds(lambda: signals.append_signals(frame))
    read = min(seconds(lambda: signals.read_signals("a")) for _ in range(3))
    assert signals.read_signals("a").data.equals(frame.data)
    for number in range(LINES):
        signals.append_signals(plant(f"line-{number:04}", 2))
    listed, described = seconds(signals.list_lines), seconds(lambda: signals.describe_line("a"))
    latest = statistics.median(seconds(lambda: signals.latest_signals("a", 100)) for _ in range(300)) * 1000
    signals.close()
    print(f"bulk append, k values/s, three times: {', '.join(f'{rate / 1000:.0f}' for rate in rates)}")
    print(f"the same values again: {again / 1000:.0f} k values/s")
    print(f"range read of {ROWS * VARIABLES:,} values, best of three: {read:.2f} s")
    print(f"{LINES:,} lines listed in {listed * 1000:.1f} ms, one described in {described * 1000:.2f} ms")
    good = [
        verdict("bulk append, k values/s, best of three", max(rates) / 1000, ">= 250", max(rates) >= 250_000),
        verdict("latest 100 rows of 10 variables, ms p50", latest, "<= 2", latest <= 2),
    ]
    return all(good)


def models_met(folder: Path) -> bool:
    (folder / "bundle").mkdir()
    (folder / "bundle" / "bundle.json").write_text("{}")
    at, key = datetime(2026, 1, 1, tzinfo=UTC), ModelKey("jam-soon", "press-07")
    card = ModelCard("classifier", "lightgbm", {"leaves": 7}, {"ap": 0.9}, {"kind": "Alert"}, 1, at, at, 0)
    models = open_models(f"sqlite:///{folder}/mlflow.db")
    first = seconds(lambda: models.publish(key, folder / "bundle", card))
    took = statistics.median(seconds(lambda: models.publish(key, folder / "bundle", card)) for _ in range(10))
    models.promote(key, 1, "first", at)
    asked = statistics.median(seconds(lambda: models.pointer(key)) for _ in range(300)) * 1000
    print(f"publish: {first:.1f} s for the first (MLflow makes its database), then {took * 1000:.0f} ms")
    return verdict("champion's version asked, ms p50", asked, "<= 3", asked <= 3)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        good = [signals_met(Path(folder)), models_met(Path(folder))]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
