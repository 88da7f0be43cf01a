"""Promotions, rollbacks and killed replicas under load at 32 connections: nothing fails, no version is mixed.

Each of 32 clients keeps a connection, and checks of every answer that its score is that of the version it names. Where
a replica is killed it sends a request that was cut off once more, as a client of a service does.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from andon.records import ModelKey
from andon.stores import open_models
from configs.settings import Settings
from tests.benchmarks.http_load import call, free_port, process
from tests.benchmarks.serving_plant import FEATURES, build_lines, bundle, fitted, publish, sixty
from tests.benchmarks.timing import verdict

CONNECTIONS, VISIBLE, VERSIONS = 32, 5.0, 4
KEY = ModelKey("jam-soon", "line-000")
PATH = "/v2/models/jam-soon~line-000/infer"


@dataclass
class Clients:
    """32 clients that ask all the time, and what they saw."""

    address: str
    headers: dict[str, str]
    scores: dict[str, float]
    """Of each version, what it says of the row."""
    retries: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    seen: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    again: int = 0
    newest: dict[str, float] = field(default_factory=dict)
    """When each version was last named, by the monotonic clock."""
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to ask."""
        for _ in range(CONNECTIONS):
            self.threads.append(threading.Thread(target=self._run, daemon=True))
            self.threads[-1].start()

    def end(self) -> None:
        """Stop asking."""
        self.stop.set()
        for thread in self.threads:
            thread.join(60)

    def _run(self) -> None:
        where = urlsplit(self.address)
        connection = HTTPConnection(str(where.hostname), where.port, timeout=30)
        values = np.random.default_rng(0).normal(size=FEATURES).tolist()
        tensor = {"name": "features", "shape": [1, FEATURES], "datatype": "FP64", "data": values}
        body = json.dumps({"inputs": [tensor]})
        while not self.stop.is_set():
            for attempt in range(self.retries + 1):
                try:
                    connection.request("POST", PATH, body, self.headers)
                    answer = connection.getresponse()
                    text = answer.read()
                    if answer.status == 200:
                        self._check(json.loads(text))
                        break
                    problem = f"{answer.status} {text[:200]!r}"
                except (OSError, HTTPException) as error:
                    problem = repr(error)
                connection.close()
                connection = HTTPConnection(str(where.hostname), where.port, timeout=30)
                if attempt < self.retries:
                    self.again += 1
                    time.sleep(1.0)  # as Retry-After asks
            else:
                self.failed.append(problem)
        connection.close()

    def _check(self, answer: dict) -> None:
        version = answer["model_version"]
        score = answer["outputs"][0]["data"][0]
        self.seen[version] += 1
        self.newest[version] = time.monotonic()
        if abs(score - self.scores[version]) > 1e-9:
            self.mixed.append(f"version {version} said {score}")


def changes(settings: Settings, clients: Clients, count: int, seconds: float) -> float:
    """Promote and roll back while clients ask; return the longest until a change was seen, in seconds."""
    models, slowest, versions = open_models(settings.models), 0.0, sorted(map(int, clients.scores))
    clients.start()
    for number in range(count):
        began = time.monotonic()
        now = datetime.now(UTC)
        if number % 4 == 3:
            wanted = models.rollback(KEY, "benchmark", now)
        else:
            current = models.pointer(KEY)
            wanted = next(one for one in versions[number % len(versions) :] + versions if one != current)
            models.promote(KEY, wanted, "benchmark", now)
        changed = time.monotonic()
        while clients.newest.get(str(wanted), 0.0) < changed:
            if time.monotonic() - changed > 30:
                raise RuntimeError(f"version {wanted} was never seen; {clients.failed[:3]}")
            time.sleep(0.002)
        slowest = max(slowest, time.monotonic() - changed)
        time.sleep(max(0.0, seconds / count - (time.monotonic() - began)))
    clients.end()
    return slowest


