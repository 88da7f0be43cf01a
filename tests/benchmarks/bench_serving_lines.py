"""Many lines resident, requests cycling over them, against one line; through Serve's HAProxy with a token."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from configs.settings import Settings
from tests.benchmarks.bench_serving import body
from tests.benchmarks.bench_serving_changes import replicas, served_by_command
from tests.benchmarks.bench_serving_clients import megabytes
from tests.benchmarks.http_load import Load, call, require_wrk, wrk
from tests.benchmarks.serving_plant import build_lines
from tests.benchmarks.timing import verdict

TIMES = 1.25


def measure(settings: Settings, names: list[str], seconds: float, rounds: int) -> tuple[list[Load], list[Load], float]:
    """Return loads over all models and over the first, taken in turn, and the memory of the replica in MB."""
    with served_by_command(settings, 1) as (address, headers):
        began = time.monotonic()
        while call(f"{address}/readyz")[1]["models"] < len(names):
            time.sleep(0.1)
        print(f"{len(names)} models were there {time.monotonic() - began:.1f} s after it could be asked")
        paths = [f"/v2/models/{name}/infer" for name in names]
        every, one = [], []
        for wanted, kept in [(paths, []), (paths[:1], [])] + [(paths, every), (paths[:1], one)] * rounds:
            kept.append(wrk(address, wanted, [body()], connections=1, seconds=seconds, headers=headers))
        memory = megabytes(replicas(settings.home))
    assert not sum(load.errors for load in every + one)
    return every, one, memory


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    require_wrk()
    with tempfile.TemporaryDirectory() as name:
        few, many = Settings(home=Path(name) / "few"), Settings(home=Path(name) / "many")
        build_lines(few, 1)
        with served_by_command(few, 1):
            least = megabytes(replicas(few.home))
        names = build_lines(many, options.lines)
        every, one, memory = measure(many, names, options.seconds, options.rounds)
    each = (memory - least) / (options.lines - 1)
    print(
        f"memory of a replica: {least:.0f} MB with 1 line, {memory:.0f} MB with {options.lines}: {each:.2f} MB a line"
    )
    good = []
    for field in ("p50", "p99"):
        found = statistics.median(getattr(load, field) for load in every)
        alone = statistics.median(getattr(load, field) for load in one)
        print(f"{field}: {found:.2f} ms over {options.lines} lines, {alone:.2f} ms over one")
        good.append(
            verdict(
                f"{field} of {options.lines} lines to that of one", found / alone, "<= 1.25", found <= TIMES * alone
            )
        )
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
