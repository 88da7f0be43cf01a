"""What a line costs, measured here, and what that makes of 10^2 to 10^6 lines: where each part breaks first.

Measured: bytes a reading in the embedded store, time and memory of a model that is loaded, what `andon metrics` takes,
and what a definition takes to read. From other benchmarks, as options: a tick (`bench_assistant_tick`), a configuration
of a search (`bench_search`), an answer (`bench_serving`), what the stores take in (`bench_stores`). The rest is the
simulation of `tests.benchmarks.scaling_simulation`, for what the overlays of ``cluster/kubernetes`` give.

Usage: ``python -m tests.benchmarks.bench_cluster_scaling [--tick-ms 3.5] [--configuration-s 0.19] [--answers 1500]``
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from andon.stores import open_documents, open_models, open_signals
from configs.definitions import Line
from pipelines.running.plant_metrics import PlantCollector
from tests.benchmarks.scaling_simulation import (
    ASKED,
    BASE_BYTES,
    CONFIGURATIONS,
    MODELS,
    PARTS,
    PERIOD,
    Costs,
    breaks_at,
    night,
    read_overlay,
    shift_start,
)
from tests.benchmarks.serving_plant import bundle, fitted, sixty

AT = datetime(2026, 6, 1, tzinfo=UTC)
VARIABLES = 10
OVERLAYS = Path(__file__).parents[2] / "cluster" / "kubernetes" / "overlays"
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


def measure(lines: int, models: int, given: argparse.Namespace) -> Costs:
    """Measure what a line costs here; what others measured is given."""
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
        scrape, definition = _stores(folder / "home", lines)
        return Costs(
            value_bytes, model_bytes, model_seconds, scrape, definition, given.tick_ms / 1e3, given.configuration_s,
            given.answers, given.store_values, given.store_documents,
        )  # fmt: skip


def _stores(folder: Path, lines: int) -> tuple[float, float]:
    """Return the seconds a line of what `andon metrics` asks the stores for, and of all definitions read anew."""
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
    began = time.perf_counter()
    assert len([Line.model_validate(one.body) for one in documents.list_definitions("Line")]) == lines
    read = time.perf_counter() - began
    for store in (documents, signals, models):
        store.close()
    return taken / lines, read / lines


def main(given: argparse.Namespace) -> int:
    """Print the costs, and what they make of many lines."""
    costs = measure(given.lines, 40, given)
    day = VARIABLES * 86_400 / PERIOD * costs.value_bytes
    print("a line of ten variables, a reading a minute, one alert, one monitor:")
    print(f"  readings            {costs.value_bytes:.0f} bytes a value, {day / 1e6:.2f} MB a day (embedded store)")
    loaded = f"loaded in {costs.model_seconds * 1e3:.0f} ms (200 trees)"
    print(f"  a resident model    {costs.model_bytes / 1e6:.2f} MB, {loaded}")
    print(f"  a scrape            {costs.scrape_seconds * 1e3:.2f} ms")
    print(f"  its definition      {costs.definition_seconds * 1e3:.2f} ms to read")
    print(f"  a tick              {costs.tick_seconds * 1e3:.1f} ms (given)")
    print(f"  a retraining        {CONFIGURATIONS * costs.configuration_seconds:.0f} core-seconds (given)")
    for name in ("small", "large"):
        cluster = read_overlay(OVERLAYS / name)
        print(f"\noverlay {name}: {cluster.assistants} assistants, {cluster.least_replicas} to "
              f"{cluster.most_replicas} replicas, {cluster.search_cores} cores for searches")  # fmt: skip
        heads = ("lines", "GB a day", "tick load", "GB a replica", "worst wait s", "late or 503", "night h", "scrape s")
        print("".join(f"{head:>14}" for head in heads))
        for power in range(2, 7):
            count = 10**power
            bad, longest, replicas = shift_start(costs, cluster, count)
            row = (
                f"{count:,}", f"{count * day / 1e9:,.1f}",
                f"{count * costs.tick_seconds / PERIOD / cluster.assistants:.3f}",
                f"{(BASE_BYTES + count * MODELS * costs.model_bytes) / 1e9:,.1f}",
                f"{longest:.2f} ({replicas})", f"{bad:.1%}", f"{night(costs, cluster, count) / 3600:,.1f}",
                f"{count * costs.scrape_seconds:,.1f}",
            )  # fmt: skip
            print("".join(f"{one:>14}" for one in row))
        print("breaks beyond so many lines, first to last:")
        found = sorted((breaks_at(part, costs, cluster), part) for part in PARTS)
        for count, part in found:
            told = f"{count:>12,}" if count < 10**7 else "  10,000,000+"
            print(f"  {told}  {part} ({PARTS[part][0]})")
    print(f"\na client asks for a line every {ASKED:g} s, and three times as often for ten minutes of a shift's start")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tick-ms", type=float, default=3.5)
    parser.add_argument("--configuration-s", type=float, default=0.19)
    parser.add_argument("--answers", type=float, default=1500.0, help="a second, of one replica of one core")
    parser.add_argument("--store-values", type=float, default=250e3, help="a second, of the signals store")
    parser.add_argument("--store-documents", type=float, default=6.9e3, help="a second, of the documents store")
    parser.add_argument("--lines", type=int, default=500, help="of which a scrape is measured")
    sys.exit(main(parser.parse_args()))