def replicas(home: Path) -> list[int]:
    """Return the processes of the replicas that serve a home."""
    found = []
    for process_ in Path("/proc").glob("[0-9]*"):
        try:
            command = (process_ / "cmdline").read_bytes()
            environment = (process_ / "environ").read_bytes()
        except OSError:
            continue
        if b"ServeReplica" in command and f"ANDON_HOME={home}".encode() in environment:
            found.append(int(process_.name))
    return sorted(found)


def kills(home: Path, address: str, clients: Clients, count: int) -> list[float]:
    """Kill one replica after another while clients ask; return how long each time until one more is ready."""
    took = []
    clients.start()
    for _ in range(count):
        time.sleep(3)
        before = replicas(home)
        began = time.monotonic()
        os.kill(before[0], signal.SIGKILL)
        while True:
            time.sleep(0.1)
            now = set(replicas(home)) - {before[0]}
            # HAProxy asks each replica itself; the new one is among those that it sends requests to.
            if len(now) == len(before) and call(f"{address}/readyz")[0] == 200:
                break
            if time.monotonic() - began > 120:
                raise RuntimeError("no replica took its place")
        took.append(time.monotonic() - began)
    clients.end()
    return took


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--promotions", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kills", type=int, default=5)
    options = parser.parse_args()
    good = []
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(home=Path(name) / "home")
        build_lines(settings, 1)
        models = open_models(settings.models)
        row = np.random.default_rng(0).normal(size=(1, FEATURES))
        scores = {"1": float(fitted("lightgbm", seed=0).predict(row)[0])}
        for seed in range(1, VERSIONS):
            model = fitted("lightgbm", seed=seed)
            made = bundle(model, "lightgbm", KEY, sixty())
            version = publish(models, made, settings.home / "made" / f"seed-{seed}")
            scores[str(version)] = float(model.predict(row)[0])
        if options.promotions:
            with served_by_command(settings, 1) as (address, headers):
                clients = Clients(address, headers, scores)
                slowest = changes(settings, clients, options.promotions, options.seconds)
            asked = sum(clients.seen.values())
            print(f"{options.promotions} changes of champion, {asked} answers, of versions {dict(clients.seen)}")
            good += _nothing_failed(clients)
            good.append(verdict("longest until a change was seen, s", slowest, "<= 5", slowest <= VISIBLE))
        if options.kills:
            with served_by_command(settings, 2) as (address, headers):
                clients = Clients(address, headers, scores, retries=1)
                took = kills(settings.home, address, clients, options.kills)
            print(f"{options.kills} replicas killed, {sum(clients.seen.values())} answers, {clients.again} sent again")
            print("seconds until as many were there again: " + ", ".join(f"{one:.1f}" for one in took))
            good += _nothing_failed(clients)
    return 0 if all(good) else 1


def _nothing_failed(clients: Clients) -> list[bool]:
    for problem in [*clients.failed, *clients.mixed][:3]:
        print(problem)
    failed, mixed = len(clients.failed), len(clients.mixed)
    return [
        verdict("requests that failed", failed, "0", failed == 0),
        verdict("answers of a mixed version", mixed, "0", mixed == 0),
    ]


class served_by_command:
    """`andon serve` of a home, as a process."""

    def __init__(self, settings: Settings, replicas: int) -> None:
        self._port = free_port()
        self._home = settings.home
        command = [sys.executable, "-m", "pipelines", "serve", "--port", str(self._port), "--replicas", str(replicas)]
        self.address = f"http://127.0.0.1:{self._port}"
        self._process = process(command, f"{self.address}/readyz", timeout=180, ANDON_HOME=str(self._home))

    def __enter__(self) -> tuple[str, dict[str, str]]:
        self._process.__enter__()
        token = (self._home / "api-token").read_text()
        return self.address, {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def __exit__(self, *error: object) -> None:
        self._process.__exit__(*error)  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
