"""What happened in a period, counted by hour, shift, line and variable; those without anything are counted too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from andon.frames import Floats
from andon.outbox import Message
from andon.records import AlertRecord, AlertState, Anomaly, Skip
from andon.shifts import shift_of, shift_span
from configs.definitions import Line, Severity
from configs.routes import SEVERITIES

_HOUR = timedelta(hours=1)
_MOST_STEPS = 1_000
_MOST_SHIFTS = 2_000
_Record = TypeVar("_Record", Anomaly, AlertRecord)


@dataclass(frozen=True, slots=True)
class Trace:
    """Readings of a variable beside what was expected, for a chart: three sequences of equal length."""

    line: str
    variable: str
    times: Sequence[datetime]
    actual: Floats
    expected: Floats
    unit: str = ""


@dataclass(frozen=True, slots=True)
class PeriodReport:
    """What a report of a period is made of; ``start`` included, ``end`` excluded."""

    start: datetime
    end: datetime
    anomalies: Sequence[Anomaly]
    alerts: Sequence[AlertRecord] = ()
    skips: Sequence[Skip] = ()
    traces: Sequence[Trace] = ()
    names: Sequence[str] = ()
    """Lines that it is about, also those on which nothing happened."""
    lines: Mapping[str, Line] = field(default_factory=dict)
    """Definitions of those that have one."""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    """Newest verdict of each reviewed alert, by its id."""
    advice: Mapping[str, str] = field(default_factory=dict)
    """What would have avoided an alert, by its id, where that is known."""
    undelivered: Sequence[Message] = ()
    zone: str = "UTC"
    """Time zone in which times are shown."""
    title: str = "Anomalies and alerts"

    @property
    def quiet(self) -> bool:
        """Whether nothing abnormal happened."""
        return not self.anomalies and not self.alerts

    @property
    def all_names(self) -> list[str]:
        """Lines that it is about or that something happened on, in order."""
        return sorted({*self.names, *(one.line for one in self.anomalies), *(one.line for one in self.alerts)})


@dataclass(frozen=True, slots=True)
class HourCount:
    """Anomalies of whole lines by severity, and alerts opened, in a step of whole hours."""

    start: datetime
    by_severity: Mapping[str, int]
    alerts: int

    @property
    def anomalies(self) -> int:
        """All of them."""
        return sum(self.by_severity.values())


@dataclass(frozen=True, slots=True)
class VariableCount:
    """Anomalies of one variable; ``worst`` is the highest score in multiples of its threshold, where one is known."""

    line: str
    variable: str
    anomalies: int
    grave: int
    """Of severity high or critical."""
    high: int
    low: int
    """Readings above, and below, what was expected."""
    worst: float | None
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class LineCount:
    """What happened on a line."""

    line: str
    alerts: int
    open: int
    grave: int
    anomalies: int
    variables: int
    """Anomalies of single variables."""
    skips: int


@dataclass(frozen=True, slots=True)
class ShiftCount:
    """What happened on a line in one shift, named by the day on which it began and its start."""

    line: str
    day: date
    shift: str
    alerts: int
    grave: int
    anomalies: int
    variables: int


def by_hour(report: PeriodReport) -> list[HourCount]:
    """Count by hour, hours without anything included; at most 1,000 steps, then wider ones of whole hours."""
    first = report.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = max(1, -(-(report.end - first) // _HOUR))
    step = timedelta(hours=-(-hours // _MOST_STEPS))
    counts: Counter[tuple[int, Severity]] = Counter()
    for one in report.anomalies:
        if one.variable is None:
            counts[(one.time - first) // step, one.severity] += 1
    alerts = Counter((one.opened_at - first) // step for one in report.alerts)
    return [
        HourCount(first + index * step, {severity: counts[index, severity] for severity in SEVERITIES}, alerts[index])
        for index in range(-(-(report.end - first) // step))
    ]


def by_variable(anomalies: Sequence[Anomaly]) -> list[VariableCount]:
    """Count by variable, the most anomalous first."""
    found: dict[tuple[str, str], list[Anomaly]] = {}
    for one in anomalies:
        if one.variable is not None:
            found.setdefault((one.line, one.variable), []).append(one)
    rows = [
        VariableCount(
            line=line,
            variable=variable,
            anomalies=len(some),
            grave=_grave(some),
            high=sum(one.direction == "high" for one in some),
            low=sum(one.direction == "low" for one in some),
            worst=max((one.score / one.threshold for one in some if one.threshold > 0), default=None),
            first=min(one.time for one in some),
            last=max(one.time for one in some),
        )
        for (line, variable), some in found.items()
    ]
    return sorted(rows, key=lambda one: (-one.anomalies, one.line, one.variable))


def by_line(report: PeriodReport) -> list[LineCount]:
    """Count by line, in name order, lines without anything included."""
    skips = Counter(one.line for one in report.skips)
    rows = []
    for line in report.all_names:
        alerts, anomalies = _of(line, report.alerts), _of(line, report.anomalies)
        lines = sum(one.variable is None for one in anomalies)
        standing = sum(one.state is not AlertState.RESOLVED for one in alerts)
        rows.append(LineCount(line, len(alerts), standing, _grave(alerts), lines, len(anomalies) - lines, skips[line]))
    return rows


def by_shift(report: PeriodReport) -> list[ShiftCount]:
    """Count by line and shift, in order of time, shifts without anything included; at most 2,000 rows."""
    alerts: dict[tuple[str, date, str], list[AlertRecord]] = {}
    anomalies: dict[tuple[str, date, str], list[Anomaly]] = {}
    for alert in report.alerts:
        alerts.setdefault((alert.line, *shift_of(alert.opened_at, report.lines.get(alert.line))), []).append(alert)
    for anomaly in report.anomalies:
        key = (anomaly.line, *shift_of(anomaly.time, report.lines.get(anomaly.line)))
        anomalies.setdefault(key, []).append(anomaly)
    rows: list[ShiftCount] = []
    for line in report.all_names:
        moment = report.start
        while moment < report.end and len(rows) < _MOST_SHIFTS:
            key = (line, *shift_of(moment, report.lines.get(line)))
            some, odd = alerts.get(key, []), anomalies.get(key, [])
            lines = sum(one.variable is None for one in odd)
            rows.append(ShiftCount(*key, len(some), _grave(some), lines, len(odd) - lines))
            moment = shift_span(moment, report.lines.get(line))[1]
    return sorted(rows, key=lambda one: (one.day, one.shift, one.line))


def _of(line: str, records: Sequence[_Record]) -> list[_Record]:
    return [one for one in records if one.line == line]


def _grave(records: Sequence[Anomaly] | Sequence[AlertRecord]) -> int:
    return sum(one.severity in ("high", "critical") for one in records)
