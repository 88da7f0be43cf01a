"""``andon demo``: the main job end to end on a simulated plant, with the embedded stores."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

from andon.errors import AndonError
from andon.frames import SignalFrame, signal_frame
from andon.ports import Documents, Signals
from andon.simulate import MACHINES, SimulatedLine, plant_definitions, simulate_line
from configs.durations import format_duration
from configs.settings import Settings
from pipelines.demo.summary import alert_rows, draw_plots, monitor_rows
from pipelines.reports.periods import report_anomalies
from pipelines.running.serving import api_token, serving
from pipelines.tables.importing import import_tables
from pipelines.tables.options import TableOptions
from pipelines.training.train import TrainRequest, train_models

if TYPE_CHECKING:
    from andon.services.assistant import Assistant
    from pipelines.terminal import Terminal

START = datetime(2026, 1, 6, tzinfo=UTC)
STEP = timedelta(minutes=10)
"""What is replayed at once: the assistant judges every row of it, and each line is scored over HTTP."""


@dataclass(frozen=True, slots=True)
class Replay:
    """How the replay went."""

    requests: int
    median_ms: float
    rows: int
    seconds: float


def run_demo(
    settings: Settings, terminal: Terminal, *, days: int, seed: int, seconds: float, stay: bool
) -> dict[str, Any]:
    """Simulate, import, train, serve, replay the day after, and sum up."""
    from andon.stores import open_documents, open_signals
    from cluster.serve_fast_path import serve_fast_path
    from cluster.session import ray_session

    began = time.monotonic()

    def say(text: str) -> None:
        terminal.say(f"[{time.monotonic() - began:5.0f} s] {text}")

    shutil.rmtree(settings.home, ignore_errors=True)
    plant, boundary = settings.home / "plant", START + timedelta(days=days)
    say(f"simulating {len(MACHINES)} lines, {days} days to learn from and one to replay (seed {seed})")
    lines = [simulate_line(machine, START, days + 1, seed) for machine in MACHINES]
    say("importing the tables and applying the definitions")
    documents, signals = open_documents(settings.documents), open_signals(settings.signals)
    fill_stores(lines, plant, boundary, documents, signals)
    with serve_fast_path(), ray_session(settings, dashboard=stay) as session:
        say("training alerts and monitors")
        trained = train_models(settings, TrainRequest(seconds=seconds), terminal)
        terminal.table(
            "Trained",
            ["model", "version", "learner", "metric", "validation", "configurations", "seconds", "result"],
            [one.as_row() for one in trained],
        )
        say("starting the API")
        with serving(settings, dashboard=stay) as address:
            say(f"replaying {boundary:%Y-%m-%d} while scoring over {address}")
            replay = replay_day(lines, boundary, settings, address, terminal)
            say(
                f"replayed {replay.rows:,} rows in {replay.seconds:.0f} s; {replay.requests} requests scored, "
                f"median {replay.median_ms:.0f} ms"
            )
            end = boundary + timedelta(days=1)
            workbook = settings.home / "reports" / "anomalies.xlsx"
            report = report_anomalies(
                documents, signals, line=None, monitor=None, start=boundary, end=end, out=workbook, at=datetime.now(UTC)
            )
            alerts = alert_rows(documents, lines, boundary, end)
            monitors = monitor_rows(documents, signals, boundary, end)
            plots = draw_plots(settings, lines, boundary, end, settings.home / "plots")
            summary = {
                "alerts": alerts,
                "monitors": monitors,
                "anomalies": report["anomalies"],
                "requests": replay.requests,
                "seconds": round(time.monotonic() - began, 1),
                "report": str(workbook),
                "plots": [str(path) for path in plots],
                "failed": [one.result for one in trained if one.error],
            }
            show(summary, settings, address, terminal)
            if stay:
                stay_up(settings, address, session.dashboard, terminal)
    return summary


def fill_stores(
    lines: Sequence[SimulatedLine], folder: Path, boundary: datetime, documents: Documents, signals: Signals
) -> None:
    """Write the plant's history into a folder, apply its definitions, and import its tables."""
    from andon.services.definitions import apply_definitions

    files = write_history(lines, folder, boundary)
    apply_definitions([folder / "plant.yaml"], documents, signals, datetime.now(UTC))
    for line, file in zip(lines, files, strict=True):
        import_tables([file], signals, documents, TableOptions(line=line.name))


