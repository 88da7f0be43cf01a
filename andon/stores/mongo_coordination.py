"""What several assistants on one MongoDB agree by: states with fences, leases, and silences; one document a change."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel, ReturnDocument, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError

from andon.frames import from_microseconds, to_microseconds
from andon.ports import Lease
from andon.record_json import silence_from, to_body
from andon.records import Silence
from andon.stores.mongo_bodies import from_bson, to_bson
from andon.stores.mongo_server import Document, MongoServer

SILENCES = [IndexModel([("end", ASCENDING), ("start", ASCENDING)])]
_DUPLICATE = 11000


class MongoStates:
    """States, each with a fence: the part of `andon.ports.Documents` that is about them."""

    server: MongoServer

    def put_state(self, key: str, body: Mapping[str, Any]) -> None:
        """See the port."""
        self.put_states({key: body}, {})

    def put_states(self, bodies: Mapping[str, Mapping[str, Any]], tokens: Mapping[str, int]) -> list[str]:
        """See the port."""
        changes = {}
        for key, body in bodies.items():
            kept: Document = {"body": to_bson(dict(body))}
            token = tokens.get(key)
            changes[key] = kept if token is None else {**kept, "fence": token}
        return self._raise(changes, tokens)

    def fence_states(self, tokens: Mapping[str, int]) -> dict[str, dict[str, Any]]:
        """See the port."""
        refused = {*self._raise({key: {"fence": token} for key, token in tokens.items()}, tokens)}
        return self.get_states([key for key in tokens if key not in refused])

    def get_state(self, key: str) -> dict[str, Any] | None:
        """See the port."""
        return self.get_states([key]).get(key)

    def get_states(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """See the port."""
        if not keys:
            return {}
        wanted = {"_id": {"$in": [*keys]}, "body": {"$ne": None}}
        found = self.server.run("states", lambda states, number: list(states.find(wanted)))
        return {str(one["_id"]): from_bson(one["body"]) for one in found}

    def list_states(self) -> list[str]:
        """See the port."""

        def find(states: Collection[Document], number: int) -> list[Document]:
            return list(states.find({"body": {"$ne": None}}, {"_id": 1}).sort("_id"))

        return [str(one["_id"]) for one in self.server.run("states", find)]

    def _raise(self, changes: Mapping[str, Document], tokens: Mapping[str, int]) -> list[str]:
        """Make changes where the fence allows it; return the keys at which it does not.

        Where it is higher, nothing fits the filter, and the insertion that is tried then meets the key that is there.
        """
        if not changes:
            return []

        def allowed(key: str) -> Document:
            token = tokens.get(key)
            if token is None:
                return {"_id": key}
            return {"_id": key, "$or": [{"fence": {"$lte": token}}, {"fence": {"$exists": False}}]}

        def write(states: Collection[Document], number: int) -> list[str]:
            keys = [*changes]
            for _ in range(2):  # The second time tells what is refused from what another has just made.
                updates = [UpdateOne(allowed(key), {"$set": changes[key]}, upsert=True) for key in keys]
                try:
                    states.bulk_write(updates, ordered=False)
                    return []
                except BulkWriteError as error:
                    told = error.details or {}
                    if told["writeConcernErrors"] or any(one["code"] != _DUPLICATE for one in told["writeErrors"]):
                        raise
                    keys = [keys[one["index"]] for one in told["writeErrors"]]
            return keys

        return self.server.run("states", write)


class MongoLeases:
    """Leases: the part of `andon.ports.Documents` that is about them."""

    server: MongoServer

    def claim_leases(self, names: Sequence[str], holder: str, now: datetime, until: datetime) -> list[Lease]:
        """See the port."""
        moment, end = to_microseconds(now), to_microseconds(until)
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return []

        def claim(leases: Collection[Document], number: int) -> list[Document]:
            named: Document = {"_id": {"$in": wanted}}
            mine: Document = {**named, "holder": holder, "until": {"$gt": moment}}
            leases.update_many(mine, {"$set": {"until": end}})
            known = {one["_id"]: one for one in leases.find(named)}
            for name in wanted:
                one = known.get(name)
                if one is None:
                    _insert(leases, {"_id": name, "holder": holder, "until": end, "token": 1})
                elif one["until"] <= moment:
                    # Only one of those who saw this token can move it on.
                    unmoved = {"_id": name, "token": one["token"], "until": {"$lte": moment}}
                    change = {"$set": {"holder": holder, "until": end}, "$inc": {"token": 1}}
                    leases.find_one_and_update(unmoved, change, return_document=ReturnDocument.AFTER)
            return list(leases.find({**named, "holder": holder}).sort("_id"))

        return [_lease(one) for one in self.server.run("leases", claim)]

    def release_leases(self, names: Sequence[str], holder: str) -> None:
        """See the port."""
        if not names:
            return
        mine = {"_id": {"$in": [*names]}, "holder": holder}
        free = {"$set": {"holder": None, "until": 0}}
        self.server.run("leases", lambda leases, number: leases.update_many(mine, free))

    def list_leases(self, prefix: str = "") -> list[Lease]:
        """See the port."""
        wanted = {"holder": {"$ne": None}, "_id": {"$gte": prefix}}
        found = self.server.run("leases", lambda leases, number: list(leases.find(wanted).sort("_id")))
        return [_lease(one) for one in found if one["_id"].startswith(prefix)]


class MongoSilences:
    """Silences: the part of `andon.ports.Documents` that is about them."""

    server: MongoServer

    def add_silence(self, silence: Silence) -> bool:
        """See the port."""
        return self.server.add("silences", {silence.id: to_bson(to_body(silence))}) == 1

    def end_silence(self, silence_id: str, at: datetime) -> Silence | None:
        """See the port."""

        def end(silences: Collection[Document], number: int) -> Document | None:
            standing = {"_id": silence_id, "ended_at": None}
            silences.update_one(standing, {"$set": {"ended_at": to_microseconds(at)}})
            return silences.find_one({"_id": silence_id}, {"_id": 0, "by": 0})

        found = self.server.run("silences", end)
        return None if found is None else silence_from(from_bson(found))

    def list_silences(self, after: datetime | None = None) -> list[Silence]:
        """See the port."""
        wanted: Document = {} if after is None else {"end": {"$gt": to_microseconds(after)}}
        found = [silence_from(body) for body in self.server.find("silences", wanted, ("start",))]
        return sorted(found, key=lambda one: (one.start, one.id))


def _insert(leases: Collection[Document], lease: Document) -> None:
    with contextlib.suppress(DuplicateKeyError):  # another has just taken it
        leases.insert_one(lease)


def _lease(found: Document) -> Lease:
    return Lease(str(found["_id"]), str(found["holder"]), from_microseconds(found["until"]), int(found["token"]))
