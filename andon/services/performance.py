"""How well alerts did in a period, read from the stores: each alert as a whole, and by line, shift and week."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from andon.errors import ConfigError, DataError
from andon.evaluation.performance import AlertPerformance, Happened, Occurrence, occurrences, performance
from andon.evaluation.performance_report import Figures, Part, PerformanceReport
from andon.frames import from_microseconds
from andon.labels import onsets
from andon.ports import Documents, Models, Signals
from andon.records import AlertRecord, Decision, Feedback, PublishedModel
from andon.services.advice import judge_advice
from andon.services.watching import Cache, is_for, model_keys, read_watching
from andon.shifts import shift_of, shift_span
from configs.definitions import Alert, Line
from configs.expressions import did_you_mean


class Slot(NamedTuple):
    """Where and when something was: on a line, in a shift by its start, and in the ISO week of the day it began."""

    line: str
    shift: str
    week: str


@dataclass(slots=True)
class _Measured:
    """One alert definition on its lines."""

    alert: Alert
    horizon: timedelta | None
    found: list[tuple[Slot, Occurrence]]
    raised: list[AlertRecord]
    events: list[tuple[Slot, datetime]]
    seen_until: dict[str, datetime]
    watched: dict[Slot, timedelta]

    def figures(self, keep: Callable[[Slot], bool]) -> AlertPerformance:
        """Return the figures of those slots only."""
        onsets_of: dict[str, list[datetime]] = {}
        for slot, onset in self.events:
            if keep(slot):
                onsets_of.setdefault(slot.line, []).append(onset)
        happened = {line: Happened(tuple(some), self.seen_until[line]) for line, some in onsets_of.items()}
        found = [one for slot, one in self.found if keep(slot)]
        watched = sum((length for slot, length in self.watched.items() if keep(slot)), timedelta(0))
        return performance(found, happened, self.horizon, watched, self.raised)


def measure_alerts(
    start: datetime,
    end: datetime,
    documents: Documents,
    signals: Signals,
    models: Models | None = None,
    *,
    alerts: Sequence[str] = (),
    lines: Sequence[str] = (),
) -> PerformanceReport:
    """Return how alerts did in ``[start, end)``.

    An event is the onset of a classifier's target, or of the condition of an alert on forecasts; other alerts are
    judged by verdicts alone. A line was watched from its first to its last reading in the period.

    Parameters
    ----------
    models
        None: nothing is said of models.
    alerts, lines
        Only these; none given: all.

    Raises
    ------
    ConfigError
        If an alert is not known.
    """
    watching = read_watching(documents, Cache())
    known = {one.name: one for one in watching.definitions if isinstance(one, Alert)}
    for name in alerts:
        if name not in known:
            raise ConfigError(f"alert {name}", "is not defined", did_you_mean(name, known))
    reading = _Reading(start, end, documents, signals, watching.lines, documents.list_feedback())
    every = sorted({*watching.lines, *signals.list_lines()})
    figures: list[Figures] = []
    found: list[Occurrence] = []
    published: dict[str, PublishedModel] = {}
    decisions: list[Decision] = []
    for name in sorted(alerts or known):
        chosen = [
            line
            for line in every
            if is_for(known[name], line, watching.lines.get(line)) and (not lines or line in lines)
        ]
        measured = reading.measure(known[name], chosen)
        found += [one for _, one in measured.found]
        figures += _parts(measured)
        for key in dict.fromkeys(key for line in chosen for key in model_keys(known[name], line)):
            decisions += documents.list_decisions(key)
            if models is not None:
                published |= {f"{key} {one.version}": one for one in models.history(key)}
    return PerformanceReport(
        start,
        end,
        tuple(figures),
        tuple(sorted(found, key=lambda one: (one.alert.opened_at, one.alert.line, one.alert.definition))),
        tuple(published.values()),
        tuple(decisions),
        tuple(reading.notes),
        tuple(judge_advice(start, end, documents, signals, alerts=alerts, lines=lines)),
        dict(watching.lines),
    )


def slot_of(moment: datetime, line: str, lines: dict[str, Line]) -> Slot:
    """Return where and when a moment on a line belongs.

    Examples
    --------
    >>> from datetime import UTC
    >>> slot_of(datetime(2026, 1, 1, 3, tzinfo=UTC), "p", {})
    Slot(line='p', shift='00:00', week='2026-W01')
    """
    day, shift = shift_of(moment, lines.get(line))
    year, week, _ = day.isocalendar()
    return Slot(line, shift, f"{year}-W{week:02}")


@dataclass(slots=True)
class _Reading:
    """What is read once for all alerts of a report."""

    start: datetime
    end: datetime
    documents: Documents
    signals: Signals
    lines: dict[str, Line]
    feedback: list[Feedback]
    notes: list[str] = field(default_factory=list)
    _watched: dict[str, dict[Slot, timedelta]] = field(default_factory=dict)

    def measure(self, alert: Alert, chosen: Sequence[str]) -> _Measured:
        """Return how one alert did on some lines."""
        horizon = alert.horizon if alert.type in ("classifier", "forecast") else None
        before, wanted = self.start - (horizon or timedelta(0)), frozenset(chosen)
        known = self.documents.list_alerts(definition=alert.name, start=before, end=self.end)
        raised = [one for one in known if one.line in wanted]
        happened: dict[str, Happened] = {}
        watched: dict[Slot, timedelta] = {}
        for line in chosen:
            watched |= self.watched(line)
            seen = None if horizon is None else self.happened(alert, line, horizon)
            if seen is not None:
                happened[line] = seen
        here = [one for one in raised if one.opened_at >= self.start]
        return _Measured(
            alert=alert,
            horizon=horizon,
            found=[
                (slot_of(one.alert.opened_at, one.alert.line, self.lines), one)
                for one in occurrences(here, self.feedback, happened, horizon)
            ],
            raised=raised,
            events=[
                (slot_of(onset, line, self.lines), onset)
                for line, seen in happened.items()
                for onset in seen.onsets
                if onset < self.end
            ],
            seen_until={line: seen.seen_until for line, seen in happened.items()},
            watched=watched,
        )

    def watched(self, line: str) -> dict[Slot, timedelta]:
        """Return how long a line was watched, by slot."""
        if line not in self._watched:
            try:
                span = self.signals.reading_span(line, self.start, self.end)
            except DataError:
                span = None
            found: dict[Slot, timedelta] = {}
            moment, last = span or (self.start, self.start)
            while moment < last:
                slot = slot_of(moment, line, self.lines)
                until = min(last, shift_span(moment, self.lines.get(line))[1])
                found[slot] = found.get(slot, timedelta(0)) + (until - moment)
                moment = until
            self._watched[line] = found
        return self._watched[line]

    def happened(self, alert: Alert, line: str, horizon: timedelta) -> Happened | None:
        """Return what the data show; None where they cannot tell."""
        condition = alert.target if alert.type == "classifier" else alert.when
        if condition is None:
            return None
        try:
            frame = self.signals.read_signals(line, sorted(condition.variables), self.start, self.end + horizon)
            if not len(frame):
                return None
            moments = onsets(frame, condition)
        except (DataError, ConfigError) as error:
            self.notes.append(f"{alert.name} on {line}: judged by verdicts alone: {error.problem}")
            return None
        seen = tuple(from_microseconds(int(one)) for one in moments)
        return Happened(seen, from_microseconds(int(frame.times[-1])))


def _parts(measured: _Measured) -> list[Figures]:
    name = measured.alert.name
    figures = [Figures(name, "alert", "", measured.figures(lambda slot: True))]
    slots = {*measured.watched, *(slot for slot, _ in measured.found)}
    parts: tuple[Part, ...] = ("line", "shift", "week")
    for number, part in enumerate(parts):
        for value in sorted({slot[number] for slot in slots}):
            figures.append(Figures(name, part, value, measured.figures(_in(number, value))))
    return figures


def _in(number: int, value: str) -> Callable[[Slot], bool]:
    return lambda slot: slot[number] == value
