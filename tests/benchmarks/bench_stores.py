"""Embedded signals: bulk append, latest window, range read."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from andon.frames import TIME, signal_frame
from andon.stores import open_signals
from tests.benchmarks.timing import verdict

ROWS, VARIABLES = 100_000, 10


def main() -> int:
    rng = np.random.default_rng(0)
    times = pl.Series(np.arange(ROWS) * 60_000_000 + 1_767_225_600_000_000).cast(TIME)
    types = {f"v{i}": "number" for i in range(VARIABLES)}
    frame = signal_frame("a", pl.DataFrame({"time": times, **{name: rng.random(ROWS) for name in types}}), types)
    with tempfile.TemporaryDirectory() as folder:
        signals = open_signals(f"sqlite:///{Path(folder)}/signals.db")
        began = time.perf_counter()
        signals.append_signals(frame)
        rate = ROWS * VARIABLES / (time.perf_counter() - began)
        began = time.perf_counter()
        assert signals.read_signals("a").data.equals(frame.data)
        reading = ROWS * VARIABLES / (time.perf_counter() - began)
        took = []
        for _ in range(200):
            began = time.perf_counter()
            signals.latest_signals("a", 100)
            took.append(time.perf_counter() - began)
        signals.close()
    latest = statistics.median(took) * 1000
    print(f"range read: {reading / 1000:.0f} k values/s")
    good = [
        verdict("bulk append, k values/s", rate / 1000, ">= 250", rate >= 250_000),
        verdict("latest 100 rows of 10 variables, ms p50", latest, "<= 2", latest <= 2),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
