"""Memory of the workers over hundreds of monitors in one search, trained by the workers that `andon train` starts.

``python -m tests.benchmarks.bench_monitor_memory [--monitors N] [--rows N]``

Short lines of two to nine variables, so that graphs of many shapes are traced; each monitor tries the default
configuration of every default learner. The mean resident memory of the workers is noted at each monitor's end: that
of the last third must lie within 5 % of the first's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from andon.frames import signal_frame
from cluster.session import ray_session
from configs.settings import load_settings
from tests.benchmarks.timing import verdict
from tests.descendants import descendants
from tune_jobs.files import write_signals
from tune_jobs.search import Progress, run_search
from tune_jobs.study import StudySpec

WORKERS = 2
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
GROWTH = 1.05


def write_monitors(folder: Path, monitors: int, rows: int) -> list[StudySpec]:
    """Write a short line for each monitor, related noise of its own; return their studies."""
    studies = []
    times = pl.Series("time", [BEGIN + timedelta(minutes=row) for row in range(rows)], pl.Datetime("us", "UTC"))
    for index in range(monitors):
        rng = np.random.default_rng(index)
        count = 2 + index % 8
        values = rng.normal(size=(rows, count)) @ rng.normal(size=(count, count))
        names = [f"v{column}" for column in range(count)]
        data = pl.DataFrame([times, *(pl.Series(name, values[:, at]) for at, name in enumerate(names))])
        line, study = f"line-{index:03d}", folder / f"{index:05d}"
        write_signals(signal_frame(line, data, dict.fromkeys(names, "number"), timedelta(minutes=1)), study)
        studies.append(
            StudySpec(
                definition={"kind": "Monitor", "name": "watch", "lines": {"family": "plant"}, "rate": 0.2},
                definition_version=1,
                lines={line: None},
                line=line,
                family=None,
                signals_url="sqlite:////nowhere",
                folder=str(study),
                trials=1,
                seed=1,
            )
        )
    return studies


def resident() -> list[float]:
    """Return the megabytes that each worker of the search holds in memory."""
    held = []
    # How the title of a worker begins, as it starts and at work.
    for process in [*descendants("ray::ResourceTrainable"), *descendants("ray::Search")]:
        try:
            status = Path(f"/proc/{process}/status").read_text().splitlines()
        except OSError:
            continue
        held += [int(row.split()[1]) / 1_024 for row in status if row.startswith("VmRSS")]
    return held


def main() -> int:
    """Train the monitors and print how the memory went."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--monitors", type=int, default=300)
    parser.add_argument("--rows", type=int, default=200)
    asked = parser.parse_args()
    held: list[float] = []
    counts: list[int] = []

    def note(progress: Progress) -> None:
        if progress.ended is not None:
            assert not progress.ended.error, progress.ended.error
            workers = resident()
            counts.append(len(workers))
            held.append(float(np.mean(workers)) if workers else 0.0)
            if len(held) % 25 == 0:
                took = time.perf_counter() - began
                print(f"{len(held)} monitors, {took:.0f} s: {held[-1]:.0f} MB in each of {counts[-1]}", flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        studies = write_monitors(folder, asked.monitors, asked.rows)
        with ray_session(load_settings(home=folder / "home", workers=WORKERS)):
            began = time.perf_counter()
            run_search(studies, seconds=36_000.0, workers=WORKERS, folder=folder, report=note)
    kept = [megabytes for megabytes in held if megabytes > 0]
    third = len(kept) // 3
    first, last = float(np.mean(kept[:third])), float(np.mean(kept[-third:]))
    print(
        f"{len(kept)} monitors: first third {first:.0f} MB, last third {last:.0f} MB, the mean of {max(counts)} workers"
    )
    good = verdict("memory of the last third to the first", last / first, f"<= {GROWTH}", last <= GROWTH * first)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
