"""A lease is kept while work goes on, through a failed attempt, and no longer than that."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from andon.errors import StoreError
from andon.leases import kept

SOON = timedelta(milliseconds=1)


def test_it_is_prolonged_until_the_work_is_done_and_through_what_fails() -> None:
    times, enough, closed = [0], threading.Event(), []

    def prolong() -> bool:
        times[0] += 1
        if times[0] == 2:
            raise StoreError("documents", "cannot be reached", "start it")
        if times[0] == 4:
            enough.set()
        return True

    with kept("work", prolong, SOON, lambda: closed.append(threading.current_thread().name)) as lease:
        assert enough.wait(10)
    assert not lease.lost
    assert closed == ["keeps work"], "what its thread opened is given back there"


def test_one_that_another_has_is_lost_and_not_asked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    closed = threading.Event()
    with kept("work", lambda: False, SOON, closed.set) as lease:
        assert closed.wait(10)
        assert lease.lost
    assert [one.message.partition(":")[0] for one in caplog.records] == ["work"]


def test_nothing_is_claimed_once_the_block_has_ended() -> None:
    began, held = threading.Event(), []

    def slow() -> bool:
        began.set()
        held.append(True)
        return True

    with pytest.raises(KeyError), kept("work", slow, SOON, lambda: None):
        assert began.wait(10)
        raise KeyError
    assert not [one for one in threading.enumerate() if one.name == "keeps work"]
