"""The loop: its pace, its leases, what holds it up and what does not, outages, and how it ends."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from andon.alerts.line_state import state_key
from andon.errors import ConfigError, StoreError
from andon.frames import SignalFrame, to_microseconds
from andon.services.assistant import Pass
from andon.services.chores import Chore
from andon.services.loop import AssistantLoop, Pace
from andon.services.membership import LINES, Membership
from andon.services.storing import load_state
from andon.services.turns import BEHIND, Stores, Turns
from andon.stores import open_documents, open_signals
from tests.watched_line import HOT, SAMPLING, START, make_rows
from tests.watched_stores import FolderModels

NOW = START + timedelta(days=1)
ROWS = make_rows(400, seed=3, holes=False)
NAMES = ("a", "b", "c")
PACE = Pace(every=timedelta(seconds=30), wake=timedelta(milliseconds=20), workers=2, grace=timedelta(seconds=5))


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
    signals = open_signals(f"sqlite:///{tmp_path}/signals.db")
    hot = HOT.model_copy(update={"lines": HOT.lines.model_copy(update={"names": NAMES})})
    documents.put_definitions([hot.to_json()], NOW)
    for name in NAMES:
        append(signals, name, 100)
    yield Stores(documents, signals, FolderModels(tmp_path))
    documents.close()
    signals.close()


def append(signals: Any, line: str, end: int, begin: int = 0) -> None:
    signals.append_signals(SignalFrame(line, ROWS.data[begin:end], ROWS.types, SAMPLING))


@dataclass
class Watcher:
    """A loop that runs in a thread of its own until `stop`, and what it reported."""

    stores: Stores
    holder: str = "one"
    pace: Pace = PACE
    length: timedelta = timedelta(milliseconds=600)
    chores: tuple[Chore, ...] = ()
    turns: dict[str, Any] = field(default_factory=dict)
    seen: list[Pass] = field(default_factory=list)
    outcome: list[object] = field(default_factory=list)

    def __enter__(self) -> Watcher:
        self.running = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.thread.start()
        assert self.running.wait(10)
        return self

    async def _run(self) -> None:
        self.event_loop = asyncio.get_running_loop()
        self.loop = made(self.stores, self.holder, self.pace, self.length, self.seen, self.chores, **self.turns)
        self.running.set()
        try:
            await self.loop.run()
        except Exception as error:
            self.outcome.append(error)

    def stop(self) -> None:
        self.event_loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)
        assert not self.thread.is_alive()

    def __exit__(self, *_: object) -> None:
        if self.thread.is_alive():
            self.stop()

    def errors(self) -> list[str]:
        return [done.error for done in self.seen if done.error]


def made(
    stores: Stores,
    holder: str = "one",
    pace: Pace = PACE,
    length: timedelta = timedelta(seconds=30),
    seen: list[Pass] | None = None,
    chores: tuple[Chore, ...] = (),
    sharing: bool = True,
    **turns: Any,
) -> AssistantLoop:
    membership = Membership(stores.documents, holder, length, lambda name: False, sharing)
    report = (lambda done: None) if seen is None else seen.append
    return AssistantLoop(Turns(stores, **turns), membership, now, report, (), pace, chores)


def now() -> datetime:
    return datetime.now(UTC)


def until(found: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.005)


def last(stores: Stores, line: str) -> int:
    state = stores.documents.get_state(state_key(line))
    return -1 if state is None else int(state["last"])


def reached(stores: Stores, row: int, *lines: str) -> bool:
    return all(last(stores, line) == int(ROWS.times[row - 1]) for line in lines or NAMES)


def test_it_wakes_when_rows_come(stores: Stores) -> None:
    with Watcher(stores) as watcher:
        until(lambda: reached(stores, 100))
        append(stores.signals, "b", 101, 100)
        until(lambda: reached(stores, 101, "b"))
        assert not watcher.errors()


def test_it_ends_when_told_and_gives_its_lines_back(stores: Stores) -> None:
    with Watcher(stores) as watcher:
        until(lambda: reached(stores, 100))
        assert {one.name for one in stores.documents.list_leases(LINES)} == {LINES + name for name in NAMES}
        watcher.stop()
    assert stores.documents.list_leases() == []
    assert watcher.outcome == []


class Slow:
    """A store whose readings of one line cannot be had until it is let go."""

    def __init__(self, store: Any, line: str) -> None:
        self._store, self._line = store, line
        self.free = threading.Event()
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def describe_line(self, line: str) -> Any:
        if line == self._line:
            self.asked += 1
            self.free.wait(30)
        return self._store.describe_line(line)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_line_that_hangs_holds_up_no_other(stores: Stores, workers: int) -> None:
    slow = Slow(stores.signals, "a")
    with Watcher(replace(stores, signals=slow), pace=replace(PACE, workers=workers)) as watcher:  # type: ignore[arg-type]
        until(lambda: reached(stores, 100, "b", "c"))
        for end in range(101, 110):
            append(stores.signals, "b", end, end - 1)
            began = time.monotonic()
            until(lambda end=end: reached(stores, end, "b"))  # type: ignore[misc]
            assert time.monotonic() - began < 5
        assert last(stores, "a") == -1
        assert slow.asked == 1
        slow.free.set()
        until(lambda: reached(stores, 100, "a"))
        assert not watcher.errors()


def test_told_to_stop_it_does_not_wait_for_what_hangs(stores: Stores) -> None:
    slow = Slow(stores.signals, "a")
    quick = replace(PACE, grace=timedelta(milliseconds=200))
    with Watcher(replace(stores, signals=slow), pace=quick) as watcher:  # type: ignore[arg-type]
        until(lambda: slow.asked and reached(stores, 100, "b", "c"))
        began = time.monotonic()
        watcher.stop()
        assert time.monotonic() - began < 3
        slow.free.set()


def test_told_to_stop_it_leaves_a_backlog_for_the_next_time(stores: Stores) -> None:
    append(stores.signals, "a", 400)
    with Watcher(stores, turns={"batch": 1, "since": START}) as watcher:
        until(lambda: last(stores, "a") > int(ROWS.times[3]))
        watcher.stop()
    assert int(ROWS.times[3]) < last(stores, "a") < int(ROWS.times[-1])
    with Watcher(stores, turns={"batch": 50}):
        until(lambda: reached(stores, 400, "a"))


def test_of_two_the_one_that_dies_is_followed_by_the_other(stores: Stores) -> None:
    with Watcher(stores, "two") as second:
        dead = made(stores, "one", length=timedelta(seconds=1))
        # It was there, held every line, and is heard of no more.
        stores.documents.claim_leases([LINES + name for name in NAMES], "one", now(), now() + timedelta(seconds=1))
        until(lambda: reached(stores, 100))
        assert dead.states == {}
        assert not second.errors()
    assert {one.token for one in stores.documents.list_leases(LINES)} == set()


def test_two_share_the_lines_and_each_row_is_judged_by_one(stores: Stores) -> None:
    with Watcher(stores, "one") as one, Watcher(stores, "two") as two:
        until(lambda: reached(stores, 100))
        until(lambda: len(one.loop.states) + len(two.loop.states) == len(NAMES))
        until(lambda: not set(one.loop.states) & set(two.loop.states))
        for name in NAMES:
            append(stores.signals, name, 150, 100)
        until(lambda: reached(stores, 150))
        one.stop()
        until(lambda: set(two.loop.states) == set(NAMES))
        for name in NAMES:
            append(stores.signals, name, 160, 150)
        until(lambda: reached(stores, 160))
    rows = {name: sum(done.rows for done in [*one.seen, *two.seen] if done.line == name) for name in NAMES}
    assert rows == dict.fromkeys(NAMES, 61)


def test_one_that_slept_through_its_lease_changes_nothing_any_more(stores: Stores) -> None:
    slow = Slow(stores.signals, "a")
    seen: list[Pass] = []

    async def sleepy() -> None:
        loop = made(replace(stores, signals=slow), "sleepy", seen=seen, sharing=False)  # type: ignore[arg-type]
        asyncio.get_running_loop().call_later(0.2, takes_over)
        await loop.once()

    def takes_over() -> None:
        stores.documents.release_leases([LINES + "a"], "sleepy")
        (lease,) = stores.documents.claim_leases([LINES + "a"], "other", now(), now() + timedelta(minutes=1))
        stores.documents.fence_states({state_key("a"): lease.token})
        stores.documents.put_states({state_key("a"): {"last": 7}}, {state_key("a"): lease.token})
        slow.free.set()

    asyncio.run(sleepy())
    assert stores.documents.get_state(state_key("a")) == {"last": 7}
    assert [done.error.partition(";")[0] for done in seen if done.line == "a"] == [
        "line a: has been taken over by another assistant"
    ]


class Away:
    """Stores that are away for a while, as a database is that is started anew."""

    def __init__(self, store: Any, gone: threading.Event) -> None:
        self._store, self._gone = store, gone

    def __getattr__(self, name: str) -> Any:
        if self._gone.is_set() and name != "close":
            raise StoreError("the database", "is away", "wait")
        return getattr(self._store, name)


def test_an_outage_is_survived_and_is_no_silence_of_a_line(stores: Stores) -> None:
    gone = threading.Event()
    away = Stores(Away(stores.documents, gone), Away(stores.signals, gone), stores.models)  # type: ignore[arg-type]
    with Watcher(away, pace=replace(PACE, every=timedelta(milliseconds=50))) as watcher:
        until(lambda: reached(stores, 100))
        gone.set()
        until(lambda: len(watcher.errors()) > 5)
        for name in NAMES:
            append(stores.signals, name, 120, 100)
        gone.clear()
        until(lambda: reached(stores, 120))
    assert {one.partition(":")[0] for one in watcher.errors()} == {"the database"}
    assert all(load_state(name, stores.documents) is not None for name in NAMES)
    assert [one.definition for one in stores.documents.list_alerts() if one.definition == "(no data)"] == []


def test_one_that_cannot_be_stored_keeps_no_other_from_it(stores: Stores) -> None:
    class Picky(Away):
        def put_states(self, bodies: Any, tokens: Any) -> Any:
            if state_key("b") in bodies:
                raise StoreError("the database", "does not like b", "none")
            return stores.documents.put_states(bodies, tokens)

    picky = replace(stores, documents=Picky(stores.documents, threading.Event()))  # type: ignore[arg-type]
    with Watcher(picky, pace=replace(PACE, every=timedelta(milliseconds=50))):
        until(lambda: reached(stores, 100, "a", "c"))
    assert last(stores, "b") == -1


def test_once_it_ends_by_itself_and_tells_what_failed(stores: Stores) -> None:
    stores.documents.put_state(state_key("b"), {"last": "broken"})
    seen: list[Pass] = []
    assert asyncio.run(made(stores, seen=seen, sharing=False).once()) == 1
    assert {done.line: bool(done.error) for done in seen} == {"a": False, "b": True, "c": False}
    assert reached(stores, 100, "a", "c")
    assert stores.documents.list_leases() == []


def test_once_leaves_alone_what_another_one_acts_on(stores: Stores) -> None:
    stores.documents.claim_leases([LINES + "a"], "other", now(), now() + timedelta(minutes=1))
    assert asyncio.run(made(stores, sharing=False).once()) == 0
    assert (last(stores, "a"), reached(stores, 100, "b", "c")) == (-1, True)


def test_what_is_too_far_behind_is_left_out_and_said(stores: Stores) -> None:
    assert asyncio.run(made(stores, sharing=False).once()) == 0
    append(stores.signals, "a", 400)
    assert asyncio.run(made(stores, sharing=False, catch_up=20 * SAMPLING).once()) == 0
    (skip,) = [one for one in stores.documents.list_skips("a") if one.definition == BEHIND]
    assert to_microseconds(skip.time) == int(ROWS.times[99])
    assert reached(stores, 400, "a")


def test_nothing_to_watch_is_an_error(tmp_path: Path) -> None:
    empty = Stores(
        open_documents(f"sqlite:///{tmp_path}/d.db"), open_signals(f"sqlite:///{tmp_path}/s.db"), FolderModels(tmp_path)
    )
    for run in (made(empty).once, made(empty).run):
        with pytest.raises(ConfigError, match="apply definitions first"):
            asyncio.run(run())


def test_chores_go_on_whatever_happens_to_them(stores: Stores) -> None:
    done: list[int] = []

    def work() -> None:
        done.append(1)
        if len(done) == 2:
            raise StoreError("the database", "is away", "wait")

    with Watcher(stores, chores=(Chore("counting", timedelta(milliseconds=10), work),)):
        until(lambda: len(done) > 4)
