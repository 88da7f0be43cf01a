"""Who acts on which line: shares, comings and goings, and holders that are gone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from andon.ports import Documents
from andon.services.membership import LINES, Membership, is_gone, share_out, this_process
from andon.stores import open_documents

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LEASE = timedelta(seconds=30)
NAMES = [f"press-{number}" for number in range(12)]


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[Documents]:
    store = open_documents(f"sqlite:///{tmp_path}/documents.db")
    yield store
    store.close()


def member(documents: Documents, name: str, **given: object) -> Membership:
    return Membership(documents, name, LEASE, lambda holder: False, **given)  # type: ignore[arg-type]


def test_the_first_gets_all_and_gives_back_what_belongs_to_who_comes(documents: Documents) -> None:
    one, two = member(documents, "one"), member(documents, "two")
    assert one.beat(NAMES, NOW) == set(NAMES)
    assert two.beat(NAMES, NOW) == set(), "what another acts on is not taken from it"
    assert one.beat(NAMES, NOW) == set()
    gained = two.beat(NAMES, NOW)
    assert gained == set(NAMES) - set(one.tokens) == set(two.tokens)
    assert {one.tokens[line] for line in one.tokens} == {1}
    assert {two.tokens[line] for line in two.tokens} == {2}
    two.leave()
    assert one.beat(NAMES, NOW) == gained


def test_a_line_at_work_is_given_back_later(documents: Documents) -> None:
    one, two = member(documents, "one"), member(documents, "two")
    one.beat(NAMES, NOW)
    two.beat(NAMES, NOW)
    one.beat(NAMES, NOW, busy=NAMES)
    assert set(one.tokens) == set(NAMES)
    one.beat(NAMES, NOW)
    assert set(one.tokens) < set(NAMES)


def test_lines_of_one_that_is_heard_of_no_more_go_to_the_others(documents: Documents) -> None:
    one, two = member(documents, "one"), member(documents, "two")
    one.beat(NAMES, NOW)
    assert two.beat(NAMES, NOW + LEASE / 2) == set()
    assert two.beat(NAMES, NOW + LEASE) == set(NAMES)
    assert one.beat(NAMES, NOW + LEASE) == set(), "it has lost them"
    assert one.tokens == {}


def test_lines_of_a_process_that_is_seen_to_be_gone_go_at_once(documents: Documents) -> None:
    member(documents, "dead").beat(NAMES, NOW)
    two = Membership(documents, "two", LEASE, lambda holder: holder == "dead")
    assert two.beat(NAMES, NOW) == set(NAMES)


def test_one_that_shares_nothing_takes_what_is_free(documents: Documents) -> None:
    documents.claim_leases([LINES + NAMES[0]], "other", NOW, NOW + LEASE)
    alone = member(documents, "alone", sharing=False)
    assert alone.beat(NAMES, NOW) == set(NAMES[1:])
    assert member(documents, "one").beat(NAMES, NOW) == set()
    assert documents.list_leases("assistant/member/")[0].holder == "one"


def test_a_line_given_up_can_be_had_by_others(documents: Documents) -> None:
    one = member(documents, "one")
    one.beat(NAMES, NOW)
    one.give_up(NAMES[0])
    assert NAMES[0] not in one.tokens
    assert documents.claim_leases([LINES + NAMES[0]], "two", NOW, NOW + LEASE)


def test_a_process_is_known_by_its_name_while_it_runs() -> None:
    assert not is_gone(this_process())
    host, pid, began = this_process().rsplit(":", 2)
    assert is_gone(f"{host}:{pid}:{int(began) + 1}"), "another one has its number by now"
    assert not is_gone(f"elsewhere-1:{pid}:1"), "of other machines nothing is known"
    code = "from andon.services.membership import this_process; print(this_process(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as one:
        assert one.stdout is not None
        name = one.stdout.readline().strip()
        assert not is_gone(name)
        one.kill()
    assert is_gone(name)


@given(st.integers(0, 60), st.integers(1, 9))
@example(50, 5)  # 1.1 * 50 / 5 is more than 11 in floats
def test_shares_are_even_within_a_tenth(lines: int, members: int) -> None:
    names = [f"line-{number}" for number in range(lines)]
    there = [f"member-{number}" for number in range(members)]
    shares = share_out(names, there)
    assert set(shares) == set(names)
    loads = [list(shares.values()).count(one) for one in there]
    assert max(loads) <= -(-11 * lines // (10 * members))
    assert share_out(list(reversed(names)), list(reversed(there))) == shares
