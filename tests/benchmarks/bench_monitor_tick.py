"""Forecast and judge 50 variables of one line, one tick, in a process that has never imported TensorFlow.

``python -m tests.benchmarks.bench_monitor_tick``: one process trains a monitor by its default definition on four
simulated machines side by side and writes the bundle; a second one reads it, is given the newest rows again and again,
and is measured.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from andon.frames import SignalFrame, signal_frame
from tests.benchmarks.timing import verdict

START = datetime(2026, 1, 5, tzinfo=UTC)
VARIABLES, DAYS, TICKS = 50, 3.0, 500
MILLISECONDS, MEGABYTES = 1.0, 300.0


def line() -> SignalFrame:
    """Return 50 sensors and settings of four machines as one line."""
    from andon.simulate import MACHINES, simulate_line

    tables = []
    for machine in MACHINES:
        data = simulate_line(machine, START, DAYS, 31).data
        names = [name for name, kind in data.schema.items() if kind.is_float()]
        tables.append(data.select("time", pl.col(names).name.prefix(f"{machine}_")))
    joined = tables[0]
    for table in tables[1:]:
        joined = joined.join(table, on="time", how="inner")
    joined = joined.sort("time").select(joined.columns[: VARIABLES + 1])
    return signal_frame("line", joined, dict.fromkeys(joined.columns[1:], "number"))


def train(folder: Path) -> None:
    """Train, and write the bundle and the newest rows."""
    from andon.models.bundle import write_bundle
    from andon.models.monitors.training import fit_monitor
    from andon.records import ModelKey
    from configs.definitions import Monitor

    frame = line()
    began = time.perf_counter()
    bundle = fit_monitor(ModelKey("m", "line"), Monitor(name="m", lines={"names": ["line"]}), 1, frame)
    chosen = [entry["chosen"] for entry in bundle.card.comparison if "chosen" in entry]
    counts = {name: chosen.count(name) for name in sorted(set(filter(None, chosen)))}
    print(f"trained {len(bundle.variables)} variables in {time.perf_counter() - began:.0f} s: {counts}", flush=True)
    write_bundle(bundle, folder / "bundle")
    frame.data.tail(bundle.rows_needed + 200).write_parquet(folder / "rows.parquet")


def measure(folder: Path) -> bool:
    """Tick over the newest rows, and print the median and the memory of this process."""
    from andon.models.bundle import read_bundle
    from andon.models.monitors.bundle import MonitorBundle
    from andon.scoring.monitors import anomalies_at, forecast_next, score_monitor

    bundle = read_bundle(folder / "bundle")
    assert isinstance(bundle, MonitorBundle)
    rows = pl.read_parquet(folder / "rows.parquet")
    types = dict.fromkeys(rows.columns[1:], "number")
    took = []
    gc.collect()
    gc.freeze()
    for tick in range(TICKS):
        end = bundle.rows_needed + 1 + tick % (len(rows) - bundle.rows_needed - 1)
        frame = SignalFrame("line", rows[end - bundle.rows_needed - 1 : end], types, bundle.sampling)
        began = time.perf_counter()
        scores = score_monitor(bundle, frame, start=frame.data["time"][-1])
        anomalies_at(bundle, scores, "line", [0])
        forecasts = forecast_next(bundle, frame)
        took.append(1e3 * (time.perf_counter() - began))
        assert len(scores) == 1 and len(forecasts) == len(bundle.variables) == VARIABLES
    heavy = {"tensorflow", "keras"} & set(sys.modules)
    assert not heavy, heavy
    status = Path("/proc/self/status").read_text().splitlines()
    megabytes = next(int(row.split()[1]) for row in status if row.startswith("VmRSS")) / 1_024
    median = statistics.median(took)
    print(f"{TICKS} ticks over {bundle.rows_needed + 1} rows: 99 % within {sorted(took)[int(0.99 * TICKS)]:.2f} ms")
    return all(
        [
            verdict("milliseconds a tick, median", median, f"<= {MILLISECONDS}", median <= MILLISECONDS),
            verdict("megabytes of the process", megabytes, f"< {MEGABYTES:.0f}", megabytes < MEGABYTES),
        ]
    )


def main() -> int:
    """Train in one process and measure in another."""
    if len(sys.argv) == 3:
        part, folder = sys.argv[1], Path(sys.argv[2])
        return 0 if (part == "train" and train(folder) is None) or (part == "measure" and measure(folder)) else 1
    with tempfile.TemporaryDirectory() as name:
        for part in ("train", "measure"):
            done = subprocess.run([sys.executable, "-m", "tests.benchmarks.bench_monitor_tick", part, name])
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
