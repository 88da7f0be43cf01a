"""Which hours of a line were written to, so that a reader can tell whether what it read before is still so."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3

import numpy as np

from andon.frames import Integers
from andon.stores.sqlite import insert_rows

_HOUR = 3_600_000_000
TABLE = """
CREATE TABLE hours (line TEXT NOT NULL, hour INTEGER NOT NULL, revision BLOB NOT NULL, PRIMARY KEY (line, hour))
    WITHOUT ROWID
"""
"""Hours end on the hour, its reading included: number ``h`` is ``(h - 1, h]`` since the Unix epoch."""
UPGRADE = f"""{TABLE};
INSERT INTO hours
    SELECT line, (time + CASE WHEN time > 0 THEN {_HOUR - 1} ELSE 0 END) / {_HOUR}, randomblob(8)
    FROM readings GROUP BY 1, 2
"""


def mark_hours(connection: sqlite3.Connection, line: str, times: Integers) -> None:
    """Give the hours of these times, microseconds, a revision that they never had."""
    revision = secrets.token_bytes(8)
    hours = np.unique(-(-times // _HOUR)).tolist()
    insert_rows(connection, "INSERT OR REPLACE INTO hours", ((line, hour, revision) for hour in hours))


def digest_of_hours(connection: sqlite3.Connection, line: str, low: int, high: int) -> str:
    """Return a text made of the revisions of the hours of ``[low, high]``, microseconds; empty where there are none."""
    rows = connection.execute(
        "SELECT hour, revision FROM hours WHERE line = ? AND hour BETWEEN ? AND ? ORDER BY hour",
        (line, -(-low // _HOUR), -(-high // _HOUR)),
    ).fetchall()
    if not rows:
        return ""
    return hashlib.sha256(b"".join(b"%d " % hour + revision for hour, revision in rows)).hexdigest()[:16]
