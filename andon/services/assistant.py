"""The loop beside the lines: read what is new, let the tick decide, and store it so that a kill is always safe."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from andon.alerts.life_cycle import ASSISTANT
from andon.alerts.line_state import LineState
from andon.assistant import NO_DATA, LineView, TickResult, tick
from andon.errors import AndonError, ConfigError, StoreError
from andon.frames import MICROSECOND, SignalFrame, from_microseconds, to_microseconds
from andon.ports import Documents, Models, Signals
from andon.record_json import alert_from, event_from, to_body
from andon.records import AlertEvent, AlertRecord, AlertState, Skip
from andon.services.reading import read_with_context
from andon.services.watching import Cache, Watching, context_of, read_watching, watches_of
from configs.definitions import Line

log = logging.getLogger(__name__)

FAILED = "(failed)"
"""Name of the skip that says why a whole line could not be ticked."""
BATCH = 5_000
"""Rows that one tick judges, at most: what is found in them is stored before the next are judged."""
_AHEAD = timedelta(minutes=5)
_TRIES = 100


@dataclass(frozen=True, slots=True)
class Stores:
    """The open stores of this process."""

    documents: Documents
    signals: Signals
    models: Models


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over a line did; ``error`` is why it could not be finished."""

    line: str
    rows: int = 0
    forecasts: int = 0
    anomalies: int = 0
    opened: tuple[AlertRecord, ...] = ()
    resolved: int = 0
    skips: tuple[Skip, ...] = ()
    last: datetime | None = None
    error: str = ""

    def after(self, result: TickResult) -> Pass:
        """Return the pass with one more tick in it."""
        return replace(
            self,
            rows=self.rows + result.rows,
            forecasts=self.forecasts + len(result.forecasts),
            anomalies=self.anomalies + len(result.anomalies),
            opened=(*self.opened, *result.opened),
            resolved=self.resolved + len(result.events),
            skips=(*self.skips, *result.skips),
            last=from_microseconds(result.state.last),
        )


@dataclass(slots=True)
class Assistant:
    """One process of the assistant: its stores, what it keeps in memory, and how it reads.

    ``since`` is where a line without a state begins (default: at its newest row, so that a year of history is not
    replayed by accident).
    """

    stores: Stores
    lines: Sequence[str] = ()
    since: datetime | None = None
    batch: int = BATCH
    cache: Cache = field(default_factory=Cache)
    errors: dict[str, str] = field(default_factory=dict)
    """Why a line fails, while it does."""

    def run_pass(self, now: datetime) -> Iterator[Pass]:
        """Tick every line once, up to its newest row; a line that fails does not stop the others.

        Raises
        ------
        ConfigError
            If nothing watches a line that was asked for.
        """
        watching = read_watching(self.stores.documents, self.cache)
        for line in watching.require(self.lines):
            yield self.run_line(line, watching, now)

    def run_line(self, line: str, watching: Watching, now: datetime) -> Pass:
        """Tick a line up to its newest row; what cannot be done is reported, and nothing is raised."""
        done = Pass(line)
        try:
            for result in self.ticks(line, watching, now):
                done = done.after(result)
            self.errors.pop(line, None)
        except Exception as error:
            if not isinstance(error, AndonError):
                log.exception("line %s failed", line)
            done = replace(done, error=str(error) if isinstance(error, AndonError) else f"failed: {error!r}")
            self._note(line, done.error, now)
        return done

    def ticks(self, line: str, watching: Watching, now: datetime) -> Iterator[TickResult]:
        """Tick a line up to its newest row, and yield what each tick decided once it is stored.

        Raises
        ------
        AndonError
            If a store fails, or the line cannot be read.
        """
        documents, signals = self.stores.documents, self.stores.signals
        state = load_state(line, documents)
        stored = signals.describe_line(line)
        if stored is None:
            hour = now.replace(minute=0, second=0, microsecond=0)
            documents.add_skips([Skip(line, NO_DATA, hour, "has no readings yet")])
            return
        known = state
        if state is None:
            state = _beginning(line, signals, self.since, now)
        declared = watching.lines.get(line)
        if stored.last <= from_microseconds(state.last):
            # Nothing is new: a tick without models only looks at the clock.
            result = tick(LineView(_newest(signals, line, declared), ()), state, now)
            if result.state != known:
                apply_tick(result, documents, signals)
            yield result
            return
        watches = watches_of(line, watching, self.stores.models, self.cache)
        span, rows = context_of(watches)
        start = from_microseconds(state.last + 1)
        frame = read_with_context(signals, line, start, None, span=span, rows=rows, declared=declared)
        documents.add_skips(Skip(line, name, stored.last, error) for name, error in watching.refused)
        for part in _batches(frame, state.last, self.batch, span, rows):
            result = tick(LineView(part, watches), state, now)
            apply_tick(result, documents, signals)
            yield result
            if not result.rows:
                return
            state = result.state

    def _note(self, line: str, error: str, now: datetime) -> None:
        """Keep why a line failed where it can be queried, once as long as it fails for the same reason."""
        log.error("line %s: %s", line, error)
        if self.errors.get(line) == error:
            return
        try:
            self.stores.documents.add_skips([Skip(line, FAILED, now, error)])
            self.errors[line] = error
        except AndonError as second:
            log.error("line %s: could not be noted: %s", line, second)


