"""Anomalies of monitors: SKAB valve1, two groups of NAB, and the rate of false alarms on normal rows.

Needs ANDON_TEST_DATA. ``python -m tests.benchmarks.bench_anomalies [skab crops nab rate]`` runs all of it or parts.
Monitors are trained without a search: the cheapest configuration of each of the default learners, or of those that
ANDON_LEARNERS names. Nothing else of the default definition is changed, for any of the data.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from andon.frames import Booleans, SignalFrame, signal_frame
from andon.models.monitors.training import fit_monitor
from andon.records import ModelKey
from andon.scoring.monitors import score_monitor
from andon.simulate import MACHINES, simulate_line
from configs.definitions import Monitor
from tests.benchmarks.nab_score import Judged, nab_score
from tests.benchmarks.timing import verdict
from tests.e2e.real_data import skab_score

LEARNERS = os.environ.get("ANDON_LEARNERS", "").split()
HIDDEN = ("subset", "file", "datetime", "anomaly", "changepoint", "split")
CROPS = (1, 2, 3, 4, 5)
MOST_CROPPED = 120
SIMULATED = (400, 401, 402)
LEARN, TEST = timedelta(days=10), timedelta(days=4)
AFTER = timedelta(minutes=30)
"""Rows from the precursor of a fault to so long after its repair are not taken for normal."""
KEEP_FIRING = 30
"""Rows, the default window."""
WINDOWED_GAUSSIAN = {"realTraffic": 64.3, "realAWSCloudwatch": 31.2}


def judge(frame: SignalFrame, learn: int) -> Booleans:
    """Return the line's flags at all rows, by a monitor that learns from the first ``learn`` rows."""
    body = {"name": "normal", "lines": {"names": [frame.line]}}
    definition = Monitor.model_validate(body | ({"learners": LEARNERS} if LEARNERS else {}))
    seen = SignalFrame(frame.line, frame.data[:learn], frame.types, frame.sampling)
    bundle = fit_monitor(ModelKey("normal", frame.line), definition, 1, seen)
    return score_monitor(bundle, frame).line_flag


def skab_frames(data: Path, crop: int | None = None) -> list[tuple[SignalFrame, int, pl.DataFrame]]:
    """Return frame, rows to learn from and truth of the 16 files, with up to 120 first rows cropped by a seed."""
    rows = (
        pl.read_parquet(data / "skab-valve1" / "valve1.parquet")
        .sort("file", "datetime")
        .with_columns(line=pl.format("valve1-{}", pl.col("file")), time=pl.col("datetime").dt.replace_time_zone("UTC"))
    )
    rng = np.random.default_rng(crop)
    found = []
    for (line,), part in rows.group_by("line", maintain_order=True):
        kept = part[0 if crop is None else int(rng.integers(0, MOST_CROPPED + 1)) :]
        truth = kept.filter(pl.col("split") != "train").select("line", "time", "anomaly")
        table = kept.drop(*HIDDEN, "line").select("time", pl.exclude("time").cast(pl.Float64))
        frame = signal_frame(str(line), table, dict.fromkeys(table.columns[1:], "number"), timedelta(seconds=1))
        found.append((frame, len(kept) - len(truth), truth))
    return found


def skab(data: Path, crop: int | None = None) -> dict[str, float]:
    """Score the leaderboard's protocol."""
    flags, truths = [], []
    for frame, learn, truth in skab_frames(data, crop):
        flag = judge(frame, learn)[learn:]
        flags.append(truth.select("line", "time").with_columns(flag=flag))
        truths.append(truth)
    return skab_score(pl.concat(flags), pl.concat(truths))


def bench_skab(data: Path) -> bool:
    score = skab(data)
    print(f"SKAB valve1: F1 {score['f1']:.3f}, FAR {score['far']:.3f}, MAR {score['mar']:.3f}")
    good = score["f1"] >= 0.78 and score["far"] <= 0.15
    return verdict("SKAB valve1, F1", score["f1"], ">= .78 at FAR <= .15", good)


def bench_crops(data: Path) -> bool:
    whole, good = skab(data)["f1"], True
    for seed in CROPS:
        score = skab(data, seed)
        found = f"FAR {score['far']:.3f}, MAR {score['mar']:.3f}, F1"
        good &= verdict(
            f"SKAB valve1 cropped by seed {seed}: {found}", score["f1"], f"within .02 of {whole:.3f}",
            abs(score["f1"] - whole) <= 0.02,
        )  # fmt: skip
    return good


