"""The newest rows of each line, kept from one score to the next: what is not new is not read again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from andon.errors import DataError
from andon.frames import MICROSECOND, SignalFrame
from andon.ports import Signals, StoredLine
from andon.scoring.newest import NewestRows
from andon.services.reading import read_with_context
from configs.definitions import Line

_HOUR = timedelta(hours=1)
_REACH = 4
"""Times what is needed that is looked after; a line with gaps that reaches further back is read anew each time."""
_SPARE = 2
"""Rows are dropped at the front once there are so many times as are needed."""


@dataclass(frozen=True, slots=True)
class _Digests:
    """What was stored of a line when reading began; taken before, so that what comes meanwhile shows the next time."""

    begin: datetime
    boundary: datetime
    """After the last reading of the hour before the newest row's; hours hold the reading at their end."""
    settled: str
    """Of ``[begin, boundary)``, in which nothing should change any more."""
    newest: str
    """Of the hour of the newest row."""


@dataclass(frozen=True, slots=True)
class _Kept:
    rows: NewestRows
    span: timedelta
    count: int
    digests: _Digests


class NewestReadings:
    """Reads the newest rows of lines; what it gives is what reading them all anew would give.

    A store tells by digests of hours what was written since: where only the newest hour was, only that is read again.
    Late readings change an older hour, and everything is read anew.
    """

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._kept: dict[str, _Kept] = {}

    def newest(self, line: str, span: timedelta, rows: int, declared: Line | None) -> NewestRows:
        """Return the newest row and before it what models need: ``rows`` rows, and one at or before ``span``.

        Raises
        ------
        DataError
            If the line has no readings.
        """
        stored = self._signals.describe_line(line)
        if stored is None:
            raise DataError(f"line {line}", "has no readings", "import some")
        kept = self._kept.get(line)
        if kept is not None and kept.span >= span and kept.count >= rows:
            again = self._again(kept, stored, declared)
            if again is not None:
                self._kept[line] = again
                return again.rows
        if kept is not None:
            span, rows = max(span, kept.span), max(rows, kept.count)
        fresh = self._read(line, span, rows, stored, declared)
        self._kept[line] = fresh
        return fresh.rows

    def _again(self, kept: _Kept, stored: StoredLine, declared: Line | None) -> _Kept | None:
        """Return what is kept with what came since; None: read everything."""
        frame, line, before = kept.rows.frame, stored.line, kept.digests
        sampling, end = _sampling(stored, declared), stored.last + MICROSECOND
        now = self._digests(stored, before.begin)
        if (
            frame.types != stored.types
            or frame.data["time"][0] < before.begin
            or self._signals.digest(line, before.begin, before.boundary) != before.settled
        ):
            return None
        if now == before and frame.data["time"][-1] == stored.last and frame.sampling == sampling:
            return kept
        fresh = self._signals.read_signals(line, None, before.boundary, end)
        if not len(fresh) or fresh.types != frame.types:
            return None
        older = frame.data.filter(pl.col("time") < before.boundary)
        joined = SignalFrame(line, pl.concat([older, fresh.data]), fresh.types, sampling)
        trimmed = _trimmed(joined, kept.span, kept.count)
        if len(trimmed) < len(joined):
            now = self._digests(stored, trimmed.data["time"][0])
            if self._signals.digest(line, before.begin, before.boundary) != before.settled:
                return None
        return _Kept(NewestRows(trimmed), kept.span, kept.count, now)

    def _read(self, line: str, span: timedelta, rows: int, stored: StoredLine, declared: Line | None) -> _Kept:
        reach = _REACH * max(span, rows * _sampling(stored, declared), _HOUR)
        digests = self._digests(stored, max(stored.first, stored.last - reach))
        frame = read_with_context(
            self._signals, line, stored.last, stored.last + MICROSECOND, span=span, rows=rows, declared=declared
        )
        return _Kept(NewestRows(frame), span, rows, digests)

    def _digests(self, stored: StoredLine, begin: datetime) -> _Digests:
        line, last = stored.line, stored.last
        boundary = last.replace(minute=0, second=0, microsecond=0) + MICROSECOND
        if boundary > last:
            boundary -= _HOUR
        begin = min(begin, boundary - MICROSECOND)
        return _Digests(
            begin,
            boundary,
            self._signals.digest(line, begin, boundary),
            self._signals.digest(line, boundary, last + MICROSECOND),
        )


def _trimmed(frame: SignalFrame, span: timedelta, rows: int) -> SignalFrame:
    """Drop rows that no model looks at, once they are as many as those that models do."""
    times = frame.times
    before = int((times <= times[-1] - (span // MICROSECOND)).sum())
    needed = min(len(times) - rows - 1, before - 1)
    if needed <= 0 or len(times) < _SPARE * (len(times) - needed):
        return frame
    return replace(frame, data=frame.data[needed:])


def _sampling(stored: StoredLine, declared: Line | None) -> timedelta:
    return stored.sampling if declared is None or declared.sampling is None else declared.sampling
