"""One database of a MongoDB: a client made on first use, once per process and never pickled; errors and retries."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from bson.errors import BSONError
from pymongo import ASCENDING, IndexModel, MongoClient, ReturnDocument, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WTimeoutError,
)

from andon.errors import StoreError
from andon.stores.addresses import MongoAddress
from andon.stores.mongo_bodies import from_bson
from andon.stores.retries import Result, Retries

Document = dict[str, Any]
_DUPLICATE = 11000
_PATIENCE = "serverSelectionTimeoutMS"
_PASSING = (AutoReconnect, NetworkTimeout, ServerSelectionTimeoutError, WaitQueueTimeoutError, WTimeoutError)
_PASSING_CODES = {6, 7, 89, 91, 112, 189, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436}
"""Host unreachable or not found, network time-out, shutdown, write conflict, stepping down, and their like."""
_REMEDIES = (
    ("uthentication failed", "set ANDON_MONGO_PASSWORD to the password of the URL's user"),
    ("password is required", "set ANDON_MONGO_PASSWORD to the password of the URL's user"),
    ("requires authentication", "name a user in the URL, and set ANDON_MONGO_PASSWORD"),
    ("not authorized", "give the user the role readWrite on the database"),
    ("too large", "a document takes 16 MB; give less at a time"),
    ("refused", "start the server, or name another"),
    ("certificate", "name its authority: ?tls=true&tlsCAFile=/file.pem"),
    ("timed out", "look whether the server is overloaded or out of reach"),
    ("Timeout", "look whether the server is overloaded or out of reach"),
)


class MongoServer:
    """A database.

    Parameters
    ----------
    address
        Where it is.
    password
        Of the user that the address names; None where the address holds it, or none is due.
    indexes
        Collection -> the indexes that it must have; they are made when it is first used.
    retries
        How often what failed in passing is done again.
    """

    def __init__(
        self,
        address: MongoAddress,
        password: str | None,
        indexes: Mapping[str, Sequence[IndexModel]],
        retries: Retries | None = None,
    ) -> None:
        self.address = address
        self._password = password
        self._indexes = indexes
        self._retries = retries or Retries()
        self._guard = threading.Lock()
        self._pid = os.getpid()
        self._client: MongoClient[Document] | None = None
        self._users: set[int] = set()
        self._ready: set[str] = set()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"the store {self.address} is never pickled: send its URL and open it there")

    def run(self, name: str, work: Callable[[Collection[Document], int], Result]) -> Result:
        """Return what ``work`` returns, which is given a collection, with its indexes, and the number of the try.

        Every write is acknowledged from the journal of a majority, unless the URL says ``w=``.

        Raises
        ------
        StoreError
            If the server cannot be reached or refuses.
        """

        def once(number: int) -> Result:
            return work(self._collection(name), number)

        try:
            return self._retries.run(once, _pause_after)
        except (PyMongoError, BSONError, OverflowError) as error:
            text = self._without_password(str(error))
            remedy = next((advice for sign, advice in _REMEDIES if sign in text), "see the server's log")
            raise StoreError(str(self.address), text, remedy) from None

    def add(self, name: str, documents: Mapping[str | int, Document]) -> int:
        """Insert those whose id is new; return how many were, also where an answer was lost on its way."""
        if not documents:
            return 0
        token = secrets.token_hex(8)
        tagged = [{"_id": key, **body, "by": token} for key, body in documents.items()]

        def insert(collection: Collection[Document], number: int) -> int:
            try:
                added = len(collection.insert_many(tagged, ordered=False).inserted_ids)
            except BulkWriteError as error:
                told = error.details or {}
                if told["writeConcernErrors"] or any(one["code"] != _DUPLICATE for one in told["writeErrors"]):
                    raise
                added = int(told["nInserted"])
            return added if number == 0 else collection.count_documents({"_id": {"$in": [*documents]}, "by": token})

        return self.run(name, insert)

    def find(
        self,
        name: str,
        wanted: Mapping[str, Any],
        order: Sequence[str],
        limit: int | None = None,
        without: Sequence[str] = (),
    ) -> list[Document]:
        """Return documents in an order of fields, bodies as they were given, some fields left out."""
        if limit == 0:
            return []

        def find(collection: Collection[Document], number: int) -> list[Document]:
            hidden = {"_id": 0, "by": 0, **dict.fromkeys(without, 0)}
            cursor = collection.find(wanted, hidden).sort([(key, ASCENDING) for key in order])
            return [from_bson(one) for one in cursor.limit(limit or 0)]

        return self.run(name, find)

    def next_number(self, name: str) -> int:
        """Return a number that no other gets, greater than all before."""

        def count(counters: Collection[Document], number: int) -> int:
            one, step = {"_id": name}, {"$inc": {"last": 1}}
            try:
                found = counters.find_one_and_update(one, step, upsert=True, return_document=ReturnDocument.AFTER)
            except DuplicateKeyError:  # another has just made it
                found = counters.find_one_and_update(one, step, return_document=ReturnDocument.AFTER)
            return int((found or {})["last"])

        return self.run("counters", count)

    def client(self) -> MongoClient[Document]:
        """Return this process's client, and remember that this thread uses it."""
        if self._pid != os.getpid():
            # What a fork inherits belongs to its parent.
            self._guard = threading.Lock()
            self._forget()
        with self._guard:
            if self._client is None:
                # What is given here would win over the URL.
                named = self.address.url.lower()
                given: dict[str, Any] = {} if _PATIENCE.lower() in named else {_PATIENCE: 5000}
                if self._password:
                    given |= {"username": self.address.user, "password": self._password}
                self._client = MongoClient(self.address.url, **given)
            self._users.add(threading.get_ident())
            return self._client

    def close(self) -> None:
        """Say that this thread needs the client no more; the last one closes it."""
        with self._guard:
            self._users.discard(threading.get_ident())
            if self._client is not None and not self._users and self._pid == os.getpid():
                self._client.close()
                self._forget()

    def _forget(self) -> None:
        self._pid, self._client = os.getpid(), None
        self._users, self._ready = set(), set()

    def _collection(self, name: str) -> Collection[Document]:
        client = self.client()
        given = client.write_concern.document
        concern = WriteConcern(w=given.get("w", "majority"), j=True, wtimeout=given.get("wtimeout", 30_000))
        collection = client[self.address.database].get_collection(name, write_concern=concern)
        if name not in self._ready:
            if self._indexes.get(name):
                collection.create_indexes(list(self._indexes[name]))
            self._ready.add(name)
        return collection

    def _without_password(self, text: str) -> str:
        held = self.address.url.partition("://")[2].partition("/")[0].rpartition("@")[0].partition(":")[2]
        for secret in (self._password, held):
            if secret:
                text = text.replace(secret, "(hidden)")
        return text.partition(", Topology Description")[0].partition(", full error")[0]


def _pause_after(error: Exception) -> float | None:
    if isinstance(error, _PASSING):
        return 0.0
    if isinstance(error, BulkWriteError) and (error.details or {}).get("writeConcernErrors"):
        return 0.0
    if isinstance(error, OperationFailure) and not isinstance(error, DuplicateKeyError):
        passing = error.code in _PASSING_CODES or error.has_error_label("RetryableWriteError")
        return 0.0 if passing else None
    return None
