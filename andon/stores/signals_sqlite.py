"""Signals on SQLite: one row a value, clustered by series and time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import chain, repeat
from math import isfinite
from pathlib import Path

import numpy as np
import polars as pl

from andon.errors import DataError
from andon.frames import MICROSECOND, TIME, Integers, SignalFrame, from_microseconds, to_microseconds
from andon.ports import Appended, StoredLine
from andon.records import Forecast
from andon.stores.forecast_tables import FORECAST_COLUMNS
from andon.stores.signal_revisions import TABLE, UPGRADE, digest_of_hours, mark_hours
from andon.stores.sqlite import SqliteFile, insert_rows
from configs.definitions import VariableType

_SCHEMA = (
    """
CREATE TABLE series (id INTEGER PRIMARY KEY, line TEXT NOT NULL, variable TEXT NOT NULL, type TEXT NOT NULL,
    UNIQUE (line, variable));
CREATE TABLE samples (series INTEGER NOT NULL, time INTEGER NOT NULL, value NOT NULL, PRIMARY KEY (series, time))
    WITHOUT ROWID;
CREATE TABLE readings (line TEXT NOT NULL, time INTEGER NOT NULL, PRIMARY KEY (line, time)) WITHOUT ROWID;
CREATE TABLE lines (line TEXT PRIMARY KEY, count INTEGER NOT NULL, sampling INTEGER NOT NULL, sampled INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE forecasts (line TEXT NOT NULL, monitor TEXT NOT NULL, time INTEGER NOT NULL, variable TEXT NOT NULL,
    expected REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (line, time, monitor, variable)) WITHOUT ROWID;
"""
    + TABLE
)
_Series = tuple[int, str, VariableType]
"""Id, variable, type."""
_DTYPES: dict[str, type[pl.DataType]] = {"number": pl.Float64, "boolean": pl.Float64, "category": pl.String}
_PAIRS = {
    kind: np.dtype([("time", np.int64), ("value", np.object_ if dtype is pl.String else np.float64)])
    for kind, dtype in _DTYPES.items()
}
_FOREVER = (-(2**62), 2**62)
SAMPLED = 10_000
"""Newest reading times that the usual sampling is told from."""
SETTLED = 200
"""Reading times up to which every append tells the usual sampling anew."""


class SqliteSignals:
    """See `andon.ports.Signals`."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _SCHEMA, (UPGRADE,))

    def append_signals(self, frame: SignalFrame) -> Appended:
        """See the port."""
        times = frame.times
        added = changed = unchanged = 0
        with self._file.writing() as connection:
            read = np.zeros(len(times), dtype=bool)
            written: list[Integers] = []
            for variable in frame.variables:
                column = frame.data[variable]
                present = column.is_not_null().to_numpy()
                if not present.any():
                    continue
                read |= present
                series = self._series(connection, frame.line, variable, frame.types[variable])
                at, values = times[present].tolist(), column.drop_nulls().to_list()
                stored = dict(
                    connection.execute(
                        "SELECT time, value FROM samples WHERE series = ? AND time BETWEEN ? AND ?",
                        (series, at[0], at[-1]),
                    )
                )
                fresh = list(zip(repeat(series), at, values))
                if stored:
                    fresh = [row for row in fresh if stored.get(row[1]) != row[2]]
                written.append(np.array([row[1] for row in fresh], np.int64) if stored else times[present])
                replaced = sum(1 for row in fresh if row[1] in stored) if stored else 0
                insert_rows(connection, "INSERT OR REPLACE INTO samples", fresh)
                added += len(fresh) - replaced
                changed += replaced
                unchanged += len(at) - len(fresh)
            if added or changed:
                mark_hours(connection, frame.line, np.concatenate(written))
            if added:
                at = times[read].tolist()
                new = insert_rows(connection, "INSERT OR IGNORE INTO readings", ((frame.line, t) for t in at))
                self._count(connection, frame.line, new)
        return Appended(added, changed, unchanged)

    def list_lines(self) -> list[str]:
        """See the port."""
        with self._file.reading() as connection:
            return [row[0] for row in connection.execute("SELECT line FROM lines ORDER BY line")]

    def describe_line(self, line: str) -> StoredLine | None:
        """See the port."""
        with self._file.reading() as connection:
            if connection.execute("SELECT 1 FROM lines WHERE line = ?", (line,)).fetchone() is None:
                return None
            first = connection.execute("SELECT min(time) FROM readings WHERE line = ?", (line,)).fetchone()[0]
            last = connection.execute("SELECT max(time) FROM readings WHERE line = ?", (line,)).fetchone()[0]
            return StoredLine(
                line,
                self._types(connection, line),
                from_microseconds(first),
                from_microseconds(last),
                self._sampling(connection, line),
            )

    def count_readings(self, line: str) -> int:
        """See the port."""
        with self._file.reading() as connection:
            found = connection.execute("SELECT count FROM lines WHERE line = ?", (line,)).fetchone()
            return 0 if found is None else int(found[0])

    def read_signals(
        self,
        line: str,
        variables: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> SignalFrame:
        """See the port."""
        low = _FOREVER[0] if start is None else to_microseconds(start)
        high = _FOREVER[1] if end is None else to_microseconds(end) - 1
        with self._file.reading() as connection:
            return self._read(connection, line, self._chosen(connection, line, variables), low, high)

    def latest_signals(self, line: str, rows: int, variables: Sequence[str] | None = None) -> SignalFrame:
        """See the port."""
        with self._file.reading() as connection:
            chosen = self._chosen(connection, line, variables)
            if variables is None:
                newest = "SELECT time FROM readings WHERE line = ? ORDER BY time DESC LIMIT ?"
                times = [row[0] for row in connection.execute(newest, (line, max(rows, 0)))]
            else:
                newest = "SELECT time FROM samples WHERE series = ? ORDER BY time DESC LIMIT ?"
                found = (connection.execute(newest, (series, max(rows, 0))) for series, _, _ in chosen)
                times = sorted({row[0] for row in chain.from_iterable(found)}, reverse=True)[:rows]
            return self._read(connection, line, chosen, times[-1] if times else _FOREVER[1], _FOREVER[1])

    def newest_readings(self, lines: Sequence[str]) -> dict[str, datetime]:
        """See the port."""
        found = {}
        with self._file.reading() as connection:
            for line in lines:
                last = connection.execute("SELECT max(time) FROM readings WHERE line = ?", (line,)).fetchone()[0]
                if last is not None:
                    found[line] = from_microseconds(last)
        return found

    def reading_span(
        self, line: str, start: datetime | None = None, end: datetime | None = None
    ) -> tuple[datetime, datetime] | None:
        """See the port."""
        low = _FOREVER[0] if start is None else to_microseconds(start)
        high = _FOREVER[1] if end is None else to_microseconds(end) - 1
        with self._file.reading() as connection:
            self._chosen(connection, line, None)
            first, last = (
                connection.execute(
                    f"SELECT {one}(time) FROM readings WHERE line = ? AND time BETWEEN ? AND ?", (line, low, high)
                ).fetchone()[0]
                for one in ("min", "max")
            )
            return None if first is None else (from_microseconds(first), from_microseconds(last))

    def digest(self, line: str, start: datetime, end: datetime) -> str:
        """See the port."""
        with self._file.reading() as connection:
            return digest_of_hours(connection, line, to_microseconds(start), to_microseconds(end) - 1)

    def append_forecasts(self, forecasts: Iterable[Forecast]) -> int:
        """See the port."""
        rows = [
            (f.line, f.monitor, to_microseconds(f.time), f.variable, f.expected, f.low, f.high, f.version)
            for f in forecasts
            if isfinite(f.expected) and isfinite(f.low) and isfinite(f.high)
        ]
        if not rows:
            return 0
        with self._file.writing() as connection:
            return insert_rows(connection, "INSERT OR IGNORE INTO forecasts", rows)

    def read_forecasts(
        self, line: str, monitor: str | None = None, start: datetime | None = None, end: datetime | None = None
    ) -> pl.DataFrame:
        """See the port."""
        low = _FOREVER[0] if start is None else to_microseconds(start)
        high = _FOREVER[1] if end is None else to_microseconds(end) - 1
        sql = "SELECT time, monitor, variable, expected, low, high, version FROM forecasts WHERE line = ?"
        values: list[object] = [line]
        if monitor is not None:
            sql += " AND monitor = ?"
            values.append(monitor)
        sql += " AND time BETWEEN ? AND ? ORDER BY time, monitor, variable"
        with self._file.reading() as connection:
            rows = connection.execute(sql, (*values, low, high)).fetchall()
        return pl.DataFrame(rows, schema=FORECAST_COLUMNS, orient="row").with_columns(pl.col("time").cast(TIME))

    def forget_forecasts(self, before: datetime) -> None:
        """See the port."""
        with self._file.writing() as connection:
            connection.execute("DELETE FROM forecasts WHERE time < ?", (to_microseconds(before),))

    def forecast_lines(self) -> list[str]:
        """See the port."""
        sql = "SELECT DISTINCT line FROM forecasts ORDER BY line"
        with self._file.reading() as connection:
            return [row[0] for row in connection.execute(sql)]

    def close(self) -> None:
        """See the port."""
        self._file.close()

    def _series(self, connection: sqlite3.Connection, line: str, variable: str, kind: VariableType) -> int:
        found = connection.execute(
            "SELECT id, type FROM series WHERE line = ? AND variable = ?", (line, variable)
        ).fetchone()
        if found is None:
            cursor = connection.execute(
                "INSERT INTO series (line, variable, type) VALUES (?, ?, ?)", (line, variable, kind)
            )
            return int(cursor.lastrowid or 0)
        if found[1] != kind:
            raise DataError(
                f"line {line}: {variable}", f"is stored as {found[1]}, given as {kind}", f"give {found[1]} values"
            )
        return int(found[0])

    def _types(self, connection: sqlite3.Connection, line: str) -> dict[str, VariableType]:
        rows = connection.execute("SELECT variable, type FROM series WHERE line = ? ORDER BY variable", (line,))
        return dict(sorted(rows.fetchall()))

    def _count(self, connection: sqlite3.Connection, line: str, new: int) -> None:
        """Count new reading times; tell the usual sampling anew while there are few, and whenever they have doubled."""
        row = connection.execute("SELECT count, sampled FROM lines WHERE line = ?", (line,)).fetchone()
        count, sampled = (0, 0) if row is None else row
        if row is None:
            connection.execute("INSERT INTO lines VALUES (?, 0, 1000000, 0)", (line,))
        connection.execute("UPDATE lines SET count = ? WHERE line = ?", (count + new, line))
        if new and (count + new <= SETTLED or count + new >= 2 * sampled):
            newest = "SELECT time FROM readings WHERE line = ? ORDER BY time DESC LIMIT ?"
            times = [row[0] for row in connection.execute(newest, (line, SAMPLED))]
            usual = 1_000_000 if len(times) < 2 else int(np.median(-np.diff(times)))
            connection.execute("UPDATE lines SET sampling = ?, sampled = ? WHERE line = ?", (usual, count + new, line))

    def _sampling(self, connection: sqlite3.Connection, line: str) -> timedelta:
        found = connection.execute("SELECT sampling FROM lines WHERE line = ?", (line,)).fetchone()
        return timedelta(seconds=1) if found is None else int(found[0]) * MICROSECOND

    def _chosen(self, connection: sqlite3.Connection, line: str, variables: Sequence[str] | None) -> list[_Series]:
        rows = connection.execute("SELECT id, variable, type FROM series WHERE line = ?", (line,)).fetchall()
        if not rows:
            lines = [row[0] for row in connection.execute("SELECT line FROM lines ORDER BY line LIMIT 20")]
            raise DataError(
                f"line {line}", "has no readings", f"choose one of: {', '.join(lines) or 'none imported yet'}"
            )
        known = {row[1] for row in rows}
        for variable in variables or ():
            if variable not in known:
                raise DataError(
                    f"line {line}", f"has no variable {variable!r}", f"it has {', '.join(sorted(known)[:20])}"
                )
        return sorted((row for row in rows if variables is None or row[1] in variables), key=lambda row: str(row[1]))

    def _read(
        self, connection: sqlite3.Connection, line: str, chosen: list[_Series], low: int, high: int
    ) -> SignalFrame:
        found: list[tuple[Integers, pl.Series]] = []
        for series, variable, kind in chosen:
            rows = connection.execute(
                "SELECT time, value FROM samples WHERE series = ? AND time BETWEEN ? AND ? ORDER BY time",
                (series, low, high),
            )
            # Row by row into an array: a list of all rows would take five times the memory, and a fifth more time.
            pairs = np.fromiter(rows, _PAIRS[kind])
            times = np.ascontiguousarray(pairs["time"])
            values = np.ascontiguousarray(pairs["value"]) if kind != "category" else pairs["value"].tolist()
            # Variables of a line are mostly read together, and then share their times.
            shared = bool(found) and np.array_equal(times, found[-1][0])
            found.append((found[-1][0] if shared else times, pl.Series(variable, values, _DTYPES[kind])))
        every = _union([times for times, _ in found])
        columns = [pl.Series("time", every).cast(TIME)]
        for times_read, column in found:
            if len(times_read) < len(every):
                places = np.full(len(every), len(column))
                places[np.searchsorted(every, times_read)] = np.arange(len(column))
                column = column.extend(pl.Series([None], dtype=column.dtype)).gather(places)
            columns.append(column)
        types = {variable: kind for _, variable, kind in chosen}
        # What was stored had passed `signal_frame`, and comes out in order: checking it again would double the time.
        return SignalFrame(line, pl.DataFrame(columns), types, self._sampling(connection, line))


def _union(parts: list[Integers]) -> Integers:
    distinct = list({id(part): part for part in parts}.values())
    if len(distinct) == 1:
        return distinct[0]
    return np.unique(np.concatenate(distinct)) if distinct else np.empty(0, np.int64)
