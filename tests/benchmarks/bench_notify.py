"""Telling people under kills and refusals, how fast, and how long a tick is held up by it.

``python -m tests.benchmarks.bench_notify [--short]``; the long form takes some five minutes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from andon.notify.relay import relay
from andon.records import AlertEvent, AlertRecord, AlertState, make_id
from andon.stores import open_documents, open_signals
from configs.settings import Settings
from pipelines.telling.notifying import Notifier
from tests.benchmarks.timing import verdict
from tests.e2e.notify_killing import AT, run
from tests.servers.mail import mail_server
from tests.servers.mongo import mongodb


def kills(name: str, url: str, folder: Path, count: int, alerts: int) -> bool:
    """Kill couriers, and print what was lost and what arrived more than once."""

    def progress(done: int) -> None:
        print(f"\r{name}: {done} of {count} kills", end="", file=sys.stderr)

    outcome = run(folder, url, kills=count, alerts=alerts, seed=1, progress=progress)
    print(file=sys.stderr)
    mails, again = len(outcome.arrived), sum(outcome.arrived.values()) - len(outcome.arrived)
    print(
        f"{name}: {outcome.kills} kills, {outcome.interrupted} of them in the middle of work; {len(outcome.expected)} "
        f"messages, {mails} arrived, {again} once more under the same Message-ID, {len(outcome.dead)} are reported "
        "as refused"
    )
    good = verdict(f"{name}: lost", outcome.lost, "0", outcome.lost == 0)
    good &= verdict(f"{name}: still waiting", len(outcome.waiting), "0", not outcome.waiting)
    good &= verdict(f"{name}: under a key that nobody was to get", outcome.strange, "0", outcome.strange == 0)
    return good


def speed(folder: Path, alerts: int) -> bool:
    """Print how fast events become messages and mails, and what an idle round costs."""
    documents = open_documents(f"sqlite:///{folder}/speed.db")
    limit = {"limit": {"messages": 100_000}, "digest": 100_000}
    route = {"kind": "Route", "name": "all", "alerts": "all", "email": ["lead@plant.example"], **limit}
    documents.put_definitions([route], AT)
    for number in range(alerts):
        at = AT + timedelta(seconds=number)
        event = AlertEvent(make_id(number), at, AlertState.FIRING, "assistant")
        documents.open_alert(AlertRecord(f"press-{number % 500}", "hot", at, AlertState.FIRING, "high", (event,)))
    began = time.perf_counter()
    relay(documents, AT)
    told = time.perf_counter() - began
    with mail_server() as server:
        mail = {"host": "127.0.0.1", "port": server.port, "security": "none", "sender": "andon@plant.example"}
        settings = Settings(home=folder / "home", smtp=mail)
        notifier = Notifier(documents, open_signals(f"sqlite:///{folder}/signals.db"), settings)
        began = time.perf_counter()
        done = notifier.run()
        sent = time.perf_counter() - began
        began = time.perf_counter()
        for _ in range(100):
            notifier.run()
        idle = (time.perf_counter() - began) / 100
    print(
        f"{alerts} events: into the outbox {alerts / told:,.0f} a second, as mails {done.parcels / sent:,.0f} a second"
    )
    return verdict("an idle round, ms", 1000 * idle, "10", idle <= 0.01)


def main(short: bool = False) -> int:
    """Print every figure, and return 1 where a bar is missed."""
    good = True
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        for part in ("sqlite", "mongo", "speed", "server"):
            (folder / part).mkdir()
        good &= kills(
            "SQLite", f"sqlite:///{folder}/sqlite/d.db", folder / "sqlite", 4 if short else 40, 60 if short else 400
        )
        server = stack.enter_context(mongodb(folder / "server"))
        url = f"mongodb://127.0.0.1:{server.port}/notify"
        good &= kills("MongoDB's protocol", url, folder / "mongo", 3 if short else 20, 40 if short else 200)
        good &= speed(folder / "speed", 200 if short else 1_000)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main("--short" in sys.argv[1:]))
