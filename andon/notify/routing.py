"""Which routes an event of an alert goes by, and the messages that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from andon.outbox import Channel, Message
from andon.record_json import event_json
from andon.records import AlertEvent, AlertRecord, AlertState, make_id
from andon.shifts import shift_of
from configs.definitions import Alert, Line, Route
from configs.periods import format_time
from configs.routes import SEVERITIES

LOGGER = "andon.notifications"
"""Name of the log that routes write to."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_STANDING = (AlertState.FIRING, AlertState.NO_DATA, AlertState.ERROR)


@dataclass(frozen=True, slots=True)
class Directory:
    """What is defined, at one moment: by name."""

    routes: Mapping[str, Route] = field(default_factory=dict)
    alerts: Mapping[str, Alert] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)

    def zone(self, line: str) -> ZoneInfo:
        """Return the time zone of a line's people."""
        return ZoneInfo(self.lines[line].timezone if line in self.lines else "UTC")


def routes_of(alert: AlertRecord, number: int, directory: Directory) -> list[Route]:
    """Return the routes by which event ``number`` of an alert goes, by name.

    That an alert stands is told where its line, severity and time fit. What becomes of it afterwards is told to those
    who were, or would have been, told of that; so nobody hears of the end of what a silence kept from them.
    """
    event, before = alert.events[number], alert.events[:number]
    reasons = [one for one in ((event,) if event.state in _STANDING else before) if one.state in _STANDING]
    found = []
    for name in sorted(directory.routes):
        route = directory.routes[name]
        concerned = str(event.state) in route.events and _concerns(route, alert, directory)
        if concerned and any(_in_time(route, alert.line, one.time, directory) for one in reasons):
            found.append(route)
    return found


def messages_of(alert: AlertRecord, number: int, directory: Directory, at: datetime) -> Iterator[Message]:
    """Yield what recipients are to be told of event ``number`` of an alert, once each however many routes they are on.

    Parameters
    ----------
    at
        Time by the clock, in UTC: they are due at once.
    """
    event = alert.events[number]
    told: set[tuple[str, str]] = set()
    for route in routes_of(alert, number, directory):
        for channel, address in addresses(route):
            if (channel, address) not in told:
                told.add((channel, address))
                yield Message(
                    key=make_id("message", event.id, channel, address),
                    route=route.name,
                    channel=channel,
                    address=address,
                    kind="alert",
                    severity=alert.severity,
                    time=event.time,
                    created_at=at,
                    body=_body(alert, event, directory),
                    thread=alert.group or alert.id,
                    due_at=at,
                )


def addresses(route: Route) -> Iterable[tuple[Channel, str]]:
    """Yield where a route leads."""
    for address in route.email:
        yield "email", address
    if route.webhook is not None:
        yield "webhook", route.webhook
    if route.log:
        yield "log", LOGGER


def _concerns(route: Route, alert: AlertRecord, directory: Directory) -> bool:
    if SEVERITIES.index(alert.severity) < SEVERITIES.index(route.severity):
        return False
    if route.lines is not None:
        line = directory.lines.get(alert.line)
        family = line is not None and route.lines.family is not None and line.family == route.lines.family
        if not family and alert.line not in (route.lines.names or ()):
            return False
    if route.alerts == "all":
        return True
    if route.alerts == "named":
        definition = directory.alerts.get(alert.definition)
        return definition is not None and route.name in definition.routes
    return alert.definition in route.alerts


def _in_time(route: Route, line: str, time: datetime, directory: Directory) -> bool:
    local = time.astimezone(directory.zone(line))
    minute = local.hour * 60 + local.minute
    if route.days and _DAYS[local.weekday()] not in route.days:
        return False
    spans = route.minutes
    if spans and not any(b <= minute < e if b < e else minute >= b or minute < e for b, e in spans):
        return False
    return not route.shifts or shift_of(time, directory.lines.get(line))[1] in route.shifts


def _body(alert: AlertRecord, event: AlertEvent, directory: Directory) -> dict[str, Any]:
    """Return what a message tells, as JSON values with times in ISO 8601: what webhooks are given."""
    definition, line = directory.alerts.get(alert.definition), directory.lines.get(alert.line)
    condition = None if definition is None else definition.when or definition.target
    return {
        "alert": {
            "id": alert.id,
            "line": alert.line,
            "alert": alert.definition,
            "state": str(event.state),
            "severity": alert.severity,
            "opened_at": format_time(alert.opened_at),
            "score": alert.score,
            "threshold": alert.threshold,
            "version": alert.version,
            "group": alert.group,
        },
        "event": event_json(event),
        "definition": {
            "type": None if definition is None else definition.type,
            "condition": None if condition is None else condition.text,
            "horizon_seconds": None if definition is None or definition.horizon is None
            else definition.horizon.total_seconds(),
        },
        "timezone": "UTC" if line is None else line.timezone,
        "units": {} if line is None else {one.name: one.unit for one in line.variables if one.unit},
    }  # fmt: skip
