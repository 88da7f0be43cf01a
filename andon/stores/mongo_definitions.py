"""Definitions on MongoDB: a log of puts, one document each, so that a put is stored whole or not at all.

The log is numbered without a gap, and a number is taken once: of two that put at the same moment, one reads what the
other wrote and tries again. Since entries never change, a process reads each of them once.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from andon.errors import StoreError
from andon.frames import from_microseconds, to_microseconds
from andon.ports import StoredDefinition
from andon.stores.mongo_bodies import from_bson, to_bson
from andon.stores.mongo_server import Document, MongoServer

DEFINITIONS = {"definitions": [IndexModel([("changes.kind", ASCENDING), ("changes.name", ASCENDING)])]}
_NAME = "definitions"
_TRIES = 1000


class MongoDefinitions:
    """The log, and the newest version of each as far as it was read."""

    def __init__(self, server: MongoServer) -> None:
        self._server = server
        self._newest: dict[tuple[str, str], StoredDefinition] = {}
        self._read = 0
        self._guard = threading.Lock()

    def put(self, bodies: Sequence[Mapping[str, Any]], at: datetime) -> list[StoredDefinition]:
        """Store all or none; an unchanged body keeps its version.

        Raises
        ------
        StoreError
            If the server fails.
        """
        for _ in range(_TRIES):
            known, last = self._catch_up()
            stored, changes = [], []
            for body in bodies:
                kind, name = str(body["kind"]), str(body["name"])
                newest = known.get((kind, name))
                if newest is None or newest.body != body:
                    version = 1 if newest is None else newest.version + 1
                    newest = known[kind, name] = StoredDefinition(kind, name, version, from_bson(to_bson(body)), at)
                    changes.append({"kind": kind, "name": name, "version": version, "body": to_bson(body)})
                stored.append(newest)
            if not changes or self._append(last + 1, changes, at):
                return stored
        raise StoreError(str(self._server.address), "definitions change too often to add to them", "try again")

    def get(self, kind: str, name: str, version: int | None) -> StoredDefinition | None:
        """Return one version, by default the newest."""
        newest = self._catch_up()[0].get((kind, name))
        if newest is None or version is None or version == newest.version:
            return newest
        wanted = {"changes": {"$elemMatch": {"kind": kind, "name": name, "version": version}}}
        found = self._server.run(_NAME, lambda log, number: log.find_one(wanted))
        every = [] if found is None else _definitions(found)
        return next((one for one in every if (one.kind, one.name, one.version) == (kind, name, version)), None)

    def newest(self, kind: str | None) -> list[StoredDefinition]:
        """Return the newest version of each, in order of kind and name."""
        known = self._catch_up()[0]
        return [one for key, one in sorted(known.items()) if kind is None or key[0] == kind]

    def _catch_up(self) -> tuple[dict[tuple[str, str], StoredDefinition], int]:
        """Return the newest version of each, and the number of the last entry."""
        with self._guard:
            after = {"_id": {"$gt": self._read}}
            for entry in self._server.run(_NAME, lambda log, number: list(log.find(after).sort("_id", ASCENDING))):
                self._newest.update({(one.kind, one.name): one for one in _definitions(entry)})
                self._read = int(entry["_id"])
            return dict(self._newest), self._read

    def _append(self, number: int, changes: list[Document], at: datetime) -> bool:
        """Add an entry; return False where another has taken its number."""
        entry = {"_id": number, "at": to_microseconds(at), "changes": changes, "by": secrets.token_hex(8)}

        def insert(log: Collection[Document], attempt: int) -> bool:
            try:
                log.insert_one(entry)
            except DuplicateKeyError:
                # On another try it may be this very entry, whose acknowledgement was lost.
                return attempt > 0 and log.find_one({"_id": number, "by": entry["by"]}) is not None
            return True

        return self._server.run(_NAME, insert)


def _definitions(entry: Document) -> list[StoredDefinition]:
    at = from_microseconds(entry["at"])
    return [
        StoredDefinition(one["kind"], one["name"], one["version"], from_bson(one["body"]), at)
        for one in entry["changes"]
    ]
