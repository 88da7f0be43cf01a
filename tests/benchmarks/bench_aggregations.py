"""The feature job: Ray Data against one plain process, one more day against all, memory with ten times the lines.

One-minute rows of 10 variables in the embedded signals store; 4 windows x 6 functions, every 5 minutes, as
`bench_features`. Run with ``python -m tests.benchmarks.bench_aggregations [DAYS]``; DAYS are those of a line in the
comparison of processes (90; a year takes an hour and 8 GB). Exits 1 where a bar is missed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from andon.features.engine import compute_features
from andon.features.spec import FeatureSpec, VariableSpec
from andon.frames import TIME, from_microseconds, signal_frame
from andon.ports import Signals
from andon.stores import open_signals
from cluster.session import QUIET, ray_session
from configs.settings import load_settings
from pipelines.aggregations.feature_set import FeatureSet
from pipelines.aggregations.job import Wanted, make_features
from pipelines.aggregations.line_features import LineFeatures
from tests.benchmarks.timing import verdict

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BEGIN = 1_767_225_600_000_000
NAMES = [f"v{index}" for index in range(10)]
SPEC = FeatureSpec(
    tuple(VariableSpec(name, "number") for name in NAMES),
    tuple(window * MINUTE for window in (5, 30, 120, 480)),
    ("mean", "std", "min", "max", "last", "slope"),
    5 * MINUTE,
    MINUTE,
)
LINES, MORE_LINES, WORKERS = 40, 100, 2
GROWING = ("g0", "g1", "g2")
MEMORY_DAYS = 20
FASTER, SHARE, MEMORY = 1.6, 0.05, 1.3


def at(days: float) -> datetime:
    return from_microseconds(BEGIN) + days * DAY


def append(signals: Signals, line: str, begin: int, end: int) -> None:
    """Store the readings of days ``[begin, end)`` of a line; those of a day are always the same."""
    for first in range(begin, end, 30):
        days = range(first, min(first + 30, end))
        rows = len(days) * 1_440
        times = BEGIN + 60_000_000 * (np.arange(rows) + first * 1_440 + 1)
        columns = np.concatenate(
            [np.random.default_rng([day, *line.encode()]).normal(50, 1, (1_440, 10)) for day in days]
        )
        data = pl.DataFrame({"time": pl.Series(times).cast(TIME), **dict(zip(NAMES, columns.T, strict=True))})
        signals.append_signals(signal_frame(line, data, dict.fromkeys(NAMES, "number"), MINUTE))


def plain(url: str, folder: Path, lines: list[str], end: datetime) -> float:
    """Seconds in which one process reads each line whole, computes, and writes a Parquet file."""
    signals = open_signals(url)
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    for line in lines:
        found = compute_features(signals.read_signals(line, None, None, end), SPEC, one_per_stride=True)
        values = found.values[found.complete].T
        table = {"time": found.times[found.complete], **dict(zip(found.names, values, strict=True))}
        pl.DataFrame(table).write_parquet(folder / f"{line}.parquet", compression="lz4", statistics=False)
    return time.perf_counter() - began


def plain_process(url: str, folder: Path, days: int) -> float:
    """Seconds of `plain` in a process of its own, with one thread, after a line that warms it up."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_aggregations", "--plain", url, str(folder), str(days)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **QUIET})
    return float(done.stdout)


def wanted(url: str, folder: Path, lines: list[str], days: float) -> list[Wanted]:
    return [Wanted(FeatureSet(SPEC, None, str(folder)), line, url, at(days) + MINUTE) for line in lines]


def processes_met(url: str, folder: Path, lines: list[str], days: int) -> bool:
    """Whether Ray Data on two cores is so much faster than one process; the best of three of each, run in turn.

    All of the job is timed but the start of either: of Python and a first line in the one process; of Ray, its workers
    and a few first lines on the other side, which is printed. Ray's workers are nice: they give way to others.
    """
    took: dict[str, list[float]] = {"plain": [], "ray": []}
    began = time.perf_counter()
    with ray_session(load_settings(home=folder, workers=WORKERS)):
        make_features(wanted(url, folder / "warm", lines[: 4 * WORKERS], 12), WORKERS)
        print(f"Ray, its workers and a first small job started in {time.perf_counter() - began:.1f} s, not timed below")
        for _ in range(3):
            shutil.rmtree(folder / "plain", ignore_errors=True)
            shutil.rmtree(folder / "ray", ignore_errors=True)
            took["plain"].append(plain_process(url, folder / "plain", days))
            began = time.perf_counter()
            made, failed = make_features(wanted(url, folder / "ray", lines, days), WORKERS)
            took["ray"].append(time.perf_counter() - began)
            assert made and not failed
        signals = open_signals(url)
        for line in lines:
            append(signals, line, days, days + 1)
        began = time.perf_counter()
        make_features(wanted(url, folder / "ray", lines, days + 1), WORKERS)
        again = time.perf_counter() - began
    for one in wanted(url, folder / "ray", lines[:2], days):
        parts = np.concatenate([rows.values for rows in one.on(signals).read()])
        whole = pl.read_parquet(folder / "plain" / f"{one.line}.parquet").drop("time").to_numpy(order="c")
        assert parts.tobytes() == whole.tobytes(), "the same features, to the last bit"
    ratio = min(took["plain"]) / min(took["ray"])
    print(f"{len(lines)} lines of {days} days: {days * 1_440:,} rows x {len(NAMES)}, {len(SPEC.names)} features")
    plainly, on_ray = (", ".join(f"{one:.1f}" for one in took[name]) for name in ("plain", "ray"))
    print(f"one process {plainly} s; Ray Data on {WORKERS} cores {on_ray} s; one more day of all {again:.1f} s")
    return verdict("times faster on Ray Data than one process", ratio, f">= {FASTER}", ratio >= FASTER)


