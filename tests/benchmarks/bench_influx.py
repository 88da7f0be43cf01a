"""InfluxDB: bulk writes beside curl's of the same bytes, and the newest window with 10 million points stored.

Both write to InfluxDB 1.6 through the same forwarder, which maps the write path of 2.x.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from andon.frames import TIME, SignalFrame, signal_frame
from andon.stores import open_signals
from andon.stores.addresses import influx_address
from andon.stores.influx_lines import batches
from andon.stores.influx_names import InfluxNames
from configs.definitions import VariableType
from tests.benchmarks.timing import verdict
from tests.servers import adapters
from tests.servers.forwarder import forwarder_process
from tests.servers.influx import INFLUXD, influxdb

VARIABLES, SLICE = 10, 100_000
"""Variables of a line, and rows of one append."""
STORED = 1_000_000
"""Rows that lie in the store when the newest are read: 10 million points, minute by minute, of two years."""
COMPARED = 200_000
"""Rows that are written by both."""
START, STEP = 1_704_067_200_000_000, 60_000_000
TYPES: dict[str, VariableType] = {f"v{i}": "number" for i in range(VARIABLES)}


def rows(begin: int, end: int, line: str = "press-07") -> SignalFrame:
    rng = np.random.default_rng(begin)
    times = pl.Series(START + np.arange(begin, end) * STEP).cast(TIME)
    data = pl.DataFrame({"time": times, **{name: rng.normal(70, 5, end - begin).round(3) for name in TYPES}})
    return signal_frame(line, data, TYPES, timedelta(minutes=1))


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def post(url: str, files: list[Path]) -> None:
    """Post files one after another over one connection, as fast as curl can."""
    command = ["curl", "-sS", "--fail"]
    for number, file in enumerate(files):
        command += [*(["--next", "-sS", "--fail"] if number else []), "--data-binary", f"@{file}", url]
    subprocess.run(command, check=True, timeout=280)


def bulk_met(port: int, forwarder: int, folder: Path) -> bool:
    frames = [rows(begin, begin + SLICE) for begin in range(0, COMPARED, SLICE)]
    ours, theirs = [], []
    for number in range(5):
        url = adapters.fresh_influx_url(port, forwarder)
        signals = open_signals(url)
        ours.append(seconds(lambda: [signals.append_signals(frame) for frame in frames]))  # noqa: B023
        files = []
        address = influx_address(adapters.fresh_influx_url(port, forwarder))
        names = InfluxNames(address.layout, address.bucket)
        for frame in frames:
            columns = {name: names.new_column(frame.line, name, "number") for name in TYPES}
            for lines in batches(frame.line, frame.data, columns, names):
                files.append(folder / f"{number}-{len(files)}.txt")
                files[-1].write_bytes(lines)
        write = f"{address.base}/api/v2/write?org=&bucket={address.bucket}&precision=us"
        theirs.append(seconds(lambda: post(write, files)))  # noqa: B023
    values = COMPARED * VARIABLES / 1000
    print(f"the adapter, k values/s: {', '.join(f'{values / took:.0f}' for took in ours)}")
    print(f"curl, k values/s: {', '.join(f'{values / took:.0f}' for took in theirs)}")
    share = statistics.median(theirs) / statistics.median(ours)
    return verdict("bulk write, share of curl's rate, medians of five in turn", share, ">= 0.8", share >= 0.8)


def latest_met(port: int, forwarder: int) -> bool:
    signals = open_signals(adapters.fresh_influx_url(port, forwarder))
    for begin in range(0, STORED, SLICE):
        signals.append_signals(rows(begin, begin + SLICE))
    first = seconds(lambda: signals.latest_signals("press-07", 100))
    took = []
    for number in range(200):
        newest = rows(STORED + number, STORED + number + 1)
        signals.append_signals(newest)
        began = time.perf_counter()
        found = signals.latest_signals("press-07", 100)
        took.append((time.perf_counter() - began) * 1000)
        assert found.data[-1].equals(newest.data)
        assert len(found) == 100
    described = statistics.median(seconds(lambda: signals.describe_line("press-07")) * 1000 for _ in range(50))
    spanned = seconds(lambda: signals.read_signals("press-07", None, found.data["time"][0] - timedelta(days=28)))
    median, high = statistics.median(took), sorted(took)[int(0.95 * len(took))]
    print(f"the first read of a process: {first:.2f} s; p95 of the later ones: {high:.1f} ms")
    print(f"a line described: {described:.1f} ms p50; 28 days of 10 variables read: {spanned:.2f} s")
    points = STORED * VARIABLES // 1_000_000
    return verdict(f"latest 100 rows of 10 variables, {points} M points, ms p50", median, "<= 10", median <= 10)


def main() -> int:
    if not INFLUXD:
        print("InfluxDB is not installed: apt-get install influxdb")
        return 1
    with (
        tempfile.TemporaryDirectory() as name,
        influxdb(Path(name) / "influx") as server,
        forwarder_process(Path(name), server.port) as forwarder,
    ):
        good = [bulk_met(server.port, forwarder.port, Path(name)), latest_met(server.port, forwarder.port)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
