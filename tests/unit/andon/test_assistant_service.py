"""Passes over lines: where they begin, what they keep in memory, what they survive."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from andon.alerts.line_state import state_key
from andon.assistant import NO_DATA
from andon.errors import ConfigError, StoreError
from andon.frames import SignalFrame
from andon.records import AlertState
from andon.services import alerts
from andon.services.assistant import FAILED, Assistant, Pass
from andon.services.storing import load_state
from andon.services.turns import Stores
from andon.stores import open_documents, open_signals
from configs.definitions import Alert
from tests.watched_line import (
    DEFINED,
    HOT,
    JAM,
    LINE,
    NORMAL,
    SAMPLING,
    START,
    define,
    dump,
    jam_bundle,
    make_rows,
    normal_bundle,
    rows_of,
)
from tests.watched_stores import Breaking, FolderModels, Fuse, Killed

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
ROWS = make_rows(700, seed=3)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    yield from opened(tmp_path / "home")


def opened(home: Path) -> Iterator[Stores]:
    models = FolderModels(home / "models")
    models.put(jam_bundle())
    models.put(normal_bundle())
    documents = open_documents(f"sqlite:///{home}/documents.db")
    signals = open_signals(f"sqlite:///{home}/signals.db")
    define(documents, at=NOW)
    yield Stores(documents, signals, models)
    documents.close()
    signals.close()


def one_pass(assistant: Assistant, now: datetime = NOW) -> Pass:
    (done,) = assistant.run_pass(now)
    assert done.error == ""
    return done


def test_a_line_that_was_never_watched_begins_at_its_newest_row(stores: Stores) -> None:
    stores.signals.append_signals(rows_of(ROWS, 0, 300))
    assistant = Assistant(stores)
    first = one_pass(assistant)
    assert (first.rows, first.last) == (1, ROWS.data["time"][299])
    assert len(stores.signals.read_forecasts(LINE)) == len(normal_bundle().variables)
    stores.signals.append_signals(rows_of(ROWS, 300, 305))
    assert one_pass(assistant).rows == 5
    assert one_pass(assistant).rows == 0


def test_since_says_where_a_line_begins_and_means_nothing_later(stores: Stores) -> None:
    stores.signals.append_signals(rows_of(ROWS, 0, 300))
    since = ROWS.data["time"][100]
    assert one_pass(Assistant(stores, since=since)).rows == 200
    assert one_pass(Assistant(stores, since=since)).rows == 0


def test_a_row_of_the_future_keeps_no_line_from_beginning(stores: Stores) -> None:
    ahead = rows_of(ROWS, 0, 70).data.with_columns(
        time=pl.Series([NOW + timedelta(days=1 + row) for row in range(70)], dtype=ROWS.data.schema["time"])
    )
    stores.signals.append_signals(rows_of(ROWS, 0, 100))
    stores.signals.append_signals(SignalFrame(LINE, ahead, ROWS.types, SAMPLING))
    done = one_pass(Assistant(stores))
    assert (done.rows, done.last) == (1, ROWS.data["time"][99])


@pytest.mark.parametrize("batch", [1, 7, 5000])
def test_batches_change_nothing(stores: Stores, tmp_path: Path, batch: int) -> None:
    stores.signals.append_signals(ROWS)
    since = ROWS.data["time"][200]
    one_pass(Assistant(stores, since=since, batch=batch))
    written = dump(stores.documents, stores.signals)
    assert written == replayed(tmp_path)
    assert {alert.definition for alert in written["alerts"]} == {"oil-too-hot", "jam-soon", "abnormal"}
    assert all(len(alert.events) == 2 for alert in written["alerts"] if alert.state is AlertState.RESOLVED)


def replayed(folder: Path) -> dict[str, object]:
    """What rows that come one by one, and a process for each, leave."""
    for stores in opened(folder / "one-by-one"):
        stores.signals.append_signals(rows_of(ROWS, 0, 200))
        for end in [201, 202, 230, 350, 351, 352, 500, len(ROWS)]:
            stores.signals.append_signals(rows_of(ROWS, 0, end))
            one_pass(Assistant(stores, since=ROWS.data["time"][200]))
        written = dump(stores.documents, stores.signals)
    return written


def test_every_write_may_be_the_last(stores: Stores, tmp_path: Path) -> None:
    """Killed before or after each write in turn, and run again, the outcome is the same."""
    begin = alert_row(stores) - 2
    rows = rows_of(ROWS, 0, begin + 6)

    def run(folder: Path, fuse: Fuse) -> dict[str, object]:
        for inner in opened(folder):
            inner.signals.append_signals(rows)
            since = ROWS.data["time"][begin]
            broken = Stores(Breaking(inner.documents, fuse), Breaking(inner.signals, fuse), inner.models)
            with contextlib.suppress(Killed):
                list(Assistant(broken, since=since, batch=2).run_pass(NOW))
            list(Assistant(inner, since=since).run_pass(NOW))
            written = dump(inner.documents, inner.signals)
        return written

    counted = Fuse()
    expected = run(tmp_path / "whole", counted)
    assert expected["alerts"]
    assert {"append_forecasts", "put_states", "open_alert"} <= set(counted.seen)
    for at in range(counted.count):
        for after in (False, True):
            fuse = Fuse(at, after)
            assert run(tmp_path / f"{at}-{after}", fuse) == expected, (counted.seen[at], after)
            assert fuse.count == at


def alert_row(stores: Stores) -> int:
    """Return the index of the row at which an alert on heat opens."""
    stores.signals.append_signals(ROWS)
    one_pass(Assistant(stores, since=START))
    opened_at = next(one.opened_at for one in stores.documents.list_alerts(definition=HOT.name))
    return int(np.searchsorted(ROWS.data["time"].to_numpy(), np.datetime64(opened_at.replace(tzinfo=None))))


def test_an_alert_that_was_decided_stands_though_its_rows_would_be_judged_otherwise_later(
    stores: Stores, tmp_path: Path
) -> None:
    begin = alert_row(stores)
    for home in opened(tmp_path / "again"):
        home.signals.append_signals(rows_of(ROWS, 0, begin + 1))
        fuse = Fuse()
        broken = Stores(Breaking(home.documents, fuse), home.signals, home.models)
        while "outbox" not in (home.documents.get_state(state_key(LINE)) or {}):
            fuse.at, fuse.count = fuse.at + 1, 0
            with pytest.raises(Killed):
                list(Assistant(broken, since=ROWS.data["time"][begin - 5]).run_pass(NOW))
        assert not home.documents.list_alerts(definition=HOT.name)
        milder = Alert.model_validate(HOT.model_dump(by_alias=True) | {"when": "oil > 500", "clear": "oil < 499"})
        home.documents.put_definitions([milder.to_json()], NOW)
        list(Assistant(home).run_pass(NOW))
        (alert,) = home.documents.list_alerts(definition=HOT.name)
        assert alert.state is AlertState.FIRING
        assert "outbox" not in (home.documents.get_state(state_key(LINE)) or {})
        home.signals.append_signals(ROWS)
        list(Assistant(home).run_pass(NOW))
        (alert,) = home.documents.list_alerts(definition=HOT.name)
        assert alert.state is AlertState.RESOLVED


def test_what_a_person_does_in_between_stays(stores: Stores, tmp_path: Path) -> None:
    begin = alert_row(stores)
    (opened_alert,) = stores.documents.list_alerts(definition=HOT.name)[:1]
    for home in opened(tmp_path / "people"):
        home.signals.append_signals(rows_of(ROWS, 0, begin + 1))
        one_pass(Assistant(home, since=ROWS.data["time"][begin - 10]))
        alerts.acknowledge(opened_alert.id, "ana", "on it", NOW, home.documents)
        home.signals.append_signals(ROWS)
        one_pass(Assistant(home))
        alert = home.documents.get_alert(opened_alert.id)
        assert alert is not None
        assert [str(event.state) for event in alert.events] == ["firing", "acknowledged", "resolved"]
        assert alert.resolved_at == opened_alert.resolved_at
    for home in opened(tmp_path / "closed"):
        home.signals.append_signals(rows_of(ROWS, 0, begin + 1))
        one_pass(Assistant(home, since=ROWS.data["time"][begin - 10]))
        closed = alerts.resolve(opened_alert.id, "ana", "a test", NOW, home.documents)
        home.signals.append_signals(ROWS)
        one_pass(Assistant(home))
        assert home.documents.get_alert(opened_alert.id) == closed


def test_bundles_are_loaded_once_a_version(stores: Stores) -> None:
    models = stores.models
    assert isinstance(models, FolderModels)
    stores.signals.append_signals(rows_of(ROWS, 0, 200))
    assistant = Assistant(stores)
    for end in (210, 220, 230):
        stores.signals.append_signals(rows_of(ROWS, 0, end))
        one_pass(assistant)
    assert models.asked == 2
    models.put(jam_bundle(), 2)
    stores.signals.append_signals(rows_of(ROWS, 0, 240))
    one_pass(assistant)
    assert models.asked == 3


def test_what_has_no_model_or_a_damaged_one_is_skipped_with_a_reason(stores: Stores) -> None:
    models = stores.models
    assert isinstance(models, FolderModels)
    del models.champions[jam_bundle().key]
    (models.put(normal_bundle(), 2) / "monitor.npz").write_bytes(b"nothing")
    stores.signals.append_signals(rows_of(ROWS, 0, 200))
    done = one_pass(Assistant(stores))
    reasons = {one.definition: one.reason for one in stores.documents.list_skips(LINE)}
    assert reasons[JAM.name] == "is not trained yet: run `andon train --alert jam-soon`"
    assert "monitor.npz does not match its checksum" in reasons[NORMAL.name]
    assert "monitor.npz does not match its checksum" in reasons["abnormal"]
    assert (done.rows, done.forecasts) == (1, 0)


def test_a_line_that_fails_does_not_stop_the_others(stores: Stores) -> None:
    other = HOT.model_copy(update={"name": "hot-too", "lines": HOT.lines.model_copy(update={"names": ("a", "z")})})
    stores.documents.put_definitions([other.to_json()], NOW)
    for line in ("a", "z"):
        stores.signals.append_signals(SignalFrame(line, ROWS.data[:50], ROWS.types, SAMPLING))
    stores.documents.put_state(state_key("a"), {"last": "broken"})
    assistant = Assistant(stores, lines=("a", "z"))
    for _ in range(2):
        failed, good = assistant.run_pass(NOW)
        assert "state of line a: is damaged" in failed.error
        assert good.error == ""
    assert [one.definition for one in stores.documents.list_skips("a")] == [FAILED]
    assert stores.documents.get_state(state_key("z"))


def test_a_line_without_any_reading_says_so_once_an_hour(stores: Stores) -> None:
    assistant = Assistant(stores)
    for minutes in (0, 10, 40):
        assert one_pass(assistant, NOW + timedelta(minutes=minutes)).rows == 0
    found = stores.documents.list_skips(LINE)
    assert [(one.definition, one.time.hour, one.reason) for one in found] == [
        (NO_DATA, 12, "has no readings yet"), (NO_DATA, 13, "has no readings yet"),
    ]  # fmt: skip


def test_only_lines_that_something_is_for_are_watched(stores: Stores) -> None:
    stores.signals.append_signals(SignalFrame("stranger", ROWS.data, ROWS.types, SAMPLING))
    assert [done.line for done in Assistant(stores).run_pass(NOW)] == [LINE]
    with pytest.raises(ConfigError, match="line stranger: no alert or monitor is for it"):
        list(Assistant(stores, lines=("stranger",)).run_pass(NOW))


def test_nothing_to_watch_is_an_error(tmp_path: Path) -> None:
    documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
    signals = open_signals(f"sqlite:///{tmp_path}/signals.db")
    documents.put_definitions([DEFINED.to_json()], NOW)
    with pytest.raises(ConfigError, match="apply definitions first"):
        list(Assistant(Stores(documents, signals, FolderModels(tmp_path))).run_pass(NOW))


def test_an_idle_pass_writes_nothing(stores: Stores) -> None:
    stores.signals.append_signals(ROWS)
    fuse = Fuse()
    counted = Stores(Breaking(stores.documents, fuse), Breaking(stores.signals, fuse), stores.models)
    assistant = Assistant(counted)
    for minutes in range(3):
        one_pass(assistant, NOW + timedelta(minutes=minutes))
    before = fuse.count
    one_pass(assistant, NOW + timedelta(minutes=9))
    assert fuse.count == before


def test_a_row_that_comes_while_nothing_seems_new_is_judged_the_next_time(stores: Stores) -> None:
    stores.signals.append_signals(rows_of(ROWS, 0, 300))
    one_pass(Assistant(stores))

    class Hurried(Breaking):
        """A store to which a row comes right after it was asked how far it is."""

        def describe_line(self, line: str) -> object:
            found = stores.signals.describe_line(line)
            stores.signals.append_signals(rows_of(ROWS, 300, 301))
            return found

    hurried = Stores(stores.documents, Hurried(stores.signals, Fuse()), stores.models)  # type: ignore[arg-type]
    assert one_pass(Assistant(hurried)).rows == 0
    done = one_pass(Assistant(stores))
    assert (done.rows, done.forecasts) == (1, len(normal_bundle().variables))


def test_a_state_of_another_shape_is_refused(stores: Stores) -> None:
    assert load_state(LINE, stores.documents) is None
    stores.documents.put_state(state_key(LINE), {"last": 1})
    with pytest.raises(StoreError, match="state of line fryer-1: is damaged: KeyError: 'rules'"):
        load_state(LINE, stores.documents)
