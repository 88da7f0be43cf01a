"""``andon inject``: history replayed into the signals store as if it were live."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from pydantic import TypeAdapter, ValidationError

from andon.errors import ConfigError, DataError
from andon.frames import MICROSECOND, SignalFrame, from_microseconds, to_microseconds
from andon.ports import Documents, Signals
from andon.records import make_id
from configs.durations import format_duration, parse_duration
from configs.expressions import did_you_mean
from configs.periods import UtcTime, format_time
from pipelines.tables.importing import KnownTypes
from pipelines.tables.lines import line_tables
from pipelines.tables.options import TableOptions
from pipelines.tables.reading import read_table


class Clock(Protocol):
    """Time that passes; a test brings its own."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        ...

    def seconds(self) -> float:
        """Return seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class WallClock:
    """The real one."""

    def now(self) -> datetime:
        """See `Clock`."""
        return datetime.now(UTC)

    def seconds(self) -> float:
        """See `Clock`."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast to replay.

    With ``every`` alone, one row each time. With ``speed`` alone, each row when the data's clock, which runs ``speed``
    times as fast, reaches it. With both, every time all rows that are due by then. With neither, at the real pace.

    Raises
    ------
    ConfigError
        If one is not above 0.
    """

    every: timedelta | None = None
    speed: float | None = None

    def __post_init__(self) -> None:
        if self.every is not None and self.every <= timedelta(0):
            problem = f"must be longer than 0, got {format_duration(self.every)}"
            raise ConfigError("--every", problem, "write for example 1s")
        if self.speed is not None and not 0 < self.speed < float("inf"):
            raise ConfigError("--speed", f"must be above 0, got {self.speed:g}", "write for example 60")


def parse_pace(every: str | None, speed: float | None) -> Pace:
    """Make a `Pace` of what stands on a command line.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> parse_pace("1s", 60).every
    datetime.timedelta(seconds=1)
    """
    try:
        length = None if every is None else parse_duration(every)
    except ValueError as error:
        problem, _, remedy = str(error).rpartition("; ")
        raise ConfigError("--every", problem, remedy) from None
    return Pace(length, speed)


def parse_shift(text: str | None, now: datetime) -> datetime | None:
    """Read the time that the first row is to have: ``now``, or a time, in UTC unless it has an offset.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    if text is None:
        return None
    if text == "now":
        return now
    try:
        return TypeAdapter(UtcTime).validate_python(text)
    except ValidationError:
        problem = f"is not a time: {text!r}"
        raise ConfigError("--shift-to", problem, "write now, or for example 2026-01-01T06:00:00Z") from None


@dataclass(frozen=True, slots=True)
class InjectReport:
    """What a replay did: rows ``resumed_at`` to ``position`` of ``rows``; ``shift`` was added to the table's times."""

    line: str
    rows: int
    resumed_at: int
    position: int
    first: datetime
    last: datetime | None
    shift: timedelta

    @property
    def done(self) -> bool:
        """Whether every row is in the store."""
        return self.position == self.rows

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; ``shift_seconds`` may be negative."""
        return {
            "line": self.line,
            "rows": self.rows,
            "resumed_at": self.resumed_at,
            "position": self.position,
            "done": self.done,
            "first": format_time(self.first),
            "last": None if self.last is None else format_time(self.last),
            "shift_seconds": self.shift.total_seconds(),
        }


def read_line(file: Path, line: str, options: TableOptions, signals: Signals, documents: Documents) -> SignalFrame:
    """Read one line's rows of a table, with the types that are declared or stored.

    Raises
    ------
    DataError
        If the table is refused, or holds no such line.
    """
    tables = line_tables(read_table(file, options), options, KnownTypes(signals, documents).of)
    frames = {table.frame.line: table.frame for table in tables}
    if line not in frames:
        raise DataError(str(file), f"has no rows of line {line!r}", did_you_mean(line, frames))
    return frames[line]


def fingerprint(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex: by it a replay knows how far it came."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def inject(
    frame: SignalFrame,
    signals: Signals,
    documents: Documents,
    pace: Pace,
    clock: Clock,
    *,
    source: str,
    shift_to: datetime | None = None,
    restart: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> InjectReport:
    """Append a line's rows one after the other, each when it is due, and go on where an earlier replay stopped.

    Rows that come due together (or while the store was slow) are appended together. A replay that is broken off at any
    point (``KeyboardInterrupt`` ends it cleanly) and started again appends every row once; one that is done appends
    nothing.

    Parameters
    ----------
    source
        What is replayed (its `fingerprint`); how far it came is kept under it.
    shift_to
        Time that the first row is to have; a resumed replay keeps the shift that it began with.
    restart
        Forget how far an earlier replay came.
    progress
        Called with the number of rows done and of all rows.
    """
    times = frame.times
    key = "inject/" + make_id(frame.line, source, int(times[0]), int(times[-1]), len(times), shift_to is not None)
    state = (None if restart else documents.get_state(key)) or {}
    begun = bool(state)
    shift = int(state["shift"]) if begun else (to_microseconds(shift_to) - int(times[0]) if shift_to else 0)
    position = start = int(state.get("position", 0))
    if not begun:
        documents.put_state(key, {"shift": shift, "position": 0})
    moved = _shifted(frame, shift)
    began = clock.seconds()
    turn = 0
    try:
        while position < len(times):
            due = _due(times, start, position, pace, clock.seconds() - began)
            if due > position:
                rows = moved.data.slice(position, due - position)
                signals.append_signals(SignalFrame(moved.line, rows, moved.types, moved.sampling))
                documents.put_state(key, {"shift": shift, "position": due})
                position = due
                progress(position, len(times))
            if position < len(times):
                turn += 1
                wait = _next(times, start, position, pace, turn) - (clock.seconds() - began)
                if wait > 0:
                    clock.sleep(wait)
    except KeyboardInterrupt:
        pass
    return InjectReport(
        line=frame.line,
        rows=len(times),
        resumed_at=start,
        position=position,
        first=from_microseconds(int(times[0]) + shift),
        last=from_microseconds(int(times[position - 1]) + shift) if position else None,
        shift=shift * MICROSECOND,
    )


def _due(times: Any, start: int, position: int, pace: Pace, passed: float) -> int:
    """Return how many rows are due ``passed`` seconds after row ``start`` was."""
    if pace.speed is None and pace.every is not None:
        return position + 1
    reached = int(times[start]) + round(passed * (pace.speed or 1.0) * 1e6)
    return max(int(np.searchsorted(times, reached, side="right")), position)


def _next(times: Any, start: int, position: int, pace: Pace, turn: int) -> float:
    """Return when to look again, in seconds after row ``start`` was due."""
    if pace.every is not None:
        return turn * pace.every.total_seconds()
    # A microsecond more, so that rounding never wakes it just before the row is due.
    return (int(times[position]) - int(times[start])) / (1e6 * (pace.speed or 1.0)) + 1e-6


def _shifted(frame: SignalFrame, shift: int) -> SignalFrame:
    if not shift:
        return frame
    data = frame.data.with_columns(time=(pl.col("time").to_physical() + shift).cast(frame.data.schema["time"]))
    return SignalFrame(frame.line, data, frame.types, frame.sampling)
