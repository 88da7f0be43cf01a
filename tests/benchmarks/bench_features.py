"""The feature engine against pandas: one year of minutes x 10 variables, four windows, six functions, every 5 minutes.

Both run in this process, and each is given its least processor time (of all threads) of several runs, so a second
thread would win nothing. pandas rolls over every row and then keeps each fifth, on half of the rows; its time grows
with their number. Run with ``python -m tests.benchmarks.bench_features``; exits 1 where a bar is missed.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import product

import numpy as np
import pandas as pd
import polars as pl

from andon.features.engine import compute_features
from andon.features.spec import FeatureSpec, VariableSpec
from andon.frames import SignalFrame, signal_frame
from configs.durations import format_duration

ROWS, VARIABLES, PANDAS_ROWS = 525_600, 10, 262_800
MINUTE = timedelta(minutes=1)
WINDOWS = (5, 30, 120, 480)
STRIDE = 5
FUNCTIONS = ("mean", "std", "min", "max", "last", "slope")
TIMES_PANDAS, ERROR, MEMORY = 12.0, 1e-9, 300.0
NAMES = [f"v{index}" for index in range(VARIABLES)]


def series(rows: int) -> dict[str, np.ndarray]:
    """Wandering, noisy readings around 50, float64 (rows,) each."""
    rng = np.random.default_rng(0)
    return {name: 50 + rng.normal(size=rows).cumsum() * 0.01 + rng.normal(size=rows) for name in NAMES}


def frame_of(columns: dict[str, np.ndarray]) -> SignalFrame:
    rows = len(columns[NAMES[0]])
    at = 1_767_225_600_000_000 + 60_000_000 * np.arange(1, rows + 1)
    data = pl.DataFrame({"time": pl.Series(at).cast(pl.Datetime("us", "UTC")), **columns})
    return signal_frame("press-07", data, dict.fromkeys(NAMES, "number"), MINUTE)


def by_pandas(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Every feature of every fifth row, float64 (rows // 5,) each."""
    found = {}
    minutes = pd.Series(np.arange(len(frame), dtype=np.float64), index=frame.index)
    for window in WINDOWS:
        length = format_duration(window * MINUTE)
        rolling = frame.rolling(window)
        tables = {
            "mean": rolling.mean(),
            "std": rolling.std(),
            "min": rolling.min(),
            "max": rolling.max(),
            "slope": rolling.cov(minutes).div(minutes.rolling(window).var(), axis=0),
        }
        for function, table in tables.items():
            every_fifth = table.iloc[STRIDE - 1 :: STRIDE]
            for name in NAMES:
                found[f"{name}.{function}.{length}"] = every_fifth[name].to_numpy()
    for name in NAMES:
        found[f"{name}.last"] = frame[name].iloc[STRIDE - 1 :: STRIDE].to_numpy()
    return found


def exact(columns: dict[str, np.ndarray], at: int, name: str, function: str, window: int) -> float:
    """One feature at row ``at``, in extended precision."""
    values = columns[name][at + 1 - window : at + 1].astype(np.longdouble)
    if function == "slope":
        minutes = np.arange(window, dtype=np.longdouble)
        minutes -= minutes.mean()
        return float((minutes * (values - values.mean())).sum() / (minutes * minutes).sum())
    return float(values.std(ddof=1) if function == "std" else getattr(values, function)())


def seconds(run: Callable[[], object], times: int) -> float:
    """Least processor time, of all threads, of several runs, after one that warms up."""
    run()
    taken = []
    for _ in range(times):
        begun = time.process_time()
        run()
        taken.append(time.process_time() - begun)
    return min(taken)


def main() -> int:
    """Print each figure beside its bar."""
    columns = series(ROWS)
    frame = frame_of(columns)
    spec = FeatureSpec(
        tuple(VariableSpec(name, "number") for name in NAMES),
        tuple(window * MINUTE for window in WINDOWS),
        FUNCTIONS,
        STRIDE * MINUTE,
        MINUTE,
    )
    compute_features(frame_of(series(1_000)), spec, one_per_stride=True)  # compile, or load what was compiled
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = compute_features(frame, spec, one_per_stride=True)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    rng = np.random.default_rng(1)
    place = {name: column for column, name in enumerate(found.names)}
    errors = []
    for name, function, window in product(NAMES, ("mean", "std", "min", "max", "slope"), WINDOWS):
        column = found.values[:, place[f"{name}.{function}.{format_duration(window * MINUTE)}"]]
        for row in rng.integers(WINDOWS[-1] // STRIDE, len(column), 20):
            wanted = exact(columns, int(row) * STRIDE + STRIDE - 1, name, function, window)
            errors.append(abs(column[row] - wanted) / columns[name].std())

    ours = ROWS / seconds(lambda: compute_features(frame, spec, one_per_stride=True), 5)
    table = pd.DataFrame({name: column[:PANDAS_ROWS] for name, column in columns.items()})
    theirs = PANDAS_ROWS / seconds(lambda: by_pandas(table), 3)
    rolled = by_pandas(table)
    last = slice(WINDOWS[-1] // STRIDE, PANDAS_ROWS // STRIDE)
    apart = max(np.abs(values[last] - found.values[last, place[name]]).max() for name, values in rolled.items())

    print(f"{ROWS:,} rows x {VARIABLES} variables, {len(found.names)} features, every {STRIDE} minutes, one thread")
    print(f"andon   {ours:12,.0f} rows/s")
    print(f"pandas  {theirs:12,.0f} rows/s   (measured on {PANDAS_ROWS:,} rows; greatest difference {apart:.1e})")
    print(f"ratio   {ours / theirs:12.1f}          bar >= {TIMES_PANDAS:g}")
    print(f"error   {max(errors):12.1e} sd       bar <= {ERROR:g}")
    print(
        f"memory  {memory:12.0f} MiB      bar <= {MEMORY:g}   (of which {found.values.nbytes / 2**20:.0f} the features)"
    )
    return 0 if ours / theirs >= TIMES_PANDAS and max(errors) <= ERROR and memory <= MEMORY else 1


if __name__ == "__main__":
    sys.exit(main())
