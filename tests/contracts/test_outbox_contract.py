"""What `andon.outbox.Outbox` promises, on every adapter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from andon.outbox import Message, Outcome
from andon.ports import Documents
from andon.records import AlertEvent, AlertRecord, AlertState, make_id
from andon.stores import open_documents

AT = datetime(2026, 3, 1, 6, 30, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def documents(documents_url: str) -> Documents:
    return open_documents(documents_url)


def message(number: int = 0, address: str = "lead@plant.example", **more) -> Message:
    fields = {
        "key": f"k{number:03}",
        "route": "maintenance",
        "channel": "email",
        "address": address,
        "kind": "alert",
        "severity": "high",
        "time": AT + number * MINUTE,
        "created_at": AT,
        "body": {"note": "vu à l'écran 🛠 \ud83d", "a.b": {"$x": None}, "n": [1, 2.5]},
        "thread": "t",
        "due_at": AT,
    }
    return Message(**(fields | more))


def alert(minute: int = 0, line: str = "press-07") -> AlertRecord:
    opened = AT + minute * MINUTE
    first = AlertEvent(make_id(line, minute), opened, AlertState.FIRING, "assistant", "", {"score": 0.9})
    return AlertRecord(line, "jam-soon", opened, AlertState.FIRING, "high", (first,), version=2)


def test_an_empty_outbox(documents: Documents) -> None:
    assert documents.untold_alerts(10) == []
    assert documents.due_recipients(AT) == []
    assert documents.list_messages() == []
    assert documents.add_messages([]) == 0
    documents.mark_told({})
    documents.mark_told({"nobody": 3})
    documents.bundle_messages({})
    documents.bundle_messages({"nobody": "b"})
    documents.settle_messages(["nobody"], Outcome("sent", AT))
    assert documents.untold_alerts(10) == []
    assert documents.list_messages() == []


def test_a_message_is_added_once_and_comes_back_as_it_was(documents: Documents) -> None:
    one, other = message(1), message(0, "quality@plant.example", severity="low", kind="report")
    assert documents.add_messages([one, other, replace(one, severity="low")]) == 2
    assert documents.add_messages([replace(one, body={})]) == 0
    assert documents.list_messages() == [other, one]
    assert documents.list_messages(recipient=one.recipient) == [one]
    assert documents.list_messages(limit=1) == [other]
    assert documents.list_messages(limit=0) == []


def test_recipients_are_due_by_what_waits_longest(documents: Documents) -> None:
    late = message(0, "late@plant.example", due_at=AT + 2 * MINUTE)
    early = [message(number, "early@plant.example", due_at=AT + number * MINUTE) for number in (1, 3)]
    documents.add_messages([late, *early])
    assert documents.due_recipients(AT) == []
    assert documents.due_recipients(AT + 2 * MINUTE) == [early[0].recipient, late.recipient]
    assert documents.list_messages(early[0].recipient, "waiting", due=AT + MINUTE) == early[:1]
    documents.settle_messages([early[0].key], Outcome("sent", AT))
    assert documents.due_recipients(AT + 2 * MINUTE) == [late.recipient]


def test_a_bundle_is_chosen_once(documents: Documents) -> None:
    documents.add_messages([message(number) for number in range(4)])
    documents.settle_messages(["k003"], Outcome("sent", AT))
    documents.bundle_messages({"k000": "first"})
    documents.bundle_messages(dict.fromkeys(["k000", "k001", "k003"], "second"))
    assert [one.bundle for one in documents.list_messages()] == ["first", "second", "", ""]


def test_what_became_of_a_message(documents: Documents) -> None:
    documents.add_messages([message()])
    later = AT + MINUTE
    documents.settle_messages(["k000"], Outcome("waiting", AT, "451 try ägain", later))
    documents.settle_messages(["k000"], Outcome("waiting", AT, "enough for now", later + MINUTE, attempted=False))
    waiting = documents.list_messages()[0]
    assert (waiting.state, waiting.error, waiting.attempts) == ("waiting", "enough for now", 1)
    assert (waiting.due_at, waiting.settled_at) == (later + MINUTE, None)
    documents.settle_messages(["k000"], Outcome("dead", later, "550 nobody"))
    dead = documents.list_messages(state="dead", settled_since=later)[0]
    assert (dead.error, dead.attempts, dead.settled_at) == ("550 nobody", 2, later)
    assert documents.list_messages(settled_since=later + MINUTE) == []
    documents.settle_messages(["k000"], Outcome("waiting", later, due_at=later, attempted=False))
    documents.settle_messages(["k000"], Outcome("sent", later))
    documents.settle_messages(["k000"], Outcome("dead", later, "too late"))
    sent = documents.list_messages(state="sent")[0]
    assert (sent.error, sent.attempts, sent.settled_at, sent.body) == ("", 3, later, message().body)


def test_many_messages_at_once(documents: Documents) -> None:
    many = [message(number) for number in range(603)]
    assert documents.add_messages(many) == 603
    keys = [one.key for one in many]
    documents.bundle_messages(dict.fromkeys(keys, "b"))
    documents.settle_messages(keys, Outcome("sent", AT))
    assert {(one.bundle, one.state) for one in documents.list_messages()} == {("b", "sent")}


def test_every_event_of_an_alert_is_untold_until_it_is_marked(documents: Documents) -> None:
    first, second = alert(0), alert(1)
    documents.open_alert(second)
    documents.open_alert(first)
    assert documents.untold_alerts(10) == [(first, 0), (second, 0)]
    assert documents.untold_alerts(1) == [(first, 0)]
    documents.mark_told({first.id: 1})
    assert documents.untold_alerts(10) == [(second, 0)]
    documents.open_alert(first)
    assert documents.untold_alerts(10) == [(second, 0)], "an alert that is there already has nothing new to tell"
    event = AlertEvent(make_id("x"), AT + MINUTE, AlertState.ACKNOWLEDGED, "Zoë")
    moved = documents.transition_alert(first.id, event, 1)
    assert moved is not None
    assert documents.untold_alerts(10) == [(moved, 1), (second, 0)]
    assert documents.get_alert(first.id) == moved
    assert documents.list_alerts() == [moved, second]
    documents.mark_told({first.id: 2, second.id: 1})
    assert documents.untold_alerts(10) == []


def test_an_event_that_came_while_others_were_told_stays_untold(documents: Documents) -> None:
    one = alert()
    documents.open_alert(one)
    event = AlertEvent(make_id("x"), AT + MINUTE, AlertState.RESOLVED, "assistant")
    moved = documents.transition_alert(one.id, event, 1)
    assert moved is not None
    documents.mark_told({one.id: 1})
    assert documents.untold_alerts(10) == [(moved, 1)]
    documents.mark_told({one.id: 2})
    documents.mark_told({one.id: 1})
    assert documents.untold_alerts(10) == []


def test_messages_that_are_long_over_are_forgotten(documents: Documents) -> None:
    documents.add_messages([message(number) for number in range(4)])
    documents.settle_messages(["k000"], Outcome("sent", AT))
    documents.settle_messages(["k001"], Outcome("dead", AT + MINUTE, "refused"))
    documents.settle_messages(["k002"], Outcome("sent", AT + 2 * MINUTE))
    assert documents.forget_messages(AT) == 0
    assert documents.forget_messages(AT + 2 * MINUTE) == 2
    assert [(one.key, one.state) for one in documents.list_messages()] == [("k002", "sent"), ("k003", "waiting")]
    assert documents.forget_messages(AT + 2 * MINUTE) == 0
