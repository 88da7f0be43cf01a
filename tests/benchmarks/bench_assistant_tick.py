"""A tick of many lines on embedded stores: how long, where the time goes, and whether a line costs the same among many.

``python -m tests.benchmarks.bench_assistant_tick [--lines 500] [--ticks 5] [--short]``: every line has ten variables, a
classifier and a monitor of ten forecasters of its own. The assistant runs as ``andon assistant`` does, in one process;
a row of each line has come, and the time is taken until all of what it found in them is stored. Models lie in
folders: to publish a thousand through MLflow takes minutes, and a tick asks only for a pointer, 35 us there.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from andon.evaluation.thresholds import choose_threshold
from andon.features.spec import feature_spec
from andon.frames import TIME, SignalFrame, signal_frame
from andon.models.bundle import AlertBundle, write_bundle
from andon.models.classifiers import classifier
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.training import fit_monitor
from andon.models.training import training_rows
from andon.ports import Signals
from andon.records import ModelCard, ModelKey
from andon.services.assistant import Pass
from andon.services.loop import AssistantLoop, Pace
from andon.services.membership import Membership
from andon.services.turns import Stores, Turns
from andon.stores import open_documents, open_signals
from configs.definitions import Alert, Line, Monitor, VariableType
from tests.benchmarks.timing import verdict
from tests.watched_stores import FolderModels

SAMPLING = timedelta(minutes=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = [f"sensor_{number}" for number in range(10)]
TYPES: dict[str, VariableType] = {**dict.fromkeys(NAMES, "number"), "jam": "boolean"}
HISTORY, TRAINED = 600, 3_000
SECONDS, FLAT = 10.0, 1.25
JAM = Alert.model_validate(
    {"name": "jam-soon", "lines": {"family": "f"}, "type": "classifier", "target": "jam == 1", "horizon": "30m"}
)
NORMAL = Monitor.model_validate({"name": "normal", "lines": {"family": "f"}, "variables": {"exclude": ["jam"]}})
PARTS = {
    "read": ("read_signals", "latest_signals", "describe_line", "reading_span"),
    "store": ("append_forecasts", "add_anomalies", "add_skips", "put_states", "open_alert", "transition_alert"),
}


def rows(count: int, seed: int) -> SignalFrame:
    """Return minutes of a line that jams now and then."""
    rng = np.random.default_rng(seed)
    data: dict[str, object] = {"time": [START + row * SAMPLING for row in range(count)]}
    for number, name in enumerate(NAMES):
        wave = 3 * np.sin(np.arange(count) / (20 + number))
        data[name] = wave + 0.05 * np.cumsum(rng.normal(size=count)) + 0.2 * rng.normal(size=count)
    data["jam"] = (rng.random(count) < 0.01).astype(float)
    return signal_frame("line", pl.DataFrame(data, schema_overrides={"time": TIME}), TYPES, SAMPLING)


def bundles() -> tuple[AlertBundle, MonitorBundle]:
    """Train one of each."""
    history = rows(TRAINED, 0)
    assert JAM.target is not None and JAM.horizon is not None
    spec = feature_spec(JAM.features, [history], JAM.horizon, JAM.include, JAM.exclude, JAM.target)
    known = training_rows([history], spec, JAM.target, JAM.horizon)
    learner = classifier("lightgbm")
    model = learner.fit(known, learner.cheapest(), seed=0)
    threshold = choose_threshold(known.labels, model.predict(known.values), JAM.costs, JAM.precision)
    card = ModelCard("classifier", "lightgbm", {}, {}, JAM.to_json(), 1, START, START + TRAINED * SAMPLING, 0)
    key = ModelKey(JAM.name, "line")
    jam = AlertBundle(key, JAM.to_json(), 1, spec, "lightgbm", model, threshold, JAM.horizon, card)
    params = {"lags": 1.0, "others": 1, "relative": True}
    return jam, fit_monitor(ModelKey(NORMAL.name, "line"), NORMAL, 1, history, [("linear", params)])


class LineModels(FolderModels):
    """A folder a line and definition."""

    def _path(self, key: ModelKey, version: int) -> Path:
        return self.folder / f"{key.line}-{key.definition}"

    def pointer(self, key: ModelKey) -> int | None:
        return None if key.line is None else 1


class Timed:
    """A store whose calls are timed, by part of the work."""

    def __init__(self, store: object, spent: Counter[str]) -> None:
        self._store, self._spent = store, spent

    def __getattr__(self, name: str) -> object:
        method = getattr(self._store, name)
        part = next((part for part, names in PARTS.items() if name in names), None)
        if part is None:
            return method

        def timed(*given: object, **named: object) -> object:
            began = time.perf_counter()
            try:
                return method(*given, **named)
            finally:
                self._spent[part] += time.perf_counter() - began

        return timed


@contextmanager
def running(stores: Stores, reported: threading.Semaphore) -> Iterator[Callable[[], None]]:
    """Run the assistant in a thread."""
    ready, kept = threading.Event(), []

    async def run() -> None:
        membership = Membership(stores.documents)
        pace = Pace(every=timedelta(hours=1), wake=timedelta(0))

        def report(done: Pass) -> None:
            assert not done.error, done.error
            if done.rows:
                reported.release()

        loop = AssistantLoop(Turns(stores), membership, lambda: datetime.now(UTC), report, pace=pace)
        kept.extend([loop, asyncio.get_running_loop()])
        ready.set()
        await loop.run()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    ready.wait()
    try:
        yield lambda: kept[1].call_soon_threadsafe(kept[0].look)
    finally:
        kept[1].call_soon_threadsafe(kept[0].stop)
        thread.join()


def measure(folder: Path, count: int, ticks: int, trained: tuple[AlertBundle, MonitorBundle]) -> tuple[float, str]:
    """Return the median seconds of a tick of so many lines, and where they went."""
    lines = [f"line-{number:04d}" for number in range(count)]
    documents = open_documents(f"sqlite:///{folder}/documents.db")
    signals = open_signals(f"sqlite:///{folder}/signals.db")
    models = LineModels(folder / "models")
    defined = [
        Line(name=line, family="f", sampling=SAMPLING, variables=({"name": "jam", "type": "boolean"},))  # type: ignore[arg-type]
        for line in lines
    ]
    documents.put_definitions([one.to_json() for one in (JAM, NORMAL, *defined)], START)
    frame = rows(HISTORY + ticks + 1, 5)
    for line in lines:
        for bundle in trained:
            key = ModelKey(bundle.key.definition, line)
            write_bundle(replace(bundle, key=key), models._path(key, 1))
        append(signals, line, frame, 0, HISTORY)
    spent: Counter[str] = Counter()
    reported = threading.Semaphore(0)
    timed = Stores(Timed(documents, spent), Timed(signals, spent), models)  # type: ignore[arg-type]
    took = []
    with running(timed, reported) as look:
        wait_for(reported, count)
        for tick in range(ticks + 1):
            for line in lines:
                append(signals, line, frame, HISTORY + tick, HISTORY + tick + 1)
            spent.clear()
            began = time.perf_counter()
            processor = time.process_time()
            look()
            wait_for(reported, count)
            ended = time.perf_counter()
            if tick:  # The first one meets caches that are still cold.
                took.append((ended - began, time.process_time() - processor, dict(spent)))
    found = len(signals.read_forecasts(lines[-1]))
    assert found == (ticks + 2) * len(NAMES), f"{found} forecasts are stored"
    documents.close()
    signals.close()
    middle = sorted(took)[len(took) // 2]
    shares = ", ".join(f"{part} {seconds:.2f} s" for part, seconds in sorted(middle[2].items()))
    told = f"processor {middle[1]:.2f} s; threads spent: {shares}"
    return statistics.median(one[0] for one in took), told


def append(signals: Signals, line: str, frame: SignalFrame, begin: int, end: int) -> None:
    """Bring some rows of a line."""
    signals.append_signals(SignalFrame(line, frame.data[begin:end], TYPES, SAMPLING))


def wait_for(reported: threading.Semaphore, count: int) -> None:
    """Wait until so many lines were ticked."""
    for _ in range(count):
        assert reported.acquire(timeout=120), "a line was not ticked"


def main(arguments: list[str]) -> int:
    """Print the figures beside their bars, and return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--ticks", type=int, default=5)
    parser.add_argument("--short", action="store_true")
    asked = parser.parse_args(arguments)
    counts = (10, 50) if asked.short else (max(1, asked.lines // 10), asked.lines)
    trained = bundles()
    each = {}
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            seconds, told = measure(Path(folder), count, asked.ticks, trained)
        each[count] = seconds / count
        print(f"{count} lines x {len(NAMES)} variables: {seconds:.2f} s a tick, {1000 * each[count]:.1f} ms a line")
        print(f"  {told}")
    small, large = counts
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory {memory:.0f} MB")
    ratio = each[large] / each[small]
    bar = SECONDS * large / 500
    passed = verdict(f"seconds a tick of {large} lines", each[large] * large, f"< {bar:g}", each[large] * large < bar)
    flat = verdict(f"a line among {large} against one among {small}", ratio, f"<= {FLAT}", ratio <= FLAT)
    return 0 if passed and flat else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