def growth_met(url: str, folder: Path) -> bool:
    """Whether one more day on 90 costs so little of what all 91 cost, in this process; the mean of several days."""
    signals, shares, days = open_signals(url), [], 90
    for line in GROWING:
        append(signals, line, 0, days)
        kept = LineFeatures(FeatureSet(SPEC, None, str(folder / "kept")), line, signals)
        kept.update(kept.part_numbers())
        for more in range(4):
            append(signals, line, days + more, days + more + 1)
            update = seconds(kept)
            fresh = LineFeatures(FeatureSet(SPEC, None, str(folder / f"fresh-{more}")), line, signals)
            full = seconds(fresh)
            shares.append(update / full)
            print(f"day {days + more + 1} of {line}: {update * 1000:.0f} ms of {full * 1000:.0f}")
            old, new = (np.concatenate([rows.values for rows in one.read()]) for one in (kept, fresh))
            assert old.tobytes() == new.tobytes()
        whole = compute_features(signals.read_signals(line), SPEC, one_per_stride=True)
        every = np.concatenate([rows.values for rows in kept.read()])
        assert every.tobytes() == whole.values[whole.complete].tobytes(), "equal to one computation, to the last bit"
    share = float(np.mean(shares))
    return verdict("share of the full time that one more day on 90 takes", share, f"<= {SHARE}", share <= SHARE)


def seconds(line: LineFeatures) -> float:
    began = time.perf_counter()
    line.update(line.part_numbers())
    return time.perf_counter() - began


def memory_met(url: str, folder: Path, lines: list[str]) -> bool:
    """Whether a hundred lines take hardly more memory than ten: the peaks of the driver and of all workers, summed."""
    sums = []
    for count, days in ((10, MEMORY_DAYS), (10, 2 * MEMORY_DAYS), (len(lines), MEMORY_DAYS)):
        command = [sys.executable, "-m", "tests.benchmarks.bench_aggregations", "--memory", url]
        command += [str(folder / f"memory-{count}-{days}"), str(days), *lines[:count]]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **QUIET})
        peaks = json.loads(done.stdout)
        sums.append(sum(peaks))
        each = ", ".join(f"{peak:.0f}" for peak in sorted(peaks, reverse=True))
        print(f"{count} lines of {days} days: {sums[-1]:.0f} MiB in {len(peaks)} processes ({each})")
    ratio = sums[2] / sums[0]
    print(f"lines twice as long: {sums[1] / sums[0]:.2f} times the memory")
    return verdict(f"times the memory for {len(lines)} lines as for 10", ratio, f"<= {MEMORY}", ratio <= MEMORY)


def peaks_of_job(url: str, folder: Path, days: int, lines: list[str]) -> list[float]:
    """MiB at most resident in the driver and in each worker that took part."""
    with ray_session(load_settings(home=folder, workers=WORKERS)):
        made, failed = make_features(wanted(url, folder, lines, days), WORKERS)
        assert made and not failed
        return [_peak(os.getpid()) or 0.0, *_peaks_of_workers()]


def _peaks_of_workers() -> Iterator[float]:
    parents: dict[int, int] = {}
    workers = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if (path / "cmdline").read_text().startswith("ray::"):
                workers.append(int(path.name))
    for worker in workers:
        ancestor = worker
        while ancestor in parents and ancestor != os.getpid():
            ancestor = parents[ancestor]
        peak = _peak(worker)
        if ancestor == os.getpid() and peak is not None:
            yield peak


def _peak(pid: int) -> float | None:
    """MiB at most resident; None where the process has ended."""
    with contextlib.suppress(OSError, IndexError):
        return float(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return None


def main() -> int:
    """Print each figure beside its bar."""
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 90
    lines = [f"l{number:03}" for number in range(MORE_LINES)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder}/signals.db"
        signals = open_signals(url)
        for number, line in enumerate(lines):
            append(signals, line, 0, days if number < LINES else MEMORY_DAYS)
        good = [
            processes_met(url, folder, lines[:LINES], days),
            growth_met(url, folder),
            memory_met(url, folder, lines),
        ]
    return 0 if all(good) else 1


def _part() -> int:
    """Run one of the processes that `main` starts."""
    what, url, folder, days, *lines = sys.argv[1:]
    if what == "--memory":
        print(json.dumps(peaks_of_job(url, Path(folder), int(days), lines)))
    else:
        every = [line for line in open_signals(url).list_lines() if line.startswith("l")][:LINES]
        plain(url, Path(folder), every[:1], at(12))
        print(plain(url, Path(folder), every, at(int(days)) + MINUTE))
    return 0


if __name__ == "__main__":
    sys.exit(_part() if len(sys.argv) > 2 else main())
