"""The feature engine against pandas and tsflex: a year of minutes x 10 variables, four windows, six functions.

One row every five minutes. Each is given its least processor time (of all threads) of several runs, so a second thread
would win nothing. pandas rolls over every row and then keeps each fifth; tsflex, in a process and an environment of its
own, hands whole stacks of windows to NumPy. Both do half of the rows; their time grows with the number. Run with
``python -m tests.benchmarks.bench_features``; exits 1 where a bar is missed.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from andon.features.engine import compute_features
from andon.features.spec import FeatureSpec, VariableSpec
from andon.frames import MICROSECOND, RowArrays, SignalFrame, from_microseconds, signal_frame
from configs.durations import format_duration
from tests.benchmarks.contenders import python_with
from tests.benchmarks.timing import verdict

ROWS, VARIABLES, THEIR_ROWS = 525_600, 10, 262_800
MINUTE = timedelta(minutes=1)
WINDOWS = (5, 30, 120, 480)
STRIDE = 5
FUNCTIONS = ("mean", "std", "min", "max", "last", "slope")
TIMES_PANDAS, TIMES_TSFLEX, ERROR, MEMORY = 12.0, 18.0, 1e-9, 300.0
TSFLEX = ("tsflex==0.4.1", f"numpy=={np.__version__}", f"pandas=={pd.__version__}")
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


def by_tsflex(columns: dict[str, np.ndarray], runs: int) -> tuple[float, dict[str, np.ndarray]]:
    """Processor seconds that tsflex takes, in one thread, and what it finds, by variable, function and window."""
    python = python_with(*TSFLEX)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "columns.npz"), Path(folder, "features.npz")
        np.savez(given, **columns)
        script = str(Path(__file__).with_name("tsflex_features.py"))
        command = [str(python), script, str(given), str(found), str(runs)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1_800, env={**os.environ, **threads})
        if done.returncode:
            raise RuntimeError(f"tsflex failed: {done.stderr.strip()[-2_000:]}")
        with np.load(found) as file:
            return float(done.stdout), {name: file[name] for name in file.files}


def apart_from_tsflex(theirs: dict[str, np.ndarray], found: np.ndarray, place: dict[str, int]) -> float:
    """Greatest difference; tsflex has full windows alone."""
    apart = 0.0
    for label, values in theirs.items():
        name, function, window = label.replace("__", "|").split("|")
        minutes = pd.Timedelta(window.removeprefix("w=")) // pd.Timedelta("1min")
        suffix = "" if function == "_last" else f".{format_duration(minutes * MINUTE)}"
        begin = minutes // STRIDE - 1
        ours = found[begin : begin + len(values), place[f"{name}.{function.removeprefix('_')}{suffix}"]]
        apart = max(apart, float(np.abs(ours - values).max()))
    return apart


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


def newest_row(every: timedelta, variables: int = 20) -> float:
    """Return the milliseconds in which a server computes the newest row's features from the rows that it keeps."""
    names = [f"v{index}" for index in range(variables)]
    rows = WINDOWS[-1] * MINUTE // every + 1
    times = 1_767_225_600_000_000 + (every // MICROSECOND) * np.arange(1, rows + 1)
    values = np.random.default_rng(0).normal(size=(variables, rows))
    places = {name: place for place, name in enumerate(names)}
    kept = RowArrays("press-07", times, dict.fromkeys(names, "number"), values, places, {}, every)
    seen = tuple(VariableSpec(name, "number") for name in names)
    spec = FeatureSpec(seen, tuple(window * MINUTE for window in WINDOWS), FUNCTIONS, STRIDE * MINUTE, every)
    newest = from_microseconds(int(times[-1]))
    taken = []
    for _ in range(50):
        began = time.perf_counter()
        compute_features(kept, spec, newest)
        taken.append(time.perf_counter() - began)
    return 1e3 * float(np.median(taken))


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

    ours = ROWS / seconds(lambda: compute_features(frame, spec, one_per_stride=True), 9)
    part = {name: column[:THEIR_ROWS] for name, column in columns.items()}
    table = pd.DataFrame(part)
    pandas = THEIR_ROWS / seconds(lambda: by_pandas(table), 3)
    rolled = by_pandas(table)
    last = slice(WINDOWS[-1] // STRIDE, THEIR_ROWS // STRIDE)
    apart = max(np.abs(values[last] - found.values[last, place[name]]).max() for name, values in rolled.items())
    print(f"{ROWS:,} rows x {VARIABLES} variables, {len(found.names)} features, every {STRIDE} minutes, one thread")
    print(f"andon   {ours:12,.0f} rows/s")
    print(f"pandas  {pandas:12,.0f} rows/s   (measured on {THEIR_ROWS:,} rows; greatest difference {apart:.1e})")
    met = verdict("times pandas", ours / pandas, f">= {TIMES_PANDAS:g}", ours / pandas >= TIMES_PANDAS)
    try:
        taken, theirs = by_tsflex(part, 3)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        print(f"MISSED times tsflex: its environment could not be made or used: {error}")
        met = False
    else:
        tsflex = THEIR_ROWS / taken
        apart = apart_from_tsflex(theirs, found.values, place)
        print(f"tsflex  {tsflex:12,.0f} rows/s   (measured on {THEIR_ROWS:,} rows; greatest difference {apart:.1e})")
        good = ours / tsflex >= TIMES_TSFLEX and apart < 1e-6
        met &= verdict("times tsflex, vectorised", ours / tsflex, f">= {TIMES_TSFLEX:g}", good)
    print(f"greatest error {max(errors):.1e} sd; {found.values.nbytes / 2**20:.0f} MiB are the features themselves")
    met &= verdict("greatest error, 1e-9 sd", max(errors) / ERROR, "<= 1", max(errors) <= ERROR)
    for every in (MINUTE, timedelta(seconds=10), timedelta(seconds=1)):
        told = f"{newest_row(every):.2f} ms, of a row every {format_duration(every)}"
        print(f"the newest row of 20 variables, the same windows and functions: {told}")
    met &= verdict("extra memory, MiB", memory, f"<= {MEMORY:g}", memory <= MEMORY)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
