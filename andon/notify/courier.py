"""The courier: takes what is due out of the outbox, keeps to limits, bundles, hands it to senders, and writes it down.

A parcel may go out twice only where a process dies, or a server falls silent, between the sending and the note of it;
both carry the same key. Nothing is lost: what is not delivered waits, or is given up with the reason, which people see.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from andon.leases import kept
from andon.notify.parcels import Parcel, Sender, Undelivered
from andon.notify.rounds import Policy, Round, in_turn, pause, sum_rounds
from andon.outbox import Channel, Message, Outcome
from andon.ports import Documents
from andon.records import make_id
from configs.routes import Limit

log = logging.getLogger(__name__)

PATIENCE = timedelta(days=4)
"""After so long without success a message is given up (RFC 5321, 4.5.4.1)."""
LEASE = timedelta(seconds=30)
"""How long a recipient waits for another courier after its own has died; kept while one is at work."""


@dataclass(slots=True)
class Courier:
    """One process's courier; any number of them may share an outbox.

    Parameters
    ----------
    documents
        The outbox and its leases.
    senders
        By channel; one that is not there cannot be reached.
    render
        Turns messages that go out together, under a key, into a parcel.
    policy
        Of a route, by its name.
    owner
        No other courier's.
    clock
        Tells the time, in UTC.
    """

    documents: Documents
    senders: Mapping[Channel, Sender]
    render: Callable[[str, Sequence[Message]], Parcel]
    policy: Callable[[str], Policy]
    owner: str
    clock: Callable[[], datetime]
    _pauses: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def run(self, stop: Callable[[], bool] = lambda: False) -> Round:
        """Deliver what is due, recipient by recipient; ``stop`` ends it between two parcels.

        Raises
        ------
        StoreError
            If the outbox fails; then the next round goes on.
        """
        due: dict[str, list[str]] = {}
        for recipient in self.documents.due_recipients(self.clock()):
            due.setdefault(recipient.split("/", 2)[1], []).append(recipient)
        if len(due) < 2:
            return sum_rounds([self._deliver(channel, recipients, stop) for channel, recipients in due.items()])
        # A webhook that does not answer must not keep mails waiting.
        with ThreadPoolExecutor(len(due), thread_name_prefix="courier") as pool:
            under_way = [pool.submit(self._deliver_apart, *one, stop) for one in due.items()]
            return sum_rounds([one.result() for one in under_way])

    def _deliver_apart(self, channel: str, recipients: list[str], stop: Callable[[], bool]) -> Round:
        try:
            return self._deliver(channel, recipients, stop)
        finally:
            self.documents.close()  # this thread's connection

    def _deliver(self, channel: str, recipients: list[str], stop: Callable[[], bool]) -> Round:
        done = Round()
        try:
            for recipient in recipients:
                if stop() or (channel in self._pauses and self.clock() < self._pauses[channel][1]):
                    break
                if not self._waiting(recipient) or not self._hold(recipient):
                    continue
                try:
                    self._serve(recipient, done, stop)
                finally:
                    self.documents.release_leases([_lease(recipient)], self.owner)
        finally:
            for name, sender in self.senders.items():
                if name == channel:
                    sender.close()
        return done

    def _hold(self, recipient: str) -> bool:
        now = self.clock()
        return bool(self.documents.claim_leases([_lease(recipient)], self.owner, now, now + LEASE))

    def _waiting(self, recipient: str) -> list[Message]:
        return in_turn(self.documents.list_messages(recipient, "waiting"), self.clock())

    def _serve(self, recipient: str, done: Round, stop: Callable[[], bool]) -> None:
        # A recipient's name may hold a secret address, and is not for the log.
        what = f"messages of route {recipient.partition('/')[0]}"
        with kept(what, lambda: self._hold(recipient), LEASE / 3, self.documents.close) as lease:
            for bundle, messages in self._bundles(recipient, self._waiting(recipient), done).items():
                if lease.lost or stop() or self._send(bundle, messages, done) == "unreachable":
                    return

    def _bundles(self, recipient: str, waiting: Sequence[Message], done: Round) -> dict[str, list[Message]]:
        """Say what goes out together, and write it down before anything is sent: a second try sends the same."""
        bundles: dict[str, list[Message]] = {}
        for one in waiting:
            if one.bundle:
                bundles.setdefault(one.bundle, []).append(one)
        fresh = [one for one in waiting if not one.bundle and one.kind == "alert"]
        groups = [[one] for one in waiting if not one.bundle and one.kind != "alert"]
        policy = Policy()
        if fresh:
            policy = self.policy(fresh[0].route)
            room, free_at = self._room(recipient, policy.limit)
            room -= len(bundles)
            if room <= 0:
                urgent = [one for one in fresh if one.severity == "critical"]
                self._postpone([one for one in fresh if one.severity != "critical"], free_at, policy.limit, done)
                fresh, room = urgent, 1
        if fresh:
            threads: dict[str, list[Message]] = {}
            for one in fresh:
                threads.setdefault(one.thread, []).append(one)
            many = len(threads) > max(1, room) or len(fresh) >= policy.digest
            groups += [fresh] if many else threads.values()
        chosen = {
            group[0].key if len(group) == 1 else make_id("digest", *(one.key for one in group)): group
            for group in groups
        }
        self.documents.bundle_messages({one.key: bundle for bundle, group in chosen.items() for one in group})
        return bundles | chosen

    def _room(self, recipient: str, limit: Limit) -> tuple[int, datetime]:
        """Return how many parcels a recipient may still get now, and when there is room for one more."""
        now = self.clock()
        sent: dict[str, datetime] = {}
        for one in self.documents.list_messages(recipient, "sent", settled_since=now - limit.per):
            if one.kind == "alert" and one.settled_at is not None:
                sent[one.bundle] = max(one.settled_at, sent.get(one.bundle, one.settled_at))
        latest = sorted(sent.values())[-limit.messages :]
        free_at = latest[0] + limit.per if len(latest) == limit.messages else now
        return limit.messages - len(sent), free_at + timedelta(microseconds=1)

    def _postpone(self, messages: Sequence[Message], until: datetime, limit: Limit, done: Round) -> None:
        if messages:
            reason = f"waits: {limit.messages} messages went to this recipient in the time of its limit"
            outcome = Outcome("waiting", self.clock(), reason, until, attempted=False)
            self.documents.settle_messages([one.key for one in messages], outcome)
            done.postponed += len(messages)

    def _send(self, bundle: str, messages: Sequence[Message], done: Round) -> Literal["sent", "failed", "unreachable"]:
        first = messages[0]
        keys = [one.key for one in messages]
        try:
            sender = self.senders.get(first.channel)
            if sender is None:
                raise Undelivered("unreachable", _NO_SENDER[first.channel])
            sender.send(self.render(bundle, messages))
        except Undelivered as error:
            return self._failed(error, messages, keys, done)
        except Exception as error:
            # What cannot be made into a parcel must not keep others from theirs.
            log.exception("message %s could not be sent", first.key)
            return self._failed(Undelivered("deferred", f"failed: {error!r}"), messages, keys, done)
        self._pauses.pop(first.channel, None)
        self.documents.settle_messages(keys, Outcome("sent", self.clock()))
        done.parcels += 1
        done.messages += len(messages)
        return "sent"

    def _failed(
        self, error: Undelivered, messages: Sequence[Message], keys: list[str], done: Round
    ) -> Literal["failed", "unreachable"]:
        now, first = self.clock(), messages[0]
        if error.how == "unreachable":
            times = self._pauses.get(first.channel, (0, now))[0]
            self._pauses[first.channel] = times + 1, now + pause(times)
            done.troubles.append(error.reason)
        if error.how == "refused" or now - min(one.created_at for one in messages) >= PATIENCE:
            log.error("given up on %s to %s: %s", first.kind, _shown(first), error.reason)
            self.documents.settle_messages(keys, Outcome("dead", now, error.reason))
            done.dead += messages
        else:
            log.warning("not delivered yet to %s: %s", _shown(first), error.reason)
            until = now + max(pause(first.attempts), error.after or timedelta(0))
            self.documents.settle_messages(keys, Outcome("waiting", now, error.reason, until))
            done.deferred += len(messages)
        return "unreachable" if error.how == "unreachable" else "failed"


_NO_SENDER: Mapping[Channel, str] = {
    "email": "no mail server is set; set smtp in andon.toml or ANDON_SMTP",
    "webhook": "no webhooks can be sent by this process; set ANDON_WEBHOOK_SECRET",
    "log": "no log can be written by this process",
}


def _lease(recipient: str) -> str:
    return f"outbox/{recipient}"


def _shown(message: Message) -> str:
    """Return an address, but not that of a webhook, which may be a secret."""
    return f"{message.channel} of route {message.route}" if message.channel == "webhook" else message.address
