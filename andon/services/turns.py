"""One turn on a line: read the oldest rows that were not judged yet, and let the tick decide; nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from andon.alerts.line_state import LineState
from andon.assistant import AHEAD, NO_DATA, LineView, TickResult, tick
from andon.errors import ConfigError
from andon.frames import SignalFrame, from_microseconds, to_microseconds
from andon.ports import Documents, Models, Signals, StoredLine
from andon.records import Silence, Skip
from andon.services.reading import read_with_context
from andon.services.watching import Cache, Watching, context_of, watches_of
from configs.definitions import Line

BEHIND = "(behind)"
"""Name of the skip that says which rows were left out since they were too far back."""
BATCH = 5_000
"""Rows that one tick judges, at most: what is found in them is stored before the next are judged."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The open stores of this process."""

    documents: Documents
    signals: Signals
    models: Models


@dataclass(frozen=True, slots=True)
class Judged:
    """What one turn decided. ``result`` None: there was nothing to decide; ``more``: rows are left for a next turn."""

    line: str
    result: TickResult | None = None
    skips: tuple[Skip, ...] = ()
    more: bool = False


@dataclass(slots=True)
class Turns:
    """Takes turns on lines.

    ``since`` is where a line without a state begins (default: at its newest row, so that a year of history is not
    replayed by accident). ``catch_up``: rows that are further behind the newest one are left out, and a skip says so;
    None, or where ``since`` is given: none are. A turn may be taken in any thread, one at a time on a line.
    """

    stores: Stores
    since: datetime | None = None
    batch: int = BATCH
    catch_up: timedelta | None = None
    cache: Cache = field(default_factory=Cache)

    def judge(
        self,
        line: str,
        state: LineState | None,
        watching: Watching,
        now: datetime,
        silences: Sequence[Silence] = (),
        *,
        blind: bool = False,
    ) -> Judged:
        """Judge the oldest rows of a line that come after ``state``, at most ``batch`` of them.

        Parameters
        ----------
        blind
            Whether the line could not be looked at before: how long it has been silent is then counted from now.

        Raises
        ------
        AndonError
            If a store fails, or the line cannot be read.
        """
        signals = self.stores.signals
        stored = signals.describe_line(line)
        if stored is None:
            hour = now.replace(minute=0, second=0, microsecond=0)
            return Judged(line, skips=(Skip(line, NO_DATA, hour, "has no readings yet"),))
        begun = state or _beginning(line, signals, self.since, now)
        if blind and begun.seen_at is not None:
            begun = replace(begun, seen_at=to_microseconds(now))
        begun, skips = self._leave_out(stored, begun, now)
        declared = watching.lines.get(line)
        mine = tuple(one for one in silences if one.line in (None, line))
        if stored.last <= from_microseconds(begun.last):
            # Nothing is new: a tick without models only looks at the clock, and not at a row that came just now.
            newest = _newest(signals, line, declared)
            known = int(np.searchsorted(newest.times, begun.last, side="right"))
            seen = SignalFrame(newest.line, newest.data[:known], newest.types, newest.sampling)
            result = tick(LineView(seen, (), mine), begun, now)
            return Judged(line, result if result.state != state else None, skips)
        watches = watches_of(line, watching, self.stores.models, self.cache)
        span, rows = context_of(watch.bundle for watch in watches)
        skips += tuple(Skip(line, name, stored.last, error) for name, error in watching.refused)
        frame, more = self._next_rows(stored, begun.last, declared, span, rows)
        result = tick(LineView(frame, watches, mine), begun, now)
        return Judged(line, result, skips, more and result.rows > 0)

    def _leave_out(self, stored: StoredLine, state: LineState, now: datetime) -> tuple[LineState, tuple[Skip, ...]]:
        if self.catch_up is None or self.since is not None:
            return state, ()
        begin = to_microseconds(min(stored.last, now) - self.catch_up)
        if state.last >= begin - 1 or state.last >= to_microseconds(stored.last):
            return state, ()
        moment = from_microseconds(begin)
        text = f"rows before {moment:%Y-%m-%d %H:%M:%S} UTC are too far behind; they count in windows to come only"
        skip = Skip(stored.line, BEHIND, from_microseconds(state.last), text)
        return replace(state, last=begin - 1, recent=()), (skip,)

    def _next_rows(
        self, stored: StoredLine, last: int, declared: Line | None, span: timedelta, rows: int
    ) -> tuple[SignalFrame, bool]:
        """Return the oldest new rows with what models look back on before them, and whether there are more."""
        signals, line, start = self.stores.signals, stored.line, from_microseconds(last + 1)
        reach = self.batch * stored.sampling
        end = None if stored.last < start + reach else start + reach
        if end is not None:
            begins = signals.reading_span(line, start, None)
            end = None if begins is None or stored.last < begins[0] + reach else begins[0] + reach
        frame = read_with_context(signals, line, start, end, span=span, rows=rows, declared=declared)
        cut = int(np.searchsorted(frame.times, last, side="right")) + self.batch
        if cut < len(frame):
            return SignalFrame(frame.line, frame.data[:cut], frame.types, frame.sampling), True
        return frame, end is not None


def _newest(signals: Signals, line: str, declared: Line | None) -> SignalFrame:
    frame = signals.latest_signals(line, 1)
    return frame if declared is None or declared.sampling is None else replace(frame, sampling=declared.sampling)


def _beginning(line: str, signals: Signals, since: datetime | None, now: datetime) -> LineState:
    """Return the state of a line that the assistant has never seen."""
    if since is not None:
        return LineState(last=to_microseconds(since) - 1, seen_at=to_microseconds(now))
    limit, rows = to_microseconds(now + AHEAD), 64
    while True:
        times = signals.latest_signals(line, rows).times
        past = times[times <= limit]
        if len(past):
            return LineState(last=int(past[-1]) - 1)
        if len(times) < rows:
            return LineState(last=int(times[0]) - 1)
        rows *= 8


def check_batch(batch: int) -> int:
    """Return a number of rows if it can be that of a tick.

    Raises
    ------
    ConfigError
        If it is below 1.
    """
    if batch < 1:
        raise ConfigError("--batch", f"must be 1 or more, got {batch}", f"leave it out for {BATCH}")
    return batch
