"""What the contracts run on, and how many tests ran on each."""

from __future__ import annotations

import os
import re
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import adapters
from tests.tracking_server import tracking_server

_CONTRACT = re.compile(r"test_(documents|coordination|outbox|signals|models)_contract\.py::.*\[([a-z]+(?:-[a-z]+)*)")


@pytest.fixture(scope="session", params=["embedded", "server"])
def models_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An embedded registry, and a tracking server: one of our own, or ANDON_TEST_MODELS_URL."""
    # One for all tests: MLflow takes seconds to make one. Blanks and accents are part of the test.
    folder = tmp_path_factory.mktemp("models") / "ma maison é"
    if request.param == "embedded":
        yield f"sqlite:///{folder}/mlflow.db"
    elif given := os.environ.get("ANDON_TEST_MODELS_URL"):
        yield given
    else:
        with tracking_server(folder) as address:
            yield address


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """InfluxDB's own port, and that of the forwarder before it."""
    with adapters.influx_behind_forwarder(tmp_path_factory.mktemp("influx")) as running:
        yield running


@pytest.fixture(scope="session")
def mongo_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server of MongoDB's protocol."""
    with adapters.mongo_server(tmp_path_factory.mktemp("mongo")) as port:
        yield port


@pytest.fixture(params=adapters.SIGNALS)
def signals_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A signals store of a test's own."""
    return _signals_url(request, tmp_path)


@pytest.fixture(params=[name for name in adapters.SIGNALS if name == "influx" or name not in adapters.LAYOUTS])
def signals_url_of_processes(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A signals store for tests that start processes, which takes seconds; InfluxDB in one of its layouts."""
    return _signals_url(request, tmp_path)


def _signals_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/stores/signals.db"
    if request.param == "influx-given":
        return adapters.given_influx_url()
    return adapters.fresh_influx_url(*request.getfixturevalue("influx"), request.param)


@pytest.fixture(params=adapters.DOCUMENTS)
def documents_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A documents store of a test's own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/stores/documents.db"
    if request.param == "mongodb-given":
        return adapters.given_mongo_url()
    return f"mongodb://127.0.0.1:{request.getfixturevalue('mongo_port')}/t{secrets.token_hex(6)}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many tests of each port passed on each adapter."""
    counts = Counter(
        found.groups()
        for report in terminalreporter.stats.get("passed", [])
        if (found := _CONTRACT.search(report.nodeid))
    )
    for port in sorted({port for port, _ in counts}):
        ran = ", ".join(f"{count} on {adapter}" for (of, adapter), count in sorted(counts.items()) if of == port)
        terminalreporter.write_line(f"contract of {port}: {ran}")