def write_history(lines: Sequence[SimulatedLine], folder: Path, boundary: datetime) -> list[Path]:
    """Write each line's history as CSV, the definitions as YAML, and the truth as JSON; return the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for line in lines:
        file = folder / f"{line.name}.csv"
        line.data.filter(pl.col("time") < boundary).write_csv(file)
        files.append(file)
    (folder / "plant.yaml").write_text(
        yaml.safe_dump_all(plant_definitions(lines), sort_keys=False, allow_unicode=True)
    )
    faults = {
        line.name: [[one.kind, one.onset.isoformat(), one.end.isoformat()] for one in line.faults] for line in lines
    }
    (folder / "faults.json").write_text(json.dumps(faults, indent=1))
    return files


def replay_day(
    lines: Sequence[SimulatedLine], start: datetime, settings: Settings, address: str, terminal: Terminal
) -> Replay:
    """Append the day step by step; after each step the assistant judges it, and every line is scored over HTTP."""
    from andon.services.assistant import Assistant
    from andon.services.turns import Stores
    from andon.stores import open_documents, open_models, open_signals

    signals = open_signals(settings.signals)
    assistant = Assistant(Stores(open_documents(settings.documents), signals, open_models(settings.models)))
    token = api_token(settings)
    began, took, rows = time.monotonic(), [], 0
    _judge(assistant, start)
    steps = list(_steps(start))
    with terminal.progress() as bars:
        task = bars.add_task("replaying", total=len(steps))
        for low, high in steps:
            for line in lines:
                frame = _frame(line, low, high)
                if not len(frame):
                    continue
                signals.append_signals(frame)
                rows += len(frame)
            _judge(assistant, high)
            for line in lines:
                sent = time.monotonic()
                _score(address, token, line.name)
                took.append(time.monotonic() - sent)
            bars.advance(task)
    return Replay(len(took), 1000 * statistics.median(took), rows, time.monotonic() - began)


def show(summary: dict[str, Any], settings: Settings, address: str, terminal: Terminal) -> None:
    """Print what the day showed."""
    terminal.table(
        "Alerts of the replayed day against the faults injected (a threshold is what plants have today)",
        ["line", "alert", "type", "faults", "foreseen", "recall", "raised", "precision", "median lead"],
        [
            tuple(
                row[name]
                for name in (
                    *("line", "alert", "type", "faults", "foreseen", "recall", "raised", "precision", "median_lead"),
                )
            )
            for row in summary["alerts"]
        ],
    )
    terminal.table(
        "Monitors: error of the forecasts of the replayed day against persistence (below 1 is better)",
        ["line", "monitor", "variables", "median ratio", "best", "worst", "anomalies"],
        [tuple(row.values()) for row in summary["monitors"]],
    )
    terminal.text(f"anomalies found: {summary['anomalies']}")
    terminal.text(f"Excel report:    {summary['report']}")
    terminal.text(f"plots:           {settings.home / 'plots'}")
    terminal.text(f"MLflow:          mlflow ui --backend-store-uri {settings.models}")
    terminal.text(f"API:             ANDON_HOME={settings.home} andon serve   (now at {address}, see /docs)")
    terminal.text(f"done in {format_duration(timedelta(seconds=round(summary['seconds'])))}")


def stay_up(settings: Settings, address: str, dashboard: str, terminal: Terminal) -> None:
    """Keep the API, MLflow's pages and Ray's dashboard up until interrupted or terminated."""
    port = settings.serve_port + 1
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", settings.models]
    stop = threading.Event()
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, lambda *_: stop.set())
    # A session of its own, so that its workers end with it.
    pages = subprocess.Popen([*command, "--port", str(port), "--workers", "1"], start_new_session=True)
    try:
        terminal.text(f"API {address}/docs, token in {settings.home / 'api-token'}")
        terminal.text(f"MLflow http://127.0.0.1:{port} (in some seconds), Ray dashboard http://{dashboard}")
        terminal.text("Ctrl-C stops them")
        stop.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pages.pid, signal.SIGTERM)
        pages.wait(30)


def _judge(assistant: Assistant, now: datetime) -> None:
    for done in assistant.run_pass(now):
        if done.error:
            raise AndonError(f"line {done.line}", done.error, "see the log")


def _steps(start: datetime) -> Iterator[tuple[datetime, datetime]]:
    low = start
    while low < start + timedelta(days=1):
        yield low, low + STEP
        low += STEP


def _frame(line: SimulatedLine, low: datetime, high: datetime) -> SignalFrame:
    rows = line.data.filter((pl.col("time") >= low) & (pl.col("time") < high))
    types = {one["name"]: one.get("type") or "number" for one in line.definition["variables"]}
    return signal_frame(line.name, rows, types, timedelta(minutes=1))


def _score(address: str, token: str, line: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/v1/lines/{line}/score", method="POST", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        body: dict[str, Any] = json.loads(answer.read())
    return body