def bench_nab(data: Path) -> bool:
    """Print the score of detections taken at every flagged row, and of those at which an alert on them opens."""
    good = True
    for group, bar in WINDOWED_GAUSSIAN.items():
        rows = pl.read_parquet(data / "nab-traffic-aws" / f"{group}.parquet")
        spans = json.loads((data / "nab-traffic-aws" / f"{group}_windows.json").read_text())
        every, openings, alarms = [], [], 0
        for (name,), part in rows.group_by("file", maintain_order=True):
            # The same time twice is one reading time of a line: the last stands.
            kept = part.unique("timestamp", keep="last", maintain_order=True).sort("timestamp")
            times = kept["timestamp"].dt.replace_time_zone("UTC")
            frame = signal_frame("nab", pl.DataFrame({"time": times, "value": kept["value"]}), {"value": "number"})
            probation = int(kept["probation"].sum())
            flag = judge(frame, probation)
            opened = alerts_opened(flag, probation)
            windows = [_rows_of(kept["timestamp"], *map(datetime.fromisoformat, span)) for span in spans[str(name)]]
            every.append(Judged(flag, tuple(windows), probation))
            openings.append(Judged(opened, tuple(windows), probation))
            alarms += int(opened[probation:].sum())
        scored = nab_score(openings)
        print(f"NAB {group}: {nab_score(every):.1f} by rows, {scored:.1f} by alerts, of which {alarms}")
        good &= verdict(f"NAB {group}, standard profile, alerts", scored, f"> {bar}", scored > bar)
    return good


def alerts_opened(flag: Booleans, first: int) -> Booleans:
    """Return the rows from ``first`` on at which an alert opens that keeps firing for a window after the last flag."""
    opened, last = np.zeros(len(flag), np.bool_), -KEEP_FIRING - 1
    for row in np.flatnonzero(flag[first:]).tolist():
        opened[first + row] = row - last > KEEP_FIRING
        last = row
    return opened


def _rows_of(times: pl.Series, first: datetime, last: datetime) -> tuple[int, int]:
    return int((times < first).sum()), int((times <= last).sum()) - 1


def bench_rate(data: Path) -> bool:
    """Measure how often normal rows that no monitor has seen are flagged at the stated 1 %."""
    rows = pl.read_parquet(data / "skab-valve1" / "anomaly_free.parquet").sort("datetime")
    hidden = [
        name for name in ("subset", "file", "datetime", "anomaly", "changepoint", "split") if name in rows.columns
    ]
    table = rows.select(time=pl.col("datetime").dt.replace_time_zone("UTC")).with_columns(
        rows.drop(hidden).cast(pl.Float64)
    )
    frame = signal_frame("free", table, dict.fromkeys(table.columns[1:], "number"), timedelta(seconds=1))
    half = len(frame) // 2
    flag = judge(frame, half)[half:]
    tenths = " ".join(f"{part.mean():.3f}" for part in np.array_split(flag, 10))
    print(f"SKAB anomaly-free, second half, by tenths of it: {tenths}")
    good = verdict("SKAB anomaly-free, second half, rate", flag.mean(), ".003 to .02", 0.003 <= flag.mean() <= 0.02)
    rates = []
    for machine in MACHINES:
        for seed in SIMULATED:
            rates.append(simulated_rate(machine, seed))
            print(f"simulated {machine} {seed}: {rates[-1]:.4f}")
    mean = float(np.mean(rates))
    return verdict("simulator, mean rate of 12 lines", mean, ".003 to .02", 0.003 <= mean <= 0.02) and good


def simulated_rate(machine: str, seed: int) -> float:
    """Return the share of flagged normal rows of the days after learning."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    line = simulate_line(machine, start, (LEARN + TEST) / timedelta(days=1), seed)
    types = {one["name"]: one["type"] for one in line.definition["variables"]}
    frame = signal_frame(line.name, line.data, types, timedelta(minutes=1))
    learn = int((line.data["time"] < start + LEARN).sum())
    normal = line.data["time"] >= start + LEARN
    for fault in line.faults:
        normal &= ~line.data["time"].is_between(fault.precursor_start, fault.end + AFTER)
    return float(judge(frame, learn)[normal.to_numpy()].mean())


PARTS = {"skab": bench_skab, "crops": bench_crops, "nab": bench_nab, "rate": bench_rate}


def main() -> int:
    """Run the named parts; 1 where a bar is missed."""
    named = os.environ.get("ANDON_TEST_DATA")
    if not named:
        print("skipped: ANDON_TEST_DATA names no folder of real data")
        return 0
    good = True
    for part in sys.argv[1:] or PARTS:
        began = time.perf_counter()
        good &= PARTS[part](Path(named))
        print(f"{part} took {time.perf_counter() - began:.0f} s", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
