"""Signals on InfluxDB, in the layout that the settings say.

An append is one request, so that it is stored whole or not at all, up to `BYTES_A_BATCH`; a longer one is stored
oldest rows first, and given again it goes on. What is told here of a line is as new as its last reading; only a
variable that another process adds, with old readings alone, may be missed for `FRESH` seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import polars as pl

from andon.errors import DataError
from andon.frames import SignalFrame, from_microseconds, to_microseconds
from andon.ports import Appended, StoredLine
from andon.records import Forecast
from andon.stores.addresses import InfluxAddress
from andon.stores.frame_digests import add_readings
from andon.stores.influx_forecasts import InfluxForecasts
from andon.stores.influx_http import InfluxHttp
from andon.stores.influx_lines import VALUES_A_BATCH, ahead, batches
from andon.stores.influx_names import KINDS, WHOLE, Column, InfluxNames
from andon.stores.influx_recent import Recent
from andon.stores.influx_tables import NEWEST, OLDEST, InfluxTables
from andon.stores.retries import Retries

_SLICE = 28 * 24 * 3_600_000_000
"""Microseconds of readings that a digest holds at once."""


class InfluxSignals:
    """See `andon.ports.Signals`."""

    def __init__(self, address: InfluxAddress, token: str | None = None, retries: Retries | None = None) -> None:
        self.http = InfluxHttp(address, token, retries)
        self.names = InfluxNames(address.layout, address.bucket)
        self._tables = InfluxTables(self.http, self.names)
        self._recent = Recent(self._tables)
        self._forecasts = InfluxForecasts(self.http, address.layout)

    def append_signals(self, frame: SignalFrame) -> Appended:
        """See the port."""
        wanted = [name for name in frame.variables if frame.data[name].null_count() < len(frame)]
        if not wanted:
            return Appended(0, 0, 0)
        _check_times(frame)
        known = self._recent.columns(frame.line, wanted)
        columns = self._columns(frame, wanted, known)
        stored = {name: column for name, column in columns.items() if name in known}
        times = frame.times
        overlaps = stored and self._tables.read(frame.line, stored, int(times[0]), int(times[-1]), oldest=1).height
        data = frame.data.select("time", *wanted)
        height = max(1, VALUES_A_BATCH // len(wanted)) if overlaps else data.height
        done = Appended(0, 0, 0)
        for begin in range(0, data.height, height):
            part = data[begin : begin + height]
            if overlaps:
                low, high = int(times[begin]), int(times[begin + part.height - 1])
                part, counts = _fresh(part, self._tables.read(frame.line, stored, low, high))
            else:
                counts = Appended(sum(part[name].count() for name in wanted), 0, 0)
            for lines in ahead(batches(frame.line, part, columns, self.names)):
                self.http.write(lines)
            done = Appended(done.added + counts.added, done.changed + counts.changed, done.unchanged + counts.unchanged)
        if done.added or done.changed:
            self._recent.forget(frame.line, new_variables=len(stored) < len(columns))
        return done

    def list_lines(self) -> list[str]:
        """See the port."""
        return self._tables.lines()

    def describe_line(self, line: str) -> StoredLine | None:
        """See the port."""
        columns = self._recent.columns(line)
        first = self._recent.first(line, columns) if columns else None
        if first is None:
            return None
        newest = self._recent.newest(line, columns, 1)
        return StoredLine(
            line,
            {name: column.kind for name, column in columns.items()},
            from_microseconds(first),
            newest["time"][0],
            self._recent.sampling(line, columns),
        )

    def count_readings(self, line: str) -> int:
        """See the port."""
        columns = self._recent.columns(line)
        count, low = 0, self._recent.first(line, columns) if columns else None
        while low is not None:
            high = (low // _SLICE + 1) * _SLICE - 1
            count += self._tables.read(line, columns, low, high).height
            low = self._recent.first_from(line, columns, high + 1, None)
        return count

    def read_signals(
        self,
        line: str,
        variables: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> SignalFrame:
        """See the port."""
        columns = self._chosen(line, variables)
        return self._frame(line, columns, self._tables.read(line, columns, *_bounds(start, end)))

    def latest_signals(self, line: str, rows: int, variables: Sequence[str] | None = None) -> SignalFrame:
        """See the port."""
        columns = self._chosen(line, variables)
        if rows <= 0 or not columns:
            return self._frame(line, columns, self._tables.read(line, columns, NEWEST + 1))
        return self._frame(line, columns, self._recent.newest(line, columns, rows))

    def newest_readings(self, lines: Sequence[str]) -> dict[str, datetime]:
        """See the port."""
        return self._recent.newest_times(lines)

    def reading_span(
        self, line: str, start: datetime | None = None, end: datetime | None = None
    ) -> tuple[datetime, datetime] | None:
        """See the port."""
        columns = self._chosen(line, None)
        low, high = _bounds(start, end)
        first = self._recent.first_from(line, columns, low, high)
        last = None if first is None else self._recent.last_to(line, columns, low, high)
        return None if first is None or last is None else (from_microseconds(first), from_microseconds(last))

    def digest(self, line: str, start: datetime, end: datetime) -> str:
        """See the port. It tells of every writer's readings, since it is made of them."""
        columns = self._recent.columns(line)
        low, high = to_microseconds(start), to_microseconds(end) - 1
        digest = hashlib.sha256()
        begin = self._recent.first_from(line, columns, low, high) if columns else None
        if begin is None:
            return ""
        while begin is not None and begin <= high:
            stop = min((begin // _SLICE + 1) * _SLICE - 1, high)
            add_readings(digest, self._tables.read(line, columns, begin, stop))
            begin = None if stop == high else self._recent.first_from(line, columns, stop + 1, high)
        return digest.hexdigest()[:16]

    def append_forecasts(self, forecasts: Iterable[Forecast]) -> int:
        """See the port."""
        return self._forecasts.append(forecasts)

    def read_forecasts(
        self, line: str, monitor: str | None = None, start: datetime | None = None, end: datetime | None = None
    ) -> pl.DataFrame:
        """See the port."""
        return self._forecasts.read(line, monitor, *_bounds(start, end))

    def forget_forecasts(self, before: datetime) -> None:
        """See the port."""
        self._forecasts.forget(to_microseconds(before))

    def forecast_lines(self) -> list[str]:
        """See the port."""
        return self._forecasts.lines()

    def close(self) -> None:
        """See the port."""
        self.http.close()

    def _columns(self, frame: SignalFrame, wanted: Sequence[str], known: dict[str, Column]) -> dict[str, Column]:
        """Return where variables lie or will lie."""
        new = {name: self.names.new_column(frame.line, name, frame.types[name]) for name in wanted if name not in known}
        # Where lines share a measurement, another one may have made that field, and not of this type.
        typed = self._tables.field_types({column.measurement for column in new.values()}) if new else {}
        columns = {name: _typed(new[name], typed) if name in new else known[name] for name in wanted}
        for name, column in columns.items():
            if column.kind != frame.types[name]:
                place = f"line {frame.line}: {name}"
                problem = f"is stored as {column.kind}, given as {frame.types[name]}"
                raise DataError(place, problem, f"give {column.kind} values")
        return columns

    def _chosen(self, line: str, variables: Sequence[str] | None) -> dict[str, Column]:
        known = self._recent.columns(line, variables or ())
        if not known:
            lines = ", ".join(self.list_lines()[:20]) or "none imported yet"
            raise DataError(f"line {line}", "has no readings", f"choose one of: {lines}")
        for variable in variables or ():
            if variable not in known:
                raise DataError(
                    f"line {line}", f"has no variable {variable!r}", f"it has {', '.join(list(known)[:20])}"
                )
        return {name: column for name, column in known.items() if variables is None or name in variables}

    def _frame(self, line: str, columns: dict[str, Column], data: pl.DataFrame) -> SignalFrame:
        types = {name: column.kind for name, column in columns.items()}
        return SignalFrame(line, data, types, self._recent.sampling(line, self._recent.columns(line)))


def _bounds(start: datetime | None, end: datetime | None) -> tuple[int | None, int | None]:
    return None if start is None else to_microseconds(start), None if end is None else to_microseconds(end) - 1


def _typed(column: Column, typed: Mapping[tuple[str, str], str]) -> Column:
    kind = typed.get((column.measurement, column.key))
    return column if kind is None else replace(column, kind=KINDS[kind], whole=kind in WHOLE)


def _check_times(frame: SignalFrame) -> None:
    for at in (frame.times[0], frame.times[-1]):
        if not OLDEST <= at <= NEWEST:
            raise DataError(
                f"line {frame.line}",
                f"has a reading of {from_microseconds(int(at))}",
                f"InfluxDB keeps {from_microseconds(OLDEST):%Y-%m-%d} to {from_microseconds(NEWEST):%Y-%m-%d}",
            )


def _fresh(part: pl.DataFrame, stored: pl.DataFrame) -> tuple[pl.DataFrame, Appended]:
    """Return a table without the values that are stored as they are, and what an append of it does."""
    both = part.join(stored, on="time", how="left", suffix=" stored", maintain_order="left")
    added = changed = unchanged = 0
    columns = []
    for name in part.columns[1:]:
        given = both[name]
        if name not in stored.columns:
            added += given.count()
            columns.append(given)
            continue
        known = both[f"{name} stored"]
        same = (given == known).fill_null(value=False)
        unchanged += int(same.sum())
        changed += int((given.is_not_null() & known.is_not_null() & ~same).sum())
        added += int((given.is_not_null() & known.is_null()).sum())
        columns.append(given.zip_with(~same, pl.Series(name, [None], given.dtype)))
    return pl.DataFrame([part["time"], *columns]), Appended(added, changed, unchanged)
