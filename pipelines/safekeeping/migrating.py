"""Everything from one store to another of the same port: again and again the same, verified by counts and digests.

What the target already holds is compared and left; so a copy that was broken off goes on when it is started again.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from andon.errors import ConfigError, StoreError
from andon.frames import MICROSECOND
from andon.ports import Signals
from andon.records import Forecast
from andon.stores.addresses import scheme_of, sqlite_path, without_secrets
from andon.stores.frame_digests import readings_digest

_TABLES = {"definitions": "documents", "samples": "signals"}
_SCHEMES = {"mongodb": "documents", "influx": "signals"}
ROWS = 20_000
"""Usual reading times of a line that are copied at once."""
Tell = Callable[[str, int], object]
"""Told what was copied, and how much of it more."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What of a kind is in both stores now, how much of it was new to the target, and the digest of both."""

    kind: str
    count: int
    new: int
    digest: str


def store_of(source: str, target: str, given: str | None) -> str:
    """Return which store two URLs are of, ``documents`` or ``signals``; of an SQLite file its tables tell.

    Raises
    ------
    ConfigError
        If they do not tell, or contradict each other.
    """
    if given not in (None, "documents", "signals"):
        raise ConfigError("--store", f"must be documents or signals, got {given!r}", "leave it out, or give one")
    told = {given} | {_SCHEMES.get(scheme_of(url)) or _told_by_file(url) for url in (source, target)}
    found = told - {None}
    if len(found) != 1:
        problem = "are of different stores" if found else "do not tell which store they are of"
        raise ConfigError("FROM, TO", problem, "give --store documents or --store signals, and URLs of that store")
    return str(found.pop())


def _told_by_file(url: str) -> str | None:
    if scheme_of(url) != "sqlite":
        raise ConfigError("FROM, TO", f"{without_secrets(url)!r} is no URL of a store", "see docs/stores.md")
    path = sqlite_path(url, "documents")
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
    except sqlite3.Error as error:
        raise StoreError(str(path), str(error), "name the file of a store") from None
    return next((_TABLES[table] for table in tables if table in _TABLES), None)


def migrate_signals(source: Signals, target: Signals, tell: Tell) -> list[Copied]:
    """Copy readings and forecasts, line by line, oldest first; each part is read again from the target and compared.

    Raises
    ------
    StoreError
        If a store fails, or the target holds other readings or forecasts in the span of the source's.
    DataError
        If the target cannot hold what the source does.
    """
    done = []
    for line in sorted({*source.list_lines(), *source.forecast_lines()}):
        digest, new = hashlib.sha256(), 0
        ends: list[datetime | None] = [None]
        for start, stop in _parts(source, line):
            frame = source.read_signals(line, None, start, stop)
            kept = readings_digest(frame.data)
            if _stored(target, line, start, stop) != kept:
                appended = target.append_signals(frame)
                new += appended.added + appended.changed
                if _stored(target, line, start, stop) != kept:
                    raise _differs(line, "readings", start, stop)
            digest.update(kept.encode())
            ends.append(stop)
            tell(line, len(frame))
        count = source.count_readings(line)
        if target.count_readings(line) != count:
            raise _differs(line, "reading times", None, None)
        done.append(Copied(f"readings of {line}", count, new, digest.hexdigest()[:16]))
        spans = zip(ends, [*ends[1:], None], strict=True)
        forecasts = [_forecasts(source, target, line, start, stop) for start, stop in spans]
        digest = hashlib.sha256(b"".join(one.digest.encode() for one in forecasts))
        counts = sum(one.count for one in forecasts), sum(one.new for one in forecasts)
        done.append(Copied(f"forecasts of {line}", *counts, digest.hexdigest()[:16]))
        tell(line, counts[1])
    return done


def signals_digests(signals: Signals) -> list[Copied]:
    """Return what a store holds of each line: how many readings and forecasts, and the digests that a copy has."""
    found = []
    for line in sorted({*signals.list_lines(), *signals.forecast_lines()}):
        digest = hashlib.sha256()
        ends: list[datetime | None] = [None]
        for start, stop in _parts(signals, line):
            digest.update(readings_digest(signals.read_signals(line, None, start, stop).data).encode())
            ends.append(stop)
        found.append(Copied(f"readings of {line}", signals.count_readings(line), 0, digest.hexdigest()[:16]))
        digest, count = hashlib.sha256(), 0
        for start, stop in zip(ends, [*ends[1:], None], strict=True):
            rows = signals.read_forecasts(line, None, start, stop)
            digest.update(_forecasts_digest(rows).encode())
            count += rows.height
        found.append(Copied(f"forecasts of {line}", count, 0, digest.hexdigest()[:16]))
    return found


def _parts(source: Signals, line: str) -> Iterator[tuple[datetime, datetime]]:
    """Yield spans that hold all readings of a line."""
    described = source.describe_line(line)
    if described is None:
        return
    start, reach = described.first, max(described.sampling * ROWS, timedelta(seconds=1))
    while (span := source.reading_span(line, start)) is not None:
        stop = min(span[0] + reach, span[1] + MICROSECOND)
        yield span[0], stop
        start = stop


def _stored(target: Signals, line: str, start: datetime, stop: datetime) -> str:
    if target.describe_line(line) is None:
        return ""
    return readings_digest(target.read_signals(line, None, start, stop).data)


def _forecasts(source: Signals, target: Signals, line: str, start: datetime | None, stop: datetime | None) -> Copied:
    rows = source.read_forecasts(line, None, start, stop)
    made = (
        Forecast(line, monitor, variable, time, expected, low, high, version)
        for time, monitor, variable, expected, low, high, version in rows.iter_rows()
    )
    new = target.append_forecasts(made) if rows.height else 0
    if rows.height and not target.read_forecasts(line, None, start, stop).equals(rows):
        raise _differs(line, "forecasts", start, stop)
    return Copied("forecasts", rows.height, new, _forecasts_digest(rows))


def _forecasts_digest(rows: pl.DataFrame) -> str:
    return hashlib.sha256(repr(rows.rows()).encode()).hexdigest()


def _differs(line: str, what: str, start: datetime | None, stop: datetime | None) -> StoreError:
    return StoreError(
        f"line {line} in the target",
        f"has other {what} from {start or 'the beginning'} to {stop or 'the end'} than the source",
        "stop what writes to either store and migrate again, into an empty store if it stays so",
    )
