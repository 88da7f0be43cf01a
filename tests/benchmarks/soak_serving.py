"""Fifteen minutes at 60 % of the peak: no error, and a memory that does not grow. `--minutes 1` is a short form."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from configs.settings import Settings
from tests.benchmarks.bench_serving import body
from tests.benchmarks.bench_serving_changes import replicas, served_by_command
from tests.benchmarks.bench_serving_clients import megabytes
from tests.benchmarks.http_load import require_wrk, wrk
from tests.benchmarks.serving_plant import build_lines
from tests.benchmarks.timing import verdict

SHARE, CLIENTS, GROWTH = 0.6, 16, 1.03


def steady(
    address: str, paths: list[str], headers: dict[str, str], rate: float, seconds: float
) -> tuple[int, list[str]]:
    """Ask ``rate`` times a second for so long, from 16 connections; return how often, and what failed."""
    counts, failed = [0] * CLIENTS, []
    text, until = body(), time.monotonic() + seconds

    def ask(number: int) -> None:
        where = urlsplit(address)
        connection = HTTPConnection(str(where.hostname), where.port, timeout=30)
        due = time.monotonic() + number / rate
        while due < until:
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                connection.request("POST", paths[counts[number] % len(paths)], text, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    failed.append(str(answer.status))
            except (OSError, HTTPException) as error:
                failed.append(repr(error))
                connection.close()
                connection = HTTPConnection(str(where.hostname), where.port, timeout=30)
            counts[number] += 1
            due = max(due + CLIENTS / rate, time.monotonic() - 1.0)
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts), failed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=15.0)
    options = parser.parse_args()
    require_wrk()
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(home=Path(name) / "home")
        paths = [f"/v2/models/{model}/infer" for model in build_lines(settings, 20)]
        with served_by_command(settings, 1) as (address, headers):
            peak = wrk(address, paths, [body()], connections=32, seconds=5, headers=headers).rate
            rate = SHARE * peak
            warm = min(120.0, 15 * options.minutes)
            steady(address, paths, headers, rate, warm)
            before = megabytes(replicas(settings.home))
            began = time.monotonic()
            asked, failed = steady(address, paths, headers, rate, 60 * options.minutes)
            took = time.monotonic() - began
            after = megabytes(replicas(settings.home))
    print(f"peak {peak:,.0f} req/s; {asked:,} requests at {asked / took:,.0f} req/s over {took / 60:.1f} min")
    print(f"memory of the replica {before:.0f} MB after {warm:.0f} s, {after:.0f} MB at the end; {failed[:3]}")
    good = [
        verdict("share of the peak", asked / took / peak, ">= 0.55", asked / took >= 0.55 * peak),
        verdict("errors", len(failed), "0", not failed),
        verdict("memory at the end, of that after warming up", after / before, "< 1.03", after < GROWTH * before),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
