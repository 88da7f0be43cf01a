"""Connections to an SQLite file: WAL, opened lazily, one a process and thread, never pickled."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NoReturn

from andon.errors import StoreError

BUSY_SECONDS = 30
_ROWS_A_STATEMENT = 400
_TABLE = re.compile(r"CREATE TABLE (\w+)")
_REMEDIES = (
    ("no such table", "it is the file of another store; give each store a file of its own"),
    ("locked", "another process is writing for too long; try again"),
    ("full", "make room on the disk"),
    ("No space left", "make room on the disk"),
    ("disk I/O", "look whether the disk is full or failing"),
    ("malformed", "the file is damaged; restore it from a backup"),
    ("not a database", "this is another kind of file; name another"),
    ("readonly", "make the file and its folder writable"),
    ("ead-only", "make the file and its folder writable"),
    ("ermission", "make the file and its folder writable"),
    ("unable to open", "make the file and its folder readable and writable, and its folder a folder"),
    ("Not a directory", "name a file in a folder"),
)


class _Connection(sqlite3.Connection):
    """A connection that knows whether it is at work, so that a fork can close it where it is idle."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.at_work = threading.Lock()
        self.closed = False

    def close(self) -> None:
        self.closed = True
        super().close()


class SqliteFile:
    """One SQLite file with a schema.

    Parameters
    ----------
    path
        The file; it and its folder are made by the first write, readable by their owner only. Until then reads see
        empty tables.
    schema
        Statements, parted by ``;``, that make every table.
    upgrades
        Statements that bring the file of an earlier version forward: those from version 1 to 2, from 2 to 3, and so on.
    """

    def __init__(self, path: Path, schema: str, upgrades: Sequence[str] = ()) -> None:
        self.path = path
        self._schema = schema
        self._upgrades = upgrades
        self._version = 1 + len(upgrades)
        self._local = threading.local()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"the store {self.path} is never pickled: send its URL and open it there")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection on which every statement sees the same moment."""
        with self.errors(), self._held(create=False) as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                _abandon(connection)

    @contextlib.contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside a transaction that is committed at the end, or not at all.

        ``durable`` makes the commit survive a loss of power, not only of the process.
        """
        with self.errors(), self._held(create=True) as connection:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                _abandon(connection)
                raise

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the database's errors into one that names the file and a remedy."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            text = str(error)
            remedy = next((advice for sign, advice in _REMEDIES if sign in text), "check the file and its folder")
            raise StoreError(str(self.path), text, remedy) from error

    def close(self) -> None:
        """Close this thread's connection; the next use opens another."""
        connection = self._mine()
        if connection is not None:
            connection.close()

    def _mine(self) -> _Connection | None:
        """Return the open connection of this process and thread."""
        connection: _Connection | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            return None
        if self._local.pid != os.getpid():
            # SQLite forbids even closing what was inherited by a fork: it would drop the parent's locks.
            _INHERITED.append(connection)
            self._local.connection = None
            return None
        return connection

    @contextlib.contextmanager
    def _held(self, *, create: bool) -> Iterator[sqlite3.Connection]:
        while True:
            connection = self._mine()
            if connection is None:
                if not create and not self.path.exists():
                    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
                        self._make_tables(empty)
                        yield empty
                    return
                connection = self._local.connection = self._connect()
                self._local.pid = os.getpid()
            with connection.at_work:
                if connection.closed:  # by another thread's fork, between the two lines above
                    continue
                yield connection
                return

    def _connect(self) -> _Connection:
        if not self.path.exists():
            self._create()
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=_Connection
        )
        try:
            self._check(connection)
            connection.execute("PRAGMA cache_size = -65536")
        except BaseException:
            connection.close()
            raise
        with _GUARD:
            if not _OPEN:
                _watch_forks()
            _OPEN.add(connection)
        return connection

    def _create(self) -> None:
        """Make the file elsewhere and link it into place, so that nobody ever meets it half made."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        os.close(descriptor)
        try:
            with contextlib.closing(sqlite3.connect(name, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                self._make_tables(connection)
            with contextlib.suppress(FileExistsError):
                os.link(name, self.path)
        finally:
            os.unlink(name)

    def _check(self, connection: sqlite3.Connection) -> None:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == self._version:
            return
        if 0 < found < self._version:
            self._upgrade(connection)
            return
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if found and tables and not {*_TABLE.findall(self._schema)} <= tables:
            raise StoreError(str(self.path), "is the file of another store", "give each store a file of its own")
        if found or tables:
            raise StoreError(
                str(self.path),
                f"holds schema {found}, and this version of Andon knows {self._version}",
                "name another file, or use the version that wrote it",
            )
        raise StoreError(str(self.path), "is empty and no store", "delete it; it is made anew")

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            for statements in self._upgrades[found - 1 :]:
                for statement in statements.split(";"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {self._version}")
            connection.execute("COMMIT")
        except BaseException:
            _abandon(connection)
            raise

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")
        for statement in self._schema.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {self._version}")
        connection.execute("COMMIT")


def insert_rows(connection: sqlite3.Connection, insert: str, rows: Iterable[tuple[object, ...]]) -> int:
    """Run ``INSERT ... VALUES`` for rows of equal width; return how many it changed.

    Many rows share a statement, which takes a third of the time of ``executemany`` row by row.
    """
    before = connection.total_changes
    rows = iter(rows)
    statement, height = "", 0
    while batch := list(islice(rows, _ROWS_A_STATEMENT)):
        if len(batch) != height:
            height = len(batch)
            row = f"({', '.join('?' * len(batch[0]))})"
            statement = f"{insert} VALUES {', '.join([row] * height)}"
        connection.execute(statement, list(chain.from_iterable(batch)))
    return connection.total_changes - before


_OPEN: weakref.WeakSet[_Connection] = weakref.WeakSet()
_INHERITED: list[_Connection] = []
_GUARD = threading.Lock()
_watched = False


def _watch_forks() -> None:
    global _watched
    if not _watched:
        os.register_at_fork(before=_close_idle)
        _watched = True


def _close_idle() -> None:
    """Close what is idle before a fork: SQLite's locks are wrong in a child that inherits an open connection."""
    for connection in list(_OPEN):
        if connection.at_work.acquire(blocking=False):
            try:
                connection.close()
            finally:
                connection.at_work.release()


def _abandon(connection: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
