"""Everything from one store to another, on real servers: verified, resumed, and refused where the target differs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from andon.errors import ConfigError, StoreError
from andon.outbox import Outcome
from andon.ports import Documents, Signals
from andon.records import AlertState, Feedback, Forecast, Silence
from andon.stores import open_documents, open_signals
from pipelines.safekeeping.migrating import migrate_signals, store_of
from pipelines.safekeeping.migrating_documents import migrate_documents
from tests.contracts.test_documents_contract import (
    AT,
    MINUTE,
    alert,
    anomaly,
    decision,
    definition,
    event,
    skip,
)
from tests.contracts.test_outbox_contract import message
from tests.contracts.test_signals_contract import START
from tests.series import awkward
from tests.servers import adapters


def quiet(what: str, number: int) -> None:
    """Nobody watches."""


def fill_documents(documents: Documents) -> None:
    for version in range(3):
        documents.put_definitions([definition("a", n=version), definition("b", "Alert")], AT + version * MINUTE)
    documents.add_anomalies(anomaly(minute, variable) for minute in range(30) for variable in (None, "a"))
    for minute in range(4):
        documents.open_alert(alert(minute))
        documents.transition_alert(alert(minute).id, event(f"seen {minute}"), 1)
    documents.transition_alert(alert(0).id, event("solved", AlertState.RESOLVED, 5), 2)
    for author in ("Zoë", "Zoë", "Ann"):
        documents.add_feedback(Feedback(alert().id, "confirmed", author, AT))
    documents.add_skips([skip(minute) for minute in range(5)])
    documents.add_decision(decision())
    documents.put_state("assistant/press-07", {"last": 1, "open": [None, float("inf")]})
    documents.log_report("anomalies", AT, AT + MINUTE, "out/0.xlsx", AT)
    for hour in range(2):
        documents.add_silence(Silence(AT, AT + 60 * MINUTE, "cleaning", "Ann", AT + hour * MINUTE, line="press-07"))
    documents.end_silence(documents.list_silences()[0].id, AT + 5 * MINUTE)
    documents.add_messages([message(number) for number in range(3)])
    documents.settle_messages([message(0).key], Outcome("sent", AT))
    documents.settle_messages([message(1).key], Outcome("waiting", AT, "busy", AT + MINUTE))
    documents.mark_told({alert(0).id: documents.get_alert(alert(0).id).revision, alert(1).id: 1})


def fill_signals(signals: Signals, rows: int = 3_000) -> None:
    for line, seed in (("press-07", 0), ("oven", 1)):
        signals.append_signals(awkward(np.random.default_rng(seed), rows, line=line))
    signals.append_forecasts(
        Forecast("press-07", "normal", name, START + minute * MINUTE, minute / 7, -0.5, 1e300, 3)
        for minute in range(-60, 200)
        for name in ("level", "step")
    )


@pytest.fixture
def mongo_url(mongo_port: int) -> str:
    return f"mongodb://127.0.0.1:{mongo_port}/t{secrets.token_hex(6)}"


def test_documents_go_to_the_server_and_back(mongo_url: str, tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/a.db", mongo_url, f"sqlite:///{tmp_path}/b.db"]
    one, server, other = map(open_documents, urls)
    fill_documents(one)
    there, back = migrate_documents(one, server, quiet), migrate_documents(server, other, quiet)
    assert {of.kind: (of.count, of.new) for of in there} == {
        "definitions": (4, 4), "anomalies": (60, 60), "alerts": (4, 4), "feedback": (3, 3), "skips": (5, 5),
        "decisions": (1, 1), "states": (1, 1), "reports": (1, 1), "silences": (2, 2), "messages": (3, 3),
        "told": (3, 2),
    }  # fmt: skip
    assert [(of.kind, of.digest) for of in back] == [(of.kind, of.digest) for of in there]
    assert other.get_alert(alert(0).id) == one.get_alert(alert(0).id)
    assert [of.new for of in migrate_documents(one, server, quiet)] == [0] * 11


def test_a_copy_of_documents_goes_on_where_the_source_went_on(mongo_url: str, tmp_path: Path) -> None:
    source, target = open_documents(f"sqlite:///{tmp_path}/a.db"), open_documents(mongo_url)
    fill_documents(source)
    migrate_documents(source, target, quiet)
    source.put_definitions([definition("a", n=9)], AT)
    source.transition_alert(alert(1).id, event("solved", AlertState.RESOLVED, 9), 2)
    source.add_feedback(Feedback(alert().id, "rejected", "Ann", AT))
    source.put_state("assistant/press-07", {"last": 2})
    source.add_anomalies([anomaly(99)])
    news = {of.kind: of.new for of in migrate_documents(source, target, quiet)}
    assert news == {
        "definitions": 1, "anomalies": 1, "alerts": 0, "feedback": 1, "skips": 0, "decisions": 0, "states": 1,
        "reports": 0, "silences": 0, "messages": 0, "told": 0,
    }  # fmt: skip
    assert target.get_alert(alert(1).id) == source.get_alert(alert(1).id)


def test_a_target_that_holds_other_documents_is_told_of(mongo_url: str, tmp_path: Path) -> None:
    source, target = open_documents(f"sqlite:///{tmp_path}/a.db"), open_documents(mongo_url)
    fill_documents(source)
    target.add_anomalies([replace(anomaly(0), score=9.0)])
    with pytest.raises(StoreError, match=r"anomalies of the target: are 60 with digest .*, of the source 60 with"):
        migrate_documents(source, target, quiet)
    target.add_feedback(Feedback("x", "rejected", "Ann", AT))
    with pytest.raises(StoreError, match="feedback of the target"):
        migrate_documents(source, target, quiet)


def test_more_anomalies_of_one_moment_than_a_page_holds(tmp_path: Path) -> None:
    source, target = (open_documents(f"sqlite:///{tmp_path}/{name}.db") for name in "ab")
    source.add_anomalies(anomaly(minute // 2_500, f"v{minute}") for minute in range(5_000))
    assert {of.kind: of.new for of in migrate_documents(source, target, quiet)}["anomalies"] == 5_000
    assert target.list_anomalies() == source.list_anomalies()


@pytest.mark.parametrize("layout", adapters.LAYOUTS)
def test_signals_go_to_the_server_and_back(layout: str, influx: tuple[int, int], tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/a.db", adapters.fresh_influx_url(*influx, layout), f"sqlite:///{tmp_path}/b.db"]
    one, server, other = map(open_signals, urls)
    fill_signals(one)
    there, back = migrate_signals(one, server, quiet), migrate_signals(server, other, quiet)
    assert [(of.kind, of.count) for of in there] == [
        ("readings of oven", 3_000), ("forecasts of oven", 0), ("readings of press-07", 3_000),
        ("forecasts of press-07", 520),
    ]  # fmt: skip
    assert [(of.kind, of.count, of.digest) for of in back] == [(of.kind, of.count, of.digest) for of in there]
    for line in ("press-07", "oven"):
        assert other.read_signals(line).data.equals(one.read_signals(line).data)
        assert other.read_forecasts(line).equals(one.read_forecasts(line))
    assert [of.new for of in migrate_signals(one, server, quiet)] == [0] * 4


class Broken(Exception):
    """The copy was broken off."""


def test_a_copy_of_signals_goes_on_where_it_was_broken_off(influx: tuple[int, int], tmp_path: Path) -> None:
    source = open_signals(f"sqlite:///{tmp_path}/a.db")
    for start in range(3):
        days = timedelta(days=40 * start)
        frame = awkward(np.random.default_rng(start), 2_000)
        source.append_signals(replace(frame, data=frame.data.with_columns(frame.data["time"] + days)))
    target = open_signals(adapters.fresh_influx_url(*influx))
    parts: list[int] = []

    def break_off(after: int) -> Callable[[str, int], None]:
        def tell(what: str, number: int) -> None:
            parts.append(number)
            if len(parts) == after:
                raise Broken

        return tell

    with pytest.raises(Broken):
        migrate_signals(source, target, break_off(1))
    held = target.count_readings("press-07")
    assert 0 < held < 6_000
    readings = migrate_signals(source, target, quiet)[0]
    assert readings.count == 6_000
    every = sum(one.count() for one in source.read_signals("press-07").data.iter_columns() if one.name != "time")
    assert 0 < readings.new < every


def test_a_target_that_holds_other_readings_is_told_of(influx: tuple[int, int], tmp_path: Path) -> None:
    source, target = open_signals(f"sqlite:///{tmp_path}/a.db"), open_signals(adapters.fresh_influx_url(*influx))
    fill_signals(source, 100)
    target.append_signals(awkward(np.random.default_rng(5), 50, line="oven"))
    with pytest.raises(StoreError, match="line oven in the target: has other readings from"):
        migrate_signals(source, target, quiet)


def test_which_store_it_is_comes_from_urls_or_files(tmp_path: Path) -> None:
    documents, signals = f"sqlite:///{tmp_path}/d.db", f"sqlite:///{tmp_path}/s.db"
    open_documents(documents).put_state("a", {})
    open_signals(signals).append_signals(awkward(np.random.default_rng(0), 3))
    empty = f"sqlite:///{tmp_path}/new.db"
    assert store_of(documents, empty, None) == store_of("mongodb://h/d", documents, None) == "documents"
    assert store_of(empty, signals, None) == store_of(signals, "influx://h/b", None) == "signals"
    assert store_of(empty, empty, "signals") == "signals"
    for wrong in ((empty, empty, None), (documents, "influx://h/b", None), (documents, signals, None)):
        with pytest.raises(ConfigError, match="FROM, TO: "):
            store_of(*wrong)
    with pytest.raises(ConfigError, match=r"'redis://me@h/b' is no URL of a store"):
        store_of("redis://me:hunter2@h/b", signals, None)
