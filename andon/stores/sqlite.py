"""Connections to an SQLite file: WAL, opened lazily, one a process and thread, never pickled."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from andon.errors import StoreError

BUSY_SECONDS = 30


class SqliteFile:
    """One SQLite file with a schema.

    Parameters
    ----------
    path
        The file; it and its folder are made on first use, readable by their owner only.
    schema
        Statements that make every table if it is not there.
    version
        ``PRAGMA user_version`` of that schema.
    """

    def __init__(self, path: Path, schema: str, version: int = 1) -> None:
        self.path = path
        self._schema = schema
        self._version = version
        self._local = threading.local()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is never pickled: send its URL and open it there")

    def connection(self) -> sqlite3.Connection:
        """Return this process's and thread's connection."""
        if getattr(self._local, "pid", None) != os.getpid():
            with self.errors():
                self._local.connection = self._connect()
                self._local.pid = os.getpid()
        connection: sqlite3.Connection = self._local.connection
        return connection

    def _connect(self) -> sqlite3.Connection:
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -65536")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, self._version):
            connection.close()
            raise StoreError(
                str(self.path), f"was written by another version (schema {found})", f"this one knows {self._version}"
            )
        if found == 0:
            connection.execute("BEGIN IMMEDIATE")
            for statement in self._schema.split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {self._version}")
            connection.execute("COMMIT")
        return connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection on which every statement sees the same moment."""
        connection = self.connection()
        with self.errors():
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside a transaction that is committed at the end, or not at all.

        ``durable`` makes the commit survive a loss of power, not only of the process.
        """
        connection = self.connection()
        with self.errors():
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the database's errors into one that names the file and a remedy."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            text = str(error)
            remedy = "check the file and its folder"
            for sign, advice in (
                ("locked", "another process is writing for too long; try again"),
                ("full", "make room on the disk"),
                ("malformed", "the file is damaged; restore it from a backup"),
                ("not a database", "this is another kind of file; name another"),
                ("readonly", "make the file and its folder writable"),
                ("ermission", "make the file and its folder writable"),
            ):
                if sign in text:
                    remedy = advice
            raise StoreError(str(self.path), text, remedy) from error

    def close(self) -> None:
        """Close this thread's connection."""
        if getattr(self._local, "pid", None) == os.getpid():
            self._local.connection.close()
        self._local.pid = None
