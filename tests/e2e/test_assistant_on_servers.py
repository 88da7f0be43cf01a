"""The assistant on MongoDB's protocol and InfluxDB leaves what it leaves on embedded stores, whatever is killed."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from andon.stores import open_models
from configs.settings import Settings
from tests.e2e.killing import BEFORE, Home, run
from tests.servers import adapters
from tests.servers.forwarder import forwarding
from tests.servers.influx import influxdb
from tests.servers.mongo import mongodb
from tests.watched_line import make_rows, publish

KINDS = ("forecasts", "anomalies", "alerts", "skips")


@pytest.mark.timeout(600)
def test_killed_on_servers_it_leaves_what_one_left_alone_leaves_on_embedded_stores(tmp_path: Path) -> None:
    with (
        adapters.mongo_server(tmp_path / "mongo") as mongo_port,
        adapters.influx_behind_forwarder(tmp_path / "influx") as influx,
    ):
        urls = {
            "documents_url": f"mongodb://127.0.0.1:{mongo_port}/t{secrets.token_hex(6)}",
            "signals_url": adapters.fresh_influx_url(*influx, "influx-a-measurement-a-variable"),
        }
        outcome = run(tmp_path, kills=4, seed=0, urls=urls)
    assert outcome.interrupted >= 2
    assert_same(outcome.killed, outcome.alone)


@pytest.mark.timeout(600)
def test_servers_that_are_killed_and_come_back_lose_nothing(tmp_path: Path) -> None:
    adapters.require_influx()
    adapters.require_mongo()
    rows = make_rows(BEFORE + 300, seed=3)
    registry = Settings(home=tmp_path / "registry").models
    publish(open_models(registry), tmp_path, at=datetime.now(UTC))
    alone = Home(tmp_path / "alone", registry, rows, BEFORE)
    alone.append(len(rows))
    alone.finish()
    with ExitStack() as stack:
        mongo = stack.enter_context(mongodb(tmp_path / "mongo"))
        influx = stack.enter_context(influxdb(tmp_path / "influx"))
        forwarder = stack.enter_context(forwarding(("127.0.0.1", influx.port)))
        urls = {
            "documents_url": f"mongodb://127.0.0.1:{mongo.port}/outage",
            "signals_url": adapters.fresh_influx_url(influx.port, forwarder.port),
        }
        home = Home(tmp_path / "outage", registry, rows, BEFORE, urls)
        home.append(len(rows))
        with home.log.open("wb") as log:
            command = ["assistant", "--every", "10ms", "--batch", "1", "--since", home.since]
            process = subprocess.Popen(
                [sys.executable, "-m", "pipelines", *command], env=home.environment, stdout=log, stderr=log
            )
        try:
            wait_for(home, int(rows.times[BEFORE + 60]), process)
            for server in (mongo, influx):
                server.kill()
            time.sleep(1.5)  # the outage
            stack.enter_context(mongodb(tmp_path / "mongo", mongo.port))
            stack.enter_context(influxdb(tmp_path / "influx", influx.port))
            wait_for(home, int(rows.times[-1]), process)
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait(60)
        assert process.returncode == 0, home.log.read_text()[-3000:]
        assert_same(home.dump(), alone.dump())


def wait_for(home: Home, time_reached: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while home.last() < time_reached:
        assert process.poll() is None, home.log.read_text()[-3000:]
        assert time.monotonic() < deadline, home.log.read_text()[-3000:]
        time.sleep(0.01)


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    for kind in KINDS:
        assert one[kind] == other[kind], kind
    # An hour in which nothing happens would prove nothing.
    assert len(other["forecasts"]) > 500
    assert len(other["anomalies"]) >= 3
    assert "oil-too-hot" in {alert.definition for alert in other["alerts"]}
