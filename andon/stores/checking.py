"""What works and what does not, of a store's server: asked as Andon asks it, and told step by step."""

from __future__ import annotations

import os
import sqlite3
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from andon.errors import AndonError
from andon.stores.addresses import (
    influx_address,
    mlflow_address,
    mongo_address,
    scheme_of,
    sqlite_path,
    without_secrets,
)
from andon.stores.retries import Retries
from configs.settings import StoreSecrets, revealed

CLOCK_SECONDS = 5.0
"""A server whose clock is off by more is told of: what it stamps and what lines stamp would not meet."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``detail`` says what was found, or what is wrong and what to do."""

    store: str
    what: str
    good: bool
    detail: str


def check_store(store: str, url: str, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Yield what is found of a store (``documents``, ``signals`` or ``models``), until something is in the way."""
    yield Finding(store, "address", True, without_secrets(url))
    steps = {"mongodb": _mongo, "influx": _influx, "http": _tracking, "https": _tracking}.get(scheme_of(url), _sqlite)
    try:
        for what, good, detail in steps(store, url, now):
            yield Finding(store, what, good, detail)
    except AndonError as error:
        yield Finding(store, "reachable", False, f"{error.problem}; {error.remedy}")


_Steps = Iterator[tuple[str, bool, str]]


def _sqlite(store: str, url: str, now: Callable[[], datetime]) -> _Steps:
    path = mlflow_address(url)[0].removeprefix("sqlite:///") if store == "models" else sqlite_path(url, store)
    path = Path(path)
    if not path.exists():
        folder = next(one for one in path.parents if one.exists())
        made = "is made on first use"
        yield "writable", _may_write(folder), made if _may_write(folder) else f"make {folder} writable"
        return
    try:
        with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as connection:
            mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
            yield "reachable", True, f"SQLite {sqlite3.sqlite_version}, journal {mode}, {path.stat().st_size:,} bytes"
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            yield "writable", True, "yes"
    except sqlite3.Error as error:
        yield "writable", False, f"{error}; make the file and its folder writable, and see who holds it"


def _mongo(store: str, url: str, now: Callable[[], datetime]) -> _Steps:
    from andon.stores.documents_mongo import INDEXES, MongoDocuments

    documents = MongoDocuments(mongo_address(url), revealed(StoreSecrets().mongo_password), Retries(tries=1))
    server = documents.server
    try:
        hello = server.run("checks", lambda checks, number: checks.database.client.admin.command("hello"))
        version = server.run("checks", lambda checks, number: checks.database.client.server_info()["version"])
        yield "reachable", True, f"MongoDB {version}, {hello.get('setName', 'no replica set')}"
        yield _clock(hello["localTime"].replace(tzinfo=UTC), now())
        server.run("checks", lambda checks, number: checks.replace_one({"_id": "check"}, {"_id": "check"}, upsert=True))
        server.run("checks", lambda checks, number: checks.delete_one({"_id": "check"}))
        yield "writable", True, "yes, acknowledged from the journal"
        for name, wanted in INDEXES.items():
            found = server.run(name, lambda collection, number: set(collection.index_information()))
            missing = sorted({str(one.document["name"]) for one in wanted} - found)
            yield f"indexes of {name}", not missing, f"lacks {', '.join(missing)}" if missing else f"{len(wanted)}"
    finally:
        documents.close()


def _influx(store: str, url: str, now: Callable[[], datetime]) -> _Steps:
    from andon.stores.influx_names import CHECK, identifier
    from andon.stores.signals_influx import InfluxSignals

    signals = InfluxSignals(influx_address(url), revealed(StoreSecrets().influx_token), Retries(tries=1))
    http, layout = signals.http, signals.names.layout
    try:
        version, date = http.ping()
        yield "reachable", True, f"InfluxDB {version}"
        if date is not None:
            yield _clock(parsedate_to_datetime(date), now())
        for bucket in dict.fromkeys((http.address.bucket, layout.forecasts_bucket or http.address.bucket)):
            stamp = int(now().timestamp())
            http.write(f"{CHECK} at={stamp}i 0".encode(), bucket)
            found = http.query(f'SELECT "at" FROM {identifier(CHECK)} ORDER BY time DESC LIMIT 1', bucket)
            good = bool(found) and found[0].rows[0][1] == stamp
            lost = "what was written cannot be read; map the bucket to a database of InfluxQL"
            yield f"writable: {bucket}", good, "yes, and read again" if good else lost
        lines = signals.list_lines()
        described = signals.describe_line(lines[0]) if lines else None
        if described is None:
            yield "readings", True, "none yet by this layout"
        else:
            span = f"{described.first:%Y-%m-%d %H:%M} to {described.last:%Y-%m-%d %H:%M}"
            types = ", ".join(f"{name} ({kind})" for name, kind in list(described.types.items())[:8])
            yield "readings", True, f"{len(lines)} lines; {described.line}: {span}, {len(described.types)}: {types}"
    finally:
        signals.close()


def _tracking(store: str, url: str, now: Callable[[], datetime]) -> _Steps:
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/version", timeout=10) as answer:
            yield "reachable", True, f"MLflow {answer.read(100).decode(errors='replace').strip()}"
            if (date := answer.headers.get("Date")) is not None:
                yield _clock(parsedate_to_datetime(date), now())
    except OSError as error:
        yield "reachable", False, f"{error}; start the tracking server, or name another"


def _clock(theirs: datetime, ours: datetime) -> tuple[str, bool, str]:
    off = (theirs - ours).total_seconds()
    return "clock", abs(off) <= CLOCK_SECONDS, f"{off:+.1f} s from this machine's"


def _may_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)
