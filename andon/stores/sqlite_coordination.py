"""What several assistants on one SQLite file agree by: states with fences, leases, and silences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from andon.frames import from_microseconds, to_microseconds
from andon.ports import Lease
from andon.record_json import silence_from, to_body
from andon.records import Silence
from andon.stores.sqlite import SqliteFile, insert_rows

COORDINATION = """
ALTER TABLE states ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT, until INTEGER NOT NULL, token INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE silences (id TEXT PRIMARY KEY, start INTEGER NOT NULL, ends INTEGER NOT NULL, body TEXT NOT NULL)
    WITHOUT ROWID
"""
_AT_ONCE = 500
"""Values that one statement names."""


class SqliteStates:
    """States, each with a fence: the part of `andon.ports.Documents` that is about them."""

    _file: SqliteFile

    def put_state(self, key: str, body: Mapping[str, Any]) -> None:
        """See the port."""
        with self._file.writing(durable=False) as connection:
            connection.execute(_PUT, (key, _dump(body)))

    def put_states(self, bodies: Mapping[str, Mapping[str, Any]], tokens: Mapping[str, int]) -> list[str]:
        """See the port."""
        refused: list[str] = []
        if not bodies:
            return refused
        with self._file.writing(durable=False) as connection:
            for key, body in bodies.items():
                if key not in tokens:
                    connection.execute(_PUT, (key, _dump(body)))
                elif connection.execute(_PUT_FENCED, (key, _dump(body), tokens[key])).rowcount != 1:
                    refused.append(key)
        return refused

    def fence_states(self, tokens: Mapping[str, int]) -> dict[str, dict[str, Any]]:
        """See the port."""
        if not tokens:
            return {}
        found = {}
        with self._file.writing(durable=False) as connection:
            for key, token in tokens.items():
                connection.execute(_FENCE, (key, token))
                body, fence = connection.execute("SELECT body, fence FROM states WHERE key = ?", (key,)).fetchone()
                if fence <= token and body != "null":
                    found[key] = json.loads(body)
        return found

    def get_state(self, key: str) -> dict[str, Any] | None:
        """See the port."""
        return self.get_states([key]).get(key)

    def get_states(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """See the port."""
        found = {}
        with self._file.reading() as connection:
            for begin in range(0, len(keys), _AT_ONCE):
                some = keys[begin : begin + _AT_ONCE]
                sql = f"SELECT key, body FROM states WHERE key IN ({', '.join('?' * len(some))}) AND body != 'null'"
                found.update({row[0]: json.loads(row[1]) for row in connection.execute(sql, tuple(some))})
        return found

    def list_states(self) -> list[str]:
        """See the port."""
        with self._file.reading() as connection:
            found = connection.execute("SELECT key FROM states WHERE body != 'null' ORDER BY key")
            return [row[0] for row in found]


class SqliteLeases:
    """Leases: the part of `andon.ports.Documents` that is about them."""

    _file: SqliteFile

    def claim_leases(self, names: Sequence[str], holder: str, now: datetime, until: datetime) -> list[Lease]:
        """See the port."""
        if not names:
            return []
        moment, end = to_microseconds(now), to_microseconds(until)
        claimed = []
        with self._file.writing() as connection:
            for name in dict.fromkeys(names):
                connection.execute(_CLAIM, {"name": name, "holder": holder, "until": end, "now": moment})
                row = connection.execute("SELECT name, holder, until, token FROM leases WHERE name = ?", (name,))
                lease = _lease(row.fetchone())
                if lease.holder == holder:
                    claimed.append(lease)
        return claimed

    def release_leases(self, names: Sequence[str], holder: str) -> None:
        """See the port."""
        if not names:
            return
        with self._file.writing() as connection:
            connection.executemany(
                "UPDATE leases SET holder = NULL, until = 0 WHERE name = ? AND holder = ?",
                [(name, holder) for name in names],
            )

    def list_leases(self, prefix: str = "") -> list[Lease]:
        """See the port."""
        sql = (
            "SELECT name, holder, until, token FROM leases WHERE substr(name, 1, ?) = ? AND holder IS NOT NULL "
            "ORDER BY name"
        )
        with self._file.reading() as connection:
            return [_lease(row) for row in connection.execute(sql, (len(prefix), prefix))]


class SqliteSilences:
    """Silences: the part of `andon.ports.Documents` that is about them."""

    _file: SqliteFile

    def add_silence(self, silence: Silence) -> bool:
        """See the port."""
        row = (silence.id, to_microseconds(silence.start), to_microseconds(silence.end), _dump(to_body(silence)))
        with self._file.writing() as connection:
            return insert_rows(connection, "INSERT OR IGNORE INTO silences", [row]) == 1

    def end_silence(self, silence_id: str, at: datetime) -> Silence | None:
        """See the port."""
        with self._file.writing() as connection:
            row = connection.execute("SELECT body FROM silences WHERE id = ?", (silence_id,)).fetchone()
            if row is None:
                return None
            body = json.loads(row[0])
            if body["ended_at"] is None:
                body["ended_at"] = to_microseconds(at)
                connection.execute("UPDATE silences SET body = ? WHERE id = ?", (_dump(body), silence_id))
            return silence_from(body)

    def list_silences(self, after: datetime | None = None) -> list[Silence]:
        """See the port."""
        moment = -(2**62) if after is None else to_microseconds(after)
        with self._file.reading() as connection:
            rows = connection.execute("SELECT body FROM silences WHERE ends > ? ORDER BY start, id", (moment,))
            return [silence_from(json.loads(row[0])) for row in rows]


_PUT = "INSERT INTO states (key, body) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET body = excluded.body"
_PUT_FENCED = (
    "INSERT INTO states (key, body, fence) VALUES (?, ?, ?) ON CONFLICT (key) "
    "DO UPDATE SET body = excluded.body, fence = excluded.fence WHERE states.fence <= excluded.fence"
)
_FENCE = (
    "INSERT INTO states (key, body, fence) VALUES (?, 'null', ?) ON CONFLICT (key) "
    "DO UPDATE SET fence = excluded.fence WHERE states.fence < excluded.fence"
)
_CLAIM = """
INSERT INTO leases VALUES (:name, :holder, :until, 1) ON CONFLICT (name) DO UPDATE SET
    token = token + (holder IS NOT :holder OR leases.until <= :now), holder = :holder, until = :until
    WHERE holder IS :holder OR holder IS NULL OR leases.until <= :now
"""


def _lease(row: Sequence[Any]) -> Lease:
    return Lease(row[0], row[1], from_microseconds(row[2]), row[3])


def _dump(body: Mapping[str, Any]) -> str:
    # As ASCII, even what is no valid text can be stored.
    return json.dumps(body, sort_keys=True)
