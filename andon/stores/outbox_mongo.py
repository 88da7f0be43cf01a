"""The outbox on MongoDB: the part of `MongoDocuments` that keeps what people are to be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pymongo import ASCENDING, IndexModel, UpdateMany, UpdateOne
from pymongo.collection import Collection

from andon.frames import to_microseconds
from andon.outbox import Message, MessageState, Outcome
from andon.record_json import alert_from
from andon.records import AlertRecord
from andon.stores.mongo_bodies import from_bson, to_bson
from andon.stores.mongo_server import Document, MongoServer

UNTOLD = IndexModel([("untold", ASCENDING), ("opened_at", ASCENDING)])
"""Index of the alerts that have an event which was not told yet."""
TOLD_FIELDS = ("untold", "told")
"""Of an alert's document: whether it has such an event, and how many of its events were told."""
OUTBOX = {
    "outbox": [
        IndexModel([("recipient", ASCENDING), ("state", ASCENDING), ("time", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("recipient", ASCENDING), ("state", ASCENDING), ("settled_at", ASCENDING)]),
        IndexModel([("settled_at", ASCENDING)]),
        IndexModel([("state", ASCENDING), ("due_at", ASCENDING)]),
    ]
}


class MongoOutbox:
    """See `andon.outbox.Outbox`."""

    server: MongoServer

    def untold_alerts(self, limit: int) -> list[tuple[AlertRecord, int]]:
        """See the port."""
        if limit == 0:
            return []
        order = [(name, ASCENDING) for name in ("opened_at", "line", "definition")]

        def find(alerts: Collection[Document], number: int) -> list[Document]:
            return list(alerts.find({"untold": True}, {"_id": 0, "by": 0, "revision": 0}).sort(order).limit(limit))

        return [
            (alert_from(from_bson({name: value for name, value in one.items() if name not in TOLD_FIELDS})),
             int(one.get("told", 0)))
            for one in self.server.run("alerts", find)
        ]  # fmt: skip

    def mark_told(self, revisions: Mapping[str, int]) -> None:
        """See the port."""
        changes = []
        for alert_id, revision in revisions.items():
            changes.append(UpdateOne({"_id": alert_id}, {"$max": {"told": revision}}))
            # An event that came meanwhile has another revision, and keeps the mark.
            changes.append(UpdateOne({"_id": alert_id, "revision": {"$lte": revision}}, {"$unset": {"untold": ""}}))
        if changes:
            self.server.run("alerts", lambda alerts, number: alerts.bulk_write(changes))

    def add_messages(self, messages: Iterable[Message]) -> int:
        """See the port."""
        first = {one.key: one for one in reversed([*messages])}
        bodies: dict[str | int, Document] = {
            key: {"recipient": one.recipient, **to_bson(one.to_json())} for key, one in first.items()
        }
        return self.server.add("outbox", bodies)

    def due_recipients(self, now: datetime) -> list[str]:
        """See the port."""
        due: dict[str, int] = {}
        wanted = {"state": "waiting", "due_at": {"$lte": to_microseconds(now)}}

        def find(outbox: Collection[Document], number: int) -> list[Document]:
            return list(outbox.find(wanted, {"_id": 0, "recipient": 1, "due_at": 1}))

        for one in self.server.run("outbox", find):
            due[one["recipient"]] = min(one["due_at"], due.get(one["recipient"], one["due_at"]))
        return sorted(due, key=lambda recipient: (due[recipient], recipient))

    def list_messages(
        self,
        recipient: str | None = None,
        state: MessageState | None = None,
        due: datetime | None = None,
        settled_since: datetime | None = None,
        limit: int | None = None,
    ) -> list[Message]:
        """See the port."""
        wanted: Document = {} if recipient is None else {"recipient": recipient}
        if state is not None:
            wanted["state"] = state
        if due is not None:
            wanted["due_at"] = {"$lte": to_microseconds(due)}
        if settled_since is not None:
            wanted["settled_at"] = {"$gte": to_microseconds(settled_since)}
        found = self.server.find("outbox", wanted, ("time", "_id"), limit, without=("recipient",))
        return [Message.from_json(body) for body in found]

    def bundle_messages(self, bundles: Mapping[str, str]) -> None:
        """See the port."""
        if not bundles:
            return
        together: dict[str, list[str]] = {}
        for key, bundle in bundles.items():
            together.setdefault(bundle, []).append(key)
        changes = [
            UpdateMany({"_id": {"$in": keys}, "state": "waiting", "bundle": ""}, {"$set": {"bundle": bundle}})
            for bundle, keys in together.items()
        ]
        self.server.run("outbox", lambda outbox, number: outbox.bulk_write(changes, ordered=False))

    def settle_messages(self, keys: Sequence[str], outcome: Outcome) -> None:
        """See the port."""
        change: Document = {
            "state": outcome.state,
            "error": to_bson(outcome.error),
            "settled_at": None if outcome.state == "waiting" else to_microseconds(outcome.at),
        }
        if outcome.due_at is not None:
            change["due_at"] = to_microseconds(outcome.due_at)
        update: Document = {"$set": change, "$inc": {"attempts": int(outcome.attempted)}}
        open_ = {"_id": {"$in": [*keys]}, "state": {"$ne": "sent"}}
        self.server.run("outbox", lambda outbox, number: outbox.update_many(open_, update))

    def forget_messages(self, before: datetime) -> int:
        """See the port."""
        # What waits has no such time: null is of another type than a number, and matches no comparison with one.
        old = {"settled_at": {"$lt": to_microseconds(before)}}
        return self.server.run("outbox", lambda outbox, number: outbox.delete_many(old).deleted_count)
