"""A search on three hosts: as on one, faster on two nodes than on one, and with a node lost in the middle of it.

Hosts are network namespaces of this machine (root and iproute2), each with its own Ray: a head without cores for work,
and nodes of one core. Bars: the same winners and scores on the laptop profile, on the nodes, and where a node loses its
power in mid-search; no configuration is written twice; two nodes reach 1.7 times the throughput of one; the demo's
definitions, unchanged, have the same champions and scores on the laptop and on three hosts.

Usage: ``python -m tests.benchmarks.bench_cluster_nodes [--trials 8] [--steps laptop,two,one,killed,demo]``
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from andon.services.definitions import apply_definitions
from andon.simulate import MACHINES, simulate_line
from andon.stores import open_documents, open_models, open_signals
from configs.settings import Settings
from pipelines.demo.run import START, fill_stores
from tests.nodes import ROOT, Host, Hosts, hosts, lacking
from tests.series import awkward
from tune_jobs.journal import list_searches, read_search

LINES = 4
DEFINITIONS = """
kind: Alert
name: jam-soon
lines: {family: presses}
type: classifier
target: jam == 1
horizon: 30m
learners: [logistic_regression, lightgbm]
"""
STEPS = ("laptop", "two", "one", "killed", "demo")
DEMO_DAYS, DEMO_TRIALS = 21, 4
LARGE_LINES, LARGE_ROWS, LARGE_TRIALS = 24, 30_000, 20
"""What throughput is told by: many lines, as a plant has, and fits that take longer than what lies between them."""
SEARCH_S = 600.0
"""What a search may take."""


@dataclass(frozen=True)
class Run:
    """What came out of a search, and how long it took from its first word to its last."""

    winners: list[Any]
    scores: dict[str, pl.DataFrame]
    configurations: Counter[tuple[str, str, int]]
    seconds: float


def home_with_lines(folder: Path, lines: int = LINES, rows: int = 2_500) -> Settings:
    """Make a home with lines and the definition, which is the same on a laptop and on a cluster."""
    settings = Settings(home=folder)
    signals = open_signals(settings.signals)
    for number in range(lines):
        signals.append_signals(awkward(np.random.default_rng(number), rows, line=f"press-{number}"))
    file = folder / "definitions.yaml"
    variables = "variables: [{name: jam}, {name: level}, {name: open}, {name: product}, {name: sparse}, {name: step}]"
    named = [f"kind: Line\nname: press-{number}\nfamily: presses\n{variables}\n" for number in range(lines)]
    file.write_text("---\n".join([DEFINITIONS, *named]))
    apply_definitions([file], open_documents(settings.documents), signals, datetime(2026, 2, 1, tzinfo=UTC))
    return settings


def home_of_demo(folder: Path) -> Settings:
    """Make a home with the plant and the definitions of ``andon demo``, and a shorter history."""
    settings = Settings(home=folder)
    lines = [simulate_line(machine, START, DEMO_DAYS, 106) for machine in MACHINES]
    documents, signals = open_documents(settings.documents), open_signals(settings.signals)
    fill_stores(lines, folder / "plant", START + timedelta(days=DEMO_DAYS), documents, signals)
    return settings


def train(trials: int) -> list[str]:
    return [sys.executable, "-m", "pipelines", "train", "--trials", str(trials), "--time", "10m", "--seed", "5"]


def outcome(settings: Settings, *, scored: bool = True) -> Run:
    """Return the champions with their metrics, what they say of their line, and what was tried."""
    models = open_models(settings.models)
    winners = []
    for key in models.list_models():
        champion = models.champion(key)
        assert champion is not None
        winners.append((str(key), champion.version, champion.card.learner, champion.card.params, champion.card.metrics))
    search = read_search(list_searches(settings.home / "searches")[0])
    tried = Counter((study.title, one.learner, one.number) for study in search.studies for one in study.configurations)
    times = [one.at for study in search.studies for one in study.configurations if one.at is not None]
    return Run(winners, _scores(settings) if scored else {}, tried, max(times) - min(times))


def _scores(settings: Settings) -> dict[str, pl.DataFrame]:
    """Return what champions say of every row of their lines, by model."""
    found, documents = {}, open_documents(settings.documents)
    for key in open_models(settings.models).list_models():
        file = settings.home / "scores.parquet"
        kind = "--alert" if documents.get_definition("Alert", key.definition) else "--monitor"
        command = [sys.executable, "-m", "pipelines", "backtest", "--line", str(key.line), kind, key.definition]
        environment = os.environ | {"ANDON_HOME": str(settings.home)}
        subprocess.run([*command, "--out", str(file)], env=environment, check=True, cwd=ROOT, capture_output=True)
        found[str(key)] = pl.read_parquet(file).select(pl.selectors.float())
    return found


@contextlib.contextmanager
def cluster(nodes: int) -> Iterator[Hosts]:
    """Start a head without cores and nodes of one core each."""
    with hosts("head", *(f"node{number}" for number in range(nodes))) as made:
        made.start("head", cpus=0)
        for number in range(nodes):
            made.start(f"node{number}", cpus=1)
        yield made


def on_cluster(
    nodes: int, trials: int, *, kill: bool = False, scored: bool = True, home: Callable[[Path], Settings]
) -> Run:
    """Search on so many nodes; with ``kill``, the last loses its power when a third has been tried."""
    with cluster(nodes) as made:
        settings = home(made.folder / "home")
        head = made["head"]
        more = {
            "ANDON_HOME": str(settings.home),
            "ANDON_RAY_ADDRESS": f"{head.address}:6379",
            "ANDON_WORKERS": str(nodes),
        }
        driver = head.popen("train", *train(trials), **more)
        if kill:
            _wait_for(lambda: _tried(settings) >= LINES * trials // 3, driver, head)
            made[f"node{nodes - 1}"].kill()
        _wait_for(lambda: driver.poll() is not None, None, head)
        if driver.returncode:
            raise SystemExit(f"the search ended with {driver.returncode}:\n{head.said('train')[-3000:]}")
        return outcome(settings, scored=scored)


def on_laptop(trials: int, home: Callable[[Path], Settings]) -> Run:
    """Search on the laptop profile: a local Ray with two workers."""
    with tempfile.TemporaryDirectory(prefix="andon-laptop") as folder:
        settings = home(Path(folder) / "home")
        environment = os.environ | {"ANDON_HOME": str(settings.home), "ANDON_WORKERS": "2"}
        subprocess.run(train(trials), env=environment, check=True, cwd=ROOT, capture_output=True, timeout=SEARCH_S)
        return outcome(settings)


def _tried(settings: Settings) -> int:
    found = list_searches(settings.home / "searches")
    return read_search(found[0]).configurations if found else 0


def _wait_for(done: Any, process: subprocess.Popen[bytes] | None, head: Host) -> None:
    deadline = time.monotonic() + SEARCH_S
    while not done():
        if time.monotonic() > deadline or (process is not None and process.poll() is not None):
            raise SystemExit(f"the search did not get there:\n{head.said('train')[-3000:]}")
        time.sleep(0.2)  # until it has


def same(one: Run, other: Run) -> bool:
    """Return whether winners and scores are equal."""
    if one.winners != other.winners or list(one.scores) != list(other.scores):
        return False
    pairs = [(one.scores[key].to_numpy(), other.scores[key].to_numpy()) for key in one.scores]
    return all(len(a) and np.allclose(a, b, rtol=0, atol=1e-9, equal_nan=True) for a, b in pairs)


def main(trials: int, steps: list[str]) -> int:
    """Print each bar; return how many were missed."""
    if reason := lacking():
        print(reason)
        return 0
    runs: dict[str, Run] = {}
    missed = 0

    def bar(text: str, met: bool) -> None:
        nonlocal missed
        missed += not met
        print(f"{text}: {'met' if met else 'MISSED'}", flush=True)

    def did(name: str, search: Callable[[], Run]) -> Run:
        began = time.monotonic()
        run = search()
        print(f"  {name}: {sum(run.configurations.values())} configurations in {run.seconds:.1f} s"
              f" ({time.monotonic() - began:.0f} s with starting)", flush=True)  # fmt: skip
        return run

    for step in steps:
        if step == "demo":
            here = did("demo on the laptop", lambda: on_laptop(DEMO_TRIALS, home_of_demo))
            there = did("demo on three hosts", lambda: on_cluster(2, DEMO_TRIALS, home=home_of_demo))
            told = f"the demo's {len(here.winners)} models: champions, metrics and scores equal on three hosts"
            bar(told, len(here.winners) > 0 and same(here, there))
        elif step == "laptop":
            runs[step] = did(step, lambda: on_laptop(trials, home_with_lines))
        elif step == "killed":
            runs[step] = did(step, lambda: on_cluster(2, trials, kill=True, home=home_with_lines))
        else:
            nodes = 1 if step == "one" else 2
            home = partial(home_with_lines, lines=LARGE_LINES, rows=LARGE_ROWS)
            runs[step] = did(step, partial(on_cluster, nodes, LARGE_TRIALS, scored=False, home=home))
    for one, other in (("laptop", "killed"), ("two", "one")):
        if {one, other} <= set(runs):
            what = "winners, metrics and scores" if runs[one].scores else "winners and metrics"
            bar(f"{other} against {one}: {what} equal", same(runs[one], runs[other]))
    if "killed" in runs:
        repeated = sum(count - 1 for count in runs["killed"].configurations.values())
        bar(f"a node lost in mid-search: {repeated} configurations written twice (bar: 0)", repeated == 0)
    if {"one", "two"} <= set(runs):
        ratio = runs["one"].seconds / runs["two"].seconds
        bar(f"two nodes of one core against one: {ratio:.2f} times (bar: 1.7)", ratio >= 1.7)
    return missed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--steps", default=",".join(STEPS))
    given = parser.parse_args()
    sys.exit(min(1, main(given.trials, given.steps.split(","))))