def run_assistant(
    assistant: Assistant,
    every: timedelta,
    now: Callable[[], datetime],
    wait: Callable[[float], bool],
    report: Callable[[Pass], object],
) -> None:
    """Run passes, one every ``every`` and at once where one took longer, until told to stop.

    Parameters
    ----------
    now
        The clock, in UTC.
    wait
        Waits so many seconds and returns whether to stop; called with 0 between lines.
    report
        Called with every pass over a line.
    """
    while True:
        began = now()
        try:
            for done in assistant.run_pass(began):
                report(done)
                if wait(0.0):
                    return
        except StoreError as error:
            # The definitions cannot be read: a database that is away comes back, and nothing is lost until then.
            log.error("pass of %s: %s", began, error)
            report(Pass("", error=str(error)))
        took = (now() - began).total_seconds()
        if wait(max(0.0, every.total_seconds() - took)):
            return


def apply_tick(result: TickResult, documents: Documents, signals: Signals) -> None:
    """Store what a tick decided. A kill at any point, and the same tick again, loses nothing and doubles nothing.

    Forecasts, anomalies and skips have ids of their own and come first. Then the state is replaced together with the
    alerts and events that the tick decided on, so that those stand even if their rows would be judged otherwise the
    next time; they are applied after that, and then, or when the state is loaded, taken out of it.
    """
    signals.append_forecasts(result.forecasts)
    documents.add_anomalies(result.anomalies)
    documents.add_skips(result.skips)
    key, body = state_key(result.line), result.state.to_json()
    if result.opened or result.events:
        outbox = {
            "opened": [to_body(alert) for alert in result.opened],
            "events": [[alert, to_body(event)] for alert, event in result.events],
        }
        documents.put_state(key, body | {"outbox": outbox})
        _deliver(result.opened, result.events, documents)
    documents.put_state(key, body)


def load_state(line: str, documents: Documents) -> LineState | None:
    """Return where the assistant stands on a line, after finishing what a kill interrupted; None: it never was there.

    Raises
    ------
    StoreError
        If what is stored is damaged.
    """
    body = documents.get_state(state_key(line))
    if body is None:
        return None
    state = LineState.from_json(body, f"state of line {line}")
    outbox: dict[str, Any] | None = body.get("outbox")
    if outbox is not None:
        opened = [alert_from(alert) for alert in outbox["opened"]]
        events = [(alert, event_from(event)) for alert, event in outbox["events"]]
        _deliver(opened, events, documents)
        documents.put_state(state_key(line), state.to_json())
    return state


def state_key(line: str) -> str:
    """Return the key that the state of a line is stored under."""
    return f"assistant/{line}"


def _deliver(opened: Sequence[AlertRecord], events: Sequence[tuple[str, AlertEvent]], documents: Documents) -> None:
    for alert in opened:
        documents.open_alert(alert)
    for alert_id, event in events:
        for _ in range(_TRIES):
            known = documents.get_alert(alert_id)
            if known is None or known.state is AlertState.RESOLVED:
                # A person was faster, or removed it.
                break
            if documents.transition_alert(alert_id, event, known.revision) is not None:
                break
        else:
            raise StoreError(f"alert {alert_id}", f"changes too often for {ASSISTANT} to add to it", "try again")


def _newest(signals: Signals, line: str, declared: Line | None) -> SignalFrame:
    frame = signals.latest_signals(line, 1)
    return frame if declared is None or declared.sampling is None else replace(frame, sampling=declared.sampling)


def _beginning(line: str, signals: Signals, since: datetime | None, now: datetime) -> LineState:
    """Return the state of a line that the assistant has never seen."""
    if since is not None:
        return LineState(last=to_microseconds(since) - 1, seen_at=to_microseconds(now))
    limit, rows = to_microseconds(now + _AHEAD), 64
    while True:
        times = signals.latest_signals(line, rows).times
        past = times[times <= limit]
        if len(past):
            return LineState(last=int(past[-1]) - 1)
        if len(times) < rows:
            return LineState(last=int(times[0]) - 1)
        rows *= 8


def _batches(frame: SignalFrame, last: int, batch: int, span: timedelta, rows: int) -> Iterator[SignalFrame]:
    """Yield the new rows of ``frame`` in parts, each with what models look back on before it."""
    times = frame.times
    first = int(np.searchsorted(times, last, side="right"))
    for begin in range(first, len(times), batch):
        reach = int(np.searchsorted(times, times[begin] - span // MICROSECOND, side="right"))
        left = max(0, min(begin - rows, reach - 1))
        yield SignalFrame(frame.line, frame.data[left : begin + batch], frame.types, frame.sampling)


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
