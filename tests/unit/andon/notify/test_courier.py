"""The courier: limits, digests, failures that pass and that do not, and kills in between."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from andon.notify.courier import LEASE, PATIENCE, Courier
from andon.notify.parcels import Parcel, Undelivered
from andon.notify.relay import relay
from andon.notify.rounds import Policy
from andon.outbox import Message
from andon.ports import Documents
from andon.records import AlertEvent, AlertRecord, AlertState, make_id
from andon.stores import open_documents
from configs.routes import Limit

AT = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Clock:
    now: datetime = AT

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Post:
    """A sender that keeps what it is handed, after the failures that it was told of."""

    failures: list[BaseException] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)

    def send(self, parcel: Parcel) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.parcels.append(parcel)

    def close(self) -> None:
        pass

    def said(self) -> list[tuple[str, str]]:
        return [(one.address, one.text) for one in self.parcels]


def render(key: str, messages: Sequence[Message]) -> Parcel:
    text = "+".join(one.body["text"] for one in messages)
    return Parcel(key, messages[0].address, text, text, {}, "alerts", messages[0].severity, messages[0].time)


def message(number: int, address: str = "lead", **more) -> Message:
    fields = {
        "key": f"{address}-{number:03}", "route": "r", "channel": "email", "address": address, "kind": "alert",
        "severity": "high", "time": AT + number * MINUTE, "created_at": AT, "body": {"text": str(number)},
        "thread": str(number), "due_at": AT,
    }  # fmt: skip
    return Message(**(fields | more))


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    return open_documents(f"sqlite:///{tmp_path}/documents.db")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def post() -> Post:
    return Post()


def courier(documents: Documents, post: Post, clock: Clock, owner: str = "me", **policy) -> Courier:
    return Courier(documents, {"email": post}, render, lambda route: Policy(**policy), owner, clock)


def states(documents: Documents) -> list[str]:
    return [one.state for one in documents.list_messages()]


def test_messages_go_once_in_order_of_time(documents, post, clock):
    documents.add_messages([message(2), message(1), message(3, "boss")])
    done = courier(documents, post, clock).run()
    assert sorted(post.said()) == [("boss", "3"), ("lead", "1"), ("lead", "2")]
    assert [text for address, text in post.said() if address == "lead"] == ["1", "2"]
    assert (done.parcels, done.messages) == (3, 3)
    assert courier(documents, post, clock).run().parcels == 0
    assert states(documents) == ["sent"] * 3


def test_many_at_once_go_as_one(documents, post, clock):
    documents.add_messages([message(number) for number in range(5)])
    assert courier(documents, post, clock, digest=5).run().messages == 5
    assert post.said() == [("lead", "0+1+2+3+4")]


def test_messages_of_one_thread_go_as_one(documents, post, clock):
    documents.add_messages([message(0), message(1, thread="t"), message(2, thread="t")])
    courier(documents, post, clock).run()
    assert post.said() == [("lead", "0"), ("lead", "1+2")]


def test_what_follows_in_a_thread_waits_for_what_comes_before(documents, post, clock):
    documents.add_messages(
        [message(0, thread="t", due_at=AT + MINUTE), message(1, thread="t"), message(2), message(3, thread="t")]
    )
    me = courier(documents, post, clock)
    me.run()
    assert post.said() == [("lead", "2")]
    clock.now += MINUTE
    me.run()
    assert post.said()[1:] == [("lead", "0+1+3")]


def test_a_recipient_gets_no_more_than_the_limit_and_the_rest_as_a_digest(documents, post, clock):
    limit = Limit(messages=2, per=timedelta(hours=1))
    documents.add_messages([message(number) for number in range(2)])
    me = courier(documents, post, clock, limit=limit, digest=10)
    me.run()
    clock.now += 10 * MINUTE
    documents.add_messages([message(number) for number in range(2, 5)])
    done = me.run()
    assert (done.parcels, done.postponed) == (0, 3)
    assert "limit" in documents.list_messages(state="waiting")[0].error
    clock.now += 49 * MINUTE
    assert me.run().parcels == 0
    clock.now += 2 * MINUTE
    me.run()
    assert [text for _, text in post.said()] == ["0", "1", "2+3+4"]


def test_the_limit_holds_back_nothing_critical_and_no_report(documents, post, clock):
    me = courier(documents, post, clock, limit=Limit(messages=1))
    documents.add_messages([message(0)])
    me.run()
    documents.add_messages([message(1), message(2, severity="critical"), message(3, kind="report")])
    me.run()
    assert sorted(text for _, text in post.said()) == ["0", "2", "3"]
    assert [one.body["text"] for one in documents.list_messages(state="waiting")] == ["1"]


def test_what_is_refused_is_given_up_with_the_reason(documents, post, clock):
    post.failures = [Undelivered("refused", "550 nobody here")]
    documents.add_messages([message(0), message(1, "boss")])
    done = courier(documents, post, clock).run()
    assert [(one.address, one.body["text"]) for one in done.dead] in ([("lead", "0")], [("boss", "1")])
    assert [one.error for one in documents.list_messages(state="dead")] == ["550 nobody here"]
    assert len(post.parcels) == 1


def test_what_is_deferred_is_tried_again_later_and_later(documents, post, clock):
    post.failures = [Undelivered("deferred", "451 try later")] * 3
    documents.add_messages([message(0)])
    me = courier(documents, post, clock)
    waits = []
    for _ in range(3):
        me.run()
        (one,) = documents.list_messages()
        waits.append(one.due_at - clock.now)
        assert me.run().parcels == 0
        clock.now = one.due_at
    assert waits == [timedelta(seconds=15), timedelta(seconds=30), timedelta(seconds=60)]
    me.run()
    assert post.said() == [("lead", "0")]
    assert documents.list_messages()[0].attempts == 4


def test_the_other_side_may_ask_for_more_time(documents, post, clock):
    post.failures = [Undelivered("deferred", "429", after=timedelta(minutes=30))]
    documents.add_messages([message(0)])
    courier(documents, post, clock).run()
    assert documents.list_messages()[0].due_at == AT + timedelta(minutes=30)


def test_an_unreachable_server_is_asked_once_a_round_and_nothing_is_lost(documents, post, clock):
    down = Undelivered("unreachable", "mail server: refused; start it")
    post.failures = [down] * 2
    documents.add_messages([message(number, f"p{number}") for number in range(20)])
    me = courier(documents, post, clock)
    done = me.run()
    assert (done.troubles, done.parcels, len(post.failures)) == ([down.reason], 0, 1)
    me.run()
    assert len(post.failures) == 1, "it is left alone for a while"
    clock.now += MINUTE
    me.run()
    assert post.failures == []
    clock.now += 5 * MINUTE
    me.run()
    assert states(documents) == ["sent"] * 20
    assert len(post.parcels) == 20


def test_after_days_without_success_it_is_given_up(documents, post, clock):
    post.failures = [Undelivered("unreachable", "down")]
    documents.add_messages([message(0)])
    clock.now += PATIENCE
    done = courier(documents, post, clock).run()
    assert [one.key for one in done.dead] == ["lead-000"]
    assert states(documents) == ["dead"]


def test_without_a_sender_messages_wait_and_the_remedy_is_told(documents, clock):
    documents.add_messages([message(0)])
    done = Courier(documents, {}, render, lambda route: Policy(), "me", clock).run()
    assert "ANDON_SMTP" in done.troubles[0]
    assert states(documents) == ["waiting"]


def test_what_cannot_be_made_into_a_parcel_stands_in_nobodys_way(documents, post, clock):
    documents.add_messages([message(0, body={}), message(1), message(2, "boss")])
    done = courier(documents, post, clock).run()
    assert (done.parcels, done.deferred) == (2, 1)
    assert "KeyError" in documents.list_messages(state="waiting")[0].error


class Killed(BaseException):
    """As of a process that is no more."""


def test_a_digest_that_was_broken_off_goes_again_under_the_same_key(documents, post, clock):
    documents.add_messages([message(number) for number in range(6)])
    post.failures = [Killed()]
    with pytest.raises(Killed):
        courier(documents, post, clock, owner="first").run()
    bundle = {one.bundle for one in documents.list_messages()}
    assert len(bundle) == 1
    documents.add_messages([message(6)])
    clock.now += LEASE
    courier(documents, post, clock, owner="second").run()
    assert post.said() == [("lead", "0+1+2+3+4+5"), ("lead", "6")]
    assert {post.parcels[0].key} == bundle


def test_two_couriers_never_serve_one_recipient_at_once(documents, post, clock):
    documents.add_messages([message(0), message(1, "boss")])
    other = Post()
    second = courier(documents, other, clock, owner="second")

    def in_between(key: str, messages: Sequence[Message]) -> Parcel:
        second.run()
        return render(key, messages)

    Courier(documents, {"email": post}, in_between, lambda route: Policy(), "first", clock).run()
    assert len(post.parcels) + len(other.parcels) == 2
    assert {one.address for one in (*post.parcels, *other.parcels)} == {"lead", "boss"}
    assert len(other.parcels) == 1, "the recipient at hand is held, and the other one is free"


def test_a_webhook_that_does_not_answer_keeps_no_mail_waiting(documents, post, clock):
    delivered = threading.Event()

    class Slow(Post):
        def send(self, parcel: Parcel) -> None:
            assert delivered.wait(30), "the mail waits for the webhook"
            super().send(parcel)

    class Quick(Post):
        def send(self, parcel: Parcel) -> None:
            super().send(parcel)
            delivered.set()

    hooks, mails = Slow(), Quick()
    documents.add_messages([message(0, "hook", channel="webhook"), message(1), message(2, "boss")])
    senders = {"webhook": hooks, "email": mails}
    done = Courier(documents, senders, render, lambda route: Policy(), "me", clock).run()
    assert (done.parcels, done.deferred) == (3, 0)
    assert (hooks.said(), sorted(mails.said())) == ([("hook", "0")], [("boss", "2"), ("lead", "1")])


def test_it_stops_between_two_parcels(documents, post, clock):
    documents.add_messages([message(number) for number in range(3)])
    courier(documents, post, clock).run(stop=lambda: len(post.parcels) == 1)
    assert post.said() == [("lead", "0")]
    courier(documents, post, clock).run()
    assert [text for _, text in post.said()] == ["0", "1", "2"]


def test_events_become_messages_once_however_often_they_pass(documents, post, clock):
    documents.put_definitions([{"kind": "Route", "name": "r", "alerts": "all", "email": ["lead@plant.example"]}], AT)
    first = AlertEvent(make_id("opened"), AT, AlertState.FIRING, "assistant")
    opened = AlertRecord("press-07", "hot", AT, AlertState.FIRING, "high", (first,))
    documents.open_alert(opened)
    assert relay(documents, AT) == 1
    assert relay(documents, AT) == 0
    documents.open_alert(opened)
    over = replace(first, id=make_id("over"), time=AT + MINUTE, state=AlertState.RESOLVED)
    documents.transition_alert(opened.id, over, 1)
    assert relay(documents, AT) == 1
    assert [one.body["event"]["state"] for one in documents.list_messages()] == ["firing", "resolved"]
