"""Couriers that are killed again and again while mails are refused, dropped and delayed: what reached people.

As a module it is one courier: ``python -m tests.e2e.notify_killing DOCUMENTS_URL HOME MAIL_PORT BASE``.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from andon.notify.relay import read_directory
from andon.notify.routing import messages_of
from andon.ports import Documents
from andon.records import AlertEvent, AlertRecord, AlertState, make_id
from andon.stores import open_documents, open_signals
from configs.settings import Settings
from pipelines.telling.notifying import Notifier
from tests.servers.mail import Answer, MailServer, mail_server

AT = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
SPEED = 100
"""How much faster the couriers' clock goes: their first pause takes .15 s, and a lease runs out in .3 s."""
COURIERS = 2
_PATIENCE = 480.0


@dataclass(frozen=True)
class Outcome:
    """What was to be told, by Message-ID, and what arrived how often."""

    expected: frozenset[str]
    arrived: Counter[str]
    kills: int
    interrupted: int
    """Kills that left messages undelivered."""
    dead: frozenset[str]
    """Reported as given up."""
    waiting: frozenset[str]
    """Not delivered when patience ended, or delivered and not known to be."""

    @property
    def lost(self) -> int:
        """Messages that neither arrived nor are reported as given up, or as waiting."""
        return len(self.expected - set(self.arrived) - self.dead - self.waiting)

    @property
    def strange(self) -> int:
        """Mails that nobody was to get."""
        return len(set(self.arrived) - self.expected)


def run(
    folder: Path, url: str, *, kills: int, alerts: int, seed: int, progress: Callable[[int], object] = lambda done: None
) -> Outcome:
    """Raise alerts while couriers deliver and are killed, ``kills`` times; then let one finish.

    A sixth of the mails is met with 4xx, a sixth with a connection that breaks before the server has the mail, and a
    sixth with one that breaks after it. One recipient is refused for good.
    """
    rng = random.Random(seed)
    documents = open_documents(url)
    _define(documents)
    base = time.time()
    with mail_server() as server:
        _misbehave(server, rng)
        couriers = [_courier(url, folder, server.port, base) for _ in range(COURIERS)]
        try:
            raised = interrupted = 0
            for number in range(kills):
                share = alerts * (number + 1) // kills
                for one in range(raised, share):
                    _raise(documents, one)
                raised = share
                index = number % COURIERS
                _await_work(couriers[index])
                time.sleep(rng.uniform(0.0, 0.3))
                couriers[index].kill()
                couriers[index].communicate()
                interrupted += bool(documents.list_messages(state="waiting", limit=1))
                couriers[index] = _courier(url, folder, server.port, base)
                progress(number + 1)
        finally:
            for courier in couriers:
                courier.kill()
                courier.communicate()
        notifier = _notifier(url, folder, server.port, base)
        deadline = time.monotonic() + _PATIENCE
        notifier.run()
        while documents.list_messages(state="waiting") and time.monotonic() < deadline:
            notifier.run()
        directory = read_directory(documents)
        expected = {
            message.key
            for alert in documents.list_alerts()
            for number in range(alert.revision)
            for message in messages_of(alert, number, directory, AT)
        }
        arrived = Counter(one.partition("@")[0].removeprefix("<") for one in server.ids)
        dead, waiting = (
            frozenset(one.key for one in documents.list_messages(state=state)) for state in ("dead", "waiting")
        )
        return Outcome(frozenset(expected), arrived, kills, interrupted, dead, waiting)


def _define(documents: Documents) -> None:
    addresses = ["lead@plant.example", "boss@plant.example", "gone@plant.example"]
    unlimited = {"limit": {"messages": 100_000}, "digest": 100_000}
    documents.put_definitions([{"kind": "Route", "name": "all", "alerts": "all", "email": addresses, **unlimited}], AT)


def _raise(documents: Documents, number: int) -> None:
    at = AT + timedelta(minutes=number)
    event = AlertEvent(make_id("event", number), at, AlertState.FIRING, "assistant")
    documents.open_alert(AlertRecord("press-07", "hot", at, AlertState.FIRING, "high", (event,)))


def _misbehave(server: MailServer, rng: random.Random) -> None:
    def answer(address: str) -> Answer:
        drawn = rng.randrange(6)
        server.keeps_dropped = drawn == 2
        return "451 try later" if drawn == 0 else "drop" if drawn in (1, 2) else "250 OK"

    server.on_mail = answer
    server.on_recipient = lambda address: "550 nobody here" if address.startswith("gone") else "250 OK"


def _courier(url: str, folder: Path, port: int, base: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.e2e.notify_killing", url, str(folder), str(port), repr(base)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _await_work(courier: subprocess.Popen[bytes]) -> None:
    assert courier.stdout is not None
    courier.stdout.readline()


def _notifier(url: str, folder: Path, port: int, base: float) -> Notifier:
    server = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "andon@plant.example"}
    settings = Settings(home=folder / "home", smtp=server)
    begun = datetime.fromtimestamp(base, UTC)
    signals = open_signals(f"sqlite:///{folder}/signals.db")
    return Notifier(open_documents(url), signals, settings, clock=lambda: begun + SPEED * (datetime.now(UTC) - begun))


def main(url: str, folder: str, port: str, base: str) -> None:
    """Deliver until killed."""
    notifier = _notifier(url, Path(folder), int(port), float(base))
    parcels = iter([False, True])

    def told() -> bool:
        """Say, before the second parcel, that this courier is in the middle of its work."""
        if next(parcels, False):
            print("at work", flush=True)
        return False

    while True:
        notifier.run(told)
        time.sleep(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
