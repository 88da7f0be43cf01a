"""What was last seen of a line, so that the newest readings are found without a look at all of history.

InfluxDB parts a series by time, and a query without bounds opens every part. All that is remembered only narrows the
next query; what comes back is checked, and where it does not suffice, wider ones follow.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from andon.frames import MICROSECOND, from_microseconds
from andon.stores.influx_names import Column
from andon.stores.influx_tables import InfluxTables

FRESH = 30.0
"""Seconds for which the variables of a line are remembered."""
SAMPLED = 10_000
"""Newest reading times that the usual sampling is told from."""
SETTLED = 200
"""Reading times from which the usual sampling is remembered for longer."""
_WINDOWS = 8
"""Numbers of newest rows that are remembered, for a set of variables."""
_SETTLED_SECONDS = 3600.0
_DAY = 86_400_000_000
_AHEAD = (8 * _DAY, 64 * _DAY)
_BACK = (2 * _DAY, 64 * _DAY)
"""Microseconds that are looked through before all that there is."""


@dataclass
class _Line:
    columns: dict[str, Column] = field(default_factory=dict)
    columns_until: float = 0.0
    first: int | None = None
    last: int | None = None
    windows: dict[tuple[str, ...], dict[int, int]] = field(default_factory=dict)
    """Variables -> number of newest rows -> time of the oldest of them when they were last read."""
    sampling: timedelta | None = None
    sampled: int = 0
    sampling_until: float = 0.0


class Recent:
    """The recent past of each line."""

    def __init__(self, tables: InfluxTables) -> None:
        self._tables = tables
        self._lines: dict[str, _Line] = {}

    def columns(self, line: str, wanted: Iterable[str] = ()) -> dict[str, Column]:
        """Return where the variables of a line lie; asked anew where one of ``wanted`` is not known."""
        known = self._line(line)
        if not known.columns or time.monotonic() > known.columns_until or not set(wanted) <= set(known.columns):
            known.columns = self._tables.columns(line)
            known.columns_until = time.monotonic() + FRESH
        return known.columns

    def first(self, line: str, columns: Mapping[str, Column]) -> int | None:
        """Return the first reading time of a line, microseconds."""
        known = self._line(line)
        found = None
        if known.first is not None:
            found = _first(self._tables.read(line, columns, None, known.first, oldest=1))
        if found is None:
            found = _first(self._tables.read(line, columns, oldest=1))
        known.first = found
        return found

    def first_from(self, line: str, columns: Mapping[str, Column], low: int | None, high: int | None) -> int | None:
        """Return the first reading time of ``[low, high]``, microseconds."""
        first = self.first(line, columns)
        if first is None or (high is not None and first > high):
            return None
        if low is None or first >= low:
            return first
        for reach in (*_AHEAD, None):
            stop = high if reach is None else low + reach if high is None else min(high, low + reach)
            found = _first(self._tables.read(line, columns, low, stop, oldest=1))
            if found is not None or stop == high:
                return found
        return None

    def last_to(self, line: str, columns: Mapping[str, Column], low: int | None, high: int | None) -> int | None:
        """Return the last reading time of ``[low, high]``, microseconds."""
        newest = self.newest(line, columns, 1)
        last = _last(newest)
        if last is None or (low is not None and last < low):
            return None
        if high is None or last <= high:
            return last
        for reach in (*_BACK, None):
            begin = low if reach is None else high - reach if low is None else max(low, high - reach)
            found = _last(self._tables.read(line, columns, begin, high, newest=1))
            if found is not None or begin == low:
                return found
        return None

    def newest(self, line: str, columns: Mapping[str, Column], rows: int) -> pl.DataFrame:
        """Return the newest ``rows`` reading times of some variables, as `InfluxTables.read` does."""
        windows = self._line(line).windows.setdefault(tuple(columns), {})
        if wide := [number for number in list(windows) if number >= rows]:
            table = self._tables.read(line, columns, windows[min(wide)])
            if table.height >= rows:
                return _kept(windows, table, rows)
        for low in (*_beginnings(), None):
            table = self._tables.read(line, columns, low, newest=rows)
            if table.height >= rows:
                return _kept(windows, table, rows)
        limit = rows
        while table.height < rows:
            # Where a time has several points, more of them are due; where there are no more, all was read.
            limit *= 4
            more = self._tables.read(line, columns, newest=limit)
            if more.height <= table.height:
                break
            table = more
        return _kept(windows, table, rows)

    def newest_times(self, lines: Iterable[str]) -> dict[str, datetime]:
        """Return the newest reading time of each line that has any; of those asked for before, in one request."""
        columns = {line: known for line in lines if (known := self.columns(line))}
        for line, its_columns in columns.items():
            if self._line(line).last is None:
                self._line(line).last = _last(self.newest(line, its_columns, 1))
        after = {line: last for line in columns if (last := self._line(line).last) is not None}
        for line, last in self._tables.newest(after, columns).items():
            self._line(line).last = last
        return {line: from_microseconds(last) for line in columns if (last := self._line(line).last) is not None}

    def sampling(self, line: str, columns: Mapping[str, Column]) -> timedelta:
        """Return the median time between the newest reading times of a line (1 s for fewer than two)."""
        known = self._line(line)
        if known.sampling is None or time.monotonic() > known.sampling_until:
            times = self.newest(line, columns, SAMPLED)["time"].to_physical().to_numpy()
            usual = 1_000_000 if len(times) < 2 else int(np.median(np.diff(times)))
            known.sampling, known.sampled = usual * MICROSECOND, len(times)
            known.sampling_until = time.monotonic() + (_SETTLED_SECONDS if known.sampled > SETTLED else FRESH)
        return known.sampling

    def forget(self, line: str, *, new_variables: bool) -> None:
        """Forget what an append to a line may have changed and no query would notice."""
        known = self._line(line)
        if new_variables:
            known.columns_until = 0.0
        if known.sampled < SAMPLED:
            known.sampling = None

    def _line(self, line: str) -> _Line:
        return self._lines.setdefault(line, _Line())


def _kept(windows: dict[int, int], table: pl.DataFrame, rows: int) -> pl.DataFrame:
    """Return the newest rows of a table, and remember where they begin."""
    table = table.tail(rows)
    if table.height == rows:
        if rows not in windows and len(windows) >= _WINDOWS:
            windows.pop(max(windows))
        windows[rows] = int(table["time"].to_physical()[0])
    return table


def _beginnings() -> Iterator[int]:
    now = time.time_ns() // 1000
    for reach in _BACK:
        yield now - reach


def _first(table: pl.DataFrame) -> int | None:
    return int(table["time"].to_physical()[0]) if table.height else None


def _last(table: pl.DataFrame) -> int | None:
    return int(table["time"].to_physical()[-1]) if table.height else None
