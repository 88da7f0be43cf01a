"""Servers and networks that fail in passing, and those that stay away: nothing twice, nothing lost, no secret told."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from andon.errors import StoreError
from andon.ports import Appended
from andon.records import AlertState
from andon.stores import open_documents, open_signals
from andon.stores.addresses import influx_address, mongo_address
from andon.stores.documents_mongo import MongoDocuments
from andon.stores.retries import Retries
from andon.stores.signals_influx import InfluxSignals
from tests.contracts.test_documents_contract import AT, MINUTE, alert, anomaly, decision, definition, event
from tests.contracts.test_signals_contract import START, forecast, frame_of
from tests.servers import adapters
from tests.servers.forwarder import Forwarder, forwarding
from tests.servers.influx import influxdb
from tests.servers.mongo import mongodb
from tests.servers.waiting import free_port

QUICK = Retries(first=0.01, longest=0.05, random=random.Random(0))


@pytest.fixture
def faulty(influx: tuple[int, int]) -> Iterator[tuple[Forwarder, InfluxSignals]]:
    """A forwarder that can be told to fail, and a store behind it."""
    with forwarding(("127.0.0.1", influx[0])) as forwarder:
        url = adapters.fresh_influx_url(influx[0], forwarder.port)
        yield forwarder, InfluxSignals(influx_address(url), retries=QUICK)


@pytest.mark.parametrize("fault", ["answer_busy", "cut_before", "cut_after"])
def test_influx_is_asked_again_where_a_failure_passes(fault: str, faulty: tuple[Forwarder, InfluxSignals]) -> None:
    forwarder, signals = faulty
    for minute in range(4):
        setattr(forwarder, fault, 2)
        frame = frame_of(start=START + minute * MINUTE, a=[float(minute)], p=["x"])
        assert signals.append_signals(frame) == Appended(2, 0, 0)
        setattr(forwarder, fault, 2)
        assert signals.append_forecasts([forecast(minute)]) == 1
        setattr(forwarder, fault, 2)
        assert signals.latest_signals("press-07", 1).data["a"].to_list() == [float(minute)]
    assert signals.count_readings("press-07") == signals.read_forecasts("press-07").height == 4


def test_a_server_that_stays_busy_is_told_of_after_a_few_tries(faulty: tuple[Forwarder, InfluxSignals]) -> None:
    forwarder, signals = faulty
    signals.append_signals(frame_of(a=[1.0]))
    before, forwarder.answer_busy = forwarder.requests, 1_000
    with pytest.raises(StoreError, match="busy"):
        signals.list_lines()
    assert forwarder.requests - before == QUICK.tries


def test_what_does_not_pass_is_not_tried_again(
    faulty: tuple[Forwarder, InfluxSignals],
) -> None:
    forwarder, _ = faulty
    wrong = InfluxSignals(influx_address(f"influx://127.0.0.1:{forwarder.port}/nowhere"), retries=QUICK)
    with pytest.raises(StoreError, match=r"database not found: .nowhere.; create the bucket, or name another"):
        wrong.http.write(b"a b=1 1")
    assert forwarder.requests == 1


def test_pauses_grow_are_drawn_and_are_bounded() -> None:
    pauses: list[float] = []
    retries = Retries(tries=9, first=0.1, longest=1.0, random=random.Random(1), sleep=pauses.append)

    def fail(number: int) -> None:
        raise ConnectionError(str(number))

    with pytest.raises(ConnectionError, match="8"):
        retries.run(fail, lambda error: 0.0)
    bounds = [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0]
    assert all(0 <= pause <= bound for pause, bound in zip(pauses, bounds, strict=True))
    assert len(set(pauses)) == 8
    pauses.clear()
    with pytest.raises(ConnectionError):
        retries.run(fail, lambda error: 0.7)
    assert min(pauses) >= 0.7
    with pytest.raises(ConnectionError, match="0"):
        retries.run(fail, lambda error: None)


def test_what_influx_acknowledged_outlives_its_kill(tmp_path: Path) -> None:
    adapters.require_influx()
    with influxdb(tmp_path) as server, forwarding(("127.0.0.1", server.port)) as forwarder:
        signals = open_signals(adapters.fresh_influx_url(server.port, forwarder.port))
        for minute in range(20):
            signals.append_signals(frame_of(start=START + minute * MINUTE, a=[float(minute)]))
        server.kill()
        with influxdb(tmp_path, server.port):
            assert signals.read_signals("press-07").data["a"].to_list() == [float(minute) for minute in range(20)]


def test_what_the_mongo_server_acknowledged_outlives_its_kill(tmp_path: Path) -> None:
    adapters.require_mongo()
    with mongodb(tmp_path) as server:
        documents = open_documents(f"mongodb://127.0.0.1:{server.port}/andon")
        for minute in range(20):
            assert documents.open_alert(alert(minute))
            assert documents.transition_alert(alert(minute).id, event("seen"), 1) is not None
            assert documents.add_anomalies([anomaly(minute)]) == 1
            documents.put_state("last", {"minute": minute})
            documents.put_definitions([definition("a", n=minute)], AT)
        documents.add_decision(decision())
        server.kill()
        with mongodb(tmp_path, server.port):
            found = documents.list_alerts()
            assert [one.state for one in found] == [AlertState.ACKNOWLEDGED] * 20
            assert len(documents.list_anomalies()) == 20
            assert documents.get_state("last") == {"minute": 19}
            again = open_documents(f"mongodb://127.0.0.1:{server.port}/andon")
            assert [one.version for one in again.list_definitions()] == [20]
            assert documents.list_decisions() == [decision()]


@pytest.mark.parametrize("fault", ["cut_before", "cut_after"])
def test_a_lost_answer_of_mongo_adds_nothing_twice(fault: str, mongo_port: int) -> None:
    with forwarding(("127.0.0.1", mongo_port), mongo=True) as forwarder:
        # The driver's own second try is switched off: it would hide ours, and servers alone in a set have none.
        url = f"mongodb://127.0.0.1:{forwarder.port}/t{secrets.token_hex(6)}?retryWrites=false&directConnection=true"
        documents = MongoDocuments(mongo_address(url), retries=QUICK)
        documents.list_alerts()
        for minute in range(2):
            setattr(forwarder, fault, 1)
            assert documents.open_alert(alert(minute)) is True
            setattr(forwarder, fault, 1)
            moved = documents.transition_alert(alert(minute).id, event("seen"), 1)
            assert moved is not None
            assert moved.revision == 2
            setattr(forwarder, fault, 1)
            assert documents.add_anomalies([anomaly(minute), anomaly(minute, "a")]) == 2
            setattr(forwarder, fault, 1)
            assert documents.put_definitions([definition("a", n=minute)], AT)[0].version == minute + 1
        assert len(documents.list_alerts()) == 2
        documents.close()


def test_a_user_is_let_in_by_the_password_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapters.require_mongo()
    with mongodb(tmp_path) as server, MongoClient("127.0.0.1", server.port, directConnection=True) as client:
        client["andon"].command("createUser", "andon", pwd="hunter2", roles=[{"role": "readWrite", "db": "andon"}])
    with mongodb(tmp_path, server.port, auth=True):
        url = f"mongodb://andon@127.0.0.1:{server.port}/andon"
        for wrong in (None, "hunter3"):
            if wrong is not None:
                monkeypatch.setenv("ANDON_MONGO_PASSWORD", wrong)
            with pytest.raises(StoreError, match=r"; set ANDON_MONGO_PASSWORD to") as error:
                open_documents(url).list_alerts()
            assert "hunter3" not in str(error.value)
        monkeypatch.setenv("ANDON_MONGO_PASSWORD", "hunter2")
        assert open_documents(url).open_alert(alert()) is True
        monkeypatch.delenv("ANDON_MONGO_PASSWORD")
        with pytest.raises(StoreError, match=r"; name a user in the URL"):
            open_documents(f"mongodb://127.0.0.1:{server.port}/andon").list_alerts()


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    port, quick = free_port(), Retries(tries=1)
    address = mongo_address(f"mongodb://andon:hunter2@127.0.0.1:{port}/andon?serverSelectionTimeoutMS=200")
    documents, began = MongoDocuments(address, retries=quick), time.monotonic()
    with pytest.raises(StoreError, match=rf"mongodb://andon@127.0.0.1:{port}/andon: .*refused") as error:
        documents.list_alerts()
    documents.close()
    with pytest.raises(StoreError, match=rf"influx http://127.0.0.1:{port}/b: .*refused.*; start the server") as other:
        InfluxSignals(influx_address(f"influx://127.0.0.1:{port}/b"), "hunter2", quick).list_lines()
    assert "hunter2" not in f"{error.value} {other.value}"
    assert time.monotonic() - began < 5
