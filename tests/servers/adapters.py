"""The stores that contracts run on: embedded ones, servers that the tests start, and servers that the tests are given.

A server that cannot be had here is skipped, with the reason; where ``ANDON_TEST_SERVERS_REQUIRED`` is set it fails.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.servers.forwarder import forwarding
from tests.servers.influx import INFLUXD, influxdb, query
from tests.servers.mongo import SECANTUSD, mongodb

GIVEN_MONGO = os.environ.get("ANDON_TEST_MONGO_URL")
GIVEN_INFLUX = os.environ.get("ANDON_TEST_INFLUX_URL")
DOCUMENTS = ["sqlite", "mongodb", *(["mongodb-given"] if GIVEN_MONGO else [])]
LAYOUTS = {
    "influx": {},
    "influx-a-measurement-a-variable": {
        "measurement": "{variable}", "field": "value", "tag.machine": "{line}", "tag.site": "lyon",
    },
    "influx-tags": {"measurement": "signals", "field": "value", "tag.line": "{line}", "tag.signal": "s_{variable}"},
    "influx-fields": {"measurement": "machines", "tag.machine": "{line}"},
}  # fmt: skip
SIGNALS = ["sqlite", *LAYOUTS, *(["influx-given"] if GIVEN_INFLUX else [])]


def lacking(reason: str) -> None:
    """Skip a test that its server cannot be had for; fail it where it is required."""
    if os.environ.get("ANDON_TEST_SERVERS_REQUIRED"):
        pytest.fail(reason)
    pytest.skip(reason)


def require_influx() -> None:
    """Go on only where InfluxDB is installed."""
    if not INFLUXD:
        lacking("InfluxDB is not installed: apt-get install influxdb")


def require_mongo() -> None:
    """Go on only where the server of MongoDB's protocol is installed."""
    if not SECANTUSD:
        lacking("SecantusDB is not installed: run make")


@contextmanager
def influx_behind_forwarder(folder: Path) -> Iterator[tuple[int, int]]:
    """Run InfluxDB 1.6 behind its forwarder; yield its own port, and the forwarder's."""
    require_influx()
    with influxdb(folder) as server, forwarding(("127.0.0.1", server.port)) as forwarder:
        yield server.port, forwarder.port


@contextmanager
def mongo_server(folder: Path) -> Iterator[int]:
    """Run a server of MongoDB's protocol; yield its port."""
    require_mongo()
    with mongodb(folder) as server:
        yield server.port


def fresh_influx_url(port: int, forwarder: int, layout: str = "influx") -> str:
    """Make a database; return the URL of a store on it, behind the forwarder's port."""
    database = f"t{secrets.token_hex(6)}"
    query(port, f'CREATE DATABASE "{database}"')
    named = urlencode(LAYOUTS[layout])
    return f"influx://127.0.0.1:{forwarder}/{database}?{named}".rstrip("?")


def given_influx_url() -> str:
    """Return the URL of a store on the server that was given: measurements that no other test has."""
    mark, url = f"t{secrets.token_hex(6)}", str(GIVEN_INFLUX)
    named = urlencode({"measurement": f"{mark}_{{line}}", "forecasts": f"{mark}-forecasts"})
    return f"{url}{'&' if '?' in url else '?'}{named}"


def given_mongo_url() -> str:
    """Return the URL of a store on the server that was given: a database that no other test has."""
    url, parted, named = str(GIVEN_MONGO).partition("?")
    base = url if url.partition("://")[2].count("/") == 0 else url.rpartition("/")[0]
    return f"{base}/t{secrets.token_hex(6)}{parted}{named}"
