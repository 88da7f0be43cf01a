"""The outbox on SQLite: the part of `SqliteDocuments` that keeps what people are to be told."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from andon.frames import to_microseconds
from andon.outbox import Message, MessageState, Outcome
from andon.record_json import alert_from
from andon.records import AlertRecord
from andon.stores.sqlite import SqliteFile, insert_rows

OUTBOX = """
CREATE TABLE untold (alert_id TEXT PRIMARY KEY, told INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE outbox (key TEXT PRIMARY KEY, recipient TEXT NOT NULL, state TEXT NOT NULL, time INTEGER NOT NULL,
    due_at INTEGER NOT NULL, settled_at INTEGER, bundle TEXT NOT NULL, attempts INTEGER NOT NULL, error TEXT NOT NULL,
    body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX outbox_by_recipient ON outbox (recipient, state, time, key);
CREATE INDEX outbox_by_settled ON outbox (recipient, state, settled_at);
CREATE INDEX outbox_settled ON outbox (settled_at);
CREATE INDEX outbox_by_state ON outbox (state, due_at)
"""
_MUTABLE = ("state", "due_at", "settled_at", "bundle", "attempts", "error")
_KEYS_A_STATEMENT = 500


def mark_untold(connection: sqlite3.Connection, alert_id: str, told: int) -> None:
    """Say, in the transaction that gives an alert an event, that only its first ``told`` events were told."""
    connection.execute("INSERT OR IGNORE INTO untold VALUES (?, ?)", (alert_id, told))


class SqliteOutbox:
    """See `andon.outbox.Outbox`."""

    _file: SqliteFile

    def untold_alerts(self, limit: int) -> list[tuple[AlertRecord, int]]:
        """See the port."""
        sql = "SELECT body, told FROM untold JOIN alerts ON id = alert_id ORDER BY opened_at, line, definition LIMIT ?"
        with self._file.reading() as connection:
            return [(alert_from(json.loads(body)), told) for body, told in connection.execute(sql, (limit,))]

    def mark_told(self, revisions: Mapping[str, int]) -> None:
        """See the port."""
        done = "DELETE FROM untold WHERE alert_id = ? AND told >= (SELECT revision FROM alerts WHERE id = alert_id)"
        with self._file.writing() as connection:
            for alert_id, revision in revisions.items():
                connection.execute("UPDATE untold SET told = max(told, ?) WHERE alert_id = ?", (revision, alert_id))
                connection.execute(done, (alert_id,))

    def add_messages(self, messages: Iterable[Message]) -> int:
        """See the port."""
        rows = [_row(one) for one in messages]
        if not rows:
            return 0
        with self._file.writing() as connection:
            return insert_rows(connection, "INSERT OR IGNORE INTO outbox", rows)

    def due_recipients(self, now: datetime) -> list[str]:
        """See the port."""
        sql = (
            "SELECT recipient FROM outbox WHERE state = 'waiting' AND due_at <= ? "
            "GROUP BY recipient ORDER BY min(due_at), recipient"
        )
        with self._file.reading() as connection:
            return [row[0] for row in connection.execute(sql, (to_microseconds(now),))]

    def list_messages(
        self,
        recipient: str | None = None,
        state: MessageState | None = None,
        due: datetime | None = None,
        settled_since: datetime | None = None,
        limit: int | None = None,
    ) -> list[Message]:
        """See the port."""
        terms = {
            "recipient = ?": recipient,
            "state = ?": state,
            "due_at <= ?": None if due is None else to_microseconds(due),
            "settled_at >= ?": None if settled_since is None else to_microseconds(settled_since),
        }
        given = {term: value for term, value in terms.items() if value is not None}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        sql = f"SELECT body, {', '.join(_MUTABLE)} FROM outbox {where} ORDER BY time, key LIMIT ?"
        with self._file.reading() as connection:
            rows = connection.execute(sql, (*given.values(), -1 if limit is None else limit)).fetchall()
        return [Message.from_json({**json.loads(row[0]), **dict(zip(_MUTABLE, row[1:], strict=True))}) for row in rows]

    def bundle_messages(self, bundles: Mapping[str, str]) -> None:
        """See the port."""
        if not bundles:
            return
        change = "UPDATE outbox SET bundle = ? WHERE key = ? AND state = 'waiting' AND bundle = ''"
        with self._file.writing() as connection:
            connection.executemany(change, [(bundle, key) for key, bundle in bundles.items()])

    def settle_messages(self, keys: Sequence[str], outcome: Outcome) -> None:
        """See the port."""
        due = None if outcome.due_at is None else to_microseconds(outcome.due_at)
        settled = None if outcome.state == "waiting" else to_microseconds(outcome.at)
        change = "state = ?, error = ?, attempts = attempts + ?, settled_at = ?, due_at = coalesce(?, due_at)"
        values = (outcome.state, outcome.error, int(outcome.attempted), settled, due)
        with self._file.writing() as connection:
            for some in _parts(keys):
                where = f"key IN ({', '.join('?' * len(some))}) AND state <> 'sent'"
                connection.execute(f"UPDATE outbox SET {change} WHERE {where}", (*values, *some))

    def forget_messages(self, before: datetime) -> int:
        """See the port."""
        with self._file.writing() as connection:
            return connection.execute("DELETE FROM outbox WHERE settled_at < ?", (to_microseconds(before),)).rowcount


def _row(message: Message) -> tuple[Any, ...]:
    body = message.to_json()
    settled = None if message.settled_at is None else to_microseconds(message.settled_at)
    return (
        *(message.key, message.recipient, message.state, to_microseconds(message.time)),
        *(to_microseconds(message.due_at), settled, message.bundle, message.attempts, message.error),
        json.dumps(body, sort_keys=True),
    )


def _parts(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[begin : begin + _KEYS_A_STATEMENT] for begin in range(0, len(keys), _KEYS_A_STATEMENT))
