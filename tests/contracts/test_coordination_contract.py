"""What `andon.ports.Documents` promises to assistants that share lines, on every adapter: leases, fences, silences."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from andon.ports import Documents, Lease
from andon.records import Silence, Skip
from andon.stores import open_documents

AT = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LENGTH = 30 * SECOND


@pytest.fixture
def documents(documents_url: str) -> Documents:
    return open_documents(documents_url)


def silence(minute: int = 0, line: str | None = "press-07", length: int = 10) -> Silence:
    start = AT + timedelta(minutes=minute)
    return Silence(start, start + timedelta(minutes=length), "nettoyage 🧽", "Zoë", AT, line, "jam-soon")


def test_a_lease_is_held_by_one_until_it_runs_out(documents: Documents) -> None:
    first = documents.claim_leases(["line/a", "line/b"], "one", AT, AT + LENGTH)
    assert first == [Lease("line/a", "one", AT + LENGTH, 1), Lease("line/b", "one", AT + LENGTH, 1)]
    assert documents.claim_leases(["line/a", "line/b", "line/c"], "two", AT + SECOND, AT + LENGTH) == [
        Lease("line/c", "two", AT + LENGTH, 1)
    ]
    assert documents.claim_leases(["line/a"], "two", AT + LENGTH - SECOND, AT + 2 * LENGTH) == []
    assert documents.claim_leases(["line/a"], "two", AT + LENGTH, AT + 2 * LENGTH) == [
        Lease("line/a", "two", AT + 2 * LENGTH, 2)
    ]
    assert documents.claim_leases(["line/a"], "one", AT + LENGTH, AT + 2 * LENGTH) == []


def test_a_lease_is_prolonged_with_its_token_and_gets_the_next_one_after_it_ran_out(documents: Documents) -> None:
    documents.claim_leases(["a"], "one", AT, AT + LENGTH)
    assert documents.claim_leases(["a"], "one", AT + SECOND, AT + SECOND + LENGTH)[0].token == 1
    assert documents.claim_leases(["a"], "one", AT + 9 * LENGTH, AT + 10 * LENGTH)[0].token == 2
    assert documents.claim_leases([], "one", AT, AT + LENGTH) == []


def test_what_is_released_is_free_and_keeps_counting(documents: Documents) -> None:
    documents.claim_leases(["a", "b"], "one", AT, AT + LENGTH)
    documents.release_leases(["a", "b", "never"], "two")
    assert [one.name for one in documents.list_leases()] == ["a", "b"]
    documents.release_leases(["a", "never"], "one")
    documents.release_leases([], "one")
    assert documents.list_leases() == [Lease("b", "one", AT + LENGTH, 1)]
    assert documents.claim_leases(["a"], "two", AT, AT + LENGTH) == [Lease("a", "two", AT + LENGTH, 2)]


def test_leases_are_listed_by_prefix(documents: Documents) -> None:
    documents.claim_leases(["line/é_%", "line/b", "member/x"], "one", AT, AT + LENGTH)
    assert [one.name for one in documents.list_leases("line/")] == ["line/b", "line/é_%"]
    assert documents.list_leases("lines") == []


def test_of_many_claims_at_once_one_wins(documents_url: str) -> None:
    names = [f"line/{number}" for number in range(5)]
    for round_ in range(3):
        now = AT + round_ * LENGTH

        def claim(holder: int, now: datetime = now) -> list[Lease]:
            documents = open_documents(documents_url)
            try:
                return documents.claim_leases(names, f"holder-{holder}", now, now + LENGTH)
            finally:
                documents.close()

        with ThreadPoolExecutor(8) as pool:
            claimed = [lease for leases in pool.map(claim, range(8)) for lease in leases]
        assert sorted(lease.name for lease in claimed) == names
        assert {lease.token for lease in claimed} == {round_ + 1}


def test_a_fence_refuses_what_comes_from_before(documents: Documents) -> None:
    assert documents.put_states({"a": {"last": 1}, "b": {"last": 1}}, {"a": 1}) == []
    assert documents.fence_states({"a": 3, "b": 2, "new": 5}) == {"a": {"last": 1}, "b": {"last": 1}}
    assert documents.put_states({"a": {"last": 2}, "b": {"last": 2}}, {"a": 2, "b": 2}) == ["a"]
    assert documents.get_states(["a", "b", "new", "none"]) == {"a": {"last": 1}, "b": {"last": 2}}
    assert documents.put_states({"a": {"last": 3}, "new": {"last": 3}}, {"a": 3, "new": 4}) == ["new"]
    assert documents.get_state("a") == {"last": 3}
    assert documents.get_state("new") is None
    assert documents.list_states() == ["a", "b"]
    assert documents.fence_states({"a": 2}) == {}
    assert documents.fence_states({}) == {}
    assert documents.put_states({}, {}) == []


def test_a_state_that_is_put_without_a_token_keeps_its_fence(documents: Documents) -> None:
    documents.put_states({"a": {"last": 1}}, {"a": 7})
    documents.put_state("a", {"last": 2})
    assert documents.get_state("a") == {"last": 2}
    assert documents.put_states({"a": {"last": 3}}, {"a": 6}) == ["a"]
    assert documents.put_states({"a": {"last": 4}}, {"a": 7}) == []
    assert documents.get_state("a") == {"last": 4}


def test_many_keys_at_once(documents: Documents) -> None:
    bodies = {f"line {number}": {"last": number} for number in range(0, 1201, 300)}
    assert documents.put_states(bodies, dict.fromkeys(bodies, 1)) == []
    assert documents.get_states([f"line {number}" for number in range(1201)]) == bodies
    assert documents.fence_states(dict.fromkeys(bodies, 2)) == bodies


def test_silences_come_back_as_they_were(documents: Documents) -> None:
    assert documents.list_silences() == []
    later, first, all_lines = silence(20), silence(0), silence(0, line=None, length=90)
    for one in (later, first, all_lines):
        assert documents.add_silence(one)
    assert not documents.add_silence(first)
    assert documents.list_silences() == [*sorted([first, all_lines], key=lambda one: one.id), later]
    assert documents.list_silences(after=first.end) == [all_lines, later]
    assert documents.list_silences(after=all_lines.end) == []


def test_a_silence_ends_early_once(documents: Documents) -> None:
    one = silence()
    documents.add_silence(one)
    ended = replace(one, ended_at=AT + 90 * SECOND)
    assert documents.end_silence(one.id, AT + 90 * SECOND) == ended
    assert documents.end_silence(one.id, AT + 99 * SECOND) == ended
    assert documents.list_silences() == [ended]
    assert documents.end_silence("none", AT) is None


def test_old_skips_are_forgotten(documents: Documents) -> None:
    skips = [Skip("press-07", "jam-soon", AT + minute * 60 * SECOND, "why") for minute in range(4)]
    documents.add_skips(skips)
    assert documents.forget_skips(AT + 120 * SECOND) == 2
    assert documents.list_skips() == skips[2:]
    assert documents.forget_skips(AT) == 0
