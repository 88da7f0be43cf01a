"""Schedules in the store: each firing has one holder, is done once, and outlives crashes, failures and clocks."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from andon.errors import StoreError
from andon.ports import Documents
from andon.services.scheduling import (
    PAUSE,
    TRIES,
    Due,
    Schedule,
    claim_due,
    describe_schedules,
    finish_due,
    prolong,
    schedules_of,
)
from andon.services.watching import Cache, read_watching
from andon.stores import open_documents
from tests.watched_line import DEFINED, HOT, JAM, LINE, NORMAL

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAILY = Schedule("retrain/jam-soon", "0 2 * * *")
LEASE = timedelta(minutes=1)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/documents.db"


@pytest.fixture
def documents(url: str) -> Iterator[Documents]:
    store = open_documents(url)
    yield store
    store.close()


def claim(documents: Documents, now: datetime, holder: str = "one", schedule: Schedule = DAILY) -> Due | None:
    return claim_due([schedule], holder, now, now + LEASE, documents)


def at(day: int, hour: int = 2, minute: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def test_it_fires_from_when_it_was_first_seen_and_each_firing_once(documents: Documents) -> None:
    assert claim(documents, at(0, 1)) is None
    assert claim(documents, at(0, 1, 59)) is None
    due = claim(documents, at(0, 2))
    assert due is not None
    assert (due.since, due.at, due.tries) == (at(0, 1), at(0), 0)
    assert claim(documents, at(0, 2), "two") is None
    finish_due(due, "one", at(0, 3), documents)
    assert claim(documents, at(0, 3), "two") is None
    assert claim(documents, at(1, 1, 59)) is None
    again = claim(documents, at(1), "two")
    assert again is not None
    assert (again.since, again.at) == (at(0), at(1))


def test_what_was_missed_fires_once_for_all_of_it(documents: Documents) -> None:
    claim(documents, at(0, 1))
    due = claim(documents, at(9, 12))
    assert due is not None
    assert (due.since, due.at) == (at(0, 1), at(9))
    finish_due(due, "one", at(9, 12), documents)
    assert claim(documents, at(9, 13)) is None


def test_of_many_that_ask_at_once_one_gets_it(documents: Documents, url: str) -> None:
    claim(documents, at(0, 1))

    def ask(number: int) -> Due | None:
        store = open_documents(url)
        try:
            return claim(store, at(0), f"holder-{number}")
        finally:
            store.close()

    with ThreadPoolExecutor(8) as pool:
        assert len([due for due in pool.map(ask, range(16)) if due is not None]) == 1


def test_one_that_dies_is_followed_by_another_and_the_dead_one_cannot_finish(documents: Documents) -> None:
    claim(documents, at(0, 1))
    dead = claim(documents, at(0))
    assert dead is not None
    assert prolong(dead, "one", at(0) + LEASE / 2, at(0) + LEASE, documents)
    assert claim(documents, at(0) + LEASE / 2, "two") is None
    due = claim(documents, at(0) + LEASE, "two")
    assert due is not None
    assert not prolong(dead, "one", at(0) + LEASE, at(0) + 2 * LEASE, documents)
    with pytest.raises(StoreError, match="claimed by another"):
        finish_due(dead, "one", at(0, 2, 5), documents)
    finish_due(due, "two", at(0, 2, 5), documents)
    assert claim(documents, at(0, 2, 6), "three") is None


def test_what_fails_is_tried_again_later_and_later_and_given_up_in_the_end(documents: Documents) -> None:
    claim(documents, at(0, 1))
    now = at(0)
    for number in range(TRIES):
        due = claim(documents, now)
        assert due is not None
        assert (due.at, due.tries) == (at(0), number)
        finish_due(due, "one", now, documents, "the server is away")
        if number < TRIES - 1:
            pause = PAUSE * 2**number
            assert claim(documents, now + pause - timedelta(seconds=1)) is None
            now += pause
    assert claim(documents, at(0, 23)) is None
    (told,) = describe_schedules([DAILY], at(0, 23), documents)
    assert (told["error"], told["tries"], told["next"]) == ("the server is away", 0, "2026-03-03T02:00:00Z")
    due = claim(documents, at(1))
    assert due is not None
    finish_due(due, "one", at(1), documents)
    assert describe_schedules([DAILY], at(1), documents)[0]["error"] == ""


def test_a_later_firing_takes_the_place_of_one_that_failed(documents: Documents) -> None:
    hourly = Schedule("report/hot", "0 * * * *")
    claim(documents, at(0, 1, 30), schedule=hourly)
    due = claim(documents, at(0, 2), schedule=hourly)
    assert due is not None
    finish_due(due, "one", at(0, 2, 58), documents, "away")
    later = claim(documents, at(0, 3), schedule=hourly)
    assert later is not None
    assert (later.since, later.at, later.tries) == (at(0, 1, 30), at(0, 3), 0)


def test_a_clock_that_is_put_back_fires_nothing_twice(documents: Documents) -> None:
    claim(documents, at(0, 1))
    due = claim(documents, at(0, 2, 1))
    assert due is not None
    finish_due(due, "one", at(0, 2, 1), documents)
    for minute in (0, 30, 59):
        assert claim(documents, at(0, 1, minute)) is None
    assert claim(documents, at(0, 2, 30)) is None
    assert claim(documents, at(1)) is not None


def test_a_clock_that_was_years_ahead_stops_nothing_for_years(documents: Documents) -> None:
    claim(documents, at(0, 1) + timedelta(days=3650))
    assert claim(documents, at(0, 1)) is None
    due = claim(documents, at(0, 2))
    assert due is not None
    assert due.at == at(0)


def test_a_changed_expression_begins_anew(documents: Documents) -> None:
    claim(documents, at(0, 1))
    changed = Schedule(DAILY.name, "0 3 * * *")
    assert claim(documents, at(0, 3, 30), schedule=changed) is None
    assert claim(documents, at(0, 4), schedule=changed) is None
    assert claim(documents, at(1, 3), schedule=changed) is not None


def test_a_day_that_never_comes_never_fires(documents: Documents) -> None:
    never = Schedule("report/never", "0 0 30 2 *")
    assert claim(documents, at(0), schedule=never) is None
    assert claim(documents, at(400), schedule=never) is None
    assert describe_schedules([never], at(0), documents)[0]["next"] is None


def test_definitions_say_what_is_scheduled_in_the_time_zone_of_their_line(documents: Documents) -> None:
    there = DEFINED.model_copy(update={"timezone": "Europe/Paris"})
    jam = JAM.model_copy(update={"retrain": "0 2 * * 1"})
    normal = NORMAL.model_copy(update={"retrain": "0 3 * * 1", "report": "0 6,14,22 * * *"})
    nobody = NORMAL.model_copy(update={"name": "of-nobody", "report": "0 6 * * *"})
    nobody = nobody.model_copy(update={"lines": nobody.lines.model_copy(update={"family": "ovens"})})
    bodies = [one.to_json() | {"kind": type(one).__name__} for one in (there, jam, normal, nobody, HOT)]
    documents.put_definitions(bodies, MONDAY)
    watching = read_watching(documents, Cache())
    assert watching.names_of(jam) == [LINE]
    assert schedules_of(watching) == [
        Schedule("retrain/jam-soon", "0 2 * * 1", "Europe/Paris"),
        Schedule("retrain/normal-frying", "0 3 * * 1", "Europe/Paris"),
        Schedule("report/normal-frying", "0 6,14,22 * * *", "Europe/Paris"),
    ]
