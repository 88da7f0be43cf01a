"""What a line costs, measured here, and what that makes of 10^2 to 10^6 lines: where each part breaks first.

Measured: bytes a reading in the embedded store, time and memory of a model that is loaded, what `andon metrics` takes.
From other benchmarks, as options: a tick (`bench_assistant_tick`), a configuration of a search (`bench_search`), an
answer (`bench_serving`). Everything else is arithmetic, and shown.

Usage: ``python -m tests.benchmarks.bench_cluster_scaling [--tick-ms 3.5] [--configuration-s 0.19] [--answers 1500]``
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from andon.stores import open_documents, open_models, open_signals
from configs.definitions import Line
from pipelines.running.plant_metrics import PlantCollector
from tests.benchmarks.serving_plant import bundle, fitted, sixty

AT = datetime(2026, 6, 1, tzinfo=UTC)
VARIABLES, SAMPLING, PERIOD = 10, 60.0, 60.0
"""A line: ten variables, a reading and a tick a minute, one alert and one monitor."""
CONFIGURATIONS, NIGHT = 60, 6 * 3600.0
"""Of a retraining of both its models; the hours in which it may happen."""
ASKED = 10.0
"""Seconds between two questions of a client about a line."""
_RESIDENT = """
import gc, resource, sys, time
from pathlib import Path
from andon.models.bundle import read_bundle
def rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
folder, count = Path(sys.argv[1]), int(sys.argv[2])
read_bundle(folder / "0")  # what the first brings along, libraries included
gc.collect()
before, began = rss(), time.perf_counter()
kept = [read_bundle(folder / str(number)) for number in range(1, count)]
print((rss() - before) / len(kept), (time.perf_counter() - began) / len(kept))
"""


@dataclass(frozen=True)
class Costs:
    """Of one line: bytes a value, bytes and seconds of a model, seconds that a scrape takes."""

    value_bytes: float
    model_bytes: float
    model_seconds: float
    scrape_seconds: float


def measure(lines: int, models: int) -> Costs:
    """Measure what a line costs here."""
    from tests.series import awkward

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        signals = open_signals(f"sqlite:///{folder}/signals.db")
        values = 0
        for number in range(10):
            frame = awkward(np.random.default_rng(number), 5_000, line=f"line-{number}")
            added = signals.append_signals(frame)
            values += added.added
        signals.close()
        value_bytes = sum(path.stat().st_size for path in folder.glob("signals.db*")) / values
        model = fitted("lightgbm")
        from andon.models.bundle import write_bundle
        from andon.records import ModelKey

        for number in range(models):
            made = bundle(model, "lightgbm", ModelKey("jam-soon", f"line-{number}"), sixty())
            write_bundle(made, folder / "bundles" / str(number))
        gc.collect()
        command = [sys.executable, "-c", _RESIDENT, str(folder / "bundles"), str(models)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        model_bytes, model_seconds = map(float, done.stdout.split())
        return Costs(value_bytes, model_bytes, model_seconds, _scrape(folder / "home", lines))


def _scrape(folder: Path, lines: int) -> float:
    """Return the seconds a line of what `andon metrics` asks the stores for."""
    from tests.series import awkward

    documents, signals = (
        open_documents(f"sqlite:///{folder}/documents.db"),
        open_signals(f"sqlite:///{folder}/signals.db"),
    )
    names = [f"line-{number:05d}" for number in range(lines)]
    bodies = [Line(kind="Line", name=name, family="f", sampling="60s", variables=[{"name": "level"}]) for name in names]
    monitor = {"kind": "Monitor", "name": "normal", "lines": {"family": "f"}}
    documents.put_definitions([*(one.to_json() for one in bodies), monitor], AT)
    for number, name in enumerate(names):
        signals.append_signals(awkward(np.random.default_rng(number), 20, line=name))
    models = open_models(f"sqlite:///{folder}/mlflow.db")
    collector = PlantCollector(documents, signals, models, folder / "searches", lambda: AT, every=0.0)
    list(collector.collect())
    began = time.perf_counter()
    list(collector.collect())
    taken = time.perf_counter() - began
    for store in (documents, signals, models):
        store.close()
    return taken / lines


def main(tick: float, configuration: float, answers: float, lines: int) -> int:
    """Print the costs, and what they make of many lines."""
    costs = measure(lines, 40)
    day = VARIABLES * 86_400 / SAMPLING * costs.value_bytes
    print("a line of ten variables, a reading a minute, one alert, one monitor:")
    print(f"  readings            {costs.value_bytes:.0f} bytes a value, {day / 1e6:.2f} MB a day (embedded store)")
    loaded = f"loaded in {costs.model_seconds * 1e3:.0f} ms (200 trees)"
    print(f"  a resident model    {costs.model_bytes / 1e6:.2f} MB, {loaded}")
    print(f"  a scrape            {costs.scrape_seconds * 1e3:.2f} ms")
    print(f"  a tick              {tick * 1e3:.1f} ms (given)")
    print(f"  a retraining        {CONFIGURATIONS * configuration:.0f} core-seconds (given)")
    heads = ("lines", "GB a day", "assistants", "GB a replica", "replicas", "cores, night", "scrape s")
    print("".join(f"{head:>14}" for head in heads))
    for power in range(2, 7):
        count = 10**power
        assistants = count * tick / (0.7 * PERIOD)
        memory = 0.6e9 + count * 2 * costs.model_bytes
        replicas = count / ASKED / (0.5 * answers)
        night = count * CONFIGURATIONS * configuration / (0.85 * NIGHT)
        row = (
            *(f"{count:,}", f"{count * day / 1e9:,.1f}", f"{max(1, np.ceil(assistants)):,.0f}", f"{memory / 1e9:,.1f}"),
            *(f"{max(2, np.ceil(replicas)):,.0f}", f"{np.ceil(night):,.0f}", f"{count * costs.scrape_seconds:,.1f}"),
        )
        print("".join(f"{one:>14}" for one in row))
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tick-ms", type=float, default=3.5)
    parser.add_argument("--configuration-s", type=float, default=0.19)
    parser.add_argument("--answers", type=float, default=1500.0, help="a second, of one replica of one core")
    parser.add_argument("--lines", type=int, default=500, help="of which a scrape is measured")
    given = parser.parse_args()
    sys.exit(main(given.tick_ms / 1e3, given.configuration_s, given.answers, given.lines))
